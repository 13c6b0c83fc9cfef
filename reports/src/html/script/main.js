// Pointer, wheel, keys; and the beginning.

/** What stands under a pointer: the smallest thing, or the nearest message. */
function under(px, py) {
  let best = null;
  let size = Infinity;
  for (const it of hits) {
    if (it.line) {
      const distance = distanceTo(it.line, px, py);
      if (distance < 4 && distance < size) [best, size] = [it, distance];
    } else if (px >= it.left - 1 && px <= it.right + 1 && py >= it.top && py <= it.bottom) {
      const area = 5 + (it.right - it.left) * (it.bottom - it.top);
      if (area < size || (best && best.line && it.what !== "span" && area < 400)) [best, size] = [it, area];
    }
  }
  return best;
}

function distanceTo([x0, y0, x1, y1], px, py) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy;
  const share = length === 0 ? 0 : Math.min(1, Math.max(0, ((px - x0) * dx + (py - y0) * dy) / length));
  return Math.hypot(px - x0 - share * dx, py - y0 - share * dy);
}

function watchCanvas() {
  const canvas = byId("canvas");
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    drag = { x: event.offsetX, from: view.from, to: view.to, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (drag) {
      const by = event.offsetX - drag.x;
      drag.moved ||= Math.abs(by) > 3;
      if (drag.moved) {
        canvas.classList.add("drag");
        const time = (by / width) * (drag.to - drag.from);
        show(drag.from - time, drag.to - time);
      }
    }
    showTip(event, drag?.moved ? null : under(event.offsetX, event.offsetY));
  });
  canvas.addEventListener("pointerup", (event) => {
    if (drag && !drag.moved) {
      const thing = under(event.offsetX, event.offsetY);
      choose(timeAt(event.offsetX), thing && { what: thing.what, item: thing.item });
    }
    drag = null;
    canvas.classList.remove("drag");
  });
  canvas.addEventListener("pointercancel", () => { drag = null; });
  canvas.addEventListener("pointerleave", () => { byId("tip").hidden = true; });
  canvas.addEventListener("dblclick", (event) => zoom(0.3, timeAt(event.offsetX)));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const scale = event.deltaMode === 1 ? 30 : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      pan(((event.deltaX || event.deltaY) * scale) / 1_000);
    } else {
      zoom(Math.exp(Math.max(-240, Math.min(240, event.deltaY * scale)) / 400), timeAt(event.offsetX));
    }
  }, { passive: false });
}

function showTip(event, thing) {
  const box = byId("tip");
  box.hidden = !thing;
  if (!thing) return;
  const [title, lines] = describe(thing);
  box.textContent = [title, ...lines.filter(Boolean)].join("\n");
  const left = Math.min(event.clientX + 14, window.innerWidth - box.offsetWidth - 8);
  const top = event.clientY + 18 + box.offsetHeight > window.innerHeight ? event.clientY - box.offsetHeight - 12 : event.clientY + 18;
  box.style.left = `${Math.max(4, left)}px`;
  box.style.top = `${top}px`;
}

function watchOverview() {
  const canvas = byId("overview");
  const go = (event) => {
    const middle = begin + (event.offsetX / canvas.clientWidth) * (end - begin);
    const half = (view.to - view.from) / 2;
    show(middle - half, middle + half);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    go(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && go(event));
}

function stepFinding(by) {
  const list = findings.map((it, place) => ({ at: it.nanos, place }));
  const next = by > 0 ? list.find((it) => it.at > view.at) : list.findLast((it) => it.at < view.at);
  if (next ?? list[0]) chooseFinding((next ?? list[0]).place);
}

const KEYS = {
  "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), _: () => zoom(1 / 0.6),
  ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15),
  ArrowUp: () => byId("lanes").scrollBy(0, -48), ArrowDown: () => byId("lanes").scrollBy(0, 48),
  0: () => show(begin, end),
  ",": () => stepMark(-1), ".": () => stepMark(1), "[": () => stepFinding(-1), "]": () => stepFinding(1),
  n: () => step(1), N: () => step(-1),
  "/": () => { byId("search").focus(); byId("search").select(); },
  e: () => { view.tab = view.tab === "instant" ? "events" : "instant"; refresh(); },
  t: () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
  "?": () => byId("keys").showModal(),
  Escape: () => { view.chosen = null; view.cited = []; byId("filter").open = false; refresh(); },
};

function watchKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
    const at = event.target;
    if (at.id === "search") {
      if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") at.blur();
      return;
    }
    // A slider and check boxes have keys of their own.
    if (at instanceof HTMLInputElement && (event.key.startsWith("Arrow") || event.key === " ")) return;
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function watchButtons() {
  const on = (id, act) => byId(id).addEventListener("click", act);
  on("theme", KEYS.t);
  on("help", KEYS["?"]);
  on("zoom-in", KEYS["+"]);
  on("zoom-out", KEYS["-"]);
  on("zoom-all", KEYS[0]);
  on("match-next", () => step(1));
  on("match-before", () => step(-1));
  for (const tab of ["instant", "events"]) {
    on(`tab-${tab}`, () => { view.tab = tab; refresh(); });
  }
  byId("scrubber").addEventListener("input", (event) => choose(begin + (event.target.value / 100_000) * (end - begin)));
  byId("search").addEventListener("input", (event) => search(event.target.value));
  document.querySelectorAll("[data-finding]").forEach((button) => {
    button.addEventListener("click", () => chooseFinding(Number(button.dataset.finding)));
  });
  document.addEventListener("pointerdown", (event) => {
    if (!byId("filter").contains(event.target)) byId("filter").open = false;
  });
  window.addEventListener("resize", refresh);
  window.addEventListener("hashchange", readAddress);
}

/** `#at=2.5` names an instant in seconds. */
function readAddress() {
  const at = Number(/^#at=([\d.]+)$/.exec(location.hash)?.[1] ?? Number.NaN);
  if (Number.isFinite(at)) choose(at * 1e9);
}

function watchPrinter() {
  let theme = null;
  window.addEventListener("beforeprint", () => {
    theme = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    readPalette();
    drawAll();
  });
  window.addEventListener("afterprint", () => setTheme(theme ?? "light"));
}

function start() {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  byId("app").hidden = false;
  layOut();
  showChoices();
  watchCanvas();
  watchOverview();
  watchKeys();
  watchButtons();
  watchPrinter();
  setTheme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", (event) => setTheme(event.matches ? "dark" : "light"));
  new ResizeObserver(refresh).observe(byId("lanes"));
  choose(findings.length > 0 ? findings[0].nanos : begin);
  readAddress();
}

start();

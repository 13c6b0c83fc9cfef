// The panel beside the lanes: the state at an instant in words, events, what is chosen.
// Whatever comes from the story is text, never markup.

const EVENTS_SHOWN = 250;
const UNDER_WAY_SHOWN = 14;

function element(name, text = "", kind = "") {
  const made = document.createElement(name);
  if (text !== "") made.textContent = text;
  if (kind !== "") made.className = kind;
  return made;
}

function heading(text) {
  return element("h3", text);
}

function table(entries) {
  const made = element("table");
  for (const cells of entries) {
    const row = element("tr");
    for (const cell of cells) {
      const td = element("td");
      td.append(cell);
      row.append(td);
    }
    made.append(row);
  }
  return made;
}

function dotted(text, colour) {
  const made = element("span");
  const dot = element("i", "", "dot");
  dot.style.background = palette[colour] ?? palette.faint;
  made.append(dot, text);
  return made;
}

function showPanel() {
  for (const tab of ["instant", "events"]) {
    byId(`tab-${tab}`).setAttribute("aria-selected", String(view.tab === tab));
    byId(tab).hidden = view.tab !== tab;
  }
  showChosen();
  if (view.tab === "instant") showInstant();
  else showEvents();
}

function titleOfInstant() {
  const title = element("h2");
  title.append(element("span", seconds(view.at, 1_000)));
  for (const [sign, name, by] of [["‹", "Event before (,)", -1], ["›", "Next event (.)", 1]]) {
    const button = element("button", sign);
    button.type = "button";
    button.title = name;
    button.setAttribute("aria-label", name);
    button.addEventListener("click", () => stepMark(by));
    title.append(button);
  }
  return title;
}

function showInstant() {
  const t = view.at;
  const parts = [titleOfInstant(), heading("Nodes"), nodesAt(t)];
  const mediator = lanes.findIndex((it) => it.kind === "mediator");
  if (mediator >= 0) {
    const says = spanAt(mediator, "role", t);
    const power = spanAt(mediator, "power", t);
    const text = says ? `${says.state}, ${says.detail}` : "nobody has asked yet";
    parts.push(heading("Mediator"), element("p", power && power.state !== "up" ? power.state : text));
  }
  parts.push(heading("Devices"), devicesAt(t), heading("Links"), linksAt(t));
  parts.push(...commandsAt(t), ...messagesAt(t));
  byId("instant").replaceChildren(...parts);
}

function nodesAt(t) {
  const entries = [];
  lanes.forEach((lane, place) => {
    if (lane.kind !== "node") return;
    const [power, role, epoch, sync, trouble] = ["power", "role", "epoch", "sync", "trouble"].map((track) => spanAt(place, track, t));
    const state = power?.state === "up" || power?.state === "partly up" ? role?.state ?? "starting" : power?.state ?? "down";
    const more = [epoch?.state, sync && `${sync.state}, ${sync.detail}`, power?.detail, trouble?.state].filter(Boolean).join(" · ");
    const said = element("span", state);
    if (more) said.append(element("div", more, "quiet"));
    entries.push([dotted(lane.name, (ROLE_COLOURS[state] ?? ["faint"])[0]), said]);
  });
  return table(entries);
}

function devicesAt(t) {
  const queued = new Map();
  for (const it of deviceCommands.at(t)) queued.set(it[C.device], (queued.get(it[C.device]) ?? 0) + 1);
  const entries = [];
  lanes.forEach((lane, place) => {
    if (lane.kind !== "device") return;
    const trouble = spanAt(place, "trouble", t);
    const count = queued.get(place) ?? 0;
    const text = [trouble?.state, count > 0 ? `${count} queued` : ""].filter(Boolean).join(", ");
    entries.push([lane.name, element("span", text || "idle", trouble ? "wrong" : count > 0 ? "" : "quiet")]);
  });
  return table(entries);
}

function linksAt(t) {
  const entries = [];
  lanes.forEach((lane, place) => {
    if (lane.kind !== "link") return;
    const [one, other] = lane.name.split(" – ");
    for (const [track, way] of [["there", `${one} → ${other}`], ["back", `${other} → ${one}`]]) {
      const wrong = spanAt(place, track, t);
      if (wrong) entries.push([way, element("span", `${wrong.state} (${lane.group})`, "wrong")]);
    }
  });
  return entries.length > 0 ? table(entries) : element("p", "all free", "quiet");
}

/** A button that chooses a thing. */
function link(text, thing) {
  const button = element("button");
  button.type = "button";
  button.style.gridTemplateColumns = "1fr";
  button.append(element("span", text));
  button.addEventListener("click", () => choose(view.at, thing));
  return button;
}

function listOf(items, text, what) {
  const list = element("ol");
  for (const item of items.slice(0, UNDER_WAY_SHOWN)) {
    const entry = element("li");
    entry.append(link(text(item), { what, item }));
    list.append(entry);
  }
  if (items.length > UNDER_WAY_SHOWN) list.append(element("li", `… and ${grouped(items.length - UNDER_WAY_SHOWN)} more`, "quiet"));
  return list;
}

function commandsAt(t) {
  const open = attempts.at(t);
  const since = (it) => `${attemptName(it)} — since ${span(t - it.begin)}`;
  return [heading(`Commands open (${grouped(open.length)})`), listOf(open, since, "attempt")];
}

function messagesAt(t) {
  const flying = messages.at(t).filter((it) => it[M.end] !== "lost" && it[M.end] !== "no_room" && it[M.end] !== "too_large");
  const text = (it) => `${messageName(it)}, ${wayName(it)}${messageFate(it) ? ` — ${messageFate(it)}` : ""}`;
  return [heading(`Messages under way (${grouped(flying.length)})`), listOf(flying, text, "message")];
}

const SIGNS = { fault: "✗", probe: "◇", note: "·", role: "◆", sync: "⇄", finding: "!" };

/** Events around the instant, as many as a list is good for. */
function showEvents() {
  const shown = marks.filter(isMarkShown);
  const now = shown.findLastIndex((it) => it.at <= view.at);
  const first = Math.max(0, now - EVENTS_SHOWN / 2);
  const part = shown.slice(first, first + EVENTS_SHOWN);
  const list = element("ol");
  part.forEach((it, place) => {
    const entry = element("li", "", first + place === now ? "now" : "");
    const button = element("button");
    button.type = "button";
    const text = element("span", `${it.lane === null ? "" : `${lanes[it.lane].name}: `}${it.text}`);
    button.append(element("span", seconds(it.at, 1_000), "quiet"), element("span", SIGNS[it.kind] ?? "", it.kind), text);
    button.addEventListener("click", () => choose(it.at, { what: "mark", item: it }));
    entry.append(button);
    list.append(entry);
  });
  const more = [];
  if (first > 0) more.push(`${grouped(first)} earlier`);
  if (first + part.length < shown.length) more.push(`${grouped(shown.length - first - part.length)} later`);
  const note = element("p", more.length > 0 ? `${more.join(", ")}: choose another instant to see them.` : `${grouped(shown.length)} events.`, "quiet");
  byId("events").replaceChildren(titleOfInstant(), note, list);
  // Not `scrollIntoView`, which would move the page too.
  const entry = list.querySelector(".now");
  if (entry) byId("events").scrollTop = entry.offsetTop - byId("events").offsetTop - byId("events").clientHeight / 2;
}

/** A thing's title and what there is to say of it, in lines. */
function describe({ what, item: it }) {
  switch (what) {
    case "message": return [messageName(it), [`${wayName(it)}, ${lanes[it[M.link]].group}`,
      `sent ${seconds(it[M.sent], 1)}`, `${isArrival(it) ? "arrived" : isOnItsWay(it) ? "due" : "would have arrived"} ${seconds(it[M.arrives], 1)} (${span(it[M.arrives] - it[M.sent])})`,
      `${grouped(it[M.bytes])} bytes${messageFate(it) ? ` · ${messageFate(it)}` : ""}`]];
    case "attempt": return [attemptName(it), [lanes[it.lane].name, `begun ${seconds(it.begin, 1)}`,
      it.end === null ? "still open at the end" : `${it.outcome} ${seconds(it.end, 1)} (${span(it.end - it.begin)})`]];
    case "device command": return [deviceCommandName(it), [`${lanes[it[C.device]].name}, by ${lanes[it[C.by]].name}`,
      `submitted ${seconds(it[C.submitted], 1)}`,
      it[C.executed] === null ? "still queued at the end" : `${it[C.end]} ${seconds(it[C.executed], 1)} (${span(it[C.executed] - it[C.submitted])})`]];
    case "span": return [`${lanes[it.lane].name}: ${it.state}`, [it.detail ?? "", `${seconds(it.from, 1_000)} – ${seconds(it.to, 1_000)} (${span(it.to - it.from)})`]];
    case "finding": return [`${it.oracle}: ${it.says}`, [seconds(it.nanos, 1_000), `events ${it.events.join(", ")}`]];
    default: return [`${it.lane === null ? "" : `${lanes[it.lane].name}: `}${it.text}`, [it.key ?? "", `${seconds(it.at, 1)}, event ${it.event}`]];
  }
}

function showChosen() {
  const box = byId("chosen");
  box.hidden = view.chosen === null;
  if (view.chosen === null) return;
  const [title, lines] = describe(view.chosen);
  box.replaceChildren(element("h3", title), ...lines.filter(Boolean).map((line) => element("p", line)));
}

/** The next mark that is shown, or the one before. */
function stepMark(by) {
  const shown = marks.filter((it) => isMarkShown(it) && (by > 0 ? it.at > view.at : it.at < view.at));
  const next = by > 0 ? shown[0] : shown[shown.length - 1];
  if (next) choose(next.at, { what: "mark", item: next });
}

function showLegend() {
  const entries = [["owner", "owner"], ["mirror", "mirror"], ["standby", "standby"], ["claiming", "claims"], ["recovering", "reads back"],
    ["in-sync", "in sync"], ["out", "out of sync"], ["resync", "resync"],
    ["success", "success"], ["unknown", "unknown"], ["refused", "refused, lost, failed"]];
  byId("legend").replaceChildren(...entries.map(([colour, name]) => {
    const made = element("span");
    const swatch = element("i");
    swatch.style.background = palette[colour];
    made.append(swatch, name);
    return made;
  }));
}

/** A set of check boxes that hide what is not checked. */
function choices(title, entries, hidden) {
  const set = element("fieldset");
  set.append(element("legend", title));
  for (const [value, name] of entries) {
    const label = element("label");
    const box = element("input");
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(value);
      else hidden.add(value);
      layOut();
      refresh();
    });
    label.append(box, ` ${name}`);
    set.append(label);
  }
  return set;
}

function showChoices() {
  const things = [["role", "Roles"], ["sync", "Sync"], ["fault", "Faults"], ["probe", "Probes"], ["note", "Notes"],
    ["client", "Client commands"], ["device command", "Device commands"], ["message", "Messages"]];
  const kinds = story.message_kinds.map((name, place) => [place, name]);
  const named = order().map(({ lane, place }) => [place, lane.kind === "link" ? `${lane.name} (${lane.group})` : lane.name]);
  byId("choices").replaceChildren(
    choices("Events", things, view.hiddenThings),
    choices("Message kinds", kinds, view.hiddenKinds),
    choices("Lanes", named.filter(([place]) => lanes[place].kind !== "link"), view.hiddenLanes),
    choices("Links", named.filter(([place]) => lanes[place].kind === "link"), view.hiddenLanes),
  );
}

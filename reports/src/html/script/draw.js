// Draws lanes, and remembers what stands where so that a pointer finds it.

const ARROWS_MAX = 1_000;
let hits = [];
let pen = null;
let width = 0;
const x = (t) => ((t - view.from) / (view.to - view.from)) * width;
const timeAt = (px) => view.from + (px / width) * (view.to - view.from);

/** A canvas's context, with as many pixels as the screen has. */
function prepare(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  const box = canvas.clientWidth;
  const [pixelsX, pixelsY] = [Math.round(box * ratio), Math.round(height * ratio)];
  if (canvas.width !== pixelsX || canvas.height !== pixelsY) {
    canvas.width = pixelsX;
    canvas.height = pixelsY;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, box, height);
  context.font = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
  context.textBaseline = "middle";
  return context;
}

function drawAll() {
  // The lanes' scroll bar takes room that the axis has not.
  const bar = byId("lanes").offsetWidth - byId("lanes").clientWidth;
  document.documentElement.style.setProperty("--bar", `${bar}px`);
  drawOverview();
  drawAxis();
  const canvas = byId("canvas");
  pen = prepare(canvas, heightAll);
  width = canvas.clientWidth;
  hits = [];
  drawGrounds();
  drawTimeLines(pen, heightAll);
  placed.forEach((place, lane) => place && drawLane(lane, place));
  drawMessages();
  drawMarks();
  drawOver();
  byId("window").textContent = `${seconds(view.from, (view.to - view.from) / 200)} – ${seconds(view.to, (view.to - view.from) / 200)}`;
}

function drawGrounds() {
  placed.forEach((place, lane) => {
    if (!place) return;
    pen.fillStyle = palette.hair;
    pen.fillRect(0, place.top + place.height, width, 1);
    eachSpan(lane, "power", (it, left, right) => {
      if (it.state === "up") return;
      pen.fillStyle = palette.down;
      pen.fillRect(left, place.top + 1, right - left, place.height - 1);
      hatch(left, place.top + 1, right - left, place.height - 1, palette.rule);
      hit(left, place.top, right, place.top + place.height, "span", it);
    });
  });
}

function edges(it) {
  const left = Math.max(-2, x(it.from));
  return [left, Math.max(left + 1, Math.min(width + 2, x(it.to)))];
}

function hatch(left, top, wide, high, colour) {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, wide, high);
  pen.clip();
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let at = left - (left % 7) - high; at < left + wide; at += 7) {
    pen.moveTo(at, top + high);
    pen.lineTo(at + high, top);
  }
  pen.stroke();
  pen.restore();
}

/** Over what a machine is: that it is not up, or not wholly. */
function drawPower(lane, place) {
  eachSpan(lane, "power", (it, left, right) => {
    if (it.state === "up") return;
    if (it.state === "paused") {
      pen.globalAlpha = 0.62;
      pen.fillStyle = palette.down;
      pen.fillRect(left, place.top + 1, right - left, place.height - 1);
      pen.globalAlpha = 1;
      hatch(left, place.top + 1, right - left, place.height - 1, palette.faint);
    }
    label(left, right, place.top + place.height - 7, it.detail || it.state, palette.soft, palette.down);
  });
}

/** Writes words into a band as far as they fit; on a busy ground with a halo. */
function label(left, right, middle, text, colour, halo = null) {
  const from = Math.max(4, left + 5);
  const room = Math.min(right, width) - from - 3;
  if (room < 14) return;
  let shown = text;
  if (pen.measureText(shown).width > room) {
    while (shown.length > 1 && pen.measureText(`${shown}…`).width > room) shown = shown.slice(0, -1);
    if (shown.length < 3) return;
    shown += "…";
  }
  if (halo) {
    pen.strokeStyle = halo;
    pen.lineWidth = 3;
    pen.lineJoin = "round";
    pen.strokeText(shown, from, middle);
  }
  pen.fillStyle = colour;
  pen.fillText(shown, from, middle);
}

function hit(left, top, right, bottom, what, item) {
  hits.push({ left, top, right, bottom, what, item });
}

function eachSpan(lane, track, visit) {
  for (const it of spansOf[lane][track] ?? []) {
    if (it.to >= view.from && it.from <= view.to) visit(it, ...edges(it));
  }
}

function drawLane(lane, place) {
  switch (place.kind) {
    case "node": drawNode(lane, place); break;
    case "mediator": drawRole(lane, place.top + 4); break;
    case "client": drawAttempts(lane, place); break;
    case "device": drawDevice(lane, place); break;
    default: drawLink(lane, place);
  }
  if (place.kind !== "link" && place.kind !== "device") {
    pen.fillStyle = palette.rule;
    pen.fillRect(0, place.wire, width, 1);
    drawTrouble(lane, place.top + place.height - 3, 3);
    drawPower(lane, place);
  }
}

function drawRole(lane, top) {
  eachSpan(lane, "role", (it, left, right) => {
    const [ground, ink] = ROLE_COLOURS[it.state] ?? ["idle", "band-ink"];
    pen.fillStyle = palette[ground];
    pen.fillRect(left, top, Math.max(1, right - left - 0.6), 16);
    const epoch = spanAt(lane, "epoch", Math.min(it.to - 1, Math.max(it.from, view.from)));
    const more = epoch ? ` · ${epoch.state}` : it.detail ? ` · ${it.detail}` : "";
    label(left, right, top + 8.5, `${it.state}${more}`, palette[ink]);
    hit(left, top, right, top + 16, "span", it);
  });
}

function drawNode(lane, place) {
  drawRole(lane, place.top + 4);
  // A new epoch begins inside a role.
  eachSpan(lane, "epoch", (it, left) => {
    if (left > 0) {
      pen.fillStyle = palette.ink;
      pen.fillRect(left, place.top + 2, 1.4, 20);
      hit(left - 2, place.top + 2, left + 3, place.top + 22, "span", it);
    }
  });
  eachSpan(lane, "sync", (it, left, right) => {
    pen.fillStyle = palette[SYNC_COLOURS[it.state] ?? "session"];
    pen.fillRect(left, place.top + 22, Math.max(1, right - left), 5);
    hit(left, place.top + 21, right, place.top + 28, "span", it);
  });
}

function drawTrouble(lane, top, high) {
  eachSpan(lane, "trouble", (it, left, right) => {
    pen.fillStyle = palette.caution;
    pen.fillRect(left, top, right - left, high);
    hit(left, top - 2, right, top + high + 2, "span", it);
  });
}

/** Bars, of which those are left out that would be painted over in full. */
function drawBars(things, columns, draw) {
  const last = new Map();
  things.each(view.from, view.to, (item, place) => {
    const { row, top, high, colour } = columns(item);
    if (row === null) return;
    const left = Math.max(-2, x(things.from[place]));
    const right = Math.max(left + 0.8, Math.min(width + 2, x(things.to[place])));
    const before = last.get(row);
    if (before && before.colour === colour && right <= before.right + 0.2) return;
    last.set(row, { colour, right });
    draw(item, left, right, top, high, colour);
  });
}

const attemptsOf = new Map();
const commandsOf = new Map();
function partOf(parts, all, key, lane, from, to) {
  if (!parts.has(lane)) parts.set(lane, new Intervals(all.items.filter((it) => key(it) === lane), from, to));
  return parts.get(lane);
}

function drawAttempts(lane, place) {
  if (!isThingShown("client")) return;
  const own = partOf(attemptsOf, attempts, (it) => it.lane, lane, (it) => it.begin, (it) => it.end ?? never);
  drawBars(own, (it) => {
    const row = attemptRows.places.get(it);
    return { row, top: place.top + 5 + row * 6, high: 4.6, colour: palette[COMMAND_COLOURS[outcomeOf(it)] ?? "open"] };
  }, (it, left, right, top, high, colour) => {
    pen.fillStyle = colour;
    pen.fillRect(left, top, right - left, high);
    if (it.kind === "read" && right - left > 3) {
      pen.fillStyle = palette.panel;
      pen.fillRect(left + 1, top + 1.6, right - left - 2, 1.4);
    }
    hit(left, top - 0.5, right, top + high + 0.5, "attempt", it);
  });
}

function drawDevice(lane, place) {
  drawDeviceTrouble(lane, place);
  if (isThingShown("device command")) drawDeviceCommands(lane, place);
  eachSpan(lane, "trouble", (it, left, right) => {
    label(left, right, place.top + place.height - 7, it.state, palette.ink, palette.panel);
  });
}

function drawDeviceTrouble(lane, place) {
  eachSpan(lane, "trouble", (it, left, right) => {
    const isGone = it.state.includes("gone") || it.state.includes("stalled");
    pen.globalAlpha = 0.22;
    pen.fillStyle = isGone ? palette.bad : palette.caution;
    pen.fillRect(left, place.top + 1, right - left, place.height - 1);
    pen.globalAlpha = 1;
    hit(left, place.top, right, place.top + place.height, "span", it);
  });
}

function drawDeviceCommands(lane, place) {
  const own = partOf(commandsOf, deviceCommands, (it) => it[C.device], lane, (it) => it[C.submitted], (it) => it[C.executed] ?? never);
  drawBars(own, (it) => {
    const row = deviceRows.places.get(it);
    const isBad = it[C.end] === "failed" || it[C.end] === "dropped";
    return { row, top: place.top + 5 + row * 5, high: 4, colour: palette[isBad ? "bad" : DEVICE_COLOURS[it[C.kind]]] };
  }, (it, left, right, top, high, colour) => {
    pen.fillStyle = colour;
    pen.fillRect(left, top, right - left, high);
    hit(left, top - 0.5, right, top + high + 0.5, "device command", it);
  });
}

function drawLink(lane, place) {
  const middle = place.top + place.height / 2;
  for (const [track, side] of [["there", -1], ["back", 1]]) {
    eachSpan(lane, track, (it, left, right) => {
      const top = side < 0 ? place.top + 1 : middle;
      const high = place.height / 2 - 1;
      const isCut = it.state.includes("cut");
      pen.globalAlpha = isCut ? 0.3 : 0.24;
      pen.fillStyle = isCut ? palette.bad : palette.caution;
      pen.fillRect(left, top, right - left, high);
      pen.globalAlpha = 1;
      hatch(left, top, right - left, high, isCut ? palette.bad : palette.caution);
      hit(left, top, right, top + high, "span", it);
    });
  }
  if (isThingShown("message")) drawTraffic(lane, place, middle);
  pen.fillStyle = palette.rule;
  pen.fillRect(0, middle, width, 1);
}

/** How many messages leave in each few pixels: up on the way there, down on the way back. */
function drawTraffic(lane, place, middle) {
  const step = 3;
  const room = place.height / 2 - 2;
  pen.fillStyle = palette.message;
  for (const [way, side] of [["there", -1], ["back", 1]]) {
    const sent = trafficOf[lane][way];
    let low = lowerBound(sent, view.from);
    for (let left = 0; left < width && low < sent.length; left += step) {
      const high = lowerBound(sent, timeAt(left + step));
      if (high > low) {
        const tall = Math.min(room, 1.5 + Math.log2(high - low + 1) * 1.6);
        pen.fillRect(left, side < 0 ? middle - tall : middle + 1, step - 0.7, tall);
      }
      low = high;
    }
  }
}

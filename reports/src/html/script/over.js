// What stands over the lanes: messages, marks, time, the instant.

const isTroubled = (it) => !(isArrival(it) || isOnItsWay(it)) || it[M.befell].length > 0;

/** Each message as an arrow while they can be told apart; else those only that met trouble. */
function drawMessages() {
  const shown = [];
  let troubled = 0;
  messages.each(view.from, view.to, (it) => {
    if (isMessageShown(it) && placed[it[M.from]] && placed[it[M.to]]) {
      shown.push(it);
      if (isTroubled(it)) troubled += 1;
    }
  });
  const isAll = shown.length <= ARROWS_MAX;
  const isSome = !isAll && troubled <= ARROWS_MAX;
  if (isAll || isSome) {
    for (const it of shown) {
      if (isAll || isTroubled(it)) drawMessage(it, shown.length);
    }
  }
  const count = `${grouped(shown.length)} ${shown.length === 1 ? "message" : "messages"} in view`;
  const less = isAll ? "" : isSome ? `: the ${grouped(troubled)} that met trouble are drawn; zoom in to see each` : ": the links show how many; zoom in to see each";
  const left = story.left_out.map((it) => `the first ${grouped(it.count)} ${it.what} are left out (a page holds ${grouped(it.limit)}), up to ${seconds(it.until, 1e6)}`);
  byId("status").textContent = [`${count}${less}.`, ...left.map((it) => `${it[0].toUpperCase()}${it.slice(1)}.`)].join(" ");
}

function drawMessage(it, among) {
  const [from, to] = [placed[it[M.from]].wire, placed[it[M.to]].wire];
  const [x0, x1] = [x(it[M.sent]), x(it[M.arrives])];
  const isLost = !(isArrival(it) || isOnItsWay(it));
  const isAtStart = it[M.end] === "lost" || it[M.end] === "no_room" || it[M.end] === "too_large" || it[M.end] === "held";
  const share = isAtStart ? 0.35 : 1;
  const [endX, endY] = [x0 + (x1 - x0) * share, from + (to - from) * share];
  pen.strokeStyle = isLost ? palette.bad : it[M.befell].length > 0 ? palette.caution : palette.message;
  pen.globalAlpha = isTroubled(it) ? 0.95 : among > 250 ? 0.35 : 0.65;
  pen.lineWidth = isLost ? 1.3 : 1;
  pen.setLineDash(it[M.befell].includes("copy") ? [3, 3] : []);
  pen.beginPath();
  pen.moveTo(x0, from);
  pen.lineTo(endX, endY);
  pen.stroke();
  pen.setLineDash([]);
  if (isLost) cross(endX, endY, 3.2);
  else if (!isAtStart && Math.abs(x1 - x0) + width / 400 > 1.5) tip(x0, from, endX, endY);
  pen.globalAlpha = 1;
  hits.push({ line: [x0, from, endX, endY], what: "message", item: it });
  if (among <= 150 && x1 - x0 > 70) nameArrow(it, x0, from, endX, endY);
}

function nameArrow(it, x0, y0, x1, y1) {
  pen.save();
  pen.translate((x0 + x1) / 2, (y0 + y1) / 2);
  pen.rotate(Math.atan2(y1 - y0, x1 - x0));
  pen.fillStyle = palette.soft;
  pen.textAlign = "center";
  pen.fillText(story.message_kinds[it[M.kind]], 0, -6);
  pen.restore();
}

function cross(cx, cy, size) {
  pen.beginPath();
  pen.moveTo(cx - size, cy - size);
  pen.lineTo(cx + size, cy + size);
  pen.moveTo(cx + size, cy - size);
  pen.lineTo(cx - size, cy + size);
  pen.stroke();
}

function tip(x0, y0, x1, y1) {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  pen.fillStyle = pen.strokeStyle;
  pen.beginPath();
  pen.moveTo(x1, y1);
  for (const turn of [0.42, -0.42]) pen.lineTo(x1 - 6 * Math.cos(angle + turn), y1 - 6 * Math.sin(angle + turn));
  pen.fill();
}

/** Faults, probes and notes as small signs on their lanes. */
function drawMarks() {
  const last = new Map();
  const first = lowerBound(markTimes, view.from);
  for (let place = first; place < marks.length && marks[place].at <= view.to; place += 1) {
    const it = marks[place];
    const where = it.lane === null ? null : placed[it.lane];
    if (!where || !isMarkShown(it) || it.kind === "role" || it.kind === "sync") continue;
    const at = x(it.at);
    const key = `${it.lane} ${it.kind}`;
    if (last.has(key) && at - last.get(key) < (it.kind === "fault" ? 2.5 : 6)) continue;
    last.set(key, at);
    const middle = where.kind === "node" ? where.top + 42 : where.kind === "client" ? where.wire : where.top + where.height - 5;
    drawSign(it.kind, at, middle);
    hit(at - 5, middle - 6, at + 5, middle + 6, "mark", it);
  }
}

function drawSign(kind, at, middle) {
  pen.lineWidth = 1.7;
  if (kind === "fault" || kind === "finding") {
    pen.strokeStyle = palette.bad;
    cross(at, middle, 3.4);
  } else if (kind === "probe") {
    pen.strokeStyle = palette.probe;
    pen.lineWidth = 1.1;
    pen.beginPath();
    pen.moveTo(at, middle - 3.2);
    pen.lineTo(at + 3.2, middle);
    pen.lineTo(at, middle + 3.2);
    pen.lineTo(at - 3.2, middle);
    pen.closePath();
    pen.stroke();
  } else {
    pen.fillStyle = palette.faint;
    pen.fillRect(at - 1.2, middle - 1.2, 2.4, 2.4);
  }
}

/** The instant, what a finding cites, matches, what is chosen. */
function drawOver() {
  const line = (t, colour, dash, wide = 1) => {
    pen.strokeStyle = colour;
    pen.lineWidth = wide;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(x(t), 0);
    pen.lineTo(x(t), heightAll);
    pen.stroke();
    pen.setLineDash([]);
  };
  for (const it of findings) {
    if (it.nanos >= view.from && it.nanos <= view.to) line(it.nanos, palette.bad, [], 1.2);
  }
  for (const it of view.cited) {
    if (it.at >= view.from && it.at <= view.to) line(it.at, palette.bad, [2, 4]);
  }
  const chosen = view.chosen;
  if (chosen) {
    const shown = hits.find((it) => it.item === chosen.item);
    pen.strokeStyle = palette.match;
    pen.lineWidth = 2;
    if (shown?.line) {
      pen.beginPath();
      pen.moveTo(shown.line[0], shown.line[1]);
      pen.lineTo(shown.line[2], shown.line[3]);
      pen.stroke();
    } else if (shown) {
      pen.strokeRect(shown.left - 2, shown.top - 2, shown.right - shown.left + 4, shown.bottom - shown.top + 4);
    }
  }
  line(view.at, palette.scrub, [], 1.2);
}

/** Instants a round number apart, and how far. */
function ticks(context) {
  const wanted = ((view.to - view.from) / width) * 110;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map((it) => it * power).find((it) => it >= wanted);
  const list = [];
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) list.push(t);
  return { list, step };
}

function drawTimeLines(context, height) {
  context.fillStyle = palette.hair;
  for (const t of ticks(context).list) context.fillRect(Math.round(x(t)), 0, 1, height);
}

function drawAxis() {
  const canvas = byId("axis");
  const context = prepare(canvas, 24);
  width = canvas.clientWidth - GUTTER;
  context.translate(GUTTER, 0);
  const { list, step } = ticks(context);
  for (const t of list) {
    context.fillStyle = palette.rule;
    context.fillRect(Math.round(x(t)), 15, 1, 9);
    context.fillStyle = palette.soft;
    context.textAlign = "left";
    const text = seconds(t, step);
    if (x(t) + 4 + context.measureText(text).width <= width) context.fillText(text, x(t) + 4, 12);
  }
  context.fillStyle = palette.match;
  let last = -9;
  for (const it of found.list) {
    if (it.at < view.from || it.at > view.to || x(it.at) - last < 2) continue;
    last = x(it.at);
    context.fillRect(last - 1, 0, 2, 6);
  }
  context.fillStyle = palette.scrub;
  const at = x(view.at);
  if (at >= 0 && at <= width) {
    context.beginPath();
    context.moveTo(at - 5, 17);
    context.lineTo(at + 5, 17);
    context.lineTo(at, 24);
    context.fill();
  }
}

/** The whole run: how many messages when, faults, findings, and the part that is shown. */
function drawOverview() {
  const canvas = byId("overview");
  const context = prepare(canvas, 38);
  const wide = canvas.clientWidth;
  const place = (t) => ((t - begin) / (end - begin)) * wide;
  const bars = Math.max(1, Math.floor(wide / 2));
  const counts = new Uint32Array(bars);
  for (const t of messages.from) counts[Math.min(bars - 1, Math.floor(((t - begin) / (end - begin)) * bars))] += 1;
  const most = Math.max(1, counts.reduce((a, b) => Math.max(a, b), 0));
  context.fillStyle = palette.standby;
  counts.forEach((count, bar) => {
    if (count > 0) context.fillRect(bar * 2, 36 - 1 - (count / most) * 24, 1.6, 1 + (count / most) * 24);
  });
  let last = -9;
  context.fillStyle = palette.bad;
  for (const it of marks) {
    if (it.kind !== "fault" || place(it.at) - last < 1.5) continue;
    last = place(it.at);
    context.fillRect(last, 2, 1.2, 5);
  }
  for (const it of findings) context.fillRect(place(it.nanos) - 1, 0, 2.4, 38);
  const [left, right] = [place(view.from), place(view.to)];
  context.fillStyle = palette.accent;
  context.globalAlpha = 0.14;
  context.fillRect(left, 0, Math.max(2, right - left), 38);
  context.globalAlpha = 1;
  context.fillRect(left, 0, 1, 38);
  context.fillRect(Math.max(left + 1, right - 1), 0, 1, 38);
}

// What is looked at: the part of the run, the instant, what is hidden, the theme.

const SPAN_MIN = 2_000; // nanoseconds
const view = {
  from: begin,
  to: end,
  at: begin,
  tab: "instant",
  chosen: null,
  cited: [],
  hiddenLanes: new Set(),
  hiddenKinds: new Set(),
  hiddenThings: new Set(),
};

let isDue = false;
/** Draws once before the next frame, however often it is asked for. */
function refresh() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    drawAll();
    showPanel();
  });
}

/** Shows a part of the run; never less than can be told apart, never more than there is. */
function show(from, to) {
  const length = Math.min(end - begin, Math.max(SPAN_MIN, to - from));
  const start = Math.min(Math.max(begin, from), end - length);
  view.from = start;
  view.to = start + length;
  refresh();
}

/** Zooms so that `centre` keeps its place; below 1 is in. */
function zoom(factor, centre = view.at) {
  const inside = centre >= view.from && centre <= view.to ? centre : (view.from + view.to) / 2;
  const length = Math.max(SPAN_MIN, (view.to - view.from) * factor);
  const share = (inside - view.from) / (view.to - view.from);
  show(inside - share * length, inside + (1 - share) * length);
}

function pan(share) {
  const by = (view.to - view.from) * share;
  show(view.from + by, view.to + by);
}

/** Chooses an instant; moves what is shown there if it lies outside. */
function choose(at, thing = null) {
  view.at = Math.round(Math.min(end, Math.max(begin, at)));
  view.chosen = thing;
  byId("scrubber").value = Math.round(((view.at - begin) / (end - begin)) * 100_000);
  byId("scrubber").setAttribute("aria-valuetext", seconds(view.at, 1_000));
  if (view.at < view.from || view.at > view.to) {
    const half = (view.to - view.from) / 2;
    show(view.at - half, view.at + half);
  }
  refresh();
}

/** Shows a finding with what it cites. */
function chooseFinding(place) {
  const finding = findings[place];
  if (!finding) return;
  view.cited = finding.events.filter((event) => citedAt.has(event)).map((event) => ({ event, at: citedAt.get(event) }));
  const first = Math.min(finding.nanos, ...view.cited.map((it) => it.at));
  const margin = Math.max((finding.nanos - first) * 0.15, 2e6);
  show(first - margin, finding.nanos + margin);
  choose(finding.nanos, { what: "finding", item: finding });
}

const isLaneShown = (lane) => !view.hiddenLanes.has(lane);
const isThingShown = (thing) => !view.hiddenThings.has(thing);
const isMarkShown = (mark) => isThingShown(mark.kind) && (mark.lane === null || isLaneShown(mark.lane));
const isMessageShown = (message) => isThingShown("message") && !view.hiddenKinds.has(message[M.kind])
  && isLaneShown(message[M.from]) && isLaneShown(message[M.to]);

let palette = {};
/** Colours as the style has them now. */
function readPalette() {
  const style = getComputedStyle(document.documentElement);
  const names = ["paper", "panel", "ink", "soft", "faint", "rule", "hair", "accent", "good", "bad", "caution", "probe",
    "owner", "owner-ink", "opening", "mirror", "mirror-ink", "standby", "claiming", "recovering", "idle", "band-ink",
    "in-sync", "pending", "out", "resync", "session", "message", "read", "write", "forced", "flush", "reserve",
    "success", "mismatch", "unknown", "refused", "open", "down", "scrub", "match"];
  palette = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  readPalette();
  showLegend();
  refresh();
}

const ROLE_COLOURS = {
  serving: ["owner", "owner-ink"], announcing: ["opening", "ink"], following: ["mirror", "mirror-ink"],
  standby: ["standby", "band-ink"], claiming: ["claiming", "ink"], recovering: ["recovering", "ink"],
  configuring: ["idle", "band-ink"], stopped: ["refused", "owner-ink"],
};
const SYNC_COLOURS = {
  "in sync": "in-sync", "out of sync pending": "pending", "out of sync": "out", resync: "resync", "session open": "session",
};
const COMMAND_COLOURS = { success: "success", mismatch: "mismatch", unknown: "unknown", refused: "refused", cancelled: "mismatch", open: "open" };
const DEVICE_COLOURS = { read: "read", write: "write", forced_write: "forced", flush: "flush", read_reservation: "reserve", preempt: "reserve" };

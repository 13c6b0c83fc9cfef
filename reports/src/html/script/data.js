// The story, with what finds its way in it quickly. Nothing here touches the page.

const byId = (id) => document.getElementById(id);
const story = JSON.parse(byId("story").textContent);
const lanes = story.lanes;
const begin = story.begin;
const end = Math.max(story.end, story.begin + 1);
/** What never ended is still under way at the end. */
const never = end + 1;

// Columns of the rows that stand as lists.
const M = { sent: 0, arrives: 1, link: 2, from: 3, to: 4, kind: 5, label: 6, bytes: 7, end: 8, befell: 9 };
const C = { device: 0, by: 1, kind: 2, start: 3, count: 4, submitted: 5, executed: 6, end: 7 };

const words = (name) => name.replaceAll("_", " ");
const grouped = (count) => count.toString().replace(/\B(?=(\d{3})+$)/g, ",");

/** The first place whose value is at least `value` in a rising list. */
function lowerBound(list, value) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Things that last, found by the time in which they do. */
class Intervals {
  constructor(items, from, to) {
    this.items = items.slice().sort((a, b) => from(a) - from(b));
    this.from = Float64Array.from(this.items, from);
    this.to = Float64Array.from(this.items, to);
    // Rises, so that a search finds before which place everything has ended.
    this.latest = new Float64Array(this.items.length);
    let latest = -Infinity;
    this.to.forEach((value, place) => {
      latest = Math.max(latest, value);
      this.latest[place] = latest;
    });
  }

  /** Calls `visit` with each item that meets the time from `t0` to `t1`. */
  each(t0, t1, visit) {
    const last = lowerBound(this.from, t1 + 1);
    for (let place = lowerBound(this.latest, t0); place < last; place += 1) {
      if (this.to[place] >= t0) visit(this.items[place], place);
    }
  }

  count(t0, t1) {
    let count = 0;
    this.each(t0, t1, () => { count += 1; });
    return count;
  }

  /** What is under way at an instant: begun, and not ended. */
  at(t) {
    const found = [];
    this.each(t, t, (item, place) => {
      if (this.from[place] <= t && t < this.to[place]) found.push(item);
    });
    return found;
  }
}

const isArrival = (message) => message[M.end] === "arrived";
const isOnItsWay = (message) => message[M.end] === "under_way" || message[M.end] === "held";
const messages = new Intervals(
  story.messages,
  (it) => it[M.sent],
  (it) => (isOnItsWay(it) ? Math.max(never, it[M.arrives]) : it[M.arrives]),
);
const attempts = new Intervals(story.attempts, (it) => it.begin, (it) => it.end ?? never);
const deviceCommands = new Intervals(
  story.device_commands,
  (it) => it[C.submitted],
  (it) => it[C.executed] ?? never,
);
const marks = story.marks.slice().sort((a, b) => a.at - b.at || a.event - b.event);
const markTimes = Float64Array.from(marks, (it) => it.at);

/** Spans by lane and track, each list by time. */
const spansOf = lanes.map(() => ({}));
for (const span of story.spans) {
  const tracks = spansOf[span.lane];
  tracks[span.track] ??= [];
  tracks[span.track].push(span);
}
for (const tracks of spansOf) {
  for (const list of Object.values(tracks)) list.sort((a, b) => a.from - b.from);
}

/** The state of a lane's track at an instant, if it is in any. */
function spanAt(lane, track, t) {
  const list = spansOf[lane][track] ?? [];
  return list.find((span) => span.from <= t && (t < span.to || (t === end && span.to === end)));
}

/** When each of a link's messages left, one list for either way. */
const trafficOf = lanes.map(() => ({ there: [], back: [] }));
for (const message of messages.items) {
  const way = message[M.from] <= message[M.to] ? "there" : "back";
  trafficOf[message[M.link]][way].push(message[M.sent]);
}

const findings = story.run.findings.map((finding) => ({
  ...finding,
  nanos: Math.min(end, Math.max(begin, Math.round(finding.at * 1e9))),
}));
const citedAt = new Map(story.cited.map((it) => [it.event, it.at]));

/** Gives each item the first row that is free when it begins; the last row takes what is left. */
function rows(items, key, from, to, limit) {
  const places = new Map();
  const free = new Map();
  for (const item of items) {
    const own = free.get(key(item)) ?? [];
    free.set(key(item), own);
    let row = own.findIndex((until) => until <= from(item));
    if (row < 0) row = own.length < limit ? own.length : limit - 1;
    own[row] = Math.max(own[row] ?? 0, to(item));
    places.set(item, row);
  }
  const counts = new Map([...free].map(([name, own]) => [name, own.length]));
  return { places, counts };
}

const attemptRows = rows(attempts.items, (it) => it.lane, (it) => it.begin, (it) => it.end ?? end, 10);
const deviceRows = rows(
  deviceCommands.items,
  (it) => it[C.device],
  (it) => it[C.submitted],
  (it) => it[C.executed] ?? end,
  4,
);

/** An instant with as many decimals as `step` nanoseconds need. */
function seconds(nanos, step = 1) {
  const decimals = Math.min(9, Math.max(0, Math.ceil(9 - Math.log10(Math.max(1, step)))));
  return `${(nanos / 1e9).toFixed(decimals)} s`;
}

/** A length of time in the unit that suits it. */
function span(nanos) {
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
    if (nanos >= size) return `${Number((nanos / size).toPrecision(4))} ${unit}`;
  }
  return `${nanos} ns`;
}

const messageName = (it) => `${story.message_kinds[it[M.kind]]} ${it[M.label]}`;
const wayName = (it) => `${lanes[it[M.from]].name} → ${lanes[it[M.to]].name}`;
const pagesName = (it) => (it[C.count] === 0 ? "" : it[C.count] === 1
  ? ` page ${it[C.start]}` : ` pages ${it[C.start]}-${it[C.start] + it[C.count] - 1}`);
const deviceCommandName = (it) => `${words(it[C.kind])}${pagesName(it)}`;
const attemptName = (it) => `${it.id} ${it.kind}${it.range ? ` ${it.range}` : ""}${it.attempt ? `, attempt ${it.attempt}` : ""}`;
/** `refused: NotPerformed` is a kind of refused. */
const outcomeOf = (it) => (it.outcome || "open").split(":")[0];
const FATES = { nobody: "nobody was there", held: "held at a clog", no_room: "found no room" };
const messageFate = (it) => [...it[M.befell], ...(isArrival(it) ? [] : [it[M.end]])].map((fate) => FATES[fate] ?? words(fate)).join(", ");

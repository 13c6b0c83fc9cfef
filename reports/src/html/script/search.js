// Search: a text becomes a list of things with their instants, by time.

const found = { text: "", list: [], place: -1 };

/** What a text asks for, as a test of a thing's words, its blocks and its pages. */
function toQuery(text) {
  const wanted = text.trim().toLowerCase();
  const number = /^(block|page)s?\s+(\d+)$/.exec(wanted);
  if (number) return { unit: number[1], number: Number(number[2]) };
  // `c3:17` is not `c3:170`.
  const exact = /^c\d+:\d+$/.test(wanted) ? new RegExp(`(^|[^\\w])${wanted}(?!\\d)`) : null;
  return { has: exact ? (it) => exact.test(it.toLowerCase()) : (it) => it.toLowerCase().includes(wanted) };
}

/** Whether `blocks 5-9` holds a number. */
function holds(range, number) {
  const parts = /(\d+)(?:-(\d+))?/.exec(range);
  return Boolean(parts) && number >= Number(parts[1]) && number <= Number(parts[2] ?? parts[1]);
}

function search(text) {
  found.text = text.trim();
  found.list = [];
  found.place = -1;
  if (found.text !== "") {
    const query = toQuery(text);
    const add = (at, what, item) => found.list.push({ at, what, item });
    for (const it of attempts.items) {
      if (query.has ? query.has(`${attemptName(it)} ${it.outcome}`) : query.unit === "block" && holds(it.range, query.number)) add(it.begin, "attempt", it);
    }
    for (const it of marks) {
      if (query.has ? query.has(`${it.text} ${it.key ?? ""}`) : holdsWord(`${it.text} ${it.key ?? ""}`, query)) add(it.at, "mark", it);
    }
    for (const it of deviceCommands.items) {
      if (query.has ? query.has(deviceCommandName(it)) : query.unit === "page" && holds(pagesName(it), query.number)) add(it[C.submitted], "device command", it);
    }
    if (query.has) {
      for (const it of messages.items) {
        if (query.has(`${messageName(it)} ${wayName(it)} ${messageFate(it)}`)) add(it[M.sent], "message", it);
      }
    }
    found.list.sort((a, b) => a.at - b.at);
  }
  showMatches();
  refresh();
}

/** Whether words speak of a block or page: `blocks 3-7`, `page 5`. */
function holdsWord(text, query) {
  const ranges = text.toLowerCase().matchAll(new RegExp(`${query.unit}s? (\\d+)(?:(?:-| to )(\\d+))?`, "g"));
  return [...ranges].some((it) => query.number >= Number(it[1]) && query.number <= Number(it[2] ?? it[1]));
}

/** Goes to the next match, or the one before; from the instant if none is chosen yet. */
function step(by) {
  const count = found.list.length;
  if (count === 0) return;
  if (found.place < 0) {
    const next = found.list.findIndex((it) => it.at >= view.at);
    found.place = by > 0 ? (next < 0 ? 0 : next) : ((next < 0 ? count : next) - 1 + count) % count;
  } else {
    found.place = (found.place + by + count) % count;
  }
  const match = found.list[found.place];
  choose(match.at, match);
  showMatches();
}

function showMatches() {
  const count = found.list.length;
  const place = found.place >= 0 ? `${grouped(found.place + 1)} of ` : "";
  byId("matches").textContent = found.text === "" ? "" : count === 0 ? "no match" : `${place}${grouped(count)} ${count === 1 ? "match" : "matches"}`;
}

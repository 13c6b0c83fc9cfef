// Where each lane stands. Clusters come with their devices, links last.

const GUTTER = 164;
const GROUP_GAP = 20;
let placed = [];
let heightAll = 0;

/** Lanes in the order in which they are shown, each with the group it stands in. */
function order() {
  const rank = { client: 0, node: 1, device: 1, mediator: 2, link: 3 };
  const groupRank = (lane) => {
    if (lane.kind === "device" && lane.group === "mediator") return rank.mediator;
    // Those of clients are many, and the least of interest.
    return rank[lane.kind] + (lane.kind === "link" && lane.group === "client" ? 1 : 0);
  };
  const within = { node: 0, mediator: 0, device: 1, client: 0, link: 0 };
  const all = lanes.map((lane, place) => ({ lane, place }));
  all.sort((a, b) => groupRank(a.lane) - groupRank(b.lane)
    || (a.lane.kind === "link" || a.lane.kind === "client" ? 0 : a.lane.group.localeCompare(b.lane.group))
    || within[a.lane.kind] - within[b.lane.kind]
    || a.place - b.place);
  return all;
}

function heightOf({ lane, place }) {
  switch (lane.kind) {
    case "client": return 14 + 6 * Math.max(1, attemptRows.counts.get(place) ?? 1);
    case "node": return 48;
    case "mediator": return 40;
    case "device": return 10 + 5 * Math.max(2, deviceRows.counts.get(place) ?? 1);
    default: return 24;
  }
}

/** Places every lane that is not hidden, and names it in the gutter. */
function layOut() {
  const gutter = byId("gutter");
  gutter.replaceChildren();
  placed = new Array(lanes.length).fill(null);
  let top = 2;
  let group = null;
  for (const entry of order()) {
    if (!isLaneShown(entry.place)) continue;
    const name = entry.lane.kind === "link" ? `links, ${entry.lane.group}` : entry.lane.group;
    if (name !== group) {
      group = name;
      const title = document.createElement("div");
      title.className = "group";
      title.textContent = name;
      title.setAttribute("role", "presentation");
      title.style.top = `${top + 3}px`;
      gutter.append(title);
      top += GROUP_GAP;
    }
    const height = heightOf(entry);
    placed[entry.place] = { top, height, kind: entry.lane.kind, wire: wireOf(entry.lane.kind, top, height) };
    const label = document.createElement("div");
    label.className = entry.lane.kind;
    label.setAttribute("role", "listitem");
    label.dataset.lane = entry.lane.name;
    label.textContent = entry.lane.name;
    label.title = entry.lane.name;
    label.style.top = `${top + (entry.lane.kind === "node" ? 2 : Math.max(0, (height - 19) / 2 - 1))}px`;
    gutter.append(label);
    top += height;
  }
  heightAll = top + 8;
  gutter.style.height = `${heightAll}px`;
}

/** Where a machine's messages leave and arrive. */
function wireOf(kind, top, height) {
  switch (kind) {
    case "client": return top + height - 4;
    case "node": return top + 35;
    default: return top + height - 7;
  }
}

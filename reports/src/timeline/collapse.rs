//! Repetitions counted instead of shown.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{TimelineEntry, TimelineKind};

/// Fewer than this many of a kind are shown one by one: two lines would only
/// become two others.
const REPETITIONS_MIN: u64 = 3;

/// One line of a collapsed timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// An entry that is shown.
    Entry(&'a TimelineEntry),
    /// Entries that are only counted, at the place of their last.
    More {
        last: &'a TimelineEntry,
        count: u64,
        alike: &'a str,
        /// How many lanes they are spread over.
        lanes: usize,
    },
}

/// The entries in order of time, where of each group of repetitions only the
/// first is shown and the others are counted.
///
/// A group never reaches over an entry that stands for itself (a change of
/// role, a crash): what came before it and what came after is what a reader
/// wants to tell apart.
pub(super) fn collapse(timeline: &[TimelineEntry]) -> Vec<Line<'_>> {
    let mut ordered: Vec<&TimelineEntry> = timeline.iter().collect();
    // Stable: entries of one instant stay in the order of their events.
    ordered.sort_by_key(|entry| entry.at);
    let mut lines = Vec::new();
    for stretch in ordered.chunk_by(|left, right| left.alike.is_some() && right.alike.is_some()) {
        collapse_stretch(stretch, &mut lines);
    }
    lines
}

/// What groups repetitions: the kind and the plural.
type Key<'a> = (TimelineKind, &'a str);

#[derive(Default)]
struct Group<'a> {
    total: u64,
    seen: u64,
    lanes: BTreeSet<&'a str>,
}

fn collapse_stretch<'a>(stretch: &[&'a TimelineEntry], lines: &mut Vec<Line<'a>>) {
    let mut groups: BTreeMap<Key<'a>, Group<'a>> = BTreeMap::new();
    for entry in stretch {
        if let Some(alike) = &entry.alike {
            groups.entry((entry.kind, alike)).or_default().total += 1;
        }
    }
    for entry in stretch {
        let alike = entry.alike.as_deref();
        let group = alike.and_then(|alike| groups.get_mut(&(entry.kind, alike)));
        let (Some(alike), Some(group)) = (alike, group) else {
            lines.push(Line::Entry(entry));
            continue;
        };
        group.seen += 1;
        if group.total < REPETITIONS_MIN || group.seen == 1 {
            lines.push(Line::Entry(entry));
            continue;
        }
        group.lanes.insert(&entry.lane);
        if group.seen == group.total {
            lines.push(Line::More {
                last: entry,
                count: group.total - 1,
                alike,
                lanes: group.lanes.len(),
            });
        }
    }
}

#[cfg(test)]
mod tests;

//! For tests: random histories, legal ones from a volume that does one thing
//! after the other, and arbitrary small ones.

use std::ops::Range as Span;

use proptest::prelude::*;
use stormglass_engine::vocabulary::Range;

use super::story::*;
use crate::workload::{BlockValue, CommandKind, StatusSummary};

pub(crate) const BLOCKS: u64 = 4;
/// The blocks of the volume.
pub(crate) fn area() -> Range {
    blocks(0, BLOCKS as u32)
}

/// A command before it is known what comes of it.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    kind: CommandKind,
    start: u64,
    count: u32,
    /// From its invocation to the instant at which it happens.
    before: u64,
    /// From there to its answer.
    after: u64,
    fate: Fate,
    /// A compare expects what stands there.
    is_right: bool,
}

/// What the client learns of a mutation.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Answered,
    Refused,
    /// Reported unknown so long after the invocation, and maybe answered in the
    /// end; happened or not.
    Unknown {
        report: u64,
        happens: bool,
        resolved: bool,
    },
}

impl Draft {
    /// Three commands on one block, none of which overlaps another.
    pub(crate) fn write_write_read(block: u64) -> [Draft; 3] {
        [CommandKind::Write, CommandKind::Write, CommandKind::Read].map(|kind| Draft {
            kind,
            start: block,
            count: 1,
            before: 1,
            after: 1,
            fate: Fate::Answered,
            is_right: true,
        })
    }
}

pub(crate) fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let kind = prop_oneof![
        5 => Just(CommandKind::Read),
        4 => Just(CommandKind::Write),
        1 => Just(CommandKind::WriteZeroes),
        2 => Just(CommandKind::CompareAndWrite),
    ];
    let unknown =
        (0..80u64, any::<bool>(), any::<bool>()).prop_map(|(report, happens, resolved)| {
            Fate::Unknown {
                report,
                happens,
                resolved,
            }
        });
    let fate = prop_oneof![6 => Just(Fate::Answered), 1 => Just(Fate::Refused), 3 => unknown];
    let draft = (
        kind,
        0..BLOCKS,
        1..3u32,
        0..45u64,
        0..45u64,
        fate,
        any::<bool>(),
    )
        .prop_map(|(kind, start, count, before, after, fate, is_right)| {
            let count = count.min((BLOCKS - start) as u32);
            Draft {
                kind,
                start,
                count,
                before,
                after,
                fate,
                is_right,
            }
        });
    prop::collection::vec(draft, 1..30)
}

/// A legal history, and what the volume holds in the end.
pub(crate) struct Legal {
    pub(crate) story: Story,
    pub(crate) content: Vec<BlockValue>,
}

/// Command `n` (from 1) happens at instant `10 n`.
pub(crate) fn build(drafts: &[Draft]) -> Legal {
    let mut content = vec![ZERO; BLOCKS as usize];
    let mut story = Story::new();
    for (place, draft) in drafts.iter().enumerate() {
        let n = place as u64 + 1;
        let happens_at = 100 + 10 * n;
        let span = happens_at - draft.before..happens_at + draft.after;
        let range = blocks(draft.start, draft.count);
        let places = draft.start as usize..draft.start as usize + draft.count as usize;
        let held = content[places.clone()].to_vec();
        if draft.kind == CommandKind::Read {
            story = story.read(n, range, span, &held);
            continue;
        }
        let is_compare = draft.kind == CommandKind::CompareAndWrite;
        let mut expected = if is_compare { held.clone() } else { vec![] };
        if is_compare && !draft.is_right {
            expected[0] = if n.is_multiple_of(2) { by(n / 2) } else { ZERO };
        }
        let is_match = !is_compare || expected == held;
        let value = if draft.kind == CommandKind::WriteZeroes {
            ZERO
        } else {
            by(n)
        };
        let happens = match draft.fate {
            Fate::Answered => true,
            Fate::Refused => false,
            Fate::Unknown { happens, .. } => happens,
        };
        if happens && is_match {
            content[places].fill(value);
        }
        story = match is_compare {
            true => story.begins_compare(n, range, span.start, &expected),
            false => story.begins(n, draft.kind, range, span.start),
        };
        let verdict = match (happens, is_match) {
            (false, _) => REFUSED,
            (true, true) => SUCCESS,
            (true, false) => MISMATCH,
        };
        story = match draft.fate {
            Fate::Answered | Fate::Refused => story.ends(n, span.end, verdict),
            Fate::Unknown {
                report, resolved, ..
            } => {
                let reported = span.start + report;
                let late = happens && is_overtaken(drafts, place, reported, happens_at);
                let reported = if late {
                    reported.max(happens_at)
                } else {
                    reported
                };
                let story = story.unknown(n, reported);
                let end = span.end.max(reported) + 1;
                if resolved {
                    story.ends(n, end, verdict)
                } else {
                    story
                }
            }
        };
    }
    Legal { story, content }
}

/// True if a write that overlaps it, and was invoked after the report, may have
/// been acknowledged before it happened.
fn is_overtaken(drafts: &[Draft], place: usize, reported: u64, happens_at: u64) -> bool {
    let range = blocks(drafts[place].start, drafts[place].count);
    drafts.iter().enumerate().any(|(other, draft)| {
        let at = 100 + 10 * (other as u64 + 1);
        let overlaps = blocks(draft.start, draft.count).overlaps(range);
        let begins = at - draft.before;
        other != place && overlaps && begins >= reported && at <= happens_at
    })
}

/// One command of an arbitrary history.
#[derive(Clone, Debug)]
pub(crate) struct Scrap {
    kind: CommandKind,
    start: u64,
    count: u32,
    span: Span<u64>,
    values: Vec<u64>,
    /// When it is reported unknown, and how it ends, if it does.
    unknown: Option<u64>,
    ends: Option<StatusSummary>,
}

/// Few commands on few blocks, with values and times at random; with or without
/// what makes values ambiguous.
pub(crate) fn scraps(blocks: u64, is_ambiguous: bool) -> impl Strategy<Value = Vec<Scrap>> {
    let weight = u32::from(is_ambiguous);
    let kind = prop_oneof![
        4 => Just(CommandKind::Read),
        4 => Just(CommandKind::Write),
        3 => Just(CommandKind::CompareAndWrite),
        weight => Just(CommandKind::WriteZeroes),
    ];
    let ends = prop_oneof![
        8 => Just(Some(SUCCESS)),
        1 => Just(Some(REFUSED)),
        2 => Just(None),
        2 * weight => Just(Some(MISMATCH)),
    ];
    let times = (0..60u64, 1..25u64);
    let values = prop::collection::vec(0..7u64, 2);
    let unknown = prop::option::weighted(0.25, 1..25u64);
    let scrap = (
        kind,
        0..blocks,
        1..=blocks as u32,
        times,
        values,
        unknown,
        ends,
    )
        .prop_map(
            move |(kind, start, count, (from, length), values, unknown, ends)| Scrap {
                kind,
                start,
                count: count.min((blocks - start) as u32),
                span: from..from + length,
                values,
                unknown: unknown.map(|after| from + after.min(length)),
                ends,
            },
        );
    prop::collection::vec(scrap, 2..8)
}

pub(crate) fn tell(scraps: &[Scrap]) -> Story {
    let mut story = Story::new();
    for (place, scrap) in scraps.iter().enumerate() {
        let n = place as u64 + 1;
        let range = blocks(scrap.start, scrap.count);
        let value = |number: &u64| if *number == 0 { ZERO } else { by(*number) };
        let values: Vec<_> = scrap
            .values
            .iter()
            .take(scrap.count as usize)
            .map(value)
            .collect();
        if scrap.kind == CommandKind::Read {
            story = story.read(n, range, scrap.span.clone(), &values);
            continue;
        }
        let is_compare = scrap.kind == CommandKind::CompareAndWrite;
        story = match is_compare {
            true => story.begins_compare(n, range, scrap.span.start, &values),
            false => story.begins(n, scrap.kind, range, scrap.span.start),
        };
        if let Some(at) = scrap.unknown {
            story = story.unknown(n, at);
        }
        let ends = scrap
            .ends
            .filter(|status| is_compare || *status != MISMATCH);
        if let Some(status) = ends {
            story = story.ends(n, scrap.span.end, status);
        }
    }
    story
}

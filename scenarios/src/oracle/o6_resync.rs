//! O6: a dirty bit ends only when the mirror has what it stands for, and a resync
//! never writes old over new.
//!
//! When the owner submits a record that clears a region's bit, every image of the
//! mirror's set holds, of each block of the region, a version at least as new as
//! any that the owner's set may hold. (That the two are equal is O5's.) And of each
//! command whose result the owner has and that touched the region, it has a result, or
//! the client's promise never to ask: a promoted mirror would call it failed otherwise.
//! The scan takes the highest region: when one ends, no higher one is dirty that was so
//! already when the one before it ended.
//! So it is with a mark: where the mirror owes something, a mark ends when it knows what
//! became of the command. A mirror that has lost its set since it acknowledged the
//! copy is not asked.
//!
//! When the mirror submits a copy, no block of it is older than all that the
//! mirror may hold before it, unless the owner's set certainly holds that very
//! version: a rollback. Where a reign of the mirror's own site has left bits, the copy's
//! record says whether it replaces something else: what is reported as lost comes of that.

use imbl::OrdSet;
use serde::{Deserialize, Serialize};
use stormglass_engine::storage_set::record::Entry;
use stormglass_engine::vocabulary::{BlockIndex, Range, SequenceId};

use super::images::{Bytes64, Candidates, Link, Pair, Value, When};
use super::{Finding, OracleId};

/// Watches what a resync copies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resync {
    checks: u64,
    /// Regions that were dirty when the last one ended.
    left: OrdSet<u64>,
}

impl Resync {
    /// Blocks looked at.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    /// The copies change their parts.
    pub(super) fn switch(&mut self) {
        self.left = OrdSet::new();
    }

    /// A record entered a journal.
    pub(super) fn note(
        &mut self,
        copy: usize,
        link: &Link,
        pair: &Pair,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let says = match (&link.entry, copy) {
            (Entry::Dirty { .. }, 0) if pair.is_mirror_bereft() => self.overtaken(link, pair),
            (Entry::Dirty { .. }, 0) => self
                .overtaken(link, pair)
                .or_else(|| self.first_uncopied(link, pair))
                .or_else(|| self.first_unknown(link, pair)),
            (Entry::Mark { .. } | Entry::Clear { .. }, 0) => self.first_untold(link, pair),
            (
                Entry::Copy {
                    range, differed, ..
                },
                1,
            ) => self
                .first_older(*range, link, pair)
                .or_else(|| self.untrue(*range, *differed, link, pair)),
            _ => None,
        };
        if let Some(says) = says {
            let events = vec![link.event, when.event];
            findings.push(Finding::new(OracleId::O6, when.at, says, events));
        }
    }

    /// A region that has been left, though a lower one has been copied.
    fn overtaken(&mut self, link: &Link, pair: &Pair) -> Option<String> {
        let cleared = link.bits.iter().filter(|(_, is_set)| !is_set);
        let lowest = cleared.map(|(region, _)| *region).min()?;
        self.checks += 1;
        let dirty = pair.set(0).state().dirty();
        let left = std::mem::replace(&mut self.left, dirty.clone());
        let above = dirty
            .range(lowest..)
            .find(|region| left.contains(*region))?;
        Some(format!(
            "the bit of region {lowest} is cleared before that of region {above}, which is higher"
        ))
    }

    fn first_uncopied(&mut self, link: &Link, pair: &Pair) -> Option<String> {
        let cleared = link.bits.iter().filter(|(_, is_set)| !is_set);
        let blocks = cleared.flat_map(|(region, _)| pair.geometry().region_range(*region).blocks());
        for block in blocks {
            self.checks += 1;
            let [owner, mirror] = [0, 1].map(|copy| pair.values(copy, block));
            let is_damaged = mirror.values().contains(&Value::Damaged);
            let is_older = lowest(&mirror) < highest(&owner) && highest(&owner).is_some();
            if pair.is_absent(1) || is_damaged || is_older {
                return Some(format!(
                    "the bit of block {}'s region is cleared, and the mirror's set may hold \
                     {mirror} where the owner's may hold {owner}",
                    block.value()
                ));
            }
        }
        None
    }

    /// A command that touched a cleared region and of which the mirror knows nothing.
    fn first_unknown(&mut self, link: &Link, pair: &Pair) -> Option<String> {
        let cleared = link.bits.iter().filter(|(_, is_set)| !is_set);
        let regions: Vec<Range> = cleared
            .map(|(region, _)| pair.geometry().region_range(*region))
            .collect();
        for (command, decision) in pair.set(0).state().decisions() {
            let touches = |range: Range| regions.iter().any(|region| region.overlaps(range));
            if !decision.range.is_some_and(touches) {
                continue;
            }
            self.checks += 1;
            if !pair.set(1).has_result(command) {
                return Some(format!(
                    "the bit of a region that {command} touched is cleared, and the mirror's set \
                     may have no result of it"
                ));
            }
        }
        None
    }

    /// A command whose mark ends and of which the mirror knows nothing.
    fn first_untold(&mut self, link: &Link, pair: &Pair) -> Option<String> {
        for (command, range) in &link.closed {
            self.checks += 1;
            let is_free = pair.is_absent(1) || range.blocks().any(|it| pair.owes_nothing(1, it));
            if !is_free && !pair.set(1).has_result(*command) {
                return Some(format!(
                    "the mark of {command} ends, and the mirror's set may have no result of it"
                ));
            }
        }
        None
    }

    /// A copy over what a reign of the mirror's own has left says whether it differed, and
    /// any other copy says that it did not.
    fn untrue(&mut self, range: Range, differed: bool, link: &Link, pair: &Pair) -> Option<String> {
        let is_of_own_reign =
            pair.set(1).state().has_left_a_reign() && link.bits.iter().any(|(_, is_set)| !is_set);
        if !is_of_own_reign && !differed {
            return None;
        }
        self.checks += 1;
        let (mut may_differ, mut must_differ) = (false, false);
        for (block, copied) in range.blocks().zip(&link.values) {
            let held = pair.values(1, block);
            let others = held.values().iter().filter(|value| *value != copied);
            let bytes: Vec<_> = others.map(bytes_of).collect();
            let is_other = |it: &Option<Bytes64>| *it != bytes_of(copied);
            may_differ |= bytes.iter().any(is_other);
            must_differ |= bytes.len() == 1 && bytes.iter().all(is_other);
        }
        match differed {
            true if !may_differ => Some(format!(
                "a copy of {range} is said to replace something else, and does not"
            )),
            false if must_differ => Some(format!(
                "a copy of {range} replaces what a reign of the mirror's site has left, and does \
                 not say so"
            )),
            true | false => None,
        }
    }

    fn first_older(&mut self, range: Range, link: &Link, pair: &Pair) -> Option<String> {
        for (block, copied) in range.blocks().zip(&link.values) {
            self.checks += 1;
            let Value::Proven { version, .. } = *copied else {
                continue;
            };
            let mut before = Candidates::default();
            let held = pair.values(1, block);
            for value in held.values().iter().filter(|value| *value != copied) {
                before.add(*value);
            }
            let is_older = lowest(&before).is_some_and(|lowest| version < lowest)
                && !before.values().contains(&Value::Damaged);
            if is_older && !is_rollback(pair, block, version) {
                return Some(format!(
                    "version {} of block {} is copied over {before}, and the owner's set may hold \
                     {}",
                    version.value(),
                    block.value(),
                    pair.values(0, block)
                ));
            }
        }
        None
    }
}

fn bytes_of(value: &Value) -> Option<Bytes64> {
    match value {
        Value::Proven { bytes, .. } => Some(*bytes),
        Value::Damaged => None,
    }
}

fn versions(values: &Candidates) -> impl Iterator<Item = SequenceId> {
    values.values().iter().filter_map(|value| match value {
        Value::Proven { version, .. } => Some(*version),
        Value::Damaged => None,
    })
}

fn lowest(values: &Candidates) -> Option<SequenceId> {
    versions(values).min()
}

fn highest(values: &Candidates) -> Option<SequenceId> {
    versions(values).max()
}

fn is_rollback(pair: &Pair, block: BlockIndex, version: SequenceId) -> bool {
    let owner = pair.values(0, block);
    pair.is_absent(0) || versions(&owner).all(|held| held == version)
}

//! The second opinion on O2: small histories are judged again by a search.
//!
//! O2 judges a block by its values' zones, in O(n log n). Here the same block is
//! judged by the definition (see `search`): some order of its commands must explain
//! all that was seen. The two have the recorded history in common and nothing else;
//! `brute`, for tests, reads the events itself and tries every order of a whole
//! history, commands of several blocks as one step, but no more than a dozen.
//!
//! Where O2 is exact (no `WriteZeroes`, no failed compare) both must say the same;
//! elsewhere O2 judges necessary conditions only, so a block that it objects to must
//! have no order, and one without an order is a finding even if O2 missed it. All
//! else is an error of the testbed: one of the two is wrong.
//!
//! A search is exponential in concurrency, so a block with too many commands, too
//! many at a time or too many orders is left out, and counted.

mod search;
mod split;

use std::collections::BTreeMap;

use stormglass_engine::vocabulary::BlockIndex;
use stormglass_sim::time::WorldTime;

use super::o2_linearizable::{Linearizable, Verdict};
use super::{Finding, OracleId};
use search::Opinion;

/// What both opinions together say of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consulted {
    /// Blocks that both judged.
    pub judged: u64,
    /// Blocks that were too much for a search.
    pub skipped: u64,
    /// How the two contradict each other, if they do.
    pub disagreement: Option<String>,
}

impl Consulted {
    /// Adds what they say of another volume.
    pub(super) fn add(&mut self, other: Consulted) {
        self.judged += other.judged;
        self.skipped += other.skipped;
        self.disagreement = self.disagreement.take().or(other.disagreement);
    }
}

/// Judges each block of O2's history again and compares with O2's `verdicts`.
pub(super) fn consult(
    oracle: &Linearizable,
    verdicts: &BTreeMap<BlockIndex, Verdict>,
    at: WorldTime,
    findings: &mut Vec<Finding>,
) -> Consulted {
    let mut consulted = Consulted::default();
    for (block, history) in split::blocks(oracle.history()) {
        if oracle.is_given_up(block) {
            consulted.skipped += 1;
            continue;
        }
        let opinion = search::judge(&history.operations);
        if opinion == Opinion::TooLarge {
            consulted.skipped += 1;
            continue;
        }
        consulted.judged += 1;
        let first = verdicts.get(&block).copied().unwrap_or(Verdict::Held);
        let contradiction = match (first, opinion) {
            (Verdict::Held | Verdict::MayHold, Opinion::Legal) => continue,
            (Verdict::Violated, Opinion::Illegal) => continue,
            (Verdict::MayHold, _) => {
                let says = format!(
                    "block {}: no order of its commands explains what was seen",
                    block.value()
                );
                findings.push(Finding::new(OracleId::O2, at, says, history.events()));
                continue;
            }
            (Verdict::Held, _) => "O2 accepts block {}, and no order of its commands explains it",
            (Verdict::Violated, _) => {
                "O2 objects to block {}, and an order of its commands \
                                       explains it"
            }
        };
        consulted
            .disagreement
            .get_or_insert_with(|| contradiction.replace("{}", &block.value().to_string()));
    }
    consulted
}

#[cfg(test)]
mod tests;

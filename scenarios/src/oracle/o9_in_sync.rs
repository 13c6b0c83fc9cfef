//! O9: at rest the two copies are equal, certain and free of marks.
//!
//! Every block that was ever written has one value on both copies, whatever fails
//! now; no mark stands, no region is dirty or missing, and both copies say durably that they
//! are in sync. Equality while commands are in flight is O5's.
//!
//! A run may end before its mirror has come back. Then the owner says in every image
//! that it is not in sync, and every block in which the copies may differ is dirty
//! or marked in every image of one of them. That a mirror which could come back
//! does so is a matter of liveness.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use stormglass_engine::storage_set::tables::Mode;

use super::images::{Candidates, Pair, When, copy_name};
use super::{Finding, OracleId, o5_difference};

/// Watches that copies come to rest in sync.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InSync {
    checks: u64,
}

impl InSync {
    /// Blocks compared.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    pub(super) fn check(&mut self, pair: &Pair, when: When, findings: &mut Vec<Finding>) {
        let mut finding = |says: String| {
            let events = vec![when.event];
            findings.push(Finding::new(OracleId::O9, when.at, says, events));
        };
        if pair.is_absent(0) || pair.is_absent(1) {
            return;
        }
        let sets = [pair.set(0), pair.set(1)];
        let blocks: BTreeSet<_> = sets.iter().flat_map(|set| set.blocks()).collect();
        let mut values = Candidates::default();
        // What never came back in sync says so durably, and knows all that differs.
        if sets[0].always(|it| it.mode != Mode::InSync) {
            for block in blocks {
                self.checks += 1;
                if !o5_difference::holds(pair, block, &mut values) {
                    finding(format!(
                        "at rest block {} may be any of {values}, out of sync and not dirty",
                        block.value()
                    ));
                    return;
                }
            }
            return;
        }
        for (copy, set) in sets.iter().enumerate() {
            let (name, state) = (copy_name(copy), set.state());
            if let Some((command, mark)) = state.marks().iter().next() {
                let count = state.marks().len();
                finding(format!(
                    "at rest {name} set still has {count} marks, one by {command} on {}",
                    mark.range
                ));
            }
            if !set.is_whole() {
                let count = state.missing().len();
                finding(format!(
                    "at rest {name} set still lacks what went with a data device: {count} regions"
                ));
            }
            if !state.dirty().is_empty() {
                let count = state.dirty().len();
                finding(format!(
                    "at rest {name} set still has {count} dirty regions"
                ));
            }
            if !state.is_in_sync() {
                finding(format!(
                    "at rest {name} set does not say that it is in sync"
                ));
            }
        }
        for block in blocks {
            self.checks += 1;
            values.clear();
            for copy in [0, 1] {
                pair.add_values(copy, block, &mut values);
            }
            // What injected damage has taken from both is the atlas's to judge.
            let is_taken = [0, 1].iter().all(|copy| pair.is_damaged(*copy, block));
            if !values.is_certain() && !is_taken {
                finding(format!(
                    "at rest block {} may be any of {values}",
                    block.value()
                ));
                return;
            }
        }
    }
}

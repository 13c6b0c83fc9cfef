//! O5: copies differ only where a mark or a dirty bit stands, at every instant and in every image
//! that a power loss at that instant could leave.
//!
//! Per block: if the values that the two copies may hold are more than one, then in
//! *every* image of one of the copies a mark stands on the block or its region is
//! dirty. A value that cannot be read back differs from everything, itself
//! included, unless damage was injected there and not undone.
//! A set that was replaced is judged again once it is formatted.
//!
//! Judged where something becomes possible, which is at submissions only: a record
//! or page that may now be there, a checkpoint that may now hide records, a clear
//! that may now be durable. Execution and power loss only choose among what was
//! possible before. While the durable mode is in sync this is also the running
//! half of O9.

use serde::{Deserialize, Serialize};
use stormglass_engine::vocabulary::BlockIndex;

use super::images::{Candidates, Pair, Value, When};
use super::{Finding, OracleId};

/// Watches that copies differ under marks only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    checks: u64,
}

impl Difference {
    /// Blocks compared.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    /// Compares the copies' blocks for which something has changed.
    pub(super) fn check(
        &mut self,
        pair: &Pair,
        blocks: &[BlockIndex],
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let mut values = Candidates::default();
        let mut wrong = blocks.iter().filter(|block| {
            self.checks += 1;
            !holds(pair, **block, &mut values)
        });
        let Some(first) = wrong.next() else { return };
        let others = wrong.count();
        let [owner, mirror] = [0, 1].map(|copy| pair.values(copy, *first));
        let more = match others {
            0 => String::new(),
            others => format!("; so for {others} more blocks"),
        };
        let says = format!(
            "block {} may differ between the copies after a power loss, and no mark stands on it \
             in every image: {owner} on the owner's set, {mirror} on the mirror's{more}",
            first.value()
        );
        findings.push(Finding::new(OracleId::O5, when.at, says, vec![when.event]));
    }
}

/// True if the copies cannot differ in the block, or may.
pub(super) fn holds(pair: &Pair, block: BlockIndex, values: &mut Candidates) -> bool {
    if pair.is_absent(0) || pair.is_absent(1) {
        return true;
    }
    // The cheaper question first: while a write is under way, a mark answers it.
    let sets = [pair.set(0), pair.set(1)];
    if sets.iter().any(|set| set.may_differ(block)) {
        return true;
    }
    values.clear();
    for copy in [0, 1] {
        pair.add_values(copy, block, values);
    }
    matches!(values.values(), [] | [Value::Proven { .. }])
}

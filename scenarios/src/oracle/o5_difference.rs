//! O5: copies differ only where a mark stands, at every instant and in every image
//! that a power loss at that instant could leave.
//!
//! Per block: if the values that the two copies may hold are more than one, a mark
//! on the block must stand in *every* image of one of the copies. A value that
//! cannot be read back differs from everything, itself included.
//!
//! Judged where something becomes possible, which is at submissions only: a record
//! or page that may now be there, a checkpoint that may now hide records, a clear
//! that may now be durable. Execution and power loss only choose among what was
//! possible before. While the durable mode is in sync this is also the running
//! half of O9.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use stormglass_engine::vocabulary::BlockIndex;

use super::images::{Candidates, SetImages, Value, When};
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
        sets: &[Arc<SetImages>; 2],
        blocks: &[BlockIndex],
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let mut values = Candidates::default();
        let mut wrong = blocks.iter().filter(|block| {
            self.checks += 1;
            !holds(sets, **block, &mut values)
        });
        let Some(first) = wrong.next() else { return };
        let others = wrong.count();
        let [owner, mirror] = sets.each_ref().map(|set| {
            let mut values = Candidates::default();
            set.add_values(*first, &mut values);
            values
        });
        let more = match others {
            0 => String::new(),
            others => format!(" (and {others} more blocks)"),
        };
        let says = format!(
            "a power loss may leave block {}{more} as {owner} on the owner's set and {mirror} on \
             the mirror's, and a mark stands on it in every image of neither",
            first.value()
        );
        findings.push(Finding::new(OracleId::O5, when.at, says, vec![when.event]));
    }
}

/// True if the copies cannot differ in the block, or may.
pub(super) fn holds(
    sets: &[Arc<SetImages>; 2],
    block: BlockIndex,
    values: &mut Candidates,
) -> bool {
    values.clear();
    for set in sets {
        set.add_values(block, values);
    }
    let is_one = matches!(values.values(), [Value::Proven { .. }]);
    is_one || sets.iter().any(|set| set.may_differ(block))
}

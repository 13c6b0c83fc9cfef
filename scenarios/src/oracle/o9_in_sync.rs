//! O9: at rest the two copies are equal, certain and free of marks.
//!
//! Every block that was ever written has one value on both copies, whatever fails
//! now; no mark stands, no region is dirty, and both copies say durably that they
//! are in sync. Equality while commands are in flight is O5's.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::images::{Candidates, SetImages, When, copy_name};
use super::{Finding, OracleId};

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

    pub(super) fn check(
        &mut self,
        sets: &[Arc<SetImages>; 2],
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let mut finding = |says: String| {
            let events = vec![when.event];
            findings.push(Finding::new(OracleId::O9, when.at, says, events));
        };
        for (copy, set) in sets.iter().enumerate() {
            let (name, state) = (copy_name(copy), set.state());
            if let Some((command, mark)) = state.marks().iter().next() {
                let count = state.marks().len();
                finding(format!(
                    "at rest {name} set still has {count} marks, one by {command} on {}",
                    mark.range
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
        let blocks: BTreeSet<_> = sets.iter().flat_map(|set| set.blocks()).collect();
        let mut values = Candidates::default();
        for block in blocks {
            self.checks += 1;
            values.clear();
            for set in sets {
                set.add_values(block, &mut values);
            }
            if !values.is_certain() {
                finding(format!(
                    "at rest block {} may be any of {values}",
                    block.value()
                ));
                return;
            }
        }
    }
}

//! O1, of a forced switchover: what it gives up is excused only if it is named.
//!
//! When a forced reign begins, every block in which the former owner's copy certainly holds
//! something else than the new owner's is given up. Once the former owner's copy is in sync
//! again, each of them must lie in a region that the owner has reported as rolled back; that
//! a reported region did differ is judged where it is copied (O6). A copy that lost a device
//! has nothing to report.

use imbl::OrdSet;
use serde::{Deserialize, Serialize};
use stormglass_engine::storage_set::layout::Geometry;
use stormglass_engine::vocabulary::{BlockIndex, Range};

use super::images::{Bytes64, Candidates, Pair, Value, When};
use super::{Finding, OracleId};

/// What forced switchovers have given up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Losses {
    checks: u64,
    /// The event at which the last forced reign began.
    since: u64,
    given_up: OrdSet<BlockIndex>,
    reported: OrdSet<u64>,
}

impl Losses {
    /// Blocks given up that were looked for.
    pub(super) fn checks(&self) -> u64 {
        self.checks
    }

    /// The mirror's site is the owner by force, from now on: blocks that are given up, and
    /// what each may hold in its stead.
    pub(super) fn begin(&mut self, pair: &Pair, when: When) -> Vec<(BlockIndex, Vec<Bytes64>)> {
        self.since = when.event;
        (self.given_up, self.reported) = (OrdSet::new(), OrdSet::new());
        let mut given_up = Vec::new();
        let blocks: OrdSet<BlockIndex> = [0, 1]
            .into_iter()
            .flat_map(|copy| pair.set(copy).blocks())
            .collect();
        for block in blocks {
            let [former, next] = [0, 1].map(|copy| bytes(&pair.values(copy, block)));
            if former == next {
                continue;
            }
            if let [Bytes64::Hash(_)] = former[..]
                && !next.contains(&former[0])
            {
                self.given_up.insert(block);
            }
            given_up.push((block, next));
        }
        given_up
    }

    /// The owner says that the other copy had something else there.
    pub(super) fn reported(&mut self, range: Range, geometry: &Geometry) {
        self.reported.extend(geometry.regions(range));
    }

    /// At rest: if the copies are equal again, everything that was given up has been named.
    pub(super) fn finish(&mut self, pair: &Pair, when: When, findings: &mut Vec<Finding>) {
        let is_back = [0, 1]
            .into_iter()
            .all(|copy| !pair.is_absent(copy) && pair.set(copy).state().is_in_sync());
        if !is_back || pair.was_replaced() {
            return;
        }
        self.checks += self.given_up.len() as u64;
        let is_named = |block: &&BlockIndex| {
            let region = pair.geometry().region_of(**block);
            self.reported.contains(&region)
        };
        if let Some(block) = self.given_up.iter().find(|block| !is_named(block)) {
            let says = format!(
                "what block {} held was given up by a forced switchover, and is not reported",
                block.value()
            );
            let events = vec![self.since, when.event];
            findings.push(Finding::new(OracleId::O1, when.at, says, events));
        }
    }
}

/// The bytes that a block may have, each once, in order.
fn bytes(values: &Candidates) -> Vec<Bytes64> {
    let proven = values.values().iter().filter_map(|value| match value {
        Value::Proven { bytes, .. } => Some(*bytes),
        Value::Damaged => None,
    });
    let mut bytes: Vec<_> = proven.collect();
    bytes.sort_unstable();
    bytes.dedup();
    // Without a value a block is as it was made.
    if bytes.is_empty() {
        bytes.push(Bytes64::Zero);
    }
    bytes
}

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

/// What forced switchovers have given up. Boxed: there is hardly ever one, and a fork copies
/// the oracle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Losses(Option<Box<Lost>>);

/// What the last one has given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Lost {
    checks: u64,
    /// The event at which the reign began.
    since: u64,
    blocks: OrdSet<BlockIndex>,
    reported: OrdSet<u64>,
}

impl Losses {
    /// Blocks given up that were looked for.
    pub(super) fn checks(&self) -> u64 {
        self.0.as_deref().map_or(0, |lost| lost.checks)
    }

    /// The mirror's site is the owner by force, from now on: blocks in which the copies may
    /// differ, be it by nothing but their versions, and what each may hold in its stead.
    pub(super) fn begin(&mut self, pair: &Pair, when: When) -> Vec<(BlockIndex, Vec<Bytes64>)> {
        let (mut given_up, mut lost) = (Vec::new(), OrdSet::new());
        let blocks: OrdSet<BlockIndex> = [0, 1]
            .into_iter()
            .flat_map(|copy| pair.set(copy).blocks())
            .collect();
        for block in blocks {
            let held = [0, 1].map(|copy| pair.values(copy, block));
            if held[0] == held[1] {
                continue;
            }
            let [former, next] = held.map(|values| bytes(&values));
            if let [Bytes64::Hash(_)] = former[..]
                && !next.contains(&former[0])
            {
                lost.insert(block);
            }
            given_up.push((block, next));
        }
        self.0 = Some(Box::new(Lost {
            checks: self.checks(),
            since: when.event,
            blocks: lost,
            reported: OrdSet::new(),
        }));
        given_up
    }

    /// The owner says that the other copy had something else there.
    pub(super) fn reported(&mut self, range: Range, geometry: &Geometry) {
        if let Some(lost) = &mut self.0 {
            lost.reported.extend(geometry.regions(range));
        }
    }

    /// At rest: if the copies are equal again, everything that was given up has been named.
    pub(super) fn finish(&mut self, pair: &Pair, when: When, findings: &mut Vec<Finding>) {
        let is_back = [0, 1]
            .into_iter()
            .all(|copy| !pair.is_absent(copy) && pair.set(copy).state().is_in_sync());
        let Some(lost) = self.0.as_deref_mut() else {
            return;
        };
        if !is_back || pair.was_replaced() {
            return;
        }
        lost.checks += lost.blocks.len() as u64;
        let is_named = |block: &&BlockIndex| {
            let region = pair.geometry().region_of(**block);
            lost.reported.contains(&region)
        };
        if let Some(block) = lost.blocks.iter().find(|block| !is_named(block)) {
            let says = format!(
                "what block {} held was given up by a forced switchover, and is not reported",
                block.value()
            );
            let events = vec![lost.since, when.event];
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

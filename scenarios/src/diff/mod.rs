//! Where two runs part: the first event, component and field.
//!
//! Two experiments are run in strides, and their rolling hashes compared at the ends.
//! Where they differ, the last forks that were equal are run again, half as far each
//! time, until the event is found. Only then is any state looked at: the components
//! whose hashes differ, and what of them differs after that event and did not before.
//!
//! A run's steps are counted as *turns*, steps that change its hash: one that changes
//! nothing, such as a wake-up that has become void, may be missing on the other side.
//!
//! Owns the search. Refuses to know where the experiments come from (`given`) and how the
//! answer is printed.

mod given;
mod pair;
mod parting;
mod search;
mod trails;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use stormglass_reports::record::PartingRecord;

use crate::experiment::Experiment;
use crate::file::Scenario;

pub use given::{Given, GivenError, compare};
pub(crate) use pair::Pair;
pub(crate) use parting::describe;
pub(crate) use search::{Parting, search};

/// One of two runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// Its scenario, which says when it ends.
    pub scenario: Arc<Scenario>,
    /// Its seed.
    pub seed: u64,
    /// It, wherever it stands.
    pub experiment: Experiment,
}

/// What makes two runs different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differ {
    /// Something happens otherwise. What is other and changes nothing is told beside
    /// that, or where nothing else differs.
    Events,
    /// Anything at all is other.
    State,
}

/// Steps two runs until they part. Where both may be anything but the same, `stride` is
/// how many turns are taken at once; a run that may not come out the same again is
/// looked at after each.
pub fn part(left: Side, right: Side, differ: Differ, progress: &AtomicU64) -> PartingRecord {
    let stride = match differ {
        Differ::Events => STRIDE,
        Differ::State => 1,
    };
    let parting = search(Pair::new(left, right), differ, stride, progress);
    parting.map_or_else(PartingRecord::default, |parting| describe(&parting))
}

/// Turns between two comparisons.
const STRIDE: u64 = 256;

#[cfg(test)]
mod tests;

//! Oracles: what must hold of every run, each judged in a file of its own.
//!
//! An oracle reads occurrences, the engine's reports among them, and devices, but
//! never the engine's state, so an engine that is wrong cannot talk it round; only
//! O15 counts what modules still hold. It has no influence on the run: drop it, and the
//! same happens. Its state is cheap to fork (persistent maps with shared
//! entries), for a forked experiment takes its oracles along.
//!
//! Events are numbered in the order in which they happened; the numbers are the
//! oracles' clock, for two events of one instant are still one after the other.

pub mod atlas;
pub mod drained;
mod growth;
pub mod images;
mod losses;
pub mod o10_paths;
pub mod o10_takeover;
pub mod o11_inconsistent;
pub mod o12_intact;
pub mod o15_leaks;
pub mod o16_liveness;
pub mod o17_reference;
pub mod o1_durable;
pub mod o2_linearizable;
pub mod o3_reverts;
pub mod o4_epochs;
pub mod o5_difference;
pub mod o6_resync;
pub mod o7_once;
pub mod o8_outcomes;
pub mod o9_in_sync;
pub mod second_opinion;
mod volume;
mod watch;

#[cfg(test)]
mod brute;
#[cfg(test)]
mod legal;
#[cfg(test)]
mod story;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use std::fmt;
use stormglass_sim::time::WorldTime;

pub use o2_linearizable::Linearizable;
pub use o8_outcomes::Outcomes;
pub use o17_reference::Reference;
pub use second_opinion::Consulted;
pub use watch::{Oracles, event_of, moment};

/// Which oracle speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OracleId {
    /// What is acknowledged is durable on both copies.
    O1,
    /// Clients see linearizable blocks.
    O2,
    /// A value once read never reverts.
    O3,
    /// Mutations and answers of an epoch come from one incarnation.
    O4,
    /// Copies differ only under marks and dirty bits.
    O5,
    /// A dirty bit ends when the mirror has what it stands for.
    O6,
    /// Each command is performed at most once on each storage set.
    O7,
    /// One final status for each attempt, one definite outcome for each id.
    O8,
    /// Copies come to rest in sync.
    O9,
    /// A takeover serves nothing before it is done.
    O10,
    /// A half overwritten copy says so.
    O11,
    /// Damaged data goes nowhere.
    O12,
    /// Nothing is left over at rest.
    O15,
    /// In calm everything ends.
    O16,
    /// A reference model agrees with what clients read.
    O17,
}

impl fmt::Display for OracleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OracleId::O1 => "O1",
            OracleId::O2 => "O2",
            OracleId::O3 => "O3",
            OracleId::O4 => "O4",
            OracleId::O5 => "O5",
            OracleId::O6 => "O6",
            OracleId::O7 => "O7",
            OracleId::O8 => "O8",
            OracleId::O9 => "O9",
            OracleId::O10 => "O10",
            OracleId::O11 => "O11",
            OracleId::O12 => "O12",
            OracleId::O15 => "O15",
            OracleId::O16 => "O16",
            OracleId::O17 => "O17",
        })
    }
}

/// A broken promise, with the events that prove it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Who found it.
    pub oracle: OracleId,
    /// When it was found.
    pub at: WorldTime,
    /// What is wrong, in a sentence.
    pub says: String,
    /// Numbers of the events that prove it, rising.
    pub events: Vec<u64>,
}

impl Finding {
    /// A finding; sorts the events and drops doubles.
    pub fn new(oracle: OracleId, at: WorldTime, says: String, mut events: Vec<u64>) -> Self {
        events.sort_unstable();
        events.dedup();
        Finding {
            oracle,
            at,
            says,
            events,
        }
    }
}

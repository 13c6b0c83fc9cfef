//! Where two worlds part: what `diff`, `fork` and `verify` say of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::quantity::seconds;
use super::{Exit, SchemaVersion, TrailLine, Verdict};

/// Where two worlds first part, as a field of the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The number of the first event after which they differ.
    pub event: u64,
    /// Simulated time of that event.
    #[serde(with = "seconds")]
    pub at: Duration,
    /// The node, device, network or client that differs.
    pub component: String,
    /// The field in it.
    pub field: String,
    /// Its value on the left.
    pub left: String,
    /// Its value on the right.
    pub right: String,
}

/// A field in which two worlds differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DifferingField {
    /// The node, device, network or client.
    pub component: String,
    /// The field in it.
    pub field: String,
    /// Its value on the left.
    pub left: String,
    /// Its value on the right.
    pub right: String,
}

/// How two worlds part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartingRecord {
    /// The first difference; none if the two are equal to their ends.
    pub first_difference: Option<Difference>,
    /// What differs after that event and did not before, the first difference among
    /// it; not more of it than a reader can use.
    pub fields: Vec<DifferingField>,
    /// What differed before and had changed no event yet.
    pub before: Vec<DifferingField>,
    /// What happened on the left when they parted; nothing if its run was over, or had
    /// not come to that instant.
    pub left_event: Option<TrailLine>,
    /// What happened on the right.
    pub right_event: Option<TrailLine>,
    /// What else is to be said of it.
    pub notes: Vec<String>,
}

/// What `diff A B --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffRecord {
    /// The version of this record.
    pub schema_version: SchemaVersion,
    /// What stands on the left, as it was named.
    pub left: String,
    /// What stands on the right.
    pub right: String,
    /// Whether they are equal.
    pub equal: bool,
    /// How they part.
    #[serde(flatten)]
    pub parting: PartingRecord,
}

/// One of two futures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FutureRecord {
    /// What was changed in it; nothing on the left.
    pub change: Option<String>,
    /// What it came to.
    pub verdict: Verdict,
    /// Its trace hash.
    pub trace_hash: String,
    /// Its events, those before the fork among them.
    pub events: u64,
    /// What its oracles found.
    pub findings: Vec<super::Finding>,
}

/// What `fork FILE --at T --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkRecord {
    /// The version of this record.
    pub schema_version: SchemaVersion,
    /// The scenario.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Simulated time of the fork.
    #[serde(with = "seconds")]
    pub at: Duration,
    /// Events up to there.
    pub event: u64,
    /// The future as it would have been.
    pub left: FutureRecord,
    /// The other one.
    pub right: FutureRecord,
    /// How they part.
    #[serde(flatten)]
    pub parting: PartingRecord,
}

impl DiffRecord {
    /// How the command exits.
    pub const fn exit(&self) -> Exit {
        match self.equal {
            true => Exit::Pass,
            false => Exit::Differs,
        }
    }
}

impl ForkRecord {
    /// How the command exits.
    pub fn exit(&self) -> Exit {
        Exit::worst([&self.left, &self.right].map(|future| future.verdict.exit()))
    }
}

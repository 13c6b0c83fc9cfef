//! Whether a run is the same whenever and wherever it is done.

use serde::{Deserialize, Serialize};

use super::{Difference, Exit, SchemaVersion};

/// What `verify SCENARIO --seed N --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyRecord {
    /// The version of this record.
    pub schema_version: SchemaVersion,
    /// Whether all runs came out alike.
    pub deterministic: bool,
    /// How many runs were compared.
    pub runs: u64,
    /// The hash that all runs share, or the first one's.
    pub trace_hash: String,
    /// Where two runs first part. Known only after a mismatch, and not always
    /// then.
    pub first_difference: Option<Difference>,
}

impl VerifyRecord {
    /// How the command exits.
    pub const fn exit(&self) -> Exit {
        if self.deterministic {
            Exit::Pass
        } else {
            Exit::Nondeterminism
        }
    }
}

//! A run's trail: a line for each event, with the hashes that it left behind.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::SchemaVersion;
use super::quantity::seconds;

/// The first line of a trail: of what run it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailHead {
    /// The version of these records.
    pub schema_version: SchemaVersion,
    /// What the file is: always [`TrailHead::FORMAT`].
    pub format: String,
    /// The version of the program that wrote it.
    pub version: String,
    /// The scenario.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
}

impl TrailHead {
    /// By what a trail is told from another file.
    pub const FORMAT: &'static str = "stormglass trail";
}

/// An event, or something that was done to the hardware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailLine {
    /// Events so far, this one included.
    pub event: u64,
    /// Simulated time.
    #[serde(with = "seconds")]
    pub at: Duration,
    /// To which component it happened.
    pub component: String,
    /// What it was.
    pub what: String,
    /// The faults that happened at it, by their keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// The rolling hashes that changed, by component.
    pub changed: BTreeMap<String, String>,
    /// The run's rolling hash.
    pub hash: String,
}

impl TrailLine {
    /// Whether the same happened at the same time, with the same consequences. How many
    /// events came before does not count: one that changes nothing is none.
    pub fn is_same(&self, other: &TrailLine) -> bool {
        let same_number = |line: &TrailLine| TrailLine {
            event: 0,
            ..line.clone()
        };
        same_number(self) == same_number(other)
    }
}

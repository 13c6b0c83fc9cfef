//! Versioned plain data: what a run, a sweep, a verification and the catalogue
//! come to, as the command line's `--json` prints it.
//!
//! The field names are a contract with other people's scripts. A field may be
//! added; a renamed or removed one, or one whose meaning changes, raises
//! [`SCHEMA_VERSION`]. Every record is `Eq` (numbers are fixed-point inside and
//! become floating point only as JSON) and reads back equal from its own JSON.

mod catalogue;
mod difference;
mod failure;
mod ledger;
mod quantity;
mod replay;
mod resync;
mod run;
mod story;
mod sweep;
mod takeover;
mod trail;
mod verdict;
mod verify;

pub use catalogue::{FeatureRecord, FeatureStatus, ListRecord};
pub use difference::{
    DiffRecord, Difference, DifferingField, ForkRecord, FutureRecord, PartingRecord,
};
pub use failure::Failure;
pub use ledger::{JoinError, Ledger, Shard, SweepPlan};
pub use quantity::{Decimal, Share};
pub use replay::{ReplayRecord, Replayed, ShrinkRecord, ShrinkStep, StaleKey};
pub use resync::{LogCost, LogRun, Middle, ResyncCost, ResyncPoint, ResyncRecord, ResyncRun};
pub use run::{
    CommandCounts, Detail, Finding, OracleLine, OracleVerdict, RunRecord, TimelineEntry,
    TimelineKind,
};
pub use story::{
    ATTEMPTS_MAX, Attempt, Befell, Cited, DEVICE_COMMANDS_MAX, DeviceCommand, DeviceCommandEnd,
    DeviceCommandKind, Lane, LaneKind, LeftOut, MARKS_MAX, MESSAGES_MAX, Mark, Message, MessageEnd,
    SPANS_MAX, Span, StoryRecord, Track,
};
pub use sweep::{
    CorpusTally, FaultTally, Listed, ProbeTally, SEEDS_MIN, ScenarioTally, SweepRecord,
    SweepResult, SweepTiming,
};
pub use takeover::{Paired, PhaseSpan, PhaseTimes, PolicyTimes, Quantiles, TakeoverRecord};
pub use trail::{TrailHead, TrailLine};
pub use verdict::{Exit, Verdict};
pub use verify::VerifyRecord;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The version of every record in this module.
pub const SCHEMA_VERSION: u32 = 1;

/// The key `schema_version` of a record: always [`SCHEMA_VERSION`].
///
/// A record of another version is refused while it is read, so a record in
/// memory is always of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SchemaVersion;

impl Serialize for SchemaVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(SCHEMA_VERSION)
    }
}

impl<'de> Deserialize<'de> for SchemaVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            SCHEMA_VERSION => Ok(SchemaVersion),
            other => Err(D::Error::custom(format_args!(
                "schema_version {other} is unknown here: this build reads {SCHEMA_VERSION}"
            ))),
        }
    }
}

/// A record as one line of JSON, without the line's end.
///
/// For a [`RunRecord`] this is the short form; see [`RunRecord::to_json`].
pub fn to_json<R: Serialize>(record: &R) -> String {
    serde_json::to_string(record).expect("records have string keys and finite numbers")
}

#[cfg(test)]
mod tests;

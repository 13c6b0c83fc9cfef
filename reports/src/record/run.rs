//! One run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::quantity::seconds;
use super::{Decimal, SchemaVersion, Verdict, to_json};

/// What one run came to: `run SCENARIO --seed N --json`.
///
/// The fields from `oracles` on are for the views; JSON has them only at
/// [`Detail::Full`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The version of this record.
    pub schema_version: SchemaVersion,
    /// The scenario's name in the catalogue, or its file.
    pub scenario: String,
    /// The seed of every random decision.
    pub seed: u64,
    /// What the run came to.
    pub verdict: Verdict,
    /// The run's rolling hash over all events, in hexadecimal.
    pub trace_hash: String,
    /// Events the simulator processed.
    pub events: u64,
    /// Messages handed to a network, lost ones included.
    pub messages: u64,
    /// Simulated time at the end of the run.
    #[serde(rename = "sim_seconds", with = "seconds")]
    pub simulated: Duration,
    /// Client commands by outcome.
    pub commands: CommandCounts,
    /// Faults by kind. A kind that was switched on and never happened is
    /// present with zero.
    pub faults: BTreeMap<String, u64>,
    /// Rare states by name, with how often each was reached.
    pub probes: BTreeMap<String, u64>,
    /// Measured numbers by name; the name ends with the unit (`takeover_ms`).
    pub measures: BTreeMap<String, Decimal>,
    /// What the oracles object to, in the order in which they saw it.
    pub findings: Vec<Finding>,
    /// Every oracle that watched, whether it objected or not.
    #[serde(default, skip_serializing)]
    pub oracles: Vec<OracleLine>,
    /// How often a node's state changed from one to another: `from -> to`.
    #[serde(default, skip_serializing)]
    pub transitions: BTreeMap<String, u64>,
    /// The exact command line that reproduces the run.
    #[serde(default, skip_serializing)]
    pub command: String,
    /// What happened, for people. Views order it by time.
    #[serde(default, skip_serializing)]
    pub timeline: Vec<TimelineEntry>,
}

impl RunRecord {
    /// The record as one line of JSON, without the line's end.
    pub fn to_json(&self, detail: Detail) -> String {
        match detail {
            Detail::Summary => to_json(self),
            Detail::Full => to_json(&FullRunRecord {
                run: self,
                oracles: &self.oracles,
                transitions: &self.transitions,
                command: &self.command,
                timeline: &self.timeline,
            }),
        }
    }
}

/// How much of a run its JSON tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The stable keys of the command line's contract.
    Summary,
    /// Those, and the oracles, the command and the timeline.
    Full,
}

#[derive(Serialize)]
struct FullRunRecord<'a> {
    #[serde(flatten)]
    run: &'a RunRecord,
    oracles: &'a [OracleLine],
    transitions: &'a BTreeMap<String, u64>,
    command: &'a str,
    timeline: &'a [TimelineEntry],
}

/// Client commands by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommandCounts {
    /// Commands that clients began.
    pub issued: u64,
    /// Acknowledged.
    pub success: u64,
    /// Compared and found different: a definite answer, neither a success nor
    /// a refusal. Absent from JSON where none occurred.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mismatch: u64,
    /// Definitely not done.
    pub refused: u64,
    /// Perhaps done: the client got no answer it could rely on.
    pub unknown: u64,
    /// Withdrawn by the client in time.
    pub cancelled: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// One objection of an oracle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The oracle's id, such as `O5`.
    pub oracle: String,
    /// Simulated time of the event at which the oracle objected.
    #[serde(with = "seconds")]
    pub at: Duration,
    /// The objection in a sentence.
    pub says: String,
    /// Numbers of the events that prove it.
    pub events: Vec<u64>,
}

/// One oracle that watched a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OracleLine {
    /// The oracle's id, such as `O5`.
    pub id: String,
    /// What it watched, in a sentence.
    pub statement: String,
    /// How often it compared something. Zero says that it had nothing to watch.
    pub checks: u64,
    /// Whether it objected.
    pub verdict: OracleVerdict,
}

/// What one oracle says of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OracleVerdict {
    /// Its statement held whenever it looked.
    Held,
    /// Its statement was broken, and a recorded forced action or a fault beyond
    /// the model's bounds excuses that.
    Excused,
    /// Its statement was broken.
    Violated,
}

/// One line of a run's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Simulated time.
    #[serde(with = "seconds")]
    pub at: Duration,
    /// Where it happened: a node, device, link or client.
    pub lane: String,
    /// What sort of thing happened.
    pub kind: TimelineKind,
    /// What happened, in a few words.
    pub text: String,
    /// The plural under which a view may count repetitions instead of showing
    /// each (`acknowledged writes`, `dropped messages`). Entries without one
    /// always stand for themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alike: Option<String>,
}

impl TimelineEntry {
    /// An entry that always stands for itself.
    pub fn new(
        at: Duration,
        lane: impl Into<String>,
        kind: TimelineKind,
        text: impl Into<String>,
    ) -> Self {
        TimelineEntry {
            at,
            lane: lane.into(),
            kind,
            text: text.into(),
            alike: None,
        }
    }

    /// The same entry, one of many: see [`alike`](Self::alike).
    pub fn one_of(mut self, alike: impl Into<String>) -> Self {
        self.alike = Some(alike.into());
        self
    }
}

/// What sort of thing a timeline entry tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimelineKind {
    /// A node or module is up, down, an owner, or no longer one.
    Role,
    /// A pair became in-sync or ceased to be.
    Sync,
    /// A fault was injected or ended.
    Fault,
    /// A client's command came to an outcome.
    Client,
    /// An oracle objected.
    Finding,
    /// Anything else worth a line.
    Note,
    /// A rare state was reached.
    Probe,
}

//! What a replay and a shrinking come to.

use serde::{Deserialize, Serialize};

use super::verdict::{Exit, Verdict};
use super::{RunRecord, SchemaVersion};

/// How a replay compares with what was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replayed {
    /// It fails as it did.
    Same,
    /// It passes.
    Passed,
    /// It fails otherwise.
    Other,
}

/// A replayed run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayRecord {
    /// The run.
    #[serde(flatten)]
    pub run: RunRecord,
    /// How it compares.
    pub outcome: Replayed,
    /// The signature that it was recorded with.
    pub expected: String,
    /// Keys that met nothing, or something else.
    pub stale_keys: Vec<StaleKey>,
}

/// A key of a repro that met nothing, or something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleKey {
    /// Its words.
    pub key: String,
    /// What is wrong with it.
    pub why: String,
}

impl ReplayRecord {
    /// How the process exits: what `git bisect run` wants to hear.
    pub fn exit(&self) -> Exit {
        match (self.stale_keys.is_empty(), self.outcome) {
            (true, Replayed::Same) => Exit::Safety,
            (true, Replayed::Passed) => Exit::Pass,
            (true, Replayed::Other) | (false, _) => Exit::Unknown,
        }
    }
}

/// What a shrinking came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShrinkRecord {
    /// The version of this record.
    pub schema_version: SchemaVersion,
    /// The scenario.
    pub scenario: String,
    /// The failure's verdict.
    pub verdict: Verdict,
    /// The failure's signature.
    pub signature: String,
    /// Faults in the repro that was given.
    pub faults_before: u64,
    /// Faults in the one that came out.
    pub faults_after: u64,
    /// Commands in the repro that was given.
    pub commands_before: u64,
    /// Commands in the one that came out.
    pub commands_after: u64,
    /// Events until the failure, before.
    pub events_before: u64,
    /// Events until the failure, after.
    pub events_after: u64,
    /// Candidates that were run.
    pub runs: u64,
    /// Events that they took.
    pub events_run: u64,
    /// Events that they would have taken more, had none begun at a fork.
    pub events_saved: u64,
    /// What was tried, in order.
    pub steps: Vec<ShrinkStep>,
    /// False if it was stopped before nothing more could go.
    pub complete: bool,
}

/// One kind of thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShrinkStep {
    /// What was made smaller.
    pub what: String,
    /// How much there was of it.
    pub before: u64,
    /// How much is left.
    pub after: u64,
    /// Candidates that were run.
    pub runs: u64,
}

//! Failures of many runs, grouped by what they have in common.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{RunRecord, Verdict};

/// A group of failures alike, shown by its shortest run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What the failures of the group have in common.
    pub signature: String,
    /// What its runs came to.
    pub verdict: Verdict,
    /// How many runs failed so.
    pub runs: u64,
    /// The seed of the shortest.
    pub seed: u64,
    /// The scenario of the shortest.
    pub scenario: String,
    /// The events of the shortest.
    pub events: u64,
    /// The command line that reproduces the shortest.
    pub command: String,
    /// The file with its explicit faults, where one was written.
    pub repro: Option<String>,
}

impl Failure {
    pub(super) fn of_run(run: &RunRecord, signature: &str) -> Failure {
        Failure {
            signature: signature.to_owned(),
            verdict: run.verdict,
            runs: 1,
            seed: run.seed,
            scenario: run.scenario.clone(),
            events: run.events,
            command: run.command.clone(),
            repro: None,
        }
    }

    /// Both groups as one. Ties of length go by seed; the fields after that
    /// only make the order total, so that no order of work shows.
    fn merge(self, other: Failure) -> Failure {
        let runs = self.runs + other.runs;
        let shortest = if self.length() <= other.length() {
            self
        } else {
            other
        };
        Failure { runs, ..shortest }
    }

    fn length(&self) -> (u64, u64, &str, &str, Option<&str>) {
        (
            self.events,
            self.seed,
            &self.scenario,
            &self.command,
            self.repro.as_deref(),
        )
    }
}

/// The groups of both, in the order of signature and verdict.
pub(super) fn merge_failures(left: Vec<Failure>, right: Vec<Failure>) -> Vec<Failure> {
    let mut groups: BTreeMap<(String, Verdict), Failure> = BTreeMap::new();
    for failure in left.into_iter().chain(right) {
        let key = (failure.signature.clone(), failure.verdict);
        let group = match groups.remove(&key) {
            Some(group) => group.merge(failure),
            None => failure,
        };
        groups.insert(key, group);
    }
    groups.into_values().collect()
}

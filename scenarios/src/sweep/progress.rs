//! How far a sweep is, for a progress bar.

use std::collections::BTreeSet;

use stormglass_reports::record::{SweepResult, Verdict};

/// How far a sweep is; counts this session's runs only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    runs: u64,
    failed: u64,
    kinds: BTreeSet<(String, Verdict)>,
}

impl Progress {
    /// Takes the result of a run.
    pub(super) fn add(&mut self, result: &SweepResult) {
        self.runs += result.runs;
        self.failed += result.failed;
        let failures = result.failures.iter();
        self.kinds
            .extend(failures.map(|one| (one.signature.clone(), one.verdict)));
    }

    /// Runs that have ended.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// How many failed, and in how many ways.
    pub fn failed(&self) -> (u64, usize) {
        (self.failed, self.kinds.len())
    }
}

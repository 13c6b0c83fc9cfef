//! A sweep for whoever runs it unattended: JUnit, and what GitHub shows.

mod github;
mod junit;

pub use github::{annotations, step_summary};
pub use junit::junit;

use crate::record::{Failure, SweepRecord};
use crate::words::{counted, grouped};

/// What a group of failures is, in a sentence.
fn describe(failure: &Failure) -> String {
    format!(
        "{}: {} ({}; shortest: {}, seed {}, {})",
        failure.verdict,
        failure.signature,
        counted(failure.runs, "run"),
        failure.scenario,
        failure.seed,
        counted(failure.events, "event")
    )
}

/// What was to happen and did not, a sentence each.
fn missing(record: &SweepRecord) -> Vec<String> {
    let result = &record.result;
    let probes = result.probes_missing().into_iter().map(|name| {
        let tally = result.probes[name];
        format!(
            "probe \"{name}\" was reached in {} of {}",
            grouped(tally.hit),
            counted(tally.able, "seed")
        )
    });
    let faults = result.faults_missing().into_iter().map(|kind| {
        let tally = result.faults_enabled[kind];
        format!(
            "fault {kind} happened in {} of {} that switch it on",
            grouped(tally.happened_seeds),
            counted(tally.enabled_seeds, "seed")
        )
    });
    probes.chain(faults).collect()
}

#[cfg(test)]
mod tests;

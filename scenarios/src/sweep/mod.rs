//! Sweeps: many seeds on all cores.
//!
//! Seed `s` runs scenario `s mod n`. Workers take the seeds that are missing from the
//! ledger in order, and what they bring is added in that order, so whenever a sweep
//! stops, the ledger is a function of which seeds it has, whatever the number of jobs,
//! and the sweep can go on from it. Knows no terminal: whoever calls hears of every
//! run that ended.

use std::ops::Range;
use std::time::{Duration, Instant};

use stormglass_reports::record::{Ledger, RunRecord, Shard, SweepPlan, SweepRecord};
use xxhash_rust::xxh3::Xxh3;

use crate::checkpoint;
use crate::repro::Repro;
use crate::source::Source;
use crate::transitions;

pub mod folder;
mod progress;
mod worker;

pub use progress::Progress;

/// What to sweep.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The scenarios; at least one.
    pub sources: Vec<Source>,
    /// What came of which seeds before; the missing ones run.
    pub ledger: Ledger,
    /// Runs at the same time; at least one.
    pub jobs: u32,
    /// No run begins after this long.
    pub budget: Option<Duration>,
    /// How long a handler may take.
    pub watchdog: Duration,
    /// Whether each run is told as a line of JSON.
    pub tells_runs: bool,
}

impl Plan {
    /// The scenario of a seed.
    pub fn source(&self, seed: u64) -> &Source {
        let count = u64::try_from(self.sources.len()).expect("scenarios are few");
        let index = usize::try_from(seed % count).expect("an index");
        &self.sources[index]
    }
}

/// A ledger of sources in which nothing is known yet.
pub fn ledger(
    sources: &[Source],
    suite: Option<String>,
    seeds: Range<u64>,
    shard: Option<Shard>,
) -> Ledger {
    let settings = sources.first().map_or(&[][..], Source::settings);
    let plan = SweepPlan {
        id: plan_id(sources, &seeds),
        suite,
        scenarios: sources.iter().map(|one| one.target().to_owned()).collect(),
        settings: settings.iter().map(ToString::to_string).collect(),
        seeds,
    };
    Ledger::new(plan, shard)
}

/// What a plan's runs depend on, as a hash: scenarios, seeds, and what this build is.
fn plan_id(sources: &[Source], seeds: &Range<u64>) -> String {
    let mut hash = Xxh3::new();
    hash.update(&checkpoint::likeness().to_le_bytes());
    hash.update(&seeds.start.to_le_bytes());
    hash.update(&seeds.end.to_le_bytes());
    for source in sources {
        let text = source.scenario.to_toml();
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    format!("{:032x}", hash.digest128())
}

/// Why a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every seed has run.
    Complete,
    /// The budget was used up.
    Budget,
    /// It was interrupted.
    Interrupted,
    /// As many handlers as there are jobs do not return.
    Stuck,
}

/// A sweep that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    /// What is known now, of this sweep and those that it went on from.
    pub ledger: Ledger,
    /// All of it as a record.
    pub record: SweepRecord,
    /// Why it ended.
    pub ended: Ended,
}

/// What is said while a sweep goes on.
#[derive(Debug)]
pub enum Heard<'a> {
    /// A run ended; in any order.
    Ran(&'a Progress),
    /// The line of a run, in the order of the seeds.
    Line(&'a str),
    /// A chunk of seeds is done, and everything before it.
    Chunk(&'a Ledger),
}

/// Why a sweep has no result.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The workers cannot be started.
    #[error("cannot start the workers")]
    Workers(#[from] std::io::Error),
    /// It was interrupted twice.
    #[error("interrupted")]
    Interrupted,
    /// The testbed itself failed, not the engine.
    #[error("the testbed failed in a run; reproduce it with: {command}")]
    Internal {
        /// Runs it again.
        command: String,
    },
}

/// Sweeps. `observe` hears of it while it goes on.
pub fn sweep(plan: Plan, observe: impl FnMut(Heard<'_>)) -> Result<Swept, SweepError> {
    sweep_with(plan, worker::run_seed, observe)
}

/// A ledger as the record of a sweep, with the transitions that are possible.
pub fn to_record(ledger: &Ledger) -> SweepRecord {
    let mut record = ledger.to_record();
    let possible = transitions::possible().iter().cloned();
    record.result.expect_transitions(possible);
    record
}

/// Runs the shortest run of a group of failures again, as it was, and records it.
pub fn run_again(plan: &Plan, seed: u64) -> (RunRecord, Option<Repro>) {
    worker::run_again(plan, seed)
}

/// More workers than any machine has cores.
const JOBS_MAX: u32 = 512;

fn sweep_with(
    mut plan: Plan,
    run: worker::RunSeed,
    observe: impl FnMut(Heard<'_>),
) -> Result<Swept, SweepError> {
    let begun = Instant::now();
    let missing = plan.ledger.missing();
    let seeds: u64 = missing.iter().map(|range| range.end - range.start).sum();
    let jobs = u32::try_from(seeds)
        .unwrap_or(JOBS_MAX)
        .min(JOBS_MAX)
        .min(plan.jobs);
    plan.jobs = jobs;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads((jobs as usize * 2).max(1))
        .thread_stack_size(crate::watchdog::STACK_BYTES)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(worker::all(plan, &missing, run, observe));
    // A handler that does not return is left behind.
    runtime.shutdown_background();
    let (mut ledger, ended) = outcome?;
    if let Some(first) = missing.first() {
        let left: u64 = ledger
            .missing()
            .iter()
            .map(|range| range.end - range.start)
            .sum();
        ledger.add_session(first.start, seeds - left, begun.elapsed(), jobs);
    }
    Ok(Swept {
        record: to_record(&ledger),
        ledger,
        ended,
    })
}

#[cfg(test)]
mod tests;

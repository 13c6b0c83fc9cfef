//! Sweeps: many seeds on all cores.
//!
//! Seed `s` runs scenario `s mod n`. Workers take seeds in order, so whenever a
//! sweep stops, what it has done is a range from its first seed on, and the
//! result is a function of that range alone, whatever the number of jobs. Knows
//! no terminal: whoever calls hears of every run that ended.

use std::ops::Range;
use std::time::{Duration, Instant};

use stormglass_reports::record::{SchemaVersion, SweepRecord, SweepResult, SweepTiming};

use crate::source::Source;

mod worker;

/// What to sweep.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The scenarios; at least one.
    pub sources: Vec<Source>,
    /// The seeds.
    pub seeds: Range<u64>,
    /// Runs at the same time; at least one.
    pub jobs: u32,
    /// No run begins after this long.
    pub budget: Option<Duration>,
    /// How long a handler may take.
    pub watchdog: Duration,
}

impl Plan {
    /// The scenario of a seed.
    pub fn source(&self, seed: u64) -> &Source {
        let count = u64::try_from(self.sources.len()).expect("scenarios are few");
        let index = usize::try_from(seed % count).expect("an index");
        &self.sources[index]
    }
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
    /// What it found.
    pub record: SweepRecord,
    /// Why it ended.
    pub ended: Ended,
    /// The seeds that ran.
    pub seeds: Range<u64>,
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

/// Sweeps. `observe` hears of the result after each run.
pub fn sweep(plan: Plan, observe: impl FnMut(&SweepResult)) -> Result<Swept, SweepError> {
    sweep_with(plan, worker::run_seed, observe)
}

/// More workers than any machine has cores.
const JOBS_MAX: u32 = 512;

fn sweep_with(
    mut plan: Plan,
    run: worker::RunSeed,
    observe: impl FnMut(&SweepResult),
) -> Result<Swept, SweepError> {
    let begun = Instant::now();
    let seeds = plan.seeds.end - plan.seeds.start;
    let jobs = u32::try_from(seeds)
        .unwrap_or(JOBS_MAX)
        .min(JOBS_MAX)
        .min(plan.jobs);
    plan.jobs = jobs;
    let first = plan.seeds.start;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(jobs as usize * 2)
        .thread_stack_size(crate::watchdog::STACK_BYTES)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(worker::all(plan, run, observe));
    // A handler that does not return is left behind.
    runtime.shutdown_background();
    let (result, ended) = outcome?;
    let seeds = first..first + result.runs;
    Ok(Swept {
        record: SweepRecord {
            schema_version: SchemaVersion,
            timing: SweepTiming::new(result.runs, begun.elapsed(), jobs),
            result,
        },
        ended,
        seeds,
    })
}

#[cfg(test)]
mod tests;

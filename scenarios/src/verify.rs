//! Whether a run is the same whenever and wherever it is done.
//!
//! One run is compared with seven more: again in this process, after another
//! scenario, two at a time on two threads, in two fresh processes, and run on
//! from a checkpoint on disk in a fresh process. Compared is everything that a
//! run says of itself, byte for byte. Where runs part, two experiments are
//! stepped side by side until they do.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use stormglass_reports::record::{Detail, RunRecord, SchemaVersion, VerifyRecord};

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::experiment::Experiment;
use crate::file::Scenario;
use crate::moment::Moment;
use crate::run::{self, Keep};
use crate::source::{Source, SourceError};
use crate::watchdog::{self, Stuck};

mod difference;
mod process;

pub use process::{ProcessError, Processes};

/// Makes the experiment that is verified, at its beginning.
pub type Begin = Arc<dyn Fn() -> Experiment + Send + Sync>;

/// What is verified.
#[derive(Clone)]
pub struct Subject {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The seed.
    pub seed: u64,
    /// Makes its experiment.
    pub begin: Begin,
    /// How long a handler may take.
    pub watchdog: Duration,
}

/// How much is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Every way.
    Full,
    /// Once more in this process, and once in another.
    Quick,
}

/// A way in which a run is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In this process, for the first time. The others are held against it.
    First,
    /// In this process, again.
    Again,
    /// In this process, after another scenario.
    AfterAnother,
    /// In this process, on one of two threads at the same time.
    SideBySide,
    /// In a fresh process.
    FreshProcess,
    /// On from a checkpoint, in a fresh process.
    FromCheckpoint,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::First => "the first run in this process",
            Way::Again => "another run in this process",
            Way::AfterAnother => "a run after another scenario",
            Way::SideBySide => "one of two runs on two threads",
            Way::FreshProcess => "a run in a fresh process",
            Way::FromCheckpoint => "a run on from a checkpoint in a fresh process",
        })
    }
}

/// A verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What it came to.
    pub record: VerifyRecord,
    /// The ways that came out otherwise than the first.
    pub parted: Vec<Way>,
}

/// Why a verification comes to nothing.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A handler does not return.
    #[error(transparent)]
    Stuck(#[from] Stuck),
    /// A fresh process says nothing useful.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// There is no other scenario to run.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl Subject {
    /// A source's run.
    pub fn new(source: &Source, seed: u64, watchdog: Duration) -> Self {
        let scenario = Arc::new(source.scenario.clone());
        let begin = {
            let scenario = Arc::clone(&scenario);
            Arc::new(move || Experiment::new(&scenario, seed))
        };
        Subject {
            scenario,
            seed,
            begin,
            watchdog,
        }
    }

    fn run(&self) -> Result<RunRecord, Stuck> {
        let own = self.clone();
        watchdog::watched(self.watchdog, move |pulse| {
            let experiment = (own.begin)();
            run::run_on(&own.scenario, own.seed, experiment, Keep::Timeline, pulse)
        })
    }
}

/// Runs the subject in every way; in no fresh process where none can be had.
pub fn verify(
    subject: &Subject,
    processes: Option<&Processes>,
    depth: Depth,
) -> Result<Verified, VerifyError> {
    let first = subject.run()?;
    let mut others = vec![(Way::Again, subject.run()?)];
    if depth == Depth::Full {
        run_another(subject)?;
        others.push((Way::AfterAnother, subject.run()?));
        for record in side_by_side(subject)? {
            others.push((Way::SideBySide, record));
        }
    }
    if let Some(processes) = processes {
        others.push((Way::FreshProcess, processes.run()?));
        if depth == Depth::Full {
            others.push((Way::FreshProcess, processes.run()?));
            if let Some(record) = from_checkpoint(subject, processes, &first)? {
                others.push((Way::FromCheckpoint, record));
            }
        }
    }
    let parted: Vec<Way> = others
        .iter()
        .filter(|(way, record)| what_it_says(*way, record) != what_it_says(*way, &first))
        .map(|(way, _)| *way)
        .collect();
    let first_difference = if parted.is_empty() {
        None
    } else {
        difference::find(subject, processes, first.events)?
    };
    let record = VerifyRecord {
        schema_version: SchemaVersion,
        deterministic: parted.is_empty(),
        runs: 1 + others.len() as u64,
        trace_hash: first.trace_hash,
        first_difference,
    };
    Ok(Verified { record, parted })
}

/// Everything that a run says of itself and that every way has in common: the
/// command is another after a checkpoint, and its timeline begins there.
fn what_it_says(way: Way, record: &RunRecord) -> String {
    let mut record = record.clone();
    record.command.clear();
    if way == Way::FromCheckpoint {
        record.timeline.clear();
    }
    record.to_json(Detail::Full)
}

/// Runs some other scenario, for what it leaves behind.
fn run_another(subject: &Subject) -> Result<(), VerifyError> {
    let all = Source::catalogue(&[])?;
    let mut others = all
        .iter()
        .filter(|s| s.scenario.name != subject.scenario.name);
    if let Some(other) = others.next() {
        Subject::new(other, subject.seed, subject.watchdog).run()?;
    }
    Ok(())
}

fn side_by_side(subject: &Subject) -> Result<[RunRecord; 2], Stuck> {
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| subject.run());
        let own = subject.run();
        let beside = match beside.join() {
            Ok(record) => record,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        Ok([own?, beside?])
    })
}

/// Stops at half of the events, goes through a file, and runs on in another
/// process. None if a run ends before, which its own record tells.
fn from_checkpoint(
    subject: &Subject,
    processes: &Processes,
    first: &RunRecord,
) -> Result<Option<RunRecord>, VerifyError> {
    let own = subject.clone();
    let half = Moment::Event(first.events / 2);
    let experiment = watchdog::watched(subject.watchdog, move |pulse: &AtomicU64| {
        run::run_to(&own.scenario, (own.begin)(), half, pulse)
    })?;
    let Some(experiment) = experiment else {
        return Ok(None);
    };
    let checkpoint = Checkpoint {
        scenario: Scenario::clone(&subject.scenario),
        seed: subject.seed,
        experiment,
    };
    Ok(Some(processes.resume(&checkpoint)?))
}

#[cfg(test)]
mod tests;

//! What a resync costs: bytes and time to in sync, and what its clients feel, beside a
//! copy of everything and beside the difference of two snapshots.
//!
//! A run is a pair in sync under a light load, whose mirror is cut off while clients write
//! so many blocks, each once and at places of the seed's own, and heard again under a load
//! of so many writes a second. Policies share commands, clocks, latencies and instants
//! (common random numbers). Owns what is run at which point of the grid; `plan` makes the
//! scenario, `watch` looks on at a run, `snapshot` computes what nobody runs.

mod plan;
mod snapshot;
#[cfg(test)]
mod tests;
mod watch;

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use stormglass_reports::record::{
    Decimal, LogCost, LogRun, ResyncCost, ResyncPoint, ResyncRecord, ResyncRun,
};

use self::watch::{Sample, Watch};
use crate::experiment::{Bench, Experiment};

/// How the mirror becomes equal again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// By the dirty-region log.
    Regions,
    /// As a whole: the mirror's data device is replaced by a blank one meanwhile.
    Full,
    /// By the block-exact difference of two snapshots. Computed from the run of
    /// `Regions`, for the engine has no snapshots.
    Snapshot,
}

impl Policy {
    /// Every policy.
    pub const ALL: [Policy; 3] = [Policy::Regions, Policy::Full, Policy::Snapshot];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Regions => "regions",
            Policy::Full => "full",
            Policy::Snapshot => "snapshot",
        }
    }
}

/// A point of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Of a thousand blocks, how many are written while the mirror is away.
    pub dirty_permille: u32,
    /// Blocks of a region.
    pub region_blocks: u64,
    /// Writes of one block that clients begin in a second once the mirror is back.
    pub writes_per_second: u32,
}

/// What is to be found out.
#[derive(Clone, Debug)]
pub struct Study {
    /// Where.
    pub points: Vec<Point>,
    /// Under which policies.
    pub policies: Vec<Policy>,
    /// With which seeds.
    pub seeds: Range<u64>,
    /// Blocks of the volume.
    pub volume_blocks: u64,
    /// How many threads run it.
    pub jobs: u32,
}

/// Why a study has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StudyError {
    /// A run broke a promise, or never came to its end: its figures mean nothing.
    #[error("seed {seed} under policy `{policy}`, {dirty_permille} in 1000 dirty: {says}")]
    Failed {
        /// The seed.
        seed: u64,
        /// The policy.
        policy: &'static str,
        /// The point's share.
        dirty_permille: u32,
        /// What it says.
        says: String,
    },
    /// It was asked to stop before any seed was done.
    #[error("stopped before any seed was done")]
    Stopped,
    /// The volume and its regions do not fit each other or the limits.
    #[error("{0}")]
    Scenario(String),
}

/// What one seed came to at one point: a run for each policy, and the writes of the
/// first, in sync and alone.
struct Measured {
    runs: Vec<ResyncRun>,
    logs: [LogRun; 2],
}

/// Measures one seed at one point under one policy; `Snapshot` is measured as `Regions`.
fn run_one(study: &Study, point: Point, policy: Policy, seed: u64) -> Result<Sample, StudyError> {
    let plan = plan::make(study, point, policy, seed)?;
    let failed = |says: String| StudyError::Failed {
        seed,
        policy: policy.name(),
        dirty_permille: point.dirty_permille,
        says,
    };
    let mut experiment = Experiment::new(&plan.scenario, seed);
    let mut watch = Watch::new(&experiment, plan.quiet_at);
    let mut bench = Bench::default();
    while experiment.step(&mut bench) {
        let at = experiment.elapsed();
        if let Some(finding) = experiment.findings().first() {
            return Err(failed(finding.says.clone()));
        }
        for occurrence in &bench.log {
            watch.observe(at, occurrence, experiment.world());
        }
        if watch.is_over() {
            break;
        }
        if at >= plan.ends_at {
            return Err(failed("the copies were never in sync again".to_owned()));
        }
    }
    let sample = watch.into_sample();
    let sample = sample.ok_or_else(|| failed("there was no resync".to_owned()))?;
    let named = plan::dirtied(study.volume_blocks, point);
    if (sample.dirty_blocks as u64) < named {
        return Err(failed("the mirror was back too soon".to_owned()));
    }
    Ok(sample)
}

/// Measures one seed at one point.
fn measure(study: &Study, point: Point, seed: u64) -> Result<Measured, StudyError> {
    let by_regions = run_one(study, point, Policy::Regions, seed)?;
    let run_of = |sample: &Sample| ResyncRun {
        seed,
        dirty_blocks: sample.dirty_blocks as u64,
        bytes: sample.bytes,
        nanos: sample.took.as_nanos(),
        write_nanos: sample.writes.clone(),
    };
    let runs = study.policies.iter().map(|policy| match policy {
        Policy::Regions => Ok(run_of(&by_regions)),
        Policy::Full => run_one(study, point, *policy, seed).map(|sample| run_of(&sample)),
        Policy::Snapshot => {
            let plan = plan::make(study, point, *policy, seed)?;
            let cost = snapshot::cost(&plan.scenario, by_regions.dirty_blocks as u64);
            Ok(ResyncRun {
                seed,
                dirty_blocks: by_regions.dirty_blocks as u64,
                bytes: cost.bytes,
                nanos: cost.time.as_nanos(),
                write_nanos: Vec::new(),
            })
        }
    });
    Ok(Measured {
        runs: runs.collect::<Result<_, _>>()?,
        logs: [by_regions.calm, by_regions.alone],
    })
}

/// Runs a study. `tell` hears how many points of seeds are done, from any thread. One that
/// is stopped says what it has: seeds that are done at every point.
pub fn run(
    study: &Study,
    stop: &AtomicBool,
    tell: &(dyn Fn(u64) + Sync),
) -> Result<ResyncRecord, StudyError> {
    let points = study.points.len() as u64;
    let count = points * (study.seeds.end - study.seeds.start);
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let results = Mutex::new(Vec::new());
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let point = study.points[(number % points) as usize];
            let measured = measure(study, point, study.seeds.start + number / points);
            if measured.is_err() {
                next.store(count, Ordering::Relaxed);
            }
            let mut results = results.lock().expect("no worker panics while it holds it");
            results.push((number, measured));
            drop(results);
            tell(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    thread::scope(|scope| {
        for _ in 0..study.jobs.max(1) {
            scope.spawn(work);
        }
    });
    let mut results = results.into_inner().expect("every worker has ended");
    results.sort_by_key(|(number, _)| *number);
    let mut measured = Vec::new();
    for (_, result) in results {
        measured.push(result?);
    }
    // Whole seeds only: each point has the same ones.
    let whole = measured.len() - measured.len() % study.points.len().max(1);
    measured.truncate(whole);
    if measured.is_empty() {
        return Err(StudyError::Stopped);
    }
    Ok(conclude(study, &measured))
}

fn conclude(study: &Study, measured: &[Measured]) -> ResyncRecord {
    let count = study.points.len();
    let of_point = |place: usize| measured.iter().skip(place).step_by(count);
    let points = study.points.iter().enumerate().map(|(place, point)| {
        let cost = |(which, policy): (usize, &Policy)| {
            let runs = of_point(place).map(|it| it.runs[which].clone());
            ResyncCost::new(policy.name(), *policy == Policy::Snapshot, runs.collect())
        };
        ResyncPoint {
            dirty_percent: Decimal::ratio(u64::from(point.dirty_permille), 10),
            region_blocks: point.region_blocks,
            writes_per_second: point.writes_per_second,
            policies: study.policies.iter().enumerate().map(cost).collect(),
        }
    });
    // Of the last point, by custom the one with the most writes while the mirror is away.
    let logs = |which: usize| {
        let logs = of_point(count - 1).map(|it| it.logs[which].clone());
        LogCost::new(logs.collect())
    };
    let logs = [0, 1].map(logs);
    ResyncRecord::new(study.volume_blocks, points.collect(), logs)
}

//! What the sides of a comparison may be: a run by its scenario and seed, a repro, a
//! checkpoint, a trail.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use stormglass_reports::escape;
use stormglass_reports::record::PartingRecord;

use super::{Differ, Side, part, trails};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::experiment::{Bench, Experiment};
use crate::moment::Moment;
use crate::repro::{Cue, Repro, ReproError};
use crate::run;
use crate::source::{Setting, Source, SourceError};
use crate::trail::{Played, Trail, TrailError};

/// One side, as it was named.
pub enum Given {
    /// A run from its beginning.
    Run(Box<Side>),
    /// A run in its midst, and what it goes on to.
    Checkpoint(Box<Side>),
    /// What a program, perhaps another version, wrote of a run.
    Trail(Box<Trail<BufReader<File>>>),
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum GivenError {
    /// There is no such scenario.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The checkpoint is of no use.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The trail is of no use.
    #[error(transparent)]
    Trail(#[from] TrailError),
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", escape(.path))]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: io::Error,
    },
    /// The repro is of no use.
    #[error("{} is no repro: {error}", escape(.path))]
    Repro {
        /// The file.
        path: String,
        /// Why.
        error: ReproError,
    },
    /// It names no run.
    #[error("{} is no run", escape(.0))]
    NoRun(String),
    /// What was recorded cannot be changed any more.
    #[error("{} was recorded; its settings cannot be changed", escape(.0))]
    Recorded(String),
    /// The one run ends before the point at which the other stands.
    #[error("one run ends before event {0}, at which the other stands")]
    EndsBefore(u64),
}

impl Given {
    /// Reads what `text` names: `SCENARIO@SEED`, or a file.
    pub fn read(text: &str, settings: &[Setting]) -> Result<Given, GivenError> {
        if !Path::new(text).is_file() {
            let named = text.rsplit_once('@');
            let named = named.and_then(|(target, seed)| Some((target, seed.parse().ok()?)));
            let (target, seed) = named.ok_or_else(|| GivenError::NoRun(text.to_owned()))?;
            let source = Source::load(target, settings)?;
            let experiment = Experiment::new(&source.scenario, seed);
            let scenario = Arc::new(source.scenario);
            return Ok(Given::Run(Box::new(Side {
                scenario,
                seed,
                experiment,
            })));
        }
        if !settings.is_empty() {
            return Err(GivenError::Recorded(text.to_owned()));
        }
        match Checkpoint::load(Path::new(text)) {
            Ok(checkpoint) => return Ok(Given::Checkpoint(Box::new(checkpoint.into()))),
            Err(CheckpointError::NoCheckpoint) => {}
            Err(error) => return Err(error.into()),
        }
        let unreadable = |reason| GivenError::Unreadable {
            path: text.to_owned(),
            reason,
        };
        let file = File::open(text).map_err(unreadable)?;
        if let Some(trail) = Trail::open(BufReader::new(file))? {
            return Ok(Given::Trail(Box::new(trail)));
        }
        let content = fs::read_to_string(text).map_err(unreadable)?;
        let repro = Repro::parse(&content).map_err(|error| GivenError::Repro {
            path: text.to_owned(),
            error,
        })?;
        Ok(Given::Run(Box::new(Side {
            experiment: Experiment::of_repro(&repro, Cue::Exact),
            seed: repro.seed,
            scenario: Arc::new(repro.scenario),
        })))
    }
}

impl GivenError {
    /// What would help.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            GivenError::NoRun(_) => {
                "name a run as SCENARIO@SEED, as in owner-crash@7, or a file that \
                 `stormglass run` wrote by --checkpoint, --trace or --repro"
            }
            GivenError::Recorded(_) => "settings change a run that is named as SCENARIO@SEED",
            GivenError::EndsBefore(_) => "take the checkpoint earlier",
            GivenError::Trail(_) | GivenError::Unreadable { .. } => {
                "`stormglass run SCENARIO --trace FILE` writes a trail"
            }
            GivenError::Repro { .. } => {
                "name a file that `stormglass run` wrote by --checkpoint, --trace or --repro"
            }
            GivenError::Source(_) | GivenError::Checkpoint(_) => return None,
        })
    }
}

impl From<Checkpoint> for Side {
    fn from(checkpoint: Checkpoint) -> Side {
        Side {
            scenario: Arc::new(checkpoint.scenario),
            seed: checkpoint.seed,
            experiment: checkpoint.experiment,
        }
    }
}

/// Compares two sides. Where one stands further than the other, the other is run up to
/// there first. `progress` rises with every step.
pub fn compare(
    left: Given,
    right: Given,
    progress: &AtomicU64,
) -> Result<PartingRecord, GivenError> {
    match (left, right) {
        (Given::Trail(left), Given::Trail(right)) => {
            let heads = [left.head.clone(), right.head.clone()];
            let lines = |trail: Trail<_>| trail.map(|line| line.map_err(GivenError::Trail));
            let mut parting = trails::compare(lines(*left), lines(*right))?;
            let [left, right] = heads.map(|head| head.version);
            if left != right {
                let note = format!("written by version {left} and version {right}");
                parting.notes.push(note);
            }
            Ok(parting)
        }
        (Given::Trail(trail), Given::Run(side) | Given::Checkpoint(side)) => {
            let played = Played::new(&side.scenario, side.experiment.clone(), progress);
            let lines = trail.map(|line| line.map_err(GivenError::Trail));
            let lines = trails::behind(lines, &side.experiment);
            trails::compare(lines, played.map(Ok))
        }
        (Given::Run(side) | Given::Checkpoint(side), Given::Trail(trail)) => {
            let played = Played::new(&side.scenario, side.experiment.clone(), progress);
            let lines = trail.map(|line| line.map_err(GivenError::Trail));
            let lines = trails::behind(lines, &side.experiment);
            trails::compare(played.map(Ok), lines)
        }
        (
            Given::Run(left) | Given::Checkpoint(left),
            Given::Run(right) | Given::Checkpoint(right),
        ) => {
            let [left, right] = aligned([*left, *right], progress)?;
            let event = left.experiment.world().totals().events;
            let mut parting = part(left, right, Differ::Events, progress);
            if event > 0 {
                let note = format!("compared from event {event} on, where the later one stands");
                parting.notes.push(note);
            }
            Ok(parting)
        }
    }
}

/// Runs the side that stands earlier up to where the other stands.
fn aligned(sides: [Side; 2], progress: &AtomicU64) -> Result<[Side; 2], GivenError> {
    let place = |side: &Side| {
        let world = side.experiment.world();
        (world.totals().events, world.now())
    };
    let [mut left, mut right] = sides;
    if place(&left) < place(&right) {
        left.experiment = run_to(left.clone(), &right.experiment, progress)?;
    } else if place(&right) < place(&left) {
        right.experiment = run_to(right.clone(), &left.experiment, progress)?;
    }
    Ok([left, right])
}

/// The run at the point at which `there` stands. What is done from outside counts no
/// events, so several points have one number: the equal one, or else the last one that is
/// not later.
fn run_to(side: Side, there: &Experiment, progress: &AtomicU64) -> Result<Experiment, GivenError> {
    let event = there.world().totals().events;
    let moment = Moment::Event(event);
    let found = run::run_to(&side.scenario, side.experiment, moment, progress);
    let mut experiment = found.ok_or(GivenError::EndsBefore(event))?;
    let mut bench = Bench::default();
    while experiment != *there {
        let mut ahead = experiment.clone();
        let is_taken = ahead.step(&mut bench);
        let world = ahead.world();
        if !is_taken || world.totals().events > event || world.now() > there.world().now() {
            break;
        }
        experiment = ahead;
    }
    Ok(experiment)
}

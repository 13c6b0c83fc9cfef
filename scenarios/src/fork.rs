//! Two futures of one instant: a run as it goes on, and the same with something changed.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use stormglass_engine::time::Duration;
use stormglass_reports::escape;
use stormglass_reports::record::{
    ForkRecord, FutureRecord, PartingRecord, RunRecord, SchemaVersion,
};
use toml::{Table, Value};

use crate::diff::{self, Differ, Given, GivenError, Side};
use crate::experiment::{self, Bench, Experiment};
use crate::file::{self, Diagnostics, Scenario};
use crate::moment::Moment;
use crate::run::{self, Keep};
use crate::source::{self, Setting, SettingError};

/// What may be set while a run is under way: everything else is built into its world.
pub const CHANGEABLE: [&str; 13] = [
    "weather.until",
    "weather.loss",
    "weather.duplicate",
    "weather.delay",
    "weather.corrupt",
    "weather.io.slow",
    "weather.io.error",
    "weather.io.failed_flush",
    "weather.io.lying_flush",
    "weather.io.lost_write",
    "weather.io.misdirected_write",
    "limits.events",
    "limits.sim_time",
];

/// What makes the other future.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A fault, as a scenario has it; at once unless it says `on`.
    Fault(String),
    /// A setting.
    Setting(Setting),
}

/// Why there are no two futures.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// There is no such run.
    #[error(transparent)]
    Given(#[from] GivenError),
    /// A trail has no future.
    #[error("a trail cannot be run on")]
    Trail,
    /// The run ends before.
    #[error("the run ends before {0}")]
    EndsBefore(Moment),
    /// The run is past that already.
    #[error("the checkpoint stands at event {event}, after {moment}")]
    Past {
        /// The moment asked for.
        moment: Moment,
        /// Where it stands.
        event: u64,
    },
    /// The fault is no table with one key.
    #[error("--fault {}: this is no fault", escape(.0))]
    NoFault(String),
    /// A fault says itself when it happens.
    #[error("--fault {}: the moment is said by --at", escape(.0))]
    HasMoment(String),
    /// With it the scenario is not valid.
    #[error("--fault {}: {}", escape(.fault), messages(.diagnostics))]
    InvalidFault {
        /// The fault.
        fault: String,
        /// What is wrong.
        diagnostics: Diagnostics,
    },
    /// The setting is of no use.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// It belongs to what the world was built from.
    #[error("--set {}: this cannot be changed while a run is under way", escape(.0))]
    Fixed(String),
    /// Everything that was begun has to end.
    #[error("calm has set in before {0}: from then on nothing may befall anybody")]
    Calm(Duration),
    /// The other future would be calm before it begins, or never.
    #[error(
        "--set weather.until={}: the fork is at {}, and the run ends at {}",
        file::print_duration(*.calm),
        file::print_duration(*.now),
        file::print_duration(*.last)
    )]
    CalmElsewhere {
        /// When it would be calm.
        calm: Duration,
        /// When the future begins.
        now: Duration,
        /// When the run ends.
        last: Duration,
    },
    /// The oracles of a checkpoint do not reckon with that.
    #[error("the checkpoint's oracles do not reckon with lost content")]
    Uncharted,
}

/// Two futures at their beginning.
#[derive(Clone, Debug)]
pub struct Fork {
    /// The one that nothing was done to.
    pub left: Side,
    /// The other.
    pub right: Side,
    /// When that begins.
    pub at: Duration,
    /// What was done to it.
    pub change: String,
}

impl Fork {
    /// Runs what was given up to the moment, a checkpoint perhaps not at all, and changes
    /// one side. `progress` rises with every step.
    pub fn new(
        given: Given,
        moment: Option<Moment>,
        change: &Change,
        progress: &AtomicU64,
    ) -> Result<Fork, ForkError> {
        let mut side = match given {
            Given::Run(side) | Given::Checkpoint(side) => *side,
            Given::Trail(_) => return Err(ForkError::Trail),
        };
        // What is wrong with a change is said before anything is run.
        let now = side.experiment.elapsed();
        let changed = changed(&side.scenario, change, now)?;
        // Only one that has not begun can still learn to reckon with it.
        if experiment::loses_content(&changed) && !side.experiment.expect_loss() {
            return Err(ForkError::Uncharted);
        }
        if let Some(moment) = moment {
            side.experiment = run_to(&side, moment, progress)?;
        }
        let now = match moment {
            Some(Moment::At(span)) => span,
            Some(Moment::Event(_)) | None => side.experiment.elapsed(),
        };
        Fork::at(side, now, change)
    }

    /// Changes one of two futures of where a run stands, at an instant before its next event.
    fn at(side: Side, now: Duration, change: &Change) -> Result<Fork, ForkError> {
        let touches_calm = |change: &Change| match change {
            Change::Fault(_) => true,
            Change::Setting(setting) => setting.path()[0] == "weather",
        };
        if side.experiment.oracles().is_calm() && touches_calm(change) {
            return Err(ForkError::Calm(now));
        }
        let scenario = changed(&side.scenario, change, now)?;
        let calm = scenario.weather.until;
        if calm != side.scenario.weather.until {
            let last = scenario.limits.sim_time;
            if calm <= now || calm > last {
                return Err(ForkError::CalmElsewhere { calm, now, last });
            }
        }
        let mut right = side.clone();
        match change {
            Change::Fault(_) => {
                let fault = scenario.faults.last().expect("one was added");
                right.experiment.add_fault(fault);
                apply_due(&mut right.experiment, now);
            }
            Change::Setting(_) => {
                let experiment = &mut right.experiment;
                experiment.change_weather(&side.scenario, &scenario, side.seed);
            }
        }
        right.scenario = Arc::new(scenario);
        Ok(Fork {
            left: side,
            right,
            at: now,
            change: match change {
                Change::Fault(fault) => fault.clone(),
                Change::Setting(setting) => setting.to_string(),
            },
        })
    }

    /// Where the futures part.
    pub fn parting(&self, progress: &AtomicU64) -> PartingRecord {
        diff::part(
            self.left.clone(),
            self.right.clone(),
            Differ::Events,
            progress,
        )
    }

    /// What a future comes to.
    pub fn run(side: &Side, progress: &AtomicU64) -> RunRecord {
        let experiment = side.experiment.clone();
        run::run_on(
            &side.scenario,
            side.seed,
            experiment,
            Keep::Counts,
            progress,
        )
    }

    /// All of it as a record.
    pub fn record(&self, [left, right]: [RunRecord; 2], parting: PartingRecord) -> ForkRecord {
        let at = self.at;
        let future = |change: Option<&str>, run: RunRecord| FutureRecord {
            change: change.map(str::to_owned),
            verdict: run.verdict,
            trace_hash: run.trace_hash,
            events: run.events,
            findings: run.findings,
        };
        ForkRecord {
            schema_version: SchemaVersion,
            scenario: self.left.scenario.name.clone(),
            seed: self.left.seed,
            at: std::time::Duration::from_nanos(at.as_nanos()),
            event: self.left.experiment.world().totals().events,
            left: future(None, left),
            right: future(Some(&self.change), right),
            parting,
        }
    }
}

fn run_to(side: &Side, moment: Moment, progress: &AtomicU64) -> Result<Experiment, ForkError> {
    let event = side.experiment.world().totals().events;
    let is_past = match moment {
        Moment::Event(count) => count < event,
        Moment::At(span) => span < side.experiment.elapsed(),
    };
    if is_past {
        return Err(ForkError::Past { moment, event });
    }
    let experiment = side.experiment.clone();
    run::run_to(&side.scenario, experiment, moment, progress).ok_or(ForkError::EndsBefore(moment))
}

/// What is due at this instant happens now, so that nothing of the other future is mixed
/// with it.
fn apply_due(experiment: &mut Experiment, now: Duration) {
    let now = experiment.start().after(now);
    let mut bench = Bench::default();
    while let Some(experiment::Next::Fault(at)) = experiment.next() {
        if at > now || !experiment.step(&mut bench) {
            return;
        }
    }
}

/// The scenario with the change in it.
fn changed(scenario: &Scenario, change: &Change, now: Duration) -> Result<Scenario, ForkError> {
    match change {
        Change::Fault(fault) => with_fault(scenario, fault, now),
        Change::Setting(setting) => {
            let path = setting.path().join(".");
            let is_within = |outer: &str| {
                let rest = path.strip_prefix(outer);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            if !CHANGEABLE.iter().any(|outer| is_within(outer)) {
                return Err(ForkError::Fixed(setting.to_string()));
            }
            Ok(source::with_settings(
                scenario,
                std::slice::from_ref(setting),
            )?)
        }
    }
}

/// The scenario with one more fault, the last.
fn with_fault(scenario: &Scenario, text: &str, now: Duration) -> Result<Scenario, ForkError> {
    let no_fault = || ForkError::NoFault(text.to_owned());
    let mut fault: Table = text.parse().map_err(|_| no_fault())?;
    let is_one = fault.len() == 1;
    let action = fault
        .iter_mut()
        .next()
        .and_then(|(_, action)| action.as_table_mut());
    let action = action.filter(|_| is_one).ok_or_else(no_fault)?;
    if action.contains_key("at") {
        return Err(ForkError::HasMoment(text.to_owned()));
    }
    if !action.contains_key("on") {
        let at = file::print_duration(now);
        action.insert("at".to_owned(), Value::String(at));
    }
    let mut whole: Table = scenario.to_toml().parse().expect("a scenario is TOML");
    let faults = whole
        .entry("fault")
        .or_insert_with(|| Value::Array(Vec::new()));
    let faults = faults.as_array_mut().expect("faults are a list");
    faults.push(Value::Table(fault));
    let whole = toml::to_string(&whole).expect("a table of plain values is TOML");
    file::parse(&scenario.name, &whole).map_err(|diagnostics| ForkError::InvalidFault {
        fault: text.to_owned(),
        diagnostics,
    })
}

/// What is wrong; the places are of no use to who wrote one line.
fn messages(diagnostics: &Diagnostics) -> String {
    let all = diagnostics.iter().map(|one| one.message.as_str());
    all.collect::<Vec<_>>().join("; ")
}

impl ForkError {
    /// What would help.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            ForkError::Given(error) => return error.help().map(str::to_owned),
            ForkError::Trail => "name SCENARIO@SEED or a checkpoint".to_owned(),
            ForkError::EndsBefore(_) => "name an earlier instant".to_owned(),
            ForkError::Past { .. } => "name a later instant, or SCENARIO@SEED".to_owned(),
            ForkError::NoFault(_) => {
                "write it as a scenario does, as in 'crash = { node = \"east-1\" }'".to_owned()
            }
            ForkError::HasMoment(_) => "leave `at` out; `on` may wait for an event".to_owned(),
            ForkError::InvalidFault { diagnostics, .. } => {
                let mut all = diagnostics.iter();
                return all.next().map(|one| one.help.clone());
            }
            ForkError::Setting(_) => return None,
            ForkError::Fixed(_) => {
                let all = CHANGEABLE.join(", ");
                format!(
                    "what can be is {all}; or fork SCENARIO@SEED with that set from the beginning and `diff` it"
                )
            }
            ForkError::Calm(_) => "fork earlier, or set weather.until later".to_owned(),
            ForkError::CalmElsewhere { .. } => "name an instant between the two".to_owned(),
            ForkError::Uncharted => "fork SCENARIO@SEED instead".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;

//! Repros: a failing run as a file that is read, reviewed, replayed and made smaller.
//!
//! ```text
//! run ──tape──▶ Repro ──form──▶ file ──form──▶ Repro ──script──▶ run
//! ```
//!
//! A repro has the scenario without its faults, the seed, and the list of the faults that
//! happened, each keyed by what it hit and never by a count of events or a place in a
//! random stream. The seed still draws latencies, clocks and, where they are not listed,
//! the clients' commands. `entry` is one fault, `tape` records them, `script` is the fate
//! of a run that follows them, `form` (with `deed` and `names`) the file, `play` runs a
//! repro and says what came of it.

mod deed;
mod entry;
mod fingerprint;
mod form;
mod names;
mod play;
mod script;
pub mod tape;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::atomic::AtomicU64;

use stormglass_reports::record::{RunRecord, Verdict};
use stormglass_sim::device::{IoEffect, Return};
use stormglass_sim::fault::Fault;
use stormglass_sim::random::Seed;
use stormglass_sim::time::WorldTime;

pub use entry::{Act, After, Aspect, Departed, Entry, Hardware, Trouble, ends};
pub use form::ReproError;
pub(crate) use form::nodes;
pub use names::Names;
pub use script::{Cue, Script, Stage, Staleness};

use crate::experiment::Experiment;
use crate::fate::Fate;
use crate::file::{NodeName, Planned, Scenario};
use crate::run::{self, Ears, Keep};
use crate::weather::Core;

/// The version of the file format.
pub const FORMAT: u32 = 1;

/// A failing run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repro {
    /// The scenario, without scheduled faults and weather.
    pub scenario: Scenario,
    /// The seed of latencies, clocks and undrawn commands.
    pub seed: u64,
    /// How it fails.
    pub failure: Failure,
    /// Whom calm mends, if anybody.
    pub core: Option<Core>,
    /// Nodes that never boot.
    pub absent: Vec<NodeName>,
    /// What happened, in order.
    pub entries: Vec<Entry>,
    /// The version of Stormglass that wrote it.
    pub written_by: String,
    /// What it is a repro of, in a sentence; may be empty.
    pub about: String,
}

/// How a run fails: equal for failures of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The verdict.
    pub verdict: Verdict,
    /// The oracle and its words without their numbers.
    pub signature: String,
    /// Its words.
    pub says: String,
}

impl Failure {
    /// What a run came to.
    pub fn of(record: &RunRecord) -> Self {
        Failure {
            verdict: record.verdict,
            signature: run::signature(record),
            says: record
                .findings
                .first()
                .map_or_else(String::new, |finding| finding.says.clone()),
        }
    }

    /// True for the same kind of failure.
    pub fn is_like(&self, other: &Failure) -> bool {
        (self.verdict, &self.signature) == (other.verdict, &other.signature)
    }
}

impl Repro {
    /// Runs a scenario and records what befalls it; then runs what came out, and says in it
    /// if that does not fail as the run did.
    pub fn record(
        scenario: &Scenario,
        seed: u64,
        keep: Keep,
        progress: &AtomicU64,
    ) -> (Repro, RunRecord) {
        let (mut repro, record) = Repro::tape(scenario, seed, keep, progress);
        let again = repro.play(Cue::Exact, Keep::Counts, progress);
        if again.run.trace_hash != record.trace_hash || !again.stale_keys.is_empty() {
            let found = run::signature(&again.run);
            repro.about = format!("Its replay is not the run that it was made of: {found}");
        }
        (repro, record)
    }

    fn tape(
        scenario: &Scenario,
        seed: u64,
        keep: Keep,
        progress: &AtomicU64,
    ) -> (Repro, RunRecord) {
        let experiment = Experiment::new(scenario, seed);
        let core = match experiment.fate() {
            Fate::Weather(weather) if weather.mends() => Some(weather.core().clone()),
            Fate::Weather(_) | Fate::Script(_) => None,
        };
        let mut tape = experiment.tape();
        let ears = Ears::new(keep, progress).with_tape(&mut tape);
        let (record, _) = run::run_heard(scenario, seed, experiment, ears);
        let (entries, _) = tape.into_parts();
        let repro = Repro {
            scenario: without_faults(scenario),
            seed,
            failure: Failure::of(&record),
            core,
            absent: Vec::new(),
            entries,
            written_by: env!("CARGO_PKG_VERSION").to_owned(),
            about: String::new(),
        };
        (repro, record)
    }

    /// The list as the fate of a run.
    pub fn script(&self, cue: Cue, start: WorldTime) -> Script {
        let stage = Stage {
            seed: Seed(self.seed),
            start,
            until: self.scenario.weather.until,
            core: self.core.clone(),
        };
        Script::new(self.entries.clone(), cue, stage)
    }

    /// Faults in the list; what only ends one is none.
    pub fn faults(&self) -> usize {
        self.entries.iter().filter(|entry| !entry.is_end()).count()
    }

    /// Commands that its clients issue.
    pub fn commands(&self) -> u64 {
        let asked = &self.scenario.workload;
        match asked.listed.len() {
            0 => u64::from(asked.commands) * u64::from(asked.clients),
            listed => listed as u64,
        }
    }

    /// The same with these commands and no others; as it is, if there are none.
    #[must_use]
    pub fn with_commands(&self, commands: Vec<Planned>) -> Repro {
        let mut repro = self.clone();
        repro.scenario.workload.listed = commands;
        repro
    }

    /// The same faults of another cluster; those of what it does not have are left out.
    /// Nothing if the scenario is not valid, or a fault cannot happen there.
    pub(crate) fn moved_to(&self, scenario: Scenario) -> Option<Repro> {
        scenario.check().ok()?;
        let moved = Repro {
            entries: form::entries_in(&self.entries, (&self.scenario, &scenario), self.seed)?,
            scenario,
            ..self.clone()
        };
        Some(moved)
    }

    /// Whether anything may take content from a device.
    pub(crate) fn loses_content(&self) -> bool {
        self.entries.iter().any(|entry| match &entry.act {
            Act::Command { trouble, .. } => matches!(
                trouble,
                Trouble::Wrong {
                    effect: IoEffect::Lost | IoEffect::Misdirected(_) | IoEffect::FlushLies,
                    ..
                }
            ),
            Act::Hardware(hardware) => match hardware.fault {
                Fault::Damage { .. } | Fault::Restore(..) | Fault::Swap(_) => true,
                Fault::DeviceReturns(_, returns) => returns != Return::Intact,
                _ => false,
            },
            Act::Message { .. } | Act::Unknown(_) => false,
        })
    }
}

/// A scenario whose faults stand elsewhere. Its weather is only when calm sets in.
fn without_faults(scenario: &Scenario) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.faults.clear();
    // What it was to show, it shows no more.
    scenario.title.clear();
    scenario.description.clear();
    scenario.covers.clear();
    scenario.suites.clear();
    scenario.weather = crate::file::Weather {
        until: scenario.weather.until,
        ..crate::file::Weather::default()
    };
    scenario
}

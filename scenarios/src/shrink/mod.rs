//! Shrinking: takes out of a repro whatever its failure does not need.
//!
//! What fails as the repro did, by the same verdict and signature, is the next repro; what
//! passes, or fails in any other way, is not looked at again. The order of what is tried
//! is fixed, so the same repro always shrinks to the same. `search` is the search,
//! `trunk` the forks that spare it the beginnings, `units` what goes together, `steps`
//! and `places` what else can be made smaller.
//!
//! A candidate follows names first: the faults that are left hit what they hit before. If
//! some of that is gone too, it is tried once more with the instants: where commands are left
//! out, all later ones have other numbers, and so have their messages.

mod places;
mod search;
mod steps;
#[cfg(test)]
mod tests;
mod trunk;
mod units;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;

use stormglass_reports::record::{
    ReplayRecord, Replayed, RunRecord, SchemaVersion, ShrinkRecord, ShrinkStep,
};
use stormglass_sim::random::Seed;
use stormglass_sim::time::WorldTime;

use self::trunk::{Cost, Trunk};
use crate::cluster;
use crate::repro::{Cue, Failure, Repro};

/// Rounds over everything; each makes room for the next.
const ROUNDS_MAX: usize = 8;

/// Whoever watches a shrinking, and may stop it.
pub trait Watcher {
    /// Something was tried. `best` is what fails so far.
    fn hear(&mut self, best: &Repro, tried: &Tried);
    /// True if it is to stop; what is the least so far comes out.
    fn is_stopped(&self) -> bool;
}

/// What was tried so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// What is being made smaller.
    pub what: &'static str,
    /// Candidates that were run.
    pub runs: u64,
    /// Events that they took.
    pub events_run: u64,
    /// Events before the forks at which they began.
    pub events_saved: u64,
    /// Faults that are left.
    pub faults: u64,
    /// Commands that are left.
    pub commands: u64,
}

/// Why nothing was shrunk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShrinkError {
    /// The repro does not fail as it says.
    #[error("it does not fail as it says: the run comes to {found}")]
    FailsOtherwise {
        /// What it comes to.
        found: String,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The least that was found; it replays exactly.
    pub repro: Repro,
    /// In figures.
    pub record: ShrinkRecord,
}

/// Shrinks a repro. `progress` rises with every event of a run.
pub fn shrink(
    repro: &Repro,
    watcher: &mut dyn Watcher,
    progress: &AtomicU64,
) -> Result<Shrunk, ShrinkError> {
    shrink_with(repro, watcher, progress, Forking::On)
}

/// Whether candidates begin at forks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forking {
    On,
    /// For comparison.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "what forks save is measured by a test")
    )]
    Off,
}

fn shrink_with(
    repro: &Repro,
    watcher: &mut dyn Watcher,
    progress: &AtomicU64,
    forking: Forking,
) -> Result<Shrunk, ShrinkError> {
    let (first, again) = begin(repro, progress)?;
    let before = (repro.faults() as u64, again.commands(), first.run.events);
    let mut work = Work {
        best: again,
        watcher,
        progress,
        forking,
        tried: Tried::default(),
        steps: Vec::new(),
        events: first.run.events,
    };
    let commands_before = work.best.commands();
    work.list_commands();
    for _ in 0..ROUNDS_MAX {
        let at_first = work.size();
        work.step("faults", Work::drop_faults);
        work.step("commands", Work::drop_commands);
        work.step("nodes", Work::drop_nodes);
        work.step("mediator", Work::drop_mediator);
        work.step("clients", Work::drop_clients);
        work.step("blocks", Work::drop_blocks);
        work.step("volume", Work::drop_volume);
        work.step("time", Work::shorten);
        work.step("jitter", Work::calm_links);
        if work.size() == at_first || work.watcher.is_stopped() {
            break;
        }
    }
    let complete = !work.watcher.is_stopped();
    let Work {
        mut best,
        tried,
        steps,
        events,
        ..
    } = work;
    best.about.clone_from(&repro.about);
    let record = ShrinkRecord {
        schema_version: SchemaVersion,
        scenario: best.scenario.name.clone(),
        verdict: best.failure.verdict,
        signature: best.failure.signature.clone(),
        faults_before: before.0,
        faults_after: best.faults() as u64,
        commands_before,
        commands_after: best.commands(),
        events_before: before.2,
        events_after: events,
        runs: tried.runs,
        events_run: tried.events_run,
        events_saved: tried.events_saved,
        steps,
        complete,
    };
    Ok(Shrunk {
        repro: best,
        record,
    })
}

/// Runs the repro as it is. By names, should that be needed: a file that somebody has
/// edited need not be exact.
fn begin(repro: &Repro, progress: &AtomicU64) -> Result<(ReplayRecord, Repro), ShrinkError> {
    let mut found = String::new();
    for cue in [Cue::Exact, Cue::Names, Cue::Instants] {
        let (played, again) = repro.play_again(cue, progress);
        if played.outcome == Replayed::Same {
            return Ok((played, again));
        }
        if found.is_empty() {
            found = crate::run::signature(&played.run);
        }
    }
    Err(ShrinkError::FailsOtherwise { found })
}

/// A shrinking under way.
struct Work<'a> {
    /// The least that fails so far, as its own run recorded it.
    best: Repro,
    watcher: &'a mut dyn Watcher,
    progress: &'a AtomicU64,
    forking: Forking,
    tried: Tried,
    steps: Vec<ShrinkStep>,
    /// Events until the best fails.
    events: u64,
}

impl Work<'_> {
    /// How large the best is, in everything that a step makes smaller.
    fn size(&self) -> (usize, u64, u64, u32, usize, bool, u64) {
        let commands = self.best.scenario.workload.listed.iter();
        let blocks = commands.map(|it| u64::from(it.blocks)).sum();
        (
            self.best.faults(),
            self.best.commands(),
            blocks,
            self.best.scenario.workload.clients,
            self.best.absent.len(),
            self.best.scenario.topology.mediator,
            self.best.scenario.topology.volume_blocks,
        )
    }

    fn step(&mut self, what: &'static str, act: fn(&mut Self) -> (u64, u64)) {
        if self.watcher.is_stopped() {
            return;
        }
        self.tried.what = what;
        let runs = self.tried.runs;
        let (before, after) = act(self);
        self.steps.push(ShrinkStep {
            what: what.to_owned(),
            before,
            after,
            runs: self.tried.runs - runs,
        });
    }

    fn count(&mut self, cost: Cost) {
        self.tried.runs += 1;
        self.tried.events_run += cost.run;
        self.tried.events_saved += cost.saved;
        self.tried.faults = self.best.faults() as u64;
        self.tried.commands = self.best.commands();
        self.watcher.hear(&self.best, &self.tried);
    }

    /// Runs a candidate from its beginning; if it fails as it should, it is the best.
    fn attempt(&mut self, candidate: &Repro) -> bool {
        for cue in [Cue::Names, Cue::Instants] {
            let (played, again) = candidate.play_again(cue, self.progress);
            let run = played.run.events;
            let is_same = played.outcome == Replayed::Same;
            if is_same {
                self.best = again;
                self.events = run;
            }
            self.count(Cost { run, saved: 0 });
            if is_same || played.stale_keys.is_empty() {
                return is_same;
            }
        }
        false
    }

    fn is_same(&self, record: &RunRecord) -> bool {
        Failure::of(record).is_like(&self.best.failure)
    }

    /// Lists the commands that were begun, in place of drawing all.
    fn list_commands(&mut self) {
        if !self.best.scenario.workload.listed.is_empty() {
            return;
        }
        let (_, begun) = self.best.begun(self.progress);
        if !begun.is_empty() {
            let listed = self.best.with_commands(begun);
            self.attempt(&listed);
        }
    }

    fn drop_faults(&mut self) -> (u64, u64) {
        let before = self.best.faults() as u64;
        let base = self.best.clone();
        let (world, _) = cluster::build(&base.scenario, Seed(base.seed), WorldTime::ZERO);
        let units = units::units(&base.entries, &world);
        let (record, mut trunk) = Trunk::new(&base, Cue::Names, self.progress);
        if !self.is_same(&record) {
            return (before, before);
        }
        let without = |kept: &[usize]| -> BTreeSet<usize> {
            let kept: BTreeSet<usize> = kept.iter().copied().collect();
            let gone = (0..units.len()).filter(|unit| !kept.contains(unit));
            gone.flat_map(|unit| units[unit].iter().copied()).collect()
        };
        let work = std::cell::RefCell::new(&mut *self);
        let kept = search::least(
            units.len(),
            |kept| {
                let mut work = work.borrow_mut();
                let gone = without(kept);
                let (record, next, cost) = match work.forking {
                    Forking::On => {
                        let more = gone.difference(trunk.dropped()).copied().collect();
                        trunk.branch(&more, work.progress)
                    }
                    Forking::Off => Trunk::whole(&base, &gone, work.progress),
                };
                work.count(cost);
                let is_same = work.is_same(&record);
                if is_same {
                    trunk = next;
                }
                is_same
            },
            || work.borrow().watcher.is_stopped(),
        );
        let gone = without(&kept);
        let mut least = base;
        let mut place = 0;
        least.entries.retain(|_| {
            place += 1;
            !gone.contains(&(place - 1))
        });
        // Recorded anew: what is left has other things before it now.
        self.attempt(&least);
        (before, self.best.faults() as u64)
    }
}

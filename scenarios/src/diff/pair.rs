//! Two runs, stepped side by side.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stormglass_sim::time::WorldTime;
use stormglass_sim::world::Component;

use super::Side;
use crate::experiment::{Bench, Experiment};
use crate::file::Scenario;
use crate::{panics, run};

/// Why a run goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing is left to happen.
    Rest,
    /// An oracle found something, or a limit was reached.
    Run(run::End),
    /// The engine panicked.
    Panic(Option<String>),
}

/// The step with which a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stepped {
    pub(crate) at: WorldTime,
    /// What is done from outside comes before the events of its instant.
    pub(crate) is_event: bool,
}

/// A run and how far it is.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) experiment: Experiment,
    scenario: Arc<Scenario>,
    pub(crate) end: Option<End>,
    /// The last step that changed anything.
    pub(crate) last: Option<Stepped>,
}

/// Two runs after as many turns.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) left: Run,
    pub(crate) right: Run,
    pub(crate) turn: u64,
}

impl Run {
    fn new(side: Side) -> Self {
        Run {
            experiment: side.experiment,
            scenario: side.scenario,
            end: None,
            last: None,
        }
    }

    /// Takes so many turns, or as many as there are.
    pub(crate) fn advance(&mut self, turns: u64, progress: &AtomicU64) {
        if self.end.is_some() {
            return;
        }
        let advanced = panics::quietly(|| {
            catch_unwind(AssertUnwindSafe(|| {
                let mut bench = Bench::default();
                for _ in 0..turns {
                    if self.end.is_none() {
                        self.end = self.turn(&mut bench, progress);
                    }
                }
            }))
        });
        if advanced.is_err() {
            self.end = Some(End::Panic(panics::last()));
        }
    }

    /// Takes steps up to the first one that changes the run's hash.
    fn turn(&mut self, bench: &mut Bench, progress: &AtomicU64) -> Option<End> {
        let experiment = &mut self.experiment;
        let hash = experiment.world().trace_hash();
        loop {
            let events = experiment.world().totals().events;
            if !experiment.step(bench) {
                return Some(End::Rest);
            }
            progress.fetch_add(1, Ordering::Relaxed);
            let world = experiment.world();
            let is_changed = world.trace_hash() != hash;
            if is_changed {
                self.last = Some(Stepped {
                    at: world.now(),
                    is_event: world.totals().events > events,
                });
            }
            let end = run::end(experiment, &self.scenario);
            if is_changed || end.is_some() {
                return end.map(End::Run);
            }
        }
    }
}

impl Pair {
    pub(crate) fn new(left: Side, right: Side) -> Self {
        let [left, right] = [left, right].map(Run::new);
        let turn = 0;
        Pair { left, right, turn }
    }

    /// So many turns on either side.
    pub(crate) fn advance(&mut self, turns: u64, progress: &AtomicU64) {
        self.left.advance(turns, progress);
        self.right.advance(turns, progress);
        self.turn += turns;
    }

    /// True once neither run goes on.
    pub(crate) fn is_over(&self) -> bool {
        self.left.end.is_some() && self.right.end.is_some()
    }

    /// True if the same has happened on both sides, as the hashes have it.
    pub(crate) fn has_equal_hashes(&self) -> bool {
        let [left, right] = [&self.left, &self.right].map(|run| run.experiment.world());
        self.left.end == self.right.end
            && left.trace_hash() == right.trace_hash()
            && left.components().eq(right.components())
            && self.parted_components().next().is_none()
    }

    /// True if both experiments are equal in everything.
    pub(crate) fn has_equal_states(&self) -> bool {
        self.left.experiment == self.right.experiment
    }

    /// The components to which something else has happened.
    pub(crate) fn parted_components(&self) -> impl Iterator<Item = Component> {
        let [left, right] = [&self.left, &self.right].map(|run| run.experiment.world());
        let shared = left.components().zip(right.components());
        shared
            .filter(|(one, other)| one == other)
            .map(|(one, _)| one)
            .filter(|one| left.component_hash(*one) != right.component_hash(*one))
    }
}

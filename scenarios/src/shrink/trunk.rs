//! Forked candidates: a run with forks at intervals, so that a candidate that first
//! differs from it late does not run the beginning again.
//!
//! A candidate leaves faults out of the list and nothing else. Up to the first of them
//! that happened, its run is the trunk's; it begins at the last fork before that. If it
//! fails as it should, it is the next trunk: the forks up to there are its forks too.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;

use stormglass_reports::record::RunRecord;

use crate::experiment::Experiment;
use crate::repro::{Cue, Repro};
use crate::run::{self, Ears, Keep};

/// Forks that are kept; of more, every other one goes.
const FORKS_MAX: usize = 96;
/// Steps between two forks at first.
const INTERVAL: u64 = 256;
/// A fault that did not happen.
const NEVER: u64 = u64::MAX;

/// A fork, and how many steps lead to it.
#[derive(Clone, Debug)]
struct Fork {
    steps: u64,
    experiment: Experiment,
}

/// A run that others branch off.
#[derive(Clone, Debug)]
pub(super) struct Trunk {
    repro: Repro,
    forks: Vec<Fork>,
    interval: u64,
    /// By place in the list: the step in which it happened.
    met_at: Vec<u64>,
    /// What is left out already.
    dropped: BTreeSet<usize>,
}

/// What a branch took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Events that it ran.
    pub(super) run: u64,
    /// Events before the fork at which it began.
    pub(super) saved: u64,
}

impl Trunk {
    /// Runs a repro from its beginning.
    pub(super) fn new(repro: &Repro, cue: Cue, progress: &AtomicU64) -> (RunRecord, Trunk) {
        let bare = Trunk {
            repro: repro.clone(),
            forks: Vec::new(),
            interval: INTERVAL,
            met_at: vec![NEVER; repro.entries.len()],
            dropped: BTreeSet::new(),
        };
        let from = Fork {
            steps: 0,
            experiment: Experiment::of_repro(repro, cue),
        };
        bare.grow(from, progress)
    }

    /// The run without these from its beginning: what a branch spares.
    pub(super) fn whole(
        repro: &Repro,
        without: &BTreeSet<usize>,
        progress: &AtomicU64,
    ) -> (RunRecord, Trunk, Cost) {
        let mut experiment = Experiment::of_repro(repro, Cue::Names);
        if let Some(script) = experiment.script_mut() {
            script.leave_out(without.iter().copied());
        }
        let bare = Trunk {
            repro: repro.clone(),
            forks: Vec::new(),
            interval: INTERVAL,
            met_at: vec![NEVER; repro.entries.len()],
            dropped: without.clone(),
        };
        let steps = 0;
        let (record, trunk) = bare.grow(Fork { steps, experiment }, progress);
        let run = record.events;
        (record, trunk, Cost { run, saved: 0 })
    }

    /// What is left out.
    pub(super) fn dropped(&self) -> &BTreeSet<usize> {
        &self.dropped
    }

    /// The run without these, and what it would be as a trunk.
    pub(super) fn branch(
        &self,
        without: &BTreeSet<usize>,
        progress: &AtomicU64,
    ) -> (RunRecord, Trunk, Cost) {
        let first = self.first_difference(without);
        let last = self.forks.iter().rposition(|fork| fork.steps < first);
        let last = last.unwrap_or(0);
        let shorten = |fork: &Fork| {
            let mut fork = fork.clone();
            if let Some(script) = fork.experiment.script_mut() {
                script.leave_out(without.iter().copied());
            }
            fork
        };
        let mut forks: Vec<Fork> = self.forks[..=last].iter().map(shorten).collect();
        let from = forks.pop().expect("there is a fork at the beginning");
        let began_at = from.experiment.world().totals().events;
        let before = |at: &u64| if *at <= from.steps { *at } else { NEVER };
        let mut dropped = self.dropped.clone();
        dropped.extend(without);
        let bare = Trunk {
            repro: self.repro.clone(),
            forks,
            interval: self.interval,
            met_at: self.met_at.iter().map(before).collect(),
            dropped,
        };
        let (record, trunk) = bare.grow(from, progress);
        let cost = Cost {
            run: record.events.saturating_sub(began_at),
            saved: began_at,
        };
        (record, trunk, cost)
    }

    /// The first step that may differ without these. Not only what happens in it counts:
    /// calm begins when the list is over, so a list that is over sooner differs sooner.
    fn first_difference(&self, without: &BTreeSet<usize>) -> u64 {
        let first = without.iter().map(|place| self.met_at[*place]).min();
        let of_hardware = |place: &usize| self.repro.entries[*place].hardware().is_some();
        let last = |is_out: bool| {
            let places = (0..self.met_at.len()).filter(of_hardware);
            let places = places.filter(|place| !self.dropped.contains(place));
            let places = places.filter(|place| without.contains(place) == is_out);
            places.map(|place| self.met_at[place]).max()
        };
        let over = last(true) > last(false);
        let over = over.then(|| last(false).unwrap_or(0));
        first.into_iter().chain(over).min().unwrap_or(NEVER)
    }

    /// Runs on from a fork, and puts forks along the way.
    fn grow(mut self, from: Fork, progress: &AtomicU64) -> (RunRecord, Trunk) {
        let (scenario, seed) = (self.repro.scenario.clone(), self.repro.seed);
        let mut steps = from.steps;
        let mut met = 0;
        let mut watch = |experiment: &Experiment| {
            self.note(steps, &mut met, experiment);
            if steps.is_multiple_of(self.interval) {
                self.add(Fork {
                    steps,
                    experiment: experiment.clone(),
                });
            }
            steps += 1;
        };
        let ears = Ears::new(Keep::Counts, progress).with_watch(&mut watch);
        let (record, ended) = run::run_heard(&scenario, seed, from.experiment, ears);
        self.note(steps, &mut met, &ended);
        (record, self)
    }

    /// Notes what has happened since.
    fn note(&mut self, steps: u64, met: &mut usize, experiment: &Experiment) {
        let Some(script) = experiment.fate().script() else {
            return;
        };
        if script.met() == *met {
            return;
        }
        *met = script.met();
        for (place, at) in self.met_at.iter_mut().enumerate() {
            if *at == NEVER && script.has_met(place) {
                *at = steps;
            }
        }
    }

    fn add(&mut self, fork: Fork) {
        self.forks.push(fork);
        if self.forks.len() > FORKS_MAX {
            self.interval *= 2;
            let interval = self.interval;
            self.forks
                .retain(|fork| fork.steps.is_multiple_of(interval));
        }
    }
}

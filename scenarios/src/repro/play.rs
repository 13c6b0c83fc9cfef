//! Replay: runs a repro and says whether it still fails as it did.

use std::sync::atomic::AtomicU64;

use stormglass_reports::record::{ReplayRecord, Replayed, RunRecord, StaleKey, Verdict};
use stormglass_sim::random::Seed;
use stormglass_sim::time::WorldTime;

use super::form;
use super::{Cue, Failure, Names, Repro, Staleness};
use crate::cluster;
use crate::experiment::Experiment;
use crate::file::Planned;
use crate::run::{self, Ears, Keep};

impl Repro {
    /// Runs it.
    pub fn play(&self, cue: Cue, keep: Keep, progress: &AtomicU64) -> ReplayRecord {
        let experiment = Experiment::of_repro(self, cue);
        let ears = Ears::new(keep, progress);
        let (record, experiment) = run::run_heard(&self.scenario, self.seed, experiment, ears);
        self.judge(record, &experiment)
    }

    /// Runs it and records it anew: keys and instants of the repro that comes out are
    /// those of this run.
    pub fn play_again(&self, cue: Cue, progress: &AtomicU64) -> (ReplayRecord, Repro) {
        let experiment = Experiment::of_repro(self, cue);
        let mut tape = experiment.tape();
        let ears = Ears::new(Keep::Counts, progress).with_tape(&mut tape);
        let (record, experiment) = run::run_heard(&self.scenario, self.seed, experiment, ears);
        let (entries, commands) = tape.into_parts();
        let mut repro = Repro {
            entries,
            failure: Failure::of(&record),
            ..self.clone()
        };
        if !repro.scenario.workload.listed.is_empty() {
            repro.scenario.workload.listed = commands;
        }
        (self.judge(record, &experiment), repro)
    }

    /// Runs it and tells which commands were begun.
    pub(crate) fn begun(&self, progress: &AtomicU64) -> (RunRecord, Vec<Planned>) {
        let experiment = Experiment::of_repro(self, Cue::Exact);
        let mut tape = experiment.tape();
        let ears = Ears::new(Keep::Counts, progress).with_tape(&mut tape);
        let (record, _) = run::run_heard(&self.scenario, self.seed, experiment, ears);
        (record, tape.into_parts().1)
    }

    /// Compares a run with what was recorded; of one that never came back nothing else
    /// is known.
    pub fn compare(&self, run: RunRecord) -> ReplayRecord {
        let outcome = match run.verdict {
            Verdict::Pass => Replayed::Passed,
            _ if Failure::of(&run).is_like(&self.failure) => Replayed::Same,
            _ => Replayed::Other,
        };
        ReplayRecord {
            run,
            outcome,
            expected: self.failure.signature.clone(),
            stale_keys: Vec::new(),
        }
    }

    fn judge(&self, run: RunRecord, ended: &Experiment) -> ReplayRecord {
        let stale = ended
            .fate()
            .script()
            .map(|script| self.name(&script.stale()));
        ReplayRecord {
            stale_keys: stale.unwrap_or_default(),
            ..self.compare(run)
        }
    }

    fn name(&self, stale: &[(usize, Staleness)]) -> Vec<StaleKey> {
        if stale.is_empty() {
            return Vec::new();
        }
        let (world, _) = cluster::build(&self.scenario, Seed(self.seed), WorldTime::ZERO);
        let names = Names::new(&world);
        let named = stale.iter().map(|(place, why)| StaleKey {
            key: form::key(&self.entries[*place], &names),
            why: why.to_string(),
        });
        named.collect()
    }
}

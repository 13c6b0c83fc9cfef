//! Many runs.
//!
//! A [`SweepResult`] is the same whatever the order, the number of jobs or the
//! shards in which its runs were done: [`merge`](SweepResult::merge) is
//! associative and commutative, with the default as its neutral element. It is
//! *not* idempotent: shards are joined as [`Ledger`](super::Ledger)s.
//! Everything that depends on the machine is in [`SweepTiming`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use super::failure::merge_failures;
use super::quantity::seconds;
use super::{Decimal, Exit, Failure, RunRecord, SchemaVersion, Share, Verdict};

/// What a sweep came to: `sweep … --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepRecord {
    /// The version of this record.
    pub schema_version: SchemaVersion,
    /// What was found; the same on every machine.
    pub result: SweepResult,
    /// How long it took here.
    pub timing: SweepTiming,
    /// What became of the corpus, if it was replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corpus: Option<CorpusTally>,
}

/// Repros of former failures, replayed before a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CorpusTally {
    /// How many.
    pub runs: u64,
    /// Those that fail again, by name.
    pub failed: Vec<String>,
}

/// What a sweep found, apart from everything that depends on the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct SweepResult {
    /// Runs that came to a verdict: `passed + failed + unrecoverable`.
    pub runs: u64,
    /// Runs that passed.
    pub passed: u64,
    /// Runs that failed in any way but being unrecoverable by design.
    pub failed: u64,
    /// Runs in which the faults destroyed the last good copy: neither passed
    /// nor failed.
    pub unrecoverable: u64,
    /// Client commands acknowledged, over all runs.
    pub acknowledged: u64,
    /// One per signature and verdict, in that order, with its shortest run.
    pub failures: Vec<Failure>,
    /// How many seeds reached each rare state.
    pub probes: BTreeMap<String, ProbeTally>,
    /// Faults by kind, over all runs; zero where a kind was switched on and
    /// never happened.
    pub faults: BTreeMap<String, u64>,
    /// In how many of the seeds that switch a kind of fault on it happened.
    #[serde(default)]
    pub faults_enabled: BTreeMap<String, FaultTally>,
    /// What each scenario's seeds came to.
    #[serde(default)]
    pub scenarios: BTreeMap<String, ScenarioTally>,
    /// How often a node's state changed from one to another (`from -> to`); zero
    /// for what is possible and never happened.
    #[serde(default)]
    pub transitions: BTreeMap<String, u64>,
}

/// What a scenario says about its runs before any of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// The probes that it lists, each with the share of such seeds that must
    /// reach it.
    pub probes: BTreeMap<String, Share>,
    /// The kinds of faults that it switches on.
    pub faults: BTreeSet<String>,
}

impl SweepResult {
    /// The result of a sweep of one run.
    ///
    /// A probe that the run reached without its scenario listing it is not
    /// counted: it would make a share of more than all. `signature` is what this run's failure has in common with
    /// others like it; a run that did not fail needs none.
    pub fn of_run(run: &RunRecord, listed: &Listed, signature: &str) -> SweepResult {
        let mut result = SweepResult {
            runs: 1,
            acknowledged: run.commands.success,
            faults: run.faults.clone(),
            transitions: run.transitions.clone(),
            ..SweepResult::default()
        };
        for kind in &listed.faults {
            let happened = run.faults.get(kind).is_some_and(|count| *count > 0);
            let tally = FaultTally {
                enabled_seeds: 1,
                happened_seeds: u64::from(happened),
            };
            result.faults_enabled.insert(kind.clone(), tally);
        }
        for (name, required) in &listed.probes {
            let reached = run.probes.get(name).is_some_and(|count| *count > 0);
            let tally = ProbeTally {
                hit: u64::from(reached),
                able: 1,
                required: *required,
            };
            result.probes.insert(name.clone(), tally);
        }
        match run.verdict {
            Verdict::Pass => result.passed = 1,
            Verdict::Unrecoverable => result.unrecoverable = 1,
            Verdict::Safety | Verdict::Crash | Verdict::Liveness | Verdict::Expectation => {
                result.failed = 1;
                result.failures.push(Failure::of_run(run, signature));
            }
        }
        let tally = ScenarioTally {
            runs: 1,
            passed: result.passed,
            failed: result.failed,
            unrecoverable: result.unrecoverable,
            failures: result.failures.clone(),
        };
        result.scenarios.insert(run.scenario.clone(), tally);
        result
    }

    /// Names transitions that are possible, so that those that never happen show.
    pub fn expect_transitions(&mut self, possible: impl IntoIterator<Item = String>) {
        for transition in possible {
            self.transitions.entry(transition).or_default();
        }
    }

    /// The result of both sweeps together.
    #[must_use]
    pub fn merge(mut self, other: SweepResult) -> SweepResult {
        self.runs += other.runs;
        self.passed += other.passed;
        self.failed += other.failed;
        self.unrecoverable += other.unrecoverable;
        self.acknowledged += other.acknowledged;
        self.failures = merge_failures(self.failures, other.failures);
        for (name, tally) in other.probes {
            let sum = self.probes.entry(name).or_default();
            *sum = sum.merge(tally);
        }
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        for (kind, tally) in other.faults_enabled {
            let sum = self.faults_enabled.entry(kind).or_default();
            sum.enabled_seeds += tally.enabled_seeds;
            sum.happened_seeds += tally.happened_seeds;
        }
        for (name, tally) in other.scenarios {
            let sum = self.scenarios.entry(name).or_default();
            *sum = std::mem::take(sum).merge(tally);
        }
        for (transition, count) in other.transitions {
            *self.transitions.entry(transition).or_default() += count;
        }
        self
    }

    /// Probes that too few of the seeds that could reach them did reach.
    pub fn probes_missing(&self) -> Vec<&str> {
        let missing = self.probes.iter().filter(|(_, tally)| tally.is_missing());
        missing.map(|(name, _)| name.as_str()).collect()
    }

    /// Kinds of faults that happened in too few of the seeds that switch them on.
    pub fn faults_missing(&self) -> Vec<&str> {
        let tallies = self.faults_enabled.iter();
        let missing = tallies.filter(|(_, tally)| tally.is_missing());
        missing.map(|(kind, _)| kind.as_str()).collect()
    }

    /// Transitions that are possible and never happened.
    pub fn transitions_missing(&self) -> Vec<&str> {
        let never = self.transitions.iter().filter(|(_, count)| **count == 0);
        never.map(|(name, _)| name.as_str()).collect()
    }

    /// How the sweep exits, where `unrecoverable_max` of its runs may be
    /// unrecoverable by design. Missing probes do not decide it.
    pub fn exit(&self, unrecoverable_max: Share) -> Exit {
        let too_many = unrecoverable_max.is_exceeded_by(self.unrecoverable, self.runs);
        let failures = self.failures.iter().map(|failure| failure.verdict.exit());
        Exit::worst(failures.chain(too_many.then_some(Exit::Unrecoverable)))
    }
}

/// By hand for the sake of what is missing, which follows from the rest.
impl Serialize for SweepResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("SweepResult", 14)?;
        fields.serialize_field("runs", &self.runs)?;
        fields.serialize_field("passed", &self.passed)?;
        fields.serialize_field("failed", &self.failed)?;
        fields.serialize_field("unrecoverable", &self.unrecoverable)?;
        fields.serialize_field("acknowledged", &self.acknowledged)?;
        fields.serialize_field("failures", &self.failures)?;
        fields.serialize_field("probes", &self.probes)?;
        fields.serialize_field("probes_missing", &self.probes_missing())?;
        fields.serialize_field("faults", &self.faults)?;
        fields.serialize_field("faults_enabled", &self.faults_enabled)?;
        fields.serialize_field("faults_missing", &self.faults_missing())?;
        fields.serialize_field("scenarios", &self.scenarios)?;
        fields.serialize_field("transitions", &self.transitions)?;
        fields.serialize_field("transitions_missing", &self.transitions_missing())?;
        fields.end()
    }
}

/// Seeds below which nothing is said to be missing: of fewer, a state that one run
/// in a hundred reaches is missed too often.
pub const SEEDS_MIN: u64 = 100;

/// How many seeds reached a rare state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeTally {
    /// Seeds that did, of those able to.
    pub hit: u64,
    /// Seeds whose scenario lists the probe.
    pub able: u64,
    /// The share of the able that must, in parts per million. Absent from JSON
    /// where it is the usual one percent.
    #[serde(default = "usual_share", skip_serializing_if = "is_usual_share")]
    pub required: Share,
}

impl ProbeTally {
    /// The share that must reach a probe unless its scenario says otherwise.
    pub const REQUIRED: Share = Share::percent(1);

    /// Whether too few of the able seeds reached it, as far as there are enough
    /// of them to say so.
    pub const fn is_missing(self) -> bool {
        self.able >= SEEDS_MIN && !self.required.is_reached_by(self.hit, self.able)
    }

    /// Where two scenarios require different shares, the greater holds.
    fn merge(self, other: ProbeTally) -> ProbeTally {
        ProbeTally {
            hit: self.hit + other.hit,
            able: self.able + other.able,
            required: self.required.max(other.required),
        }
    }
}

/// Neutral in a merge: no seeds, and nothing required of them.
impl Default for ProbeTally {
    fn default() -> Self {
        ProbeTally {
            hit: 0,
            able: 0,
            required: Share::NONE,
        }
    }
}

fn usual_share() -> Share {
    ProbeTally::REQUIRED
}

fn is_usual_share(share: &Share) -> bool {
    *share == ProbeTally::REQUIRED
}

/// In how many seeds a kind of fault happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FaultTally {
    /// Seeds whose scenario switches the kind on.
    pub enabled_seeds: u64,
    /// Those of them in which it happened.
    pub happened_seeds: u64,
}

impl FaultTally {
    /// The share of the seeds in which a fault that is switched on must happen.
    pub const REQUIRED: Share = Share::percent(1);

    /// Whether it happened in too few, as far as there are enough to say so.
    pub const fn is_missing(self) -> bool {
        self.enabled_seeds >= SEEDS_MIN
            && !FaultTally::REQUIRED.is_reached_by(self.happened_seeds, self.enabled_seeds)
    }
}

/// What the seeds of one scenario came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScenarioTally {
    /// Runs that came to a verdict.
    pub runs: u64,
    /// Runs that passed.
    pub passed: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Runs unrecoverable by design.
    pub unrecoverable: u64,
    /// One per signature and verdict, with the scenario's shortest run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

impl ScenarioTally {
    fn merge(self, other: ScenarioTally) -> ScenarioTally {
        ScenarioTally {
            runs: self.runs + other.runs,
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            unrecoverable: self.unrecoverable + other.unrecoverable,
            failures: merge_failures(self.failures, other.failures),
        }
    }
}

/// How long a sweep took on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepTiming {
    /// Wall time.
    #[serde(rename = "seconds", with = "seconds")]
    pub elapsed: Duration,
    /// Runs per second of wall time.
    pub seeds_per_second: Decimal,
    /// Runs done at once.
    pub jobs: u32,
}

impl SweepTiming {
    /// The timing of `runs` in `elapsed`.
    pub fn new(runs: u64, elapsed: Duration, jobs: u32) -> Self {
        // Runs per nanosecond to millionths of a run per second: 10⁹ · 10⁶. A
        // clock too coarse to have ticked counts as one nanosecond.
        let per_second = u128::from(runs) * 1_000_000_000_000_000 / elapsed.as_nanos().max(1);
        SweepTiming {
            elapsed,
            seeds_per_second: Decimal::from_millionths(
                i64::try_from(per_second).unwrap_or(i64::MAX),
            ),
            jobs,
        }
    }
}

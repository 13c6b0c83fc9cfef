//! Runs an experiment to its end and says what came of it.
//!
//! An engine's panic, an endless loop at one instant and a run past its limits
//! are verdicts like any other, never the end of whoever runs it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stormglass_engine::collections::Table;
use stormglass_engine::configuration::Replication;
use stormglass_reports::record::{
    self, CommandCounts, RunRecord, StoryRecord, TimelineEntry, TimelineKind, Verdict,
};

use crate::experiment::{Bench, Experiment};
use crate::fault_kinds;
use crate::file::{self, Scenario};
use crate::moment::Moment;
use crate::oracle::atlas::Destroyed;
use crate::oracle::{Consulted, Finding, OracleId, event_of};
use crate::panics;
use crate::repro::tape::Tape;
use crate::story::Recorder;
use crate::timeline;
use crate::waits;

/// Events at one instant beyond which a run is stuck.
const EVENTS_AT_ONE_INSTANT_MAX: u64 = 100_000;
/// Lines that a timeline keeps.
const TIMELINE_MAX: usize = 200_000;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The verdict.
    pub verdict: Verdict,
    /// Equal for failures of one kind.
    pub signature: String,
}

/// Whether a run keeps a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Counters and findings.
    Counts,
    /// Lines for a reader.
    Timeline,
}

/// Runs a scenario's experiment from its beginning.
pub fn run(scenario: &Scenario, seed: u64, keep: Keep) -> RunRecord {
    run_on(
        scenario,
        seed,
        Experiment::new(scenario, seed),
        keep,
        &AtomicU64::new(0),
    )
}

/// Runs an experiment on from wherever it is. `progress` rises with every event,
/// for whoever watches from outside.
pub fn run_on(
    scenario: &Scenario,
    seed: u64,
    experiment: Experiment,
    keep: Keep,
    progress: &AtomicU64,
) -> RunRecord {
    let ears = Ears::new(keep, progress);
    run_heard(scenario, seed, experiment, ears).0
}

/// The same, and tells the story for a page. The run stays the same.
pub fn tell_on(
    scenario: &Scenario,
    seed: u64,
    experiment: Experiment,
    progress: &AtomicU64,
) -> StoryRecord {
    let mut recorder = Recorder::new(&experiment);
    let ears = Ears {
        recorder: Some(&mut recorder),
        ..Ears::new(Keep::Timeline, progress)
    };
    let (record, experiment) = run_heard(scenario, seed, experiment, ears);
    recorder.finish(&experiment, record)
}

/// Who hears of a run while it goes on.
pub struct Ears<'a> {
    keep: Keep,
    progress: &'a AtomicU64,
    recorder: Option<&'a mut Recorder>,
    tape: Option<&'a mut Tape>,
    watch: Option<&'a mut dyn FnMut(&Experiment)>,
}

impl<'a> Ears<'a> {
    /// A run that keeps this, and whose progress rises with every event.
    pub fn new(keep: Keep, progress: &'a AtomicU64) -> Self {
        Ears {
            keep,
            progress,
            recorder: None,
            tape: None,
            watch: None,
        }
    }

    fn step(&mut self, experiment: &mut Experiment, bench: &mut Bench) -> bool {
        if let Some(watch) = &mut self.watch {
            watch(experiment);
        }
        match (&mut self.recorder, &mut self.tape) {
            (Some(recorder), _) => recorder.step(experiment, bench),
            (None, Some(tape)) => experiment.step_before(bench, *tape),
            (None, None) => experiment.step(bench),
        }
    }

    /// With a tape that has heard everything before.
    #[must_use]
    pub fn with_tape(self, tape: &'a mut Tape) -> Self {
        Ears {
            tape: Some(tape),
            ..self
        }
    }

    /// With somebody who sees the experiment before each of its steps.
    #[must_use]
    pub fn with_watch(self, watch: &'a mut dyn FnMut(&Experiment)) -> Self {
        Ears {
            watch: Some(watch),
            ..self
        }
    }
}

/// Runs an experiment on from wherever it is; gives it back as it ended.
pub fn run_heard(
    scenario: &Scenario,
    seed: u64,
    mut experiment: Experiment,
    mut ears: Ears<'_>,
) -> (RunRecord, Experiment) {
    let keep = ears.keep;
    let mut lines = Vec::new();
    let outcome = panics::quietly(|| {
        catch_unwind(AssertUnwindSafe(|| {
            let never = |_: &Experiment| false;
            drive(&mut experiment, scenario, (&mut ears, &mut lines), never)
        }))
    });
    if let Some(tape) = ears.tape {
        tape.add_ends(experiment.ends_to_come());
    }
    let consulted = match &outcome {
        Ok(Stop::Quiet(consulted)) => consulted.clone().unwrap_or_default(),
        Ok(Stop::Finding | Stop::Moment | Stop::Limit(_)) | Err(_) => Consulted::default(),
    };
    check_agreement(&consulted, scenario, seed);
    let ended = match outcome {
        Ok(stop) => judge(scenario, &experiment, stop),
        Err(_) => crashed(&mut lines, &experiment),
    };
    let ended = compare(ended, scenario.expect.verdict, &experiment);
    let mut record = to_record(scenario, seed, &experiment, lines, keep);
    record.verdict = ended.verdict;
    let opinion = [
        ("second_opinion_blocks", consulted.judged),
        ("second_opinion_skipped_blocks", consulted.skipped),
    ];
    let figures = opinion.map(|(name, count)| (name.to_owned(), record::Decimal::whole(count)));
    record.measures.extend(figures);
    if let Some(extra) = ended.extra {
        record.findings.push(extra);
    }
    (record, experiment)
}

/// Two oracles that contradict each other accuse the testbed, not the engine: that
/// is no verdict of a run.
fn check_agreement(consulted: &Consulted, scenario: &Scenario, seed: u64) {
    if let Some(says) = &consulted.disagreement {
        panic!(
            "internal error: O2 and its second opinion disagree: {says} ({}, seed {seed})",
            scenario.name
        );
    }
}

/// Runs an experiment on up to a moment; none if its run ends before.
pub fn run_to(
    scenario: &Scenario,
    mut experiment: Experiment,
    moment: Moment,
    progress: &AtomicU64,
) -> Option<Experiment> {
    let outcome = panics::quietly(|| {
        catch_unwind(AssertUnwindSafe(|| {
            let until = |experiment: &Experiment| moment.is_reached(experiment);
            let ears = &mut Ears::new(Keep::Counts, progress);
            drive(&mut experiment, scenario, (ears, &mut Vec::new()), until)
        }))
    });
    matches!(outcome, Ok(Stop::Moment)).then_some(experiment)
}

/// Why a run stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stop {
    /// Nothing is left to happen; what a second opinion says, if the clients are done.
    Quiet(Option<Consulted>),
    /// A safety oracle found something.
    Finding,
    /// The moment was reached up to which it was to run.
    Moment,
    /// A limit was reached; which.
    Limit(&'static str),
}

fn drive(
    experiment: &mut Experiment,
    scenario: &Scenario,
    (ears, lines): (&mut Ears<'_>, &mut Vec<TimelineEntry>),
    until: impl Fn(&Experiment) -> bool,
) -> Stop {
    let mut bench = Bench::default();
    loop {
        if until(experiment) {
            return Stop::Moment;
        }
        if !ears.step(experiment, &mut bench) {
            break;
        }
        ears.progress.fetch_add(1, Ordering::Relaxed);
        if ears.keep == Keep::Timeline && lines.len() < TIMELINE_MAX {
            let entry = |o| timeline::entry(o, experiment.world());
            lines.extend(bench.log.iter().filter_map(entry));
        }
        match end(experiment, scenario) {
            None => {}
            Some(End::Finding) => return Stop::Finding,
            Some(End::Limit(which)) => return Stop::Limit(which),
        }
    }
    let is_done = experiment.clients_are_done();
    Stop::Quiet(is_done.then(|| experiment.finish()))
}

/// Why a run ends though something is left to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// An oracle found something.
    Finding,
    /// A limit was reached; which.
    Limit(&'static str),
}

/// Whether a run ends after the step that was just taken.
pub(crate) fn end(experiment: &Experiment, scenario: &Scenario) -> Option<End> {
    if !experiment.findings().is_empty() {
        return Some(End::Finding);
    }
    if experiment.world().events_at_this_instant() > EVENTS_AT_ONE_INSTANT_MAX {
        return Some(End::Limit("endless loop at one instant"));
    }
    if experiment.world().totals().events > scenario.limits.events {
        return Some(End::Limit("event limit"));
    }
    (experiment.elapsed() > scenario.limits.sim_time).then_some(End::Limit("time limit"))
}

struct Judged {
    verdict: Verdict,
    extra: Option<record::Finding>,
}

fn judge(scenario: &Scenario, experiment: &Experiment, stop: Stop) -> Judged {
    let liveness = |says: String| Judged {
        verdict: Verdict::Liveness,
        extra: Some(finding("liveness", experiment, says)),
    };
    let is_stall = |finding: &Finding| finding.oracle == OracleId::O16;
    let findings = experiment.findings();
    if findings.iter().any(|finding| !is_stall(finding)) {
        return Judged {
            verdict: Verdict::Safety,
            extra: None,
        };
    }
    if let Some((volume, Destroyed { block, event })) = experiment.oracles().destroyed() {
        let of_volume = match experiment.map().pair_count() {
            1 => String::new(),
            _ => format!(" of volume {}", volume.number()),
        };
        let says = format!(
            "a fault took the last good copy of block {}{of_volume} at event {}",
            block.value(),
            event_of(event)
        );
        return Judged {
            verdict: Verdict::Unrecoverable,
            extra: Some(finding("atlas", experiment, says)),
        };
    }
    if !findings.is_empty() {
        return Judged {
            verdict: Verdict::Liveness,
            extra: None,
        };
    }
    match stop {
        Stop::Limit(which) => {
            return liveness(format!(
                "{which} reached; {}",
                waits::waits(experiment.world())
            ));
        }
        Stop::Quiet(_) if !experiment.clients_are_done() => {
            return liveness(format!(
                "nothing is left to happen; {}",
                waits::waits(experiment.world())
            ));
        }
        Stop::Quiet(_) | Stop::Moment | Stop::Finding => {}
    }
    match unmet(scenario, experiment) {
        None => Judged {
            verdict: Verdict::Pass,
            extra: None,
        },
        Some(says) => Judged {
            verdict: Verdict::Expectation,
            extra: Some(finding("expectation", experiment, says)),
        },
    }
}

/// Holds a verdict against the one that the scenario expects. Another failure than
/// the expected one stays what it is.
fn compare(ended: Judged, expected: file::Verdict, experiment: &Experiment) -> Judged {
    let expected = expected.to_record();
    if ended.verdict == expected {
        return Judged {
            verdict: Verdict::Pass,
            ..ended
        };
    }
    if ended.verdict != Verdict::Pass {
        return ended;
    }
    let says = format!("the run passes, and its scenario expects `{expected}`");
    Judged {
        verdict: Verdict::Expectation,
        extra: Some(finding("expectation", experiment, says)),
    }
}

fn finding(oracle: &str, experiment: &Experiment, says: String) -> record::Finding {
    record::Finding {
        oracle: oracle.to_owned(),
        at: std::time::Duration::from_nanos(experiment.world().now().as_nanos()),
        says,
        events: vec![experiment.world().totals().events],
    }
}

/// The first expectation that was not met.
fn unmet(scenario: &Scenario, experiment: &Experiment) -> Option<String> {
    let probes = &experiment.tally().probes;
    if let Some(missing) = scenario
        .expect
        .probes
        .iter()
        .find(|probe| !probes.contains_key(probe.as_str()))
    {
        return Some(format!("probe \"{missing}\" was not reached"));
    }
    if let Some(reached) = scenario
        .expect
        .unreached
        .iter()
        .find(|probe| probes.contains_key(probe.as_str()))
    {
        return Some(format!("probe \"{reached}\" was reached"));
    }
    let chained = scenario.settings.replication == Replication::Chained;
    let figures = experiment.measures().figures(chained);
    for bound in &scenario.expect.measures {
        let Some(figure) = figures.get(&bound.name) else {
            let known: Vec<&str> = figures.keys().map(String::as_str).collect();
            return Some(format!(
                "there is no measure {}; there are {}",
                bound.name,
                known.join(", ")
            ));
        };
        let limit = |bound: file::Thousandths| record::Decimal::ratio(bound.value(), 1_000);
        if bound.max.is_some_and(|max| *figure > limit(max)) {
            let max = bound.max.map(limit).map_or(0.0, record::Decimal::to_f64);
            return Some(format!(
                "{} is {}, above {max}",
                bound.name,
                figure.to_f64()
            ));
        }
        if bound.min.is_some_and(|min| *figure < limit(min)) {
            let min = bound.min.map(limit).map_or(0.0, record::Decimal::to_f64);
            return Some(format!(
                "{} is {}, below {min}",
                bound.name,
                figure.to_f64()
            ));
        }
    }
    (experiment.untriggered() > 0).then(|| "a fault's event never came".to_owned())
}

fn crashed(lines: &mut Vec<TimelineEntry>, experiment: &Experiment) -> Judged {
    let says = panics::last().unwrap_or_else(|| "a panic without a message".to_owned());
    let at = std::time::Duration::from_nanos(experiment.world().now().as_nanos());
    lines.push(TimelineEntry::new(
        at,
        "engine",
        TimelineKind::Finding,
        says.clone(),
    ));
    Judged {
        verdict: Verdict::Crash,
        extra: Some(finding("panic", experiment, says)),
    }
}

/// What is common to all failures of one kind: the oracle and its words without
/// their numbers.
pub fn signature(record: &RunRecord) -> String {
    let Some(first) = record.findings.first() else {
        return record.verdict.to_string();
    };
    let words: String = first
        .says
        .chars()
        .filter(|c| !c.is_ascii_digit())
        .take(80)
        .collect();
    format!(
        "{}: {}",
        first.oracle,
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    )
}

fn to_record(
    scenario: &Scenario,
    seed: u64,
    experiment: &Experiment,
    lines: Vec<TimelineEntry>,
    keep: Keep,
) -> RunRecord {
    let world = experiment.world();
    let tally = experiment.tally();
    let commands = tally.commands;
    let mut faults = by_name(&tally.faults);
    for kind in fault_kinds::enabled(scenario, experiment.weather()) {
        faults.entry(kind.to_owned()).or_insert(0);
    }
    let chained = scenario.settings.replication == Replication::Chained;
    RunRecord {
        schema_version: record::SchemaVersion,
        scenario: scenario.name.clone(),
        seed,
        verdict: Verdict::Pass,
        trace_hash: format!("{:016x}", world.trace_hash()),
        events: world.totals().events,
        messages: world.totals().messages,
        simulated: std::time::Duration::from_nanos(experiment.elapsed().as_nanos()),
        commands: CommandCounts {
            issued: commands.issued,
            success: commands.success,
            mismatch: commands.mismatch,
            refused: commands.refused,
            unknown: commands.unknown,
            cancelled: commands.cancelled,
        },
        faults,
        probes: by_name(&tally.probes),
        measures: experiment.measures().figures(chained),
        findings: experiment
            .findings()
            .iter()
            .map(Finding::to_record)
            .collect(),
        oracles: match keep {
            Keep::Counts => Vec::new(),
            Keep::Timeline => experiment.oracles().lines(experiment.findings()),
        },
        transitions: experiment.transitions().counts(),
        command: String::new(),
        timeline: lines,
    }
}

/// Counts as reports have them.
fn by_name(counts: &Table<Arc<str>, u64>) -> BTreeMap<String, u64> {
    let named = |(name, count): (&Arc<str>, &u64)| (name.to_string(), *count);
    counts.iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Verdict as Expected;

    /// A run of few commands, stopped after so many events.
    fn verdict(events: u64, expected: Expected) -> RunRecord {
        let mut scenario = Scenario::builder("verdicts")
            .expect_verdict(expected)
            .build()
            .expect("the defaults are valid");
        scenario.workload.commands = 3;
        scenario.limits.events = events;
        run(&scenario, 1, Keep::Counts)
    }

    #[test]
    fn a_verdict_is_held_against_the_expected_one() {
        use Verdict::{Expectation, Liveness, Pass};
        let (enough, too_few) = (1_000_000, 50);
        for (events, expected, verdict_then) in [
            (enough, Expected::Pass, Pass),
            (too_few, Expected::Pass, Liveness),
            (too_few, Expected::Liveness, Pass),
            (enough, Expected::Liveness, Expectation),
            (too_few, Expected::Safety, Liveness),
        ] {
            let record = verdict(events, expected);
            assert_eq!(record.verdict, verdict_then, "{events} {expected:?}");
        }
        let record = verdict(enough, Expected::Liveness);
        assert!(record.findings[0].says.contains("expects `liveness`"));
    }
}

use super::*;
use crate::grid::{WIDTH, width_of};
use crate::record::{Listed, PartingRecord, ProbeTally, SweepResult};
use crate::samples::{
    self, diff_record, failed_verification, failing_sweep, fork_record, passing_run, sweep_record,
};

#[test]
fn the_list() {
    insta::assert_snapshot!(list(&scenarios(), Paint::Plain));
    insta::assert_snapshot!(list(&[], Paint::Plain), @"
    Scenario  Shows  Covers  Suites

    0 scenarios
    ");
}

#[test]
fn the_features() {
    insta::assert_snapshot!(features(&some_features(), Paint::Plain));
}

#[test]
fn the_features_in_colour() {
    let coloured = features(&some_features()[..1], Paint::Colour);
    insta::assert_snapshot!(coloured.replace('\u{1b}', "␛"));
}

#[test]
fn a_sweep_with_failures() {
    insta::assert_snapshot!(sweep(&failing_sweep(), Paint::Plain));
}

#[test]
fn the_transitions_of_a_sweep() {
    insta::assert_snapshot!(transitions(&failing_sweep().result, Paint::Plain), @"
    From     to          count
    standby  claiming    1,100
             recovering      0  never happened
    ");
}

#[test]
fn a_sweep_in_colour() {
    let coloured = sweep(&failing_sweep(), Paint::Colour);
    insta::assert_snapshot!(coloured.replace('\u{1b}', "␛"));
}

#[test]
fn a_sweep_that_passed_is_quiet() {
    let result = SweepResult::of_run(&passing_run(), &Listed::default(), "");
    let mut record = sweep_record(result);
    record.result.faults.clear();
    record.result.transitions.clear();
    insta::assert_snapshot!(sweep(&record, Paint::Plain), @"
    1 run: 1 passed, 0 failed; 58 commands acknowledged
    12.500 s with 2 jobs, 0.1 seeds/s
    ");
}

#[test]
fn a_sweep_of_nothing() {
    let record = sweep_record(SweepResult::default());
    insta::assert_snapshot!(sweep(&record, Paint::Plain), @"
    0 runs: 0 passed, 0 failed; 0 commands acknowledged
    12.500 s with 2 jobs, 0.0 seeds/s
    ");
}

#[test]
fn odd_sweeps_stay_in_bounds() {
    let mut record = failing_sweep();
    let failure = &mut record.result.failures[0];
    failure.signature = "panicked at 'no\nsuch\u{1b}[2J block' ".repeat(20);
    failure.scenario = "x".repeat(300);
    failure.repro = Some("out/".repeat(60));
    record.result.faults.insert("kind".repeat(60), u64::MAX);
    record
        .result
        .probes
        .insert("probe ".repeat(60), ProbeTally::default());
    for line in sweep(&record, Paint::Plain).lines() {
        assert!(width_of(line) <= WIDTH, "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

#[test]
fn a_verification() {
    let failed = failed_verification();
    let mut record = VerifyRecord {
        deterministic: true,
        first_difference: None,
        ..failed.clone()
    };
    insta::assert_snapshot!(
        verify(&record, Paint::Plain),
        @"Deterministic: 5 runs, trace hash 9f3c0a117be2d458"
    );
    record.deterministic = false;
    insta::assert_snapshot!(verify(&record, Paint::Plain), @"
    NOT deterministic: 5 runs, not all with trace hash 9f3c0a117be2d458
      Where they part is not known.
    ");
    record.first_difference = failed.first_difference;
    insta::assert_snapshot!(verify(&record, Paint::Plain), @"
    NOT deterministic: 5 runs, not all with trace hash 9f3c0a117be2d458
      First at event  4411 at 2.104 s
      Component       west-1 D-module
      Field           epoch
      Left            7
      Right           6
    ");
}

#[test]
fn where_two_runs_part() {
    let mut record = diff_record();
    insta::assert_snapshot!(diff(&record, Paint::Plain));
    record.equal = true;
    record.parting = PartingRecord::default();
    insta::assert_snapshot!(
        diff(&record, Paint::Plain),
        @"Equal: lossy-network@1 and half.checkpoint"
    );
    insta::assert_snapshot!(fork(&fork_record(), Paint::Plain));
}

fn scenarios() -> Vec<ListRecord> {
    let scenario = |name: &str, title: &str, suites: &[&str], covers: &[&str]| ListRecord {
        name: name.to_owned(),
        title: title.to_owned(),
        suites: strings(suites),
        covers: strings(covers),
    };
    vec![
        scenario(
            "takeover/power-loss",
            "The owner loses power under load; its partner takes over and serves what was acknowledged",
            &["smoke", "nightly"],
            &["T1", "T3", "F2"],
        ),
        scenario("replication/idle", "Nothing happens", &[], &[]),
    ]
}

fn some_features() -> Vec<FeatureRecord> {
    let feature =
        |id: &str, title: &str, status, mutant: Option<&str>, guarded: bool| FeatureRecord {
            probe: guarded.then(|| "takeover during resync".to_owned()),
            mutant: mutant.map(str::to_owned),
            guarded,
            ..samples::feature(id, title, status)
        };
    vec![
        feature(
            "T1",
            "A takeover fences the old owner first",
            FeatureStatus::Shown,
            Some("skip-fence"),
            true,
        ),
        feature(
            "T2",
            "A takeover replays the journal before it serves anything at all",
            FeatureStatus::Failing,
            Some("skip-replay"),
            false,
        ),
        feature("T3", "Giveback", FeatureStatus::Missing, None, false),
    ]
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

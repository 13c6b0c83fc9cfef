use std::collections::BTreeMap;
use std::time::Duration;

use quick_junit::{Report, TestCaseStatus};

use super::*;
use crate::record::{Listed, SchemaVersion, Share, SweepResult, SweepTiming, Verdict};
use crate::samples::{failing_run, passing_run};

/// Two scenarios: one fails in two ways, and lists what never happens.
fn swept() -> SweepRecord {
    let listed = Listed {
        probes: BTreeMap::from([("cancel | won".to_owned(), Share::percent(1))]),
        faults: ["bit_rot"].map(str::to_owned).into(),
    };
    let mut crash = failing_run();
    crash.verdict = Verdict::Crash;
    (crash.seed, crash.events) = (7, 90);
    crash.command = "stormglass run 'a|b' --seed 7".to_owned();
    let mut other = passing_run();
    other.scenario = "replication/idle".to_owned();
    let results = [
        SweepResult::of_run(&failing_run(), &listed, "O5 <b>outside</b> 100 % & more"),
        SweepResult::of_run(&crash, &listed, "panic: no\nsuch \u{1b}[2J block"),
        SweepResult::of_run(&other, &listed, ""),
    ];
    let many = std::iter::repeat_n(SweepResult::of_run(&passing_run(), &listed, ""), 120);
    let all = results.into_iter().chain(many);
    let result = all.fold(SweepResult::default(), SweepResult::merge);
    SweepRecord {
        corpus: None,
        schema_version: SchemaVersion,
        timing: SweepTiming::new(result.runs, Duration::from_millis(12_500), 2),
        result,
    }
}

#[test]
fn a_sweep_is_read_back_from_its_junit() {
    let xml = junit("spine", &swept());
    let report = Report::deserialize_from_str(&xml).expect("what was written");
    let [suite] = report.test_suites.as_slice() else {
        panic!("one suite: {xml}")
    };
    assert_eq!(suite.name.as_str(), "spine");
    let names: Vec<_> = suite
        .test_cases
        .iter()
        .map(|case| case.name.as_str())
        .collect();
    assert_eq!(names, ["replication/idle", "takeover/power-loss"]);
    assert!(matches!(
        suite.test_cases[0].status,
        TestCaseStatus::Success { .. }
    ));
    let TestCaseStatus::NonSuccess {
        message,
        description,
        ..
    } = &suite.test_cases[1].status
    else {
        panic!("it failed: {xml}")
    };
    assert_eq!(
        message.as_ref().map(|text| text.as_str()),
        Some(r"panic: no\nsuch \u{1b}[2J block")
    );
    let description = description.as_ref().expect("a text").as_str();
    assert!(
        description.starts_with("stormglass run 'a|b' --seed 7\n"),
        "{description}"
    );
    let other = "stormglass run takeover/power-loss --seed 42";
    assert!(
        description.lines().any(|line| line == other),
        "{description}"
    );
    let properties = suite.test_cases[1].properties.iter();
    let repros: Vec<_> = properties
        .filter(|property| property.name.as_str() == "repro")
        .map(|property| property.value.as_str())
        .collect();
    assert_eq!(repros, ["stormglass run 'a|b' --seed 7", other]);
}

#[test]
fn a_sweep_that_passed_has_no_failing_case() {
    let result = SweepResult::of_run(&passing_run(), &Listed::default(), "");
    let record = SweepRecord { result, ..swept() };
    let xml = junit("spine", &record);
    let report = Report::deserialize_from_str(&xml).expect("what was written");
    let suite = &report.test_suites[0];
    assert_eq!(
        (suite.test_cases.len(), suite.failures, suite.errors),
        (1, 0, 0)
    );
    assert_eq!(annotations(&record), [""; 0]);
}

#[test]
fn annotations_name_the_command() {
    insta::assert_snapshot!(annotations(&swept()).join("\n"));
}

#[test]
fn annotations_are_no_more_than_are_shown() {
    let many = (0..40)
        .map(|n| SweepResult::of_run(&failing_run(), &Listed::default(), &format!("kind {n}")));
    let result = many.fold(SweepResult::default(), SweepResult::merge);
    let record = SweepRecord { result, ..swept() };
    assert_eq!(annotations(&record).len(), 10);
}

#[test]
fn a_step_summary() {
    insta::assert_snapshot!(step_summary("suite spine", &swept()));
}

#[test]
fn a_step_summary_of_too_many_failures_fits() {
    let many = (0..40).map(|n| {
        let mut run = failing_run();
        run.command = "stormglass ".repeat(5_000);
        SweepResult::of_run(&run, &Listed::default(), &format!("kind {n}"))
    });
    let result = many.fold(SweepResult::default(), SweepResult::merge);
    let page = step_summary("all", &SweepRecord { result, ..swept() });
    assert!(page.len() < 1_000_000 && page.ends_with("More did not fit.\n"));
}

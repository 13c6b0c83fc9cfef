//! JUnit XML: a test case for each scenario, not for each seed, for a reader of a
//! pipeline looks for what is broken and a sweep has many seeds.
//!
//! A failing case tells every group of its failures; the first line of its text is the
//! command that reproduces the shortest.

use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::describe;
use crate::escape;
use crate::record::{Failure, ScenarioTally, SweepRecord, Verdict};

/// A sweep of `name`, a suite or what stands for one, as JUnit XML.
pub fn junit(name: &str, record: &SweepRecord) -> String {
    let mut suite = TestSuite::new(name);
    suite.set_time(record.timing.elapsed);
    for (scenario, tally) in &record.result.scenarios {
        suite.add_test_case(case(name, scenario, tally));
    }
    let mut report = Report::new("stormglass");
    report.set_time(record.timing.elapsed);
    report.add_test_suite(suite);
    report.to_string().expect("text becomes XML")
}

fn case(suite: &str, scenario: &str, tally: &ScenarioTally) -> TestCase {
    let mut shortest: Vec<&Failure> = tally.failures.iter().collect();
    shortest.sort_by_key(|failure| (failure.events, failure.seed, &failure.signature));
    let status = match shortest.first() {
        None => TestCaseStatus::success(),
        Some(first) => failed(first, &shortest),
    };
    let mut case = TestCase::new(scenario, status);
    case.set_classname(suite);
    let mut property = |name: &str, value: String| {
        case.add_property(Property::new(name, escape(&value).into_owned()));
    };
    property("runs", tally.runs.to_string());
    property("passed", tally.passed.to_string());
    property("failed", tally.failed.to_string());
    property("unrecoverable", tally.unrecoverable.to_string());
    for failure in shortest {
        property("seed", failure.seed.to_string());
        property("fingerprint", failure.signature.clone());
        property("repro", failure.command.clone());
    }
    case
}

fn failed(first: &Failure, all: &[&Failure]) -> TestCaseStatus {
    // What the engine or the testbed broke off is an error, as a panic of a test is.
    let kind = match first.verdict {
        Verdict::Crash => NonSuccessKind::Error,
        _ => NonSuccessKind::Failure,
    };
    let mut status = TestCaseStatus::non_success(kind);
    let mut text = first.command.clone();
    for failure in all {
        let _ = write!(text, "\n\n{}\n{}", describe(failure), failure.command);
    }
    // Control characters but the ends of lines are no XML.
    let lines: Vec<_> = text.lines().map(escape).collect();
    status.set_message(escape(&first.signature).into_owned());
    status.set_type(first.verdict.as_str());
    status.set_description(lines.join("\n"));
    status
}

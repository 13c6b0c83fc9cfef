use std::time::Duration;

use super::*;
use crate::grid::{WIDTH, width_of};
use crate::record::Decimal;
use crate::samples::{empty_run, failing_run, passing_run};

#[test]
fn a_run_that_passed() {
    insta::assert_snapshot!(render(&passing_run(), Paint::Plain));
}

#[test]
fn a_run_that_failed() {
    insta::assert_snapshot!(render(&failing_run(), Paint::Plain));
}

#[test]
fn a_run_in_colour() {
    let coloured = render(&failing_run(), Paint::Colour);
    insta::assert_snapshot!(coloured.replace('\u{1b}', "␛"));
}

#[test]
fn a_run_in_which_nothing_happened() {
    insta::assert_snapshot!(render(&empty_run(), Paint::Plain));
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    let coloured = render(&failing_run(), Paint::Colour);
    assert_eq!(
        without_colour(&coloured),
        render(&failing_run(), Paint::Plain)
    );
}

#[test]
fn odd_runs_stay_in_bounds() {
    for paint in [Paint::Plain, Paint::Colour] {
        let text = render(&odd_run(), paint);
        let text = if paint == Paint::Colour {
            without_colour(&text)
        } else {
            text
        };
        for line in text.lines() {
            assert!(width_of(line) <= WIDTH, "{line}");
            assert_eq!(line.trim_end(), line);
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
    insta::assert_snapshot!(render(&odd_run(), Paint::Plain));
}

#[test]
fn a_very_long_timeline_is_still_short_to_read() {
    let mut run = empty_run();
    run.timeline = (0..100_000)
        .map(|n| {
            let at = Duration::from_micros(n);
            TimelineEntry::new(at, "c1", TimelineKind::Client, "write").one_of("writes")
        })
        .collect();
    let text = render(&run, Paint::Plain);
    assert!(text.contains("… 99,999 more writes"), "{text}");
    assert!(text.lines().count() < 20);
}

/// Long names, wide characters, control characters, everything at its greatest.
fn odd_run() -> RunRecord {
    let mut run = passing_run();
    run.scenario = "a-scenario-with-a-name-".repeat(8);
    run.seed = u64::MAX;
    run.events = 0;
    run.trace_hash = "f".repeat(200);
    run.simulated = Duration::from_secs(10_000_000);
    run.command = format!("stormglass run {}", "--set network.loss=1/3 ".repeat(9));
    run.commands.mismatch = u64::MAX;
    run.measures
        .insert("p99_ms".repeat(30), Decimal::whole(u64::MAX));
    run.oracles[0].id = "O".repeat(90);
    run.oracles[0].checks = 1;
    run.oracles[0].verdict = OracleVerdict::Excused;
    run.findings.push(Finding {
        oracle: "O99".to_owned(),
        at: Duration::ZERO,
        says: "no events\n\u{1b}[2J".to_owned(),
        events: Vec::new(),
    });
    run.findings.push(Finding {
        oracle: "O99".to_owned(),
        at: Duration::ZERO,
        says: String::new(),
        events: vec![u64::MAX],
    });
    let entry = |lane: &str, kind, text: &str| {
        TimelineEntry::new(Duration::from_secs(10_000_000), lane, kind, text)
    };
    run.timeline = vec![
        entry(
            "a-lane-with-a-very-long-name-indeed",
            TimelineKind::Note,
            "",
        ),
        entry("磁盘-1", TimelineKind::Fault, &"坏块".repeat(60)),
        entry(
            "\u{1b}[31m",
            TimelineKind::Client,
            "payload \0\u{7}\r\n\u{202e}",
        ),
        entry("", TimelineKind::Role, &"unbroken".repeat(20)),
    ];
    run
}

fn without_colour(text: &str) -> String {
    let mut plain = String::new();
    for part in text.split('\u{1b}') {
        match part.strip_prefix('[').and_then(|rest| rest.split_once('m')) {
            Some((_, rest)) => plain.push_str(rest),
            None => plain.push_str(part),
        }
    }
    plain
}

use std::time::Duration;

use super::*;
use crate::record::Decimal;
use crate::samples::{empty_run, failing_run, passing_run};

#[test]
fn a_run_that_failed() {
    insta::assert_snapshot!(snapshot(&failing_run()), @"
    takeover/power-loss, seed 42
    0 ms east-1 role: owner of set 3, epoch 1
    12 ms pair sync: in-sync
    2104 ms east-1 fault: power lost
    2105 ms pair sync: out of sync, west-1 is the newer
    2516 ms west-1 role: owner of set 3, epoch 2
    clients: 61 issued: 58 success, 1 refused, 2 unknown
    faults: drop 17, power_loss 1; never happened: bit_rot
    2540 ms O5 finding: block 17 of set 3 differs outside in-flight and dirty
    verdict: safety
    ");
}

#[test]
fn a_run_in_which_nothing_happened() {
    insta::assert_snapshot!(snapshot(&empty_run()), @"
    empty, seed 0
    clients: 0 issued
    faults: none
    verdict: pass
    ");
}

#[test]
fn what_does_not_change_the_meaning_does_not_show() {
    let mut other = passing_run();
    other.trace_hash = "0123".to_owned();
    other.events += 1;
    other.messages += 1;
    other
        .measures
        .insert("takeover_ms".to_owned(), Decimal::whole(7));
    other.probes.clear();
    other
        .timeline
        .retain(|entry| entry.kind != TimelineKind::Client);
    for entry in &mut other.timeline {
        entry.at += Duration::from_micros(400);
    }
    let drop = TimelineEntry::new(Duration::ZERO, "link", TimelineKind::Fault, "drop");
    other.timeline.push(drop.one_of("dropped messages"));
    assert_eq!(snapshot(&other), snapshot(&passing_run()));
}

#[test]
fn a_line_stays_a_line() {
    let mut run = empty_run();
    run.timeline.push(TimelineEntry::new(
        Duration::ZERO,
        "a\nb",
        TimelineKind::Role,
        "\u{1b}[31mowner",
    ));
    assert!(snapshot(&run).contains("\n0 ms a\\nb role: \\u{1b}[31mowner\n"));
}

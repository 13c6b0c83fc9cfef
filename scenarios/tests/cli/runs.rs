//! One run, shown, compared and verified.

use std::process::Stdio;

use stormglass_reports::record::{Detail, RunRecord, Verdict};

use super::*;

#[test]
fn a_run_prints_its_record_and_nothing_else() {
    let printed = output(&["run", "replicated-write", "--seed", "3", "--json"]);
    assert_eq!(code(&printed), 0, "{}", stderr(&printed));
    let run: RunRecord = serde_json::from_str(stdout(&printed)).unwrap();
    assert_eq!(stdout(&printed), run.to_json(Detail::Summary) + "\n");
    assert_eq!(run.verdict, Verdict::Pass);
    let full = json(
        &["run", "replicated-write", "--seed", "3", "--json", "--full"],
        0,
    );
    assert_eq!(full["command"], "stormglass run replicated-write --seed 3");
    assert!(full["timeline"].as_array().unwrap().len() > 10);
    assert_eq!(full["trace_hash"], run.trace_hash);
}

#[test]
fn two_processes_say_the_same_bytes() {
    let args = ["run", "lossy-network", "--seed", "11", "--json", "--full"];
    let (first, second) = (output(&args), output(&args));
    assert_eq!(code(&first), 0);
    assert_eq!(first.stdout, second.stdout);
}

#[test]
fn local_and_replica_overlap_and_a_changed_setting_shows_that_this_is_checked() {
    let args = ["run", "parallel-latency", "--seed", "1"];
    assert_eq!(code(&output(&args)), 0);
    let chained = output(&[&args[..], &["--set", "settings.replication=chained"]].concat());
    assert_eq!(code(&chained), 5, "{}", stderr(&chained));
    assert!(stdout(&chained).contains("latency_over_ideal is"));
    let again = "stormglass run parallel-latency --seed 1 --set settings.replication=chained";
    assert!(stdout(&chained).contains(again));
}

#[test]
fn a_run_is_verified_in_eight_ways() {
    let verified = json(&["verify", "owner-crash", "--seed", "2", "--json"], 0);
    assert_eq!(verified["deterministic"], true);
    assert_eq!(verified["runs"], 8);
    assert_eq!(verified["first_difference"], Value::Null);
    assert_eq!(verified["trace_hash"].as_str().unwrap().len(), 16);
    let quick = output(&["verify", "lossy-network", "--seeds", "0..2", "--quick"]);
    assert_eq!(code(&quick), 0);
    assert_eq!(stdout(&quick).matches("Deterministic: 3 runs").count(), 2);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    for args in [
        &["schema"][..],
        &["list"],
        &["run", "owner-crash", "--seed", "7"],
    ] {
        let mut child = stormglass(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("the program ends");
        assert_eq!(code(&ended), 0, "{args:?}: {}", stderr(&ended));
        assert_eq!(stderr(&ended), "", "{args:?}");
    }
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    let plain = output(&["list"]);
    assert!(!stdout(&plain).contains('\u{1b}'));
    let asked = output(&["list", "--color", "always"]);
    assert!(stdout(&asked).contains('\u{1b}'));
    let refused = output(&["run", "owner-crahs", "--color", "never"]);
    assert!(!stderr(&refused).contains('\u{1b}'));
}

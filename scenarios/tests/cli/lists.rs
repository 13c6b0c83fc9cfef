//! What there is: help, lists, features.

use super::*;

#[test]
fn every_command_has_help_with_examples_or_says_what_it_does() {
    let help = output(&["--help"]);
    assert!(stdout(&help).contains("Exit codes:"));
    for command in [
        "run",
        "resume",
        "list",
        "features",
        "verify",
        "sweep",
        "resync",
        "completions",
    ] {
        let help = output(&[command, "--help"]);
        assert_eq!(code(&help), 0);
        assert!(stdout(&help).contains("Examples:"), "{command}");
        assert!(stdout(&output(&["--help"])).contains(command));
    }
    assert_eq!(code(&output(&["completions", "fish"])), 0);
    let schema = json(&["schema"], 0);
    assert_eq!(schema["title"], "Stormglass scenario");
}

#[test]
fn lists_are_json_for_scripts_and_tables_for_people() {
    let list = json(&["list", "--json"], 0);
    let crash = list
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "owner-crash");
    assert_eq!(crash.unwrap()["suites"][0], "spine");
    assert!(stdout(&output(&["list"])).contains("owner-crash"));
    let features = json(&["features", "--json"], 0);
    let row = |id: &str| {
        let rows = features.as_array().unwrap().iter();
        rows.clone().find(|row| row["id"] == id).unwrap().clone()
    };
    assert_eq!(row("P1")["status"], "shown");
    assert_eq!(row("P1")["scenarios"][0], "parallel-latency");
    assert_eq!(row("X3")["status"], "missing");
}

#[test]
fn features_are_shown_by_runs_that_pass() {
    let features = json(&["features", "--run", "--json"], 0);
    let rows = features.as_array().unwrap();
    assert!(rows.iter().all(|row| row["status"] != "failing"));
}

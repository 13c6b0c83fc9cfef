//! Sweeps.

use super::*;

#[test]
fn a_sweep_passes_and_is_the_same_with_one_job() {
    let args = ["sweep", "--suite", "spine", "--seeds", "0..40", "--json"];
    let many = json(&args, 0);
    let one = json(&[&args[..], &["--jobs", "1"]].concat(), 0);
    assert_eq!(many["result"], one["result"]);
    assert_eq!(many["result"]["runs"], 40);
    assert_eq!(many["result"]["failed"], 0);
    assert!(many["timing"]["seeds_per_second"].is_number());
    let failing = output(&[
        "sweep",
        "parallel-latency",
        "--seeds",
        "0..2",
        "--set",
        "settings.replication=chained",
    ]);
    assert_eq!(code(&failing), 5);
    let again = stdout(&failing);
    let again = again.lines().find(|line| line.contains("stormglass run"));
    let again = again.expect("it says how to see it again");
    assert!(again.contains("parallel-latency --seed"), "{again}");
    assert!(
        again.contains("--set settings.replication=chained"),
        "{again}"
    );
}

#[test]
fn a_budget_ends_a_sweep_and_says_how_to_go_on() {
    let args = [
        "sweep",
        "parallel-latency",
        "--seeds",
        "5..1000000",
        "--budget",
        "300ms",
    ];
    let output = output(&args);
    assert_eq!(code(&output), 0);
    let said = stderr(&output);
    assert!(said.contains("the budget is used up: seeds 5.."), "{said}");
    assert!(said.contains("..1000000"), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupted_sweep_says_what_it_has_done() {
    let child = stormglass(&[
        "sweep",
        "parallel-latency",
        "--seeds",
        "0..1000000",
        "--json",
    ])
    .stdout(std::process::Stdio::piped())
    .stderr(std::process::Stdio::piped())
    .spawn()
    .expect("the program starts");
    shards::wait_for_handler(child.id(), 2);
    shards::send(child.id(), "INT");
    let ended = child.wait_with_output().unwrap();
    assert_eq!(code(&ended), 130, "{}", stderr(&ended));
    let swept: Value = serde_json::from_str(stdout(&ended)).unwrap();
    let runs = swept["result"]["runs"].as_u64().unwrap();
    let said = format!("interrupted: seeds 0..{runs} have run; go on with --seeds {runs}..1000000");
    assert!(stderr(&ended).contains(&said), "{}", stderr(&ended));
}

#[test]
fn a_resync_study_is_a_table_json_and_a_line_for_each_run() {
    let folder = Folder::new();
    let csv = folder.path("resync.csv");
    let small = ["resync", "--volume-blocks", "256", "--seeds", "0..2"];
    let grid = ["--dirty", "0.5,10", "--region-blocks", "8", "--writes", "0"];
    let args = [&small[..], &grid].concat();
    let record = json(&[&args[..], &["--json", "--csv", &csv]].concat(), 0);
    let points = record["points"].as_array().unwrap();
    assert_eq!(points.len(), 2);
    assert_eq!(points[0]["dirty_percent"], 0.5);
    let [regions, full, snapshot] = [0, 1, 2].map(|place| &points[0]["policies"][place]);
    let bytes = |cost: &Value| cost["bytes"]["median"].as_u64().unwrap();
    assert!(bytes(regions) < bytes(full));
    assert_eq!(snapshot["is_computed"], true);
    let lines = fs::read_to_string(&csv).unwrap();
    assert_eq!(lines.lines().count(), 1 + 2 * 3 * 2);
    let shown = output(&args);
    assert_eq!(code(&shown), 0, "{}", stderr(&shown));
    assert!(stdout(&shown).contains("snapshot *"), "{}", stdout(&shown));
    for refused in ["0", "0.05", "101", "1,5x"] {
        let says = output(&["resync", "--dirty", refused]);
        assert_eq!(code(&says), 2, "{refused}: {}", stderr(&says));
    }
}

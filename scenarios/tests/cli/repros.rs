//! Repros: a failing run as a file, replayed and shrunk.

use super::*;

/// Writes on a link that loses messages, none of which may take long.
const SLOW_WRITES: &str = "
[topology]
volume_blocks = 64

[workload]
clients = 2
commands = 20
outstanding = 1

[weather]
loss = \"1/10\"

[[expect.measures]]
name = \"write_remote_p99_ms\"
max = 45
";

#[test]
fn a_failing_run_is_kept_replayed_and_shrunk() {
    let folder = Folder::new();
    let (file, repro, small) = (
        folder.path("slow-writes.toml"),
        folder.path("repro.toml"),
        folder.path("small.toml"),
    );
    fs::write(&file, SLOW_WRITES).unwrap();
    let run = output(&[
        "run",
        &file,
        "--seed",
        "1",
        "--repro",
        &repro,
        "--no-timeline",
    ]);
    assert_eq!(code(&run), 5, "{}", stderr(&run));
    let replayed = json(&["replay", &repro, "--json"], 1);
    assert_eq!(replayed["outcome"], "same");
    assert_eq!(replayed["stale_keys"].as_array().unwrap().len(), 0);
    assert_eq!(replayed["verdict"], "expectation");

    let shrunk = json(&["shrink", &repro, "--out", &small, "--json"], 0);
    let number = |key: &str| shrunk[key].as_u64().unwrap();
    assert!(number("faults_before") > 4, "{shrunk}");
    assert!(number("faults_after") <= 2, "{shrunk}");
    assert_eq!(number("commands_before"), 40);
    assert!(number("commands_after") <= 2, "{shrunk}");
    assert!(number("events_saved") > 0);
    assert_eq!(json(&["replay", &small, "--json"], 1)["outcome"], "same");

    // Without its faults nothing fails; with one that is not there, nothing is known.
    let text = fs::read_to_string(&small).unwrap();
    let stale = folder.path("stale.toml");
    fs::write(&stale, text.replace(" attempt 0 of", " attempt 50 of")).unwrap();
    let replayed = output(&["replay", &stale]);
    assert_eq!(code(&replayed), 125);
    assert!(stdout(&replayed).contains("nothing of this name came"));
    // From what stands there it goes on.
    let resumed = ["shrink", &repro, "--out", &small, "--resume", "--json"];
    assert_eq!(json(&resumed, 0)["faults_before"], shrunk["faults_before"]);
}

#[test]
fn a_replay_shows_the_world_at_an_instant() {
    let folder = Folder::new();
    let (file, repro) = (folder.path("slow-writes.toml"), folder.path("repro.toml"));
    fs::write(&file, SLOW_WRITES).unwrap();
    output(&[
        "run",
        &file,
        "--seed",
        "1",
        "--repro",
        &repro,
        "--no-timeline",
    ]);
    let state = json(&["replay", &repro, "--at", "100ms", "--json"], 0);
    assert_eq!(state["modules"][0]["name"], "east-1.M");
    let text = output(&["replay", &repro, "--event", "500"]);
    assert!(
        stdout(&text).contains("after 500 events"),
        "{}",
        stdout(&text)
    );
    let late = output(&["replay", &repro, "--at", "1000s"]);
    assert_eq!(code(&late), 2);
    assert!(stderr(&late).contains("the run ends before 1000s"));
}

#[test]
fn what_is_no_repro_says_so() {
    let folder = Folder::new();
    let file = folder.path("a.toml");
    for (text, says) in [
        ("x = 1", "this is no repro"),
        ("repro = 7", "has format 7"),
        ("repro = 1", "missing field"),
    ] {
        fs::write(&file, text).unwrap();
        let replayed = output(&["replay", &file]);
        assert_eq!(code(&replayed), 2);
        assert!(stderr(&replayed).contains(says), "{}", stderr(&replayed));
    }
    assert_eq!(code(&output(&["replay", &folder.path("none")])), 2);
    let passing = output(&["run", "parallel-latency", "--repro", &file, "--no-timeline"]);
    assert_eq!(code(&passing), 0);
    assert!(stderr(&passing).contains("no repro was written"));
}

#[test]
fn a_sweep_keeps_a_repro_of_each_failure() {
    let folder = Folder::new();
    let (file, out) = (folder.path("slow-writes.toml"), folder.path("out"));
    fs::write(&file, SLOW_WRITES).unwrap();
    let swept = json(
        &["sweep", &file, "--seeds", "0..6", "--out", &out, "--json"],
        5,
    );
    let failure = &swept["result"]["failures"][0];
    let repro = failure["repro"].as_str().unwrap();
    let replayed = json(&["replay", repro, "--json"], 1);
    assert_eq!(replayed["seed"], failure["seed"]);
    assert_eq!(replayed["expected"], failure["signature"]);
}

#[test]
fn a_repro_is_forked_under_other_weather_or_refuses_it() {
    let folder = Folder::new();
    let (file, repro) = (folder.path("slow-writes.toml"), folder.path("repro.toml"));
    fs::write(&file, SLOW_WRITES).unwrap();
    let run = ["run", &file, "--seed", "1", "--repro", &repro, "--json"];
    assert_eq!(code(&output(&run)), 5);
    let fork = ["fork", &repro, "--at", "200ms"];
    let set = |setting: &'static str| [&fork[..], &["--set", setting, "--json"]].concat();
    let forked = json(&set("weather.loss=1/2"), 5);
    assert_eq!(forked["right"]["change"], "weather.loss=1/2");
    assert_ne!(forked["left"]["trace_hash"], forked["right"]["trace_hash"]);
    let calm = json(&set("weather.until=250ms"), 5);
    assert_ne!(calm["left"]["trace_hash"], calm["right"]["trace_hash"]);
    for (setting, remedy) in [
        ("weather.until=150ms", "name an instant between the two"),
        ("weather.swarm=1/2", "what can be is weather.until, "),
    ] {
        let refused = output(&set(setting));
        let said = stderr(&refused);
        assert_eq!(code(&refused), 2, "{said}");
        assert!(said.contains(&format!("--set {setting}")), "{said}");
        assert!(said.contains(remedy), "{said}");
    }
}

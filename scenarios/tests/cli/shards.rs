//! Sweeps that are kept, go on, and are joined; what a pipeline sees of them.

use std::path::Path;

use super::*;

const SMALL: &str = "\
title = \"Few commands and nothing that fails\"
probes = [\"volume founded\"]

[workload]
clients = 1
commands = 2
";

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn value(path: &str) -> Value {
    serde_json::from_str(&read(path)).expect("JSON")
}

#[test]
fn shards_that_are_joined_are_the_whole_sweep() {
    let folder = Folder::new();
    let sweep = [
        "sweep",
        "parallel-latency",
        "replicated-write",
        "--seeds",
        "3..9",
    ];
    let whole = json(&[&sweep[..], &["--json"]].concat(), 0);
    let shard = |number: &str| {
        let out = folder.path(&number.replace('/', "-of-"));
        let args = [&sweep[..], &["--shard", number, "--out", &out, "--json"]].concat();
        let swept = json(&args, 0);
        assert_eq!(value(&format!("{out}/result.json")), swept);
        assert_eq!(swept["result"]["runs"], 3);
        out
    };
    let (first, second) = (shard("1/2"), shard("2/2"));
    for order in [[&first, &second], [&second, &first]] {
        let joined = json(&["merge", order[0], order[1], order[0], "--json"], 0);
        assert_eq!(joined["result"], whole["result"]);
    }
    let half = folder.path("half");
    let output = output(&["merge", &second, "--out", &half]);
    assert_eq!(code(&output), 0);
    assert!(stderr(&output).contains("seeds 3..6 have not run"));
    let resumed = json(&["sweep", "--resume", &half, "--json"], 0);
    assert_eq!(resumed["result"], whole["result"]);
    assert_eq!(value(&format!("{half}/result.json")), resumed);
    assert_eq!(
        json(&["merge", &half, &first, "--json"], 0)["result"],
        whole["result"]
    );
}

#[test]
fn what_does_not_belong_together_is_not_joined() {
    let folder = Folder::new();
    let sweep = |name: &str, more: &[&str]| {
        let out = folder.path(name);
        let args = [
            "sweep",
            "parallel-latency",
            "--seeds",
            "0..2",
            "--out",
            &out,
        ];
        json(&[&args[..], more, &["--json"]].concat(), 0);
        out
    };
    let (one, other) = (
        sweep("one", &[]),
        sweep("other", &["--set", "workload.clients=2"]),
    );
    let refused = |args: &[&str], expected: i32, said: &str| {
        let output = output(args);
        assert_eq!(code(&output), expected, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
        assert!(
            stderr(&output).contains("\n  help: "),
            "{}",
            stderr(&output)
        );
        assert_eq!(stdout(&output), "");
    };
    refused(
        &["merge", &one, &other],
        2,
        "holds a sweep of other scenarios",
    );
    let again = ["sweep", "parallel-latency", "--out", &one];
    refused(&again, 2, "holds a sweep already");
    refused(&["merge", &folder.path("none")], 2, "cannot read");
    refused(
        &["sweep", "--resume", &folder.path("none")],
        2,
        "cannot read",
    );
    let ledger = read(&format!("{one}/sweep.json"));
    let change = |name: &str, from: &str, to: &str| {
        assert!(ledger.contains(from), "{from}: {ledger}");
        let changed = folder.path(name);
        fs::create_dir(&changed).expect("a fresh folder");
        fs::write(
            format!("{changed}/sweep.json"),
            ledger.replacen(from, to, 1),
        )
        .expect("a file");
        changed
    };
    let cut = change("cut", "{", "");
    refused(&["merge", &cut], 2, "is no ledger of a sweep");
    let odd = change("odd", "\"end\":1", "\"end\":9");
    refused(&["merge", &odd], 2, "its seeds do not fit its plan");
    let liar = change("liar", "\"acknowledged\":", "\"acknowledged\":1");
    refused(
        &["merge", &one, &liar],
        4,
        "seeds 0..1 came out differently",
    );
    let foreign = change("foreign", "\"id\":\"", "\"id\":\"f");
    refused(&["sweep", "--resume", &foreign], 2, "or by another build");
}

#[test]
fn a_pipeline_sees_what_failed_and_how_to_reproduce_it() {
    let folder = Folder::new();
    let (junit, summary) = (folder.path("junit.xml"), folder.path("summary.md"));
    let (out, lines) = (folder.path("out"), folder.path("runs.jsonl"));
    fs::write(&summary, "before\n").expect("a file");
    let output = stormglass(&[
        "sweep",
        "parallel-latency",
        "--seeds",
        "0..3",
        "--set",
        "settings.replication=chained",
        "--junit",
        &junit,
        "--out",
        &out,
        "--lines",
        &lines,
        "--json",
    ])
    .env("GITHUB_ACTIONS", "true")
    .env("GITHUB_STEP_SUMMARY", &summary)
    .output()
    .expect("the program starts");
    assert_eq!(code(&output), 5, "{}", stderr(&output));
    let result: Value = serde_json::from_str(stdout(&output)).expect("one JSON value");
    let command = result["result"]["failures"][0]["command"]
        .as_str()
        .expect("a command");
    assert!(command.ends_with("--set settings.replication=chained"));
    let annotation = stderr(&output)
        .lines()
        .find(|line| line.starts_with("::error "));
    assert!(
        annotation.is_some_and(|line| line.ends_with(command)),
        "{}",
        stderr(&output)
    );
    assert!(read(&junit).contains("<testcase name=\"parallel-latency\""));
    assert!(read(&junit).contains(command));
    let page = read(&summary);
    assert!(page.starts_with("before\n## Sweep of parallel-latency\n") && page.contains(command));
    let rows: Vec<Value> = read(&lines)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let seeds: Vec<_> = rows.iter().map(|row| row["seed"].as_u64()).collect();
    assert_eq!(seeds, [Some(0), Some(1), Some(2)]);
    let kept: Vec<_> = fs::read_dir(format!("{out}/failures"))
        .expect("failures")
        .collect();
    assert_eq!(kept.len(), 1);
    let kept = kept[0].as_ref().expect("an entry").path();
    let kept = |name: &str| read(kept.join(name).to_str().expect("text"));
    assert_eq!(kept("repro.sh"), format!("#!/bin/sh\nexec {command}\n"));
    assert!(kept("run.txt").contains(command));
    assert!(kept("run.json").contains("\"timeline\":"));
    assert!(kept("scenario.toml").contains("chained"));
}

#[test]
fn a_probe_that_is_never_reached_is_missing_and_may_decide() {
    let folder = Folder::new();
    let path = folder.file("small.toml", SMALL);
    let sweep = ["sweep", &path, "--seeds", "0..100"];
    let output = output(&sweep);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stdout(&output).contains("never reached"),
        "{}",
        stdout(&output)
    );
    let strict = self::output(&[&sweep[..], &["--strict-probes"]].concat());
    assert_eq!(code(&strict), 5);
    assert!(stderr(&strict).contains("probes missing: volume founded"));
    let few = [
        "sweep",
        &path,
        "--seeds",
        "0..99",
        "--strict-probes",
        "--json",
    ];
    assert_eq!(
        json(&few, 0)["result"]["probes_missing"],
        Value::Array(vec![])
    );
}

#[test]
fn transitions_are_shown_on_request() {
    let sweep = ["sweep", "owner-crash", "--seeds", "0..2"];
    let short = output(&sweep);
    assert!(stdout(&short).contains("Transitions of nodes: "));
    assert!(!stdout(&short).contains("announcing, closed"));
    let long = output(&[&sweep[..], &["--transitions"]].concat());
    assert!(
        stdout(&long).contains("announcing, closed"),
        "{}",
        stdout(&long)
    );
    assert!(stdout(&long).contains("never happened"));
}

/// Waits until a process has taken a signal into its own hands.
#[cfg(target_os = "linux")]
pub(crate) fn wait_for_handler(process: u32, signal: u32) {
    let caught = || {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    };
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while caught().is_none_or(|mask| mask & (1 << (signal - 1)) == 0) {
        assert!(
            std::time::Instant::now() < limit,
            "nobody listened to signal {signal}"
        );
        std::thread::yield_now();
    }
}

#[cfg(target_os = "linux")]
pub(crate) fn send(process: u32, signal: &str) {
    let kill = format!("kill -{signal} {process}");
    let sent = Command::new("sh").args(["-c", &kill]).status();
    assert!(sent.expect("a shell").success());
}

#[test]
#[cfg(target_os = "linux")]
fn a_sweep_that_is_terminated_can_go_on() {
    const SIGTERM: u32 = 15;
    let folder = Folder::new();
    let out = folder.path("out");
    let child = stormglass(&["sweep", "parallel-latency", "--seeds", "0..1000000"])
        .args(["--out", &out])
        .stdout(process::Stdio::piped())
        .stderr(process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    wait_for_handler(child.id(), SIGTERM);
    send(child.id(), "TERM");
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(code(&ended), 130, "{}", stderr(&ended));
    let said = format!("go on with --resume {out}");
    assert!(stderr(&ended).contains(&said), "{}", stderr(&ended));
    let runs = value(&format!("{out}/result.json"))["result"]["runs"]
        .as_u64()
        .expect("a number");
    let more = output(&["sweep", "--resume", &out, "--budget", "200ms"]);
    assert!(
        stderr(&more).contains("the budget is used up: seeds 0.."),
        "{}",
        stderr(&more)
    );
    let after = value(&format!("{out}/result.json"))["result"]["runs"].as_u64();
    assert!(after.is_some_and(|after| after > runs), "{runs}, {after:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn whoever_stops_a_run_finds_a_whole_checkpoint_or_none() {
    const SIGTERM: u32 = 15;
    for _ in 0..5 {
        let folder = Folder::new();
        let path = folder.path("a");
        let mut child = stormglass(&["run", "owner-crash", "--no-timeline", "--checkpoint"])
            .arg(format!("2.1s={path}"))
            .stdout(process::Stdio::null())
            .spawn()
            .expect("the program starts");
        wait_for_handler(child.id(), SIGTERM);
        send(child.id(), "TERM");
        child.wait().expect("it ends");
        let found: Vec<_> = fs::read_dir(Path::new(&path).parent().expect("a folder"))
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert!(found.is_empty() || found == ["a"], "{found:?}");
    }
}

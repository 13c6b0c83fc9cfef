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

#[test]
fn a_page_is_written_whole_and_changes_nothing() {
    let folder = Folder::new();
    let page = folder.path("a.html");
    let run = ["run", "owner-dies", "--seed", "2", "--json"];
    let plain = json(&run, 0);
    assert_eq!(json(&[&run[..], &["--html", &page]].concat(), 0), plain);
    let written = std::fs::read_to_string(&page).expect("the page is there");
    assert!(written.starts_with("<!doctype html>") && written.ends_with("</html>\n"));
    let hash = plain["trace_hash"].as_str().expect("a hash");
    assert!(written.contains(hash));
    // A failing run has one, and ends as it would have.
    let failing = ["--set", "limits.events=3000", "--html", &page];
    let failed = json(&[&run[..], &failing].concat(), 3);
    let written = std::fs::read_to_string(&page).expect("the page is there");
    let says = failed["findings"][0]["says"].as_str().expect("a finding");
    assert!(written.contains(says), "{says}");
    assert_eq!(std::fs::read_dir(&folder.0).expect("a folder").count(), 1);
    let nowhere = folder.path("no/such.html");
    let refused = output(&[&run[..], &["--html", &nowhere]].concat());
    assert_eq!(code(&refused), 2);
    assert!(
        stderr(&refused).starts_with("error: cannot write "),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn a_sweep_has_a_page_and_so_have_its_shards_together() {
    let folder = Folder::new();
    let (one, other) = (folder.path("one.html"), folder.path("other.html"));
    let shard = folder.path("shard");
    let sweep = ["sweep", "owner-crash", "--seeds", "0..3", "--out", &shard];
    let ran = output(&[&sweep[..], &["--html", &one]].concat());
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    assert_eq!(code(&output(&["merge", &shard, "--html", &other])), 0);
    let page = std::fs::read_to_string(&one).expect("the page is there");
    let main = |page: &str| {
        let (_, rest) = page.split_once("<main").expect("it has a middle");
        rest.split_once("</main>").expect("and an end").0.to_owned()
    };
    assert!(page.contains("3 runs: 3 passed, 0 failed"));
    let joined = std::fs::read_to_string(&other).expect("the page is there");
    assert_eq!(main(&page), main(&joined));
}

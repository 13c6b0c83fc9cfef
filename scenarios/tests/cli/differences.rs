//! `diff` and `fork`.

use super::*;

#[test]
fn sides_that_differ_exit_with_one_and_equal_ones_with_nought() {
    let lossy = "lossy-network@1";
    let equal = json(&["diff", lossy, lossy, "--json"], 0);
    assert_eq!(equal["equal"], true);
    assert_eq!(equal["first_difference"], Value::Null);
    let set = ["--set-right", "weather.loss=0/1", "--json"];
    let found = json(&[&["diff", lossy, lossy][..], &set].concat(), 1);
    let first = &found["first_difference"];
    assert_eq!(first["component"], "inter-cluster");
    let field = first["field"].as_str().unwrap();
    assert!(field.starts_with("in_flight[path-open "), "{field}");
    assert_eq!(first["left"], "absent");
    assert!(first["event"].as_u64().unwrap() > 0);
    assert!(first["at"].as_f64().unwrap() > 0.0);
    let shown = output(&["diff", lossy, lossy, "--set-right", "weather.loss=0/1"]);
    assert_eq!(code(&shown), 1);
    assert!(stdout(&shown).contains("fault: lose"));
}

#[test]
fn a_run_a_checkpoint_and_a_trail_of_it_are_equal() {
    let folder = Folder::new();
    let (checkpoint, trail) = (folder.path("checkpoint"), folder.path("trail"));
    let at = format!("600ms={checkpoint}");
    let run = ["run", "owner-crash", "--seed", "7", "--json"];
    let files = ["--checkpoint", &at, "--trace", &trail];
    let record = json(&[&run[..], &files].concat(), 0);
    let last = fs::read_to_string(&trail).unwrap();
    let last: Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!(last["hash"], record["trace_hash"]);
    let sides = ["owner-crash@7", &checkpoint, &trail];
    for left in sides {
        for right in sides {
            let found = json(&["diff", left, right, "--json"], 0);
            assert_eq!(found["equal"], true, "{left} {right}");
        }
    }
    let other = json(&["diff", &trail, "owner-crash@8", "--json"], 1);
    assert_eq!(other["first_difference"]["component"], "east-1.M");
}

#[test]
fn two_futures_have_a_verdict_each_and_part_where_they_were_changed() {
    let folder = Folder::new();
    let (left, right) = (folder.path("left"), folder.path("right"));
    let crash = "crash = { node = \"west-1\", restart_after = \"100ms\" }";
    let forked = json(
        &[
            "fork",
            "owner-crash@7",
            "--at",
            "300ms",
            "--fault",
            crash,
            "--checkpoint-left",
            &left,
            "--checkpoint-right",
            &right,
            "--json",
        ],
        0,
    );
    assert_eq!(forked["left"]["verdict"], "pass");
    assert_eq!(forked["right"]["change"], crash);
    assert_eq!(forked["at"], 0.3);
    assert_eq!(forked["first_difference"]["component"], "west-1.M");
    assert_eq!(forked["first_difference"]["right"], "nothing");
    for (side, path) in [("left", &left), ("right", &right)] {
        let resumed = json(&["resume", path, "--json"], 0);
        assert_eq!(resumed["trace_hash"], forked[side]["trace_hash"]);
    }
    let again = json(&["fork", &left, "--fault", crash, "--json"], 0);
    assert_eq!(again["left"], forked["left"]);
    // A future without a mirror does not come to its end as the other does.
    let for_good = "crash = { node = \"east-1\" }";
    let args = ["fork", "parallel-latency@1", "--at", "100ms", "--fault"];
    let lost = output(&[&args[..], &[for_good]].concat());
    assert!([0, 3, 5].contains(&code(&lost)), "{}", stderr(&lost));
    assert!(stdout(&lost).contains("crash = { node = \"east-1\" }"));
}

#[test]
fn sides_and_changes_that_make_no_sense_are_refused_with_a_remedy() {
    let folder = Folder::new();
    let garbage = folder.file("garbage", "nothing");
    let cases: &[(&[&str], &str)] = &[
        (&["diff", "owner-crash@7"], "<B>"),
        (&["diff", "owner-crash", "owner-crash@7"], "SCENARIO@SEED"),
        (
            &["diff", "owner-crahs@7", "owner-crash@7"],
            "did you mean owner-crash?",
        ),
        (&["diff", "owner-crash@7", &garbage], "is no repro"),
        (
            &[
                "diff",
                "owner-crash@7",
                "owner-crash@7",
                "--set-left",
                "a=b",
            ],
            "--set a=b",
        ),
        (&["fork", "owner-crash@7", "--at", "1s"], "--fault"),
        (
            &["fork", "owner-crash@7", "--set", "weather.loss=1/2"],
            "--at 2.1s",
        ),
        (
            &[
                "fork",
                "owner-crash@7",
                "--at",
                "300ms",
                "--set",
                "workload.clients=2",
            ],
            "what can be is weather.until",
        ),
        (
            &[
                "fork",
                "owner-crash@7",
                "--at",
                "300ms",
                "--set",
                "weather.loss=2/1",
            ],
            "weather.loss",
        ),
        (
            &[
                "fork",
                "owner-crash@7",
                "--at",
                "300ms",
                "--fault",
                "crash = { node = \"x\" }",
            ],
            "nodes are named by cluster and number: east-1",
        ),
        (
            &[
                "fork",
                "owner-crash@7",
                "--at",
                "1000s",
                "--set",
                "weather.loss=1/2",
            ],
            "the run ends before",
        ),
    ];
    for (args, said) in cases {
        let output = output(args);
        assert_eq!(code(&output), 2, "{args:?}: {}", stderr(&output));
        assert!(
            stderr(&output).contains(said),
            "{args:?}: {}",
            stderr(&output)
        );
        assert_eq!(stdout(&output), "", "{args:?}");
    }
}

//! Bad input: exit code 2, a place and a remedy.

use super::*;

#[test]
fn a_malformed_scenario_is_refused_with_its_place_and_a_remedy() {
    let cases = [
        ("unknown key", "[workload]\nclinets = 3\n", "2:1", "clients"),
        (
            "wrong type",
            "[workload]\nclients = \"three\"\n",
            "2:11",
            "a whole number",
        ),
        (
            "impossible topology",
            "[topology]\nvolume_blocks = 0\n",
            "2:17",
            "write 1 to",
        ),
        (
            "negative duration",
            "[workload]\nthink = \"-5ms\"\n",
            "2:9",
            "write a number and a unit",
        ),
        (
            "no such node",
            "[[fault]]\ncrash = { at = \"1s\", node = \"north-1\", restart_after = \"1s\" }\n",
            "2:29",
            "east-1",
        ),
        (
            "no such measure",
            "[expect]\nmeasures = [{ name = \"speed\", max = 1 }]\n",
            "2:22",
            "the measures are",
        ),
        (
            "not TOML",
            "[workload\nclients = 3\n",
            "1:10",
            "key = value",
        ),
    ];
    let folder = Folder::new();
    for (what, text, place, remedy) in cases {
        let path = folder.file("bad.toml", text);
        for command in ["run", "verify", "sweep"] {
            let output = output(&[command, &path]);
            let said = stderr(&output);
            assert_eq!(code(&output), 2, "{what}: {said}");
            assert!(
                said.contains(&format!("bad.toml:{place}")),
                "{what}: {said}"
            );
            assert!(said.contains("help: "), "{what}: {said}");
            assert!(said.contains(remedy), "{what}: {said}");
            assert_eq!(stdout(&output), "", "{what}");
        }
    }
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let cases: &[(&[&str], &str)] = &[
        (&["run", "owner-crahs"], "did you mean owner-crash?"),
        (&["run", "owner-crahs"], "stormglass list"),
        (
            &["run", "no/such/file.toml"],
            "cannot read no/such/file.toml: No such file",
        ),
        (&["sweep", "--suite", "spin"], "the suites are: "),
        (
            &["run", "owner-crash", "--set", "workload.cleints=2"],
            "did you mean `clients`?",
        ),
        (
            &["run", "owner-crash", "--set", "workload.clients"],
            "key=value",
        ),
        (&["run", "owner-crash", "--seed", "-1"], "--seed"),
        (
            &["sweep", "owner-crash", "--seeds", "9..3"],
            "holds no seed",
        ),
        (&["sweep", "owner-crash", "--budget", "5 minutes"], "5m"),
        (&["sweep"], "--suite"),
        (&["sweep", "owner-crash", "--shard", "0/3"], "2/8"),
        (&["merge"], "<DIR>"),
        (
            &["resume", "no-such.checkpoint"],
            "cannot read no-such.checkpoint: ",
        ),
        (&["fly"], "unrecognized subcommand"),
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

#[test]
fn numbers_that_would_break_the_engine_or_take_for_ever_are_refused() {
    for setting in [
        "settings.limits.window=100",
        "settings.limits.command_blocks=1000",
        "topology.volume_blocks=16777216",
        "workload.clients=65536",
        "settings.timers.path_timeout=\"18446700000s\"",
    ] {
        let output = output(&["run", "replicated-write", "--set", setting]);
        assert_eq!(code(&output), 2, "{setting}: {}", stderr(&output));
        let key = setting.split(['.', '=']).nth(1).expect("a key");
        assert!(stderr(&output).contains(key), "{}", stderr(&output));
    }
    for limit in ["0s", "500ms", "5124095576030431h"] {
        let output = output(&["run", "replicated-write", "--watchdog", limit]);
        assert_eq!(code(&output), 2, "{limit}");
        assert!(stderr(&output).contains("at least 1s"), "{limit}");
    }
}

#[test]
fn what_is_too_long_to_be_a_scenario_is_not_read() {
    let folder = Folder::new();
    let long = folder.file("long.toml", &"# nothing\n".repeat(200_000));
    let output = output(&["run", &long]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("so it is no scenario"));
    let wrong = folder.file("wrong.toml", &"[[fault]]\nx = 1\n".repeat(500));
    let output = self::output(&["run", &wrong]);
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("and 450 more"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_checkpoint_runs_on_to_the_same_end_and_garbage_is_refused() {
    let folder = Folder::new();
    let (timed, counted) = (folder.path("a"), folder.path("b"));
    let whole = json(
        &[
            "run",
            "owner-crash",
            "--seed",
            "4",
            "--json",
            "--checkpoint",
            &format!("2.1s={timed}"),
            "--checkpoint",
            &format!("3000={counted}"),
        ],
        0,
    );
    assert_eq!(json(&["resume", &timed, "--json"], 0), whole);
    assert_eq!(json(&["resume", &counted, "--json"], 0), whole);
    let garbage = folder.file("garbage", "STORMCKP and then nothing that makes sense");
    let refused = output(&["resume", &garbage]);
    assert_eq!(code(&refused), 2);
    assert!(stderr(&refused).starts_with("error: the checkpoint has format "));
    assert!(stderr(&refused).contains("\n  help: resume it with the build that wrote it"));
    let late = format!("59s={}", folder.path("late"));
    let late = output(&["run", "owner-crash", "--seed", "4", "--checkpoint", &late]);
    assert_eq!(code(&late), 2);
    assert!(stderr(&late).contains("the run ends before 59s"));
}

#[test]
fn flushes_that_lie_are_refused_where_a_device_may_lose_power() {
    let lying = "[weather.io]\nlying_flush = \"1/10\"\n";
    let losses = [
        "[weather.recurring]\npower_off = { every = \"1s\", lasts = \"10ms\" }\n",
        "[weather.recurring]\nswap = { every = \"1s\" }\n",
        "[[fault]]\npower_off = { at = \"1s\", cluster = \"east\", restart_after = \"1s\" }\n",
        "[[fault]]\nswap = { at = \"1s\", device = \"east.data\", with = \"east.journal\" }\n",
    ];
    let folder = Folder::new();
    for loss in losses {
        let path = folder.file("lying.toml", &format!("{lying}{loss}"));
        let output = output(&["run", &path]);
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{loss}: {said}");
        for part in [
            "lying.toml:2:15",
            "\"1/10\"",
            "a device whose flush has lied may not lose power",
            "help: leave out `lying_flush`, or every `power_off` and `swap`",
        ] {
            assert!(said.contains(part), "{loss}: {said}");
        }
        assert_eq!(stdout(&output), "", "{loss}");
    }
}

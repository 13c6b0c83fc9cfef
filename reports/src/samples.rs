//! Records for this crate's tests: small, made up, and without an engine.

mod apart;

use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) use self::apart::{diff_record, failed_verification, feature, fork_record, trail_line};

use crate::record::{
    Attempt, Befell, Cited, CommandCounts, Decimal, DeviceCommand, DeviceCommandEnd,
    DeviceCommandKind, FaultTally, Finding, Lane, LaneKind, LeftOut, Listed, Mark, Message,
    MessageEnd, OracleLine, OracleVerdict, ProbeTally, RunRecord, SchemaVersion, Share, Span,
    StoryRecord, SweepRecord, SweepResult, SweepTiming, TimelineEntry, TimelineKind, Track,
    Verdict,
};

/// A run that ended well: a power loss, a takeover, a resync.
pub(crate) fn passing_run() -> RunRecord {
    RunRecord {
        schema_version: SchemaVersion,
        scenario: "takeover/power-loss".to_owned(),
        seed: 42,
        verdict: Verdict::Pass,
        trace_hash: "9f3c0a117be2d458".to_owned(),
        events: 18_231,
        messages: 6_407,
        simulated: Duration::from_millis(10_000),
        commands: CommandCounts {
            issued: 61,
            success: 58,
            mismatch: 0,
            refused: 1,
            unknown: 2,
            cancelled: 0,
        },
        faults: counts(&[("power_loss", 1), ("drop", 17), ("bit_rot", 0)]),
        probes: counts(&[("takeover during resync", 1), ("cancel won on one copy", 0)]),
        measures: [
            (
                "takeover_ms".to_owned(),
                Decimal::from_millionths(412_500_000),
            ),
            ("resync_blocks".to_owned(), Decimal::whole(96)),
        ]
        .into(),
        findings: Vec::new(),
        oracles: vec![
            oracle(
                "O1",
                "An acknowledged write is in every later accepted state through any single loss while in-sync",
                58,
            ),
            oracle(
                "O5",
                "Copies differ only inside in-flight and dirty",
                18_231,
            ),
            oracle("O13", "A restored backup equals one point in time", 0),
        ],
        transitions: counts(&[("standby -> claiming", 1)]),
        command: "stormglass run takeover/power-loss --seed 42".to_owned(),
        timeline: passing_timeline(),
    }
}

/// The same run, had an oracle objected.
pub(crate) fn failing_run() -> RunRecord {
    let mut run = passing_run();
    let at = Duration::from_micros(2_540_200);
    run.verdict = Verdict::Safety;
    run.findings.push(Finding {
        oracle: "O5".to_owned(),
        at,
        says: "block 17 of set 3 differs outside in-flight and dirty".to_owned(),
        events: vec![4_411, 4_502],
    });
    run.oracles[1].verdict = OracleVerdict::Violated;
    run.timeline.push(TimelineEntry::new(
        at,
        "pair",
        TimelineKind::Finding,
        "O5: block 17 of set 3 differs outside in-flight and dirty",
    ));
    run
}

/// A run in which nothing happened at all.
pub(crate) fn empty_run() -> RunRecord {
    RunRecord {
        schema_version: SchemaVersion,
        scenario: "empty".to_owned(),
        seed: 0,
        verdict: Verdict::Pass,
        trace_hash: "0".to_owned(),
        events: 0,
        messages: 0,
        simulated: Duration::ZERO,
        commands: CommandCounts::default(),
        faults: counts(&[]),
        probes: counts(&[]),
        measures: [].into(),
        findings: Vec::new(),
        oracles: Vec::new(),
        transitions: counts(&[]),
        command: "stormglass run empty --seed 0".to_owned(),
        timeline: Vec::new(),
    }
}

fn passing_timeline() -> Vec<TimelineEntry> {
    let entry = |millis: u64, lane: &str, kind, text: &str| {
        TimelineEntry::new(Duration::from_millis(millis), lane, kind, text)
    };
    let mut timeline = vec![
        entry(0, "east-1", TimelineKind::Role, "owner of set 3, epoch 1"),
        entry(12, "pair", TimelineKind::Sync, "in-sync"),
    ];
    for n in 0..38 {
        let text = format!("write 1:{n} of 4 KiB acknowledged");
        timeline.push(
            entry(100 + 50 * n, "c1", TimelineKind::Client, &text).one_of("acknowledged writes"),
        );
    }
    timeline.extend([
        entry(2_104, "east-1", TimelineKind::Fault, "power lost"),
        entry(
            2_105,
            "pair",
            TimelineKind::Sync,
            "out of sync, west-1 is the newer",
        ),
        entry(
            2_390,
            "c1",
            TimelineKind::Client,
            "write 1:38 unknown: no answer in 250 ms",
        ),
        entry(
            2_516,
            "west-1",
            TimelineKind::Role,
            "owner of set 3, epoch 2",
        ),
        entry(
            3_000,
            "west-1",
            TimelineKind::Probe,
            "takeover during resync",
        ),
        entry(9_900, "", TimelineKind::Note, "calm begins"),
    ]);
    timeline
}

fn oracle(id: &str, statement: &str, checks: u64) -> OracleLine {
    OracleLine {
        id: id.to_owned(),
        statement: statement.to_owned(),
        checks,
        verdict: OracleVerdict::Held,
    }
}

fn counts(pairs: &[(&str, u64)]) -> std::collections::BTreeMap<String, u64> {
    pairs
        .iter()
        .map(|(name, n)| ((*name).to_owned(), *n))
        .collect()
}

/// The story of the failing run, with one of everything that has a lane.
pub(crate) fn story() -> StoryRecord {
    let ms = |count: u64| count * 1_000_000;
    let lane = |kind, group: &str, name: &str| Lane {
        kind,
        group: group.to_owned(),
        name: name.to_owned(),
    };
    let span = |lane, track, from, to, state: &str| Span {
        lane,
        track,
        from: ms(from),
        to: ms(to),
        state: state.to_owned(),
        detail: String::new(),
    };
    let message = |sent, arrives, end, befell| Message {
        sent: ms(sent),
        arrives: ms(arrives),
        link: 5,
        from: 1,
        to: 2,
        kind: 0,
        label: "7 part 0 attempt 0".to_owned(),
        bytes: 4_216,
        end,
        befell,
    };
    StoryRecord {
        schema_version: SchemaVersion,
        run: failing_run(),
        begin: 0,
        end: ms(10_000),
        lanes: vec![
            lane(LaneKind::Client, "clients", "client-1"),
            lane(LaneKind::Node, "east", "east-1"),
            lane(LaneKind::Node, "west", "west-1"),
            lane(LaneKind::Device, "east", "east.journal"),
            lane(LaneKind::Mediator, "mediator", "mediator"),
            lane(LaneKind::Link, "inter-cluster", "east-1 – west-1"),
        ],
        spans: vec![
            span(1, Track::Power, 0, 10_000, "up"),
            span(1, Track::Role, 0, 2_000, "standby"),
            span(1, Track::Role, 2_000, 10_000, "serving"),
            span(1, Track::Epoch, 2_000, 10_000, "epoch 7"),
            span(1, Track::Sync, 2_000, 10_000, "in sync"),
            span(3, Track::Trouble, 500, 900, "slow"),
            span(5, Track::There, 2_500, 2_540, "cut"),
        ],
        marks: vec![Mark {
            at: ms(2_500),
            event: 4_411,
            lane: Some(5),
            kind: TimelineKind::Fault,
            text: "a link is cut".to_owned(),
            key: "cut a link".to_owned(),
        }],
        messages: vec![
            message(2_100, 2_101, MessageEnd::Arrived, vec![Befell::Delayed]),
            message(2_510, 2_511, MessageEnd::CutOff, Vec::new()),
        ],
        message_kinds: vec!["set".to_owned()],
        attempts: vec![Attempt {
            lane: 0,
            id: "c1:17".to_owned(),
            attempt: 0,
            kind: "write".to_owned(),
            range: "blocks 5-9".to_owned(),
            begin: ms(2_099),
            end: Some(ms(2_103)),
            outcome: "success".to_owned(),
        }],
        device_commands: vec![DeviceCommand {
            device: 3,
            by: 1,
            kind: DeviceCommandKind::ForcedWrite,
            start: 55,
            count: 2,
            submitted: ms(2_100),
            executed: None,
            end: DeviceCommandEnd::Queued,
        }],
        cited: vec![Cited {
            event: 4_411,
            at: ms(2_500),
        }],
        left_out: vec![LeftOut {
            what: "messages".to_owned(),
            count: 3,
            limit: 2,
            until: ms(2_000),
        }],
    }
}

/// A sweep in which all sorts of things failed.
pub(crate) fn failing_sweep() -> SweepRecord {
    let probes = BTreeMap::from([
        ("takeover during resync".to_owned(), ProbeTally::REQUIRED),
        ("cancel won on one copy".to_owned(), Share::percent(5)),
    ]);
    let faults = ["bit_rot", "power_loss"].map(str::to_owned).into();
    let listed = Listed { probes, faults };
    let mut crash = failing_run();
    crash.verdict = Verdict::Crash;
    crash.command = format!(
        "stormglass run takeover/power-loss --seed 7 {}",
        "--set network.loss=1/3 ".repeat(4)
    );
    crash.seed = 7;
    let mut lost = passing_run();
    lost.verdict = Verdict::Unrecoverable;
    let mut hit = passing_run();
    hit.probes.insert("cancel won on one copy".to_owned(), 3);
    hit.probes.remove("takeover during resync");
    let runs = [
        (SweepResult::of_run(&hit, &listed, ""), 1),
        (SweepResult::of_run(&passing_run(), &listed, ""), 1_090),
        (
            SweepResult::of_run(&failing_run(), &listed, "O5 outside in-flight and dirty"),
            3,
        ),
        (
            SweepResult::of_run(&crash, &listed, "assertion `epoch rises` in d_module"),
            1,
        ),
        (SweepResult::of_run(&lost, &listed, ""), 5),
    ];
    let results = runs
        .into_iter()
        .flat_map(|(result, times)| std::iter::repeat_n(result, times));
    let mut result = results.fold(SweepResult::default(), SweepResult::merge);
    result.failures[0].repro = Some("out/O5.toml".to_owned());
    result.probes.insert(
        "journal full".to_owned(),
        ProbeTally {
            hit: 0,
            able: 12,
            required: ProbeTally::REQUIRED,
        },
    );
    result.faults.insert("torn_write".to_owned(), 0);
    let few = FaultTally {
        enabled_seeds: 12,
        happened_seeds: 0,
    };
    result.faults_enabled.insert("torn_write".to_owned(), few);
    result.expect_transitions(["standby -> recovering".to_owned()]);
    sweep_record(result)
}

/// A sweep with this result.
pub(crate) fn sweep_record(result: SweepResult) -> SweepRecord {
    SweepRecord {
        corpus: None,
        schema_version: SchemaVersion,
        timing: SweepTiming::new(result.runs, Duration::from_millis(12_500), 2),
        result,
    }
}

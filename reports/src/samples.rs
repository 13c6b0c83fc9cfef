//! Records for this crate's tests: small, made up, and without an engine.

use std::time::Duration;

use crate::record::{
    CommandCounts, Decimal, Finding, OracleLine, OracleVerdict, RunRecord, SchemaVersion,
    TimelineEntry, TimelineKind, Verdict,
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

//! The stable JSON keys, as the command line promises them.

use super::*;
use crate::samples::{diff_record, failed_verification, feature, fork_record, trail_line};

#[test]
fn a_run_has_the_stable_keys_in_order() {
    let json = to_json(&failing_run());
    assert_eq!(
        keys(&json),
        [
            "schema_version",
            "scenario",
            "seed",
            "verdict",
            "trace_hash",
            "events",
            "messages",
            "sim_seconds",
            "commands",
            "faults",
            "probes",
            "measures",
            "findings"
        ]
    );
}

#[test]
fn a_run_in_json() {
    insta::assert_snapshot!(pretty(&failing_run()));
}

#[test]
fn a_full_run_adds_what_the_views_need() {
    let json = failing_run().to_json(Detail::Full);
    let keys = keys(&json);
    assert_eq!(
        keys[13..],
        ["oracles", "transitions", "command", "timeline"]
    );
    assert!(
        json.contains(
            r#"{"at":2.5402,"lane":"pair","kind":"finding","text":"O5: block 17 of set 3"#
        )
    );
}

#[test]
fn a_mismatch_appears_where_there_was_one() {
    let mut run = empty_run();
    assert!(!to_json(&run).contains("mismatch"));
    run.commands.mismatch = 2;
    assert!(to_json(&run).contains(r#""success":0,"mismatch":2,"refused":0"#));
}

#[test]
fn a_sweep_in_json() {
    let sweep = SweepRecord {
        corpus: None,
        schema_version: SchemaVersion,
        result: merging::result_of(&failing_run()).merge(merging::result_of(&passing_run())),
        timing: SweepTiming::new(2, Duration::from_millis(500), 2),
    };
    let json = to_json(&sweep);
    assert_eq!(serde_json::from_str(&json).ok().as_ref(), Some(&sweep));
    insta::assert_snapshot!(pretty(&sweep));
}

#[test]
fn a_verification_in_json() {
    let verify = failed_verification();
    assert_eq!(verify.exit(), Exit::Nondeterminism);
    let json = to_json(&verify);
    assert_eq!(serde_json::from_str(&json).ok(), Some(verify));
    assert_eq!(
        json,
        concat!(
            r#"{"schema_version":1,"deterministic":false,"runs":5,"#,
            r#""trace_hash":"9f3c0a117be2d458","#,
            r#""first_difference":{"event":4411,"at":2.10425,"component":"west-1 D-module","#,
            r#""field":"epoch","left":"7","right":"6"}}"#
        )
    );
}

#[test]
fn a_difference_in_json() {
    let (line, diff) = (trail_line(), diff_record());
    assert_eq!(diff.exit().code(), 1);
    let json = to_json(&diff);
    assert_eq!(serde_json::from_str(&json).ok(), Some(diff));
    let event = concat!(
        r#"{"event":1159,"at":0.200006,"component":"client-4","what":"wake-up","#,
        r#""faults":["lose connect 0"],"changed":{"client-4":"9f3c"},"hash":"0a11"}"#
    );
    assert_eq!(to_json(&line), event);
    assert_eq!(
        json,
        concat!(
            r#"{"schema_version":1,"left":"lossy-network@1","right":"half.checkpoint","#,
            r#""equal":false,"first_difference":{"event":1159,"at":0.200006,"#,
            r#""component":"client","field":"in_flight[connect 0]","left":"absent","#,
            r#""right":"arrives: 1us"},"fields":[{"component":"client","#,
            r#""field":"in_flight[connect 0]","left":"absent","right":"arrives: 1us"},"#,
            r#"{"component":"tally","field":"faults[loss]","left":"1","right":"absent"}],"#,
            r#""before":[{"component":"weather","field":"strength.loss","left":"1/16","#,
            r#""right":"0/1"}],"left_event":EVENT,"right_event":null,"#,
            r#""notes":["the run on the right ends: nothing is left to happen"]}"#
        )
        .replace("EVENT", event)
    );
}

#[test]
fn events_are_the_same_whatever_their_number() {
    let line = TrailLine {
        faults: Vec::new(),
        ..trail_line()
    };
    let numbered = TrailLine {
        event: line.event + 1,
        ..line.clone()
    };
    assert!(line.is_same(&numbered));
    let later = TrailLine {
        at: line.at + Duration::from_micros(1),
        ..line.clone()
    };
    assert!(!line.is_same(&later));
    assert!(!to_json(&line).contains("faults"));
    assert_eq!(serde_json::from_str(&to_json(&line)).ok(), Some(line));
}

#[test]
fn two_futures_in_json() {
    let fork = fork_record();
    assert_eq!(fork.exit(), Exit::Liveness);
    let json = to_json(&fork);
    assert_eq!(serde_json::from_str(&json).ok(), Some(fork));
    assert_eq!(
        json,
        concat!(
            r#"{"schema_version":1,"scenario":"owner-crash","seed":7,"at":2.1,"event":4000,"#,
            r#""left":{"change":null,"verdict":"pass","trace_hash":"9f3c","events":4411,"#,
            r#""findings":[]},"right":{"change":"weather.loss=1/2","verdict":"liveness","#,
            r#""trace_hash":"9f3c","events":4411,"findings":[]},"first_difference":null,"#,
            r#""fields":[],"before":[],"left_event":null,"right_event":null,"notes":[]}"#
        )
    );
}

#[test]
fn a_feature_in_json() {
    let feature = FeatureRecord {
        probe: Some("takeover during resync".to_owned()),
        ..feature("T3", "A takeover replays the journal", FeatureStatus::Shown)
    };
    assert_eq!(
        to_json(&[feature]),
        concat!(
            r#"[{"id":"T3","title":"A takeover replays the journal","#,
            r#""scenarios":["takeover/power-loss"],"status":"shown","#,
            r#""probe":"takeover during resync","mutant":null,"guarded":false}]"#
        )
    );
}

fn pretty<R: Serialize>(record: &R) -> String {
    serde_json::to_string_pretty(record).expect("records have string keys")
}

/// The keys of a JSON object, in the order in which they stand there.
fn keys(json: &str) -> Vec<String> {
    struct Keys(Vec<String>);
    impl<'de> Deserialize<'de> for Keys {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(Visitor)
        }
    }
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Keys;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
            let mut keys = Vec::new();
            while let Some((key, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                keys.push(key);
            }
            Ok(Keys(keys))
        }
    }
    serde_json::from_str::<Keys>(json).expect("an object").0
}

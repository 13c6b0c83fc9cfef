//! The stable JSON keys, as the command line promises them.

use super::*;

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
    let verify = VerifyRecord {
        schema_version: SchemaVersion,
        deterministic: false,
        runs: 5,
        trace_hash: "9f3c".to_owned(),
        first_difference: Some(Difference {
            event: 4_411,
            at: Duration::from_micros(2_104_250),
            component: "west-1 D-module".to_owned(),
            field: "epoch".to_owned(),
            left: "7".to_owned(),
            right: "6".to_owned(),
        }),
    };
    assert_eq!(verify.exit(), Exit::Nondeterminism);
    let json = to_json(&verify);
    assert_eq!(serde_json::from_str(&json).ok(), Some(verify));
    assert_eq!(
        json,
        concat!(
            r#"{"schema_version":1,"deterministic":false,"runs":5,"trace_hash":"9f3c","#,
            r#""first_difference":{"event":4411,"at":2.10425,"component":"west-1 D-module","#,
            r#""field":"epoch","left":"7","right":"6"}}"#
        )
    );
}

#[test]
fn a_feature_in_json() {
    let feature = FeatureRecord {
        id: "T3".to_owned(),
        title: "A takeover replays the journal".to_owned(),
        scenarios: vec!["takeover/power-loss".to_owned()],
        status: FeatureStatus::Shown,
        probe: Some("takeover during resync".to_owned()),
        mutant: None,
        guarded: false,
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

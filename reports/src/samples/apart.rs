//! What came of comparing runs with each other.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::record::{
    DiffRecord, Difference, DifferingField, FeatureRecord, FeatureStatus, ForkRecord, FutureRecord,
    PartingRecord, SchemaVersion, TrailLine, Verdict, VerifyRecord,
};

/// A verification that found a run which is not like the others.
pub(crate) fn failed_verification() -> VerifyRecord {
    VerifyRecord {
        schema_version: SchemaVersion,
        deterministic: false,
        runs: 5,
        trace_hash: "9f3c0a117be2d458".to_owned(),
        first_difference: Some(Difference {
            event: 4_411,
            at: Duration::from_micros(2_104_250),
            component: "west-1 D-module".to_owned(),
            field: "epoch".to_owned(),
            left: "7".to_owned(),
            right: "6".to_owned(),
        }),
    }
}

/// An event of a run.
pub(crate) fn trail_line() -> TrailLine {
    TrailLine {
        event: 1_159,
        at: Duration::from_micros(200_006),
        component: "client-4".to_owned(),
        what: "wake-up".to_owned(),
        faults: vec!["lose connect 0".to_owned()],
        changed: BTreeMap::from([("client-4".to_owned(), "9f3c".to_owned())]),
        hash: "0a11".to_owned(),
    }
}

/// Two runs, of which one has lost a message and ends.
pub(crate) fn diff_record() -> DiffRecord {
    let field = |component: &str, field: &str, left: &str, right: &str| DifferingField {
        component: component.to_owned(),
        field: field.to_owned(),
        left: left.to_owned(),
        right: right.to_owned(),
    };
    let first = field("client", "in_flight[connect 0]", "absent", "arrives: 1us");
    let parting = PartingRecord {
        first_difference: Some(Difference {
            event: 1_159,
            at: Duration::from_micros(200_006),
            component: first.component.clone(),
            field: first.field.clone(),
            left: first.left.clone(),
            right: first.right.clone(),
        }),
        fields: vec![first, field("tally", "faults[loss]", "1", "absent")],
        before: vec![field("weather", "strength.loss", "1/16", "0/1")],
        left_event: Some(trail_line()),
        right_event: None,
        notes: vec!["the run on the right ends: nothing is left to happen".to_owned()],
    };
    DiffRecord {
        schema_version: SchemaVersion,
        left: "lossy-network@1".to_owned(),
        right: "half.checkpoint".to_owned(),
        equal: false,
        parting,
    }
}

/// Two futures that do not part.
pub(crate) fn fork_record() -> ForkRecord {
    let future = |verdict, change: Option<&str>| FutureRecord {
        change: change.map(str::to_owned),
        verdict,
        trace_hash: "9f3c".to_owned(),
        events: 4_411,
        findings: Vec::new(),
    };
    ForkRecord {
        schema_version: SchemaVersion,
        scenario: "owner-crash".to_owned(),
        seed: 7,
        at: Duration::from_millis(2_100),
        event: 4_000,
        left: future(Verdict::Pass, None),
        right: future(Verdict::Liveness, Some("weather.loss=1/2")),
        parting: PartingRecord::default(),
    }
}

/// A feature that a scenario shows, unless its status says otherwise.
pub(crate) fn feature(id: &str, title: &str, status: FeatureStatus) -> FeatureRecord {
    FeatureRecord {
        id: id.to_owned(),
        title: title.to_owned(),
        scenarios: match status {
            FeatureStatus::Missing => Vec::new(),
            FeatureStatus::Shown | FeatureStatus::Failing => {
                vec!["takeover/power-loss".to_owned()]
            }
        },
        status,
        probe: None,
        mutant: None,
        guarded: false,
    }
}

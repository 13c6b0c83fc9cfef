use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::samples::{empty_run, failing_run, passing_run};

mod keys;
mod ledgers;
mod merging;

#[test]
fn exit_codes_are_those_of_the_contract() {
    let codes = |verdicts: &[Verdict]| -> Vec<u8> {
        verdicts.iter().map(|verdict| verdict.exit_code()).collect()
    };
    assert_eq!(codes(&[Verdict::Pass]), [0]);
    assert_eq!(codes(&[Verdict::Safety, Verdict::Crash]), [1, 1]);
    assert_eq!(codes(&[Verdict::Liveness]), [3]);
    assert_eq!(codes(&[Verdict::Expectation]), [5]);
    assert_eq!(codes(&[Verdict::Unrecoverable]), [6]);
    assert_eq!(Exit::Usage.code(), 2);
    assert_eq!(Exit::Nondeterminism.code(), 4);
    assert_eq!(Exit::Internal.code(), 70);
}

#[test]
fn the_lowest_exit_code_that_occurred_decides() {
    assert_eq!(Verdict::worst([]), Verdict::Pass);
    assert_eq!(Verdict::worst([Verdict::Pass]), Verdict::Pass);
    assert_eq!(
        Verdict::worst([Verdict::Unrecoverable, Verdict::Pass, Verdict::Liveness]),
        Verdict::Liveness
    );
    assert_eq!(
        Verdict::worst([Verdict::Expectation, Verdict::Crash]),
        Verdict::Crash
    );
    assert_eq!(Exit::worst([]), Exit::Pass);
    assert_eq!(
        Exit::worst([Exit::Expectation, Exit::Nondeterminism, Exit::Pass]),
        Exit::Nondeterminism
    );
    assert_eq!(
        Exit::worst([Exit::Internal, Exit::Usage, Exit::Unrecoverable]),
        Exit::Unrecoverable
    );
    assert_eq!(
        Exit::worst([Exit::Pass, Exit::Usage, Exit::Internal]),
        Exit::Internal
    );
}

#[test]
fn worst_of_verdicts_and_worst_of_exits_agree() {
    let all = [
        Verdict::Pass,
        Verdict::Safety,
        Verdict::Crash,
        Verdict::Liveness,
        Verdict::Expectation,
        Verdict::Unrecoverable,
    ];
    for one in all {
        for other in all {
            assert_eq!(
                Verdict::worst([one, other]).exit(),
                Exit::worst([one.exit(), other.exit()])
            );
        }
    }
}

#[test]
fn decimals_print_short_and_exact() {
    let printed = |millionths| Decimal::from_millionths(millionths).to_string();
    assert_eq!(printed(412_500_000), "412.5");
    assert_eq!(printed(-250_000), "-0.25");
    assert_eq!(printed(1), "0.000001");
    assert_eq!(Decimal::whole(u64::MAX).to_string(), u64::MAX.to_string());
    assert_eq!(Decimal::ratio(1, 3).to_string(), "0.333333");
    assert_eq!(Decimal::ratio(1, 0), Decimal::whole(0));
    let span = Duration::from_nanos(1_234_567);
    assert_eq!(Decimal::milliseconds(span).to_string(), "1.234567");
    assert_eq!(Decimal::seconds(span).to_string(), "0.001234");
}

#[test]
fn a_decimal_that_is_no_number_is_refused() {
    assert!(serde_json::from_str::<Decimal>("\"12\"").is_err());
    assert!(serde_json::from_str::<Decimal>("1e300").is_err());
}

#[test]
fn another_schema_version_is_refused() {
    let json = to_json(&empty_run()).replace("\"schema_version\":1", "\"schema_version\":2");
    let error = serde_json::from_str::<RunRecord>(&json).expect_err("version 2");
    assert!(error.to_string().contains("this build reads 1"), "{error}");
}

#[test]
fn a_run_reads_back_equal_from_its_full_json() {
    for run in [passing_run(), failing_run(), empty_run()] {
        let json = run.to_json(Detail::Full);
        assert_eq!(serde_json::from_str::<RunRecord>(&json).ok(), Some(run));
    }
}

#[test]
fn a_negative_time_is_refused() {
    let json = to_json(&empty_run()).replace("\"sim_seconds\":0.0", "\"sim_seconds\":-1.0");
    assert!(serde_json::from_str::<RunRecord>(&json).is_err());
}

proptest! {
    #[test]
    fn spans_keep_every_nanosecond(nanos in 0_u64..(1_000_000_000 << 23)) {
        let mut run = empty_run();
        run.simulated = Duration::from_nanos(nanos);
        let json = run.to_json(Detail::Full);
        let back: RunRecord = serde_json::from_str(&json).expect("own JSON");
        prop_assert_eq!(back, run);
    }

    #[test]
    fn decimals_keep_every_place(millionths in -(1_i64 << 51)..(1 << 51)) {
        let decimal = Decimal::from_millionths(millionths);
        let back: Decimal = serde_json::from_str(&to_json(&decimal)).expect("own JSON");
        prop_assert_eq!(back, decimal);
    }
}

//! Sweeps come out the same in any order of work.

use super::*;

/// The result of one run whose scenario lists both sample probes.
pub(super) fn result_of(run: &RunRecord) -> SweepResult {
    let probes = BTreeMap::from([
        ("takeover during resync".to_owned(), ProbeTally::REQUIRED),
        ("cancel won on one copy".to_owned(), Share::percent(5)),
    ]);
    let faults = ["power_loss", "bit_rot"].map(str::to_owned).into();
    let listed = Listed { probes, faults };
    SweepResult::of_run(run, &listed, "O5 outside in-flight and dirty")
}

#[test]
fn a_run_counts_once() {
    let passed = result_of(&passing_run());
    assert_eq!((passed.runs, passed.passed, passed.failed), (1, 1, 0));
    assert_eq!(passed.acknowledged, 58);
    assert_eq!(passed.failures, []);
    assert_eq!(passed.probes["cancel won on one copy"].hit, 0);
    assert_eq!(
        passed.probes_missing(),
        [""; 0],
        "one seed is too few to say so"
    );
    assert_eq!(passed.faults["bit_rot"], 0);
    assert_eq!(passed.faults_enabled["bit_rot"], faults(1, 0));
    assert_eq!(passed.faults_enabled["power_loss"], faults(1, 1));
    assert!(
        !passed.faults_enabled.contains_key("drop"),
        "nobody switched it on"
    );
    assert_eq!(passed.transitions["standby -> claiming"], 1);
    assert_eq!(passed.scenarios["takeover/power-loss"].passed, 1);

    let mut run = passing_run();
    run.verdict = Verdict::Unrecoverable;
    let lost = result_of(&run);
    assert_eq!((lost.passed, lost.failed, lost.unrecoverable), (0, 0, 1));
    assert_eq!(lost.failures, []);
}

#[test]
fn a_probe_that_the_scenario_does_not_list_is_not_counted() {
    let result = SweepResult::of_run(&passing_run(), &Listed::default(), "");
    assert!(result.probes.is_empty());
}

fn faults(enabled_seeds: u64, happened_seeds: u64) -> FaultTally {
    FaultTally {
        enabled_seeds,
        happened_seeds,
    }
}

#[test]
fn a_fault_is_missing_below_its_share_of_enough_seeds() {
    assert!(!faults(SEEDS_MIN - 1, 0).is_missing());
    assert!(faults(SEEDS_MIN, 0).is_missing());
    assert!(!faults(SEEDS_MIN, 1).is_missing());
    assert!(faults(SEEDS_MIN + 1, 1).is_missing());
    let many = (0..SEEDS_MIN).fold(SweepResult::default(), |sum, _| {
        sum.merge(result_of(&passing_run()))
    });
    assert_eq!(many.faults_missing(), ["bit_rot"]);
    assert_eq!(many.probes_missing(), ["cancel won on one copy"]);
}

#[test]
fn a_transition_that_is_possible_and_never_happened_is_missing() {
    let mut result = result_of(&passing_run());
    let possible = ["standby -> claiming", "claiming -> standby"].map(str::to_owned);
    result.expect_transitions(possible);
    assert_eq!(result.transitions["standby -> claiming"], 1);
    assert_eq!(result.transitions_missing(), ["claiming -> standby"]);
}

#[test]
fn each_scenario_keeps_the_shortest_run_of_its_own_failures() {
    let mut other = failing_run();
    (other.scenario, other.events) = ("other".to_owned(), 1);
    let merged = result_of(&failing_run()).merge(result_of(&other));
    assert_eq!(merged.failures.len(), 1);
    assert_eq!(merged.failures[0].scenario, "other");
    let own = &merged.scenarios["takeover/power-loss"];
    assert_eq!((own.runs, own.failed), (1, 1));
    assert_eq!(own.failures[0].scenario, "takeover/power-loss");
}

#[test]
fn the_shortest_run_stands_for_its_group_and_ties_go_by_seed() {
    let group = |runs: &[(u64, u64)]| {
        let results = runs.iter().map(|(events, seed)| {
            let mut run = failing_run();
            (run.events, run.seed) = (*events, *seed);
            result_of(&run)
        });
        let merged = results.fold(SweepResult::default(), SweepResult::merge);
        assert_eq!(merged.failures.len(), 1);
        let shown = &merged.failures[0];
        (shown.runs, shown.events, shown.seed)
    };
    assert_eq!(group(&[(90, 1), (70, 9), (70, 4), (80, 2)]), (4, 70, 4));
    assert_eq!(group(&[(70, 4), (80, 2), (90, 1), (70, 9)]), (4, 70, 4));
}

#[test]
fn the_same_signature_with_another_verdict_is_another_group() {
    let mut crash = failing_run();
    crash.verdict = Verdict::Crash;
    let merged = result_of(&failing_run()).merge(result_of(&crash));
    assert_eq!(merged.failures.len(), 2);
}

#[test]
fn a_probe_is_missing_below_its_share() {
    let tally = |hit, able| ProbeTally {
        hit,
        able,
        required: ProbeTally::REQUIRED,
    };
    assert!(!tally(0, SEEDS_MIN - 1).is_missing(), "too few to say so");
    assert!(tally(0, SEEDS_MIN).is_missing());
    assert!(!tally(1, 100).is_missing());
    assert!(tally(1, 101).is_missing());
    assert!(!tally(0, 0).is_missing());
}

#[test]
fn a_sweep_exits_by_its_failures_and_the_allowed_share() {
    let passed = result_of(&passing_run());
    assert_eq!(passed.exit(Share::NONE), Exit::Pass);
    let mut run = passing_run();
    run.verdict = Verdict::Unrecoverable;
    let half_lost = passed.merge(result_of(&run));
    assert_eq!(half_lost.exit(Share::percent(50)), Exit::Pass);
    assert_eq!(half_lost.exit(Share::percent(49)), Exit::Unrecoverable);
    let failed = half_lost.merge(result_of(&failing_run()));
    assert_eq!(failed.exit(Share::NONE), Exit::Safety);
    assert_eq!(SweepResult::default().exit(Share::NONE), Exit::Pass);
}

#[test]
fn a_sweep_of_no_time_at_all_has_a_rate() {
    let timing = SweepTiming::new(u64::MAX, Duration::ZERO, 1);
    assert!(timing.seeds_per_second > Decimal::whole(0));
}

/// Few names and small numbers, so that groups, ties and shares collide.
fn any_result() -> impl Strategy<Value = SweepResult> {
    let verdicts = prop::sample::select(vec![
        Verdict::Pass,
        Verdict::Safety,
        Verdict::Crash,
        Verdict::Unrecoverable,
    ]);
    let run = (
        verdicts,
        0_u64..3,
        0_u64..3,
        prop::sample::select(vec!["a", "b"]),
        prop::sample::select(vec!["O1", "O5"]),
        0_u64..2,
        0_u32..3,
    );
    let result = run.prop_map(|(verdict, events, seed, name, signature, hits, percent)| {
        let mut run = empty_run();
        run.verdict = verdict;
        (run.events, run.seed) = (events, seed);
        run.scenario = name.to_owned();
        run.faults.insert(name.to_owned(), events);
        run.probes.insert("rare".to_owned(), hits);
        run.transitions.insert(name.to_owned(), hits);
        let listed = Listed {
            probes: BTreeMap::from([("rare".to_owned(), Share::percent(percent))]),
            faults: [name.to_owned()].into(),
        };
        let mut result = SweepResult::of_run(&run, &listed, signature);
        for failure in &mut result.failures {
            failure.repro = (hits == 1).then(|| format!("{name}.toml"));
        }
        result
    });
    prop::collection::vec(result, 0..5).prop_map(|results| {
        results
            .into_iter()
            .fold(SweepResult::default(), SweepResult::merge)
    })
}

proptest! {
    #[test]
    fn merging_is_commutative(a in any_result(), b in any_result()) {
        prop_assert_eq!(a.clone().merge(b.clone()), b.merge(a));
    }

    #[test]
    fn merging_is_associative(a in any_result(), b in any_result(), c in any_result()) {
        let left = a.clone().merge(b.clone()).merge(c.clone());
        prop_assert_eq!(left, a.merge(b.merge(c)));
    }

    #[test]
    fn an_empty_sweep_changes_nothing(a in any_result()) {
        prop_assert_eq!(a.clone().merge(SweepResult::default()), a.clone());
        prop_assert_eq!(SweepResult::default().merge(a.clone()), a);
    }

    #[test]
    fn a_sweep_reads_back_equal_from_its_json(a in any_result()) {
        let back: SweepResult = serde_json::from_str(&to_json(&a)).expect("own JSON");
        prop_assert_eq!(back, a);
    }
}

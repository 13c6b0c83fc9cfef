//! Shards join in any order, however often, and sweeps go on where they stopped.

use std::ops::Range;

use super::*;

fn plan(seeds: Range<u64>) -> SweepPlan {
    SweepPlan {
        id: "one".to_owned(),
        suite: None,
        scenarios: vec!["a".to_owned()],
        settings: Vec::new(),
        seeds,
    }
}

/// What a seed comes to: every third fails.
fn result(seed: u64) -> SweepResult {
    let mut run = match seed % 3 {
        0 => failing_run(),
        _ => passing_run(),
    };
    (run.seed, run.events) = (seed, seed * 7 % 11);
    merging::result_of(&run)
}

fn ran(mut ledger: Ledger, seeds: Range<u64>) -> Ledger {
    seeds.for_each(|seed| ledger.add(seed, result(seed)));
    ledger
}

/// One range of seeds and no other.
fn only(seeds: Range<u64>) -> Vec<Range<u64>> {
    vec![seeds]
}

/// All seeds of a range in one go.
fn whole(seeds: Range<u64>) -> Ledger {
    ran(Ledger::new(plan(seeds.clone()), None), seeds)
}

#[test]
fn chunks_lie_in_the_plan_side_by_side() {
    for seeds in [
        0..1,
        0..128,
        0..129,
        5..1_000,
        1_000_000..2_000_001,
        0..u64::MAX,
    ] {
        let plan = plan(seeds.clone());
        let chunks: Vec<Range<u64>> = plan.chunks().collect();
        assert!(chunks.len() <= 130, "{seeds:?}: {}", chunks.len());
        assert_eq!(chunks[0].start, seeds.start);
        assert_eq!(chunks.last().map(|last| last.end), Some(seeds.end));
        assert!(chunks.windows(2).all(|two| two[0].end == two[1].start));
        for of in [1, 2, 3, 7, 200] {
            let shards = (1..=of).map(|number| plan.shard(Shard::new(number, of).unwrap()));
            let shards: Vec<Range<u64>> = shards.collect();
            assert!(shards.windows(2).all(|two| two[0].end == two[1].start));
            assert_eq!(shards[0].start, seeds.start);
            assert_eq!(shards.last().map(|last| last.end), Some(seeds.end));
        }
    }
    assert_eq!(Shard::new(0, 3), None);
    assert_eq!(Shard::new(4, 3), None);
}

#[test]
fn shards_together_are_the_whole_sweep() {
    let plan = plan(3..500);
    for of in [2, 5] {
        let shards = (1..=of).map(|number| {
            let ledger = Ledger::new(plan.clone(), Shard::new(number, of));
            let seeds = ledger.seeds();
            ran(ledger, seeds)
        });
        let joined = shards
            .reduce(|left, right| left.join(right).expect("of one plan"))
            .expect("shards");
        assert_eq!(joined.missing(), [0..0; 0]);
        assert_eq!(joined.to_record().result, whole(3..500).to_record().result);
    }
}

#[test]
fn a_sweep_goes_on_where_it_stopped() {
    let first = ran(Ledger::new(plan(0..300), None), 0..77);
    assert_eq!(first.missing(), only(77..300));
    let second = ran(first.clone(), 77..300);
    assert_eq!(second.to_record().result, whole(0..300).to_record().result);
    // Joined with what it had been before: nothing changes.
    assert_eq!(first.join(second.clone()), Ok(second));
}

#[test]
fn what_is_missing_is_named() {
    let plan = plan(0..128);
    let shard = |number| {
        let ledger = Ledger::new(plan.clone(), Shard::new(number, 4));
        let seeds = ledger.seeds();
        ran(ledger, seeds)
    };
    let joined = shard(4).join(shard(1)).expect("of one plan");
    assert_eq!(joined.missing(), only(32..96));
}

#[test]
fn other_plans_and_contradictions_do_not_join() {
    let mut other = plan(0..9);
    other.id = "another".to_owned();
    let other = Ledger::new(other, None);
    assert_eq!(whole(0..9).join(other), Err(JoinError::OtherPlan));
    let mut odd = Ledger::new(plan(0..9), None);
    odd.add(0, result(1));
    assert_eq!(whole(0..9).join(odd), Err(JoinError::Contradiction(0..1)));
}

#[test]
#[should_panic(expected = "in order")]
fn a_seed_is_added_once() {
    let mut ledger = whole(0..9);
    ledger.add(3, result(3));
}

#[test]
fn sessions_add_their_time_and_count_once() {
    let mut ledger = whole(0..9);
    ledger.add_session(0, 5, Duration::from_secs(3), 2);
    let mut other = ledger.clone();
    other.add_session(5, 4, Duration::from_secs(1), 1);
    let joined = other.clone().join(ledger).expect("of one plan");
    assert_eq!(joined, other);
    let timing = SweepTiming::new(9, Duration::from_secs(4), 2);
    assert_eq!(joined.to_record().timing, timing);
}

#[test]
fn a_ledger_from_a_file_is_checked() {
    let good = to_json(&whole(0..300));
    let read = |text: &str| serde_json::from_str::<Ledger>(text).expect("a ledger");
    assert_eq!(read(&good), whole(0..300));
    assert!(read(&good).is_consistent());
    for (from, to) in [
        (r#""start":0,"end":300"#, r#""start":0,"end":200"#),
        (r#""start":0,"end":300"#, r#""start":300,"end":0"#),
        (r#"{"end":4,"#, r#"{"end":5,"#),
        (r#"{"end":4,"#, r#"{"end":3,"#),
        (r#""8":{"#, r#""9":{"#),
        (r#""shard":null"#, r#""shard":{"number":0,"of":0}"#),
    ] {
        assert!(good.contains(from), "{from}");
        assert!(!read(&good.replacen(from, to, 1)).is_consistent(), "{to}");
    }
}

/// Of each chunk of a plan, the first seeds, or none.
fn any_ledger() -> impl Strategy<Value = Ledger> {
    let ends = prop::collection::vec(0_u64..5, 70);
    let sessions = prop::collection::vec((0_u64..3, 0_u64..3, 0_u64..3), 0..3);
    let shard = prop::option::of((1_u32..3).prop_map(|number| Shard::new(number, 2).unwrap()));
    (ends, sessions, shard).prop_map(|(ends, sessions, shard)| {
        let mut ledger = Ledger::new(plan(2..260), shard);
        let chunks: Vec<Range<u64>> = ledger.plan.chunks().collect();
        for (chunk, end) in chunks.into_iter().zip(ends) {
            for seed in chunk.start..chunk.end.min(chunk.start + end) {
                ledger.add(seed, result(seed));
            }
        }
        for (first, runs, seconds) in sessions {
            ledger.add_session(first, runs, Duration::from_secs(seconds), 1);
        }
        ledger
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn joining_is_commutative_associative_and_idempotent(
        a in any_ledger(),
        b in any_ledger(),
        c in any_ledger(),
    ) {
        let join = |a: &Ledger, b: &Ledger| a.clone().join(b.clone()).expect("of one plan");
        prop_assert_eq!(join(&a, &b), join(&b, &a));
        prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
        prop_assert_eq!(join(&a, &a), a.clone());
        prop_assert_eq!(join(&join(&a, &b), &b), join(&a, &b));
        prop_assert!(join(&a, &b).is_consistent());
    }
}

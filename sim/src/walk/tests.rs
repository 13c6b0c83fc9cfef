use super::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Serialize)]
struct State {
    next: u64,
    phase: Phase,
    pages: BTreeMap<u32, (u8, bool)>,
    due: Option<WorldTime>,
    heard: Vec<Instant>,
}

#[derive(Clone, Debug, Serialize)]
enum Phase {
    Idle,
    Waiting { since: Instant, tries: u32 },
    Done(i8),
}

fn state() -> State {
    State {
        next: 7,
        phase: Phase::Waiting {
            since: Instant::from_nanos(3_000),
            tries: 2,
        },
        pages: BTreeMap::from([(4, (1, true)), (9, (2, false))]),
        due: Some(WorldTime::from_nanos(5_000)),
        heard: vec![Instant::from_nanos(100), Instant::from_nanos(4_000)],
    }
}

/// The state `by` nanoseconds later.
fn shifted(by: u64) -> State {
    let shift = |at: Instant| Instant::from_nanos(at.as_nanos() + by);
    let state = state();
    State {
        phase: Phase::Waiting {
            since: shift(Instant::from_nanos(3_000)),
            tries: 2,
        },
        due: state
            .due
            .map(|at| WorldTime::from_nanos(at.as_nanos() + by)),
        heard: state.heard.iter().map(|at| shift(*at)).collect(),
        ..state
    }
}

fn now(world: u64, module: u64) -> Base {
    Base::Now {
        world: WorldTime::from_nanos(world),
        module: Some(Instant::from_nanos(module)),
    }
}

fn lines(value: &impl Serialize, base: Base) -> Vec<String> {
    let line = |(path, leaf): (String, Leaf)| format!("{path} = {leaf}");
    leaves(value, base).into_iter().map(line).collect()
}

#[test]
fn leaves_have_the_paths_of_their_fields() {
    let expected = [
        "next = 7",
        "phase = Waiting",
        "phase.since = 3us",
        "phase.tries = 2",
        "pages[4] = 4",
        "pages[4].0 = 1",
        "pages[4].1 = true",
        "pages[9] = 9",
        "pages[9].0 = 2",
        "pages[9].1 = false",
        "pages = 2 items",
        "due = something",
        "due = 5us",
        "heard[0] = 100ns",
        "heard[1] = 4us",
        "heard = 2 items",
    ];
    assert_eq!(lines(&state(), Base::Absolute), expected);
}

#[test]
fn instants_are_relative_to_their_own_now_and_never_before_it() {
    let lines = lines(&state(), now(4_500, 3_999));
    for expected in [
        "phase.since = 0ns",
        "due = 500ns",
        "heard[0] = 0ns",
        "heard[1] = 1ns",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}");
    }
}

#[test]
fn a_shift_in_time_does_not_change_the_hash() {
    let origin = hash(&state(), now(4_000, 3_500));
    assert_eq!(origin, hash(&shifted(1_000), now(5_000, 4_500)));
    assert_ne!(origin, hash(&shifted(1_000), now(5_000, 4_501)));
    assert_ne!(origin, hash(&shifted(1_000), now(4_000, 3_500)));
    assert_ne!(
        hash(&state(), Base::Absolute),
        hash(&shifted(1), Base::Absolute)
    );
}

#[test]
fn what_is_nested_differently_hashes_differently() {
    let hashes = [
        hash(&vec![vec![1], vec![]], Base::Absolute),
        hash(&vec![vec![], vec![1]], Base::Absolute),
        hash(&vec![vec![1]], Base::Absolute),
        hash(&["ab", "c"], Base::Absolute),
        hash(&["a", "bc"], Base::Absolute),
        hash(&(None::<u8>, Some(1)), Base::Absolute),
        hash(&(Some(1), None::<u8>), Base::Absolute),
        hash(&300, Base::Absolute),
        hash(&-1, Base::Absolute),
        hash(&255, Base::Absolute),
        hash(&"255", Base::Absolute),
        hash(&BTreeMap::from([(1, 2)]), Base::Absolute),
        hash(&BTreeMap::from([(2, 1)]), Base::Absolute),
    ];
    let distinct: std::collections::BTreeSet<_> = hashes.iter().collect();
    assert_eq!(distinct.len(), hashes.len());
}

/// `path: left, not right` of the first difference from [`state`].
fn changed(change: impl FnOnce(&mut State)) -> String {
    let mut other = state();
    change(&mut other);
    let found = difference(&state(), &other).expect("a difference");
    format!("{}: {}, not {}", found.path, found.left, found.right)
}

#[test]
fn a_difference_names_its_field() {
    assert_eq!(difference(&state(), &state()), None);
    assert_eq!(changed(|it| it.next = 8), "next: 7, not 8");
    assert_eq!(changed(|it| it.due = None), "due: 5us, not nothing");
    let phase = changed(|it| it.phase = Phase::Idle);
    assert_eq!(phase, "phase: Waiting since: 3us, not Idle");
    let phase = changed(|it| it.phase = Phase::Done(-1));
    assert_eq!(phase, "phase: Waiting since: 3us, not Done -1");
    let page = changed(|it| {
        it.pages.insert(9, (3, false));
    });
    assert_eq!(page, "pages[9].0: 2, not 3");
    let page = changed(|it| {
        it.pages.insert(5, (3, false));
    });
    assert_eq!(page, "pages[5]: absent, not 0: 3");
    let page = changed(|it| {
        it.pages.remove(&4);
    });
    assert_eq!(page, "pages[4]: 0: 1, not absent");
    let page = changed(|it| {
        it.pages.remove(&9);
    });
    assert_eq!(page, "pages[9]: 0: 2, not absent");
    let heard = changed(|it| it.heard.push(Instant::from_nanos(1)));
    assert_eq!(heard, "heard[2]: absent, not 1ns");
}

#[test]
fn a_digest_is_of_all_that_was_added_in_order() {
    let digest = |values: &[u64]| {
        let mut digest = Digest::default();
        values.iter().for_each(|it| digest.add(it, Base::Absolute));
        digest.finish()
    };
    assert_eq!(digest(&[5]), hash(&5u64, Base::Absolute));
    assert_ne!(digest(&[1, 2]), digest(&[2, 1]));
}

#[test]
fn differences_stand_in_order_each_once() {
    let mut other = state();
    other.next = 8;
    other.pages.insert(5, (3, false));
    other.pages.remove(&9);
    other.heard[1] = Instant::from_nanos(5_000);
    other.due = None;
    let found = |most| -> Vec<String> {
        let found = differences(&state(), &other, most);
        let text = |it: LeafDifference| format!("{}: {} → {}", it.path, it.left, it.right);
        found.into_iter().map(text).collect()
    };
    let all = [
        "next: 7 → 8",
        "pages[9]: 0: 2 → absent",
        "pages[5]: absent → 0: 3",
        "due: 5us → nothing",
        "heard[1]: 4us → 5us",
    ];
    assert_eq!(found(10), all);
    assert_eq!(found(2), all[..2]);
    assert_eq!(differences(&state(), &state(), 10), []);
}

#[test]
fn an_item_that_is_missing_is_one_difference() {
    let left = vec![vec![(1, 2)], vec![]];
    let right = vec![vec![(1, 2), (3, 4)], vec![], vec![(5, 6)]];
    let found = differences(&left, &right, 10);
    let text = |it: &LeafDifference| format!("{}: {} → {}", it.path, it.left, it.right);
    assert_eq!(
        found.iter().map(text).collect::<Vec<_>>(),
        ["[0][1]: absent → 0: 3", "[2]: absent → [0].0: 5"]
    );
}

#[test]
fn a_difference_is_found_however_large_the_values_are() {
    let left: Vec<u32> = (0..300_000).collect();
    for place in [0, 1, 1_023, 1_024, 70_001, 299_999] {
        let mut right = left.clone();
        right[place] = 7_000_000;
        let found = differences(&left, &right, 3);
        assert_eq!(found.len(), 1, "{place}");
        assert_eq!(found[0].path, format!("[{place}]"));
        assert_eq!(
            (found[0].left.clone(), found[0].right.as_str()),
            (place.to_string(), "7000000")
        );
    }
    let short = &left[..200_000];
    let found = difference(short, left.as_slice()).expect("one is longer");
    assert_eq!(found.path, "[200000]");
    assert_eq!(found.left, "absent");
}

use super::*;
use proptest::prelude::*;

/// One bucket in nanoseconds.
const BUCKET: u64 = 1 << BUCKET_SHIFT;
/// What the buckets span together.
const TURN: u64 = BUCKET * BUCKETS as u64;

fn at(nanoseconds: u64) -> WorldTime {
    WorldTime::from_nanos(nanoseconds)
}

fn drained(mut wheel: Wheel<u32>) -> Vec<(WorldTime, u64, u32)> {
    std::iter::from_fn(|| wheel.pop()).collect()
}

/// A wheel and the heap that it must behave like.
#[derive(Clone, Default)]
struct Pair {
    wheel: Wheel<u32>,
    model: BinaryHeap<Reverse<(WorldTime, u64, u32)>>,
    now: u64,
    sequence: u64,
}

#[derive(Clone, Debug)]
enum Step {
    /// Push that far ahead of the last event popped.
    Push(u64),
    /// Push at a time in the past.
    PushBehind(u64),
    Pop,
    /// Pop if it is not later than that far ahead.
    PopUntil(u64),
    /// Go on with a copy.
    Clone,
    /// Go on with a restored checkpoint.
    Restore,
}

impl Pair {
    fn push(&mut self, time: u64) {
        self.sequence += 1;
        let item = u32::try_from(self.sequence % 1_000).expect("small");
        self.wheel.push(at(time), self.sequence, item);
        self.model.push(Reverse((at(time), self.sequence, item)));
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Push(ahead) => self.push(self.now.saturating_add(*ahead)),
            Step::PushBehind(behind) => self.push(self.now.saturating_sub(*behind)),
            Step::Pop => {
                assert_eq!(
                    self.wheel.peek_time(),
                    self.model.peek().map(|event| event.0.0)
                );
                let expected = self.model.pop().map(|event| event.0);
                assert_eq!(self.wheel.pop(), expected);
                self.now = expected.map_or(self.now, |(time, _, _)| time.as_nanos());
            }
            Step::PopUntil(ahead) => {
                let limit = at(self.now.saturating_add(*ahead));
                let expected = self.model.peek().map(|event| event.0);
                let expected = expected.filter(|(time, _, _)| *time <= limit);
                assert_eq!(self.wheel.pop_until(limit), expected);
                if expected.is_some() {
                    self.model.pop();
                    self.now = expected.map_or(self.now, |(time, _, _)| time.as_nanos());
                }
            }
            Step::Clone => {
                let copy = self.wheel.clone();
                assert_eq!(copy, self.wheel);
                self.wheel = copy;
            }
            Step::Restore => {
                let bytes = postcard::to_stdvec(&self.wheel).expect("serializes");
                let restored: Wheel<u32> = postcard::from_bytes(&bytes).expect("restores");
                assert_eq!(restored, self.wheel);
                self.wheel = restored;
            }
        }
        self.check();
    }

    fn check(&self) {
        assert_eq!(self.wheel.len(), self.model.len());
        assert_eq!(self.wheel.iter().count(), self.model.len());
        assert_eq!(
            self.wheel.peek_time(),
            self.model.peek().map(|event| event.0.0)
        );
        let mut sorted = self.model.clone().into_vec();
        sorted.sort_unstable_by_key(|event| event.0);
        assert!(
            self.wheel
                .sorted()
                .into_iter()
                .eq(sorted.into_iter().map(|event| event.0))
        );
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let ahead = prop_oneof![
        3 => Just(0_u64),
        3 => 0..BUCKET,
        4 => 0..TURN,
        2 => (0..1_100_u64).prop_map(|buckets| buckets * BUCKET),
        2 => TURN - 2 * BUCKET..TURN + 2 * BUCKET,
        2 => 0..10 * TURN,
        1 => any::<u64>(),
    ];
    prop_oneof![
        9 => ahead.prop_map(Step::Push),
        1 => (0..2 * TURN).prop_map(Step::PushBehind),
        8 => Just(Step::Pop),
        2 => (0..TURN).prop_map(Step::PopUntil),
        1 => Just(Step::Clone),
        1 => Just(Step::Restore),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_wheel_is_a_heap(steps in prop::collection::vec(any_step(), 0..150)) {
        let mut pair = Pair::default();
        for step in &steps {
            pair.take(step);
        }
        while !pair.model.is_empty() {
            pair.take(&Step::Pop);
        }
        prop_assert!(pair.wheel.is_empty());
    }

    #[test]
    fn wheels_are_equal_whatever_their_history(
        times in prop::collection::vec(0..3 * TURN, 1..50),
        others in prop::collection::vec(0..3 * TURN, 0..20),
    ) {
        let mut plain = Wheel::new();
        let mut used = Wheel::new();
        for (time, sequence) in others.iter().zip(0..) {
            used.push(at(*time), sequence, 0_u32);
        }
        prop_assert_eq!(drained(used.clone()).len(), others.len());
        while used.pop().is_some() {}
        for (time, sequence) in times.iter().zip(100_u64..) {
            plain.push(at(*time), sequence, 1);
        }
        for (time, sequence) in times.iter().zip(100_u64..).collect::<Vec<_>>().into_iter().rev() {
            used.push(at(*time), sequence, 1);
        }
        prop_assert_eq!(&plain, &used);
        prop_assert_eq!(postcard::to_stdvec(&plain), postcard::to_stdvec(&used));
        let (time, sequence, _) = used.pop().expect("an event");
        prop_assert_ne!(&plain, &used);
        used.push(time, sequence, 2);
        prop_assert_ne!(&plain, &used);
    }
}

#[test]
fn equally_early_events_keep_their_order() {
    let mut wheel = Wheel::new();
    for sequence in [3, 1, 2] {
        wheel.push(at(5 * BUCKET), sequence, 0);
    }
    let order: Vec<_> = drained(wheel)
        .into_iter()
        .map(|(_, sequence, _)| sequence)
        .collect();
    assert_eq!(order, [1, 2, 3]);
}

#[test]
fn an_event_pushed_into_the_open_bucket_takes_its_place() {
    let mut wheel = Wheel::new();
    for (time, sequence) in [(10, 1), (20, 2), (30, 3)] {
        wheel.push(at(TURN / 2 + time), sequence, 0);
    }
    assert_eq!(wheel.pop().map(|event| event.1), Some(1));
    wheel.push(at(TURN / 2 + 25), 4, 0);
    wheel.push(at(TURN / 2 + 20), 5, 0);
    let order: Vec<_> = drained(wheel)
        .into_iter()
        .map(|(_, sequence, _)| sequence)
        .collect();
    assert_eq!(order, [2, 5, 4, 3]);
}

/// The last bucket of a full turn and the first beyond it share no place.
#[test]
fn a_turn_ends_where_the_next_begins() {
    let mut wheel = Wheel::new();
    wheel.push(at(TURN), 1, 0);
    wheel.push(at(TURN - 1), 2, 0);
    wheel.push(at(0), 3, 0);
    wheel.push(at(TURN + BUCKET), 4, 0);
    let order: Vec<_> = drained(wheel)
        .into_iter()
        .map(|(_, sequence, _)| sequence)
        .collect();
    assert_eq!(order, [3, 2, 1, 4]);
}

#[test]
fn the_end_of_time_is_a_time() {
    let mut wheel = Wheel::new();
    wheel.push(at(u64::MAX), 1, 0);
    wheel.push(at(u64::MAX - 1), 2, 0);
    assert_eq!(wheel.pop(), Some((at(u64::MAX - 1), 2, 0)));
    wheel.push(at(u64::MAX), 3, 0);
    let order: Vec<_> = drained(wheel)
        .into_iter()
        .map(|(_, sequence, _)| sequence)
        .collect();
    assert_eq!(order, [1, 3]);
}

#[test]
fn more_events_than_the_slab_holds_keep_their_order() {
    let mut wheel = Wheel::new();
    let count = u32::from(Entry::MAX) + 1_000;
    // Near ones first, so that later ones of the same buckets find the slab full.
    for number in 0..count {
        let time = u64::from(number % 5_000) * 1_000;
        wheel.push(at(time), u64::from(number), number);
    }
    assert_eq!(wheel.slab.len(), usize::from(Entry::MAX));
    assert!(!wheel.far.is_empty());
    let events = drained(wheel);
    assert_eq!(events.len(), count as usize);
    assert!(events.is_sorted_by_key(|(at, sequence, _)| (*at, *sequence)));
}

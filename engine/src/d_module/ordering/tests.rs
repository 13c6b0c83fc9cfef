use super::*;
use crate::testing::{id, range};
use crate::time::Instant;
use crate::vocabulary::{Command, Ticket, VolumeId};

fn frame(counter: u64) -> CommandFrame {
    CommandFrame {
        id: id(counter),
        volume: VolumeId::new(1),
        attempt: 0,
        ticket: Ticket {
            incarnation: 1,
            issued: Instant::from_nanos(0),
        },
        watermark: 1,
        command: Command::Retry,
    }
}

fn hold(start: u64, count: u32, sharing: Sharing) -> Hold {
    Hold {
        range: range(start, count),
        sharing,
    }
}

fn exclusive(start: u64, count: u32) -> Hold {
    hold(start, count, Sharing::Exclusive)
}

fn shared(start: u64, count: u32) -> Hold {
    hold(start, count, Sharing::Shared)
}

/// A queue of these claims, numbered from 1, and who is let in at once.
fn queue(holds: &[Hold]) -> (Ordering, Vec<u64>) {
    let mut ordering = Ordering::default();
    for (counter, hold) in (1..).zip(holds) {
        ordering.enqueue(frame(counter), *hold);
    }
    let admitted = admit_all(&mut ordering);
    (ordering, admitted)
}

fn admit_all(ordering: &mut Ordering) -> Vec<u64> {
    std::iter::from_fn(|| ordering.admit(|_, _| true))
        .map(|frame| frame.id.counter)
        .collect()
}

#[test]
fn overlapping_mutations_go_one_after_the_other_and_disjoint_ones_together() {
    let (mut ordering, admitted) = queue(&[
        exclusive(0, 2),
        exclusive(1, 2),
        exclusive(4, 1),
        exclusive(3, 1),
    ]);
    assert_eq!(admitted, [1, 3, 4]);
    ordering.release(id(1));
    assert_eq!(admit_all(&mut ordering), [2]);
}

#[test]
fn readers_share_and_a_mutation_waits_for_all_of_them() {
    let (mut ordering, admitted) =
        queue(&[shared(0, 4), shared(3, 4), exclusive(3, 1), shared(6, 1)]);
    assert_eq!(admitted, [1, 2, 4]);
    ordering.release(id(1));
    assert_eq!(admit_all(&mut ordering), []);
    ordering.release(id(2));
    assert_eq!(admit_all(&mut ordering), [3]);
}

#[test]
fn a_read_waits_for_an_unresolved_mutation_that_it_overlaps() {
    let (mut ordering, admitted) = queue(&[exclusive(0, 2), shared(1, 2), shared(2, 1)]);
    assert_eq!(admitted, [1, 3]);
    ordering.release(id(1));
    assert_eq!(admit_all(&mut ordering), [2]);
}

#[test]
fn nobody_overtakes_an_earlier_one_that_he_conflicts_with() {
    let (mut ordering, admitted) = queue(&[exclusive(0, 1), exclusive(0, 4), exclusive(3, 1)]);
    assert_eq!(admitted, [1], "the third would starve the second");
    ordering.release(id(1));
    assert_eq!(admit_all(&mut ordering), [2]);
    ordering.release(id(2));
    assert_eq!(admit_all(&mut ordering), [3]);
}

#[test]
fn who_is_refused_stays_in_the_queue_and_in_the_way() {
    let mut ordering = Ordering::default();
    ordering.enqueue(frame(1), exclusive(0, 1));
    ordering.enqueue(frame(2), exclusive(0, 1));
    ordering.enqueue(frame(3), exclusive(1, 1));
    let admitted = ordering.admit(|frame, _| frame.id != id(1));
    assert_eq!(admitted.map(|frame| frame.id), Some(id(3)));
    assert!(ordering.admit(|frame, _| frame.id != id(1)).is_none());
    assert!(ordering.is_waiting(id(1)));
    assert!(!ordering.is_held(id(1)));
    assert_eq!((ordering.waiting(), ordering.held()), (2, 1));
    assert!(ordering.withdraw(id(1)));
    assert!(!ordering.withdraw(id(1)));
    assert_eq!(admit_all(&mut ordering), [2]);
    let mut ids: Vec<_> = ordering.ids().collect();
    ids.sort_unstable();
    assert_eq!(ids, [id(2), id(3)]);
}

#[test]
#[should_panic(expected = "two commands hold overlapping ranges")]
fn orphans_that_overlap_are_our_own_bug() {
    let mut ordering = Ordering::default();
    ordering.hold(id(1), exclusive(0, 2));
    ordering.hold(id(2), exclusive(1, 2));
}

#[test]
#[should_panic(expected = "only a held range is released")]
fn releasing_twice_is_our_own_bug() {
    let (mut ordering, _) = queue(&[exclusive(0, 1)]);
    ordering.release(id(1));
    ordering.release(id(1));
}

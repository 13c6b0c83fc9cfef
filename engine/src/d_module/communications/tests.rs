use super::*;
use crate::configuration::Timers;
use crate::testing::{Bench, FIRST, Sending, fill, id, portions, range, session, set};
use crate::vocabulary::{ClientId, Content, CopyNumber, Range, SequenceId};
use crate::wire::{CopyTransfer, Member};

fn member(counter: u64, range: Range) -> Member {
    Member {
        command: id(counter),
        sequence: SequenceId::new(counter),
        range,
        content: Content::Data(fill(3, range.count())),
    }
}

struct Receiver {
    reassembly: Reassembly,
    bench: Bench,
}

impl Receiver {
    fn new() -> Self {
        Receiver {
            reassembly: Reassembly::default(),
            bench: Bench::new(),
        }
    }

    fn take(&mut self, portion: &Portion) -> Received {
        let cx = self.bench.context();
        self.reassembly.handle_portion(portion.clone(), &cx)
    }
}

const REDUNDANT: Received = Received::Ignored(IgnoreReason::Redundant);

#[test]
fn portions_make_a_transfer_in_any_order_whatever_is_doubled() {
    let wanted = member(1, range(0, 3));
    let pieces = set(&FIRST, 1, wanted.clone());
    let whole = Received::Complete(Transfer::Set(vec![wanted]));
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut receiver = Receiver::new();
        for place in &order[..2] {
            assert_eq!(receiver.take(&pieces[*place]), Received::Kept);
            assert_eq!(receiver.take(&pieces[*place]), REDUNDANT);
        }
        assert_eq!(receiver.reassembly.incomplete(), 1);
        assert_eq!(receiver.take(&pieces[order[2]]), whole);
        assert_eq!(receiver.reassembly.incomplete(), 0);
    }
}

#[test]
fn portions_of_two_transmissions_make_one_transfer() {
    let wanted = member(1, range(0, 2));
    let again = Sending {
        attempt: 1,
        ..FIRST
    };
    let (first, second) = (
        set(&FIRST, 1, wanted.clone()),
        set(&again, 1, wanted.clone()),
    );
    let mut receiver = Receiver::new();
    assert_eq!(receiver.take(&first[0]), Received::Kept);
    assert_eq!(
        receiver.take(&second[1]),
        Received::Complete(Transfer::Set(vec![wanted]))
    );
}

#[test]
fn a_performed_set_is_told_from_a_new_one_before_anything_is_kept() {
    let mut receiver = Receiver::new();
    let pieces = |number| set(&FIRST, number, member(number, range(0, 2)));
    receiver.reassembly.note_performed(SetId::new(2));
    assert_eq!(receiver.take(&pieces(2)[0]), Received::Performed);
    assert_eq!(receiver.reassembly.incomplete(), 0);
    assert_eq!(receiver.take(&pieces(1)[0]), Received::Kept);
}

#[test]
fn what_lies_below_the_senders_oldest_is_performed_and_forgotten() {
    let mut receiver = Receiver::new();
    for number in 1..=3 {
        receiver.take(&set(&FIRST, number, member(number, range(0, 2)))[0]);
    }
    for number in 4..=9 {
        receiver.reassembly.note_performed(SetId::new(number));
    }
    assert_eq!(
        (
            receiver.reassembly.incomplete(),
            receiver.reassembly.performed.len()
        ),
        (3, 6)
    );
    let later = Sending { oldest: 8, ..FIRST };
    receiver.take(&set(&later, 10, member(10, range(0, 2)))[0]);
    assert_eq!(
        (
            receiver.reassembly.incomplete(),
            receiver.reassembly.performed.len()
        ),
        (1, 2)
    );
    let late = set(&FIRST, 5, member(5, range(0, 2)));
    assert_eq!(receiver.take(&late[0]), Received::Performed);
    receiver.reassembly.note_performed(SetId::new(7));
    assert_eq!(
        receiver.reassembly.performed.len(),
        2,
        "not needed below the floor"
    );
}

#[test]
fn a_new_session_begins_with_nothing() {
    let mut receiver = Receiver::new();
    let later = Sending { oldest: 5, ..FIRST };
    receiver.take(&set(&later, 6, member(6, range(0, 2)))[0]);
    receiver.reassembly.note_performed(SetId::new(5));
    receiver.reassembly.reset();
    assert_eq!(receiver.reassembly, Reassembly::default());
    let first = set(&FIRST, 1, member(1, range(0, 1)));
    assert!(matches!(receiver.take(&first[0]), Received::Complete(_)));
}

#[test]
fn transfers_in_pieces_are_limited() {
    let mut receiver = Receiver::new();
    receiver.bench.configuration.limits.reassemblies = 2;
    let pieces = |number| set(&FIRST, number, member(number, range(0, 2)));
    for number in 1..=2 {
        assert_eq!(receiver.take(&pieces(number)[0]), Received::Kept);
    }
    let no_room = Received::Ignored(IgnoreReason::NoRoom);
    assert_eq!(receiver.take(&pieces(3)[0]), no_room);
    assert!(matches!(
        receiver.take(&pieces(1)[1]),
        Received::Complete(_)
    ));
    assert_eq!(receiver.take(&pieces(3)[0]), Received::Kept);
}

#[test]
fn a_whole_transfer_that_makes_no_sense_is_dropped_whole() {
    let mut pieces = set(&FIRST, 1, member(1, range(0, 2)));
    pieces[1].slice = pieces[1].slice.slice(..100);
    let mut receiver = Receiver::new();
    assert_eq!(receiver.take(&pieces[0]), Received::Kept);
    let undecodable = Received::Ignored(IgnoreReason::Undecodable);
    assert_eq!(receiver.take(&pieces[1]), undecodable);
    assert_eq!(receiver.reassembly.incomplete(), 0);
}

#[test]
fn a_copy_is_put_together_like_a_set_and_has_no_floor() {
    let copy = Transfer::Copy(CopyTransfer {
        copy: CopyNumber::new(1),
        range: range(0, 2),
        content: Content::Data(fill(1, 2)),
        versions: vec![SequenceId::new(1); 2],
        results: Vec::new(),
    });
    let id = TransferId::Copy(CopyNumber::new(1));
    let pieces = portions(&FIRST, id, &copy);
    let mut receiver = Receiver::new();
    assert_eq!(receiver.take(&pieces[0]), Received::Kept);
    let later = Sending { oldest: 5, ..FIRST };
    receiver.take(&set(&later, 6, member(6, range(4, 1)))[0]);
    assert_eq!(receiver.take(&pieces[1]), Received::Complete(copy));
}

#[test]
fn every_portion_leaves_under_a_label_of_its_own() {
    let mut bench = Bench::new();
    bench.configuration.limits.portion_bytes = 4096;
    let transfer = Transfer::Set(vec![member(1, range(0, 3))]);
    let mut labels = std::collections::BTreeSet::new();
    let mut count = 0;
    for incarnation in 2..4 {
        for number in 1..4 {
            for attempt in 0..3 {
                let envelope = Envelope {
                    to: Address::new(203),
                    session: session(incarnation),
                    id: TransferId::Set(SetId::new(number)),
                    oldest_set: SetId::new(1),
                    attempt,
                    watermarks: vec![Watermark {
                        client: ClientId::new(7),
                        counter: 1,
                    }],
                };
                let portions = send_transfer(&envelope, &transfer, &mut bench.context());
                assert_eq!(portions, 3);
                count += 3;
                labels.extend(bench.sent().iter().map(|sent| sent.label));
            }
        }
    }
    assert_eq!(labels.len(), count);
}

#[test]
fn a_transfer_that_stays_in_pieces_is_given_up_and_no_other() {
    let mut receiver = Receiver::new();
    let patience = Timers::default().path_timeout;
    let half = patience.divided_by(2);
    let pieces = |number| set(&FIRST, number, member(number, range(0, 2)));
    let begun = receiver.bench.now;
    assert_eq!(receiver.reassembly.next_deadline(), None);
    assert_eq!(receiver.take(&pieces(1)[0]), Received::Kept);
    receiver.bench.now = begun.after(half);
    assert_eq!(receiver.take(&pieces(2)[0]), Received::Kept);
    // More portions of a transfer do not put its end off.
    assert_eq!(receiver.take(&pieces(1)[0]), REDUNDANT);
    let (first, second) = (begun.after(patience), begun.after(half).after(patience));
    assert_eq!(receiver.reassembly.next_deadline(), Some(first));

    receiver.reassembly.handle_deadline(begun.after(half));
    assert_eq!(receiver.reassembly.incomplete(), 2);
    receiver.reassembly.handle_deadline(first);
    assert_eq!(receiver.reassembly.incomplete(), 1);
    assert_eq!(receiver.reassembly.next_deadline(), Some(second));
    assert_eq!(receiver.take(&pieces(1)[1]), Received::Kept);
    assert!(matches!(
        receiver.take(&pieces(2)[1]),
        Received::Complete(_)
    ));
}

use super::*;
use crate::contract::LabelKind;
use crate::testing::{Bench, Sent, fill, id, range, session};
use crate::vocabulary::{ClientId, Content, SequenceId};

struct Sender {
    replication: Replication,
    bench: Bench,
}

impl Sender {
    /// A path that session 2 has just opened.
    fn open() -> Self {
        let mut sender = Sender::announced();
        assert!(sender.replication.handle_hello_ack(session(2)));
        sender.bench.sent();
        sender
    }

    fn announced() -> Self {
        let mut sender = Sender {
            replication: Replication::new(session(1)),
            bench: Bench::new(),
        };
        let watermarks = vec![watermark()];
        let cx = &mut sender.bench.context();
        sender
            .replication
            .announce(session(2), false, (watermarks, 64), cx);
        sender
    }

    fn send(&mut self, counter: u64) -> Vec<Sent> {
        let cx = &mut self.bench.context();
        self.replication.send(member(counter), watermark(), cx);
        self.bench.sent()
    }

    fn copy(&mut self) -> CopyNumber {
        let build = |copy| CopyTransfer {
            copy,
            range: range(0, 1),
            content: Content::Zeroes,
            versions: vec![SequenceId::new(1)],
            results: Vec::new(),
        };
        self.replication.copy(build, &mut self.bench.context())
    }

    /// Goes to the next deadline: when that was, what left, what it led to.
    fn deadline(&mut self) -> (u64, Vec<Sent>, Outlook) {
        let at = self.replication.next_deadline().expect("something is due");
        self.bench.now = at;
        let path = self.replication.handle_deadline(&mut self.bench.context());
        (at.as_nanos() / 1_000_000, self.bench.sent(), path)
    }
}

fn watermark() -> Watermark {
    Watermark {
        client: ClientId::new(7),
        counter: 1,
    }
}

fn member(counter: u64) -> Member {
    Member {
        command: id(counter),
        sequence: SequenceId::new(counter),
        range: range(counter, 1),
        content: Content::Data(fill(1, 1)),
    }
}

fn kinds(sent: &[Sent]) -> Vec<(LabelKind, u32)> {
    sent.iter()
        .map(|sent| (sent.label.kind, sent.label.attempt))
        .collect()
}

fn set(number: u64) -> SetId {
    SetId::new(number)
}

#[test]
fn a_hello_is_repeated_at_doubling_intervals_up_to_a_maximum() {
    let mut sender = Sender::announced();
    assert_eq!(kinds(&sender.bench.sent()), [(kind::HELLO, 0)]);
    let mut times = Vec::new();
    for attempt in 1..=7 {
        let (at, sent, path) = sender.deadline();
        assert_eq!(
            kinds(&sent),
            [(kind::HELLO, attempt)],
            "it is never given up"
        );
        assert_ne!(path, Outlook::Silent);
        times.push(at);
    }
    assert_eq!(times, [50, 150, 350, 750, 1_550, 2_350, 3_150]);
}

#[test]
fn a_hello_that_went_to_who_stands_by_goes_to_the_holder_as_soon_as_that_is_known() {
    let mut sender = Sender::announced();
    let [first, second] = sender
        .bench
        .context()
        .configuration
        .peers
        .map(Option::unwrap);
    // The first is silent: the third transmission goes to the second, which stands by.
    let mut to = sender.bench.sent()[0].to;
    while to == first {
        to = sender.deadline().1[0].to;
    }
    assert_eq!(to, second);
    let replication = &mut sender.replication;
    replication.handle_not_owner(second, &mut sender.bench.context());
    assert!(sender.replication.next_deadline() > Some(sender.bench.now));
    let named = sender.bench.now;
    sender
        .replication
        .handle_holder(0, &mut sender.bench.context());
    let (_, sent, _) = sender.deadline();
    assert_eq!(sender.bench.now, named, "at once");
    assert_eq!(sent[0].to, first);
    // It has one now: to name it again hurries nothing.
    sender
        .replication
        .handle_holder(0, &mut sender.bench.context());
    let again = sender
        .replication
        .next_deadline()
        .expect("it has no answer");
    let interval = sender.bench.context().configuration.timers.retransmit_min;
    assert_eq!(again, named.after(interval.times(2)));
}

/// When an unanswered Hello says that the mirror is lost, in milliseconds.
fn losses(sender: &mut Sender) -> Vec<u64> {
    let deadlines = (0..7).map(|_| sender.deadline());
    let lost = deadlines.filter(|(_, _, path)| *path == Outlook::Lost);
    lost.map(|(at, ..)| at).collect()
}

#[test]
fn a_mirror_whose_hello_stays_unanswered_is_lost_again_and_again() {
    let mut sender = Sender::announced();
    // The first repetition behind 1500 ms, and behind another 1500.
    assert_eq!(losses(&mut sender), [1_550, 3_150]);
}

#[test]
fn who_answers_no_resync_is_lost_already() {
    let mut sender = Sender::open();
    sender.replication.close();
    let cx = &mut sender.bench.context();
    sender
        .replication
        .announce(session(3), true, (Vec::new(), 64), cx);
    assert_eq!(losses(&mut sender), []);
}

#[test]
fn an_unanswered_finish_is_repeated_until_the_path_counts_as_silent() {
    let mut sender = Sender::open();
    sender.replication.finish(&mut sender.bench.context());
    assert_eq!(kinds(&sender.bench.sent()), [(kind::FINISH, 0)]);
    for attempt in 1..=6 {
        let (_, sent, path) = sender.deadline();
        assert_eq!(
            (kinds(&sent), path),
            (vec![(kind::FINISH, attempt)], Outlook::Fine)
        );
    }
    let (at, sent, path) = sender.deadline();
    assert_eq!((at, sent, path), (3_150, Vec::new(), Outlook::Silent));
    assert!(!sender.replication.handle_finish_ack(session(1)));
    assert!(sender.replication.handle_finish_ack(session(2)));
    assert!(!sender.replication.handle_finish_ack(session(2)), "once");
}

#[test]
fn a_session_is_opened_once_and_by_its_own_answer() {
    let mut sender = Sender::announced();
    assert!(!sender.replication.handle_hello_ack(session(1)));
    assert!(!sender.replication.handle_hello_ack(session(3)));
    assert_eq!(sender.replication.link(), Link::Announcing);
    assert!(sender.replication.handle_hello_ack(session(2)));
    assert!(!sender.replication.handle_hello_ack(session(2)));
    assert_eq!(sender.replication.next_deadline(), None);
}

#[test]
fn an_unanswered_set_is_repeated_until_the_path_counts_as_silent() {
    let mut sender = Sender::open();
    assert_eq!(kinds(&sender.send(1)), [(kind::SET, 0)]);
    let mut times = Vec::new();
    let silent = loop {
        let (at, sent, path) = sender.deadline();
        if path == Outlook::Silent {
            assert_eq!(sent, []);
            break at;
        }
        times.push((at, sent[0].label.attempt));
    };
    assert_eq!(
        times,
        [
            (50, 1),
            (150, 2),
            (350, 3),
            (750, 4),
            (1_550, 5),
            (2_350, 6)
        ]
    );
    assert_eq!(silent, 3_150, "the first retry after three seconds");
}

#[test]
fn an_answer_counts_once_and_in_its_session_only() {
    let mut sender = Sender::open();
    sender.send(1);
    sender.send(2);
    assert_eq!(sender.replication.handle_set_ack(session(1), set(1)), []);
    assert_eq!(sender.replication.handle_set_ack(session(3), set(1)), []);
    assert_eq!(sender.replication.handle_set_ack(session(2), set(3)), []);
    assert_eq!(
        sender.replication.handle_set_ack(session(2), set(1)),
        [id(1)]
    );
    assert_eq!(sender.replication.handle_set_ack(session(2), set(1)), []);
    assert_eq!(sender.replication.unacknowledged(), 1);
    let (_, sent, _) = sender.deadline();
    assert_eq!(sent.len(), 1, "what is answered is not repeated");
}

#[test]
fn a_copys_answer_counts_for_its_number_in_its_session() {
    let mut sender = Sender::open();
    let copy = sender.copy();
    assert_eq!(copy, CopyNumber::new(1));
    assert!(!sender.replication.handle_copy_ack(session(1), copy));
    assert!(
        !sender
            .replication
            .handle_copy_ack(session(2), CopyNumber::new(2))
    );
    assert!(sender.replication.handle_copy_ack(session(2), copy));
    assert!(!sender.replication.handle_copy_ack(session(2), copy));
    assert_eq!(sender.copy(), CopyNumber::new(2));
}

#[test]
fn a_new_session_counts_copies_from_one_and_sets_ever_on() {
    let mut sender = Sender::open();
    sender.send(1);
    sender.copy();
    sender.replication.close();
    assert_eq!(sender.replication.next_deadline(), None);
    let cx = &mut sender.bench.context();
    sender
        .replication
        .announce(session(3), false, (Vec::new(), 64), cx);
    assert!(
        !sender.replication.handle_hello_ack(session(2)),
        "of the last session"
    );
    assert!(sender.replication.handle_hello_ack(session(3)));
    sender.bench.sent();
    assert_eq!(sender.copy(), CopyNumber::new(1));
    sender.bench.sent();
    let sent = sender.send(1);
    let PeerMessage::Portion(portion) = &sent[0].message else {
        panic!("a set leaves in portions")
    };
    assert_eq!(portion.session, session(3));
    assert_eq!(portion.transfer, TransferId::Set(set(2)));
    assert_eq!(portion.oldest_set, set(2));
}

#[test]
fn a_portion_tells_the_oldest_set_that_is_not_answered() {
    let mut sender = Sender::open();
    let mut oldest = |counter| {
        let sent = sender.send(counter);
        let PeerMessage::Portion(portion) = &sent[0].message else {
            panic!("a set leaves in portions")
        };
        let oldest = portion.oldest_set;
        if counter == 2 {
            sender.replication.handle_set_ack(session(2), set(1));
        }
        oldest
    };
    assert_eq!([1, 2, 3].map(&mut oldest), [set(1), set(1), set(2)]);
}

#[test]
#[should_panic(expected = "transfers leave in an open session")]
fn sending_before_the_session_is_open_is_our_own_bug() {
    Sender::announced().send(1);
}

#[test]
#[should_panic(expected = "sessions only rise")]
fn announcing_an_old_session_is_our_own_bug() {
    let mut sender = Sender::open();
    sender.replication.close();
    let cx = &mut sender.bench.context();
    sender
        .replication
        .announce(session(2), false, (Vec::new(), 64), cx);
}

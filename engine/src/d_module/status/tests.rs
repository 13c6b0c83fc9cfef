use super::*;
use crate::contract::Address;
use crate::storage_set::tables::Role;
use crate::testing::{Bench, Station, VOLUME, fill, id, range, session, write};
use crate::time::Duration;
use crate::vocabulary::{Command, RefusedReason, SetId, UnknownReason};
use crate::wire::PeerMessage;

/// The newest transmission's number of each answer.
fn answered(owner: &mut Station) -> Vec<u32> {
    let replies = std::mem::take(&mut owner.replies);
    let attempt = |reply| match reply {
        ClientReply::Answer { attempt, .. } => Some(attempt),
        ClientReply::Connected { .. }
        | ClientReply::Retrying { .. }
        | ClientReply::Elsewhere { .. } => None,
    };
    replies.into_iter().filter_map(attempt).collect()
}

#[test]
fn an_overtaken_transmission_does_not_take_the_newest_ones_place() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    for attempt in [1, 2, 0] {
        owner.ask_with(id(1), write(0, 1, 1), |frame| frame.attempt = attempt);
    }
    owner.run();
    owner.hear(&PeerMessage::SetAck {
        volume: VOLUME,
        session: session(2),
        set: SetId::new(1),
        attempt: 0,
    });
    assert_eq!(answered(&mut owner), [2]);
}

#[test]
fn what_waited_behind_a_command_that_gave_up_goes_on() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    // The mirror does not answer: blocks 0 and 1 stay locked, and the second
    // write waits for them in front of the read.
    owner.ask(id(1), write(0, 2, 1));
    owner.ask(id(2), write(1, 2, 2));
    owner.pass_running(Duration::from_secs(1));
    owner.ask(id(3), Command::Read(range(2, 1)));
    owner.pass_running(Duration::from_millis(4_100));
    let unknown = Status::Unknown(UnknownReason::TimedOut);
    assert_eq!(
        owner.answers(),
        [
            (id(1), unknown.clone()),
            (id(2), unknown),
            (id(3), Status::Success(Some(fill(0, 1)))),
        ]
    );
}

#[test]
fn what_waited_behind_a_command_that_was_asked_about_goes_on() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.ask(id(1), write(0, 2, 1));
    owner.ask(id(2), write(1, 2, 2));
    owner.ask(id(3), Command::Read(range(2, 1)));
    owner.ask(id(2), Command::Retry);
    owner.run();
    assert_eq!(
        owner.answers(),
        [
            (id(2), Status::Refused(RefusedReason::NotPerformed)),
            (id(3), Status::Success(Some(fill(0, 1)))),
        ]
    );
}

#[test]
fn a_ticket_is_valid_for_its_incarnation_and_a_while() {
    let mut bench = Bench::new();
    bench.now = Instant::from_nanos(10_000_000_000);
    let valid = |incarnation, milliseconds_ago: u64, bench: &mut Bench| {
        let issued = Instant::from_nanos(10_000_000_000 - milliseconds_ago * 1_000_000);
        let ticket = Ticket {
            incarnation,
            issued,
        };
        is_valid(ticket, &bench.context())
    };
    assert!(valid(1, 0, &mut bench));
    // The limit of 6 s less the margin of 500 ms.
    assert!(valid(1, 5_500, &mut bench));
    assert!(!valid(1, 5_501, &mut bench));
    assert!(!valid(2, 0, &mut bench), "another boot's");
    bench.now = Instant::from_nanos(9_999_999_999);
    assert!(!valid(1, 0, &mut bench), "from the future");
}

#[test]
fn an_attempt_is_answered_once_and_expires_from_its_ticket_on() {
    let mut bench = Bench::new();
    let mut attempts = Attempts::default();
    let frame = |counter, issued| CommandFrame {
        id: id(counter),
        volume: VOLUME,
        attempt: 0,
        ticket: Ticket {
            incarnation: 1,
            issued: Instant::from_nanos(issued),
        },
        watermark: 1,
        command: Command::Retry,
    };
    let client = Way::to(Address::new(5));
    attempts.register(client, &frame(1, 2_000_000_000), &bench.context());
    attempts.register(client, &frame(2, 1_000_000_000), &bench.context());
    let due = Instant::from_nanos(6_000_000_000);
    assert_eq!(attempts.next_deadline(), Some(due));
    assert_eq!(
        attempts.take_expired(Instant::from_nanos(5_999_999_999)),
        None
    );
    assert_eq!(
        attempts.take_expired(due).map(|(command, _)| command),
        Some(id(2))
    );
    assert_eq!(attempts.take_expired(due), None);
    for answers in [2, 0] {
        attempts.answer(id(1), Status::Mismatch, &mut bench.context());
        assert_eq!(bench.out.effects().len(), answers, "an event and a reply");
        bench.out = crate::local::NodeOutbox::default();
    }
    assert_eq!((attempts.count(), attempts.next_deadline()), (0, None));
}

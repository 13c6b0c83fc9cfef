use crate::event::{Event, IgnoreReason};
use crate::storage_set::record::CommandResult;
use crate::storage_set::tables::Role;
use crate::testing::{
    FIRST, Sent, Station, VOLUME, configuration, fill, id, portions, range, session, set,
};
use crate::vocabulary::{Content, CopyNumber, Outcome, Range, SequenceId, Session, SetId};
use crate::wire::{CopyTransfer, Hello, Member, PeerMessage, Portion, Transfer, TransferId};

/// A mirror that has accepted session 2.
fn mirror() -> Station {
    let mut mirror = Station::new(Role::Mirror);
    mirror.run();
    accept(&mut mirror, session(2));
    mirror
}

fn hello(session: Session) -> PeerMessage {
    PeerMessage::Hello(Hello {
        volume: VOLUME,
        session,
        attempt: 0,
        format: 9,
        watermarks: Vec::new(),
    })
}

fn accept(mirror: &mut Station, session: Session) {
    mirror.hear(&hello(session));
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [hello_ack(session, 0)]);
}

fn hello_ack(session: Session, attempt: u32) -> PeerMessage {
    PeerMessage::HelloAck {
        volume: VOLUME,
        session,
        attempt,
    }
}

fn messages(sent: &[Sent]) -> Vec<PeerMessage> {
    sent.iter().map(|sent| sent.message.clone()).collect()
}

fn member(counter: u64, range: Range, content: Content) -> Member {
    Member {
        command: id(counter),
        sequence: SequenceId::new(counter),
        range,
        content,
    }
}

/// One block of a byte at a place.
fn block(counter: u64, start: u64, byte: u8) -> Member {
    member(counter, range(start, 1), Content::Data(fill(byte, 1)))
}

fn result(counter: u64) -> CommandResult {
    CommandResult {
        command: id(counter),
        outcome: Outcome::Failed,
        range: Some(range(0, 1)),
    }
}

const COPY: TransferId = TransferId::Copy(CopyNumber::new(1));

fn copy(range: Range, results: Vec<CommandResult>) -> Transfer {
    let count = range.count();
    Transfer::Copy(CopyTransfer {
        copy: CopyNumber::new(1),
        range,
        content: Content::Data(fill(9, count)),
        versions: vec![SequenceId::new(5); count as usize],
        results,
    })
}

fn copy_ack(session: Session, copy: u64, attempt: u32) -> PeerMessage {
    PeerMessage::CopyAck {
        volume: VOLUME,
        session,
        copy: CopyNumber::new(copy),
        attempt,
    }
}

fn hear_all(mirror: &mut Station, portions: Vec<Portion>) {
    for portion in portions {
        mirror.hear(&PeerMessage::Portion(portion));
    }
}

fn set_ack(session: Session, number: u64, attempt: u32) -> PeerMessage {
    PeerMessage::SetAck {
        volume: VOLUME,
        session,
        set: SetId::new(number),
        attempt,
    }
}

#[test]
fn portions_that_disagree_about_their_transfer_do_not_meet() {
    let mut mirror = mirror();
    let good = set(&FIRST, 1, member(1, range(0, 2), Content::Data(fill(1, 2))));
    assert_eq!(good.len(), 2);
    let mut other = good[1].clone();
    other.payload_bytes += 1;
    mirror.hear(&PeerMessage::Portion(good[0].clone()));
    mirror.hear(&PeerMessage::Portion(other));
    assert!(mirror.has_seen(&Event::Ignored(IgnoreReason::Undecodable)));
    mirror.hear(&PeerMessage::Portion(good[1].clone()));
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [set_ack(session(2), 1, 0)]);
}

#[test]
fn what_lies_beyond_the_volume_is_not_performed() {
    let mut mirror = mirror();
    hear_all(&mut mirror, set(&FIRST, 1, block(1, 64, 1)));
    let copy = copy(range(63, 2), Vec::new());
    hear_all(&mut mirror, portions(&FIRST, COPY, &copy));
    assert!(mirror.queue.is_empty());
    assert!(mirror.take_sent().is_empty());
    let misrouted = Event::Ignored(IgnoreReason::Misrouted);
    assert_eq!(mirror.events.iter().filter(|e| **e == misrouted).count(), 2);
}

#[test]
fn a_copy_waits_until_there_is_room_for_all_its_results() {
    let mut wide = configuration(Role::Mirror);
    wide.limits.clients = 64;
    wide.limits.window = 64;
    wide.set.geometry.checkpoint_pages = 48;
    let mut mirror = Station::with(wide, Role::Mirror);
    mirror.run();
    accept(&mut mirror, session(2));
    let data = member(9_999, range(0, 42), Content::Data(fill(1, 42)));
    hear_all(&mut mirror, set(&FIRST, 1, data));
    mirror.run_records();
    mirror.take_sent();
    assert_eq!(mirror.module.set().expect("it follows").room(), 20);
    // 4000 results take 26 pages.
    let results: Vec<CommandResult> = (1..=4_000).map(result).collect();
    let copy = portions(&FIRST, COPY, &copy(range(62, 1), results));
    hear_all(&mut mirror, copy.clone());
    assert!(mirror.has_seen(&Event::Ignored(IgnoreReason::NoRoom)));
    mirror.run();
    hear_all(&mut mirror, copy);
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [copy_ack(session(2), 1, 0)]);
    assert_eq!(mirror.tables().results.len(), 4_001);
}

#[test]
fn a_copy_with_more_results_than_there_can_be_is_not_taken() {
    let mut mirror = mirror();
    let results = (1..=65).map(result).collect();
    hear_all(
        &mut mirror,
        portions(&FIRST, COPY, &copy(range(0, 1), results)),
    );
    assert!(mirror.has_seen(&Event::Ignored(IgnoreReason::Misrouted)));
    assert!(mirror.queue.is_empty());
}

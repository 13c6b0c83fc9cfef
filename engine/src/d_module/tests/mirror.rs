use crate::event::{Event, IgnoreReason};
use crate::storage_set::record::CommandResult;
use crate::storage_set::tables::Role;
use crate::testing::{
    FIRST, GEOMETRY, Sending, Sent, Station, VOLUME, configuration, fill, id, portions, range,
    session, set,
};
use crate::time::Duration;
use crate::vocabulary::{
    BlockIndex, Content, CopyNumber, Outcome, Range, SequenceId, Session, SetId,
};
use crate::wire::{CopyTransfer, Hello, Member, PeerMessage, Portion, Transfer, TransferId};

/// A mirror that has accepted session 2.
pub(super) fn mirror() -> Station {
    let mut mirror = Station::new(Role::Mirror);
    mirror.run();
    accept(&mut mirror, session(2));
    mirror
}

pub(super) fn hello(session: Session) -> PeerMessage {
    PeerMessage::Hello(Hello {
        volume: VOLUME,
        session,
        attempt: 0,
        format: 9,
        watermarks: Vec::new(),
        resync: false,
        blocks: GEOMETRY.blocks,
    })
}

pub(super) fn accept(mirror: &mut Station, session: Session) {
    mirror.hear(&hello(session));
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [hello_ack(session, 0)]);
}

pub(super) fn hello_ack(session: Session, attempt: u32) -> PeerMessage {
    PeerMessage::HelloAck {
        volume: VOLUME,
        session,
        attempt,
        dirty: Vec::new(),
        rolled_back: Vec::new(),
    }
}

pub(super) fn messages(sent: &[Sent]) -> Vec<PeerMessage> {
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
pub(super) fn block(counter: u64, start: u64, byte: u8) -> Member {
    member(counter, range(start, 1), Content::Data(fill(byte, 1)))
}

fn result(counter: u64) -> CommandResult {
    CommandResult {
        command: id(counter),
        outcome: Outcome::Failed,
        range: Some(range(0, 1)),
    }
}

pub(super) const COPY: TransferId = TransferId::Copy(CopyNumber::new(1));

pub(super) fn copy(range: Range, results: Vec<CommandResult>) -> Transfer {
    let count = range.count();
    Transfer::Copy(CopyTransfer {
        copy: CopyNumber::new(1),
        range,
        content: Content::Data(fill(9, count)),
        versions: vec![SequenceId::new(5); count as usize],
        results,
    })
}

pub(super) fn copy_ack(session: Session, copy: u64, attempt: u32) -> PeerMessage {
    PeerMessage::CopyAck {
        volume: VOLUME,
        session,
        copy: CopyNumber::new(copy),
        attempt,
    }
}

pub(super) fn hear_all(mirror: &mut Station, portions: Vec<Portion>) {
    for portion in portions {
        mirror.hear(&PeerMessage::Portion(portion));
    }
}

pub(super) fn set_ack(session: Session, number: u64, attempt: u32) -> PeerMessage {
    PeerMessage::SetAck {
        volume: VOLUME,
        session,
        set: SetId::new(number),
        attempt,
    }
}

/// The second transmission in session 2.
pub(super) const SECOND: Sending = Sending {
    attempt: 1,
    ..FIRST
};

/// What stands in the journal for a block.
pub(super) fn byte_at(station: &Station, block: u64) -> Option<u8> {
    let set = station.module.set().expect("it holds its set");
    let block = set.blocks().get(BlockIndex::new(block))?;
    block.data.as_ref().map(|data| data[0])
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
    let data = member(9_999, range(0, 41), Content::Data(fill(1, 41)));
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

#[test]
fn a_set_is_acknowledged_when_its_record_and_all_before_it_are_durable() {
    let mut mirror = mirror();
    hear_all(&mut mirror, set(&FIRST, 1, block(1, 0, 1)));
    hear_all(&mut mirror, set(&FIRST, 2, block(2, 1, 2)));
    assert_eq!(mirror.queue.len(), 2);
    mirror.complete(1);
    assert_eq!(mirror.take_sent(), []);
    mirror.complete(0);
    let acks = [set_ack(session(2), 1, 0), set_ack(session(2), 2, 0)];
    assert_eq!(messages(&mirror.take_sent()), acks);
}

#[test]
fn a_set_of_several_is_acknowledged_once_after_its_last_member() {
    let mut mirror = mirror();
    let members = vec![block(1, 0, 1), block(2, 1, 2)];
    let id = TransferId::Set(SetId::new(1));
    hear_all(&mut mirror, portions(&FIRST, id, &Transfer::Set(members)));
    assert_eq!(mirror.queue.len(), 2);
    mirror.complete(0);
    assert_eq!(mirror.take_sent(), []);
    mirror.complete(0);
    assert_eq!(messages(&mirror.take_sent()), [set_ack(session(2), 1, 0)]);
}

#[test]
fn a_pending_command_is_not_performed_again_in_its_set_or_another() {
    let mut mirror = mirror();
    hear_all(&mut mirror, set(&FIRST, 1, block(1, 0, 1)));
    hear_all(&mut mirror, set(&SECOND, 1, block(1, 0, 1)));
    hear_all(&mut mirror, set(&FIRST, 2, block(1, 0, 1)));
    assert_eq!(mirror.queue.len(), 1);
    assert_eq!(mirror.take_sent(), []);
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [set_ack(session(2), 1, 0)]);
    assert_known(&mut mirror, &SECOND, 2);
}

/// Performs nothing for command 1, and acknowledges it at once.
fn assert_known(mirror: &mut Station, sending: &Sending, number: u64) {
    let before = mirror.tables().clone();
    hear_all(mirror, set(sending, number, block(1, 0, 9)));
    let ack = set_ack(sending.session, number, sending.attempt);
    assert_eq!(messages(&mirror.take_sent()), [ack]);
    assert!(mirror.queue.is_empty());
    assert_eq!(*mirror.tables(), before);
}

#[test]
fn a_performed_command_is_acknowledged_again_in_any_set_boot_and_session() {
    let mut mirror = mirror();
    hear_all(&mut mirror, set(&FIRST, 1, block(1, 0, 1)));
    mirror.run();
    mirror.take_sent();
    assert_known(&mut mirror, &SECOND, 1);
    assert_known(&mut mirror, &FIRST, 2);
    mirror.reboot();
    mirror.run();
    assert_known(&mut mirror, &SECOND, 1);
    accept(&mut mirror, session(3));
    let later = Sending {
        session: session(3),
        ..FIRST
    };
    assert_known(&mut mirror, &later, 1);
    assert_eq!(byte_at(&mirror, 0), Some(1));
}

#[test]
fn of_a_set_only_what_is_not_performed_is_performed() {
    let mut mirror = mirror();
    hear_all(&mut mirror, set(&FIRST, 1, block(1, 0, 1)));
    mirror.run();
    mirror.take_sent();
    let members = Transfer::Set(vec![block(1, 0, 9), block(2, 1, 2)]);
    let id = TransferId::Set(SetId::new(2));
    hear_all(&mut mirror, portions(&FIRST, id, &members));
    assert_eq!(mirror.queue.len(), 1);
    assert_eq!(mirror.take_sent(), []);
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [set_ack(session(2), 2, 0)]);
    assert_eq!(
        [0, 1].map(|block| byte_at(&mirror, block)),
        [1, 2].map(Some)
    );
}

#[test]
fn what_a_crash_has_lost_is_performed_when_it_comes_again() {
    let mut mirror = mirror();
    hear_all(&mut mirror, set(&FIRST, 1, block(1, 0, 1)));
    mirror.reboot();
    mirror.run();
    assert!(mirror.tables().results.is_empty());
    hear_all(&mut mirror, set(&SECOND, 1, block(1, 0, 1)));
    assert_eq!(mirror.take_sent(), []);
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [set_ack(session(2), 1, 1)]);
}

#[test]
fn a_command_that_failed_is_neither_performed_nor_acknowledged() {
    let mut mirror = mirror();
    let copy = copy(range(0, 1), vec![result(1)]);
    hear_all(&mut mirror, portions(&FIRST, COPY, &copy));
    mirror.run();
    for _ in 0..2 {
        mirror.take_sent();
        hear_all(&mut mirror, set(&FIRST, 1, block(1, 0, 1)));
        assert!(mirror.has_seen(&Event::Ignored(IgnoreReason::Tombstoned)));
        assert!(mirror.queue.is_empty());
        assert_eq!(mirror.take_sent(), []);
        mirror.reboot();
        mirror.run();
    }
}

#[test]
fn a_copy_is_taken_once_and_acknowledged_when_it_is_durable() {
    let mut mirror = mirror();
    let copy = copy(range(0, 2), vec![result(1)]);
    hear_all(&mut mirror, portions(&FIRST, COPY, &copy));
    hear_all(&mut mirror, portions(&SECOND, COPY, &copy));
    assert_eq!(mirror.queue.len(), 1);
    assert_eq!(mirror.take_sent(), []);
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [copy_ack(session(2), 1, 0)]);
    assert_eq!([0, 1].map(|block| byte_at(&mirror, block)), [Some(9); 2]);
    mirror.reboot();
    mirror.run();
    let again = portions(&SECOND, COPY, &copy);
    hear_all(&mut mirror, again[..1].to_vec());
    assert_eq!(messages(&mirror.take_sent()), [copy_ack(session(2), 1, 1)]);
    assert!(mirror.queue.is_empty());
}

#[test]
fn a_copy_waits_for_a_pending_command_that_it_overlaps() {
    let mut mirror = mirror();
    hear_all(&mut mirror, set(&FIRST, 1, block(1, 1, 1)));
    let copy = copy(range(0, 2), Vec::new());
    hear_all(&mut mirror, portions(&FIRST, COPY, &copy));
    assert_eq!(mirror.queue.len(), 1);
    mirror.run();
    hear_all(&mut mirror, portions(&SECOND, COPY, &copy));
    mirror.run();
    let acks = [set_ack(session(2), 1, 0), copy_ack(session(2), 1, 1)];
    assert_eq!(messages(&mirror.take_sent()), acks);
    assert_eq!(byte_at(&mirror, 1), Some(9));
}

#[test]
fn a_copy_waits_until_the_one_before_it_is_durable() {
    let mut mirror = mirror();
    let first = copy(range(0, 1), Vec::new());
    let Transfer::Copy(mut second) = copy(range(0, 1), Vec::new()) else {
        unreachable!("a copy");
    };
    second.copy = CopyNumber::new(2);
    second.content = Content::Data(fill(8, 1));
    let (id, second) = (TransferId::Copy(second.copy), Transfer::Copy(second));
    hear_all(&mut mirror, portions(&FIRST, COPY, &first));
    hear_all(&mut mirror, portions(&FIRST, id, &second));
    assert!(mirror.has_seen(&Event::Ignored(IgnoreReason::Pending)));
    assert_eq!(mirror.queue.len(), 1);
    mirror.run();
    hear_all(&mut mirror, portions(&SECOND, id, &second));
    mirror.run();
    let acks = [copy_ack(session(2), 1, 0), copy_ack(session(2), 2, 1)];
    assert_eq!(messages(&mirror.take_sent()), acks);
    assert_eq!(byte_at(&mirror, 0), Some(8));
}

#[test]
#[should_panic(expected = "overlapping commands are never in flight together")]
fn overlapping_commands_in_flight_are_the_owners_bug() {
    let mut mirror = mirror();
    hear_all(&mut mirror, set(&SECOND, 1, block(1, 0, 1)));
    hear_all(&mut mirror, set(&SECOND, 2, block(2, 0, 2)));
}

/// Its partner may have taken the set over meanwhile and performed the first.
#[test]
fn a_mirror_whose_lease_has_run_out_ignores_what_overlaps_a_pending_execution() {
    let mut mirror = mirror();
    hear_all(&mut mirror, set(&SECOND, 1, block(1, 0, 1)));
    mirror.holds_mail = true;
    mirror.pass(Duration::from_secs(2));
    let ignored = Event::Ignored(IgnoreReason::Pending);
    assert!(!mirror.has_seen(&ignored));
    hear_all(&mut mirror, set(&SECOND, 2, block(2, 0, 2)));
    assert!(mirror.has_seen(&ignored));
    assert_eq!(messages(&mirror.take_sent()), []);
}

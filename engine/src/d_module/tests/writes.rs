//! The write path: W1 to W5, reads, retries, tickets.

use crate::codec::testing::flat;
use std::sync::Arc;

use crate::configuration::Replication;
use crate::contract::{Input, IoError, IoRequest, PageIndex};
use crate::event::{Event, Phase};
use crate::local::Local;
use crate::storage_set::format::decode_record;
use crate::storage_set::record::Entry;
use crate::storage_set::tables::Role;
use crate::testing::{Pair, Sent, Station, VOLUME, configuration, fill, id, range, session, write};
use crate::time::{Duration, Instant};
use crate::vocabulary::{Command, CommandId, Outcome, RefusedReason, SetId, Status, UnknownReason};
use crate::wire::{PeerMessage, TransferId};

fn owner() -> Station {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.take_sent();
    owner
}

fn set_ack(set: u64) -> PeerMessage {
    PeerMessage::SetAck {
        volume: VOLUME,
        session: session(2),
        set: SetId::new(set),
        attempt: 0,
    }
}

/// The entry of a queued record.
pub(super) fn entry(owner: &Station, place: usize) -> Entry {
    let IoRequest::Write { pages, .. } = &owner.queue[place].request else {
        panic!("a record is written")
    };
    decode_record(pages).expect("it is a record").0.entry
}

/// The commands whose marks and data are queued.
fn queued(owner: &Station) -> Vec<(&'static str, CommandId)> {
    let name = |place| match entry(owner, place) {
        Entry::Mark { mark, .. } => ("mark", mark.command),
        Entry::Perform(perform) => ("perform", perform.command),
        Entry::Fail { command, .. } => ("fail", command),
        Entry::Clear { clears } => ("clear", clears[0]),
        other => panic!("not of a command: {other:?}"),
    };
    (0..owner.queue.len()).map(name).collect()
}

fn sets_sent(owner: &mut Station) -> Vec<SetId> {
    let set = |sent: Sent| match sent.message {
        PeerMessage::Portion(portion) => match portion.transfer {
            TransferId::Set(set) => Some(set),
            TransferId::Copy(_) => None,
        },
        _ => None,
    };
    owner.take_sent().into_iter().filter_map(set).collect()
}

fn success(counter: u64) -> (CommandId, Status) {
    (id(counter), Status::Success(None))
}

fn refused(counter: u64) -> (CommandId, Status) {
    (id(counter), Status::Refused(RefusedReason::NotPerformed))
}

fn data(counter: u64, byte: u8, count: u32) -> (CommandId, Status) {
    (id(counter), Status::Success(Some(fill(byte, count))))
}

#[test]
fn nothing_is_sent_or_written_before_the_mark_is_durable() {
    let mut owner = owner();
    owner.ask(id(1), write(3, 2, 9));
    assert_eq!(queued(&owner), [("mark", id(1))]);
    assert_eq!(sets_sent(&mut owner), []);
    owner.complete(0);
    assert_eq!(queued(&owner), [("perform", id(1))]);
    assert_eq!(sets_sent(&mut owner), [SetId::new(1)]);
}

#[test]
fn a_mark_says_what_is_in_flight() {
    let mut owner = owner();
    owner.ask(id(1), write(3, 2, 9));
    let Entry::Mark { mark, .. } = entry(&owner, 0) else {
        panic!("a mark comes first")
    };
    assert_eq!(mark.command, id(1));
    assert_eq!(mark.range, range(3, 2), "all of it");
    assert_eq!(mark.session, session(2));
    assert_eq!(mark.checksum, crc32c::crc32c(&fill(9, 2)));
}

#[test]
fn success_needs_the_local_record_and_the_mirrors_answer_in_either_order() {
    for mirror_first in [true, false] {
        let mut owner = owner();
        owner.ask(id(1), write(0, 1, 1));
        owner.complete(0);
        if mirror_first {
            owner.hear(&set_ack(1));
        } else {
            owner.complete(0);
        }
        assert_eq!(owner.answers(), []);
        if mirror_first {
            owner.complete(0);
        } else {
            owner.hear(&set_ack(1));
        }
        assert_eq!(owner.answers(), [success(1)]);
    }
}

#[test]
fn a_record_does_not_count_before_all_records_before_it() {
    let mut owner = owner();
    owner.ask(id(1), write(0, 1, 1));
    owner.ask(id(2), write(1, 1, 2));
    assert_eq!(queued(&owner), [("mark", id(1)), ("mark", id(2))]);
    owner.complete(1);
    assert_eq!(owner.take_sent(), [], "the second mark stands behind a gap");
    owner.complete(0);
    assert_eq!(queued(&owner), [("perform", id(1)), ("perform", id(2))]);
    owner.hear(&set_ack(1));
    owner.hear(&set_ack(2));
    owner.complete(1);
    assert_eq!(owner.answers(), []);
    owner.complete(0);
    assert_eq!(owner.answers(), [success(1), success(2)]);
}

#[test]
fn a_chained_replica_leaves_when_the_local_record_is_durable() {
    let mut chained = configuration(Role::Owner);
    chained.replication = Replication::Chained;
    let mut owner = Station::with(chained, Role::Owner);
    owner.serve();
    owner.take_sent();
    owner.ask(id(1), write(0, 1, 1));
    owner.complete(0);
    assert_eq!(sets_sent(&mut owner), []);
    owner.complete(0);
    assert_eq!(sets_sent(&mut owner), [SetId::new(1)]);
    owner.hear(&set_ack(1));
    assert_eq!(owner.answers(), [success(1)]);
}

#[test]
fn overlapping_writes_take_effect_one_after_the_other() {
    let mut owner = owner();
    owner.ask(id(1), write(0, 2, 1));
    owner.ask(id(2), write(1, 2, 2));
    owner.ask(id(3), write(5, 1, 3));
    assert_eq!(queued(&owner), [("mark", id(1)), ("mark", id(3))]);
    owner.run();
    owner.hear(&set_ack(1));
    assert_eq!(queued(&owner), [("mark", id(2))]);
}

#[test]
fn a_mark_ends_only_after_both_copies_are_durable() {
    let mut owner = owner();
    owner.ask(id(1), write(0, 1, 1));
    owner.run();
    // The owner has it; other marks come and the idle time passes.
    owner.ask(id(2), write(1, 1, 2));
    owner.run();
    owner.pass_running(Duration::from_millis(100));
    let marks = |owner: &Station| owner.tables().marks.keys().copied().collect::<Vec<_>>();
    assert_eq!(marks(&owner), [id(1), id(2)]);
    owner.hear(&set_ack(1));
    owner.run();
    assert_eq!(marks(&owner), [id(1), id(2)], "cleared lazily");
    owner.pass_running(Duration::from_millis(20));
    assert_eq!(marks(&owner), [id(2)]);
}

#[test]
fn a_mark_clears_the_resolved_ones_that_it_overlaps() {
    let mut narrow = configuration(Role::Owner);
    narrow.limits.clears_per_record = 1;
    let mut owner = Station::with(narrow, Role::Owner);
    owner.serve();
    for counter in 1..=4 {
        owner.ask(id(counter), write(counter, 1, 1));
        owner.run_records();
    }
    for counter in 1..=4 {
        owner.hear(&set_ack(counter));
    }
    owner.ask(id(5), write(2, 3, 2));
    let Entry::Mark { clears, .. } = entry(&owner, owner.queue.len() - 1) else {
        panic!("a mark comes first")
    };
    assert_eq!(
        clears,
        [id(2), id(3), id(4)],
        "beyond the limit, for two marks never overlap"
    );
}

#[test]
fn a_read_waits_for_an_unresolved_write_and_only_for_that() {
    let mut owner = owner();
    owner.ask(id(1), write(0, 2, 1));
    owner.run();
    owner.ask(id(2), Command::Read(range(1, 1)));
    owner.ask(id(3), Command::Read(range(2, 1)));
    owner.run();
    assert_eq!(owner.answers(), [data(3, 0, 1)]);
    owner.hear(&set_ack(1));
    owner.run();
    assert_eq!(owner.answers(), [success(1), data(2, 1, 1)]);
}

#[test]
fn a_compare_is_made_once_and_its_effect_is_what_is_replicated() {
    let mut pair = Pair::new();
    pair.east.ask(id(1), write(0, 1, 1));
    pair.settle();
    let compare = |expected, byte| Command::CompareAndWrite {
        range: range(0, 1),
        expected: fill(expected, 1),
        data: fill(byte, 1),
    };
    pair.east.ask(id(2), compare(9, 2));
    pair.settle();
    pair.east.ask(id(3), compare(1, 3));
    pair.settle();
    pair.east.ask(id(4), Command::Read(range(0, 1)));
    pair.settle();
    let mismatch = (id(2), Status::Mismatch);
    assert_eq!(
        pair.east.answers(),
        [success(1), mismatch, success(3), data(4, 3, 1)]
    );
    for station in [&pair.east, &pair.west] {
        let outcome = |counter| station.tables().results[&id(counter)].outcome;
        assert_eq!(outcome(2), Outcome::Mismatch);
        assert_eq!(outcome(3), Outcome::Performed);
    }
}

#[test]
fn a_compare_that_cannot_be_read_and_not_fetched_fails_and_gives_its_room_back() {
    let mut owner = super::alone::forsaken();
    owner.run();
    owner.answers();
    owner.pass_running(Duration::from_secs(1));
    let before = owner.census();
    owner.ask(
        id(2),
        Command::CompareAndWrite {
            range: range(0, 1),
            expected: fill(0, 1),
            data: fill(1, 1),
        },
    );
    assert_eq!(owner.census().promised_pages, 3);
    owner.fail(0, IoError::Unreadable(PageIndex(2)));
    owner.run();
    assert_eq!(owner.answers(), [refused(2)]);
    assert_eq!(owner.census().promised_pages, 0);
    assert_eq!(owner.census().held_ranges, before.held_ranges);
}

#[test]
fn zeroes_are_replicated_as_zeroes() {
    let mut pair = Pair::new();
    pair.east.ask(id(1), write(0, 3, 1));
    pair.settle();
    pair.east.ask(id(2), Command::WriteZeroes(range(1, 1)));
    pair.settle();
    pair.east.ask(id(3), Command::Read(range(0, 3)));
    pair.settle();
    let bytes = flat(&[fill(1, 1), fill(0, 1), fill(1, 1)]);
    let read = (id(3), Status::Success(Some(bytes.into())));
    assert_eq!(pair.east.answers(), [success(1), success(2), read]);
    let west = pair.west.module.set().expect("it follows");
    assert_eq!(
        west.blocks()
            .get(range(1, 1).start())
            .map(|block| block.data.clone()),
        Some(None)
    );
}

#[test]
fn a_command_that_comes_again_is_answered_from_the_result_table() {
    let mut pair = Pair::new();
    pair.east.ask(id(1), write(0, 1, 1));
    pair.settle();
    pair.east.ask(id(2), write(0, 1, 2));
    pair.settle();
    pair.east.answers();
    pair.east.ask(id(1), write(0, 1, 1));
    assert_eq!(pair.east.answers(), [success(1)]);
    // Also after a boot, by the table that was read back.
    pair.east.reboot();
    pair.settle();
    pair.east.ask(id(1), write(0, 1, 1));
    pair.settle();
    assert_eq!(pair.east.answers(), [success(1)]);
    pair.east.ask(id(3), Command::Read(range(0, 1)));
    pair.settle();
    assert_eq!(pair.east.answers(), [data(3, 2, 1)]);
}

#[test]
fn a_command_that_comes_again_while_it_is_open_is_not_begun_again() {
    let mut owner = owner();
    for _ in 0..2 {
        owner.ask(id(1), write(0, 1, 1));
    }
    owner.complete(0);
    owner.ask(id(1), write(0, 1, 1));
    owner.complete(0);
    owner.ask(id(1), write(0, 1, 1));
    assert!(owner.queue.is_empty());
    assert_eq!(owner.take_sent().len(), 1);
    owner.hear(&set_ack(1));
    assert_eq!(owner.answers(), [success(1)]);
}

#[test]
fn below_the_watermark_nothing_is_performed_or_told() {
    let mut owner = owner();
    owner.ask_with(id(5), Command::Retry, |frame| frame.watermark = 5);
    owner.run();
    owner.answers();
    for command in [write(0, 1, 1), Command::Retry] {
        owner.ask(id(4), command);
        let too_old = Status::Unknown(UnknownReason::TooOld);
        assert_eq!(owner.answers(), [(id(4), too_old)]);
    }
    assert!(owner.queue.is_empty());
}

#[test]
fn a_retry_of_an_unknown_command_fails_it_durably_and_never_executes_it() {
    let mut owner = owner();
    owner.ask(id(1), Command::Retry);
    assert_eq!(queued(&owner), [("fail", id(1))]);
    assert_eq!(owner.answers(), [], "not before it is durable");
    // The command itself comes late, and again.
    owner.ask(id(1), write(0, 1, 1));
    owner.complete(0);
    owner.ask(id(1), write(0, 1, 1));
    assert_eq!(owner.answers(), [refused(1), refused(1)]);
    assert!(owner.queue.is_empty());
    owner.reboot();
    owner.serve();
    owner.ask(id(1), write(0, 1, 1));
    assert_eq!(owner.answers(), [refused(1)]);
}

#[test]
fn a_retry_of_an_open_command_waits_for_it() {
    let mut owner = owner();
    owner.ask(id(1), write(0, 1, 1));
    owner.run();
    owner.ask(id(1), Command::Retry);
    assert!(owner.queue.is_empty());
    assert_eq!(owner.answers(), []);
    owner.hear(&set_ack(1));
    assert_eq!(owner.answers(), [success(1)]);
}

#[test]
fn a_retry_takes_a_waiting_command_out_of_the_queue() {
    let mut owner = owner();
    owner.ask(id(1), write(0, 1, 1));
    owner.ask(id(2), write(0, 1, 2));
    owner.ask(id(2), Command::Retry);
    owner.run();
    owner.hear(&set_ack(1));
    owner.run();
    assert_eq!(owner.answers(), [refused(2), success(1)]);
    assert!(!owner.has_seen(&Event::Marked(id(2))));
}

#[test]
fn a_command_that_was_given_up_while_it_waited_is_never_executed() {
    let mut owner = owner();
    owner.ask(id(1), write(0, 1, 1));
    owner.ask(id(2), write(0, 1, 2));
    owner.pass_running(Duration::from_secs(5));
    owner.hear(&PeerMessage::HelloAck {
        volume: VOLUME,
        session: session(3),
        attempt: 0,
        dirty: Vec::new(),
        rolled_back: Vec::new(),
    });
    let unknown = Status::Unknown(UnknownReason::TimedOut);
    assert_eq!(
        owner.answers(),
        [(id(1), unknown.clone()), (id(2), unknown)]
    );
    let set = SetId::new(2);
    owner.hear(&PeerMessage::SetAck {
        volume: VOLUME,
        session: session(3),
        set,
        attempt: 0,
    });
    owner.run();
    assert!(owner.has_seen(&Event::Resolved(id(1))));
    assert!(!owner.has_seen(&Event::Marked(id(2))));
    assert_eq!(owner.census().waiting_commands, 0);
}

#[test]
fn a_command_with_a_stale_ticket_performs_nothing() {
    let mut owner = owner();
    owner.pass_running(Duration::from_secs(10));
    let stale = |counter| (id(counter), Status::Unknown(UnknownReason::StaleTicket));
    for (counter, command) in (1..).zip([write(0, 1, 1), Command::Retry, Command::Flush]) {
        owner.ask_with(id(counter), command, |frame| frame.ticket.incarnation += 1);
    }
    owner.ask_with(id(4), write(0, 1, 1), |frame| {
        frame.ticket.issued = Instant::from_nanos(4_499_999_999);
    });
    assert_eq!(owner.answers(), [1, 2, 3, 4].map(stale));
    assert!(owner.queue.is_empty());
    owner.ask_with(id(5), write(0, 1, 1), |frame| {
        frame.ticket.issued = Instant::from_nanos(4_500_000_001);
    });
    assert_eq!(queued(&owner), [("mark", id(5))]);
}

#[test]
fn a_ticket_is_checked_again_when_the_command_leaves_the_queue() {
    let mut patient = configuration(Role::Owner);
    patient.timers.answer_limit = Duration::from_secs(60);
    let mut owner = Station::with(patient, Role::Owner);
    owner.serve();
    owner.ask(id(1), write(0, 1, 1));
    owner.ask(id(2), write(0, 1, 2));
    owner.run();
    owner.now = owner.now.after(Duration::from_millis(5_501));
    owner.hear(&set_ack(1));
    let stale = Status::Unknown(UnknownReason::StaleTicket);
    assert_eq!(owner.answers(), [success(1), (id(2), stale)]);
    assert_eq!(owner.census().held_ranges, 0);
}

#[test]
fn what_can_never_be_performed_is_refused_at_once() {
    let mut owner = owner();
    owner.ask(id(1), write(60, 5, 1));
    owner.ask(id(2), write(0, 9, 1));
    owner.ask(id(3), Command::Read(range(64, 1)));
    owner.ask(id(4), Command::WriteZeroes(range((1 << 63) - 1, u32::MAX)));
    let refused = |counter, reason| (id(counter), Status::Refused(reason));
    assert_eq!(
        owner.answers(),
        [
            refused(1, RefusedReason::OutOfRange),
            refused(2, RefusedReason::TooLarge),
            refused(3, RefusedReason::OutOfRange),
            refused(4, RefusedReason::TooLarge),
        ]
    );
    assert!(owner.queue.is_empty());
}

#[test]
fn a_marked_command_finds_room_whatever_comes_meanwhile() {
    let mut wide = configuration(Role::Owner);
    wide.limits.window = 200;
    wide.limits.commands_waiting = 200;
    let mut owner = Station::with(wide, Role::Owner);
    owner.serve();
    owner.ask(id(1), write(0, 8, 1));
    let mark = owner.queue.remove(0);
    // Questions take every page that was not promised.
    for counter in 2..100 {
        owner.ask(id(counter), Command::Retry);
    }
    let set = owner.module.set().expect("it serves");
    assert_eq!((set.room(), set.promised()), (0, 9));
    assert!(
        owner
            .probes
            .contains(&"entry waits for room in the journal")
    );
    owner.queue.insert(0, mark);
    owner.run_records();
    assert!(owner.has_seen(&Event::LocalDurable(id(1))));
}

#[test]
fn a_flush_is_answered_at_once_for_all_that_was_answered_is_durable() {
    let mut owner = owner();
    owner.ask(id(1), write(0, 1, 1));
    owner.ask(id(2), Command::Flush);
    assert_eq!(owner.answers(), [success(2)]);
}

#[test]
fn an_owner_serves_nobody_before_its_mirror_has_answered() {
    let mut owner = Station::new(Role::Owner);
    owner.run();
    owner.ask(id(1), Command::Read(range(0, 1)));
    owner.ask(id(2), Command::Flush);
    owner.run();
    assert_eq!(owner.answers(), []);
    let configuration = Arc::clone(&owner.configuration);
    owner.input(Input::Local(Local::Configuration(configuration)));
    assert_eq!(owner.module.phase(), Phase::Announcing);
}

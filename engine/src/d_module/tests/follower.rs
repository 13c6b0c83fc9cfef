//! The mirror's side of a resync, of leases and of read repair.

use super::mirror::{
    COPY, accept, block, copy, copy_ack, hear_all, hello, hello_ack, messages, mirror,
};
use super::resync::dirty_ack;
use crate::contract::{DeviceId, IoError, PageIndex};
use crate::event::{Event, IgnoreReason};
use crate::storage_set::tables::{Consistency, Role, Tables};
use crate::testing::{
    DATA, FIRST, GEOMETRY, Sending, Station, VOLUME, configuration, fill, id, portions, range,
    session, set,
};
use crate::vocabulary::{Outcome, Range, SequenceId, Session};
use crate::wire::{Hello, HelloRefusal, PeerMessage};

pub(super) fn resync(session: Session) -> PeerMessage {
    match hello(session) {
        PeerMessage::Hello(hello) => PeerMessage::Hello(Hello {
            resync: true,
            ..hello
        }),
        other => other,
    }
}

fn finish(session: Session, attempt: u32) -> PeerMessage {
    PeerMessage::Finish {
        volume: VOLUME,
        session,
        attempt,
    }
}

fn finish_ack(session: Session, attempt: u32) -> PeerMessage {
    PeerMessage::FinishAck {
        volume: VOLUME,
        session,
        attempt,
        rolled_back: Vec::new(),
    }
}

fn lease(session: Session, nonce: u64) -> PeerMessage {
    PeerMessage::Lease {
        volume: VOLUME,
        session,
        nonce,
    }
}

fn granted(session: Session, nonce: u64) -> PeerMessage {
    PeerMessage::Granted {
        volume: VOLUME,
        session,
        nonce,
    }
}

fn fetch(session: Session, nonce: u64, range: Range) -> PeerMessage {
    PeerMessage::Fetch {
        volume: VOLUME,
        session,
        nonce,
        range,
        attempt: 4,
        command: None,
    }
}

/// A mirror in a resync of session 3.
fn returning() -> Station {
    let mut mirror = mirror();
    mirror.hear(&resync(session(3)));
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [hello_ack(session(3), 0)]);
    mirror
}

#[test]
fn a_resync_makes_the_mirror_inconsistent_durably_before_it_answers() {
    let mut mirror = mirror();
    mirror.hear(&resync(session(3)));
    assert_eq!(mirror.tables().consistency, Consistency::Consistent);
    assert_eq!(mirror.take_sent(), []);
    mirror.complete(0);
    assert_eq!(mirror.tables().consistency, Consistency::Inconsistent);
    assert_eq!(messages(&mirror.take_sent()), [hello_ack(session(3), 0)]);
    mirror.reboot();
    mirror.run();
    assert_eq!(mirror.tables().consistency, Consistency::Inconsistent);
}

#[test]
fn a_resyncs_answer_says_what_may_differ() {
    let mut blank = Station::on(
        std::collections::BTreeMap::from([
            (crate::testing::JOURNAL, crate::testing::Disk::default()),
            (DATA, crate::testing::Disk::default()),
        ]),
        configuration(Role::Mirror),
    );
    blank.run();
    blank.hear(&resync(session(3)));
    blank.run();
    let all = dirty_ack(session(3), &[range(0, 64)]);
    assert_eq!(messages(&blank.take_sent()), std::slice::from_ref(&all));
    blank.hear(&resync(session(3)));
    assert_eq!(messages(&blank.take_sent()), [all], "and says it again");
}

#[test]
fn a_mirror_that_is_not_whole_takes_no_plain_session() {
    let mut mirror = returning();
    for _ in 0..2 {
        mirror.hear(&hello(session(4)));
        let refused = PeerMessage::HelloRefused {
            volume: VOLUME,
            session: session(4),
            attempt: 0,
            reason: HelloRefusal::NotClean,
        };
        assert_eq!(messages(&mirror.take_sent()), [refused]);
        assert!(mirror.queue.is_empty());
        mirror.reboot();
        mirror.run();
    }
    mirror.hear(&resync(session(4)));
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [hello_ack(session(4), 0)]);
}

#[test]
fn a_finish_is_answered_when_the_mirror_is_durably_consistent_and_again_when_repeated() {
    let mut mirror = returning();
    for other in [session(2), session(4)] {
        mirror.hear(&finish(other, 0));
        assert!(mirror.queue.is_empty() && mirror.take_sent().is_empty());
    }
    mirror.hear(&finish(session(3), 0));
    mirror.hear(&finish(session(3), 1));
    assert_eq!(mirror.queue.len(), 1);
    assert_eq!(mirror.take_sent(), []);
    assert_eq!(mirror.tables().consistency, Consistency::Inconsistent);
    mirror.complete(0);
    assert_eq!(mirror.tables().consistency, Consistency::Consistent);
    assert_eq!(messages(&mirror.take_sent()), [finish_ack(session(3), 0)]);
    assert!(mirror.has_seen(&Event::Finished(session(3))));
    mirror.hear(&finish(session(3), 2));
    assert_eq!(messages(&mirror.take_sent()), [finish_ack(session(3), 2)]);
    mirror.reboot();
    mirror.run();
    mirror.hear(&finish(session(3), 3));
    assert_eq!(messages(&mirror.take_sent()), [finish_ack(session(3), 3)]);
    assert!(mirror.queue.is_empty());
    accept(&mut mirror, session(4));
}

#[test]
fn a_finish_waits_for_a_copy_that_is_not_durable() {
    let mut mirror = returning();
    let sending = Sending {
        session: session(3),
        ..FIRST
    };
    hear_all(
        &mut mirror,
        portions(&sending, COPY, &copy(range(0, 2), Vec::new())),
    );
    mirror.hear(&finish(session(3), 0));
    assert_eq!(mirror.queue.len(), 1);
    assert!(mirror.has_seen(&Event::Ignored(IgnoreReason::Pending)));
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [copy_ack(session(3), 1, 0)]);
    mirror.hear(&finish(session(3), 1));
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [finish_ack(session(3), 1)]);
}

#[test]
fn a_lease_is_granted_to_the_session_that_is_followed_by_a_copy_that_could_be_promoted() {
    let mut mirror = mirror();
    for other in [session(1), session(3)] {
        mirror.hear(&lease(other, 7));
        assert_eq!(mirror.take_sent(), []);
    }
    mirror.hear(&lease(session(2), 7));
    assert_eq!(messages(&mirror.take_sent()), [granted(session(2), 7)]);
    mirror.hear(&resync(session(3)));
    mirror.hear(&lease(session(2), 8));
    assert_eq!(mirror.take_sent(), [], "a new session is on its way");
    mirror.run();
    mirror.take_sent();
    mirror.hear(&lease(session(3), 9));
    assert_eq!(mirror.take_sent(), [], "half copied");
    mirror.hear(&finish(session(3), 0));
    mirror.hear(&lease(session(3), 10));
    assert_eq!(mirror.take_sent(), [], "not durable");
    mirror.run();
    mirror.take_sent();
    mirror.hear(&lease(session(3), 11));
    assert_eq!(messages(&mirror.take_sent()), [granted(session(3), 11)]);
}

fn fetched(nonce: u64, range: Range, version: u64, byte: u8) -> PeerMessage {
    PeerMessage::Fetched {
        volume: VOLUME,
        session: session(2),
        nonce,
        range,
        attempt: 4,
        outcome: None,
        versions: vec![SequenceId::new(version); range.count() as usize],
        data: fill(byte, range.count()),
    }
}

fn unproven(nonce: u64) -> PeerMessage {
    PeerMessage::Unproven {
        volume: VOLUME,
        session: session(2),
        nonce,
        attempt: 4,
    }
}

#[test]
fn a_fetch_is_answered_with_blocks_that_prove_themselves() {
    let mut mirror = mirror();
    hear_all(&mut mirror, set(&FIRST, 1, block(1, 3, 1)));
    mirror.run();
    mirror.take_sent();
    for other in [session(1), session(3)] {
        mirror.hear(&fetch(other, 5, range(3, 1)));
        assert!(mirror.queue.is_empty() && mirror.take_sent().is_empty());
    }
    mirror.hear(&fetch(session(2), 5, range(3, 1)));
    assert_eq!(
        messages(&mirror.take_sent()),
        [fetched(5, range(3, 1), 1, 1)]
    );
    // Another time from the device.
    mirror.pass_running(crate::time::Duration::from_secs(1));
    mirror.hear(&fetch(session(2), 6, range(3, 1)));
    assert_eq!(mirror.queue.len(), 2, "data and headers");
    assert_eq!(mirror.take_sent(), []);
    mirror.run();
    assert_eq!(
        messages(&mirror.take_sent()),
        [fetched(6, range(3, 1), 1, 1)]
    );
    let page = GEOMETRY.data_page(range(3, 1).start()).0;
    let data: DeviceId = DATA;
    let disk = mirror.disks.get_mut(&data).expect("it is there");
    disk.pages.insert(page, fill(8, 1));
    mirror.hear(&fetch(session(2), 7, range(3, 1)));
    mirror.run();
    assert_eq!(
        messages(&mirror.take_sent()),
        [unproven(7)],
        "bad on this copy too"
    );
    assert!(
        mirror
            .probes
            .contains(&"fetched block is bad on both copies")
    );
    mirror.hear(&fetch(session(2), 8, range(4, 1)));
    mirror.fail(0, IoError::Unreadable(PageIndex(page + 1)));
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [unproven(8)]);
    mirror.hear(&fetch(session(2), 9, range(4, 1)));
    mirror.run();
    assert_eq!(
        messages(&mirror.take_sent()),
        [fetched(9, range(4, 1), 0, 0)]
    );
}

#[test]
fn a_mirror_that_may_be_deposed_hands_out_no_block() {
    let mut mirror = mirror();
    let mut late = mirror.clone();
    mirror.holds_mail = true;
    mirror.pass(crate::time::Duration::from_secs(2));
    mirror.hear(&fetch(session(2), 5, range(3, 1)));
    let ignored = Event::Ignored(IgnoreReason::Pending);
    assert!(mirror.has_seen(&ignored), "it is not even read");
    mirror.run();
    assert_eq!(mirror.take_sent(), [], "its partner may have a newer one");
    // What was read before that is not told either.
    late.hear(&fetch(session(2), 5, range(3, 1)));
    late.holds_mail = true;
    late.pass(crate::time::Duration::from_secs(2));
    late.run();
    assert_eq!(late.take_sent(), []);
    assert_eq!(late.census().in_flight, 0);
}

#[test]
fn nothing_is_fetched_while_a_change_of_it_is_pending() {
    let mut mirror = mirror();
    hear_all(&mut mirror, set(&FIRST, 1, block(1, 3, 1)));
    mirror.hear(&fetch(session(2), 5, range(2, 2)));
    assert_eq!(mirror.queue.len(), 1);
    assert!(mirror.has_seen(&Event::Ignored(IgnoreReason::Pending)));
    mirror.run();
    mirror.take_sent();
    hear_all(
        &mut mirror,
        portions(&FIRST, COPY, &copy(range(0, 2), Vec::new())),
    );
    mirror.hear(&fetch(session(2), 6, range(1, 1)));
    assert_eq!(mirror.queue.len(), 1);
    mirror.hear(&fetch(session(2), 8, range(20, 1)));
    assert_eq!(mirror.queue.len(), 3, "a copy elsewhere is no change of it");
    mirror.run();
    assert_eq!(
        messages(&mirror.take_sent()),
        [copy_ack(session(2), 1, 0), fetched(8, range(20, 1), 0, 0)]
    );
    mirror.hear(&fetch(session(2), 7, range(1, 1)));
    assert_eq!(
        messages(&mirror.take_sent()),
        [fetched(7, range(1, 1), 5, 9)]
    );
}

#[test]
fn a_fetch_beyond_the_volume_or_too_long_is_not_read() {
    let mut mirror = mirror();
    mirror.hear(&fetch(session(2), 5, range(63, 2)));
    mirror.hear(&fetch(session(2), 6, range(0, 9)));
    assert!(mirror.queue.is_empty());
}

/// A mirror that has accepted session 2 and performed command 1.
fn with_history() -> Station {
    let mut mirror = mirror();
    hear_all(&mut mirror, set(&FIRST, 1, block(1, 3, 1)));
    mirror.run();
    mirror.take_sent();
    mirror
}

#[test]
fn a_replaced_data_device_leaves_fence_and_results_and_all_is_dirty() {
    for cut in 0..4 {
        let mut mirror = with_history();
        let before = mirror.tables().clone();
        mirror.disks.insert(DATA, crate::testing::Disk::default());
        mirror.reboot();
        while !mirror.probes.contains(&"set without content formatted") {
            mirror.complete(0);
        }
        // A crash between any two of its writes.
        for _ in 0..cut.min(mirror.queue.len() + 2) {
            if mirror.queue.is_empty() {
                break;
            }
            mirror.complete(0);
        }
        if cut < 3 {
            mirror.reboot();
        }
        mirror.run();
        let expected = Tables {
            consistency: Consistency::Unpaired,
            dirty: (0..8_u64).collect(),
            ..before
        };
        assert_eq!(*mirror.tables(), expected, "cut at {cut}");
        mirror.hear(&resync(session(3)));
        mirror.run();
        assert!(mirror.tables().results.contains_key(&id(1)));
    }
}

#[test]
fn a_mirror_without_content_says_so_to_who_asks_for_blocks() {
    let mut mirror = with_history();
    mirror.disks.insert(DATA, crate::testing::Disk::default());
    mirror.reboot();
    mirror.run();
    mirror.hear(&fetch(session(2), 5, range(3, 1)));
    mirror.run();
    let refused = PeerMessage::HelloRefused {
        volume: VOLUME,
        session: session(2),
        attempt: 4,
        reason: HelloRefusal::NotClean,
    };
    assert_eq!(messages(&mirror.take_sent()), [refused]);
}

/// The fence outlives the content: a late Finish of the session that it stands for would
/// call a blank copy consistent.
#[test]
fn a_mirror_without_content_is_not_made_whole_by_a_late_finish() {
    let mut mirror = with_history();
    mirror.disks.insert(DATA, crate::testing::Disk::default());
    mirror.reboot();
    mirror.run();
    let session = mirror.tables().fence;
    let before = mirror.tables().clone();
    mirror.hear(&PeerMessage::Finish {
        volume: VOLUME,
        session,
        attempt: 3,
    });
    mirror.run();
    let refused = PeerMessage::HelloRefused {
        volume: VOLUME,
        session,
        attempt: 3,
        reason: HelloRefusal::NotClean,
    };
    assert_eq!(messages(&mirror.take_sent()), [refused]);
    assert_eq!(mirror.tables(), &before);
}

#[test]
fn several_blocks_are_read_for_the_owner_at_a_time_and_none_twice() {
    let mut mirror = with_history();
    for nonce in [5, 5, 6] {
        mirror.hear(&fetch(session(2), nonce, range(9, 1)));
    }
    for nonce in 7..30 {
        mirror.hear(&fetch(session(2), nonce, range(8, 1)));
    }
    mirror.run();
    let sent = messages(&mirror.take_sent());
    assert_eq!(sent.len(), 16, "the rest is asked for again");
    let of = |nonce| fetched(nonce, range(9, 1), 0, 0);
    assert_eq!(sent.iter().filter(|it| **it == of(5)).count(), 1);
    assert!(sent.contains(&of(6)));
}

#[test]
fn who_asks_about_a_command_hears_what_became_of_it() {
    for (command, outcome) in [(id(1), Some(Outcome::Performed)), (id(2), None)] {
        let mut mirror = with_history();
        mirror.hear(&PeerMessage::Fetch {
            volume: VOLUME,
            session: session(2),
            nonce: 5,
            range: range(3, 1),
            attempt: 4,
            command: Some(command),
        });
        mirror.run();
        let PeerMessage::Fetched { outcome: said, .. } = &messages(&mirror.take_sent())[0] else {
            panic!("it is answered")
        };
        assert_eq!(*said, outcome);
    }
}

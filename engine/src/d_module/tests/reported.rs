//! Defects that were found while these tests were written, one test for each.

use super::alone::{mediated, success, until, until_resync, until_turning};
use super::leases::alone_unleased;
use super::mirror::{copy_ack, hello_ack};
use super::resync::dirty_ack;
use crate::contract::{IoError, IoRequest, PageIndex};
use crate::event::{Event, Phase};
use crate::storage_set::record::Mode;
use crate::storage_set::tables::Role;
use crate::testing::{Station, Third, VOLUME, fill, id, range, session, sync_configuration, write};
use crate::time::Duration;
use crate::vocabulary::{Command, Outcome, Range};
use crate::wire::PeerMessage;
use crate::wire::mediator::Ask;

#[test]
fn no_question_of_an_incarnation_has_the_nonce_of_an_earlier_ones() {
    let mut third = Third::new();
    let mut owner = mediated(&mut third);
    owner.pass_running(Duration::from_secs(3));
    let earlier: Vec<u64> = owner.asked.drain(..).map(|asked| asked.nonce).collect();
    owner.ask(id(1), write(0, 1, 1));
    owner.fail(0, IoError::Aborted);
    owner.run();
    assert_eq!(owner.module.phase(), Phase::Announcing);
    owner.pass_running(Duration::from_secs(3));
    let later: Vec<u64> = owner.asked.iter().map(|asked| asked.nonce).collect();
    assert!(!earlier.is_empty() && !later.is_empty());
    assert!(
        later.iter().all(|nonce| !earlier.contains(nonce)),
        "{earlier:?} and {later:?}"
    );
}

#[test]
fn out_of_sync_nothing_is_acknowledged_alone_once_the_mediators_lease_has_run_out() {
    let (mut owner, mut third) = alone_unleased();
    owner.ask(id(2), write(4, 1, 2));
    owner.run();
    assert_eq!(owner.answers(), []);
    assert!(!owner.has_seen(&Event::ResolvedAlone(id(2))));
    owner.pass_running(Duration::from_millis(500));
    third.answer_all(&mut owner);
    assert_eq!(owner.answers(), [success(2)]);
}

#[test]
fn a_renewal_that_finds_its_page_unreadable_was_executed_all_the_same() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.holds_mail = true;
    for _ in 0..10 {
        owner.pass(Duration::from_millis(100));
        while let Some(submission) = owner.mail.first() {
            match submission.request {
                IoRequest::Read { .. } => owner.fail_mail(0, IoError::Unreadable(PageIndex(0))),
                _ => owner.deliver(0),
            }
        }
    }
    owner.ask(id(1), Command::Read(range(0, 1)));
    owner.run();
    assert_eq!(owner.answers().len(), 1);
}

#[test]
fn an_orphan_that_is_settled_out_of_sync_is_not_read_again() {
    let mut owner = Station::with(sync_configuration(false), Role::Owner);
    owner.serve();
    owner.ask(id(1), write(3, 2, 1));
    owner.complete(0);
    owner.reboot();
    owner.serve();
    owner.run_records();
    let reads: Vec<_> = owner.queue.drain(..).collect();
    assert_eq!(reads.len(), 2, "the orphan is read");
    owner.ask(id(2), write(20, 1, 2));
    until_turning(&mut owner);
    owner.run();
    until_turning(&mut owner);
    owner.complete(0);
    assert_eq!(owner.tables().mode, Mode::OutOfSync);
    // While the end of its mark is on its way, the device says that it cannot.
    owner.queue.splice(0..0, reads);
    owner.fail(0, IoError::Unreadable(PageIndex(9)));
    owner.fail(0, IoError::Unreadable(PageIndex(9)));
    owner.run();
    assert_eq!(owner.census().orphans, 0);
    owner.pass_running(Duration::from_secs(2));
}

/// What comes back as the mirror may be another set, which knows nothing of it; and a copy
/// of its own would be taken for a region's.
#[test]
fn an_orphan_that_the_mirror_was_asked_about_is_judged_here_once_the_mirror_is_lost() {
    for performed in [false, true] {
        let mut owner = Station::with(sync_configuration(false), Role::Owner);
        owner.serve();
        owner.ask(id(1), write(3, 2, 1));
        owner.complete(0);
        if performed {
            owner.complete(0);
            owner.pass_running(Duration::from_millis(300));
        }
        owner.reboot();
        owner.serve();
        owner.run_records();
        owner.fail(0, IoError::Unreadable(PageIndex(1)));
        owner.run();
        let is_question = |message: &PeerMessage| matches!(message, PeerMessage::Fetch { .. });
        let is_asked = |owner: &mut Station| {
            let sent = owner.take_sent();
            sent.iter().any(|sent| is_question(&sent.message))
        };
        assert!(is_asked(&mut owner));
        owner.ask(id(2), write(20, 1, 2));
        until(&mut owner, |owner| owner.tables().mode == Mode::Resync);
        let outcome = match performed {
            true => Outcome::Performed,
            false => Outcome::Failed,
        };
        assert!(owner.has_seen(&Event::OrphanResolved(id(1), outcome)));
        assert_eq!(owner.census().orphans, 0);
        owner.take_sent();
        let session = owner.tables().session;
        owner.hear(&hello_ack(session, 0));
        owner.pass_running(Duration::from_secs(1));
        assert!(!is_asked(&mut owner));
        for copy in 1..=4 {
            owner.hear(&copy_ack(session, copy, 0));
            owner.run();
        }
        assert!(owner.tables().dirty.is_empty(), "region after region");
    }
}

#[test]
fn a_mirrors_dirty_regions_find_room_in_a_full_journal() {
    let mut large = sync_configuration(false);
    large.limits.window = 200;
    large.set.geometry.blocks = 2_048;
    large.set.geometry.region_blocks = 1;
    large.set.geometry.checkpoint_pages = 64;
    let mut owner = Station::with(large, Role::Owner);
    owner.serve();
    owner.ask(id(1), write(3, 2, 1));
    owner.run();
    until_turning(&mut owner);
    owner.run();
    until_turning(&mut owner);
    owner.run();
    assert_eq!(owner.tables().mode, Mode::Resync);
    for counter in 2..150 {
        if owner.module.set().expect("it serves").room() == 1 {
            break;
        }
        owner.ask(id(counter), Command::Retry);
        owner.run_records();
    }
    assert_eq!(owner.module.set().expect("it serves").room(), 1);
    let dirty: Vec<Range> = (0..700).map(|place| range(2 * place, 1)).collect();
    let session = owner.hello_session();
    owner.hear(&dirty_ack(session, &dirty));
    owner.run();
    assert!(owner.has_seen(&Event::DirtyUnited(session)));
}

#[test]
fn a_block_that_neither_copy_can_prove_does_not_keep_writes_out_for_good() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.ask(id(1), Command::Read(range(20, 1)));
    owner.fail(0, IoError::Unreadable(PageIndex(9)));
    owner.run();
    let asked = owner.take_sent().into_iter();
    let mut asked = asked.filter_map(|sent| match sent.message {
        PeerMessage::Fetch { nonce, .. } => Some(nonce),
        _ => None,
    });
    let nonce = asked.next().expect("the mirror is asked");
    owner.hear(&PeerMessage::Unproven {
        volume: VOLUME,
        session: session(2),
        nonce,
        attempt: 0,
    });
    owner.pass_running(Duration::from_secs(60));
    owner.answers();
    owner.ask(id(2), write(20, 1, 2));
    owner.pass_running(Duration::from_secs(4));
    assert!(owner.has_seen(&Event::Marked(id(2))));
}

#[test]
fn an_owner_in_sync_serves_under_its_mirrors_lease_while_the_mediator_is_silent() {
    let mut owner = Station::with(sync_configuration(true), Role::Owner);
    owner.run();
    owner.hear(&hello_ack(session(2), 0));
    owner.pass_running(Duration::from_millis(600));
    let lease = owner.sent.iter().rev().find_map(|sent| match sent.message {
        PeerMessage::Lease { nonce, .. } => Some(nonce),
        _ => None,
    });
    owner.hear(&PeerMessage::Granted {
        volume: VOLUME,
        session: session(2),
        nonce: lease.expect("the mirror is asked"),
    });
    assert_eq!(owner.module.phase(), Phase::Serving);
}

#[test]
fn the_mediator_hears_of_the_resyncs_end_though_a_new_session_comes_between() {
    let mut third = Third::new();
    let mut owner = mediated(&mut third);
    owner.ask(id(1), write(3, 2, 1));
    until_resync(&mut owner, &mut third);
    let now = owner.hello_session();
    owner.hear(&dirty_ack(now, &[]));
    owner.run();
    owner.hear(&super::mirror::copy_ack(now, 1, 0));
    owner.run();
    owner.ask(id(2), write(20, 1, 2));
    owner.run();
    owner.pass_running(Duration::from_millis(3_000));
    owner.hear(&PeerMessage::FinishAck {
        volume: VOLUME,
        session: now,
        attempt: 0,
        rolled_back: Vec::new(),
    });
    // The record of the mode is slow, and the path silent.
    owner.pass(Duration::from_millis(500));
    owner.asked.clear();
    owner.run();
    let next = owner.hello_session();
    assert!(next > now, "a new session");
    assert_eq!(owner.tables().mode, Mode::InSync);
    owner.hear(&hello_ack(next, 0));
    owner.pass_running(Duration::from_secs(1));
    let is_set = |ask| matches!(ask, Ask::CompareAndSet { in_sync: true, .. });
    assert!(owner.last_asked(is_set).is_some());
}

#[test]
fn a_compare_does_not_overtake_the_session_that_its_mark_goes_by() {
    let mut wide = sync_configuration(false);
    wide.limits.window = 200;
    wide.set.geometry.checkpoint_pages = 16;
    let mut owner = Station::with(wide, Role::Owner);
    owner.serve();
    owner.ask(id(1), write(20, 1, 1));
    owner.run();
    until_turning(&mut owner);
    owner.run();
    owner.ask(
        id(2),
        Command::CompareAndWrite {
            range: range(0, 1),
            expected: fill(0, 1),
            data: fill(1, 1),
        },
    );
    let compare: Vec<_> = owner.queue.drain(..).collect();
    assert_eq!(compare.len(), 2);
    for counter in 3..150 {
        if owner.module.set().expect("it serves").room() == 0 {
            break;
        }
        owner.ask(id(counter), Command::Retry);
        owner.run_records();
    }
    for _ in 0..300 {
        owner.pass(Duration::from_millis(10));
        owner.run_records();
    }
    assert!(owner.probes.contains(&"mirror given up"));
    assert_eq!(
        owner.tables().mode,
        Mode::InSync,
        "its record waits for room"
    );
    owner.queue.splice(0..0, compare);
    owner.complete(0);
    owner.complete(0);
    owner.run_records();
    assert!(!owner.has_seen(&Event::Marked(id(2))), "its mark waits");
    let mut again = owner.clone();
    again.reboot();
    again.run();
    assert_eq!(again.module.phase(), Phase::Announcing);
    // A destage makes room, and the record comes first.
    owner.run();
    assert_eq!(owner.tables().mode, Mode::Resync);
    assert!(owner.has_seen(&Event::Marked(id(2))));
}

#[test]
fn a_partner_that_reads_a_long_journal_is_not_taken_over() {
    let configuration = crate::testing::configuration(Role::Owner);
    let mut twins = crate::testing::Twins::new(configuration, Role::Owner);
    twins.pass(Duration::from_secs(1), &[0, 1]);
    // The first boots again, and its devices are slow.
    let first = twins.on(0);
    first.reboot();
    while first.module.phase() != Phase::Recovering {
        first.complete(0);
    }
    for _ in 0..30 {
        twins.pass_slowly(Duration::from_millis(100), 0, 1);
    }
    assert_eq!(twins.on(1).module.phase(), Phase::Standby);
}

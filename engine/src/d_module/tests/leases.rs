//! Authority: when reads are answered and writes acknowledged alone, with a mediator.

use super::alone::{mediated, success, until, until_resync};
use super::mirror::hello_ack;
use super::resync::dirty_ack;
use crate::event::Event;
use crate::storage_set::record::Mode;
use crate::storage_set::tables::Role;
use crate::testing::{Station, Third, VOLUME, fill, id, range, session, sync_configuration, write};
use crate::time::Duration;
use crate::vocabulary::{Command, CommandId, Session, Status, UnknownReason};
use crate::wire::PeerMessage;
use crate::wire::mediator::{Ask, MediatorReply};

fn data(counter: u64) -> (CommandId, Status) {
    (id(counter), Status::Success(Some(fill(0, 1))))
}

fn read(owner: &mut Station, counter: u64) -> Vec<(CommandId, Status)> {
    owner.ask(id(counter), Command::Read(range(50, 1)));
    owner.run();
    owner.answers()
}

fn granted(session: Session, nonce: u64) -> PeerMessage {
    PeerMessage::Granted {
        volume: VOLUME,
        session,
        nonce,
    }
}

/// The lease that was asked for last, of both.
fn last_nonce(owner: &Station) -> u64 {
    let asked = owner.last_asked(|ask| ask == Ask::Lease);
    asked.expect("it asks for leases").nonce
}

/// An owner in sync whose leases have run out.
fn unleased() -> (Station, Third) {
    let mut third = Third::new();
    let mut owner = mediated(&mut third);
    owner.pass_running(Duration::from_millis(1_999));
    assert_eq!(read(&mut owner, 1), [data(1)]);
    owner.pass_running(Duration::from_millis(2));
    assert_eq!(read(&mut owner, 2), [], "a lease ends");
    (owner, third)
}

#[test]
fn in_sync_a_lease_of_the_mirror_or_of_the_mediator_lets_reads_through() {
    let (mut owner, mut third) = unleased();
    let mut other = owner.clone();
    third.answer_all(&mut owner);
    owner.run();
    assert_eq!(owner.answers(), [data(2)]);
    let nonce = last_nonce(&other);
    let asked = other
        .sent
        .iter()
        .any(|sent| matches!(sent.message, PeerMessage::Lease { nonce: it, .. } if it == nonce));
    assert!(asked, "the mirror is asked the same");
    other.hear(&granted(session(2), nonce));
    other.run();
    assert_eq!(other.answers(), [data(2)]);
}

#[test]
fn without_a_lease_a_flush_and_an_unknown_commands_verdict_are_refused() {
    let (mut owner, _) = unleased();
    owner.ask(id(3), Command::Flush);
    owner.ask(id(4), Command::Retry);
    let unknown = |counter| (id(counter), Status::Unknown(UnknownReason::NotServing));
    assert_eq!(owner.answers(), [unknown(3), unknown(4)]);
    assert!(owner.queue.is_empty(), "no verdict is written");
}

#[test]
fn in_sync_a_write_needs_no_lease() {
    let (mut owner, _) = unleased();
    owner.ask(id(3), write(0, 1, 1));
    owner.run();
    owner.hear(&super::mirror::set_ack(session(2), 1, 0));
    assert_eq!(owner.answers(), [success(3)]);
}

#[test]
fn a_lease_counts_from_when_it_was_asked_for() {
    let (mut owner, _) = unleased();
    // The last question left at 2000 ms.
    let nonce = last_nonce(&owner);
    owner.pass_running(Duration::from_millis(1_400));
    assert_eq!(owner.answers(), []);
    owner.hear(&granted(session(2), nonce));
    owner.run();
    assert_eq!(owner.answers(), [data(2)]);
    owner.pass_running(Duration::from_millis(598));
    assert_eq!(read(&mut owner, 3), [data(3)]);
    owner.pass_running(Duration::from_millis(2));
    assert_eq!(read(&mut owner, 4), []);
}

#[test]
fn a_lease_that_was_not_asked_for_or_is_of_another_session_counts_nothing() {
    let (mut owner, _) = unleased();
    let nonce = last_nonce(&owner);
    for (of, nonce) in [
        (session(2), nonce + 1),
        (session(2), 0),
        (session(1), nonce),
        (session(3), nonce),
    ] {
        owner.hear(&granted(of, nonce));
        owner.run();
        assert_eq!(owner.answers(), []);
    }
    owner.hear_mediator(&MediatorReply {
        volume: VOLUME,
        nonce: nonce + 1,
        attempt: 0,
        record: Third::new().record,
        granted: true,
    });
    owner.run();
    assert_eq!(owner.answers(), []);
}

#[test]
fn a_new_session_voids_what_the_mirror_granted_in_the_last() {
    let mut hasty = sync_configuration(true);
    hasty.timers.path_timeout = Duration::from_millis(300);
    hasty.timers.lease = Duration::from_secs(100);
    let mut owner = Station::with(hasty, Role::Owner);
    owner.run();
    let asked = owner.last_asked(|ask| ask == Ask::Read).expect("it reads");
    let reply = Third::new().answer(&asked);
    owner.hear_mediator(&reply);
    owner.hear(&hello_ack(session(2), 0));
    owner.pass_running(Duration::from_nanos(0));
    let nonce = last_nonce(&owner);
    owner.hear(&granted(session(2), nonce));
    assert_eq!(read(&mut owner, 1), [data(1)]);
    owner.ask(id(2), write(0, 1, 1));
    until(&mut owner, |owner| {
        owner.has_seen(&Event::SessionOpened(session(3)))
    });
    assert_eq!(read(&mut owner, 3), []);
    owner.hear(&hello_ack(session(3), 0));
    owner.hear(&granted(session(3), nonce));
    owner.run();
    assert_eq!(owner.answers(), [], "asked in the last session");
}

/// An owner out of sync by the mediator's record, its resync's Hello sent and its
/// lease of the mediator over.
pub(super) fn alone_unleased() -> (Station, Third) {
    let mut third = Third::new();
    let mut owner = mediated(&mut third);
    owner.ask(id(1), write(3, 2, 1));
    until_resync(&mut owner, &mut third);
    owner.answers();
    owner.pass_running(Duration::from_millis(2_001));
    (owner, third)
}

#[test]
fn out_of_sync_only_the_mediators_lease_lets_reads_through() {
    let (mut owner, mut third) = alone_unleased();
    let now = owner.hello_session();
    owner.hear(&dirty_ack(now, &[]));
    owner.run_records();
    assert_eq!(read(&mut owner, 3), []);
    owner.pass_running(Duration::from_millis(500));
    let nonce = last_nonce(&owner);
    owner.hear(&granted(now, nonce));
    owner.run();
    assert_eq!(owner.answers(), [], "the mirror's counts nothing");
    third.answer_all(&mut owner);
    owner.run();
    assert_eq!(owner.answers(), [data(3)]);
}

#[test]
fn who_boots_out_of_sync_waits_for_a_fresh_answer_of_the_mediator() {
    let (mut owner, mut third) = alone_unleased();
    owner.reboot();
    owner.run();
    assert_eq!(owner.tables().mode, Mode::OutOfSync);
    let read = owner.last_asked(|ask| ask == Ask::Read).expect("it reads");
    owner.pass_running(Duration::from_millis(1));
    let lease = owner.last_asked(|ask| ask == Ask::Lease).expect("it asks");
    let reply = third.answer(&lease);
    owner.hear_mediator(&reply);
    owner.run();
    assert_eq!(
        owner.tables().mode,
        Mode::OutOfSync,
        "a lease alone is no answer"
    );
    let reply = third.answer(&read);
    owner.hear_mediator(&MediatorReply {
        nonce: reply.nonce + 1_000,
        ..reply
    });
    owner.run();
    assert_eq!(owner.tables().mode, Mode::OutOfSync, "not fresh");
    owner.hear_mediator(&reply);
    owner.run();
    assert_eq!(owner.tables().mode, Mode::Resync);
}

//! The mirror is lost: what may be acknowledged alone, and from when on.

use super::mirror::{hello_ack, set_ack};
use super::writes::entry;
use crate::configuration::{Configuration, Policy};
use crate::contract::{IoRequest, Submission};
use crate::event::{Event, Phase};
use crate::storage_set::format::decode_record;
use crate::storage_set::record::{Entry, Mode};
use crate::storage_set::tables::Role;
use crate::testing::{
    Station, Third, configuration, id, range, session, sync_configuration, write,
};
use crate::time::Duration;
use crate::vocabulary::{Command, CommandId, Session, SiteEpoch, SiteId, Status, UnknownReason};
use crate::wire::mediator::{Ask, MediatorRecord, MediatorReply};

pub(super) fn success(counter: u64) -> (CommandId, Status) {
    (id(counter), Status::Success(None))
}

/// An owner in session 3, its write of blocks 3 and 4 durable on its own copy, and
/// its mirror silent since the write.
fn announcing(mut owner: Station) -> Station {
    owner.ask(id(1), write(3, 2, 1));
    owner.run();
    until(&mut owner, |owner| {
        owner.has_seen(&Event::SessionOpened(session(3)))
    });
    owner.take_sent();
    owner
}

fn serving(configuration: Configuration) -> Station {
    let mut owner = Station::with(configuration, Role::Owner);
    owner.serve();
    owner
}

/// Goes on, every device command executed at once, until something holds.
pub(super) fn until(owner: &mut Station, holds: impl Fn(&Station) -> bool) {
    for _ in 0..1_000 {
        if holds(owner) {
            return;
        }
        owner.pass_running(Duration::from_millis(10));
    }
    panic!("it does not come to that");
}

/// The same with a mediator that answers, until the resync's Hello has left.
pub(super) fn until_resync(owner: &mut Station, third: &mut Third) {
    for _ in 0..1_000 {
        if owner.tables().mode == Mode::Resync {
            return;
        }
        owner.pass_running(Duration::from_millis(100));
        third.answer_all(owner);
        owner.run();
    }
    panic!("there is no resync");
}

/// Goes on, all other device commands executed, until the record of a session
/// waits at the head of the queue.
pub(super) fn until_turning(owner: &mut Station) {
    let is_session = |submission: &Submission| match &submission.request {
        IoRequest::Write { pages, .. } => decode_record(pages)
            .is_ok_and(|(record, _)| matches!(record.entry, Entry::Session { .. })),
        _ => false,
    };
    for _ in 0..1_000 {
        owner.pass(Duration::from_millis(10));
        owner.run_only(|submission| !is_session(submission));
        if !owner.queue.is_empty() {
            return;
        }
    }
    panic!("a mirror that is silent is given up");
}

/// The same without a mediator, when its mirror has just been given up.
pub(super) fn forsaken() -> Station {
    forsaken_with(sync_configuration(false))
}

/// The same with another configuration.
pub(super) fn forsaken_with(configuration: Configuration) -> Station {
    let mut owner = announcing(serving(configuration));
    until_turning(&mut owner);
    owner
}

fn mode_of(owner: &Station) -> (Mode, Session) {
    (owner.tables().mode, owner.tables().session)
}

#[test]
fn a_mirror_is_given_up_when_its_hello_stays_unanswered_for_long_enough() {
    let mut owner = announcing(serving(sync_configuration(false)));
    let since = owner.now;
    until_turning(&mut owner);
    let waited = owner.now.since(since);
    assert!(waited >= Duration::from_millis(1_450), "{waited:?}");
    assert!(waited <= Duration::from_millis(2_400), "{waited:?}");

    let mut heard = announcing(serving(sync_configuration(false)));
    heard.pass_running(Duration::from_millis(1_000));
    heard.hear(&hello_ack(session(3), 0));
    heard.hear(&set_ack(session(3), 2, 0));
    heard.pass_running(Duration::from_secs(10));
    assert_eq!(mode_of(&heard), (Mode::InSync, session(3)));
}

#[test]
fn without_a_mediator_writes_are_acknowledged_alone_once_that_is_durable_and_they_are_dirty() {
    let mut owner = forsaken();
    let Entry::Session {
        session: next,
        mode,
    } = entry(&owner, 0)
    else {
        panic!("a session is written")
    };
    assert_eq!((mode, next), (Mode::OutOfSync, session(4)));
    assert_eq!(mode_of(&owner), (Mode::InSync, session(3)));
    assert_eq!(owner.answers(), [], "not durable");
    owner.complete(0);
    assert_eq!(mode_of(&owner), (Mode::OutOfSync, session(4)));
    assert!(owner.has_seen(&Event::Mode(Mode::OutOfSync, session(4))));
    assert_eq!(owner.tables().dirty.iter().collect::<Vec<_>>(), [&0]);
    assert_eq!(owner.answers(), [success(1)]);
    assert!(owner.has_seen(&Event::ResolvedAlone(id(1))));
}

#[test]
fn what_is_not_durable_here_is_not_acknowledged_alone() {
    let mut owner = announcing(serving(sync_configuration(false)));
    owner.ask(id(2), write(40, 1, 2));
    owner.complete(0);
    let perform = owner.queue.remove(0);
    until_turning(&mut owner);
    owner.queue.insert(0, perform);
    owner.complete(1);
    assert_eq!(owner.answers(), [], "it stands behind a gap");
    owner.complete(0);
    let mut answers = owner.answers();
    answers.sort_by_key(|(id, _)| *id);
    assert_eq!(answers, [success(1), success(2)]);
    assert_eq!(owner.tables().dirty.iter().collect::<Vec<_>>(), [&0, &5]);
}

#[test]
fn an_answer_of_the_mirror_that_was_given_up_resolves_nothing() {
    let mut owner = serving(sync_configuration(false));
    owner.ask(id(1), write(3, 2, 1));
    owner.run();
    // The path is silent, and the next session's record waits.
    until_turning(&mut owner);
    owner.hear(&set_ack(session(2), 1, 0));
    assert_eq!(owner.answers(), []);
    assert!(!owner.has_seen(&Event::ReplicaAcked(id(1))));
    owner.run();
    owner.hear(&set_ack(session(2), 1, 0));
    assert_eq!(owner.answers(), []);
    until_turning(&mut owner);
    for number in 2..4 {
        owner.hear(&hello_ack(session(number), 0));
        owner.hear(&set_ack(session(number), 1, 0));
    }
    assert_eq!(owner.answers(), []);
    owner.complete(0);
    assert_eq!(owner.answers(), [success(1)]);
    assert!(!owner.has_seen(&Event::ReplicaAcked(id(1))));
}

#[test]
fn a_strict_owner_never_goes_on_alone() {
    let strict = Configuration {
        policy: Policy::Strict,
        ..configuration(Role::Owner)
    };
    let mut owner = announcing(serving(strict));
    owner.pass_running(Duration::from_secs(60));
    assert_eq!(owner.tables().mode, Mode::InSync);
    let unknown = Status::Unknown(UnknownReason::TimedOut);
    assert_eq!(owner.answers(), [(id(1), unknown)]);
    assert!(owner.tables().dirty.is_empty());
    assert!(!owner.has_seen(&Event::ResolvedAlone(id(1))));
}

/// An owner with a mediator that has answered so far, and serves.
pub(super) fn mediated(third: &mut Third) -> Station {
    mediated_with(sync_configuration(true), third)
}

/// The same with another configuration.
pub(super) fn mediated_with(configuration: Configuration, third: &mut Third) -> Station {
    let mut owner = Station::with(configuration, Role::Owner);
    owner.run();
    third.answer_all(&mut owner);
    let session = owner.hello_session();
    owner.hear(&hello_ack(session, 0));
    // What is due at once: a lease is asked for.
    owner.pass_running(Duration::from_nanos(0));
    third.answer_all(&mut owner);
    assert_eq!(owner.module.phase(), Phase::Serving);
    owner
}

fn is_set(ask: Ask) -> bool {
    matches!(ask, Ask::CompareAndSet { .. })
}

fn set_of(expect: u64, in_sync: bool) -> Ask {
    Ask::CompareAndSet {
        expect: SiteEpoch::new(expect),
        in_sync,
    }
}

fn record(version: u64, in_sync: bool) -> MediatorRecord {
    MediatorRecord {
        version: SiteEpoch::new(version),
        owner: SiteId::new(1),
        in_sync,
    }
}

/// The same, its mirror given up durably and the mediator not heard since.
pub(super) fn pending(third: &mut Third) -> Station {
    let mut owner = announcing(mediated(third));
    until(&mut owner, |owner| owner.tables().mode != Mode::InSync);
    owner
}

/// The last question that wants something changed, answered with a record.
fn answer(owner: &Station, record: MediatorRecord) -> MediatorReply {
    let asked = owner.last_asked(is_set).expect("it asked");
    Third { record }.answer(&asked)
}

#[test]
fn with_a_mediator_nothing_is_acknowledged_before_its_record_says_out_of_sync() {
    let mut third = Third::new();
    let mut owner = pending(&mut third);
    assert_eq!(mode_of(&owner), (Mode::OosPending, session(4)));
    assert_eq!(owner.tables().dirty.iter().collect::<Vec<_>>(), [&0]);
    let asked = owner.last_asked(is_set).expect("it is told");
    assert_eq!(asked.ask, set_of(1, false));
    assert_eq!(owner.answers(), []);
    let reply = third.answer(&asked);
    owner.hear_mediator(&reply);
    assert_eq!(owner.queue.len(), 1);
    assert_eq!(mode_of(&owner).0, Mode::OosPending, "not durable");
    assert_eq!(owner.answers(), []);
    owner.complete(0);
    let next = Session {
        site_epoch: SiteEpoch::new(2),
        ..session(4)
    };
    assert_eq!(mode_of(&owner), (Mode::OutOfSync, next));
    assert!(!owner.has_seen(&Event::ResolvedAlone(id(1))), "no lease");
    owner.pass_running(Duration::from_millis(500));
    third.answer_all(&mut owner);
    assert!(owner.has_seen(&Event::ResolvedAlone(id(1))));
}

#[test]
fn only_a_newer_record_that_says_out_of_sync_ends_the_wait() {
    let mut third = Third::new();
    let mut owner = pending(&mut third);
    // As an older compare-and-set of this owner may have left it.
    let same = answer(&owner, record(1, false));
    assert_eq!(same.record, record(2, false), "the version was right");
    for (found, next) in [(record(3, true), 3), (record(4, true), 4)] {
        let reply = answer(&owner, found);
        owner.hear_mediator(&reply);
        assert!(owner.queue.is_empty(), "{found:?}");
        let asked = owner.last_asked(is_set).expect("it asks again");
        assert_eq!(asked.ask, set_of(next, false));
    }
    let reply = answer(&owner, record(4, true));
    assert_eq!(reply.record, record(5, false));
    owner.hear_mediator(&reply);
    owner.complete(0);
    assert_eq!(owner.tables().session.site_epoch, SiteEpoch::new(5));
}

#[test]
fn a_record_that_says_so_already_is_written_anew() {
    // This owner's own "in sync" is on its way to the mediator, and may come late.
    let mut third = Third::new();
    third.record = record(1, false);
    let mut owner = Station::with(sync_configuration(true), Role::Owner);
    owner.run();
    owner.hear(&hello_ack(session(2), 0));
    let read = owner.last_asked(|ask| ask == Ask::Read).expect("it reads");
    let reply = third.answer(&read);
    owner.hear_mediator(&reply);
    let late = owner.last_asked(is_set).expect("it tells");
    assert_eq!(late.ask, set_of(1, true));
    let mut owner = announcing(owner);
    until(&mut owner, |owner| owner.tables().mode != Mode::InSync);
    let asked = owner.last_asked(is_set).expect("it tells");
    assert_eq!(asked.ask, set_of(1, false));
    // The late one comes first.
    let reply = third.answer(&late);
    owner.hear_mediator(&reply);
    assert_eq!(third.record, record(2, true));
    let reply = third.answer(&asked);
    owner.hear_mediator(&reply);
    assert!(owner.queue.is_empty());
    let asked = owner.last_asked(is_set).expect("it tells again");
    assert_eq!(asked.ask, set_of(2, false));
    let reply = third.answer(&asked);
    owner.hear_mediator(&reply);
    owner.complete(0);
    assert_eq!(owner.tables().session.site_epoch, SiteEpoch::new(3));
}

#[test]
fn an_answer_to_another_question_changes_nothing() {
    let mut third = Third::new();
    let mut owner = pending(&mut third);
    let asked = owner.last_asked(is_set).expect("it asked");
    for nonce in [asked.nonce - 1, asked.nonce + 1, 0] {
        owner.hear_mediator(&MediatorReply {
            nonce,
            ..answer(&owner, record(1, true))
        });
        owner.run();
        assert_eq!(owner.tables().mode, Mode::OosPending);
        assert_eq!(owner.last_asked(is_set), Some(asked));
    }
    assert_eq!(owner.answers(), []);
}

#[test]
fn a_mediator_that_does_not_answer_is_asked_again_and_clients_hear_unknown() {
    let mut third = Third::new();
    let mut owner = pending(&mut third);
    owner.asked.clear();
    owner.pass_running(Duration::from_secs(5));
    let sets = owner.asked.iter().filter(|asked| is_set(asked.ask));
    let attempts: Vec<u32> = sets.map(|asked| asked.attempt).collect();
    assert!(attempts.len() >= 20, "{attempts:?}");
    assert!(attempts.is_sorted_by(|a, b| a < b), "{attempts:?}");
    let unknown = Status::Unknown(UnknownReason::TimedOut);
    assert_eq!(owner.answers(), [(id(1), unknown)]);
    assert_eq!(owner.tables().mode, Mode::OosPending);
}

#[test]
fn who_boots_while_it_is_pending_tells_the_mediator_once_more() {
    let mut third = Third::new();
    let mut owner = pending(&mut third);
    owner.reboot();
    owner.run();
    assert_eq!(mode_of(&owner), (Mode::OosPending, session(5)));
    assert_eq!(owner.last_asked(is_set), None, "its version is not known");
    third.answer_all(&mut owner);
    owner.run();
    assert_eq!(third.record, record(2, false));
    assert_ne!(owner.tables().mode, Mode::OosPending);
}

#[test]
fn another_owners_record_ends_it_for_good() {
    let mut third = Third::new();
    let mut owner = pending(&mut third);
    let other = MediatorRecord {
        owner: SiteId::new(3),
        ..record(7, true)
    };
    let reply = answer(&owner, other);
    owner.hear_mediator(&reply);
    owner.asked.clear();
    owner.pass_running(Duration::from_secs(5));
    assert_eq!(owner.last_asked(is_set), None);
    assert_eq!(owner.tables().mode, Mode::OosPending);
    assert!(!owner.has_seen(&Event::ResolvedAlone(id(1))));
    owner.ask(id(2), Command::Read(range(60, 1)));
    owner.run();
    assert_eq!(owner.answers().len(), 1, "only that it is unknown");
}

//! Sessions: what each side takes in which, and when one begins.

use super::mirror::{
    COPY, SECOND, accept, block, byte_at, copy, copy_ack, hear_all, hello, hello_ack, messages,
    mirror, set_ack,
};
use crate::event::{Event, IgnoreReason, Phase};
use crate::storage_set::tables::Role;
use crate::testing::{
    FIRST, GEOMETRY, Sending, Station, VOLUME, id, portions, range, session, set, write,
};
use crate::time::Duration;
use crate::vocabulary::{CommandId, Session, SiteEpoch, Status};
use crate::wire::{Hello, HelloRefusal, PeerMessage};

fn of(session: Session) -> Sending {
    Sending { session, ..FIRST }
}

fn of_another_site(session: Session) -> Session {
    Session {
        site_epoch: SiteEpoch::new(2),
        ..session
    }
}

fn is_refused(mirror: &mut Station, session: Session) -> bool {
    let before = mirror.module.clone();
    let copy = copy(range(0, 1), Vec::new());
    let mut sending = of(session);
    sending.oldest = 3;
    hear_all(mirror, set(&sending, 3, block(1, 0, 1)));
    hear_all(mirror, portions(&sending, COPY, &copy));
    mirror.queue.is_empty() && mirror.take_sent().is_empty() && mirror.module == before
}

#[test]
fn a_mirror_takes_nothing_of_any_session_but_its_own() {
    let mut mirror = mirror();
    let others = [session(1), session(3), of_another_site(session(2))];
    for other in others {
        assert!(is_refused(&mut mirror, other), "{other:?}");
    }
    assert!(mirror.has_seen(&Event::Ignored(IgnoreReason::StaleSession)));
    mirror.reboot();
    mirror.run();
    for other in others {
        assert!(is_refused(&mut mirror, other), "{other:?} after a boot");
    }
    assert!(!is_refused(&mut mirror, session(2)));
}

#[test]
fn a_set_of_the_last_session_changes_nothing_in_the_next() {
    let mut mirror = mirror();
    let late = set(&FIRST, 1, block(1, 0, 1));
    accept(&mut mirror, session(3));
    hear_all(&mut mirror, set(&of(session(3)), 1, block(2, 0, 2)));
    mirror.run();
    mirror.take_sent();
    hear_all(&mut mirror, late);
    mirror.run();
    assert_eq!(mirror.take_sent(), []);
    assert!(!mirror.tables().results.contains_key(&id(1)));
    assert_eq!(byte_at(&mirror, 0), Some(2));
}

#[test]
fn pieces_of_two_sessions_do_not_meet() {
    let mut mirror = mirror();
    let two = copy(range(0, 2), Vec::new());
    let old = portions(&FIRST, COPY, &two);
    let new = portions(&of(session(3)), COPY, &two);
    hear_all(&mut mirror, old[..1].to_vec());
    assert_eq!(mirror.census().reassemblies, 1);
    accept(&mut mirror, session(3));
    assert_eq!(mirror.census().reassemblies, 0);
    hear_all(&mut mirror, new[1..].to_vec());
    hear_all(&mut mirror, old[..1].to_vec());
    assert!(mirror.queue.is_empty());
    hear_all(&mut mirror, new[..1].to_vec());
    assert_eq!(mirror.queue.len(), 1);
}

#[test]
fn a_session_is_acknowledged_when_its_record_is_durable() {
    let mut mirror = mirror();
    let again = PeerMessage::Hello(Hello {
        volume: VOLUME,
        session: session(3),
        attempt: 1,
        format: 9,
        watermarks: Vec::new(),
        resync: false,
        blocks: GEOMETRY.blocks,
    });
    mirror.hear(&hello(session(3)));
    mirror.hear(&again);
    assert_eq!(mirror.queue.len(), 1);
    assert_eq!(mirror.take_sent(), []);
    assert_eq!(mirror.tables().fence, session(2));
    assert!(!mirror.has_seen(&Event::SessionAccepted(session(3))));
    mirror.complete(0);
    assert_eq!(messages(&mirror.take_sent()), [hello_ack(session(3), 1)]);
    assert_eq!(mirror.tables().fence, session(3));
    mirror.hear(&again);
    assert_eq!(messages(&mirror.take_sent()), [hello_ack(session(3), 1)]);
    assert!(mirror.queue.is_empty());
}

#[test]
fn a_session_that_a_crash_has_lost_was_not_begun() {
    let mut mirror = mirror();
    mirror.hear(&hello(session(3)));
    mirror.reboot();
    mirror.run();
    assert!(is_refused(&mut mirror, session(3)));
    hear_all(&mut mirror, set(&FIRST, 1, block(1, 0, 1)));
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [set_ack(session(2), 1, 0)]);
}

#[test]
fn between_two_sessions_a_mirror_takes_nothing() {
    let mut mirror = mirror();
    mirror.hear(&hello(session(3)));
    hear_all(&mut mirror, set(&FIRST, 1, block(1, 0, 1)));
    hear_all(&mut mirror, set(&of(session(3)), 1, block(1, 0, 1)));
    mirror.hear(&hello(session(4)));
    assert_eq!(mirror.queue.len(), 1);
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [hello_ack(session(3), 0)]);
    assert!(mirror.tables().results.is_empty());
}

#[test]
fn a_session_begins_after_all_that_was_performed_in_the_last() {
    let mut mirror = mirror();
    hear_all(&mut mirror, set(&FIRST, 1, block(1, 0, 1)));
    mirror.hear(&hello(session(3)));
    mirror.complete(1);
    assert_eq!(mirror.take_sent(), []);
    mirror.complete(0);
    let answers = [set_ack(session(2), 1, 0), hello_ack(session(3), 0)];
    assert_eq!(messages(&mirror.take_sent()), answers);
    hear_all(&mut mirror, set(&of(session(3)), 1, block(2, 1, 2)));
    mirror.run();
    assert_eq!(messages(&mirror.take_sent()), [set_ack(session(3), 1, 0)]);
    assert!(mirror.tables().results.contains_key(&id(2)));
}

#[test]
fn a_session_that_is_not_higher_or_of_another_format_is_refused() {
    let mut mirror = mirror();
    accept(&mut mirror, of_another_site(session(2)));
    let lower = [session(2), session(9), of_another_site(session(1))];
    let stale = lower.map(|session| (session, 9, HelloRefusal::Stale));
    let foreign = (of_another_site(session(3)), 8, HelloRefusal::Foreign);
    for (session, format, reason) in stale.into_iter().chain([foreign]) {
        mirror.hear(&PeerMessage::Hello(Hello {
            volume: VOLUME,
            session,
            attempt: 4,
            format,
            watermarks: Vec::new(),
            resync: false,
            blocks: GEOMETRY.blocks,
        }));
        let refused = PeerMessage::HelloRefused {
            volume: VOLUME,
            session,
            attempt: 4,
            reason,
        };
        assert_eq!(messages(&mirror.take_sent()), [refused]);
        assert!(mirror.queue.is_empty());
    }
}

/// An owner in session 2 that waits for the mirror's answer to set 1.
fn waiting_owner() -> Station {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.ask(id(1), write(0, 1, 1));
    owner.run();
    owner.take_sent();
    owner
}

fn success(counter: u64) -> (CommandId, Status) {
    (id(counter), Status::Success(None))
}

#[test]
fn an_answer_of_another_session_or_to_an_unknown_transfer_resolves_nothing() {
    let mut owner = waiting_owner();
    // Whatever it answers, the mirror lives; no more than that is learned.
    owner.hear(&set_ack(session(1), 1, 0));
    let before = owner.module.clone();
    for message in [
        set_ack(session(1), 1, 0),
        set_ack(session(3), 1, 0),
        set_ack(of_another_site(session(2)), 1, 0),
        set_ack(session(2), 0, 0),
        set_ack(session(2), 2, 0),
        set_ack(session(2), 2, 1),
        copy_ack(session(2), 1, 0),
    ] {
        owner.hear(&message);
        assert!(owner.module == before, "{message:?}");
    }
    assert_eq!(owner.answers(), []);
    owner.hear(&set_ack(session(2), 1, 0));
    assert_eq!(owner.answers(), [success(1)]);
    let resolved = owner.module.clone();
    owner.hear(&set_ack(session(2), 1, 1));
    assert!(owner.module == resolved);
}

#[test]
fn a_late_answer_of_the_last_boots_session_resolves_nothing() {
    let mut owner = waiting_owner();
    owner.reboot();
    owner.serve();
    owner.run();
    owner.ask(id(2), write(9, 1, 2));
    owner.run();
    owner.hear(&set_ack(session(2), 1, 0));
    assert_eq!(owner.answers(), []);
    owner.hear(&set_ack(session(3), 1, 0));
    assert_eq!(owner.answers(), [success(2)]);
}

#[test]
fn a_set_sent_again_in_a_new_session_is_answered_by_its_new_number_there() {
    let mut owner = waiting_owner();
    owner.pass_running(Duration::from_millis(3_500));
    owner.hear(&hello_ack(session(2), 0));
    assert!(!owner.has_seen(&Event::SessionConfirmed(session(3))));
    owner.hear(&hello_ack(session(3), 0));
    for old in [(session(2), 1), (session(3), 1), (session(2), 2)] {
        owner.hear(&set_ack(old.0, old.1, 0));
    }
    assert_eq!(owner.answers(), []);
    owner.hear(&set_ack(session(3), 2, 0));
    assert_eq!(owner.answers(), [success(1)]);
}

#[test]
fn an_owner_goes_on_asking_whoever_refuses_it_in_a_higher_session_if_it_was_stale() {
    let mut owner = Station::new(Role::Owner);
    owner.run();
    owner.hear(&PeerMessage::HelloRefused {
        volume: VOLUME,
        session: session(2),
        attempt: 0,
        reason: HelloRefusal::Stale,
    });
    owner.hear(&PeerMessage::NotOwner {
        volume: VOLUME,
        session: session(2),
        attempt: 0,
    });
    assert_eq!(owner.module.phase(), Phase::Announcing);
    owner.take_sent();
    owner.pass_running(Duration::from_millis(50));
    assert_eq!(owner.hello_session(), session(3));
    owner.hear(&hello_ack(session(3), SECOND.attempt));
    assert_eq!(owner.module.phase(), Phase::Serving);
}

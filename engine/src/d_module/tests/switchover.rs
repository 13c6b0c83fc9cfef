//! Switchovers: a mirror's way to a reign, an owner's way out of one.

use super::alone::{mediated, success};
use super::follower::resync;
use super::mirror::{accept, copy, hello, messages, set_ack};
use crate::configuration::{Configuration, Mediator};
use crate::event::{Event, OrderRefusal, Phase};
use crate::local::Order;
use crate::storage_set::record::Mode;
use crate::storage_set::tables::{Consistency, Role};
use crate::testing::{
    FIRST, MEDIATOR, Sending, Station, THIRD, Third, VOLUME, configuration, fill, id, portions,
    range, session, write,
};
use crate::time::Duration;
use crate::vocabulary::{
    Command, Content, CopyNumber, RefusedReason, Session, SessionIncarnation, SiteEpoch, SiteId,
    Status, UnknownReason,
};
use crate::wire::mediator::{Ask, MediatorRecord, MediatorReply, MediatorRequest};
use crate::wire::{HelloRefusal, PeerMessage, Transfer, TransferId};

const OWNER: SiteId = SiteId::new(1);
const MIRROR: SiteId = SiteId::new(3);

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn epoch(number: u64) -> SiteEpoch {
    SiteEpoch::new(number)
}

/// A session of a later reign.
fn later(site_epoch: u64, incarnation: u64) -> Session {
    Session {
        site_epoch: epoch(site_epoch),
        incarnation: SessionIncarnation::new(incarnation),
    }
}

fn with_mediator(configuration: Configuration) -> Configuration {
    Configuration {
        mediator: Some(Mediator {
            network: THIRD,
            address: MEDIATOR,
        }),
        ..configuration
    }
}

/// A mirror that gives its owner up after a second, and follows session 2.
fn mirror() -> Station {
    let mut configuration = with_mediator(configuration(Role::Mirror));
    configuration.timers.switchover_after = Some(millis(1_000));
    let mut mirror = Station::with(configuration, Role::Mirror);
    mirror.run();
    accept(&mut mirror, session(2));
    mirror
}

fn record(version: u64, owner: SiteId, in_sync: bool) -> MediatorRecord {
    MediatorRecord {
        version: epoch(version),
        owner,
        in_sync,
    }
}

fn answer(request: &MediatorRequest, record: MediatorRecord) -> MediatorReply {
    MediatorReply {
        volume: VOLUME,
        nonce: request.nonce,
        attempt: request.attempt,
        record,
        granted: false,
    }
}

/// What was asked last but leases.
fn asked(station: &Station) -> MediatorRequest {
    let asked = station.last_asked(|ask| ask != Ask::Lease);
    asked.expect("it asks the mediator")
}

/// Answers the last question with this record.
fn say(station: &mut Station, record: MediatorRecord) {
    let request = asked(station);
    station.asked.clear();
    station.hear_mediator(&answer(&request, record));
    station.run();
}

fn lease(nonce: u64) -> PeerMessage {
    PeerMessage::Lease {
        volume: VOLUME,
        session: session(2),
        nonce,
    }
}

/// A mirror whose question for the volume is on its way.
fn asking() -> Station {
    let mut mirror = mirror();
    mirror.pass_running(millis(2_600));
    say(&mut mirror, record(1, OWNER, true));
    let (expect, in_sync) = (epoch(1), false);
    assert_eq!(asked(&mirror).ask, Ask::CompareAndSet { expect, in_sync });
    mirror
}

#[test]
fn a_mirror_asks_for_the_volume_once_no_lease_of_its_own_can_run() {
    let mut mirror = mirror();
    mirror.pass_running(millis(600));
    mirror.hear(&lease(7));
    mirror.pass_running(millis(2_009));
    assert_eq!(mirror.asked, [], "the owner has a lease");
    mirror.pass_running(millis(1));
    assert_eq!(asked(&mirror).ask, Ask::Read);
    say(&mut mirror, record(1, OWNER, true));
    let (expect, in_sync) = (epoch(1), false);
    assert_eq!(asked(&mirror).ask, Ask::CompareAndSet { expect, in_sync });
    say(&mut mirror, record(2, MIRROR, false));
    assert_eq!(mirror.module.phase(), Phase::Announcing);
    let tables = mirror.tables();
    assert_eq!((tables.role, tables.mode), (Role::Owner, Mode::OutOfSync));
    assert_eq!(tables.session.site_epoch, epoch(2));
    assert_eq!(tables.fence, later(2, u64::MAX));
    assert!(tables.sequence_high.value() >= 2 << 40);
}

#[test]
fn whoever_begins_to_follow_counts_a_lease_that_it_knows_nothing_of() {
    let mut mirror = mirror();
    // A lease of its own ends sooner than what the one before may have granted, as long as
    // it took itself for the holder.
    mirror.pass_running(millis(50));
    mirror.hear(&lease(7));
    mirror.pass_running(millis(2_050));
    say(&mut mirror, record(1, OWNER, true));
    assert_eq!(mirror.asked, [], "not yet");
    mirror.pass_running(millis(419));
    assert_eq!(mirror.asked, []);
    mirror.pass_running(millis(1));
    assert_eq!(asked(&mirror).ask, Ask::Read);
}

#[test]
fn a_lease_granted_after_the_question_is_waited_out_before_the_reign() {
    let mut mirror = asking();
    let question = asked(&mirror);
    mirror.hear(&lease(8));
    assert!(
        matches!(mirror.take_sent()[..], [ref sent] if matches!(sent.message, PeerMessage::Granted { .. }))
    );
    // The mediator has executed it all the same.
    mirror.hear_mediator(&answer(&question, record(2, MIRROR, false)));
    mirror.run();
    assert_eq!(mirror.module.phase(), Phase::Following);
    mirror.asked.clear();
    mirror.pass_running(millis(2_010));
    say(&mut mirror, record(2, MIRROR, false));
    assert_eq!(mirror.module.phase(), Phase::Announcing, "over");
}

#[test]
fn a_record_that_names_this_site_while_a_lease_runs_begins_no_reign_yet() {
    let mut mirror = mirror();
    // A hint of anybody makes it read the record.
    let hint = PeerMessage::HandOff {
        volume: VOLUME,
        session: session(2),
        epoch: epoch(2),
        attempt: 0,
    };
    mirror.hear(&hint);
    say(&mut mirror, record(2, MIRROR, false));
    assert_eq!(mirror.module.phase(), Phase::Following);
    mirror.hear(&lease(8));
    assert_eq!(mirror.take_sent(), [], "the owner is another one now");
    mirror.pass_running(millis(2_519));
    assert_eq!(mirror.module.phase(), Phase::Following);
    mirror.pass_running(millis(1));
    assert_eq!(mirror.module.phase(), Phase::Announcing);
}

#[test]
fn what_was_handed_off_is_owned_at_once_and_in_sync() {
    let mut mirror = mirror();
    mirror.hear(&lease(7));
    let hint = PeerMessage::HandOff {
        volume: VOLUME,
        session: session(2),
        epoch: epoch(2),
        attempt: 0,
    };
    mirror.hear(&hint);
    say(&mut mirror, record(2, MIRROR, true));
    assert_eq!(mirror.module.phase(), Phase::Announcing);
    assert_eq!(mirror.tables().mode, Mode::InSync);
}

#[test]
fn an_outdated_or_half_overwritten_mirror_asks_for_nothing() {
    let mut mirror = mirror();
    mirror.hear(&resync(session(3)));
    mirror.run();
    mirror.pass_running(millis(20_000));
    assert_eq!(mirror.asked, []);
    mirror.order(Order::ForceSwitchOver);
    let refused = Event::OrderRefused(Order::ForceSwitchOver, OrderRefusal::Inconsistent);
    assert!(mirror.has_seen(&refused));
    let mut mirror = asking();
    say(&mut mirror, record(2, OWNER, false));
    mirror.pass_running(millis(20_000));
    assert!(
        mirror.asked.iter().all(|it| it.ask == Ask::Read),
        "{:?}",
        mirror.asked
    );
}

#[test]
fn nobody_is_promoted_by_itself_unless_that_is_configured() {
    let mut mirror = Station::with(with_mediator(configuration(Role::Mirror)), Role::Mirror);
    mirror.run();
    accept(&mut mirror, session(2));
    for _ in 0..10 {
        mirror.pass_running(millis(3_000));
        say(&mut mirror, record(1, OWNER, true));
    }
    assert_eq!(mirror.asked, []);
    assert_eq!(mirror.module.phase(), Phase::Following);
}

#[test]
fn a_mirror_whose_own_lease_in_the_pair_has_run_out_grants_none() {
    let mut mirror = mirror();
    mirror.holds_mail = true;
    mirror.pass(millis(600));
    mirror.hear(&lease(7));
    assert_eq!(mirror.take_sent(), [], "its partner may have the set");
}

#[test]
fn a_forced_switchover_is_durable_before_the_mediator_hears_of_it() {
    let mut mirror = mirror();
    mirror.order(Order::ForceSwitchOver);
    assert_eq!(mirror.asked, []);
    mirror.run();
    assert_eq!(mirror.tables().consistency, Consistency::Called);
    say(&mut mirror, record(5, OWNER, false));
    let force = Ask::Force {
        expect: epoch(5),
        attested: false,
    };
    assert_eq!(asked(&mirror).ask, force);
    // It follows nobody any more, in this life or the next.
    mirror.hear(&resync(session(9)));
    let refused = Event::SessionRefused(session(9), HelloRefusal::NotMirror);
    assert!(mirror.has_seen(&refused));
    mirror.reboot();
    mirror.run();
    mirror.pass_running(millis(0));
    say(&mut mirror, record(5, OWNER, false));
    assert_eq!(asked(&mirror).ask, force);
    say(&mut mirror, record(6, MIRROR, false));
    mirror.pass_running(millis(3_000));
    let activated = Event::Activated {
        session: later(6, 1),
        forced: true,
    };
    assert!(mirror.has_seen(&activated));
}

#[test]
fn without_a_mediator_a_switchover_is_forced_on_attestation_alone() {
    let mut mirror = Station::new(Role::Mirror);
    mirror.run();
    accept(&mut mirror, session(2));
    mirror.order(Order::ForceSwitchOver);
    let refused = Event::OrderRefused(Order::ForceSwitchOver, OrderRefusal::Unattested);
    assert!(mirror.has_seen(&refused));
    mirror.order(Order::ForceSwitchOverAttested);
    mirror.run();
    assert_eq!(mirror.module.phase(), Phase::Serving);
    mirror.ask(id(1), write(0, 1, 1));
    mirror.run();
    assert_eq!(mirror.answers(), [success(1)]);
    // Another life of it has nobody's word.
    mirror.reboot();
    mirror.run();
    assert_eq!(mirror.module.phase(), Phase::Announcing);
    mirror.order(Order::ForceSwitchOverAttested);
    mirror.run();
    assert_eq!(mirror.module.phase(), Phase::Serving);
}

/// An owner that is ordered to give its reign away while a write is under way.
fn ordered() -> (Station, Third) {
    let mut third = Third::new();
    let mut owner = mediated(&mut third);
    owner.ask(id(1), write(0, 1, 1));
    owner.run();
    owner.order(Order::SwitchOver);
    third.answer_all(&mut owner);
    owner.run();
    (owner, third)
}

/// The same, its word durable.
fn handing() -> (Station, Third) {
    let (mut owner, third) = ordered();
    owner.hear(&set_ack(session(2), 1, 0));
    owner.run();
    assert_eq!(owner.answers(), [success(1)]);
    owner.pass_running(millis(100));
    assert_eq!(owner.module.phase(), Phase::HandingOff);
    (owner, third)
}

#[test]
fn an_owner_ends_what_it_has_accepted_before_it_gives_its_reign_away() {
    let (mut owner, _) = ordered();
    assert_eq!(owner.module.phase(), Phase::Draining);
    owner.ask(id(2), write(9, 1, 2));
    let moved = Status::Refused(RefusedReason::Moved);
    assert_eq!(owner.answers(), [(id(2), moved)]);
    owner.pass_running(millis(500));
    assert_eq!(owner.module.phase(), Phase::Draining, "a write is open");
    let (owner, _) = handing();
    let tables = owner.tables();
    assert_eq!((tables.role, tables.left_at), (Role::HandOff, epoch(1)));
    let (expect, to) = (epoch(1), owner.configuration.peer_site);
    assert_eq!(asked(&owner).ask, Ask::HandOff { expect, to });
}

#[test]
fn what_does_not_end_in_time_is_not_given_away() {
    let (mut owner, mut third) = ordered();
    for _ in 0..25 {
        owner.pass_running(millis(100));
        third.answer_all(&mut owner);
    }
    assert_eq!(owner.module.phase(), Phase::Serving);
}

#[test]
fn an_owner_out_of_sync_gives_nothing_away() {
    let mut owner = Station::new(Role::Owner);
    owner.run();
    owner.order(Order::SwitchOver);
    let refused = |reason| Event::OrderRefused(Order::SwitchOver, reason);
    assert!(owner.has_seen(&refused(OrderRefusal::NotHolder)));
    owner.serve();
    owner.ask(id(1), write(0, 1, 1));
    owner.run();
    owner.pass_running(millis(4_000));
    owner.order(Order::SwitchOver);
    assert!(
        owner.has_seen(&refused(OrderRefusal::OutOfSync)),
        "the path is silent"
    );
}

#[test]
fn who_has_given_its_reign_away_answers_nobody_and_takes_it_back_at_the_same_version() {
    let (mut owner, _) = handing();
    owner.ask(id(3), Command::Flush);
    assert_eq!(owner.answers(), []);
    owner.pass_running(millis(2_100));
    let (expect, in_sync) = (epoch(1), true);
    assert_eq!(asked(&owner).ask, Ask::CompareAndSet { expect, in_sync });
    let mut other = owner.clone();
    // Of the two the mediator executes one.
    say(&mut owner, record(2, OWNER, true));
    assert_eq!(owner.tables().session.site_epoch, epoch(2));
    assert_eq!(owner.tables().role, Role::Owner);
    assert_eq!(owner.hello_session().site_epoch, epoch(2));
    say(&mut other, record(2, MIRROR, true));
    assert_eq!(other.module.phase(), Phase::Following);
    assert_eq!(other.tables().consistency, Consistency::Consistent);
    let told = other.take_sent().into_iter().any(
        |sent| matches!(sent.message, PeerMessage::HandOff { epoch: it, .. } if it == epoch(2)),
    );
    assert!(told, "the other site is told");
    accept(&mut other, later(2, 2));
}

#[test]
fn who_boots_with_its_reign_given_away_takes_it_back_or_follows() {
    let (mut owner, _) = handing();
    owner.reboot();
    owner.run();
    assert_eq!(owner.module.phase(), Phase::HandingOff);
    let (expect, in_sync) = (epoch(1), true);
    assert_eq!(asked(&owner).ask, Ask::CompareAndSet { expect, in_sync });
    // An older answer decides nothing.
    say(&mut owner, record(1, OWNER, true));
    assert_eq!(owner.module.phase(), Phase::HandingOff);
}

/// An owner without a mediator that offers its reign.
fn offering() -> Station {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.order(Order::SwitchOver);
    owner.run();
    owner.pass_running(millis(100));
    assert_eq!(owner.module.phase(), Phase::HandingOff);
    owner
}

fn offer(session: Session, number: u64) -> PeerMessage {
    PeerMessage::HandOff {
        volume: VOLUME,
        session,
        epoch: epoch(number),
        attempt: 0,
    }
}

fn refusal(session: Session, number: u64) -> PeerMessage {
    PeerMessage::HandOffRefused {
        volume: VOLUME,
        session,
        epoch: epoch(number),
        attempt: 0,
    }
}

#[test]
fn without_a_mediator_the_mirror_decides_and_nobody_else() {
    let owner = offering();
    let offered = owner
        .sent
        .iter()
        .any(|sent| sent.message == offer(session(2), 2));
    assert!(offered);
    let mut waiting = owner.clone();
    waiting.pass_running(millis(60_000));
    assert_eq!(waiting.module.phase(), Phase::HandingOff, "however long");
    waiting.hear(&refusal(session(1), 2));
    waiting.run();
    assert_eq!(
        waiting.module.phase(),
        Phase::HandingOff,
        "of another offer"
    );
    waiting.hear(&refusal(session(2), 2));
    waiting.run();
    // What was offered is nobody's: a late copy of it finds a later session.
    assert_eq!(waiting.tables().session.site_epoch, epoch(3));
    let mut given = owner;
    given.take_sent();
    given.hear(&hello(later(2, 2)));
    given.run();
    assert_eq!(given.module.phase(), Phase::Following);
    accept(&mut given, later(2, 2));
}

#[test]
fn a_mirror_takes_an_offer_of_the_session_that_it_follows_and_refuses_what_cannot_come() {
    let follow = || {
        let mut mirror = Station::new(Role::Mirror);
        mirror.run();
        accept(&mut mirror, session(2));
        mirror
    };
    let mut mirror = follow();
    mirror.hear(&offer(session(2), 2));
    mirror.run();
    assert_eq!(mirror.module.phase(), Phase::Announcing);
    assert_eq!(mirror.tables().mode, Mode::InSync);
    let mut mirror = follow();
    mirror.hear(&offer(session(1), 2));
    assert_eq!(messages(&mirror.take_sent()), [refusal(session(1), 2)]);
    mirror.hear(&offer(session(2), 3));
    assert_eq!(messages(&mirror.take_sent()), [refusal(session(2), 3)]);
    // Not accepted yet: it may come.
    mirror.hear(&offer(session(4), 2));
    assert_eq!(mirror.take_sent(), []);
    assert_eq!(mirror.module.phase(), Phase::Following);
}

/// Whatever makes an owner stand down: what its client hears, and what is left.
fn stood_down(mut owner: Station) -> Station {
    owner.run();
    let unknown = Status::Unknown(UnknownReason::Halted);
    assert_eq!(owner.answers(), [(id(1), unknown)]);
    assert_eq!(owner.module.phase(), Phase::Following);
    let tables = owner.tables();
    assert_eq!((tables.role, tables.left_at), (Role::Mirror, epoch(1)));
    assert_eq!(tables.consistency, Consistency::Outdated);
    assert_eq!(tables.marks.len(), 1, "what was in flight stays marked");
    owner
}

/// An owner with a write that its mirror has not answered.
fn writing() -> Station {
    let mut third = Third::new();
    let mut owner = mediated(&mut third);
    owner.ask(id(1), write(3, 2, 1));
    owner.run();
    owner
}

#[test]
fn an_owner_stands_down_for_a_later_reign_and_for_no_other_word() {
    let mut owner = writing();
    owner.pass_running(millis(600));
    let request = owner.last_asked(|ask| ask == Ask::Lease).expect("it asks");
    owner.hear_mediator(&answer(&request, record(1, MIRROR, true)));
    owner.run();
    assert_eq!(
        owner.module.phase(),
        Phase::Serving,
        "of the time before its reign"
    );
    owner.hear(&resync(session(9)));
    owner.run();
    assert_eq!(owner.module.phase(), Phase::Serving, "of no later reign");
    let mut other = owner.clone();
    owner.hear_mediator(&answer(&request, record(2, MIRROR, false)));
    stood_down(owner);
    other.hear(&resync(later(2, 1)));
    let mut other = stood_down(other);
    // Only a resync of the later reign brings it back.
    other.hear(&hello(later(2, 2)));
    let refused = Event::SessionRefused(later(2, 2), HelloRefusal::NotClean);
    assert!(other.has_seen(&refused));
    other.take_sent();
    other.hear(&resync(later(2, 2)));
    other.run();
    let sent = messages(&other.take_sent());
    let expected = PeerMessage::HelloAck {
        volume: VOLUME,
        session: later(2, 2),
        attempt: 0,
        dirty: vec![range(0, 8)],
        rolled_back: Vec::new(),
    };
    assert_eq!(sent, [expected], "its marks are what may differ");
}

#[test]
fn a_copy_over_what_an_own_reign_has_left_says_whether_it_differed() {
    for (differs, expected) in [(true, vec![range(0, 8)]), (false, vec![])] {
        let mut owner = writing();
        owner.hear(&resync(later(2, 1)));
        owner.run();
        owner.hear(&resync(later(2, 1)));
        owner.run();
        owner.take_sent();
        let region = range(0, 8);
        let mut transfer = copy(region, Vec::new());
        if !differs && let Transfer::Copy(copy) = &mut transfer {
            let mut held = vec![0; region.byte_count()];
            let written = fill(1, 2);
            held[3 * 4096..5 * 4096].copy_from_slice(&written);
            copy.content = Content::Data(held.into());
        }
        let sending = Sending {
            session: later(2, 1),
            ..FIRST
        };
        let number = TransferId::Copy(CopyNumber::new(1));
        for portion in portions(&sending, number, &transfer) {
            owner.hear(&PeerMessage::Portion(portion));
        }
        owner.run();
        let geometry = owner.configuration.set.geometry;
        assert_eq!(owner.tables().rolled_back_runs(&geometry), expected);
        assert!(owner.tables().marks.is_empty() && owner.tables().dirty.is_empty());
    }
}

#[test]
fn messages_of_an_earlier_reign_mean_nothing_to_who_owned_since() {
    let mut mirror = asking();
    say(&mut mirror, record(2, MIRROR, false));
    assert_eq!(mirror.module.phase(), Phase::Announcing);
    mirror.hear(&resync(later(3, 1)));
    mirror.run();
    assert_eq!(mirror.module.phase(), Phase::Following);
    for old in [session(9), later(2, 9)] {
        mirror.hear(&resync(old));
        assert!(mirror.has_seen(&Event::SessionRefused(old, HelloRefusal::Stale)));
    }
}

//! Growth: who has the new size when, and what of the tail is known to be equal.

use super::alone::{forsaken_with, mediated_with, success, until_resync, until_turning};
use super::mirror::{accept, hello, hello_ack, messages};
use super::resync::dirty_ack;
use super::writes::entry;
use crate::configuration::Configuration;
use crate::event::{Event, OrderRefusal, Phase};
use crate::local::Order;
use crate::storage_set::record::{Entry, Mode};
use crate::storage_set::tables::Role;
use crate::testing::{
    GEOMETRY, Pair, Station, Third, VOLUME, configuration, id, range, session, sync_configuration,
    write,
};
use crate::vocabulary::{Command, CommandId, RefusedReason, Session, Status, UnknownReason};
use crate::wire::{Hello, HelloRefusal, PeerMessage};

/// Of 64 that the set has room for.
const SMALL: u64 = 44;

fn small(mut configuration: Configuration) -> Configuration {
    configuration.set.volume_blocks = SMALL;
    configuration
}

/// An owner of such a volume, in sync.
fn owner() -> Station {
    let mut owner = Station::with(small(configuration(Role::Owner)), Role::Owner);
    owner.serve();
    owner
}

fn out_of_range(counter: u64) -> (CommandId, Status) {
    (id(counter), Status::Refused(RefusedReason::OutOfRange))
}

/// The sizes of which the sessions that were announced speak.
fn told(owner: &mut Station) -> Vec<(Session, u64)> {
    let sent = owner.take_sent().into_iter();
    let hello = |message| match message {
        PeerMessage::Hello(hello) => Some((hello.session, hello.blocks)),
        _ => None,
    };
    sent.filter_map(|sent| hello(sent.message)).collect()
}

fn hello_of(session: Session, blocks: u64) -> PeerMessage {
    match hello(session) {
        PeerMessage::Hello(hello) => PeerMessage::Hello(Hello { blocks, ..hello }),
        other => other,
    }
}

/// The record that is next to become durable, if it is a growth.
fn growth(owner: &Station) -> Option<u64> {
    match entry(owner, 0) {
        Entry::Grow { blocks } => Some(blocks),
        _ => None,
    }
}

fn dirty(station: &Station) -> Vec<u64> {
    station.tables().dirty.iter().copied().collect()
}

#[test]
fn in_sync_the_mirror_has_the_size_before_a_client_may_use_it() {
    let mut owner = owner();
    owner.take_sent();
    owner.order(Order::Grow);
    owner.run();
    assert_eq!(told(&mut owner), [(session(3), GEOMETRY.blocks)]);
    assert_eq!(owner.tables().blocks, SMALL, "the mirror has not answered");
    owner.ask(id(1), Command::Read(range(SMALL - 1, 2)));
    assert_eq!(owner.answers(), [out_of_range(1)]);
    owner.hear(&hello_ack(session(3), 0));
    assert_eq!(growth(&owner), Some(GEOMETRY.blocks));
    owner.ask(id(2), Command::Read(range(SMALL - 1, 2)));
    assert_eq!(
        owner.answers(),
        [out_of_range(2)],
        "the record is not durable"
    );
    assert!(!owner.has_seen(&Event::Grown(GEOMETRY.blocks)));
    owner.complete(0);
    assert!(owner.has_seen(&Event::Grown(GEOMETRY.blocks)));
    assert_eq!(
        dirty(&owner),
        [],
        "both copies of the tail are as they were formatted"
    );
    owner.ask(id(3), Command::Read(range(SMALL - 1, 2)));
    owner.run();
    assert!(matches!(
        owner.answers()[..],
        [(_, Status::Success(Some(_)))]
    ));
}

#[test]
fn a_command_behind_the_end_is_never_performed_even_if_it_comes_again() {
    let mut owner = owner();
    let refused = |reason| [(id(1), Status::Refused(reason))];
    owner.ask(id(1), write(SMALL - 1, 2, 1));
    assert_eq!(owner.answers(), [], "that it failed is not durable yet");
    owner.ask_with(id(1), write(SMALL - 1, 2, 1), |frame| frame.attempt = 1);
    owner.run();
    assert_eq!(owner.answers(), refused(RefusedReason::OutOfRange));
    owner.order(Order::Grow);
    owner.run();
    owner.hear(&hello_ack(session(3), 0));
    owner.run();
    owner.ask(id(1), write(SMALL - 1, 2, 1));
    owner.run();
    assert_eq!(owner.answers(), refused(RefusedReason::NotPerformed));
    assert_eq!(owner.census().in_flight, 0);
}

#[test]
fn a_mirror_takes_the_size_of_every_session_with_its_fence() {
    let mut mirror = Station::with(small(configuration(Role::Mirror)), Role::Mirror);
    mirror.run();
    assert_eq!(mirror.tables().blocks, SMALL);
    mirror.hear(&hello_of(session(2), 64));
    assert_eq!(
        mirror.tables().blocks,
        SMALL,
        "not durable, and not answered"
    );
    assert_eq!(messages(&mirror.take_sent()), []);
    mirror.run();
    assert_eq!(mirror.tables().blocks, 64);
    // An owner that never wrote it down.
    mirror.hear(&hello_of(session(3), SMALL));
    mirror.run();
    assert_eq!(mirror.tables().blocks, SMALL);
}

#[test]
fn a_mirror_refuses_a_volume_for_which_it_has_no_room() {
    let mut mirror = Station::new(Role::Mirror);
    mirror.run();
    accept(&mut mirror, session(2));
    mirror.take_sent();
    mirror.hear(&hello_of(session(3), GEOMETRY.blocks + 1));
    let refused = PeerMessage::HelloRefused {
        volume: VOLUME,
        session: session(3),
        attempt: 0,
        reason: HelloRefusal::Foreign,
    };
    assert_eq!(messages(&mirror.take_sent()), [refused]);
}

#[test]
fn a_growth_that_was_not_written_down_never_was() {
    let mut owner = owner();
    owner.order(Order::Grow);
    owner.run();
    owner.take_sent();
    owner.reboot();
    owner.run();
    assert_eq!(told(&mut owner), [(session(4), SMALL)]);
    owner.hear(&hello_ack(session(4), 0));
    owner.run();
    assert_eq!(owner.tables().blocks, SMALL);

    owner.order(Order::Grow);
    owner.run();
    owner.hear(&hello_ack(session(5), 0));
    owner.run();
    owner.take_sent();
    owner.reboot();
    owner.run();
    assert_eq!(told(&mut owner), [(session(6), GEOMETRY.blocks)], "durable");
}

#[test]
fn a_session_lost_on_the_way_takes_the_size_along() {
    let mut owner = owner();
    owner.order(Order::Grow);
    owner.run();
    owner.take_sent();
    owner.hear(&hello_ack(session(2), 0));
    owner.run();
    assert_eq!(
        owner.tables().blocks,
        SMALL,
        "an answer of the session before"
    );
    owner.hear(&PeerMessage::HelloRefused {
        volume: VOLUME,
        session: session(3),
        attempt: 0,
        reason: HelloRefusal::Stale,
    });
    owner.pass_running(crate::time::Duration::from_millis(200));
    assert_eq!(
        told(&mut owner).last(),
        Some(&(session(4), GEOMETRY.blocks))
    );
    owner.hear(&hello_ack(session(4), 0));
    owner.run();
    assert_eq!(owner.tables().blocks, GEOMETRY.blocks);
}

#[test]
fn alone_the_record_that_raises_the_size_makes_the_tail_dirty() {
    let mut owner = forsaken_with(small(sync_configuration(false)));
    owner.run();
    assert_eq!(owner.tables().mode, Mode::Resync);
    assert_eq!(told(&mut owner).last(), Some(&(session(5), SMALL)));
    owner.answers();
    owner.order(Order::Grow);
    assert_eq!(growth(&owner), Some(GEOMETRY.blocks));
    owner.complete(0);
    assert_eq!(dirty(&owner), [0, 5, 6, 7], "a region that was begun, too");
    assert!(owner.has_seen(&Event::Grown(GEOMETRY.blocks)));
    owner.hear(&dirty_ack(session(5), &[]));
    owner.run();
    let told = told(&mut owner);
    assert_eq!(
        told.last(),
        Some(&(session(7), GEOMETRY.blocks)),
        "{told:?}"
    );
    owner.ask(id(2), write(60, 2, 2));
    owner.run();
    assert_eq!(owner.answers(), [success(2)]);
}

#[test]
fn a_growth_that_nobody_may_acknowledge_waits_for_the_record() {
    let mut third = Third::new();
    let mut owner = mediated_with(small(sync_configuration(true)), &mut third);
    owner.ask(id(1), write(3, 2, 1));
    owner.run();
    until_turning(&mut owner);
    owner.run();
    until_turning(&mut owner);
    owner.run();
    assert_eq!(owner.tables().mode, Mode::OosPending);
    owner.order(Order::Grow);
    owner.run();
    assert_eq!(owner.tables().blocks, SMALL);
    until_resync(&mut owner, &mut third);
    owner.run();
    assert_eq!(owner.tables().blocks, GEOMETRY.blocks);
    assert_eq!(dirty(&owner), [0, 5, 6, 7]);
}

#[test]
fn without_authority_nobody_is_told_where_the_volume_ends() {
    let mut owner = mediated_with(small(sync_configuration(true)), &mut Third::new());
    owner.pass_running(crate::time::Duration::from_millis(2_001));
    owner.ask(id(1), Command::Read(range(SMALL, 1)));
    owner.ask(id(2), write(SMALL, 1, 2));
    let unknown = |counter| (id(counter), Status::Unknown(UnknownReason::NotServing));
    assert_eq!(owner.answers(), [unknown(1), unknown(2)]);
    owner.run();
    assert!(
        owner.tables().results.is_empty(),
        "another owner may have grown it"
    );
}

#[test]
fn both_copies_are_as_large_once_a_resync_is_over() {
    let mut pair = Pair::with(small(sync_configuration(false)));
    pair.east.order(Order::Grow);
    pair.settle();
    let sizes = |pair: &Pair| [pair.east.tables().blocks, pair.west.tables().blocks];
    assert_eq!(sizes(&pair), [GEOMETRY.blocks; 2]);
    pair.east.ask(id(1), write(62, 2, 1));
    pair.settle();
    assert_eq!(pair.east.answers(), [success(1)]);
}

#[test]
fn there_is_one_growth_at_a_time_and_none_in_a_switchover() {
    let mut owner = owner();
    owner.order(Order::Grow);
    owner.order(Order::Grow);
    owner.order(Order::SwitchOver);
    let refused = |order, why| Event::OrderRefused(order, why);
    assert!(owner.has_seen(&refused(Order::Grow, OrderRefusal::UnderWay)));
    owner.run();
    owner.hear(&hello_ack(session(3), 0));
    owner.order(Order::SwitchOver);
    assert!(owner.has_seen(&refused(Order::SwitchOver, OrderRefusal::UnderWay)));
    owner.run();
    owner.order(Order::Grow);
    assert!(owner.has_seen(&refused(Order::Grow, OrderRefusal::NoRoom)));
    owner.order(Order::SwitchOver);
    assert_eq!(owner.module.phase(), Phase::Draining);
    owner.order(Order::Grow);
    owner.run();
    assert_eq!(owner.module.phase(), Phase::HandingOff);
}

#[test]
fn a_growth_that_is_only_offered_is_given_up_for_a_hand_over() {
    let mut owner = owner();
    owner.order(Order::Grow);
    owner.run();
    owner.drain();
    let refused = Event::OrderRefused(Order::Grow, OrderRefusal::UnderWay);
    assert!(owner.has_seen(&refused));
    assert_eq!(owner.census().in_flight, 0);
}

#[test]
fn a_mirror_does_not_grow() {
    let mut mirror = Station::with(small(configuration(Role::Mirror)), Role::Mirror);
    mirror.run();
    mirror.order(Order::Grow);
    let refused = Event::OrderRefused(Order::Grow, OrderRefusal::NotHolder);
    assert!(mirror.has_seen(&refused));
    assert_eq!(mirror.tables().blocks, SMALL);
}

//! Paths of one D-module, whose two peers the test speaks for.

use super::*;
use crate::contract::{Address, IoError};
use crate::event::{IgnoreReason, Phase};
use crate::storage_set::tables::Role;
use crate::testing::{GEOMETRY, Station, Twins, VOLUME, configuration, session};
use crate::vocabulary::{Session, VolumeId};
use crate::wire::path::Standing::{Holds, StandsBy};
use crate::wire::{Hello, PeerMessage};

const SECOND: usize = 1;
const LIFE: u64 = 77;

/// A standby that has asked both, of the owner's pair.
fn standby() -> Station {
    let mut station = Station::new(Role::Owner);
    station.queue.clear();
    station.events.clear();
    station
}

/// A holder of the owner's set, whose Hello has left for its first peer.
fn announcing() -> Station {
    let mut owner = Station::new(Role::Owner);
    owner.run();
    assert_eq!(owner.module.phase(), Phase::Announcing);
    owner
}

fn node(place: usize) -> NodeId {
    configuration(Role::Owner).peer_nodes[place]
}

fn ready(place: usize, incarnation: u64, standing: Standing) -> Event {
    Event::PathReady {
        peer: node(place),
        incarnation,
        standing,
    }
}

/// The questions that have left, and the place of each.
fn asked(station: &mut Station) -> Vec<(usize, PathEnd)> {
    let peers = station.configuration.peers;
    let place = |to: Address| peers.iter().position(|peer| *peer == Some(to));
    let question = |(to, message)| match message {
        PathMessage::Open(end) => Some((place(to)?, end)),
        PathMessage::Ready(_) => None,
    };
    let sent = std::mem::take(&mut station.paths);
    sent.into_iter().filter_map(question).collect()
}

fn places(asked: &[(usize, PathEnd)]) -> Vec<(usize, u32)> {
    asked.iter().map(|(at, end)| (*at, end.attempt)).collect()
}

/// What was reported of paths.
fn reports(station: &mut Station) -> Vec<Event> {
    let of_path = |event: &Event| {
        matches!(
            event,
            Event::PathReady { .. }
                | Event::PathActive(..)
                | Event::PathInactive(_)
                | Event::PathLost(_)
                | Event::PathsBegun(..)
        )
    };
    let events = std::mem::take(&mut station.events);
    events.into_iter().filter(of_path).collect()
}

fn open_of(place: usize, incarnation: u64, standing: Standing) -> PathMessage {
    PathMessage::Open(PathEnd {
        volume: VOLUME,
        node: node(place),
        incarnation,
        nonce: 5,
        attempt: 2,
        standing,
    })
}

fn hello_ack(session: Session) -> PeerMessage {
    PeerMessage::HelloAck {
        volume: VOLUME,
        session,
        attempt: 0,
        dirty: Vec::new(),
        rolled_back: Vec::new(),
    }
}

fn hello(session: Session) -> PeerMessage {
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

#[test]
fn whoever_knows_its_configuration_asks_both_and_once_in_a_while_again() {
    let mut standby = standby();
    let sent = standby.paths.clone();
    let first = asked(&mut standby);
    assert_eq!(places(&first), [(0, 0), (1, 0)]);
    assert!(first.iter().all(|(_, end)| end.standing == StandsBy));
    assert_ne!(first[0].1.nonce, first[1].1.nonce);
    standby.paths = sent;
    for place in 0..2 {
        standby.answer_path(place, LIFE, StandsBy);
    }
    assert_eq!(
        reports(&mut standby),
        [ready(0, LIFE, StandsBy), ready(1, LIFE, StandsBy)]
    );
    standby.paths.clear();
    let refresh = standby.configuration.timers.path_refresh;
    standby.pass(Duration::from_nanos(refresh.as_nanos() - 1));
    assert_eq!(asked(&mut standby), []);
    standby.pass(Duration::from_nanos(1));
    assert_eq!(places(&asked(&mut standby)), [(0, 0), (1, 0)]);
}

#[test]
fn an_unanswered_question_is_repeated_and_the_path_is_lost_in_the_end() {
    let mut standby = standby();
    standby.answer_path(1, LIFE, Holds);
    asked(&mut standby);
    let mut attempts = Vec::new();
    for _ in 0..40 {
        standby.pass(Duration::from_millis(50));
        let first = |(place, end): (usize, PathEnd)| (place == 0).then_some(end.attempt);
        attempts.extend(asked(&mut standby).into_iter().filter_map(first));
    }
    assert_eq!(attempts, [1, 2, 3, 4, 5], "spaced wider and wider");
    let lost = Event::PathLost(node(1));
    assert!(!standby.has_seen(&lost));
    standby.pass(Duration::from_secs(4));
    let is_lost = |event: &&Event| **event == lost;
    assert_eq!(standby.events.iter().filter(is_lost).count(), 1);
    assert!(
        !standby.has_seen(&Event::PathLost(node(0))),
        "it never was ready"
    );
    assert_eq!(standby.module.paths.holder(), None);
}

#[test]
fn an_answer_to_another_question_or_too_late_counts_for_nothing() {
    let mut standby = standby();
    let questions = asked(&mut standby);
    let right = PathEnd {
        node: node(0),
        incarnation: LIFE,
        standing: Holds,
        ..questions[0].1
    };
    let others = [
        PathEnd {
            nonce: right.nonce.wrapping_sub(1),
            ..right
        },
        PathEnd {
            nonce: questions[1].1.nonce,
            ..right
        },
        PathEnd {
            node: NodeId::new(9),
            ..right
        },
        PathEnd {
            volume: VolumeId::new(9),
            ..right
        },
    ];
    let before = standby.module.clone();
    for end in others {
        standby.hear_path(0, &PathMessage::Ready(end));
        assert!(standby.module == before, "{end:?}");
        assert_eq!(
            standby.events.pop(),
            Some(Event::Ignored(IgnoreReason::NoPath))
        );
    }
    // It stood still: the answer has waited for it.
    standby.now = standby.now.after(standby.configuration.timers.path_timeout);
    standby.hear_path(0, &PathMessage::Ready(right));
    assert_eq!(reports(&mut standby), []);
    standby.pass(Duration::from_secs(5));
    standby.answer_path(0, LIFE, Holds);
    assert_eq!(reports(&mut standby), [ready(0, LIFE, Holds)]);
    let copy = standby.module.clone();
    standby.hear_path(0, &PathMessage::Ready(right));
    assert!(standby.module == copy, "and never twice");
}

#[test]
fn whoever_asks_is_answered_and_asked_back_if_that_is_news() {
    let mut standby = standby();
    standby.answer_path(0, LIFE, StandsBy);
    standby.paths.clear();
    standby.pass(Duration::from_millis(200));
    standby.paths.clear();
    standby.hear_path(0, &open_of(0, LIFE, StandsBy));
    let own = standby.incarnation();
    let answer = PathMessage::Ready(PathEnd {
        volume: VOLUME,
        node: standby.configuration.node,
        incarnation: own,
        nonce: 5,
        attempt: 2,
        standing: StandsBy,
    });
    assert_eq!(standby.paths, [(Address::new(203), answer)]);
    standby.paths.clear();
    for _ in 0..3 {
        standby.hear_path(0, &open_of(0, LIFE, Holds));
    }
    assert_eq!(
        places(&asked(&mut standby)),
        [(0, 0)],
        "once, however often it says so"
    );
    standby.now = standby
        .now
        .after(standby.configuration.timers.retransmit_min);
    standby.hear_path(0, &open_of(0, LIFE, Holds));
    assert_eq!(places(&asked(&mut standby)), [(0, 1)]);
}

#[test]
fn an_answer_that_was_overtaken_is_asked_for_once_more() {
    let mut standby = standby();
    standby.hear_path(1, &open_of(1, LIFE, Holds));
    standby.answer_path(1, LIFE, StandsBy);
    standby.paths.retain(|(to, _)| *to == Address::new(204));
    let questions = asked(&mut standby);
    assert_eq!(places(&questions[1..]), [(1, 0)], "a new question");
    standby
        .paths
        .push((Address::new(204), PathMessage::Open(questions[1].1)));
    standby.answer_path(1, LIFE, Holds);
    standby.paths.clear();
    let reports = reports(&mut standby);
    assert_eq!(reports, [ready(1, LIFE, StandsBy), ready(1, LIFE, Holds)]);
    assert_eq!(standby.module.paths.holder(), Some(1));
}

#[test]
fn a_new_life_of_its_end_is_another_path() {
    let mut standby = standby();
    standby.answer_path(0, LIFE, Holds);
    standby.pass(standby.configuration.timers.path_refresh);
    standby.events.clear();
    standby.answer_path(0, LIFE, Holds);
    assert_eq!(reports(&mut standby), [], "no news");
    standby.pass(standby.configuration.timers.path_refresh);
    standby.events.clear();
    standby.answer_path(0, LIFE + 1, Holds);
    let lost = Event::PathLost(node(0));
    assert_eq!(reports(&mut standby), [lost, ready(0, LIFE + 1, Holds)]);
}

#[test]
fn what_becomes_of_this_end_is_told_at_once() {
    let mut owner = Station::new(Role::Owner);
    asked(&mut owner);
    owner.run();
    let told = asked(&mut owner);
    assert_eq!(places(&told), [(0, 0), (1, 0)]);
    assert!(told.iter().all(|(_, end)| end.standing == Holds));
    owner.serve_announced();
    let former = owner.incarnation();
    owner.fail_renewal();
    let told = asked(&mut owner).split_off(2);
    assert_eq!(places(&told), [(0, 0), (1, 0)], "after what was repeated");
    assert!(told.iter().all(|(_, end)| end.standing == StandsBy));
    assert!(told.iter().all(|(_, end)| end.incarnation != former));
    let begun = Event::PathsBegun(owner.configuration.node, owner.incarnation());
    assert!(owner.has_seen(&begun));
}

#[test]
fn a_takeovers_hello_goes_to_whom_a_ready_path_names() {
    let hello_to = |standings: Option<[Standing; 2]>| {
        let mut twins = Twins::new(configuration(Role::Owner), Role::Owner);
        for (place, standing) in standings.into_iter().flatten().enumerate() {
            twins.on(SECOND).answer_path(place, LIFE, standing);
        }
        twins.pass(Duration::from_millis(1500), &[SECOND]);
        let second = twins.on(SECOND);
        let is_out_of_turn = second
            .probes
            .contains(&"hello to a known holder out of turn");
        (second.sent[0].to.value(), is_out_of_turn)
    };
    assert_eq!(hello_to(Some([StandsBy, Holds])), (204, true));
    assert_eq!(hello_to(Some([Holds, StandsBy])), (203, false));
    assert_eq!(
        hello_to(Some([Holds, Holds])),
        (204, true),
        "the later news"
    );
    assert_eq!(
        hello_to(Some([StandsBy, StandsBy])),
        (203, false),
        "in turn"
    );
    assert_eq!(hello_to(None), (203, false), "in turn");
}

#[test]
fn a_hello_without_an_answer_turns_to_whoever_is_said_to_hold_the_set() {
    let mut owner = announcing();
    owner.take_sent();
    owner.answer_path(1, LIFE, Holds);
    owner.pass(Duration::ZERO);
    let sent = owner.take_sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].to.value(), sent[0].label.attempt), (204, 1));
}

#[test]
fn a_path_is_active_while_the_session_is_open_and_its_end_holds_the_set() {
    let mut owner = announcing();
    owner.answer_path(0, LIFE, Holds);
    owner.answer_path(1, LIFE, StandsBy);
    reports(&mut owner);
    let session = owner.hello_session();
    owner.hear(&hello_ack(session));
    assert_eq!(reports(&mut owner), [Event::PathActive(node(0), session)]);
    // The session goes on with the other, which has taken the set over.
    owner.hear_path(1, &open_of(1, LIFE, Holds));
    owner.answer_path(1, LIFE, Holds);
    let inactive = Event::PathInactive(node(0));
    assert_eq!(
        reports(&mut owner),
        [ready(1, LIFE, Holds), inactive.clone()]
    );
    let granted = PeerMessage::Granted {
        volume: VOLUME,
        session,
        nonce: 0,
    };
    owner.hear_from(SECOND, &granted);
    assert_eq!(reports(&mut owner), [Event::PathActive(node(1), session)]);
    assert!(owner.probes.contains(&"active path gives way to the other"));
    // The set is lost.
    owner.fail_renewal();
    let begun = Event::PathsBegun(owner.configuration.node, owner.incarnation());
    assert_eq!(reports(&mut owner), [begun, Event::PathInactive(node(1))]);
}

#[test]
fn an_end_that_was_thought_to_stand_by_is_asked_when_it_answers_in_a_session() {
    let mut owner = announcing();
    owner.answer_path(0, LIFE, StandsBy);
    let session = owner.hello_session();
    reports(&mut owner);
    asked(&mut owner);
    owner.hear(&hello_ack(session));
    assert_eq!(reports(&mut owner), []);
    assert_eq!(places(&asked(&mut owner).clone()), [(0, 0)]);
    let nonce = owner.module.paths.paths[0]
        .question
        .expect("it is open")
        .nonce;
    owner.hear_path(
        0,
        &PathMessage::Ready(PathEnd {
            volume: VOLUME,
            node: node(0),
            incarnation: LIFE,
            nonce,
            attempt: 0,
            standing: Holds,
        }),
    );
    let active = Event::PathActive(node(0), session);
    assert_eq!(reports(&mut owner), [ready(0, LIFE, Holds), active]);
}

#[test]
fn a_mirror_follows_one_owner_at_a_time() {
    let owners = configuration(Role::Mirror).peer_nodes;
    let mut mirror = Station::new(Role::Mirror);
    mirror.run();
    for place in 0..2 {
        mirror.answer_path(place, LIFE, Holds);
    }
    reports(&mut mirror);
    mirror.hear_from(SECOND, &hello(session(2)));
    assert_eq!(reports(&mut mirror), [], "not before it is accepted");
    mirror.run();
    assert_eq!(
        reports(&mut mirror),
        [Event::PathActive(owners[1], session(2))]
    );
    mirror.pass(mirror.configuration.timers.path_refresh);
    reports(&mut mirror);
    mirror.answer_path(1, LIFE, StandsBy);
    let stands_by = |place: usize| Event::PathReady {
        peer: owners[place],
        incarnation: LIFE,
        standing: StandsBy,
    };
    let inactive = Event::PathInactive(owners[1]);
    assert_eq!(reports(&mut mirror), [stands_by(1), inactive]);
    mirror.hear_from(0, &hello(session(3)));
    mirror.run();
    assert_eq!(
        reports(&mut mirror),
        [Event::PathActive(owners[0], session(3))]
    );
    mirror.hear_from(0, &hello(session(4)));
    mirror.run();
    let (inactive, active) = (
        Event::PathInactive(owners[0]),
        Event::PathActive(owners[0], session(4)),
    );
    assert_eq!(reports(&mut mirror), [inactive, active], "another session");
}

#[test]
fn two_heirs_find_each_other() {
    let mut twins = Twins::new(configuration(Role::Owner), Role::Owner);
    let second = twins.on(SECOND);
    second.answer_path(0, LIFE, Holds);
    second.answer_path(1, LIFE, StandsBy);
    second.hear_path(1, &open_of(1, LIFE, Holds));
    second.now = second.now.after(Duration::from_millis(60));
    second.hear_path(1, &open_of(1, LIFE, Holds));
    second.answer_path(1, LIFE, Holds);
    twins.pass(Duration::from_millis(1500), &[SECOND]);
    let second = twins.on(SECOND);
    let session = second.hello_session();
    second.hear_from(SECOND, &hello_ack(session));
    assert!(second.has_seen(&Event::PathActive(node(1), session)));
    assert!(second.probes.contains(&"path between two heirs"));
}

impl Station {
    /// Its renewal of the HA lease meets another holder of the set.
    fn fail_renewal(&mut self) {
        self.holds_mail = true;
        self.pass(self.configuration.timers.heartbeat);
        for _ in 0..self.mail.len() {
            self.fail_mail(0, IoError::ReservationConflict);
        }
        assert_eq!(self.module.phase(), Phase::Standby);
    }
}

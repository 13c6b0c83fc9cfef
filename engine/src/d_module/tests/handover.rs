//! Handing the set over to the partner: both nodes on the same devices.

use super::mirror::{hello_ack, set_ack};
use crate::configuration::{Configuration, Policy};
use crate::contract::{Input, IoError, IoRequest};
use crate::event::{Event, OrderRefusal, Phase};
use crate::local::{Local, Order};
use crate::storage_set::format::decode_heartbeat;
use crate::storage_set::tables::Role;
use crate::testing::{
    FIRST, JOURNAL, Station, Twins, configuration, fill, id, range, session, write,
};
use crate::time::Duration;
use crate::vocabulary::{Command, RefusedReason, Status, UnknownReason};

const SECOND: usize = 1;
const BOTH: [usize; 2] = [0, SECOND];
const BEAT: Duration = Duration::from_millis(100);
const ORDER: Order = Order::HandOver;

fn twins() -> Twins {
    Twins::new(configuration(Role::Owner), Role::Owner)
}

fn order(station: &mut Station) {
    station.input(Input::Local(Local::Order(ORDER)));
}

/// The first hands over: it drains as soon as it has seen its partner twice.
fn begin(twins: &mut Twins) -> &mut Station {
    twins.pass(BEAT.times(2), &BOTH);
    order(twins.on(0));
    for _ in 0..100 {
        if twins.on(0).has_seen(&Event::Phase(Phase::Draining)) {
            return twins.on(0);
        }
        twins.pass(Duration::from_millis(10), &BOTH);
    }
    panic!("it drains");
}

/// The first has a write in flight that its mirror has not answered, and drains.
fn begin_in_flight(twins: &mut Twins) -> &mut Station {
    let first = twins.on(0);
    first.ask(id(1), write(0, 1, 1));
    first.run();
    begin(twins)
}

fn moved(counter: u64) -> (crate::vocabulary::CommandId, Status) {
    (id(counter), Status::Refused(RefusedReason::Moved))
}

#[test]
fn what_was_accepted_ends_and_what_comes_then_is_refused_without_a_record() {
    let mut twins = twins();
    let first = begin_in_flight(&mut twins);
    first.answers();
    first.ask(id(2), write(8, 1, 2));
    first.ask(id(3), Command::Read(range(16, 1)));
    first.ask(id(4), Command::Flush);
    assert_eq!(first.answers(), [moved(2), moved(3), moved(4)]);
    assert!(first.queue.is_empty(), "nothing is recorded");
    // The same transmission again waits for the one that is in flight.
    first.ask(id(1), write(0, 1, 1));
    assert_eq!(first.answers(), []);
    first.hear(&set_ack(session(2), 1, 0));
    first.run();
    assert_eq!(first.answers(), [(id(1), Status::Success(None))]);
    assert_eq!(
        first.module.phase(),
        Phase::Draining,
        "its mark still stands"
    );
    first.pass_running(first.configuration.timers.idle_clear);
    assert_eq!(first.module.phase(), Phase::Standby);
    assert!(first.module.set().is_none());
}

#[test]
fn what_waited_for_its_turn_is_refused_and_what_had_it_is_not() {
    let mut twins = twins();
    let first = twins.on(0);
    first.ask(id(1), write(0, 1, 1));
    first.run();
    first.ask(id(2), write(0, 1, 2));
    first.ask(id(3), Command::Read(range(0, 1)));
    let first = begin(&mut twins);
    assert_eq!(first.answers(), [moved(2), moved(3)]);
    assert_eq!(first.census().waiting_commands, 0);
    assert_eq!(first.census().open_attempts, 1);
}

#[test]
fn an_outcome_that_is_known_is_told_and_a_question_without_one_is_left_to_the_heir() {
    let mut twins = twins();
    let first = twins.on(0);
    first.ask(id(1), write(0, 1, 1));
    first.run();
    first.hear(&set_ack(session(2), 1, 0));
    first.ask(id(2), write(8, 1, 2));
    first.run();
    let first = begin(&mut twins);
    first.answers();
    first.ask(id(1), Command::Retry);
    assert_eq!(first.answers(), [(id(1), Status::Success(None))]);
    first.ask(id(9), Command::Retry);
    assert_eq!(first.answers(), []);
    assert!(first.queue.is_empty());
}

#[test]
fn the_heir_claims_at_once_and_waits_for_no_lease() {
    let mut twins = twins();
    begin(&mut twins);
    twins.pass(BEAT.times(2), &BOTH);
    let first = twins.on(0);
    assert_eq!(first.module.phase(), Phase::Standby);
    let partner = first.configuration.node;
    let second = twins.on(SECOND);
    assert_eq!(second.module.phase(), Phase::Announcing);
    assert!(second.has_seen(&Event::PartnerDrained(partner)));
    assert!(second.probes.contains(&"planned takeover"));
    assert!(!second.has_seen(&Event::PartnerSilent(partner)));
    let new = second.hello_session();
    second.hear(&hello_ack(new, 0));
    assert_eq!(second.module.phase(), Phase::Serving, "far inside the term");
    second.ask(id(5), Command::Read(range(0, 1)));
    second.run();
    assert_eq!(
        second.answers(),
        [(id(5), Status::Success(Some(fill(0, 1))))]
    );
}

#[test]
fn a_standby_gives_back_what_it_holds() {
    let mut twins = twins();
    begin(&mut twins);
    twins.pass(BEAT.times(2), &BOTH);
    let second = twins.on(SECOND);
    let new = second.hello_session();
    second.hear(&hello_ack(new, 0));
    twins.pass(BEAT.times(2), &BOTH);
    order(twins.on(SECOND));
    twins.pass(BEAT.times(5), &BOTH);
    assert_eq!(twins.on(SECOND).module.phase(), Phase::Standby);
    let first = twins.on(0);
    assert!(first.probes.contains(&"giveback"));
    assert_eq!(first.module.phase(), Phase::Announcing);
}

/// The place of what is on its way to the mailbox, a beat or the word that all is drained.
fn on_its_way(station: &Station, is_word: bool) -> Option<usize> {
    let says = |request: &IoRequest| match request {
        IoRequest::Write { pages, .. } => {
            let said = decode_heartbeat(&pages[0]).expect("a heartbeat");
            (said.drained > 0) == is_word
        }
        _ => false,
    };
    station.mail.iter().position(|it| says(&it.request))
}

/// Nothing that was accepted is left, and a beat is still under way.
fn drain_behind_a_beat(twins: &mut Twins) -> &mut Station {
    let first = begin_in_flight(twins);
    first.run_records();
    first.holds_mail = true;
    first.pass(BEAT);
    first.hear(&set_ack(session(2), 1, 0));
    first.run();
    first.pass(first.configuration.timers.idle_clear);
    first.run();
    assert_eq!(first.census().in_flight, 0);
    first.answers();
    first
}

#[test]
fn the_word_is_durable_before_the_set_is_let_go_of_and_no_beat_hides_it() {
    let mut twins = twins();
    let first = drain_behind_a_beat(&mut twins);
    assert_eq!(on_its_way(first, true), None, "a beat could hide it");
    let beat = on_its_way(first, false).expect("a beat");
    first.deliver(beat);
    let word = on_its_way(first, true).expect("the word");
    first.ask(id(8), Command::Read(range(0, 1)));
    first.ask(id(1), Command::Retry);
    assert!(first.replies.is_empty(), "nothing is answered any more");
    first.pass(BEAT.times(3));
    assert_eq!(first.module.phase(), Phase::Draining);
    assert!(first.module.set().is_some());
    assert_eq!(on_its_way(first, false), None, "it beats no more");
    first.deliver(word);
    assert_eq!(first.module.phase(), Phase::Standby);
    assert!(first.probes.contains(&"set drained for the partner"));
}

#[test]
fn a_word_that_was_not_written_is_said_again() {
    let mut twins = twins();
    let first = drain_behind_a_beat(&mut twins);
    let beat = on_its_way(first, false).expect("a beat");
    first.deliver(beat);
    let word = on_its_way(first, true).expect("the word");
    first.fail_mail(word, IoError::Full);
    assert_eq!(first.module.phase(), Phase::Draining);
    assert_eq!(on_its_way(first, true), None);
    first.pass(BEAT);
    let word = on_its_way(first, true).expect("the word again");
    first.deliver(word);
    assert_eq!(first.module.phase(), Phase::Standby);
}

#[test]
fn a_set_that_nobody_comes_for_is_claimed_back_under_a_new_key() {
    let mut first = Station::new(Role::Owner);
    first.serve();
    let epoch = first.disks[&JOURNAL].holder.expect("it holds it").epoch;
    // The partner beats, and dies.
    first.drain();
    assert_eq!(first.module.phase(), Phase::Standby);
    let bound = first.configuration.timers.takeover_after;
    first.pass_running(bound.plus(BEAT));
    assert!(first.probes.contains(&"drained set claimed back"));
    assert_eq!(first.module.phase(), Phase::Announcing);
    let key = first.disks[&JOURNAL].holder.expect("it holds it");
    assert_eq!(
        (key.node, key.epoch),
        (first.configuration.node.value(), epoch + 1)
    );
    let new = first.hello_session();
    first.hear(&hello_ack(new, 0));
    assert_eq!(first.module.phase(), Phase::Serving);
}

#[test]
fn what_does_not_end_gives_the_hand_over_up_and_tickets_of_before_are_worth_nothing() {
    let mut twins = twins();
    let first = begin_in_flight(&mut twins);
    first.ask(id(2), write(8, 1, 2));
    assert_eq!(first.answers(), [moved(2)]);
    let (former, limit) = (first.incarnation(), first.configuration.timers.drain_limit);
    twins.pass(limit, &BOTH);
    let first = twins.on(0);
    assert!(first.has_seen(&Event::HandOverGivenUp));
    assert_eq!(first.module.phase(), Phase::Serving);
    assert_ne!(first.incarnation(), former);
    first.ask_with(id(2), write(8, 1, 2), |frame| {
        frame.ticket.incarnation = former
    });
    let stale = Status::Unknown(UnknownReason::StaleTicket);
    assert_eq!(first.answers(), [(id(2), stale)]);
    first.ask(id(3), write(8, 1, 2));
    assert!(!first.queue.is_empty(), "it accepts again");
    first.run();
    first.hear(&set_ack(session(2), 1, 0));
    assert_eq!(first.answers(), [(id(1), Status::Success(None))]);
}

#[test]
fn an_order_is_refused_with_its_reason() {
    let refused = |station: &Station, reason| station.has_seen(&Event::OrderRefused(ORDER, reason));
    let mut twins = twins();
    let second = twins.on(SECOND);
    order(second);
    assert!(refused(second, OrderRefusal::NotHolder));
    // Nobody watches.
    order(twins.on(0));
    twins.pass(BEAT.times(6), &[0]);
    let first = twins.on(0);
    assert!(refused(first, OrderRefusal::PartnerSilent));
    assert_eq!(first.module.phase(), Phase::Serving);
    order(first);
    assert!(!refused(first, OrderRefusal::UnderWay));
    order(first);
    assert!(refused(first, OrderRefusal::UnderWay));
}

#[test]
fn an_order_to_who_has_orphans_is_refused() {
    let mut twins = twins();
    let first = twins.on(0);
    first.ask(id(1), write(3, 2, 1));
    first.run();
    first.reboot();
    first.serve();
    order(first);
    assert!(first.has_seen(&Event::OrderRefused(ORDER, OrderRefusal::Orphans)));
}

#[test]
fn a_mirrors_set_is_handed_over_with_its_fence_and_results() {
    let mut twins = Twins::new(configuration(Role::Mirror), Role::Mirror);
    super::mirror::accept(twins.on(0), session(2));
    let portions = crate::testing::set(&FIRST, 1, super::mirror::block(1, 0, 1));
    super::mirror::hear_all(twins.on(0), portions);
    twins.on(0).run();
    let before = twins.on(0).tables().clone();
    begin(&mut twins);
    twins.pass(BEAT.times(3), &BOTH);
    assert_eq!(twins.on(0).module.phase(), Phase::Standby);
    let second = twins.on(SECOND);
    assert_eq!(second.module.phase(), Phase::Following);
    assert_eq!(*second.tables(), before);
    let first = twins.on(0);
    first.take_sent();
    first.hear(&super::mirror::hello(session(9)));
    assert_eq!(
        first.take_sent().len(),
        1,
        "it says that it is not the owner"
    );
}

#[test]
fn a_mirror_that_drains_takes_nothing_new() {
    let mut twins = Twins::new(configuration(Role::Mirror), Role::Mirror);
    super::mirror::accept(twins.on(0), session(2));
    twins.pass(BEAT.times(2), &BOTH);
    let portions = crate::testing::set(&FIRST, 1, super::mirror::block(1, 0, 1));
    super::mirror::hear_all(twins.on(0), portions);
    assert_eq!(twins.on(0).queue.len(), 1);
    order(twins.on(0));
    let first = twins.on(0);
    first.pass(Duration::ZERO);
    for _ in 0..3 {
        twins.on(SECOND).pass_running(BEAT);
        twins.on(0).pass(BEAT);
    }
    let first = twins.on(0);
    assert_eq!(first.module.phase(), Phase::Draining);
    first.take_sent();
    let more = crate::testing::set(&FIRST, 2, super::mirror::block(2, 8, 1));
    super::mirror::hear_all(first, more);
    assert_eq!(first.queue.len(), 1);
    assert!(first.sent.is_empty());
    first.run();
    assert_eq!(first.sent.len(), 1, "what was pending is acknowledged");
    assert_eq!(first.module.phase(), Phase::Standby);
}

fn gives_back() -> Configuration {
    let mut configuration = configuration(Role::Owner);
    configuration.timers.giveback_after = Some(Duration::from_secs(1));
    configuration.policy = Policy::Strict;
    configuration
}

#[test]
fn a_standby_gives_back_by_itself_once_the_primary_has_watched_for_long_enough() {
    let mut twins = Twins::new(gives_back(), Role::Owner);
    twins.pass(Duration::from_secs(5), &BOTH);
    assert_eq!(
        twins.on(0).module.phase(),
        Phase::Serving,
        "the primary keeps it"
    );
    begin(&mut twins);
    twins.pass(BEAT.times(2), &BOTH);
    let second = twins.on(SECOND);
    let new = second.hello_session();
    second.hear(&hello_ack(new, 0));
    twins.pass(Duration::from_millis(900), &BOTH);
    assert_eq!(twins.on(SECOND).module.phase(), Phase::Serving);
    twins.pass(Duration::from_millis(800), &BOTH);
    assert_eq!(twins.on(SECOND).module.phase(), Phase::Standby);
    assert!(twins.on(0).probes.contains(&"giveback"));
}

#[test]
fn it_gives_nothing_back_to_a_primary_that_is_not_there() {
    let mut twins = Twins::new(gives_back(), Role::Owner);
    begin(&mut twins);
    twins.pass(BEAT.times(2), &BOTH);
    let second = twins.on(SECOND);
    let new = second.hello_session();
    second.hear(&hello_ack(new, 0));
    twins.pass(Duration::from_secs(5), &[SECOND]);
    assert_eq!(twins.on(SECOND).module.phase(), Phase::Serving);
}

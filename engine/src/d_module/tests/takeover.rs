//! Takeover: two nodes on the same devices.

use std::collections::BTreeMap;

use super::mirror::{copy_ack, hello_ack};
use crate::configuration::Configuration;
use crate::contract::{Address, DeviceId, IoError};
use crate::event::{Event, IgnoreReason, Phase};
use crate::storage_set::tables::Role;
use crate::testing::{
    Disk, JOURNAL, Station, Twins, configuration, fill, id, range, session, write,
};
use crate::time::Duration;
use crate::vocabulary::{Command, CommandId, Outcome, Status, UnknownReason};

const SECOND: usize = 1;
const BOTH: [usize; 2] = [0, SECOND];

fn twins() -> Twins {
    Twins::new(configuration(Role::Owner), Role::Owner)
}

/// What stands on the devices under the reservation.
fn without_mail(station: &Station) -> BTreeMap<DeviceId, Disk> {
    let mut disks = station.disks.clone();
    let mail = station.configuration.set.geometry.mailbox_start().0;
    let journal = disks.get_mut(&JOURNAL).expect("it is there");
    journal.pages.retain(|page, _| *page < mail);
    disks
}

fn unknown(counter: u64, reason: UnknownReason) -> (CommandId, Status) {
    (id(counter), Status::Unknown(reason))
}

fn data(counter: u64, byte: u8, count: u32) -> (CommandId, Status) {
    (id(counter), Status::Success(Some(fill(byte, count))))
}

/// The first node falls silent, and the second wins the set; its mirror has not
/// answered.
fn silence(twins: &mut Twins) -> &mut Station {
    let step = Duration::from_millis(10);
    for _ in 0..200 {
        twins.pass(step, &[SECOND]);
        if twins.on(SECOND).module.phase() != Phase::Standby {
            return twins.on(SECOND);
        }
    }
    panic!("a silent partner is taken over");
}

/// The same, until the second serves.
fn take_over(twins: &mut Twins) -> &mut Station {
    silence(twins);
    let term = term(&configuration(Role::Owner));
    twins.pass(term, &[SECOND]);
    let second = twins.on(SECOND);
    let session = second.hello_session();
    second.hear(&hello_ack(session, 0));
    assert_eq!(second.module.phase(), Phase::Serving);
    second.take_sent();
    second
}

fn term(configuration: &Configuration) -> Duration {
    let timers = &configuration.timers;
    timers.ha_lease.plus(timers.lease_margin)
}

#[test]
fn a_silent_partner_is_taken_over_in_a_session_of_its_own() {
    let mut twins = twins();
    let silent = twins.on(SECOND).configuration.timers.takeover_after;
    let early = Duration::from_nanos(silent.as_nanos() - 1);
    twins.pass(early, &[SECOND]);
    assert_eq!(twins.on(SECOND).module.phase(), Phase::Standby);
    let second = silence(&mut twins);
    assert_eq!(second.module.phase(), Phase::Announcing);
    let partner = second.configuration.partner;
    assert!(second.has_seen(&Event::PartnerSilent(partner)));
    assert_eq!(second.hello_session(), session(3));
}

#[test]
fn a_partner_that_lives_is_left_alone() {
    let mut twins = twins();
    twins.pass(Duration::from_secs(20), &[0, SECOND]);
    assert_eq!(twins.on(SECOND).module.phase(), Phase::Standby);
    let first = twins.on(0);
    assert_eq!(first.module.phase(), Phase::Serving);
    first.ask(id(1), Command::Read(range(0, 1)));
    first.run();
    assert_eq!(first.answers(), [data(1, 0, 1)]);
}

#[test]
fn a_mirrors_set_is_taken_over_with_its_fence_and_results() {
    let mut twins = Twins::new(configuration(Role::Mirror), Role::Mirror);
    super::mirror::accept(twins.on(0), session(2));
    let portions = crate::testing::set(&crate::testing::FIRST, 1, super::mirror::block(1, 0, 1));
    super::mirror::hear_all(twins.on(0), portions);
    twins.on(0).run();
    let before = twins.on(0).tables().clone();
    let second = silence(&mut twins);
    assert_eq!(second.module.phase(), Phase::Following);
    assert_eq!(*second.tables(), before);
}

#[test]
fn what_a_deposed_owner_had_queued_is_refused_and_it_stands_by() {
    let mut twins = twins();
    twins.on(0).ask(id(1), write(3, 2, 1));
    assert_eq!(twins.on(0).queue.len(), 1);
    let tables = take_over(&mut twins).tables().clone();
    let disks = without_mail(twins.on(SECOND));

    let first = twins.on(0);
    let ticket = first.incarnation();
    first.complete(0);
    assert!(first.has_seen(&Event::Halted(IoError::ReservationConflict)));
    assert_eq!(first.module.phase(), Phase::Standby);
    assert!(first.module.set().is_none());
    assert_eq!(without_mail(first), disks);
    assert!(first.queue.is_empty());
    assert_eq!(first.answers(), [unknown(1, UnknownReason::Halted)]);
    first.hear(&super::mirror::hello(session(9)));
    let label = first.take_sent().pop().expect("it answers").label;
    assert_ne!(label.incarnation, ticket, "a new incarnation");
    assert!(tables.marks.is_empty());
}

#[test]
fn a_deposed_owner_notices_by_its_next_renewal_at_the_latest() {
    let mut twins = twins();
    // Nothing is left to be written.
    twins.pass(Duration::from_secs(1), &[0, SECOND]);
    take_over(&mut twins);
    let heartbeat = twins.on(0).configuration.timers.heartbeat;
    twins.pass(heartbeat, &[0, SECOND]);
    assert_eq!(twins.on(0).module.phase(), Phase::Standby);
    twins.pass(Duration::from_secs(20), &[0, SECOND]);
    assert_eq!(twins.on(0).module.phase(), Phase::Standby);
    assert_eq!(twins.on(SECOND).module.phase(), Phase::Serving);
}

#[test]
fn an_owner_whose_lease_has_run_out_answers_no_read_from_memory() {
    let mut twins = twins();
    let first = twins.on(0);
    first.ask(id(1), write(0, 1, 1));
    first.run_records();
    first.hear(&super::mirror::set_ack(session(2), 1, 0));
    first.answers();
    // The devices go on without it; no renewal comes back.
    first.holds_mail = true;
    let timers = &first.configuration.timers;
    first.pass(timers.ha_lease.plus(timers.heartbeat));
    first.ask(id(2), Command::Read(range(0, 1)));
    first.ask(id(3), Command::Flush);
    let not_serving = unknown(3, UnknownReason::NotServing);
    assert_eq!(first.answers(), [not_serving]);
    first.release_mail();
    assert_eq!(
        first.answers(),
        [],
        "what was issued long ago proves nothing"
    );
    first.pass(Duration::from_millis(100));
    assert_eq!(first.answers(), [data(2, 1, 1)]);
}

#[test]
fn nobody_is_served_before_the_former_owners_lease_is_over() {
    let mut twins = twins();
    let second = silence(&mut twins);
    let session = second.hello_session();
    second.hear(&hello_ack(session, 0));
    assert_eq!(second.module.phase(), Phase::Announcing);
    let term = term(&second.configuration);
    twins.pass(Duration::from_nanos(term.as_nanos() - 1), &[SECOND]);
    let second = twins.on(SECOND);
    second.ask(id(1), Command::Read(range(0, 1)));
    second.run();
    assert_eq!(second.answers(), []);
    assert!(second.has_seen(&Event::Ignored(IgnoreReason::WrongPhase)));
    assert!(!second.has_seen(&Event::LeaseWaitedOut));
    twins.pass(Duration::from_nanos(1), &[SECOND]);
    let second = twins.on(SECOND);
    assert!(second.has_seen(&Event::LeaseWaitedOut));
    assert_eq!(second.module.phase(), Phase::Serving);
    second.ask(id(2), Command::Read(range(0, 1)));
    second.run();
    assert_eq!(second.answers(), [data(2, 0, 1)]);
}

#[test]
fn the_n_module_is_told_who_serves_from_the_first_instant_and_in_every_beat_under_a_fresh_lease() {
    let configuration = Configuration {
        service: Some(Address::new(500)),
        ..configuration(Role::Owner)
    };
    let mut twins = Twins::new(configuration, Role::Owner);
    let beat = twins.on(0).configuration.timers.heartbeat;
    let epoch = |station: &Station| {
        let disk = &station.disks[&JOURNAL];
        disk.holder.expect("it is held").epoch
    };
    let first = twins.on(0);
    let served = (epoch(first), false);
    assert_eq!(first.services.first(), Some(&served));
    first.services.clear();
    twins.pass(beat.times(2), &[0]);
    assert_eq!(twins.on(0).services, [served; 2]);
    // The partner takes over while it stands still; nothing is said until it serves.
    let second = silence(&mut twins);
    let session = second.hello_session();
    second.hear(&hello_ack(session, 0));
    assert_eq!(second.services, []);
    let term = term(&second.configuration);
    twins.pass(term, &[SECOND]);
    let second = twins.on(SECOND);
    let heir = (epoch(second), true);
    assert!(!second.services.is_empty());
    assert!(second.services.iter().all(|it| *it == heir));
    // The first goes on: its lease is long over, and it says nothing any more.
    let first = twins.on(0);
    first.services.clear();
    twins.pass(beat.times(2), &BOTH);
    assert_eq!(twins.on(0).services, []);
}

#[test]
fn who_boots_again_on_a_set_that_it_served_does_not_wait() {
    let mut twins = twins();
    take_over(&mut twins);
    // A heartbeat says that it serves.
    twins.pass(Duration::from_millis(100), &[SECOND]);
    let second = twins.on(SECOND);
    second.reboot();
    second.serve();
    second.ask(id(1), Command::Read(range(0, 1)));
    second.run();
    assert_eq!(second.answers(), [data(1, 0, 1)]);
}

#[test]
fn who_boots_again_before_it_served_waits_once_more() {
    let mut twins = twins();
    silence(&mut twins);
    let second = twins.on(SECOND);
    second.reboot();
    second.run();
    let session = second.hello_session();
    second.hear(&hello_ack(session, 0));
    assert_eq!(second.module.phase(), Phase::Announcing);
    let term = term(&second.configuration);
    twins.pass(term, &[SECOND]);
    assert_eq!(twins.on(SECOND).module.phase(), Phase::Serving);
}

#[test]
fn what_the_former_owner_left_in_flight_stays_locked_until_it_is_resolved() {
    let mut twins = twins();
    let first = twins.on(0);
    first.ask(id(1), write(3, 2, 1));
    first.complete(0);
    first.complete(0);
    assert!(first.has_seen(&Event::LocalDurable(id(1))));
    let second = take_over(&mut twins);
    assert_eq!(second.census().orphans, 1);
    second.ask(id(2), Command::Read(range(4, 1)));
    second.ask(id(3), write(3, 1, 3));
    second.ask(id(4), Command::Read(range(9, 1)));
    second.run();
    assert_eq!(second.answers(), [data(4, 0, 1)]);
    assert!(!second.has_seen(&Event::Marked(id(3))));
    second.hear(&copy_ack(session(3), 1, 0));
    second.run();
    assert!(second.has_seen(&Event::OrphanResolved(id(1), Outcome::Performed)));
    assert_eq!(second.answers(), [data(2, 1, 1)]);
    assert!(second.has_seen(&Event::Marked(id(3))));
}

#[test]
fn what_the_former_owner_performed_is_not_performed_again() {
    let mut twins = twins();
    let first = twins.on(0);
    first.ask(id(1), write(0, 1, 1));
    first.run();
    first.hear(&super::mirror::set_ack(session(2), 1, 0));
    first.pass_running(Duration::from_secs(1));
    first.ask(id(2), Command::Retry);
    first.run();
    let second = take_over(&mut twins);
    for command in [write(0, 1, 9), Command::Retry] {
        second.ask(id(1), command);
        assert_eq!(second.answers(), [(id(1), Status::Success(None))]);
    }
    second.ask(id(2), write(0, 1, 9));
    let refused = crate::vocabulary::RefusedReason::NotPerformed;
    assert_eq!(second.answers(), [(id(2), Status::Refused(refused))]);
    assert!(second.queue.is_empty());
}

use crate::configuration::Configuration;
use crate::contract::IoError;
use crate::event::{Event, Phase};
use crate::storage_set::tables::Role;
use crate::testing::{Station, configuration, id, range, session, write};
use crate::time::Duration;
use crate::vocabulary::{Command, RefusedReason, Status};
use crate::wire::path::Standing;

#[test]
fn a_module_without_a_set_asks_for_no_deadline_but_its_watchs_and_its_paths() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.ask(id(1), write(0, 1, 1));
    owner.holds_mail = true;
    owner.fail(0, IoError::ReservationConflict);
    assert_eq!(owner.module.phase(), Phase::Standby);
    assert!(owner.has_seen(&Event::Halted(IoError::ReservationConflict)));
    let heartbeat = owner.configuration.timers.heartbeat;
    owner.answer_path(0, 1, Standing::Holds);
    owner.answer_path(1, 1, Standing::StandsBy);
    let next = owner.now.after(heartbeat);
    assert_eq!(owner.module.next_deadline(), Some(next));
    owner.mail.clear();
    owner.pass(Duration::from_secs(10));
    assert_eq!(
        owner.mail.len(),
        500,
        "three questions and two copies of the metadata, once in a heartbeat"
    );
}

/// An owner whose ring is full to the last page, its destage not begun.
fn full_owner() -> Station {
    let mut owner = Station::with(wide(), Role::Owner);
    owner.serve();
    for counter in 1.. {
        let is_full = owner.module.set().expect("it serves").room() == 0;
        if is_full {
            break;
        }
        // Every question about a command that never was costs a page.
        owner.ask(id(counter), Command::Retry);
        owner.run_records();
    }
    owner
}

fn wide() -> Configuration {
    let mut configuration = configuration(Role::Owner);
    configuration.limits.window = 200;
    configuration
}

#[test]
fn a_full_journal_holds_a_failure_back_until_a_destage_has_made_room() {
    let mut owner = full_owner();
    owner.answers();
    owner.ask(id(99), Command::Retry);
    assert!(
        owner
            .probes
            .contains(&"entry waits for room in the journal")
    );
    assert_eq!(owner.answers(), []);
    owner.run();
    let refused = Status::Refused(RefusedReason::NotPerformed);
    assert_eq!(owner.answers(), [(id(99), refused)]);
}

#[test]
fn an_owner_boots_on_a_full_journal() {
    let mut owner = full_owner();
    owner.reboot();
    owner.run();
    assert_eq!(owner.module.phase(), Phase::Announcing);
    assert!(
        owner
            .probes
            .contains(&"entry waits for room in the journal")
    );
    assert_eq!(owner.hello_session(), session(3));
}

#[test]
fn a_large_command_is_not_starved_by_small_ones() {
    let mut owner = Station::with(wide(), Role::Owner);
    owner.serve();
    // Before the reserve of 16 there is room for a mark and 5 blocks with their
    // record's head, and no more.
    for counter in 1.. {
        if owner.module.set().expect("it serves").room() == 16 + 7 {
            break;
        }
        owner.ask(id(counter), Command::Retry);
        owner.run_records();
    }
    let accepted = |owner: &Station, command| {
        let is_it =
            |event: &Event| matches!(event, Event::Accepted { command: id, .. } if *id == command);
        owner.events.iter().any(is_it)
    };
    owner.ask(id(100), write(0, 6, 1));
    owner.ask(id(101), write(10, 5, 1));
    assert!(!accepted(&owner, id(100)));
    assert!(!accepted(&owner, id(101)), "it would have room");
    owner.run();
    assert!(accepted(&owner, id(100)));
    assert!(accepted(&owner, id(101)));
}

#[test]
fn reads_in_progress_are_limited() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    for counter in 1..=20 {
        owner.ask(id(counter), Command::Read(range(0, 1)));
    }
    assert_eq!(owner.census().reads, 8);
    assert_eq!(owner.census().waiting_commands, 8);
    owner.run();
    assert_eq!(owner.answers().len(), 16);
}

//! Sets whose journal has lost records that were durable.

use super::mirror::{accept, mirror};
use crate::event::{Event, Phase};
use crate::storage_set::tables::{Consistency, Role, Tables};
use crate::testing::{GEOMETRY, JOURNAL, Station, id, session, write};

/// Takes away what stands in a page of the ring.
fn lose(station: &mut Station, page: u64) {
    let disk = station.disks.get_mut(&JOURNAL).expect("it has one");
    let found = disk.pages.remove(&GEOMETRY.ring_start().plus(page).0);
    assert!(found.is_some(), "a record stood there");
}

#[test]
fn a_mirror_that_lost_a_record_is_made_anew_and_never_finds_it_again() {
    let mut mirror = mirror();
    for incarnation in 3..6 {
        accept(&mut mirror, session(incarnation));
    }
    // The fences of sessions 2 to 5; the second is lost, and the fourth names it.
    lose(&mut mirror, 1);
    mirror.reboot();
    mirror.run();
    assert!(mirror.has_seen(&Event::Formatted));
    assert_eq!(mirror.module.phase(), Phase::Following);
    assert_eq!(mirror.tables().consistency, Consistency::Unpaired);
    let blank = Tables::blank(session(1), &GEOMETRY);
    assert_eq!(mirror.tables().dirty, blank.dirty, "all of it is unknown");
    // What the ring holds of before is older than what comes now: no other boot minds.
    mirror.reboot();
    mirror.run();
    assert!(!mirror.has_seen(&Event::Formatted), "once");
    assert_eq!(mirror.module.phase(), Phase::Following);
}

#[test]
fn an_owner_that_lost_a_record_serves_nobody() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    for counter in 1..=3 {
        owner.ask(id(counter), write(counter, 1, 1));
        owner.run_records();
    }
    lose(&mut owner, 1);
    owner.reboot();
    owner.run();
    assert_eq!(owner.module.phase(), Phase::Halted);
    let probe = "owner that lost records of its journal frozen";
    assert!(owner.probes.contains(&probe));
}

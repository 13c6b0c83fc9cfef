//! Sets without content, and what becomes of them.

use std::collections::BTreeMap;

use crate::configuration::Configuration;
use crate::event::{Event, Phase};
use crate::storage_set::tables::{Role, Tables};
use crate::testing::{DATA, Disk, GEOMETRY, JOURNAL, Station, configuration, id, session, write};

fn empty(founding: Option<Role>) -> Station {
    let disks = BTreeMap::from([(JOURNAL, Disk::default()), (DATA, Disk::default())]);
    let configuration = Configuration {
        founding,
        ..configuration(Role::Owner)
    };
    Station::on(disks, configuration)
}

#[test]
fn a_set_without_content_is_a_mirror_that_knows_nothing() {
    let mut station = empty(None);
    station.run();
    assert_eq!(station.module.phase(), Phase::Following);
    assert_eq!(*station.tables(), Tables::blank(session(1), &GEOMETRY));
    assert!(station.has_seen(&Event::Formatted));
    station.reboot();
    station.run();
    assert_eq!(*station.tables(), Tables::blank(session(1), &GEOMETRY));
    assert!(!station.has_seen(&Event::Formatted), "once");
}

#[test]
fn a_founded_set_takes_its_role_in_sync() {
    let mut owner = empty(Some(Role::Owner));
    owner.serve();
    assert!(owner.tables().dirty.is_empty());
    owner.ask(id(1), write(0, 1, 1));
    owner.run_records();
    assert!(owner.has_seen(&Event::LocalDurable(id(1))));
    // Founding says nothing of a set with content.
    owner.reboot();
    owner.run();
    assert!(!owner.has_seen(&Event::Formatted));
    assert_eq!(owner.census().orphans, 1);
    let mut mirror = empty(Some(Role::Mirror));
    mirror.run();
    assert_eq!(
        *mirror.tables(),
        Tables::formatted(Role::Mirror, session(1), GEOMETRY.blocks)
    );
}

#[test]
fn a_crash_between_any_two_writes_of_a_formatting_leads_to_another() {
    for founding in [None, Some(Role::Owner), Some(Role::Mirror)] {
        for cut in 0..4 {
            let mut station = empty(founding);
            while !station.probes.contains(&"set without content formatted") {
                station.complete(0);
            }
            for _ in 0..cut {
                assert_eq!(station.queue.len(), 1, "one after the other");
                station.complete(0);
            }
            assert!(!station.has_seen(&Event::Formatted));
            station.reboot();
            station.run();
            let blank = Tables::blank(session(1), &GEOMETRY);
            let role = |role| Tables::formatted(role, session(1), GEOMETRY.blocks);
            let expected = founding.map_or(blank, role);
            let found = station.module.set().map(|set| set.tables().consistency);
            assert_eq!(
                found,
                Some(expected.consistency),
                "{founding:?}, cut at {cut}"
            );
            assert_eq!(station.tables().role, expected.role);
            assert_eq!(station.tables().dirty, expected.dirty);
        }
    }
}

#[test]
fn what_an_earlier_life_left_in_the_ring_stays_dead() {
    let mut station = empty(Some(Role::Owner));
    station.serve();
    for counter in 1..=4 {
        station.ask(id(counter), write(counter, 1, 1));
    }
    station.run_records();
    // The administrator wipes its first pages only.
    for disk in station.disks.values_mut() {
        for page in 0..2 {
            disk.pages.remove(&page);
        }
    }
    station.reboot();
    station.run();
    assert!(station.has_seen(&Event::Formatted));
    assert!(station.tables().results.is_empty() && station.tables().marks.is_empty());
}

use super::*;
use crate::configuration::Duty;
use crate::contract::{Input, PageIndex};
use crate::event::Phase;
use crate::storage_set::tables::Role;
use crate::testing::{GEOMETRY, JOURNAL, Station, configuration};
use crate::time::Duration;

fn page(copy: u64) -> u64 {
    let PageIndex(page) = GEOMETRY.metadata_start().plus(copy);
    page
}

fn stored(station: &Station, copy: u64) -> Option<Metadata> {
    let bytes = station.disks[&JOURNAL].pages.get(&page(copy))?;
    decode_metadata(bytes).ok()
}

fn stamps(station: &Station) -> [Option<Stamp>; 2] {
    [0, 1].map(|copy| stored(station, copy).map(|it| it.stamp()))
}

fn found(first: Option<u32>, second: Option<u32>) -> [Option<Address>; 2] {
    [first, second].map(|it| it.map(Address::new))
}

/// The answer to the last search.
fn answer(owner: &mut Station, addresses: [Option<Address>; 2]) {
    let nonce = owner.searches.last().expect("it has been asked").nonce;
    owner.input(Input::Local(Local::Found {
        nonce,
        found: addresses,
        is_over: true,
    }));
}

/// An owner whose Hello nobody has answered for the contact's time.
fn lonely() -> Station {
    let mut owner = Station::new(Role::Owner);
    owner.run();
    assert_eq!(owner.module.phase(), Phase::Announcing);
    owner.pass_running(Duration::from_millis(299));
    assert_eq!(owner.searches, []);
    owner.pass_running(Duration::from_millis(2));
    owner
}

#[test]
fn who_holds_the_set_stores_what_it_knows_in_both_copies() {
    let mut owner = Station::new(Role::Owner);
    assert_eq!(stamps(&owner), [None, None], "nothing before it is held");
    owner.run();
    assert_eq!(stamps(&owner), [Some((1, 0)), Some((1, 0))]);
    let expected = Metadata::configured(Arc::new(configuration(Role::Owner)));
    assert_eq!(stored(&owner, 0), Some(expected));
}

#[test]
fn one_copy_is_written_at_a_time() {
    let mut owner = Station::new(Role::Owner);
    owner.holds_mail = true;
    owner.run();
    let is_write = |it: &crate::contract::Submission| {
        IoIds::owner(it.io) == Some(IoOwner::Metadata)
            && matches!(it.request, IoRequest::Write { .. })
    };
    let write = owner.mail.iter().position(is_write).expect("one");
    assert_eq!(owner.mail.iter().filter(|it| is_write(it)).count(), 1);
    owner.fail_mail(write, IoError::Gone);
    assert!(!owner.mail.iter().any(is_write), "not at once again");
    owner.release_mail();
    owner.pass_running(Duration::from_millis(200));
    assert_eq!(stamps(&owner), [Some((1, 0)), Some((1, 0))]);
}

#[test]
fn a_boot_from_a_stored_copy_waits_for_nobody() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.reboot_unasked();
    owner.serve();
    assert!(owner.probes.contains(&"boot from stored metadata"));
    assert_eq!(owner.searches, []);
}

#[test]
fn a_damaged_copy_is_passed_over_and_written_anew() {
    for damaged in [0, 1] {
        let mut owner = Station::new(Role::Owner);
        owner.serve();
        let disk = owner.disks.get_mut(&JOURNAL).expect("it is there");
        let mut bytes = disk.pages[&page(damaged)].to_vec();
        bytes[100] ^= 1;
        disk.pages.insert(page(damaged), bytes.into());
        owner.reboot_unasked();
        owner.serve();
        assert!(
            owner
                .probes
                .contains(&"damaged copy of the metadata passed over")
        );
        assert_eq!(stamps(&owner), [Some((1, 0)), Some((1, 0))]);
    }
}

#[test]
fn without_a_whole_copy_the_administrator_is_asked() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    let disk = owner.disks.get_mut(&JOURNAL).expect("it is there");
    for copy in [0, 1] {
        disk.pages.insert(page(copy), crate::testing::fill(7, 1));
    }
    owner.reboot_unasked();
    owner.run();
    assert_eq!(owner.module.phase(), Phase::Configuring);
    let word = Local::Configuration(Arc::clone(&owner.configuration));
    owner.input(Input::Local(word));
    owner.serve();
    assert!(owner.probes.contains(&"no stored metadata"));
}

#[test]
fn a_newer_configuration_counts_more_than_the_stored_one() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    let mut newer = configuration(Role::Owner);
    newer.version = 2;
    newer.peers = found(Some(207), None);
    owner.configuration = Arc::new(newer);
    owner.reboot();
    owner.run();
    assert_eq!(stamps(&owner), [Some((2, 1)), Some((2, 1))]);
}

#[test]
fn peers_that_do_not_answer_are_looked_for_and_what_is_found_is_stored() {
    let mut owner = lonely();
    let [search] = owner.searches.as_slice() else {
        panic!("once: {:?}", owner.searches)
    };
    let configuration = configuration(Role::Owner);
    assert_eq!(search.wanted, configuration.peer_nodes);
    assert_eq!(search.candidates, configuration.candidates);
    owner.take_sent();
    answer(&mut owner, found(Some(209), Some(210)));
    owner.pass_running(Duration::from_millis(1));
    let to: Vec<_> = owner
        .take_sent()
        .iter()
        .map(|sent| sent.to.value())
        .collect();
    assert!(to.iter().all(|to| [209, 210].contains(to)) && !to.is_empty());
    assert_eq!(stamps(&owner), [Some((1, 1)), Some((1, 1))]);
    let peers = |metadata: Metadata| metadata.configuration.peers;
    let there = found(Some(209), Some(210));
    assert_eq!(stored(&owner, 0).map(peers), Some(there));
    // The next boot begins there.
    owner.reboot_unasked();
    owner.run();
    let to: Vec<_> = owner
        .take_sent()
        .iter()
        .map(|sent| sent.to.value())
        .collect();
    assert_eq!(to, [209]);
    assert_eq!(owner.searches, []);
}

#[test]
fn a_search_is_repeated_while_nobody_answers_and_heard_but_once() {
    let mut owner = lonely();
    let first = owner.searches[0].nonce;
    owner.pass_running(Duration::from_secs(1));
    assert_eq!(owner.searches.len(), 2);
    let late = Local::Found {
        nonce: first,
        found: found(Some(209), None),
        is_over: true,
    };
    owner.input(Input::Local(late));
    assert_eq!(stamps(&owner), [Some((1, 0)), Some((1, 0))]);
    answer(&mut owner, found(None, None));
    assert_eq!(stamps(&owner), [Some((1, 0)), Some((1, 0))]);
    owner.serve_announced();
    owner.pass_running(Duration::from_millis(1_100));
    assert_eq!(owner.searches.len(), 2, "a peer has answered");
}

#[test]
fn where_no_address_is_known_they_are_looked_for_at_once() {
    let mut unknown = configuration(Role::Owner);
    unknown.peers = [None, None];
    let mut owner = Station::with(unknown, Role::Owner);
    owner.pass_running(Duration::from_nanos(0));
    assert_eq!(owner.searches.len(), 1);
    assert_eq!(owner.take_sent().len(), 0, "there is nobody to speak to");
    answer(&mut owner, found(None, Some(204)));
    owner.pass_running(Duration::from_millis(1));
    assert_eq!(owner.take_sent().len(), 1);
}

#[test]
fn a_standby_has_what_the_holder_has_stored_since() {
    let mut owner = lonely();
    answer(&mut owner, found(Some(209), Some(210)));
    owner.run();
    let mut partner = configuration(Role::Owner)
        .seen_by(NodeId::new(2))
        .expect("it is");
    partner.duty = Duty::Standby;
    let mut standby = Station::on(owner.disks.clone(), partner);
    standby.pass_running(Duration::from_millis(50));
    assert_eq!(standby.module.phase(), Phase::Standby);
    // The holder finds something while the standby watches.
    owner.pass_running(Duration::from_secs(1));
    answer(&mut owner, found(Some(201), None));
    owner.run();
    let disk = owner.disks[&JOURNAL].clone();
    for copy in [0, 1] {
        let bytes = disk.pages[&page(copy)].clone();
        let own = standby.disks.get_mut(&JOURNAL).expect("it is there");
        own.pages.insert(page(copy), bytes);
    }
    standby.pass_running(Duration::from_millis(200));
    let known = standby.module.generation.configuration().map(|it| it.peers);
    assert_eq!(known, Some(found(Some(201), Some(210))));
}

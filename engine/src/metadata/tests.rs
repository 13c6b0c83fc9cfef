use proptest::prelude::*;

use super::*;
use crate::codec::testing::golden;
use crate::configuration::Duty;
use crate::contract::PAGE_BYTES;
use crate::storage_set::tables::Role;
use crate::testing::configuration;

const GOLDEN: &str = include_str!("../../golden/metadata.hex");

fn address(value: u32) -> Address {
    Address::new(value)
}

/// Of version 4, with peers at 203 and 204.
fn known() -> Metadata {
    let mut configuration = configuration(Role::Owner);
    configuration.version = 4;
    Metadata::configured(Arc::new(configuration))
}

fn of_version(version: u64, peers: [Option<Address>; 2]) -> Arc<Configuration> {
    Arc::new(Configuration {
        version,
        peers,
        ..(*known().configuration).clone()
    })
}

fn peers(metadata: &Metadata) -> [Option<u32>; 2] {
    metadata
        .configuration
        .peers
        .map(|it| it.map(Address::value))
}

// One test for each row of the table.

#[test]
fn a_nothing_is_known_the_administrators_word_is_taken() {
    assert_eq!(known().stamp(), (4, 0));
    assert_eq!(peers(&known()), [Some(203), Some(204)]);
    assert_eq!(known().found, [false, false]);
}

#[test]
fn b_the_same_version_or_an_older_one_takes_nothing_back_that_was_found() {
    for version in [3, 4] {
        let mut metadata = known();
        metadata.take_found([Some(address(209)), None]);
        let before = metadata.clone();
        let word = of_version(version, [Some(address(203)), Some(address(204))]);
        assert!(!metadata.take_configuration(&word));
        assert_eq!(metadata, before);
    }
}

#[test]
fn c_a_newer_version_counts_more_than_what_was_found() {
    let mut metadata = known();
    metadata.take_found([Some(address(209)), None]);
    let word = of_version(5, [Some(address(207)), None]);
    assert!(metadata.take_configuration(&word));
    assert_eq!(peers(&metadata), [Some(207), None]);
    assert_eq!(metadata.found, [false, false]);
    assert_eq!(metadata.stamp(), (5, 2));
}

#[test]
fn d_what_is_found_where_it_was_known_to_be_is_no_news() {
    let mut metadata = known();
    assert_eq!(metadata.take_found([Some(address(203)), None]), []);
    assert_eq!(metadata, known());
}

#[test]
fn e_what_is_found_elsewhere_overrides_what_was_configured_and_is_reported() {
    let mut metadata = known();
    let moved = metadata.take_found([None, Some(address(209))]);
    let expected = Moved {
        peer: NodeId::new(4),
        from: Some(address(204)),
        to: address(209),
    };
    assert_eq!(moved, [expected]);
    assert_eq!(peers(&metadata), [Some(203), Some(209)]);
    assert_eq!(metadata.found, [false, true]);
    assert_eq!(metadata.stamp(), (4, 1));
}

#[test]
fn f_who_is_not_found_is_where_he_was() {
    let mut metadata = known();
    assert_eq!(metadata.take_found([None, None]), []);
    assert_eq!(metadata, known());
}

#[test]
fn what_is_found_changes_addresses_and_nothing_else() {
    let mut metadata = known();
    metadata.take_found([Some(address(1)), Some(address(2))]);
    let back = Configuration {
        peers: known().configuration.peers,
        ..(*metadata.configuration).clone()
    };
    assert_eq!(back, *known().configuration);
}

#[test]
fn the_partner_reads_it_from_its_own_side() {
    let seen = known().seen_by(NodeId::new(2)).expect("it is of the pair");
    let configuration = &seen.configuration;
    assert_eq!(configuration.node, NodeId::new(2));
    assert_eq!(configuration.partner, NodeId::new(1));
    assert_eq!(configuration.duty, Duty::Standby);
    assert_eq!(seen.clone().seen_by(NodeId::new(1)), Some(known()));
    assert_eq!(seen.seen_by(NodeId::new(3)), None, "of another pair");
}

#[test]
fn version_6_in_bytes() {
    let served = Configuration {
        service: Some(address(500)),
        ..(*known().configuration).clone()
    };
    let mut metadata = Metadata::configured(Arc::new(served));
    metadata.take_found([None, Some(address(209))]);
    golden::check(GOLDEN, "metadata, version 6", &encode_metadata(&metadata));
}

#[test]
fn a_copy_decodes_to_itself_and_a_torn_or_rotten_one_to_nothing() {
    let metadata = known();
    let page = encode_metadata(&metadata);
    assert_eq!(page.len(), PAGE_BYTES);
    assert_eq!(decode_metadata(&page), Ok(metadata));
    for at in (0..PAGE_BYTES).step_by(7) {
        let mut rotten = page.to_vec();
        rotten[at] ^= 1;
        assert!(decode_metadata(&rotten).is_err(), "byte {at}");
    }
    let mut newer = known();
    newer.take_found([Some(address(209)), Some(address(210))]);
    let newer = encode_metadata(&newer);
    let torn = [&newer[..512], &page[512..]].concat();
    assert!(newer[512..] == page[512..] || decode_metadata(&torn).is_err());
    assert!(decode_metadata(&page[1..]).is_err());
}

#[test]
fn what_could_not_work_is_refused() {
    let mut configuration = (*known().configuration).clone();
    configuration.limits.probes = 0;
    let page = encode_metadata(&Metadata::configured(Arc::new(configuration)));
    assert!(decode_metadata(&page).is_err());
}

proptest! {
    #[test]
    fn no_page_is_too_strange(bytes in prop::collection::vec(any::<u8>(), PAGE_BYTES)) {
        prop_assert!(decode_metadata(&bytes).is_err());
    }
}

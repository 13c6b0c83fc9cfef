use proptest::collection::vec;
use proptest::prelude::*;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::*;
use crate::codec::checksum;
use crate::contract::PAGE_BYTES;

const GOLDEN: &[u8] = b"123456789";

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// One that remembers all that it can.
fn experienced(bytes: &[u8]) -> Payload {
    let payload = Payload::copy_from_slice(bytes);
    payload.checksum();
    payload.fingerprint();
    payload
}

#[test]
fn checksum_and_fingerprint_are_the_known_ones_and_stay_so() {
    for payload in [
        Payload::copy_from_slice(GOLDEN),
        Payload::from_static(GOLDEN),
    ] {
        for _ in 0..2 {
            assert_eq!(payload.checksum(), 0xe306_9283);
            assert_eq!(payload.fingerprint(), xxh3_64(GOLDEN));
        }
    }
    assert_eq!(Payload::new().checksum(), 0);
}

#[test]
fn a_clone_remembers_and_is_the_same_memory() {
    let payload = Payload::copy_from_slice(GOLDEN);
    let copy = payload.clone();
    payload.checksum();
    let Form::Shared(shared) = &copy.0 else {
        panic!("a copy is a buffer of its own");
    };
    assert_eq!(shared.checksum.get(), Some(&0xe306_9283));
    assert_eq!(copy.as_ptr(), payload.as_ptr());
    assert_eq!(payload.slice(..).as_ptr(), payload.as_ptr());
}

#[test]
fn other_bytes_are_another_buffer_that_remembers_nothing() {
    let payload = experienced(GOLDEN);
    let mut changed = payload.to_vec();
    changed[3] ^= 1;
    let changed = Payload::from(changed);
    assert_ne!(changed, payload);
    assert_eq!(changed.checksum(), crc32c::crc32c(&changed));
    assert_ne!(changed.checksum(), payload.checksum());
    assert_ne!(changed.fingerprint(), payload.fingerprint());
}

#[test]
fn a_part_shares_the_buffer_and_remembers_for_itself() {
    let payload = experienced(GOLDEN);
    let part = payload.slice(2..=4);
    assert_eq!(part.as_ptr(), payload[2..].as_ptr());
    assert_eq!(&part[..], b"345");
    assert_eq!(part.checksum(), crc32c::crc32c(b"345"));
    assert_eq!(part.fingerprint(), xxh3_64(b"345"));
    assert!(payload.slice(9..).is_empty());
}

#[test]
fn what_is_remembered_is_no_part_of_the_value() {
    let fresh = Payload::copy_from_slice(GOLDEN);
    for other in [experienced(GOLDEN), Payload::from_static(GOLDEN)] {
        assert_eq!(fresh, other);
        assert_eq!(fresh.cmp(&other), Ordering::Equal);
        assert_eq!(hash_of(&fresh), hash_of(&other));
        assert_eq!(format!("{fresh:?}"), format!("{other:?}"));
    }
    assert!(Payload::from_static(b"12") < Payload::from_static(b"13"));
}

proptest! {
    /// Whatever stands before, and whether the payload is pages or not.
    #[test]
    fn appending_what_is_known_is_reading_it(
        before in vec(any::<u8>(), 0..100),
        payload in prop_oneof![
            vec(any::<u8>(), 0..100),
            (0usize..4, any::<u8>()).prop_map(|(pages, salt)| {
                let bytes = (0..pages * PAGE_BYTES).map(|at| u8::try_from(at * at / 8 % 256).expect("a byte") ^ salt);
                bytes.collect()
            }),
        ],
    ) {
        let whole = crc32c::crc32c(&[&before[..], &payload[..]].concat());
        let sum = crc32c::crc32c(&before);
        prop_assert_eq!(checksum::append(sum, &payload.into()), whole);
    }
}

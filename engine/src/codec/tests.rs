use imbl::{OrdMap, OrdSet};

use super::payload::{Gather, join};
use super::*;
use crate::payload::Payload;

fn put<T: Coded>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.put(&mut out);
    out
}

fn get<T: Coded>(mut bytes: &[u8]) -> Result<T, DecodeError> {
    let value = T::get(&mut bytes)?;
    finish(bytes)?;
    Ok(value)
}

#[test]
fn numbers_are_little_endian() {
    assert_eq!(put(&0x0102_0304_u32), [4, 3, 2, 1]);
    assert_eq!(
        get::<u64>(&[1, 0, 0, 0, 0, 0, 0, 0x80]),
        Ok(0x8000_0000_0000_0001)
    );
    assert_eq!(
        get::<u64>(&[1, 0, 0, 0, 0, 0, 0]),
        Err(DecodeError::Truncated)
    );
    assert_eq!(get::<u16>(&[1, 0, 0]), Err(DecodeError::Trailing));
}

#[test]
fn a_list_that_claims_four_billion_values_is_truncated() {
    let mut claim = put(&u32::MAX);
    claim.extend_from_slice(&[0; 100]);
    assert_eq!(get::<Vec<u8>>(&claim), Err(DecodeError::Truncated));
    assert_eq!(
        get::<OrdSet<u64>>(&put(&u32::MAX)),
        Err(DecodeError::Truncated)
    );
}

#[test]
fn keys_stand_in_ascending_order_and_once() {
    let set = |keys: &[u64]| get::<OrdSet<u64>>(&put(&keys.to_vec()));
    assert_eq!(set(&[1, 2, 7]), Ok(OrdSet::from([1, 2, 7].as_slice())));
    assert_eq!(set(&[2, 1]), Err(DecodeError::Field("key order")));
    assert_eq!(set(&[2, 2]), Err(DecodeError::Field("key order")));
    let doubled = [put(&2u32), put(&7u64), put(&1u8), put(&7u64), put(&2u8)].concat();
    assert_eq!(
        get::<OrdMap<u64, u8>>(&doubled),
        Err(DecodeError::Field("key order"))
    );
}

#[test]
fn an_option_is_none_or_some() {
    assert_eq!(get::<Option<u8>>(&[0]), Ok(None));
    assert_eq!(get::<Option<u8>>(&[1, 9]), Ok(Some(9)));
    assert_eq!(
        get::<Option<u8>>(&[2, 9]),
        Err(DecodeError::Field("option"))
    );
}

#[test]
fn a_range_is_never_empty_nor_beyond_the_last_block() {
    let range = |start: u64, count: u32| get::<Range>(&[put(&start), put(&count)].concat());
    assert_eq!(range(5, 2).map(Range::end), Ok(BlockIndex::new(7)));
    assert_eq!(range(5, 0), Err(DecodeError::Field("range")));
    assert_eq!(range(1 << 63, 1), Err(DecodeError::Field("range")));
}

#[test]
fn an_outcome_is_one_of_three() {
    assert_eq!(get::<Outcome>(&[3]), Ok(Outcome::Failed));
    assert_eq!(get::<Outcome>(&[0]), Err(DecodeError::Field("outcome")));
    assert_eq!(get::<Outcome>(&[4]), Err(DecodeError::Field("outcome")));
}

#[test]
fn gathering_copies_only_what_spans_pieces() {
    let pieces = [
        Payload::from_static(b"abcd"),
        Payload::new(),
        Payload::from_static(b"efgh"),
    ];
    let mut gather = Gather::new(&pieces);
    let inside = gather.take(3).expect("there are 8");
    assert_eq!(inside.as_ptr(), pieces[0].as_ptr());
    assert_eq!(gather.take(2), Ok(Payload::from_static(b"de")));
    assert_eq!(gather.finish(), Err(DecodeError::Trailing));
    assert_eq!(gather.take(4), Err(DecodeError::Truncated));
    let last = gather.take(3).expect("there are 3");
    assert_eq!(last.as_ptr(), pieces[2][1..].as_ptr());
    assert_eq!(gather.finish(), Ok(()));
}

#[test]
fn joining_one_piece_is_that_piece() {
    let piece = Payload::from_static(b"abcd");
    assert_eq!(join(std::slice::from_ref(&piece)).as_ptr(), piece.as_ptr());
    assert_eq!(
        join(&[piece.clone(), piece]),
        Payload::from_static(b"abcdabcd")
    );
    assert_eq!(join(&[]), Payload::new());
}

use imbl::{OrdMap, OrdSet};

use super::envelope::{Format, open_frame, seal_frame};
use super::payload::{Gather, join};
use super::testing::blocks;
use super::*;
use crate::contract::{Frame, PAGE_BYTES};
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

#[test]
fn what_a_body_remembers_does_not_vouch_for_a_damaged_copy() {
    let format = Format {
        magic: *b"TEST",
        version: 1,
    };
    let body = blocks(7, 2);
    let frame = seal_frame(format.begin(3), body.clone());
    // Sealed and checked: by now the body knows its checksum.
    assert!(open_frame(format, &frame).is_ok());
    for place in [0, PAGE_BYTES - 1, PAGE_BYTES, 2 * PAGE_BYTES - 1] {
        let mut damaged = body.to_vec();
        damaged[place] ^= 1;
        let damaged = Frame {
            body: damaged.into(),
            ..frame.clone()
        };
        assert_eq!(
            open_frame(format, &damaged),
            Err(DecodeError::Checksum),
            "byte {place}"
        );
    }
    let [first, second] = [0, PAGE_BYTES].map(|at| body.slice(at..at + PAGE_BYTES));
    let envelope = |pieces: &[Payload]| format.open(&frame.head, pieces).map(|(it, _)| it.kind);
    assert_eq!(envelope(&[first.clone(), second.clone()]), Ok(3));
    assert_eq!(envelope(&[second, first]), Err(DecodeError::Checksum));
}

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::codec::testing::damage::{check_bit_flips, damage, reseal, with_head};
use crate::codec::testing::strategies::{mediator_reply, mediator_request};
use crate::codec::testing::{golden, joined};
use crate::wire::split;

const GOLDEN: &str = include_str!("../../../golden/mediator_wire.hex");

fn request(ask: Ask) -> MediatorRequest {
    MediatorRequest {
        volume: VolumeId::new(1),
        site: SiteId::new(2),
        nonce: 77,
        attempt: 3,
        ask,
    }
}

fn reply(granted: bool) -> MediatorReply {
    MediatorReply {
        volume: VolumeId::new(1),
        nonce: 77,
        attempt: 3,
        record: MediatorRecord {
            version: SiteEpoch::new(9),
            owner: SiteId::new(2),
            in_sync: true,
        },
        granted,
    }
}

fn requests() -> [(&'static str, MediatorRequest); 5] {
    let set = Ask::CompareAndSet {
        expect: SiteEpoch::new(8),
        in_sync: true,
    };
    let hand_off = Ask::HandOff {
        expect: SiteEpoch::new(8),
        to: SiteId::new(1),
    };
    let force = Ask::Force {
        expect: SiteEpoch::new(8),
        attested: true,
    };
    [
        ("read", request(Ask::Read)),
        ("compare-and-set", request(set)),
        ("lease", request(Ask::Lease)),
        ("hand-off", request(hand_off)),
        ("force", request(force)),
    ]
}

#[test]
fn requests_keep_their_golden_bytes() {
    for (name, request) in requests() {
        golden::check(GOLDEN, name, &joined(&encode_request(&request)));
        let bytes = Bytes::from(golden::section(GOLDEN, name));
        let decoded = split(&bytes).and_then(|frame| decode_request(&frame));
        assert_eq!(decoded, Ok(request));
    }
}

#[test]
fn replies_keep_their_golden_bytes() {
    for (name, granted) in [("record", false), ("granted", true)] {
        golden::check(GOLDEN, name, &joined(&encode_reply(&reply(granted))));
        let bytes = Bytes::from(golden::section(GOLDEN, name));
        let decoded = split(&bytes).and_then(|frame| decode_reply(&frame));
        assert_eq!(decoded, Ok(reply(granted)));
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let decode_request =
        |bytes: &[u8]| split(&Bytes::copy_from_slice(bytes)).and_then(|f| decode_request(&f));
    let decode_reply =
        |bytes: &[u8]| split(&Bytes::copy_from_slice(bytes)).and_then(|f| decode_reply(&f));
    for (_, request) in requests() {
        check_bit_flips(&joined(&encode_request(&request)), decode_request);
    }
    for granted in [true, false] {
        check_bit_flips(&joined(&encode_reply(&reply(granted))), decode_reply);
    }
}

#[test]
fn a_reply_is_no_request_and_a_request_no_reply() {
    let error = decode_request(&encode_reply(&reply(false)));
    assert_eq!(error, Err(DecodeError::Field("kind")));
    let error = decode_reply(&encode_request(&request(Ask::Read)));
    assert_eq!(error, Err(DecodeError::Field("kind")));
}

#[test]
fn bytes_behind_the_values_are_refused() {
    for (_, request) in requests() {
        let longer = with_head(&encode_request(&request), |head| head.push(0));
        assert!(decode_request(&longer).is_err());
    }
    let longer = with_head(&encode_reply(&reply(true)), |head| head.push(0));
    assert!(decode_reply(&longer).is_err());
}

proptest! {
    #[test]
    fn any_request_comes_back(request in mediator_request()) {
        prop_assert_eq!(decode_request(&encode_request(&request)), Ok(request));
    }

    #[test]
    fn any_reply_comes_back(reply in mediator_reply()) {
        prop_assert_eq!(decode_reply(&encode_reply(&reply)), Ok(reply));
    }

    #[test]
    fn no_bytes_panic(head in vec(any::<u8>(), 0..200), body in vec(any::<u8>(), 0..50)) {
        let frame = Frame { head: head.into(), body: body.into() };
        prop_assert!(decode_request(&frame).is_err());
        prop_assert!(decode_reply(&frame).is_err());
    }

    #[test]
    fn a_request_damaged_under_its_checksum_is_refused_or_means_what_it_says(
        request in mediator_request(), head in damage(), body in damage(),
    ) {
        let damaged = reseal(&encode_request(&request), &head, &body);
        if let Ok(decoded) = decode_request(&damaged) {
            prop_assert_eq!(encode_request(&decoded), damaged);
        }
    }

    #[test]
    fn a_reply_damaged_under_its_checksum_is_refused_or_means_what_it_says(
        reply in mediator_reply(), head in damage(), body in damage(),
    ) {
        let damaged = reseal(&encode_reply(&reply), &head, &body);
        if let Ok(decoded) = decode_reply(&damaged) {
            prop_assert_eq!(encode_reply(&decoded), damaged);
        }
    }
}

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::codec::testing::damage::{check_bit_flips, damage, reseal, with_head};
use crate::codec::testing::joined;
use crate::wire::split;

const END: PathEnd = PathEnd {
    volume: VolumeId::new(1),
    node: NodeId::new(4),
    incarnation: 0x0506,
    nonce: 0x0102,
    attempt: 3,
    standing: Standing::Holds,
};

fn ends() -> impl Strategy<Value = PathEnd> {
    let standing = prop_oneof![Just(Standing::StandsBy), Just(Standing::Holds)];
    let numbers = (any::<u32>(), any::<u32>(), any::<u32>());
    (numbers, any::<u64>(), any::<u64>(), standing).prop_map(
        |((volume, node, attempt), incarnation, nonce, standing)| PathEnd {
            volume: VolumeId::new(volume),
            node: NodeId::new(node),
            incarnation,
            nonce,
            attempt,
            standing,
        },
    )
}

#[test]
fn version_1_in_bytes() {
    let open = encode(&PathMessage::Open(END));
    let stands_by = PathEnd {
        standing: Standing::StandsBy,
        ..END
    };
    let ready = encode(&PathMessage::Ready(stands_by));
    // Magic, version, kind, spare, lengths of head and body, checksum; then volume, node,
    // incarnation, nonce, attempt and standing.
    assert_eq!(&open.head[..8], b"SGPA\x01\x00\x20\x00");
    assert_eq!(&ready.head[..8], b"SGPA\x01\x00\x21\x00");
    assert_eq!(&open.head[8..16], [49, 0, 0, 0, 0, 0, 0, 0]);
    let body = [
        1, 0, 0, 0, 4, 0, 0, 0, 6, 5, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0,
    ];
    assert_eq!(open.head[20..48], body);
    assert_eq!(ready.head[20..48], body);
    assert_eq!((open.head[48], ready.head[48]), (2, 1));
    assert!(open.body.is_empty() && ready.body.is_empty());
}

#[test]
fn a_standing_that_nobody_has_is_refused() {
    let frame = encode(&PathMessage::Open(END));
    let strange = with_head(&frame, |head| *head.last_mut().expect("it has one") = 3);
    assert_eq!(decode(&strange), Err(DecodeError::Field("standing")));
    let longer = with_head(&frame, |head| head.push(0));
    assert!(decode(&longer).is_err());
}

proptest! {
    #[test]
    fn each_decodes_to_itself_and_a_cut_or_changed_one_to_nothing(end in ends()) {
        for message in [PathMessage::Open(end), PathMessage::Ready(end)] {
            let frame = encode(&message);
            prop_assert!(is_of_path(&frame));
            prop_assert_eq!(decode(&frame), Ok(message));
            for at in 0..frame.head.len() {
                let (head, body) = (frame.head.slice(..at), Payload::new());
                let cut = Frame { head, body };
                prop_assert!(decode(&cut).is_err());
            }
            let bytes = joined(&frame);
            check_bit_flips(&bytes, |bytes| {
                split(&Bytes::copy_from_slice(bytes)).and_then(|frame| decode(&frame))
            });
        }
    }

    #[test]
    fn one_damaged_under_its_checksum_is_refused_or_means_what_it_says(
        end in ends(), head in damage(), body in damage(),
    ) {
        let damaged = reseal(&encode(&PathMessage::Open(end)), &head, &body);
        if let Ok(decoded) = decode(&damaged) {
            prop_assert_eq!(encode(&decoded), damaged);
        }
    }

    #[test]
    fn no_bytes_are_too_strange(head: Vec<u8>, body: Vec<u8>) {
        let frame = Frame { head: head.into(), body: body.into() };
        if let Ok(message) = decode(&frame) {
            prop_assert_eq!(encode(&message), frame);
        }
    }
}

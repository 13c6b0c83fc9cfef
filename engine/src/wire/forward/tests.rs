use proptest::prelude::*;

use super::*;
use crate::payload::Payload;

fn forwarded(direction: Direction) -> Forwarded {
    Forwarded {
        direction,
        client: Address::new(0x0102),
        message: Frame {
            head: Bytes::from_static(b"abc"),
            body: Payload::from_static(b"defg"),
        },
    }
}

#[test]
fn version_1_in_bytes() {
    let there = encode(&forwarded(Direction::Request));
    // Magic, version, kind, spare, lengths of head and body, checksum; then the client, the
    // length of its message's head, and that.
    assert_eq!(&there.head[..8], b"SGFW\x01\x00\x25\x00");
    assert_eq!(&there.head[8..16], [31, 0, 0, 0, 4, 0, 0, 0]);
    assert_eq!(
        &there.head[20..],
        [2, 1, 0, 0, 3, 0, 0, 0, b'a', b'b', b'c']
    );
    assert_eq!(&there.body[..], b"defg");
    let back = encode(&forwarded(Direction::Reply));
    assert_eq!(&back.head[..8], b"SGFW\x01\x00\x26\x00");
}

#[test]
fn each_decodes_to_itself_and_a_cut_or_changed_one_to_nothing() {
    for direction in [Direction::Request, Direction::Reply] {
        let forwarded = forwarded(direction);
        let frame = encode(&forwarded);
        assert!(is_forwarded(&frame));
        assert_eq!(decode(&frame), Ok(forwarded));
        for at in 0..frame.head.len() {
            let body = frame.body.clone();
            let head = frame.head.slice(..at);
            assert!(
                decode(&Frame {
                    head,
                    body: body.clone()
                })
                .is_err()
            );
            let mut changed = frame.head.to_vec();
            changed[at] ^= 0x10;
            let head = changed.into();
            assert!(decode(&Frame { head, body }).is_err(), "byte {at}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(head: Vec<u8>, body: Vec<u8>) {
        let frame = Frame { head: head.into(), body: body.into() };
        if let Ok(forwarded) = decode(&frame) {
            prop_assert_eq!(encode(&forwarded), frame);
        }
    }
}

use proptest::prelude::*;

use super::*;

const ASK: Probe = Probe::Ask {
    nonce: 0x0102,
    attempt: 3,
};
const HERE: Probe = Probe::Here {
    nonce: 0x0102,
    attempt: 3,
    node: NodeId::new(4),
};

#[test]
fn version_1_in_bytes() {
    let ask = encode(&ASK);
    let here = encode(&HERE);
    // Magic, version, kind, spare, lengths of head and body, checksum; then nonce, attempt
    // and, in an answer, the node.
    assert_eq!(&ask.head[..8], b"SGPB\x01\x00\x1e\x00");
    assert_eq!(&ask.head[8..16], [32, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(&ask.head[20..], [2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
    assert_eq!(&here.head[..8], b"SGPB\x01\x00\x1f\x00");
    assert_eq!(
        &here.head[20..],
        [2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]
    );
    assert!(ask.body.is_empty() && here.body.is_empty());
}

#[test]
fn each_decodes_to_itself_and_a_cut_or_changed_one_to_nothing() {
    for probe in [ASK, HERE] {
        let frame = encode(&probe);
        assert!(is_probe(&frame));
        assert_eq!(decode(&frame), Ok(probe));
        for at in 0..frame.head.len() {
            let cut = frame.head.slice(..at);
            let body = Payload::new();
            assert!(decode(&Frame { head: cut, body }).is_err());
            let mut changed = frame.head.to_vec();
            changed[at] ^= 0x10;
            let (head, body) = (changed.into(), Payload::new());
            assert!(decode(&Frame { head, body }).is_err(), "byte {at}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(head: Vec<u8>, body: Vec<u8>) {
        let frame = Frame { head: head.into(), body: body.into() };
        if let Ok(probe) = decode(&frame) {
            prop_assert_eq!(encode(&probe), frame);
        }
    }
}

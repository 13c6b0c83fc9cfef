use proptest::prelude::*;

use super::*;

const ALIVE: PartnerMessage = PartnerMessage::Alive(Alive {
    node: NodeId::new(4),
    incarnation: 0x0102,
    beat: 7,
    epoch: 3,
    standing: Standing::Serves,
});
const ASK: PartnerMessage = PartnerMessage::AskHandOver(AskHandOver {
    node: NodeId::new(4),
    epoch: 3,
    attempt: 2,
});
const NOTICE: PartnerMessage = PartnerMessage::Notice(Notice {
    node: NodeId::new(4),
    incarnation: 0x0102,
});

#[test]
fn version_1_in_bytes() {
    let alive = encode(&ALIVE);
    let ask = encode(&ASK);
    // Magic, version, kind, spare, lengths of head and body, checksum; then the fields.
    assert_eq!(&alive.head[..8], b"SGIC\x01\x00\x22\x00");
    assert_eq!(&alive.head[8..16], [49, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(
        &alive.head[20..],
        [
            4, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4
        ]
    );
    assert_eq!(&ask.head[..8], b"SGIC\x01\x00\x23\x00");
    assert_eq!(
        &ask.head[20..],
        [4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]
    );
    let notice = encode(&NOTICE);
    assert_eq!(&notice.head[..8], b"SGIC\x01\x00\x24\x00");
    assert_eq!(&notice.head[20..], [4, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]);
    assert!(alive.body.is_empty() && ask.body.is_empty() && notice.body.is_empty());
}

#[test]
fn each_decodes_to_itself_and_a_cut_or_changed_one_to_nothing() {
    for message in [ALIVE, ASK, NOTICE] {
        let frame = encode(&message);
        assert_eq!(decode(&frame), Ok(message));
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
        if let Ok(message) = decode(&frame) {
            prop_assert_eq!(encode(&message), frame);
        }
    }
}

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::codec::envelope::seal;
use crate::codec::testing::damage::{check_bit_flips, check_versions, damage, reseal, with_head};
use crate::codec::testing::strategies::{peer_message, transfer};
use crate::codec::testing::{blocks, flat, golden, joined};
use crate::contract::PAGE_BYTES;
use crate::storage_set::record::CommandResult;
use crate::vocabulary::{
    BlockIndex, ClientId, CommandId, Content, CopyNumber, Outcome, Range, SequenceId, Session,
    SessionIncarnation, SetId, SiteEpoch, VolumeId, Watermark,
};
use crate::wire::{CopyTransfer, Member, Transfer, split};

const GOLDEN: &str = include_str!("../../../golden/peer.hex");
const VOLUME: VolumeId = VolumeId::new(1);
const SET: SetId = SetId::new(9);
const COPY: CopyNumber = CopyNumber::new(2);

fn session() -> Session {
    Session {
        site_epoch: SiteEpoch::new(4),
        incarnation: SessionIncarnation::new(6),
    }
}

fn command(counter: u64) -> CommandId {
    CommandId {
        client: ClientId::new(3),
        counter,
    }
}

fn range(start: u64, count: u32) -> Range {
    Range::new(BlockIndex::new(start), count).expect("tests use sane ranges")
}

fn member(counter: u64, count: u8) -> Member {
    Member {
        command: command(counter),
        sequence: SequenceId::new(counter + 100),
        range: range(counter * 10, u32::from(count)),
        content: Content::Data(blocks(0xaa, count)),
    }
}

fn set() -> Transfer {
    let zeroes = Member {
        content: Content::Zeroes,
        ..member(18, 2)
    };
    let nothing = Member {
        content: Content::Nothing,
        ..member(19, 2)
    };
    Transfer::Set(vec![member(17, 1), zeroes, nothing])
}

fn copy() -> Transfer {
    let result = |counter, outcome, range| CommandResult {
        command: command(counter),
        outcome,
        range,
    };
    Transfer::Copy(CopyTransfer {
        copy: COPY,
        range: range(9, 2),
        content: Content::Data(blocks(0xaa, 2)),
        versions: vec![SequenceId::new(41), SequenceId::new(7)],
        results: vec![
            result(17, Outcome::Performed, Some(range(9, 1))),
            result(18, Outcome::Failed, None),
        ],
    })
}

/// The portions of a transfer as its sender makes them.
fn portions(transfer: &Transfer, portion_bytes: u32) -> Vec<Portion> {
    let encoded = encode_transfer(transfer);
    let slices = cut(&encoded, portion_bytes);
    let count = u16::try_from(slices.len()).expect("cut sees to it");
    let name = match transfer {
        Transfer::Set(_) => TransferId::Set(SET),
        Transfer::Copy(copy) => TransferId::Copy(copy.copy),
    };
    let portions = (0..count).zip(slices).map(|(index, slice)| Portion {
        volume: VOLUME,
        session: session(),
        transfer: name,
        oldest_set: SetId::new(8),
        attempt: 2,
        index,
        count,
        head_bytes: encoded.head_bytes(),
        payload_bytes: encoded.payload_bytes(),
        watermarks: vec![Watermark {
            client: ClientId::new(3),
            counter: 15,
        }],
        head: slice.head,
        slice: slice.payload,
    });
    portions.collect()
}

#[expect(clippy::too_many_lines, reason = "one message of each kind")]
fn messages() -> Vec<(&'static str, PeerMessage)> {
    let (volume, session, attempt) = (VOLUME, session(), 2);
    let watermarks = vec![
        Watermark {
            client: ClientId::new(3),
            counter: 15,
        },
        Watermark {
            client: ClientId::new(4),
            counter: 1,
        },
    ];
    let hello = Hello {
        volume,
        session,
        attempt,
        format: 0x2122_2324_2526_2728,
        watermarks,
        resync: true,
        blocks: 0x3132_3334,
    };
    let reason = HelloRefusal::NotClean;
    let portion = |transfer| PeerMessage::Portion(portions(&transfer, 8192).swap_remove(0));
    vec![
        ("hello", PeerMessage::Hello(hello)),
        (
            "hello-ack",
            PeerMessage::HelloAck {
                volume,
                session,
                attempt,
                dirty: vec![range(8, 16)],
                rolled_back: vec![range(8, 8)],
            },
        ),
        (
            "hello-refused",
            PeerMessage::HelloRefused {
                volume,
                session,
                attempt,
                reason,
            },
        ),
        ("set", portion(set())),
        ("copy", portion(copy())),
        (
            "set-ack",
            PeerMessage::SetAck {
                volume,
                session,
                set: SET,
                attempt,
            },
        ),
        (
            "copy-ack",
            PeerMessage::CopyAck {
                volume,
                session,
                copy: COPY,
                attempt,
            },
        ),
        (
            "finish",
            PeerMessage::Finish {
                volume,
                session,
                attempt,
            },
        ),
        (
            "finish-ack",
            PeerMessage::FinishAck {
                volume,
                session,
                attempt,
                rolled_back: vec![range(8, 8)],
            },
        ),
        (
            "hand-off",
            PeerMessage::HandOff {
                volume,
                session,
                epoch: SiteEpoch::new(5),
                attempt,
            },
        ),
        (
            "hand-off-refused",
            PeerMessage::HandOffRefused {
                volume,
                session,
                epoch: SiteEpoch::new(5),
                attempt,
            },
        ),
        (
            "lease",
            PeerMessage::Lease {
                volume,
                session,
                nonce: 77,
            },
        ),
        (
            "granted",
            PeerMessage::Granted {
                volume,
                session,
                nonce: 77,
            },
        ),
        (
            "fetch",
            PeerMessage::Fetch {
                volume,
                session,
                nonce: 77,
                range: range(9, 2),
                attempt,
                command: Some(command(17)),
            },
        ),
        (
            "fetched",
            PeerMessage::Fetched {
                volume,
                session,
                nonce: 77,
                range: range(9, 2),
                attempt,
                outcome: Some(Outcome::Performed),
                versions: vec![SequenceId::new(41), SequenceId::new(7)],
                data: blocks(0xaa, 2),
            },
        ),
        (
            "unproven",
            PeerMessage::Unproven {
                volume,
                session,
                nonce: 78,
                attempt,
            },
        ),
        (
            "not-owner",
            PeerMessage::NotOwner {
                volume,
                session,
                attempt,
            },
        ),
    ]
}

fn decode_bytes(bytes: &[u8]) -> Result<PeerMessage, DecodeError> {
    split(&Bytes::copy_from_slice(bytes)).and_then(|frame| decode(&frame))
}

#[test]
fn messages_keep_their_golden_bytes() {
    for (name, message) in messages() {
        let section = format!("{name}, version 5");
        golden::check(GOLDEN, &section, &joined(&encode(&message)));
        assert_eq!(
            decode_bytes(&golden::section(GOLDEN, &section)),
            Ok(message)
        );
        let versions = [2, 3, 4].map(|version| format!("{name}, version {version}"));
        for earlier in [name.to_owned()].into_iter().chain(versions) {
            let bytes = golden::section(GOLDEN, &earlier);
            if !bytes.is_empty() {
                let decoded = decode_bytes(&bytes);
                assert_eq!(decoded, Err(DecodeError::Version), "{earlier}");
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for (_, message) in messages() {
        check_bit_flips(&joined(&encode(&message)), decode_bytes);
    }
}

#[test]
fn foreign_versions_are_refused_as_such() {
    for (_, message) in messages() {
        let frame = encode(&message);
        let body = frame.body.clone();
        let seal = |head: &mut [u8]| {
            seal(head, std::slice::from_ref(&body));
        };
        check_versions(&frame.head, 5, seal, |head| {
            decode(&Frame {
                head: Bytes::copy_from_slice(head),
                body: body.clone(),
            })
        });
    }
}

#[test]
fn a_written_block_is_one_portion_and_crosses_without_a_copy() {
    let member = member(17, 1);
    let Content::Data(data) = member.content.clone() else {
        panic!("a member with data")
    };
    let sent = portions(&Transfer::Set(vec![member.clone()]), 8192);
    let [portion] = &sent[..] else {
        panic!("{} portions", sent.len())
    };

    let frame = encode(&PeerMessage::Portion(portion.clone()));
    assert_eq!(frame.body.as_ptr(), data.as_ptr());
    let Ok(PeerMessage::Portion(received)) = decode(&frame) else {
        panic!("a valid portion")
    };
    let assembled = assemble(std::slice::from_ref(&received));
    assert_eq!(assembled, Ok(Transfer::Set(vec![member])));
    let Ok(Transfer::Set(members)) = assembled else {
        panic!("a set")
    };
    let Content::Data(assembled) = &members[0].content else {
        panic!("a member with data")
    };
    assert_eq!(assembled.as_ptr(), data.as_ptr());
}

#[test]
fn a_long_write_is_cut_without_a_copy() {
    let member = member(17, 5);
    let Content::Data(data) = member.content.clone() else {
        panic!("a member with data")
    };
    let sent = portions(&Transfer::Set(vec![member]), 8192);
    assert_eq!(
        sent.iter().map(|p| p.slice.len()).collect::<Vec<_>>(),
        [8192, 8192, 4096]
    );
    for (place, portion) in sent.iter().enumerate() {
        assert_eq!(portion.slice.as_ptr(), data[place * 8192..].as_ptr());
    }
}

#[test]
fn a_long_head_is_cut_too() {
    let nothing = |counter| Member {
        content: Content::Nothing,
        ..member(counter, 1)
    };
    let set = Transfer::Set((0..40).map(nothing).collect());
    let sent = portions(&set, 8192);
    assert_eq!(
        sent.iter().map(|p| p.head.len()).collect::<Vec<_>>(),
        [512, 512, 296]
    );
    assert_eq!(assemble(&sent), Ok(set));
}

#[test]
fn an_empty_set_is_one_portion() {
    let sent = portions(&Transfer::Set(Vec::new()), 8192);
    assert_eq!(sent.len(), 1);
    assert_eq!(assemble(&sent), Ok(Transfer::Set(Vec::new())));
}

#[test]
fn portions_assemble_only_whole_in_order_and_of_one_transfer() {
    let whole = portions(&Transfer::Set(vec![member(17, 3), member(18, 2)]), 8192);
    assert_eq!(whole.len(), 3);
    let field = |name| Err(DecodeError::Field(name));
    let broken = |change: &dyn Fn(&mut Vec<Portion>)| {
        let mut broken = whole.clone();
        change(&mut broken);
        assemble(&broken)
    };
    assert!(broken(&|_| ()).is_ok());
    assert_eq!(broken(&Vec::clear), Err(DecodeError::Truncated));
    assert_eq!(broken(&|p| p.truncate(2)), field("portion count"));
    assert_eq!(broken(&|p| p.swap(0, 1)), field("portion index"));
    assert_eq!(broken(&|p| p[1] = p[0].clone()), field("portion index"));
    let foreign = TransferId::Set(SetId::new(1));
    let other = field("portion of another transfer");
    assert_eq!(broken(&|p| p[2].transfer = foreign), other);
    assert_eq!(broken(&|p| p[2].payload_bytes += 1), other);
    assert_eq!(
        broken(&|p| p[1].slice = p[1].slice.slice(..1)),
        field("transfer length")
    );
    assert_eq!(broken(&|p| p[0].head.clear()), field("transfer length"));
}

#[test]
fn a_transfer_holds_what_its_head_says() {
    let reshape = |change: &dyn Fn(&mut Vec<u8>, &mut Vec<u8>)| {
        let mut portion = portions(&Transfer::Set(vec![member(17, 1)]), 8192).swap_remove(0);
        let (mut head, mut slice) = (portion.head.to_vec(), portion.slice.to_vec());
        change(&mut head, &mut slice);
        portion.head_bytes = crate::codec::length(head.len());
        portion.payload_bytes = crate::codec::length(slice.len());
        portion.head = head.into();
        portion.slice = slice.into();
        assemble(&[portion])
    };
    let field = |name| Err(DecodeError::Field(name));
    assert!(reshape(&|_, _| ()).is_ok());
    assert_eq!(
        reshape(&|head, _| head.truncate(20)),
        Err(DecodeError::Truncated)
    );
    assert_eq!(
        reshape(&|_, slice| slice.truncate(4095)),
        Err(DecodeError::Truncated)
    );
    assert_eq!(
        reshape(&|_, slice| slice.push(0)),
        Err(DecodeError::Trailing)
    );
    // Command 12, sequence 8, start 8, count 4, content 1.
    assert_eq!(
        reshape(&|head, _| head[28..32].fill(0xff)),
        field("payload length")
    );
    assert_eq!(reshape(&|head, _| head[32] = 4), field("content"));
}

#[test]
fn a_portion_lies_inside_its_transfer() {
    let [portion] = &portions(&set(), 8192)[..] else {
        panic!("a small set is one portion")
    };
    // Envelope 20, volume 4, session 16, set 8, oldest set 8, attempt 4.
    let frame = encode(&PeerMessage::Portion(portion.clone()));
    let edit = |at: usize, bytes: &[u8]| {
        decode(&with_head(&frame, |head| {
            head[at..at + bytes.len()].copy_from_slice(bytes)
        }))
    };
    let field = |name| Err(DecodeError::Field(name));
    assert!(edit(48, &[9]).is_ok());
    assert_eq!(edit(48, &[10]), field("oldest set"));
    assert_eq!(edit(60, &[1, 0]), field("portion index"));
    assert_eq!(edit(62, &[0, 0]), field("portion index"));
    assert!(edit(62, &[0xff, 0]).is_ok());
    assert_eq!(edit(64, &[98, 0, 0, 0]), field("portion head"));
    assert_eq!(edit(68, &[0xff, 0x0f, 0, 0]), field("portion slice"));
    assert_eq!(edit(62, &[0xff, 0xff]), field("portion count"));
    let beyond = (TRANSFER_BYTES_MAX + 1).to_le_bytes();
    assert_eq!(edit(64, &beyond), field("transfer length"));
    assert_eq!(edit(68, &beyond), field("transfer length"));
}

#[test]
fn answers_carry_no_more_than_they_should() {
    let (volume, session, attempt) = (VOLUME, session(), 2);
    let frame = encode(&PeerMessage::HelloAck {
        volume,
        session,
        attempt,
        dirty: Vec::new(),
        rolled_back: Vec::new(),
    });
    let longer = with_head(&frame, |head| head.push(0));
    assert_eq!(decode(&longer), Err(DecodeError::Trailing));
    let with_body = with_head(
        &Frame {
            body: blocks(0, 1),
            head: frame.head.clone(),
        },
        |_| (),
    );
    assert_eq!(decode(&with_body), Err(DecodeError::Trailing));
    let kind = with_head(&frame, |head| head[6] = kind::CONNECT.0);
    assert_eq!(decode(&kind), Err(DecodeError::Field("kind")));
    let refused = encode(&messages()[2].1);
    let reason = with_head(&refused, |head| *head.last_mut().expect("not empty") = 5);
    assert_eq!(decode(&reason), Err(DecodeError::Field("hello refusal")));
}

proptest! {
    #[test]
    fn any_message_comes_back(message in peer_message()) {
        prop_assert_eq!(decode(&encode(&message)), Ok(message));
    }

    #[test]
    fn any_transfer_comes_back(transfer in transfer(), portion_bytes in 1u32..20_000) {
        let portion_bytes = portion_bytes.max(100);
        let sent = portions(&transfer, portion_bytes);
        prop_assert!(sent.iter().all(|p| p.slice.len() <= portion_bytes as usize));
        prop_assert!(sent.iter().all(|p| p.head.len() <= HEAD_SLICE_BYTES));
        let mut received = Vec::new();
        for portion in sent {
            let frame = encode(&PeerMessage::Portion(portion));
            let Ok(PeerMessage::Portion(portion)) = decode(&frame) else {
                panic!("a portion that was cut decodes");
            };
            received.push(portion);
        }
        prop_assert_eq!(assemble(&received), Ok(transfer));
    }

    #[test]
    fn no_bytes_panic(head in vec(any::<u8>(), 0..200), body in vec(any::<u8>(), 0..50)) {
        let frame = Frame { head: head.into(), body: body.into() };
        prop_assert!(decode(&frame).is_err());
    }

    #[test]
    fn no_damaged_bytes_panic(message in peer_message(), damage in damage()) {
        let bytes = joined(&encode(&message));
        let damaged = damage.anywhere(&bytes);
        prop_assert_eq!(decode_bytes(&damaged).is_ok(), bytes == damaged);
    }

    #[test]
    fn a_message_damaged_under_its_checksum_is_refused_or_means_what_it_says(
        message in peer_message(), head in damage(), body in damage(),
    ) {
        let damaged = reseal(&encode(&message), &head, &body);
        if let Ok(decoded) = decode(&damaged) {
            prop_assert_eq!(encode(&decoded), damaged);
        }
    }

    #[test]
    fn a_transfer_damaged_under_its_checksum_is_refused_or_means_what_it_says(
        transfer in transfer(), head in damage(), pages in 0usize..6,
    ) {
        let mut portion = portions(&transfer, 1 << 20).swap_remove(0);
        portion.count = 1;
        portion.head = head.anywhere(&encode_transfer(&transfer).head).into();
        portion.head_bytes = crate::codec::length(portion.head.len());
        if pages > 0 {
            portion.slice = vec![7; pages * PAGE_BYTES].into();
            portion.payload_bytes = crate::codec::length(portion.slice.len());
        }
        if let Ok(assembled) = assemble(&[portion.clone()]) {
            let again = encode_transfer(&assembled);
            prop_assert_eq!(again.head, portion.head);
            prop_assert_eq!(flat(&again.payload), portion.slice.to_vec());
        }
    }
}

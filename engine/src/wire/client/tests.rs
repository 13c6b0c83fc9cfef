use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::codec::envelope::seal;
use crate::codec::testing::damage::{check_bit_flips, check_versions, damage, reseal, with_head};
use crate::codec::testing::strategies::{client_reply, client_request};
use crate::codec::testing::{blocks, golden, joined};
use crate::time::Instant;
use crate::vocabulary::{BlockIndex, ClientId, CommandId, Range, Ticket, VolumeId};
use crate::wire::split;

const GOLDEN: &str = include_str!("../../../golden/client.hex");

fn range(start: u64, count: u32) -> Range {
    Range::new(BlockIndex::new(start), count).expect("tests use sane ranges")
}

fn ticket() -> Ticket {
    Ticket {
        incarnation: 0x1112_1314_1516_1718,
        issued: Instant::from_nanos(1_500_000_000),
    }
}

fn command(command: Command) -> ClientRequest {
    ClientRequest::Command(CommandFrame {
        id: CommandId {
            client: ClientId::new(3),
            counter: 17,
        },
        volume: VolumeId::new(1),
        attempt: 2,
        ticket: ticket(),
        watermark: 15,
        command,
    })
}

fn write() -> ClientRequest {
    command(Command::Write(range(9, 1), blocks(0xaa, 1)))
}

fn answer(status: Status) -> ClientReply {
    let id = CommandId {
        client: ClientId::new(3),
        counter: 17,
    };
    ClientReply::Answer {
        id,
        attempt: 2,
        ticket: ticket(),
        status,
    }
}

fn requests() -> Vec<(&'static str, ClientRequest)> {
    let (client, volume) = (ClientId::new(3), VolumeId::new(1));
    let (expected, data) = (blocks(1, 2), blocks(0xaa, 2));
    vec![
        (
            "connect",
            ClientRequest::Connect {
                client,
                volume,
                attempt: 2,
            },
        ),
        ("read", command(Command::Read(range(9, 4)))),
        ("write", write()),
        (
            "write-zeroes",
            command(Command::WriteZeroes(range(9, 1000))),
        ),
        (
            "compare-and-write",
            command(Command::CompareAndWrite {
                range: range(9, 2),
                expected,
                data,
            }),
        ),
        ("flush", command(Command::Flush)),
        ("retry", command(Command::Retry)),
    ]
}

fn replies() -> Vec<(&'static str, ClientReply)> {
    let id = CommandId {
        client: ClientId::new(3),
        counter: 17,
    };
    vec![
        (
            "connected",
            ClientReply::Connected {
                client: id.client,
                attempt: 2,
                ticket: ticket(),
            },
        ),
        (
            "retrying",
            ClientReply::Retrying {
                id,
                attempt: 2,
                ticket: ticket(),
            },
        ),
        ("elsewhere", ClientReply::Elsewhere { id, attempt: 2 }),
        ("success", answer(Status::Success(None))),
        (
            "success-with-data",
            answer(Status::Success(Some(blocks(0xaa, 2)))),
        ),
        ("mismatch", answer(Status::Mismatch)),
        (
            "refused",
            answer(Status::Refused(RefusedReason::NotPerformed)),
        ),
        ("cancelled", answer(Status::Cancelled)),
        (
            "unknown",
            answer(Status::Unknown(UnknownReason::StaleTicket)),
        ),
    ]
}

#[test]
fn requests_keep_their_golden_bytes() {
    for (name, request) in requests() {
        golden::check(GOLDEN, name, &joined(&encode_request(&request)));
        let bytes = Bytes::from(golden::section(GOLDEN, name));
        assert_eq!(
            split(&bytes).and_then(|frame| decode_request(&frame)),
            Ok(request)
        );
    }
}

#[test]
fn replies_keep_their_golden_bytes() {
    for (name, reply) in replies() {
        golden::check(GOLDEN, name, &joined(&encode_reply(&reply)));
        let bytes = Bytes::from(golden::section(GOLDEN, name));
        assert_eq!(
            split(&bytes).and_then(|frame| decode_reply(&frame)),
            Ok(reply)
        );
    }
}

#[test]
fn written_and_read_data_is_never_copied() {
    let data = blocks(7, 3);
    let frame = encode_request(&command(Command::Write(range(0, 3), data.clone())));
    assert_eq!(frame.body.as_ptr(), data.as_ptr());
    let Ok(ClientRequest::Command(decoded)) = decode_request(&frame) else {
        panic!("a valid request decodes");
    };
    let Command::Write(_, decoded) = decoded.command else {
        panic!("it was a write")
    };
    assert_eq!(decoded.as_ptr(), data.as_ptr());

    let frame = encode_reply(&answer(Status::Success(Some(data.clone()))));
    assert_eq!(frame.body.as_ptr(), data.as_ptr());
    let Ok(ClientReply::Answer {
        status: Status::Success(Some(decoded)),
        ..
    }) = decode_reply(&frame)
    else {
        panic!("a valid reply decodes");
    };
    assert_eq!(decoded.as_ptr(), data.as_ptr());
}

#[test]
fn every_flipped_bit_is_noticed() {
    let decode_request =
        |bytes: &[u8]| split(&Bytes::copy_from_slice(bytes)).and_then(|f| decode_request(&f));
    let decode_reply =
        |bytes: &[u8]| split(&Bytes::copy_from_slice(bytes)).and_then(|f| decode_reply(&f));
    check_bit_flips(&joined(&encode_request(&write())), decode_request);
    check_bit_flips(
        &joined(&encode_request(&command(Command::Flush))),
        decode_request,
    );
    check_bit_flips(
        &joined(&encode_reply(&answer(Status::Mismatch))),
        decode_reply,
    );
}

#[test]
fn a_head_is_not_mistaken_for_a_body() {
    let frame = encode_request(&write());
    let bytes = joined(&frame);
    for at in (0..frame.head.len() + 64).filter(|at| *at != frame.head.len()) {
        let moved = Frame {
            head: bytes.slice(..at),
            body: bytes.slice(at..).into(),
        };
        assert!(decode_request(&moved).is_err(), "split at {at}");
    }
}

#[test]
fn foreign_versions_are_refused_as_such() {
    let reseal = |head: &mut [u8]| {
        seal(head, &[]);
    };
    let frame = |head: &[u8]| Frame {
        head: Bytes::copy_from_slice(head),
        body: Payload::new(),
    };
    let request = encode_request(&command(Command::Retry));
    check_versions(&request.head, 1, reseal, |head| {
        decode_request(&frame(head))
    });
    let reply = encode_reply(&answer(Status::Cancelled));
    check_versions(&reply.head, 1, reseal, |head| decode_reply(&frame(head)));
}

/// Offsets in the head of a command: envelope 20, id 12, volume 4, attempt 4,
/// ticket 16, watermark 8.
const COMMAND_OFFSET: usize = 64;
const COUNT_OFFSET: usize = COMMAND_OFFSET + 1 + 8;
/// Envelope 20, id 12, attempt 4, ticket 16.
const STATUS_OFFSET: usize = 52;

#[test]
fn a_write_of_another_length_than_its_range_is_refused() {
    let count = |frame: &Frame, count: u32| {
        with_head(frame, |head| {
            head[COUNT_OFFSET..COUNT_OFFSET + 4].copy_from_slice(&count.to_le_bytes());
        })
    };
    let write = encode_request(&command(Command::Write(range(0, 2), blocks(1, 2))));
    assert_eq!(
        decode_request(&count(&write, 1)),
        Err(DecodeError::Trailing)
    );
    assert_eq!(
        decode_request(&count(&write, 3)),
        Err(DecodeError::Truncated)
    );
    assert_eq!(
        decode_request(&count(&write, 0)),
        Err(DecodeError::Field("range"))
    );
    let beyond = Err(DecodeError::Field("payload length"));
    assert_eq!(
        decode_request(&count(&write, MESSAGE_BLOCKS_MAX + 1)),
        beyond
    );
    assert_eq!(decode_request(&count(&write, u32::MAX)), beyond);
}

#[test]
fn unknown_kinds_commands_and_statuses_are_refused() {
    let request = encode_request(&command(Command::Retry));
    let edit = |frame: &Frame, at: usize, byte: u8| with_head(frame, |head| head[at] = byte);
    let field = |name| Err(DecodeError::Field(name));
    assert_eq!(
        decode_request(&edit(&request, 6, kind::ANSWER.0)),
        field("kind")
    );
    assert_eq!(decode_request(&edit(&request, 7, 1)), field("spare"));
    assert_eq!(
        decode_request(&edit(&request, COMMAND_OFFSET, 7)),
        field("command")
    );
    let reply = encode_reply(&answer(Status::Refused(RefusedReason::TooLarge)));
    assert_eq!(
        decode_reply(&edit(&reply, 6, kind::CONNECT.0)).err(),
        field("kind").err()
    );
    assert_eq!(
        decode_reply(&edit(&reply, STATUS_OFFSET, 7)),
        Err(DecodeError::Field("status"))
    );
    let reason = decode_reply(&edit(&reply, STATUS_OFFSET + 1, 7));
    assert_eq!(reason, Err(DecodeError::Field("refused reason")));
}

#[test]
fn an_answer_carries_whole_blocks() {
    let reply = encode_reply(&answer(Status::Success(Some(blocks(1, 1)))));
    let with_body = |body: Payload| {
        with_head(
            &Frame {
                head: reply.head.clone(),
                body,
            },
            |_| (),
        )
    };
    let refused = Err(DecodeError::Field("payload length"));
    assert_eq!(decode_reply(&with_body(Payload::new())), refused);
    assert_eq!(decode_reply(&with_body(blocks(1, 1).slice(1..))), refused);
    let beyond = vec![0; (MESSAGE_BLOCKS_MAX as usize + 1) * BLOCK_BYTES];
    assert_eq!(decode_reply(&with_body(beyond.into())), refused);
}

#[test]
fn bytes_behind_the_values_are_refused() {
    let request = encode_request(&command(Command::Retry));
    let longer = with_head(&request, |head| head.push(0));
    assert_eq!(decode_request(&longer), Err(DecodeError::Trailing));
    let body = with_head(
        &Frame {
            head: request.head,
            body: blocks(0, 1),
        },
        |_| (),
    );
    assert_eq!(decode_request(&body), Err(DecodeError::Trailing));
}

#[test]
#[should_panic(expected = "payload is as long as its range")]
fn encoding_a_write_of_another_length_is_our_own_bug() {
    encode_request(&command(Command::Write(range(0, 2), blocks(1, 1))));
}

proptest! {
    #[test]
    fn any_request_comes_back(request in client_request()) {
        prop_assert_eq!(decode_request(&encode_request(&request)), Ok(request));
    }

    #[test]
    fn any_reply_comes_back(reply in client_reply()) {
        prop_assert_eq!(decode_reply(&encode_reply(&reply)), Ok(reply));
    }

    #[test]
    fn no_bytes_panic(head in vec(any::<u8>(), 0..200), body in vec(any::<u8>(), 0..50)) {
        let frame = Frame { head: head.into(), body: body.into() };
        prop_assert!(decode_request(&frame).is_err());
        prop_assert!(decode_reply(&frame).is_err());
        let _ = split(&frame.head);
    }

    #[test]
    fn no_damaged_bytes_panic(request in client_request(), damage in damage()) {
        let bytes = joined(&encode_request(&request));
        let damaged = damage.anywhere(&bytes);
        let decoded = split(&Bytes::from(damaged.clone())).and_then(|f| decode_request(&f));
        prop_assert_eq!(decoded.is_ok(), damaged == bytes);
    }

    #[test]
    fn a_request_damaged_under_its_checksum_is_refused_or_means_what_it_says(
        request in client_request(), head in damage(), body in damage(),
    ) {
        let damaged = reseal(&encode_request(&request), &head, &body);
        if let Ok(decoded) = decode_request(&damaged) {
            prop_assert_eq!(encode_request(&decoded), damaged);
        }
    }

    #[test]
    fn a_reply_damaged_under_its_checksum_is_refused_or_means_what_it_says(
        reply in client_reply(), head in damage(), body in damage(),
    ) {
        let damaged = reseal(&encode_reply(&reply), &head, &body);
        if let Ok(decoded) = decode_reply(&damaged) {
            prop_assert_eq!(encode_reply(&decoded), damaged);
        }
    }
}

#[test]
fn a_watermark_beyond_the_commands_own_id_is_refused() {
    let frame = |watermark| {
        let ClientRequest::Command(frame) = write() else {
            unreachable!("a write is a command")
        };
        encode_request(&ClientRequest::Command(CommandFrame { watermark, ..frame }))
    };
    for watermark in [0, 18, u64::MAX] {
        assert_eq!(
            decode_request(&frame(watermark)),
            Err(DecodeError::Field("watermark"))
        );
    }
    for watermark in [1, 17] {
        assert!(decode_request(&frame(watermark)).is_ok());
    }
}

//! Any message: of clients, of the peer, of the mediator.

use super::*;

fn command() -> impl Strategy<Value = Command> {
    let written =
        || short_range().prop_flat_map(|range| (Just(range), payload(range), payload(range)));
    prop_oneof![
        range().prop_map(Command::Read),
        written().prop_map(|(range, data, _)| Command::Write(range, data)),
        range().prop_map(Command::WriteZeroes),
        written().prop_map(|(range, expected, data)| {
            Command::CompareAndWrite {
                range,
                expected,
                data,
            }
        }),
        Just(Command::Flush),
        Just(Command::Retry),
    ]
}

prop_compose! {
    fn command_frame()(
        client in client_id(),
        (watermark, further) in (1u64..1 << 62, any::<u8>()),
        volume in volume_id(),
        attempt in any_number(),
        ticket in ticket(),
        command in command(),
    ) -> CommandFrame {
        let id = CommandId { client, counter: watermark + u64::from(further) };
        CommandFrame { id, volume, attempt, ticket, watermark, command }
    }
}

pub(crate) fn client_request() -> impl Strategy<Value = ClientRequest> {
    prop_oneof![
        1 => (client_id(), volume_id(), any_number()).prop_map(|(client, volume, attempt)| {
            ClientRequest::Connect { client, volume, attempt }
        }),
        6 => command_frame().prop_map(ClientRequest::Command),
    ]
}

fn status() -> impl Strategy<Value = Status> {
    let refusals = vec![
        RefusedReason::OutOfRange,
        RefusedReason::TooLarge,
        RefusedReason::UnknownVolume,
        RefusedReason::NotPerformed,
        RefusedReason::Unreadable,
        RefusedReason::Moved,
    ];
    let unknowns = vec![
        UnknownReason::TimedOut,
        UnknownReason::StaleTicket,
        UnknownReason::TooOld,
        UnknownReason::Halted,
        UnknownReason::NotServing,
    ];
    prop_oneof![
        Just(Status::Success(None)),
        short_range()
            .prop_flat_map(payload)
            .prop_map(|data| Status::Success(Some(data))),
        Just(Status::Mismatch),
        select(refusals).prop_map(Status::Refused),
        Just(Status::Cancelled),
        select(unknowns).prop_map(Status::Unknown),
    ]
}

pub(crate) fn client_reply() -> impl Strategy<Value = ClientReply> {
    prop_oneof![
        1 => (client_id(), any_number(), ticket()).prop_map(|(client, attempt, ticket)| {
            ClientReply::Connected { client, attempt, ticket }
        }),
        1 => (command_id(), any_number(), ticket())
            .prop_map(|(id, attempt, ticket)| ClientReply::Retrying { id, attempt, ticket }),
        1 => (command_id(), any_number())
            .prop_map(|(id, attempt)| ClientReply::Elsewhere { id, attempt }),
        4 => (command_id(), any_number(), ticket(), status()).prop_map(
            |(id, attempt, ticket, status)| ClientReply::Answer { id, attempt, ticket, status }
        ),
    ]
}

prop_compose! {
    fn member()(range in short_range())(
        range in Just(range),
        command in command_id(),
        sequence in sequence_id(),
        content in content(range),
    ) -> Member {
        Member { command, sequence, range, content }
    }
}

prop_compose! {
    fn copy_transfer()(range in short_range())(
        range in Just(range),
        copy in copy_number(),
        content in content(range),
        versions in versions(range),
        results in vec(result(), 0..50),
    ) -> CopyTransfer {
        CopyTransfer { copy, range, content, versions, results }
    }
}

pub(crate) fn transfer() -> impl Strategy<Value = Transfer> {
    prop_oneof![
        vec(member(), 0..12).prop_map(Transfer::Set),
        copy_transfer().prop_map(Transfer::Copy),
    ]
}

prop_compose! {
    fn portion()(
        count in 1u16..5,
    )(
        volume in volume_id(),
        session in session(),
        (transfer, oldest_set) in prop_oneof![
            (set_id(), set_id()).prop_map(|(a, b)| (TransferId::Set(a.max(b)), a.min(b))),
            (copy_number(), set_id()).prop_map(|(copy, oldest)| (TransferId::Copy(copy), oldest)),
        ],
        attempt in any_number(),
        index in 0..count,
        count in Just(count),
        (more_head, more_payload) in (4u32..1000, 0u32..100_000),
        watermarks in vec(watermark(), 0..5),
        head in vec(any::<u8>(), 0..100),
        slice in vec(any::<u8>(), 0..300),
    ) -> Portion {
        let head_bytes = crate::codec::length(head.len()) + more_head;
        let payload_bytes = crate::codec::length(slice.len()) + more_payload;
        let (head, slice) = (head.into(), slice.into());
        Portion {
            volume, session, transfer, oldest_set, attempt, index, count, head_bytes,
            payload_bytes, watermarks, head, slice,
        }
    }
}

prop_compose! {
    fn hello()(
        volume in volume_id(),
        session in session(),
        attempt in any_number(),
        format in any::<u64>(),
        watermarks in vec(watermark(), 0..70),
        resync in any::<bool>(),
        blocks in any_number(),
    ) -> Hello {
        Hello { volume, session, attempt, format, watermarks, resync, blocks }
    }
}

fn fetched() -> impl Strategy<Value = PeerMessage> {
    let blocks =
        short_range().prop_flat_map(|range| (Just(range), payload(range), versions(range)));
    let question = (volume_id(), session(), any_number(), any_number());
    (question, option::of(outcome()), blocks).prop_map(
        |((volume, session, nonce, attempt), outcome, (range, data, versions))| {
            PeerMessage::Fetched {
                volume,
                session,
                nonce,
                range,
                attempt,
                outcome,
                versions,
                data,
            }
        },
    )
}

#[expect(clippy::too_many_lines, reason = "one message of each kind")]
pub(crate) fn peer_message() -> impl Strategy<Value = PeerMessage> {
    let answer = || (volume_id(), session(), any_number::<u32>());
    let refusals = vec![
        HelloRefusal::NotMirror,
        HelloRefusal::Stale,
        HelloRefusal::NotClean,
        HelloRefusal::Foreign,
    ];
    prop_oneof![
        hello().prop_map(PeerMessage::Hello),
        (answer(), vec(range(), 0..30), vec(range(), 0..30)).prop_map(
            |((volume, session, attempt), dirty, rolled_back)| {
                PeerMessage::HelloAck {
                    volume,
                    session,
                    attempt,
                    dirty,
                    rolled_back,
                }
            }
        ),
        answer().prop_map(|(volume, session, attempt)| PeerMessage::Finish {
            volume,
            session,
            attempt
        }),
        (answer(), vec(range(), 0..30)).prop_map(|((volume, session, attempt), rolled_back)| {
            PeerMessage::FinishAck {
                volume,
                session,
                attempt,
                rolled_back,
            }
        }),
        (answer(), site_epoch()).prop_map(|((volume, session, attempt), epoch)| {
            PeerMessage::HandOff {
                volume,
                session,
                epoch,
                attempt,
            }
        }),
        (answer(), site_epoch()).prop_map(|((volume, session, attempt), epoch)| {
            PeerMessage::HandOffRefused {
                volume,
                session,
                epoch,
                attempt,
            }
        }),
        (answer(), any_number()).prop_map(|((volume, session, _), nonce)| PeerMessage::Lease {
            volume,
            session,
            nonce
        }),
        (answer(), any_number()).prop_map(|((volume, session, _), nonce)| PeerMessage::Granted {
            volume,
            session,
            nonce
        }),
        (answer(), any_number(), range(), option::of(command_id())).prop_map(
            |((volume, session, attempt), nonce, range, command)| PeerMessage::Fetch {
                volume,
                session,
                nonce,
                range,
                attempt,
                command,
            }
        ),
        fetched(),
        (answer(), any_number()).prop_map(|((volume, session, attempt), nonce)| {
            PeerMessage::Unproven {
                volume,
                session,
                nonce,
                attempt,
            }
        }),
        (answer(), select(refusals)).prop_map(|((volume, session, attempt), reason)| {
            PeerMessage::HelloRefused {
                volume,
                session,
                attempt,
                reason,
            }
        }),
        portion().prop_map(PeerMessage::Portion),
        (answer(), set_id()).prop_map(|((volume, session, attempt), set)| {
            PeerMessage::SetAck {
                volume,
                session,
                set,
                attempt,
            }
        }),
        (answer(), copy_number()).prop_map(|((volume, session, attempt), copy)| {
            PeerMessage::CopyAck {
                volume,
                session,
                copy,
                attempt,
            }
        }),
        answer().prop_map(|(volume, session, attempt)| PeerMessage::NotOwner {
            volume,
            session,
            attempt
        }),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        Just(Ask::Read),
        Just(Ask::Lease),
        (site_epoch(), any::<bool>())
            .prop_map(|(expect, in_sync)| Ask::CompareAndSet { expect, in_sync }),
        (site_epoch(), site_id()).prop_map(|(expect, to)| Ask::HandOff { expect, to }),
        (site_epoch(), any::<bool>())
            .prop_map(|(expect, attested)| Ask::Force { expect, attested }),
    ]
}

prop_compose! {
    pub(crate) fn mediator_request()(
        volume in volume_id(),
        site in site_id(),
        nonce in any_number(),
        attempt in any_number(),
        ask in ask(),
    ) -> MediatorRequest {
        MediatorRequest { volume, site, nonce, attempt, ask }
    }
}

prop_compose! {
    pub(crate) fn mediator_reply()(
        volume in volume_id(),
        nonce in any_number(),
        attempt in any_number(),
        version in site_epoch(),
        owner in site_id(),
        in_sync in any::<bool>(),
        granted in any::<bool>(),
    ) -> MediatorReply {
        let record = MediatorRecord { version, owner, in_sync };
        MediatorReply { volume, nonce, attempt, record, granted }
    }
}

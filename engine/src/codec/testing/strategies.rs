//! Any value of every type that has bytes.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::blocks;
use crate::contract::ReservationKey;
use crate::storage_set::format::{BlockHeader, Checkpoint, Heartbeat, Superblock};
use crate::storage_set::layout::Geometry;
use crate::storage_set::record::{CommandResult, Entry, Mark, Mode, Perform, Record, Route};
use crate::storage_set::tables::{Consistency, Role, StoredResult, Tables};
use crate::time::Instant;
use crate::vocabulary::{
    BlockIndex, ClientId, Command, CommandId, Content, CopyNumber, Lsn, NodeId, Outcome, Range,
    RefusedReason, SequenceId, Session, SessionIncarnation, SetId, SiteEpoch, SiteId, Status,
    StorageSetId, Ticket, UnknownReason, VolumeId, Watermark,
};
use crate::wire::mediator::{Ask, MediatorRecord, MediatorReply, MediatorRequest};
use crate::wire::{
    ClientReply, ClientRequest, CommandFrame, CopyTransfer, Hello, HelloRefusal, Member,
    PeerMessage, Portion, Transfer, TransferId,
};

macro_rules! numbers {
    ($($strategy:ident: $name:ident;)+) => {$(
        fn $strategy() -> impl Strategy<Value = $name> + Clone {
            any_number().prop_map($name::new)
        }
    )+};
}

/// Small numbers and numbers of all sizes alike.
fn any_number<T: Arbitrary + From<u8> + Clone>() -> impl Strategy<Value = T> + Clone
where
    T::Strategy: Clone,
{
    prop_oneof![any::<u8>().prop_map(T::from), any::<T>()]
}

numbers! {
    block_index: BlockIndex;
    client_id: ClientId;
    copy_number: CopyNumber;
    incarnation: SessionIncarnation;
    lsn: Lsn;
    node_id: NodeId;
    sequence_id: SequenceId;
    set_id: SetId;
    site_epoch: SiteEpoch;
    site_id: SiteId;
    storage_set_id: StorageSetId;
    volume_id: VolumeId;
}

prop_compose! {
    fn command_id()(client in client_id(), counter in any_number()) -> CommandId {
        CommandId { client, counter }
    }
}
prop_compose! {
    fn session()(site_epoch in site_epoch(), incarnation in incarnation()) -> Session {
        Session { site_epoch, incarnation }
    }
}
prop_compose! {
    fn watermark()(client in client_id(), counter in any_number()) -> Watermark {
        Watermark { client, counter }
    }
}
prop_compose! {
    fn ticket()(incarnation in any_number(), issued in any_number()) -> Ticket {
        Ticket { incarnation, issued: Instant::from_nanos(issued) }
    }
}
prop_compose! {
    fn key()(epoch in any_number(), node in any_number()) -> ReservationKey {
        ReservationKey { epoch, node }
    }
}

fn range_of(count: impl Strategy<Value = u32> + Clone) -> impl Strategy<Value = Range> + Clone {
    let start = prop_oneof![0u64..1000, 0u64..1 << 63];
    (start, count).prop_map(|(start, count)| {
        Range::new(BlockIndex::new(start), count).expect("the parts are in bounds")
    })
}

/// Any range at all.
fn range() -> impl Strategy<Value = Range> + Clone {
    range_of(prop_oneof![1u32..10, 1u32..=u32::MAX])
}

/// A range that is carried with its payload.
fn short_range() -> impl Strategy<Value = Range> + Clone {
    range_of(1u32..5)
}

/// Payload of a short range.
fn payload(range: Range) -> impl Strategy<Value = Bytes> + Clone {
    let count = u8::try_from(range.count()).expect("the range is short");
    any::<u8>().prop_map(move |first| blocks(first, count))
}

fn content(range: Range) -> impl Strategy<Value = Content> + Clone {
    prop_oneof![
        4 => payload(range).prop_map(Content::Data),
        1 => Just(Content::Zeroes),
        1 => Just(Content::Nothing),
    ]
}

fn versions(range: Range) -> impl Strategy<Value = Vec<SequenceId>> + Clone {
    vec(sequence_id(), range.count() as usize)
}

fn outcome() -> impl Strategy<Value = Outcome> + Clone {
    select(vec![Outcome::Performed, Outcome::Mismatch, Outcome::Failed])
}

prop_compose! {
    fn result()(command in command_id(), outcome in outcome(), range in option::of(range()))
        -> CommandResult {
        CommandResult { command, outcome, range }
    }
}

prop_compose! {
    fn mark()(
        command in command_id(),
        sequence in sequence_id(),
        range in range(),
        checksum in any::<u32>(),
        session in session(),
    ) -> Mark {
        Mark { command, sequence, range, checksum, session }
    }
}

prop_compose! {
    fn perform()(range in short_range())(
        range in Just(range),
        command in command_id(),
        sequence in sequence_id(),
        content in content(range),
        outcome in select(vec![Outcome::Performed, Outcome::Mismatch]),
        session in session(),
        watermark in watermark(),
    ) -> Perform {
        Perform { command, sequence, range, content, outcome, session, watermark }
    }
}

fn mode() -> impl Strategy<Value = Mode> + Clone {
    select(vec![
        Mode::InSync,
        Mode::OosPending,
        Mode::OutOfSync,
        Mode::Resync,
    ])
}

fn route() -> impl Strategy<Value = Route> + Clone {
    select(vec![Route::Replicated, Route::LocalOnly])
}

fn entry() -> impl Strategy<Value = Entry> {
    let clears = || vec(command_id(), 0..70);
    let copied =
        short_range().prop_flat_map(|range| (Just(range), content(range), versions(range)));
    prop_oneof![
        (mark(), watermark(), clears(), route()).prop_map(|(mark, watermark, clears, route)| {
            Entry::Mark {
                mark,
                watermark,
                clears,
                route,
            }
        }),
        perform().prop_map(Entry::Perform),
        (command_id(), option::of(range()), watermark()).prop_map(|(command, range, watermark)| {
            Entry::Fail {
                command,
                range,
                watermark,
            }
        }),
        clears().prop_map(|clears| Entry::Clear { clears }),
        (session(), mode()).prop_map(|(session, mode)| Entry::Session { session, mode }),
        (session(), vec(watermark(), 0..70), any::<bool>()).prop_map(
            |(session, watermarks, resync)| Entry::Fence {
                session,
                watermarks,
                resync,
            }
        ),
        (vec(range(), 0..20), vec(range(), 0..20))
            .prop_map(|(set, clear)| Entry::Dirty { set, clear }),
        Just(Entry::Finish),
        Just(Entry::Lost),
        (copied.clone(), option::of(result())).prop_map(|((range, content, versions), verdict)| {
            Entry::Repair {
                range,
                content,
                versions,
                verdict,
            }
        }),
        (copy_number(), copied, vec(result(), 0..300)).prop_map(
            |(copy, (range, content, versions), results)| {
                Entry::Copy {
                    copy,
                    range,
                    content,
                    versions,
                    results,
                }
            }
        ),
    ]
}

prop_compose! {
    pub(crate) fn record()(
        lsn in lsn(),
        key in key(),
        previous in any::<u32>(),
        entry in entry(),
    ) -> Record {
        Record { lsn, key, previous, entry }
    }
}

prop_compose! {
    pub(crate) fn superblock()(
        set in storage_set_id(),
        format in any::<u64>(),
        blocks in 0u64..1 << 48,
        ring_pages in 0u64..1 << 48,
        checkpoint_pages in 0u64..1 << 48,
        region_blocks in 1u64..1 << 48,
    ) -> Superblock {
        let geometry = Geometry { blocks, ring_pages, checkpoint_pages, region_blocks };
        Superblock { set, format, geometry }
    }
}

prop_compose! {
    pub(crate) fn heartbeat()(
        node in node_id(),
        incarnation in any_number(),
        beat in any_number(),
        epoch in any_number(),
    ) -> Heartbeat {
        Heartbeat { node, incarnation, beat, epoch }
    }
}

prop_compose! {
    pub(crate) fn block_header()(
        block in block_index(),
        version in sequence_id(),
        checksum in any::<u32>(),
    ) -> BlockHeader {
        BlockHeader { block, version, checksum }
    }
}

prop_compose! {
    fn stored_result()(outcome in outcome(), range in option::of(range())) -> StoredResult {
        StoredResult { outcome, range }
    }
}

prop_compose! {
    fn tables()(
        role in select(vec![Role::Owner, Role::Mirror]),
        mode in mode(),
        consistency in select(vec![
            Consistency::Consistent, Consistency::Outdated, Consistency::Inconsistent,
            Consistency::Unpaired,
        ]),
        sessions in (session(), session()),
        last_copy in copy_number(),
        sequence_high in sequence_id(),
        marks in vec((command_id(), mark()), 0..20),
        results in vec((command_id(), stored_result()), 0..250),
        watermarks in vec((client_id(), any_number::<u64>()), 0..10),
        dirty in vec(any_number::<u64>(), 0..20),
        missing in vec(any_number::<u64>(), 0..20),
    ) -> Tables {
        Tables {
            role,
            mode,
            consistency,
            session: sessions.0,
            fence: sessions.1,
            last_copy,
            sequence_high,
            marks: marks.into_iter().collect(),
            results: results.into_iter().collect(),
            watermarks: watermarks.into_iter().collect(),
            dirty: dirty.into_iter().collect(),
            missing: missing.into_iter().collect(),
        }
    }
}

prop_compose! {
    pub(crate) fn checkpoint()(
        lsn in lsn(),
        next_page in any_number(),
        chain in any::<u32>(),
        tables in tables(),
    ) -> Checkpoint {
        Checkpoint { lsn, next_page, chain, tables }
    }
}

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
    ) -> Hello {
        Hello { volume, session, attempt, format, watermarks, resync }
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
        (answer(), vec(range(), 0..30)).prop_map(|((volume, session, attempt), dirty)| {
            PeerMessage::HelloAck {
                volume,
                session,
                attempt,
                dirty,
            }
        }),
        answer().prop_map(|(volume, session, attempt)| PeerMessage::Finish {
            volume,
            session,
            attempt
        }),
        answer().prop_map(|(volume, session, attempt)| PeerMessage::FinishAck {
            volume,
            session,
            attempt
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

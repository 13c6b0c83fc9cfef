//! Any value of every type that has bytes: what stands on devices here, messages in
//! `messages`.

mod messages;

pub(crate) use messages::{
    client_reply, client_request, mediator_reply, mediator_request, peer_message, transfer,
};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::blocks;
use crate::contract::ReservationKey;
use crate::payload::Payload;
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
fn payload(range: Range) -> impl Strategy<Value = Payload> + Clone {
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

fn consistency() -> impl Strategy<Value = Consistency> + Clone {
    select(vec![
        Consistency::Consistent,
        Consistency::Outdated,
        Consistency::Inconsistent,
        Consistency::Unpaired,
        Consistency::Called,
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
        (
            session(),
            vec(watermark(), 0..70),
            any::<bool>(),
            any_number()
        )
            .prop_map(|(session, watermarks, resync, blocks)| Entry::Fence {
                session,
                watermarks,
                resync,
                blocks,
            }),
        any_number().prop_map(|blocks| Entry::Grow { blocks }),
        (
            vec(range(), 0..20),
            vec(range(), 0..20),
            vec(range(), 0..20)
        )
            .prop_map(|(set, clear, rolled_back)| Entry::Dirty {
                set,
                clear,
                rolled_back,
            }),
        (session(), mode(), any::<bool>()).prop_map(|(session, mode, forced)| Entry::Activate {
            session,
            mode,
            forced,
        }),
        site_epoch().prop_map(|version| Entry::HandOff { version }),
        consistency().prop_map(|consistency| Entry::StandDown { consistency }),
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
        (copy_number(), copied, vec(result(), 0..300), any::<bool>()).prop_map(
            |(copy, (range, content, versions), results, differed)| {
                Entry::Copy {
                    copy,
                    range,
                    content,
                    versions,
                    results,
                    differed,
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
        (durable, page) in (lsn(), any::<u64>()),
        entry in entry(),
    ) -> Record {
        Record { lsn, key, previous, durable, page, entry }
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
        drained in any_number(),
    ) -> Heartbeat {
        Heartbeat { node, incarnation, beat, epoch, drained }
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
        role in select(vec![Role::Owner, Role::Mirror, Role::HandOff]),
        mode in mode(),
        consistency in consistency(),
        sessions in (session(), session()),
        last_copy in copy_number(),
        sequence_high in sequence_id(),
        marks in vec((command_id(), mark()), 0..20),
        results in vec((command_id(), stored_result()), 0..250),
        watermarks in vec((client_id(), any_number::<u64>()), 0..10),
        dirty in vec(any_number::<u64>(), 0..20),
        missing in vec(any_number::<u64>(), 0..20),
        (left_at, rolled_back, blocks) in
            (site_epoch(), vec(any_number::<u64>(), 0..20), any_number()),
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
            left_at,
            rolled_back: rolled_back.into_iter().collect(),
            blocks,
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

//! What modules report about themselves: read by oracles, timelines and
//! measures, and without influence on any behaviour.

use serde::{Deserialize, Serialize};

use crate::contract::{Address, IoError, ReservationKey};
use crate::local::Order;
use crate::storage_set::record::Mode;
use crate::vocabulary::{
    CommandId, CopyNumber, Lsn, NodeId, Outcome, Range, SequenceId, Session, SetId, SiteEpoch,
    Status, UnknownReason,
};
use crate::wire::HelloRefusal;
use crate::wire::mediator::MediatorRecord;
use crate::wire::path::Standing;

/// A report of a node's module.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Event {
    /// A D-module's life went on to this phase.
    Phase(Phase),
    /// The set's reservation was won on every device.
    Fenced(ReservationKey),
    /// The journal was read back to its first gap.
    Recovered {
        /// The last record.
        last: Lsn,
        /// Records read behind the checkpoint.
        records: u64,
        /// Marks that nobody resolved.
        orphans: u32,
    },
    /// Owner: a command was accepted and holds its range.
    Accepted {
        /// The command.
        command: CommandId,
        /// Its place in the volume's order.
        sequence: SequenceId,
        /// Its blocks.
        range: Range,
    },
    /// Owner: the in-flight mark is durable.
    Marked(CommandId),
    /// Owner: data and result are durable in the journal.
    LocalDurable(CommandId),
    /// Owner: a set left for the mirror.
    SetSent {
        /// The session.
        session: Session,
        /// The set.
        set: SetId,
        /// Its transmission number.
        attempt: u32,
        /// Its portions.
        portions: u16,
    },
    /// Owner: the mirror performed the command durably, in this session.
    ReplicaAcked(CommandId),
    /// Owner: local and replica are durable; the range is free.
    Resolved(CommandId),
    /// Mirror: a replica command is performed and durable.
    ReplicaPerformed {
        /// The session it came in.
        session: Session,
        /// The set it came in.
        set: SetId,
        /// The command.
        command: CommandId,
    },
    /// Owner: a new session is durable.
    SessionOpened(Session),
    /// Owner: this mode is durable, in this session.
    Mode(Mode, Session),
    /// Owner: resolved on its own copy alone; the regions are durably dirty.
    ResolvedAlone(CommandId),
    /// Owner: the mirror said what may differ, and that is durably dirty.
    DirtyUnited(Session),
    /// Owner: a region is copied and clean, durably.
    RegionCopied(Range),
    /// A reign of this site begins, durably.
    Activated {
        /// Its first session.
        session: Session,
        /// The administrator's word: what the other site had acknowledged alone is given up.
        forced: bool,
    },
    /// Owner: the reign is given away at this version, durably; nothing is answered any more.
    HandedOff(SiteEpoch),
    /// Owner no more, durably: the other site has a later reign.
    StoodDown,
    /// Owner: the mirror had something else in this region from a reign of its own, and has
    /// it no more.
    RolledBack(Range),
    /// Owner: the volume has so many blocks, durably on each copy that may be the owner's
    /// without the administrator's word.
    Grown(u64),
    /// Mirror: consistent again, durably.
    Finished(Session),
    /// Owner: blocks that could not be read are written anew as the mirror holds them.
    Repaired(Range),
    /// Owner: the data device came back without content; what the journal does not hold
    /// is durably known as missing.
    DataLost,
    /// Owner: a missing region is written anew as the mirror holds it, durably.
    RegionRebuilt(Range),
    /// Records that were durable are not in the journal any more, this one the first.
    RecordsLost(Lsn),
    /// The partner's heartbeat stood still for too long.
    PartnerSilent(NodeId),
    /// The set is readable and serves from now on: the time of the partner's HA lease
    /// has passed.
    LeaseWaitedOut,
    /// N-module: the D-module beside it serves, and the pair's service address comes here.
    ServiceAddress(Address),
    /// An unformatted or replaced set was formatted as a mirror without content.
    Formatted,
    /// The mediator's record as a fresh answer says it.
    MediatorSays(MediatorRecord),
    /// Mediator: a compare-and-set is durable.
    MediatorSet(MediatorRecord),
    /// Mirror: a session is durable and fences all before it.
    SessionAccepted(Session),
    /// Owner: the mirror has accepted the session.
    SessionConfirmed(Session),
    /// Mirror: a session was refused.
    SessionRefused(Session, HelloRefusal),
    /// Owner: an orphan is equal on both copies, with this outcome.
    OrphanResolved(CommandId, Outcome),
    /// Mirror: a copy is durable.
    Copied {
        /// The session.
        session: Session,
        /// The copy.
        copy: CopyNumber,
        /// Its blocks.
        range: Range,
    },
    /// A copy of the metadata is stored: the administrator's version, and how often its
    /// addresses changed.
    MetadataStored(u64, u64),
    /// Owner: the peers do not answer, and their addresses are tested.
    PeersSought,
    /// A peer is at another address than was known.
    PeerFound {
        /// The peer's node.
        peer: NodeId,
        /// Where it was thought to be.
        from: Option<Address>,
        /// Where it is.
        to: Address,
    },
    /// The module keeps paths from now on, as this node's D-module in this incarnation.
    PathsBegun(NodeId, u64),
    /// The path to a D-module of the other pair is ready, or its end is something else to
    /// its set than was known.
    PathReady {
        /// The D-module's node.
        peer: NodeId,
        /// Which life of it the path leads to.
        incarnation: u64,
        /// What it is to its set.
        standing: Standing,
    },
    /// The session goes over the path to this node.
    PathActive(NodeId, Session),
    /// No session goes over the path to this node any more. It is ready.
    PathInactive(NodeId),
    /// The path to this node, active or not, is not ready any more: its end is silent or
    /// has begun a new life, or this module keeps no paths.
    PathLost(NodeId),
    /// An attempt got its final status.
    Answered {
        /// The command.
        command: CommandId,
        /// The transmission that is answered.
        attempt: u32,
        /// The status without data.
        verdict: Verdict,
    },
    /// A command has to wait: the queue, the window or the journal is full.
    HeldBack(CommandId, Shortage),
    /// A checkpoint is durable; everything up to this record is destaged.
    Checkpointed(Lsn),
    /// The administrator's order is not carried out.
    OrderRefused(Order, OrderRefusal),
    /// Nothing was answered under this key since the mailbox durably says so, and nothing
    /// ever will be: the set is the partner's to claim.
    Drained(ReservationKey),
    /// What was accepted did not end in time: the hand-over is given up, and the module
    /// goes on as a new incarnation.
    HandOverGivenUp,
    /// The partner is silent in the mailbox and not on the interconnect: it is asked to hand
    /// the set over.
    HandOverAsked(NodeId),
    /// The partner has drained the set that it holds.
    PartnerDrained(NodeId),
    /// A message was ignored, and why.
    Ignored(IgnoreReason),
    /// The module gave up its role.
    Halted(IoError),
}

/// A status as observers need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// Performed.
    Success,
    /// Performed, compare failed.
    Mismatch,
    /// Not performed, never will be.
    Refused,
    /// Cancelled.
    Cancelled,
    /// No verdict.
    Unknown(UnknownReason),
}

impl Verdict {
    /// The verdict of a status.
    pub fn of(status: &Status) -> Self {
        match status {
            Status::Success(_) => Verdict::Success,
            Status::Mismatch => Verdict::Mismatch,
            Status::Refused(_) => Verdict::Refused,
            Status::Cancelled => Verdict::Cancelled,
            Status::Unknown(reason) => Verdict::Unknown(*reason),
        }
    }
}

/// Phases of a D-module's life; the transitions stand at
/// `d_module`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Waits for the M-module's configuration.
    Configuring,
    /// Leaves the set to its partner.
    Standby,
    /// Takes the reservation of the set's devices.
    Claiming,
    /// Reads checkpoint and journal.
    Recovering,
    /// Owner: makes a new session durable and waits for the mirror's answer.
    Announcing,
    /// Owner: serves clients.
    Serving,
    /// Mirror: performs replicas.
    Following,
    /// Owner or mirror: ends what it has accepted, to hand the set or its reign over; accepts
    /// nothing.
    Draining,
    /// Has given its reign away, and waits for the other site to have it.
    HandingOff,
    /// Lost its reservation or its journal; does nothing any more.
    Halted,
}

/// Why an order is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderRefusal {
    /// This node does not serve the set, nor follow with it.
    NotHolder,
    /// A former holder of the set may still answer from its memory.
    FormerHolder,
    /// Marks of a former holder are not resolved.
    Orphans,
    /// It is being carried out.
    UnderWay,
    /// The partner does not watch.
    PartnerSilent,
    /// The copies are not in sync.
    OutOfSync,
    /// This copy is half overwritten.
    Inconsistent,
    /// Without a mediator the administrator has to attest that the other site is off.
    Unattested,
    /// The storage set has no room for more.
    NoRoom,
}

/// What a command waits for at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Shortage {
    /// The waiting queue.
    Queue,
    /// The client's window of ids.
    Window,
    /// The number of clients.
    Clients,
    /// Room in the journal.
    Journal,
    /// The volume's serving owner.
    Owner,
}

/// Why a message had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IgnoreReason {
    /// The bytes are no message.
    Undecodable,
    /// For another volume, set or network, or beyond this one's bounds.
    Misrouted,
    /// Not meaningful in this phase or role.
    WrongPhase,
    /// Of a session that is not the current one.
    StaleSession,
    /// Already done; answered again where an answer is due.
    Redundant,
    /// In progress; the sender will repeat.
    Pending,
    /// The command is below its client's watermark.
    BelowWatermark,
    /// The command has a tombstone.
    Tombstoned,
    /// A limit is reached; the sender will repeat.
    NoRoom,
    /// A completion of something already given up.
    LateCompletion,
    /// Of a path that is not kept, or an answer to a question that is not asked any more.
    NoPath,
}

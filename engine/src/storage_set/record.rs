//! Journal records: what one looks like in memory. Bytes are in [`super::format`].
//!
//! A record is one atomic journal write: all of its entries become durable
//! together or not at all. The state of a volume copy (role, session,
//! marks, results, watermarks, dirty regions) changes only by applying records,
//! live and in recovery alike ([`super::tables`]).

use serde::{Deserialize, Serialize};

use super::tables::Consistency;
use crate::contract::ReservationKey;
use crate::vocabulary::{
    CommandId, Content, CopyNumber, Lsn, Outcome, Range, SequenceId, Session, SiteEpoch, Watermark,
};

/// One durable step of a storage set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    /// Its place in the journal.
    pub lsn: Lsn,
    /// The key under which it was written: no two boots share one.
    pub key: ReservationKey,
    /// Checksum of the record before it, so that recovery stops at the first
    /// gap and no old tail comes back to life.
    pub previous: u32,
    /// The last record that was durable, with all before it, when this one was
    /// written: where recovery stops before that one, something is lost.
    pub durable: Lsn,
    /// Its own page in the ring, which tells it from a copy of one in a payload.
    pub page: u64,
    /// What changes, in order.
    pub entry: Entry,
}

/// One kind of durable step.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Entry {
    /// Owner: a command is in flight. Clears resolved marks along the way.
    Mark {
        /// The mark.
        mark: Mark,
        /// The client's watermark as its frame carried it.
        watermark: Watermark,
        /// Marks that are resolved and end with this record.
        clears: Vec<CommandId>,
        /// Which copies the command changes. Alone, its regions become dirty in
        /// this very record.
        route: Route,
    },
    /// Either copy: data, dedupe entry and result in one step.
    Perform(Perform),
    /// A definite failure; at the receiver, a tombstone.
    Fail {
        /// The command.
        command: CommandId,
        /// Its range, where one is known.
        range: Option<Range>,
        /// The client's watermark.
        watermark: Watermark,
    },
    /// Owner: resolved marks end.
    Clear {
        /// The marks' commands.
        clears: Vec<CommandId>,
    },
    /// Owner: a new session (boot, takeover, reconnect, partner loss, resync), or
    /// another mode in the same one. In every mode but `InSync`, the regions of all
    /// standing marks become dirty with it: what was under way may have reached one
    /// copy only.
    Session {
        /// The session that the owner speaks in from now on.
        session: Session,
        /// How the copies stand to each other from now on.
        mode: Mode,
    },
    /// The site becomes the owner in this session and accepts none of an earlier reign any
    /// more. In every mode but `InSync`, the regions of standing marks become dirty with it.
    Activate {
        /// The first session of the reign; its site epoch is the reign's.
        session: Session,
        /// How the copies stand to each other from now on.
        mode: Mode,
        /// The administrator's word for it, and nobody else's: what the other site had
        /// acknowledged alone is given up.
        forced: bool,
    },
    /// Owner: gives its reign away at this version of the mediator's record, and answers
    /// nothing any more.
    HandOff {
        /// The version; without a mediator, the reign's own site epoch.
        version: SiteEpoch,
    },
    /// Owner no more: the other site has a later reign. Marks and dirty regions stand.
    StandDown {
        /// What its copy is as a mirror.
        consistency: Consistency,
    },
    /// Mirror: a Hello was accepted.
    Fence {
        /// The highest session accepted; all others are refused.
        session: Session,
        /// The owner's watermark of every client.
        watermarks: Vec<Watermark>,
        /// A resync begins: the copy is inconsistent until it is finished.
        resync: bool,
        /// Blocks of the volume, as the owner says.
        blocks: u64,
    },
    /// Mirror: an orphan's or region's content and results from the owner.
    Copy {
        /// The session's copy number.
        copy: CopyNumber,
        /// Blocks overwritten.
        range: Range,
        /// The owner's content and its version.
        content: Content,
        /// Version of every block in the range.
        versions: Vec<SequenceId>,
        /// The owner's results that touch the range.
        results: Vec<CommandResult>,
        /// It replaces something else that this copy had from a reign of its own.
        differed: bool,
    },
    /// Owner: regions that the mirror reported dirty, and regions that it holds
    /// again. All are whole regions.
    Dirty {
        /// Become dirty.
        set: Vec<Range>,
        /// Are dirty no more.
        clear: Vec<Range>,
        /// In which the mirror had something else from a reign of its own, and has it no
        /// more.
        rolled_back: Vec<Range>,
    },
    /// Mirror: the resync is finished, the copy is consistent.
    Finish,
    /// Owner: blocks that could not be read, as the mirror holds them. Regions that
    /// lie in the range as a whole are missing no more.
    Repair {
        /// Blocks rewritten.
        range: Range,
        /// The mirror's content.
        content: Content,
        /// Version of every block in the range.
        versions: Vec<SequenceId>,
        /// What became of the orphan for whose range the mirror was asked.
        verdict: Option<CommandResult>,
    },
    /// Owner: the data device came back without content: every region is missing.
    Lost,
    /// Owner: the volume has so many blocks from now on. In every mode but `InSync` the
    /// regions of what comes new become dirty with it.
    Grow {
        /// Blocks of the volume.
        blocks: u64,
    },
}

/// How the owner's copy stands to the mirror's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// Every acknowledged write is on both.
    InSync,
    /// The mirror is given up; nothing is acknowledged alone yet.
    OosPending,
    /// Writes are acknowledged alone.
    OutOfSync,
    /// Dirty regions are being copied.
    Resync,
}

/// Which copies a command changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Route {
    /// Both, at the same time.
    Replicated,
    /// The owner's alone; the mirror's follows by resync.
    LocalOnly,
}

/// A command that is in flight: its copies may differ in this range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// The command.
    pub command: CommandId,
    /// Its place in the volume's order.
    pub sequence: SequenceId,
    /// The blocks it touches.
    pub range: Range,
    /// Checksum of the effect.
    pub checksum: u32,
    /// The session in which it was accepted.
    pub session: Session,
}

/// A performed command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Perform {
    /// The command.
    pub command: CommandId,
    /// Its place in the volume's order: the version of the blocks written.
    pub sequence: SequenceId,
    /// The blocks it touches.
    pub range: Range,
    /// What becomes of them.
    pub content: Content,
    /// Performed or Mismatch.
    pub outcome: Outcome,
    /// The session in which it was accepted.
    pub session: Session,
    /// The client's watermark.
    pub watermark: Watermark,
}

/// A row of the result table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CommandResult {
    /// The command.
    pub command: CommandId,
    /// What became of it.
    pub outcome: Outcome,
    /// Its range, where one is known.
    pub range: Option<Range>,
}

//! The words that every role shares: ids, ranges, epochs, commands, statuses.
//!
//! Plain values without behaviour beyond their own arithmetic; no role's rules
//! live here. Wire and disk forms are in [`crate::wire`] and
//! [`crate::storage_set`].

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::contract::PAGE_BYTES;
use crate::payload::Payload;
use crate::time::Instant;

/// Size of a block, the unit of client commands, in bytes; one device page.
pub const BLOCK_BYTES: usize = PAGE_BYTES;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name($inner);
        impl $name {
            /// Wraps the number.
            pub const fn new(value: $inner) -> Self { $name(value) }
            /// The number.
            pub const fn value(self) -> $inner { self.0 }
            /// The next number.
            #[must_use]
            pub const fn next(self) -> Self { $name(self.0 + 1) }
        }
    };
}

number! { /// A client of a volume.
ClientId(u32) }
number! { /// A node, unique over both clusters.
NodeId(u32) }
number! { /// A volume, unique over both clusters and the same on both copies.
VolumeId(u32) }
number! { /// A storage set: the devices that one HA pair shares.
StorageSetId(u32) }
number! { /// A block of a volume.
BlockIndex(u64) }
number! { /// A site: one of the two clusters of a mirror relationship.
SiteId(u32) }
number! { /// HA epoch (`he`): rises with every preempt of the set's reservation.
HaEpoch(u64) }
number! { /// Site epoch (`se`): the mediator's version at which ownership was won.
SiteEpoch(u64) }
number! { /// Session incarnation (`inc`): a counter in the owner's journal.
SessionIncarnation(u64) }
number! { /// A replica command set inside one session.
SetId(u64) }
number! { /// A command's place in its volume's order, shared by original and
/// replica; also the version of every block that the command writes.
SequenceId(u64) }
number! { /// A journal record's place in its journal, from 1.
Lsn(u64) }
number! { /// A copy transfer inside one session (`c`), from 1.
CopyNumber(u64) }

/// A command's name for life: through client, replica, in-flight mark and retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandId {
    /// The client that issued it.
    pub client: ClientId,
    /// The client's counter, from 1.
    pub counter: u64,
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}:{}", self.client.value(), self.counter)
    }
}

/// What fences the peer site: compared lexicographically.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Session {
    /// The owner's site epoch.
    pub site_epoch: SiteEpoch,
    /// The owner's session incarnation.
    pub incarnation: SessionIncarnation,
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{}",
            self.site_epoch.value(),
            self.incarnation.value()
        )
    }
}

/// A run of blocks, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Range {
    start: BlockIndex,
    count: u32,
}

impl Range {
    /// `count` blocks from `start`; `None` if empty or beyond 2^63.
    pub fn new(start: BlockIndex, count: u32) -> Option<Self> {
        (count > 0 && start.value() < 1 << 63).then_some(Range { start, count })
    }
    /// First block.
    pub fn start(self) -> BlockIndex {
        self.start
    }
    /// Number of blocks, at least 1.
    pub fn count(self) -> u32 {
        self.count
    }
    /// The block behind the last.
    pub fn end(self) -> BlockIndex {
        BlockIndex(self.start.0 + u64::from(self.count))
    }
    /// Length in bytes.
    pub fn byte_count(self) -> usize {
        self.count as usize * BLOCK_BYTES
    }
    /// True if the two share a block.
    pub fn overlaps(self, other: Range) -> bool {
        self.start < other.end() && other.start < self.end()
    }
    /// True if the block lies inside.
    pub fn contains(self, block: BlockIndex) -> bool {
        self.start <= block && block < self.end()
    }
    /// Every block in order.
    pub fn blocks(self) -> impl DoubleEndedIterator<Item = BlockIndex> {
        (self.start.0..self.end().0).map(BlockIndex)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => write!(f, "block {}", self.start.0),
            _ => write!(f, "blocks {}-{}", self.start.0, self.end().0 - 1),
        }
    }
}

/// What a client asks for. Payload lengths equal the range's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Command {
    /// Returns the range's content.
    Read(Range),
    /// Replaces the range's content.
    Write(Range, Payload),
    /// Fills the range with zeroes.
    WriteZeroes(Range),
    /// Replaces the range's content if it equals `expected`.
    CompareAndWrite {
        /// Blocks compared and written.
        range: Range,
        /// The content that must stand there.
        expected: Payload,
        /// The new content.
        data: Payload,
    },
    /// Acknowledged: all that was acknowledged before is durable on every
    /// in-sync copy.
    Flush,
    /// Asks what became of an earlier command with this very id; executes nothing.
    Retry,
}

impl Command {
    /// The blocks it touches.
    pub fn range(&self) -> Option<Range> {
        match self {
            Command::Read(range)
            | Command::Write(range, _)
            | Command::WriteZeroes(range)
            | Command::CompareAndWrite { range, .. } => Some(*range),
            Command::Flush | Command::Retry => None,
        }
    }
    /// True if it may change blocks, and so leaves a mark and a result.
    pub fn is_mutation(&self) -> bool {
        match self {
            Command::Write(..) | Command::WriteZeroes(_) | Command::CompareAndWrite { .. } => true,
            Command::Read(_) | Command::Flush | Command::Retry => false,
        }
    }
    /// The kind's name.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Read(_) => "read",
            Command::Write(..) => "write",
            Command::WriteZeroes(_) => "write-zeroes",
            Command::CompareAndWrite { .. } => "compare-and-write",
            Command::Flush => "flush",
            Command::Retry => "retry",
        }
    }
}

/// What a performed mutation does to its range: the compare is done once, at the
/// owner, and only the effect is journalled and replicated.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Content {
    /// These bytes, as long as the range.
    Data(Payload),
    /// Zeroes.
    Zeroes,
    /// Nothing: a compare that failed.
    Nothing,
}

/// A mutation's definite outcome, as the result table keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// Performed: data and result are journalled.
    Performed,
    /// Performed with an empty effect: the compare failed.
    Mismatch,
    /// Not performed, and never will be (a tombstone, at the receiver).
    Failed,
}

/// Why a command was refused: it was not and never will be performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RefusedReason {
    /// The range ends behind the volume's end.
    OutOfRange,
    /// Larger than the largest command.
    TooLarge,
    /// The volume is not known.
    UnknownVolume,
    /// A durable record says that it failed.
    NotPerformed,
    /// The content cannot be read back intact.
    Unreadable,
    /// The set is being handed over: who refuses has never accepted the command, and
    /// accepts nothing any more. The same may be issued under a new id.
    Moved,
}

/// Why an attempt ended without a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum UnknownReason {
    /// Not resolved within the status limit.
    TimedOut,
    /// The ticket is of another incarnation or too old; nothing was performed
    /// for this frame.
    StaleTicket,
    /// The id lies below the client's own watermark: tells nothing.
    TooOld,
    /// The module stopped being the owner.
    Halted,
    /// Read or flush: cannot be served for now; send again under a new id.
    NotServing,
}

/// The one final status of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// Performed; a read carries its data.
    Success(Option<Payload>),
    /// Performed, and the compare failed.
    Mismatch,
    /// A definite failure.
    Refused(RefusedReason),
    /// Cancelled by the client: a definite failure.
    Cancelled,
    /// No verdict; ask again.
    Unknown(UnknownReason),
}

impl Status {
    /// True unless the status is `Unknown`.
    pub fn is_definite(&self) -> bool {
        !matches!(self, Status::Unknown(_))
    }
}

/// Proof that a frame was sent lately to the D-module that now serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ticket {
    /// The D-module's incarnation.
    pub incarnation: u64,
    /// The D-module's clock when it issued the ticket.
    pub issued: Instant,
}

/// A client's promise that it knows every outcome below `counter`; 1 where it has
/// promised nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Watermark {
    /// Whose promise.
    pub client: ClientId,
    /// The lowest counter it may still ask about.
    pub counter: u64,
}

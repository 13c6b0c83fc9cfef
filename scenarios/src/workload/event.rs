//! What a client reports about itself: all that the client-side oracles know.

use serde::{Deserialize, Serialize};
use stormglass_engine::vocabulary::{
    Command, CommandId, Range, RefusedReason, Status, UnknownReason,
};

use super::provenance::BlockValue;

/// One step in a command's life, as its client sees it.
///
/// A command begins with `Invoked`, which opens attempt 0, and each later
/// attempt with `Retried`; every attempt ends with exactly one `AttemptEnded`.
/// The next attempt opens in the instant in which the one before it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClientEvent {
    /// A command was issued under a new id; may precede its first transmission.
    Invoked {
        /// Its name for life.
        id: CommandId,
        /// What it is.
        kind: CommandKind,
        /// What it touches; none for a flush.
        range: Option<Range>,
        /// Compare-and-write: what must stand in each block. Else empty.
        expected: Vec<BlockValue>,
    },
    /// The library asks what became of a mutation; executes nothing.
    Retried {
        /// The mutation.
        id: CommandId,
        /// Number of the attempt, from 1.
        attempt: u32,
    },
    /// What a successful read returned; the end of its attempt follows at once.
    ReadReturned {
        /// The read.
        id: CommandId,
        /// One value for each block of its range.
        values: Vec<BlockValue>,
    },
    /// The one final status of an attempt.
    AttemptEnded {
        /// The command.
        id: CommandId,
        /// Number of the attempt (not of a transmission), from 0.
        attempt: u32,
        /// How it ended.
        status: StatusSummary,
    },
    /// A definite status arrived for a command that already had one. It changes
    /// nothing, and must not contradict.
    AnsweredAgain {
        /// The command.
        id: CommandId,
        /// What was said.
        status: StatusSummary,
    },
    /// A message was dropped.
    Ignored(Ignored),
}

/// What kind of command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CommandKind {
    /// Returns content.
    Read,
    /// Replaces content.
    Write,
    /// Fills with zeroes.
    WriteZeroes,
    /// Replaces content if it is as expected.
    CompareAndWrite,
    /// Waits until all that was acknowledged is durable.
    Flush,
}

impl CommandKind {
    /// The command's kind; none for a `Retry`, which is no command of its own.
    pub fn of(command: &Command) -> Option<CommandKind> {
        match command {
            Command::Read(_) => Some(CommandKind::Read),
            Command::Write(..) => Some(CommandKind::Write),
            Command::WriteZeroes(_) => Some(CommandKind::WriteZeroes),
            Command::CompareAndWrite { .. } => Some(CommandKind::CompareAndWrite),
            Command::Flush => Some(CommandKind::Flush),
            Command::Retry => None,
        }
    }
    /// True if it may change blocks, and so may be asked about.
    pub fn is_mutation(self) -> bool {
        match self {
            CommandKind::Write | CommandKind::WriteZeroes | CommandKind::CompareAndWrite => true,
            CommandKind::Read | CommandKind::Flush => false,
        }
    }
}

/// A status without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StatusSummary {
    /// Performed.
    Success,
    /// Performed, and the compare failed.
    Mismatch,
    /// A definite failure.
    Refused(RefusedReason),
    /// Cancelled: a definite failure.
    Cancelled,
    /// No verdict.
    Unknown(UnknownReason),
}

impl StatusSummary {
    /// True unless the status is `Unknown`.
    pub fn is_definite(self) -> bool {
        !matches!(self, StatusSummary::Unknown(_))
    }
}

impl From<&Status> for StatusSummary {
    fn from(status: &Status) -> Self {
        match status {
            Status::Success(_) => StatusSummary::Success,
            Status::Mismatch => StatusSummary::Mismatch,
            Status::Refused(reason) => StatusSummary::Refused(*reason),
            Status::Cancelled => StatusSummary::Cancelled,
            Status::Unknown(reason) => StatusSummary::Unknown(*reason),
        }
    }
}

/// Why a message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Ignored {
    /// Its bytes are not a reply.
    Undecodable,
    /// It is for another client, or answers what was never sent.
    NotForUs,
    /// It says `Unknown` or `Retrying` about an attempt that is over.
    Outdated,
    /// Not an input that a client has a use for.
    NotAMessage,
}

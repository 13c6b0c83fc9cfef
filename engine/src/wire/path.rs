//! Paths between D-modules: are you there, who are you now, and do you hold your set?
//!
//! A path is made ready ahead of any session, so that a takeover need not look for whom to
//! speak to. What is said here moves no session and fences nothing: a Hello to the wrong
//! node is refused there, whatever was believed of it.

use serde::{Deserialize, Serialize};

use super::{DecodeError, kind};
use crate::codec::envelope::{Format, open_frame, seal_frame};
use crate::codec::{Coded, coded_enum, coded_struct, finish};
use crate::contract::{Frame, LabelKind};
use crate::payload::Payload;
use crate::vocabulary::{NodeId, VolumeId};

const FORMAT: Format = Format {
    magic: *b"SGPA",
    version: 1,
};

/// What a D-module is to its storage set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Standing {
    /// Stands by, or has not read the set back yet.
    StandsBy,
    /// Holds it: a Hello is heard here.
    Holds,
}

/// Who speaks, and which exchange it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PathEnd {
    /// The volume whose copies the path is between.
    pub volume: VolumeId,
    /// The speaker's node.
    pub node: NodeId,
    /// Which life of its D-module speaks.
    pub incarnation: u64,
    /// Names the question; repeated in the answer.
    pub nonce: u64,
    /// Transmission number, repeated in the answer.
    pub attempt: u32,
    /// What the speaker is to its set.
    pub standing: Standing,
}

/// A step of a path's handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PathMessage {
    /// Asks, and says who asks.
    Open(PathEnd),
    /// Answers.
    Ready(PathEnd),
}

impl PathMessage {
    /// The kind of its label.
    pub fn kind(&self) -> LabelKind {
        match self {
            PathMessage::Open(_) => kind::PATH_OPEN,
            PathMessage::Ready(_) => kind::PATH_READY,
        }
    }
    /// Who speaks.
    pub fn end(&self) -> PathEnd {
        let (PathMessage::Open(end) | PathMessage::Ready(end)) = self;
        *end
    }
}

coded_enum!(Standing, "standing" { StandsBy = 1, Holds = 2 });
coded_struct!(PathEnd {
    volume,
    node,
    incarnation,
    nonce,
    attempt,
    standing
});

/// True if a message is of a path's handshake, intact or not.
pub fn is_of_path(frame: &Frame) -> bool {
    frame.head.starts_with(&FORMAT.magic)
}

/// Encodes a step.
pub fn encode(message: &PathMessage) -> Frame {
    let mut head = FORMAT.begin(message.kind().0);
    message.end().put(&mut head);
    seal_frame(head, Payload::new())
}

/// Decodes a step.
pub fn decode(frame: &Frame) -> Result<PathMessage, DecodeError> {
    let (kind, mut input) = open_frame(FORMAT, frame)?;
    let end = PathEnd::get(&mut input)?;
    finish(input)?;
    finish(&frame.body)?;
    match kind {
        kind::PATH_OPEN => Ok(PathMessage::Open(end)),
        kind::PATH_READY => Ok(PathMessage::Ready(end)),
        _ => Err(DecodeError::Field("kind")),
    }
}

#[cfg(test)]
mod tests;

//! Messages between the D-modules of an HA pair, over the network that only they are on.
//!
//! Hints, all of them: they say when to look at the mailbox and when to ask. Whose the set is
//! the devices know, and no message here changes that.

use serde::{Deserialize, Serialize};

use super::{DecodeError, kind};
use crate::codec::envelope::{Format, open_frame, seal_frame};
use crate::codec::{Coded, coded_enum, coded_struct, finish};
use crate::contract::{Frame, LabelKind};
use crate::payload::Payload;
use crate::vocabulary::NodeId;

const FORMAT: Format = Format {
    magic: *b"SGIC",
    version: 1,
};

/// What a D-module does with the set of its pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Standing {
    /// Nothing any more: it could not be read.
    Idle,
    /// It watches its partner.
    Watches,
    /// It has the set, or is about to, and serves no clients.
    Holds,
    /// It serves clients.
    Serves,
}

/// A D-module lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Alive {
    /// The node.
    pub node: NodeId,
    /// Its D-module's incarnation.
    pub incarnation: u64,
    /// Rises with every notice of the incarnation.
    pub beat: u64,
    /// The HA epoch under which it holds the set; 0 if it does not.
    pub epoch: u64,
    /// What it does with it.
    pub standing: Standing,
}

impl Alive {
    /// True if the same incarnation said `last` in this beat or a later one.
    pub fn is_overtaken_by(&self, last: &Alive) -> bool {
        last.incarnation == self.incarnation && last.beat >= self.beat
    }
}

/// A standby asks its partner to hand over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AskHandOver {
    /// Who asks.
    pub node: NodeId,
    /// The HA epoch under which the partner holds the set: of no other one is it asked.
    pub epoch: u64,
    /// Transmission number.
    pub attempt: u32,
}

/// A machine has lost power, as its service processor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Notice {
    /// The node.
    pub node: NodeId,
    /// The incarnation of its D-module that is no more: of no other one is anything said.
    pub incarnation: u64,
}

/// A message between partners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PartnerMessage {
    /// The sender lives.
    Alive(Alive),
    /// Hand the set over.
    AskHandOver(AskHandOver),
    /// The sender's machine has lost power.
    Notice(Notice),
}

impl PartnerMessage {
    /// The kind of its label.
    pub fn kind(&self) -> LabelKind {
        match self {
            PartnerMessage::Alive(_) => kind::ALIVE,
            PartnerMessage::AskHandOver(_) => kind::ASK_HAND_OVER,
            PartnerMessage::Notice(_) => kind::NOTICE,
        }
    }
}

coded_enum!(Standing, "standing" {
    Idle = 1,
    Watches = 2,
    Holds = 3,
    Serves = 4,
});
coded_struct!(Alive {
    node,
    incarnation,
    beat,
    epoch,
    standing
});
coded_struct!(AskHandOver {
    node,
    epoch,
    attempt
});
coded_struct!(Notice { node, incarnation });

/// Encodes a message.
pub fn encode(message: &PartnerMessage) -> Frame {
    let mut head = FORMAT.begin(message.kind().0);
    match message {
        PartnerMessage::Alive(alive) => alive.put(&mut head),
        PartnerMessage::AskHandOver(ask) => ask.put(&mut head),
        PartnerMessage::Notice(notice) => notice.put(&mut head),
    }
    seal_frame(head, Payload::new())
}

/// Decodes a message.
pub fn decode(frame: &Frame) -> Result<PartnerMessage, DecodeError> {
    let (kind, mut input) = open_frame(FORMAT, frame)?;
    let input = &mut input;
    let message = match kind {
        kind::ALIVE => PartnerMessage::Alive(Coded::get(input)?),
        kind::ASK_HAND_OVER => PartnerMessage::AskHandOver(Coded::get(input)?),
        kind::NOTICE => PartnerMessage::Notice(Coded::get(input)?),
        _ => return Err(DecodeError::Field("kind")),
    };
    finish(input)?;
    finish(&frame.body)?;
    Ok(message)
}

#[cfg(test)]
mod tests;

//! Clients' messages that travel between the N-modules of an HA pair: a request to where the
//! set is served, and the reply back.
//!
//! The client's own message is carried as it is. Where the reply goes travels with it, so
//! neither of the two keeps anything about a command.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{DecodeError, kind};
use crate::codec::envelope::{Format, open_frame, seal_frame};
use crate::codec::{Coded, finish};
use crate::contract::{Address, Frame, LabelKind};

const FORMAT: Format = Format {
    magic: *b"SGFW",
    version: 1,
};

/// Bytes of a client's message apart from its payload, at most.
const HEAD_BYTES_MAX: u32 = 1 << 12;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// To who serves.
    Request,
    /// Back.
    Reply,
}

/// A client's message on its way between partners.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Forwarded {
    /// Which way.
    pub direction: Direction,
    /// The client's address.
    pub client: Address,
    /// The message as the client sent it, or is to get it.
    pub message: Frame,
}

impl Forwarded {
    /// The kind of its label.
    pub fn kind(&self) -> LabelKind {
        match self.direction {
            Direction::Request => kind::FORWARD,
            Direction::Reply => kind::RETURN,
        }
    }
}

/// True if a message is such a one, intact or not.
pub fn is_forwarded(frame: &Frame) -> bool {
    frame.head.starts_with(&FORMAT.magic)
}

/// Encodes it; the payload is shared.
pub fn encode(forwarded: &Forwarded) -> Frame {
    let Frame { head: inner, body } = &forwarded.message;
    let length = u32::try_from(inner.len()).expect("a client's message has a short head");
    assert!(length <= HEAD_BYTES_MAX, "a head of {length} bytes");
    let mut head = FORMAT.begin(forwarded.kind().0);
    forwarded.client.put(&mut head);
    length.put(&mut head);
    head.extend_from_slice(inner);
    seal_frame(head, body.clone())
}

/// Decodes it. Whether the client's message is one is for who takes it to see.
pub fn decode(frame: &Frame) -> Result<Forwarded, DecodeError> {
    let (kind, mut input) = open_frame(FORMAT, frame)?;
    let input = &mut input;
    let direction = match kind {
        kind::FORWARD => Direction::Request,
        kind::RETURN => Direction::Reply,
        _ => return Err(DecodeError::Field("kind")),
    };
    let client = Coded::get(input)?;
    let length = u32::get(input)?;
    if length > HEAD_BYTES_MAX {
        return Err(DecodeError::Field("head length"));
    }
    let (inner, rest) = input
        .split_at_checked(length as usize)
        .ok_or(DecodeError::Truncated)?;
    *input = rest;
    finish(input)?;
    Ok(Forwarded {
        direction,
        client,
        message: Frame {
            head: Bytes::copy_from_slice(inner),
            body: frame.body.clone(),
        },
    })
}

#[cfg(test)]
mod tests;

//! Tests of addresses: who is there?
//!
//! An N-module asks an address of the inter-cluster network, and the D-module that has it
//! says which node it is of. That moves addresses and nothing else: who a peer is, and what
//! it may do, is never learnt this way.

use serde::{Deserialize, Serialize};

use super::{DecodeError, kind};
use crate::codec::envelope::{Format, open_frame, seal_frame};
use crate::codec::{Coded, finish};
use crate::contract::{Frame, LabelKind};
use crate::payload::Payload;
use crate::vocabulary::NodeId;

const FORMAT: Format = Format {
    magic: *b"SGPB",
    version: 1,
};

/// A test of an address, or its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Probe {
    /// Who is there?
    Ask {
        /// Names the test; repeated in the answer.
        nonce: u64,
        /// Transmission number, repeated in the answer.
        attempt: u32,
    },
    /// A D-module of this node.
    Here {
        /// The test that is answered.
        nonce: u64,
        /// The transmission that is answered.
        attempt: u32,
        /// Whose D-module it is.
        node: NodeId,
    },
}

impl Probe {
    /// The kind of its label.
    pub fn kind(&self) -> LabelKind {
        match self {
            Probe::Ask { .. } => kind::PROBE,
            Probe::Here { .. } => kind::HERE,
        }
    }
}

/// True if a message is a test or an answer to one, intact or not.
pub fn is_probe(frame: &Frame) -> bool {
    frame.head.starts_with(&FORMAT.magic)
}

/// Encodes a test or an answer.
pub fn encode(probe: &Probe) -> Frame {
    let mut head = FORMAT.begin(probe.kind().0);
    match probe {
        Probe::Ask { nonce, attempt } => {
            nonce.put(&mut head);
            attempt.put(&mut head);
        }
        Probe::Here {
            nonce,
            attempt,
            node,
        } => {
            nonce.put(&mut head);
            attempt.put(&mut head);
            node.put(&mut head);
        }
    }
    seal_frame(head, Payload::new())
}

/// Decodes a test or an answer.
pub fn decode(frame: &Frame) -> Result<Probe, DecodeError> {
    let (kind, mut input) = open_frame(FORMAT, frame)?;
    let input = &mut input;
    let (nonce, attempt) = (Coded::get(input)?, Coded::get(input)?);
    let probe = match kind {
        kind::PROBE => Probe::Ask { nonce, attempt },
        kind::HERE => Probe::Here {
            nonce,
            attempt,
            node: Coded::get(input)?,
        },
        _ => return Err(DecodeError::Field("kind")),
    };
    finish(input)?;
    finish(&frame.body)?;
    Ok(probe)
}

#[cfg(test)]
mod tests;

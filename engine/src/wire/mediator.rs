//! What D-modules and the mediator say to each other, and its bytes.
//!
//! Every answer carries the record as it is then, durably, and the question's
//! nonce: only a fresh answer proves anything.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{DecodeError, kind};
use crate::codec::envelope::{Format, open_frame, seal_frame};
use crate::codec::{Coded, coded_struct, finish};
use crate::contract::{Frame, LabelKind};
use crate::payload::Payload;
use crate::vocabulary::{SiteEpoch, SiteId, VolumeId};

const FORMAT: Format = Format {
    magic: *b"SGMD",
    version: 1,
};

/// Who owns a volume, and whether its mirror may be promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MediatorRecord {
    /// Rises with every change; site epoch and lineage at once.
    pub version: SiteEpoch,
    /// The owning site.
    pub owner: SiteId,
    /// The mirror holds every acknowledged write.
    pub in_sync: bool,
}

coded_struct!(MediatorRecord {
    version,
    owner,
    in_sync
});

/// A D-module to the mediator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MediatorRequest {
    /// The volume.
    pub volume: VolumeId,
    /// The site that asks.
    pub site: SiteId,
    /// Names the question; repeated in the answer.
    pub nonce: u64,
    /// Transmission number, repeated in the answer.
    pub attempt: u32,
    /// The question.
    pub ask: Ask,
}

/// What is asked of the mediator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ask {
    /// The record.
    Read,
    /// If the record's version is still `expect`, the asking site is its owner from
    /// the next version on, in sync or not.
    CompareAndSet {
        /// The version that the asker knows.
        expect: SiteEpoch,
        /// Whether the mirror may be promoted.
        in_sync: bool,
    },
    /// A term in which no other site becomes owner. Granted to the owner only.
    Lease,
    /// From the owner: if the record's version is still `expect`, that site is the owner
    /// from the next version on, in sync. The asker answers nothing any more.
    HandOff {
        /// The version that the asker knows.
        expect: SiteEpoch,
        /// The other site.
        to: SiteId,
    },
    /// The administrator's: if the record's version is still `expect`, the asking site is
    /// its owner from the next version on, out of sync, whatever the record says of that.
    Force {
        /// The version that the asker knows.
        expect: SiteEpoch,
        /// The administrator attests that the other site is off: its lease counts nothing.
        attested: bool,
    },
}

/// The mediator to a D-module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MediatorReply {
    /// The volume.
    pub volume: VolumeId,
    /// The question that is answered.
    pub nonce: u64,
    /// The transmission that is answered.
    pub attempt: u32,
    /// The record after the question.
    pub record: MediatorRecord,
    /// A lease is granted with it.
    pub granted: bool,
}

/// Encodes a request.
pub fn encode_request(request: &MediatorRequest) -> Frame {
    let mut head = FORMAT.begin(kind_of(request.ask).0);
    request.volume.put(&mut head);
    request.site.put(&mut head);
    request.nonce.put(&mut head);
    request.attempt.put(&mut head);
    match request.ask {
        Ask::Read | Ask::Lease => {}
        Ask::CompareAndSet { expect, in_sync } => {
            expect.put(&mut head);
            in_sync.put(&mut head);
        }
        Ask::HandOff { expect, to } => {
            expect.put(&mut head);
            to.put(&mut head);
        }
        Ask::Force { expect, attested } => {
            expect.put(&mut head);
            attested.put(&mut head);
        }
    }
    seal_frame(head, Payload::new())
}

/// Decodes a request.
pub fn decode_request(frame: &Frame) -> Result<MediatorRequest, DecodeError> {
    let (kind, mut input) = open_frame(FORMAT, frame)?;
    let input = &mut input;
    let request = MediatorRequest {
        volume: Coded::get(input)?,
        site: Coded::get(input)?,
        nonce: Coded::get(input)?,
        attempt: Coded::get(input)?,
        ask: match kind {
            kind::MEDIATOR_READ => Ask::Read,
            kind::MEDIATOR_LEASE => Ask::Lease,
            kind::MEDIATOR_CAS => Ask::CompareAndSet {
                expect: Coded::get(input)?,
                in_sync: Coded::get(input)?,
            },
            kind::MEDIATOR_HAND_OFF => Ask::HandOff {
                expect: Coded::get(input)?,
                to: Coded::get(input)?,
            },
            kind::MEDIATOR_FORCE => Ask::Force {
                expect: Coded::get(input)?,
                attested: Coded::get(input)?,
            },
            _ => return Err(DecodeError::Field("kind")),
        },
    };
    finish(input)?;
    finish(&frame.body)?;
    Ok(request)
}

/// Encodes a reply.
pub fn encode_reply(reply: &MediatorReply) -> Frame {
    let kind = match reply.granted {
        true => kind::MEDIATOR_GRANTED,
        false => kind::MEDIATOR_RECORD,
    };
    let mut head = FORMAT.begin(kind.0);
    reply.volume.put(&mut head);
    reply.nonce.put(&mut head);
    reply.attempt.put(&mut head);
    reply.record.put(&mut head);
    seal_frame(head, Payload::new())
}

/// Decodes a reply.
pub fn decode_reply(frame: &Frame) -> Result<MediatorReply, DecodeError> {
    let (kind, mut input) = open_frame(FORMAT, frame)?;
    let input = &mut input;
    let granted = match kind {
        kind::MEDIATOR_GRANTED => true,
        kind::MEDIATOR_RECORD => false,
        _ => return Err(DecodeError::Field("kind")),
    };
    let reply = MediatorReply {
        volume: Coded::get(input)?,
        nonce: Coded::get(input)?,
        attempt: Coded::get(input)?,
        record: Coded::get(input)?,
        granted,
    };
    finish(input)?;
    finish(&frame.body)?;
    Ok(reply)
}

/// The label kind of a question.
pub fn kind_of(ask: Ask) -> LabelKind {
    match ask {
        Ask::Read => kind::MEDIATOR_READ,
        Ask::CompareAndSet { .. } => kind::MEDIATOR_CAS,
        Ask::Lease => kind::MEDIATOR_LEASE,
        Ask::HandOff { .. } => kind::MEDIATOR_HAND_OFF,
        Ask::Force { .. } => kind::MEDIATOR_FORCE,
    }
}

//! Bytes between the D-modules of a mirror relationship.

#[cfg(test)]
mod tests;
mod transfer;

pub use transfer::{EncodedTransfer, HEAD_SLICE_BYTES, Slice, assemble, cut, encode_transfer};

use super::{
    DecodeError, Hello, HelloRefusal, MESSAGE_BLOCKS_MAX, PeerMessage, Portion, TRANSFER_BYTES_MAX,
    TransferId, kind,
};
use crate::codec::envelope::{Format, open_frame, seal_frame};
use crate::codec::{Coded, coded_enum, coded_struct, finish, get_many, put_many};
use crate::contract::{Frame, LabelKind};
use crate::payload::Payload;
use crate::vocabulary::{Range, SequenceId};

const FORMAT: Format = Format {
    magic: *b"SGPR",
    version: 5,
};

coded_struct!(Hello {
    volume,
    session,
    attempt,
    format,
    watermarks,
    resync,
    blocks
});
coded_enum!(HelloRefusal, "hello refusal" { NotMirror = 1, Stale = 2, NotClean = 3, Foreign = 4 });

/// Writes values one after the other.
macro_rules! put {
    ($head:ident: $($value:ident),+) => {{ $($value.put(&mut $head);)+ }};
}

/// Encodes a message; a portion's slice becomes the body by reference.
pub fn encode(message: &PeerMessage) -> Frame {
    let mut head = FORMAT.begin(kind_of(message).0);
    let mut body = Payload::new();
    match message {
        PeerMessage::Hello(hello) => hello.put(&mut head),
        PeerMessage::HelloAck {
            volume,
            session,
            attempt,
            dirty,
            rolled_back,
        } => put!(head: volume, session, attempt, dirty, rolled_back),
        PeerMessage::Lease {
            volume,
            session,
            nonce,
        }
        | PeerMessage::Granted {
            volume,
            session,
            nonce,
        } => put!(head: volume, session, nonce),
        PeerMessage::Fetch {
            volume,
            session,
            nonce,
            range,
            attempt,
            command,
        } => put!(head: volume, session, nonce, range, attempt, command),
        PeerMessage::Fetched {
            volume,
            session,
            nonce,
            range,
            attempt,
            outcome,
            versions,
            data,
        } => {
            put!(head: volume, session, nonce, range, attempt, outcome);
            body = put_blocks(*range, versions, data, &mut head);
        }
        PeerMessage::Finish {
            volume,
            session,
            attempt,
        }
        | PeerMessage::NotOwner {
            volume,
            session,
            attempt,
        } => put!(head: volume, session, attempt),
        PeerMessage::FinishAck {
            volume,
            session,
            attempt,
            rolled_back,
        } => put!(head: volume, session, attempt, rolled_back),
        PeerMessage::Unproven {
            volume,
            session,
            nonce,
            attempt,
        } => put!(head: volume, session, nonce, attempt),
        PeerMessage::HandOff {
            volume,
            session,
            epoch,
            attempt,
        }
        | PeerMessage::HandOffRefused {
            volume,
            session,
            epoch,
            attempt,
        } => put!(head: volume, session, epoch, attempt),
        PeerMessage::HelloRefused {
            volume,
            session,
            attempt,
            reason,
        } => put!(head: volume, session, attempt, reason),
        PeerMessage::Portion(portion) => {
            put_portion(portion, &mut head);
            body = portion.slice.clone();
        }
        PeerMessage::SetAck {
            volume,
            session,
            set,
            attempt,
        } => put!(head: volume, session, set, attempt),
        PeerMessage::CopyAck {
            volume,
            session,
            copy,
            attempt,
        } => put!(head: volume, session, copy, attempt),
    }
    seal_frame(head, body)
}

/// Decodes a message; a portion shares the frame's buffers.
pub fn decode(frame: &Frame) -> Result<PeerMessage, DecodeError> {
    let (kind, mut input) = open_frame(FORMAT, frame)?;
    if let kind::SET | kind::COPY = kind {
        return Ok(PeerMessage::Portion(get_portion(kind, input, frame)?));
    }
    if kind == kind::FETCHED {
        return get_fetched(input, frame);
    }
    let input = &mut input;
    let message = match kind {
        kind::HELLO => PeerMessage::Hello(Coded::get(input)?),
        kind::HELLO_ACK => PeerMessage::HelloAck {
            volume: Coded::get(input)?,
            session: Coded::get(input)?,
            attempt: Coded::get(input)?,
            dirty: Coded::get(input)?,
            rolled_back: Coded::get(input)?,
        },
        kind::HELLO_REFUSED => PeerMessage::HelloRefused {
            volume: Coded::get(input)?,
            session: Coded::get(input)?,
            attempt: Coded::get(input)?,
            reason: Coded::get(input)?,
        },
        kind::SET_ACK => PeerMessage::SetAck {
            volume: Coded::get(input)?,
            session: Coded::get(input)?,
            set: Coded::get(input)?,
            attempt: Coded::get(input)?,
        },
        kind::COPY_ACK => PeerMessage::CopyAck {
            volume: Coded::get(input)?,
            session: Coded::get(input)?,
            copy: Coded::get(input)?,
            attempt: Coded::get(input)?,
        },
        kind::FINISH => PeerMessage::Finish {
            volume: Coded::get(input)?,
            session: Coded::get(input)?,
            attempt: Coded::get(input)?,
        },
        kind::FINISH_ACK => PeerMessage::FinishAck {
            volume: Coded::get(input)?,
            session: Coded::get(input)?,
            attempt: Coded::get(input)?,
            rolled_back: Coded::get(input)?,
        },
        kind::HAND_OFF => PeerMessage::HandOff {
            volume: Coded::get(input)?,
            session: Coded::get(input)?,
            epoch: Coded::get(input)?,
            attempt: Coded::get(input)?,
        },
        kind::HAND_OFF_REFUSED => PeerMessage::HandOffRefused {
            volume: Coded::get(input)?,
            session: Coded::get(input)?,
            epoch: Coded::get(input)?,
            attempt: Coded::get(input)?,
        },
        kind::UNPROVEN => PeerMessage::Unproven {
            volume: Coded::get(input)?,
            session: Coded::get(input)?,
            nonce: Coded::get(input)?,
            attempt: Coded::get(input)?,
        },
        kind::LEASE => PeerMessage::Lease {
            volume: Coded::get(input)?,
            session: Coded::get(input)?,
            nonce: Coded::get(input)?,
        },
        kind::GRANTED => PeerMessage::Granted {
            volume: Coded::get(input)?,
            session: Coded::get(input)?,
            nonce: Coded::get(input)?,
        },
        kind::FETCH => PeerMessage::Fetch {
            volume: Coded::get(input)?,
            session: Coded::get(input)?,
            nonce: Coded::get(input)?,
            range: Coded::get(input)?,
            attempt: Coded::get(input)?,
            command: Coded::get(input)?,
        },
        kind::NOT_OWNER => PeerMessage::NotOwner {
            volume: Coded::get(input)?,
            session: Coded::get(input)?,
            attempt: Coded::get(input)?,
        },
        _ => return Err(DecodeError::Field("kind")),
    };
    finish(input)?;
    finish(&frame.body)?;
    Ok(message)
}

fn kind_of(message: &PeerMessage) -> LabelKind {
    match message {
        PeerMessage::Hello(_) => kind::HELLO,
        PeerMessage::HelloAck { .. } => kind::HELLO_ACK,
        PeerMessage::HelloRefused { .. } => kind::HELLO_REFUSED,
        PeerMessage::Portion(portion) => match portion.transfer {
            TransferId::Set(_) => kind::SET,
            TransferId::Copy(_) => kind::COPY,
        },
        PeerMessage::SetAck { .. } => kind::SET_ACK,
        PeerMessage::CopyAck { .. } => kind::COPY_ACK,
        PeerMessage::NotOwner { .. } => kind::NOT_OWNER,
        PeerMessage::Finish { .. } => kind::FINISH,
        PeerMessage::FinishAck { .. } => kind::FINISH_ACK,
        PeerMessage::HandOff { .. } => kind::HAND_OFF,
        PeerMessage::HandOffRefused { .. } => kind::HAND_OFF_REFUSED,
        PeerMessage::Lease { .. } => kind::LEASE,
        PeerMessage::Granted { .. } => kind::GRANTED,
        PeerMessage::Fetch { .. } => kind::FETCH,
        PeerMessage::Fetched { .. } => kind::FETCHED,
        PeerMessage::Unproven { .. } => kind::UNPROVEN,
    }
}

/// The body is as long as the range says, and the range is bounded.
fn get_fetched(mut input: &[u8], frame: &Frame) -> Result<PeerMessage, DecodeError> {
    let input = &mut input;
    let (volume, session, nonce) = (Coded::get(input)?, Coded::get(input)?, Coded::get(input)?);
    let range: Range = Coded::get(input)?;
    let (attempt, outcome) = (Coded::get(input)?, Coded::get(input)?);
    let versions = get_many(range.count(), input)?;
    finish(input)?;
    if range.count() > MESSAGE_BLOCKS_MAX || frame.body.len() != range.byte_count() {
        return Err(DecodeError::Field("fetched length"));
    }
    Ok(PeerMessage::Fetched {
        volume,
        session,
        nonce,
        range,
        attempt,
        outcome,
        versions,
        data: frame.body.clone(),
    })
}

/// Puts blocks' versions, and returns their bytes as the body.
fn put_blocks(range: Range, versions: &[SequenceId], data: &Payload, out: &mut Vec<u8>) -> Payload {
    assert_eq!(data.len(), range.byte_count(), "whole blocks are fetched");
    put_many(range.count(), versions, out);
    data.clone()
}

fn put_portion(portion: &Portion, out: &mut Vec<u8>) {
    assert_eq!(
        check_place(portion),
        Ok(()),
        "a portion lies inside its transfer"
    );
    portion.volume.put(out);
    portion.session.put(out);
    match portion.transfer {
        TransferId::Set(set) => set.put(out),
        TransferId::Copy(copy) => copy.put(out),
    }
    portion.oldest_set.put(out);
    portion.attempt.put(out);
    portion.index.put(out);
    portion.count.put(out);
    portion.head_bytes.put(out);
    portion.payload_bytes.put(out);
    portion.watermarks.put(out);
    out.extend_from_slice(&portion.head);
}

fn get_portion(kind: LabelKind, mut input: &[u8], frame: &Frame) -> Result<Portion, DecodeError> {
    let input = &mut input;
    let portion = Portion {
        volume: Coded::get(input)?,
        session: Coded::get(input)?,
        transfer: if kind == kind::SET {
            TransferId::Set(Coded::get(input)?)
        } else {
            TransferId::Copy(Coded::get(input)?)
        },
        oldest_set: Coded::get(input)?,
        attempt: Coded::get(input)?,
        index: Coded::get(input)?,
        count: Coded::get(input)?,
        head_bytes: Coded::get(input)?,
        payload_bytes: Coded::get(input)?,
        watermarks: Coded::get(input)?,
        head: frame.head.slice(frame.head.len() - input.len()..),
        slice: frame.body.clone(),
    };
    check_place(&portion)?;
    Ok(portion)
}

/// Checks that a portion lies inside the transfer that it describes, and that
/// the transfer is bounded: no portion but a lone one is without bytes.
fn check_place(portion: &Portion) -> Result<(), DecodeError> {
    if portion.head_bytes > TRANSFER_BYTES_MAX || portion.payload_bytes > TRANSFER_BYTES_MAX {
        return Err(DecodeError::Field("transfer length"));
    }
    if u32::from(portion.count) > (portion.head_bytes + portion.payload_bytes).max(1) {
        return Err(DecodeError::Field("portion count"));
    }
    // A receiver takes what lies below the oldest for performed.
    if matches!(portion.transfer, TransferId::Set(set) if set < portion.oldest_set) {
        return Err(DecodeError::Field("oldest set"));
    }
    if portion.index >= portion.count {
        return Err(DecodeError::Field("portion index"));
    }
    if portion.head.len() > portion.head_bytes as usize {
        return Err(DecodeError::Field("portion head"));
    }
    if portion.slice.len() > portion.payload_bytes as usize {
        return Err(DecodeError::Field("portion slice"));
    }
    Ok(())
}

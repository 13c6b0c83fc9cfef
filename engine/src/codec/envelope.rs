//! What stands first in every message, record, checkpoint and superblock.
//!
//! ```text
//! 0   magic     4 bytes   which format
//! 4   version   u16       of that format
//! 6   kind      u8        which message or entry; 0 where there is but one
//! 7   spare     u8        zero
//! 8   head      u32       bytes of envelope and values together
//! 12  body      u32       bytes of block payload behind the head
//! 16  checksum  u32       CRC-32C of the head without this field, then the body
//! 20  values
//! ```
//!
//! Magic and version are judged before the checksum, so that a foreign version
//! is told apart from a broken copy of this one.

use crc32c::{crc32c, crc32c_append};

use super::{Coded, length};
use crate::codec::DecodeError;
use crate::contract::{Frame, LabelKind};
use crate::payload::Payload;

/// Bytes of the envelope; the values follow.
pub(crate) const ENVELOPE_BYTES: usize = 20;
const CHECKSUM_OFFSET: usize = 16;
const LENGTHS_OFFSET: usize = 8;

/// One format in its present version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    /// First bytes of everything in this format.
    pub(crate) magic: [u8; 4],
    /// The only version that is read and written.
    pub(crate) version: u16,
}

/// An envelope whose magic and version are right. Nothing else is checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) kind: u8,
    pub(crate) head_bytes: u32,
    pub(crate) body_bytes: u32,
    pub(crate) checksum: u32,
}

impl Format {
    /// Starts a head; values are appended, then it is sealed.
    pub(crate) fn begin(self, kind: u8) -> Vec<u8> {
        self.begin_with_room(kind, 0)
    }

    /// The same with room for a head of so many bytes.
    pub(crate) fn begin_with_room(self, kind: u8, room: usize) -> Vec<u8> {
        let mut head = Vec::with_capacity(room.max(128));
        head.extend_from_slice(&self.magic);
        self.version.put(&mut head);
        kind.put(&mut head);
        head.resize(ENVELOPE_BYTES, 0);
        head
    }

    /// Reads an envelope without believing it.
    pub(crate) fn peek(self, start: &[u8]) -> Result<Envelope, DecodeError> {
        let Some((magic, mut input)) = start.split_first_chunk::<4>() else {
            return Err(DecodeError::Truncated);
        };
        let input = &mut input;
        if *magic != self.magic {
            return Err(DecodeError::Version);
        }
        if u16::get(input)? != self.version {
            return Err(DecodeError::Version);
        }
        let kind = Coded::get(input)?;
        if u8::get(input)? != 0 {
            return Err(DecodeError::Field("spare"));
        }
        let head_bytes = Coded::get(input)?;
        let body_bytes = Coded::get(input)?;
        let checksum = Coded::get(input)?;
        Ok(Envelope {
            kind,
            head_bytes,
            body_bytes,
            checksum,
        })
    }

    /// Checks everything and returns the envelope and the values' bytes.
    pub(crate) fn open<'a>(
        self,
        head: &'a [u8],
        body: &[Payload],
    ) -> Result<(Envelope, &'a [u8]), DecodeError> {
        let envelope = self.peek(head)?;
        check_length(head.len(), envelope.head_bytes)?;
        check_length(
            body.iter().map(|piece| piece.len()).sum(),
            envelope.body_bytes,
        )?;
        if checksum(head, body) != envelope.checksum {
            return Err(DecodeError::Checksum);
        }
        Ok((envelope, &head[ENVELOPE_BYTES..]))
    }

    /// Checks everything of a format that has one kind and no payload; returns
    /// the values' bytes.
    pub(crate) fn open_only(self, head: &[u8]) -> Result<&[u8], DecodeError> {
        let (envelope, values) = self.open(head, &[])?;
        if envelope.kind == 0 {
            Ok(values)
        } else {
            Err(DecodeError::Field("kind"))
        }
    }
}

/// Enters lengths and checksum into a head that is complete; returns the
/// checksum.
pub(crate) fn seal(head: &mut [u8], body: &[Payload]) -> u32 {
    let body_bytes: usize = body.iter().map(|piece| piece.len()).sum();
    let lengths = [
        length(head.len()).to_le_bytes(),
        length(body_bytes).to_le_bytes(),
    ];
    head[LENGTHS_OFFSET..CHECKSUM_OFFSET].copy_from_slice(lengths.as_flattened());
    let checksum = checksum(head, body);
    head[CHECKSUM_OFFSET..ENVELOPE_BYTES].copy_from_slice(&checksum.to_le_bytes());
    checksum
}

/// Seals a message; the body is taken as it is.
pub(crate) fn seal_frame(mut head: Vec<u8>, body: Payload) -> Frame {
    seal(&mut head, std::slice::from_ref(&body));
    Frame {
        head: head.into(),
        body,
    }
}

/// Checks a message's envelope; returns its kind and the values' bytes.
pub(crate) fn open_frame(format: Format, frame: &Frame) -> Result<(LabelKind, &[u8]), DecodeError> {
    let (envelope, values) = format.open(&frame.head, std::slice::from_ref(&frame.body))?;
    Ok((LabelKind(envelope.kind), values))
}

/// Bytes of the head at the start of a message of any format.
pub(crate) fn head_bytes(start: &[u8]) -> Result<usize, DecodeError> {
    let mut input = start.get(LENGTHS_OFFSET..).ok_or(DecodeError::Truncated)?;
    Ok(u32::get(&mut input)? as usize)
}

fn check_length(found: usize, stated: u32) -> Result<(), DecodeError> {
    match found.cmp(&(stated as usize)) {
        std::cmp::Ordering::Less => Err(DecodeError::Truncated),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(DecodeError::Trailing),
    }
}

fn checksum(head: &[u8], body: &[Payload]) -> u32 {
    let before = crc32c(&head[..CHECKSUM_OFFSET]);
    let values = crc32c_append(before, &head[ENVELOPE_BYTES..]);
    body.iter().fold(values, super::checksum::append)
}

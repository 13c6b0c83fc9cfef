//! What portions carry together, cut and joined.
//!
//! A transfer is two strings of bytes: a *head* with every value, and the
//! *payload*, all blocks in the head's order. Each portion carries the next
//! slice of both, the head's among its values and the payload's as its body, so
//! that a payload which lies in one buffer crosses the wire without a copy.

use bytes::Bytes;

use super::super::{CopyTransfer, DecodeError, Member, Portion, Transfer, TransferId};
use crate::codec::payload::{Gather, get_content, put_content};
use crate::codec::{Coded, finish, get_many, put_many};
use crate::payload::Payload;

/// Bytes of a transfer's head in one portion at most: 15 members of 33 bytes. With
/// 8192 bytes of payload, some 100 of its own fields and a few watermarks the
/// portion still fits a 9000-byte MTU.
pub const HEAD_SLICE_BYTES: usize = 512;

/// A transfer as bytes, its payload shared with the commands' own buffers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedTransfer {
    /// Every value.
    pub head: Bytes,
    /// Payload buffers, in the head's order.
    pub payload: Vec<Payload>,
}

/// What one portion carries of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// For [`Portion::head`].
    pub head: Bytes,
    /// For [`Portion::slice`].
    pub payload: Payload,
}

impl EncodedTransfer {
    /// Length of the head in bytes, for [`Portion::head_bytes`].
    pub fn head_bytes(&self) -> u32 {
        crate::codec::length(self.head.len())
    }
    /// Length of the payload in bytes, for [`Portion::payload_bytes`].
    pub fn payload_bytes(&self) -> u32 {
        crate::codec::length(self.payload.iter().map(|piece| piece.len()).sum())
    }
}

/// Encodes a transfer without touching its payload.
pub fn encode_transfer(transfer: &Transfer) -> EncodedTransfer {
    let mut head = Vec::with_capacity(128);
    let mut payload = Vec::new();
    match transfer {
        Transfer::Set(members) => {
            for member in members {
                member.command.put(&mut head);
                member.sequence.put(&mut head);
                member.range.put(&mut head);
                put_content(&member.content, member.range, &mut head, &mut payload);
            }
        }
        Transfer::Copy(copy) => {
            copy.range.put(&mut head);
            put_content(&copy.content, copy.range, &mut head, &mut payload);
            put_many(copy.range.count(), &copy.versions, &mut head);
            copy.results.put(&mut head);
        }
    }
    EncodedTransfer {
        head: head.into(),
        payload,
    }
}

/// Cuts a transfer into slices of at most `portion_bytes` of payload, at least
/// one slice. Copies only payload that spans buffers inside a slice.
pub fn cut(transfer: &EncodedTransfer, portion_bytes: u32) -> Vec<Slice> {
    assert!(portion_bytes > 0, "a portion carries something");
    let mut head = transfer.head.clone();
    let mut payload = Gather::new(&transfer.payload);
    let mut slices = Vec::with_capacity(1);
    while slices.is_empty() || !head.is_empty() || payload.left() > 0 {
        let head_bytes = head.len().min(HEAD_SLICE_BYTES);
        let payload_bytes = payload.left().min(portion_bytes as usize);
        slices.push(Slice {
            head: head.split_to(head_bytes),
            payload: payload
                .take(payload_bytes)
                .expect("no more than what is left"),
        });
    }
    assert!(
        u16::try_from(slices.len()).is_ok(),
        "a transfer of {} portions",
        slices.len()
    );
    slices
}

/// Joins all portions of one transfer, in order. Payload is copied only where a
/// member's blocks span portions.
pub fn assemble(portions: &[Portion]) -> Result<Transfer, DecodeError> {
    check_portions(portions)?;
    let transfer = portions.first().ok_or(DecodeError::Truncated)?.transfer;
    // Nearly every transfer is one portion.
    if let [portion] = portions {
        return join_slices(
            transfer,
            &portion.head,
            std::slice::from_ref(&portion.slice),
        );
    }
    let head: Vec<u8> = portions
        .iter()
        .flat_map(|portion| &portion.head)
        .copied()
        .collect();
    let slices: Vec<Payload> = portions
        .iter()
        .map(|portion| portion.slice.clone())
        .collect();
    join_slices(transfer, &head, &slices)
}

fn join_slices(
    transfer: TransferId,
    mut input: &[u8],
    slices: &[Payload],
) -> Result<Transfer, DecodeError> {
    let mut payload = Gather::new(slices);
    let transfer = match transfer {
        TransferId::Set(_) => Transfer::Set(get_members(&mut input, &mut payload)?),
        TransferId::Copy(copy) => {
            let range = Coded::get(&mut input)?;
            Transfer::Copy(CopyTransfer {
                copy,
                range,
                content: get_content(range, &mut input, &mut payload)?,
                versions: get_many(range.count(), &mut input)?,
                results: Coded::get(&mut input)?,
            })
        }
    };
    finish(input)?;
    payload.finish()?;
    Ok(transfer)
}

/// Members up to the end of the head.
fn get_members(input: &mut &[u8], payload: &mut Gather<'_>) -> Result<Vec<Member>, DecodeError> {
    let mut members = Vec::with_capacity(1);
    while !input.is_empty() {
        let command = Coded::get(input)?;
        let sequence = Coded::get(input)?;
        let range = Coded::get(input)?;
        let content = get_content(range, input, payload)?;
        members.push(Member {
            command,
            sequence,
            range,
            content,
        });
    }
    Ok(members)
}

/// Checks that these are all portions of one transfer, each in its place, and as
/// long together as each of them says.
fn check_portions(portions: &[Portion]) -> Result<(), DecodeError> {
    let first = portions.first().ok_or(DecodeError::Truncated)?;
    if portions.len() != usize::from(first.count) {
        return Err(DecodeError::Field("portion count"));
    }
    for (place, portion) in portions.iter().enumerate() {
        if usize::from(portion.index) != place {
            return Err(DecodeError::Field("portion index"));
        }
        if !portion.is_of_one_transfer_with(first) {
            return Err(DecodeError::Field("portion of another transfer"));
        }
    }
    let head_bytes: usize = portions.iter().map(|portion| portion.head.len()).sum();
    let payload_bytes: usize = portions.iter().map(|portion| portion.slice.len()).sum();
    if head_bytes != first.head_bytes as usize || payload_bytes != first.payload_bytes as usize {
        return Err(DecodeError::Field("transfer length"));
    }
    Ok(())
}

//! The checkpoint: a copy's whole state in the pages of one slot.

use serde::{Deserialize, Serialize};

use super::super::tables::{Consistency, Role, StoredResult, Tables};
use super::{check_padding, check_pages, into_pages};
use crate::codec::envelope::{Format, seal};
use crate::codec::payload::join;
use crate::codec::{Coded, coded_enum, coded_struct, finish};
use crate::contract::PAGE_BYTES;
use crate::payload::Payload;
use crate::vocabulary::Lsn;
use crate::wire::DecodeError;

const FORMAT: Format = Format {
    magic: *b"SGCP",
    // 2: regions that are missing. 3: reigns that are given away, and what was rolled back.
    // 4: the volume's size.
    version: 4,
};

/// The state of a copy as of one journal record, all of whose data is destaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The last record it includes; 0 for a fresh set.
    pub lsn: Lsn,
    /// Ring page, from 0, where the next record stands.
    pub next_page: u64,
    /// Checksum of the record `lsn`, which the next record repeats.
    pub chain: u32,
    /// The state.
    pub tables: Tables,
}

coded_struct!(Checkpoint {
    lsn,
    next_page,
    chain,
    tables
});
coded_struct!(Tables {
    role,
    mode,
    consistency,
    session,
    fence,
    last_copy,
    sequence_high,
    marks,
    results,
    watermarks,
    dirty,
    missing,
    left_at,
    rolled_back,
    blocks,
});
coded_struct!(StoredResult { outcome, range });
coded_enum!(Role, "role" { Owner = 1, Mirror = 2, HandOff = 3 });
coded_enum!(Consistency, "consistency" { Consistent = 1, Outdated = 2, Inconsistent = 3, Unpaired = 4, Called = 5 });

/// Encodes a checkpoint into as many pages as it takes; the caller sees to it
/// that they fit the slot.
pub fn encode_checkpoint(checkpoint: &Checkpoint) -> Vec<Payload> {
    let mut head = FORMAT.begin(0);
    checkpoint.put(&mut head);
    seal(&mut head, &[]);
    into_pages(head, 0)
}

/// Pages of a checkpoint of so many marks, results and clients. Regions are dirty or
/// missing, never both: what is missing is missing in sync, when nothing is dirty. Any of
/// them may have been rolled back.
pub fn checkpoint_pages_max(marks: u64, results: u64, clients: u32, regions: u64) -> u64 {
    const FIXED: u64 = 20 + 20 + 3 + 16 + 16 + 8 + 8 + 8 + 8 + 6 * 4;
    let rows = marks * (12 + 52)
        + results.saturating_mul(12 + 14)
        + u64::from(clients) * 12
        + regions * 16;
    (FIXED + rows).div_ceil(PAGE_BYTES as u64)
}

/// Decodes a checkpoint from the pages of a slot. Pages behind its end are
/// leftovers of a longer one and ignored.
pub fn decode_checkpoint(pages: &[Payload]) -> Result<Checkpoint, DecodeError> {
    let first = pages.first().ok_or(DecodeError::Truncated)?;
    let head_bytes = FORMAT.peek(first)?.head_bytes as usize;
    check_pages(pages, head_bytes)?;
    let used = pages
        .get(..head_bytes.div_ceil(PAGE_BYTES))
        .ok_or(DecodeError::Truncated)?;
    let joined = join(used);
    let (head, padding) = joined
        .split_at_checked(head_bytes)
        .ok_or(DecodeError::Truncated)?;
    let mut input = FORMAT.open_only(head)?;
    check_padding(padding)?;
    let checkpoint = Checkpoint::get(&mut input)?;
    finish(input)?;
    Ok(checkpoint)
}

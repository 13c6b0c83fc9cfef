//! The superblock: one page, written once.

use serde::{Deserialize, Serialize};

use super::super::layout::Geometry;
use super::{check_padding, check_page, into_pages};
use crate::codec::envelope::{Format, seal};
use crate::codec::{Coded, coded_struct, finish};
use crate::payload::Payload;
use crate::vocabulary::StorageSetId;
use crate::wire::DecodeError;

const FORMAT: Format = Format {
    magic: *b"SGSB",
    version: 2,
};

/// Largest size in a geometry, so that sums of sizes cannot overflow: 2^48 pages
/// are an exbibyte.
const GEOMETRY_MAX: u64 = 1 << 48;

/// What a set is; written once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Superblock {
    /// The set.
    pub set: StorageSetId,
    /// Identity of this format; equal on both copies of a volume.
    pub format: u64,
    /// Sizes.
    pub geometry: Geometry,
}

coded_struct!(Superblock {
    set,
    format,
    geometry
});
coded_struct!(Geometry {
    blocks,
    ring_pages,
    checkpoint_pages,
    region_blocks
});

/// Encodes a superblock into one page.
pub fn encode_superblock(superblock: &Superblock) -> Payload {
    assert!(
        is_sane(&superblock.geometry),
        "a size of the geometry is beyond its bound"
    );
    let mut head = FORMAT.begin(0);
    superblock.put(&mut head);
    seal(&mut head, &[]);
    into_pages(head, 0).swap_remove(0)
}

/// Decodes a superblock.
pub fn decode_superblock(page: &[u8]) -> Result<Superblock, DecodeError> {
    check_page(page)?;
    let envelope = FORMAT.peek(page)?;
    let (head, padding) = page
        .split_at_checked(envelope.head_bytes as usize)
        .ok_or(DecodeError::Truncated)?;
    let mut input = FORMAT.open_only(head)?;
    check_padding(padding)?;
    let superblock = Superblock::get(&mut input)?;
    finish(input)?;
    if !is_sane(&superblock.geometry) {
        return Err(DecodeError::Field("geometry"));
    }
    Ok(superblock)
}

fn is_sane(geometry: &Geometry) -> bool {
    let Geometry {
        blocks,
        ring_pages,
        checkpoint_pages,
        region_blocks,
    } = *geometry;
    let sizes = [blocks, ring_pages, checkpoint_pages, region_blocks];
    region_blocks > 0 && sizes.iter().all(|pages| *pages <= GEOMETRY_MAX)
}

//! The header of a block, apart from its data.
//!
//! ```text
//! 0   magic     4 bytes
//! 4   format    u16       version of this layout
//! 6   spare     u16       zero
//! 8   block     u64
//! 16  version   u64       sequence id of the command that wrote it
//! 24  data      u32       CRC-32C of the block's data
//! 28  checksum  u32       CRC-32C of the bytes before
//! ```
//!
//! Too small for an envelope: 16 headers share a sector, so none tears. A block
//! that was never written has 32 zero bytes here.

use crc32c::crc32c;
use serde::{Deserialize, Serialize};

use super::super::layout::BLOCK_HEADER_BYTES;
use crate::codec::{Coded, coded_struct};
use crate::vocabulary::{BlockIndex, SequenceId};
use crate::wire::DecodeError;

const MAGIC: [u8; 4] = *b"SGBH";
const FORMAT: u16 = 1;
const CHECKSUM_OFFSET: usize = BLOCK_HEADER_BYTES - 4;

/// What is known of a block apart from its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlockHeader {
    /// The block.
    pub block: BlockIndex,
    /// The command that wrote it.
    pub version: SequenceId,
    /// CRC-32C of its data.
    pub checksum: u32,
}

coded_struct!(BlockHeader {
    block,
    version,
    checksum
});

/// Encodes a block header into its [`BLOCK_HEADER_BYTES`] bytes.
pub fn encode_block_header(header: &BlockHeader, out: &mut [u8]) {
    assert_eq!(
        out.len(),
        BLOCK_HEADER_BYTES,
        "a block header fills its place"
    );
    let mut bytes = Vec::with_capacity(BLOCK_HEADER_BYTES);
    bytes.extend_from_slice(&MAGIC);
    FORMAT.put(&mut bytes);
    0u16.put(&mut bytes);
    header.put(&mut bytes);
    crc32c(&bytes).put(&mut bytes);
    out.copy_from_slice(&bytes);
}

/// Decodes a block header; `None` for a block that was never written.
pub fn decode_block_header(bytes: &[u8]) -> Result<Option<BlockHeader>, DecodeError> {
    if bytes.len() != BLOCK_HEADER_BYTES {
        return Err(DecodeError::Field("block header length"));
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let (values, mut stated) = bytes.split_at(CHECKSUM_OFFSET);
    let Some((magic, mut input)) = values.split_first_chunk::<4>() else {
        return Err(DecodeError::Truncated);
    };
    let input = &mut input;
    if *magic != MAGIC {
        return Err(DecodeError::Version);
    }
    if u16::get(input)? != FORMAT {
        return Err(DecodeError::Version);
    }
    if u32::get(&mut stated)? != crc32c(values) {
        return Err(DecodeError::Checksum);
    }
    if u16::get(input)? != 0 {
        return Err(DecodeError::Field("spare"));
    }
    Ok(Some(BlockHeader::get(input)?))
}

//! Bytes on the devices: superblock, journal record, checkpoint, block header.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::layout::Geometry;
use super::record::Record;
use super::tables::Tables;
use crate::vocabulary::{BlockIndex, Lsn, SequenceId, StorageSetId};
use crate::wire::DecodeError;

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

/// Encodes a superblock into one page.
pub fn encode_superblock(_superblock: &Superblock) -> Bytes {
    Bytes::new()
}
/// Decodes a superblock.
pub fn decode_superblock(_page: &[u8]) -> Result<Superblock, DecodeError> {
    Err(DecodeError::Truncated)
}
/// Encodes a record into pages and returns its checksum.
pub fn encode_record(_record: &Record) -> (Vec<Bytes>, u32) {
    (Vec::new(), 0)
}
/// Pages that the record will take.
pub fn record_pages(_record: &Record) -> u64 {
    0
}
/// Length in pages of the record that starts in this page, and its lsn, if it looks like one.
pub fn peek_record(_page: &[u8]) -> Result<(u64, Lsn), DecodeError> {
    Err(DecodeError::Truncated)
}
/// Decodes a record from its pages and returns its checksum.
pub fn decode_record(_pages: &[Bytes]) -> Result<(Record, u32), DecodeError> {
    Err(DecodeError::Truncated)
}
/// Encodes a checkpoint into pages.
pub fn encode_checkpoint(_checkpoint: &Checkpoint) -> Vec<Bytes> {
    Vec::new()
}
/// Decodes a checkpoint from the pages of a slot.
pub fn decode_checkpoint(_pages: &[Bytes]) -> Result<Checkpoint, DecodeError> {
    Err(DecodeError::Truncated)
}
/// Encodes a block header.
pub fn encode_block_header(_header: &BlockHeader, _out: &mut [u8]) {}
/// Decodes a block header; `None` for a block that was never written.
pub fn decode_block_header(_bytes: &[u8]) -> Result<Option<BlockHeader>, DecodeError> {
    Ok(None)
}

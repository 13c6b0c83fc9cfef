//! Content that says who wrote it.
//!
//! Every sector of a written block starts with a stamp of [`STAMP_BYTES`]:
//!
//! ```text
//!  0..4   magic            16..24  block of the volume
//!  4..8   client           24..28  sector of the block
//!  8..16  counter          28..32  check over all before it
//! ```
//!
//! and the rest of it is a pattern that follows from the stamp. So whoever reads
//! a block sees whether it is one command's work (every sector says the same),
//! torn (sectors of several commands), somebody else's (another block's
//! address), or damaged.

use serde::{Deserialize, Serialize};
use std::fmt;
use stormglass_engine::contract::SECTOR_BYTES;
use stormglass_engine::payload::Payload;
use stormglass_engine::vocabulary::{BLOCK_BYTES, BlockIndex, ClientId, CommandId, Range};

/// Length of a sector's stamp in bytes.
pub const STAMP_BYTES: usize = 32;
/// Sectors in a block.
pub const SECTORS: usize = BLOCK_BYTES / SECTOR_BYTES;

const MAGIC: u32 = u32::from_le_bytes(*b"SGwr");
const CHECK_OFFSET: usize = 28;

/// What stands in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BlockValue {
    /// Zeroes: never written, or by `WriteZeroes`.
    Zero,
    /// One command's intact work.
    Written {
        /// Who wrote it.
        command: CommandId,
    },
    /// Intact sectors of more than one origin; zeroes count as one.
    Torn,
    /// Intact, and made for another block.
    Foreign {
        /// Who wrote it.
        command: CommandId,
        /// For which block.
        block: BlockIndex,
    },
    /// No client wrote these bytes.
    Garbage,
}

impl BlockValue {
    /// What a block holds after this command's write.
    pub fn written(command: CommandId) -> Self {
        BlockValue::Written { command }
    }
    /// True for what a block may hold: zeroes, or one command's intact work.
    pub fn is_whole(self) -> bool {
        matches!(self, BlockValue::Zero | BlockValue::Written { .. })
    }
}

impl fmt::Display for BlockValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlockValue::Zero => write!(f, "zeroes"),
            BlockValue::Written { command } => write!(f, "{command}"),
            BlockValue::Torn => write!(f, "a torn block"),
            BlockValue::Foreign { command, block } => {
                write!(f, "{command}, made for block {}", block.value())
            }
            BlockValue::Garbage => write!(f, "garbage"),
        }
    }
}

/// The content that `command` writes into `block`.
pub fn stamp(command: CommandId, block: BlockIndex) -> Payload {
    let mut content = vec![0; BLOCK_BYTES];
    fill(&mut content, command, block);
    content.into()
}

/// The content that `command` writes into `range`.
pub fn payload(command: CommandId, range: Range) -> Payload {
    let mut content = vec![0; range.byte_count()];
    for (block, part) in range.blocks().zip(content.chunks_exact_mut(BLOCK_BYTES)) {
        fill(part, command, block);
    }
    content.into()
}

/// The bytes of a range with these values, one for each of its blocks. A value
/// that is not whole has no bytes of its own and stands as zeroes.
pub fn content(range: Range, values: &[BlockValue]) -> Payload {
    assert_eq!(
        values.len(),
        range.count() as usize,
        "a value for each block"
    );
    let mut content = vec![0; range.byte_count()];
    for ((block, part), value) in range
        .blocks()
        .zip(content.chunks_exact_mut(BLOCK_BYTES))
        .zip(values)
    {
        if let BlockValue::Written { command } = value {
            fill(part, *command, block);
        }
    }
    content.into()
}

/// What stands in `block`, judged by its bytes. Anything but [`BLOCK_BYTES`]
/// bytes is garbage.
pub fn read(block: BlockIndex, bytes: &[u8]) -> BlockValue {
    if bytes.len() != BLOCK_BYTES {
        return BlockValue::Garbage;
    }
    let mut sectors = bytes.chunks_exact(SECTOR_BYTES).enumerate();
    let mut common = None;
    let mut is_torn = false;
    for (index, sector) in &mut sectors {
        let Some(origin) = read_sector(index, sector) else {
            return BlockValue::Garbage;
        };
        is_torn |= *common.get_or_insert(origin) != origin;
    }
    match common {
        Some(_) if is_torn => BlockValue::Torn,
        Some(Origin::Zero) => BlockValue::Zero,
        Some(Origin::Command { command, at }) if at == block => BlockValue::Written { command },
        Some(Origin::Command { command, at }) => BlockValue::Foreign { command, block: at },
        None => BlockValue::Garbage,
    }
}

/// What stands in each block of `range`. Missing bytes are garbage.
pub fn read_range(range: Range, bytes: &[u8]) -> Vec<BlockValue> {
    let mut parts = bytes.chunks(BLOCK_BYTES);
    range
        .blocks()
        .map(|block| read(block, parts.next().unwrap_or_default()))
        .collect()
}

/// Where a sector comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Zero,
    Command { command: CommandId, at: BlockIndex },
}

fn fill(content: &mut [u8], command: CommandId, block: BlockIndex) {
    for (index, sector) in content.chunks_exact_mut(SECTOR_BYTES).enumerate() {
        fill_sector(sector, command, block, index);
    }
}

fn fill_sector(sector: &mut [u8], command: CommandId, block: BlockIndex, index: usize) {
    sector[0..4].copy_from_slice(&MAGIC.to_le_bytes());
    sector[4..8].copy_from_slice(&command.client.value().to_le_bytes());
    sector[8..16].copy_from_slice(&command.counter.to_le_bytes());
    sector[16..24].copy_from_slice(&block.value().to_le_bytes());
    sector[24..28].copy_from_slice(&(index as u32).to_le_bytes());
    let key = key(&sector[..CHECK_OFFSET]);
    sector[CHECK_OFFSET..STAMP_BYTES].copy_from_slice(&(key as u32).to_le_bytes());
    for (word, expected) in sector[STAMP_BYTES..].chunks_exact_mut(8).zip(pattern(key)) {
        word.copy_from_slice(&expected);
    }
}

/// Where the sector comes from; `None` if a byte of it is not as it was made.
fn read_sector(index: usize, sector: &[u8]) -> Option<Origin> {
    if sector.iter().all(|byte| *byte == 0) {
        return Some(Origin::Zero);
    }
    let key = key(&sector[..CHECK_OFFSET]);
    let is_intact = half(sector, 0) == MAGIC
        && half(sector, 24) as usize == index
        && half(sector, CHECK_OFFSET) == key as u32
        && sector[STAMP_BYTES..]
            .chunks_exact(8)
            .zip(pattern(key))
            .all(|(is, was)| is == was);
    is_intact.then(|| Origin::Command {
        command: CommandId {
            client: ClientId::new(half(sector, 4)),
            counter: word(sector, 8),
        },
        at: BlockIndex::new(word(sector, 16)),
    })
}

/// A digest of the stamp before its check; its low half is the check, the whole
/// of it the pattern's seed.
fn key(stamp: &[u8]) -> u64 {
    let words = stamp.chunks(8).map(|part| {
        let mut padded = [0; 8];
        padded[..part.len()].copy_from_slice(part);
        u64::from_le_bytes(padded)
    });
    words.fold(0, mix)
}

/// The words behind the stamp: a step of an odd constant, which is as cheap as a
/// copy and still differs from every other sector's.
fn pattern(key: u64) -> impl Iterator<Item = [u8; 8]> {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    std::iter::successors(Some(key), |word| Some(word.wrapping_add(STEP))).map(u64::to_le_bytes)
}

fn half(sector: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| sector[at + index]))
}

fn word(sector: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| sector[at + index]))
}

/// Mixes a word into a key: two rounds of the finalizer of SplitMix64
/// (Steele, Lea, Flood 2014), which is bijective in either argument.
pub(super) fn mix(key: u64, word: u64) -> u64 {
    fn finish(mut bits: u64) -> u64 {
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
    finish(finish(key.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ word)
}

#[cfg(test)]
mod tests;

//! Where things stand on the two devices of a storage set.
//!
//! ```text
//! journal device   page 0, 1         superblock, two copies
//!                  2 .. 2+C          checkpoint slot A   (C = checkpoint_pages)
//!                  2+C .. 2+2C       checkpoint slot B
//!                  R .. R+ring       journal ring        (R = 2+2C)
//!                  M .. M+8          mailbox: 4 node slots, then stored
//!                                    metadata, two copies of two pages;
//!                                    outside the reservation  (M = R+ring)
//! data device      page 0            superblock
//!                  1 .. 1+H          block headers, 128 to a page
//!                  1+H .. 1+H+blocks block data
//! ```
//!
//! A block's address, version and checksum stand in its header, apart from its
//! data, so that a lost, misdirected or stale write shows: the two pages would
//! have to go wrong in the same way.

use serde::{Deserialize, Serialize};

use crate::contract::{PAGE_BYTES, PageIndex};
use crate::vocabulary::{BlockIndex, Range};

/// Size of one block header in bytes; a sector holds 16, so none tears.
pub const BLOCK_HEADER_BYTES: usize = 32;
/// Block headers in one page.
pub const HEADERS_PER_PAGE: u64 = (PAGE_BYTES / BLOCK_HEADER_BYTES) as u64;
/// Pages of mailbox and stored metadata behind the ring.
pub const MAILBOX_PAGES: u64 = 8;
/// Pages of the mailbox that hold heartbeats, one for each registrant's place.
pub const MAILBOX_SLOTS: u64 = 4;
/// Pages that hold stored metadata, one for each copy.
pub const METADATA_PAGES: u64 = 2;

/// Sizes of a storage set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Geometry {
    /// Blocks that there is room for; the volume may have fewer, and grow.
    pub blocks: u64,
    /// Pages of the journal ring.
    pub ring_pages: u64,
    /// Pages of one checkpoint slot.
    pub checkpoint_pages: u64,
    /// Blocks of a region, the granule of the dirty-region log. A small one copies
    /// less after an outage, a large one makes a smaller log.
    pub region_blocks: u64,
}

impl Geometry {
    /// Pages of block headers on the data device.
    pub fn header_pages(&self) -> u64 {
        self.blocks.div_ceil(HEADERS_PER_PAGE)
    }
    /// Pages of the data device.
    pub fn data_device_pages(&self) -> u64 {
        1 + self.header_pages() + self.blocks
    }
    /// Pages of the journal device.
    pub fn journal_device_pages(&self) -> u64 {
        self.mailbox_start().0 + MAILBOX_PAGES
    }
    /// First page of the ring.
    pub fn ring_start(&self) -> PageIndex {
        PageIndex(2 + 2 * self.checkpoint_pages)
    }
    /// First page outside the reservation.
    pub fn mailbox_start(&self) -> PageIndex {
        self.ring_start().plus(self.ring_pages)
    }
    /// First page of a checkpoint slot.
    pub fn checkpoint_start(&self, slot: CheckpointSlot) -> PageIndex {
        match slot {
            CheckpointSlot::A => PageIndex(2),
            CheckpointSlot::B => PageIndex(2 + self.checkpoint_pages),
        }
    }
    /// The page of a block's data.
    pub fn data_page(&self, block: BlockIndex) -> PageIndex {
        PageIndex(1 + self.header_pages() + block.value())
    }
    /// The page of a block's header.
    pub fn header_page(&self, block: BlockIndex) -> PageIndex {
        PageIndex(1 + block.value() / HEADERS_PER_PAGE)
    }
    /// Offset of a block's header in its page, in bytes.
    pub fn header_offset(block: BlockIndex) -> usize {
        let place = block.value() % HEADERS_PER_PAGE;
        usize::try_from(place).expect("a page offset fits") * BLOCK_HEADER_BYTES
    }
    /// The place of a node's heartbeat, by its rank in its pair.
    pub fn mailbox_slot(&self, rank: u64) -> PageIndex {
        assert!(rank < MAILBOX_SLOTS, "a pair has two nodes");
        self.mailbox_start().plus(rank)
    }
    /// First page of the stored metadata.
    pub fn metadata_start(&self) -> PageIndex {
        self.mailbox_start().plus(MAILBOX_SLOTS)
    }

    /// The regions that a range touches.
    pub fn regions(&self, range: Range) -> impl DoubleEndedIterator<Item = u64> + use<> {
        let last = range.end().value() - 1;
        range.start().value() / self.region_blocks..=last / self.region_blocks
    }
    /// The regions in which the blocks lie that come with a growth.
    pub fn tail(&self, from: u64, to: u64) -> std::ops::Range<u64> {
        from / self.region_blocks..to.div_ceil(self.region_blocks)
    }
    /// The region of a block.
    pub fn region_of(&self, block: BlockIndex) -> u64 {
        block.value() / self.region_blocks
    }
    /// The blocks of a region; the last one may be short.
    pub fn region_range(&self, region: u64) -> Range {
        let start = region * self.region_blocks;
        let count = self.region_blocks.min(self.blocks - start);
        let count = u32::try_from(count).expect("a region is no longer than a command may be");
        Range::new(BlockIndex::new(start), count).expect("a region has blocks")
    }
    /// Number of regions of the volume.
    pub fn region_count(&self) -> u64 {
        self.blocks.div_ceil(self.region_blocks)
    }
}

/// The two places of a checkpoint, written in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CheckpointSlot {
    /// The first.
    A,
    /// The second.
    B,
}

impl CheckpointSlot {
    /// The one written next.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            CheckpointSlot::A => CheckpointSlot::B,
            CheckpointSlot::B => CheckpointSlot::A,
        }
    }
}

//! A copy's logical content: what is journalled but not destaged, over the data
//! device.
//!
//! Owns the map of blocks that stand only in the journal. Refuses to know who
//! writes or reads. A block is served from this map until its destage is flushed
//! *and* checkpointed, so a read never meets a half-destaged block.

use serde::{Deserialize, Serialize};

use crate::collections::Layered;
use crate::payload::Payload;
use crate::vocabulary::{BLOCK_BYTES, BlockIndex, Content, Lsn, Range, SequenceId};

/// A block's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockContent {
    /// The command that wrote it; 0 if none did.
    pub version: SequenceId,
    /// Its bytes; `None` for zeroes.
    pub data: Option<Payload>,
}

/// A block that stands only in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journalled {
    /// The record.
    pub lsn: Lsn,
    /// Its content.
    pub content: BlockContent,
}

/// Blocks that stand only in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocks {
    journalled: Layered<BlockIndex, Journalled>,
}

impl Blocks {
    /// Takes over the effect of a durable record; `versions` gives each block's.
    pub fn apply(
        &mut self,
        lsn: Lsn,
        range: Range,
        content: &Content,
        mut version: impl FnMut(usize) -> SequenceId,
    ) {
        for (place, block) in range.blocks().enumerate() {
            let data = match content {
                Content::Data(bytes) => {
                    Some(bytes.slice(place * BLOCK_BYTES..(place + 1) * BLOCK_BYTES))
                }
                Content::Zeroes => None,
                Content::Nothing => return,
            };
            let content = BlockContent {
                version: version(place),
                data,
            };
            self.journalled.insert(block, Journalled { lsn, content });
        }
    }

    /// The block, if it stands only in the journal.
    pub fn get(&self, block: BlockIndex) -> Option<&BlockContent> {
        self.journalled
            .get(&block)
            .map(|journalled| &journalled.content)
    }

    /// Every block that stands only in the journal, in order.
    pub fn iter(&self) -> impl Iterator<Item = (BlockIndex, &Journalled)> {
        self.journalled.iter()
    }

    /// Number of blocks that stand only in the journal.
    pub fn len(&self) -> usize {
        self.journalled.len()
    }

    /// True if the data device holds everything.
    pub fn is_empty(&self) -> bool {
        self.journalled.is_empty()
    }

    /// Forgets blocks whose destage is complete, unless a newer record has come.
    pub fn forget(&mut self, destaged: &Blocks) {
        for (block, done) in destaged.iter() {
            if self
                .journalled
                .get(&block)
                .is_some_and(|now| now.lsn == done.lsn)
            {
                self.journalled.remove(&block);
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! What a client believes to stand in its blocks: the last value that it read
//! or wrote there. A guess, never a promise: others write too.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use stormglass_engine::vocabulary::{BlockIndex, CommandId, Range};

use super::draw::Guess;
use super::provenance::BlockValue;

/// The client's guesses; at most one for each block of its part of the volume.
#[derive(Clone, Default, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Belief {
    blocks: OrdMap<BlockIndex, BlockValue>,
}

impl Belief {
    /// True if it believes something of every block.
    pub(super) fn covers(&self, range: Range) -> bool {
        range.blocks().all(|block| self.blocks.contains_key(&block))
    }
    /// It saw these values.
    pub(super) fn learn(&mut self, range: Range, values: &[BlockValue]) {
        for (block, value) in range.blocks().zip(values) {
            if value.is_whole() {
                self.blocks.insert(block, *value);
            } else {
                self.blocks.remove(&block);
            }
        }
    }
    /// It set every block to this value.
    pub(super) fn set(&mut self, range: Range, value: BlockValue) {
        for block in range.blocks() {
            self.blocks.insert(block, value);
        }
    }
    /// It no longer knows.
    pub(super) fn forget(&mut self, range: Range) {
        for block in range.blocks() {
            self.blocks.remove(&block);
        }
    }
    /// What command `id` expects in each block.
    pub(super) fn expected(&self, range: Range, guess: Guess, id: CommandId) -> Vec<BlockValue> {
        let believed = |block| self.blocks.get(&block).copied().unwrap_or(BlockValue::Zero);
        let doubted = |value| match value {
            BlockValue::Zero => BlockValue::written(id),
            _ => BlockValue::Zero,
        };
        range
            .blocks()
            .map(believed)
            .map(|value| {
                if guess == Guess::Wrong {
                    doubted(value)
                } else {
                    value
                }
            })
            .collect()
    }
}

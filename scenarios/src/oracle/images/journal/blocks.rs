//! What the journal says of each block: its writes and the marks over it.
//!
//! Owns their lives in the order of records. Refuses to know pages and devices:
//! where a recovery may start and stop is told by whoever asks.

use serde::{Deserialize, Serialize};
use stormglass_engine::collections::{Layered, push_one};
use stormglass_engine::vocabulary::{BlockIndex, CommandId, Lsn, Range};

use super::life::Life;
use crate::oracle::images::value::Value;

/// A command's mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Span {
    command: CommandId,
    life: Life,
}

/// What the journal says of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Block {
    /// In the order of records.
    writes: Vec<(Lsn, Value)>,
    marks: Vec<Span>,
}

/// Blocks that stand in the journal or under a mark.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Blocks(Layered<BlockIndex, Block>);

impl Blocks {
    /// Which they are.
    pub(super) fn indices(&self) -> impl Iterator<Item = BlockIndex> {
        self.0.keys()
    }

    /// Calls back for every value of a block, for each record behind which a
    /// recovery may start, and whether the block is missing there. `may_stop` tells
    /// whether it may read one record and stop before it has read another. False if it
    /// may find no value and ask the device, as it does for no missing block.
    pub(super) fn values(
        &self,
        block: BlockIndex,
        mut starts: impl Iterator<Item = (Lsn, bool)>,
        may_stop: impl Fn(Lsn, Lsn) -> bool,
        mut found: impl FnMut(Value),
    ) -> bool {
        let Some(block) = self.0.get(&block) else {
            return starts.all(|(_, is_missing)| is_missing);
        };
        let mut is_covered = true;
        for (start, is_missing) in starts {
            let first = block.writes.partition_point(|(lsn, _)| *lsn <= start);
            let writes = &block.writes[first..];
            is_covered &= is_missing
                || writes
                    .first()
                    .is_some_and(|(next, _)| !may_stop(start, *next));
            for (place, (lsn, value)) in writes.iter().enumerate() {
                let next = writes.get(place + 1);
                if next.is_none_or(|(next, _)| may_stop(*lsn, *next)) {
                    found(*value);
                }
            }
        }
        is_covered
    }

    /// The lives of the marks on a block.
    pub(super) fn marks(&self, block: BlockIndex) -> impl Iterator<Item = Life> + Clone {
        let block = self.0.get(&block).into_iter();
        block.flat_map(|block| block.marks.iter().map(|span| span.life))
    }

    /// A record makes this of a block.
    pub(super) fn write(&mut self, block: BlockIndex, lsn: Lsn, value: Value) {
        push_one(&mut self.block_mut(block).writes, (lsn, value));
    }

    /// A command's mark stands from a record on.
    pub(super) fn open_mark(&mut self, command: CommandId, range: Range, from: Lsn) {
        for block in range.blocks() {
            let life = Life::since(from);
            push_one(&mut self.block_mut(block).marks, Span { command, life });
        }
    }

    /// A command's mark stands up to a record.
    pub(super) fn close_mark(&mut self, command: CommandId, range: Range, until: Lsn) {
        for block in range.blocks() {
            let spans = &mut self.block_mut(block).marks;
            let open = spans
                .iter_mut()
                .find(|span| span.command == command && span.life.until.is_none());
            if let Some(span) = open {
                span.life.until = Some(until);
            }
        }
    }

    /// Forgets what a checkpoint includes.
    pub(super) fn trim(&mut self, block: BlockIndex, end: Lsn) {
        let Some(entry) = self.0.get_mut(&block) else {
            return;
        };
        entry.writes.retain(|(lsn, _)| *lsn > end);
        entry.marks.retain(|span| !span.life.is_over(end));
        if entry.writes.is_empty() && entry.marks.is_empty() {
            self.0.remove(&block);
        }
    }

    fn block_mut(&mut self, block: BlockIndex) -> &mut Block {
        self.0.get_or_default(block)
    }
}

//! Recovery as slow and plain as can be: from the pages of a device at rest to
//! blocks and marks. Shares nothing with the tracker but the formats.

use std::collections::{BTreeMap, BTreeSet};

use stormglass_engine::contract::PageIndex;
use stormglass_engine::payload::Payload;
use stormglass_engine::storage_set::format::{
    Checkpoint, decode_block_header, decode_checkpoint, decode_record, peek_record,
};
use stormglass_engine::storage_set::layout::{BLOCK_HEADER_BYTES, CheckpointSlot, Geometry};
use stormglass_engine::storage_set::record::{Entry, Mode, Record, Route};
use stormglass_engine::storage_set::tables::Consistency;
use stormglass_engine::vocabulary::{
    BLOCK_BYTES, BlockIndex, CommandId, Content, Lsn, Range, SequenceId,
};
use xxhash_rust::xxh3::xxh3_64;

use super::super::value::{Bytes64, Value};

/// What a recovery reads from a journal device.
pub(super) struct Recovered {
    /// Number, ring page and chain of the next record.
    pub(super) head: (Lsn, u64, u32),
    /// Where the checkpoint stands.
    pub(super) slot: CheckpointSlot,
    /// Records behind it, with pages and checksum.
    pub(super) records: Vec<(Record, u64, u32)>,
    /// Blocks under a mark.
    pub(super) marked: BTreeSet<BlockIndex>,
    /// Blocks of dirty regions.
    pub(super) dirty: BTreeSet<BlockIndex>,
    pub(super) mode: Mode,
    pub(super) consistency: Consistency,
    pub(super) blocks: u64,
}

/// The blocks of every region that a range touches, or covers.
fn regions(geometry: Geometry, range: Range, is_whole: bool) -> BTreeSet<BlockIndex> {
    let all: Vec<u64> = (0..geometry.blocks).collect();
    let inside = |block: &u64| range.contains(BlockIndex::new(*block));
    let regions = all.chunks(usize::try_from(geometry.region_blocks).expect("small"));
    let regions = regions.filter(|region| match is_whole {
        true => region.iter().all(inside),
        false => region.iter().any(inside),
    });
    regions.flatten().copied().map(BlockIndex::new).collect()
}

/// The newer of the checkpoints that can be read.
pub(super) fn newest_checkpoint(
    geometry: Geometry,
    page: impl Fn(PageIndex) -> Payload,
) -> Option<(Checkpoint, CheckpointSlot)> {
    let mut newest: Option<(Checkpoint, CheckpointSlot)> = None;
    for slot in [CheckpointSlot::A, CheckpointSlot::B] {
        let start = geometry.checkpoint_start(slot);
        let pages: Vec<Payload> = (0..geometry.checkpoint_pages)
            .map(|index| page(start.plus(index)))
            .collect();
        if let Ok(found) = decode_checkpoint(&pages)
            && newest
                .as_ref()
                .is_none_or(|(newest, _)| found.lsn > newest.lsn)
        {
            newest = Some((found, slot));
        }
    }
    newest
}

/// Reads a journal back.
#[expect(clippy::too_many_lines, reason = "one arm for each entry of a journal")]
pub(super) fn recover(
    geometry: Geometry,
    page: impl Fn(PageIndex) -> Payload,
) -> Option<Recovered> {
    let (checkpoint, slot) = newest_checkpoint(geometry, &page)?;
    let mut head = (
        checkpoint.lsn.next(),
        checkpoint.next_page,
        checkpoint.chain,
    );
    let mut marks: BTreeMap<CommandId, Range> = checkpoint
        .tables
        .marks
        .iter()
        .map(|(command, mark)| (*command, mark.range))
        .collect();
    let bits = checkpoint.tables.dirty.iter();
    let bits = bits.map(|region| BlockIndex::new(region * geometry.region_blocks));
    let bits = bits.map(|block| Range::new(block, 1).expect("a block"));
    let mut dirty: BTreeSet<BlockIndex> = bits
        .flat_map(|range| regions(geometry, range, false))
        .collect();
    let (mut mode, mut consistency) = (checkpoint.tables.mode, checkpoint.tables.consistency);
    let mut blocks = checkpoint.tables.blocks;
    let mut records = Vec::new();
    let mut scanned = 0;
    loop {
        let at = |index: u64| {
            let place = (head.1 + index) % geometry.ring_pages;
            page(geometry.ring_start().plus(place))
        };
        let Ok((count, lsn)) = peek_record(&at(0)) else {
            break;
        };
        if lsn != head.0 || scanned + count > geometry.ring_pages {
            break;
        }
        let pages: Vec<Payload> = (0..count).map(at).collect();
        let Ok((record, checksum)) = decode_record(&pages) else {
            break;
        };
        if record.previous != head.2 {
            break;
        }
        scanned += count;
        head = (lsn.next(), (head.1 + count) % geometry.ring_pages, checksum);
        match &record.entry {
            Entry::Mark {
                mark,
                clears,
                route,
                ..
            } => {
                for command in clears {
                    marks.remove(command);
                }
                marks.insert(mark.command, mark.range);
                if *route == Route::LocalOnly {
                    dirty.extend(regions(geometry, mark.range, false));
                }
            }
            Entry::Session { mode: next, .. } => {
                mode = *next;
                if mode != Mode::InSync {
                    for range in marks.values() {
                        dirty.extend(regions(geometry, *range, false));
                    }
                }
            }
            Entry::Fence {
                resync,
                blocks: size,
                ..
            } => {
                blocks = *size;
                if *resync {
                    consistency = Consistency::Inconsistent;
                }
            }
            Entry::Grow { blocks: size } => {
                if mode != Mode::InSync {
                    let tail = (blocks..*size).map(BlockIndex::new);
                    let tail = tail.map(|block| Range::new(block, 1).expect("a block"));
                    dirty.extend(tail.flat_map(|range| regions(geometry, range, false)));
                }
                blocks = *size;
            }
            Entry::Copy { range, .. } => {
                for mark in std::mem::take(&mut marks).values() {
                    dirty.extend(regions(geometry, *mark, false));
                }
                for block in regions(geometry, *range, true) {
                    dirty.remove(&block);
                }
            }
            Entry::StandDown { consistency: next } => consistency = *next,
            Entry::Dirty { set, clear, .. } => {
                for range in set {
                    dirty.extend(regions(geometry, *range, false));
                }
                for block in clear
                    .iter()
                    .flat_map(|range| regions(geometry, *range, true))
                {
                    dirty.remove(&block);
                }
            }
            Entry::Finish => {
                (marks, dirty) = Default::default();
                consistency = Consistency::Consistent;
            }
            Entry::Clear { clears } => {
                for command in clears {
                    marks.remove(command);
                }
            }
            _ => {}
        }
        records.push((record, count, checksum));
    }
    let marked = marks.values().flat_map(|range| range.blocks()).collect();
    Some(Recovered {
        head,
        slot,
        records,
        marked,
        dirty,
        mode,
        consistency,
        blocks,
    })
}

/// What records make of blocks, in the end.
pub(super) fn journalled<'a>(
    records: impl Iterator<Item = &'a Record>,
) -> BTreeMap<BlockIndex, (SequenceId, Payload)> {
    let mut blocks = BTreeMap::new();
    for record in records {
        let (range, content, versions) = match &record.entry {
            Entry::Perform(perform) => {
                let versions = vec![perform.sequence; perform.range.count() as usize];
                (perform.range, &perform.content, versions)
            }
            Entry::Copy {
                range,
                content,
                versions,
                ..
            }
            | Entry::Repair {
                range,
                content,
                versions,
                ..
            } => (*range, content, versions.clone()),
            _ => continue,
        };
        let bytes = match content {
            Content::Data(bytes) => bytes.clone(),
            Content::Zeroes => Payload::from(vec![0; range.byte_count()]),
            Content::Nothing => continue,
        };
        for (place, block) in range.blocks().enumerate() {
            let page = bytes.slice(place * BLOCK_BYTES..(place + 1) * BLOCK_BYTES);
            blocks.insert(block, (versions[place], page));
        }
    }
    blocks
}

/// A block's value by its version and bytes.
pub(super) fn value(version: SequenceId, bytes: &[u8]) -> Value {
    let bytes = if bytes.iter().all(|byte| *byte == 0) {
        Bytes64::Zero
    } else {
        Bytes64::Hash(xxh3_64(bytes))
    };
    Value::Proven { version, bytes }
}

/// What a read of the data device returns for a block.
pub(super) fn read(
    geometry: Geometry,
    block: BlockIndex,
    page: impl Fn(PageIndex) -> Payload,
) -> Value {
    let data = page(geometry.data_page(block));
    let headers = page(geometry.header_page(block));
    let offset = Geometry::header_offset(block);
    match decode_block_header(&headers[offset..offset + BLOCK_HEADER_BYTES]) {
        Ok(Some(header)) if header.block == block && header.checksum == crc32c::crc32c(&data) => {
            value(header.version, &data)
        }
        Ok(None) if data.iter().all(|byte| *byte == 0) => Value::PRISTINE,
        _ => Value::Damaged,
    }
}

//! A record in a journal, as the images need it: what it does to blocks, marks
//! and state, without the payload.

use serde::{Deserialize, Serialize};
use stormglass_engine::payload::Payload;
use stormglass_engine::storage_set::record::{Entry, Record};
use stormglass_engine::vocabulary::{BLOCK_BYTES, CommandId, Content, Lsn, Range};

use super::value::{Bytes64, Value};

/// A record that fits behind the one before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its number.
    pub lsn: Lsn,
    /// Its ring page, from 0.
    pub page: u64,
    /// Its length in ring pages.
    pub pages: u64,
    /// The checksum of the one before it.
    pub previous: u32,
    /// Its checksum, which the next one repeats.
    pub checksum: u32,
    /// The event at which its last part was submitted.
    pub event: u64,
    /// The entry, without payload.
    pub entry: Entry,
    /// Blocks that it writes.
    pub range: Option<Range>,
    /// What it makes of each block of the range; empty if it writes nothing.
    pub values: Box<[Value]>,
    /// Marks that end with it.
    pub closed: Box<[(CommandId, Range)]>,
    /// Regions whose bits it sets or clears, in order.
    pub bits: Box<[(u64, bool)]>,
}

impl Link {
    /// Reduces a record. `closed` and `bits` are filled in by whoever knows the state.
    pub(super) fn new(
        record: Record,
        (page, pages): (u64, u64),
        checksum: u32,
        event: u64,
    ) -> Self {
        let mut link = Link {
            lsn: record.lsn,
            page,
            pages,
            previous: record.previous,
            checksum,
            event,
            entry: record.entry,
            range: None,
            values: Box::default(),
            closed: Box::default(),
            bits: Box::default(),
        };
        match &mut link.entry {
            Entry::Perform(perform) => {
                link.range = Some(perform.range);
                let version = perform.sequence;
                let proven = |bytes| Value::Proven { version, bytes };
                link.values = reduce(&mut perform.content, perform.range, proven);
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
            } => {
                link.range = Some(*range);
                // The codec reads one for each block.
                let mut versions = versions.iter();
                let mut proven = |bytes| match versions.next() {
                    Some(version) => Value::Proven {
                        version: *version,
                        bytes,
                    },
                    None => Value::Damaged,
                };
                link.values = reduce(content, *range, &mut proven);
            }
            Entry::Mark { .. }
            | Entry::Fail { .. }
            | Entry::Clear { .. }
            | Entry::Session { .. }
            | Entry::Activate { .. }
            | Entry::HandOff { .. }
            | Entry::StandDown { .. }
            | Entry::Fence { .. }
            | Entry::Dirty { .. }
            | Entry::Finish
            | Entry::Lost
            | Entry::Grow { .. } => {}
        }
        link
    }

    /// The bytes of the blocks that it writes.
    pub fn bytes(&self) -> impl Iterator<Item = Option<Bytes64>> {
        self.values.iter().map(|value| match value {
            Value::Proven { bytes, .. } => Some(*bytes),
            Value::Damaged => None,
        })
    }
}

/// What a content makes of each block; takes the payload out.
fn reduce(
    content: &mut Content,
    range: Range,
    mut value: impl FnMut(Bytes64) -> Value,
) -> Box<[Value]> {
    match content {
        Content::Data(data) => {
            let values = match data.len() {
                BLOCK_BYTES => Box::from([value(Bytes64::of_payload(data))]),
                _ => {
                    let blocks = data.chunks_exact(BLOCK_BYTES);
                    blocks.map(|block| value(Bytes64::of(block))).collect()
                }
            };
            *data = Payload::new();
            values
        }
        Content::Zeroes => range.blocks().map(|_| value(Bytes64::Zero)).collect(),
        Content::Nothing => Box::default(),
    }
}

//! Reads a range of a copy, and proves each block by its header.
//!
//! The caller holds the range, so no write can slip in between the journal's
//! part and the device's part of one read.

use bytes::BytesMut;
use serde::{Deserialize, Serialize};

use super::blocks::{BlockContent, Blocks};
use super::destage::{DestageIo, Devices};
use super::format::{self, BlockHeader};
use super::layout::{BLOCK_HEADER_BYTES, Geometry};
use super::{IoIds, IoOwner};
use crate::contract::{IoError, IoId, IoOutput, IoRequest, PAGE_BYTES, PageIndex};
use crate::payload::Payload;
use crate::vocabulary::{BLOCK_BYTES, BlockIndex, Range, SequenceId};
use crate::wire::DecodeError;

/// A block that did not prove itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unproven {
    /// The block.
    pub block: BlockIndex,
    /// What it has to be, where that is known beyond doubt: the device says that it
    /// cannot read the data, and the header is there. Data that is there and does not
    /// fit its header may as well be newer than it.
    pub proof: Option<Proof>,
}

impl Unproven {
    fn new(block: BlockIndex) -> Self {
        Unproven { block, proof: None }
    }
}

/// What a block has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    version: SequenceId,
    checksum: u32,
}

impl Proof {
    /// True if this is the block.
    pub fn holds_of(&self, version: SequenceId, data: &[u8]) -> bool {
        version == self.version && crc32c::crc32c(data) == self.checksum
    }
}

/// A read in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeRead {
    range: Range,
    devices: Devices,
    blocks: Vec<Option<BlockContent>>,
    /// What is asked of the device.
    runs: Vec<Run>,
    headers: Option<IoId>,
    header_pages: Vec<Payload>,
    error: Option<IoError>,
    /// The first block that neither the journal nor the device holds.
    missing: Option<BlockIndex>,
}

/// Consecutive blocks that the journal does not hold. Nothing is read over one that it
/// does hold: what the device has of that is old, and a page of it that cannot be read
/// is no loss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    range: Range,
    io: Option<IoId>,
    pages: Vec<Payload>,
}

impl RangeRead {
    /// Starts a read: blocks of the journal at once, the rest from the device. Of a
    /// missing block the device says nothing, whatever it holds: a blank one would show
    /// zeroes that nobody wrote.
    pub fn start(
        range: Range,
        blocks: &Blocks,
        missing: Option<BlockIndex>,
        devices: Devices,
        ids: &mut IoIds,
    ) -> (Self, Vec<DestageIo>) {
        let found: Vec<Option<BlockContent>> = range
            .blocks()
            .map(|block| blocks.get(block).cloned())
            .collect();
        let mut read = RangeRead {
            range,
            devices,
            blocks: found,
            runs: Vec::new(),
            headers: None,
            header_pages: Vec::new(),
            error: None,
            missing,
        };
        if missing.is_some() {
            return (read, Vec::new());
        }
        let (geometry, device) = (devices.geometry, devices.data);
        let mut ios = Vec::new();
        for asked in runs(range, &read.blocks) {
            let io = ids.next(IoOwner::Read);
            let request = IoRequest::Read {
                start: geometry.data_page(asked.start()),
                count: asked.count(),
            };
            ios.push(DestageIo {
                device,
                io,
                request,
            });
            read.runs.push(Run {
                range: asked,
                io: Some(io),
                pages: Vec::new(),
            });
        }
        if let Some(asked) = read.asked() {
            let first = geometry.header_page(asked.start());
            let last = geometry.header_page(BlockIndex::new(asked.end().value() - 1));
            let count = u32::try_from(last.0 - first.0 + 1).expect("no more than blocks");
            let io = ids.next(IoOwner::Read);
            read.headers = Some(io);
            let request = IoRequest::Read {
                start: first,
                count,
            };
            ios.push(DestageIo {
                device,
                io,
                request,
            });
        }
        (read, ios)
    }

    /// From the first block that is asked of the device to the last.
    fn asked(&self) -> Option<Range> {
        let (first, last) = (self.runs.first()?.range, self.runs.last()?.range);
        let count = u32::try_from(last.end().value() - first.start().value());
        Range::new(first.start(), count.expect("no longer than the range"))
    }

    /// Takes note of a completion; false if it is none of this read's.
    pub fn handle_completion(&mut self, io: IoId, result: Result<IoOutput, IoError>) -> bool {
        let run = self.runs.iter_mut().find(|run| run.io == Some(io));
        let (waits, kept) = match run {
            Some(run) => (&mut run.io, &mut run.pages),
            None if self.headers == Some(io) => (&mut self.headers, &mut self.header_pages),
            None => return false,
        };
        *waits = None;
        match result {
            Ok(IoOutput::Pages(pages)) => *kept = pages,
            Ok(IoOutput::Done | IoOutput::Reservation(_)) => {}
            Err(error) => self.error = Some(error),
        }
        true
    }

    /// True once nothing is outstanding.
    pub fn is_complete(&self) -> bool {
        self.headers.is_none() && self.runs.iter().all(|run| run.io.is_none())
    }

    /// The range's blocks, each proven by its header.
    pub fn finish(mut self) -> Result<Vec<BlockContent>, Unproven> {
        assert!(self.is_complete(), "a read is finished when it is complete");
        if let Some(missing) = self.missing {
            return Err(Unproven::new(missing));
        }
        if let Some(asked) = self.asked() {
            if let Some(error) = self.error {
                return Err(self.failed(asked, error));
            }
            for run in &self.runs {
                for (block, data) in run.range.blocks().zip(&run.pages) {
                    let at = place(self.range.start().value(), block.value());
                    self.blocks[at] = Some(self.prove(asked, block, data)?);
                }
            }
        }
        Ok(self
            .blocks
            .into_iter()
            .map(|block| block.expect("every block was found"))
            .collect())
    }

    fn prove(
        &self,
        asked: Range,
        block: BlockIndex,
        data: &Payload,
    ) -> Result<BlockContent, Unproven> {
        match self.header(asked, block) {
            Ok(Some(header)) if header.block == block && header.checksum == data.checksum() => {
                Ok(BlockContent {
                    version: header.version,
                    data: Some(data.clone()),
                })
            }
            Ok(None) if data.iter().all(|byte| *byte == 0) => Ok(BlockContent {
                version: SequenceId::new(0),
                data: None,
            }),
            Ok(_) | Err(_) => Err(Unproven::new(block)),
        }
    }

    /// The header that was read for a block; none for one that was never written.
    fn header(&self, asked: Range, block: BlockIndex) -> Result<Option<BlockHeader>, DecodeError> {
        let geometry = self.devices.geometry;
        let first: PageIndex = geometry.header_page(asked.start());
        let page = &self.header_pages[place(first.0, geometry.header_page(block).0)];
        let offset = Geometry::header_offset(block);
        format::decode_block_header(&page[offset..offset + BLOCK_HEADER_BYTES])
    }

    /// Why nothing of a read with an error is proven: the page that the device names, if
    /// it was asked for, or else the first block.
    fn failed(&self, asked: Range, error: IoError) -> Unproven {
        let geometry = self.devices.geometry;
        let first = geometry.data_page(BlockIndex::new(0));
        let named = match error {
            IoError::Unreadable(page) => page.0.checked_sub(first.0).map(BlockIndex::new),
            IoError::ReservationConflict
            | IoError::Aborted
            | IoError::OutOfRange
            | IoError::FlushFailed
            | IoError::Full
            | IoError::Gone => None,
        };
        let Some(block) = named.filter(|block| asked.contains(*block)) else {
            return Unproven::new(asked.start());
        };
        if self.header_pages.is_empty() {
            return Unproven::new(block);
        }
        let proof = match self.header(asked, block) {
            Ok(Some(header)) if header.block == block => Some(Proof {
                version: header.version,
                checksum: header.checksum,
            }),
            Ok(None) => Some(Proof {
                version: SequenceId::new(0),
                checksum: crc32c::crc32c(&[0; PAGE_BYTES]),
            }),
            Ok(Some(_)) | Err(_) => None,
        };
        Unproven { block, proof }
    }
}

/// The runs of blocks of a range that were not found.
fn runs(range: Range, found: &[Option<BlockContent>]) -> impl Iterator<Item = Range> {
    let start = range.start().value();
    let mut at = 0;
    found
        .chunk_by(|one, next| one.is_some() == next.is_some())
        .filter_map(move |chunk| {
            let first = BlockIndex::new(start + at);
            at += chunk.len() as u64;
            let count = u32::try_from(chunk.len()).expect("no longer than the range");
            let is_found = chunk.first().is_some_and(Option::is_some);
            Range::new(first, count).filter(|_| !is_found)
        })
}

fn place(from: u64, to: u64) -> usize {
    usize::try_from(to - from).expect("a place in a read")
}

/// The bytes of consecutive blocks, shared where there is only one.
pub fn concatenate(blocks: &[BlockContent]) -> Payload {
    let zeroes = Payload::from_static(&[0; PAGE_BYTES]);
    if let [block] = blocks {
        return block.data.clone().unwrap_or(zeroes);
    }
    let mut bytes = BytesMut::with_capacity(blocks.len() * BLOCK_BYTES);
    for block in blocks {
        bytes.extend_from_slice(block.data.as_ref().unwrap_or(&zeroes));
    }
    bytes.freeze().into()
}

#[cfg(test)]
mod tests;

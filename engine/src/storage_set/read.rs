//! Reads a range of a copy, and proves each block by its header.
//!
//! The caller holds the range, so no write can slip in between the journal's
//! part and the device's part of one read.

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::blocks::{BlockContent, Blocks};
use super::destage::{DestageIo, Devices};
use super::format::{self, BlockHeader};
use super::layout::{BLOCK_HEADER_BYTES, Geometry};
use super::{IoIds, IoOwner};
use crate::contract::{IoError, IoId, IoOutput, IoRequest, PAGE_BYTES, PageIndex};
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
    /// Blocks asked of the device: from the first to the last that the journal
    /// does not hold.
    asked: Option<Range>,
    data: Option<IoId>,
    headers: Option<IoId>,
    data_pages: Vec<Bytes>,
    header_pages: Vec<Bytes>,
    error: Option<IoError>,
    /// The first block that neither the journal nor the device holds.
    missing: Option<BlockIndex>,
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
        let first = found.iter().position(Option::is_none);
        let last = found.iter().rposition(Option::is_none);
        let asked = first.zip(last).map(|(first, last)| {
            let start = BlockIndex::new(range.start().value() + first as u64);
            let count = u32::try_from(last - first + 1).expect("no longer than the range");
            Range::new(start, count).expect("a part of a range is one")
        });
        let mut read = RangeRead {
            range,
            devices,
            blocks: found,
            asked,
            data: None,
            headers: None,
            data_pages: Vec::new(),
            header_pages: Vec::new(),
            error: None,
            missing,
        };
        let Some(asked) = asked.filter(|_| missing.is_none()) else {
            return (read, Vec::new());
        };
        let geometry = devices.geometry;
        let io = ids.next(IoOwner::Read);
        read.data = Some(io);
        let data = IoRequest::Read {
            start: geometry.data_page(asked.start()),
            count: asked.count(),
        };
        let header_first = geometry.header_page(asked.start());
        let header_last = geometry.header_page(BlockIndex::new(asked.end().value() - 1));
        let count = u32::try_from(header_last.0 - header_first.0 + 1).expect("no more than blocks");
        let header_io = ids.next(IoOwner::Read);
        read.headers = Some(header_io);
        let headers = IoRequest::Read {
            start: header_first,
            count,
        };
        let device = devices.data;
        let ios = vec![
            DestageIo {
                device,
                io,
                request: data,
            },
            DestageIo {
                device,
                io: header_io,
                request: headers,
            },
        ];
        (read, ios)
    }

    /// Takes note of a completion; false if it is none of this read's.
    pub fn handle_completion(&mut self, io: IoId, result: Result<IoOutput, IoError>) -> bool {
        let pages = match result {
            Ok(IoOutput::Pages(pages)) => pages,
            Ok(IoOutput::Done | IoOutput::Reservation(_)) => Vec::new(),
            Err(error) => {
                self.error = Some(error);
                Vec::new()
            }
        };
        if self.data == Some(io) {
            self.data = None;
            self.data_pages = pages;
        } else if self.headers == Some(io) {
            self.headers = None;
            self.header_pages = pages;
        } else {
            return false;
        }
        true
    }

    /// True once nothing is outstanding.
    pub fn is_complete(&self) -> bool {
        self.data.is_none() && self.headers.is_none()
    }

    /// The range's blocks, each proven by its header.
    pub fn finish(mut self) -> Result<Vec<BlockContent>, Unproven> {
        assert!(self.is_complete(), "a read is finished when it is complete");
        if let Some(missing) = self.missing {
            return Err(Unproven::new(missing));
        }
        if let Some(asked) = self.asked {
            if let Some(error) = self.error {
                return Err(self.failed(asked, error));
            }
            for (place, block) in self.range.blocks().enumerate() {
                if self.blocks[place].is_none() {
                    self.blocks[place] = Some(self.prove(asked, block)?);
                }
            }
        }
        Ok(self
            .blocks
            .into_iter()
            .map(|block| block.expect("every block was found"))
            .collect())
    }

    fn prove(&self, asked: Range, block: BlockIndex) -> Result<BlockContent, Unproven> {
        let data = &self.data_pages[place(asked.start().value(), block.value())];
        match self.header(asked, block) {
            Ok(Some(header))
                if header.block == block && header.checksum == crc32c::crc32c(data) =>
            {
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

    /// Why nothing of a read with an error is proven: the page that the device names, or
    /// else the first block.
    fn failed(&self, asked: Range, error: IoError) -> Unproven {
        let geometry = self.devices.geometry;
        let first = geometry.data_page(asked.start());
        let IoError::Unreadable(page) = error else {
            return Unproven::new(asked.start());
        };
        let Some(place) = page.0.checked_sub(first.0) else {
            return Unproven::new(asked.start());
        };
        let block = BlockIndex::new(asked.start().value() + place);
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

fn place(from: u64, to: u64) -> usize {
    usize::try_from(to - from).expect("a place in a read")
}

/// The bytes of consecutive blocks, shared where there is only one.
pub fn concatenate(blocks: &[BlockContent]) -> Bytes {
    let zeroes = Bytes::from_static(&[0; PAGE_BYTES]);
    if let [block] = blocks {
        return block.data.clone().unwrap_or(zeroes);
    }
    let mut bytes = BytesMut::with_capacity(blocks.len() * BLOCK_BYTES);
    for block in blocks {
        bytes.extend_from_slice(block.data.as_ref().unwrap_or(&zeroes));
    }
    bytes.freeze()
}

#[cfg(test)]
mod tests;

//! Applies journalled blocks to the data device, then checkpoints, then frees the
//! journal's tail. One batch at a time.
//!
//! ```text
//! ReadingHeaders --all read--> WritingBlocks --all done--> Flushing --done--> Checkpointing --done--> (released)
//! ```
//!
//! The order is the point: the tail passes a record only when its data is
//! flushed on the data device and its state is in a durable checkpoint. Were the
//! checkpoint written before the flush, a power loss between the two would leave
//! an old block under a checkpoint that promises the new one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::blocks::Blocks;
use super::format::{self, BlockHeader, Checkpoint};
use super::layout::{BLOCK_HEADER_BYTES, CheckpointSlot, Geometry};
use super::{IoIds, IoOwner};
use crate::contract::{DeviceId, IoId, IoOutput, IoRequest, PAGE_BYTES, PageIndex, Persistence};
use crate::payload::Payload;
use crate::vocabulary::BlockIndex;

/// Longest run of pages in one destage write.
const RUN_PAGES_MAX: usize = 64;

/// Steps of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Reads the header pages that the batch will change in part.
    ReadingHeaders,
    /// Writes blocks and headers into the device's cache.
    WritingBlocks,
    /// Makes them stable.
    Flushing,
    /// Writes the checkpoint.
    Checkpointing,
}

/// A device command that the batch wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestageIo {
    /// On which device.
    pub device: DeviceId,
    /// The command's name.
    pub io: IoId,
    /// The command.
    pub request: IoRequest,
}

/// The two devices and where things stand on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Devices {
    /// The journal device.
    pub journal: DeviceId,
    /// The data device.
    pub data: DeviceId,
    /// Sizes.
    pub geometry: Geometry,
}

/// A batch on its way to the data device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destage {
    step: Step,
    devices: Devices,
    slot: CheckpointSlot,
    batch: Blocks,
    checkpoint: Checkpoint,
    releases: u64,
    headers: BTreeMap<PageIndex, Payload>,
    waiting: BTreeMap<IoId, PageIndex>,
    /// A command of the data device has failed: the batch is given up once all that
    /// are under way have ended.
    has_failed: bool,
}

/// What a completion led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing to do until more completes.
    Waiting,
    /// More commands to submit.
    Submit(Vec<DestageIo>),
    /// The batch is on the device and the checkpoint durable.
    Done,
    /// The data device did not take it. Nothing is lost: the journal holds it all.
    Failed,
}

impl Destage {
    /// Starts a batch: all blocks that stand only in the journal, and the state
    /// and the number of ring pages that belong to them.
    pub fn start(
        devices: Devices,
        slot: CheckpointSlot,
        batch: Blocks,
        checkpoint: Checkpoint,
        releases: u64,
        ids: &mut IoIds,
    ) -> (Self, Vec<DestageIo>) {
        let mut destage = Destage {
            step: Step::ReadingHeaders,
            devices,
            slot,
            batch,
            checkpoint,
            releases,
            headers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            has_failed: false,
        };
        let touched: BTreeSet<PageIndex> = destage
            .batch
            .iter()
            .map(|(block, _)| devices.geometry.header_page(block))
            .collect();
        if touched.is_empty() {
            let ios = destage.write_checkpoint(ids);
            return (destage, ios);
        }
        let ios = touched
            .into_iter()
            .map(|page| {
                destage.data_io(
                    ids,
                    page,
                    IoRequest::Read {
                        start: page,
                        count: 1,
                    },
                )
            })
            .collect();
        (destage, ios)
    }

    /// The blocks of the batch.
    pub fn batch(&self) -> &Blocks {
        &self.batch
    }
    /// The checkpoint that ends the batch.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
    /// Where the checkpoint goes.
    pub fn slot(&self) -> CheckpointSlot {
        self.slot
    }
    /// Ring pages that the batch frees.
    pub fn releases(&self) -> u64 {
        self.releases
    }

    /// Goes on after one of its commands succeeded.
    pub fn handle_completion(&mut self, io: IoId, output: IoOutput, ids: &mut IoIds) -> Progress {
        let Some(page) = self.waiting.remove(&io) else {
            return Progress::Waiting;
        };
        if let IoOutput::Pages(pages) = output {
            assert!(self.step == Step::ReadingHeaders, "only headers are read");
            self.headers.insert(
                page,
                pages.into_iter().next().expect("one page was asked for"),
            );
        }
        self.next_step(ids)
    }

    /// True while all that is under way is on the data device: what fails there the
    /// journal makes good.
    pub fn can_fail(&self) -> bool {
        self.step != Step::Checkpointing
    }

    /// Takes note of a failed command. A write that is still under way could execute
    /// after one of the next batch, so that has to wait for it.
    pub fn handle_failure(&mut self, io: IoId, ids: &mut IoIds) -> Progress {
        if self.waiting.remove(&io).is_none() {
            return Progress::Waiting;
        }
        self.has_failed = true;
        self.next_step(ids)
    }

    fn next_step(&mut self, ids: &mut IoIds) -> Progress {
        if !self.waiting.is_empty() {
            return Progress::Waiting;
        }
        if self.has_failed {
            return Progress::Failed;
        }
        match self.step {
            Step::ReadingHeaders => {
                self.enter(Step::WritingBlocks);
                Progress::Submit(self.write_blocks(ids))
            }
            Step::WritingBlocks => {
                self.enter(Step::Flushing);
                Progress::Submit(vec![self.data_io(ids, PageIndex(0), IoRequest::Flush)])
            }
            Step::Flushing => Progress::Submit(self.write_checkpoint(ids)),
            Step::Checkpointing => Progress::Done,
        }
    }

    fn enter(&mut self, next: Step) {
        let possible = matches!(
            (self.step, next),
            (
                Step::ReadingHeaders,
                Step::WritingBlocks | Step::Checkpointing
            ) | (Step::WritingBlocks, Step::Flushing)
                | (Step::Flushing, Step::Checkpointing)
        );
        assert!(possible, "a batch goes {:?} -> {next:?}", self.step);
        self.step = next;
    }

    fn data_io(&mut self, ids: &mut IoIds, page: PageIndex, request: IoRequest) -> DestageIo {
        let io = ids.next(IoOwner::Destage);
        self.waiting.insert(io, page);
        DestageIo {
            device: self.devices.data,
            io,
            request,
        }
    }

    fn write_blocks(&mut self, ids: &mut IoIds) -> Vec<DestageIo> {
        let mut headers: BTreeMap<PageIndex, Vec<u8>> = std::mem::take(&mut self.headers)
            .into_iter()
            .map(|(page, bytes)| (page, bytes.to_vec()))
            .collect();
        let zeroes = Payload::from_static(&[0; PAGE_BYTES]);
        let mut runs: Vec<(BlockIndex, Vec<Payload>)> = Vec::new();
        for (block, journalled) in self.batch.iter() {
            let data = journalled
                .content
                .data
                .clone()
                .unwrap_or_else(|| zeroes.clone());
            let header = BlockHeader {
                block,
                version: journalled.content.version,
                checksum: data.checksum(),
            };
            let page = headers.get_mut(&self.devices.geometry.header_page(block));
            let page = page.expect("every header page of the batch was read");
            let offset = Geometry::header_offset(block);
            format::encode_block_header(&header, &mut page[offset..offset + BLOCK_HEADER_BYTES]);
            match runs.last_mut() {
                Some((start, pages))
                    if start.value() + pages.len() as u64 == block.value()
                        && pages.len() < RUN_PAGES_MAX =>
                {
                    pages.push(data);
                }
                _ => runs.push((block, vec![data])),
            }
        }
        let write = |pages| {
            move |start| IoRequest::Write {
                start,
                pages,
                persistence: Persistence::Cached,
            }
        };
        let mut ios = Vec::new();
        for (block, pages) in runs {
            let start = self.devices.geometry.data_page(block);
            ios.push(self.data_io(ids, start, write(pages)(start)));
        }
        for (start, bytes) in headers {
            ios.push(self.data_io(ids, start, write(vec![Payload::from(bytes)])(start)));
        }
        ios
    }

    fn write_checkpoint(&mut self, ids: &mut IoIds) -> Vec<DestageIo> {
        self.enter(Step::Checkpointing);
        let pages = format::encode_checkpoint(&self.checkpoint);
        let start = self.devices.geometry.checkpoint_start(self.slot);
        assert!(
            pages.len() as u64 <= self.devices.geometry.checkpoint_pages,
            "a checkpoint fits its slot"
        );
        let io = ids.next(IoOwner::Destage);
        self.waiting.insert(io, start);
        let request = IoRequest::Write {
            start,
            pages,
            persistence: Persistence::ForceUnitAccess,
        };
        vec![DestageIo {
            device: self.devices.journal,
            io,
            request,
        }]
    }
}

#[cfg(test)]
mod tests;

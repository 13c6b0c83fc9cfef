//! Reads a set back after a boot: superblocks, the newer checkpoint, then records
//! up to the first gap.
//!
//! Nothing survives from memory; everything that recovery knows it has read
//! under its own reservation key, so no command of an older incarnation can
//! change it afterwards. Journal and checkpoints are written with forced unit
//! access, so what is read is stable.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::blocks::Blocks;
use super::destage::{DestageIo, Devices};
use super::format::{self, Checkpoint, Superblock};
use super::journal::Head;
use super::layout::CheckpointSlot;
use super::record::{Entry, Record};
use super::tables::Tables;
use super::{IoIds, IoOwner};
use crate::contract::{DeviceId, IoId, IoOutput, IoRequest, PageIndex, ReservationKey};
use crate::vocabulary::Lsn;

/// Ring pages read at once.
const CHUNK_PAGES: u64 = 64;

/// What was read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// What the set says it is.
    pub superblock: Superblock,
    /// What the data device says it is; none if it does not.
    pub data_superblock: Option<Superblock>,
    /// State as of the last durable record.
    pub tables: Tables,
    /// Blocks that stand only in the journal.
    pub blocks: Blocks,
    /// Where the next record goes.
    pub head: Head,
    /// Pages between tail and head.
    pub used: u64,
    /// The slot that the next checkpoint goes to.
    pub next_slot: CheckpointSlot,
    /// Records read behind the checkpoint.
    pub records: u64,
}

impl Recovered {
    /// The record that would follow under this key.
    pub fn next_record(&self, key: ReservationKey, entry: Entry) -> (Head, Record) {
        let record = Record {
            lsn: self.head.lsn,
            key,
            previous: self.head.chain,
            entry,
        };
        let pages = self.used + format::record_pages(&record);
        assert!(
            pages <= self.superblock.geometry.ring_pages,
            "the last page is kept for it"
        );
        (self.head, record)
    }
}

/// Why a set cannot be read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum RecoveryError {
    /// Neither copy of the superblock is valid.
    #[error("no valid superblock")]
    NoSuperblock,
    /// Neither checkpoint is valid.
    #[error("no valid checkpoint")]
    NoCheckpoint,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Step {
    DataSuperblock,
    Headers,
    Records,
}

/// A recovery in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    step: Step,
    devices: Devices,
    waiting: Option<IoId>,
    superblock: Option<Superblock>,
    data_superblock: Option<Superblock>,
    next_slot: CheckpointSlot,
    tables: Option<Tables>,
    blocks: Blocks,
    head: Option<Head>,
    used: u64,
    records: u64,
    /// Ring pages read and not consumed, starting at the head's page.
    pages: Vec<Bytes>,
    scanned: u64,
}

/// What a completion led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// One more command to submit.
    Submit(DestageIo),
    /// Everything is read.
    Done(Box<Recovered>),
    /// The set cannot be read.
    Failed(RecoveryError),
}

impl Recovery {
    /// Starts with superblock and checkpoints, which stand side by side.
    pub fn start(devices: Devices, ids: &mut IoIds) -> (Self, DestageIo) {
        let mut recovery = Recovery {
            step: Step::DataSuperblock,
            devices,
            waiting: None,
            superblock: None,
            data_superblock: None,
            next_slot: CheckpointSlot::A,
            tables: None,
            blocks: Blocks::default(),
            head: None,
            used: 0,
            records: 0,
            pages: Vec::new(),
            scanned: 0,
        };
        let io = recovery.read(devices.data, PageIndex(0), 1, ids);
        (recovery, io)
    }

    /// Goes on with what was read.
    pub fn handle_completion(
        &mut self,
        io: IoId,
        output: IoOutput,
        ids: &mut IoIds,
    ) -> Option<Progress> {
        if self.waiting != Some(io) {
            return None;
        }
        let IoOutput::Pages(pages) = output else {
            return None;
        };
        Some(match self.step {
            Step::DataSuperblock => {
                let found = format::decode_superblock(&pages[0]);
                self.data_superblock = found.ok();
                self.step = Step::Headers;
                let count = self.devices.geometry.ring_start().0;
                let journal = self.devices.journal;
                Progress::Submit(self.read(journal, PageIndex(0), count, ids))
            }
            Step::Headers => match self.read_headers(&pages) {
                Ok(()) => {
                    self.step = Step::Records;
                    self.read_more(ids)
                }
                Err(error) => Progress::Failed(error),
            },
            Step::Records => {
                self.scanned += pages.len() as u64;
                self.pages.extend(pages);
                self.scan(ids)
            }
        })
    }

    fn read(
        &mut self,
        device: DeviceId,
        start: PageIndex,
        count: u64,
        ids: &mut IoIds,
    ) -> DestageIo {
        let io = ids.next(IoOwner::Recovery);
        self.waiting = Some(io);
        let count = u32::try_from(count).expect("reads are bounded by the layout");
        DestageIo {
            device,
            io,
            request: IoRequest::Read { start, count },
        }
    }

    fn read_headers(&mut self, pages: &[Bytes]) -> Result<(), RecoveryError> {
        let superblock = pages[..2]
            .iter()
            .find_map(|page| format::decode_superblock(page).ok());
        self.superblock = Some(superblock.ok_or(RecoveryError::NoSuperblock)?);
        let slot = |slot| {
            let start = self.devices.geometry.checkpoint_start(slot).0;
            let range = start..start + self.devices.geometry.checkpoint_pages;
            let index = |page: u64| usize::try_from(page).expect("a page of the layout");
            format::decode_checkpoint(&pages[index(range.start)..index(range.end)]).ok()
        };
        let newer = newer_checkpoint(slot(CheckpointSlot::A), slot(CheckpointSlot::B));
        let (checkpoint, stands_in) = newer.ok_or(RecoveryError::NoCheckpoint)?;
        self.next_slot = stands_in.other();
        self.head = Some(Head {
            lsn: checkpoint.lsn.next(),
            page: checkpoint.next_page,
            chain: checkpoint.chain,
        });
        self.tables = Some(checkpoint.tables);
        Ok(())
    }

    /// Reads on where the scan stopped for want of pages, at most once round.
    fn read_more(&mut self, ids: &mut IoIds) -> Progress {
        let geometry = self.devices.geometry;
        let left = geometry.ring_pages - self.scanned;
        if left == 0 {
            return self.finish();
        }
        let head = self.head.expect("the headers were read");
        let from = (head.page + self.pages.len() as u64) % geometry.ring_pages;
        let count = CHUNK_PAGES.min(left).min(geometry.ring_pages - from);
        let journal = self.devices.journal;
        Progress::Submit(self.read(journal, geometry.ring_start().plus(from), count, ids))
    }

    fn scan(&mut self, ids: &mut IoIds) -> Progress {
        loop {
            let head = self.head.expect("the headers were read");
            let Some(first) = self.pages.first() else {
                return self.read_more(ids);
            };
            let Ok((count, lsn)) = format::peek_record(first) else {
                return self.finish();
            };
            if lsn != head.lsn || count > self.devices.geometry.ring_pages {
                return self.finish();
            }
            let length = usize::try_from(count).expect("a record fits its ring");
            if self.pages.len() < length {
                if self.scanned == self.devices.geometry.ring_pages {
                    return self.finish();
                }
                return self.read_more(ids);
            }
            match format::decode_record(&self.pages[..length]) {
                Ok((record, chain)) if record.previous == head.chain && record.lsn == head.lsn => {
                    self.pages.drain(..length);
                    self.apply(&record);
                    self.head = Some(Head {
                        lsn: head.lsn.next(),
                        page: (head.page + count) % self.devices.geometry.ring_pages,
                        chain,
                    });
                    self.used += count;
                    self.records += 1;
                }
                Ok(_) | Err(_) => return self.finish(),
            }
        }
    }

    fn apply(&mut self, record: &Record) {
        let tables = self.tables.as_mut().expect("the headers were read");
        tables.apply(&record.entry, &self.devices.geometry);
        apply_blocks(&mut self.blocks, record.lsn, &record.entry);
    }

    fn finish(&mut self) -> Progress {
        self.waiting = None;
        Progress::Done(Box::new(Recovered {
            superblock: self.superblock.expect("the headers were read"),
            data_superblock: self.data_superblock,
            tables: self.tables.take().expect("the headers were read"),
            blocks: std::mem::take(&mut self.blocks),
            head: self.head.expect("the headers were read"),
            used: self.used,
            next_slot: self.next_slot,
            records: self.records,
        }))
    }
}

/// Takes over what a durable entry does to the copy's content.
pub fn apply_blocks(blocks: &mut Blocks, lsn: Lsn, entry: &Entry) {
    match entry {
        Entry::Perform(perform) => {
            blocks.apply(lsn, perform.range, &perform.content, |_| perform.sequence);
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
            blocks.apply(lsn, *range, content, |place| versions[place]);
        }
        Entry::Mark { .. }
        | Entry::Fail { .. }
        | Entry::Clear { .. }
        | Entry::Session { .. }
        | Entry::Fence { .. }
        | Entry::Dirty { .. }
        | Entry::Finish
        | Entry::Lost => {}
    }
}

fn newer_checkpoint(
    a: Option<Checkpoint>,
    b: Option<Checkpoint>,
) -> Option<(Checkpoint, CheckpointSlot)> {
    match (a, b) {
        (Some(a), Some(b)) if b.lsn > a.lsn => Some((b, CheckpointSlot::B)),
        (Some(a), _) => Some((a, CheckpointSlot::A)),
        (None, Some(b)) => Some((b, CheckpointSlot::B)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests;

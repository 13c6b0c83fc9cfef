//! Reads a set back after a boot: superblocks, the newer checkpoint, then records
//! up to the first gap, then the rest of the ring.
//!
//! Nothing survives from memory; everything that recovery knows it has read
//! under its own reservation key, so no command of an older incarnation can
//! change it afterwards. Journal and checkpoints are written with forced unit
//! access, so what is read is stable.
//!
//! A gap is where the last life was cut off, or damage: a record that was durable
//! is rotten, unreadable or was never written. Each record names the last one that
//! was durable when it was written, so any later one that stands somewhere in the
//! ring tells the two apart:
//!
//! ```text
//! ring    7  8  9  gap  11  12  (older lap)      read back: up to 9
//! names   6  6  8       9   10                   12 says that 10 was durable: lost
//! ```
//!
//! What the last records lost, which none has named yet, nobody tells. A record
//! that was cut off names nothing behind its cut, so old tails prove nothing. A page
//! that cannot be read counts as one that holds nothing.

use serde::{Deserialize, Serialize};

use super::blocks::Blocks;
use super::destage::{DestageIo, Devices};
use super::format::{self, Checkpoint, Superblock};
use super::journal::Head;
use super::layout::CheckpointSlot;
use super::record::{Entry, Record};
use super::tables::Tables;
use super::{IoIds, IoOwner};
use crate::contract::{DeviceId, IoId, IoOutput, IoRequest, PAGE_BYTES, PageIndex, ReservationKey};
use crate::payload::Payload;
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
    /// Records that were durable and are not there.
    pub lost: Option<Lost>,
}

/// Records that were durable and are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lost {
    /// The first of them.
    pub first: Lsn,
    /// The newest record that stands in the ring.
    pub newest: Lsn,
}

impl Recovered {
    /// The record that would follow under this key.
    pub fn next_record(&self, key: ReservationKey, entry: Entry) -> (Head, Record) {
        let record = Record {
            lsn: self.head.lsn,
            key,
            previous: self.head.chain,
            durable: Lsn::new(self.head.lsn.value() - 1),
            page: self.head.page,
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
    /// Records that follow one another.
    Records,
    /// What stands behind them.
    Rest,
}

/// A read under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reading {
    io: IoId,
    device: DeviceId,
    start: PageIndex,
}

/// A recovery in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    step: Step,
    devices: Devices,
    waiting: Option<Reading>,
    superblock: Option<Superblock>,
    data_superblock: Option<Superblock>,
    next_slot: CheckpointSlot,
    tables: Option<Tables>,
    blocks: Blocks,
    head: Option<Head>,
    used: u64,
    records: u64,
    /// Something behind the gap says that what is missing there was durable.
    is_lost: bool,
    /// The newest record that stands in the ring.
    newest: Lsn,
    /// Pages read and not consumed.
    pages: Vec<Payload>,
    /// Where in the ring they start.
    at: u64,
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
            is_lost: false,
            newest: Lsn::new(0),
            pages: Vec::new(),
            at: 0,
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
        self.waiting.filter(|reading| reading.io == io)?;
        match output {
            IoOutput::Pages(pages) => Some(self.take(pages, ids)),
            IoOutput::Done | IoOutput::Reservation(_) => None,
        }
    }

    /// Goes on where a page cannot be read: the pages before it are read by themselves,
    /// and it counts as one without content.
    pub fn handle_unreadable(
        &mut self,
        io: IoId,
        page: PageIndex,
        ids: &mut IoIds,
    ) -> Option<Progress> {
        let reading = self.waiting.filter(|reading| reading.io == io)?;
        Some(match page.0.checked_sub(reading.start.0) {
            Some(before) if before > 0 => {
                Progress::Submit(self.read(reading.device, reading.start, before, ids))
            }
            Some(_) | None => self.take(vec![Payload::from_static(&[0; PAGE_BYTES])], ids),
        })
    }

    /// Takes pages in; they may be fewer than were asked for.
    fn take(&mut self, pages: Vec<Payload>, ids: &mut IoIds) -> Progress {
        match self.step {
            Step::DataSuperblock => {
                let found = format::decode_superblock(&pages[0]);
                self.data_superblock = found.ok();
                self.step = Step::Headers;
                self.read_headers_on(ids)
            }
            Step::Headers => {
                self.pages.extend(pages);
                if (self.pages.len() as u64) < self.devices.geometry.ring_start().0 {
                    return self.read_headers_on(ids);
                }
                let pages = std::mem::take(&mut self.pages);
                match self.read_headers(&pages) {
                    Ok(()) => {
                        self.step = Step::Records;
                        self.read_more(ids)
                    }
                    Err(error) => Progress::Failed(error),
                }
            }
            Step::Records => {
                self.scanned += pages.len() as u64;
                self.pages.extend(pages);
                self.scan(ids)
            }
            Step::Rest => {
                self.scanned += pages.len() as u64;
                self.pages.extend(pages);
                self.search(ids)
            }
        }
    }

    fn read_headers_on(&mut self, ids: &mut IoIds) -> Progress {
        let from = self.pages.len() as u64;
        let count = self.devices.geometry.ring_start().0 - from;
        Progress::Submit(self.read(self.devices.journal, PageIndex(from), count, ids))
    }

    fn read(
        &mut self,
        device: DeviceId,
        start: PageIndex,
        count: u64,
        ids: &mut IoIds,
    ) -> DestageIo {
        let io = ids.next(IoOwner::Recovery);
        self.waiting = Some(Reading { io, device, start });
        let count = u32::try_from(count).expect("reads are bounded by the layout");
        DestageIo {
            device,
            io,
            request: IoRequest::Read { start, count },
        }
    }

    fn read_headers(&mut self, pages: &[Payload]) -> Result<(), RecoveryError> {
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
        self.at = checkpoint.next_page;
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
        let from = (self.at + self.pages.len() as u64) % geometry.ring_pages;
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
                return self.search(ids);
            };
            if lsn != head.lsn || count > self.devices.geometry.ring_pages {
                return self.search(ids);
            }
            let length = usize::try_from(count).expect("a record fits its ring");
            if self.pages.len() < length {
                if self.scanned == self.devices.geometry.ring_pages {
                    return self.search(ids);
                }
                return self.read_more(ids);
            }
            match format::decode_record(&self.pages[..length]) {
                Ok((record, chain)) if record.previous == head.chain && record.lsn == head.lsn => {
                    self.pass(length);
                    self.apply(&record);
                    self.head = Some(Head {
                        lsn: head.lsn.next(),
                        page: self.at,
                        chain,
                    });
                    self.used += count;
                    self.records += 1;
                }
                Ok(_) | Err(_) => return self.search(ids),
            }
        }
    }

    /// Leaves pages behind.
    fn pass(&mut self, pages: usize) {
        self.pages.drain(..pages);
        self.at = (self.at + pages as u64) % self.devices.geometry.ring_pages;
    }

    /// Looks behind the gap for a record that names what is not there, page by page: what
    /// a damaged record has left need not end where one begins.
    fn search(&mut self, ids: &mut IoIds) -> Progress {
        self.step = Step::Rest;
        loop {
            let Some(first) = self.pages.first() else {
                return self.read_more(ids);
            };
            let length = self.newer_record(first);
            let may_come = self.scanned < self.devices.geometry.ring_pages;
            match length {
                Some(length) if self.pages.len() >= length => {
                    let is_one = self.heed(length);
                    self.pass(if is_one { length } else { 1 });
                }
                Some(_) if may_come => return self.read_more(ids),
                Some(_) | None => self.pass(1),
            }
        }
    }

    /// The length of the record that seems to begin in this page, if it were newer than
    /// what was read.
    fn newer_record(&self, page: &[u8]) -> Option<usize> {
        let (count, lsn) = format::peek_record(page).ok()?;
        let end = self.head.expect("the headers were read").lsn;
        let fits = lsn > end && count <= self.devices.geometry.ring_pages;
        fits.then(|| usize::try_from(count).expect("a record fits its ring"))
    }

    /// Takes note of what a record behind the gap says; false if it is none.
    fn heed(&mut self, length: usize) -> bool {
        let end = self.head.expect("the headers were read").lsn;
        let Ok((record, _)) = format::decode_record(&self.pages[..length]) else {
            return false;
        };
        if record.page != self.at {
            return false;
        }
        self.is_lost |= record.durable >= end;
        self.newest = self.newest.max(record.lsn);
        true
    }

    fn apply(&mut self, record: &Record) {
        let tables = self.tables.as_mut().expect("the headers were read");
        tables.apply(&record.entry, &self.devices.geometry);
        apply_blocks(&mut self.blocks, record.lsn, &record.entry);
    }

    fn finish(&mut self) -> Progress {
        self.waiting = None;
        let head = self.head.expect("the headers were read");
        let (first, newest) = (head.lsn, self.newest);
        Progress::Done(Box::new(Recovered {
            superblock: self.superblock.expect("the headers were read"),
            data_superblock: self.data_superblock,
            tables: self.tables.take().expect("the headers were read"),
            blocks: std::mem::take(&mut self.blocks),
            head,
            used: self.used,
            next_slot: self.next_slot,
            records: self.records,
            lost: self.is_lost.then_some(Lost { first, newest }),
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
        | Entry::Activate { .. }
        | Entry::HandOff { .. }
        | Entry::StandDown { .. }
        | Entry::Fence { .. }
        | Entry::Dirty { .. }
        | Entry::Finish
        | Entry::Lost
        | Entry::Grow { .. } => {}
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

//! The storage set: everything that is durable, and how it gets there.
//!
//! [`StorageSet`] is what a D-module holds once it has won the set's reservation
//! and read it back: journal, tables, blocks and the destage that is under way.
//! It knows devices and bytes; it refuses to know peers, clients and why anything
//! is written.

pub mod blocks;
pub mod destage;
pub mod format;
pub mod journal;
pub mod layout;
pub mod read;
pub mod record;
pub mod recovery;
pub mod tables;

use serde::{Deserialize, Serialize};

use self::blocks::Blocks;
use self::destage::{Destage, DestageIo, Devices, Progress};
use self::format::{Checkpoint, Superblock};
use self::journal::{Head, Journal};
use self::layout::CheckpointSlot;
use self::read::RangeRead;
use self::record::{Entry, Record};
use self::recovery::Recovered;
use self::tables::{Role, Tables};
use crate::configuration::SetConfiguration;
use crate::contract::{DeviceId, IoError, IoId, IoOutput, PageIndex, ReservationKey, Submission};
use crate::payload::Payload;
use crate::vocabulary::{BlockIndex, Lsn, Range, Session, SessionIncarnation, SiteEpoch};

/// Which part of a D-module a device command belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IoOwner {
    /// Taking the reservation.
    Claim = 1,
    /// Reading the set back.
    Recovery = 2,
    /// Journal records.
    Journal = 3,
    /// Destage and checkpoint.
    Destage = 4,
    /// Reads for clients and copies.
    Read = 5,
    /// The mailbox and the renewal of the HA lease.
    Mailbox = 6,
    /// The formatting of a set without content.
    Formatting = 7,
    /// Copies of the metadata.
    Metadata = 8,
}

/// Names for device commands; the top byte says whose it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IoIds {
    next: u64,
}

impl IoIds {
    /// A fresh name.
    pub fn next(&mut self, owner: IoOwner) -> IoId {
        self.next += 1;
        IoId((owner as u64) << 56 | self.next)
    }
    /// The name given last, without its owner.
    pub fn last(&self) -> u64 {
        self.next
    }
    /// True if the name was given after the first `earlier` ones.
    pub fn is_later_than(io: IoId, earlier: u64) -> bool {
        io.0 & ((1 << 56) - 1) > earlier
    }
    /// Whose a command is.
    pub fn owner(io: IoId) -> Option<IoOwner> {
        match io.0 >> 56 {
            1 => Some(IoOwner::Claim),
            2 => Some(IoOwner::Recovery),
            3 => Some(IoOwner::Journal),
            4 => Some(IoOwner::Destage),
            5 => Some(IoOwner::Read),
            6 => Some(IoOwner::Mailbox),
            7 => Some(IoOwner::Formatting),
            8 => Some(IoOwner::Metadata),
            _ => None,
        }
    }
}

/// A storage set in the hands of its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageSet {
    key: ReservationKey,
    devices: Devices,
    journal: Journal,
    tables: Tables,
    blocks: Blocks,
    /// Boxed: rarely there, and a fork copies the set.
    destage: Option<Box<Destage>>,
    next_slot: CheckpointSlot,
    /// Ring pages promised to commands that are marked and not yet performed.
    promised: u64,
}

impl StorageSet {
    /// Takes over what recovery has read under `key`.
    pub fn new(key: ReservationKey, devices: Devices, recovered: Recovered) -> Self {
        let journal = Journal::new(
            devices.journal,
            devices.geometry,
            key,
            recovered.head,
            recovered.used,
        );
        StorageSet {
            key,
            devices,
            journal,
            tables: recovered.tables,
            blocks: recovered.blocks,
            destage: None,
            next_slot: recovered.next_slot,
            promised: 0,
        }
    }

    /// The copy's durable state.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }
    /// Blocks that stand only in the journal.
    pub fn blocks(&self) -> &Blocks {
        &self.blocks
    }
    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }
    /// True while a batch is on its way to the data device.
    pub fn is_destaging(&self) -> bool {
        self.destage.is_some()
    }
    /// Ring pages promised to marked commands.
    pub fn promised(&self) -> u64 {
        self.promised
    }

    /// Ring pages that nobody uses and nobody was promised, the last one left out: it
    /// is kept for the record that says that the data device is lost.
    pub fn room(&self) -> u64 {
        let kept = self.promised.saturating_add(LAST_PAGE);
        self.journal.free().saturating_sub(kept)
    }
    /// Sets pages aside for a record that must not fail for want of room.
    pub fn promise(&mut self, pages: u64) {
        assert!(pages <= self.room(), "the caller checks for room");
        self.promised += pages;
    }
    /// Gives set-aside pages back, usually just before they are used.
    pub fn redeem(&mut self, pages: u64) {
        self.promised -= pages;
    }

    /// Whoever was promised pages is gone.
    pub fn forget_promises(&mut self) {
        self.promised = 0;
    }

    /// Ring pages that an entry will take.
    pub fn pages(&self, entry: &Entry) -> u64 {
        format::record_pages(&Record {
            lsn: self.journal.durable().lsn,
            key: self.key,
            previous: 0,
            durable: Lsn::new(0),
            page: 0,
            entry: entry.clone(),
        })
    }

    /// Appends an entry to the journal; the device commands that make it durable.
    pub fn append(
        &mut self,
        entry: Entry,
        ids: &mut IoIds,
    ) -> impl Iterator<Item = Submission> + use<> {
        let (device, key) = (self.journal.device(), self.key);
        let writes = self.journal.append(entry, || ids.next(IoOwner::Journal));
        let submission = move |write: journal::RecordWrite| Submission {
            device,
            io: write.io,
            key,
            request: write.request,
        };
        writes.into_iter().flatten().map(submission)
    }

    /// Takes note of a journal write's completion.
    pub fn handle_journal_completion(&mut self, io: IoId) {
        self.journal.handle_completion(io);
    }

    /// The next record that has become durable; its entry is applied here.
    pub fn take_durable(&mut self) -> Option<Record> {
        let record = self.journal.take_durable()?;
        self.tables.apply(&record.entry, &self.devices.geometry);
        recovery::apply_blocks(&mut self.blocks, record.lsn, &record.entry);
        Some(record)
    }

    /// The first block of a range that only the mirror has.
    pub fn first_missing(&self, range: Range) -> Option<BlockIndex> {
        if self.tables.missing.is_empty() {
            return None;
        }
        let mut blocks = range.blocks();
        blocks.find(|block| {
            self.tables.is_missing(*block, &self.devices.geometry)
                && self.blocks.get(*block).is_none()
        })
    }

    /// Starts a read of the copy's durable content. The caller holds the range.
    pub fn read(&self, range: Range, ids: &mut IoIds) -> (RangeRead, Vec<Submission>) {
        let missing = self.first_missing(range);
        let (read, ios) = RangeRead::start(range, &self.blocks, missing, self.devices, ids);
        (
            read,
            ios.into_iter().map(|io| self.submission(io)).collect(),
        )
    }

    /// Starts to destage everything durable; nothing if a batch is under way.
    pub fn start_destage(&mut self, ids: &mut IoIds) -> Vec<Submission> {
        if self.destage.is_some() || self.journal.used_durable() == 0 {
            return Vec::new();
        }
        let Head { lsn, page, chain } = self.journal.durable();
        let checkpoint = Checkpoint {
            lsn: Lsn::new(lsn.value() - 1),
            next_page: page,
            chain,
            tables: self.tables.clone(),
        };
        let (destage, ios) = Destage::start(
            self.devices,
            self.next_slot,
            self.blocks.clone(),
            checkpoint,
            self.journal.used_durable(),
            ids,
        );
        self.destage = Some(Box::new(destage));
        ios.into_iter().map(|io| self.submission(io)).collect()
    }

    /// Goes on with the batch; the checkpoint's record once it is durable.
    pub fn handle_destage_completion(
        &mut self,
        io: IoId,
        output: IoOutput,
        ids: &mut IoIds,
    ) -> (Vec<Submission>, Option<Lsn>) {
        let Some(destage) = self.destage.as_mut() else {
            return (Vec::new(), None);
        };
        match destage.handle_completion(io, output, ids) {
            Progress::Waiting => (Vec::new(), None),
            Progress::Failed => {
                self.destage = None;
                (Vec::new(), None)
            }
            Progress::Submit(ios) => (
                ios.into_iter().map(|io| self.submission(io)).collect(),
                None,
            ),
            Progress::Done => {
                let done = self.destage.take().expect("a batch is under way");
                self.blocks.forget(done.batch());
                self.journal.release(done.releases());
                self.next_slot = done.slot().other();
                (Vec::new(), Some(done.checkpoint().lsn))
            }
        }
    }

    /// True while a failed command of the batch under way costs nothing but time.
    pub fn can_destage_fail(&self) -> bool {
        self.destage.as_deref().is_some_and(Destage::can_fail)
    }

    /// A command of the batch has failed; once none is under way, a new one may start.
    pub fn handle_destage_failure(&mut self, io: IoId, ids: &mut IoIds) {
        if let Some(destage) = self.destage.as_mut()
            && destage.handle_failure(io, ids) == Progress::Failed
        {
            self.destage = None;
        }
    }

    fn submission(&self, io: DestageIo) -> Submission {
        Submission {
            device: io.device,
            io: io.io,
            key: self.key,
            request: io.request,
        }
    }
}

/// Ring pages that [`StorageSet::room`] keeps back. No record but [`Entry::Lost`] takes
/// them; it is written only while some region is not missing, and none becomes so again
/// but by a repair, which is written only while they are free. So they are free whenever
/// a boot needs them, however full the journal was left.
pub const LAST_PAGE: u64 = 1;

/// True if the error says that somebody else holds the set now.
pub fn is_fenced(error: IoError) -> bool {
    matches!(error, IoError::ReservationConflict | IoError::Aborted)
}

/// Pages to install on a set's devices before first use.
pub type FormattedPages = Vec<(DeviceId, PageIndex, Vec<Payload>)>;

/// The content of a freshly formatted set: one copy of a new volume, all zeroes.
pub fn format_set(set: &SetConfiguration, role: Role) -> FormattedPages {
    let superblock = Superblock {
        set: set.id,
        format: set.format,
        geometry: set.geometry,
    };
    let session = Session {
        site_epoch: SiteEpoch::new(1),
        incarnation: SessionIncarnation::new(1),
    };
    let checkpoint = Checkpoint {
        lsn: Lsn::new(0),
        next_page: 0,
        chain: 0,
        tables: Tables::formatted(role, session, set.volume_blocks),
    };
    let superblock = format::encode_superblock(&superblock);
    vec![
        (
            set.journal,
            PageIndex(0),
            vec![superblock.clone(), superblock.clone()],
        ),
        (
            set.journal,
            set.geometry.checkpoint_start(CheckpointSlot::A),
            format::encode_checkpoint(&checkpoint),
        ),
        (set.data, PageIndex(0), vec![superblock]),
    ]
}

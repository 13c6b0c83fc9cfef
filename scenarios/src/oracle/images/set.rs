//! One storage set: journal over data.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{IoRequest, PageIndex};
use stormglass_engine::storage_set::format::{Checkpoint, encode_checkpoint};
use stormglass_engine::storage_set::layout::{CheckpointSlot, Geometry};
use stormglass_engine::storage_set::tables::Tables;
use stormglass_engine::vocabulary::{
    BlockIndex, CommandId, Lsn, Session, SessionIncarnation, SiteEpoch,
};
use stormglass_sim::device::{CommandNumber, Device};

use super::data::DataImages;
use super::journal::{JournalImages, Notes};
use super::medium::Medium;
use super::state::{Standing, State};
use super::value::Candidates;

/// Which device of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Part {
    /// The journal device.
    Journal,
    /// The data device.
    Data,
}

/// Every image that a power loss could leave of one storage set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetImages {
    journal: JournalImages,
    data: DataImages,
    /// The data device was replaced and is not recognised yet: nothing that it shows
    /// is content.
    is_data_lost: bool,
}

impl SetImages {
    /// Reads a set whose devices are at rest; nothing if it has no checkpoint.
    pub(super) fn new(journal: &Device, data: &Device, geometry: Geometry) -> Option<Self> {
        Some(SetImages {
            journal: JournalImages::new(journal, geometry)?,
            data: DataImages::new(data, geometry),
            is_data_lost: false,
        })
    }

    /// Stands in for a set that has no format yet: what an engine makes of such devices
    /// that founds nothing.
    pub(super) fn blank(journal: &Device, data: &Device, geometry: Geometry) -> Self {
        let session = Session {
            site_epoch: SiteEpoch::new(0),
            incarnation: SessionIncarnation::new(0),
        };
        let checkpoint = Checkpoint {
            lsn: Lsn::new(0),
            next_page: 0,
            chain: 0,
            tables: Tables::blank(session, &geometry),
        };
        let mut formatted = Device::new(*journal.spec());
        let start = geometry.checkpoint_start(CheckpointSlot::A);
        formatted.install(start, &encode_checkpoint(&checkpoint));
        SetImages::new(&formatted, data, geometry).expect("a checkpoint is all that it needs")
    }

    /// The data device is another one, without content: what the journal does not hold
    /// is lost here, until a record brings it back.
    pub(super) fn lose_data(&mut self, data: &Device, geometry: Geometry) {
        self.data = DataImages::new(data, geometry);
        self.is_data_lost = true;
    }

    /// Adds every value that a block may have; one that is lost has none.
    pub fn add_values(&self, block: BlockIndex, values: &mut Candidates) {
        let is_told = self.journal.values(block, |value| values.add(value));
        if !is_told && !self.is_data_lost {
            self.data.add_values(block, values);
        }
    }

    /// True if what the data device shows of the block counts as nothing.
    pub fn is_lost(&self, block: BlockIndex, geometry: &Geometry) -> bool {
        let missing = self.state().missing();
        self.is_data_lost || missing.contains(&geometry.region_of(block))
    }

    /// True if nothing went with a data device that has not come back.
    pub fn is_whole(&self) -> bool {
        !self.is_data_lost && self.state().missing().is_empty()
    }

    /// True if a mark stands on the block in every image. A clear that is not
    /// durable counts as done.
    pub fn is_marked(&self, block: BlockIndex) -> bool {
        self.journal.is_marked(block)
    }

    /// True if in every image the block's region is dirty. A clear that is not
    /// durable counts as done, a record that may be missing sets nothing.
    pub fn is_dirty(&self, block: BlockIndex) -> bool {
        self.journal.is_dirty(block)
    }

    /// True if in every image the block may differ from the other copy's for good
    /// reason: it is in flight, or in a region that is dirty.
    pub fn may_differ(&self, block: BlockIndex) -> bool {
        self.journal.may_differ(block)
    }

    /// True if this holds of how the copy stands in every image.
    pub fn always(&self, holds: impl Fn(Standing) -> bool) -> bool {
        self.journal.always(holds)
    }

    /// State behind the last record that may be read.
    pub fn state(&self) -> &State {
        self.journal.state()
    }

    /// True if every image has a result of the command, or its client's promise
    /// never to ask again.
    pub fn has_result(&self, command: CommandId) -> bool {
        let state = self.state();
        let is_decided = state
            .decision(command)
            .is_some_and(|decision| decision.since <= self.journal.certain_end());
        is_decided || command.counter < state.watermark(command.client)
    }

    /// The event at which a record was submitted, while the journal needs it.
    pub fn event_of(&self, lsn: Lsn) -> Option<u64> {
        self.journal.event_of(lsn)
    }

    /// True if a power loss would leave one image.
    pub fn is_at_rest(&self) -> bool {
        self.journal.is_at_rest() && self.data.is_at_rest()
    }

    /// Blocks that were written or marked.
    pub(in crate::oracle) fn blocks(&self) -> impl Iterator<Item = BlockIndex> {
        self.journal.blocks().chain(self.data.blocks())
    }

    /// A command entered a queue.
    pub(super) fn submitted(
        &mut self,
        part: Part,
        number: CommandNumber,
        device: &Device,
        event: u64,
        notes: &mut Notes,
    ) {
        // Nearly always the newest command, which is the last.
        let Some((_, submission)) = device.queued().find(|(queued, _)| *queued == number) else {
            return;
        };
        let is_possible = match &submission.request {
            IoRequest::Read { .. } | IoRequest::ReadReservation => return,
            IoRequest::Preempt { .. } => true,
            IoRequest::Write { .. } | IoRequest::Flush => Medium::<()>::admits(device, submission),
        };
        if !is_possible {
            return;
        }
        match (&submission.request, part) {
            (
                IoRequest::Write {
                    start,
                    pages,
                    persistence,
                },
                Part::Journal,
            ) => self
                .journal
                .submitted_write(number, (*start, pages), *persistence, event, notes),
            (
                IoRequest::Write {
                    start,
                    pages,
                    persistence,
                },
                Part::Data,
            ) => {
                if *start == PageIndex(0) && std::mem::take(&mut self.is_data_lost) {
                    // From now on it counts, as far as the journal does not say otherwise.
                    notes.touched.extend(self.data.volume());
                }
                let (page, touched) = ((*start, pages.as_slice()), &mut notes.touched);
                self.data
                    .submitted_write(number, page, *persistence, device, touched);
            }
            (IoRequest::Flush, Part::Journal) => self.journal.submitted_flush(number),
            (IoRequest::Flush, Part::Data) => self.data.submitted_flush(number),
            (_, Part::Journal) => self.journal.submitted_preempt(number),
            (_, Part::Data) => self.data.submitted_preempt(number),
        }
    }

    /// A command left a queue.
    pub(super) fn executed(
        &mut self,
        part: Part,
        number: CommandNumber,
        succeeded: bool,
        device: &Device,
        notes: &mut Notes,
    ) {
        let must_settle = match part {
            Part::Journal => self.journal.executed(number, succeeded),
            Part::Data => self.data.executed(number, succeeded, device),
        };
        if must_settle {
            self.settled(part, device, notes);
        }
    }

    /// The next command to leave the data device's queue is a flush that lies.
    pub(super) fn lied(&mut self) {
        self.data.lied();
    }

    /// Blocks that went with what a flush had said to be stable; each is told once.
    pub(super) fn take_lapsed(&mut self) -> Vec<BlockIndex> {
        self.data.take_lapsed()
    }

    /// Power was lost somewhere, or commands were aborted.
    pub(super) fn settled(&mut self, part: Part, device: &Device, notes: &mut Notes) {
        match part {
            Part::Journal => self.journal.settled(device, notes),
            Part::Data => self.data.settled(device, &mut notes.touched),
        }
    }
}

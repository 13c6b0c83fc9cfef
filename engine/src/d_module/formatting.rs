//! Formats a set without content: a new one, or one whose device was replaced.
//!
//! ```text
//! (zeroes all over the ring) -> checkpoint -> superblock of the data device
//!     -> both superblocks of the journal
//! ```
//!
//! A set of which nothing is known begins with the first record, so no other may stand
//! in its ring: recovery would take what it names for lost.
//!
//! Each write is forced and waits for the one before: a set is recognised by its
//! journal's superblocks, so a crash on the way leaves one that is formatted again.
//! The other way round, a founded owner would find its data device blank and take it for
//! a lost one.
//!
//! An owner's data device that came back without content:
//!
//! ```text
//! record of the loss -> superblock of the data device
//! ```
//!
//! It is recognised by that superblock, so a crash on the way leaves one that is lost
//! still. Owns the order; refuses to know which state is written.

use serde::{Deserialize, Serialize};

use crate::contract::{
    DeviceId, IoId, IoRequest, PAGE_BYTES, PageIndex, Persistence, ReservationKey, Submission,
};
use crate::event::Event;
use crate::payload::Payload;
use crate::storage_set::destage::Devices;
use crate::storage_set::format::{self, Checkpoint, Superblock};
use crate::storage_set::journal::Head;
use crate::storage_set::layout::CheckpointSlot;
use crate::storage_set::record::Record;
use crate::storage_set::{IoIds, IoOwner};

/// Pages of the ring that one command wipes.
const WIPED_AT_ONCE: u64 = 256;

/// What becomes of the records that stand in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ring {
    /// They are older than all that come.
    Kept,
    /// Nothing is known of them.
    Wiped,
}

/// A formatting under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Formatting {
    key: ReservationKey,
    /// Writes still to be done, the next one last.
    left: Vec<(DeviceId, PageIndex, Vec<Payload>)>,
    waiting: Option<IoId>,
    /// What is reported when all is written.
    report: Event,
}

impl Formatting {
    /// Begins with the ring, or with the checkpoint.
    pub(super) fn start(
        key: ReservationKey,
        devices: Devices,
        superblock: &Superblock,
        (slot, checkpoint, ring): (CheckpointSlot, &Checkpoint, Ring),
        ids: &mut IoIds,
    ) -> (Self, Submission) {
        let superblock = format::encode_superblock(superblock);
        let slot = devices.geometry.checkpoint_start(slot);
        let mut left = vec![
            (
                devices.journal,
                PageIndex(0),
                vec![superblock.clone(), superblock.clone()],
            ),
            (devices.data, PageIndex(0), vec![superblock]),
            (devices.journal, slot, format::encode_checkpoint(checkpoint)),
        ];
        if ring == Ring::Wiped {
            left.extend(wipe(devices));
        }
        Formatting::begin(key, left, Event::Formatted, ids)
    }

    /// Begins with the record of the loss, unless it is there.
    pub(super) fn after_loss(
        key: ReservationKey,
        devices: Devices,
        superblock: &Superblock,
        record: Option<(Head, Record)>,
        ids: &mut IoIds,
    ) -> (Self, Submission) {
        let superblock = format::encode_superblock(superblock);
        let mut left = vec![(devices.data, PageIndex(0), vec![superblock])];
        if let Some((head, record)) = record {
            let start = devices.geometry.ring_start().plus(head.page);
            let (pages, _) = format::encode_record(&record);
            assert!(pages.len() == 1, "one page cannot wrap");
            left.push((devices.journal, start, pages));
        }
        Formatting::begin(key, left, Event::DataLost, ids)
    }

    fn begin(
        key: ReservationKey,
        left: Vec<(DeviceId, PageIndex, Vec<Payload>)>,
        report: Event,
        ids: &mut IoIds,
    ) -> (Self, Submission) {
        let mut formatting = Formatting {
            key,
            left,
            waiting: None,
            report,
        };
        let first = formatting.next(ids).expect("there is a first write");
        (formatting, first)
    }

    /// What is to be reported once all is written.
    pub(super) fn report(&self) -> Event {
        self.report.clone()
    }

    fn next(&mut self, ids: &mut IoIds) -> Option<Submission> {
        let (device, start, pages) = self.left.pop()?;
        let io = ids.next(IoOwner::Formatting);
        self.waiting = Some(io);
        let request = IoRequest::Write {
            start,
            pages,
            persistence: Persistence::ForceUnitAccess,
        };
        let key = self.key;
        Some(Submission {
            device,
            io,
            key,
            request,
        })
    }

    /// A write has succeeded: the next one, or nothing once all are done.
    pub(super) fn handle_completion(
        &mut self,
        io: IoId,
        ids: &mut IoIds,
    ) -> Option<Option<Submission>> {
        (self.waiting == Some(io)).then(|| self.next(ids))
    }
}

/// Zeroes all over the ring.
fn wipe(devices: Devices) -> impl Iterator<Item = (DeviceId, PageIndex, Vec<Payload>)> {
    let Devices {
        journal, geometry, ..
    } = devices;
    let zeroes = Payload::from_static(&[0; PAGE_BYTES]);
    let chunks = geometry.ring_pages.div_ceil(WIPED_AT_ONCE);
    (0..chunks).map(move |chunk| {
        let from = chunk * WIPED_AT_ONCE;
        let count = WIPED_AT_ONCE.min(geometry.ring_pages - from);
        let count = usize::try_from(count).expect("a few hundred");
        let start = geometry.ring_start().plus(from);
        (journal, start, vec![zeroes.clone(); count])
    })
}

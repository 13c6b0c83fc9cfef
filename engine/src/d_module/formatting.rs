//! Formats a set without content: a new one, or one whose device was replaced.
//!
//! ```text
//! checkpoint -> superblock of the data device -> both superblocks of the journal
//! ```
//!
//! Each write is forced and waits for the one before: a set is recognised by its
//! journal's superblocks, so a crash on the way leaves one that is formatted again.
//! The other way round, a founded owner would find its data device blank and freeze. Owns the
//! order; refuses to know which state is written.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::contract::{
    DeviceId, IoId, IoRequest, PageIndex, Persistence, ReservationKey, Submission,
};
use crate::storage_set::destage::Devices;
use crate::storage_set::format::{self, Checkpoint, Superblock};
use crate::storage_set::layout::CheckpointSlot;
use crate::storage_set::{IoIds, IoOwner};

/// A formatting under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Formatting {
    key: ReservationKey,
    /// Writes still to be done, the next one last.
    left: Vec<(DeviceId, PageIndex, Vec<Bytes>)>,
    waiting: Option<IoId>,
}

impl Formatting {
    /// Begins with the checkpoint.
    pub(super) fn start(
        key: ReservationKey,
        devices: Devices,
        superblock: &Superblock,
        (slot, checkpoint): (CheckpointSlot, &Checkpoint),
        ids: &mut IoIds,
    ) -> (Self, Submission) {
        let superblock = format::encode_superblock(superblock);
        let slot = devices.geometry.checkpoint_start(slot);
        let left = vec![
            (
                devices.journal,
                PageIndex(0),
                vec![superblock.clone(), superblock.clone()],
            ),
            (devices.data, PageIndex(0), vec![superblock]),
            (devices.journal, slot, format::encode_checkpoint(checkpoint)),
        ];
        let mut formatting = Formatting {
            key,
            left,
            waiting: None,
        };
        let first = formatting.next(ids).expect("there is a first write");
        (formatting, first)
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

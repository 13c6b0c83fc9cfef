//! Reads in progress: a client's, a comparison's, an orphan's.
//!
//! Owns what follows when blocks are there or do not prove themselves. Refuses to
//! know where they were read.

use super::Owner;
use crate::contract::{IoError, IoId, IoOutput};
use crate::d_module::Context;
use crate::storage_set::StorageSet;
use crate::storage_set::blocks::BlockContent;
use crate::storage_set::read::{self, Unproven};
use crate::vocabulary::{CommandId, RefusedReason, Status};

impl Owner {
    /// A read completion, of a client's read, a comparison or an orphan.
    pub fn handle_read(
        &mut self,
        io: IoId,
        result: Result<IoOutput, IoError>,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        if let Some(read) = self.orphans.handle_read(io, result.clone()) {
            return self.copy_orphan(read.finish(), set, cx);
        }
        let mine = self.reads.iter_mut().find_map(|(command, read)| {
            read.handle_completion(io, result.clone())
                .then_some((*command, read.is_complete()))
        });
        if let Some((command, true)) = mine {
            let read = self.reads.remove(&command).expect("it was found");
            self.finish_read(command, read.finish(), set, cx);
        }
    }

    pub(super) fn finish_read(
        &mut self,
        command: CommandId,
        found: Result<Vec<BlockContent>, Unproven>,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let compares = self.access.is_in_flight(command);
        match found {
            Ok(blocks) if compares => {
                self.access
                    .compare(command, &read::concatenate(&blocks), set, cx);
            }
            Ok(blocks) => {
                self.ordering.release(command);
                let data = read::concatenate(&blocks);
                self.attempts
                    .answer(command, Status::Success(Some(data)), cx);
            }
            Err(Unproven(_)) if compares => {
                let watermark = self.access.abandon(command, set);
                self.ordering.release(command);
                self.fail(command, watermark, set, cx);
            }
            Err(Unproven(_)) => {
                self.ordering.release(command);
                let refused = Status::Refused(RefusedReason::Unreadable);
                self.attempts.answer(command, refused, cx);
            }
        }
        self.admit(set, cx);
    }
}

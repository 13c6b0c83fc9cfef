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
use crate::vocabulary::{CommandId, Range, RefusedReason, Status, UnknownReason};

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
        if self.handle_region_read(io, &result, set, cx) {
            return;
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

    /// Reads a range that a command holds.
    pub(super) fn start_read(
        &mut self,
        command: CommandId,
        range: Range,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let (read, ios) = set.read(range, cx.ids);
        cx.submit_all(ios);
        if read.is_complete() {
            return self.finish_read(command, read.finish(), set, cx);
        }
        self.reads.insert(command, read);
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
                self.compared
                    .push_back((command, read::concatenate(&blocks)));
            }
            // The lease may have run out while the device was asked.
            Ok(_) if !self.may_read(cx) => {
                cx.out.probe("read without authority");
                self.ordering.release(command);
                let unknown = Status::Unknown(UnknownReason::NotServing);
                self.attempts.answer(command, unknown, cx);
            }
            Ok(blocks) => {
                self.ordering.release(command);
                let data = read::concatenate(&blocks);
                self.attempts
                    .answer(command, Status::Success(Some(data)), cx);
            }
            Err(unproven) if self.fetch(command, unproven.block, set, cx) => return,
            Err(_) => self.refuse_unreadable(command, set, cx),
        }
        self.admit(set, cx);
    }

    /// Neither copy proves what a command has to read.
    pub(super) fn refuse_unreadable(
        &mut self,
        command: CommandId,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        if self.access.is_in_flight(command) {
            let watermark = self.access.abandon(command, set);
            self.ordering.release(command);
            self.fail((command, RefusedReason::NotPerformed), watermark, set, cx);
            // A region may have waited for it.
            return self.scan(set, cx);
        }
        self.ordering.release(command);
        let refused = Status::Refused(RefusedReason::Unreadable);
        self.attempts.answer(command, refused, cx);
    }

    /// Marks what has been compared, in a mode that the journal knows of.
    pub(super) fn mark_compared(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        while let Some((command, found)) = self.compared.pop_front() {
            let range = self.ordering.range_of(command);
            let route = self.route(range.expect("it holds its range"), set, cx);
            self.access.compare(command, &found, route, set, cx);
        }
    }
}

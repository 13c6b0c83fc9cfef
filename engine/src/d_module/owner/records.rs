//! The owner's records: what waits for a page of the journal, and what follows
//! when a record is durable.
//!
//! Durable before visible: nothing is sent, performed or answered on the strength
//! of a record before it has come back here. Refuses to know how records are
//! written.

use super::Owner;
use crate::configuration::Replication as Order;
use crate::d_module::Context;
use crate::event::Event;
use crate::storage_set::StorageSet;
use crate::storage_set::record::{Entry, Record};
use crate::vocabulary::{CommandId, Range, RefusedReason, Status, Watermark};

impl Owner {
    /// Appends an entry as soon as there is room for it. A journal
    /// can be full to its last page, most of all when it is read back: the
    /// destage under way makes room, and [`Owner::admit`] follows it.
    pub(super) fn write(&mut self, entry: Entry, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.owed.push_back(entry);
        self.write_owed(set, cx);
    }

    pub(super) fn write_owed(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        while let Some(entry) = self.owed.front() {
            if set.pages(entry) > set.room() {
                cx.out.probe("entry waits for room in the journal");
                return;
            }
            if let Some(entry) = self.owed.pop_front() {
                cx.append(set, entry);
            }
        }
    }

    /// Makes a definite failure durable; it is answered, with its reason, when it is.
    pub(super) fn fail(
        &mut self,
        (command, reason): (CommandId, RefusedReason),
        watermark: Watermark,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        self.failing.insert(command, reason);
        let entry = Entry::Fail {
            command,
            range: None,
            watermark,
        };
        self.write(entry, set, cx);
    }

    /// A record of the owner has become durable.
    pub fn handle_durable(&mut self, record: &Record, set: &mut StorageSet, cx: &mut Context<'_>) {
        match &record.entry {
            Entry::Mark { mark, .. } => {
                // It may have cleared marks that a region waited for.
                self.scan(set, cx);
                let session = set.tables().session;
                self.access.perform(mark.command, session, set, cx);
                if cx.configuration.replication == Order::Parallel {
                    self.replicate(mark.command, cx);
                }
            }
            Entry::Perform(perform) => {
                let alone = self.may_acknowledge_alone(set, cx);
                let resolved = self.access.handle_local(perform.command, alone, cx);
                if cx.configuration.replication == Order::Chained {
                    self.replicate(perform.command, cx);
                }
                self.finish(resolved, set, cx);
            }
            Entry::Fail { command, .. } => {
                if self
                    .orphans
                    .current()
                    .is_some_and(|current| current.command == *command)
                {
                    return self.settle_or_copy_orphan(set, cx);
                }
                let reason = self.failing.remove(command);
                let reason = reason.unwrap_or(RefusedReason::NotPerformed);
                self.attempts.answer(*command, Status::Refused(reason), cx);
            }
            Entry::Clear { clears } => {
                self.handle_cleared(clears, set, cx);
                self.scan(set, cx);
            }
            Entry::Session { session, mode } => self.handle_turned(*session, *mode, set, cx),
            Entry::Dirty {
                clear, rolled_back, ..
            } => {
                report_rolled_back(rolled_back, cx);
                self.handle_regions(clear, set, cx);
            }
            Entry::Repair { range, verdict, .. } => {
                self.handle_repaired(*range, set, cx);
                if let Some(verdict) = verdict {
                    self.handle_judged(verdict.command, set, cx);
                }
            }
            // The head gives the office to another role.
            Entry::Activate { .. } | Entry::HandOff { .. } | Entry::StandDown { .. } => {}
            Entry::Grow { blocks } => self.handle_grown(*blocks, set, cx),
            Entry::Fence { .. } | Entry::Copy { .. } | Entry::Finish | Entry::Lost => {}
        }
    }
}

/// The other site had acknowledged something there that it has no more.
pub(super) fn report_rolled_back(ranges: &[Range], cx: &mut Context<'_>) {
    for range in ranges {
        cx.out.trace(Event::RolledBack(*range));
    }
}

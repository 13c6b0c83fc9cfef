//! Admission: whose turn it is.
//!
//! Owns when a waiting command starts: its range is free, there is room for it,
//! and its ticket is still valid. Refuses to know who asked, and how the command
//! ends.

use super::Owner;
use crate::d_module::Context;
use crate::d_module::access::{Next, pages_needed};
use crate::d_module::ordering::Sharing;
use crate::d_module::status;
use crate::storage_set::StorageSet;
use crate::storage_set::record::{Mode, Route};
use crate::vocabulary::{Status, UnknownReason};
use crate::wire::CommandFrame;

impl Owner {
    /// Lets waiting commands in, as ranges and room allow; what is owed to the
    /// journal comes first.
    pub fn admit(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.write_owed(set, cx);
        if !self.owed.is_empty() {
            // What is accepted follows a change of mode in the journal, or it would
            // not go by it.
            return;
        }
        self.mark_compared(set, cx);
        let may_read = self.may_read(cx);
        let limits = &cx.configuration.limits;
        loop {
            let limit = limits.commands_in_flight as usize;
            let (writes_full, reads_full) =
                (self.access.in_flight() >= limit, self.reads.len() >= limit);
            let room = set.room().saturating_sub(limits.journal_reserve);
            let (mut is_short, mut is_unproven) = (false, false);
            let admitted = self.ordering.admit(|frame, hold| {
                if hold.sharing == Sharing::Shared {
                    is_unproven |= !may_read;
                    return !reads_full && may_read;
                }
                // In their order: else small commands would take each page that a
                // large one waits for.
                is_short |= pages_needed(&frame.command) > room;
                !writes_full && !is_short
            });
            if is_unproven {
                cx.out.probe("read waits for authority");
            }
            if is_short {
                cx.out.probe("acceptance held back by the journal");
            }
            let Some(frame) = admitted else { return };
            self.accept(frame, set, cx);
        }
    }

    /// The promise of a frame as far as it can be true: a client does not know the
    /// outcome of what is still open here. Were the mirror told otherwise, it would
    /// refuse the open command's replica for good, and its range stayed locked.
    pub(super) fn watermark(&self, frame: &CommandFrame) -> u64 {
        let open = self.ordering.ids().chain(self.failing.keys().copied());
        let own = open.filter(|id| id.client == frame.id.client);
        own.map(|id| id.counter)
            .fold(frame.watermark, std::cmp::Ord::min)
    }

    /// The command holds its range: checks its ticket again and starts it.
    /// Reads are answered under the HA lease and with authority; without, they wait.
    pub(super) fn may_read(&self, cx: &Context<'_>) -> bool {
        cx.is_fresh && self.authority.holds(self.mode, cx)
    }

    fn accept(&mut self, mut frame: CommandFrame, set: &mut StorageSet, cx: &mut Context<'_>) {
        frame.watermark = self.watermark(&frame);
        let id = frame.id;
        if !status::is_valid(frame.ticket, cx) {
            self.ordering.release(id);
            return self
                .attempts
                .answer(id, Status::Unknown(UnknownReason::StaleTicket), cx);
        }
        let range = frame
            .command
            .range()
            .expect("reads and mutations have a range");
        let is_read = !frame.command.is_mutation();
        if is_read {
            return self.start_read(id, range, set, cx);
        }
        let route = self.route(range, set, cx);
        if self.mode == Mode::Resync {
            cx.out.probe(match route {
                Route::Replicated => "write behind the scan goes to both copies",
                Route::LocalOnly => "write ahead of the scan stays here",
            });
        }
        if self.access.accept(frame, route, set, cx) == Next::Compare {
            self.start_read(id, range, set, cx);
        }
    }
}

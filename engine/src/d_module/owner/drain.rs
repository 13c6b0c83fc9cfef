//! The drain: what was accepted ends, and nothing else is accepted.
//!
//! A frame that comes now is refused without a record. That is true for good: it carries
//! this incarnation's ticket, and a client's library sends a command for execution under
//! the tickets of one incarnation only; what this incarnation has not accepted, it never
//! will, and no other takes the ticket. What it has accepted is answered as ever.
//!
//! Refuses to know why the set is drained, and what follows.

use super::Owner;
use super::door::known_status;
use crate::d_module::Context;
use crate::d_module::status;
use crate::event::Shortage;
use crate::local::Way;
use crate::storage_set::StorageSet;
use crate::vocabulary::{Command, RefusedReason, Status};
use crate::wire::CommandFrame;

const MOVED: Status = Status::Refused(RefusedReason::Moved);

impl Owner {
    /// Nothing is accepted from now on; what waits for its turn never was.
    pub fn begin_drain(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.is_draining = true;
        self.give_up_growth(cx);
        for command in self.ordering.take_waiting() {
            cx.out.probe("waiting command refused as moved");
            self.attempts.answer(command, MOVED, cx);
        }
        self.admit(set, cx);
    }

    /// Accepts again, under another incarnation.
    pub fn end_drain(&mut self) {
        self.is_draining = false;
    }

    /// A request while the set is drained.
    pub(super) fn turn_away(
        &mut self,
        client: Way,
        frame: &CommandFrame,
        set: &StorageSet,
        cx: &mut Context<'_>,
    ) {
        let id = frame.id;
        if self.is_open(id) {
            return self.attempts.register(client, frame, cx);
        }
        let asks_or_changes = frame.command == Command::Retry || frame.command.is_mutation();
        let known = known_status(id, set).filter(|_| asks_or_changes);
        match (known, &frame.command) {
            (Some(status), _) => status::reply(client, id, frame.attempt, status, cx),
            // Its first frames carried tickets of another incarnation, so this one cannot
            // speak for them: the partner will, with a record.
            (None, Command::Retry) => status::hold_back(client, frame, Shortage::Owner, cx),
            (None, _) => {
                cx.out.probe("command refused as moved");
                status::reply(client, id, frame.attempt, MOVED, cx);
            }
        }
    }

    /// True if nothing that was accepted is left, marks included: the heir finds no orphan.
    pub fn is_drained(&self) -> bool {
        let is_idle = self.ordering.held() == 0 && self.ordering.waiting() == 0;
        let is_clear = self.access.in_flight() == 0 && self.access.uncleared() == 0;
        let reads = self.reads.len() + self.fetches.count();
        let owed = self.failing.len() + self.compared.len() + self.owed.len();
        let is_still = owed == 0 && !self.is_growing();
        is_idle && is_clear && reads == 0 && is_still && self.attempts.count() == 0
    }

    /// True while marks of an earlier incarnation stand.
    pub fn has_orphans(&self) -> bool {
        self.orphans.count() > 0
    }
}

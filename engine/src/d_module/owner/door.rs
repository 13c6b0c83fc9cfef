//! The door: what is answered at once, and what may wait for its turn.
//!
//! Owns the order of the questions that a request meets before anything is done
//! for it: ticket, shape, whether it is known already, whether there is a place.
//! Refuses to know when a command's turn comes and what is done then.

use std::collections::BTreeSet;

use super::{Owner, status_of};
use crate::d_module::Context;
use crate::d_module::ordering::{Hold, Sharing};
use crate::d_module::status;
use crate::event::Shortage;
use crate::local::Way;
use crate::storage_set::StorageSet;
use crate::vocabulary::{
    BlockIndex, ClientId, Command, CommandId, RefusedReason, Status, UnknownReason, Watermark,
};
use crate::wire::CommandFrame;

impl Owner {
    /// A client's request, from the N-module.
    pub fn handle_command(
        &mut self,
        client: Way,
        frame: CommandFrame,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let id = frame.id;
        if !status::is_valid(frame.ticket, cx) {
            cx.out.probe("stale ticket refused");
            let unknown = Status::Unknown(UnknownReason::StaleTicket);
            return status::reply(client, id, frame.attempt, unknown, cx);
        }
        if let Some(reason) = refusal(&frame.command, cx) {
            return status::reply(client, id, frame.attempt, Status::Refused(reason), cx);
        }
        if self.is_draining {
            return self.turn_away(client, &frame, set, cx);
        }
        match frame.command {
            Command::Flush => {
                // Every acknowledged command is durable on both copies already.
                let status = match self.may_read(cx) {
                    true => Status::Success(None),
                    false => Status::Unknown(UnknownReason::NotServing),
                };
                status::reply(client, id, frame.attempt, status, cx);
            }
            Command::Retry => self.handle_retry(client, &frame, set, cx),
            Command::Read(_)
            | Command::Write(..)
            | Command::WriteZeroes(_)
            | Command::CompareAndWrite { .. } => self.enqueue(client, frame, set, cx),
        }
    }

    /// Puts a read or mutation into the queue, unless it is known already.
    fn enqueue(
        &mut self,
        client: Way,
        frame: CommandFrame,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let id = frame.id;
        if self.is_open(id) {
            return self.attempts.register(client, &frame, cx);
        }
        if frame.command.is_mutation() {
            if let Some(status) = known_status(id, set) {
                cx.out.probe("command answered from the result table");
                return status::reply(client, id, frame.attempt, status, cx);
            }
            if let Some(shortage) = self.no_place(&frame, set, cx) {
                return status::hold_back(client, &frame, shortage, cx);
            }
        }
        if is_beyond(&frame.command, set) {
            return self.refuse_beyond(client, &frame, set, cx);
        }
        if self.ordering.waiting() >= cx.configuration.limits.commands_waiting as usize {
            return status::hold_back(client, &frame, Shortage::Queue, cx);
        }
        let range = frame
            .command
            .range()
            .expect("reads and mutations have a range");
        let sharing = if frame.command.is_mutation() {
            Sharing::Exclusive
        } else {
            Sharing::Shared
        };
        self.attempts.register(client, &frame, cx);
        self.ordering.enqueue(frame, Hold { range, sharing });
        self.admit(set, cx);
        if self.ordering.is_waiting(id) {
            cx.out.probe("command waits its turn");
        }
    }

    /// Why the result table has no row to spare for the command. Its size is
    /// bounded by the clients and their windows, and the checkpoint's with it.
    fn no_place(
        &self,
        frame: &CommandFrame,
        set: &StorageSet,
        cx: &Context<'_>,
    ) -> Option<Shortage> {
        let limits = &cx.configuration.limits;
        let CommandId { client, counter } = frame.id;
        let watermarks = &set.tables().watermarks;
        let watermark = set.tables().watermark(client).max(frame.watermark);
        if counter - watermark.min(counter) >= limits.window {
            return Some(Shortage::Window);
        }
        if watermarks.contains_key(&client) {
            return None;
        }
        let open = self.ordering.ids().chain(self.failing.keys().copied());
        let known: BTreeSet<ClientId> = watermarks
            .keys()
            .copied()
            .chain(open.map(|id| id.client))
            .collect();
        let is_full = known.len() >= limits.clients as usize && !known.contains(&client);
        is_full.then_some(Shortage::Clients)
    }

    /// True if the command waits, is in flight, being read, an orphan or failing.
    pub(super) fn is_open(&self, id: CommandId) -> bool {
        self.ordering.is_waiting(id) || self.ordering.is_held(id) || self.failing.contains_key(&id)
    }

    /// Asks for an earlier command's outcome; never executes it.
    fn handle_retry(
        &mut self,
        client: Way,
        frame: &CommandFrame,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let id = frame.id;
        let is_waiting = self.ordering.is_waiting(id);
        if self.is_open(id) && !is_waiting {
            return self.attempts.register(client, frame, cx);
        }
        if let Some(status) = known_status(id, set) {
            self.ordering.withdraw(id);
            return status::reply(client, id, frame.attempt, status, cx);
        }
        if !self.authority.holds(self.mode, cx) {
            // Another owner may know it: no verdict.
            cx.out.probe("retry without authority");
            let unknown = Status::Unknown(UnknownReason::NotServing);
            return status::reply(client, id, frame.attempt, unknown, cx);
        }
        let was_waiting = self.ordering.withdraw(id);
        cx.out.probe(if was_waiting {
            "waiting command failed by a retry"
        } else {
            "unknown command failed by a retry"
        });
        if let Some(shortage) = self.no_place(frame, set, cx) {
            return status::hold_back(client, frame, shortage, cx);
        }
        self.fail_frame(client, frame, RefusedReason::NotPerformed, set, cx);
        if was_waiting {
            self.admit(set, cx);
        }
    }

    /// Behind the end as this copy knows it: another owner, who has grown the volume, may know
    /// better.
    fn refuse_beyond(
        &mut self,
        client: Way,
        frame: &CommandFrame,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        if !self.may_read(cx) {
            cx.out.probe("end of the volume without authority");
            let unknown = Status::Unknown(UnknownReason::NotServing);
            return status::reply(client, frame.id, frame.attempt, unknown, cx);
        }
        if frame.command.is_mutation() {
            cx.out.probe("command behind the end failed for good");
            return self.fail_frame(client, frame, RefusedReason::OutOfRange, set, cx);
        }
        let refused = Status::Refused(RefusedReason::OutOfRange);
        status::reply(client, frame.id, frame.attempt, refused, cx);
    }

    /// A definite failure, for which there is a row in the result table.
    fn fail_frame(
        &mut self,
        client: Way,
        frame: &CommandFrame,
        reason: RefusedReason,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        if self.failing.len() >= cx.configuration.limits.commands_waiting as usize {
            return status::hold_back(client, frame, Shortage::Journal, cx);
        }
        self.attempts.register(client, frame, cx);
        let watermark = Watermark {
            client: frame.id.client,
            counter: self.watermark(frame),
        };
        self.fail((frame.id, reason), watermark, set, cx);
    }
}

/// What the result table, or the watermark, says of a command.
pub(super) fn known_status(id: CommandId, set: &StorageSet) -> Option<Status> {
    if let Some(result) = set.tables().results.get(&id) {
        return Some(status_of(result.outcome));
    }
    let is_old = id.counter < set.tables().watermark(id.client);
    is_old.then_some(Status::Unknown(UnknownReason::TooOld))
}

/// Why a command can never be performed, whoever asks however often. Behind the end of a volume
/// that has room to grow it may be, some day: a mutation's frame could come once more by then,
/// so its failure is written down.
fn refusal(command: &Command, cx: &Context<'_>) -> Option<RefusedReason> {
    let range = command.range()?;
    if range.count() > cx.configuration.limits.command_blocks {
        return Some(RefusedReason::TooLarge);
    }
    let room = BlockIndex::new(cx.configuration.set.geometry.blocks);
    (range.end() > room).then_some(RefusedReason::OutOfRange)
}

/// True if a command ends behind the volume.
fn is_beyond(command: &Command, set: &StorageSet) -> bool {
    let blocks = BlockIndex::new(set.tables().blocks);
    command.range().is_some_and(|range| range.end() > blocks)
}

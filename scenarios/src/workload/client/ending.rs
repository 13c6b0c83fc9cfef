//! What follows on an attempt's end.

use stormglass_engine::contract::Outbox;
use stormglass_engine::time::{Duration, Instant};
use stormglass_engine::vocabulary::{RefusedReason, Status, UnknownReason};

use super::super::event::{ClientEvent, CommandKind, StatusSummary};
use super::super::operation::{Operation, Step, Task};
use super::super::provenance::{self, BlockValue};
use super::{Client, REISSUES_MAX, Waiting};

impl Client {
    /// An attempt ended without a verdict: asks on for a mutation, and starts
    /// over with anything else.
    pub(super) fn end_unknown<L, E: From<ClientEvent>>(
        &mut self,
        now: Instant,
        place: usize,
        reason: UnknownReason,
        pause: Duration,
        out: &mut Outbox<L, E>,
    ) {
        let operation = &mut self.live[place];
        let (id, attempt) = (operation.id, operation.attempt);
        let status = StatusSummary::Unknown(reason);
        out.trace(
            ClientEvent::AttemptEnded {
                id,
                attempt,
                status,
            }
            .into(),
        );
        self.census.unknown += 1;
        if !operation.kind.is_mutation() {
            let task = self.live.remove(place).task;
            return self.reissue(now, task, pause);
        }
        if let Some(range) = operation.command.range() {
            self.belief.forget(range);
        }
        if reason == UnknownReason::TooOld {
            // Never happens to an id at or above the watermark; if it does, no
            // answer will ever come, and the oracles have the event.
            out.probe("client: an id above the watermark is too old");
            self.live.remove(place);
            self.census.abandoned += 1;
            return self.finish_task(now);
        }
        operation.open_attempt(now, pause, &self.identity.timers);
        let attempt = operation.attempt;
        out.trace(ClientEvent::Retried { id, attempt }.into());
        self.census.retries += 1;
    }

    pub(super) fn end_definite<L, E: From<ClientEvent>>(
        &mut self,
        now: Instant,
        place: usize,
        status: Status,
        out: &mut Outbox<L, E>,
    ) {
        let operation = self.live.remove(place);
        let Operation {
            id,
            attempt,
            task,
            kind,
            ..
        } = operation;
        let range = operation.command.range();
        let summary = StatusSummary::from(&status);
        match (kind, range, status) {
            (CommandKind::Read, Some(range), Status::Success(data)) => {
                let values = provenance::read_range(range, &data.unwrap_or_default());
                self.belief.learn(range, &values);
                out.trace(ClientEvent::ReadReturned { id, values }.into());
            }
            (
                CommandKind::Write | CommandKind::CompareAndWrite,
                Some(range),
                Status::Success(_),
            ) => {
                self.belief.set(range, BlockValue::written(id));
            }
            (CommandKind::WriteZeroes, Some(range), Status::Success(_)) => {
                self.belief.set(range, BlockValue::Zero);
            }
            (_, Some(range), Status::Mismatch) => self.belief.forget(range),
            _ => {}
        }
        out.trace(
            ClientEvent::AttemptEnded {
                id,
                attempt,
                status: summary,
            }
            .into(),
        );

        match summary {
            StatusSummary::Success => {
                self.census.succeeded += 1;
                self.census.mutated += u64::from(kind.is_mutation());
            }
            StatusSummary::Mismatch => self.census.mismatched += 1,
            StatusSummary::Refused(_) | StatusSummary::Cancelled => self.census.failed += 1,
            StatusSummary::Unknown(_) => unreachable!("the caller sorted these out"),
        }
        let may_go_again = matches!(
            summary,
            StatusSummary::Refused(RefusedReason::NotPerformed | RefusedReason::Moved)
        );
        if may_go_again {
            let pause = self.identity.timers.backoff(task.reissues);
            self.reissue(now, task, pause);
        } else if task.step == Step::Look {
            let task = Task {
                step: Step::Main,
                reissues: 0,
                ..task
            };
            self.queue(Waiting { due: now, task });
        } else {
            self.finish_task(now);
        }
    }

    /// Tries the same again under a new id, after a pause.
    fn reissue(&mut self, now: Instant, task: Task, pause: Duration) {
        if task.reissues == REISSUES_MAX {
            self.census.abandoned += 1;
            return self.finish_task(now);
        }
        let task = Task {
            reissues: task.reissues + 1,
            ..task
        };
        self.queue(Waiting {
            due: now.after(pause),
            task,
        });
    }

    /// A command of the application has ended; the next one follows.
    fn finish_task(&mut self, now: Instant) {
        self.census.finished += 1;
        self.queue_next_task(now.after(self.identity.workload.think));
    }

    pub(super) fn queue_next_task(&mut self, due: Instant) {
        if self.next_number < self.identity.workload.count() {
            let (number, after) = self.identity.workload.at(self.next_number);
            let due = due.max(Instant::from_nanos(0).after(after));
            let task = Task {
                number,
                step: Step::Fresh,
                reissues: 0,
            };
            self.next_number += 1;
            self.queue(Waiting { due, task });
        }
    }

    /// Behind all that are due no later.
    fn queue(&mut self, waiting: Waiting) {
        let place = self
            .waiting
            .partition_point(|other| other.due <= waiting.due);
        self.waiting.insert(place, waiting);
    }
}

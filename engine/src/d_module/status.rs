//! Status: what a client hears, and that it hears something in time.
//!
//! Owns the attempts that wait for their final status, one per command: the
//! newest transmission's. Refuses to know why a command is not resolved yet.

use serde::{Deserialize, Serialize};

use super::Context;
use crate::collections::{Set, Table};
use crate::configuration::N_SLOT;
use crate::event::{Event, Shortage, Verdict};
use crate::local::{Local, Way};
use crate::time::Instant;
use crate::vocabulary::{CommandId, Status, Ticket};
use crate::wire::{ClientReply, CommandFrame};

/// Where an attempt's status goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The way to the client.
    pub client: Way,
    /// The transmission to answer.
    pub attempt: u32,
    /// When the client must have heard something.
    deadline: Instant,
}

/// Attempts without a final status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    open: Table<CommandId, Attempt>,
    deadlines: Set<(Instant, CommandId)>,
}

impl Attempts {
    /// Notes that this transmission wants the command's status. Its limit counts
    /// from the ticket, as the client's own does at the latest.
    ///
    /// A transmission that was overtaken by a later one changes nothing: its client
    /// waits for the later one's status.
    pub fn register(&mut self, client: Way, frame: &CommandFrame, cx: &Context<'_>) {
        let newest = self.open.get(&frame.id).map(|open| open.attempt);
        if newest.is_some_and(|newest| newest > frame.attempt) {
            return;
        }
        self.forget(frame.id);
        let deadline = frame
            .ticket
            .issued
            .after(cx.configuration.timers.answer_limit);
        self.open.insert(
            frame.id,
            Attempt {
                client,
                attempt: frame.attempt,
                deadline,
            },
        );
        self.deadlines.insert((deadline, frame.id));
    }

    /// Gives the command's open attempt, if any, its final status.
    pub fn answer(&mut self, command: CommandId, status: Status, cx: &mut Context<'_>) {
        if let Some(attempt) = self.forget(command) {
            reply(attempt.client, command, attempt.attempt, status, cx);
        }
    }

    /// The next attempt whose time is up, now closed.
    pub fn take_expired(&mut self, now: Instant) -> Option<(CommandId, Attempt)> {
        let (deadline, command) = *self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.forget(command).map(|attempt| (command, attempt))
    }

    /// Takes any attempt that waits, the earliest first.
    pub fn take_any(&mut self) -> Option<(CommandId, Attempt)> {
        let (_, command) = *self.deadlines.first()?;
        self.forget(command).map(|attempt| (command, attempt))
    }

    /// When the next attempt's time is up.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Attempts without a final status.
    pub fn count(&self) -> usize {
        self.open.len()
    }

    fn forget(&mut self, command: CommandId) -> Option<Attempt> {
        let attempt = self.open.remove(&command)?;
        self.deadlines.remove(&(attempt.deadline, command));
        Some(attempt)
    }
}

/// Sends an attempt its final status.
pub fn reply(client: Way, id: CommandId, attempt: u32, status: Status, cx: &mut Context<'_>) {
    cx.out.trace(Event::Answered {
        command: id,
        attempt,
        verdict: Verdict::of(&status),
    });
    let reply = ClientReply::Answer {
        id,
        attempt,
        ticket: ticket(cx),
        status,
    };
    cx.out.local(N_SLOT, Local::Reply { client, reply });
}

/// Tells a client that its frame arrived and has to wait.
pub fn hold_back(client: Way, frame: &CommandFrame, shortage: Shortage, cx: &mut Context<'_>) {
    cx.out.trace(Event::HeldBack(frame.id, shortage));
    let reply = ClientReply::Retrying {
        id: frame.id,
        attempt: frame.attempt,
        ticket: ticket(cx),
    };
    cx.out.local(N_SLOT, Local::Reply { client, reply });
}

/// A fresh ticket.
pub fn ticket(cx: &Context<'_>) -> Ticket {
    Ticket {
        incarnation: cx.incarnation,
        issued: cx.now,
    }
}

/// True if a frame with this ticket may still be accepted. The client reports
/// Unknown only after the status limit, so what is accepted by then is younger
/// than that report, and nothing is executed behind it.
pub fn is_valid(ticket: Ticket, cx: &Context<'_>) -> bool {
    let timers = &cx.configuration.timers;
    let age = cx.now.since(ticket.issued).plus(timers.ticket_margin);
    ticket.incarnation == cx.incarnation && ticket.issued <= cx.now && age <= timers.status_limit
}

#[cfg(test)]
mod tests;

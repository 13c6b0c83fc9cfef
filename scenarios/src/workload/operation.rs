//! One command under one id: its attempts, their transmissions, its timers.

use serde::{Deserialize, Serialize};
use stormglass_engine::time::{Duration, Instant};
use stormglass_engine::vocabulary::{Command, CommandId, Ticket};

use super::draw::Plan;
use super::event::CommandKind;
use super::identity::ClientTimers;
use super::provenance::{BlockValue, content, payload};

/// How often one attempt is renewed after its ticket was turned down. Beyond
/// that the attempt waits for its status limit.
pub const RENEWALS_MAX: u32 = 64;

/// A command that has an id and no definite outcome yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Operation {
    pub(super) id: CommandId,
    /// The application's command that it serves.
    pub(super) task: Task,
    pub(super) kind: CommandKind,
    /// As it was first sent; the payload is shared with whoever holds the frame.
    pub(super) command: Command,
    /// Compare-and-write: what must stand in each block.
    pub(super) expected: Vec<BlockValue>,
    /// The attempt that is going on, from 0; from 1 on it asks for the outcome.
    pub(super) attempt: u32,
    phase: Phase,
    /// The ticket of the phase `Sent`.
    ticket: Option<Ticket>,
    /// When the phase has something to do.
    due: Instant,
    /// When the attempt ends without a status.
    expires: Instant,
    /// Transmissions over all attempts: the next one's number.
    transmissions: u32,
    /// The first transmission of this attempt.
    attempt_first: u32,
    /// The first transmission with this ticket.
    ticket_first: u32,
    /// How often this attempt's ticket was turned down.
    renewals: u32,
}

/// A command of the application, while it has no id or under one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Task {
    /// Which one, from 0.
    pub(super) number: u64,
    pub(super) step: Step,
    /// How many ids were spent on this step before.
    pub(super) reissues: u32,
}

/// What a command of the application is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    /// Not begun.
    Fresh,
    /// Reads what it is going to compare with.
    Look,
    /// The command itself.
    Main,
}

/// Where an attempt stands.
///
/// ```text
///            due             ticket held
///  Pausing ──────▶ Wanting ──────────────▶ Sent ─┐ due: send again
///     ▲               ▲                    │ │ ▲─┘
///     │               └────────────────────┘ │
///     │                 ticket turned down   │
///     └──────────────────────────────────────┘
///       attempt ended without a verdict (from any phase)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// Not to be sent before `due`.
    Pausing,
    /// To be sent as soon as there is a ticket that is fresh enough.
    Wanting,
    /// Sent under `ticket`, and again whenever `due`.
    Sent,
}

impl Phase {
    fn can_become(self, next: Phase) -> bool {
        match (self, next) {
            (Phase::Pausing, Phase::Wanting) => true,
            (Phase::Wanting, Phase::Sent) => true,
            (Phase::Sent, Phase::Wanting) => true,
            (_, Phase::Pausing) => true,
            (Phase::Pausing, Phase::Sent) => false,
            (Phase::Wanting, Phase::Wanting) => false,
            (Phase::Sent, Phase::Sent) => false,
        }
    }
}

/// What an operation would like to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    /// It needs a ticket to go on.
    Ticket,
    /// It has something to transmit.
    Transmit,
    /// Its attempt is over its time.
    Expire,
}

/// One transmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transmission {
    pub(super) number: u32,
    pub(super) ticket: Ticket,
    /// Unanswered ones under the same ticket before it.
    pub(super) earlier: u32,
}

impl Operation {
    /// A command that waits for its first transmission.
    pub(super) fn new(
        id: CommandId,
        task: Task,
        plan: CommandPlan,
        now: Instant,
        timers: &ClientTimers,
    ) -> Self {
        Operation {
            id,
            task,
            kind: plan.kind,
            command: plan.command,
            expected: plan.expected,
            attempt: 0,
            phase: Phase::Pausing,
            ticket: None,
            due: now,
            expires: now.after(timers.status_limit),
            transmissions: 0,
            attempt_first: 0,
            ticket_first: 0,
            renewals: 0,
        }
    }

    /// What there is to do now. Moves on from a pause that is over.
    pub(super) fn wish(&mut self, now: Instant) -> Wish {
        if self.expires <= now {
            return Wish::Expire;
        }
        if self.phase == Phase::Pausing && self.due <= now {
            self.enter(Phase::Wanting);
        }
        match self.phase {
            Phase::Wanting => Wish::Ticket,
            Phase::Sent if self.due <= now => Wish::Transmit,
            Phase::Pausing | Phase::Sent => Wish::Nothing,
        }
    }

    /// Takes the ticket it waited for; the attempt's time starts anew, so that
    /// it cannot end before the last frame under this ticket is refused.
    pub(super) fn take_ticket(&mut self, now: Instant, ticket: Ticket, timers: &ClientTimers) {
        self.enter(Phase::Sent);
        self.ticket = Some(ticket);
        self.ticket_first = self.transmissions;
        self.due = now;
        self.expires = now.after(timers.status_limit);
    }

    /// Takes the transmission that is due, and arms the next.
    pub(super) fn transmit(&mut self, now: Instant, timers: &ClientTimers) -> Transmission {
        assert_eq!(self.phase, Phase::Sent, "sent without a ticket");
        let Some(ticket) = self.ticket else {
            unreachable!("the phase has a ticket")
        };
        let number = self.transmissions;
        let earlier = number - self.ticket_first;
        self.due = now.after(timers.backoff(earlier));
        self.transmissions += 1;
        Transmission {
            number,
            ticket,
            earlier,
        }
    }

    /// The owner's site is found: what waits for an answer is sent there at once, as if for
    /// the first time.
    pub(super) fn turn_to(&mut self, now: Instant) {
        if self.phase == Phase::Sent {
            self.ticket_first = self.transmissions;
            self.due = now;
        }
    }

    /// What is sent: the command, or from the second attempt on the question
    /// what became of it.
    pub(super) fn message(&self) -> Command {
        if self.attempt == 0 {
            self.command.clone()
        } else {
            Command::Retry
        }
    }

    /// Ends the attempt without a verdict and opens the next.
    pub(super) fn open_attempt(&mut self, now: Instant, pause: Duration, timers: &ClientTimers) {
        assert!(
            self.kind.is_mutation(),
            "only a mutation leaves something to ask about"
        );
        self.enter(Phase::Pausing);
        self.attempt += 1;
        self.attempt_first = self.transmissions;
        self.renewals = 0;
        self.ticket = None;
        self.due = now.after(pause);
        self.expires = self.due.after(timers.status_limit);
    }

    /// The ticket of transmission `number` was turned down: the same is to be
    /// sent under another. Returns the ticket that was turned down, or `None` if
    /// it is not the one in use.
    ///
    /// The first renewal leaves at once, later ones after a pause; each restarts
    /// the attempt's time.
    pub(super) fn renew(
        &mut self,
        now: Instant,
        number: u32,
        timers: &ClientTimers,
    ) -> Option<Ticket> {
        let is_current = self.phase == Phase::Sent && number >= self.ticket_first;
        let ticket = self.ticket.filter(|_| is_current)?;
        if self.renewals == 0 {
            self.enter(Phase::Wanting);
        } else if self.renewals < RENEWALS_MAX {
            self.enter(Phase::Pausing);
            self.due = now.after(timers.backoff(self.renewals));
            self.expires = self.due.after(timers.status_limit);
        }
        self.renewals += 1;
        Some(ticket)
    }

    /// True if the attempt that is going on, to which the transmission belongs,
    /// asks for execution and began under another incarnation's ticket.
    pub(super) fn is_of_another_incarnation(&self, number: u32, answered: Ticket) -> bool {
        let is_current = self.phase == Phase::Sent && number >= self.ticket_first;
        let own = self.ticket.filter(|_| is_current && self.attempt == 0);
        own.is_some_and(|own| own.incarnation != answered.incarnation)
    }

    /// True if it was sent for execution, and is to be again.
    pub(super) fn is_begun(&self) -> bool {
        self.attempt == 0 && self.transmissions > 0
    }

    /// True if a ticket is of another incarnation than the one that it had last.
    pub(super) fn crosses(&self, ticket: Ticket) -> bool {
        let own = self.ticket;
        own.is_some_and(|own| own.incarnation != ticket.incarnation)
    }

    /// True if the transmission was sent at all.
    pub(super) fn has_sent(&self, number: u32) -> bool {
        number < self.transmissions
    }

    /// True if the transmission belongs to the attempt that is going on. What
    /// an older one did not know, its own attempt's end has said.
    pub(super) fn is_of_attempt(&self, number: u32) -> bool {
        number >= self.attempt_first
    }

    /// When it wants to be looked at again.
    pub(super) fn next_deadline(&self) -> Instant {
        match self.phase {
            Phase::Wanting => self.expires,
            Phase::Pausing | Phase::Sent => self.expires.min(self.due),
        }
    }

    fn enter(&mut self, next: Phase) {
        assert!(self.phase.can_become(next), "{:?} to {next:?}", self.phase);
        self.phase = next;
    }
}

/// A command built from its plan.
pub(super) struct CommandPlan {
    pub(super) kind: CommandKind,
    pub(super) command: Command,
    pub(super) expected: Vec<BlockValue>,
}

impl CommandPlan {
    /// Builds the command of a step; `expected` is used by a compare only.
    pub(super) fn new(plan: &Plan, step: Step, id: CommandId, expected: Vec<BlockValue>) -> Self {
        let range = plan.range;
        let kind = if step == Step::Look {
            CommandKind::Read
        } else {
            plan.kind
        };
        let command = match kind {
            CommandKind::Read => Command::Read(range),
            CommandKind::Write => Command::Write(range, payload(id, range)),
            CommandKind::WriteZeroes => Command::WriteZeroes(range),
            CommandKind::CompareAndWrite => Command::CompareAndWrite {
                range,
                expected: content(range, &expected),
                data: payload(id, range),
            },
            CommandKind::Flush => Command::Flush,
        };
        let is_compare = kind == CommandKind::CompareAndWrite;
        CommandPlan {
            kind,
            command,
            expected: if is_compare { expected } else { Vec::new() },
        }
    }
}

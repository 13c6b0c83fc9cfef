//! The client itself: gives each of its application's commands an id, keeps at
//! it until there is a definite outcome, and reports every step.
//!
//! Invariants:
//! * Ids rise by one, and none reaches the watermark plus the window.
//! * The watermark is the lowest id without a known outcome, and never falls.
//! * Every transmission has a label of its own: a command's is numbered over all
//!   its attempts, a request for a ticket over the client's life.
//! * An attempt ends as `Unknown` by the client's own timer only after every
//!   frame of it would be refused for its ticket's age. Otherwise a delayed frame
//!   executes after its `Unknown`, and perhaps after a newer write was
//!   acknowledged.
//! * Only the first attempt asks for execution; all others ask what became of it. It asks
//!   under the tickets of one incarnation: one that refuses a command without a record, for
//!   it hands its set over, speaks for every frame that was ever sent.

mod ending;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{Address, Entropy, Input, Label, Outbox};
use stormglass_engine::time::{Duration, Instant};
use stormglass_engine::vocabulary::{CommandId, RefusedReason, Status, Ticket, UnknownReason};
use stormglass_engine::wire::client::{decode_reply, encode_request};
use stormglass_engine::wire::{ClientReply, ClientRequest, CommandFrame, kind};

use crate::file::{Planned, PlannedKind};

use super::belief::Belief;
use super::census::Census;
use super::draw::{Guess, Plan};
use super::event::{ClientEvent, CommandKind, Ignored, StatusSummary};
use super::identity::ClientIdentity;
use super::nodes::Nodes;
use super::operation::{CommandPlan, Operation, Step, Task, Wish};
use super::tickets::{TicketRequest, Tickets};

/// How many ids the library spends on one command of the application before it
/// gives up. At the longest pause of the defaults this is 26 minutes.
pub const REISSUES_MAX: u32 = 1_000;

/// A client: application and library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Shared, so that a fork copies a pointer.
    identity: Arc<ClientIdentity>,
    /// Makes this boot's labels differ from every other's.
    incarnation: u64,
    nodes: Nodes,
    tickets: Tickets,
    /// Commands with an id and without a definite outcome, by rising id.
    live: Vec<Operation>,
    /// Commands without an id yet, by the instant from which they may have one.
    waiting: Vec<Waiting>,
    /// The next id's counter.
    next_counter: u64,
    /// The place of the application's next command; its number, where those are drawn.
    next_number: u64,
    belief: Belief,
    census: Census,
}

/// A command that is to get an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    due: Instant,
    task: Task,
}

impl Client {
    /// Starts the client. It says nothing before its workload's start.
    ///
    /// # Panics
    /// If the identity's workload or timers are out of their stated bounds.
    pub fn boot<L, E: From<ClientEvent>>(
        identity: &ClientIdentity,
        entropy: Entropy,
        now: Instant,
        out: &mut Outbox<L, E>,
    ) -> Self {
        identity.check();
        let mut client = Client {
            identity: Arc::new(identity.clone()),
            incarnation: entropy.bits(),
            nodes: Nodes::new(identity.nodes, identity.other_site),
            tickets: Tickets::default(),
            live: Vec::new(),
            waiting: Vec::new(),
            next_counter: 1,
            next_number: 0,
            belief: Belief::default(),
            census: Census::default(),
        };
        for _ in 0..identity.workload.outstanding {
            client.queue_next_task(now.after(identity.workload.start));
        }
        client.progress(now, out);
        client
    }

    /// Handles one input to completion.
    pub fn handle<L, E: From<ClientEvent>>(
        &mut self,
        now: Instant,
        input: Input<L>,
        out: &mut Outbox<L, E>,
    ) {
        match input {
            Input::Packet(packet) => match decode_reply(&packet.frame) {
                Ok(reply) => {
                    self.steer(now, packet.from, &reply);
                    self.handle_reply(now, reply, out);
                }
                Err(_) => ignore(Ignored::Undecodable, out),
            },
            Input::Deadline => {}
            Input::Completion(_) | Input::Local(_) => ignore(Ignored::NotAMessage, out),
        }
        self.progress(now, out);
    }

    /// The earliest instant at which the client wants a deadline.
    pub fn next_deadline(&self) -> Option<Instant> {
        let issue = self
            .waiting
            .first()
            .filter(|_| self.has_room())
            .map(|waiting| waiting.due);
        let live = self.live.iter().map(Operation::next_deadline);
        live.chain(issue).chain(self.tickets.next_deadline()).min()
    }

    /// True once every command of the workload has ended.
    pub fn is_done(&self) -> bool {
        self.live.is_empty() && self.waiting.is_empty()
    }

    /// What it did so far.
    pub fn census(&self) -> Census {
        self.census
    }

    /// Ids without a definite outcome, by rising counter, and what they are.
    pub fn unresolved(&self) -> impl Iterator<Item = (CommandId, CommandKind)> {
        self.live.iter().map(|it| (it.id, it.kind))
    }

    /// The command of the application that it serves with an id, as a list would have it
    /// if it began now. None of a part of one, or of one that was begun before.
    pub fn planned(&self, id: CommandId, now: Instant) -> Option<Planned> {
        let mut live = self.live.iter();
        let Task {
            number, reissues, ..
        } = live.find(|operation| operation.id == id)?.task;
        let ClientIdentity { client, seed, .. } = *self.identity;
        let plan = Plan::new(&self.identity.workload, seed, client, number);
        (reissues == 0).then_some(Planned {
            client: client.value(),
            number: u32::try_from(number).ok()?,
            at: now.since(Instant::from_nanos(0)),
            kind: match plan.kind {
                CommandKind::Read => PlannedKind::Read,
                CommandKind::Write => PlannedKind::Write,
                CommandKind::WriteZeroes => PlannedKind::WriteZeroes,
                CommandKind::CompareAndWrite => PlannedKind::CompareAndWrite,
                CommandKind::Flush => PlannedKind::Flush,
            },
            block: plan.range.start().value(),
            blocks: plan.range.count(),
        })
    }

    /// The lowest counter whose outcome it does not know; below it, it never
    /// asks again.
    pub fn watermark(&self) -> u64 {
        self.live
            .first()
            .map_or(self.next_counter, |operation| operation.id.counter)
    }

    /// Asserts what must hold between any two inputs.
    pub fn check_invariants(&self) {
        let outstanding = self.live.len() + self.waiting.len();
        assert!(outstanding <= self.identity.workload.outstanding as usize);
        assert!(self.live.is_sorted_by(|a, b| a.id < b.id));
        assert!(self.waiting.is_sorted_by_key(|waiting| waiting.due));
        assert!(self.next_counter <= self.watermark() + self.identity.window);
    }

    /// Whoever answers is asked next, unless the answer is that it does not serve.
    fn steer(&mut self, now: Instant, from: Address, reply: &ClientReply) {
        let is_other_site = self.nodes.hear(from);
        match reply {
            ClientReply::Answer {
                status:
                    Status::Unknown(UnknownReason::NotServing | UnknownReason::Halted)
                    | Status::Refused(RefusedReason::Moved),
                ..
            } => self.nodes.turn_from(from),
            ClientReply::Elsewhere { .. } => self.nodes.leave_site(from),
            ClientReply::Answer { .. }
            | ClientReply::Connected { .. }
            | ClientReply::Retrying { .. } => {
                if is_other_site {
                    self.live.iter_mut().for_each(|it| it.turn_to(now));
                }
            }
        }
    }

    fn handle_reply<L, E: From<ClientEvent>>(
        &mut self,
        now: Instant,
        reply: ClientReply,
        out: &mut Outbox<L, E>,
    ) {
        match reply {
            ClientReply::Connected {
                client,
                attempt,
                ticket,
            } => {
                if client != self.identity.client || !self.tickets.has_sent(attempt) {
                    return ignore(Ignored::NotForUs, out);
                }
                self.tickets.adopt(now, ticket);
            }
            ClientReply::Retrying {
                id,
                attempt,
                ticket,
            } => {
                let Ok(place) = self.find(id, attempt, ticket, now) else {
                    return ignore(Ignored::NotForUs, out);
                };
                match place {
                    Some(_) => self.census.notices += 1,
                    None => ignore(Ignored::Outdated, out),
                }
            }
            // Who is asked next is all that follows.
            ClientReply::Elsewhere { id, .. } => {
                if id.client != self.identity.client {
                    ignore(Ignored::NotForUs, out);
                }
            }
            ClientReply::Answer {
                id,
                attempt,
                ticket,
                status,
            } => {
                let Ok(place) = self.find(id, attempt, ticket, now) else {
                    return ignore(Ignored::NotForUs, out);
                };
                match place {
                    Some(place) => self.handle_answer(now, place, attempt, ticket, status, out),
                    None if status.is_definite() => {
                        let status = StatusSummary::from(&status);
                        out.trace(ClientEvent::AnsweredAgain { id, status }.into());
                    }
                    None => ignore(Ignored::Outdated, out),
                }
            }
        }
    }

    /// Where the live command stands to which a reply belongs, `None` if that
    /// has ended. Takes the reply's ticket. An error if no such frame was sent.
    fn find(
        &mut self,
        id: CommandId,
        attempt: u32,
        ticket: Ticket,
        now: Instant,
    ) -> Result<Option<usize>, ()> {
        let is_ours =
            id.client == self.identity.client && (1..self.next_counter).contains(&id.counter);
        let place = self
            .live
            .binary_search_by_key(&id, |operation| operation.id)
            .ok();
        let has_sent = place.is_none_or(|place| self.live[place].has_sent(attempt));
        if !is_ours || !has_sent {
            return Err(());
        }
        self.tickets.adopt(now, ticket);
        Ok(place)
    }

    fn handle_answer<L, E: From<ClientEvent>>(
        &mut self,
        now: Instant,
        place: usize,
        number: u32,
        ticket: Ticket,
        status: Status,
        out: &mut Outbox<L, E>,
    ) {
        let operation = &mut self.live[place];
        match status {
            // Only an explicit question crosses incarnations: asking another one
            // to execute could repeat what the former has begun.
            Status::Unknown(UnknownReason::StaleTicket)
                if operation.is_of_another_incarnation(number, ticket) =>
            {
                self.end_unknown(now, place, UnknownReason::StaleTicket, Duration::ZERO, out);
            }
            Status::Unknown(UnknownReason::StaleTicket) => {
                match operation.renew(now, number, &self.identity.timers) {
                    Some(ticket) => {
                        self.tickets.discard(ticket);
                        self.census.renewals += 1;
                    }
                    None => ignore(Ignored::Outdated, out),
                }
            }
            Status::Unknown(reason) if operation.is_of_attempt(number) => {
                let pause = self
                    .identity
                    .timers
                    .backoff(operation.attempt + operation.task.reissues);
                self.end_unknown(now, place, reason, pause, out);
            }
            Status::Unknown(_) => ignore(Ignored::Outdated, out),
            definite => self.end_definite(now, place, definite, out),
        }
    }

    /// Does whatever is due.
    fn progress<L, E: From<ClientEvent>>(&mut self, now: Instant, out: &mut Outbox<L, E>) {
        self.expire(now, out);
        while let Some(task) = self.take_task(now) {
            self.issue(now, task, out);
        }
        self.transmit(now, out);
        self.check_invariants();
    }

    fn expire<L, E: From<ClientEvent>>(&mut self, now: Instant, out: &mut Outbox<L, E>) {
        let mut place = 0;
        while place < self.live.len() {
            if self.live[place].wish(now) != Wish::Expire {
                place += 1;
                continue;
            }
            // A read leaves the list; a mutation stays, with a later limit.
            self.end_unknown(now, place, UnknownReason::TimedOut, Duration::ZERO, out);
        }
    }

    fn transmit<L, E: From<ClientEvent>>(&mut self, now: Instant, out: &mut Outbox<L, E>) {
        let timers = self.identity.timers;
        while let Some(place) = self.find_crossing(now) {
            self.end_unknown(now, place, UnknownReason::StaleTicket, Duration::ZERO, out);
        }
        let watermark = self.watermark();
        let mut is_ticket_wanted = false;
        for operation in &mut self.live {
            if operation.wish(now) == Wish::Ticket {
                match self.tickets.fresh(now, timers.ticket_age_max()) {
                    Some(ticket) => operation.take_ticket(now, ticket, &timers),
                    None => is_ticket_wanted = true,
                }
            }
            if operation.wish(now) == Wish::Transmit {
                let transmission = operation.transmit(now, &timers);
                let request = ClientRequest::Command(CommandFrame {
                    id: operation.id,
                    volume: self.identity.volume,
                    attempt: transmission.number,
                    ticket: transmission.ticket,
                    watermark,
                    command: operation.message(),
                });
                let label = Label {
                    kind: kind::COMMAND,
                    incarnation: self.incarnation,
                    id: operation.id.counter,
                    part: 0,
                    attempt: transmission.number,
                };
                self.census.frames += 1;
                let node = self.nodes.target(transmission.earlier);
                out.send(self.identity.network, node, label, encode_request(&request));
            }
        }
        match is_ticket_wanted {
            true => self.tickets.want(now),
            false => self.tickets.unwant(),
        }
        if let Some(request) = self.tickets.take_due(now, &timers) {
            self.connect(request, out);
        }
    }

    /// A command that would be sent for execution again, and now to another incarnation.
    fn find_crossing(&mut self, now: Instant) -> Option<usize> {
        let ticket_age_max = self.identity.timers.ticket_age_max();
        for place in 0..self.live.len() {
            let operation = &mut self.live[place];
            if !operation.is_begun() || operation.wish(now) != Wish::Ticket {
                continue;
            }
            let ticket = self.tickets.fresh(now, ticket_age_max)?;
            if operation.crosses(ticket) {
                return Some(place);
            }
        }
        None
    }

    fn connect<L, E>(&mut self, ticket: TicketRequest, out: &mut Outbox<L, E>) {
        let attempt = ticket.number;
        let ClientIdentity {
            client,
            volume,
            network,
            ..
        } = *self.identity;
        let incarnation = self.incarnation;
        let label = Label {
            kind: kind::CONNECT,
            incarnation,
            id: 0,
            part: 0,
            attempt,
        };
        self.census.frames += 1;
        let request = ClientRequest::Connect {
            client,
            volume,
            attempt,
        };
        let node = self.nodes.target(ticket.earlier);
        out.send(network, node, label, encode_request(&request));
    }

    /// True if another id fits into the window.
    fn has_room(&self) -> bool {
        self.next_counter < self.watermark() + self.identity.window
    }

    /// The next command that may have an id now.
    fn take_task(&mut self, now: Instant) -> Option<Task> {
        let first = self.waiting.first().filter(|waiting| waiting.due <= now)?;
        let task = first.task;
        self.has_room().then(|| {
            self.waiting.remove(0);
            task
        })
    }

    fn issue<L, E: From<ClientEvent>>(
        &mut self,
        now: Instant,
        mut task: Task,
        out: &mut Outbox<L, E>,
    ) {
        let ClientIdentity { client, seed, .. } = *self.identity;
        let plan = Plan::new(&self.identity.workload, seed, client, task.number);
        if task.step == Step::Fresh {
            let looks = plan.kind == CommandKind::CompareAndWrite
                && plan.guess == Guess::Looked
                && !self.belief.covers(plan.range);
            task.step = if looks { Step::Look } else { Step::Main };
        }
        let id = CommandId {
            client,
            counter: self.next_counter,
        };
        self.next_counter += 1;
        self.census.invoked += 1;
        self.census.reissued += u64::from(task.reissues > 0);

        let expected = self.belief.expected(plan.range, plan.guess, id);
        let built = CommandPlan::new(&plan, task.step, id, expected);
        let operation = Operation::new(id, task, built, now, &self.identity.timers);
        out.trace(
            ClientEvent::Invoked {
                id,
                kind: operation.kind,
                range: operation.command.range(),
                expected: operation.expected.clone(),
            }
            .into(),
        );
        self.live.push(operation);
    }
}

/// Reports a message that is dropped.
fn ignore<L, E: From<ClientEvent>>(why: Ignored, out: &mut Outbox<L, E>) {
    out.trace(ClientEvent::Ignored(why).into());
}

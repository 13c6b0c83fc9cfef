//! Access: performs the owner's accepted mutations on its own copy, and knows for
//! each which of its durable steps are done.
//!
//! ```text
//! Comparing --content equal or not--> Marking --mark durable--> Performing --record durable--> Local
//!    (compare-and-write only)                                        (replica on its way meanwhile)
//! ```
//!
//! A replicated command is resolved when its own copy and the mirror's answer are
//! both in; one that changes this copy alone, when that is durable and the regions
//! are durably dirty, in a mode in which nobody promotes the mirror.
//! Its mark stands a little longer and ends with a later record.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Context;
use crate::collections::Table;
use crate::event::Event;
use crate::payload::Payload;
use crate::storage_set::StorageSet;
use crate::storage_set::record::{Entry, Mark, Perform, Route};
use crate::time::Instant;
use crate::vocabulary::{
    Command, CommandId, Content, Outcome, Range, SequenceId, Session, Watermark,
};
use crate::wire::{CommandFrame, Member};

/// How far a mutation is on the owner's copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Reads what it must compare with.
    Comparing,
    /// Its mark is on its way to the journal.
    Marking,
    /// Its data and result are on their way to the journal.
    Performing,
    /// Data and result are durable.
    Local,
}

impl Stage {
    fn can_become(self, next: Stage) -> bool {
        match self {
            Stage::Comparing => next == Stage::Marking,
            Stage::Marking => next == Stage::Performing,
            Stage::Performing => next == Stage::Local,
            Stage::Local => false,
        }
    }
}

/// An accepted mutation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    stage: Stage,
    route: Route,
    /// The mirror has performed it, in the current session.
    is_replicated: bool,
    range: Range,
    sequence: SequenceId,
    content: Content,
    expected: Option<Payload>,
    watermark: Watermark,
    promised: u64,
}

impl InFlight {
    fn enter(&mut self, next: Stage) {
        assert!(
            self.stage.can_become(next),
            "a command goes {:?} -> {next:?}",
            self.stage
        );
        self.stage = next;
    }

    fn outcome(&self) -> Outcome {
        match self.content {
            Content::Data(_) | Content::Zeroes => Outcome::Performed,
            Content::Nothing => Outcome::Mismatch,
        }
    }
}

/// What to do with an accepted mutation next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Its mark is being written.
    Nothing,
    /// Its range must be read first.
    Compare,
}

/// The owner's accepted, unresolved mutations, and resolved ones whose marks
/// still stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Behind `Arc`s, so that a fork copies pointers.
    commands: Table<CommandId, Arc<InFlight>>,
    next_sequence: SequenceId,
    resolved: Vec<(CommandId, Range)>,
    clear_at: Option<Instant>,
}

/// Ring pages that accepting a mutation of this kind may take: its mark, and its
/// data with the record's head.
pub fn pages_needed(command: &Command) -> u64 {
    match command {
        Command::Write(range, _) | Command::CompareAndWrite { range, .. } => {
            2 + u64::from(range.count())
        }
        Command::WriteZeroes(_) => 2,
        Command::Read(_) | Command::Flush | Command::Retry => 0,
    }
}

impl Access {
    /// Nothing in flight; sequence ids go on behind `sequence_high`.
    pub fn new(sequence_high: SequenceId) -> Self {
        Access {
            commands: Table::new(),
            next_sequence: sequence_high.next(),
            resolved: Vec::new(),
            clear_at: None,
        }
    }

    /// Accepts a mutation that holds its range; the caller has checked for room.
    pub fn accept(
        &mut self,
        frame: CommandFrame,
        route: Route,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) -> Next {
        let promised = pages_needed(&frame.command);
        let (range, content, expected) = match frame.command {
            Command::Write(range, data) => (range, Content::Data(data), None),
            Command::WriteZeroes(range) => (range, Content::Zeroes, None),
            Command::CompareAndWrite {
                range,
                expected,
                data,
            } => (range, Content::Data(data), Some(expected)),
            Command::Read(_) | Command::Flush | Command::Retry => {
                unreachable!("only mutations are accepted")
            }
        };
        set.promise(promised);
        let sequence = self.next_sequence;
        self.next_sequence = sequence.next();
        cx.out.trace(Event::Accepted {
            command: frame.id,
            sequence,
            range,
        });
        let compares = expected.is_some();
        let watermark = Watermark {
            client: frame.id.client,
            counter: frame.watermark,
        };
        let stage = Stage::Comparing;
        let in_flight = InFlight {
            stage,
            route,
            is_replicated: false,
            range,
            sequence,
            content,
            expected,
            watermark,
            promised,
        };
        self.commands.insert(frame.id, Arc::new(in_flight));
        if compares {
            return Next::Compare;
        }
        self.mark(frame.id, set, cx);
        Next::Nothing
    }

    /// The range of a comparing command has been read.
    pub fn compare(
        &mut self,
        command: CommandId,
        found: &Payload,
        route: Route,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let in_flight = self.in_flight_mut(command).expect("it compares");
        in_flight.route = route;
        if in_flight.expected.take().as_ref() != Some(found) {
            in_flight.content = Content::Nothing;
        }
        self.mark(command, set, cx);
    }

    /// The range of a comparing command cannot be read: it is given up before
    /// anything was written. Returns its client's watermark.
    pub fn abandon(&mut self, command: CommandId, set: &mut StorageSet) -> Watermark {
        let in_flight = self.commands.remove(&command).expect("it compares");
        assert!(
            in_flight.stage == Stage::Comparing,
            "nothing is written yet"
        );
        set.redeem(in_flight.promised);
        in_flight.watermark
    }

    /// Makes the in-flight mark durable; nothing is sent or performed before.
    fn mark(&mut self, command: CommandId, set: &mut StorageSet, cx: &mut Context<'_>) {
        let session = set.tables().session;
        let range = self.commands[&command].range;
        let clears = self.take_clears(Some(range), cx);
        let in_flight = self.in_flight_mut(command).expect("it is accepted");
        in_flight.enter(Stage::Marking);
        in_flight.promised -= 1;
        let route = in_flight.route;
        let mark = Mark {
            command,
            sequence: in_flight.sequence,
            range: in_flight.range,
            checksum: checksum(&in_flight.content),
            session,
        };
        set.redeem(1);
        cx.append(
            set,
            Entry::Mark {
                mark,
                watermark: in_flight.watermark,
                clears,
                route,
            },
        );
    }

    /// The mark is durable: the local record may be written, and the replica sent.
    pub fn perform(
        &mut self,
        command: CommandId,
        session: Session,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let in_flight = self.in_flight_mut(command).expect("it is marked");
        in_flight.enter(Stage::Performing);
        cx.out.trace(Event::Marked(command));
        set.redeem(in_flight.promised);
        let perform = Perform {
            command,
            sequence: in_flight.sequence,
            range: in_flight.range,
            content: in_flight.content.clone(),
            outcome: in_flight.outcome(),
            session,
            watermark: in_flight.watermark,
        };
        cx.append(set, Entry::Perform(perform));
    }

    /// The local record is durable; `alone` says whether that is enough now for a
    /// command that changes no other copy.
    pub fn handle_local(
        &mut self,
        command: CommandId,
        alone: bool,
        cx: &mut Context<'_>,
    ) -> Option<(CommandId, Outcome)> {
        let in_flight = self.in_flight_mut(command)?;
        in_flight.enter(Stage::Local);
        cx.out.trace(Event::LocalDurable(command));
        self.resolve(command, alone, cx)
    }

    /// The mirror has performed it in the current session.
    pub fn handle_replicated(
        &mut self,
        command: CommandId,
        cx: &mut Context<'_>,
    ) -> Option<(CommandId, Outcome)> {
        let in_flight = self.in_flight_mut(command)?;
        in_flight.is_replicated = true;
        cx.out.probe(match in_flight.stage {
            Stage::Local => "success waited for the mirror",
            Stage::Comparing | Stage::Marking | Stage::Performing => {
                "mirror answered before the local record"
            }
        });
        cx.out.trace(Event::ReplicaAcked(command));
        self.resolve(command, false, cx)
    }

    /// Resolved once all copies that it changes have it; only then may the client
    /// hear success.
    fn resolve(
        &mut self,
        command: CommandId,
        alone: bool,
        cx: &mut Context<'_>,
    ) -> Option<(CommandId, Outcome)> {
        let in_flight = self.commands.get(&command)?;
        let is_done = match in_flight.route {
            Route::Replicated => in_flight.is_replicated,
            Route::LocalOnly => alone,
        };
        if in_flight.stage != Stage::Local || !is_done {
            return None;
        }
        let is_alone = in_flight.route == Route::LocalOnly;
        let (outcome, range) = (in_flight.outcome(), in_flight.range);
        self.commands.remove(&command);
        self.resolved.push((command, range));
        self.clear_at
            .get_or_insert(cx.now.after(cx.configuration.timers.idle_clear));
        cx.out.trace(if is_alone {
            Event::ResolvedAlone(command)
        } else {
            Event::Resolved(command)
        });
        Some((command, outcome))
    }

    /// The session of everything under way is over, with the mirror lost: what is
    /// not resolved changes this copy alone from now on. Its marks make its regions
    /// dirty in the record that says so. True if there was any.
    pub fn demote_all(&mut self) -> bool {
        let mut is_any = false;
        for in_flight in self.commands.values_mut() {
            if in_flight.route == Route::Replicated {
                Arc::make_mut(in_flight).route = Route::LocalOnly;
                is_any = true;
            }
        }
        is_any
    }

    /// This copy alone is enough now for those that change no other; returns the
    /// commands that this resolves.
    pub fn permit_alone(&mut self, cx: &mut Context<'_>) -> Vec<(CommandId, Outcome)> {
        let waiting = self.commands.iter();
        let waiting = waiting.filter(|(_, it)| it.route == Route::LocalOnly);
        let waiting: Vec<CommandId> = waiting.map(|(command, _)| *command).collect();
        let resolve = |command| self.resolve(command, true, cx);
        waiting.into_iter().filter_map(resolve).collect()
    }

    /// True while a command is under way that changes this copy alone.
    pub fn has_local_only(&self) -> bool {
        let mut commands = self.commands.values();
        commands.any(|it| it.route == Route::LocalOnly)
    }

    /// Ends the marks of resolved commands in a range at once.
    pub fn clear_marks_in(&mut self, range: Range, set: &mut StorageSet, cx: &mut Context<'_>) {
        let overlaps = self.resolved.iter().any(|(_, r)| r.overlaps(range));
        if overlaps && set.room() > 0 {
            cx.out.probe("marks ended for a region that is copied");
            let clears = self.take_clears(Some(range), cx);
            cx.append(set, Entry::Clear { clears });
        }
    }

    /// The replica of a marked command that the mirror is to perform, and its
    /// client's watermark.
    pub fn member(&self, command: CommandId) -> Option<(Member, Watermark)> {
        let in_flight = self.commands.get(&command)?;
        if in_flight.route == Route::LocalOnly {
            return None;
        }
        let member = Member {
            command,
            sequence: in_flight.sequence,
            range: in_flight.range,
            content: in_flight.content.clone(),
        };
        Some((member, in_flight.watermark))
    }

    /// Commands that a new session must send again: every marked one (under
    /// `Chained`, every locally durable one) that is not resolved.
    pub fn unreplicated(&self, from: Stage) -> Vec<CommandId> {
        let reached = |stage: Stage| match from {
            Stage::Local => stage == Stage::Local,
            Stage::Comparing | Stage::Marking | Stage::Performing => {
                matches!(stage, Stage::Performing | Stage::Local)
            }
        };
        let open = self
            .commands
            .iter()
            .filter(|(_, c)| reached(c.stage) && !c.is_replicated && c.route == Route::Replicated);
        open.map(|(command, _)| *command).collect()
    }

    fn in_flight_mut(&mut self, command: CommandId) -> Option<&mut InFlight> {
        self.commands.get_mut(&command).map(Arc::make_mut)
    }

    /// True if the command is accepted and not resolved.
    pub fn is_in_flight(&self, command: CommandId) -> bool {
        self.commands.contains_key(&command)
    }
    /// Accepted and not resolved.
    pub fn in_flight(&self) -> usize {
        self.commands.len()
    }
    /// Resolved, mark still standing.
    pub fn uncleared(&self) -> usize {
        self.resolved.len()
    }

    /// Clears resolved marks that no later command has cleared.
    pub fn handle_deadline(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        if self.clear_at.is_some_and(|at| at <= cx.now) {
            if set.room() == 0 {
                self.clear_at = Some(cx.now.after(cx.configuration.timers.idle_clear));
                return;
            }
            let clears = self.take_clears(None, cx);
            cx.append(set, Entry::Clear { clears });
        }
    }

    /// When marks are due to be cleared.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.clear_at
    }

    /// Resolved marks that end with the next record: every one that `range`
    /// overlaps, for at most one mark may stand on a block when a crash makes
    /// orphans of them; then the oldest, up to the limit.
    fn take_clears(&mut self, range: Option<Range>, cx: &Context<'_>) -> Vec<CommandId> {
        let overlaps = |resolved: &Range| range.is_some_and(|range| range.overlaps(*resolved));
        let (mut clears, mut rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.resolved)
            .into_iter()
            .partition(|(_, r)| overlaps(r));
        let limit = cx.configuration.limits.clears_per_record as usize;
        let more = limit.saturating_sub(clears.len()).min(rest.len());
        clears.extend(rest.drain(..more));
        self.resolved = rest;
        let idle = cx.configuration.timers.idle_clear;
        self.clear_at = (!self.resolved.is_empty()).then(|| cx.now.after(idle));
        clears.into_iter().map(|(command, _)| command).collect()
    }
}

/// Checksum of a mutation's effect.
fn checksum(content: &Content) -> u32 {
    match content {
        Content::Data(data) => data.checksum(),
        Content::Zeroes => 0,
        Content::Nothing => 1,
    }
}

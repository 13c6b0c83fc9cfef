//! O17: a reference model, fed with what clients were told, agrees with what
//! they read and with what stands on the volume in the end.
//!
//! The model keeps, for each block, the writes whose value may stand there now.
//! It goes forward in time, event by event, and knows three rules:
//!
//! * From its invocation on a write may have taken effect: it joins the set, and
//!   every read that is going on may return it.
//! * A write that was acknowledged, or whose value was seen, has taken effect by
//!   then: it is *settled*. So is a write reported `Unknown`, when a write that
//!   overlaps it and was invoked after the report is acknowledged.
//! * A write leaves the set once it settled before the invocation of another that
//!   has taken effect, or before the invocation of a read that saw something
//!   else; and when it definitely failed.
//!
//! A read must return a value from the set as it was when the read was invoked,
//! or from a write invoked since. This is sound, and weaker than O2 in places
//! (it forgets in which order concurrent writes were seen by concurrent reads);
//! it shares no code with it on purpose.
//!
//! Zeroes may be several writes' value. A read of zeroes says which of them took
//! effect only if a single one comes into question.
//!
//! Blocks hold zeroes before the first event.

mod model;

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use stormglass_engine::collections::Layered;
use stormglass_engine::vocabulary::{BlockIndex, CommandId, Range};
use stormglass_sim::time::WorldTime;

use super::{Finding, OracleId};
use crate::workload::{BlockValue, ClientEvent, CommandKind, StatusSummary};
use model::{Candidates, Clock, Writer};

/// The oracle.
#[derive(Clone, Default, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Blocks that a mutation has touched; all others hold zeroes.
    blocks: Layered<BlockIndex, Candidates>,
    /// Mutations without a definite outcome.
    mutations: Layered<CommandId, Mutation>,
    /// Reads and compares that are going on.
    looks: Layered<CommandId, Look>,
    /// Values that a successful compare replaced, and when.
    replaced: OrdMap<(BlockIndex, Writer), Clock>,
    /// Mutations that definitely had no effect.
    failed: OrdSet<CommandId>,
    checks: u64,
}

/// A mutation without a definite outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mutation {
    kind: CommandKind,
    range: Range,
    expected: Vec<BlockValue>,
    invoked: Clock,
    /// When an attempt first ended as `Unknown`.
    unknown: Option<Clock>,
    /// When its value was first seen.
    seen: Option<Clock>,
}

/// A read or compare that is going on: what each block may have held since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Look {
    range: Range,
    invoked: Clock,
    blocks: Vec<Candidates>,
}

/// Where and when a judgement is made.
#[derive(Clone, Copy)]
struct Moment {
    at: WorldTime,
    now: Clock,
}

impl Reference {
    /// Judges one event.
    pub fn observe(
        &mut self,
        at: WorldTime,
        event_number: u64,
        event: &ClientEvent,
        findings: &mut Vec<Finding>,
    ) {
        let now = Clock::of_event(event_number);
        let moment = Moment { at, now };
        match event {
            ClientEvent::Invoked {
                id,
                kind,
                range: Some(range),
                expected,
            } => {
                if matches!(kind, CommandKind::Read | CommandKind::CompareAndWrite) {
                    self.begin_look(*id, *range, now);
                }
                if kind.is_mutation() {
                    self.begin_mutation(*id, *kind, *range, expected, now);
                }
            }
            ClientEvent::ReadReturned { id, values } => {
                self.end_read(*id, values, moment, findings);
            }
            ClientEvent::AttemptEnded { id, status, .. } => {
                if self.mutations.contains_key(id) {
                    self.end_attempt(*id, *status, moment, findings);
                } else {
                    // A read that failed or is tried again under another id.
                    self.looks.remove(id);
                }
            }
            ClientEvent::Invoked { range: None, .. }
            | ClientEvent::Retried { .. }
            | ClientEvent::AnsweredAgain { .. }
            | ClientEvent::Ignored(_) => {}
        }
    }

    /// The administrator has given up what these blocks held: from now on each holds one of
    /// these values, or what a mutation that is going on makes of it, if that ever takes
    /// effect: its acknowledgement may be the former owner's.
    pub fn give_up(&mut self, event_number: u64, blocks: &[(BlockIndex, Vec<BlockValue>)]) {
        let now = Clock::of_event(event_number);
        let open: Vec<_> = self.mutations.keys().collect();
        for (block, values) in blocks {
            // What was replaced may stand there again.
            self.replaced = self
                .replaced
                .iter()
                .filter(|((at, _), _)| at != block)
                .map(|(key, when)| (*key, *when))
                .collect();
            self.change(*block, |candidates| {
                candidates.give_up(values, |writer| open.contains(&writer), now);
            });
            let one = Range::new(*block, 1).expect("a block is a range");
            self.change_looks(one, |_, candidates| candidates.may_be(values, now));
            let uncertain: Vec<_> = self
                .mutations
                .iter()
                .filter(|(_, mutation)| mutation.range.contains(*block))
                .map(|(id, _)| id)
                .collect();
            for id in uncertain {
                self.mutations.remove(&id);
            }
        }
    }

    /// Judges a copy's content when nothing is going on any more: every block of
    /// `area` that it has to hold must hold one of the values that it may hold.
    pub fn finish(
        &mut self,
        at: WorldTime,
        area: Range,
        content: impl Fn(BlockIndex) -> Option<BlockValue>,
        findings: &mut Vec<Finding>,
    ) {
        for block in area.blocks() {
            let Some(value) = content(block) else {
                continue;
            };
            self.checks += 1;
            let candidates = self.candidates(block);
            if !candidates.contains(value) {
                let says = format!(
                    "block {} holds {value} in the end; it may hold {candidates}",
                    block.value()
                );
                findings.push(Finding::new(OracleId::O17, at, says, candidates.events()));
            }
        }
    }

    /// How many values it judged.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    fn candidates(&self, block: BlockIndex) -> Candidates {
        self.blocks.get(&block).cloned().unwrap_or_default()
    }

    fn change(&mut self, block: BlockIndex, change: impl FnOnce(&mut Candidates)) {
        change(self.blocks.get_or_default(block));
    }

    fn begin_look(&mut self, id: CommandId, range: Range, now: Clock) {
        let blocks = range.blocks().map(|block| self.candidates(block)).collect();
        self.looks.insert(
            id,
            Look {
                range,
                invoked: now,
                blocks,
            },
        );
    }

    fn begin_mutation(
        &mut self,
        id: CommandId,
        kind: CommandKind,
        range: Range,
        expected: &[BlockValue],
        now: Clock,
    ) {
        let is_zeroes = kind == CommandKind::WriteZeroes;
        let value = if is_zeroes {
            BlockValue::Zero
        } else {
            BlockValue::written(id)
        };
        for block in range.blocks() {
            self.change(block, |candidates| candidates.add(id, value, now));
        }
        self.change_looks(range, |other, block| {
            if other != id {
                block.add(id, value, now);
            }
        });
        let mutation = Mutation {
            kind,
            range,
            expected: expected.to_vec(),
            invoked: now,
            unknown: None,
            seen: None,
        };
        self.mutations.insert(id, mutation);
    }

    /// Changes what every look that is going on may see in the blocks of `range`.
    fn change_looks(&mut self, range: Range, change: impl Fn(CommandId, &mut Candidates)) {
        let overlapping: Vec<_> = self
            .looks
            .iter()
            .filter(|(_, look)| look.range.overlaps(range))
            .map(|(id, _)| id)
            .collect();
        for id in overlapping {
            let Some(look) = self.looks.get_mut(&id) else {
                continue;
            };
            for (block, candidates) in look.range.blocks().zip(&mut look.blocks) {
                if range.contains(block) {
                    change(id, candidates);
                }
            }
        }
    }

    fn end_read(
        &mut self,
        id: CommandId,
        values: &[BlockValue],
        moment: Moment,
        findings: &mut Vec<Finding>,
    ) {
        let Some(look) = self.looks.remove(&id) else {
            return;
        };
        for ((block, possible), value) in look.range.blocks().zip(&look.blocks).zip(values) {
            self.checks += 1;
            if !possible.contains(*value) {
                let why = self.why_not(*value);
                let says = format!(
                    "{id} read {value}{why} from block {}; it may read {possible}",
                    block.value()
                );
                findings.push(moment.finding(says, possible.events(), look.invoked));
                continue;
            }
            let writer = possible.only_writer_of(*value);
            if let Some(writer) = writer {
                self.mark_seen(writer, moment.now);
            }
            self.change(block, |candidates| {
                if let Some(writer) = writer {
                    candidates.took_effect(writer, moment.now);
                }
                candidates.saw(*value, look.invoked);
            });
        }
    }

    fn why_not(&self, value: BlockValue) -> &'static str {
        match value {
            BlockValue::Written { command } if self.failed.contains(&command) => {
                " (which definitely failed)"
            }
            _ => "",
        }
    }

    fn mark_seen(&mut self, writer: Writer, now: Clock) {
        let mutation = writer.command().and_then(|id| self.mutations.get_mut(&id));
        if let Some(mutation) = mutation {
            mutation.seen.get_or_insert(now);
        }
    }

    fn end_attempt(
        &mut self,
        id: CommandId,
        status: StatusSummary,
        moment: Moment,
        findings: &mut Vec<Finding>,
    ) {
        if let StatusSummary::Unknown(_) = status {
            if let Some(mutation) = self.mutations.get_mut(&id) {
                mutation.unknown.get_or_insert(moment.now);
            }
            return;
        }
        let Some(mutation) = self.mutations.remove(&id) else {
            return;
        };
        let look = self.looks.remove(&id);
        if status == StatusSummary::Success {
            if let Some(look) = &look {
                self.judge_match(id, &mutation, look, moment, findings);
            }
            self.perform(id, &mutation, moment.now);
            return;
        }
        self.undo(id, &mutation, moment, findings);
        if let (StatusSummary::Mismatch, Some(look)) = (status, look) {
            self.judge_mismatch(id, &mutation, &look, moment, findings);
        }
    }

    /// The mutation was acknowledged.
    fn perform(&mut self, id: CommandId, mutation: &Mutation, now: Clock) {
        let writer = Writer::Command(id);
        for block in mutation.range.blocks() {
            self.change(block, |candidates| {
                candidates.took_effect(writer, now);
                candidates.drop_settled_before(mutation.invoked, writer);
            });
        }
        // What was reported Unknown before this one began has no effect from now
        // on that it did not have already, in any of its blocks.
        let given_up: Vec<_> = self
            .mutations
            .iter()
            .filter(|(_, other)| other.range.overlaps(mutation.range))
            .filter(|(_, other)| other.unknown.is_some_and(|when| when < mutation.invoked))
            .map(|(other, mutation)| (other, mutation.range))
            .collect();
        for (other, range) in given_up {
            for block in range.blocks() {
                self.change(block, |candidates| {
                    candidates.settle(Writer::Command(other), now)
                });
            }
        }
    }

    /// The mutation definitely had no effect, and never will have.
    fn undo(
        &mut self,
        id: CommandId,
        mutation: &Mutation,
        moment: Moment,
        findings: &mut Vec<Finding>,
    ) {
        self.checks += 1;
        self.failed.insert(id);
        if let Some(seen) = mutation.seen {
            let says = format!("{id} had no effect, it is said, and its value was seen");
            findings.push(moment.finding(
                says,
                seen.event().into_iter().collect(),
                mutation.invoked,
            ));
        }
        let writer = Writer::Command(id);
        for block in mutation.range.blocks() {
            self.change(block, |candidates| candidates.remove(writer));
        }
        self.change_looks(mutation.range, |_, candidates| candidates.remove(writer));
    }

    /// A compare succeeded: each block held what it expected, and holds that no
    /// more.
    fn judge_match(
        &mut self,
        id: CommandId,
        mutation: &Mutation,
        look: &Look,
        moment: Moment,
        findings: &mut Vec<Finding>,
    ) {
        let blocks = look.range.blocks().zip(&look.blocks);
        for ((block, possible), expected) in blocks.zip(&mutation.expected) {
            self.checks += 1;
            let number = block.value();
            if !possible.contains(*expected) {
                let why = self.why_not(*expected);
                let says =
                    format!("{id} found {expected}{why} in block {number}; it may find {possible}");
                findings.push(moment.finding(says, possible.events(), look.invoked));
                continue;
            }
            let Some(writer) = possible.only_writer_of(*expected) else {
                continue;
            };
            self.mark_seen(writer, moment.now);
            self.change(block, |candidates| candidates.remove(writer));
            if let Some(earlier) = self.replaced.insert((block, writer), moment.now) {
                let says = format!(
                    "{id} replaced {expected} in block {number}, which had been replaced before"
                );
                let events = earlier.event().into_iter().collect();
                findings.push(moment.finding(says, events, look.invoked));
            }
        }
    }

    /// A compare failed: some block may have held something else.
    fn judge_mismatch(
        &mut self,
        id: CommandId,
        mutation: &Mutation,
        look: &Look,
        moment: Moment,
        findings: &mut Vec<Finding>,
    ) {
        self.checks += 1;
        let mut pairs = look.blocks.iter().zip(&mutation.expected);
        if pairs.all(|(possible, expected)| possible.is_only(*expected)) {
            let says = format!("{id} found a mismatch where nothing else can have stood");
            let events = look.blocks.iter().flat_map(Candidates::events).collect();
            findings.push(moment.finding(says, events, look.invoked));
        }
    }
}

impl Moment {
    fn finding(self, says: String, mut events: Vec<u64>, since: Clock) -> Finding {
        events.extend(since.event());
        events.extend(self.now.event());
        Finding::new(OracleId::O17, self.at, says, events)
    }
}

#[cfg(test)]
mod tests;

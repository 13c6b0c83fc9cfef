//! O2: clients see linearizable blocks.
//!
//! The history is recorded event by event and judged at the end, in
//! O(n log n): commands are split into blocks, and each block is judged as a
//! register (see `register`, beside this file).
//!
//! What is judged, and what is not:
//!
//! * **Values.** Content names its writer. A torn, misplaced or damaged block is
//!   a finding by itself, as soon as it is read.
//! * **Commands of several blocks** are judged block by block. On top of that, a
//!   read that returns one command's work in one block, and in another block of
//!   that command something that it had overwritten, is *fractured*.
//! * **Unknown** writes take effect at most once or not at all. If a write that
//!   overlaps one of them, and was invoked after the report, is acknowledged,
//!   then the unknown one had its effect by that acknowledgement, if ever, in
//!   all of its blocks. A later `Success` does not lift that.
//! * **Definitely failed** writes have no effect: their value is never read.
//! * **Compare-and-write** that succeeded is one step: it read what it expected
//!   and wrote its own. One that failed found something else in at least one of
//!   its blocks; it is a finding only if every one of them certainly held what
//!   was expected, all the while.
//! * **Zeroes** are no unique value on a block that `WriteZeroes` may have
//!   touched. There, necessary conditions are judged only: a read of zeroes needs
//!   some write of zeroes that is not overwritten for certain, and neither it nor
//!   an acknowledged `WriteZeroes` may lie where another value certainly stood.
//!   Elsewhere zeroes are the initial value and as unique as any other.
//!
//! * **Given up.** Blocks whose content a forced switchover gives up are judged twice: up to
//!   that event, and from it on, when they hold what the new owner's copy did. A compare
//!   that had begun by then is not judged after it.
//!
//! Blocks hold zeroes before the first event. Without `WriteZeroes` and failed
//! compares the judgement of a single block is exact: it is a finding if and only
//! if no linearization exists.

mod register;
mod zones;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stormglass_engine::collections::Layered;
use stormglass_engine::vocabulary::{BlockIndex, CommandId, Range};
use stormglass_sim::time::WorldTime;

use super::images::Bytes64;
use super::second_opinion::{self, Consulted};
use super::{Finding, OracleId};
use crate::workload::{BlockValue, ClientEvent, CommandKind, StatusSummary, provenance};
use register::{Compare, Read, Register, Violation, Write};
use zones::Interval;

/// The oracle.
#[derive(Clone, Default, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linearizable {
    history: Layered<CommandId, Record>,
    checks: u64,
    /// Blocks whose content a forced switchover gave up, when, and what they hold from then
    /// on: none where that is not certain.
    given_up: BTreeMap<BlockIndex, GivenUp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct GivenUp {
    event: u64,
    value: Option<BlockValue>,
}

/// A command with a range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) kind: CommandKind,
    pub(super) range: Range,
    pub(super) invoked: u64,
    /// The event that first said `Unknown`.
    pub(super) unknown: Option<u64>,
    /// The event that gave the definite outcome.
    pub(super) ended: Option<(u64, Ending)>,
    /// What a compare expected, or what a read returned.
    pub(super) values: Vec<BlockValue>,
}

/// A definite outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ending {
    Success,
    Mismatch,
    Failed,
}

/// What O2 says of one block by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is linearizable.
    Held,
    /// Nothing speaks against it; not everything was judged.
    MayHold,
    /// It is not.
    Violated,
}

/// No event has this number: an effect that may still come.
const NEVER: u64 = u64::MAX;

impl Linearizable {
    /// The administrator has given up what some blocks held; tells what each may hold in its
    /// stead. What was said of such a block before stands for the time before.
    pub(super) fn give_up(
        &mut self,
        event: u64,
        blocks: &[(BlockIndex, Vec<Bytes64>)],
    ) -> Vec<(BlockIndex, Vec<BlockValue>)> {
        let mut values = Vec::new();
        for (block, bytes) in blocks {
            let held: Vec<_> = bytes
                .iter()
                .filter_map(|it| self.value(*block, *it))
                .collect();
            let value = match held[..] {
                [value] if bytes.len() == 1 => Some(value),
                _ => None,
            };
            self.given_up.insert(*block, GivenUp { event, value });
            values.push((*block, held));
        }
        values
    }

    /// The value with these bytes, as far as a command of the history wrote it.
    fn value(&self, block: BlockIndex, bytes: Bytes64) -> Option<BlockValue> {
        if bytes == Bytes64::Zero {
            return Some(BlockValue::Zero);
        }
        let mut writers = self
            .history
            .iter()
            .filter(|(_, record)| record.kind.is_mutation() && record.range.contains(block));
        let is_it = |id| Bytes64::of(&provenance::stamp(id, block)) == bytes;
        let (id, _) = writers.find(|(id, _)| is_it(*id))?;
        Some(BlockValue::written(id))
    }

    /// Records one event, and judges the content of what is read.
    pub fn observe(
        &mut self,
        at: WorldTime,
        event_number: u64,
        event: &ClientEvent,
        findings: &mut Vec<Finding>,
    ) {
        match event {
            ClientEvent::Invoked {
                id,
                kind,
                range: Some(range),
                expected,
            } => {
                let record = Record {
                    kind: *kind,
                    range: *range,
                    invoked: event_number,
                    unknown: None,
                    ended: None,
                    values: expected.clone(),
                };
                self.history.insert(*id, record);
            }
            ClientEvent::ReadReturned { id, values } => {
                let Some(record) = self.history.get_mut(id) else {
                    return;
                };
                for (block, value) in record.range.blocks().zip(values) {
                    self.checks += 1;
                    if !value.is_whole() {
                        let says = format!("{id} read {value} from block {}", block.value());
                        let events = vec![record.invoked, event_number];
                        findings.push(Finding::new(OracleId::O2, at, says, events));
                    }
                }
                record.values.clone_from(values);
            }
            ClientEvent::AttemptEnded { id, status, .. } => {
                let Some(record) = self.history.get_mut(id) else {
                    return;
                };
                let verdict = match status {
                    StatusSummary::Success => Ending::Success,
                    StatusSummary::Mismatch => Ending::Mismatch,
                    StatusSummary::Refused(_) | StatusSummary::Cancelled => Ending::Failed,
                    StatusSummary::Unknown(_) => {
                        record.unknown.get_or_insert(event_number);
                        return;
                    }
                };
                record.ended.get_or_insert((event_number, verdict));
            }
            ClientEvent::Invoked { range: None, .. }
            | ClientEvent::Retried { .. }
            | ClientEvent::AnsweredAgain { .. }
            | ClientEvent::Ignored(_) => {}
        }
    }

    /// Judges the history; then a second opinion judges it, as far as it is small.
    pub fn finish(&mut self, at: WorldTime, findings: &mut Vec<Finding>) -> Consulted {
        let verdicts = self.judge(at, findings);
        second_opinion::consult(self, &verdicts, at, findings)
    }

    /// Judges the history; says what of each block.
    pub(super) fn judge(
        &mut self,
        at: WorldTime,
        findings: &mut Vec<Finding>,
    ) -> BTreeMap<BlockIndex, Verdict> {
        let mut say = |violation: Violation| {
            findings.push(Finding::new(
                OracleId::O2,
                at,
                violation.says,
                violation.events,
            ));
        };
        let (registers, later) = self.registers();
        let mut certain: BTreeMap<CommandId, u32> = BTreeMap::new();
        let mut verdicts = BTreeMap::new();
        for (block, register) in &registers {
            let judgement = register.judge(*block);
            let verdict = match (judgement.violations.is_empty(), register.is_exact()) {
                (false, _) => Verdict::Violated,
                (true, true) => Verdict::Held,
                (true, false) => Verdict::MayHold,
            };
            verdicts.insert(*block, verdict);
            self.checks += judgement.checks;
            judgement.violations.into_iter().for_each(&mut say);
            for id in judgement.certain_matches {
                *certain.entry(id).or_default() += 1;
            }
        }
        for (block, register) in &later {
            let judgement = register.judge(*block);
            self.checks += judgement.checks;
            judgement.violations.into_iter().for_each(&mut say);
        }
        // A search knows of no forced switchover.
        verdicts.retain(|block, _| !self.given_up.contains_key(block));
        for (id, record) in self.history.iter() {
            if let Some(violation) = record.impossible_mismatch(id, certain.get(&id)) {
                say(violation);
            }
            if let Some(violation) = self.fracture(id, record, &registers) {
                say(violation);
            }
        }
        verdicts
    }

    /// All commands with a range.
    pub(super) fn history(&self) -> impl Iterator<Item = (CommandId, &Record)> {
        self.history.iter()
    }

    /// True if a forced switchover gave up what the block held, some time.
    pub(super) fn is_given_up(&self, block: BlockIndex) -> bool {
        self.given_up.contains_key(&block)
    }

    /// How many values and commands it judged, a block at a time.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    /// The history, a block at a time; and once more what came after a forced switchover, of
    /// blocks whose content it gave up.
    fn registers(
        &self,
    ) -> (
        BTreeMap<BlockIndex, Register>,
        BTreeMap<BlockIndex, Register>,
    ) {
        let acknowledged = Acknowledged::new(&self.history);
        let mut registers: BTreeMap<BlockIndex, Register> = BTreeMap::new();
        let mut later: BTreeMap<BlockIndex, Register> = BTreeMap::new();
        for (id, record) in self.history.iter() {
            let responded = acknowledged.limit(record);
            let effect = Interval {
                invoked: record.invoked,
                responded,
            };
            for (place, block) in record.range.blocks().enumerate() {
                let register = registers.entry(block).or_default();
                let value = record.values.get(place).copied();
                let Some(cut) = self.given_up.get(&block) else {
                    register.enter(id, record, effect, value);
                    continue;
                };
                if let Some(record) = record.before(cut.event) {
                    register.enter(id, &record, record.effect(effect), value);
                }
                let next = later.entry(block).or_default();
                match (record.after(cut.event), cut.value) {
                    // It stood there when the reign began.
                    (_, Some(stands)) if stands == BlockValue::written(id) => {
                        next.writes.push(Write {
                            id,
                            during: Interval {
                                invoked: 0,
                                responded: cut.event,
                            },
                            is_acknowledged: true,
                            expected: None,
                        });
                    }
                    (Some(record), Some(_)) => {
                        next.enter(id, &record, record.effect(effect), value);
                    }
                    (_, _) => {}
                }
            }
        }
        (registers, later)
    }

    /// A read that returns `writer`'s work in one block and what `writer` had
    /// overwritten in another.
    fn fracture(
        &self,
        id: CommandId,
        record: &Record,
        registers: &BTreeMap<BlockIndex, Register>,
    ) -> Option<Violation> {
        let (responded, _) = record
            .ended
            .filter(|(_, verdict)| *verdict == Ending::Success)?;
        if !matches!(
            record.kind,
            CommandKind::Read | CommandKind::CompareAndWrite
        ) {
            return None;
        }
        if record.range.blocks().any(|block| self.is_given_up(block)) {
            return None;
        }
        let seen = || record.range.blocks().zip(&record.values);
        for (there, value) in seen() {
            let BlockValue::Written { command: writer } = *value else {
                continue;
            };
            let Some(written) = self.history.get(&writer) else {
                continue;
            };
            let torn = seen().find(|(here, older)| {
                let register = registers
                    .get(here)
                    .filter(|_| written.range.contains(*here));
                let is_older =
                    |register: &Register| register.is_settled_before(**older, written.invoked);
                *older != value && register.is_some_and(is_older)
            });
            if let Some((here, older)) = torn {
                let (here, there) = (here.value(), there.value());
                let says = format!(
                    "{id} read half of {writer}: block {there} holds it, and block {here} \
                     holds {older}, which it overwrote"
                );
                return Some(Violation {
                    says,
                    events: vec![record.invoked, responded, written.invoked],
                });
            }
        }
        None
    }
}

impl Record {
    /// As far as it belongs to the time before an event. What had not ended by then may have
    /// had its effect.
    fn before(&self, event: u64) -> Option<Record> {
        if self.invoked >= event {
            return None;
        }
        let has_ended = self.ended.is_some_and(|(when, _)| when < event);
        let is_read = self.kind == CommandKind::Read;
        match (has_ended, is_read) {
            (true, _) => Some(self.clone()),
            (false, true) => None,
            (false, false) => Some(self.open()),
        }
    }

    /// As far as it belongs to the time after an event. What had begun by then, and is
    /// acknowledged later, may be acknowledged by who was the owner before.
    fn after(&self, event: u64) -> Option<Record> {
        let had_ended = self.ended.is_some_and(|(when, _)| when < event);
        let is_read = self.kind == CommandKind::Read;
        match (self.invoked >= event, had_ended || is_read) {
            (true, _) => Some(self.clone()),
            (false, true) => None,
            (false, false) => Some(self.open()),
        }
    }

    /// The same without an outcome, unless it had no effect.
    fn open(&self) -> Record {
        let failed = self.ended.filter(|(_, ending)| *ending != Ending::Success);
        Record {
            ended: failed,
            ..self.clone()
        }
    }

    /// Its interval: without an outcome its effect may come at any time.
    fn effect(&self, effect: Interval) -> Interval {
        match self.ended {
            Some(_) => effect,
            None => Interval {
                responded: NEVER,
                ..effect
            },
        }
    }

    /// When the mutation was acknowledged, if it has changed its blocks.
    fn acknowledged(&self) -> Option<u64> {
        let (when, verdict) = self.ended?;
        (self.kind.is_mutation() && verdict == Ending::Success).then_some(when)
    }

    fn impossible_mismatch(&self, id: CommandId, certain: Option<&u32>) -> Option<Violation> {
        let (when, _) = self
            .ended
            .filter(|(_, verdict)| *verdict == Ending::Mismatch)?;
        (certain == Some(&self.range.count())).then(|| Violation {
            says: format!("{id} found a mismatch while its blocks held what it expected"),
            events: vec![self.invoked, when],
        })
    }
}

impl Register {
    /// Takes one block's part of a command.
    fn enter(
        &mut self,
        id: CommandId,
        record: &Record,
        effect: Interval,
        value: Option<BlockValue>,
    ) {
        let ended = record.ended.map(|(_, verdict)| verdict);
        match (record.kind, ended) {
            (CommandKind::Read, Some(Ending::Success)) => {
                if let Some(value) = value.filter(|value| value.is_whole()) {
                    self.reads.push(Read {
                        id,
                        during: effect,
                        value,
                    });
                }
            }
            (CommandKind::Read | CommandKind::Flush, _) => {}
            (_, Some(Ending::Failed)) => {
                self.failed.insert(id, record.invoked);
            }
            (CommandKind::CompareAndWrite, Some(Ending::Mismatch)) => {
                self.failed.insert(id, record.invoked);
                if let Some(expected) = value {
                    self.mismatches.push(Compare {
                        id,
                        during: effect,
                        expected,
                    });
                }
            }
            (_, Some(Ending::Mismatch)) => {}
            (kind, None | Some(Ending::Success)) => {
                let is_compare = kind == CommandKind::CompareAndWrite;
                let write = Write {
                    id,
                    during: effect,
                    is_acknowledged: ended.is_some(),
                    expected: value.filter(|_| is_compare),
                };
                let is_zeroes = kind == CommandKind::WriteZeroes;
                if is_zeroes {
                    &mut self.zeroes
                } else {
                    &mut self.writes
                }
                .push(write);
            }
        }
    }
}

/// Acknowledged mutations of each block, by rising invocation, each with the
/// earliest acknowledgement from it on.
struct Acknowledged(BTreeMap<BlockIndex, Vec<Interval>>);

impl Acknowledged {
    fn new(history: &Layered<CommandId, Record>) -> Self {
        let mut blocks: BTreeMap<_, Vec<Interval>> = BTreeMap::new();
        for record in history.values() {
            let Some(responded) = record.acknowledged() else {
                continue;
            };
            for block in record.range.blocks() {
                let interval = Interval {
                    invoked: record.invoked,
                    responded,
                };
                blocks.entry(block).or_default().push(interval);
            }
        }
        for intervals in blocks.values_mut() {
            intervals.sort_unstable_by_key(|interval| interval.invoked);
            let mut earliest = NEVER;
            for interval in intervals.iter_mut().rev() {
                earliest = earliest.min(interval.responded);
                interval.responded = earliest;
            }
        }
        Acknowledged(blocks)
    }

    /// By when the command has had its effect, if ever.
    fn limit(&self, record: &Record) -> u64 {
        let answered = record.ended.map_or(NEVER, |(when, _)| when);
        let has_effect = !matches!(record.ended, Some((_, Ending::Mismatch | Ending::Failed)));
        let Some(unknown) = record.unknown.filter(|_| has_effect) else {
            return answered;
        };
        let overtaken = record.range.blocks().filter_map(|block| {
            let intervals = self.0.get(&block)?;
            let place = intervals.partition_point(|interval| interval.invoked < unknown);
            Some(intervals.get(place)?.responded)
        });
        overtaken.min().unwrap_or(NEVER).min(answered)
    }
}

#[cfg(test)]
mod tests;

//! The writes whose value one block may hold.

use serde::{Deserialize, Serialize};
use std::fmt;
use stormglass_engine::vocabulary::CommandId;

use crate::workload::BlockValue;

/// A place in the order of events; the beginning lies before all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Clock(u64);

impl Clock {
    const BEGINNING: Clock = Clock(0);
    /// The clock at an event.
    pub(super) fn of_event(number: u64) -> Self {
        Clock(number + 1)
    }
    /// The event; none at the beginning.
    pub(super) fn event(self) -> Option<u64> {
        self.0.checked_sub(1)
    }
}

/// Who may have written what a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Writer {
    /// The block was never written.
    Nobody,
    /// This mutation.
    Command(CommandId),
}

impl Writer {
    pub(super) fn command(self) -> Option<CommandId> {
        match self {
            Writer::Nobody => None,
            Writer::Command(id) => Some(id),
        }
    }
}

/// A write that may be the last that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Candidate {
    writer: Writer,
    value: BlockValue,
    invoked: Clock,
    /// By when it has taken effect, if it ever does; until then it still may.
    settled: Option<Clock>,
}

/// The writes that may be the last that took effect. As many as go on at once,
/// and those that nothing has overwritten for certain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Candidates(Vec<Candidate>);

impl Default for Candidates {
    fn default() -> Self {
        Candidates(vec![Candidate {
            writer: Writer::Nobody,
            value: BlockValue::Zero,
            invoked: Clock::BEGINNING,
            settled: Some(Clock::BEGINNING),
        }])
    }
}

impl Candidates {
    /// True if the block may hold this.
    pub(super) fn contains(&self, value: BlockValue) -> bool {
        self.0.iter().any(|candidate| candidate.value == value)
    }

    /// True if the block holds this for certain.
    pub(super) fn is_only(&self, value: BlockValue) -> bool {
        self.0.iter().all(|candidate| candidate.value == value)
    }

    /// Who wrote this value, if one candidate alone comes into question.
    pub(super) fn only_writer_of(&self, value: BlockValue) -> Option<Writer> {
        let mut writers = self.0.iter().filter(|candidate| candidate.value == value);
        let first = writers.next()?;
        writers.next().is_none().then_some(first.writer)
    }

    /// Only these values stand from now on, and what goes on.
    pub(super) fn give_up(
        &mut self,
        values: &[BlockValue],
        is_open: impl Fn(CommandId) -> bool,
        now: Clock,
    ) {
        self.0
            .retain(|candidate| candidate.writer.command().is_some_and(&is_open));
        self.may_be(values, now);
    }

    /// Any of these values may stand as well.
    pub(super) fn may_be(&mut self, values: &[BlockValue], now: Clock) {
        for value in values {
            let writer = match value {
                BlockValue::Written { command } => Writer::Command(*command),
                BlockValue::Zero
                | BlockValue::Torn
                | BlockValue::Foreign { .. }
                | BlockValue::Garbage => Writer::Nobody,
            };
            self.0.retain(|candidate| candidate.writer != writer);
            self.0.push(Candidate {
                writer,
                value: *value,
                invoked: Clock::BEGINNING,
                settled: Some(now),
            });
        }
    }

    /// A write begins.
    pub(super) fn add(&mut self, id: CommandId, value: BlockValue, invoked: Clock) {
        let writer = Writer::Command(id);
        self.0.push(Candidate {
            writer,
            value,
            invoked,
            settled: None,
        });
    }

    /// A write definitely has no effect, or its value was replaced.
    pub(super) fn remove(&mut self, writer: Writer) {
        self.0.retain(|candidate| candidate.writer != writer);
    }

    /// If the write takes effect at all, it has done so by now.
    pub(super) fn settle(&mut self, writer: Writer, now: Clock) {
        for candidate in self
            .0
            .iter_mut()
            .filter(|candidate| candidate.writer == writer)
        {
            candidate.settled.get_or_insert(now);
        }
    }

    /// The write has taken effect by now; what settled before it began is gone.
    pub(super) fn took_effect(&mut self, writer: Writer, now: Clock) {
        self.settle(writer, now);
        let candidate = self.0.iter().find(|candidate| candidate.writer == writer);
        if let Some(invoked) = candidate.map(|candidate| candidate.invoked) {
            self.drop_settled_before(invoked, writer);
        }
    }

    /// Drops what settled before `when`, apart from one write.
    pub(super) fn drop_settled_before(&mut self, when: Clock, keep: Writer) {
        self.0.retain(|candidate| {
            candidate.writer == keep || candidate.settled.is_none_or(|settled| settled >= when)
        });
    }

    /// Somebody who looked from `since` on saw this value: other values that had
    /// settled by then were gone, and each write takes effect once.
    pub(super) fn saw(&mut self, value: BlockValue, since: Clock) {
        self.0.retain(|candidate| {
            candidate.value == value || candidate.settled.is_none_or(|settled| settled >= since)
        });
    }

    /// The events that make them candidates.
    pub(super) fn events(&self) -> Vec<u64> {
        let clocks = self
            .0
            .iter()
            .flat_map(|candidate| [Some(candidate.invoked), candidate.settled]);
        clocks.flatten().filter_map(Clock::event).collect()
    }
}

impl fmt::Display for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut values: Vec<_> = self.0.iter().map(|candidate| candidate.value).collect();
        values.sort();
        values.dedup();
        for (place, value) in values.iter().enumerate() {
            let separator = if place == 0 { "" } else { " or " };
            write!(f, "{separator}{value}")?;
        }
        if values.is_empty() {
            f.write_str("nothing")
        } else {
            Ok(())
        }
    }
}

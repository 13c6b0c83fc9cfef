//! For tests: histories told in a few words.

use std::collections::BTreeMap;
use std::ops::Range as Span;

use stormglass_engine::vocabulary::*;
use stormglass_sim::time::WorldTime;

use super::*;
use crate::workload::{BlockValue, ClientEvent, CommandKind, StatusSummary};

pub(crate) const ZERO: BlockValue = BlockValue::Zero;
pub(crate) const SUCCESS: StatusSummary = StatusSummary::Success;
pub(crate) const MISMATCH: StatusSummary = StatusSummary::Mismatch;
pub(crate) const REFUSED: StatusSummary = StatusSummary::Refused(RefusedReason::NotPerformed);
pub(crate) const UNKNOWN: StatusSummary = StatusSummary::Unknown(UnknownReason::TimedOut);

pub(crate) fn id(counter: u64) -> CommandId {
    CommandId {
        client: ClientId::new(1),
        counter,
    }
}

/// What a block holds after command `counter`.
pub(crate) fn by(counter: u64) -> BlockValue {
    BlockValue::written(id(counter))
}

pub(crate) fn blocks(start: u64, count: u32) -> Range {
    Range::new(BlockIndex::new(start), count).expect("never empty")
}

/// Block 0.
pub(crate) fn one() -> Range {
    blocks(0, 1)
}

/// What happened, in any order, and when.
#[derive(Clone, Default, Debug)]
pub(crate) struct Story {
    told: Vec<(u64, ClientEvent)>,
    attempts: BTreeMap<u64, u32>,
}

impl Story {
    pub(crate) fn new() -> Self {
        Story::default()
    }

    pub(crate) fn event(mut self, at: u64, event: ClientEvent) -> Self {
        self.told.push((at, event));
        self
    }

    pub(crate) fn begins(self, n: u64, kind: CommandKind, range: Range, at: u64) -> Self {
        self.event(
            at,
            ClientEvent::Invoked {
                id: id(n),
                kind,
                range: Some(range),
                expected: vec![],
            },
        )
    }

    /// Ends the attempt that is going on.
    pub(crate) fn ends(self, n: u64, at: u64, status: StatusSummary) -> Self {
        let attempt = self.attempts.get(&n).copied().unwrap_or(0);
        self.event(
            at,
            ClientEvent::AttemptEnded {
                id: id(n),
                attempt,
                status,
            },
        )
    }

    /// The attempt ends as unknown, and another begins.
    pub(crate) fn unknown(self, n: u64, at: u64) -> Self {
        let mut story = self.ends(n, at, UNKNOWN);
        let attempt = story.attempts.entry(n).or_default();
        *attempt += 1;
        let attempt = *attempt;
        story.event(at, ClientEvent::Retried { id: id(n), attempt })
    }

    pub(crate) fn write(self, n: u64, range: Range, span: Span<u64>) -> Self {
        self.begins(n, CommandKind::Write, range, span.start)
            .ends(n, span.end, SUCCESS)
    }

    pub(crate) fn zeroes(self, n: u64, range: Range, span: Span<u64>) -> Self {
        self.begins(n, CommandKind::WriteZeroes, range, span.start)
            .ends(n, span.end, SUCCESS)
    }

    pub(crate) fn read(self, n: u64, range: Range, span: Span<u64>, values: &[BlockValue]) -> Self {
        self.begins(n, CommandKind::Read, range, span.start)
            .event(
                span.end,
                ClientEvent::ReadReturned {
                    id: id(n),
                    values: values.to_vec(),
                },
            )
            .ends(n, span.end, SUCCESS)
    }

    pub(crate) fn begins_compare(
        self,
        n: u64,
        range: Range,
        at: u64,
        expected: &[BlockValue],
    ) -> Self {
        self.event(
            at,
            ClientEvent::Invoked {
                id: id(n),
                kind: CommandKind::CompareAndWrite,
                range: Some(range),
                expected: expected.to_vec(),
            },
        )
    }

    pub(crate) fn compare(
        self,
        n: u64,
        range: Range,
        span: Span<u64>,
        expected: &[BlockValue],
        status: StatusSummary,
    ) -> Self {
        self.begins_compare(n, range, span.start, expected)
            .ends(n, span.end, status)
    }

    /// Puts another value in place of what a read returned in one block.
    pub(crate) fn with_read(mut self, n: u64, place: usize, value: BlockValue) -> Self {
        for (_, event) in &mut self.told {
            if let ClientEvent::ReadReturned { id: read, values } = event
                && *read == id(n)
            {
                values[place] = value;
            }
        }
        self
    }

    /// In order of time; of one instant, in the order of telling.
    pub(crate) fn events(&self) -> Vec<(u64, ClientEvent)> {
        let mut events = self.told.clone();
        events.sort_by_key(|(at, _)| *at);
        events
    }

    fn feed(&self, mut each: impl FnMut(WorldTime, u64, &ClientEvent)) -> WorldTime {
        let events = self.events();
        for (number, (at, event)) in events.iter().enumerate() {
            each(WorldTime::from_nanos(*at), number as u64, event);
        }
        WorldTime::from_nanos(events.last().map_or(0, |(at, _)| *at))
    }

    pub(crate) fn o2(&self) -> Vec<Finding> {
        let (mut oracle, mut findings) = (Linearizable::default(), Vec::new());
        let end = self.feed(|at, number, event| oracle.observe(at, number, event, &mut findings));
        oracle.finish(end, &mut findings);
        findings
    }

    pub(crate) fn o8(&self) -> Vec<Finding> {
        let (mut oracle, mut findings) = (Outcomes::default(), Vec::new());
        self.feed(|at, number, event| oracle.observe(at, number, event, &mut findings));
        findings
    }

    pub(crate) fn o17(&self) -> Vec<Finding> {
        self.o17_model().1
    }

    /// What the reference says when this is the content in the end.
    pub(crate) fn o17_in_the_end(&self, area: Range, content: &[BlockValue]) -> Vec<Finding> {
        let (mut oracle, mut findings) = self.o17_model();
        let start = area.start().value();
        let value = |block: BlockIndex| content.get((block.value() - start) as usize).copied();
        oracle.finish(WorldTime::ZERO, area, value, &mut findings);
        findings
    }

    fn o17_model(&self) -> (Reference, Vec<Finding>) {
        let (mut oracle, mut findings) = (Reference::default(), Vec::new());
        self.feed(|at, number, event| oracle.observe(at, number, event, &mut findings));
        (oracle, findings)
    }
}

//! O12: damaged data goes nowhere. No client reads a block that nobody wrote so, torn or
//! made for another place, and no such block enters a journal: neither as a copy for the
//! mirror nor as a repair from it. Content says who wrote it and where, so that this is
//! judged by the bytes alone; that a *stale* block is returned, O2 sees.
//!
//! Journals are looked at from the first fault on that can make content go bad. A set may
//! say that its journal has lost records only if something was done to that journal.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::IoRequest;
use stormglass_engine::storage_set::format::decode_record;
use stormglass_engine::storage_set::record::Entry;
use stormglass_engine::vocabulary::{Content, Lsn, Range};
use stormglass_sim::device::{CommandNumber, Device};
use stormglass_sim::time::WorldTime;

use super::{Finding, OracleId};
use crate::workload::{BlockValue, ClientEvent, provenance};

/// Judges content by what it says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intact {
    checks: u64,
    is_damaged: bool,
    /// Something was done to the copy's journal.
    has_bad_journal: [bool; 2],
}

impl Intact {
    /// Blocks looked at.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    /// From now on devices may hold what nobody wrote.
    pub fn damaged(&mut self) {
        self.is_damaged = true;
    }

    /// The same of the journal of a copy.
    pub fn journal_damaged(&mut self, copy: usize) {
        self.has_bad_journal[copy] = true;
    }

    /// A set says that its journal has lost records; true if that can be.
    pub fn records_lost(
        &mut self,
        copy: usize,
        lsn: Lsn,
        (at, event): (WorldTime, u64),
        findings: &mut Vec<Finding>,
    ) -> bool {
        self.checks += 1;
        if !self.has_bad_journal[copy] {
            let says = format!(
                "record {} counts as lost, and nothing was done to its journal",
                lsn.value()
            );
            findings.push(Finding::new(OracleId::O12, at, says, vec![event]));
        }
        self.has_bad_journal[copy]
    }

    /// A client's report.
    pub fn observe_client(
        &mut self,
        at: WorldTime,
        event: u64,
        report: &ClientEvent,
        findings: &mut Vec<Finding>,
    ) {
        let ClientEvent::ReadReturned { id, values } = report else {
            return;
        };
        self.checks += values.len() as u64;
        if let Some(bad) = first_bad(values) {
            let says = format!("{id} reads {bad}");
            findings.push(Finding::new(OracleId::O12, at, says, vec![event]));
        }
    }

    /// A command entered a device's queue.
    pub fn submitted(
        &mut self,
        (at, event): (WorldTime, u64),
        number: CommandNumber,
        device: &Device,
        findings: &mut Vec<Finding>,
    ) {
        if !self.is_damaged {
            return;
        }
        let mut queued = device.queued();
        let Some((_, command)) = queued.find(|(queued, _)| *queued == number) else {
            return;
        };
        let IoRequest::Write { pages, .. } = &command.request else {
            return;
        };
        let Ok((record, _)) = decode_record(pages) else {
            return;
        };
        let (what, range, content) = match &record.entry {
            Entry::Perform(perform) => ("a command", perform.range, &perform.content),
            Entry::Copy { range, content, .. } => ("a copy", *range, content),
            Entry::Repair { range, content, .. } => ("a repair", *range, content),
            Entry::Mark { .. }
            | Entry::Fail { .. }
            | Entry::Clear { .. }
            | Entry::Session { .. }
            | Entry::Activate { .. }
            | Entry::HandOff { .. }
            | Entry::StandDown { .. }
            | Entry::Fence { .. }
            | Entry::Dirty { .. }
            | Entry::Finish
            | Entry::Lost
            | Entry::Grow { .. } => return,
        };
        let Content::Data(bytes) = content else {
            return;
        };
        self.judge((at, event), (what, range), bytes, findings);
    }

    fn judge(
        &mut self,
        (at, event): (WorldTime, u64),
        (what, range): (&str, Range),
        bytes: &[u8],
        findings: &mut Vec<Finding>,
    ) {
        let values = provenance::read_range(range, bytes);
        self.checks += values.len() as u64;
        if let Some(bad) = first_bad(&values) {
            let says = format!(
                "{what} of blocks {} to {} enters the journal with {bad}",
                range.start().value(),
                range.end().value() - 1
            );
            findings.push(Finding::new(OracleId::O12, at, says, vec![event]));
        }
    }
}

fn first_bad(values: &[BlockValue]) -> Option<BlockValue> {
    values.iter().find(|value| !value.is_whole()).copied()
}

#[cfg(test)]
mod tests {
    use stormglass_engine::vocabulary::{BlockIndex, ClientId, CommandId};

    use super::*;

    fn id() -> CommandId {
        CommandId {
            client: ClientId::new(1),
            counter: 5,
        }
    }

    fn says(judge: impl FnOnce(&mut Intact, &mut Vec<Finding>)) -> Vec<String> {
        let (mut intact, mut findings) = (Intact::default(), Vec::new());
        judge(&mut intact, &mut findings);
        findings.into_iter().map(|finding| finding.says).collect()
    }

    fn read(values: Vec<BlockValue>) -> Vec<String> {
        let report = ClientEvent::ReadReturned { id: id(), values };
        says(|intact, findings| intact.observe_client(WorldTime::ZERO, 1, &report, findings))
    }

    #[test]
    fn a_client_reads_whole_blocks_only() {
        let written = BlockValue::written(id());
        assert!(read(vec![BlockValue::Zero, written]).is_empty());
        assert_eq!(
            read(vec![written, BlockValue::Garbage]),
            ["c1:5 reads garbage"]
        );
        assert_eq!(read(vec![BlockValue::Torn]), ["c1:5 reads a torn block"]);
        let block = BlockIndex::new(9);
        let foreign = BlockValue::Foreign {
            command: id(),
            block,
        };
        assert_eq!(read(vec![foreign]), ["c1:5 reads c1:5, made for block 9"]);
    }

    #[test]
    fn what_enters_a_journal_is_whole() {
        let range = Range::new(BlockIndex::new(3), 2).unwrap();
        let good = provenance::payload(id(), range).to_vec();
        let entered = |bytes: &[u8]| {
            says(|intact, findings| {
                intact.judge((WorldTime::ZERO, 1), ("a copy", range), bytes, findings);
            })
        };
        assert!(entered(&good).is_empty());
        let mut rotten = good.clone();
        rotten[5_000] ^= 1;
        assert_eq!(
            entered(&rotten),
            ["a copy of blocks 3 to 4 enters the journal with garbage"]
        );
        let mut swapped = good;
        swapped.rotate_left(4_096);
        assert_eq!(entered(&swapped).len(), 1);
    }
}

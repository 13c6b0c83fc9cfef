//! O3: a value once read never reverts.
//!
//! When a read returns a block's value to its client, every image of both copies
//! holds that version or a newer one, as far as the copy owes it (see `pair`): so
//! neither a power loss nor a promotion can take it back. And a read that began
//! after another one had returned never returns an older version of a block.
//!
//! A value's version is that of the owner's record with the same bytes, or of the
//! command that wrote them. Zeroes may be of several versions: they are judged only
//! by order, and as the newest that the owner may hold. Where both are forgotten, a newer value stands there
//! for good and nothing is judged.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use stormglass_engine::vocabulary::{BlockIndex, CommandId, Range, SequenceId};

use super::images::{Bytes64, Pair, Value, When, copy_name};
use super::o7_once::Once;
use super::{Finding, OracleId};
use crate::workload::{BlockValue, ClientEvent, CommandKind, provenance};

/// The newest version that a read has returned, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Floor {
    version: SequenceId,
    event: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    range: Range,
    /// As of its beginning.
    floors: OrdMap<BlockIndex, Floor>,
}

/// Watches that reads go forward only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reverts {
    checks: u64,
    open: OrdMap<CommandId, Open>,
    floors: OrdMap<BlockIndex, Floor>,
}

impl Reverts {
    /// Blocks judged.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    /// The blocks of a read that is going on.
    pub fn range_of(&self, command: CommandId) -> Option<Range> {
        Some(self.open.get(&command)?.range)
    }

    /// The administrator has given up what these blocks held.
    pub(super) fn give_up(&mut self, blocks: impl Iterator<Item = BlockIndex>) {
        let ids: Vec<_> = self.open.keys().copied().collect();
        for block in blocks {
            self.floors.remove(&block);
            for id in &ids {
                if let Some(open) = self.open.get_mut(id) {
                    open.floors.remove(&block);
                }
            }
        }
    }

    pub(super) fn observe(
        &mut self,
        report: &ClientEvent,
        (pair, once): (&Pair, &Once),
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        match report {
            ClientEvent::Invoked {
                id,
                kind: CommandKind::Read,
                range: Some(range),
                ..
            } => {
                let (range, floors) = (*range, self.floors.clone());
                self.open.insert(*id, Open { range, floors });
            }
            ClientEvent::ReadReturned { id, values } => {
                let Some(open) = self.open.remove(id) else {
                    return;
                };
                for (block, value) in open.range.blocks().zip(values) {
                    let floor = open.floors.get(&block).copied();
                    self.judge(*id, (block, *value), floor, (pair, once), when, findings);
                }
            }
            ClientEvent::AttemptEnded { id, .. } => {
                self.open.remove(id);
            }
            ClientEvent::Invoked { .. }
            | ClientEvent::Retried { .. }
            | ClientEvent::AnsweredAgain { .. }
            | ClientEvent::Ignored(_) => {}
        }
    }

    fn judge(
        &mut self,
        read: CommandId,
        (block, value): (BlockIndex, BlockValue),
        floor: Option<Floor>,
        (pair, once): (&Pair, &Once),
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let (bytes, writer) = match value {
            BlockValue::Zero => (Bytes64::Zero, None),
            BlockValue::Written { command } => {
                let bytes = Bytes64::of(&provenance::stamp(command, block));
                (bytes, once.performed(command))
            }
            // O2's.
            BlockValue::Torn | BlockValue::Foreign { .. } | BlockValue::Garbage => return,
        };
        let held = pair.values(0, block);
        let held = held.values().iter().filter_map(|held| match held {
            Value::Proven {
                version,
                bytes: held,
            } if *held == bytes => Some(*version),
            Value::Proven { .. } | Value::Damaged => None,
        });
        let version = held.max().or(writer.map(|writer| writer.sequence));
        let Some(version) = version else { return };
        self.checks += 1;
        let name = format!("{read} read {value} from block {}", block.value());
        if let Some(floor) = floor.filter(|floor| version < floor.version) {
            let says = format!(
                "{name}, which is version {}, after a read had returned version {}",
                version.value(),
                floor.version.value()
            );
            let events = vec![floor.event, when.event];
            findings.push(Finding::new(OracleId::O3, when.at, says, events));
        }
        if value == BlockValue::Zero {
            return;
        }
        for copy in [0, 1] {
            if !pair.holds(copy, block, (version, bytes)) {
                let says = format!(
                    "{name}, and {} set may hold {}, none of which may be older than version {}",
                    copy_name(copy),
                    pair.values(copy, block),
                    version.value()
                );
                let by = writer.map(|writer| writer.events()).into_iter().flatten();
                let events = by.chain([when.event]).collect();
                findings.push(Finding::new(OracleId::O3, when.at, says, events));
            }
        }
        let newest = self.floors.get(&block).map(|floor| floor.version);
        if newest.is_none_or(|newest| newest < version) {
            let event = when.event;
            self.floors.insert(block, Floor { version, event });
        }
    }
}

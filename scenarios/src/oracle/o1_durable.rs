//! O1: at the instant of an acknowledgement, every image of both copies holds the
//! write or a newer one, and a result of the command.
//!
//! The owner's own report of its answer is the instant. Later states are O5's: what
//! both copies hold for certain can only be replaced under a mark.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::collections::Layered;
use stormglass_engine::event::Verdict;
use stormglass_engine::vocabulary::{CommandId, Range};

use super::images::{Candidates, SetImages, Value, When, copy_name};
use super::o7_once::Performed;
use super::{Finding, OracleId};

/// Watches that acknowledged commands are durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durable {
    checks: u64,
    /// Mutations that were accepted and not acknowledged.
    open: Layered<CommandId, Range>,
}

impl Durable {
    /// Acknowledged blocks and results that were looked for.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    pub(super) fn accepted(&mut self, command: CommandId, range: Range) {
        self.open.insert(command, range);
    }

    pub(super) fn check(
        &mut self,
        sets: &[Arc<SetImages>; 2],
        (command, verdict): (CommandId, Verdict),
        performed: Option<&Performed>,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let was_open = match verdict {
            Verdict::Success | Verdict::Mismatch => self.open.remove(&command).is_some(),
            Verdict::Refused | Verdict::Cancelled => {
                self.open.remove(&command);
                return;
            }
            Verdict::Unknown(_) => return,
        };
        let mut finding = |says: String, events: Vec<u64>| {
            let events = events.into_iter().chain([when.event]).collect();
            findings.push(Finding::new(OracleId::O1, when.at, says, events));
        };
        let Some(performed) = performed else {
            let is_marked = sets[0].state().marks().contains_key(&command);
            if was_open || is_marked {
                self.checks += 1;
                finding(
                    format!("{command} is acknowledged and in no journal"),
                    vec![],
                );
            }
            return;
        };
        for (copy, set) in sets.iter().enumerate() {
            self.checks += 1;
            if !set.has_result(command) {
                let says = format!(
                    "{command} is acknowledged, and {} set may lose its result",
                    copy_name(copy)
                );
                finding(says, performed.events());
            }
            self.checks += performed.bytes.len() as u64;
            if let Some(says) = lost_block(set, performed) {
                let says = format!(
                    "{command} is acknowledged, and {} set {says}",
                    copy_name(copy)
                );
                finding(says, performed.events());
            }
        }
    }
}

/// The first block that may hold something older, in words.
fn lost_block(set: &SetImages, performed: &Performed) -> Option<String> {
    let mut values = Candidates::default();
    for (block, bytes) in performed.range.blocks().zip(performed.bytes.iter()) {
        values.clear();
        set.add_values(block, &mut values);
        let is_durable = values.values().iter().all(|value| match value {
            Value::Proven {
                version,
                bytes: held,
            } => *version > performed.sequence || (*version == performed.sequence && held == bytes),
            Value::Damaged => false,
        });
        if !is_durable {
            return Some(format!(
                "may hold block {} as {values}, none of which may be older than version {}",
                block.value(),
                performed.sequence.value()
            ));
        }
    }
    None
}

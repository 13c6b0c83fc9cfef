//! O1: at the instant of an acknowledgement, every image of both copies holds the
//! write or a newer one, and a result of the command, as far as the copy owes it.
//!
//! The owner's copy always owes it. The mirror's does unless the write may be
//! acknowledged alone (see `pair`): the owner's mode is out of sync or resync in
//! every image, no mediator's durable record says in sync, and the block's region
//! is dirty in every image. A write that went to both in a resync is in a clean
//! region, and owed by both.
//!
//! The owner's own report of its answer is the instant. Later states are O5's: what
//! both copies hold for certain can only be replaced under a mark.

use serde::{Deserialize, Serialize};
use stormglass_engine::collections::Layered;
use stormglass_engine::event::Verdict;
use stormglass_engine::vocabulary::{CommandId, Range};

use super::images::{Pair, When, copy_name};
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
        pair: &Pair,
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
            let is_marked = pair.set(0).state().marks().contains_key(&command);
            if was_open || is_marked {
                self.checks += 1;
                finding(
                    format!("{command} is acknowledged and in no journal"),
                    vec![],
                );
            }
            return;
        };
        let owed = |copy: usize| {
            let mut blocks = performed.range.blocks();
            !blocks.any(|block| pair.owes_nothing(copy, block))
        };
        for (copy, set) in [pair.set(0), pair.set(1)].into_iter().enumerate() {
            self.checks += 1;
            let name = copy_name(copy);
            if owed(copy) && !set.has_result(command) {
                let says = format!("{command} is acknowledged, and {name} set may lose its result");
                finding(says, performed.events());
            }
            self.checks += performed.bytes.len() as u64;
            if let Some(says) = lost_block(pair, copy, performed) {
                let says = format!("{command} is acknowledged, and {name} set {says}");
                finding(says, performed.events());
            }
        }
    }
}

/// The first block that may hold something older, in words.
fn lost_block(pair: &Pair, copy: usize, performed: &Performed) -> Option<String> {
    let mut blocks = performed.range.blocks().zip(performed.bytes.iter());
    let lost = blocks.find(|(block, bytes)| {
        let written = (performed.sequence, **bytes);
        !pair.holds(copy, *block, written)
    });
    let (block, _) = lost?;
    Some(format!(
        "may hold block {} as {}, none of which may be older than version {}",
        block.value(),
        pair.values(copy, block),
        performed.sequence.value()
    ))
}

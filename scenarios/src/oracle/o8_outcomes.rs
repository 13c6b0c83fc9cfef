//! O8: every attempt ends with one final status, and over all its attempts an
//! id has at most one definite outcome.
//!
//! `Success`, `Mismatch` and *failed* are three outcomes. `Refused` and
//! `Cancelled` are both *failed*: not performed and never going to be; which of
//! them, and for which reason, may differ between attempts. A read is performed
//! as often as its frame arrives, so what a doubled read adds is not judged.
//!
//! What the former owner of a forced switchover says late of a command that it had
//! acknowledged alone is not judged.
//!
//! Nothing is refused as unreadable before a device was damaged or did not answer.
//!
//! Judged online; the state is one small entry for each id.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::collections::Layered;
use stormglass_engine::vocabulary::{CommandId, RefusedReason};
use stormglass_sim::time::WorldTime;

use super::{Finding, OracleId};
use crate::workload::{ClientEvent, CommandKind, StatusSummary};

/// The oracle.
#[derive(Clone, Default, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    commands: Layered<CommandId, Entry>,
    checks: u64,
    /// A device was damaged, or did not answer.
    is_damaged: bool,
    /// Commands that were issued before a forced switchover.
    given_up: Option<Arc<BTreeSet<CommandId>>>,
}

/// What is known of one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    kind: CommandKind,
    /// Blocks that a read of it returns.
    blocks: u32,
    /// The newest attempt.
    attempt: u32,
    /// The event that opened it, while it is open.
    open: Option<u64>,
    /// The event that ended it, once it has.
    ended: Option<u64>,
    /// The definite outcome, and the event that said so.
    outcome: Option<(Outcome, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Outcome {
    Success,
    Mismatch,
    Failed,
}

impl Outcome {
    fn of(status: StatusSummary) -> Option<Outcome> {
        match status {
            StatusSummary::Success => Some(Outcome::Success),
            StatusSummary::Mismatch => Some(Outcome::Mismatch),
            StatusSummary::Refused(_) | StatusSummary::Cancelled => Some(Outcome::Failed),
            StatusSummary::Unknown(_) => None,
        }
    }
    fn name(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Mismatch => "mismatch",
            Outcome::Failed => "failure",
        }
    }
}

impl Outcomes {
    /// Judges one event.
    pub fn observe(
        &mut self,
        at: WorldTime,
        event_number: u64,
        event: &ClientEvent,
        findings: &mut Vec<Finding>,
    ) {
        let mut say = |says: String, mut events: Vec<u64>| {
            events.push(event_number);
            findings.push(Finding::new(OracleId::O8, at, says, events));
        };
        match event {
            ClientEvent::Invoked {
                id, kind, range, ..
            } => {
                let entry = Entry {
                    kind: *kind,
                    blocks: range.map_or(0, |range| range.count()),
                    attempt: 0,
                    open: Some(event_number),
                    ended: None,
                    outcome: None,
                };
                if let Some(earlier) = self.commands.insert(*id, entry) {
                    say(format!("{id} was issued twice"), earlier.trail());
                }
            }
            ClientEvent::Retried { id, attempt } => {
                let Some(entry) = self.commands.get_mut(id) else {
                    return say(format!("{id} is asked about and was never issued"), vec![]);
                };
                if entry.open.is_some() || *attempt != entry.attempt + 1 {
                    say(
                        format!(
                            "{id}: attempt {attempt} follows on attempt {}",
                            entry.attempt
                        ),
                        entry.trail(),
                    );
                }
                if let Some((outcome, when)) = entry.outcome {
                    say(
                        format!("{id} is asked about after its {}", outcome.name()),
                        vec![when],
                    );
                }
                entry.attempt = *attempt;
                entry.open = Some(event_number);
            }
            ClientEvent::ReadReturned { id, values } => {
                self.checks += 1;
                match self.commands.get(id) {
                    None => say(format!("{id} returned data and was never issued"), vec![]),
                    Some(entry) if entry.kind != CommandKind::Read => {
                        say(format!("{id} returned data and is no read"), entry.trail());
                    }
                    Some(entry) if entry.blocks as usize != values.len() => say(
                        format!(
                            "{id} reads {} blocks and got {}",
                            entry.blocks,
                            values.len()
                        ),
                        entry.trail(),
                    ),
                    Some(_) => {}
                }
            }
            ClientEvent::AttemptEnded {
                id,
                attempt,
                status,
            } => {
                self.checks += 1;
                let Some(entry) = self.commands.get_mut(id) else {
                    return say(format!("{id} ended and was never issued"), vec![]);
                };
                if entry.open.is_none() || entry.attempt != *attempt {
                    say(
                        format!("{id}: attempt {attempt} got a status and is not open"),
                        entry.trail(),
                    );
                }
                entry.open = None;
                entry.ended = Some(event_number);
                entry.judge(*id, (*status, self.is_damaged), event_number, &mut say);
            }
            ClientEvent::AnsweredAgain { id, status } => {
                self.checks += 1;
                let Some(entry) = self.commands.get_mut(id) else {
                    return say(format!("{id} was answered and was never issued"), vec![]);
                };
                // The former owner's answer may come late.
                let is_given_up = self.given_up.as_ref().is_some_and(|it| it.contains(id));
                if entry.kind.is_mutation() && !is_given_up {
                    entry.judge(*id, (*status, self.is_damaged), event_number, &mut say);
                }
            }
            ClientEvent::Ignored(_) => {}
        }
    }

    /// A fault damaged a device, or took it away: from now on blocks may be unreadable.
    pub(super) fn damaged(&mut self) {
        self.is_damaged = true;
    }

    /// The administrator has given up what was acknowledged so far.
    pub(super) fn give_up(&mut self) {
        let known = self.commands.iter().map(|(id, _)| id);
        self.given_up = Some(Arc::new(known.collect()));
    }

    /// Judges the end of a run whose clients are all done: no attempt is open.
    pub fn finish(&mut self, at: WorldTime, findings: &mut Vec<Finding>) {
        for (id, entry) in self.commands.iter() {
            self.checks += 1;
            if let Some(begun) = entry.open {
                let says = format!("{id}: attempt {} never got a status", entry.attempt);
                findings.push(Finding::new(OracleId::O8, at, says, vec![begun]));
            }
        }
    }

    /// How many statuses it judged.
    pub fn checks(&self) -> u64 {
        self.checks
    }
}

impl Entry {
    /// Judges a status against all that was said before.
    fn judge(
        &mut self,
        id: CommandId,
        (status, is_damaged): (StatusSummary, bool),
        event_number: u64,
        say: &mut impl FnMut(String, Vec<u64>),
    ) {
        let Some(outcome) = Outcome::of(status) else {
            return;
        };
        if outcome == Outcome::Mismatch && self.kind != CommandKind::CompareAndWrite {
            say(
                format!("{id} compares nothing and ended as a mismatch"),
                self.trail(),
            );
        }
        if status == StatusSummary::Refused(RefusedReason::Unreadable) && !is_damaged {
            say(
                format!("{id} is refused as unreadable, and no device was damaged or gone"),
                self.trail(),
            );
        }
        match self.outcome {
            Some((earlier, when)) if earlier != outcome => say(
                format!(
                    "{id} has two outcomes: {}, then {}",
                    earlier.name(),
                    outcome.name()
                ),
                vec![when],
            ),
            Some(_) => {}
            None => self.outcome = Some((outcome, event_number)),
        }
    }

    /// The events that brought it where it is.
    fn trail(&self) -> Vec<u64> {
        let outcome = self.outcome.map(|(_, when)| when);
        [self.open, self.ended, outcome]
            .into_iter()
            .flatten()
            .collect()
    }
}

#[cfg(test)]
mod tests;

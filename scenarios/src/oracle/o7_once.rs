//! O7: a command is performed at most once on each storage set, one id always has
//! one payload, and a replica is reported performed at most once in a session.
//!
//! Judged by the records of both journals: performed is what a journal holds or
//! held, be it certain or not. A record that a power loss took never happened.
//! What is known of a command is kept until its client's promise never to ask again
//! stands in both copies' records: a copy that performs it after that breaks its own
//! watermark, and that alone is the finding. Takeovers change nothing in this; copies
//! (`Entry::Copy`) are not performances, and a replaced set has performed nothing.

use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use stormglass_engine::collections::Layered;
use stormglass_engine::storage_set::record::Entry;
use stormglass_engine::vocabulary::{ClientId, CommandId, Range, SequenceId, Session, SetId};

use super::images::{Bytes64, Link, State, When, copy_name};
use super::{Finding, OracleId};

/// A performed command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Performed {
    /// Its place in the volume's order.
    pub sequence: SequenceId,
    /// Its blocks.
    pub range: Range,
    /// What it makes of each; empty for a compare that failed.
    pub bytes: Arc<[Bytes64]>,
    /// The events at which the copies' records were submitted.
    by: [Option<u64>; 2],
    /// The last report of the mirror that it has performed it.
    report: Option<Report>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Report {
    session: Session,
    set: SetId,
    event: u64,
}

impl Performed {
    /// When a copy's record was submitted.
    pub fn submitted_at(&self, copy: usize) -> Option<u64> {
        self.by[copy]
    }
    /// True if the mirror has reported it.
    pub fn is_reported(&self) -> bool {
        self.report.is_some()
    }
    /// The events at which the copies' records were submitted.
    pub fn events(&self) -> Vec<u64> {
        self.by.iter().flatten().copied().collect()
    }
}

/// Watches that nothing is performed twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Once {
    checks: u64,
    performed: Layered<CommandId, Performed>,
    /// Nothing below is performed any more.
    floors: OrdMap<ClientId, u64>,
}

impl Once {
    /// Nothing has been performed but what the copies remember.
    pub(super) fn new(states: [&State; 2]) -> Self {
        let mut once = Once::default();
        for (client, _) in states[0].watermarks() {
            once.raise(client, states);
        }
        once
    }

    /// Performed commands and reports that were looked at.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    /// What is known of a performed command.
    pub fn performed(&self, command: CommandId) -> Option<&Performed> {
        self.performed.get(&command)
    }

    /// True if both copies have to refuse the command: its client knows the outcome.
    pub fn is_forgotten(&self, command: CommandId) -> bool {
        let floor = self.floors.get(&command.client).copied();
        floor.is_some_and(|floor| command.counter < floor)
    }

    /// A record entered a journal.
    pub(super) fn note(
        &mut self,
        copy: usize,
        link: &Link,
        states: [&State; 2],
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let watermark = match &link.entry {
            Entry::Perform(perform) => perform.watermark,
            Entry::Mark { watermark, .. } => *watermark,
            Entry::Fence { watermarks, .. } => {
                for watermark in watermarks {
                    self.raise(watermark.client, states);
                }
                return;
            }
            Entry::Fail { .. }
            | Entry::Clear { .. }
            | Entry::Session { .. }
            | Entry::Activate { .. }
            | Entry::HandOff { .. }
            | Entry::StandDown { .. }
            | Entry::Copy { .. }
            | Entry::Dirty { .. }
            | Entry::Finish
            | Entry::Repair { .. }
            | Entry::Lost
            | Entry::Grow { .. } => return,
        };
        if let Entry::Perform(perform) = &link.entry {
            self.checks += 1;
            let bytes = || link.bytes().flatten();
            let command = perform.command;
            let mut finding = |says: String, events: Vec<u64>| {
                let says = format!("{command} {says}");
                let events = events.into_iter().chain([when.event]).collect();
                findings.push(Finding::new(OracleId::O7, when.at, says, events));
            };
            let floor = states[copy].watermark(command.client);
            match self.performed.get_mut(&command) {
                Some(known) => {
                    let is_same = known.sequence == perform.sequence
                        && known.range == perform.range
                        && known.bytes.iter().copied().eq(bytes());
                    if !is_same {
                        let says = "is performed with another payload, range or sequence";
                        finding(says.into(), known.events());
                    }
                    if let Some(before) = known.by[copy] {
                        let says = format!("is performed twice on {} set", copy_name(copy));
                        finding(says, vec![before]);
                    }
                    known.by[copy] = Some(link.event);
                }
                None => {
                    if command.counter < floor {
                        let says = format!(
                            "is performed on {} set below its client's watermark {floor}",
                            copy_name(copy)
                        );
                        finding(says, vec![]);
                    }
                    let mut by = [None; 2];
                    by[copy] = Some(link.event);
                    let (sequence, range) = (perform.sequence, perform.range);
                    self.performed.insert(
                        command,
                        Performed {
                            sequence,
                            range,
                            bytes: bytes().collect(),
                            by,
                            report: None,
                        },
                    );
                }
            }
        }
        self.raise(watermark.client, states);
    }

    /// Forgets what neither copy may perform any more: by its own watermark it has
    /// to refuse it. While the mirror hears nothing of watermarks, nothing is
    /// forgotten.
    fn raise(&mut self, client: ClientId, states: [&State; 2]) {
        let [owner, mirror] = states.map(|state| state.watermark(client));
        let counter = owner.min(mirror);
        let floor = self.floors.get(&client).copied().unwrap_or(0);
        if counter <= floor {
            return;
        }
        self.floors.insert(client, counter);
        let next = CommandId { client, counter: 0 };
        while let Some((command, _)) = self.performed.next(&next) {
            if command.client != client || command.counter >= counter {
                break;
            }
            self.performed.remove(&command);
        }
    }

    /// The copies change their parts.
    pub(super) fn switch(&mut self) {
        let known: Vec<_> = self.performed.keys().collect();
        for command in known {
            if let Some(performed) = self.performed.get_mut(&command) {
                performed.by.swap(0, 1);
            }
        }
    }

    /// A set was replaced: nothing was performed there.
    pub(super) fn replaced(&mut self, copy: usize) {
        let known: Vec<_> = self.performed.keys().collect();
        for command in known {
            if let Some(performed) = self.performed.get_mut(&command) {
                performed.by[copy] = None;
            }
        }
    }

    /// A record was lost with power, or aborted: it never happened.
    pub(super) fn forget(&mut self, copy: usize, link: &Link) {
        if let Entry::Perform(perform) = &link.entry
            && let Some(known) = self.performed.get_mut(&perform.command)
        {
            known.by[copy] = None;
        }
    }

    /// The mirror reported a replica as performed.
    pub(super) fn reported(
        &mut self,
        (session, set, command): (Session, SetId, CommandId),
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        self.checks += 1;
        let event = when.event;
        // A record comes before its report. What is forgotten may be reported late, by a
        // node that stood still while its partner acknowledged the record.
        if self.is_forgotten(command) {
            return;
        }
        let Some(known) = self.performed.get_mut(&command) else {
            let says = format!(
                "{command} is reported performed in set {} of session {session} without a record \
                 that is still to be reported",
                set.value()
            );
            findings.push(Finding::new(OracleId::O7, when.at, says, vec![event]));
            return;
        };
        let before = known.report.replace(Report {
            session,
            set,
            event,
        });
        if let Some(before) = before
            && before.session == session
        {
            let says = format!(
                "{command} is reported performed twice in session {session}: in sets {} and {}",
                before.set.value(),
                set.value()
            );
            let events = vec![before.event, event];
            findings.push(Finding::new(OracleId::O7, when.at, says, events));
        }
    }
}

//! O10: a takeover serves nothing before it has read back what it took.
//!
//! Every epoch under which a set is won is higher than all before. A process gives
//! no success, mismatch or refusal between winning its set and having read it
//! back. If another node held the set before it, it answers no read until that
//! node's lease is waited out, be it in a later life of its own; unless that node had drained the set, as the mailbox says,
//! and it lets go of no set before that is written. It accepts no mutation and answers no read over the
//! range of an orphan that it has read back and not resolved; nor the orphan itself.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use stormglass_engine::contract::ReservationKey;
use stormglass_engine::event::Verdict;
use stormglass_engine::vocabulary::{CommandId, Range};
use stormglass_sim::world::ProcessId;

use super::images::When;
use super::{Finding, OracleId};

/// A process that has won its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tenure {
    event: u64,
    copy: usize,
    is_recovered: bool,
    /// Another node's lease may go on.
    must_wait: bool,
}

/// Watches takeovers and boots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Takeover {
    checks: u64,
    tenures: OrdMap<ProcessId, Tenure>,
    /// The last key of each set, and when it was won.
    last: [Option<(ReservationKey, u64)>; 2],
    /// Who holds the set has it from another node, and no life of it has waited that node's
    /// lease out.
    owes: [bool; 2],
    orphans: OrdMap<CommandId, Range>,
    /// Who has read them back. A former holder that does not know yet that it is none
    /// may go on with what it began: its devices refuse it.
    heir: Option<ProcessId>,
}

impl Takeover {
    /// Answers, acceptances and fences looked at.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    /// A process says that it won a set. Its word may come late: it stood still, and the
    /// set has another `holder` by now; then this key was won before that one.
    pub fn fenced(
        &mut self,
        ((process, copy), is_drained): ((ProcessId, usize), impl Fn(ReservationKey) -> bool),
        key: ReservationKey,
        holder: Option<ReservationKey>,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        self.checks += 1;
        let is_late = holder.is_some_and(|holder| holder != key);
        let before = match is_late {
            true => self.last[copy],
            false => self.last[copy].replace((key, when.event)),
        };
        if let Some((before, event)) = before
            && key.epoch <= before.epoch
            && !is_late
        {
            let says = format!(
                "a set is won under epoch {}, and was under epoch {} before",
                key.epoch, before.epoch
            );
            finding(says, vec![event], when, findings);
        }
        let must_wait = match before {
            Some((before, _)) if before.node == key.node => self.owes[copy],
            Some((before, _)) => !is_drained(before),
            None => false,
        };
        if !is_late {
            self.owes[copy] = must_wait;
        }
        let tenure = Tenure {
            event: when.event,
            copy,
            is_recovered: false,
            must_wait,
        };
        self.tenures.insert(process, tenure);
    }

    /// A process lets go of its set for its partner; `is_written` if the mailbox has been
    /// told by then.
    pub fn drained(
        &mut self,
        key: ReservationKey,
        is_written: bool,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        self.checks += 1;
        if !is_written {
            let says = format!(
                "a set is let go of under epoch {} before the mailbox says so",
                key.epoch
            );
            finding(says, vec![], when, findings);
        }
    }

    /// A set's device was replaced: epochs may begin anew. A set without its journal is
    /// nobody's, and serves only in a reign after a whole resync.
    pub fn replaced(&mut self, copy: usize, is_journal: bool) {
        self.owes[copy] = false;
        if is_journal {
            self.last[copy] = None;
        } else if let Some((key, _)) = &mut self.last[copy] {
            key.epoch = 0;
        }
    }

    /// A process has read its set back. `orphans` are the marks of an owner's.
    pub fn recovered(
        &mut self,
        process: ProcessId,
        orphans: Option<impl Iterator<Item = (CommandId, Range)>>,
    ) {
        if let Some(tenure) = self.tenures.get_mut(&process) {
            tenure.is_recovered = true;
        }
        if let Some(orphans) = orphans {
            self.orphans = orphans.collect();
            self.heir = Some(process);
        }
    }

    /// The former node's lease is over.
    pub fn lease_waited_out(&mut self, process: ProcessId) {
        if let Some(tenure) = self.tenures.get_mut(&process) {
            tenure.must_wait = false;
            let (copy, event) = (tenure.copy, tenure.event);
            // Whoever has the set by now has debts of its own.
            if self.last[copy].is_some_and(|(_, won)| won == event) {
                self.owes[copy] = false;
            }
        }
    }

    /// A process began or ended a life.
    pub fn reborn(&mut self, process: ProcessId) {
        self.tenures.remove(&process);
    }

    /// An orphan is resolved.
    pub fn resolved(&mut self, command: CommandId) {
        self.orphans.remove(&command);
    }

    /// A mutation was accepted.
    pub fn accepted(
        &mut self,
        process: ProcessId,
        command: CommandId,
        range: Range,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        self.checks += 1;
        if self.heir != Some(process) {
            return;
        }
        if let Some((orphan, over)) = self.orphan_over(range) {
            let says = format!("{command} is accepted over orphan {orphan} on {over}");
            finding(says, vec![], when, findings);
        }
    }

    /// A process gave an attempt its final status. `read` is the range of a read.
    pub fn answered(
        &mut self,
        process: ProcessId,
        (command, verdict): (CommandId, Verdict),
        read: Option<Range>,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let is_success = match verdict {
            Verdict::Success | Verdict::Mismatch => true,
            Verdict::Refused | Verdict::Cancelled => false,
            Verdict::Unknown(_) => return,
        };
        self.checks += 1;
        let Some(tenure) = self.tenures.get(&process).copied() else {
            return;
        };
        if !tenure.is_recovered {
            let says = format!("{command} is answered before the set is read back");
            finding(says, vec![tenure.event], when, findings);
        }
        if !is_success {
            return;
        }
        let is_heir = self.heir == Some(process);
        if read.is_some() && tenure.must_wait {
            let says =
                format!("{command} is read before the lease of the node that held the set is over");
            finding(says, vec![tenure.event], when, findings);
        }
        let over = read.and_then(|range| self.orphan_over(range));
        let own = self.orphans.get(&command).map(|range| (command, *range));
        if let Some((orphan, range)) = over.or(own).filter(|_| is_heir) {
            let says =
                format!("{command} is answered before orphan {orphan} on {range} is resolved");
            finding(says, vec![tenure.event], when, findings);
        }
    }

    fn orphan_over(&self, range: Range) -> Option<(CommandId, Range)> {
        let mut orphans = self.orphans.iter();
        let found = orphans.find(|(_, orphan)| orphan.overlaps(range));
        found.map(|(command, range)| (*command, *range))
    }
}

fn finding(says: String, events: Vec<u64>, when: When, findings: &mut Vec<Finding>) {
    let events = events.into_iter().chain([when.event]).collect();
    findings.push(Finding::new(OracleId::O10, when.at, says, events));
}

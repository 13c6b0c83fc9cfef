//! O4: device mutations and acknowledgements of an epoch come from one incarnation.
//!
//! No device carries out a write, flush or preempt under a key whose epoch is below
//! the highest that it ever carried one out under; pages outside the reservation
//! are free.
//!
//! Success and mismatch are answered only by a process that holds the reservation
//! of its set's journal at that instant, under the key that it reported. Two
//! exceptions: a mutation whose record on the owner's set was submitted before the
//! reservation was lost, and of which both copies certainly have the result; and a
//! read or a flush, until someone may serve under a newer key: a partner that has won
//! the set waits for the former holder's lease, and so long nothing newer is
//! acknowledged. A refusal without a record says nothing about an epoch (a range may
//! simply be out of bounds) and is O8's.
//!
//! Once a site's reign has begun, durably, nobody of the other site answers a read or a flush,
//! and no mutation but one of which both copies certainly have the result: it was in sync
//! when it was acknowledged.
//!
//! Once the mailbox says that a set is drained, nothing at all is answered under its key:
//! the partner goes by that, and waits for nobody's lease.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{IoRequest, ReservationKey};
use stormglass_engine::event::Verdict;
use stormglass_engine::vocabulary::CommandId;
use stormglass_sim::device::{CommandNumber, Device, PageRange};
use stormglass_sim::world::{DeviceIndex, ProcessId};

use super::drained::Drained;
use super::images::{Images, When};
use super::{Finding, OracleId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    epoch: u64,
    event: u64,
}

/// The highest epoch under which a device did something, and when first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Highest {
    epoch: u64,
    event: u64,
}

/// Watches keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epochs {
    checks: u64,
    waiting: OrdMap<(DeviceIndex, CommandNumber), Waiting>,
    highest: OrdMap<DeviceIndex, Highest>,
    /// Which device each process last tried to take, and thereby which set.
    claims: OrdMap<ProcessId, DeviceIndex>,
    keys: OrdMap<ProcessId, ReservationKey>,
    /// The highest epoch of each journal under which someone may serve.
    serving: OrdMap<DeviceIndex, u64>,
    /// The site whose reign is the last, and since when, if there was a switchover.
    reign: Option<Box<Reign>>,
}

/// Who owns the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reign {
    site_epoch: u64,
    /// The journal of its set.
    journal: DeviceIndex,
    event: u64,
}

impl Epochs {
    /// Commands carried out and answers given.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    /// The device that a process last tried to take.
    pub fn claim_of(&self, process: ProcessId) -> Option<DeviceIndex> {
        self.claims.get(&process).copied()
    }

    /// A command entered a queue.
    pub fn submitted(
        &mut self,
        index: DeviceIndex,
        number: CommandNumber,
        device: &Device,
        event: u64,
    ) {
        let Some((_, it)) = device.queued().find(|(queued, _)| *queued == number) else {
            return;
        };
        match &it.request {
            IoRequest::Read { .. } | IoRequest::ReadReservation => return,
            IoRequest::Write { start, pages, .. } => {
                let (start, count) = (*start, pages.len() as u64);
                let free = device.spec().unreserved;
                if free.is_some_and(|free| free.contains(PageRange { start, count })) {
                    return;
                }
            }
            IoRequest::Flush => {}
            IoRequest::Preempt { .. } => {
                if let Some(submitter) = device.submitter_of(number) {
                    self.claims.insert(ProcessId(submitter.process), index);
                }
            }
        }
        let epoch = it.key.epoch;
        self.waiting
            .insert((index, number), Waiting { epoch, event });
    }

    /// A command left a queue.
    pub fn executed(
        &mut self,
        index: DeviceIndex,
        number: CommandNumber,
        succeeded: bool,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let Some(waiting) = self.waiting.remove(&(index, number)) else {
            return;
        };
        if !succeeded {
            return;
        }
        self.checks += 1;
        let (epoch, event) = (waiting.epoch, when.event);
        match self.highest.get(&index) {
            Some(highest) if epoch < highest.epoch => {
                let says = format!(
                    "device {} carried out a command of epoch {epoch} after one of epoch {}",
                    index.0, highest.epoch
                );
                let events = vec![highest.event, waiting.event, event];
                findings.push(Finding::new(OracleId::O4, when.at, says, events));
            }
            Some(highest) if epoch == highest.epoch => {}
            Some(_) | None => {
                self.highest.insert(index, Highest { epoch, event });
            }
        }
    }

    /// Commands left a device's queue without a word.
    pub fn settled(&mut self, index: DeviceIndex, device: &Device) {
        let span = (index, CommandNumber(0))..=(index, CommandNumber(u64::MAX));
        let gone: Vec<_> = self
            .waiting
            .range(span)
            .map(|(place, _)| *place)
            .filter(|(_, number)| !device.queued().any(|(queued, _)| queued == *number))
            .collect();
        for place in gone {
            self.waiting.remove(&place);
        }
    }

    /// A device was replaced: a blank one has seen no epoch.
    pub fn replaced(&mut self, index: DeviceIndex) {
        self.highest.remove(&index);
        self.serving.remove(&index);
    }

    /// A process won its set.
    pub fn fenced(&mut self, process: ProcessId, key: ReservationKey) {
        self.keys.insert(process, key);
    }

    /// A site's reign begins, durably.
    pub fn reign_begins(&mut self, site_epoch: u64, journal: Option<DeviceIndex>, event: u64) {
        let is_later = |it: &Reign| it.site_epoch < site_epoch;
        let is_later = self.reign.as_deref().is_none_or(is_later);
        if let Some(journal) = journal.filter(|_| is_later) {
            self.reign = Some(Box::new(Reign {
                site_epoch,
                journal,
                event,
            }));
        }
    }

    /// The lease of the node that held a set before this process is over.
    pub fn lease_waited_out(&mut self, process: ProcessId, journal: Option<DeviceIndex>) {
        let key = self.keys.get(&process).copied();
        self.may_serve(journal, key);
    }

    fn may_serve(&mut self, journal: Option<DeviceIndex>, key: Option<ReservationKey>) {
        let (Some(journal), Some(key)) = (journal, key) else {
            return;
        };
        let before = self.serving.get(&journal).copied();
        if before.is_none_or(|before| before < key.epoch) {
            self.serving.insert(journal, key.epoch);
        }
    }

    /// A process began or ended a life.
    pub fn reborn(&mut self, process: ProcessId) {
        self.keys.remove(&process);
    }

    /// A process gave an attempt its final status. `holder` is that of its set's
    /// journal.
    pub fn answered(
        &mut self,
        process: ProcessId,
        (command, verdict): (CommandId, Verdict),
        (journal, holder): (Option<DeviceIndex>, Option<ReservationKey>),
        (images, drained): (&Images, &Drained),
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let own = self.keys.get(&process).copied();
        let word = journal
            .zip(own)
            .and_then(|(it, key)| drained.since(it, key));
        if let (Some(said), Some(key)) = (word, own) {
            let says = format!(
                "{command} is answered under epoch {} of node {}, which has been drained",
                key.epoch, key.node
            );
            findings.push(Finding::new(
                OracleId::O4,
                when.at,
                says,
                vec![said, when.event],
            ));
        }
        match verdict {
            Verdict::Success | Verdict::Mismatch => {}
            Verdict::Refused | Verdict::Cancelled | Verdict::Unknown(_) => return,
        }
        self.checks += 1;
        let is_other = |reign: &Reign| journal.is_some_and(|journal| journal != reign.journal);
        if let Some(reign) = self.reign.as_deref().filter(|it| is_other(it))
            && !images.is_on_both(command)
        {
            let says = format!(
                "{command} is answered by a site that is not the owner since epoch {}",
                reign.site_epoch
            );
            let events = vec![reign.event, when.event];
            findings.push(Finding::new(OracleId::O4, when.at, says, events));
        }
        let key = own;
        if key.is_some() && key == holder {
            return self.may_serve(journal, key);
        }
        let highest = journal.and_then(|index| self.highest.get(&index));
        let lost_at = highest.map_or(0, |highest| highest.event);
        if key.is_some() && images.was_on_both(command, lost_at) {
            return;
        }
        let served = journal.and_then(|index| self.serving.get(&index).copied());
        let is_under_lease = key.is_some_and(|key| served.is_none_or(|epoch| epoch <= key.epoch));
        if is_under_lease && !images.is_performed(command) {
            return;
        }
        let epoch = |key: Option<ReservationKey>| {
            key.map_or("none".into(), |key| {
                format!("epoch {} of node {}", key.epoch, key.node)
            })
        };
        let says = format!(
            "{command} is answered under {}, and its set is held under {}",
            epoch(key),
            epoch(holder)
        );
        let events = vec![lost_at, when.event];
        findings.push(Finding::new(OracleId::O4, when.at, says, events));
    }
}

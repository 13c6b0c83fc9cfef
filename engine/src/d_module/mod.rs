//! The D-module: performs commands on a storage set and replicates them.
//!
//! This is the module's head: it owns the phase and what is held in it, and routes
//! inputs to its rooms. It refuses to know any protocol; that is in `owner` and
//! `mirror` and the rooms that they compose.
//!
//! ```text
//! Configuring --configuration--> Claiming --reservation won--> Recovering --read back--+
//!      |                             |                            |                     |
//!      +--duty standby--> Standby    +-------- conflict ----------+--> Halted <---------+
//!                                                                         ^             |
//!                                     Following <--role mirror------------|-------------+
//!                                     Announcing <--role owner------------|-------------+
//!                                         +--mirror answers--> Serving ---+ conflict
//! ```

pub mod access;
mod boot;
mod census;
pub mod claim;
pub mod communications;
mod context;
mod messages;
pub mod mirror;
pub mod ordering;
pub mod orphans;
pub mod owner;
pub mod replication;
pub mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::census::Census;
use self::claim::Claim;
pub use self::context::Context;
use self::context::Office;
use self::mirror::Mirror;
use self::owner::Owner;
use crate::configuration::Configuration;
use crate::contract::{Completion, Entropy, Input, IoError, IoId, IoOutput, ReservationKey};
use crate::event::{Event, IgnoreReason, Phase};
use crate::local::{Local, NodeOutbox};
use crate::storage_set::recovery::Recovery;
use crate::storage_set::{IoIds, IoOwner, StorageSet, is_fenced};
use crate::time::Instant;

/// A node's D-module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DModule {
    incarnation: u64,
    phase: Phase,
    configuration: Option<Arc<Configuration>>,
    ask_at: Option<Instant>,
    destage_at: Option<Instant>,
    ids: IoIds,
    claim: Option<Claim>,
    /// This and the owner are boxed: most modules have neither, and a fork copies
    /// the module.
    recovery: Option<Box<(ReservationKey, Recovery)>>,
    set: Option<StorageSet>,
    owner: Option<Box<Owner>>,
    mirror: Option<Mirror>,
}

impl DModule {
    /// Starts by asking the M-module for the configuration.
    pub fn boot(entropy: Entropy, now: Instant, out: &mut NodeOutbox) -> Self {
        let mut module = DModule {
            incarnation: entropy.bits(),
            phase: Phase::Configuring,
            configuration: None,
            ask_at: None,
            destage_at: None,
            ids: IoIds::default(),
            claim: None,
            recovery: None,
            set: None,
            owner: None,
            mirror: None,
        };
        out.trace(Event::Phase(Phase::Configuring));
        module.ask(now, out);
        module
    }

    /// The phase of its life.
    pub fn phase(&self) -> Phase {
        self.phase
    }
    /// The set, once recovered.
    pub fn set(&self) -> Option<&StorageSet> {
        self.set.as_ref()
    }

    /// Handles one input.
    pub fn handle(&mut self, now: Instant, input: Input<Local>, out: &mut NodeOutbox) {
        match input {
            Input::Local(Local::Configuration(configuration)) => {
                self.handle_configuration(configuration, out);
            }
            Input::Deadline if self.phase == Phase::Configuring => self.ask(now, out),
            Input::Completion(completion) => self.handle_completion(completion, now, out),
            Input::Packet(packet) => self.handle_packet(&packet, now, out),
            Input::Local(Local::Request { client, request }) => {
                self.handle_request(client, request, now, out);
            }
            Input::Deadline => self.handle_deadline(now, out),
            Input::Local(Local::AskConfiguration { .. } | Local::Reply { .. }) => {
                out.trace(Event::Ignored(IgnoreReason::Misrouted));
            }
        }
        self.destage(now, out);
    }

    /// The earliest deadline of all roles.
    pub fn next_deadline(&self) -> Option<Instant> {
        let owner = self.owner.as_deref().and_then(Owner::next_deadline);
        let mirror = self.mirror.as_ref().and_then(Mirror::next_deadline);
        self.ask_at
            .into_iter()
            .chain(self.destage_at)
            .chain(owner)
            .chain(mirror)
            .min()
    }

    fn enter(&mut self, next: Phase, out: &mut NodeOutbox) {
        assert!(
            can_become(self.phase, next),
            "a D-module goes {:?} -> {next:?}",
            self.phase
        );
        self.phase = next;
        out.trace(Event::Phase(next));
    }

    fn handle_completion(&mut self, completion: Completion, now: Instant, out: &mut NodeOutbox) {
        let Completion { io, result, .. } = completion;
        if self.phase == Phase::Halted {
            return out.trace(Event::Ignored(IgnoreReason::LateCompletion));
        }
        match IoIds::owner(io) {
            Some(IoOwner::Claim) => self.handle_claim(io, result, out),
            Some(owner) => match result {
                Err(error) if is_fenced(error) || owner != IoOwner::Read => self.halt(error, out),
                Ok(_) | Err(_) => self.handle_set_completion(owner, (io, result), now, out),
            },
            None => out.trace(Event::Ignored(IgnoreReason::LateCompletion)),
        }
    }

    fn handle_set_completion(
        &mut self,
        owner: IoOwner,
        (io, result): (IoId, Result<IoOutput, IoError>),
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        match owner {
            IoOwner::Recovery => {
                if let Ok(output) = result {
                    self.handle_recovery(io, output, now, out);
                }
            }
            IoOwner::Journal => {
                if let Some(set) = self.set.as_mut() {
                    set.handle_journal_completion(io);
                }
                self.handle_durable(now, out);
            }
            IoOwner::Destage => {
                let (Some(set), Ok(output)) = (self.set.as_mut(), result) else {
                    return;
                };
                let (ios, checkpointed) = set.handle_destage_completion(io, output, &mut self.ids);
                for io in ios {
                    out.submit(io);
                }
                if let Some(lsn) = checkpointed {
                    out.trace(Event::Checkpointed(lsn));
                    if let Some((Office::Owner(owner), set, mut cx)) = self.office(now, out) {
                        owner.admit(set, &mut cx);
                    }
                }
            }
            IoOwner::Read => {
                if let Some((Office::Owner(owner), set, mut cx)) = self.office(now, out) {
                    owner.handle_read(io, result, set, &mut cx);
                }
            }
            IoOwner::Claim => {}
        }
    }

    /// Hands durable records to the role that wrote them, in journal order.
    fn handle_durable(&mut self, now: Instant, out: &mut NodeOutbox) {
        while let Some(record) = self.set.as_mut().and_then(StorageSet::take_durable) {
            match self.office(now, out) {
                Some((Office::Owner(owner), set, mut cx)) => {
                    owner.handle_durable(&record, set, &mut cx);
                }
                Some((Office::Mirror(mirror), set, mut cx)) => {
                    mirror.handle_durable(&record, set.tables().fence, &mut cx);
                }
                None => {}
            }
        }
    }

    fn handle_deadline(&mut self, now: Instant, out: &mut NodeOutbox) {
        match self.office(now, out) {
            Some((Office::Owner(owner), set, mut cx)) => owner.handle_deadline(set, &mut cx),
            Some((Office::Mirror(mirror), ..)) => mirror.handle_deadline(now),
            None => {}
        }
    }

    /// Starts a destage when the journal is half full, or has been left alone.
    fn destage(&mut self, now: Instant, out: &mut NodeOutbox) {
        let (Some(set), Some(configuration)) = (self.set.as_mut(), &self.configuration) else {
            return;
        };
        if self.phase == Phase::Halted || set.is_destaging() || set.journal().used() == 0 {
            self.destage_at = None;
            return;
        }
        let is_half_full = set.journal().used() * 2 > configuration.set.geometry.ring_pages;
        let is_due = self.destage_at.is_some_and(|at| at <= now);
        if is_half_full || is_due {
            self.destage_at = None;
            for io in set.start_destage(&mut self.ids) {
                out.submit(io);
            }
        }
        if !set.is_destaging() && self.destage_at.is_none_or(|at| at <= now) {
            self.destage_at = Some(now.after(configuration.timers.idle_destage));
        }
    }

    /// Somebody else holds the set, or a device of it is gone: this module owns
    /// nothing any more, and its clients learn by their own timers.
    fn halt(&mut self, error: IoError, out: &mut NodeOutbox) {
        if self.phase != Phase::Halted {
            self.enter(Phase::Halted, out);
            out.trace(Event::Halted(error));
        }
        // Without a set nothing is due; a deadline left standing would be asked
        // for again and again at one instant.
        self.destage_at = None;
        self.claim = None;
        self.recovery = None;
        self.set = None;
        self.owner = None;
        self.mirror = None;
    }

    /// Asserts what must hold between any two inputs.
    pub fn check_invariants(&self) {
        let has_office = self.owner.is_some() || self.mirror.is_some();
        assert!(
            has_office == self.set.is_some(),
            "a set is held exactly by a role"
        );
    }
}

fn can_become(from: Phase, to: Phase) -> bool {
    match from {
        Phase::Configuring => matches!(to, Phase::Standby | Phase::Claiming),
        Phase::Standby => false,
        Phase::Claiming => matches!(to, Phase::Recovering | Phase::Halted),
        Phase::Recovering => matches!(to, Phase::Announcing | Phase::Following | Phase::Halted),
        Phase::Announcing => matches!(to, Phase::Serving | Phase::Halted),
        Phase::Serving | Phase::Following => to == Phase::Halted,
        Phase::Halted => false,
    }
}

//! The D-module: performs commands on a storage set and replicates them.
//!
//! This is the module's head: it boots, owns the phase, and routes inputs to the
//! roles. It holds no protocol; that is in `owner` and `mirror` and the
//! rooms that they compose.
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
pub mod claim;
pub mod communications;
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

use self::claim::Claim;
use self::mirror::Mirror;
use self::owner::Owner;
use crate::configuration::{Configuration, D_SLOT, Duty, M_SLOT, N_SLOT};
use crate::contract::{
    Address, Completion, Entropy, Input, IoError, IoId, IoOutput, Label, Packet, ReservationKey,
    Submission,
};
use crate::event::{Event, IgnoreReason, Phase};
use crate::local::{Local, NodeOutbox};
use crate::storage_set::destage::Devices;
use crate::storage_set::format::Superblock;
use crate::storage_set::record::Entry;
use crate::storage_set::recovery::{self, Recovered, Recovery};
use crate::storage_set::tables::Role;
use crate::storage_set::{IoIds, IoOwner, StorageSet, is_fenced};
use crate::time::Instant;
use crate::wire::{ClientReply, ClientRequest, PeerMessage, kind, peer};

/// What a role needs while it handles one input.
pub struct Context<'a> {
    /// The module's clock.
    pub now: Instant,
    /// This boot.
    pub incarnation: u64,
    /// The administrator's configuration.
    pub configuration: &'a Configuration,
    /// Names for device commands.
    pub ids: &'a mut IoIds,
    /// Effects.
    pub out: &'a mut NodeOutbox,
}

impl Context<'_> {
    /// Appends a journal entry and submits its writes.
    pub fn append(&mut self, set: &mut StorageSet, entry: Entry) {
        let writes = set.append(entry, self.ids);
        self.submit_all(writes);
    }
    /// Submits device commands.
    pub fn submit_all(&mut self, submissions: Vec<Submission>) {
        for submission in submissions {
            self.out.submit(submission);
        }
    }
}

/// What a module still holds; all zero when nothing is left to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Ranges held by commands or orphans.
    pub held_ranges: usize,
    /// Commands that wait.
    pub waiting_commands: usize,
    /// Commands accepted and not resolved, or resolved with a mark left.
    pub in_flight: usize,
    /// Attempts without a final status.
    pub open_attempts: usize,
    /// Transfers that the mirror has not acknowledged.
    pub unacknowledged_transfers: usize,
    /// Reads in progress.
    pub reads: usize,
    /// Orphans.
    pub orphans: usize,
    /// Transfers in pieces.
    pub reassemblies: usize,
    /// Executions pending at the mirror.
    pub pending_executions: usize,
    /// Durable in-flight marks.
    pub marks: usize,
    /// Journal records that are not durable.
    pub outstanding_records: usize,
    /// Blocks that stand only in the journal.
    pub undestaged_blocks: usize,
    /// Journal pages promised and not used.
    pub promised_pages: u64,
}

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
    recovery: Option<(ReservationKey, Recovery)>,
    set: Option<StorageSet>,
    owner: Option<Owner>,
    mirror: Option<Mirror>,
}

/// How long an unanswered question to the M-module waits before it is repeated.
const ASK_AGAIN: crate::time::Duration = crate::time::Duration::from_millis(10);

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
        let owner = self.owner.as_ref().and_then(Owner::next_deadline);
        let mirror = self.mirror.as_ref().and_then(Mirror::next_deadline);
        self.ask_at
            .into_iter()
            .chain(self.destage_at)
            .chain(owner)
            .chain(mirror)
            .min()
    }

    fn ask(&mut self, now: Instant, out: &mut NodeOutbox) {
        if self.ask_at.is_none_or(|at| at <= now) {
            out.local(M_SLOT, Local::AskConfiguration { from: D_SLOT });
            self.ask_at = Some(now.after(ASK_AGAIN));
        }
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

    fn handle_configuration(&mut self, configuration: Arc<Configuration>, out: &mut NodeOutbox) {
        if self.phase != Phase::Configuring {
            return out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        }
        if let Err(error) = configuration.check() {
            panic!("the administrator's configuration cannot work: {error}");
        }
        self.ask_at = None;
        self.configuration = Some(Arc::clone(&configuration));
        match configuration.duty {
            Duty::Standby => self.enter(Phase::Standby, out),
            Duty::Primary => {
                self.enter(Phase::Claiming, out);
                let devices = devices(&configuration);
                let (claim, ask) = Claim::start(devices, configuration.node, &mut self.ids);
                self.claim = Some(claim);
                out.submit(ask);
            }
        }
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

    fn handle_claim(&mut self, io: IoId, result: Result<IoOutput, IoError>, out: &mut NodeOutbox) {
        let Some(claim) = self.claim.as_mut() else {
            return;
        };
        match claim.handle_completion(io, result, &mut self.ids) {
            None => {}
            Some(claim::Progress::Submit(submission)) => out.submit(submission),
            Some(claim::Progress::Failed(error)) => self.halt(error, out),
            Some(claim::Progress::Won(key)) => {
                self.claim = None;
                out.trace(Event::Fenced(key));
                self.enter(Phase::Recovering, out);
                let configuration = self.configuration.as_ref().expect("a claim needs one");
                let (recovery, io) = Recovery::start(devices(configuration), &mut self.ids);
                self.recovery = Some((key, recovery));
                out.submit(Submission {
                    device: io.device,
                    io: io.io,
                    key,
                    request: io.request,
                });
            }
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
                    self.with_owner(now, out, |owner, set, cx| owner.admit(set, cx));
                }
            }
            IoOwner::Read => {
                self.with_owner(now, out, |owner, set, cx| {
                    owner.handle_read(io, result, set, cx)
                });
            }
            IoOwner::Claim => {}
        }
    }

    fn handle_recovery(&mut self, io: IoId, output: IoOutput, now: Instant, out: &mut NodeOutbox) {
        let Some((key, recovery)) = self.recovery.as_mut() else {
            return;
        };
        let key = *key;
        match recovery.handle_completion(io, output, &mut self.ids) {
            None => {}
            Some(recovery::Progress::Submit(io)) => {
                out.submit(Submission {
                    device: io.device,
                    io: io.io,
                    key,
                    request: io.request,
                });
            }
            Some(recovery::Progress::Failed(_)) => self.halt(IoError::Gone, out),
            Some(recovery::Progress::Done(recovered)) => {
                self.recovery = None;
                self.take_office(key, *recovered, now, out);
            }
        }
    }

    /// The set is read back: goes on in the role that the journal says.
    fn take_office(
        &mut self,
        key: ReservationKey,
        recovered: Recovered,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        let configuration = self.configuration.clone().expect("recovery needs one");
        let orphans = u32::try_from(recovered.tables.marks.len()).expect("marks are bounded");
        let last = crate::vocabulary::Lsn::new(recovered.head.lsn.value() - 1);
        out.trace(Event::Recovered {
            last,
            records: recovered.records,
            orphans,
        });
        let own = Superblock {
            set: configuration.set.id,
            format: configuration.set.format,
            geometry: configuration.set.geometry,
        };
        if recovered.superblock != own {
            out.probe("foreign set refused");
            return self.halt(IoError::Gone, out);
        }
        let role = recovered.tables.role;
        let mut set = StorageSet::new(key, devices(&configuration), recovered);
        match role {
            Role::Owner => {
                self.enter(Phase::Announcing, out);
                let mut cx = Context {
                    now,
                    incarnation: self.incarnation,
                    configuration: &configuration,
                    ids: &mut self.ids,
                    out,
                };
                self.owner = Some(Owner::start(&mut set, &mut cx));
            }
            Role::Mirror => {
                self.enter(Phase::Following, out);
                self.mirror = Some(Mirror::default());
            }
        }
        self.set = Some(set);
    }

    /// Hands durable records to the role that wrote them, in journal order.
    fn handle_durable(&mut self, now: Instant, out: &mut NodeOutbox) {
        while let Some(record) = self.set.as_mut().and_then(StorageSet::take_durable) {
            self.with_owner(now, out, |owner, set, cx| {
                owner.handle_durable(&record, set, cx)
            });
            self.with_mirror(now, out, |mirror, set, cx| {
                mirror.handle_durable(&record, set.tables().fence, cx);
            });
        }
    }

    fn handle_packet(&mut self, packet: &Packet, now: Instant, out: &mut NodeOutbox) {
        let Some(configuration) = &self.configuration else {
            return out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        };
        let Ok(message) = peer::decode(&packet.frame) else {
            return out.trace(Event::Ignored(IgnoreReason::Undecodable));
        };
        let is_mine = packet.network == configuration.peer_network
            && message.volume() == configuration.volume;
        if !is_mine {
            return out.trace(Event::Ignored(IgnoreReason::Misrouted));
        }
        match self.phase {
            Phase::Standby => self.answer_not_owner(packet.from, &message, out),
            Phase::Following => self.with_mirror(now, out, |mirror, set, cx| match message {
                PeerMessage::Hello(hello) => mirror.handle_hello(packet.from, &hello, set, cx),
                PeerMessage::Portion(portion) => {
                    mirror.handle_portion(packet.from, portion, set, cx)
                }
                PeerMessage::HelloAck { .. }
                | PeerMessage::HelloRefused { .. }
                | PeerMessage::SetAck { .. }
                | PeerMessage::CopyAck { .. }
                | PeerMessage::NotOwner { .. } => {
                    cx.out.trace(Event::Ignored(IgnoreReason::WrongPhase));
                }
            }),
            Phase::Announcing | Phase::Serving => {
                self.with_owner(now, out, |owner, set, cx| {
                    owner.handle_peer(&message, set, cx)
                });
                self.serve_once_confirmed(out);
            }
            Phase::Configuring | Phase::Claiming | Phase::Recovering | Phase::Halted => {
                out.trace(Event::Ignored(IgnoreReason::WrongPhase));
            }
        }
    }

    fn answer_not_owner(&self, to: Address, message: &PeerMessage, out: &mut NodeOutbox) {
        let Some(configuration) = &self.configuration else {
            return;
        };
        let (session, attempt) = match message {
            PeerMessage::Hello(hello) => (hello.session, hello.attempt),
            PeerMessage::Portion(portion) => (portion.session, portion.attempt),
            PeerMessage::HelloAck { .. }
            | PeerMessage::HelloRefused { .. }
            | PeerMessage::SetAck { .. }
            | PeerMessage::CopyAck { .. }
            | PeerMessage::NotOwner { .. } => return,
        };
        let answer = PeerMessage::NotOwner {
            volume: configuration.volume,
            session,
            attempt,
        };
        let id = session.incarnation.value();
        let label = Label {
            kind: kind::NOT_OWNER,
            incarnation: self.incarnation,
            id,
            part: 0,
            attempt,
        };
        out.send(configuration.peer_network, to, label, peer::encode(&answer));
    }

    fn serve_once_confirmed(&mut self, out: &mut NodeOutbox) {
        let is_confirmed = self.owner.as_ref().is_some_and(Owner::is_serving);
        if self.phase == Phase::Announcing && is_confirmed {
            self.enter(Phase::Serving, out);
        }
    }

    fn handle_request(
        &mut self,
        client: Address,
        request: ClientRequest,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        if self.phase != Phase::Serving {
            return out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        }
        self.with_owner(now, out, |owner, set, cx| match request {
            ClientRequest::Connect {
                client: id,
                attempt,
                ..
            } => {
                let ticket = status::ticket(cx);
                let reply = ClientReply::Connected {
                    client: id,
                    attempt,
                    ticket,
                };
                cx.out.local(N_SLOT, Local::Reply { client, reply });
            }
            ClientRequest::Command(frame) => owner.handle_command(client, frame, set, cx),
        });
    }

    fn handle_deadline(&mut self, now: Instant, out: &mut NodeOutbox) {
        self.with_owner(now, out, |owner, set, cx| owner.handle_deadline(set, cx));
        self.with_mirror(now, out, |mirror, _, cx| mirror.handle_deadline(cx.now));
    }

    /// Starts a destage when the journal is half full, or has been left alone.
    fn destage(&mut self, now: Instant, out: &mut NodeOutbox) {
        let (Some(set), Some(configuration)) = (self.set.as_mut(), &self.configuration) else {
            return;
        };
        if self.phase == Phase::Halted || set.is_destaging() {
            self.destage_at = None;
            return;
        }
        if set.journal().used() == 0 {
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

    fn with_owner(
        &mut self,
        now: Instant,
        out: &mut NodeOutbox,
        act: impl FnOnce(&mut Owner, &mut StorageSet, &mut Context<'_>),
    ) {
        let (Some(owner), Some(set), Some(configuration)) = (
            self.owner.as_mut(),
            self.set.as_mut(),
            self.configuration.as_ref(),
        ) else {
            return;
        };
        let (incarnation, ids) = (self.incarnation, &mut self.ids);
        act(
            owner,
            set,
            &mut Context {
                now,
                incarnation,
                configuration,
                ids,
                out,
            },
        );
    }

    fn with_mirror(
        &mut self,
        now: Instant,
        out: &mut NodeOutbox,
        act: impl FnOnce(&mut Mirror, &mut StorageSet, &mut Context<'_>),
    ) {
        let (Some(mirror), Some(set), Some(configuration)) = (
            self.mirror.as_mut(),
            self.set.as_mut(),
            self.configuration.as_ref(),
        ) else {
            return;
        };
        let (incarnation, ids) = (self.incarnation, &mut self.ids);
        act(
            mirror,
            set,
            &mut Context {
                now,
                incarnation,
                configuration,
                ids,
                out,
            },
        );
    }

    /// What is left to do.
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        if let Some(owner) = &self.owner {
            owner.census(&mut census);
        }
        if let Some(mirror) = &self.mirror {
            (census.reassemblies, census.pending_executions) = mirror.census();
        }
        if let Some(set) = &self.set {
            census.marks = set.tables().marks.len();
            census.outstanding_records = set.journal().outstanding();
            census.undestaged_blocks = set.blocks().len();
            census.promised_pages = set.promised();
        }
        census
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

fn devices(configuration: &Configuration) -> Devices {
    let set = &configuration.set;
    Devices {
        journal: set.journal,
        data: set.data,
        geometry: set.geometry,
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

//! The D-module: performs commands on a storage set and replicates them.
//!
//! This is the module's head: it owns the phase and what is held in it, and routes
//! inputs to its rooms. It refuses to know any protocol; that is in `owner` and
//! `mirror` and the rooms that they compose.
//!
//! ```text
//! Configuring --configuration--> Standby --set is its own, or partner silent--> Claiming
//!                                   ^                                              |
//!                                   |                                     reservation won
//!                                   |                                              v
//!          Halted <--not readable---|---------------------------------------- Recovering
//!                                   |                                         |        |
//!                                conflict,       Following <--role mirror-----+    role owner
//!                              device error          |                                 v
//!                                   |<---------------+---- Serving <--authority-- Announcing
//!                                   +<-------------------------+----------------------+
//!                                   +<--drained--- Draining <--+ handed over to the partner,
//!                                                      |          and back if that is given up
//!                                                      +-- Following
//! ```
//!
//! A switchover to the other site makes an owner a mirror, by way of HandingOff if it is
//! planned, and a mirror an owner: `switchover`.
//!
//! Who loses the set is a standby from then on, in a new incarnation: what it
//! answered last, it answered before.

pub mod access;
pub mod arbiter;
pub mod authority;
mod boot;
mod census;
pub mod claim;
pub mod communications;
mod context;
mod formatting;
pub mod generation;
pub mod handing_off;
pub mod handover;
pub mod heart;
pub mod interconnect;
mod messages;
pub mod mirror;
pub mod ordering;
pub mod orphans;
pub mod owner;
pub mod paths;
pub mod replication;
pub mod status;
pub mod switchover;
#[cfg(test)]
mod tests;
pub mod watch;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::census::Census;
use self::claim::Claim;
pub use self::context::Context;
use self::context::Office;
use self::formatting::Formatting;
use self::generation::Generation;
use self::handing_off::HandingOff;
use self::handover::HandOver;
use self::heart::{Heard, Heart};
use self::interconnect::Line;
use self::mirror::Mirror;
use self::owner::Owner;
use self::paths::Paths;
use self::switchover::SwitchOver;
use self::watch::Watch;
use crate::configuration::{Configuration, Hardware};
use crate::contract::{Completion, Entropy, Input, IoError, IoId, IoOutput, ReservationKey};
use crate::event::{Event, IgnoreReason, Phase};
use crate::local::{Local, NodeOutbox};
use crate::storage_set::recovery::Recovery;
use crate::storage_set::{IoIds, IoOwner, StorageSet, is_fenced};
use crate::time::Instant;
use crate::vocabulary::SiteEpoch;

/// A node's D-module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DModule {
    incarnation: u64,
    phase: Phase,
    configuration: Option<Arc<Configuration>>,
    /// Behind an `Arc`: rarely touched, and a fork copies the module.
    generation: Arc<Generation>,
    /// The same.
    paths: Arc<Paths>,
    ask_at: Option<Instant>,
    destage_at: Option<Instant>,
    /// The last one failed: the next waits for its time, however full the journal is.
    destage_pauses: bool,
    ids: IoIds,
    /// Device commands named up to here belong to a time when this module held the
    /// set before; their ends mean nothing any more.
    late_ios: u64,
    /// Its end of the interconnect. Boxed: most modules have none, and a fork copies the
    /// module.
    line: Option<Box<Line>>,
    /// These two are boxed: most modules have neither, and a fork copies the module.
    watch: Option<Box<Watch>>,
    claim: Option<Box<Claim>>,
    /// The former holder may still answer from its memory when the set is won.
    waits: bool,
    /// The set was taken over from the partner.
    is_heir: bool,
    /// A reign of the other site, of which this node has heard while its set was frozen.
    yields_to: SiteEpoch,
    /// Beats from the reservation to its loss.
    heart: Option<Heart>,
    /// While the set is being handed over, or may be.
    handover: Option<Box<HandOver>>,
    /// While the volume's ownership is on its way to the other site.
    switchover: Option<Box<SwitchOver>>,
    /// This and the roles are boxed: no module has all of them, and a fork copies the
    /// module.
    recovery: Option<Box<(ReservationKey, Recovery)>>,
    formatting: Option<Box<(ReservationKey, Formatting)>>,
    set: Option<StorageSet>,
    owner: Option<Box<Owner>>,
    mirror: Option<Box<Mirror>>,
    handing_off: Option<Box<HandingOff>>,
}

impl DModule {
    /// Starts by reading the stored metadata and asking the M-module for the configuration.
    pub fn boot(hardware: Hardware, entropy: Entropy, now: Instant, out: &mut NodeOutbox) -> Self {
        let generation = Generation::start(hardware, out);
        let mut module = DModule {
            incarnation: entropy.bits(),
            phase: Phase::Configuring,
            configuration: None,
            generation: Arc::new(generation),
            paths: Arc::new(Paths::new(now)),
            ask_at: None,
            destage_at: None,
            destage_pauses: false,
            ids: IoIds::default(),
            late_ios: 0,
            line: None,
            watch: None,
            claim: None,
            waits: false,
            is_heir: false,
            yields_to: SiteEpoch::new(0),
            heart: None,
            handover: None,
            switchover: None,
            recovery: None,
            formatting: None,
            set: None,
            owner: None,
            mirror: None,
            handing_off: None,
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
                self.handle_configuration(configuration, now, out);
            }
            Input::Completion(completion) => self.handle_completion(completion, now, out),
            Input::Packet(packet) => self.handle_packet(&packet, now, out),
            Input::Local(Local::Request { client, request }) => {
                self.handle_request(client, request, now, out);
            }
            Input::Local(Local::Order(order)) => self.handle_order(order, now, out),
            Input::Deadline => self.handle_deadline(now, out),
            Input::Local(Local::Found { nonce, found, .. }) => {
                self.handle_found(nonce, found, now, out);
            }
            Input::Local(
                Local::AskConfiguration { .. }
                | Local::Reply { .. }
                | Local::Search(_)
                | Local::Serves { .. },
            ) => {
                out.trace(Event::Ignored(IgnoreReason::Misrouted));
            }
        }
        self.destage(now, out);
        self.drain(now, out);
        self.switch_over(now, out);
        self.settle_paths(now, out);
    }

    /// The earliest deadline of all roles.
    pub fn next_deadline(&self) -> Option<Instant> {
        let owner = self.owner.as_deref().and_then(Owner::next_deadline);
        let mirror = self.mirror.as_deref().and_then(Mirror::next_deadline);
        self.ask_at
            .into_iter()
            .chain(self.destage_at)
            .chain(self.generation_deadline())
            .chain(self.paths.next_deadline())
            .chain(self.line.as_deref().and_then(Line::next_deadline))
            .chain(self.watch.as_deref().and_then(Watch::next_deadline))
            .chain(self.heart.as_ref().and_then(Heart::next_deadline))
            .chain(self.handover.as_deref().and_then(HandOver::next_deadline))
            .chain(
                self.switchover
                    .as_deref()
                    .and_then(SwitchOver::next_deadline),
            )
            .chain(owner)
            .chain(mirror)
            .chain(
                self.handing_off
                    .as_deref()
                    .and_then(HandingOff::next_deadline),
            )
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
        if IoIds::owner(io) == Some(IoOwner::Metadata) {
            // Of no office: it counts whatever has become of the set.
            return self.handle_metadata(io, result, now, out);
        }
        if self.phase == Phase::Halted || !IoIds::is_later_than(io, self.late_ios) {
            return out.trace(Event::Ignored(IgnoreReason::LateCompletion));
        }
        match IoIds::owner(io) {
            Some(IoOwner::Claim) => self.handle_claim(io, result, now, out),
            Some(IoOwner::Mailbox) => self.handle_mailbox(io, result, now, out),
            Some(IoOwner::Destage) if self.survives(&result) => {
                self.handle_destage_failure(io, now, out)
            }
            Some(IoOwner::Recovery) if matches!(result, Err(IoError::Unreadable(_))) => {
                self.handle_recovery(io, result, now, out);
            }
            Some(owner) => match result {
                Err(error) if is_fenced(error) || owner != IoOwner::Read => {
                    self.halt(error, now, out);
                }
                Ok(_) | Err(_) => self.handle_set_completion(owner, (io, result), now, out),
            },
            None => out.trace(Event::Ignored(IgnoreReason::LateCompletion)),
        }
    }

    /// An owner whose data device fails goes on: the journal holds what is not destaged,
    /// and the mirror what cannot be read. A mirror stands down, for its owner is to
    /// know.
    fn survives(&self, result: &Result<IoOutput, IoError>) -> bool {
        let is_failure = result.as_ref().is_err_and(|error| !is_fenced(*error));
        let can_fail = self.set.as_ref().is_some_and(StorageSet::can_destage_fail);
        is_failure && can_fail && self.owner.is_some()
    }

    fn handle_destage_failure(&mut self, io: IoId, now: Instant, out: &mut NodeOutbox) {
        out.probe("destage failed");
        if let (Some(set), Some(configuration)) = (self.set.as_mut(), &self.configuration) {
            set.handle_destage_failure(io, &mut self.ids);
            self.destage_pauses = true;
            self.destage_at = Some(now.after(configuration.timers.idle_destage));
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
            IoOwner::Recovery => self.handle_recovery(io, result, now, out),
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
            IoOwner::Read => match self.office(now, out) {
                Some((Office::Owner(owner), set, mut cx)) => {
                    owner.handle_read(io, result, set, &mut cx);
                }
                Some((Office::Mirror(mirror), set, mut cx)) => {
                    mirror.handle_read(io, &result, set, &mut cx);
                }
                Some((Office::HandingOff(_), ..)) | None => {}
            },
            IoOwner::Formatting => self.handle_formatting(io, out),
            IoOwner::Claim | IoOwner::Mailbox | IoOwner::Metadata => {}
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
                    mirror.handle_durable(&record, set, &mut cx);
                }
                Some((Office::HandingOff(_), ..)) | None => {}
            }
            self.handle_reign(&record.entry, now, out);
        }
    }

    /// A command of the mailbox: a standby's look at its partner, or a holder's
    /// heartbeat and lease.
    fn handle_mailbox(
        &mut self,
        io: IoId,
        result: Result<IoOutput, IoError>,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        if self.watch.is_some() {
            return self.handle_watch(io, result, now, out);
        }
        if self.handle_handover_look(io, &result, now, out) {
            return;
        }
        let Some((heart, mut cx)) = self.pulse(now, out) else {
            return;
        };
        let was_fresh = heart.is_fresh(now);
        match heart.handle_completion(io, result.err(), &mut cx) {
            Err(error) => self.halt(error, now, out),
            Ok(Heard::Drained) => self.let_go(now, out),
            Ok(Heard::Nothing) if !was_fresh => self.handle_freshness(now, out),
            Ok(Heard::Nothing) => {}
        }
    }

    /// The HA lease runs again, or the former holder's is over: what waited goes on.
    fn handle_freshness(&mut self, now: Instant, out: &mut NodeOutbox) {
        self.serve_once_confirmed(now, out);
        if let Some((Office::Owner(owner), set, mut cx)) = self.office(now, out) {
            owner.handle_authority(set, &mut cx);
        }
    }

    /// The heart, and what it needs for one input.
    fn pulse<'a>(
        &'a mut self,
        now: Instant,
        out: &'a mut NodeOutbox,
    ) -> Option<(&'a mut Heart, Context<'a>)> {
        let configuration = self.configuration.as_ref()?;
        let cx = Context::outside(now, self.incarnation, configuration, &mut self.ids, out);
        Some((self.heart.as_mut()?, cx))
    }

    fn handle_heart_deadline(&mut self, now: Instant, out: &mut NodeOutbox) {
        let Some((heart, mut cx)) = self.pulse(now, out) else {
            return;
        };
        let is_over = heart.take_waited_out(now);
        let is_fresh = heart.is_fresh(now);
        let is_beat = heart.handle_deadline(&mut cx);
        if is_beat && is_fresh {
            self.tell_of_service(out);
        }
        if is_over {
            out.trace(Event::LeaseWaitedOut);
            self.handle_freshness(now, out);
        }
    }

    fn handle_deadline(&mut self, now: Instant, out: &mut NodeOutbox) {
        if self.ask_at.is_some() {
            self.ask(now, out);
        }
        self.handle_generation_deadline(now, out);
        self.handle_paths_deadline(now, out);
        self.handle_line_deadline(now, out);
        self.handle_watch_deadline(now, out);
        self.handle_heart_deadline(now, out);
        self.handle_handover_deadline(now, out);
        self.handle_switchover_deadline(now, out);
        let is_draining = self.phase == Phase::Draining;
        match self.office(now, out) {
            Some((Office::Owner(owner), set, mut cx)) => owner.handle_deadline(set, &mut cx),
            Some((Office::Mirror(mirror), set, mut cx)) => {
                mirror.handle_deadline(&mut cx);
                // A set that goes to the partner is not promoted meanwhile.
                if !is_draining {
                    mirror.handle_promotion_deadline(set, &mut cx);
                }
            }
            Some((Office::HandingOff(handing), set, mut cx)) => {
                handing.handle_deadline(set, &mut cx);
            }
            None => {}
        }
    }

    /// Starts a destage when the journal is half full, or has been left alone.
    fn destage(&mut self, now: Instant, out: &mut NodeOutbox) {
        let (Some(set), Some(configuration)) = (self.set.as_mut(), &self.configuration) else {
            return;
        };
        if set.is_destaging() || set.journal().used() == 0 {
            self.destage_at = None;
            return;
        }
        let is_half_full = set.journal().used() * 2 > configuration.set.geometry.ring_pages;
        let is_due = self.destage_at.is_some_and(|at| at <= now);
        if is_due || (is_half_full && !self.destage_pauses) {
            self.destage_at = None;
            self.destage_pauses = false;
            for io in set.start_destage(&mut self.ids) {
                out.submit(io);
            }
        }
        if !set.is_destaging() && self.destage_at.is_none_or(|at| at <= now) {
            self.destage_at = Some(now.after(configuration.timers.idle_destage));
        }
    }

    /// Somebody else holds the set, or a device of it is gone: this module owns
    /// nothing any more. Its clients hear that nothing is known, and it watches who
    /// holds the set, as a new incarnation.
    fn halt(&mut self, error: IoError, now: Instant, out: &mut NodeOutbox) {
        out.trace(Event::Halted(error));
        if is_fenced(error) {
            out.probe("deposed node's device command refused");
        }
        if let Some((Office::Owner(owner), _, mut cx)) = self.office(now, out) {
            owner.fail_clients(&mut cx);
        }
        self.drop_set();
        // Tickets and nonces of the former one are worth nothing.
        self.incarnation = self.incarnation.wrapping_add(NEXT_LIFE);
        self.stand_by(None, now, out);
    }

    /// The set cannot be served from, by this node or its partner: nothing is touched
    /// any more, unless the other site has a later reign.
    fn refuse(&mut self, out: &mut NodeOutbox) {
        out.trace(Event::Halted(IoError::Gone));
        self.drop_set();
        self.enter(Phase::Halted, out);
    }

    fn drop_set(&mut self) {
        self.late_ios = self.ids.last();
        Arc::make_mut(&mut self.generation).drop_set();
        // Without a set nothing is due; a deadline left standing would be asked
        // for again and again at one instant.
        self.destage_at = None;
        self.destage_pauses = false;
        self.claim = None;
        self.recovery = None;
        self.formatting = None;
        self.heart = None;
        self.handover = None;
        self.switchover = None;
        self.set = None;
        self.owner = None;
        self.mirror = None;
        self.handing_off = None;
    }

    /// Asserts what must hold between any two inputs.
    pub fn check_invariants(&self) {
        let has_office =
            self.owner.is_some() || self.mirror.is_some() || self.handing_off.is_some();
        assert!(
            has_office == self.set.is_some(),
            "a set is held exactly by a role"
        );
        self.paths.check_invariants();
    }
}

/// How far the incarnations of one boot are apart: further than the nonces of one of
/// them, which begin at it, can ever run.
const NEXT_LIFE: u64 = 1 << 32;

fn can_become(from: Phase, to: Phase) -> bool {
    let is_lost = to == Phase::Standby;
    match from {
        Phase::Configuring => is_lost,
        Phase::Standby => to == Phase::Claiming,
        Phase::Claiming => is_lost || to == Phase::Recovering,
        Phase::Recovering => {
            is_lost
                || matches!(
                    to,
                    Phase::Announcing | Phase::Following | Phase::HandingOff | Phase::Halted
                )
        }
        Phase::Announcing => is_lost || matches!(to, Phase::Serving | Phase::Following),
        Phase::Serving => is_lost || matches!(to, Phase::Draining | Phase::Following),
        Phase::Following => is_lost || matches!(to, Phase::Draining | Phase::Announcing),
        Phase::Draining => {
            is_lost || matches!(to, Phase::Serving | Phase::Following | Phase::HandingOff)
        }
        Phase::HandingOff => is_lost || matches!(to, Phase::Announcing | Phase::Following),
        Phase::Halted => is_lost,
    }
}

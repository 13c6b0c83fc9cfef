//! The switchover: the volume's ownership goes to the other site, or comes to this one.
//!
//! Owned by the head. Owns how an order begins, the drain before a planned switchover, and
//! which role follows which when a reign begins or ends:
//!
//! ```text
//!            StandDown durable
//!   owner ------------------------> mirror
//!     | ^                           ^   |
//!     | +---- Activate durable -----|---+
//!     |                             |
//!     +--- HandOff durable ---> handing off ---> mirror (StandDown), or owner (Activate)
//! ```
//!
//! Each is a record, and the office changes when it is durable. A new office is a new
//! incarnation: the tickets and nonces of the former one are worth nothing. Refuses to know
//! why a reign ends: that is the roles'.

use serde::{Deserialize, Serialize};

use super::context::Office;
use super::handing_off::HandingOff;
use super::mirror::{Mirror, is_forcing};
use super::owner::Owner;
use super::{Context, DModule, NEXT_LIFE};
use crate::event::{Event, OrderRefusal, Phase};
use crate::local::{NodeOutbox, Order};
use crate::storage_set::record::{Entry, Mode};
use crate::storage_set::tables::Role;
use crate::time::Instant;

/// A planned switchover that ends what was accepted, by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchOver {
    until: Instant,
    /// The word is on its way to the journal.
    is_said: bool,
}

impl SwitchOver {
    /// When it is given up.
    pub fn next_deadline(&self) -> Option<Instant> {
        (!self.is_said).then_some(self.until)
    }
}

impl DModule {
    /// The administrator's order: a switchover, planned or forced, or growth.
    pub(super) fn handle_site_order(&mut self, order: Order, now: Instant, out: &mut NodeOutbox) {
        let done = match (order, is_forcing(order)) {
            (Order::Grow, _) => self.grow(now, out),
            (_, Some(attested)) => self.force(attested, now, out),
            (_, None) => self.begin_switchover(now, out),
        };
        if let Err(refusal) = done {
            out.trace(Event::OrderRefused(order, refusal));
        }
    }

    /// The volume takes all the room of its set.
    fn grow(&mut self, now: Instant, out: &mut NodeOutbox) -> Result<(), OrderRefusal> {
        let phase = self.phase;
        match (phase, self.office(now, out)) {
            (Phase::Serving, Some((Office::Owner(owner), set, mut cx))) => owner.grow(set, &mut cx),
            (Phase::Draining | Phase::HandingOff, _) => Err(OrderRefusal::UnderWay),
            (_, _) => Err(OrderRefusal::NotHolder),
        }
    }

    fn force(
        &mut self,
        attested: bool,
        now: Instant,
        out: &mut NodeOutbox,
    ) -> Result<(), OrderRefusal> {
        match (self.phase, self.office(now, out)) {
            (Phase::Following, Some((Office::Mirror(mirror), set, mut cx))) => {
                mirror.force(attested, set, &mut cx)
            }
            // Without a mediator an owner that has booted waits for its mirror's word; the
            // administrator's does as well.
            (Phase::Announcing, Some((Office::Owner(owner), set, mut cx)))
                if attested && cx.configuration.mediator.is_none() =>
            {
                cx.out.probe("owner confirmed by the administrator");
                owner.confirm(set, &mut cx);
                self.serve_once_confirmed(now, out);
                Ok(())
            }
            (_, _) => Err(OrderRefusal::NotHolder),
        }
    }

    /// Nothing is accepted from now on; what was accepted ends.
    fn begin_switchover(&mut self, now: Instant, out: &mut NodeOutbox) -> Result<(), OrderRefusal> {
        if self.phase != Phase::Serving || self.switchover.is_some() {
            let is_under_way = matches!(self.phase, Phase::Draining | Phase::HandingOff);
            return Err(match is_under_way {
                true => OrderRefusal::UnderWay,
                false => OrderRefusal::NotHolder,
            });
        }
        let Some((Office::Owner(owner), set, mut cx)) = self.office(now, out) else {
            return Err(OrderRefusal::NotHolder);
        };
        if owner.has_orphans() {
            return Err(OrderRefusal::Orphans);
        }
        if !owner.is_whole(set) {
            return Err(OrderRefusal::OutOfSync);
        }
        if owner.is_growing() {
            return Err(OrderRefusal::UnderWay);
        }
        owner.begin_drain(set, &mut cx);
        owner.prepare_hand_off(&mut cx);
        let until = now.after(cx.configuration.timers.drain_limit);
        self.handover = None;
        self.switchover = Some(Box::new(SwitchOver {
            until,
            is_said: false,
        }));
        self.enter(Phase::Draining, out);
        Ok(())
    }

    /// Gives the reign away once nothing accepted is left; called after every input.
    pub(super) fn switch_over(&mut self, now: Instant, out: &mut NodeOutbox) {
        if self.switchover.as_ref().is_none_or(|it| it.is_said) {
            return;
        }
        let Some((Office::Owner(owner), set, mut cx)) = self.office(now, out) else {
            return;
        };
        let Some(version) = owner.hand_off_version(set, &cx) else {
            return;
        };
        owner.hand_off(version, set, &mut cx);
        if let Some(switchover) = &mut self.switchover {
            switchover.is_said = true;
        }
    }

    /// What was accepted does not end, or the mirror is lost meanwhile.
    pub(super) fn handle_switchover_deadline(&mut self, now: Instant, out: &mut NodeOutbox) {
        let is_late = |it: &SwitchOver| it.next_deadline().is_some_and(|until| until <= now);
        if !self.switchover.as_deref().is_some_and(is_late) {
            return;
        }
        self.switchover = None;
        out.probe("switchover given up");
        self.go_on_after_drain(now, out);
    }

    /// A record that gives the office to another role is durable.
    pub(super) fn handle_reign(&mut self, entry: &Entry, now: Instant, out: &mut NodeOutbox) {
        let role = match entry {
            Entry::Activate {
                session, forced, ..
            } => {
                out.trace(Event::Activated {
                    session: *session,
                    forced: *forced,
                });
                Role::Owner
            }
            Entry::HandOff { version } => {
                out.trace(Event::HandedOff(*version));
                Role::HandOff
            }
            // The administrator's word, to a mirror.
            Entry::StandDown { .. } if self.mirror.is_some() => return,
            Entry::StandDown { .. } => {
                out.trace(Event::StoodDown);
                Role::Mirror
            }
            Entry::Mark { .. }
            | Entry::Perform(_)
            | Entry::Fail { .. }
            | Entry::Clear { .. }
            | Entry::Session { .. }
            | Entry::Fence { .. }
            | Entry::Copy { .. }
            | Entry::Dirty { .. }
            | Entry::Finish
            | Entry::Repair { .. }
            | Entry::Lost
            | Entry::Grow { .. } => return,
        };
        self.vacate(now, out);
        self.take_role(role, true, now, out);
        if self.phase == Phase::Following {
            self.consider_giveback(now, out);
        }
    }

    /// The office is empty: clients that wait hear that nothing is known.
    fn vacate(&mut self, now: Instant, out: &mut NodeOutbox) {
        if let Some((Office::Owner(owner), _, mut cx)) = self.office(now, out) {
            owner.fail_clients(&mut cx);
        }
        (self.owner, self.mirror) = (None, None);
        (self.handover, self.switchover) = (None, None);
        if let Some(set) = &mut self.set {
            set.forget_promises();
        }
        self.incarnation = self.incarnation.wrapping_add(NEXT_LIFE);
    }

    /// Takes the office that the journal gives. `is_fresh` unless the journal was read back.
    pub(super) fn take_role(
        &mut self,
        role: Role,
        is_fresh: bool,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        let given_at = self.handing_off.take().and_then(|it| it.given_at());
        let phase = match role {
            Role::Owner => Phase::Announcing,
            Role::Mirror => Phase::Following,
            Role::HandOff => Phase::HandingOff,
        };
        self.enter(phase, out);
        let (Some(configuration), Some(set)) = (self.configuration.clone(), self.set.as_mut())
        else {
            return;
        };
        let mut cx = Context {
            now,
            incarnation: self.incarnation,
            configuration: &configuration,
            is_fresh: false,
            holder: self.paths.holder(),
            ids: &mut self.ids,
            out,
        };
        match role {
            Role::Owner => {
                // By the administrator's word alone, or the former owner's.
                let is_named = is_fresh && configuration.mediator.is_none();
                let is_alone = set.tables().mode != Mode::InSync;
                let mut owner = Owner::start(set, &mut cx);
                if is_named && is_alone {
                    owner.confirm(set, &mut cx);
                }
                self.owner = Some(Box::new(owner));
            }
            Role::Mirror => {
                let mut mirror = Mirror::start(set.tables().consistency, &mut cx);
                if let Some(epoch) = given_at {
                    mirror.say_farewell(set.tables().session, epoch, &mut cx);
                }
                self.mirror = Some(Box::new(mirror));
            }
            Role::HandOff => {
                self.handing_off = Some(Box::new(HandingOff::start(is_fresh, set, &mut cx)));
            }
        }
        self.serve_once_confirmed(now, out);
    }
}

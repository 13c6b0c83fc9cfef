//! The hand-over: the set goes to a partner that watches, by order or by itself.
//!
//! ```text
//! Looking --partner watches--> Ending --nothing accepted is left--> Saying --durable--> standby
//!    |                           |
//!    +--does not watch: refused  +--drain_limit: given up, a new incarnation goes on
//! ```
//!
//! A partner that is silent in the mailbox and hears this module over the interconnect asks
//! for the set too: then there is nobody to be looked for.
//!
//! A giveback and a planned takeover are one thing: who holds the set gives it away. From
//! *Ending* on this incarnation accepts nothing: a client's frame that comes now is refused
//! without a record, for its ticket is worth nothing to any other incarnation. When nothing
//! accepted is left the mailbox is told, and then nothing is answered at all: the partner
//! need not wait for this node's HA lease. The reservation is not given up; the partner
//! preempts it.
//!
//! Once the word has left for the mailbox there is no way back under this key: it may be
//! executed at any time.
//!
//! Owned by the head while the set is held. Owns when the set is given away; refuses to
//! know how commands end, and how the partner takes it.

use serde::{Deserialize, Serialize};

use super::context::Office;
use super::heart::Heart;
use super::watch::Farewell;
use super::{Context, DModule, NEXT_LIFE};
use crate::configuration::{Configuration, Duty};
use crate::contract::{IoError, IoId, IoOutput, IoRequest, ReservationKey, Submission};
use crate::event::{Event, IgnoreReason, OrderRefusal, Phase};
use crate::local::{NodeOutbox, Order};
use crate::storage_set::IoOwner;
use crate::storage_set::format::{Heartbeat, decode_heartbeat};
use crate::time::{Duration, Instant};

/// Heartbeats that an ordered hand-over waits for its partner to show itself.
const PATIENCE: u64 = 5;

/// How far a hand-over is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// Whether the partner watches. `until`: an order is refused then; without one the set
    /// is given back once the partner has watched for long enough.
    Looking { until: Option<Instant> },
    /// What was accepted ends, by then.
    Ending { until: Instant },
    /// The mailbox is told.
    Saying,
}

/// A hand-over, or the wait for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    stage: Stage,
    tick_at: Instant,
    /// The look at the mailbox that is under way.
    look: Option<IoId>,
    seen: Option<Heartbeat>,
    /// When the partner's heartbeat was last seen to change.
    seen_at: Instant,
    /// Since when the partner watches.
    watches_since: Option<Instant>,
}

/// What a look at the partner leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Looks again.
    Wait,
    /// The partner watches, and has for long enough.
    Watches,
    /// It does not.
    Absent,
}

impl HandOver {
    /// By order; else the set is given back when the time has come.
    pub fn start(is_ordered: bool, cx: &Context<'_>) -> Self {
        let patience = cx.configuration.timers.heartbeat.times(PATIENCE);
        HandOver {
            stage: Stage::Looking {
                until: is_ordered.then(|| cx.now.after(patience)),
            },
            tick_at: cx.now,
            look: None,
            seen: None,
            seen_at: cx.now,
            watches_since: None,
        }
    }

    /// Looks, when it is time.
    pub fn handle_deadline(&mut self, cx: &mut Context<'_>) -> Sight {
        let Stage::Looking { until } = self.stage else {
            return Sight::Wait;
        };
        if until.is_some_and(|until| until <= cx.now) {
            return Sight::Absent;
        }
        if self.tick_at <= cx.now {
            self.tick_at = cx.now.after(cx.configuration.timers.heartbeat);
            self.look = Some(look(cx));
        }
        Sight::Wait
    }

    /// The end of a look; none of its business if it asked nothing such.
    pub fn handle_look(
        &mut self,
        io: IoId,
        result: &Result<IoOutput, IoError>,
        cx: &Context<'_>,
    ) -> Option<Sight> {
        if self.look != Some(io) {
            return None;
        }
        self.look = None;
        let Stage::Looking { until } = self.stage else {
            return Some(Sight::Wait);
        };
        if let Ok(IoOutput::Pages(pages)) = result {
            let found = pages.first().and_then(|page| decode_heartbeat(page).ok());
            self.note(
                found.filter(|found| found.node == cx.configuration.partner),
                cx,
            );
        }
        let least = match until {
            Some(_) => Duration::ZERO,
            None => cx.configuration.timers.giveback_after.unwrap_or_default(),
        };
        let has_watched = |since: Instant| cx.now.since(since) >= least;
        Some(match self.watches_since.is_some_and(has_watched) {
            true => Sight::Watches,
            false => Sight::Wait,
        })
    }

    /// A heartbeat that moves and names no epoch is a standby's: no other phase of one that
    /// does not hold the set beats.
    fn note(&mut self, found: Option<Heartbeat>, cx: &Context<'_>) {
        if found != self.seen {
            let moves = self.seen.is_some() && found.is_some_and(|found| found.epoch == 0);
            self.watches_since = match moves {
                true => self.watches_since.or(Some(cx.now)),
                false => None,
            };
            (self.seen, self.seen_at) = (found, cx.now);
        }
        if cx.now.since(self.seen_at) >= cx.configuration.timers.takeover_after {
            self.watches_since = None;
        }
    }

    /// True once nothing is answered any more.
    pub fn is_silent(&self) -> bool {
        self.stage == Stage::Saying
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Looking { until } => until.into_iter().chain([self.tick_at]).min(),
            Stage::Ending { until } => Some(until),
            Stage::Saying => None,
        }
    }
}

/// Reads the partner's place in the mailbox, which needs no reservation.
fn look(cx: &mut Context<'_>) -> IoId {
    let Configuration { node, set, .. } = cx.configuration;
    let place = set.geometry.mailbox_slot(1 - cx.configuration.rank());
    let io = cx.ids.next(IoOwner::Mailbox);
    cx.out.submit(Submission {
        device: set.journal,
        io,
        key: ReservationKey {
            epoch: 0,
            node: node.value(),
        },
        request: IoRequest::Read {
            start: place,
            count: 1,
        },
    });
    io
}

impl DModule {
    /// The administrator's order.
    pub(super) fn handle_order(&mut self, order: Order, now: Instant, out: &mut NodeOutbox) {
        match order {
            Order::HandOver => {}
            Order::SwitchOver
            | Order::ForceSwitchOver
            | Order::ForceSwitchOverAttested
            | Order::Grow => {
                return self.handle_site_order(order, now, out);
            }
            Order::NewConfiguration => {
                return out.trace(Event::Ignored(IgnoreReason::Misrouted));
            }
        }
        if let Some(refusal) = self.refusal() {
            return out.trace(Event::OrderRefused(order, refusal));
        }
        self.look_out(true, now, out);
    }

    /// The partner asks for the set, over the interconnect, for it does not see this module's
    /// heartbeat. Who asks watches: it need not be looked for.
    pub(super) fn handle_asked(&mut self, epoch: u64, now: Instant, out: &mut NodeOutbox) {
        let is_meant = |heart: &Heart| heart.key().epoch == epoch;
        if !self.heart.as_ref().is_some_and(is_meant) {
            return out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        }
        match self.refusal() {
            Some(OrderRefusal::UnderWay) => out.trace(Event::Ignored(IgnoreReason::Redundant)),
            Some(refusal) => out.trace(Event::OrderRefused(Order::HandOver, refusal)),
            None => {
                let Some((_, _, cx)) = self.office(now, out) else {
                    return;
                };
                self.handover = Some(Box::new(HandOver::start(true, &cx)));
                out.probe("hand-over asked for by the partner");
                self.begin_handover(now, out);
            }
        }
    }

    /// A standby that holds the set looks out for its partner, if it is to give it back.
    pub(super) fn consider_giveback(&mut self, now: Instant, out: &mut NodeOutbox) {
        let gives_back = self
            .configuration
            .as_ref()
            .is_some_and(|it| it.duty == Duty::Standby && it.timers.giveback_after.is_some());
        if gives_back && self.handover.is_none() {
            self.look_out(false, now, out);
        }
    }

    fn look_out(&mut self, is_ordered: bool, now: Instant, out: &mut NodeOutbox) {
        if let Some((_, _, cx)) = self.office(now, out) {
            let handover = HandOver::start(is_ordered, &cx);
            self.handover = Some(Box::new(handover));
            self.handle_handover_deadline(now, out);
        }
    }

    /// Why the set cannot be handed over now, whoever watches.
    fn refusal(&self) -> Option<OrderRefusal> {
        let is_under_way = self.handover.as_ref().is_some_and(|it| match it.stage {
            Stage::Looking { until } => until.is_some(),
            Stage::Ending { .. } | Stage::Saying => true,
        });
        if is_under_way {
            return Some(OrderRefusal::UnderWay);
        }
        if !matches!(self.phase, Phase::Serving | Phase::Following) {
            return Some(OrderRefusal::NotHolder);
        }
        if !self.heart.as_ref().is_some_and(Heart::may_serve) {
            return Some(OrderRefusal::FormerHolder);
        }
        // The heir would have them too: but then they never end.
        let has_orphans = self.owner.as_ref().is_some_and(|owner| owner.has_orphans());
        has_orphans.then_some(OrderRefusal::Orphans)
    }

    /// A command of the mailbox that was this room's look.
    pub(super) fn handle_handover_look(
        &mut self,
        io: IoId,
        result: &Result<IoOutput, IoError>,
        now: Instant,
        out: &mut NodeOutbox,
    ) -> bool {
        let Some(mut handover) = self.handover.take() else {
            return false;
        };
        let sight = match self.office(now, out) {
            Some((_, _, cx)) => handover.handle_look(io, result, &cx),
            None => None,
        };
        self.handover = Some(handover);
        if let Some(sight) = sight {
            self.act_on(sight, now, out);
        }
        sight.is_some()
    }

    /// Looks, ends, or gives up, whatever is due.
    pub(super) fn handle_handover_deadline(&mut self, now: Instant, out: &mut NodeOutbox) {
        let Some(mut handover) = self.handover.take() else {
            return;
        };
        let sight = match self.office(now, out) {
            Some((_, _, mut cx)) => handover.handle_deadline(&mut cx),
            None => Sight::Wait,
        };
        let is_late = matches!(handover.stage, Stage::Ending { until } if until <= now);
        self.handover = Some(handover);
        match is_late {
            true => self.give_up_handover(now, out),
            false => self.act_on(sight, now, out),
        }
    }

    fn act_on(&mut self, sight: Sight, now: Instant, out: &mut NodeOutbox) {
        match sight {
            Sight::Wait => {}
            Sight::Absent => {
                self.handover = None;
                let refusal = OrderRefusal::PartnerSilent;
                out.trace(Event::OrderRefused(Order::HandOver, refusal));
                self.consider_giveback(now, out);
            }
            Sight::Watches => self.begin_handover(now, out),
        }
    }

    /// The partner is there: nothing is accepted from now on.
    fn begin_handover(&mut self, now: Instant, out: &mut NodeOutbox) {
        // An order was asked already; a giveback waits until nothing stands against it.
        let is_possible = matches!(self.phase, Phase::Serving | Phase::Following)
            && self.heart.as_ref().is_some_and(Heart::may_serve)
            && !self.owner.as_ref().is_some_and(|owner| owner.has_orphans());
        let limit = self.configuration.as_ref().map(|it| it.timers.drain_limit);
        let (Some(handover), Some(limit), true) = (&mut self.handover, limit, is_possible) else {
            return;
        };
        handover.stage = Stage::Ending {
            until: now.after(limit),
        };
        self.enter(Phase::Draining, out);
        if let Some((Office::Owner(owner), set, mut cx)) = self.office(now, out) {
            owner.begin_drain(set, &mut cx);
        }
    }

    /// Nothing that was accepted is left: says so. Called after every input.
    pub(super) fn drain(&mut self, now: Instant, out: &mut NodeOutbox) {
        let is_ending = |it: &HandOver| matches!(it.stage, Stage::Ending { .. });
        if !self.handover.as_deref().is_some_and(is_ending) {
            return;
        }
        let is_over = match (&self.owner, &self.mirror, &self.set) {
            (Some(owner), _, Some(set)) => owner.is_drained() && set.journal().outstanding() == 0,
            (None, Some(mirror), Some(set)) => {
                mirror.is_drained() && set.journal().outstanding() == 0
            }
            _ => false,
        };
        if !is_over {
            return;
        }
        if let Some(handover) = &mut self.handover {
            handover.stage = Stage::Saying;
        }
        if let Some((heart, mut cx)) = self.pulse(now, out) {
            heart.say_drained(&mut cx);
        }
    }

    /// The mailbox says durably that nothing is answered under this key: the set is let go
    /// of, and the partner has its time to come.
    pub(super) fn let_go(&mut self, now: Instant, out: &mut NodeOutbox) {
        let (Some(heart), Some(configuration)) = (&self.heart, &self.configuration) else {
            return;
        };
        let key = heart.key();
        let farewell = Farewell {
            key,
            until: now.after(configuration.timers.takeover_after),
        };
        out.trace(Event::Drained(key));
        out.probe("set drained for the partner");
        self.drop_set();
        self.incarnation = self.incarnation.wrapping_add(NEXT_LIFE);
        self.stand_by(Some(farewell), now, out);
    }

    /// What was accepted does not end.
    fn give_up_handover(&mut self, now: Instant, out: &mut NodeOutbox) {
        out.trace(Event::HandOverGivenUp);
        out.probe("hand-over given up");
        self.handover = None;
        self.go_on_after_drain(now, out);
    }

    /// Accepts again, as another incarnation: the former one has refused commands without a
    /// record, and its tickets must be worth nothing.
    pub(super) fn go_on_after_drain(&mut self, now: Instant, out: &mut NodeOutbox) {
        self.incarnation = self.incarnation.wrapping_add(NEXT_LIFE);
        let phase = match &mut self.owner {
            Some(owner) => {
                owner.end_drain();
                Phase::Serving
            }
            None => Phase::Following,
        };
        self.enter(phase, out);
        self.consider_giveback(now, out);
    }

    /// True, and reported, if a message comes too late for this holder.
    pub(super) fn is_leaving(&self, out: &mut NodeOutbox) -> bool {
        let is_leaving = self.handover.as_ref().is_some_and(|it| it.is_silent());
        if is_leaving {
            out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        }
        is_leaving
    }
}

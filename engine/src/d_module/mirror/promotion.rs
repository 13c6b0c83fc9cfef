//! The mirror's way to a reign of its own.
//!
//! ```text
//!           owner silent, or a hint            the record names this site
//! Watching ------------------------> Reading ------------------------------> Waiting
//!    ^                                 |  ^                                     | no lease of this
//!    +--- the owner speaks ------------+  +-- not yet --- Asking (promote,      | site runs
//!                                      +------------------> or force)           v
//!                                                                           Activating
//! ```
//!
//! Owns the leases that this site has granted, and when it asks the mediator for the volume:
//! by itself if that is configured, and by the administrator's order. A lease counts here
//! from its granting; whoever begins to follow counts a whole one from then, for it does not
//! know what the life before it, or a partner that is deposed and does not know it, has
//! granted. That no lease runs is asked before the mediator is, and again before the reign
//! begins: the owner may have spoken between. A hand-off needs no such wait: the owner's own
//! word, durable before the mediator's, says that it makes no use of a lease.
//!
//! Refuses to know what an owner does.

use serde::{Deserialize, Serialize};

use super::Mirror;
use crate::configuration::Timers;
use crate::contract::Address;
use crate::d_module::Context;
use crate::d_module::arbiter::Inquiry;
use crate::event::{Event, OrderRefusal};
use crate::local::Order;
use crate::storage_set::StorageSet;
use crate::storage_set::record::{Entry, Mode};
use crate::storage_set::tables::{Consistency, Tables};
use crate::time::{Duration, Instant};
use crate::vocabulary::{Session, SessionIncarnation, SiteEpoch};
use crate::wire::mediator::{Ask, MediatorRecord, MediatorReply};

/// Who wants this site to be the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Wish {
    /// Nobody, unless the owner is silent for long enough.
    None,
    /// The administrator.
    Forced { attested: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// The owner speaks, or has not been silent for long.
    Watching,
    /// The mediator is asked something.
    Asking,
    /// The record names this site: leases run out.
    Waiting(MediatorRecord),
    /// The reign is on its way to the journal.
    Activating,
}

/// A mirror that may become the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Promotion {
    stage: Stage,
    wish: Wish,
    /// A lease of this site may run until then.
    granted_until: Instant,
    /// When the owner was heard last in the accepted session.
    heard_at: Instant,
    /// When the record is read; never without a mediator.
    read_at: Option<Instant>,
    next_nonce: u64,
    /// Boxed: mostly there is none, and a fork copies the mirror.
    inquiry: Option<Box<Inquiry>>,
}

/// How long a lease counts for its grantor.
fn counted(timers: &Timers) -> Duration {
    timers.lease.plus(timers.lease_margin)
}

impl Promotion {
    pub(super) fn new(consistency: Consistency, cx: &Context<'_>) -> Self {
        let timers = &cx.configuration.timers;
        let is_called = consistency == Consistency::Called;
        let patience = if is_called {
            Duration::ZERO
        } else {
            counted(timers)
        };
        // A partner that is deposed grants as long as it takes itself for the holder.
        let deposed = timers.ha_lease.plus(timers.lease_margin);
        Promotion {
            stage: Stage::Watching,
            wish: match is_called {
                true => Wish::Forced { attested: false },
                false => Wish::None,
            },
            granted_until: cx.now.after(counted(timers).plus(deposed)),
            heard_at: cx.now,
            read_at: after(patience, cx),
            next_nonce: cx.incarnation,
            inquiry: None,
        }
    }

    /// The owner speaks in the accepted session: it lives.
    pub(super) fn heard(&mut self, cx: &Context<'_>) {
        self.heard_at = cx.now;
        self.read_at = after(counted(&cx.configuration.timers), cx);
        if self.stage == Stage::Asking && self.wish == Wish::None {
            self.stage = Stage::Watching;
            self.inquiry = None;
        }
    }

    /// A lease is granted now.
    pub(super) fn granted(&mut self, cx: &Context<'_>) {
        let until = cx.now.after(counted(&cx.configuration.timers));
        self.granted_until = self.granted_until.max(until);
    }

    /// True while leases are granted: not to whom the administrator gives up.
    pub(super) fn grants(&self) -> bool {
        let is_decided = matches!(self.stage, Stage::Waiting(_) | Stage::Activating);
        self.wish == Wish::None && !is_decided
    }

    /// True once the reign is on its way to the journal: nothing of another one is taken
    /// any more.
    pub(super) fn is_activating(&self) -> bool {
        self.stage == Stage::Activating
    }

    /// When something is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Watching => self.read_at,
            Stage::Asking => self.inquiry.as_deref().map(Inquiry::next_deadline),
            Stage::Waiting(_) => Some(self.granted_until),
            Stage::Activating => None,
        }
    }

    fn ask(&mut self, ask: Ask, cx: &mut Context<'_>) {
        self.next_nonce = self.next_nonce.wrapping_add(1);
        self.stage = Stage::Asking;
        self.inquiry = Some(Box::new(Inquiry::start(ask, self.next_nonce, cx)));
    }

    /// Nothing more is asked for now.
    fn look_again(&mut self, span: Duration, cx: &Context<'_>) {
        self.stage = Stage::Watching;
        self.inquiry = None;
        self.read_at = Some(cx.now.after(span));
    }

    /// What the record leads to.
    fn handle_record(&mut self, record: MediatorRecord, tables: &Tables, cx: &mut Context<'_>) {
        cx.out.trace(Event::MediatorSays(record));
        let timers = &cx.configuration.timers;
        if record.owner == cx.configuration.site {
            if record.version > tables.session.site_epoch {
                self.inquiry = None;
                self.stage = Stage::Waiting(record);
                return;
            }
            // Of a reign of this site that is over.
            return self.look_again(timers.lease, cx);
        }
        if let Wish::Forced { attested } = self.wish {
            let expect = record.version;
            return self.ask_after(Ask::Force { expect, attested }, cx);
        }
        let is_promotable = record.in_sync && tables.consistency == Consistency::Consistent;
        let silent = cx.now.since(self.heard_at);
        let is_given_up = timers.switchover_after.is_some_and(|span| silent >= span);
        if !is_promotable || !is_given_up {
            let rest = timers.switchover_after.map(|span| {
                let rest = span.as_nanos().saturating_sub(silent.as_nanos());
                Duration::from_nanos(rest)
            });
            let next = rest.filter(|_| is_promotable).unwrap_or(timers.lease);
            return self.look_again(next.max(timers.mediator_retry), cx);
        }
        if cx.now < self.granted_until {
            cx.out.probe("promotion waits for a lease of this site");
            let rest = self.granted_until.since(cx.now);
            return self.look_again(rest, cx);
        }
        let (expect, in_sync) = (record.version, false);
        self.ask_after(Ask::CompareAndSet { expect, in_sync }, cx);
    }

    /// Asks the mediator to change its record. What it has refused once is not asked again
    /// before some time has passed, and then by a fresh record.
    fn ask_after(&mut self, ask: Ask, cx: &mut Context<'_>) {
        let was_refused = self
            .inquiry
            .as_deref()
            .is_some_and(|it| it.ask() != Ask::Read);
        if was_refused {
            cx.out.probe("promotion refused by the mediator");
            return self.look_again(cx.configuration.timers.mediator_retry, cx);
        }
        self.ask(ask, cx);
    }
}

/// That long from now, where there is a mediator.
fn after(span: Duration, cx: &Context<'_>) -> Option<Instant> {
    cx.configuration
        .mediator
        .is_some()
        .then(|| cx.now.after(span))
}

impl Mirror {
    /// The owner of the accepted session has spoken.
    pub(super) fn note_owner(&mut self, from: Address, cx: &Context<'_>) {
        self.owner_at = Some(from);
        self.promotion.heard(cx);
    }

    /// True once the reign of this site is on its way to the journal.
    pub fn is_activating(&self) -> bool {
        self.promotion.is_activating()
    }

    /// The owner says that a reign of this site is to begin.
    pub fn handle_hand_off(
        &mut self,
        (session, epoch): (Session, SiteEpoch),
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) -> HandOffAnswer {
        let tables = set.tables();
        if cx.configuration.mediator.is_some() {
            // Whoever sends it: what counts is the record.
            if self.promotion.stage == Stage::Watching && epoch > tables.session.site_epoch {
                self.promotion.ask(Ask::Read, cx);
            }
            return HandOffAnswer::Nothing;
        }
        let is_next = epoch == tables.fence.site_epoch.next();
        let is_follower = tables.consistency == Consistency::Consistent && super::is_clean(tables);
        if session < tables.fence || !is_follower || !is_next {
            // A session that was left, or a copy that only a later one makes whole: so it
            // will be for good.
            return HandOffAnswer::Refused;
        }
        if session > tables.fence || self.accepting.is_some() || !self.is_drained() {
            return HandOffAnswer::Nothing;
        }
        cx.out.probe("planned switchover between the sites alone");
        self.activate(epoch, Mode::InSync, false, set, cx);
        HandOffAnswer::Nothing
    }

    /// The administrator makes this site the owner, whatever the other one had acknowledged
    /// alone.
    pub fn force(
        &mut self,
        attested: bool,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) -> Result<(), OrderRefusal> {
        let tables = set.tables();
        if !tables.is_promotable() {
            cx.out
                .probe("no switchover to a copy that is half overwritten");
            return Err(OrderRefusal::Inconsistent);
        }
        if self.promotion.wish != Wish::None || self.is_activating() {
            return Err(OrderRefusal::UnderWay);
        }
        let is_busy = self.accepting.is_some() || self.finishing.is_some();
        if is_busy || set.room() == 0 {
            return Err(OrderRefusal::UnderWay);
        }
        if cx.configuration.mediator.is_none() {
            if !attested {
                return Err(OrderRefusal::Unattested);
            }
            cx.out.probe("switchover forced on attestation alone");
            let epoch = tables
                .fence
                .site_epoch
                .max(tables.session.site_epoch)
                .next();
            self.activate(epoch, Mode::OutOfSync, true, set, cx);
            return Ok(());
        }
        self.promotion.wish = Wish::Forced { attested };
        self.promotion.inquiry = None;
        // The word is durable before the mediator hears it: what it has heard may come true
        // at any time, so no later life may follow another owner, and become a copy that
        // nobody can own.
        let consistency = Consistency::Called;
        cx.append(set, Entry::StandDown { consistency });
        Ok(())
    }

    /// The administrator's word is durable.
    pub(super) fn handle_word(&mut self, cx: &mut Context<'_>) {
        if self.promotion.wish != Wish::None {
            self.promotion.ask(Ask::Read, cx);
        }
    }

    /// An answer of the mediator.
    pub fn handle_mediator(
        &mut self,
        reply: &MediatorReply,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let inquiry = self.promotion.inquiry.as_deref();
        if !inquiry.is_some_and(|it| it.is_answered_by(reply)) {
            return;
        }
        self.promotion.handle_record(reply.record, set.tables(), cx);
        self.promote(set, cx);
    }

    /// Asks, asks again, or begins the reign, whatever is due.
    pub fn handle_promotion_deadline(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let promotion = &mut self.promotion;
        match promotion.stage {
            Stage::Watching if promotion.read_at.is_some_and(|at| at <= cx.now) => {
                match set.tables().is_promotable() {
                    true => promotion.ask(Ask::Read, cx),
                    false => promotion.look_again(cx.configuration.timers.lease, cx),
                }
            }
            Stage::Asking => {
                if let Some(inquiry) = &mut promotion.inquiry {
                    inquiry.handle_deadline(cx);
                }
            }
            Stage::Waiting(_) => self.promote(set, cx),
            Stage::Watching | Stage::Activating => {}
        }
    }

    /// Begins the reign, if nothing stands against it.
    fn promote(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let Stage::Waiting(record) = self.promotion.stage else {
            return;
        };
        if !record.in_sync && cx.now < self.promotion.granted_until {
            cx.out.probe("reign waits for a lease of this site");
            return;
        }
        let is_busy = self.accepting.is_some() || self.finishing.is_some() || set.room() == 0;
        if is_busy || !set.tables().is_promotable() {
            return self
                .promotion
                .look_again(cx.configuration.timers.mediator_retry, cx);
        }
        let mode = match record.in_sync {
            true => Mode::InSync,
            false => Mode::OutOfSync,
        };
        let consistency = set.tables().consistency;
        // In sync it was handed off, by an owner that had all of it.
        let is_forced = consistency == Consistency::Called && !record.in_sync;
        cx.out.probe(match (record.in_sync, is_forced) {
            (true, _) => "planned switchover",
            (false, false) => "automatic switchover",
            (false, true) => "forced switchover",
        });
        self.activate(record.version, mode, is_forced, set, cx);
    }

    fn activate(
        &mut self,
        site_epoch: SiteEpoch,
        mode: Mode,
        forced: bool,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        self.promotion.stage = Stage::Activating;
        let session = Session {
            site_epoch,
            incarnation: SessionIncarnation::new(1),
        };
        let entry = Entry::Activate {
            session,
            mode,
            forced,
        };
        cx.append(set, entry);
    }
}

/// What a mirror says to a hand-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandOffAnswer {
    /// Nothing: its own first Hello is the answer, or it is asked again.
    Nothing,
    /// There will be no such reign.
    Refused,
}

/// Orders that a mirror carries out.
pub const fn is_forcing(order: Order) -> Option<bool> {
    match order {
        Order::ForceSwitchOver => Some(false),
        Order::ForceSwitchOverAttested => Some(true),
        Order::HandOver | Order::NewConfiguration | Order::SwitchOver | Order::Grow => None,
    }
}

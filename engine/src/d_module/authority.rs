//! Authority: may this owner answer reads, and acknowledge alone?
//!
//! Without a mediator: once the mirror has answered this boot, for it accepts no
//! session of a site epoch below its own. With one: only while a lease runs, of
//! the mirror or the mediator while the copies are in sync, of the mediator alone
//! when they are not; and out of sync only once a fresh answer of the mediator has
//! called this site the owner. A lease's term counts from when it was asked for.
//!
//! Refuses to know what is answered, and who takes the set's reservation: that is
//! the heart's.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Context;
use crate::storage_set::record::Mode;
use crate::time::Instant;

/// Questions that are remembered; older ones are not worth an answer any more.
const ASKED_MAX: usize = 8;

/// What an owner may do without asking anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    confirmed: bool,
    mirror_until: Option<Instant>,
    mediator_until: Option<Instant>,
    /// Questions under way and when they left, oldest first.
    asked: VecDeque<(u64, Instant)>,
    next_nonce: u64,
    /// Asked without a mediator too: a mirror that has lost its content says so.
    ask_at: Instant,
}

impl Authority {
    /// None yet. Nonces start at the incarnation, which is random: an answer to an
    /// earlier boot matches none of this one's.
    pub fn new(cx: &Context<'_>) -> Self {
        Authority {
            confirmed: false,
            mirror_until: None,
            mediator_until: None,
            asked: VecDeque::new(),
            next_nonce: cx.incarnation,
            ask_at: cx.now,
        }
    }

    /// A nonce that no question has had.
    pub fn take_nonce(&mut self) -> u64 {
        self.next_nonce = self.next_nonce.wrapping_add(1);
        self.next_nonce
    }

    /// Nobody has deposed this site, as of this boot.
    pub fn confirm(&mut self) {
        self.confirmed = true;
    }
    /// True once somebody has said so.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// The nonce of a lease to be asked for now, if it is time.
    pub fn take_due(&mut self, cx: &Context<'_>) -> Option<u64> {
        if self.ask_at > cx.now {
            return None;
        }
        self.ask_at = cx.now.after(cx.configuration.timers.lease.divided_by(4));
        let nonce = self.take_nonce();
        self.asked.push_back((nonce, cx.now));
        if self.asked.len() > ASKED_MAX {
            self.asked.pop_front();
        }
        Some(nonce)
    }

    /// The mirror has granted a lease.
    pub fn handle_mirror(&mut self, nonce: u64, cx: &Context<'_>) {
        if let Some(until) = self.term(nonce, cx) {
            self.mirror_until = self.mirror_until.max(Some(until));
        }
    }

    /// The mediator has granted a lease.
    pub fn handle_mediator(&mut self, nonce: u64, cx: &Context<'_>) {
        if let Some(until) = self.term(nonce, cx) {
            self.mediator_until = self.mediator_until.max(Some(until));
        }
    }

    fn term(&self, nonce: u64, cx: &Context<'_>) -> Option<Instant> {
        let (_, sent) = self.asked.iter().find(|(asked, _)| *asked == nonce)?;
        Some(sent.after(cx.configuration.timers.lease))
    }

    /// The session has changed: what the mirror granted to the former one is void.
    pub fn drop_mirror(&mut self) {
        self.mirror_until = None;
        self.asked.clear();
    }

    /// True if reads may be answered and, out of sync, writes acknowledged alone.
    pub fn holds(&self, mode: Mode, cx: &Context<'_>) -> bool {
        if cx.configuration.mediator.is_none() {
            return self.confirmed;
        }
        self.is_leased(mode, cx.now)
    }

    /// True while a lease runs that is enough in this mode.
    pub fn is_leased(&self, mode: Mode, now: Instant) -> bool {
        let runs = |until: Option<Instant>| until.is_some_and(|until| now < until);
        match mode {
            Mode::InSync | Mode::OosPending => runs(self.mirror_until) || runs(self.mediator_until),
            Mode::OutOfSync | Mode::Resync => self.confirmed && runs(self.mediator_until),
        }
    }

    /// When a lease is asked for again.
    pub fn next_deadline(&self) -> Option<Instant> {
        Some(self.ask_at)
    }
}

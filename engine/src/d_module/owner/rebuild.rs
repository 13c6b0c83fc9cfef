//! Rebuild: fetches from the mirror what was lost with the data device, from the
//! highest region down.
//!
//! ```text
//! (none) --highest missing region--> Closing --no mutation, no mark--> Asking --Fetched--> Writing
//!   ^  ^                                                                |                     |
//!   |  +------------------ the mirror cannot prove it ------------------+                     |
//!   +----------------------------------- durable ---------------------------------------------+
//! ```
//!
//! Owns which region is rebuilt and how far it is. In sync, a region without mutations
//! and marks is equal on both copies, so all of it is taken from the mirror, also what
//! the journal holds; and none begins before the region is durably here, so it stays
//! equal meanwhile, from one session to the next. It closes regions by the resync's
//! door: a resync needs a mode that is not entered while a region is missing. Refuses to
//! know what a region's bit is for: reads ask the mirror for themselves.

use serde::{Deserialize, Serialize};

use super::Owner;
use super::fetch::Fetch;
use crate::d_module::Context;
use crate::d_module::replication::Link;
use crate::event::Event;
use crate::storage_set::StorageSet;
use crate::storage_set::record::Mode;
use crate::time::Instant;
use crate::vocabulary::Range;

/// Steps of one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Step {
    /// Waits until nobody changes the region any more.
    Closing,
    /// The mirror is asked for it.
    Asking,
    /// Its content is on its way to the journal.
    Writing,
}

/// The region that is being rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Work {
    step: Step,
    range: Range,
    /// The question of step `Asking`.
    ask: Option<Fetch>,
}

impl Work {
    fn enter(&mut self, next: Step) {
        let possible = match self.step {
            Step::Closing => next == Step::Asking,
            Step::Asking => next == Step::Writing,
            Step::Writing => false,
        };
        assert!(possible, "a region goes {:?} -> {next:?}", self.step);
        self.step = next;
        self.ask = None;
    }
}

/// A rebuild under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rebuild {
    /// Boxed: mostly there is none, and a fork copies the owner.
    work: Option<Box<Work>>,
    /// Regions from here on had their turn; the next one lies below.
    below: Option<u64>,
    /// When to go on after a region that the mirror could not prove.
    resume_at: Option<Instant>,
}

impl Rebuild {
    /// True, once, if these blocks are the answer to the question under way.
    pub(super) fn take_answer(&mut self, nonce: u64, range: Range) -> bool {
        let work = self.work.as_deref_mut();
        let work = work.filter(|it| it.ask.is_some_and(|ask| ask.is_answered_by(nonce, range)));
        let Some(work) = work else { return false };
        work.enter(Step::Writing);
        true
    }

    /// The mirror cannot prove the region, now.
    pub(super) fn deny(&mut self, nonce: u64) {
        if let Some(ask) = self.work.as_deref_mut().and_then(|it| it.ask.as_mut()) {
            ask.deny(nonce);
        }
    }

    /// The mirror can be asked again.
    pub(super) fn hurry(&mut self, cx: &Context<'_>) {
        if let Some(ask) = self.work.as_deref_mut().and_then(|it| it.ask.as_mut()) {
            ask.hurry(cx);
        }
    }

    /// When something is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let ask = self.work.as_deref().and_then(|it| it.ask);
        let asked = ask.and_then(|ask| ask.next_deadline());
        asked.into_iter().chain(self.resume_at).min()
    }
}

impl Owner {
    /// Goes on with the highest missing region: called whenever something has ended
    /// that it may have waited for.
    pub(super) fn go_on_rebuilding(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        if self.rebuild.work.is_none() {
            self.close_missing(set, cx);
        }
        let Some(work) = self.rebuild.work.as_deref() else {
            return;
        };
        let range = work.range;
        if work.step != Step::Closing || !self.is_region_quiet(range, set, cx) {
            return;
        }
        let ask = self.ask_mirror(range, None, cx);
        if let Some(work) = self.rebuild.work.as_deref_mut() {
            work.enter(Step::Asking);
            work.ask = Some(ask);
        }
    }

    fn close_missing(&mut self, set: &StorageSet, cx: &Context<'_>) {
        let missing = &set.tables().missing;
        let is_open = self.mode == Mode::InSync && self.replication.link() == Link::Open;
        if missing.is_empty() || !is_open || self.rebuild.resume_at.is_some() {
            return;
        }
        let below = self.rebuild.below.take().unwrap_or(u64::MAX);
        let next = missing.range(..below).next_back();
        let Some(region) = next.or(missing.get_max()).copied() else {
            return;
        };
        let range = cx.configuration.set.geometry.region_range(region);
        self.ordering.close_region(range);
        self.rebuild.below = Some(region);
        self.rebuild.work = Some(Box::new(Work {
            step: Step::Closing,
            range,
            ask: None,
        }));
    }

    /// Repaired blocks are durable; true if they are the region under way, whose
    /// mutations may begin again.
    pub(super) fn handle_rebuilt(
        &mut self,
        range: Range,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) -> bool {
        let is_it = |it: &mut Box<Work>| it.step == Step::Writing && it.range == range;
        if self.rebuild.work.take_if(is_it).is_none() {
            return false;
        }
        self.ordering.open_region();
        cx.out.trace(Event::RegionRebuilt(range));
        if set.tables().missing.is_empty() {
            cx.out.probe("lost data device rebuilt");
        }
        self.scan(set, cx);
        self.admit(set, cx);
        true
    }

    /// Asks again, and lets a region be for a while that the mirror cannot prove: it is
    /// bad on the only copy there is, until somebody writes it.
    pub(super) fn handle_rebuild_deadline(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        if self.rebuild.resume_at.is_some_and(|at| at <= cx.now) {
            self.rebuild.resume_at = None;
            self.scan(set, cx);
        }
        let ask = self.rebuild.work.as_deref().and_then(|work| work.ask);
        let Some(mut ask) = ask.filter(|ask| ask.is_due(cx)) else {
            return;
        };
        if self.replication.link() == Link::Open && ask.is_given_up(cx) {
            cx.out.probe("missing region not proven by the mirror");
            self.rebuild.work = None;
            self.ordering.open_region();
            let pause = cx.configuration.timers.retransmit_max;
            self.rebuild.resume_at = Some(cx.now.after(pause));
            return self.admit(set, cx);
        }
        let is_silent = ask.is_overdue(cx);
        self.ask_mirror_again(&mut ask, cx);
        if let Some(work) = self.rebuild.work.as_deref_mut() {
            work.ask = Some(ask);
        }
        if is_silent {
            self.lose_silent_session(set, cx);
        }
    }
}

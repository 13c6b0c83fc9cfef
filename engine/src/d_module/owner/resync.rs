//! Resync: copies what may differ to the mirror, from the highest region down.
//!
//! ```text
//! Uniting --durable--> Scanning --highest dirty region--> Closing --no mutation, no mark--> Reading
//!                       ^  |                                                                  |
//!                       |  +--nothing dirty--> Finishing --FinishAck--> (in sync)             v
//!                    Pausing <--durable-- Clearing <--CopyAck-- Copying <---------------------+
//! ```
//!
//! Owns which region is copied, how far it is, and when the next one begins. A region's
//! bit ends only by the record that follows its copy's acknowledgement, and no mutation
//! of the region begins before that is durable. A pause ends after `Timers::resync_pause`
//! however many clients wait, and sooner if none does or nothing is dirty; no region is
//! closed meanwhile. Refuses to know modes and sessions.

use serde::{Deserialize, Serialize};

use super::Owner;
use super::fetch::Fetch;
use crate::contract::{IoError, IoId, IoOutput};
use crate::d_module::Context;
use crate::d_module::ordering::Ordering;
use crate::event::Event;
use crate::storage_set::StorageSet;
use crate::storage_set::blocks::BlockContent;
use crate::storage_set::read::{self, Proof, RangeRead, Unproven};
use crate::storage_set::record::Entry;
use crate::time::Instant;
use crate::vocabulary::{Content, CopyNumber, Range};
use crate::wire::CopyTransfer;

/// Steps of a resync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    /// There is none, or the mirror has not answered its Hello.
    Idle,
    /// What the mirror says of itself is on its way to the journal.
    Uniting,
    /// Between two regions.
    Scanning,
    /// Waits until nobody changes the region any more.
    Closing,
    /// Reads the region.
    Reading,
    /// The region is on its way to the mirror.
    Copying,
    /// The mirror has it; the bit's end is on its way to the journal.
    Clearing,
    /// Leaves devices and network to clients for a while.
    Pausing,
    /// Nothing is dirty; the mirror is told.
    Finishing,
}

/// A resync under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Resync {
    step: Step,
    region: Option<Range>,
    /// The number of the last region that was begun.
    cursor: Option<u64>,
    /// When a pause is over at the latest.
    paused_until: Option<Instant>,
    /// Boxed: mostly there is none, and a fork copies the owner.
    read: Option<Box<RangeRead>>,
    read_at: Option<Instant>,
    /// A block that the device cannot read.
    mending: Option<Box<Mending>>,
}

/// A block of a dirty region that this copy cannot read, and whose header says what it
/// has to be: if the mirror has just that, it is as good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mending {
    fetch: Fetch,
    proof: Proof,
}

impl Default for Resync {
    fn default() -> Self {
        Resync {
            step: Step::Idle,
            region: None,
            cursor: None,
            paused_until: None,
            read: None,
            read_at: None,
            mending: None,
        }
    }
}

impl Resync {
    fn enter(&mut self, next: Step) {
        let possible = match self.step {
            Step::Idle => next == Step::Uniting,
            Step::Uniting => next == Step::Scanning,
            Step::Scanning => matches!(next, Step::Closing | Step::Finishing),
            Step::Closing => next == Step::Reading,
            Step::Reading => matches!(next, Step::Reading | Step::Copying),
            Step::Copying => next == Step::Clearing,
            Step::Clearing => next == Step::Pausing,
            Step::Pausing => next == Step::Scanning,
            Step::Finishing => false,
        };
        assert!(possible, "a resync goes {:?} -> {next:?}", self.step);
        self.step = next;
        self.paused_until = None;
        self.read_at = None;
        self.mending = None;
    }

    /// Its session is over; whatever was under way is void.
    pub(super) fn stop(&mut self, ordering: &mut Ordering) {
        // A region that is being rebuilt stays closed.
        if self.region.is_some() {
            ordering.open_region();
        }
        *self = Resync::default();
    }

    /// The mirror is told that nothing is dirty any more.
    pub(super) fn is_finishing(&self) -> bool {
        self.step == Step::Finishing
    }

    /// The mirror's dirty regions are durably known: what is clean here is equal.
    pub(super) fn is_united(&self) -> bool {
        !matches!(self.step, Step::Idle | Step::Uniting)
    }

    /// When a region that could not be read is read again, or the mirror is asked again
    /// for a block of it, or a pause is over.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let asked = self.mending.as_deref();
        let asked = asked.and_then(|it| it.fetch.next_deadline());
        let own = self.paused_until.into_iter().chain(self.read_at);
        own.chain(asked).min()
    }

    /// What the block has to be, if this is the mirror's answer about it.
    pub(super) fn proof_of(&self, nonce: u64, range: Range) -> Option<Proof> {
        let mending = self.mending.as_deref()?;
        let is_it = mending.fetch.is_answered_by(nonce, range);
        is_it.then_some(mending.proof)
    }
}

impl Owner {
    /// The mirror has answered a resync's Hello with what may differ as far as it
    /// knows: both sides' logs are united, durably, before anything is copied.
    pub(super) fn unite(
        &mut self,
        (dirty, rolled_back): (&[Range], &[Range]),
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        self.resync.enter(Step::Uniting);
        let geometry = &cx.configuration.set.geometry;
        let mut regions = dirty.iter().flat_map(|range| geometry.regions(*range));
        if regions.any(|region| !set.tables().dirty.contains(&region)) {
            cx.out.probe("the mirror's log makes a region dirty");
        }
        let entry = Entry::Dirty {
            set: dirty.to_vec(),
            clear: Vec::new(),
            rolled_back: news(rolled_back, set, cx),
        };
        self.write(entry, set, cx);
    }

    /// What the mirror had from a reign of its own and has no more, as it says at the end.
    pub(super) fn note_rolled_back(
        &mut self,
        rolled_back: &[Range],
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let rolled_back = news(rolled_back, set, cx);
        if !rolled_back.is_empty() {
            let entry = Entry::Dirty {
                set: Vec::new(),
                clear: Vec::new(),
                rolled_back,
            };
            self.write(entry, set, cx);
        }
    }

    /// A record of regions is durable.
    pub(super) fn handle_regions(
        &mut self,
        clear: &[Range],
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        match self.resync.step {
            Step::Uniting if clear.is_empty() => {
                cx.out.trace(Event::DirtyUnited(self.session));
                self.resync.enter(Step::Scanning);
            }
            Step::Clearing if clear.first() == self.resync.region.as_ref() => {
                if self.ordering.is_region_awaited() {
                    cx.out.probe("write waited for the region being copied");
                }
                self.ordering.open_region();
                if let Some(region) = self.resync.region.take() {
                    cx.out.trace(Event::RegionCopied(region));
                }
                self.pause(set, cx);
            }
            // Of a session that is over.
            Step::Idle
            | Step::Uniting
            | Step::Scanning
            | Step::Closing
            | Step::Reading
            | Step::Copying
            | Step::Clearing
            | Step::Pausing
            | Step::Finishing => return,
        }
        self.scan(set, cx);
        self.admit(set, cx);
    }

    /// A region has ended.
    fn pause(&mut self, set: &StorageSet, cx: &mut Context<'_>) {
        self.resync.enter(Step::Pausing);
        let pause = cx.configuration.timers.resync_pause;
        self.resync.paused_until = Some(cx.now.after(pause));
        if !self.is_pause_over(set, cx) {
            cx.out.probe("resync pauses for clients");
        } else if set.tables().dirty.is_empty() && self.attempts.count() > 0 {
            cx.out.probe("last region copied while clients wait");
        }
    }

    /// A pause is for clients that wait, and bounded whether or not they do.
    fn is_pause_over(&self, set: &StorageSet, cx: &Context<'_>) -> bool {
        let is_due = self.resync.paused_until.is_none_or(|at| at <= cx.now);
        is_due || self.attempts.count() == 0 || set.tables().dirty.is_empty()
    }

    /// Goes on with the highest dirty region, or finishes: called whenever
    /// something has ended that it may have waited for.
    pub(super) fn scan(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        if self.resync.step == Step::Pausing && self.is_pause_over(set, cx) {
            self.resync.enter(Step::Scanning);
        }
        if self.resync.step == Step::Scanning {
            let geometry = &cx.configuration.set.geometry;
            match set.tables().dirty.get_max() {
                Some(region) => {
                    let last = self.resync.cursor.replace(*region);
                    if last.is_some_and(|last| last < *region) {
                        cx.out
                            .probe("scan goes back to a region above the last one");
                    }
                    let region = geometry.region_range(*region);
                    self.ordering.close_region(region);
                    self.resync.enter(Step::Closing);
                    self.resync.region = Some(region);
                }
                // One that changes this copy alone makes a region dirty yet.
                None if self.access.has_local_only() => {
                    cx.out.probe("finish waits for a lone command");
                }
                None => {
                    self.resync.enter(Step::Finishing);
                    self.replication.finish(cx);
                }
            }
        }
        if self.resync.step == Step::Closing {
            self.try_region(set, cx);
        }
        self.go_on_rebuilding(set, cx);
    }

    /// Reads the closed region once nobody holds it and no mark stands in it.
    fn try_region(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let region = self.resync.region.expect("a region is closed");
        if self.is_region_quiet(region, set, cx) {
            self.resync.enter(Step::Reading);
            self.read_region(set, cx);
        }
    }

    /// True once nobody holds the closed region and no mark stands in it.
    pub(super) fn is_region_quiet(
        &mut self,
        region: Range,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) -> bool {
        if !self.ordering.is_region_free() {
            cx.out.probe("region waits for a mutation in it");
            return false;
        }
        self.access.clear_marks_in(region, set, cx);
        let mut marks = set.tables().marks.values();
        !marks.any(|mark| mark.range.overlaps(region))
    }

    fn read_region(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let region = self.resync.region.expect("a region is closed");
        let (read, ios) = set.read(region, cx.ids);
        cx.submit_all(ios);
        if read.is_complete() {
            return self.copy_region(read.finish(), set, cx);
        }
        self.resync.read = Some(Box::new(read));
    }

    /// A read completion; true if it is the resync's.
    pub(super) fn handle_region_read(
        &mut self,
        io: IoId,
        result: &Result<IoOutput, IoError>,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(read) = self.resync.read.as_mut() else {
            return false;
        };
        if !read.handle_completion(io, result.clone()) {
            return false;
        }
        if read.is_complete()
            && let Some(read) = self.resync.read.take()
        {
            self.copy_region(read.finish(), set, cx);
        }
        true
    }

    fn copy_region(
        &mut self,
        found: Result<Vec<BlockContent>, Unproven>,
        set: &StorageSet,
        cx: &mut Context<'_>,
    ) {
        let blocks = match found {
            Ok(blocks) => blocks,
            Err(unproven) => return self.mend_region(unproven, cx),
        };
        self.resync.enter(Step::Copying);
        let range = self.resync.region.expect("a region is closed");
        let content = Content::Data(read::concatenate(&blocks));
        let versions = blocks.iter().map(|block| block.version).collect();
        let results = set.tables().results_touching(range);
        let build = |copy: CopyNumber| CopyTransfer {
            copy,
            range,
            content,
            versions,
            results,
        };
        self.replication.copy(build, cx);
    }

    fn mend_region(&mut self, unproven: Unproven, cx: &mut Context<'_>) {
        let Unproven { block, proof } = unproven;
        let Some(proof) = proof else {
            cx.out.probe("dirty region cannot be read");
            return self.read_region_later(cx);
        };
        cx.out.probe("unreadable dirty block asked of the mirror");
        let range = Range::new(block, 1).expect("a block is a range");
        let fetch = self.ask_mirror(range, None, cx);
        self.resync.mending = Some(Box::new(Mending { fetch, proof }));
    }

    fn read_region_later(&mut self, cx: &Context<'_>) {
        self.resync.mending = None;
        let again = cx.configuration.timers.retransmit_max;
        self.resync.read_at = Some(cx.now.after(again));
    }

    /// The mirror's block, if it is what this copy lost: written anew here. An older one
    /// is not taken, for what came after it was acknowledged.
    pub(super) fn handle_mended(
        &mut self,
        proof: Proof,
        entry: Entry,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let is_it = if let Entry::Repair {
            content: Content::Data(data),
            versions,
            ..
        } = &entry
        {
            versions.first().is_some_and(|it| proof.holds_of(*it, data))
        } else {
            false
        };
        if !is_it {
            cx.out
                .probe("dirty block lost here and older at the mirror");
            return self.read_region_later(cx);
        }
        if let Some(mending) = self.resync.mending.as_deref_mut() {
            mending.fetch.settle();
        }
        self.write(entry, set, cx);
    }

    /// Repaired blocks are durable: the region goes on if it waited for them.
    pub(super) fn handle_region_mended(
        &mut self,
        range: Range,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let is_it = |it: &mut Box<Mending>| it.fetch.is_settled(range);
        if self.resync.mending.take_if(is_it).is_some() {
            self.read_region(set, cx);
        }
    }

    /// The mirror has made the region durable.
    pub(super) fn handle_region_copied(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.resync.enter(Step::Clearing);
        let region = self.resync.region.expect("a region is closed");
        let entry = Entry::Dirty {
            set: Vec::new(),
            clear: vec![region],
            rolled_back: Vec::new(),
        };
        self.write(entry, set, cx);
    }

    /// Goes on after a pause, reads again what could not be read, or asks for it again.
    pub(super) fn handle_resync_deadline(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        if self.resync.paused_until.is_some_and(|at| at <= cx.now) {
            self.scan(set, cx);
        }
        if self.resync.read_at.is_some_and(|at| at <= cx.now) {
            self.resync.read_at = None;
            self.read_region(set, cx);
        }
        let due = |it: &mut Box<Mending>| it.fetch.is_due(cx);
        let Some(mut mending) = self.resync.mending.take_if(due) else {
            return;
        };
        // Whether it denies the block or says nothing: read again later.
        if mending.fetch.is_overdue(cx) {
            cx.out.probe("dirty block bad on both copies");
            return self.read_region_later(cx);
        }
        self.ask_mirror_again(&mut mending.fetch, cx);
        self.resync.mending = Some(mending);
    }
}

/// Regions of which this copy does not know yet that they were rolled back.
fn news(rolled_back: &[Range], set: &StorageSet, cx: &Context<'_>) -> Vec<Range> {
    let geometry = &cx.configuration.set.geometry;
    let regions = rolled_back
        .iter()
        .flat_map(|range| geometry.regions(*range));
    let new = regions.filter(|region| !set.tables().rolled_back.contains(region));
    new.map(|region| geometry.region_range(region)).collect()
}

//! The journal device of one storage set: which records a recovery after a power
//! loss may read, and what follows for blocks, marks and results.
//!
//! Recovery starts at the newer checkpoint and stops at the first record that is
//! missing. So with `unstable` records, those of which a page may be lost, it may
//! stop before each of them, or behind the last; nowhere else:
//!
//! ```text
//! lsn        7   8   9   10  11 | head
//! unstable           x       x  |         stops: behind 8, behind 10, behind 11
//! ```
//!
//! A record is certain when no stop lies before it. A block's record is the
//! block's value in some image if a stop lies between it and the block's next
//! record. Nothing here becomes possible by a command's *execution*, it only
//! becomes certain: whoever looks for what is newly possible looks at submissions.
//!
//! Two records that claim one place, or a write over a record that recovery still
//! needs, are irregular whatever comes of them, and reported as such; from there
//! on the images follow what the device shows once it has settled.

use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{PageIndex, Persistence};
use stormglass_engine::storage_set::format::{decode_checkpoint, decode_record, peek_record};
use stormglass_engine::storage_set::layout::{CheckpointSlot, Geometry};
use stormglass_engine::storage_set::record::{Entry, Record};
use stormglass_engine::vocabulary::{BlockIndex, CommandId, Lsn, Range};
use stormglass_sim::device::{CommandNumber, Device};

use super::link::Link;
use super::medium::{Ended, Fate, Medium};
use super::state::State;
use super::value::Value;

/// What a write to the journal device is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Part {
    Record(Lsn),
    Checkpoint,
    /// It covers a record that recovery may still need.
    Overwrite,
    /// Nothing that an image depends on.
    Other,
}

/// A checkpoint from which recovery may start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tail {
    lsn: Lsn,
    state: State,
}

/// A checkpoint that may be there or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Coming {
    number: CommandNumber,
    slot: CheckpointSlot,
    tail: Arc<Tail>,
    pages_left: u64,
}

/// Where the next record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    lsn: Lsn,
    page: u64,
    chain: u32,
}

/// The first half of a record that wraps around the ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Half {
    number: CommandNumber,
    page: u64,
    pages: Vec<Bytes>,
    missing: usize,
}

/// A mark's life: from one record up to another, in the order of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Span {
    command: CommandId,
    from: Lsn,
    until: Option<Lsn>,
}

/// What the journal says of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Block {
    /// In the order of records.
    writes: Vec<(Lsn, Value)>,
    marks: Vec<Span>,
}

/// What a step of the journal device means for others.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// Blocks for which something has become possible, or a mark may be lost.
    pub(super) touched: Vec<BlockIndex>,
    /// A record that was just submitted and fits.
    pub(super) appended: Option<Arc<Link>>,
    /// Records that can never be read any more.
    pub(super) lost: Vec<Arc<Link>>,
    /// What no correct storage set does, and the events that show it.
    pub(super) irregular: Vec<(String, Vec<u64>)>,
}

/// What a journal device may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JournalImages {
    geometry: Geometry,
    medium: Medium<Part>,
    tail: Arc<Tail>,
    tail_slot: CheckpointSlot,
    coming: Vec<Coming>,
    links: Vector<Arc<Link>>,
    /// Records of which pages may be lost, in order, and how many pages.
    unstable: Vec<(Lsn, u64)>,
    head: Head,
    used: u64,
    /// State behind the last record.
    state: State,
    blocks: OrdMap<BlockIndex, Arc<Block>>,
    half: Option<Half>,
}

/// Pages at risk of a record that another write covers.
const OVERWRITTEN: u64 = u64::MAX;

impl JournalImages {
    /// Reads a device at rest; nothing if it holds no checkpoint.
    pub(super) fn new(device: &Device, geometry: Geometry) -> Option<Self> {
        let slot = |slot| Some((stable_checkpoint(device, geometry, slot)?, slot));
        let (a, b) = (slot(CheckpointSlot::A), slot(CheckpointSlot::B));
        let is_b_newer = match (&a, &b) {
            (Some((a, _)), Some((b, _))) => b.lsn > a.lsn,
            (None, _) => true,
            (Some(_), None) => false,
        };
        let (checkpoint, tail_slot) = if is_b_newer { b? } else { a? };
        let state = State::of(&checkpoint.tables, checkpoint.lsn);
        let mut images = JournalImages {
            geometry,
            medium: Medium::new(device),
            tail: Arc::new(Tail {
                lsn: checkpoint.lsn,
                state: state.clone(),
            }),
            tail_slot,
            coming: Vec::new(),
            links: Vector::new(),
            unstable: Vec::new(),
            head: Head {
                lsn: checkpoint.lsn.next(),
                page: checkpoint.next_page,
                chain: checkpoint.chain,
            },
            used: 0,
            state,
            blocks: OrdMap::new(),
            half: None,
        };
        images.rebuild();
        images.walk(device);
        Some(images)
    }

    /// State behind the last record that may be read.
    pub(super) fn state(&self) -> &State {
        &self.state
    }
    /// Blocks that stand in the journal or under a mark.
    pub(super) fn blocks(&self) -> impl Iterator<Item = BlockIndex> {
        self.blocks.keys().copied()
    }
    /// True if a power loss would leave one content.
    pub(super) fn is_at_rest(&self) -> bool {
        self.medium.is_at_rest() && self.unstable.is_empty() && self.coming.is_empty()
    }
    /// The last record that every recovery reads.
    pub(super) fn certain_end(&self) -> Lsn {
        let stop = self.unstable.first().map_or(self.head.lsn, |(lsn, _)| *lsn);
        Lsn::new(stop.value() - 1)
    }
    /// The event at which a record was submitted.
    pub(super) fn event_of(&self, lsn: Lsn) -> Option<u64> {
        Some(self.link(lsn)?.event)
    }

    /// Calls back for every value that the journal may give a block; false if a
    /// recovery may find none and has to ask the data device.
    pub(super) fn values(&self, block: BlockIndex, mut found: impl FnMut(Value)) -> bool {
        let Some(block) = self.blocks.get(&block) else {
            return false;
        };
        let mut is_covered = true;
        let coming = self.coming.iter().map(|coming| coming.tail.lsn);
        for tail in std::iter::once(self.tail.lsn).chain(coming) {
            let first = block.writes.partition_point(|(lsn, _)| *lsn <= tail);
            let writes = &block.writes[first..];
            is_covered &= writes
                .first()
                .is_some_and(|(next, _)| !self.may_stop(tail, *next));
            for (place, (lsn, value)) in writes.iter().enumerate() {
                let next = writes.get(place + 1);
                if next.is_none_or(|(next, _)| self.may_stop(*lsn, *next)) {
                    found(*value);
                }
            }
        }
        is_covered
    }

    /// True if recovery may read `read` and stop before it has read `next`.
    fn may_stop(&self, read: Lsn, next: Lsn) -> bool {
        let place = self.unstable.partition_point(|(lsn, _)| *lsn <= read);
        self.unstable
            .get(place)
            .is_some_and(|(stop, _)| *stop <= next)
    }

    /// True if in every image a mark stands on the block.
    pub(super) fn is_marked(&self, block: BlockIndex) -> bool {
        let Some(block) = self.blocks.get(&block) else {
            return false;
        };
        let mut at = self.certain_end();
        loop {
            let standing = block
                .marks
                .iter()
                .filter(|span| span.from <= at && span.until.is_none_or(|until| at < until));
            let mut until = None;
            for span in standing {
                match span.until {
                    None => return true,
                    Some(end) => until = until.max(Some(end)),
                }
            }
            let Some(until) = until else { return false };
            // The next image in which those marks are gone.
            let stop = self.unstable.iter().map(|(lsn, _)| *lsn);
            let stop = stop.chain([self.head.lsn]).find(|stop| *stop > until);
            let Some(stop) = stop else { return true };
            at = Lsn::new(stop.value() - 1);
        }
    }

    /// Takes note of a write in the queue.
    pub(super) fn submitted_write(
        &mut self,
        number: CommandNumber,
        (start, pages): (PageIndex, &[Bytes]),
        persistence: Persistence,
        event: u64,
        notes: &mut Notes,
    ) {
        let ring = self.geometry.ring_start();
        let part = if let Some(slot) = self.slot_at(start) {
            self.submitted_checkpoint(number, slot, pages, event, notes)
        } else if ring <= start && start < self.geometry.mailbox_start() {
            self.submitted_record(number, start.0 - ring.0, pages, event, notes)
        } else if start < ring && start.0 >= 2 {
            let says = format!("page {} is the start of no checkpoint", start.0);
            notes.irregular.push((says, vec![event]));
            Part::Other
        } else {
            Part::Other
        };
        let count = pages.len() as u64;
        self.medium
            .submit_write(number, (start, count), persistence, part);
    }

    /// Takes note of a flush in the queue.
    pub(super) fn submitted_flush(&mut self, number: CommandNumber) {
        self.medium.submit_flush(number);
    }

    /// Takes note of a preempt in the queue.
    pub(super) fn submitted_preempt(&mut self, number: CommandNumber) {
        self.medium.submit_preempt(number);
    }

    fn slot_at(&self, start: PageIndex) -> Option<CheckpointSlot> {
        [CheckpointSlot::A, CheckpointSlot::B]
            .into_iter()
            .find(|slot| self.geometry.checkpoint_start(*slot) == start)
    }

    fn submitted_checkpoint(
        &mut self,
        number: CommandNumber,
        slot: CheckpointSlot,
        pages: &[Bytes],
        event: u64,
        notes: &mut Notes,
    ) -> Part {
        let mut irregular = |says: String| notes.irregular.push((says, vec![event]));
        let Ok(checkpoint) = decode_checkpoint(pages) else {
            irregular("a checkpoint that cannot be read".into());
            return Part::Other;
        };
        let lsn = checkpoint.lsn;
        if lsn >= self.head.lsn || lsn < self.tail.lsn {
            irregular(format!(
                "a checkpoint of record {}, and the journal holds {} to {}",
                lsn.value(),
                self.tail.lsn.value() + 1,
                self.head.lsn.value() - 1
            ));
            return Part::Other;
        }
        if lsn > self.certain_end() {
            irregular(format!(
                "a checkpoint of record {}, which may be missing",
                lsn.value()
            ));
        }
        if slot == self.tail_slot {
            irregular(format!(
                "the checkpoint of record {} goes over the newest one",
                lsn.value()
            ));
        }
        let follows = self.link(lsn).is_none_or(|link| {
            link.checksum == checkpoint.chain && self.behind(link) == checkpoint.next_page
        });
        if !follows {
            irregular(format!(
                "the checkpoint of record {} does not say where the next one stands",
                lsn.value()
            ));
        }
        let state = self.state_at(lsn);
        if let Some(field) = state.difference(&checkpoint.tables) {
            irregular(format!(
                "the checkpoint of record {} has other {field} than the records",
                lsn.value()
            ));
        }
        let held = self.links.iter().take_while(|link| link.lsn <= lsn);
        for range in held.filter_map(|link| link.range) {
            notes.touched.extend(range.blocks());
        }
        notes.touched.sort_unstable();
        notes.touched.dedup();
        self.coming.push(Coming {
            number,
            slot,
            tail: Arc::new(Tail { lsn, state }),
            pages_left: pages.len() as u64,
        });
        Part::Checkpoint
    }

    fn submitted_record(
        &mut self,
        number: CommandNumber,
        page: u64,
        pages: &[Bytes],
        event: u64,
        notes: &mut Notes,
    ) -> Part {
        if self.overwrites(page, pages.len() as u64, event, notes) {
            return Part::Overwrite;
        }
        let ring = self.geometry.ring_pages;
        let half = self.half.take();
        if let Some(half) = half.filter(|half| page == 0 && half.missing == pages.len()) {
            let mut whole = half.pages;
            whole.extend_from_slice(pages);
            let Some(lsn) = self.append(half.page, &whole, event, notes) else {
                return Part::Other;
            };
            self.medium.retag(|other, part| {
                if other == half.number {
                    Part::Record(lsn)
                } else {
                    part
                }
            });
            self.unstable.push((lsn, whole.len() as u64));
            return Part::Record(lsn);
        }
        let Ok((count, lsn)) = peek_record(&pages[0]) else {
            return Part::Other;
        };
        let missing = usize::try_from(count)
            .unwrap_or(usize::MAX)
            .saturating_sub(pages.len());
        if missing > 0 && lsn == self.head.lsn && page + pages.len() as u64 == ring {
            self.half = Some(Half {
                number,
                page,
                pages: pages.to_vec(),
                missing,
            });
            return Part::Other;
        }
        match self.append(page, pages, event, notes) {
            Some(lsn) => {
                self.unstable.push((lsn, pages.len() as u64));
                Part::Record(lsn)
            }
            None => Part::Other,
        }
    }

    /// Reports a write over records that recovery may need; they may be missing
    /// from now on.
    fn overwrites(&mut self, page: u64, count: u64, event: u64, notes: &mut Notes) -> bool {
        let ring = self.geometry.ring_pages;
        let first = self.links.front().map_or(self.head.page, |link| link.page);
        let offset = (page + ring - first) % ring;
        if offset >= self.used && offset + count <= ring {
            return false;
        }
        let covered: Vec<_> = self
            .links
            .iter()
            .filter(|link| {
                let at = (link.page + ring - first) % ring;
                let covers = |from: u64, to: u64| from < at + link.pages && at < to;
                covers(offset, offset + count) || covers(0, (offset + count).saturating_sub(ring))
            })
            .cloned()
            .collect();
        let Some(oldest) = covered.first() else {
            return false;
        };
        let says = format!(
            "record {} is overwritten before a checkpoint has passed it",
            oldest.lsn.value()
        );
        notes.irregular.push((says, vec![oldest.event, event]));
        for link in &covered {
            match self
                .unstable
                .binary_search_by_key(&link.lsn, |(lsn, _)| *lsn)
            {
                Ok(at) => self.unstable[at].1 = OVERWRITTEN,
                Err(at) => self.unstable.insert(at, (link.lsn, OVERWRITTEN)),
            }
        }
        notes.touched.extend(self.blocks.keys().copied());
        true
    }

    /// Adds a record if it follows the last one.
    fn append(&mut self, page: u64, pages: &[Bytes], event: u64, notes: &mut Notes) -> Option<Lsn> {
        let (record, checksum) = decode_record(pages).ok()?;
        let Record { lsn, previous, .. } = record;
        if page != self.head.page || lsn != self.head.lsn || previous != self.head.chain {
            return None;
        }
        let place = (page, pages.len() as u64);
        let mut link = Link::new(record, place, checksum, event);
        self.close_marks(&mut link);
        for (_, range) in &link.closed {
            notes.touched.extend(range.blocks());
        }
        if !link.values.is_empty() {
            let range = link.range.into_iter();
            notes.touched.extend(range.flat_map(Range::blocks));
        }
        let link = Arc::new(link);
        self.head = Head {
            lsn: lsn.next(),
            page: self.behind(&link),
            chain: checksum,
        };
        self.used += link.pages;
        self.take_over(&link);
        self.links.push_back(Arc::clone(&link));
        notes.appended = Some(link);
        Some(lsn)
    }

    /// Which marks a record ends: those it clears, and an older one of its own
    /// command.
    fn close_marks(&self, link: &mut Link) {
        let own = match &link.entry {
            Entry::Mark { mark, .. } => Some(mark.command),
            Entry::Perform(_)
            | Entry::Fail { .. }
            | Entry::Clear { .. }
            | Entry::Session { .. }
            | Entry::Fence { .. }
            | Entry::Copy { .. } => None,
        };
        let ended = link.clears().iter().copied().chain(own);
        let ended = ended.filter_map(|command| {
            let mark = self.state.marks().get(&command)?;
            Some((command, mark.range))
        });
        link.closed = ended.collect();
    }

    /// Applies a record to blocks and state.
    fn take_over(&mut self, link: &Link) {
        let lsn = link.lsn;
        for (command, range) in &link.closed {
            for block in range.blocks() {
                let spans = &mut block_mut(&mut self.blocks, block).marks;
                let open = spans
                    .iter_mut()
                    .find(|span| span.command == *command && span.until.is_none());
                if let Some(span) = open {
                    span.until = Some(lsn);
                }
            }
        }
        if let Entry::Mark { mark, .. } = &link.entry {
            self.open_mark(mark.command, mark.range, lsn);
        }
        if let Some(range) = link.range {
            for (block, value) in range.blocks().zip(&link.values) {
                block_mut(&mut self.blocks, block)
                    .writes
                    .push((lsn, *value));
            }
        }
        self.state.apply(lsn, &link.entry);
    }

    fn open_mark(&mut self, command: CommandId, range: Range, from: Lsn) {
        for block in range.blocks() {
            block_mut(&mut self.blocks, block).marks.push(Span {
                command,
                from,
                until: None,
            });
        }
    }

    /// A command left the queue. True if the device must be asked what is left.
    pub(super) fn executed(&mut self, number: CommandNumber, succeeded: bool) -> bool {
        let mut fates = Vec::new();
        let ended = self.medium.execute(number, succeeded, &mut fates);
        let mut must_settle = match ended {
            Ended::Done => false,
            Ended::Undone(_) | Ended::Preempted => true,
        };
        for fate in fates {
            match fate {
                Fate::Stable(_, _, Part::Record(lsn)) => self.page_is_stable(lsn),
                Fate::Stable(number, _, Part::Checkpoint) => self.checkpoint_page_is_stable(number),
                Fate::Stable(_, _, Part::Overwrite)
                | Fate::Dropped(_, _, Part::Record(_) | Part::Checkpoint) => must_settle = true,
                Fate::Stable(_, _, Part::Other)
                | Fate::Dropped(_, _, Part::Other | Part::Overwrite) => {}
            }
        }
        must_settle
    }

    fn page_is_stable(&mut self, lsn: Lsn) {
        let found = self.unstable.binary_search_by_key(&lsn, |(lsn, _)| *lsn);
        let Ok(at) = found else { return };
        match &mut self.unstable[at].1 {
            &mut OVERWRITTEN => {}
            left if *left > 1 => *left -= 1,
            _ => {
                self.unstable.remove(at);
            }
        }
    }

    fn checkpoint_page_is_stable(&mut self, number: CommandNumber) {
        let mut coming = self.coming.iter_mut();
        let Some(place) = coming.position(|coming| coming.number == number) else {
            return;
        };
        self.coming[place].pages_left -= 1;
        if self.coming[place].pages_left == 0 {
            let done = self.coming.remove(place);
            self.advance(done);
        }
    }

    /// A checkpoint is there for good: what it includes is told by the data device
    /// from now on.
    fn advance(&mut self, done: Coming) {
        let end = done.tail.lsn;
        if end < self.tail.lsn {
            return;
        }
        while self.links.front().is_some_and(|link| link.lsn <= end) {
            let Some(link) = self.links.pop_front() else {
                break;
            };
            self.used -= link.pages;
            for block in link.range.into_iter().flat_map(Range::blocks) {
                self.trim(block, end);
            }
            for (_, range) in &link.closed {
                for block in range.blocks() {
                    self.trim(block, end);
                }
            }
        }
        self.unstable.retain(|(lsn, _)| *lsn > end);
        self.tail = done.tail;
        self.tail_slot = done.slot;
        self.coming.retain(|coming| coming.tail.lsn > end);
    }

    /// Forgets what a checkpoint includes.
    fn trim(&mut self, block: BlockIndex, end: Lsn) {
        let Some(entry) = self.blocks.get_mut(&block) else {
            return;
        };
        let entry = Arc::make_mut(entry);
        entry.writes.retain(|(lsn, _)| *lsn > end);
        entry
            .marks
            .retain(|span| span.until.is_none_or(|until| until > end));
        if entry.writes.is_empty() && entry.marks.is_empty() {
            self.blocks.remove(&block);
        }
    }

    /// Power was lost, or commands were aborted: asks the device which records and
    /// checkpoints are there. The first that is not ends the journal.
    pub(super) fn settled(&mut self, device: &Device, notes: &mut Notes) {
        // No ring page is written twice between two checkpoints.
        self.medium.settle(device, |_, _| true);
        self.half = None;
        for coming in self.coming.clone() {
            if self.pages_under_way(|number, _| number == coming.number) > 0 {
                continue;
            }
            self.coming.retain(|other| other.number != coming.number);
            let there = stable_checkpoint(device, self.geometry, coming.slot);
            if there.is_some_and(|there| there.lsn == coming.tail.lsn) {
                self.advance(coming);
            }
        }
        for (lsn, left) in self.unstable.clone() {
            let under_way = self.pages_under_way(|_, part| match left {
                OVERWRITTEN => part == Part::Overwrite,
                _ => part == Part::Record(lsn),
            });
            let is_there = self
                .link(lsn)
                .is_some_and(|link| self.is_stable(link, device));
            let at = self.unstable.partition_point(|(other, _)| *other < lsn);
            if under_way > 0 {
                if left != OVERWRITTEN {
                    self.unstable[at].1 = under_way;
                }
            } else if is_there {
                self.unstable.remove(at);
            } else {
                self.cut(lsn, notes);
                break;
            }
        }
        self.walk(device);
        notes.touched.extend(self.blocks.keys().copied());
    }

    fn pages_under_way(&self, mut wanted: impl FnMut(CommandNumber, Part) -> bool) -> u64 {
        let mut pages = 0;
        for write in self.medium.queued_writes() {
            if wanted(write.number, write.tag) {
                pages += write.count;
            }
        }
        for cached in self.medium.cached() {
            pages += u64::from(wanted(cached.number, cached.tag));
        }
        pages
    }

    /// Takes out a record that is not there, and all behind it: their chain is
    /// broken and no later record can mend it.
    fn cut(&mut self, lsn: Lsn, notes: &mut Notes) {
        let Some(first) = self.links.front() else {
            return;
        };
        let keep = usize::try_from(lsn.value() - first.lsn.value()).unwrap_or(usize::MAX);
        if keep >= self.links.len() {
            return;
        }
        let lost = self.links.split_off(keep);
        if let Some(first) = lost.front() {
            self.head = Head {
                lsn,
                page: first.page,
                chain: first.previous,
            };
        }
        notes.lost.extend(lost);
        self.unstable.retain(|(other, _)| *other < lsn);
        self.medium.retag(|_, part| match part {
            Part::Record(other) if other >= lsn => Part::Other,
            Part::Record(_) | Part::Checkpoint | Part::Overwrite | Part::Other => part,
        });
        let end = self.head.lsn;
        self.coming.retain(|coming| coming.tail.lsn < end);
        self.rebuild();
    }

    /// Applies all records anew, from the last certain checkpoint on.
    fn rebuild(&mut self) {
        self.blocks = OrdMap::new();
        self.state = self.tail.state.clone();
        let tail = Arc::clone(&self.tail);
        for mark in tail.state.marks().values() {
            self.open_mark(mark.command, mark.range, tail.lsn);
        }
        self.used = 0;
        for link in self.links.clone() {
            self.used += link.pages;
            self.take_over(&link);
        }
    }

    /// Takes in records that stand behind the last one for good.
    fn walk(&mut self, device: &Device) {
        let mut notes = Notes::default();
        loop {
            let ring = self.geometry.ring_pages;
            let at = |index: u64| {
                let page = (self.head.page + index) % ring;
                device.stable(self.geometry.ring_start().plus(page))
            };
            let Ok((count, lsn)) = peek_record(at(0)) else {
                return;
            };
            if lsn != self.head.lsn || self.used + count > ring {
                return;
            }
            let pages: Vec<_> = (0..count).map(|index| at(index).clone()).collect();
            if self.append(self.head.page, &pages, 0, &mut notes).is_none() {
                return;
            }
        }
    }

    fn is_stable(&self, link: &Link, device: &Device) -> bool {
        let ring = self.geometry.ring_pages;
        let at = |index: u64| {
            let page = (link.page + index) % ring;
            device.stable(self.geometry.ring_start().plus(page)).clone()
        };
        let pages: Vec<_> = (0..link.pages).map(at).collect();
        decode_record(&pages).is_ok_and(|(_, checksum)| checksum == link.checksum)
    }

    fn behind(&self, link: &Link) -> u64 {
        (link.page + link.pages) % self.geometry.ring_pages
    }

    fn link(&self, lsn: Lsn) -> Option<&Arc<Link>> {
        let first = self.links.front()?.lsn.value();
        let place = lsn.value().checked_sub(first)?;
        self.links.get(usize::try_from(place).ok()?)
    }

    /// State as of a record.
    fn state_at(&self, lsn: Lsn) -> State {
        let mut state = self.tail.state.clone();
        for link in self.links.iter().take_while(|link| link.lsn <= lsn) {
            state.apply(link.lsn, &link.entry);
        }
        state
    }
}

fn block_mut(blocks: &mut OrdMap<BlockIndex, Arc<Block>>, block: BlockIndex) -> &mut Block {
    Arc::make_mut(blocks.entry(block).or_default())
}

fn stable_checkpoint(
    device: &Device,
    geometry: Geometry,
    slot: CheckpointSlot,
) -> Option<stormglass_engine::storage_set::format::Checkpoint> {
    let start = geometry.checkpoint_start(slot);
    let pages: Vec<_> = (0..geometry.checkpoint_pages)
        .map(|index| device.stable(start.plus(index)).clone())
        .collect();
    decode_checkpoint(&pages).ok()
}

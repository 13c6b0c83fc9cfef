//! What a command in the queue makes possible: records, checkpoints, and writes
//! over what recovery may still need.
//!
//! Owns the reading of what is submitted and how a record joins the journal.
//! Refuses to look at the device: it has the command alone.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{PageIndex, Persistence};
use stormglass_engine::payload::Payload;
use stormglass_engine::storage_set::format::{decode_checkpoint, decode_record, peek_record};
use stormglass_engine::storage_set::layout::CheckpointSlot;
use stormglass_engine::storage_set::record::{Entry, Record};
use stormglass_engine::vocabulary::{Lsn, Range};
use stormglass_sim::device::CommandNumber;

use super::{Changes, Coming, Head, JournalImages, Link, Notes, OVERWRITTEN, Part, State, Tail};

/// The first half of a record that wraps around the ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Half {
    number: CommandNumber,
    page: u64,
    pages: Vec<Payload>,
    missing: usize,
}

impl JournalImages {
    /// Takes note of a write in the queue.
    pub(in crate::oracle::images) fn submitted_write(
        &mut self,
        number: CommandNumber,
        (start, pages): (PageIndex, &[Payload]),
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
    pub(in crate::oracle::images) fn submitted_flush(&mut self, number: CommandNumber) {
        self.medium.submit_flush(number);
    }

    /// Takes note of a preempt in the queue.
    pub(in crate::oracle::images) fn submitted_preempt(&mut self, number: CommandNumber) {
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
        pages: &[Payload],
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

    /// State as of a record.
    fn state_at(&self, lsn: Lsn) -> State {
        let mut state = self.tail.state.clone();
        for link in self.links.iter().take_while(|link| link.lsn <= lsn) {
            state.apply(
                link.lsn,
                &link.entry,
                &self.geometry,
                &mut Changes::default(),
            );
        }
        state
    }

    fn submitted_record(
        &mut self,
        number: CommandNumber,
        page: u64,
        pages: &[Payload],
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
        notes.touched.extend(self.blocks.indices());
        true
    }

    /// Adds a record if it follows the last one.
    pub(super) fn append(
        &mut self,
        page: u64,
        pages: &[Payload],
        event: u64,
        notes: &mut Notes,
    ) -> Option<Lsn> {
        let (record, checksum) = decode_record(pages).ok()?;
        let Record { lsn, previous, .. } = record;
        if page != self.head.page || lsn != self.head.lsn || previous != self.head.chain {
            return None;
        }
        let place = (page, pages.len() as u64);
        let mut link = Link::new(record, place, checksum, event);
        let mut changes = Changes::default();
        let geometry = &self.geometry;
        self.state.apply(lsn, &link.entry, geometry, &mut changes);
        (link.closed, link.bits) = (changes.closed.into(), changes.bits.into());
        for (_, range) in &link.closed {
            notes.touched.extend(range.blocks());
        }
        let cleared = link.bits.iter().filter(|(_, is_set)| !is_set);
        for (region, _) in cleared {
            notes
                .touched
                .extend(geometry.region_range(*region).blocks());
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

    /// Applies a record to blocks and bits; the state has it already.
    pub(super) fn take_over(&mut self, link: &Link) {
        let lsn = link.lsn;
        for (command, range) in &link.closed {
            self.blocks.close_mark(*command, *range, lsn);
        }
        if let Entry::Mark { mark, .. } = &link.entry {
            self.blocks.open_mark(mark.command, mark.range, lsn);
        }
        if let Some(range) = link.range {
            for (block, value) in range.blocks().zip(&link.values) {
                self.blocks.write(block, lsn, *value);
            }
        }
        for (region, is_set) in &link.bits {
            match is_set {
                true => self.bits.set(*region, lsn),
                false => self.bits.clear(*region, lsn),
            }
        }
        if link.entry == Entry::Lost {
            self.lost_at = Some(lsn);
        }
        let standing = self.state.standing();
        if self
            .standings
            .last()
            .is_none_or(|(_, last)| *last != standing)
        {
            self.standings.push((lsn, standing));
        }
    }
}

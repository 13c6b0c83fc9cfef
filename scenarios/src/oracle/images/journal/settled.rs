//! What the end of a command makes certain, and what a power loss or an abort
//! takes away.
//!
//! Owns the way of a page to stable or gone: told by executions, or shown by the
//! device when nothing else can tell. Refuses to judge what was submitted.

use std::sync::Arc;

use stormglass_engine::storage_set::format::{
    Checkpoint, decode_checkpoint, decode_record, peek_record,
};
use stormglass_engine::storage_set::layout::{CheckpointSlot, Geometry};
use stormglass_engine::vocabulary::{Lsn, Range};
use stormglass_sim::device::{CommandNumber, Device};

use super::{
    Bits, Blocks, Changes, Coming, Head, JournalImages, Link, Notes, OVERWRITTEN, Part, UNTOLD,
};
use crate::oracle::images::medium::{Ended, Fate};
use crate::oracle::images::value::lasting;

impl JournalImages {
    /// A command left the queue. True if the device must be asked what is left.
    pub(in crate::oracle::images) fn executed(
        &mut self,
        number: CommandNumber,
        succeeded: bool,
    ) -> bool {
        let mut fates = Vec::new();
        let ended = self.medium.execute(number, succeeded, &mut fates);
        let mut must_settle = match ended {
            Ended::Done => false,
            Ended::Undone(_) | Ended::Preempted => true,
        };
        for fate in fates {
            match fate {
                Fate::Stable(_, _, Part::Record(lsn)) => must_settle |= self.page_is_stable(lsn),
                Fate::Stable(number, _, Part::Checkpoint) => self.checkpoint_page_is_stable(number),
                Fate::Stable(_, _, Part::Overwrite)
                | Fate::Dropped(_, _, Part::Record(_) | Part::Checkpoint) => must_settle = true,
                Fate::Stable(_, _, Part::Other)
                | Fate::Dropped(_, _, Part::Other | Part::Overwrite) => {}
            }
        }
        must_settle
    }

    /// A page of a record is there for good. True if the device must be asked for the others.
    fn page_is_stable(&mut self, lsn: Lsn) -> bool {
        let found = self.unstable.binary_search_by_key(&lsn, |(lsn, _)| *lsn);
        let Ok(at) = found else { return false };
        match &mut self.unstable[at].1 {
            &mut OVERWRITTEN => {}
            &mut UNTOLD => return true,
            left if *left > 1 => *left -= 1,
            _ => {
                self.unstable.remove(at);
            }
        }
        false
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
                self.blocks.trim(block, end);
            }
            for (_, range) in &link.closed {
                for block in range.blocks() {
                    self.blocks.trim(block, end);
                }
            }
            for (region, _) in &link.bits {
                self.bits.trim(*region, end);
            }
        }
        let past = self.standings.partition_point(|(from, _)| *from <= end);
        self.standings.drain(..past.max(1) - 1);
        self.unstable.retain(|(lsn, _)| *lsn > end);
        self.tail = done.tail;
        self.tail_slot = done.slot;
        self.coming.retain(|coming| coming.tail.lsn > end);
    }

    /// Power was lost, or commands were aborted: asks the device which records and
    /// checkpoints are there. The first that is not ends the journal.
    pub(in crate::oracle::images) fn settled(&mut self, device: &Device, notes: &mut Notes) {
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
                // A half of a record that wraps around the ring may have failed by itself.
                if left != OVERWRITTEN && left != under_way {
                    self.unstable[at].1 = UNTOLD;
                }
            } else if is_there {
                self.unstable.remove(at);
            } else {
                self.cut(lsn, notes);
                break;
            }
        }
        self.walk(device);
        notes.touched.extend(self.blocks.indices());
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
    pub(super) fn rebuild(&mut self) {
        self.blocks = Blocks::default();
        self.bits = Bits::default();
        self.state = self.tail.state.clone();
        self.standings = vec![(self.tail.lsn, self.state.standing())];
        self.lost_at = None;
        let tail = Arc::clone(&self.tail);
        for mark in tail.state.marks().values() {
            self.blocks.open_mark(mark.command, mark.range, tail.lsn);
        }
        for region in tail.state.dirty() {
            self.bits.set(*region, tail.lsn);
        }
        self.used = 0;
        for link in self.links.clone() {
            self.used += link.pages;
            let changes = &mut Changes::default();
            let geometry = &self.geometry;
            self.state.apply(link.lsn, &link.entry, geometry, changes);
            self.take_over(&link);
        }
    }

    /// Takes in records that stand behind the last one for good.
    pub(super) fn walk(&mut self, device: &Device) {
        let mut notes = Notes::default();
        loop {
            let ring = self.geometry.ring_pages;
            let at = |index: u64| {
                let page = (self.head.page + index) % ring;
                lasting(device, self.geometry.ring_start().plus(page))
            };
            let Ok((count, lsn)) = peek_record(&at(0)) else {
                return;
            };
            if lsn != self.head.lsn || self.used + count > ring {
                return;
            }
            let pages: Vec<_> = (0..count).map(at).collect();
            if self.append(self.head.page, &pages, 0, &mut notes).is_none() {
                return;
            }
        }
    }

    fn is_stable(&self, link: &Link, device: &Device) -> bool {
        let ring = self.geometry.ring_pages;
        let at = |index: u64| {
            let page = (link.page + index) % ring;
            lasting(device, self.geometry.ring_start().plus(page))
        };
        let pages: Vec<_> = (0..link.pages).map(at).collect();
        decode_record(&pages).is_ok_and(|(_, checksum)| checksum == link.checksum)
    }
}

pub(super) fn stable_checkpoint(
    device: &Device,
    geometry: Geometry,
    slot: CheckpointSlot,
) -> Option<Checkpoint> {
    let start = geometry.checkpoint_start(slot);
    let pages: Vec<_> = (0..geometry.checkpoint_pages)
        .map(|index| lasting(device, start.plus(index)))
        .collect();
    decode_checkpoint(&pages).ok()
}

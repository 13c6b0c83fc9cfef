//! The redo journal on its ring: appends records and tells which are durable.
//!
//! Owns the order of records and the room in the ring. Refuses to know what an
//! entry means. Records are written with forced unit access and may complete in
//! any order; a record is *durable* only when it and all before it have
//! completed, for recovery stops at the first gap.
//!
//! Called by the D-module's head through [`super::StorageSet`].

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::format;
use super::layout::Geometry;
use super::record::{Entry, Record};
use crate::contract::{DeviceId, IoId, IoRequest, Persistence, ReservationKey};
use crate::payload::Payload;
use crate::vocabulary::Lsn;

/// Where the next record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Head {
    /// Its number.
    pub lsn: Lsn,
    /// Its page in the ring, from 0.
    pub page: u64,
    /// Checksum of the record before it.
    pub chain: u32,
}

/// A record on its way to the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Outstanding {
    record: Record,
    pages: u64,
    /// Writes that have not completed: there are two where the ring wraps.
    writes: [Option<IoId>; 2],
    /// The head behind this record.
    behind: Head,
}

/// The append side of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    device: DeviceId,
    geometry: Geometry,
    key: ReservationKey,
    head: Head,
    /// Head behind the last durable record.
    durable: Head,
    /// Pages between the tail and `head`.
    used: u64,
    /// Pages between the tail and `durable`.
    used_durable: u64,
    /// Behind `Arc`s, so that a fork copies pointers.
    outstanding: VecDeque<Arc<Outstanding>>,
}

/// One device write of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordWrite {
    /// The command's name.
    pub io: IoId,
    /// The command.
    pub request: IoRequest,
}

impl Journal {
    /// A journal whose durable records end at `head`, `used` pages behind its tail.
    pub fn new(
        device: DeviceId,
        geometry: Geometry,
        key: ReservationKey,
        head: Head,
        used: u64,
    ) -> Self {
        assert!(
            used <= geometry.ring_pages,
            "a ring holds no more than its pages"
        );
        Journal {
            device,
            geometry,
            key,
            head,
            durable: head,
            used,
            used_durable: used,
            outstanding: VecDeque::new(),
        }
    }

    /// The journal's device.
    pub fn device(&self) -> DeviceId {
        self.device
    }
    /// Head behind the last durable record.
    pub fn durable(&self) -> Head {
        self.durable
    }
    /// Pages between tail and head.
    pub fn used(&self) -> u64 {
        self.used
    }
    /// Pages between tail and the last durable record's end.
    pub fn used_durable(&self) -> u64 {
        self.used_durable
    }
    /// Pages that are free.
    pub fn free(&self) -> u64 {
        self.geometry.ring_pages - self.used
    }
    /// Records submitted and not yet durable.
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }
    /// Entries submitted and not yet durable, in order.
    pub fn pending_entries(&self) -> impl Iterator<Item = &Entry> {
        self.outstanding
            .iter()
            .map(|outstanding| &outstanding.record.entry)
    }

    /// Appends an entry as the next record. The caller has checked for room.
    pub fn append(
        &mut self,
        entry: Entry,
        mut next_io: impl FnMut() -> IoId,
    ) -> [Option<RecordWrite>; 2] {
        let record = Record {
            lsn: self.head.lsn,
            key: self.key,
            previous: self.head.chain,
            durable: Lsn::new(self.durable.lsn.value() - 1),
            page: self.head.page,
            entry,
        };
        let (pages, chain) = format::encode_record(&record);
        let count = pages.len() as u64;
        assert!(count <= self.free(), "the caller checks for room");
        let mut write = |(page, pages)| RecordWrite {
            io: next_io(),
            request: IoRequest::Write {
                start: self.geometry.ring_start().plus(page),
                pages,
                persistence: Persistence::ForceUnitAccess,
            },
        };
        let writes =
            split_at_wrap(self.geometry, self.head.page, pages).map(|it| it.map(&mut write));
        let page = (self.head.page + count) % self.geometry.ring_pages;
        self.head = Head {
            lsn: self.head.lsn.next(),
            page,
            chain,
        };
        self.used += count;
        self.outstanding.push_back(Arc::new(Outstanding {
            record,
            pages: count,
            writes: writes
                .each_ref()
                .map(|it| it.as_ref().map(|write| write.io)),
            behind: self.head,
        }));
        writes
    }

    /// Takes note of a completed write; false if it is none of the journal's.
    pub fn handle_completion(&mut self, io: IoId) -> bool {
        for outstanding in &mut self.outstanding {
            if let Some(place) = outstanding.writes.iter().position(|it| *it == Some(io)) {
                Arc::make_mut(outstanding).writes[place] = None;
                return true;
            }
        }
        false
    }

    /// The next record that has become durable, in order.
    pub fn take_durable(&mut self) -> Option<Record> {
        if self.outstanding.front()?.writes != [None, None] {
            return None;
        }
        let done = Arc::unwrap_or_clone(self.outstanding.pop_front()?);
        self.durable = done.behind;
        self.used_durable += done.pages;
        Some(done.record)
    }

    /// Frees the oldest `pages` pages: their records are checkpointed and destaged.
    pub fn release(&mut self, pages: u64) {
        assert!(
            pages <= self.used_durable,
            "only durable records are released"
        );
        self.used -= pages;
        self.used_durable -= pages;
    }
}

/// Cuts a run of ring pages at the ring's end: each part with its first page.
fn split_at_wrap(
    geometry: Geometry,
    page: u64,
    mut pages: Vec<Payload>,
) -> [Option<(u64, Vec<Payload>)>; 2] {
    let until_end = usize::try_from(geometry.ring_pages - page).expect("a ring's length fits");
    let is_wrapped = pages.len() > until_end;
    let wrapped = is_wrapped.then(|| (0, pages.split_off(until_end)));
    [Some((page, pages)), wrapped]
}

#[cfg(test)]
mod tests;

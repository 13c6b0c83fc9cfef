//! Queue and volatile cache of one device, as far as an image depends on them:
//! which written pages a power loss may still take.
//!
//! Follows the device by its occurrences and knows no content; whoever submits a
//! write leaves a tag with it. Repeats the device's rules on purpose: a flush
//! covers what had completed at its submission, a forced write drops the cached
//! versions of its pages, and past its limit the cache loses its oldest version
//! to the disk.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{IoRequest, PageIndex, Persistence, Submission};
use stormglass_engine::payload::Payload;
use stormglass_sim::device::{CommandNumber, Device};

/// A write, and what its submitter calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Write<T> {
    pub(super) number: CommandNumber,
    pub(super) start: PageIndex,
    pub(super) count: u64,
    pub(super) is_forced: bool,
    pub(super) tag: T,
}

impl<T> Write<T> {
    /// True if it writes this page.
    pub(super) fn covers(&self, page: PageIndex) -> bool {
        self.start <= page && page.0 < self.start.0 + self.count
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Queued<T> {
    Write(Write<T>),
    Flush { number: CommandNumber, covers: u64 },
    Preempt(CommandNumber),
}

impl<T> Queued<T> {
    fn number(&self) -> CommandNumber {
        match self {
            Queued::Write(write) => write.number,
            Queued::Flush { number, .. } | Queued::Preempt(number) => *number,
        }
    }
}

/// A page version in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cached<T> {
    order: u64,
    pub(super) number: CommandNumber,
    pub(super) page: PageIndex,
    pub(super) tag: T,
}

/// What a command's end means for images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended<T> {
    /// It had its effect, or never could have one.
    Done,
    /// A write that was possible and has failed.
    Undone(Write<T>),
    /// A preempt was carried out: others may have been aborted.
    Preempted,
}

/// What became of a page version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate<T> {
    /// The page holds it for good.
    Stable(CommandNumber, PageIndex, T),
    /// A newer one is stable: it can never come back.
    Dropped(CommandNumber, PageIndex, T),
}

/// The queue and the cache of one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Medium<T> {
    limit: usize,
    order: u64,
    queue: VecDeque<Queued<T>>,
    cache: VecDeque<Cached<T>>,
}

impl<T: Copy> Medium<T> {
    /// An idle device.
    pub(super) fn new(device: &Device) -> Self {
        Medium {
            limit: device.spec().cache_pages as usize,
            order: 0,
            queue: VecDeque::new(),
            cache: VecDeque::new(),
        }
    }

    /// True if a command may execute: under the holder's key, or under that of a
    /// preempt which waits in the queue.
    pub(super) fn admits(device: &Device, submission: &Submission) -> bool {
        device.holder() == Some(submission.key)
            || device.queued().any(|(_, queued)| {
                queued.key == submission.key && matches!(queued.request, IoRequest::Preempt { .. })
            })
    }

    /// Takes note of a write in the queue.
    pub(super) fn submit_write(
        &mut self,
        number: CommandNumber,
        (start, count): (PageIndex, u64),
        persistence: Persistence,
        tag: T,
    ) {
        self.queue.push_back(Queued::Write(Write {
            number,
            start,
            count,
            is_forced: persistence == Persistence::ForceUnitAccess,
            tag,
        }));
    }

    /// Takes note of a flush in the queue.
    pub(super) fn submit_flush(&mut self, number: CommandNumber) {
        let covers = self.order;
        self.queue.push_back(Queued::Flush { number, covers });
    }

    /// Takes note of a preempt in the queue.
    pub(super) fn submit_preempt(&mut self, number: CommandNumber) {
        self.queue.push_back(Queued::Preempt(number));
    }

    /// A command left the queue. Tells what became of pages, in order.
    pub(super) fn execute(
        &mut self,
        number: CommandNumber,
        succeeded: bool,
        fates: &mut Vec<Fate<T>>,
    ) -> Ended<T> {
        let found = self.queue.binary_search_by_key(&number, Queued::number);
        match found.ok().and_then(|place| self.queue.remove(place)) {
            Some(Queued::Write(write)) if succeeded => self.carry_out(&write, fates),
            Some(Queued::Write(write)) => return Ended::Undone(write),
            Some(Queued::Flush { covers, .. }) if succeeded => {
                while self.cache.front().is_some_and(|it| it.order <= covers) {
                    self.destage_oldest(fates);
                }
            }
            Some(Queued::Preempt(_)) if succeeded => return Ended::Preempted,
            Some(Queued::Flush { .. } | Queued::Preempt(_)) | None => {}
        }
        Ended::Done
    }

    fn carry_out(&mut self, write: &Write<T>, fates: &mut Vec<Fate<T>>) {
        self.order += 1;
        let Write { number, tag, .. } = *write;
        fates.reserve_exact(usize::try_from(write.count).expect("a write is in memory"));
        for page in (0..write.count).map(|index| write.start.plus(index)) {
            if !write.is_forced {
                let order = self.order;
                self.cache.push_back(Cached {
                    order,
                    number,
                    page,
                    tag,
                });
                continue;
            }
            self.cache.retain(|cached| {
                if cached.page == page {
                    fates.push(Fate::Dropped(cached.number, page, cached.tag));
                }
                cached.page != page
            });
            fates.push(Fate::Stable(number, page, tag));
        }
        while self.cache.len() > self.limit {
            self.destage_oldest(fates);
        }
    }

    fn destage_oldest(&mut self, fates: &mut Vec<Fate<T>>) {
        if let Some(oldest) = self.cache.pop_front() {
            fates.push(Fate::Stable(oldest.number, oldest.page, oldest.tag));
        }
    }

    /// After a power loss or an abort: takes out what is not queued or cached any
    /// more. `is_same` tells whether a version has this content.
    ///
    /// A write that left the queue may have executed. The device's cache is a part,
    /// in order, of what it held before and of what left the queue.
    pub(super) fn settle(
        &mut self,
        device: &Device,
        mut is_same: impl FnMut(&Cached<T>, &Payload) -> bool,
    ) {
        let numbers: Vec<_> = device.queued().map(|(number, _)| number).collect();
        let mut vanished = Vec::new();
        self.queue.retain(|queued| {
            let stays = numbers.binary_search(&queued.number()).is_ok();
            if let (false, Queued::Write(write)) = (stays, queued) {
                vanished.push(*write);
            }
            stays
        });
        for write in vanished.into_iter().filter(|write| !write.is_forced) {
            self.order += 1;
            for page in (0..write.count).map(|index| write.start.plus(index)) {
                self.cache.push_back(Cached {
                    order: self.order,
                    number: write.number,
                    page,
                    tag: write.tag,
                });
            }
        }
        let mut left: Vec<_> = device.cached().collect();
        let mut kept = VecDeque::new();
        while let Some(version) = self.cache.pop_back() {
            let is_there = left
                .last()
                .is_some_and(|(page, content)| *page == version.page && is_same(&version, content));
            if is_there {
                left.pop();
                kept.push_front(version);
            }
        }
        self.cache = kept;
    }

    /// Changes what a write is called.
    pub(super) fn retag(&mut self, mut tag: impl FnMut(CommandNumber, T) -> T) {
        for queued in &mut self.queue {
            if let Queued::Write(write) = queued {
                write.tag = tag(write.number, write.tag);
            }
        }
        for cached in &mut self.cache {
            cached.tag = tag(cached.number, cached.tag);
        }
    }

    /// Versions in the cache, the oldest first.
    pub(super) fn cached(&self) -> impl Iterator<Item = &Cached<T>> {
        self.cache.iter()
    }

    /// Writes in the queue.
    pub(super) fn queued_writes(&self) -> impl Iterator<Item = &Write<T>> {
        self.queue.iter().filter_map(|queued| match queued {
            Queued::Write(write) => Some(write),
            Queued::Flush { .. } | Queued::Preempt(_) => None,
        })
    }

    /// True if nothing written can be lost any more.
    pub(super) fn is_at_rest(&self) -> bool {
        self.cache.is_empty() && self.queued_writes().next().is_none()
    }
}

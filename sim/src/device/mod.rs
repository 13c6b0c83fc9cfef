//! A disk: stable pages, a volatile cache, a queue of commands and an exclusive
//! reservation. Literal semantics, see the engine's contract:
//!
//! * Queued commands are unordered, even on one page: the world executes them in
//!   whichever order it draws. Execution and completion are one instant.
//! * The reservation key is checked at that instant and no earlier.
//! * A flush covers exactly the writes that had completed when it was submitted;
//!   a forced write covers itself only.
//! * The cache is bounded. Past its limit the oldest version becomes stable.
//! * A device that is gone fails whatever executes, and nothing else of it changes;
//!   one that stalls executes nothing, which is for the world to see to.
//! * What goes wrong with a command does so when it executes: see [`IoEffect`].
//!
//! ```text
//! submit ──► queue ──execute──► cache ──flush, limit──► stable pages
//!                      └─── forced write ───────────────────▲
//! ```
//!
//! Knows no time, no process and no cause of a fault. The world decides when a
//! command executes and when power goes; what a power loss leaves is asked of a
//! [`PowerLoss`].

mod behaviour;
mod cache;
mod damage;
mod defect;
mod form;
mod inspect;
mod pages;
mod power;
mod replace;
mod reservation;
mod space;
#[cfg(test)]
mod tests;
mod trouble;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use stormglass_engine::contract::{
    IoError, IoId, IoOutput, IoRequest, PAGE_BYTES, PageIndex, Persistence, ReservationKey,
    Submission,
};
use stormglass_engine::payload::Payload;

use cache::{Cache, Version, WriteOrder};
pub use damage::Damage;
use defect::rare;
pub use defect::{Defect, IoEffect};
use form::DeviceForm;
pub use form::FormError;
use pages::{Pages, whole};
use power::StableStays;
pub use power::{CommandFate, PageFate, PowerLoss, Unplugged};
pub use replace::Return;
use reservation::Reservation;
use trouble::Rare;

/// Pages of volatile cache that a device has if nothing else is said.
pub const CACHE_PAGES_DEFAULT: u32 = 48;
/// The most commands that a device queues; more is a submitter out of control.
pub const COMMANDS_MAX: usize = 1 << 16;

/// A device's size and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeviceSpec {
    /// Capacity in pages, at least 1.
    pub pages: u64,
    /// Page versions that the volatile cache holds; 0 makes every write stable.
    pub cache_pages: u32,
    /// Pages outside the reservation, where no key is checked.
    pub unreserved: Option<PageRange>,
}

/// Consecutive pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PageRange {
    /// The first.
    pub start: PageIndex,
    /// How many.
    pub count: u64,
}

impl PageRange {
    /// True if `other` lies within.
    pub fn contains(self, other: PageRange) -> bool {
        let (end, other_end) = (self.end(), other.end());
        self.start <= other.start && end.is_some() && other_end.is_some() && other_end <= end
    }

    /// True if they have a page in common.
    pub fn meets(self, other: PageRange) -> bool {
        let begins_before_end_of = |one: PageRange, two: PageRange| {
            one.count > 0 && two.end().is_none_or(|end| one.start.0 < end)
        };
        begins_before_end_of(self, other) && begins_before_end_of(other, self)
    }

    /// The first page behind, unless that is beyond all numbers.
    fn end(self) -> Option<u64> {
        self.start.0.checked_add(self.count)
    }
}

/// Who submitted a command: one incarnation of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Submitter {
    /// The process in the world.
    pub process: u32,
    /// Which of its lives.
    pub incarnation: u64,
}

/// A device's own number for a command, rising in the order of submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandNumber(pub u64);

/// A command's end, for its submitter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whom to tell.
    pub submitter: Submitter,
    /// The submitter's name for the command.
    pub io: IoId,
    /// What came of it.
    pub result: Result<IoOutput, IoError>,
}

/// What executing a command ended: first the commands that it aborted, in the
/// order of their numbers, then itself. No allocation if it aborted none.
pub type Endings = std::iter::Chain<std::vec::IntoIter<Ended>, std::option::IntoIter<Ended>>;

/// What executing a command came to.
#[must_use = "the submitters wait for it"]
#[derive(Debug)]
pub struct Execution {
    /// What it ended.
    pub endings: Endings,
    /// True if the command had its effect, all of it and where it belongs.
    pub succeeded: bool,
    /// What went wrong with it, if anything did.
    pub defect: Option<Defect>,
}

/// How many commands a device has executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Reads carried out.
    pub reads: u64,
    /// Writes carried out, the forced ones included.
    pub writes: u64,
    /// Flushes carried out.
    pub flushes: u64,
    /// Writes with force unit access.
    pub forced: u64,
    /// Commands refused for their reservation key.
    pub conflicts: u64,
    /// Commands refused for pages that there are not.
    pub out_of_range: u64,
    /// Reads refused for pages that cannot be read.
    pub unreadable: u64,
    /// Writes refused for want of space.
    pub full: u64,
    /// Commands that met a device that was gone.
    pub gone: u64,
    /// Commands with which something went wrong.
    pub defective: u64,
}

impl Counters {
    /// Commands refused.
    pub fn refused(&self) -> u64 {
        self.conflicts + self.out_of_range + self.unreadable + self.full + self.gone
    }

    /// Commands without the effect that they asked for.
    fn ineffective(&self) -> u64 {
        self.refused() + self.defective
    }
}

/// A disk. A clone shares all pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "DeviceForm", try_from = "DeviceForm")]
pub struct Device {
    spec: DeviceSpec,
    stable: Pages,
    cache: Cache,
    reservation: Reservation,
    /// In the order of their numbers.
    queue: Vec<Queued>,
    next_command: CommandNumber,
    last_write: WriteOrder,
    counters: Counters,
    /// It does not answer.
    is_gone: bool,
    /// It executes nothing.
    is_stalled: bool,
    /// What else is wrong with it.
    trouble: Rare,
}

/// A command that waits for its execution.
#[derive(Clone, PartialEq, Eq)]
struct Queued {
    number: CommandNumber,
    submitter: Submitter,
    /// True while the submitter is there to be told of the end.
    is_awaited: bool,
    /// The last write that had completed at submission.
    completed_before: WriteOrder,
    /// What goes wrong with it: hardly ever anything.
    effect: Option<Box<IoEffect>>,
    submission: Arc<Submission>,
}

impl Device {
    /// A device full of zeros, reserved by nobody.
    pub fn new(spec: DeviceSpec) -> Self {
        assert!(spec.pages > 0, "a device without pages");
        let device = Device {
            spec,
            stable: Pages::new(spec.pages),
            cache: Cache::new(),
            reservation: Reservation::default(),
            queue: Vec::new(),
            next_command: CommandNumber(0),
            last_write: WriteOrder::default(),
            counters: Counters::default(),
            is_gone: false,
            is_stalled: false,
            trouble: Rare::default(),
        };
        let whole = device.whole();
        let fits = spec.unreserved.is_none_or(|range| whole.contains(range));
        assert!(fits, "unreserved pages beyond the device's end");
        device
    }

    /// Makes pages stable from `start` as if they had always been there: initial
    /// content, or damage. Neither queue nor reservation has a say.
    pub fn install(&mut self, start: PageIndex, pages: &[Payload]) {
        for (content, index) in pages.iter().zip(0..) {
            self.put_stable(start.plus(index), content);
        }
    }

    /// Queues a command. Its effect comes with [`Device::execute`].
    pub fn submit(&mut self, submitter: Submitter, submission: Submission) -> CommandNumber {
        self.submit_with(submitter, submission, IoEffect::Sound)
    }

    /// Queues a command with which something goes wrong.
    pub fn submit_with(
        &mut self,
        submitter: Submitter,
        submission: Submission,
        effect: IoEffect,
    ) -> CommandNumber {
        assert_well_formed(&submission.request);
        assert!(self.queue.len() < COMMANDS_MAX, "a device's queue is full");
        let number = self.next_command;
        self.next_command = CommandNumber(number.0 + 1);
        self.queue.push(Queued {
            number,
            submitter,
            is_awaited: true,
            completed_before: self.last_write,
            effect: rare(effect),
            submission: Arc::new(submission),
        });
        number
    }

    /// Executes a queued command, which completes it. A command that is not
    /// queued any more, having been aborted or lost with power, ends nothing. A
    /// flush that fails leaves what was stable.
    #[must_use = "the submitters wait for it"]
    pub fn execute(&mut self, number: CommandNumber) -> Endings {
        self.carry_out(number, &mut StableStays).endings
    }

    /// The same, and tells more. Of a flush that fails, `choice` tells what it leaves.
    pub fn carry_out(&mut self, number: CommandNumber, choice: &mut impl PowerLoss) -> Execution {
        let mut aborted = Vec::new();
        let (mut own, mut succeeded, mut defect) = (None, false, None);
        if let Ok(position) = self
            .queue
            .binary_search_by_key(&number, |queued| queued.number)
        {
            let queued = self.queue.remove(position);
            let before = self.counters;
            let result = self.perform(&queued, &mut aborted, choice);
            own = queued.ended(result);
            succeeded = self.counters.ineffective() == before.ineffective();
            if self.counters.defective > before.defective {
                defect = Some(queued.defect(queued.effect()));
            } else if self.counters.full > before.full {
                defect = Some(queued.defect(IoEffect::Full));
            }
        }
        Execution {
            endings: aborted.into_iter().chain(own),
            succeeded,
            defect,
        }
    }

    /// Forgets a submitter that was killed: its queued commands still execute,
    /// and end unheard.
    pub fn drop_submitter(&mut self, submitter: Submitter) {
        for queued in &mut self.queue {
            if queued.submitter == submitter {
                queued.is_awaited = false;
            }
        }
    }

    fn perform(
        &mut self,
        queued: &Queued,
        aborted: &mut Vec<Ended>,
        choice: &mut impl PowerLoss,
    ) -> Result<IoOutput, IoError> {
        if self.is_gone {
            self.counters.gone += 1;
            return Err(IoError::Gone);
        }
        let submission = &*queued.submission;
        if let Err(error) = self.check(submission) {
            self.counters.conflicts += u64::from(error == IoError::ReservationConflict);
            self.counters.out_of_range += u64::from(error == IoError::OutOfRange);
            self.counters.full += u64::from(error == IoError::Full);
            return Err(error);
        }
        if let Some(result) = self.go_wrong(queued, choice) {
            self.counters.defective += 1;
            return result;
        }
        match &submission.request {
            IoRequest::Read { start, count } => {
                if let Some(page) = self.first_unreadable(*start, *count) {
                    self.counters.unreadable += 1;
                    return Err(IoError::Unreadable(page));
                }
                self.counters.reads += 1;
                let pages = (0..u64::from(*count)).map(|index| self.current(start.plus(index)));
                Ok(IoOutput::Pages(pages.collect()))
            }
            IoRequest::Write {
                start,
                pages,
                persistence,
            } => {
                self.write(*start, pages, *persistence);
                Ok(IoOutput::Done)
            }
            IoRequest::Flush => {
                self.counters.flushes += 1;
                while let Some(version) = self.cache.pop_covered(queued.completed_before) {
                    self.settle_page(version.page, &version.content);
                }
                Ok(IoOutput::Done)
            }
            IoRequest::ReadReservation => Ok(IoOutput::Reservation(self.reservation.holder())),
            IoRequest::Preempt { observed } => {
                let Some(next) = self.reservation.after(*observed, submission.key) else {
                    self.counters.conflicts += 1;
                    return Err(IoError::ReservationConflict);
                };
                self.reservation = next;
                self.abort_others(submission.key, aborted);
                Ok(IoOutput::Done)
            }
        }
    }

    /// Whether a command's pages exist, its key may touch them and there is space.
    ///
    /// A flush is checked like a write to reserved pages, so that a deposed
    /// owner learns of it; who writes outside the reservation forces the write.
    fn check(&self, submission: &Submission) -> Result<(), IoError> {
        let is_exempt = match touched(&submission.request) {
            Some(range) => {
                if !self.whole().contains(range) {
                    return Err(IoError::OutOfRange);
                }
                self.spec
                    .unreserved
                    .is_some_and(|unreserved| unreserved.contains(range))
            }
            None => match submission.request {
                IoRequest::ReadReservation | IoRequest::Preempt { .. } => true,
                IoRequest::Read { .. } | IoRequest::Write { .. } | IoRequest::Flush => false,
            },
        };
        if is_exempt || self.reservation.admits(submission.key) {
            self.check_space(&submission.request)
        } else {
            Err(IoError::ReservationConflict)
        }
    }

    /// All its pages.
    pub fn whole(&self) -> PageRange {
        PageRange {
            start: PageIndex(0),
            count: self.spec.pages,
        }
    }

    /// Carries a write out, and destages what is too much for the cache.
    fn write(&mut self, start: PageIndex, pages: &[Payload], persistence: Persistence) {
        self.counters.writes += 1;
        self.counters.forced += u64::from(persistence == Persistence::ForceUnitAccess);
        self.store(start, pages, persistence);
        while let Some(oldest) = self.cache.pop_beyond(self.spec.cache_pages as usize) {
            self.settle_page(oldest.page, &oldest.content);
        }
    }

    /// Puts pages where their persistence wants them, whatever the cache's limit.
    fn store(&mut self, start: PageIndex, pages: &[Payload], persistence: Persistence) {
        self.last_write = WriteOrder(self.last_write.0 + 1);
        for (content, index) in pages.iter().zip(0..) {
            let page = start.plus(index);
            self.forget_phantom(page);
            match persistence {
                Persistence::Cached => {
                    self.cache.push(Version {
                        order: self.last_write,
                        page,
                        content: whole(content),
                    });
                }
                Persistence::ForceUnitAccess => self.put_stable(page, content),
            }
        }
    }

    /// Makes a content stable that is newer than all cached ones of its page.
    fn put_stable(&mut self, page: PageIndex, content: &Payload) {
        self.cache.forget(page);
        self.forget_phantom(page);
        self.settle_page(page, content);
    }

    /// Replaces a page's stable content, which mends the page.
    fn settle_page(&mut self, page: PageIndex, content: &Payload) {
        if !self.trouble.unreadable.is_empty() {
            self.trouble.unreadable.remove(&page);
        }
        self.stable.write(page, content);
    }

    fn forget_phantom(&mut self, page: PageIndex) {
        if !self.trouble.phantoms.is_empty() {
            self.trouble.phantoms.remove(&page);
        }
    }

    /// Preempt and abort: what is queued under other keys never executes.
    fn abort_others(&mut self, key: ReservationKey, aborted: &mut Vec<Ended>) {
        let others = self
            .queue
            .extract_if(.., |queued| queued.submission.key != key);
        aborted.extend(others.filter_map(|queued| queued.ended(Err(IoError::Aborted))));
    }
}

impl Queued {
    /// The command's end, if there is anyone to be told.
    fn ended(&self, result: Result<IoOutput, IoError>) -> Option<Ended> {
        let (submitter, io) = (self.submitter, self.submission.io);
        self.is_awaited.then_some(Ended {
            submitter,
            io,
            result,
        })
    }
}

impl fmt::Debug for Queued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, from, io) = (self.number.0, self.submitter, self.submission.io.0);
        write!(
            f,
            "{number}: io {io} of {}.{}",
            from.process, from.incarnation
        )
    }
}

/// The pages that a request names.
fn touched(request: &IoRequest) -> Option<PageRange> {
    match request {
        IoRequest::Read { start, count } => Some(PageRange {
            start: *start,
            count: u64::from(*count),
        }),
        IoRequest::Write { start, pages, .. } => {
            let count = u64::try_from(pages.len()).expect("a length fits 64 bits");
            Some(PageRange {
                start: *start,
                count,
            })
        }
        IoRequest::Flush | IoRequest::ReadReservation | IoRequest::Preempt { .. } => None,
    }
}

fn assert_well_formed(request: &IoRequest) {
    assert!(
        touched(request).is_none_or(|range| range.count > 0),
        "a command on no pages"
    );
    if let IoRequest::Write { pages, .. } = request {
        assert!(
            pages.iter().all(|page| page.len() <= PAGE_BYTES),
            "a page is no longer than that"
        );
    }
}

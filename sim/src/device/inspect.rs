//! What oracles and tools may see of a device.

use stormglass_engine::contract::{IoError, IoRequest, PageIndex, ReservationKey, Submission};
use stormglass_engine::payload::Payload;

use super::pages::whole;
use super::reservation::Reservation;
use super::{CommandNumber, Counters, Device, DeviceSpec, Queued, Submitter};

impl Device {
    /// The device's size and kind.
    pub fn spec(&self) -> &DeviceSpec {
        &self.spec
    }

    /// How many commands it has executed.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Who holds the exclusive reservation.
    pub fn holder(&self) -> Option<ReservationKey> {
        self.reservation.holder()
    }

    /// What a read of this page returns now.
    #[inline]
    pub fn current(&self, page: PageIndex) -> Payload {
        let shown = self.shown(page).cloned();
        shown.unwrap_or_else(|| self.stable.read(page))
    }

    /// What a read of this page returns instead of the stable content.
    pub(super) fn shown(&self, page: PageIndex) -> Option<&Payload> {
        let cached = self.cache.newest(page);
        cached.or_else(|| self.trouble.phantoms.get(&page))
    }

    /// What the page holds for good.
    pub fn stable(&self, page: PageIndex) -> Payload {
        self.stable.read(page)
    }

    /// What the volatile cache holds, the oldest first: a page may come several times.
    pub fn cached(&self) -> impl Iterator<Item = (PageIndex, &Payload)> {
        self.cache
            .iter()
            .map(|version| (version.page, &version.content))
    }

    /// Every content that a power loss now may leave on a page, tears apart: the
    /// stable one, then each cached one, the oldest first, then that of each
    /// queued write that may still execute.
    pub fn possible(&self, page: PageIndex) -> Vec<Payload> {
        let others = self.cache.versions_of(page).cloned();
        let stable = std::iter::once(self.stable.read(page));
        stable.chain(others).chain(self.coming(page)).collect()
    }

    /// True if a power loss now leaves one content on a page for sure.
    pub fn is_certain(&self, page: PageIndex) -> bool {
        let stable = self.stable.read(page);
        let mut cached = self.cache.versions_of(page);
        cached.all(|other| stable == *other) && self.coming(page).all(|other| stable == other)
    }

    /// The commands that wait for execution, in the order of their numbers.
    pub fn queued(&self) -> impl Iterator<Item = (CommandNumber, &Submission)> {
        self.queue
            .iter()
            .map(|queued| (queued.number, &*queued.submission))
    }

    /// Who submitted a queued command, whether or not it is there to be told.
    pub fn submitter_of(&self, number: CommandNumber) -> Option<Submitter> {
        self.find(number).map(|queued| queued.submitter)
    }

    /// Who is to be told when a queued command ends; nobody, if it is not queued
    /// or its submitter was dropped.
    pub fn awaited_by(&self, number: CommandNumber) -> Option<Submitter> {
        let queued = self.find(number)?;
        queued.is_awaited.then_some(queued.submitter)
    }

    fn find(&self, number: CommandNumber) -> Option<&Queued> {
        let place = self
            .queue
            .binary_search_by_key(&number, |queued| queued.number);
        self.queue.get(place.ok()?)
    }

    /// What queued writes would make of a page.
    fn coming(&self, page: PageIndex) -> impl Iterator<Item = Payload> {
        self.queue.iter().filter_map(move |queued| {
            let content = written(&queued.submission.request, page)?;
            let may_execute = self.may_execute(&queued.submission);
            may_execute.then(|| whole(content))
        })
    }

    /// Whether a command passes now, or after queued preempts.
    fn may_execute(&self, submission: &Submission) -> bool {
        if self.is_gone {
            return false;
        }
        match self.check(submission) {
            Ok(()) => true,
            Err(IoError::ReservationConflict) => {
                let ahead = self.reservations_ahead();
                let mut ahead = ahead.iter();
                ahead.any(|it| it.admits(submission.key))
                    && self.check_space(&submission.request).is_ok()
            }
            Err(
                IoError::Aborted
                | IoError::Unreadable(_)
                | IoError::OutOfRange
                | IoError::FlushFailed
                | IoError::Full
                | IoError::Gone,
            ) => false,
        }
    }

    /// The reservations that queued preempts may lead to, carried out in the
    /// order of their numbers or not at all.
    fn reservations_ahead(&self) -> Vec<Reservation> {
        let mut ahead = vec![self.reservation];
        for queued in &self.queue {
            if let IoRequest::Preempt { observed } = queued.submission.request {
                let key = queued.submission.key;
                let next: Vec<_> = ahead
                    .iter()
                    .filter_map(|it| it.after(observed, key))
                    .collect();
                ahead.extend(next);
            }
        }
        ahead
    }
}

/// What a request writes to a page.
fn written(request: &IoRequest, page: PageIndex) -> Option<&Payload> {
    match request {
        IoRequest::Write { start, pages, .. } => {
            let index = page.0.checked_sub(start.0)?;
            pages.get(usize::try_from(index).ok()?)
        }
        IoRequest::Read { .. }
        | IoRequest::Flush
        | IoRequest::ReadReservation
        | IoRequest::Preempt { .. } => None,
    }
}

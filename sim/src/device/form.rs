//! The serialized form of a device: every distinct content of a page once.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stormglass_engine::contract::{IoRequest, PAGE_BYTES, PageIndex, Submission};
use stormglass_engine::payload::Payload;
use xxhash_rust::xxh3::xxh3_128;

use super::cache::{Cache, Version, WriteOrder};
use super::defect::rare;
use super::pages::{Pages, whole};
use super::reservation::Reservation;
use super::trouble::{Rare, Trouble};
use super::{CommandNumber, Counters, Device, DeviceSpec, IoEffect, PageRange, Queued, Submitter};

/// A device with page contents replaced by their places in a table.
#[derive(Serialize, Deserialize)]
pub(super) struct DeviceForm {
    spec: DeviceSpec,
    contents: Vec<Payload>,
    stable: Vec<(PageIndex, ContentIndex)>,
    cached: Vec<(WriteOrder, PageIndex, ContentIndex)>,
    reservation: Reservation,
    queue: Vec<QueuedForm>,
    next_command: CommandNumber,
    last_write: WriteOrder,
    counters: Counters,
    is_gone: bool,
    unreadable: BTreeSet<PageIndex>,
    phantoms: Vec<(PageIndex, ContentIndex)>,
    is_stalled: bool,
    full: Option<PageRange>,
    remembered: Option<Vec<(PageIndex, ContentIndex)>>,
}

#[derive(Serialize, Deserialize)]
struct QueuedForm {
    number: CommandNumber,
    submitter: Submitter,
    is_awaited: bool,
    completed_before: WriteOrder,
    effect: IoEffect,
    /// Without the pages of a write.
    submission: Submission,
    pages: Vec<ContentIndex>,
}

/// A place in the table of contents.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct ContentIndex(u32);

/// Why a serialized device is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// A page refers to a content that is not in the table.
    #[error("content {0} is missing from the device's table")]
    MissingContent(u32),
    /// A content is longer than a page.
    #[error("a page of {0} bytes")]
    PageSize(usize),
    /// A page lies behind the device's end.
    #[error("page {} is beyond the device's end", .0.0)]
    OutOfRange(PageIndex),
    /// Cached versions or queued commands are not in order.
    #[error("cached versions or queued commands out of order")]
    Disorder,
}

/// Gives each distinct content one place.
#[derive(Default)]
struct Table {
    contents: Vec<Payload>,
    /// By hash first, so that hardly any two contents are compared.
    places: BTreeMap<(u128, Payload), ContentIndex>,
}

impl Table {
    fn place_of(&mut self, content: &Payload) -> ContentIndex {
        let key = (xxh3_128(content), content.clone());
        *self.places.entry(key).or_insert_with(|| {
            let place = u32::try_from(self.contents.len()).expect("fewer than 2^32 pages");
            self.contents.push(content.clone());
            ContentIndex(place)
        })
    }

    fn places_of(&mut self, pages: &Pages) -> Vec<(PageIndex, ContentIndex)> {
        let stored = pages.stored();
        stored
            .map(|(page, content)| (page, self.place_of(&whole(content))))
            .collect()
    }

    fn strip(&mut self, queued: &Queued) -> QueuedForm {
        let mut submission = Submission::clone(&queued.submission);
        let pages = match &mut submission.request {
            IoRequest::Write { pages, .. } => std::mem::take(pages),
            IoRequest::Read { .. }
            | IoRequest::Flush
            | IoRequest::ReadReservation
            | IoRequest::Preempt { .. } => Vec::new(),
        };
        QueuedForm {
            number: queued.number,
            submitter: queued.submitter,
            is_awaited: queued.is_awaited,
            completed_before: queued.completed_before,
            effect: queued.effect(),
            submission,
            pages: pages.iter().map(|page| self.place_of(page)).collect(),
        }
    }
}

impl From<Device> for DeviceForm {
    fn from(device: Device) -> Self {
        let mut table = Table::default();
        let stable = table.places_of(&device.stable);
        let remembered = device
            .trouble
            .remembered
            .as_ref()
            .map(|it| table.places_of(it));
        let cached = device.cache.iter();
        let cached = cached
            .map(|it| (it.order, it.page, table.place_of(&it.content)))
            .collect();
        let queue = device
            .queue
            .iter()
            .map(|queued| table.strip(queued))
            .collect();
        let phantoms = device.trouble.phantoms.iter();
        let phantoms = phantoms
            .map(|(page, content)| (*page, table.place_of(content)))
            .collect();
        DeviceForm {
            spec: device.spec,
            contents: table.contents,
            stable,
            cached,
            reservation: device.reservation,
            queue,
            next_command: device.next_command,
            last_write: device.last_write,
            counters: device.counters,
            is_gone: device.is_gone,
            unreadable: device.trouble.unreadable.clone(),
            phantoms,
            is_stalled: device.is_stalled,
            full: device.trouble.full,
            remembered,
        }
    }
}

impl TryFrom<DeviceForm> for Device {
    type Error = FormError;

    fn try_from(form: DeviceForm) -> Result<Self, FormError> {
        form.check()?;
        let stable = form.pages(&form.stable)?;
        let remembered = form.remembered.as_deref();
        let remembered = remembered.map(|pages| form.pages(pages)).transpose()?;
        let mut cache = Cache::new();
        for (order, page, place) in &form.cached {
            cache.push(Version {
                order: *order,
                page: *page,
                content: whole(&form.content(*place)?),
            });
        }
        let queue = form
            .queue
            .iter()
            .map(|queued| form.restore(queued))
            .collect::<Result<_, _>>()?;
        let phantoms = form.phantoms.iter();
        let phantoms = phantoms
            .map(|(page, place)| Ok((*page, whole(&form.content(*place)?))))
            .collect::<Result<_, FormError>>()?;
        Ok(Device {
            spec: form.spec,
            stable,
            cache,
            reservation: form.reservation,
            queue,
            next_command: form.next_command,
            last_write: form.last_write,
            counters: form.counters,
            is_gone: form.is_gone,
            is_stalled: form.is_stalled,
            trouble: Rare::from(Trouble {
                full: form.full,
                unreadable: form.unreadable,
                phantoms,
                remembered,
            }),
        })
    }
}

impl DeviceForm {
    fn check(&self) -> Result<(), FormError> {
        if let Some(content) = self
            .contents
            .iter()
            .find(|content| content.len() > PAGE_BYTES)
        {
            return Err(FormError::PageSize(content.len()));
        }
        let pages = self.stable.iter().map(|(page, _)| page);
        let pages = pages.chain(self.cached.iter().map(|(_, page, _)| page));
        let pages = pages.chain(self.phantoms.iter().map(|(page, _)| page));
        let remembered = self.remembered.iter().flatten();
        let pages = pages.chain(remembered.map(|(page, _)| page));
        let mut pages = pages.chain(&self.unreadable);
        if let Some(page) = pages.find(|page| page.0 >= self.spec.pages) {
            return Err(FormError::OutOfRange(*page));
        }
        let orders = self.cached.iter().map(|(order, _, _)| order);
        let numbers = self.queue.iter().map(|queued| queued.number);
        if orders.is_sorted() && numbers.is_sorted() {
            Ok(())
        } else {
            Err(FormError::Disorder)
        }
    }

    fn pages(&self, places: &[(PageIndex, ContentIndex)]) -> Result<Pages, FormError> {
        let mut pages = Pages::new(self.spec.pages);
        for (page, place) in places {
            pages.write(*page, &self.content(*place)?);
        }
        Ok(pages)
    }

    fn content(&self, place: ContentIndex) -> Result<Payload, FormError> {
        let content = self.contents.get(place.0 as usize);
        content.cloned().ok_or(FormError::MissingContent(place.0))
    }

    fn restore(&self, form: &QueuedForm) -> Result<Queued, FormError> {
        let mut submission = form.submission.clone();
        if let IoRequest::Write { pages, .. } = &mut submission.request {
            let contents = form.pages.iter().map(|place| self.content(*place));
            *pages = contents.collect::<Result<_, _>>()?;
        }
        Ok(Queued {
            number: form.number,
            submitter: form.submitter,
            is_awaited: form.is_awaited,
            completed_before: form.completed_before,
            effect: rare(form.effect),
            submission: Arc::new(submission),
        })
    }
}

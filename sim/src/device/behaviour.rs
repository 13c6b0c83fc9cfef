//! What a device will do, without how it came to it: no numbers of commands and
//! writes, no counters.

use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use stormglass_engine::contract::{IoRequest, PageIndex, ReservationKey, Submission};
use stormglass_engine::payload::Payload;

use super::pages::{Pages, content_of};
use super::{CommandNumber, Device, IoEffect, PageRange, Queued, Submitter};

/// A device as its behaviour follows from it.
#[derive(Serialize)]
pub(crate) struct DeviceBehaviour<'a> {
    stable: BTreeMap<PageIndex, Content<'a>>,
    /// The oldest version first.
    cached: Vec<(PageIndex, &'a Payload)>,
    holder: Option<ReservationKey>,
    is_gone: bool,
    unreadable: &'a BTreeSet<PageIndex>,
    phantoms: &'a BTreeMap<PageIndex, Payload>,
    is_stalled: bool,
    full: Option<PageRange>,
    remembered: Option<BTreeMap<PageIndex, Content<'a>>>,
    queue: Vec<QueuedBehaviour<'a>>,
}

/// A page without the zeros at its end, as one value and not as a list of bytes.
struct Content<'a>(&'a [u8]);

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// What is kept for good, as a device goes on by it.
fn contents(pages: &Pages) -> BTreeMap<PageIndex, Content<'_>> {
    let stored = pages.stored();
    stored
        .map(|(page, kept)| (page, Content(content_of(kept))))
        .collect()
}

#[derive(Serialize)]
struct QueuedBehaviour<'a> {
    submitter: Submitter,
    is_awaited: bool,
    /// How many of the cached versions a flush makes stable.
    covered: usize,
    effect: IoEffect,
    submission: &'a Submission,
}

impl Device {
    pub(crate) fn behaviour(&self) -> DeviceBehaviour<'_> {
        let cached = self.cache.iter();
        DeviceBehaviour {
            stable: contents(&self.stable),
            cached: cached.map(|it| (it.page, &it.content)).collect(),
            holder: self.reservation.holder(),
            is_gone: self.is_gone,
            unreadable: &self.trouble.unreadable,
            phantoms: &self.trouble.phantoms,
            is_stalled: self.is_stalled,
            full: self.trouble.full,
            remembered: self.trouble.remembered.as_ref().map(contents),
            queue: self.queue.iter().map(|it| self.in_queue(it)).collect(),
        }
    }

    /// A queued command's place in the queue.
    pub(crate) fn place_of(&self, number: CommandNumber) -> Option<usize> {
        let queue = &self.queue;
        queue.binary_search_by_key(&number, |it| it.number).ok()
    }

    fn in_queue<'a>(&self, queued: &'a Queued) -> QueuedBehaviour<'a> {
        let covered = match queued.submission.request {
            IoRequest::Flush => {
                let versions = self.cache.iter();
                versions
                    .filter(|it| it.order <= queued.completed_before)
                    .count()
            }
            IoRequest::Read { .. }
            | IoRequest::Write { .. }
            | IoRequest::ReadReservation
            | IoRequest::Preempt { .. } => 0,
        };
        QueuedBehaviour {
            submitter: queued.submitter,
            is_awaited: queued.is_awaited,
            covered,
            effect: queued.effect(),
            submission: &queued.submission,
        }
    }
}

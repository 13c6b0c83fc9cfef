//! A device with another content than it went with: blank, older, or another one's.
//!
//! Queue and number of the next command stay with the place, for whoever waits knows
//! commands by those; all that is on the medium or above it is exchanged.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stormglass_engine::contract::IoError;

use super::cache::Cache;
use super::pages::Pages;
use super::reservation::Reservation;
use super::{Device, Ended, PageRange};

/// How a device comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Return {
    /// As it went, cache and reservation included: it was only out of reach.
    Intact,
    /// As another one, full of zeros and reserved by nobody.
    Blank,
    /// With what it held when its content was remembered last, see
    /// [`Device::remember`], the cache empty; it is reserved as before. Intact if
    /// nothing was ever remembered.
    Stale,
}

impl Device {
    /// From now on, what executes fails. False if it was gone already.
    pub fn go(&mut self) -> bool {
        !std::mem::replace(&mut self.is_gone, true)
    }

    /// It answers again. One that is not what it was knows none of the commands that
    /// were queued: they end here, as gone. `None` if it was not gone.
    #[must_use = "the submitters wait for it"]
    pub fn come_back(&mut self, returns: Return) -> Option<Vec<Ended>> {
        if !std::mem::take(&mut self.is_gone) {
            return None;
        }
        match (returns, self.trouble.remembered.clone()) {
            (Return::Intact, _) | (Return::Stale, None) => return Some(Vec::new()),
            (Return::Blank, _) => {
                self.stable = Pages::new(self.spec.pages);
                self.reservation = Reservation::default();
                self.trouble.full = None;
            }
            (Return::Stale, Some(remembered)) => self.stable = remembered,
        }
        self.cache = Cache::new();
        self.trouble.unreadable = BTreeSet::new();
        self.trouble.phantoms = BTreeMap::new();
        Some(self.end_queue())
    }

    /// Remembers the stable content, for a later [`Return::Stale`] or
    /// [`Device::restore`].
    pub fn remember(&mut self) {
        self.trouble.remembered = Some(self.stable.clone());
    }

    /// True if there is a content to come back with.
    pub fn has_memory(&self) -> bool {
        self.trouble.remembered.is_some()
    }

    /// Makes the stable content of these pages what was remembered last, and tells
    /// whether any of it has changed. Cached versions stay good; nothing happens if
    /// nothing was remembered.
    pub fn restore(&mut self, pages: PageRange) -> bool {
        assert!(self.whole().contains(pages), "beyond the device's end");
        let Some(remembered) = self.trouble.remembered.clone() else {
            return false;
        };
        let mut has_changed = false;
        for page in (0..pages.count).map(|index| pages.start.plus(index)) {
            let content = remembered.read(page);
            let was_unreadable = self.trouble.unreadable.remove(&page);
            has_changed |= was_unreadable || content != self.stable.read(page);
            self.stable.write(page, &content);
        }
        has_changed
    }

    /// Two devices stand in each other's place, with all that they hold, caches and
    /// reservations included; those that wait at either hear that it is gone.
    #[must_use = "the submitters wait for it"]
    pub fn swap(one: &mut Device, other: &mut Device) -> [Vec<Ended>; 2] {
        let ended = [one.end_queue(), other.end_queue()];
        std::mem::swap(&mut one.spec, &mut other.spec);
        std::mem::swap(&mut one.stable, &mut other.stable);
        std::mem::swap(&mut one.cache, &mut other.cache);
        std::mem::swap(&mut one.last_write, &mut other.last_write);
        std::mem::swap(&mut one.reservation, &mut other.reservation);
        std::mem::swap(&mut one.trouble, &mut other.trouble);
        ended
    }

    fn end_queue(&mut self) -> Vec<Ended> {
        let queue = std::mem::take(&mut self.queue);
        let ended = queue.iter().filter_map(|it| it.ended(Err(IoError::Gone)));
        ended.collect()
    }
}

//! What befalls a device beside loss of power: it goes and comes back, or a page of
//! it goes bad.

use bytes::BytesMut;
use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{IoError, PageIndex};

use super::cache::Cache;
use super::pages::Pages;
use super::reservation::Reservation;
use super::{Device, Ended};
use std::collections::{BTreeMap, BTreeSet};

/// By how much a byte of a rotten page goes wrong: odd, so that a page that rots
/// again and again is itself again only after 256 times.
const ROT: u8 = 37;

/// How a device comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Return {
    /// As it went, cache and reservation included: it was only out of reach.
    Intact,
    /// As another one, full of zeros and reserved by nobody.
    Blank,
}

/// How a page goes bad. Cached versions of it stay good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Damage {
    /// Its stable content cannot be read until it is replaced.
    Unreadable,
    /// Its stable content is another, and nothing says so.
    Rot,
}

impl Device {
    /// True while it does not answer.
    pub fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// True if a page's stable content cannot be read. A cached version of it can.
    pub fn is_unreadable(&self, page: PageIndex) -> bool {
        self.unreadable.contains(&page)
    }

    /// From now on, what executes fails. False if it was gone already.
    pub fn go(&mut self) -> bool {
        !std::mem::replace(&mut self.is_gone, true)
    }

    /// It answers again. A blank one knows none of the commands that its predecessor
    /// had queued: they end here, as gone. `None` if it was not gone.
    #[must_use = "the submitters wait for it"]
    pub fn come_back(&mut self, returns: Return) -> Option<Vec<Ended>> {
        if !std::mem::take(&mut self.is_gone) {
            return None;
        }
        match returns {
            Return::Intact => Some(Vec::new()),
            Return::Blank => {
                self.stable = Pages::new(self.spec.pages);
                self.cache = Cache::new();
                self.reservation = Reservation::default();
                self.unreadable = BTreeSet::new();
                self.phantoms = BTreeMap::new();
                let queue = std::mem::take(&mut self.queue);
                let ended = queue.iter().filter_map(|it| it.ended(Err(IoError::Gone)));
                Some(ended.collect())
            }
        }
    }

    /// A page goes bad.
    pub fn damage(&mut self, page: PageIndex, damage: Damage) {
        assert!(page.0 < self.spec.pages, "damage beyond the device's end");
        match damage {
            Damage::Unreadable => {
                self.unreadable.insert(page);
            }
            Damage::Rot => {
                let mut content = BytesMut::from(&self.stable.read(page)[..]);
                content[0] = content[0].wrapping_add(ROT);
                self.stable.write(page, &content.freeze());
            }
        }
    }

    /// The first page of a range that a read cannot return.
    pub(super) fn first_unreadable(&self, start: PageIndex, count: u32) -> Option<PageIndex> {
        let end = start.plus(u64::from(count));
        let mut bad = self.unreadable.range(start..end);
        bad.find(|page| self.shown(**page).is_none()).copied()
    }
}

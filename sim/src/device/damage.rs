//! What befalls a device beside loss of power: it does not answer, it stalls, or a page
//! of it goes bad.

use bytes::BytesMut;
use serde::{Deserialize, Serialize};
use stormglass_engine::contract::PageIndex;

use super::Device;

/// By how much a byte of a rotten page goes wrong: odd, so that a page that rots
/// again and again is itself again only after 256 times.
const ROT: u8 = 37;
/// Which one: behind the magic number and the lengths with which the page of a format begins,
/// so that its checksum has to find it.
pub(super) const ROT_AT: usize = 24;

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
        self.trouble.unreadable.contains(&page)
    }

    /// From now on, nothing executes; whoever calls [`Device::execute`] waits until it
    /// goes on. False if it stalls already.
    pub fn stall(&mut self) -> bool {
        !std::mem::replace(&mut self.is_stalled, true)
    }

    /// What is queued executes again. False if it did.
    pub fn go_on(&mut self) -> bool {
        std::mem::take(&mut self.is_stalled)
    }

    /// True while nothing executes.
    pub fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// A page goes bad.
    pub fn damage(&mut self, page: PageIndex, damage: Damage) {
        assert!(page.0 < self.spec.pages, "damage beyond the device's end");
        match damage {
            Damage::Unreadable => {
                self.trouble.unreadable.insert(page);
            }
            Damage::Rot => {
                let mut content = BytesMut::from(&self.stable.read(page)[..]);
                content[ROT_AT] = content[ROT_AT].wrapping_add(ROT);
                self.stable.write(page, &content.freeze().into());
            }
        }
    }

    /// The first page of a range that a read cannot return.
    pub(super) fn first_unreadable(&self, start: PageIndex, count: u32) -> Option<PageIndex> {
        let end = start.plus(u64::from(count));
        let mut bad = self.trouble.unreadable.range(start..end);
        bad.find(|page| self.shown(**page).is_none()).copied()
    }
}

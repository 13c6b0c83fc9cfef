//! Where damage was injected: the fault atlas in its first form.
//!
//! Fed by injected faults and by the writes that undo them, and by nothing that
//! the engine left: what it never heard of is nobody's excuse. A damaged page is
//! exempt from what a copy owes until it is written again; what is read from it
//! must still never reach a client, which O2 and O17 see.

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use stormglass_engine::contract::PageIndex;
use stormglass_engine::storage_set::layout::{Geometry, HEADERS_PER_PAGE};
use stormglass_engine::vocabulary::BlockIndex;
use stormglass_sim::device::CommandNumber;

/// A write that may undo damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mending {
    number: CommandNumber,
    start: PageIndex,
    count: u64,
}

/// Damaged pages of one copy's data device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Damage {
    pages: OrdSet<PageIndex>,
    /// Blocks that went back to what they were before a flush that lied, and the pages of
    /// their data, which undo it.
    lapsed: OrdMap<PageIndex, BlockIndex>,
    mending: Vec<Mending>,
}

impl Damage {
    /// A page went bad.
    pub(super) fn injected(&mut self, page: PageIndex) {
        self.pages.insert(page);
    }

    /// A block is what it was before a flush that lied; this is its data's page.
    pub(super) fn lapsed(&mut self, block: BlockIndex, page: PageIndex) {
        self.pages.insert(page);
        self.lapsed.insert(page, block);
    }

    /// True if the block is what it was before a flush that lied.
    pub(super) fn has_lapsed(&self, block: BlockIndex) -> bool {
        self.lapsed.values().any(|lapsed| *lapsed == block)
    }

    /// A write entered the queue.
    pub(super) fn submitted(&mut self, number: CommandNumber, start: PageIndex, count: u64) {
        let end = start.plus(count);
        if self.pages.range(start..end).next().is_some() {
            self.mending.push(Mending {
                number,
                start,
                count,
            });
        }
    }

    /// A command left the queue. Tells which pages are damaged no more.
    pub(super) fn executed(&mut self, number: CommandNumber, succeeded: bool) -> Vec<PageIndex> {
        let found = self.mending.iter().position(|it| it.number == number);
        let Some(place) = found else { return vec![] };
        let Mending { start, count, .. } = self.mending.swap_remove(place);
        if !succeeded {
            return vec![];
        }
        let pages = (0..count).map(|index| start.plus(index));
        for page in pages.clone() {
            self.lapsed.remove(&page);
        }
        pages
            .filter(|page| self.pages.remove(page).is_some())
            .collect()
    }

    /// The device is another one.
    pub(super) fn replaced(&mut self) {
        *self = Damage::default();
    }

    /// True if no page is damaged.
    pub(super) fn is_none(&self) -> bool {
        self.pages.is_empty()
    }

    /// True if the block's data or header page is damaged.
    pub(super) fn covers(&self, block: BlockIndex, geometry: &Geometry) -> bool {
        !self.pages.is_empty()
            && (self.pages.contains(&geometry.data_page(block))
                || self
                    .pages
                    .contains(&PageIndex(1 + block.value() / HEADERS_PER_PAGE)))
    }
}

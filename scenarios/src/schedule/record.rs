//! Damage to a record of a journal, told by its age: where it stands is looked up when
//! the time has come.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::PageIndex;
use stormglass_engine::storage_set::format::peek_record;
use stormglass_sim::device::{Damage, PageRange};
use stormglass_sim::fault::Fault;
use stormglass_sim::world::{DeviceIndex, World};

use super::steps;
use crate::actor::Actor;
use crate::cluster::Map;
use crate::file::Action;

/// What goes bad, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordDamage {
    device: DeviceIndex,
    ring: PageRange,
    /// Which record, counted from the newest, which is 1.
    nth: u64,
    damage: Damage,
}

impl RecordDamage {
    /// Damage to a record, if that is what an action does.
    pub(super) fn of(action: &Action, map: &Map) -> Option<Self> {
        let Action::DamageRecord { device, nth, kind } = *action else {
            return None;
        };
        Some(RecordDamage {
            device: steps::drive(device, map),
            ring: PageRange {
                start: map.geometry.ring_start(),
                count: map.geometry.ring_pages,
            },
            nth,
            damage: steps::damage_of(kind),
        })
    }

    /// The fault that it comes to now; none if the ring holds fewer records.
    pub(super) fn fault(self, world: &World<Actor>) -> Option<Fault> {
        let RecordDamage { device, damage, .. } = self;
        let page = self.page(world)?;
        Some(Fault::Damage {
            device,
            page,
            damage,
        })
    }

    fn page(self, world: &World<Actor>) -> Option<PageIndex> {
        let disk = &world.drive(self.device).device;
        let pages = (0..self.ring.count).map(|index| self.ring.start.plus(index));
        let mut records: Vec<_> = pages
            .filter_map(|page| Some((peek_record(&disk.stable(page)).ok()?.1, page)))
            .collect();
        records.sort_unstable();
        let place = records.len().checked_sub(usize::try_from(self.nth).ok()?)?;
        records.get(place).map(|(_, page)| *page)
    }
}

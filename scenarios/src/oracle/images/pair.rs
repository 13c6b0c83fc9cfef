//! The two copies side by side: what each of them owes at this instant.
//!
//! The mirror's copy owes whatever a promotion would have to give. It owes nothing
//! for a block that the owner may acknowledge alone: the owner's mode is out of
//! sync or resync in every image, no durable record of a mediator says in sync,
//! and the block's region is dirty in every image. Nor does a copy that says in
//! every image that it is inconsistent, where its own bits say so too, nor a set
//! that was replaced and is not formatted yet. An owner's block that went with its data
//! device has no value until it is written again: the other copy alone can owe it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{IoRequest, PageIndex};
use stormglass_engine::storage_set::layout::Geometry;
use stormglass_engine::storage_set::tables::{Consistency, Mode};
use stormglass_engine::vocabulary::{BlockIndex, SequenceId};
use stormglass_engine::wire::mediator::MediatorRecord;
use stormglass_sim::device::Device;
use stormglass_sim::occurrence::Occurrence;
use stormglass_sim::world::DeviceIndex;

use super::damage::Damage;
use super::data;
use super::set::Part;
use super::{Bytes64, Candidates, Devices, SetDevices, SetImages, Value};

/// Both copies, the present owner's first, and what is known of them beside their images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    devices: [SetDevices; 2],
    pub(super) sets: [Arc<SetImages>; 2],
    /// New or replaced, and not formatted yet.
    absent: [bool; 2],
    /// A fault has replaced a device of the set, some time.
    replaced: [bool; 2],
    /// What the mediator's durable record says; none without a mediator.
    in_sync: Option<bool>,
    damage: [Damage; 2],
    /// The owner is the other site than at first.
    is_switched: bool,
}

impl Pair {
    pub(super) fn new(
        devices: [SetDevices; 2],
        sets: [Arc<SetImages>; 2],
        absent: [bool; 2],
    ) -> Self {
        Pair {
            devices,
            sets,
            absent,
            replaced: [false; 2],
            in_sync: None,
            damage: <[Damage; 2]>::default(),
            is_switched: false,
        }
    }

    /// The other site is the owner from now on.
    pub(super) fn switch(&mut self) {
        self.devices.swap(0, 1);
        self.sets.swap(0, 1);
        self.absent.swap(0, 1);
        self.replaced.swap(0, 1);
        self.damage.swap(0, 1);
        self.is_switched = !self.is_switched;
    }

    /// True while the owner is the other site than at first.
    pub fn is_switched(&self) -> bool {
        self.is_switched
    }

    /// The images of a copy.
    pub fn set(&self, copy: usize) -> &SetImages {
        &self.sets[copy]
    }

    /// True if a copy's set was replaced and is not formatted yet.
    pub fn is_absent(&self, copy: usize) -> bool {
        self.absent[copy]
    }

    /// Sizes of both sets.
    pub fn geometry(&self) -> &Geometry {
        &self.devices[0].geometry
    }

    /// Whose device it is, and which.
    pub(super) fn place_of(&self, device: DeviceIndex) -> Option<(usize, Part)> {
        self.devices.iter().enumerate().find_map(|(copy, set)| {
            if set.journal == device {
                Some((copy, Part::Journal))
            } else if set.data == device {
                Some((copy, Part::Data))
            } else {
                None
            }
        })
    }

    /// The journal device of the set that a device belongs to.
    pub(super) fn journal_of(&self, device: DeviceIndex) -> Option<DeviceIndex> {
        let (copy, _) = self.place_of(device)?;
        Some(self.devices[copy].journal)
    }

    /// Follows the writes that undo damage; tells for which blocks it ended.
    pub(super) fn follow_damage<E>(
        &mut self,
        copy: usize,
        occurrence: &Occurrence<E>,
        device: &Device,
        touched: &mut Vec<BlockIndex>,
    ) {
        let damage = &mut self.damage[copy];
        if damage.is_none() {
            return;
        }
        match occurrence {
            Occurrence::Submitted { number, .. } => {
                let mut queued = device.queued();
                let Some((_, it)) = queued.find(|(queued, _)| queued == number) else {
                    return;
                };
                if let IoRequest::Write { start, pages, .. } = &it.request {
                    damage.submitted(*number, *start, pages.len() as u64);
                }
            }
            Occurrence::Executed {
                number, succeeded, ..
            } => {
                let first = self.devices[copy].geometry.data_page(BlockIndex::new(0)).0;
                let mended = damage.executed(*number, *succeeded).into_iter();
                let blocks = mended.filter_map(|page| page.0.checked_sub(first));
                touched.extend(blocks.map(BlockIndex::new));
            }
            _ => {}
        }
    }

    /// A device is another one now; tells whose set owes nothing any more. An owner
    /// whose journal is there goes on owing what stands in it.
    pub(super) fn replaced(&mut self, device: DeviceIndex, racks: &impl Devices) -> Option<usize> {
        let (copy, part) = self.place_of(device)?;
        self.replaced[copy] = true;
        if part == Part::Data {
            self.damage[copy].replaced();
            if !self.absent[copy] && self.sets[copy].state().is_owner() {
                let geometry = self.devices[copy].geometry;
                Arc::make_mut(&mut self.sets[copy]).lose_data(racks.device(device), geometry);
                return None;
            }
        }
        self.absent[copy] = true;
        Some(copy)
    }

    /// True if the mirror's set has lost what it had to a fault and was not paired anew:
    /// what it once acknowledged it had then, and nobody promotes it.
    pub fn is_mirror_bereft(&self) -> bool {
        self.replaced[1] && (self.absent[1] || self.is_unpaired())
    }

    /// True if what the data device of a copy shows of the block counts as nothing.
    pub fn is_lost(&self, copy: usize, block: BlockIndex) -> bool {
        !self.absent[copy] && self.sets[copy].is_lost(block, self.geometry())
    }

    /// A page went bad.
    pub(super) fn damaged(&mut self, device: DeviceIndex, page: PageIndex) {
        if let Some((copy, Part::Data)) = self.place_of(device) {
            self.damage[copy].injected(page);
        }
    }

    /// The set of this device is formatted: reads it anew, and tells whose it is.
    /// Without a checkpoint it stays absent.
    pub(super) fn formatted(&mut self, device: DeviceIndex, racks: &impl Devices) -> Option<usize> {
        let (copy, _) = self.place_of(device)?;
        let SetDevices {
            journal,
            data,
            geometry,
        } = self.devices[copy];
        let (journal, data) = (racks.device(journal), racks.device(data));
        let images = SetImages::new(journal, data, geometry);
        self.absent[copy] = images.is_none();
        self.sets[copy] = Arc::new(images?);
        Some(copy)
    }

    /// The mediator's durable record; or, where none was seen yet, what a fresh
    /// answer says of it.
    pub(super) fn mediator(&mut self, record: MediatorRecord, is_set: bool) {
        if is_set || self.in_sync.is_none() {
            self.in_sync = Some(record.in_sync);
        }
    }

    /// The blocks that a page of a data device stands for.
    pub(super) fn blocks_of(&self, page: PageIndex) -> impl Iterator<Item = BlockIndex> + use<> {
        data::blocks_of(page, self.geometry())
    }

    /// Blocks of a copy went with what a flush had said to be stable.
    pub(super) fn lapsed(&mut self, copy: usize, blocks: &[BlockIndex]) {
        let geometry = self.devices[copy].geometry;
        for block in blocks {
            self.damage[copy].lapsed(*block, geometry.data_page(*block));
        }
    }

    /// True if damage was injected into the block's pages and not undone.
    pub fn is_damaged(&self, copy: usize, block: BlockIndex) -> bool {
        self.damage[copy].covers(block, self.geometry())
    }

    /// Adds every value that a copy's block may have; what injected damage makes of
    /// it is none.
    pub fn add_values(&self, copy: usize, block: BlockIndex, values: &mut Candidates) {
        if self.absent[copy] {
            return;
        }
        if !self.is_damaged(copy, block) {
            return self.sets[copy].add_values(block, values);
        }
        // What it is now nothing tells: header and data may have gone back together.
        if self.damage[copy].has_lapsed(block) {
            return;
        }
        let mut all = Candidates::default();
        self.sets[copy].add_values(block, &mut all);
        let proven = all.values().iter().filter(|it| **it != Value::Damaged);
        for value in proven {
            values.add(*value);
        }
    }

    /// A copy's values.
    pub fn values(&self, copy: usize, block: BlockIndex) -> Candidates {
        let mut values = Candidates::default();
        self.add_values(copy, block, &mut values);
        values
    }

    /// True if the owner may acknowledge on its own copy alone.
    pub fn may_stand_alone(&self) -> bool {
        let is_out = |mode| matches!(mode, Mode::OutOfSync | Mode::Resync);
        self.in_sync != Some(true) && self.sets[0].always(|it| is_out(it.mode))
    }

    /// True if every image of the mirror's set says that it is inconsistent.
    pub fn is_inconsistent(&self) -> bool {
        self.sets[1].always(|it| {
            matches!(
                it.consistency,
                Consistency::Inconsistent | Consistency::Unpaired
            )
        })
    }

    /// True if every image of the mirror's set says that it has lost what it held.
    fn is_unpaired(&self) -> bool {
        self.sets[1].always(|it| it.consistency == Consistency::Unpaired)
    }

    /// True if a fault has replaced a device of either set, some time.
    pub fn was_replaced(&self) -> bool {
        self.replaced.contains(&true)
    }

    /// True if the copy owes nothing for the block.
    pub fn owes_nothing(&self, copy: usize, block: BlockIndex) -> bool {
        if self.absent[copy] {
            return true;
        }
        let is_dirty = |copy: usize| !self.absent[copy] && self.sets[copy].is_dirty(block);
        copy == 1
            && ((is_dirty(1) && self.is_unpaired())
                || ((is_dirty(0) || is_dirty(1)) && self.may_stand_alone()))
    }

    /// True if every image of a copy that owes it holds this version of the block,
    /// with these bytes, or a newer one.
    pub fn holds(
        &self,
        copy: usize,
        block: BlockIndex,
        (version, bytes): (SequenceId, Bytes64),
    ) -> bool {
        let values = self.values(copy, block);
        let is_enough = |value: &Value| match value {
            Value::Proven {
                version: held,
                bytes: found,
            } => *held > version || (*held == version && *found == bytes),
            Value::Damaged => false,
        };
        values.values().iter().all(is_enough) || self.owes_nothing(copy, block)
    }
}

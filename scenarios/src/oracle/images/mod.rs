//! The image tracker: what every power loss at this instant could leave on the
//! two storage sets of a volume.
//!
//! A copy's *logical image* is its journal over its data, as a recovery would read
//! it. A power loss keeps any part of what is queued or cached, so a copy has many
//! images at once; per block they have a few values ([`Candidates`]), and a mark
//! stands in all of them or not. The tracker keeps both up to date with each
//! device command, at a price that depends on the blocks that the command touches.
//!
//! It decodes with the engine's format code and replays with its own: of the
//! engine it believes the bytes and nothing else. It asks the devices themselves
//! only after a power loss or an abort.
//!
//! | File | Owns |
//! |---|---|
//! | [`medium`](self) | queue and cache of a device |
//! | `journal`, `link` | records, checkpoints, where a recovery may stop |
//! | `data` | data pages and headers |
//! | `state` | mode, marks, bits, results, watermarks by replay |
//! | `set` | one storage set: journal over data |
//! | `damage` | which data pages went bad by injected faults |
//!
//! The oracles O1, O3, O5, O6, O7, O9 and O11 are judged on it, each in its own file.
//!
//! Granted: sectors of a torn record never make another valid record (its checksum
//! says so); the devices are at rest when the tracker starts; a command that no
//! reservation admits, held or queued, leaves nothing.

mod damage;
mod data;
mod journal;
mod link;
mod medium;
mod set;
mod state;
#[cfg(test)]
mod tests;
mod value;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{IoRequest, Module, PageIndex};
use stormglass_engine::event::Verdict;
use stormglass_engine::storage_set::layout::Geometry;
use stormglass_engine::vocabulary::{BlockIndex, CommandId, Range, Session, SetId};
use stormglass_engine::wire::mediator::MediatorRecord;
use stormglass_sim::device::Device;
use stormglass_sim::occurrence::Occurrence;
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::{DeviceIndex, World};

use self::damage::Damage;
use self::journal::Notes;
use self::set::Part;
use super::o1_durable::Durable;
use super::o3_reverts::Reverts;
use super::o5_difference::Difference;
use super::o6_resync::Resync;
use super::o7_once::Once;
use super::o9_in_sync::InSync;
use super::o11_inconsistent::Inconsistent;
use super::pair::{Exempt, Pair};
use super::{Finding, OracleId};
use crate::workload::ClientEvent;

pub use link::Link;
pub use set::SetImages;
pub use state::{Decision, Standing, State};
pub use value::{Bytes64, Candidates, Value};

/// The devices of a storage set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetDevices {
    /// The journal device.
    pub journal: DeviceIndex,
    /// The data device.
    pub data: DeviceIndex,
    /// Sizes of both.
    pub geometry: Geometry,
}

/// Whoever holds the devices: a world, or a test's rack.
pub trait Devices {
    /// A device.
    fn device(&self, index: DeviceIndex) -> &Device;
}

impl<M: Module> Devices for World<M> {
    fn device(&self, index: DeviceIndex) -> &Device {
        &self.drive(index).device
    }
}

/// When something happened: world time, and the event's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    /// World time.
    pub at: WorldTime,
    /// The event's number.
    pub event: u64,
}

/// How often each oracle has judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checks {
    /// O1: acknowledged blocks and results.
    pub durable: u64,
    /// O3: blocks read.
    pub reverts: u64,
    /// O5: blocks compared.
    pub difference: u64,
    /// O6: blocks cleared and copied.
    pub resync: u64,
    /// O7: performed commands.
    pub once: u64,
    /// O9: blocks compared at rest.
    pub in_sync: u64,
    /// O11: copies and ends of a resync.
    pub inconsistent: u64,
}

/// The images of both copies of a volume, and the oracles that judge them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Images {
    devices: [SetDevices; 2],
    sets: [Arc<SetImages>; 2],
    /// Replaced, and not formatted yet.
    absent: [bool; 2],
    /// What the mediator's durable record says; none without a mediator.
    in_sync_record: Option<bool>,
    damage: [Damage; 2],
    durable: Durable,
    reverts: Reverts,
    difference: Difference,
    resync: Resync,
    once: Once,
    in_sync: InSync,
    inconsistent: Inconsistent,
}

/// Damage of both copies.
struct Atlas<'a> {
    damage: &'a [Damage; 2],
    geometry: &'a Geometry,
}

impl Exempt for Atlas<'_> {
    fn is_damaged(&self, copy: usize, block: BlockIndex) -> bool {
        self.damage[copy].covers(block, self.geometry)
    }
}

/// Both copies, with what is known beside them. A macro, for it borrows fields.
macro_rules! pair {
    ($images:ident, $atlas:ident) => {{
        $atlas = Atlas {
            damage: &$images.damage,
            geometry: &$images.devices[0].geometry,
        };
        Pair {
            sets: &$images.sets,
            absent: $images.absent,
            in_sync: $images.in_sync_record,
            damage: &$atlas,
            geometry: $atlas.geometry,
        }
    }};
}

impl Images {
    /// Reads both sets, the owner's first. Their devices are at rest.
    ///
    /// # Panics
    /// If a set is not formatted.
    pub fn new(devices: [SetDevices; 2], racks: &impl Devices) -> Self {
        let set = |set: SetDevices| {
            let (journal, data) = (racks.device(set.journal), racks.device(set.data));
            let images = SetImages::new(journal, data, set.geometry);
            Arc::new(images.expect("a storage set is formatted before it is watched"))
        };
        let sets = devices.map(set);
        Images {
            devices,
            once: Once::new([sets[0].state(), sets[1].state()]),
            sets,
            absent: [false; 2],
            in_sync_record: None,
            damage: <[Damage; 2]>::default(),
            durable: Durable::default(),
            reverts: Reverts::default(),
            difference: Difference::default(),
            resync: Resync::default(),
            inconsistent: Inconsistent::default(),
            in_sync: InSync::default(),
        }
    }

    /// The images of a copy: 0 is the owner's.
    pub fn set(&self, copy: usize) -> &SetImages {
        &self.sets[copy]
    }

    /// How often each oracle has judged.
    pub fn checks(&self) -> Checks {
        Checks {
            durable: self.durable.checks(),
            reverts: self.reverts.checks(),
            difference: self.difference.checks(),
            resync: self.resync.checks(),
            once: self.once.checks(),
            in_sync: self.in_sync.checks(),
            inconsistent: self.inconsistent.checks(),
        }
    }

    /// Follows the devices; all other occurrences are ignored. `racks` is as it is
    /// after the step that `occurrence` is from.
    pub fn observe<E>(
        &mut self,
        at: WorldTime,
        event: u64,
        occurrence: &Occurrence<E>,
        racks: &impl Devices,
        findings: &mut Vec<Finding>,
    ) {
        let device = match occurrence {
            Occurrence::Submitted { device, .. }
            | Occurrence::Executed { device, .. }
            | Occurrence::Settled { device } => *device,
            Occurrence::Event { .. }
            | Occurrence::Probe { .. }
            | Occurrence::Booted { .. }
            | Occurrence::Stopped { .. }
            | Occurrence::Fault(_) => return,
        };
        let Some((copy, part)) = self.place_of(device) else {
            return;
        };
        if self.absent[copy] {
            return;
        }
        let mut notes = Notes::default();
        self.follow_damage((copy, part), occurrence, racks.device(device), &mut notes);
        let (set, disk) = (Arc::make_mut(&mut self.sets[copy]), racks.device(device));
        match occurrence {
            Occurrence::Submitted { number, .. } => {
                set.submitted(part, *number, disk, event, &mut notes);
            }
            Occurrence::Executed {
                number, succeeded, ..
            } => set.executed(part, *number, *succeeded, disk, &mut notes),
            _ => set.settled(part, disk, &mut notes),
        }
        self.judge(copy, When { at, event }, notes, findings);
    }

    /// Whose set a device belongs to: 0 is the owner's.
    pub fn copy_of(&self, device: DeviceIndex) -> Option<usize> {
        Some(self.place_of(device)?.0)
    }

    fn place_of(&self, device: DeviceIndex) -> Option<(usize, Part)> {
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

    fn follow_damage<E>(
        &mut self,
        (copy, part): (usize, Part),
        occurrence: &Occurrence<E>,
        device: &Device,
        notes: &mut Notes,
    ) {
        let damage = &mut self.damage[copy];
        if damage.is_none() || part == Part::Journal {
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
                let geometry = &self.devices[copy].geometry;
                let first = geometry.data_page(BlockIndex::new(0)).0;
                let mended = damage.executed(*number, *succeeded).into_iter();
                let blocks = mended.filter_map(|page| page.0.checked_sub(first));
                notes.touched.extend(blocks.map(BlockIndex::new));
            }
            _ => {}
        }
    }

    /// A fault replaced a device by a blank one: nothing is owed by its set until it
    /// is formatted.
    pub fn replaced(&mut self, device: DeviceIndex) {
        let Some((copy, part)) = self.place_of(device) else {
            return;
        };
        self.absent[copy] = true;
        self.once.replaced(copy);
        if part == Part::Data {
            self.damage[copy].replaced();
        }
    }

    /// A fault damaged a page.
    pub fn damaged(&mut self, device: DeviceIndex, page: PageIndex) {
        if let Some((copy, Part::Data)) = self.place_of(device) {
            self.damage[copy].injected(page);
        }
    }

    /// A process of the set that this device belongs to has formatted it: reads it
    /// anew. Without a checkpoint it stays out of sight.
    pub fn formatted(&mut self, device: DeviceIndex, racks: &impl Devices) {
        let Some((copy, _)) = self.place_of(device) else {
            return;
        };
        let SetDevices {
            journal,
            data,
            geometry,
        } = self.devices[copy];
        let (journal, data) = (racks.device(journal), racks.device(data));
        let images = SetImages::new(journal, data, geometry);
        self.absent[copy] = images.is_none();
        if let Some(images) = images {
            self.sets[copy] = Arc::new(images);
            self.once.replaced(copy);
        }
    }

    /// The mediator's durable record, or what a fresh answer says of it.
    pub fn mediator(&mut self, record: MediatorRecord, is_set: bool) {
        if is_set || self.in_sync_record.is_none() {
            self.in_sync_record = Some(record.in_sync);
        }
    }

    /// A client's report.
    pub fn observe_client(
        &mut self,
        at: WorldTime,
        event: u64,
        report: &ClientEvent,
        findings: &mut Vec<Finding>,
    ) {
        let atlas;
        let pair = pair!(self, atlas);
        let when = When { at, event };
        self.reverts
            .observe(report, (pair, &self.once), when, findings);
    }

    /// The blocks of a read that is going on.
    pub fn read_range(&self, command: CommandId) -> Option<Range> {
        self.reverts.range_of(command)
    }

    /// True if both copies certainly have a command's result, and the owner's record
    /// of it was submitted before this event.
    pub fn was_on_both(&self, command: CommandId, before: u64) -> bool {
        let performed = self.once.performed(command);
        let by = performed.and_then(|performed| performed.submitted_at(0));
        by.is_some_and(|by| by < before) && self.sets.iter().all(|set| set.has_result(command))
    }

    /// True if what a copy's data device holds of the block, at rest, need not be
    /// the volume's content.
    pub fn is_exempt(&self, copy: usize, block: BlockIndex) -> bool {
        let atlas;
        let pair = pair!(self, atlas);
        self.damage[copy].covers(block, pair.geometry) || pair.owes_nothing(copy, block)
    }

    fn judge(&mut self, copy: usize, when: When, notes: Notes, findings: &mut Vec<Finding>) {
        for (says, mut events) in notes.irregular {
            events.push(when.event);
            let says = format!("{} set: {says}", copy_name(copy));
            findings.push(Finding::new(OracleId::O5, when.at, says, events));
        }
        for link in &notes.lost {
            self.once.forget(copy, link);
        }
        if let Some(link) = &notes.appended {
            let states = [self.sets[0].state(), self.sets[1].state()];
            self.once.note(copy, link, states, when, findings);
        }
        let atlas;
        let pair = pair!(self, atlas);
        if let Some(link) = &notes.appended {
            self.resync.note(copy, link, pair, when, findings);
            self.inconsistent.note(copy, link, pair, when, findings);
        }
        if !notes.touched.is_empty() {
            self.difference
                .check(pair, &notes.touched, when, findings);
        }
    }

    /// The owner accepted a mutation (reads and flushes are not told).
    pub fn accepted(&mut self, command: CommandId, range: Range) {
        self.durable.accepted(command, range);
    }

    /// The owner gave an attempt its final status. Commands that are no mutations,
    /// and verdicts that promise nothing, are ignored.
    pub fn answered(
        &mut self,
        command: CommandId,
        verdict: Verdict,
        at: WorldTime,
        event: u64,
        findings: &mut Vec<Finding>,
    ) {
        let performed = self.once.performed(command);
        let atlas;
        let pair = pair!(self, atlas);
        self.durable.check(
            pair,
            (command, verdict),
            performed,
            When { at, event },
            findings,
        );
    }

    /// The mirror reported a replica as performed.
    pub fn replica_performed(
        &mut self,
        session: Session,
        set: SetId,
        command: CommandId,
        at: WorldTime,
        event: u64,
        findings: &mut Vec<Finding>,
    ) {
        let report = (session, set, command);
        self.once.reported(report, When { at, event }, findings);
    }

    /// Judges the copies at rest.
    pub fn finish(&mut self, at: WorldTime, event: u64, findings: &mut Vec<Finding>) {
        let atlas;
        let pair = pair!(self, atlas);
        self.in_sync.check(pair, When { at, event }, findings);
    }
}

/// A copy as findings call it.
pub(super) fn copy_name(copy: usize) -> &'static str {
    match copy {
        0 => "the owner's",
        _ => "the mirror's",
    }
}

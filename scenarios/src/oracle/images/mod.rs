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
//! | `pair` | both sets: what each owes at this instant |
//!
//! The present owner's copy is the first of the two: a record by which the other site's reign
//! begins makes them change places, from its submission on.
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
mod pair;
mod set;
mod state;
#[cfg(test)]
mod tests;
mod value;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{Module, PageIndex};
use stormglass_engine::event::Verdict;
use stormglass_engine::storage_set::layout::Geometry;
use stormglass_engine::storage_set::record::{Entry, Mode};
use stormglass_engine::vocabulary::{BlockIndex, CommandId, Lsn, Range, Session, SetId};
use stormglass_engine::wire::mediator::MediatorRecord;
use stormglass_sim::device::{Device, IoEffect};
use stormglass_sim::occurrence::{Happened, Occurrence};
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::{DeviceIndex, World};

use self::journal::Notes;
use self::set::Part;
use super::losses::Losses;
use super::o1_durable::Durable;
use super::o3_reverts::Reverts;
use super::o5_difference::Difference;
use super::o6_resync::Resync;
use super::o7_once::{Once, Performed};
use super::o9_in_sync::InSync;
use super::o11_inconsistent::Inconsistent;
use super::{Finding, OracleId};
use crate::workload::ClientEvent;

pub use link::Link;
pub use pair::Pair;
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
    pair: Pair,
    durable: Durable,
    reverts: Reverts,
    difference: Difference,
    resync: Resync,
    once: Once,
    in_sync: InSync,
    /// Blocks of copies that lapsed and of which nobody was told yet.
    lapsed: Vec<(usize, BlockIndex)>,
    inconsistent: Inconsistent,
    losses: Losses,
    /// The record by which the present reign began, if it is not the first.
    reign: Option<Lsn>,
    news: Option<Box<NewReign>>,
}

/// A reign of the other site has begun, or has never begun after all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewReign {
    /// By the administrator's word: blocks that are given up, and what they hold from now
    /// on.
    pub given_up: Option<Vec<(BlockIndex, Vec<Bytes64>)>>,
    /// Whether the copies are equal but for what is in flight.
    pub is_in_sync: bool,
}

impl Images {
    /// Reads both sets, the first owner's first. Their devices are at rest. A set that is not
    /// formatted yet is absent.
    pub fn new(devices: [SetDevices; 2], racks: &impl Devices) -> Self {
        let set = |set: SetDevices| {
            let (journal, data) = (racks.device(set.journal), racks.device(set.data));
            let images = SetImages::new(journal, data, set.geometry);
            let is_absent = images.is_none();
            let images = images.unwrap_or_else(|| SetImages::blank(journal, data, set.geometry));
            (Arc::new(images), is_absent)
        };
        let read = devices.map(set);
        let absent = read.each_ref().map(|(_, is_absent)| *is_absent);
        let sets = read.map(|(images, _)| images);
        Images {
            once: Once::new([sets[0].state(), sets[1].state()]),
            pair: Pair::new(devices, sets, absent),
            durable: Durable::default(),
            reverts: Reverts::default(),
            difference: Difference::default(),
            resync: Resync::default(),
            inconsistent: Inconsistent::default(),
            in_sync: InSync::default(),
            lapsed: Vec::new(),
            losses: Losses::default(),
            reign: None,
            news: None,
        }
    }

    /// The images of a copy: 0 is the present owner's.
    pub fn set(&self, copy: usize) -> &SetImages {
        self.pair.set(copy)
    }

    /// True if the copy's set is not formatted.
    pub fn is_absent(&self, copy: usize) -> bool {
        self.pair.is_absent(copy)
    }

    /// How often each oracle has judged.
    pub fn checks(&self) -> Checks {
        Checks {
            durable: self.durable.checks() + self.losses.checks(),
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
            Occurrence::Fault(Happened::Defect {
                name,
                effect: IoEffect::FlushLies,
                ..
            }) => return self.lied(name.device),
            Occurrence::Event { .. }
            | Occurrence::Probe { .. }
            | Occurrence::Booted { .. }
            | Occurrence::Stopped { .. }
            | Occurrence::Fault(_) => return,
        };
        let Some((copy, part)) = self.pair.place_of(device) else {
            return;
        };
        // Its blank content settles before anything tells why.
        if matches!(occurrence, Occurrence::Settled { .. }) && is_blank(racks.device(device)) {
            self.replaced(device, racks);
        }
        if self.pair.is_absent(copy) {
            return;
        }
        let mut notes = Notes::default();
        let disk = racks.device(device);
        if part == Part::Data {
            let touched = &mut notes.touched;
            self.pair.follow_damage(copy, occurrence, disk, touched);
        }
        let set = Arc::make_mut(&mut self.pair.sets[copy]);
        match occurrence {
            Occurrence::Submitted { number, .. } => {
                set.submitted(part, *number, disk, event, &mut notes);
            }
            Occurrence::Executed {
                number, succeeded, ..
            } => set.executed(part, *number, *succeeded, disk, &mut notes),
            _ => set.settled(part, disk, &mut notes),
        }
        let lapsed = set.take_lapsed();
        self.pair.lapsed(copy, &lapsed);
        self.lapsed
            .extend(lapsed.into_iter().map(|block| (copy, block)));
        self.judge(copy, When { at, event }, notes, findings);
    }

    /// A flush of this device lies: what it covered counts as stable until it is lost.
    fn lied(&mut self, device: DeviceIndex) {
        if let Some((copy, Part::Data)) = self.pair.place_of(device) {
            Arc::make_mut(&mut self.pair.sets[copy]).lied();
        }
    }

    /// Blocks of copies that a loss took although a flush had covered them, as it said;
    /// each is told once.
    pub fn take_lapsed(&mut self) -> Vec<(usize, BlockIndex)> {
        std::mem::take(&mut self.lapsed)
    }

    /// The journal device of the set that a device belongs to.
    pub fn journal_of(&self, device: DeviceIndex) -> Option<DeviceIndex> {
        self.pair.journal_of(device)
    }

    /// Whose set a device belongs to: 0 is the present owner's.
    pub fn copy_of(&self, device: DeviceIndex) -> Option<usize> {
        Some(self.pair.place_of(device)?.0)
    }

    /// The site of a copy: 0 is the first owner's. A site is the other copy after a
    /// switchover.
    pub fn site_of(&self, copy: usize) -> usize {
        match self.pair.is_switched() {
            true => 1 - copy,
            false => copy,
        }
    }

    /// That a reign has begun, told once.
    pub fn take_news(&mut self) -> Option<Box<NewReign>> {
        self.news.take()
    }

    /// A region was rolled back, the owner says.
    pub fn rolled_back(&mut self, range: Range) {
        self.losses.reported(range, self.pair.geometry());
    }

    /// True if every image of both copies has a result of the command.
    pub fn is_on_both(&self, command: CommandId) -> bool {
        let is_known = self.is_performed(command);
        is_known && self.set(0).has_result(command) && self.set(1).has_result(command)
    }

    /// Marks of the owner's set.
    pub fn marks(&self) -> impl Iterator<Item = (CommandId, Range)> {
        let marks = self.set(0).state().marks().values();
        let is_there = !self.pair.is_absent(0);
        let marks = marks.filter(move |_| is_there);
        marks.map(|mark| (mark.command, mark.range))
    }

    /// A fault replaced a device by a blank one: nothing is owed by its set until it
    /// is formatted, or, of an owner that has its journal, nothing of what is lost.
    pub fn replaced(&mut self, device: DeviceIndex, racks: &impl Devices) {
        if let Some(copy) = self.pair.replaced(device, racks) {
            self.once.replaced(copy);
        }
    }

    /// A fault damaged a page.
    pub fn damaged(&mut self, device: DeviceIndex, page: PageIndex) {
        self.pair.damaged(device, page);
    }

    /// A process of the set that this device belongs to has formatted it.
    pub fn formatted(&mut self, device: DeviceIndex, racks: &impl Devices) {
        if let Some(copy) = self.pair.formatted(device, racks) {
            self.once.replaced(copy);
        }
    }

    /// The mediator's durable record (`is_set`), or what an answer says of it.
    pub fn mediator(&mut self, record: MediatorRecord, is_set: bool) {
        self.pair.mediator(record, is_set);
    }

    /// The mediator has made a record durable.
    pub fn mediator_set(
        &mut self,
        record: MediatorRecord,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        self.pair.mediator(record, true);
        if record.in_sync {
            self.inconsistent.told(&self.pair, when, findings);
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
        let when = When { at, event };
        self.reverts
            .observe(report, (&self.pair, &self.once), when, findings);
    }

    /// The blocks of a read that is going on.
    pub fn read_range(&self, command: CommandId) -> Option<Range> {
        self.reverts.range_of(command)
    }

    /// True if the command is a mutation that some copy has a result of, or had one.
    pub fn is_performed(&self, command: CommandId) -> bool {
        self.once.performed(command).is_some() || self.once.is_forgotten(command)
    }

    /// True if both copies certainly have a command's result, and the owner's record
    /// of it was submitted before this event; or if its client has long heard it. A mirror
    /// that has lost its set since has had what it reported.
    pub fn was_on_both(&self, command: CommandId, before: u64) -> bool {
        let performed = self.once.performed(command);
        let is_early = match performed.map(|performed| performed.submitted_at(0)) {
            Some(by) => by.is_some_and(|by| by < before),
            // Forgotten, for the client knows the outcome; whether this is another one,
            // O8 sees.
            None => self.once.is_forgotten(command),
        };
        let was_on_mirror = self.set(1).has_result(command)
            || (self.pair.is_mirror_bereft() && performed.is_some_and(Performed::is_reported));
        is_early && self.set(0).has_result(command) && was_on_mirror
    }

    /// The blocks that a page of a data device stands for: its own, or those whose headers
    /// it holds.
    pub fn blocks_of(&self, page: PageIndex) -> impl Iterator<Item = BlockIndex> + use<> {
        self.pair.blocks_of(page)
    }

    /// True if damage was injected into the block's pages of a copy and not undone.
    pub fn is_damaged(&self, copy: usize, block: BlockIndex) -> bool {
        self.pair.is_damaged(copy, block)
    }

    /// True if what a copy's data device holds of the block, at rest, need not be
    /// the volume's content.
    pub fn is_exempt(&self, copy: usize, block: BlockIndex) -> bool {
        self.pair.is_damaged(copy, block)
            || self.pair.owes_nothing(copy, block)
            || self.pair.is_lost(copy, block)
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
        if notes.lost.iter().any(|link| self.reign == Some(link.lsn)) && copy == 0 {
            // It never began.
            self.reign = None;
            self.switch();
            self.news = Some(Box::default());
            return;
        }
        if let Some(link) = &notes.appended {
            let states = [self.pair.set(0).state(), self.pair.set(1).state()];
            self.once.note(copy, link, states, when, findings);
        }
        if let Some(link) = &notes.appended {
            self.resync.note(copy, link, &self.pair, when, findings);
            self.inconsistent
                .note(copy, link, &self.pair, when, findings);
        }
        if !notes.touched.is_empty() {
            self.difference
                .check(&self.pair, &notes.touched, when, findings);
        }
        if let Some(link) = &notes.appended
            && let Entry::Activate { mode, forced, .. } = link.entry
            && copy == 1
        {
            let given_up = forced.then(|| self.losses.begin(&self.pair, when));
            if let Some(given_up) = &given_up {
                self.reverts
                    .give_up(given_up.iter().map(|(block, _)| *block));
            }
            self.reign = Some(link.lsn);
            self.switch();
            let is_in_sync = mode == Mode::InSync;
            self.news = Some(Box::new(NewReign {
                given_up,
                is_in_sync,
            }));
        }
    }

    /// The copies change their parts.
    fn switch(&mut self) {
        self.pair.switch();
        self.once.switch();
        self.resync.switch();
        for (copy, _) in &mut self.lapsed {
            *copy = 1 - *copy;
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
        self.durable.check(
            &self.pair,
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
        self.in_sync.check(&self.pair, When { at, event }, findings);
        self.losses.finish(&self.pair, When { at, event }, findings);
    }
}

/// True if a device is as it left the factory: formatted by nobody, reserved by
/// nobody. No command makes it so.
pub(super) fn is_blank(device: &Device) -> bool {
    device.holder().is_none() && value::is_zero(&device.stable(PageIndex(0)))
}

/// A copy as findings call it.
pub(super) fn copy_name(copy: usize) -> &'static str {
    match copy {
        0 => "the owner's",
        _ => "the mirror's",
    }
}

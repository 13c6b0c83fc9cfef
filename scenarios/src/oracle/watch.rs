//! All oracles of an experiment, fed from one place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stormglass_reports::record::{self, OracleLine, OracleVerdict};
use stormglass_sim::occurrence::{Happened, Occurrence};
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::World;

use super::atlas::Destroyed;
use super::images::When;
use super::o15_leaks::Leaks;
use super::o16_liveness::{Bounds, Sync};
use super::volume::VolumeOracles;
use super::{Consulted, Finding, OracleId};
use crate::actor::{Actor, Report};
use crate::cluster::Map;
use crate::file::PairIndex;

/// The lowest bits of an oracle's event number tell apart what happened in one
/// event of the world; what is above them is that event's number.
const MOMENT_BITS: u32 = 8;

/// The oracles' number for the `place`th occurrence of an event: it rises with
/// each, for it is their clock.
pub fn moment(event: u64, place: usize) -> u64 {
    let place = u64::try_from(place).unwrap_or(u64::MAX);
    event << MOMENT_BITS | place.min((1 << MOMENT_BITS) - 1)
}

/// The world's event of an oracles' number.
pub fn event_of(number: u64) -> u64 {
    number >> MOMENT_BITS
}

/// The oracles of a run: those of each volume, and what concerns every module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oracles {
    /// Those of the first volume stand here: most runs have no other, and a fork should
    /// not allocate for it.
    first: VolumeOracles,
    more: Vec<VolumeOracles>,
    leaks: Leaks,
}

impl Oracles {
    /// Oracles that have seen nothing. `owed` says within which bounds things have to end
    /// in calm, and what is then owed of a volume's copies; `is_charting`, whether devices
    /// lose what they hold.
    pub fn new(
        world: &World<Actor>,
        map: &Map,
        (bounds, sync): (Bounds, impl Fn(PairIndex) -> Sync),
        is_charting: bool,
    ) -> Self {
        let volume = |volume| {
            let owed = (bounds, sync(volume));
            VolumeOracles::new((world, map), volume, owed, is_charting)
        };
        Oracles {
            first: volume(PairIndex::FIRST),
            more: map.pairs().skip(1).map(volume).collect(),
            leaks: Leaks::default(),
        }
    }

    fn volumes(&self) -> impl Iterator<Item = &VolumeOracles> {
        std::iter::once(&self.first).chain(&self.more)
    }

    fn volumes_mut(&mut self) -> impl Iterator<Item = &mut VolumeOracles> {
        std::iter::once(&mut self.first).chain(&mut self.more)
    }

    fn volume(&self, volume: PairIndex) -> &VolumeOracles {
        match volume.place().checked_sub(1) {
            None => &self.first,
            Some(place) => &self.more[place],
        }
    }

    fn volume_mut(&mut self, volume: PairIndex) -> &mut VolumeOracles {
        match volume.place().checked_sub(1) {
            None => &mut self.first,
            Some(place) => &mut self.more[place],
        }
    }

    /// A block of which no good copy was left, if there was one, and its volume.
    pub fn destroyed(&self) -> Option<(PairIndex, Destroyed)> {
        let mut volumes = self.volumes();
        volumes.find_map(|it| Some((it.volume(), it.destroyed()?)))
    }

    /// True if it is charted where the last good copies are.
    pub fn is_charting(&self) -> bool {
        self.volumes().all(VolumeOracles::is_charting)
    }

    /// Charts from now on, before anything has happened.
    pub fn expect_loss(&mut self) {
        self.volumes_mut().for_each(VolumeOracles::expect_loss);
    }

    /// True from calm on.
    pub fn is_calm(&self) -> bool {
        self.volumes().all(VolumeOracles::is_calm)
    }

    /// True once all that calm owes to a volume is due.
    pub fn is_past_calm(&self, volume: PairIndex, now: WorldTime) -> bool {
        self.volume(volume).is_past_calm(now)
    }

    /// It is calm from now on: everything that was begun has to end.
    pub fn begin_calm(&mut self, at: WorldTime, world: &World<Actor>, map: &Map) {
        for volume in self.volumes_mut() {
            volume.begin_calm(at, world, map);
        }
    }

    /// Takes note of what happened, and judges what can be judged now.
    pub fn observe(
        &mut self,
        when: When,
        occurrence: &Occurrence<Report>,
        (world, map): (&World<Actor>, &Map),
        findings: &mut Vec<Finding>,
    ) {
        let has_several = !self.more.is_empty();
        if let Occurrence::Fault(happened) = occurrence {
            for volume in self.volumes_mut() {
                volume.observe_damage(happened, (world, map), when.event);
            }
        }
        let met = met(occurrence, map);
        if let Some(volume) = met {
            let found = Found::begin(volume, has_several, findings);
            let volume = self.volume_mut(volume);
            volume.follow(when, occurrence, world, findings);
            found.end(findings);
        }
        for volume in self.volumes_mut() {
            let found = Found::begin(volume.volume(), has_several, findings);
            volume.check_overdue(when, world, findings);
            found.end(findings);
        }
        if let Some(volume) = met {
            let found = Found::begin(volume, has_several, findings);
            let volume = self.volume_mut(volume);
            volume.observe(when, occurrence, world, findings);
            found.end(findings);
        }
    }

    /// Judges what can only be judged at rest.
    pub fn finish(
        &mut self,
        when: When,
        world: &World<Actor>,
        map: &Map,
        findings: &mut Vec<Finding>,
    ) -> Consulted {
        let mut consulted = Consulted::default();
        let has_several = !self.more.is_empty();
        for volume in self.volumes_mut() {
            let found = Found::begin(volume.volume(), has_several, findings);
            consulted.add(volume.finish(when, world, map, findings));
            found.end(findings);
        }
        for (_, process) in world.processes() {
            let module = process.module.as_ref().and_then(Actor::as_d_module);
            // One that stands still holds what it held.
            if let Some(module) = module.filter(|_| !process.is_paused) {
                let name = &world.machine(process.machine).name;
                let (at, event) = (when.at, when.event);
                self.leaks
                    .finish(at, event, name, &module.census(), findings);
            }
        }
        consulted
    }

    /// A line for each oracle: what it states, how often it judged, and how.
    pub fn lines(&self, findings: &[Finding]) -> Vec<OracleLine> {
        let mut checks: BTreeMap<OracleId, u64> = BTreeMap::new();
        for (oracle, count) in self.volumes().flat_map(VolumeOracles::checks) {
            *checks.entry(oracle).or_default() += count;
        }
        checks.insert(OracleId::O15, self.leaks.checks());
        let line = |(id, checks): (OracleId, u64)| OracleLine {
            id: id.to_string(),
            statement: id.statement().to_owned(),
            checks,
            verdict: match findings.iter().any(|finding| finding.oracle == id) {
                true => OracleVerdict::Violated,
                false => OracleVerdict::Held,
            },
        };
        checks.into_iter().map(line).collect()
    }
}

/// Findings of one volume: where there are several, each says which it is about.
struct Found {
    volume: Option<PairIndex>,
    before: usize,
}

impl Found {
    /// What is found from now on is the volume's.
    fn begin(volume: PairIndex, has_several: bool, findings: &[Finding]) -> Self {
        Found {
            volume: has_several.then_some(volume),
            before: findings.len(),
        }
    }

    fn end(self, findings: &mut [Finding]) {
        let Some(volume) = self.volume else { return };
        for finding in &mut findings[self.before..] {
            finding.says = format!("volume {}: {}", volume.number(), finding.says);
        }
    }
}

/// The volume whose nodes, devices or clients something happened to. What befalls the
/// mediator's device, which is none of a set, no oracle of a volume follows.
fn met(occurrence: &Occurrence<Report>, map: &Map) -> Option<PairIndex> {
    match occurrence {
        Occurrence::Submitted { device, .. }
        | Occurrence::Executed { device, .. }
        | Occurrence::Settled { device } => map.volume_of_device(*device),
        Occurrence::Event { process, .. }
        | Occurrence::Booted { process }
        | Occurrence::Stopped { process } => Some(map.volume_of(*process)),
        // A flush that lies concerns whoever follows its device.
        Occurrence::Fault(Happened::Defect { name, .. }) => map.volume_of_device(name.device),
        Occurrence::Probe { .. } | Occurrence::Fault(_) => None,
    }
}

impl OracleId {
    /// What it states, in a line.
    pub fn statement(self) -> &'static str {
        match self {
            OracleId::O1 => "what is acknowledged is durable on both copies",
            OracleId::O2 => "clients see linearizable blocks",
            OracleId::O3 => "a value once read never reverts",
            OracleId::O4 => "writes and answers of an epoch come from one incarnation",
            OracleId::O5 => "copies differ only under marks, whatever fails now",
            OracleId::O6 => "dirty bits end when the mirror has what they stand for",
            OracleId::O7 => "a command is performed at most once on each storage set",
            OracleId::O8 => "one final status an attempt, one definite outcome an id",
            OracleId::O9 => "at rest the copies are equal and free of marks",
            OracleId::O10 => "a takeover serves nothing before it has read back its set",
            OracleId::O11 => "a copy half overwritten says so until it is whole",
            OracleId::O12 => "damaged data is neither returned nor copied",
            OracleId::O15 => "nothing is left over at rest",
            OracleId::O16 => "in calm every command ends, and the copies are in sync again",
            OracleId::O17 => "a reference model agrees with what clients read",
        }
    }
}

impl Finding {
    /// The finding as reports have it.
    pub fn to_record(&self) -> record::Finding {
        record::Finding {
            oracle: self.oracle.to_string(),
            at: std::time::Duration::from_nanos(self.at.as_nanos()),
            says: self.says.clone(),
            events: self.events.iter().map(|number| event_of(*number)).collect(),
        }
    }
}

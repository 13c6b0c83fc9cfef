//! Scheduled faults: what happens to the hardware, and when.
//!
//! Turns a scenario's faults into steps that the world applies, at a time or when
//! something has happened on a node for the nth time. Owns the moment; refuses to know
//! what a step does. `steps` knows what an action consists of.

mod record;
mod steps;

pub(crate) use steps::of as steps;

use serde::{Deserialize, Serialize};
use stormglass_engine::time::Duration;
use stormglass_sim::fault::Fault;
use stormglass_sim::occurrence::Occurrence;
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::{DeviceIndex, MachineId, ProcessId, World};

use crate::actor::{Actor, Report};
use crate::agenda::Agenda;
use crate::cluster::Map;
use crate::file::{self, Cue, NodeName, Scenario, Trigger, When};
use crate::timeline;

use self::record::RecordDamage;

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Wanted {
    /// An event of this name.
    Event(String),
    /// A probe of this name.
    Probe(String),
    /// An execution at this device.
    Executed(DeviceIndex),
}

/// A step waiting for its cue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    wanted: Wanted,
    machine: MachineId,
    left: u32,
    action: Planned,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Planned {
    /// Steps, each with its delay.
    Steps(Vec<(Duration, Fault)>),
    /// Damage to a record, wherever it stands then.
    Record(RecordDamage),
}

/// Steps to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    agenda: Agenda,
    waiting: Vec<Waiting>,
    /// Damage to records that is due, by time.
    records: Vec<(WorldTime, RecordDamage)>,
}

impl Schedule {
    /// Boots everything but the absent at `start`, then what the scenario says.
    pub fn new(
        scenario: &Scenario,
        (world, map): (&World<Actor>, &Map),
        start: WorldTime,
        absent: &[NodeName],
    ) -> Self {
        let mut schedule = Schedule {
            agenda: Agenda::default(),
            waiting: Vec::new(),
            records: Vec::new(),
        };
        let absent: Vec<MachineId> = absent.iter().map(|node| map.node(*node)).collect();
        for (process, own) in world.processes() {
            if !absent.contains(&own.machine) {
                schedule.agenda.add(start, Fault::Boot(process));
            }
        }
        for fault in &scenario.faults {
            schedule.add(fault, world, map, start);
        }
        schedule
    }

    /// Adds a fault of a scenario that began at `start`.
    pub(crate) fn add(
        &mut self,
        fault: &file::Fault,
        world: &World<Actor>,
        map: &Map,
        start: WorldTime,
    ) {
        let action = match RecordDamage::of(&fault.action, map) {
            Some(damage) => Planned::Record(damage),
            None => Planned::Steps(steps::of(&fault.action, world, map)),
        };
        match &fault.when {
            When::At(at) => self.plan(start.after(*at), action),
            When::On(trigger) => self.waiting.push(Waiting {
                wanted: wanted(trigger, map),
                machine: steps::machine(trigger.node, map),
                left: trigger.nth,
                action,
            }),
        }
    }

    fn plan(&mut self, at: WorldTime, action: Planned) {
        match action {
            Planned::Steps(steps) => self.agenda.add_all(at, &steps),
            Planned::Record(damage) => {
                let place = self.records.partition_point(|(other, _)| *other <= at);
                self.records.insert(place, (at, damage));
            }
        }
    }

    /// When the next timed step is due.
    pub fn next_at(&self) -> Option<WorldTime> {
        let record = self.records.first().map(|(at, _)| *at);
        record.into_iter().chain(self.agenda.next_at()).min()
    }

    /// Takes the next timed step: damage to a record before all others of its instant, for
    /// they may end who goes on writing. Nothing if there is no such record.
    pub fn take(&mut self, world: &World<Actor>) -> Option<Fault> {
        let at = self.next_at()?;
        match self.records.first() {
            Some((due, _)) if *due == at => self.records.remove(0).1.fault(world),
            Some(_) | None => self.agenda.take(),
        }
    }

    /// What it has an instant for.
    pub fn agenda(&self) -> &Agenda {
        &self.agenda
    }

    /// How many modules boot at the very beginning, before it has begun.
    pub fn boots(&self) -> usize {
        let first = self.agenda.next_at();
        let boots = self.agenda.iter();
        let boots =
            boots.take_while(|(at, fault)| Some(*at) == first && matches!(fault, Fault::Boot(_)));
        boots.count()
    }

    /// True if nothing is left to happen.
    pub fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.next_at().is_none()
    }

    /// Steps whose event has not come; they never happened.
    pub fn untriggered(&self) -> usize {
        self.waiting.len()
    }

    /// Something has happened: what waits for it follows at once, before anybody hears of
    /// it who has not yet.
    pub fn observe(&mut self, occurrence: &Occurrence<Report>, world: &World<Actor>) {
        if self.waiting.is_empty() {
            return;
        }
        let machine = |process: ProcessId| world.process(process).machine;
        match occurrence {
            Occurrence::Event {
                process,
                event: Report::Node(event),
            } => {
                if let Some(name) = timeline::event_name(event) {
                    let is_it = |wanted: &Wanted| matches!(wanted, Wanted::Event(it) if it == name);
                    self.trigger(world.now(), machine(*process), is_it);
                }
            }
            Occurrence::Probe { process, name } => {
                let is_it = |wanted: &Wanted| matches!(wanted, Wanted::Probe(it) if it == name);
                self.trigger(world.now(), machine(*process), is_it);
            }
            Occurrence::Executed {
                device, process, ..
            } => {
                let is_it = |wanted: &Wanted| *wanted == Wanted::Executed(*device);
                self.trigger(world.now(), machine(*process), is_it);
            }
            Occurrence::Event { .. }
            | Occurrence::Submitted { .. }
            | Occurrence::Settled { .. }
            | Occurrence::Booted { .. }
            | Occurrence::Stopped { .. }
            | Occurrence::Fault(_) => {}
        }
    }

    fn trigger(&mut self, now: WorldTime, machine: MachineId, is_it: impl Fn(&Wanted) -> bool) {
        for waiting in &mut self.waiting {
            if waiting.machine == machine && is_it(&waiting.wanted) {
                waiting.left -= 1;
            }
        }
        let due: Vec<_> = self.waiting.extract_if(.., |it| it.left == 0).collect();
        for waiting in due {
            self.plan(now, waiting.action);
        }
    }
}

fn wanted(trigger: &Trigger, map: &Map) -> Wanted {
    match &trigger.cue {
        Cue::Event(name) => Wanted::Event(name.clone()),
        Cue::Probe(name) => Wanted::Probe(name.clone()),
        Cue::Executed(kind) => Wanted::Executed(steps::device_of(trigger.node, *kind, map)),
    }
}

#[cfg(test)]
mod tests;

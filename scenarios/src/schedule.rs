//! Scheduled faults: what happens to the hardware, and when.
//!
//! Turns a scenario's faults into steps that the world applies, at a time or when
//! a node has reported something for the nth time. Owns the moment; refuses to
//! know what a step does.

use serde::{Deserialize, Serialize};
use stormglass_engine::event::Event;
use stormglass_engine::time::Duration;
use stormglass_engine::vocabulary::BlockIndex;
use stormglass_sim::device::{Damage, Return};
use stormglass_sim::fault::Fault;
use stormglass_sim::network::Cut;
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::{DeviceIndex, MachineId, ProcessId, World};

use crate::actor::Actor;
use crate::agenda::Agenda;
use crate::cluster::{self, Map, Third};
use crate::file::{
    Action, Cluster, DamageKind, DeviceKind, DeviceName, Direction, DriveName, Endpoint,
    MachineName, Partition, ReturnKind, Scenario, When,
};
use crate::timeline;

/// A step waiting for its event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    event: String,
    machine: MachineId,
    left: u32,
    action: Vec<(Duration, Fault)>,
}

/// Steps to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    agenda: Agenda,
    waiting: Vec<Waiting>,
}

impl Schedule {
    /// Boots everything at `start`, then what the scenario says.
    pub fn new(scenario: &Scenario, world: &World<Actor>, map: &Map, start: WorldTime) -> Self {
        let mut schedule = Schedule {
            agenda: Agenda::default(),
            waiting: Vec::new(),
        };
        for (process, _) in world.processes() {
            schedule.agenda.add(start, Fault::Boot(process));
        }
        for fault in &scenario.faults {
            let action = steps(&fault.action, world, map);
            match &fault.when {
                When::At(at) => schedule.agenda.add_all(start.after(*at), &action),
                When::On(trigger) => schedule.waiting.push(Waiting {
                    event: trigger.event.clone(),
                    machine: machine(trigger.node, map),
                    left: trigger.nth,
                    action,
                }),
            }
        }
        schedule
    }

    /// When the next timed step is due.
    pub fn next_at(&self) -> Option<WorldTime> {
        self.agenda.next_at()
    }

    /// Takes the next timed step.
    pub fn take(&mut self) -> Option<Fault> {
        self.agenda.take()
    }

    /// True if nothing is left to happen.
    pub fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.agenda.next_at().is_none()
    }

    /// Steps whose event has not come; they never happened.
    pub fn untriggered(&self) -> usize {
        self.waiting.len()
    }

    /// A node has reported something: what waits for it follows at once.
    pub fn observe(&mut self, now: WorldTime, machine: MachineId, event: &Event) {
        if self.waiting.is_empty() {
            return;
        }
        let Some(name) = timeline::event_name(event) else {
            return;
        };
        let mut due = Vec::new();
        for waiting in &mut self.waiting {
            if waiting.machine == machine && waiting.event == name {
                waiting.left -= 1;
                if waiting.left == 0 {
                    due.append(&mut waiting.action);
                }
            }
        }
        self.waiting.retain(|waiting| waiting.left > 0);
        self.agenda.add_all(now, &due);
    }
}

/// What an action does, each step with its delay.
pub(crate) fn steps(action: &Action, world: &World<Actor>, map: &Map) -> Vec<(Duration, Fault)> {
    let boots = |machine: MachineId, after: Option<Duration>| {
        let processes = &world.machine(machine).processes;
        after.into_iter().flat_map(move |after| {
            let boot = move |process: &ProcessId| (after, Fault::Boot(*process));
            processes.iter().map(boot)
        })
    };
    match *action {
        Action::Crash {
            node,
            restart_after,
        } => {
            let machine = machine(node, map);
            let crash = (Duration::ZERO, Fault::Crash(machine));
            std::iter::once(crash)
                .chain(boots(machine, restart_after))
                .collect()
        }
        Action::Kill {
            node,
            module,
            restart_after,
        } => {
            let slot = cluster::slot(module);
            let machine = world.machine(map.node(node));
            let found = machine
                .processes
                .iter()
                .find(|id| world.process(**id).slot == slot);
            let process = *found.expect("every node has every module");
            let kill = (Duration::ZERO, Fault::Kill(process));
            let boot = restart_after.map(|after| (after, Fault::Boot(process)));
            std::iter::once(kill).chain(boot).collect()
        }
        Action::PowerOff {
            cluster,
            restart_after,
        } => {
            let machines = map.cluster(cluster);
            let crashes = machines
                .iter()
                .map(|machine| (Duration::ZERO, Fault::Crash(*machine)));
            let devices = [DeviceKind::Journal, DeviceKind::Data].map(|kind| {
                let device = cluster::device(DeviceName { cluster, kind });
                (Duration::ZERO, Fault::DevicePowerLoss(device))
            });
            // Power goes everywhere at once: the devices settle what the dying
            // nodes had queued, so they come first.
            let restarts = machines
                .iter()
                .flat_map(|machine| boots(*machine, restart_after));
            devices.into_iter().chain(crashes).chain(restarts).collect()
        }
        Action::Pause { node, duration } => {
            let machine = map.node(node);
            vec![
                (Duration::ZERO, Fault::Pause(machine)),
                (duration, Fault::Resume(machine)),
            ]
        }
        Action::Partition(partition) => partition_steps(&partition, map),
        Action::DeviceGone {
            device,
            duration,
            returns,
        } => {
            let device = drive(device, map);
            let returns = match returns {
                ReturnKind::Intact => Return::Intact,
                ReturnKind::Blank => Return::Blank,
            };
            let gone = (Duration::ZERO, Fault::DeviceGone(device));
            let back = duration.map(|after| (after, Fault::DeviceReturns(device, returns)));
            std::iter::once(gone).chain(back).collect()
        }
        Action::Damage {
            device,
            block,
            kind,
        } => {
            let damage = match kind {
                DamageKind::Unreadable => Damage::Unreadable,
                DamageKind::Rot => Damage::Rot,
            };
            let fault = Fault::Damage {
                device: drive(device, map),
                page: map.geometry.data_page(BlockIndex::new(block)),
                damage,
            };
            vec![(Duration::ZERO, fault)]
        }
    }
}

fn machine(name: MachineName, map: &Map) -> MachineId {
    match name {
        MachineName::Node(node) => map.node(node),
        MachineName::Mediator => mediator(map).machine,
    }
}

fn drive(name: DriveName, map: &Map) -> DeviceIndex {
    match name {
        DriveName::Set(device) => cluster::device(device),
        DriveName::Mediator => mediator(map).device,
    }
}

fn mediator(map: &Map) -> Third {
    map.mediator
        .expect("a scenario names a mediator only if it has one")
}

fn partition_steps(partition: &Partition, map: &Map) -> Vec<(Duration, Fault)> {
    let network = cluster::network(partition.network);
    let (from, to) = (machines(partition.from, map), machines(partition.to, map));
    let mut cuts = Vec::new();
    for a in &from {
        for b in &to {
            cuts.push(Cut {
                network,
                from: *a,
                to: *b,
            });
            if partition.direction == Direction::BothWays {
                cuts.push(Cut {
                    network,
                    from: *b,
                    to: *a,
                });
            }
        }
    }
    let begin = cuts.iter().map(|cut| (Duration::ZERO, Fault::Cut(*cut)));
    let end = cuts
        .iter()
        .map(|cut| (partition.duration, Fault::Heal(*cut)));
    begin.chain(end).collect()
}

fn machines(endpoint: Endpoint, map: &Map) -> Vec<MachineId> {
    match endpoint {
        Endpoint::Node(node) => vec![map.node(node)],
        Endpoint::Cluster(Cluster::East) => map.cluster(Cluster::East).to_vec(),
        Endpoint::Cluster(Cluster::West) => map.cluster(Cluster::West).to_vec(),
        Endpoint::Clients => map.client_machines.clone(),
        Endpoint::Mediator => vec![mediator(map).machine],
    }
}

#[cfg(test)]
mod tests;

//! Who and what has a lane.

use std::collections::BTreeMap;

use stormglass_engine::contract::NetworkId;
use stormglass_reports::record::{Lane, LaneKind, Track};
use stormglass_sim::network::Cut;
use stormglass_sim::world::{DeviceIndex, MachineId, ProcessId, World};

use crate::actor::Actor;
use crate::cluster::{self, Map};
use crate::file::{Cluster, DeviceName, PairIndex};

/// Two machines on one network, the lower number first.
type Pair = (NetworkId, MachineId, MachineId);

/// Lanes by what they belong to. Machines and devices have theirs from the beginning;
/// a link gets one when it is met first.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    machines: u32,
    devices: u32,
    pub(super) mediator: Option<u32>,
    links: BTreeMap<Pair, u32>,
    map: Map,
}

impl Lanes {
    pub(super) fn new(world: &World<Actor>, map: &Map) -> Self {
        let third = map.mediator;
        let pairs = map.pair_count();
        let machine = |(id, machine): (MachineId, &stormglass_sim::world::Machine)| {
            let is_in = |cluster: &Cluster| map.cluster(*cluster).any(|node| node == id);
            let cluster = Cluster::ALL.into_iter().find(is_in);
            let (kind, group) = match cluster {
                Some(cluster) => (LaneKind::Node, cluster.to_string()),
                None if third.is_some_and(|third| third.machine == id) => {
                    (LaneKind::Mediator, "mediator".to_owned())
                }
                None => (LaneKind::Client, "clients".to_owned()),
            };
            let name = machine.name.clone();
            Lane { kind, group, name }
        };
        let device = |(id, drive): (DeviceIndex, &stormglass_sim::world::Drive)| {
            let mut names = DeviceName::all(pairs);
            let own = names.find(|name| cluster::device(*name) == id);
            let group = own.map_or("mediator".to_owned(), |name| name.cluster.to_string());
            // The mediator's machine has the name already.
            let name = match own {
                Some(_) => drive.name.to_string(),
                None => format!("{}.data", drive.name),
            };
            let kind = LaneKind::Device;
            Lane { kind, group, name }
        };
        let mut lanes: Vec<Lane> = world.machines().map(machine).collect();
        let machines = lane_number(lanes.len());
        lanes.extend(world.drives().map(device));
        let devices = lane_number(lanes.len()) - machines;
        Lanes {
            mediator: third.map(|third| third.machine.0),
            lanes,
            machines,
            devices,
            links: BTreeMap::new(),
            map: map.clone(),
        }
    }

    pub(super) fn machine(machine: MachineId) -> u32 {
        machine.0
    }

    pub(super) fn process(process: ProcessId, world: &World<Actor>) -> u32 {
        Self::machine(world.process(process).machine)
    }

    /// The volume that a process has to do with; none where there is but one.
    pub(super) fn volume(&self, process: ProcessId) -> Option<PairIndex> {
        let volume = self.map.volume_of(process);
        (self.map.pair_count() > 1).then_some(volume)
    }

    pub(super) fn device(&self, device: DeviceIndex) -> u32 {
        self.machines + u32::from(device.0)
    }

    /// A path's link, and which way along it.
    pub(super) fn path(&mut self, path: &Cut, world: &World<Actor>) -> (u32, Track) {
        let Cut { network, from, to } = *path;
        let (pair, track) = match from <= to {
            true => ((network, from, to), Track::There),
            false => ((network, to, from), Track::Back),
        };
        let lane = *self.links.entry(pair).or_insert_with(|| {
            let name = |machine| &world.machine(machine).name;
            self.lanes.push(Lane {
                kind: LaneKind::Link,
                group: world.network().name(network).to_owned(),
                name: format!("{} – {}", name(pair.1), name(pair.2)),
            });
            lane_number(self.lanes.len()) - 1
        });
        (lane, track)
    }

    /// The lane of a name, if any has it.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        let place = self.lanes.iter().position(|lane| lane.name == name)?;
        Some(lane_number(place))
    }

    /// All lanes, the links sorted; and each one's new place by its old one.
    pub(super) fn finish(self) -> (Vec<Lane>, Vec<u32>) {
        let fixed = self.machines + self.devices;
        let order: Vec<u32> = (0..fixed).chain(self.links.into_values()).collect();
        let mut places = vec![0; self.lanes.len()];
        let mut sorted = Vec::with_capacity(self.lanes.len());
        for (place, old) in (0..).zip(order) {
            places[old as usize] = place;
            sorted.push(self.lanes[old as usize].clone());
        }
        (sorted, places)
    }
}

fn lane_number(count: usize) -> u32 {
    u32::try_from(count).expect("lanes are few")
}

//! Builds the world that a scenario describes: machines, devices, networks,
//! modules, clients.
//!
//! Owns who is where: [`Map`] says which process, device and address is whose.
//! Everything here happens once, before time zero.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::configuration::{
    self, Configuration, D_SLOT, Duty, M_SLOT, N_SLOT, SetConfiguration,
};
use stormglass_engine::contract::{Address, DeviceId, NetworkId, PageIndex, Slot};
use stormglass_engine::mediator::{self, MediatorConfiguration};
use stormglass_engine::storage_set::layout::{Geometry, MAILBOX_PAGES};
use stormglass_engine::storage_set::tables::Role;
use stormglass_engine::storage_set::{format_set, layout};
use stormglass_engine::vocabulary::{
    BlockIndex, ClientId, NodeId, Range, SiteEpoch, SiteId, StorageSetId, VolumeId,
};
use stormglass_engine::wire::mediator::MediatorRecord;
use stormglass_sim::clock::Clock;
use stormglass_sim::device::{DeviceSpec, PageRange};
use stormglass_sim::network::NetworkSpec;
use stormglass_sim::random::Seed;
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::{DeviceIndex, MachineId, ProcessId, World};

use crate::actor::{Actor, Identity};
use crate::file::{
    Cluster, DeviceKind, DeviceName, ModuleName, NetworkName, NodeName, PlannedKind, Scenario,
};
use crate::profile;
use crate::workload::{self, ClientIdentity, ClientTimers, CommandKind};

/// The client network.
pub const CLIENT_NETWORK: NetworkId = NetworkId::new(0);
/// The network between the clusters.
pub const PEER_NETWORK: NetworkId = NetworkId::new(1);
/// The network to the mediator, where there is one.
pub const MEDIATOR_NETWORK: NetworkId = NetworkId::new(2);
/// The mediator's address there.
const MEDIATOR_ADDRESS: Address = Address::new(300);
/// Nodes in a pair.
const NODES_PER_PAIR: u8 = 2;
/// The volume of the one pair.
const VOLUME: VolumeId = VolumeId::new(1);

/// Who is where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Map {
    /// Machines of the nodes, east first.
    nodes: Vec<MachineId>,
    /// Processes of the clients.
    pub clients: Vec<ProcessId>,
    /// Machines of the clients.
    pub client_machines: Vec<MachineId>,
    /// Sizes of both storage sets.
    pub geometry: Geometry,
    /// The third site, where there is one.
    pub mediator: Option<Third>,
}

/// The third site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Third {
    /// The mediator's machine.
    pub machine: MachineId,
    /// Its device.
    pub device: DeviceIndex,
}

impl Map {
    /// A node's machine.
    pub fn node(&self, name: NodeName) -> MachineId {
        self.nodes[node_index(name)]
    }
    /// All nodes' machines, east first.
    pub fn nodes(&self) -> &[MachineId] {
        &self.nodes
    }
    /// The nodes of a cluster.
    pub fn cluster(&self, cluster: Cluster) -> &[MachineId] {
        let half = self.nodes.len() / 2;
        match cluster {
            Cluster::East => &self.nodes[..half],
            Cluster::West => &self.nodes[half..],
        }
    }
}

/// A device of a cluster's storage set.
pub fn device(name: DeviceName) -> DeviceIndex {
    let cluster = match name.cluster {
        Cluster::East => 0,
        Cluster::West => 2,
    };
    DeviceIndex(
        cluster
            + match name.kind {
                DeviceKind::Journal => 0,
                DeviceKind::Data => 1,
            },
    )
}

/// A module's slot on its node.
pub fn slot(module: ModuleName) -> Slot {
    match module {
        ModuleName::M => M_SLOT,
        ModuleName::N => N_SLOT,
        ModuleName::D => D_SLOT,
    }
}

/// A network's number.
pub fn network(name: NetworkName) -> NetworkId {
    match name {
        NetworkName::Client => CLIENT_NETWORK,
        NetworkName::InterCluster => PEER_NETWORK,
        NetworkName::Mediator => MEDIATOR_NETWORK,
    }
}

fn node_index(name: NodeName) -> usize {
    let cluster = match name.cluster {
        Cluster::East => 0,
        Cluster::West => NODES_PER_PAIR,
    };
    usize::from(cluster + name.number - 1)
}

fn node_name(index: usize) -> NodeName {
    let index = u8::try_from(index).expect("nodes are few");
    let cluster = if index < NODES_PER_PAIR {
        Cluster::East
    } else {
        Cluster::West
    };
    NodeName {
        cluster,
        number: index % NODES_PER_PAIR + 1,
    }
}

/// What a cluster's set is when the volume is new.
fn role_of(cluster: Cluster) -> Role {
    match cluster {
        Cluster::East => Role::Owner,
        Cluster::West => Role::Mirror,
    }
}

/// The site of a cluster, as the mediator knows it.
fn site(cluster: Cluster) -> SiteId {
    SiteId::new(match cluster {
        Cluster::East => 1,
        Cluster::West => 2,
    })
}

fn n_address(node: usize) -> Address {
    Address::new(100 + u32::try_from(node).expect("nodes are few"))
}
fn d_address(node: usize) -> Address {
    Address::new(200 + u32::try_from(node).expect("nodes are few"))
}

/// Builds a scenario's world, at rest: nothing has booted yet. `start` is the
/// world time at which all clocks show zero.
pub fn build(scenario: &Scenario, seed: Seed, start: WorldTime) -> (World<Actor>, Map) {
    let has_mediator = scenario.topology.mediator;
    let names = NetworkName::ALL.into_iter();
    let names = names.filter(|name| has_mediator || *name != NetworkName::Mediator);
    let networks = names.map(|name| {
        let (latency, per_kib) =
            profile::link(scenario.topology.profile, name, scenario.links.get(&name));
        NetworkSpec {
            name: name.to_string(),
            latency,
            per_kib,
        }
    });
    let mut world = World::new(seed, start, networks.collect());
    let geometry = scenario.topology.geometry();
    for name in DeviceName::all() {
        add_device(&mut world, scenario, name, &geometry);
    }
    for cluster in Cluster::ALL {
        let role = role_of(cluster);
        if scenario.topology.founding {
            continue;
        }
        for (id, page, pages) in format_set(&set_of(cluster, geometry), role) {
            let id = DeviceIndex(u16::try_from(id.index()).expect("devices are few"));
            world.drive_mut(id).device.install(page, &pages);
        }
    }
    let drift = seed.draw(0, "clock drift");
    let clock = |machine: u64| Clock {
        origin: start,
        drift_ppb: drift_ppb(drift.at(&[machine, 0, 0, 0])),
        ..Clock::default()
    };
    let nodes: Vec<MachineId> = (0..4)
        .map(|index| {
            let machine = world.add_machine(&node_name(index).to_string(), clock(index as u64));
            add_node(&mut world, scenario, index, machine, geometry);
            machine
        })
        .collect();
    let (clients, client_machines) = (0..scenario.workload.clients)
        .map(|index| {
            let machine = world.add_machine(
                &format!("client-{}", index + 1),
                clock(1_000 + u64::from(index)),
            );
            (
                add_client(&mut world, scenario, seed, index, machine),
                machine,
            )
        })
        .unzip();
    // Last of all, so that the others are the same machines and devices without it.
    let mediator = has_mediator.then(|| add_mediator(&mut world, scenario, clock(2_000)));
    (
        world,
        Map {
            nodes,
            clients,
            client_machines,
            geometry,
            mediator,
        },
    )
}

fn add_device(
    world: &mut World<Actor>,
    scenario: &Scenario,
    name: DeviceName,
    geometry: &Geometry,
) {
    let service = profile::device(name.kind, scenario.devices.get(&name));
    let (pages, unreserved) = match name.kind {
        DeviceKind::Journal => {
            let mailbox = PageRange {
                start: geometry.mailbox_start(),
                count: layout::MAILBOX_PAGES,
            };
            (geometry.journal_device_pages(), Some(mailbox))
        }
        DeviceKind::Data => (geometry.data_device_pages(), None),
    };
    let cache_pages = scenario.topology.device_cache_pages;
    let spec = DeviceSpec {
        pages,
        cache_pages,
        unreserved,
    };
    let added = world.add_device(&name.to_string(), spec, service);
    assert!(
        added == device(name),
        "devices are added in the order of their names"
    );
}

/// The mediator's machine, with a device that no reservation guards: nobody else
/// reaches it.
fn add_mediator(world: &mut World<Actor>, scenario: &Scenario, clock: Clock) -> Third {
    let spec = DeviceSpec {
        pages: mediator::DEVICE_PAGES,
        cache_pages: scenario.topology.device_cache_pages,
        unreserved: Some(PageRange {
            start: PageIndex(0),
            count: mediator::DEVICE_PAGES,
        }),
    };
    let device = world.add_device("mediator", spec, profile::mediator_device());
    let machine = world.add_machine("mediator", clock);
    let timers = &scenario.settings.timers;
    let configuration = Arc::new(MediatorConfiguration {
        network: MEDIATOR_NETWORK,
        device: DeviceId::new(device.0),
        volume: VOLUME,
        begins_with: MediatorRecord {
            version: SiteEpoch::new(1),
            owner: site(Cluster::East),
            in_sync: true,
        },
        lease: timers.lease,
        lease_margin: timers.lease_margin,
    });
    let identity = Identity::Mediator(configuration);
    let process = world.add_process(machine, (Slot(0), ""), identity, profile::NODE_CPU);
    let network = world.network_mut();
    network.attach(MEDIATOR_NETWORK, MEDIATOR_ADDRESS, process);
    Third { machine, device }
}

fn set_of(cluster: Cluster, geometry: Geometry) -> SetConfiguration {
    let id = |kind| DeviceId::new(device(DeviceName { cluster, kind }).0);
    SetConfiguration {
        id: StorageSetId::new(if cluster == Cluster::East { 1 } else { 2 }),
        format: 1,
        journal: id(DeviceKind::Journal),
        data: id(DeviceKind::Data),
        geometry,
    }
}

fn add_node(
    world: &mut World<Actor>,
    scenario: &Scenario,
    index: usize,
    machine: MachineId,
    geometry: Geometry,
) {
    let name = node_name(index);
    let peer = NodeName {
        cluster: name.cluster.other(),
        number: 1,
    };
    let configuration = Arc::new(Configuration {
        node: NodeId::new(u32::try_from(index).expect("nodes are few") + 1),
        partner: NodeId::new(u32::try_from(index ^ 1).expect("nodes are few") + 1),
        site: site(name.cluster),
        set: set_of(name.cluster, geometry),
        duty: if name.number == 1 {
            Duty::Primary
        } else {
            Duty::Standby
        },
        volume: VOLUME,
        client_network: CLIENT_NETWORK,
        peer_network: PEER_NETWORK,
        peers: [d_address(node_index(peer)), d_address(node_index(peer) + 1)],
        mediator: scenario
            .topology
            .mediator
            .then_some(configuration::Mediator {
                network: MEDIATOR_NETWORK,
                address: MEDIATOR_ADDRESS,
            }),
        policy: scenario.settings.policy,
        founding: scenario.topology.founding.then(|| role_of(name.cluster)),
        replication: scenario.settings.replication,
        timers: scenario.settings.timers.clone(),
        limits: scenario.settings.limits.clone(),
    });
    let cpu = profile::NODE_CPU;
    world.add_process(machine, (M_SLOT, "M"), Identity::M(configuration), cpu);
    let n = world.add_process(machine, (N_SLOT, "N"), Identity::N, cpu);
    world
        .network_mut()
        .attach(CLIENT_NETWORK, n_address(index), n);
    let d = world.add_process(machine, (D_SLOT, "D"), Identity::D, cpu);
    world
        .network_mut()
        .attach(PEER_NETWORK, d_address(index), d);
    if scenario.topology.mediator {
        world
            .network_mut()
            .attach(MEDIATOR_NETWORK, d_address(index), d);
    }
}

fn add_client(
    world: &mut World<Actor>,
    scenario: &Scenario,
    seed: Seed,
    index: u32,
    machine: MachineId,
) -> ProcessId {
    let identity = client_identity(scenario, seed, index);
    let identity = Identity::Client(Arc::new(identity));
    let process = world.add_process(machine, (Slot(0), ""), identity, profile::CLIENT_CPU);
    world
        .network_mut()
        .attach(CLIENT_NETWORK, Address::new(1_000 + index), process);
    process
}

fn client_identity(scenario: &Scenario, seed: Seed, index: u32) -> ClientIdentity {
    let asked = &scenario.workload;
    let [start, count] = asked.range(&scenario.topology);
    let count = u32::try_from(count).expect("the scenario was checked");
    let blocks = Range::new(BlockIndex::new(start), count).expect("the scenario was checked");
    let crate::file::Mix {
        read,
        write,
        write_zeroes,
        compare_and_write,
        flush,
    } = asked.mix;
    ClientIdentity {
        client: ClientId::new(index + 1),
        volume: VOLUME,
        network: CLIENT_NETWORK,
        nodes: [n_address(0), n_address(1)],
        workload: workload::Workload {
            commands: u64::from(asked.commands),
            outstanding: asked.outstanding,
            blocks,
            command_blocks_min: asked.command_blocks[0],
            command_blocks_max: asked.command_blocks[1],
            mix: workload::Mix {
                read,
                write,
                write_zeroes,
                compare_and_write,
                flush,
            },
            think: asked.think,
            start: asked.start,
            listed: (!asked.listed.is_empty()).then(|| listed(asked, index + 1)),
        },
        timers: ClientTimers {
            status_limit: scenario.settings.timers.status_limit,
            ..ClientTimers::default()
        },
        window: scenario.settings.limits.window,
        seed: seed.draw(u64::from(index), "workload").at(&[0; 4]).bits(),
    }
}

/// The listed commands of a client, by rising number.
fn listed(asked: &crate::file::Workload, client: u32) -> Vec<workload::Listed> {
    let own = asked.listed.iter().filter(|it| it.client == client);
    let mut listed: Vec<_> = own
        .map(|it| workload::Listed {
            number: u64::from(it.number),
            at: it.at,
            kind: match it.kind {
                PlannedKind::Read => CommandKind::Read,
                PlannedKind::Write => CommandKind::Write,
                PlannedKind::WriteZeroes => CommandKind::WriteZeroes,
                PlannedKind::CompareAndWrite => CommandKind::CompareAndWrite,
                PlannedKind::Flush => CommandKind::Flush,
            },
            range: Range::new(BlockIndex::new(it.block), it.blocks)
                .expect("the scenario was checked"),
        })
        .collect();
    listed.sort_by_key(|it| it.number);
    listed
}

fn drift_ppb(sample: stormglass_sim::random::Sample) -> i32 {
    let span = u64::from(profile::DRIFT_PPB) * 2 + 1;
    let drawn = i64::try_from(sample.below(span)).expect("a small span");
    i32::try_from(drawn - i64::from(profile::DRIFT_PPB)).expect("a small span")
}

const _: () = assert!(
    MAILBOX_PAGES > 0,
    "the mailbox stands outside the reservation"
);

#[cfg(test)]
mod tests;

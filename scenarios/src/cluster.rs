//! Builds the world that a scenario describes: machines, devices, networks,
//! modules, clients.
//!
//! Owns who is where: [`Map`] says which process, device and address is whose.
//! Everything here happens once, before time zero.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::configuration::{
    self, Configuration, D_SLOT, Duty, Hardware, M_SLOT, N_SLOT, Seats, SetConfiguration,
};
use stormglass_engine::contract::{Address, DeviceId, NetworkId, PageIndex, Slot};
use stormglass_engine::mediator::{self, MediatorConfiguration};
use stormglass_engine::metadata::{Metadata, encode_metadata};
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
    Cluster, DeviceKind, DeviceName, FIRST_PEER_ADDRESS, MetadataPolicy, ModuleName, NetworkName,
    NodeName, PairIndex, PlannedKind, Scenario, Topology,
};
use crate::profile;
use crate::workload::{self, ClientIdentity, ClientTimers, CommandKind};

/// The client network.
pub const CLIENT_NETWORK: NetworkId = NetworkId::new(0);
/// The network between the clusters.
pub const PEER_NETWORK: NetworkId = NetworkId::new(1);
/// The network to the mediator, where there is one.
pub const MEDIATOR_NETWORK: NetworkId = NetworkId::new(2);
/// The network of each pair alone, where there is one. All pairs' are one here: nobody has
/// the address of another pair's node.
pub const INTERCONNECT: NetworkId = NetworkId::new(3);
/// Nodes in a pair.
const NODES_PER_PAIR: u8 = 2;
/// What the pairs of one number have together: nodes, and devices too.
const PER_PAIRS: u32 = 4;

/// Who is where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Map {
    /// Machines of the nodes: pair by pair, and of the pairs of one number east's first.
    nodes: Vec<MachineId>,
    /// Which cluster owns each pair's volume at first.
    owners: Vec<Cluster>,
    /// The volume that each process has to do with.
    volumes: Vec<PairIndex>,
    /// Processes of the clients.
    pub clients: Vec<ProcessId>,
    /// Machines of the clients.
    pub client_machines: Vec<MachineId>,
    /// Sizes of every storage set.
    pub geometry: Geometry,
    /// Blocks of every volume at first.
    pub volume_blocks: u64,
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
    /// All nodes' machines: pair by pair, and of the pairs of one number east's first.
    pub fn nodes(&self) -> &[MachineId] {
        &self.nodes
    }
    /// The nodes of a cluster.
    pub fn cluster(&self, cluster: Cluster) -> impl Iterator<Item = MachineId> {
        self.pairs().flat_map(move |pair| self.pair(cluster, pair))
    }
    /// The two nodes of a pair.
    pub fn pair(&self, cluster: Cluster, pair: PairIndex) -> [MachineId; 2] {
        [1, 2].map(|place| self.node(node_of(cluster, pair, place)))
    }
    /// The pairs of each cluster, and the volumes.
    pub fn pairs(&self) -> impl Iterator<Item = PairIndex> + use<> {
        PairIndex::first(self.pair_count())
    }
    /// How many pairs each cluster has.
    pub fn pair_count(&self) -> u32 {
        u32::try_from(self.owners.len()).expect("pairs are few")
    }
    /// The cluster that owns a volume at first; the other one has the mirror.
    pub fn owner(&self, volume: PairIndex) -> Cluster {
        self.owners[volume.place()]
    }
    /// A volume's clusters, the owner's first.
    pub fn copies(&self, volume: PairIndex) -> [Cluster; 2] {
        let owner = self.owner(volume);
        [owner, owner.other()]
    }
    /// The volume that a device holds a part of; the mediator's holds none.
    pub fn volume_of_device(&self, device: DeviceIndex) -> Option<PairIndex> {
        let place = u32::from(device.0) / PER_PAIRS;
        PairIndex::new(place).filter(|pair| pair.place() < self.owners.len())
    }
    /// The volume that a process has to do with.
    pub fn volume_of(&self, process: ProcessId) -> PairIndex {
        self.volumes[process.0 as usize]
    }
}

/// A device of a storage set.
pub fn device(name: DeviceName) -> DeviceIndex {
    let cluster = match name.cluster {
        Cluster::East => 0,
        Cluster::West => 2,
    };
    let kind = match name.kind {
        DeviceKind::Journal => 0,
        DeviceKind::Data => 1,
    };
    let place = before(name.pair) + cluster + kind;
    DeviceIndex(u16::try_from(place).expect("devices are few"))
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
        NetworkName::Interconnect => INTERCONNECT,
    }
}

fn node_index(name: NodeName) -> usize {
    let cluster = match name.cluster {
        Cluster::East => 0,
        Cluster::West => NODES_PER_PAIR,
    };
    let place = cluster + (name.number - 1) % NODES_PER_PAIR;
    before(name.pair()) + usize::from(place)
}

/// Nodes, or devices, of all pairs of lower numbers.
fn before(pair: PairIndex) -> usize {
    pair.place() * PER_PAIRS as usize
}

/// The first or the second node of a pair.
fn node_of(cluster: Cluster, pair: PairIndex, place: u8) -> NodeName {
    let before = (pair.number() - 1) * NODES_PER_PAIR;
    NodeName {
        cluster,
        number: before + place,
    }
}

fn volume_id(pair: PairIndex) -> VolumeId {
    VolumeId::new(u32::from(pair.number()))
}

/// What a cluster's set is when its volume is new.
fn role_of(cluster: Cluster, owner: Cluster) -> Role {
    match cluster == owner {
        true => Role::Owner,
        false => Role::Mirror,
    }
}

/// The site of a cluster, as the mediator knows it.
fn site(cluster: Cluster) -> SiteId {
    SiteId::new(match cluster {
        Cluster::East => 1,
        Cluster::West => 2,
    })
}

/// Where a volume's mediator is on its network.
fn mediator_address(volume: PairIndex) -> Address {
    Address::new(299 + u32::from(volume.number()))
}
fn n_address(node: usize) -> Address {
    Address::new(100 + u32::try_from(node).expect("nodes are few"))
}
/// The service address of a pair of one cluster.
fn service_address(cluster: Cluster, pair: PairIndex) -> Address {
    let place = u32::from(cluster == Cluster::West);
    Address::new(500 + u32::from(pair.number() - 1) * 2 + place)
}
/// Where a node's modules are on the interconnect.
fn seats(node: usize) -> Seats {
    Seats {
        n: n_address(node),
        d: d_address(node),
    }
}
fn d_address(node: usize) -> Address {
    Address::new(FIRST_PEER_ADDRESS + u32::try_from(node).expect("nodes are few"))
}

/// Builds a scenario's world, at rest: nothing has booted yet. `start` is the
/// world time at which all clocks show zero.
pub fn build(scenario: &Scenario, seed: Seed, start: WorldTime) -> (World<Actor>, Map) {
    let has_mediator = scenario.topology.mediator;
    let is_joined = scenario.topology.interconnect;
    let names = NetworkName::ALL.into_iter();
    // Networks are known by their places: before the interconnect there is one for the
    // mediator, though nobody be on it.
    let names = names.filter(|name| match name {
        NetworkName::Client | NetworkName::InterCluster => true,
        NetworkName::Mediator => has_mediator || is_joined,
        NetworkName::Interconnect => is_joined,
    });
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
    let topology = &scenario.topology;
    for name in DeviceName::all(topology.pairs_per_cluster) {
        add_device(&mut world, scenario, name, &geometry);
    }
    let sets = topology.pairs();
    let sets = sets.flat_map(|pair| Cluster::ALL.map(|cluster| (cluster, pair)));
    for (cluster, pair) in sets.filter(|_| !topology.founding) {
        let role = role_of(cluster, topology.owner(pair));
        for (id, page, pages) in format_set(&set_of(cluster, pair, topology), role) {
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
    let mut volumes = Vec::new();
    let nodes: Vec<MachineId> = NodeName::all(topology.pairs_per_cluster)
        .enumerate()
        .map(|(index, name)| {
            let machine = world.add_machine(&name.to_string(), clock(index as u64));
            add_node(&mut world, scenario, name, machine, geometry);
            volumes.resize(world.processes().count(), name.pair());
            machine
        })
        .collect();
    let (clients, client_machines) = (0..scenario.workload.clients)
        .map(|index| {
            let machine = world.add_machine(
                &format!("client-{}", index + 1),
                clock(1_000 + u64::from(index)),
            );
            volumes.push(scenario.workload.pair_of(index, topology));
            (
                add_client(&mut world, scenario, seed, index, machine),
                machine,
            )
        })
        .unzip();
    // Last of all, so that the others are the same machines and devices without it.
    let mediator = has_mediator.then(|| {
        volumes.extend(topology.pairs());
        add_mediator(&mut world, scenario, clock(2_000))
    });
    (
        world,
        Map {
            nodes,
            owners: topology.pairs().map(|pair| topology.owner(pair)).collect(),
            volumes,
            clients,
            client_machines,
            geometry,
            volume_blocks: topology.volume_blocks,
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

/// The mediator's machine: a module for each volume, with a device that no reservation
/// guards, for nobody else reaches it.
fn add_mediator(world: &mut World<Actor>, scenario: &Scenario, clock: Clock) -> Third {
    let topology = &scenario.topology;
    let pages = mediator::DEVICE_PAGES * u64::from(topology.pairs_per_cluster);
    let spec = DeviceSpec {
        pages,
        cache_pages: topology.device_cache_pages,
        unreserved: Some(PageRange {
            start: PageIndex(0),
            count: pages,
        }),
    };
    let device = world.add_device("mediator", spec, profile::mediator_device());
    let machine = world.add_machine("mediator", clock);
    let timers = &scenario.settings.timers;
    for volume in topology.pairs() {
        let place = volume.place();
        let configuration = Arc::new(MediatorConfiguration {
            network: MEDIATOR_NETWORK,
            device: DeviceId::new(device.0),
            first_page: PageIndex(mediator::DEVICE_PAGES * place as u64),
            volume: volume_id(volume),
            begins_with: MediatorRecord {
                version: SiteEpoch::new(1),
                owner: site(topology.owner(volume)),
                in_sync: true,
            },
            lease: timers.lease,
            lease_margin: timers.lease_margin,
        });
        let slot = Slot(u8::try_from(place).expect("volumes are few"));
        // The first one is called as its machine is.
        let name = match volume {
            PairIndex::FIRST => String::new(),
            volume => format!("volume-{}", volume.number()),
        };
        let identity = Identity::Mediator(configuration);
        let process = world.add_process(machine, (slot, &name), identity, profile::NODE_CPU);
        let network = world.network_mut();
        network.attach(MEDIATOR_NETWORK, mediator_address(volume), process);
    }
    Third { machine, device }
}

fn set_of(cluster: Cluster, pair: PairIndex, topology: &Topology) -> SetConfiguration {
    let id = |name| DeviceId::new(device(name).0);
    let [journal, data] = DeviceName::of_set(cluster, pair).map(id);
    let sets_before = u32::from(pair.number() - 1) * 2;
    SetConfiguration {
        id: StorageSetId::new(sets_before + if cluster == Cluster::East { 1 } else { 2 }),
        format: 1,
        journal,
        data,
        geometry: topology.geometry(),
        volume_blocks: topology.volume_blocks,
    }
}

fn add_node(
    world: &mut World<Actor>,
    scenario: &Scenario,
    name: NodeName,
    machine: MachineId,
    geometry: Geometry,
) {
    let (index, pair) = (node_index(name), name.pair());
    let topology = &scenario.topology;
    let peers = [1, 2].map(|place| node_of(name.cluster.other(), pair, place));
    let node_id = |index: usize| NodeId::new(u32::try_from(index).expect("nodes are few") + 1);
    // Where nothing is stored, every peer is looked for.
    let is_known = !topology.founding && scenario.settings.metadata == MetadataPolicy::Stored;
    let configuration = Arc::new(Configuration {
        version: 1,
        node: node_id(index),
        partner: node_id(index ^ 1),
        site: site(name.cluster),
        peer_site: site(name.cluster.other()),
        set: set_of(name.cluster, pair, topology),
        duty: if name.is_primary() {
            Duty::Primary
        } else {
            Duty::Standby
        },
        volume: volume_id(pair),
        client_network: CLIENT_NETWORK,
        service: (topology.service_address).then(|| service_address(name.cluster, pair)),
        peer_network: PEER_NETWORK,
        peer_nodes: peers.map(|peer| node_id(node_index(peer))),
        peers: peers.map(|peer| is_known.then(|| d_address(node_index(peer)))),
        candidates: topology.candidates(),
        mediator: topology.mediator.then(|| configuration::Mediator {
            network: MEDIATOR_NETWORK,
            address: mediator_address(pair),
        }),
        interconnect: topology.interconnect.then(|| configuration::Interconnect {
            network: INTERCONNECT,
            own: seats(index),
            partner: seats(index ^ 1),
            hardware_notice: scenario.settings.hardware_notice,
        }),
        policy: scenario.settings.policy,
        founding: topology
            .founding
            .then(|| role_of(name.cluster, topology.owner(pair))),
        replication: scenario.settings.replication,
        timers: scenario.settings.timers.clone(),
        limits: scenario.settings.limits.clone(),
    });
    let stored_at = match scenario.settings.metadata {
        MetadataPolicy::Stored => Some(geometry.metadata_start()),
        MetadataPolicy::None => None,
    };
    if let (Some(first), true) = (stored_at, is_known && name.is_primary()) {
        let page = encode_metadata(&Metadata::configured(Arc::clone(&configuration)));
        let journal =
            DeviceIndex(u16::try_from(configuration.set.journal.index()).expect("devices are few"));
        let device = &mut world.drive_mut(journal).device;
        for copy in 0..layout::METADATA_PAGES {
            device.install(first.plus(copy), std::slice::from_ref(&page));
        }
    }
    let hardware = Hardware {
        node: configuration.node,
        journal: configuration.set.journal,
        metadata: stored_at,
    };
    let cpu = profile::NODE_CPU;
    world.add_process(machine, (M_SLOT, "M"), Identity::M(configuration), cpu);
    let n = world.add_process(machine, (N_SLOT, "N"), Identity::N, cpu);
    world
        .network_mut()
        .attach(CLIENT_NETWORK, n_address(index), n);
    // From here it tests where peers are.
    world
        .network_mut()
        .attach(PEER_NETWORK, n_address(index), n);
    let d = world.add_process(machine, (D_SLOT, "D"), Identity::D(hardware), cpu);
    world
        .network_mut()
        .attach(PEER_NETWORK, d_address(index), d);
    if topology.mediator {
        world
            .network_mut()
            .attach(MEDIATOR_NETWORK, d_address(index), d);
    }
    if topology.interconnect {
        world.network_mut().attach(INTERCONNECT, seats(index).d, d);
        world.network_mut().attach(INTERCONNECT, seats(index).n, n);
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
    let pair = asked.pair_of(index, &scenario.topology);
    let owner = scenario.topology.owner(pair);
    // Who knows one address only asks that again and again.
    let second = if asked.nodes == 1 { 1 } else { 2 };
    let nodes_of = |cluster: Cluster| match scenario.topology.service_address {
        true => [service_address(cluster, pair); 2],
        false => [1, second].map(|place| n_address(node_index(node_of(cluster, pair, place)))),
    };
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
        volume: volume_id(pair),
        network: CLIENT_NETWORK,
        nodes: nodes_of(owner),
        other_site: (asked.nodes == 4).then(|| nodes_of(owner.other())),
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
            resend_min: asked.resend_min,
            resend_max: asked.resend_max,
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

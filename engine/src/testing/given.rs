//! What tests agree on: names, a small geometry, configurations, contents.

use super::*;

pub(crate) const VOLUME: VolumeId = VolumeId::new(1);
pub(crate) const PEERS: NetworkId = NetworkId::new(1);
pub(crate) const THIRD: NetworkId = NetworkId::new(2);
pub(crate) const BETWEEN: NetworkId = NetworkId::new(3);
pub(crate) const MEDIATOR: Address = Address::new(301);
pub(crate) const CLIENT: Address = Address::new(1_000);
pub(crate) const JOURNAL: DeviceId = DeviceId::new(0);
pub(crate) const DATA: DeviceId = DeviceId::new(1);

pub(crate) fn range(start: u64, count: u32) -> Range {
    Range::new(BlockIndex::new(start), count).expect("tests use sane ranges")
}

/// The id of client 7's command.
pub(crate) fn id(counter: u64) -> CommandId {
    id_of(7, counter)
}

pub(crate) fn id_of(client: u32, counter: u64) -> CommandId {
    CommandId {
        client: ClientId::new(client),
        counter,
    }
}

pub(crate) const fn session(incarnation: u64) -> Session {
    Session {
        site_epoch: SiteEpoch::new(1),
        incarnation: SessionIncarnation::new(incarnation),
    }
}

/// Blocks filled with one byte.
pub(crate) fn fill(byte: u8, count: u32) -> Payload {
    vec![byte; count as usize * BLOCK_BYTES].into()
}

pub(crate) fn write(start: u64, count: u32, byte: u8) -> Command {
    Command::Write(range(start, count), fill(byte, count))
}

/// A small set: a ring of 64 pages before 64 blocks in 8 regions.
pub(crate) const GEOMETRY: Geometry = Geometry {
    blocks: 64,
    ring_pages: 64,
    checkpoint_pages: 8,
    region_blocks: 8,
};

/// The administrator's word for a node of such a set.
pub(crate) fn configuration(role: Role) -> Configuration {
    let (number, peer) = match role {
        Role::Owner => (1, 203),
        Role::Mirror | Role::HandOff => (3, 201),
    };
    Configuration {
        version: 1,
        node: NodeId::new(number),
        partner: NodeId::new(number + 1),
        site: SiteId::new(number),
        peer_site: SiteId::new(4 - number),
        set: SetConfiguration {
            id: StorageSetId::new(number),
            format: 9,
            journal: JOURNAL,
            data: DATA,
            geometry: GEOMETRY,
            volume_blocks: GEOMETRY.blocks,
        },
        duty: Duty::Primary,
        volume: VOLUME,
        client_network: NetworkId::new(0),
        service: None,
        peer_network: PEERS,
        peer_nodes: [NodeId::new(peer - 200), NodeId::new(peer - 199)],
        peers: [peer, peer + 1].map(|address| Some(Address::new(address))),
        candidates: Candidates {
            first: Address::new(201),
            count: 4,
        },
        mediator: None,
        interconnect: None,
        policy: Policy::Strict,
        founding: None,
        replication: Replication::Parallel,
        timers: Timers::default(),
        limits: Limits {
            command_blocks: 8,
            commands_in_flight: 8,
            commands_waiting: 8,
            window: 16,
            clients: 4,
            journal_reserve: 16,
            ..Limits::default()
        },
    }
}

/// The same with an interconnect, as the first of the pair sees it.
pub(crate) fn joined_configuration(role: Role) -> Configuration {
    let configuration = configuration(role);
    let seats = |node: NodeId| Seats {
        n: Address::new(100 + node.value()),
        d: Address::new(200 + node.value()),
    };
    Configuration {
        interconnect: Some(Interconnect {
            network: BETWEEN,
            own: seats(configuration.node),
            partner: seats(configuration.partner),
            hardware_notice: true,
        }),
        ..configuration
    }
}

/// What such a node finds in its machine.
pub(crate) fn hardware(configuration: &Configuration) -> Hardware {
    Hardware {
        node: configuration.node,
        journal: configuration.set.journal,
        metadata: Some(configuration.set.geometry.metadata_start()),
    }
}

/// The same without its mirror for as long as need be, with a mediator or without.
pub(crate) fn sync_configuration(has_mediator: bool) -> Configuration {
    Configuration {
        policy: Policy::Sync,
        mediator: has_mediator.then_some(Mediator {
            network: THIRD,
            address: MEDIATOR,
        }),
        ..configuration(Role::Owner)
    }
}

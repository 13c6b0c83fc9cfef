use super::*;

fn built(mediator: bool) -> (World<Actor>, Map) {
    let scenario = Scenario::builder("built").mediator(mediator).build();
    build(&scenario.unwrap(), Seed(1), WorldTime::ZERO)
}

/// Names of machines and devices, in their order.
fn names(world: &World<Actor>) -> Vec<String> {
    let machines = world.machines().map(|(_, machine)| machine.name.clone());
    let drives = world.drives().map(|(_, drive)| drive.name.to_string());
    machines.chain(drives).collect()
}

#[test]
fn a_mediator_comes_last_and_changes_nobody_else() {
    let ((without, map), (with, third)) = (built(false), built(true));
    assert_eq!(map.mediator, None);
    assert_eq!(without.network().ids().count(), 2);
    assert_eq!(with.network().ids().count(), 3);
    let third = third.mediator.unwrap();
    assert_eq!(with.machine(third.machine).name, "mediator");
    assert_eq!(&*with.drive(third.device).name, "mediator");
    let mut expected = names(&with);
    expected.retain(|name| name != "mediator");
    assert_eq!(names(&without), expected);
    for (id, process) in without.processes() {
        assert_eq!(process.name, with.process(id).name);
        assert_eq!(process.machine, with.process(id).machine);
    }
}

#[test]
fn every_d_module_and_the_mediator_are_on_its_network() {
    let (world, map) = built(true);
    let at = |address| world.network().resolve(MEDIATOR_NETWORK, address);
    for node in 0..4 {
        let process = at(d_address(node)).unwrap();
        assert!(matches!(world.process(process).identity, Identity::D(_)));
    }
    let process = at(mediator_address(PairIndex::FIRST)).unwrap();
    assert_eq!(
        world.process(process).machine,
        map.mediator.unwrap().machine
    );
}

/// Three pairs; west owns the second volume.
fn three_pairs() -> (World<Actor>, Map) {
    let mut scenario = Scenario::builder("built").mediator(true).clients(5).build();
    let scenario = scenario.as_mut().unwrap();
    scenario.topology.pairs_per_cluster = 3;
    scenario.topology.owners = vec![Cluster::East, Cluster::West];
    build(scenario, Seed(1), WorldTime::ZERO)
}

#[test]
fn more_pairs_follow_the_first_ones_under_the_next_names() {
    let (world, map) = three_pairs();
    let nodes = map.nodes().iter().map(|node| &*world.machine(*node).name);
    assert_eq!(
        nodes.collect::<Vec<_>>(),
        [
            "east-1", "east-2", "west-1", "west-2", "east-3", "east-4", "west-3", "west-4",
            "east-5", "east-6", "west-5", "west-6"
        ]
    );
    let west = map
        .cluster(Cluster::West)
        .map(|node| &*world.machine(node).name);
    let west: Vec<&str> = west.collect();
    assert_eq!(
        west,
        ["west-1", "west-2", "west-3", "west-4", "west-5", "west-6"]
    );
    let drives: Vec<String> = world.drives().map(|(_, it)| it.name.to_string()).collect();
    assert_eq!(
        drives[..5],
        [
            "east.journal",
            "east.data",
            "west.journal",
            "west.data",
            "east.journal-2"
        ]
    );
    assert_eq!(drives[11..], ["west.data-3", "mediator"]);
    for (id, drive) in world.drives().take(12) {
        let name: DeviceName = drive.name.parse().unwrap();
        assert_eq!(
            (device(name), map.volume_of_device(id)),
            (id, Some(name.pair))
        );
    }
    let third = map.mediator.unwrap();
    assert_eq!(map.volume_of_device(third.device), None);
}

#[test]
fn the_nodes_of_a_volume_know_each_other_and_its_mediator() {
    let (world, map) = three_pairs();
    let mut seen = 0;
    for (id, process) in world.processes() {
        let volume = map.volume_of(id);
        match &process.identity {
            Identity::M(configuration) => {
                let machine = &world.machine(process.machine).name;
                let own: NodeName = machine.parse().unwrap();
                assert_eq!(
                    (own.pair(), configuration.volume),
                    (volume, volume_id(volume))
                );
                let of_other = |address: Option<Address>| {
                    let network = world.network();
                    let peer = network.resolve(PEER_NETWORK, address.unwrap()).unwrap();
                    let other = world.process(peer).machine;
                    map.volume_of(peer) == volume
                        && map.pair(own.cluster.other(), volume).contains(&other)
                };
                assert!(configuration.peers.into_iter().all(of_other));
                let third = configuration.mediator.unwrap().address;
                let third = world.network().resolve(MEDIATOR_NETWORK, third).unwrap();
                assert_eq!(map.volume_of(third), volume);
                seen += 1;
            }
            Identity::Mediator(configuration) => {
                let place = volume.place() as u64;
                assert_eq!(configuration.first_page, PageIndex(2 * place));
                assert_eq!(configuration.volume, volume_id(volume));
                assert_eq!(configuration.begins_with.owner, site(map.owner(volume)));
                seen += 1;
            }
            Identity::Client(identity) => {
                let nodes = map.pair(map.owner(volume), volume);
                let asked = identity.nodes.map(|address| {
                    let found = world.network().resolve(CLIENT_NETWORK, address);
                    world.process(found.unwrap()).machine
                });
                assert_eq!((asked, identity.volume), (nodes, volume_id(volume)));
                seen += 1;
            }
            Identity::N | Identity::D(_) => {}
        }
    }
    assert_eq!(seen, 12 + 3 + 5);
}

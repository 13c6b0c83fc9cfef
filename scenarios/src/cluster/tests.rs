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
        assert_eq!(world.process(process).identity, Identity::D);
    }
    let process = at(mediator_address(PairIndex::FIRST)).unwrap();
    assert_eq!(
        world.process(process).machine,
        map.mediator.unwrap().machine
    );
}

use stormglass_engine::contract::PageIndex;

use super::*;
use crate::experiment::{Bench, Experiment};
use crate::file::{NodeName, Scenario};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn data(cluster: Cluster) -> DriveName {
    let kind = DeviceKind::Data;
    DriveName::Set(DeviceName { cluster, kind })
}

fn node(name: &str) -> NodeName {
    name.parse().unwrap()
}

/// A world with a mediator and these faults, 50 ms after its beginning.
fn run(actions: &[Action]) -> Experiment {
    let builder = Scenario::builder("faults").mediator(true).commands(1);
    let faults = actions.iter().map(|action| action.at(MS(20)));
    let scenario = faults.fold(builder, |builder, fault| builder.fault(fault));
    let mut experiment = Experiment::new(&scenario.build().unwrap(), 1);
    let mut bench = Bench::default();
    while experiment
        .next_at()
        .is_some_and(|at| at.as_nanos() < 50_000_000)
    {
        experiment.step(&mut bench);
    }
    experiment
}

/// How often faults of this kind happened.
fn count(experiment: &Experiment, kind: &str) -> u64 {
    experiment.tally().faults.get(kind).copied().unwrap_or(0)
}

/// True if every process of a machine is up.
fn is_up(experiment: &Experiment, machine: MachineId) -> bool {
    let world = experiment.world();
    let mut processes = world.machine(machine).processes.iter();
    processes.all(|id| world.process(*id).module.is_some())
}

#[test]
fn what_has_no_restart_stays_down() {
    let (node_, module) = (node("east-2"), crate::file::ModuleName::D);
    let down = |restart_after| {
        run(&[
            Action::Crash {
                node: node("east-1").into(),
                restart_after,
            },
            Action::Crash {
                node: MachineName::Mediator,
                restart_after,
            },
            Action::Kill {
                node: node_,
                module,
                restart_after,
            },
            Action::PowerOff {
                cluster: Cluster::West,
                restart_after,
            },
        ])
    };
    for (restart_after, expected) in [(None, false), (Some(MS(10)), true)] {
        let experiment = down(restart_after);
        assert_eq!(count(&experiment, "crash"), 4);
        assert_eq!(count(&experiment, "kill"), 1);
        let map = experiment.map();
        for machine in map.nodes() {
            assert_eq!(is_up(&experiment, *machine), expected);
        }
        let third = map.mediator.unwrap();
        assert_eq!(is_up(&experiment, third.machine), expected);
    }
}

#[test]
fn a_device_goes_and_comes_back_as_it_was_or_blank() {
    let gone = |duration, returns| {
        run(&[Action::DeviceGone {
            device: DriveName::Mediator,
            duration,
            returns,
        }])
    };
    let is_gone = |experiment: &Experiment| {
        let third = experiment.map().mediator.unwrap();
        experiment.world().drive(third.device).device.is_gone()
    };
    let for_good = gone(None, ReturnKind::Blank);
    assert!(is_gone(&for_good));
    assert_eq!(count(&for_good, "device-gone"), 1);
    assert_eq!(count(&for_good, "device-replaced"), 0);
    for (returns, replaced) in [(ReturnKind::Intact, 0), (ReturnKind::Blank, 1)] {
        let experiment = gone(Some(MS(10)), returns);
        assert!(!is_gone(&experiment));
        assert_eq!(count(&experiment, "device-replaced"), replaced);
    }
}

#[test]
fn damage_meets_the_page_of_its_block() {
    let damage = |cluster, block, kind| Action::Damage {
        device: data(cluster),
        block,
        kind,
    };
    let experiment = run(&[
        damage(Cluster::East, 17, DamageKind::Unreadable),
        damage(Cluster::West, 511, DamageKind::Rot),
    ]);
    assert_eq!(count(&experiment, "damage"), 2);
    // 512 blocks have 4 pages of headers behind the superblock.
    let device = |cluster| {
        let device = drive(data(cluster), experiment.map());
        &experiment.world().drive(device).device
    };
    assert!(device(Cluster::East).is_unreadable(PageIndex(5 + 17)));
    assert!(!device(Cluster::West).is_unreadable(PageIndex(5 + 511)));
    let rotten = device(Cluster::West).stable(PageIndex(5 + 511));
    assert!(rotten.iter().any(|byte| *byte != 0));
}

#[test]
fn a_partition_parts_the_mediator_from_a_cluster() {
    let experiment = run(&[Action::Partition(Partition {
        from: Endpoint::Mediator,
        to: Endpoint::Cluster(Cluster::West),
        network: crate::file::NetworkName::Mediator,
        direction: Direction::BothWays,
        duration: Duration::from_secs(1),
    })]);
    assert_eq!(count(&experiment, "partition"), 4);
}

use stormglass_engine::contract::PageIndex;

use stormglass_sim::device::PageRange;
use stormglass_sim::network::Cut;
use stormglass_sim::service_time::Pace;

use super::*;
use crate::cluster;
use crate::experiment::{Bench, Experiment};
use crate::file::{
    Action, AreaKind, ClockWay, Cluster, DamageKind, DeviceKind, DeviceName, Direction, DriveName,
    Endpoint, Extent, MachineName, ModuleName, NetworkName, NodeName, OrderName, PairIndex,
    Partition, ReturnKind, Scenario,
};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn data(cluster: Cluster) -> DriveName {
    let kind = DeviceKind::Data;
    DriveName::Set(DeviceName {
        cluster,
        pair: PairIndex::FIRST,
        kind,
    })
}

fn node(name: &str) -> NodeName {
    name.parse().unwrap()
}

/// A world with a mediator and these faults, 50 ms after its beginning.
fn run(actions: &[Action]) -> Experiment {
    run_until(MS(50), 1, actions)
}

/// Until then, with so many commands of a client.
fn run_until(until: Duration, commands: u32, actions: &[Action]) -> Experiment {
    let builder = Scenario::builder("faults").mediator(true);
    let builder = builder.commands(commands);
    let faults = actions.iter().map(|action| action.at(MS(20)));
    let scenario = faults.fold(builder, |builder, fault| builder.fault(fault));
    let mut experiment = Experiment::new(&scenario.build().unwrap(), 1);
    let mut bench = Bench::default();
    while experiment
        .next_at()
        .is_some_and(|at| at.as_nanos() < until.as_nanos())
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
                cluster: Cluster::West.into(),
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
        let device = steps::drive(data(cluster), experiment.map());
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
        kind: None,
        duration: Duration::from_secs(1),
    })]);
    assert_eq!(count(&experiment, "partition"), 4);
}

#[test]
fn power_goes_off_everywhere() {
    let experiment = run(&[Action::PowerOff {
        cluster: Extent::All,
        restart_after: None,
    }]);
    assert_eq!(
        count(&experiment, "crash"),
        5,
        "four nodes and the mediator"
    );
    assert_eq!(count(&experiment, "device-power-loss"), 5);
}

#[test]
fn a_crash_loop_crashes_again_and_again() {
    let experiment = run(&[Action::CrashLoop {
        node: node("east-1").into(),
        times: 3,
        interval: MS(5),
        restart_after: MS(2),
    }]);
    assert_eq!(count(&experiment, "crash"), 3);
    assert!(is_up(&experiment, experiment.map().node(node("east-1"))));
}

/// The steps of an action in a world with a mediator.
fn steps_of(action: Action) -> Vec<(Duration, Fault)> {
    let experiment = run(&[]);
    steps::of(&action, experiment.world(), experiment.map())
}

#[test]
fn a_device_is_slow_or_stalls_for_a_while() {
    let (device, duration) = (data(Cluster::West), MS(7));
    let index = cluster::device(DeviceName {
        cluster: Cluster::West,
        pair: PairIndex::FIRST,
        kind: DeviceKind::Data,
    });
    let slow = Action::DeviceSlow {
        device,
        factor: 9,
        duration,
    };
    let extra = Duration::ZERO;
    let pace = Pace { factor: 9, extra };
    let expected = [
        (Duration::ZERO, Fault::DevicePace(index, pace)),
        (duration, Fault::DevicePace(index, Pace::USUAL)),
    ];
    assert_eq!(steps_of(slow), expected);
    let expected = [
        (Duration::ZERO, Fault::DeviceStalls(index)),
        (duration, Fault::DeviceGoesOn(index)),
    ];
    assert_eq!(steps_of(Action::DeviceStall { device, duration }), expected);
    let happened = run(&[slow, Action::DeviceStall { device, duration }]);
    assert_eq!(count(&happened, "device-slow"), 1);
    assert_eq!(count(&happened, "device-stalled"), 1);
}

#[test]
fn a_device_is_full_in_a_part_of_it() {
    let full = |kind, area| {
        let (cluster, duration) = (Cluster::East, None);
        let device = DriveName::Set(DeviceName {
            cluster,
            pair: PairIndex::FIRST,
            kind,
        });
        let steps = steps_of(Action::DeviceFull {
            device,
            area,
            duration,
        });
        let [(Duration::ZERO, Fault::DeviceFull(_, PageRange { start, count }))] = steps[..] else {
            panic!("{steps:?}");
        };
        (start.0, count)
    };
    // 512 blocks have 4 pages of headers behind the superblock.
    assert_eq!(full(DeviceKind::Data, None), (0, 517));
    assert_eq!(full(DeviceKind::Data, Some(AreaKind::Metadata)), (0, 5));
    assert_eq!(full(DeviceKind::Data, Some(AreaKind::Content)), (5, 512));
    let experiment = run(&[]);
    let (start, count) = full(DeviceKind::Journal, Some(AreaKind::Content));
    let ring = experiment.map().geometry;
    assert_eq!((start, count), (ring.ring_start().0, ring.ring_pages));
    let metadata = full(DeviceKind::Journal, Some(AreaKind::Metadata));
    assert_eq!(metadata, (0, ring.ring_start().0));
}

#[test]
fn a_device_goes_back_in_whole_or_in_part_or_is_swapped() {
    let device = data(Cluster::East);
    let remember = Action::Remember { device };
    let gone = Action::DeviceGone {
        device,
        duration: Some(MS(5)),
        returns: ReturnKind::Stale,
    };
    let stale = run(&[remember, gone]);
    assert_eq!(count(&stale, "device-stale"), 1);
    let nothing_remembered = run(&[gone]);
    assert_eq!(count(&nothing_remembered, "device-stale"), 0);
    let start = 3;
    let pages = Action::StalePages {
        device,
        start,
        count: 2,
    };
    let index = steps::drive(device, stale.map());
    let restored = PageRange {
        start: PageIndex(3),
        count: 2,
    };
    let expected = [(Duration::ZERO, Fault::Restore(index, restored))];
    assert_eq!(steps_of(pages), expected);
    let with = data(Cluster::West);
    let swapped = run(&[Action::Swap { device, with }]);
    assert_eq!(count(&swapped, "devices-swapped"), 1);
    assert_eq!(count(&swapped, "device-power-loss"), 2);
}

const EAST: Endpoint = Endpoint::Cluster(Cluster::East);
const WEST: Endpoint = Endpoint::Cluster(Cluster::West);

#[test]
fn links_are_clogged_one_by_one_and_released_backwards() {
    let clog = |interval| {
        steps_of(Action::Clog {
            from: Endpoint::Node(node("east-1")),
            to: WEST,
            network: NetworkName::InterCluster,
            one_way: Direction::OneWay,
            duration: MS(10),
            interval,
        })
    };
    let map = run(&[]);
    let link = |to| Cut {
        network: cluster::PEER_NETWORK,
        from: map.map().node(node("east-1")),
        to: map.map().node(node(to)),
    };
    let (one, two) = (link("west-1"), link("west-2"));
    let expected = [
        (MS(0), Fault::Clog(one)),
        (MS(12), Fault::Release(one)),
        (MS(1), Fault::Clog(two)),
        (MS(11), Fault::Release(two)),
    ];
    assert_eq!(clog(Some(MS(1))), expected);
    let expected = [
        (MS(0), Fault::Clog(one)),
        (MS(0), Fault::Clog(two)),
        (MS(10), Fault::Release(one)),
        (MS(10), Fault::Release(two)),
    ];
    assert_eq!(clog(None), expected);
}

#[test]
fn a_side_is_isolated_on_several_networks_at_once() {
    let networks = vec![NetworkName::InterCluster, NetworkName::Mediator];
    let experiment = run(&[Action::Isolate {
        side: EAST,
        networks: networks.into(),
        duration: Duration::from_secs(1),
    }]);
    let network = experiment.world().network();
    let east = experiment.map().pair(Cluster::East, PairIndex::FIRST);
    let is_cut = |id, from, to| {
        let cut = Cut {
            network: id,
            from,
            to,
        };
        network.is_cut(&cut)
    };
    for (id, cut) in [
        (cluster::CLIENT_NETWORK, false),
        (cluster::PEER_NETWORK, true),
        (cluster::MEDIATOR_NETWORK, true),
    ] {
        for (other, _) in experiment.world().machines() {
            let is_own = east.contains(&other);
            for own in east {
                assert_eq!(is_cut(id, own, other), cut && !is_own);
                assert_eq!(is_cut(id, other, own), cut && !is_own);
            }
        }
    }
}

#[test]
fn messages_of_one_kind_are_cut_and_paths_are_narrow() {
    let parted = run_until(
        MS(500),
        200,
        &[Action::Partition(Partition {
            from: EAST,
            to: WEST,
            network: NetworkName::InterCluster,
            direction: Direction::BothWays,
            kind: Some("set".parse().unwrap()),
            duration: Duration::from_secs(1),
        })],
    );
    assert_eq!(count(&parted, "partition"), 8);
    assert!(count(&parted, "partitioned-packet") > 0, "sets were sent");
    let narrow = |bytes_per_second, mtu| {
        run_until(
            MS(500),
            200,
            &[Action::Narrow {
                from: EAST,
                to: WEST,
                network: NetworkName::InterCluster,
                one_way: Direction::OneWay,
                bytes_per_second,
                queue_bytes: bytes_per_second.map(|_| 0),
                mtu,
                duration: Duration::from_secs(1),
            }],
        )
    };
    let slow = narrow(Some(100_000), None);
    assert!(count(&slow, "path-overflow") > 0);
    assert_eq!(count(&slow, "oversized-packet"), 0);
    let small = narrow(None, Some(1_000));
    assert!(count(&small, "oversized-packet") > 0);
    assert_eq!(count(&small, "path-overflow"), 0);
}

#[test]
fn a_clock_drifts_strobes_and_goes_back_to_its_own_rate() {
    let machine = run(&[]).map().node(node("east-1"));
    let usual = run(&[]).world().machine(machine).clock.drift_ppb;
    let clock = |way, every| {
        let steps = steps_of(Action::Clock {
            node: node("east-1").into(),
            drift_ppm: 2,
            way,
            every,
            duration: Some(MS(5)),
            beyond_bound: false,
        });
        let rate = |(at, fault): &(Duration, Fault)| {
            let Fault::ClockRate(of, rate) = fault else {
                panic!("{fault:?}");
            };
            assert_eq!(*of, machine);
            (at.as_nanos() / 1_000_000, rate.drift_ppb)
        };
        steps.iter().map(rate).collect::<Vec<_>>()
    };
    assert_eq!(clock(ClockWay::Fast, None), [(0, 2_000), (5, usual)]);
    assert_eq!(clock(ClockWay::Slow, None), [(0, -2_000), (5, usual)]);
    let both = [(0, 2_000), (2, -2_000), (4, 2_000), (5, usual)];
    assert_eq!(clock(ClockWay::Both, Some(MS(2))), both);
}

#[test]
fn a_slow_cpu_is_slow_for_a_while() {
    let experiment = run(&[Action::SlowCpu {
        node: node("east-1").into(),
        factor: 3,
        duration: MS(5),
    }]);
    assert_eq!(count(&experiment, "cpu-slow"), 1);
    let machine = experiment.map().node(node("east-1"));
    for process in &experiment.world().machine(machine).processes {
        assert_eq!(experiment.world().process(*process).pace.get(), Pace::USUAL);
    }
}

/// An experiment with one fault that a cue sets off, until that has happened.
fn until_triggered(cue: Cue, nth: u32) -> (Experiment, Bench) {
    let node_ = node("east-1");
    let pause = Action::Kill {
        node: node_,
        module: crate::file::ModuleName::D,
        restart_after: None,
    };
    let node = node_.into();
    let fault = pause.upon(Trigger { cue, node, nth });
    let builder = Scenario::builder("cues").commands(20).fault(fault);
    let mut experiment = Experiment::new(&builder.build().unwrap(), 1);
    let mut bench = Bench::default();
    while experiment.untriggered() > 0 {
        assert!(experiment.step(&mut bench), "the cue never came");
    }
    (experiment, bench)
}

/// The fortieth command of east-1 at its journal has been executed, and its module is
/// killed before it hears so: what is durable is not visible.
#[test]
fn a_kill_strikes_between_an_execution_and_its_completion() {
    let (mut experiment, mut bench) = until_triggered(Cue::Executed(DeviceKind::Journal), 40);
    let journal = cluster::device(DeviceName {
        cluster: Cluster::East,
        pair: PairIndex::FIRST,
        kind: DeviceKind::Journal,
    });
    let machine = experiment.map().node(node("east-1"));
    let own = |world: &World<Actor>, process: ProcessId| world.process(process).machine == machine;
    let is_it = bench.log.iter().any(|it| {
        matches!(it, Occurrence::Executed { device, process, .. }
            if *device == journal && own(experiment.world(), *process))
    });
    assert!(is_it, "{:?}", bench.log);
    // The completion waits for the CPU, and dies with the module.
    let waiting = |experiment: &Experiment| {
        let processes = &experiment.world().machine(machine).processes;
        let backlog = |id: &ProcessId| experiment.world().process(*id).backlog();
        processes.iter().map(backlog).sum::<usize>()
    };
    assert!(waiting(&experiment) > 0);
    assert!(experiment.step(&mut bench));
    assert_eq!(count(&experiment, "kill"), 1);
    assert!(!is_up(&experiment, machine));
}

#[test]
fn a_probe_is_a_cue() {
    let mut calm = Experiment::new(&Scenario::builder("cues").commands(20).build().unwrap(), 1);
    let mut bench = Bench::default();
    let machine = calm.map().node(node("east-1"));
    let probe = loop {
        assert!(calm.step(&mut bench), "no probe of east-1 was reached");
        let own = |it: &Occurrence<Report>| match it {
            Occurrence::Probe { process, name } => {
                (calm.world().process(*process).machine == machine).then_some(*name)
            }
            _ => None,
        };
        if let Some(name) = bench.log.iter().find_map(own) {
            break name;
        }
    };
    let (mut experiment, mut bench) = until_triggered(Cue::Probe(probe.to_owned()), 1);
    assert!(experiment.step(&mut bench));
    assert_eq!(count(&experiment, "kill"), 1);
}

#[test]
fn faults_reach_the_nodes_and_devices_of_every_pair() {
    let mut scenario = Scenario::builder("pairs").mediator(true).build().unwrap();
    scenario.topology.pairs_per_cluster = 3;
    let experiment = Experiment::new(&scenario, 1);
    let (world, map) = (experiment.world(), experiment.map());
    let off = Action::PowerOff {
        cluster: Cluster::West.into(),
        restart_after: None,
    };
    let steps = steps::of(&off, world, map);
    let crashed = |machine| steps.contains(&(Duration::ZERO, Fault::Crash(machine)));
    assert!(map.cluster(Cluster::West).all(crashed));
    assert!(!map.cluster(Cluster::East).any(crashed));
    for name in DeviceName::all(3) {
        let loss = Fault::DevicePowerLoss(cluster::device(name));
        let is_met = steps.contains(&(Duration::ZERO, loss));
        assert_eq!(is_met, name.cluster == Cluster::West, "{name}");
    }
    let of_node = steps::device_of(node("west-6").into(), DeviceKind::Data, map);
    assert_eq!(&*world.drive(of_node).name, "west.data-3");
}

#[test]
fn an_order_reaches_a_module_that_is_up_and_is_counted_only_then() {
    let order = Action::Order {
        node: node("east-1"),
        order: OrderName::HandOver,
    };
    let second = Duration::from_secs(1);
    let kill = |at| {
        let module = ModuleName::M;
        let (node, restart_after) = (node("east-1"), None);
        Action::Kill {
            node,
            module,
            restart_after,
        }
        .at(at)
    };
    for (killed_at, ordered) in [(second.times(2), 1), (Duration::from_millis(900), 0)] {
        let builder = Scenario::builder("orders").commands(400);
        let builder = builder.fault(order.at(second)).fault(kill(killed_at));
        let mut experiment = Experiment::new(&builder.build().unwrap(), 1);
        let mut bench = Bench::default();
        while experiment.elapsed() < second.times(2) && experiment.step(&mut bench) {}
        assert_eq!(count(&experiment, "order"), ordered);
        let drained = experiment.tally().probes.get("planned takeover");
        assert_eq!(drained.copied().unwrap_or_default(), ordered);
    }
}

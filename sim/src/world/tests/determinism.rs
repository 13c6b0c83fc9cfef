//! A run follows from its seed; forks and checkpoints are runs of their own.

use stormglass_engine::contract::{Address, LabelKind, NetworkId, PageIndex};
use stormglass_engine::time::Duration;

use super::at;
use super::ping_pong::{Game, Rules};
use super::weather::Weather;
use crate::clock::ClockRate;
use crate::device::{PageRange, Return};
use crate::fault::Fault;
use crate::network::{Bandwidth, Cut, PathLimit};
use crate::random::{Sample, Seed};
use crate::service_time::Pace;
use crate::world::{DeviceIndex, MachineId, ProcessId, World};

/// Runs on, with something happening to the hardware now and then. When nothing
/// is pending any more, everything boots.
fn run_through_faults(game: &mut Game, seed: u64, events: u64) {
    let draw = Seed(seed).draw(0, "faults");
    let machines = game.world.machines().count() as u64;
    for event in 0..events {
        if !game.step() {
            for machine in 0..machines {
                let machine = u32::try_from(machine).expect("few");
                game.apply(&Fault::Resume(MachineId(machine)));
                game.apply(&Fault::Boot(ProcessId(machine)));
            }
        }
        let sample = draw.at(&[event, game.world.now().as_nanos(), 0, 0]);
        let number = u32::try_from(sample.further(1).below(machines)).expect("few");
        // Each machine has one process.
        let (machine, process) = (MachineId(number), ProcessId(number));
        let device = DeviceIndex(u16::try_from(number / 2).expect("few"));
        let cut = Cut {
            network: NetworkId::new(0),
            from: machine,
            to: MachineId(number ^ 1),
        };
        match sample.below(1_000) {
            0..5 => game.apply(&Fault::Crash(machine)),
            5..10 => game.apply(&Fault::Kill(process)),
            10..20 => game.apply(&Fault::Pause(machine)),
            20..50 => game.apply(&Fault::Resume(machine)),
            50..100 => game.apply(&Fault::Boot(process)),
            100..110 => game.apply(&Fault::Cut(cut)),
            110..130 => game.apply(&Fault::Heal(cut)),
            130..135 => game.apply(&Fault::DevicePowerLoss(device)),
            135..170 => trouble(game, device, sample),
            170..210 => congestion(game, cut, sample),
            210..225 => lag(game, machine, sample),
            _ => {}
        }
    }
}

/// Something happens to a device.
fn trouble(game: &mut Game, device: DeviceIndex, sample: Sample) {
    let pace = |factor| Pace {
        factor,
        extra: Duration::from_micros(3),
    };
    let pages = PageRange {
        start: PageIndex(sample.further(2).below(32)),
        count: 1 + sample.further(3).below(32),
    };
    match sample.further(4).below(12) {
        0 => game.apply(&Fault::DevicePace(device, pace(3))),
        1 => game.apply(&Fault::DevicePace(device, Pace::USUAL)),
        2 => game.apply(&Fault::DeviceStalls(device)),
        3..5 => game.apply(&Fault::DeviceGoesOn(device)),
        5 => game.apply(&Fault::DeviceFull(device, pages)),
        6 => game.apply(&Fault::DeviceHasRoom(device)),
        7 => game.apply(&Fault::Remember(device)),
        8 => game.apply(&Fault::Restore(device, pages)),
        // There are three.
        9 => game.apply(&Fault::Swap([device, DeviceIndex((device.0 + 1) % 3)])),
        10 => game.apply(&Fault::DeviceGone(device)),
        _ => game.apply(&Fault::DeviceReturns(device, Return::Stale)),
    }
}

/// Something happens to a path.
fn congestion(game: &mut Game, path: Cut, sample: Sample) {
    let limit = PathLimit {
        bandwidth: Some(Bandwidth {
            bytes_per_second: 1 << 18,
            queue_bytes: 16,
        }),
        mtu: Some(9),
    };
    match sample.further(4).below(8) {
        0 => game.apply(&Fault::Clog(path)),
        1..4 => game.apply(&Fault::Release(path)),
        4 => game.apply(&Fault::Limit(path, limit)),
        5 => game.apply(&Fault::Unlimit(path)),
        6 => game.apply(&Fault::CutKind(path, LabelKind(1))),
        _ => game.apply(&Fault::HealKind(path, LabelKind(1))),
    }
}

/// A CPU or a clock runs at another rate.
fn lag(game: &mut Game, machine: MachineId, sample: Sample) {
    let extra = Duration::from_micros(1);
    let drift = i32::try_from(sample.further(3).below(1_000)).expect("small") * 100_000;
    match sample.further(4).below(3) {
        0 => game.apply(&Fault::CpuPace(machine, Pace { factor: 3, extra })),
        1 => game.apply(&Fault::CpuPace(machine, Pace::USUAL)),
        _ => {
            let rate = ClockRate {
                drift_ppb: drift,
                is_beyond_bound: true,
            };
            game.apply(&Fault::ClockRate(machine, rate));
        }
    }
}

#[test]
fn a_run_follows_from_its_seed() {
    let hash = |seed, rounds| {
        let rules = Rules {
            seed,
            rounds,
            ..Rules::default()
        };
        let mut game = rules.game();
        run_through_faults(&mut game, 7, 2_000);
        assert!(game.world.totals().events > 500, "a run worth its name");
        (game.world.trace_hash(), game.world)
    };
    let (first, world) = hash(1, 200);
    assert_eq!((first, world), hash(1, 200));
    assert_ne!(first, hash(2, 200).0);
}

#[test]
fn a_difference_is_in_the_hash_of_the_component_where_it_is() {
    let mut one = Rules::default().game();
    one.run(100);
    let mut other = one.fork();
    one.apply(&Fault::Kill(ProcessId(1)));
    one.step();
    other.step();
    let differs =
        |component| one.world.component_hash(component) != other.world.component_hash(component);
    let differing: Vec<_> = one.world.components().filter(|it| differs(*it)).collect();
    assert!(one.world.trace_hash() != other.world.trace_hash());
    let names = differing.iter().map(|it| one.world.component_name(*it));
    assert!(names.clone().any(|name| name == "m1"));
    assert!(differing.len() < one.world.components().count() / 2);
}

#[test]
fn a_fork_leaves_its_origin_alone() {
    let mut origin = Rules::default().game();
    run_through_faults(&mut origin, 1, 300);
    let mut untouched = Rules::default().game();
    run_through_faults(&mut untouched, 1, 300);

    let mut calm = origin.fork();
    calm.weather = Weather::lossy(1, crate::random::Ratio::NEVER);
    calm.run(300);
    let mut stormy = origin.fork();
    stormy.weather = Weather::stormy(9);
    run_through_faults(&mut stormy, 5, 300);

    assert_ne!(calm.world.trace_hash(), stormy.world.trace_hash());
    assert_eq!(origin.world, untouched.world);
    origin.run(300);
    untouched.run(300);
    assert_eq!(origin.world, untouched.world);
}

#[test]
fn a_restored_checkpoint_goes_on_like_its_twin() {
    for seed in 0..20 {
        let rules = Rules {
            seed,
            weather: Weather::stormy(seed),
            ..Rules::default()
        };
        let mut game = rules.game();
        let length = Seed(seed).draw(0, "checkpoint").at(&[0; 4]).below(800);
        run_through_faults(&mut game, seed, length);

        let bytes = postcard::to_stdvec(&game.world).expect("a world serializes");
        let restored: World<_> = postcard::from_bytes(&bytes).expect("and is restored");
        assert!(restored == game.world, "seed {seed} after {length} events");
        let mut twin = Game {
            world: restored,
            ..game.fork()
        };
        run_through_faults(&mut game, seed + 100, 400);
        run_through_faults(&mut twin, seed + 100, 400);
        assert!(twin.world == game.world, "seed {seed}, run on");
        assert_eq!(twin.world.trace_hash(), game.world.trace_hash());
        let again = postcard::to_stdvec(&twin.world).expect("a world serializes");
        assert_eq!(
            again,
            postcard::to_stdvec(&game.world).expect("so does this")
        );
    }
}

#[test]
fn what_goes_over_one_link_re_rolls_nothing_on_another() {
    // Two and three pairs under one seed: the first two pairs must not notice.
    let arrivals = |pairs| {
        let rules = Rules {
            pairs,
            ..Rules::default()
        };
        let mut game = rules.game();
        game.run(u64::MAX >> 1);
        (0..4)
            .map(|id| {
                let component = crate::world::Component::Process(ProcessId(id));
                game.world.component_hash(component)
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(arrivals(2), arrivals(3));
}

#[test]
fn every_game_comes_to_an_end_in_calm_weather() {
    let mut game = Rules::default().game();
    game.run(100_000);
    assert_eq!(game.finished(), 150);
    assert_eq!(game.world.next_event(), None);
    assert!(game.world.now() > at(1_000));
    let nobody = game
        .world
        .network()
        .resolve(NetworkId::new(0), Address::new(99));
    assert_eq!(nobody, None);
}

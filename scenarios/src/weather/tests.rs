mod kinds;

use stormglass_engine::time::Duration;

use super::*;
use crate::experiment::{Bench, Experiment};
use crate::file::{Calm, Cluster, Policy};
use crate::source::Source;

fn storm(name: &str) -> Scenario {
    Source::load(name, &[]).unwrap().scenario
}

/// How many nodes of each cluster a seed's core has.
fn nodes(scenario: &Scenario, seed: u64) -> [usize; 2] {
    let experiment = Experiment::new(scenario, seed);
    let (core, map) = (experiment.weather().unwrap().core(), experiment.map());
    Cluster::ALL.map(|cluster| {
        let nodes = map.cluster(cluster);
        nodes.filter(|node| core.contains(*node, map)).count()
    })
}

#[test]
fn a_core_can_work_and_every_such_core_is_drawn() {
    let seeds = || 0..200;
    let with = storm("storm-mediator");
    let mut drawn: Vec<[usize; 2]> = seeds().map(|seed| nodes(&with, seed)).collect();
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn, [[1, 0], [1, 1], [1, 2], [2, 0], [2, 1], [2, 2]]);
    // Nobody tells an owner that has booted alone that it is one.
    let without = storm("storm-pair");
    assert!(seeds().all(|seed| nodes(&without, seed).iter().all(|count| *count > 0)));
    // And one that must not go on alone needs its mirror.
    let mut strict = storm("storm-mediator");
    strict.settings.policy = Policy::Strict;
    assert!(seeds().all(|seed| nodes(&strict, seed)[1] > 0));
    let mut all = storm("storm-mediator");
    all.weather.calm = Calm::All;
    assert!(seeds().all(|seed| nodes(&all, seed) == [2, 2]));
}

#[test]
fn calm_mends_the_core_and_freezes_the_rest() {
    mends_and_freezes(&storm("storm-mediator"), 12);
    mends_and_freezes(&three_pairs(), 4);
}

fn mends_and_freezes(scenario: &Scenario, seeds: u64) {
    let (mut down, mut still, mut mended) = (0, 0, 0);
    for seed in 0..seeds {
        let mut experiment = Experiment::new(scenario, seed);
        let mut bench = Bench::default();
        while !experiment
            .weather()
            .unwrap()
            .is_calm(experiment.world().now())
        {
            assert!(experiment.step(&mut bench), "calm comes before the end");
        }
        let (world, map) = (experiment.world(), experiment.map());
        let core = experiment.weather().unwrap().core();
        assert_eq!(world.now(), experiment.weather().unwrap().until());
        for (id, machine) in world.machines() {
            let processes = machine.processes.iter().map(|id| world.process(*id));
            let up = processes.clone().filter(|one| one.module.is_some()).count();
            let paused = processes.clone().filter(|one| one.is_paused).count();
            let all = machine.processes.len();
            match core.contains(id, map) {
                true => assert_eq!((up, paused), (all, 0), "{} of seed {seed}", machine.name),
                false => assert!(up == 0 || paused == all, "{} of seed {seed}", machine.name),
            }
            down += usize::from(up == 0);
            still += usize::from(paused == all);
            mended += 1;
        }
        let inside = |machine| core.contains(machine, map);
        let mut cuts = world.network().cuts();
        assert!(!cuts.any(|cut| inside(cut.from) && inside(cut.to)));
        for (id, drive) in world.drives() {
            let volume = map.volume_of_device(id);
            let is_owed = volume.is_none_or(|volume| core.has_mirror(volume, map));
            assert!(!is_owed || !drive.device.is_gone(), "{}", drive.name);
        }
    }
    assert!(
        down > 0 && still > 0 && mended > 12,
        "{down} {still} {mended}"
    );
}

#[test]
fn what_ends_after_calm_does_not_end_for_the_rest() {
    // A node that a storm crashed for long comes back at calm if it is in the core, and
    // never if it is not.
    let mut scenario = storm("storm-mediator");
    scenario.weather.swarm = Ratio::ALWAYS;
    let crash = scenario.weather.recurring[&RecurringKind::Crash];
    let long = file::DurationRange::fixed(Duration::from_secs(30));
    scenario.weather.recurring = [(
        RecurringKind::Crash,
        file::Recurring {
            lasts: long,
            ..crash
        },
    )]
    .into();
    let mut frozen = 0;
    for seed in 0..8 {
        let mut experiment = Experiment::new(&scenario, seed);
        let mut bench = Bench::default();
        while experiment.step(&mut bench) && experiment.elapsed() < Duration::from_secs(40) {}
        let (world, map) = (experiment.world(), experiment.map());
        for node in map.nodes() {
            let outside = !experiment.weather().unwrap().core().contains(*node, map);
            let processes = &world.machine(*node).processes;
            let is_up = processes
                .iter()
                .any(|id| world.process(*id).module.is_some());
            let is_still = processes.iter().any(|id| world.process(*id).is_paused);
            assert!(!outside || !is_up || is_still, "seed {seed}");
            frozen += u32::from(outside);
        }
    }
    assert!(frozen > 4);
}

#[test]
fn messages_fare_worse_in_a_burst() {
    let strength = Experiment::new(&storm("storm-mediator"), 3)
        .weather()
        .unwrap()
        .strength();
    let rate =
        |ratio: Ratio| u64::from(ratio.numerator()) * 1_000_000 / u64::from(ratio.denominator());
    let some = Strength {
        loss: Ratio::new(1, 100).unwrap(),
        delay: Ratio::new(1, 3).unwrap(),
        duplicate: Ratio::NEVER,
        ..strength
    };
    let thick = some.hastened(5);
    assert_eq!(rate(thick.loss), 50_000);
    // At most every second one, and never less than outside.
    assert_eq!(rate(thick.delay), 500_000);
    assert!(thick.duplicate.is_never());
}

/// A storm over three pairs; west owns the last volume.
fn three_pairs() -> Scenario {
    let mut scenario = storm("storm-mediator");
    scenario.topology.pairs_per_cluster = 3;
    scenario.topology.owners = vec![Cluster::East, Cluster::East, Cluster::West];
    scenario
}

#[test]
fn a_core_leaves_each_volume_an_owner_and_some_volume_no_mirror() {
    let scenario = three_pairs();
    let (mut lonely, mut differ) = ([0; 3], 0);
    for seed in 0..100 {
        let experiment = Experiment::new(&scenario, seed);
        let (core, map) = (experiment.weather().unwrap().core(), experiment.map());
        let count = |cluster, volume| {
            let nodes = map.pair(cluster, volume).into_iter();
            nodes.filter(|node| core.contains(*node, map)).count()
        };
        for volume in map.pairs() {
            let [owner, mirror] = map.copies(volume).map(|cluster| count(cluster, volume));
            assert!(owner > 0, "seed {seed}");
            assert_eq!(core.has_mirror(volume, map), mirror > 0);
            let sync = experiment.fate().sync(volume, map);
            assert_eq!(sync == Sync::Owed, mirror > 0);
            lonely[volume.place()] += u32::from(mirror == 0);
        }
        differ += u32::from(core.outside()[..4] != core.outside()[4..8]);
    }
    assert!(
        lonely.iter().all(|count| (5..40).contains(count)),
        "{lonely:?}"
    );
    assert!(differ > 50);
}

#[test]
fn a_core_of_one_pair_is_the_first_of_several() {
    let mut three = three_pairs();
    three.topology.owners.clear();
    let one = storm("storm-mediator");
    for seed in 0..20 {
        let [one, three] = [&one, &three].map(|scenario| Experiment::new(scenario, seed));
        let outside = |it: &Experiment| it.weather().unwrap().core().outside()[..4].to_vec();
        assert_eq!(outside(&one), outside(&three));
    }
}

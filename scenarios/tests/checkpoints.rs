//! The experiment is a value: a checkpoint at any event equals what it was taken
//! from, and runs on to the same end.

use std::collections::BTreeSet;

use stormglass_scenarios::catalogue;
use stormglass_scenarios::experiment::{Bench, Experiment};
use stormglass_scenarios::file::{Scenario, parse};
use stormglass_sim::random::Seed;
use stormglass_sim::time::WorldTime;

fn scenarios() -> impl Iterator<Item = Scenario> {
    catalogue::all()
        .iter()
        .map(|(name, source)| parse(name, source).expect("the catalogue is valid"))
}

fn restored(experiment: &Experiment) -> Experiment {
    let bytes = postcard::to_stdvec(experiment).expect("an experiment serializes");
    postcard::from_bytes(&bytes).expect("a checkpoint restores")
}

/// Steps until the end or for `events` steps; how many it took.
fn step(experiment: &mut Experiment, events: u64) -> u64 {
    let mut bench = Bench::default();
    (0..events)
        .take_while(|_| experiment.step(&mut bench))
        .count() as u64
}

#[test]
fn a_checkpoint_at_any_event_of_every_scenario_equals_the_original_and_ends_like_it() {
    for scenario in scenarios() {
        let mut whole = Experiment::new(&scenario, 1);
        let length = step(&mut whole, u64::MAX);
        for draw in 0..4 {
            let at = Seed(draw).draw(1, &scenario.name).at(&[0; 4]).below(length);
            let mut original = Experiment::new(&scenario, 1);
            step(&mut original, at);
            let mut copy = restored(&original);
            assert!(copy == original, "{} at event {at}", scenario.name);
            let on = (length - at) / 2;
            step(&mut original, on);
            step(&mut copy, on);
            assert!(
                copy == original,
                "{} from event {at}, {on} events on",
                scenario.name
            );
            step(&mut copy, u64::MAX);
            assert_eq!(
                copy.world().trace_hash(),
                whole.world().trace_hash(),
                "{}",
                scenario.name
            );
            assert!(
                copy == whole,
                "{} from event {at} to the end",
                scenario.name
            );
        }
    }
}

#[test]
fn a_fork_leaves_its_origin_alone() {
    for scenario in scenarios() {
        let mut origin = Experiment::new(&scenario, 2);
        step(&mut origin, 2_000);
        let twin = restored(&origin);
        let mut fork = origin.clone();
        step(&mut fork, 500);
        drop(fork);
        assert!(origin == twin, "{}", scenario.name);
    }
}

#[test]
fn a_twin_that_begins_later_behaves_alike_at_every_step() {
    let later = WorldTime::from_nanos(12_345_678);
    for scenario in scenarios() {
        let mut original = Experiment::new(&scenario, 3);
        let mut twin = Experiment::starting_at(&scenario, 3, later);
        let mut hashes = BTreeSet::new();
        for part in 0..8 {
            let hash = original.behavioural_hash();
            assert_eq!(
                hash,
                twin.behavioural_hash(),
                "{}, part {part}",
                scenario.name
            );
            hashes.insert(hash);
            step(&mut original, 700);
            step(&mut twin, 700);
        }
        assert!(hashes.len() > 1, "what happens shows in the hash");
        assert_ne!(
            original.behavioural_hash(),
            Experiment::new(&scenario, 4).behavioural_hash()
        );
    }
}

//! The tracker beside whole runs of the cluster: it watches, and finds nothing.

use stormglass_engine::event::Event;
use stormglass_sim::occurrence::{Happened, Occurrence};

use super::super::{Images, SetDevices};
use crate::actor::Report;
use crate::cluster::device;
use crate::experiment::{Bench, Experiment};
use crate::file::{DeviceName, PairIndex};
use crate::{catalogue, file};

#[test]
fn the_tracker_finds_nothing_in_the_catalogue() {
    for (name, text) in catalogue::all() {
        let scenario = file::parse(name, text).expect("the catalogue is right");
        let experiment = Experiment::new(&scenario, 1);
        for volume in experiment.map().pairs() {
            watch(name, &experiment, volume);
        }
    }
}

fn watch(name: &str, experiment: &Experiment, volume: PairIndex) {
    let mut experiment = experiment.clone();
    let map = experiment.map().clone();
    let geometry = map.geometry;
    let copies = map.copies(volume);
    let set = |cluster| {
        let [journal, data] = DeviceName::of_set(cluster, volume).map(device);
        SetDevices {
            journal,
            data,
            geometry,
        }
    };
    let sets = copies.map(set);
    let mut images = Images::new(sets, experiment.world());
    let mut bench = Bench::default();
    let mut findings = Vec::new();
    while experiment.world().totals().events < 60_000 && experiment.step(&mut bench) {
        let world = experiment.world();
        let (at, number) = (world.now(), world.totals().events);
        let is_other = |occurrence: &&Occurrence<Report>| match occurrence {
            Occurrence::Event { process, .. } => map.volume_of(*process) != volume,
            _ => false,
        };
        for occurrence in bench.log.iter().filter(|it| !is_other(it)) {
            images.observe(at, number, occurrence, world, &mut findings);
            if let Occurrence::Event {
                event: Report::Client(event),
                ..
            } = occurrence
            {
                images.observe_client(at, number, event, &mut findings);
            }
            if let Occurrence::Fault(Happened::Damage { device, page }) = occurrence {
                images.damaged(*device, *page);
            }
            let Occurrence::Event {
                process,
                event: Report::Node(event),
            } = occurrence
            else {
                continue;
            };
            match event {
                Event::Accepted { command, range, .. } => images.accepted(*command, *range),
                Event::Answered {
                    command, verdict, ..
                } => images.answered(*command, *verdict, at, number, &mut findings),
                Event::ReplicaPerformed {
                    session,
                    set,
                    command,
                } => images.replica_performed(*session, *set, *command, at, number, &mut findings),
                Event::RolledBack(range) => images.rolled_back(*range),
                Event::Formatted | Event::RecordsLost(_) => {
                    let machine = world.process(*process).machine;
                    let is_owner = map.pair(copies[0], volume).contains(&machine);
                    let journal = sets[usize::from(!is_owner)].journal;
                    match event {
                        Event::Formatted => images.formatted(journal, world),
                        _ => images.replaced(journal, world),
                    }
                }
                _ => {}
            }
        }
        assert_eq!(findings, [], "{name}");
    }
    let world = experiment.world();
    let (at, number) = (world.now(), world.totals().events);
    if experiment.clients_are_done() {
        images.finish(at, number, &mut findings);
    }
    assert_eq!(findings, [], "{name} at rest");
    let checks = images.checks();
    eprintln!("{name}: {number} events, {checks:?}");
    let is_read_only = name == "readers";
    assert!(is_read_only || checks.durable > 0, "{name}: O1 watched");
    let has_reads = name == "replicated-write";
    assert!(!has_reads || checks.reverts > 0, "{name}: O3 watched");
    assert!(is_read_only || checks.difference > 0, "{name}: O5 watched");
    assert!(is_read_only || checks.once > 0, "{name}: O7 watched");
}

use super::*;
use crate::repro::tests::slow_writes;
use crate::run::Keep;

/// Looks on; stops after so many candidates.
struct Onlooker {
    left: u64,
    heard: u64,
}

impl Watcher for Onlooker {
    fn hear(&mut self, _: &Repro, _: &Tried) {
        self.heard += 1;
        self.left = self.left.saturating_sub(1);
    }
    fn is_stopped(&self) -> bool {
        self.left == 0
    }
}

fn patient() -> Onlooker {
    Onlooker {
        left: u64::MAX,
        heard: 0,
    }
}

fn shrunk(repro: &Repro, forking: Forking) -> Shrunk {
    shrink_with(repro, &mut patient(), &AtomicU64::new(0), forking).unwrap()
}

fn assert_fails_exactly(repro: &Repro) {
    let read = Repro::parse(&repro.to_toml()).unwrap();
    let replayed = read.play(Cue::Exact, Keep::Counts, &AtomicU64::new(0));
    assert_eq!(replayed.outcome, Replayed::Same);
    assert_eq!(replayed.stale_keys, []);
}

#[test]
fn a_failure_shrinks_to_the_fault_and_the_command_that_it_needs() {
    let repro = slow_writes(1, 40);
    let Shrunk {
        repro: least,
        record,
    } = shrunk(&repro, Forking::On);
    assert_eq!((record.faults_after, record.commands_after), (1, 1));
    assert_eq!(record.faults_before, repro.faults() as u64);
    assert_eq!(record.commands_before, 40);
    assert_eq!(least.failure.signature, repro.failure.signature);
    assert_eq!(least.scenario.workload.listed[0].blocks, 1);
    assert!(!least.absent.is_empty(), "a standby is not needed");
    assert!(record.complete);
    assert_fails_exactly(&least);
    // What is least stays as it is.
    let again = shrunk(&least, Forking::On);
    assert_eq!(again.repro.faults(), 1);
}

#[test]
fn candidates_at_forks_come_to_what_whole_ones_come_to() {
    let repro = slow_writes(2, 60);
    let [forked, whole] = [Forking::On, Forking::Off].map(|forking| shrunk(&repro, forking));
    assert_eq!(forked.repro, whole.repro);
    assert_eq!(forked.record.steps, whole.record.steps);
    let (run, saved) = (forked.record.events_run, forked.record.events_saved);
    assert!(saved > 0);
    assert_eq!(whole.record.events_saved, 0);
    assert_eq!(run + saved, whole.record.events_run);
}

#[test]
fn whoever_stops_it_has_what_fails() {
    let repro = slow_writes(1, 40);
    for left in [1, 2, 7, 20] {
        let mut watcher = Onlooker { left, heard: 0 };
        let stopped = shrink(&repro, &mut watcher, &AtomicU64::new(0)).unwrap();
        assert!(!stopped.record.complete);
        // A candidate may be tried twice once it has begun.
        assert!(watcher.heard <= left + 2, "{} {left}", watcher.heard);
        assert_fails_exactly(&stopped.repro);
    }
}

#[test]
fn what_does_not_fail_is_not_shrunk() {
    let mut repro = slow_writes(1, 40);
    repro.entries.clear();
    let error = shrink(&repro, &mut patient(), &AtomicU64::new(0)).unwrap_err();
    assert!(error.to_string().contains("the run comes to pass"));
}

#[test]
fn a_cluster_shrinks_to_the_places_that_a_failure_needs() {
    let small = slow_writes(1, 40);
    let mut scenario = small.scenario.clone();
    scenario.topology.mediator = true;
    scenario.topology.volume_blocks = 2_048;
    let repro = small.moved_to(scenario).unwrap();
    let Shrunk {
        repro: least,
        record,
    } = shrunk(&repro, Forking::On);
    let topology = &least.scenario.topology;
    assert!(!topology.mediator);
    let needed = least.scenario.workload.listed.iter();
    let needed = needed
        .map(|it| it.block + u64::from(it.blocks))
        .max()
        .unwrap();
    assert_eq!(
        topology.volume_blocks,
        needed.next_multiple_of(topology.region_blocks)
    );
    let step = |what: &str| {
        let mut steps = record.steps.iter().filter(|step| step.what == what);
        let first = steps.next().unwrap();
        (first.before, first.after)
    };
    assert_eq!(step("mediator"), (1, 0));
    assert_eq!(step("volume"), (2_048, topology.volume_blocks));
    assert_fails_exactly(&least);
}

#[test]
fn what_a_volume_has_no_room_for_does_not_move() {
    let repro = slow_writes(1, 40);
    let with = |change: fn(&mut crate::file::Scenario)| {
        let mut scenario = repro.scenario.clone();
        change(&mut scenario);
        repro.moved_to(scenario)
    };
    assert_eq!(with(|_| {}).as_ref(), Some(&repro));
    assert_eq!(with(|scenario| scenario.topology.volume_blocks = 0), None);
    // Of what is not there nothing happens.
    let larger = with(|scenario| scenario.topology.mediator = true).unwrap();
    let mut lost = larger.clone();
    let (world, map) = cluster::build(&larger.scenario, Seed(1), WorldTime::ZERO);
    let third = map.mediator.unwrap();
    assert_eq!(world.machine(third.machine).name, "mediator");
    lost.entries.push(crate::repro::Entry {
        at: stormglass_engine::time::Duration::from_millis(5),
        act: crate::repro::Act::Hardware(Box::new(crate::repro::Hardware {
            fault: stormglass_sim::fault::Fault::Crash(third.machine),
            after: None,
            late: 0,
            is_scheduled: true,
            draw: 1,
        })),
    });
    let back = lost.moved_to(repro.scenario.clone()).unwrap();
    assert_eq!(back.entries, repro.entries);
}

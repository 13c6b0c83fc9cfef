//! Nodes lose power at every single event of a boot, of a takeover, of a giveback and of a
//! resync: whatever that interrupts, it is done again and ends in service, and every oracle
//! holds.
//!
//! Each case is a fork of one run, so that nothing before it is run again.

use stormglass_engine::event::{Event, Phase};
use stormglass_engine::storage_set::record::Mode;
use stormglass_engine::time::Duration;
use stormglass_scenarios::actor::Report;
use stormglass_scenarios::cluster;
use stormglass_scenarios::experiment::{Bench, Experiment};
use stormglass_scenarios::file::{
    Action, Cluster, MachineName, ModuleName, NodeName, Scenario, parse,
};
use stormglass_sim::occurrence::{Happened, Occurrence};
use stormglass_sim::world::ProcessId;

fn scenario(faults: &str) -> Scenario {
    let text = format!(
        "[topology]\n\
         volume_blocks = 64\n\
         [settings.timers]\n\
         takeover_after = \"300ms\"\n\
         heartbeat = \"50ms\"\n\
         ha_lease = \"150ms\"\n\
         [workload]\n\
         clients = 2\n\
         commands = 16\n\
         think = \"60ms\"\n\
         {faults}"
    );
    parse("crash-everywhere", &text).expect("it is valid")
}

fn node(cluster: Cluster, number: u8) -> NodeName {
    NodeName { cluster, number }
}

fn d_module(experiment: &Experiment, name: NodeName) -> ProcessId {
    let machine = experiment.map().node(name);
    let slot = cluster::slot(ModuleName::D);
    experiment.world().machine(machine).processes[usize::from(slot.0)]
}

/// From one thing that a D-module does to another.
struct Window {
    of: NodeName,
    /// Nothing before this begins it.
    after: Duration,
    begins: fn(&Occurrence<Report>, ProcessId) -> bool,
    ends: fn(&Event) -> bool,
}

fn reports(occurrence: &Occurrence<Report>, by: ProcessId, what: fn(&Event) -> bool) -> bool {
    match occurrence {
        Occurrence::Event {
            process,
            event: Report::Node(event),
        } => *process == by && what(event),
        _ => false,
    }
}

/// Runs on to the end: nothing is found, and every command is answered.
fn must_end_well(mut experiment: Experiment, case: &str) {
    let mut bench = Bench::default();
    while experiment.step(&mut bench) {
        assert_eq!(experiment.findings(), [], "{case}");
        assert!(
            experiment.elapsed() < Duration::from_secs(60),
            "{case}: it does not end"
        );
    }
    experiment.finish();
    assert_eq!(experiment.findings(), [], "{case}");
    assert!(experiment.clients_are_done(), "{case}");
}

/// Takes each node away at each event of the window, by itself, and counts the cases.
fn crash_everywhere(scenario: &Scenario, seed: u64, window: &Window, nodes: &[NodeName]) -> u64 {
    let mut experiment = Experiment::new(scenario, seed);
    let watched = d_module(&experiment, window.of);
    let mut bench = Bench::default();
    let (mut is_open, mut cases) = (false, 0);
    while experiment.step(&mut bench) {
        let log = bench.log.clone();
        is_open |= experiment.elapsed() > window.after
            && log.iter().any(|it| (window.begins)(it, watched));
        if !is_open {
            continue;
        }
        let event = experiment.world().totals().events;
        for name in nodes {
            let mut fork = experiment.clone();
            let crash = Action::Crash {
                node: MachineName::Node(*name),
                restart_after: Some(Duration::from_millis(70)),
            };
            fork.add_fault(&crash.at(fork.elapsed()));
            must_end_well(fork, &format!("{name} loses power after event {event}"));
            cases += 1;
        }
        if log.iter().any(|it| reports(it, watched, window.ends)) {
            return cases;
        }
    }
    panic!("the window does not end");
}

#[test]
fn a_boot_that_is_interrupted_anywhere_is_done_again() {
    let scenario = scenario(
        "[[fault]]\n\
         crash = { at = \"150ms\", node = \"east-1\", restart_after = \"50ms\" }",
    );
    let window = Window {
        of: node(Cluster::East, 1),
        after: Duration::from_millis(160),
        begins: |occurrence, watched| matches!(occurrence, Occurrence::Booted { process } if *process == watched),
        ends: |event| matches!(event, Event::ReplicaAcked(_)),
    };
    let nodes = [1, 2].map(|number| node(Cluster::East, number));
    let cases = crash_everywhere(&scenario, 3, &window, &nodes);
    println!("{cases} boots were interrupted");
    assert!(cases > 100, "{cases}");
}

#[test]
fn a_takeover_that_is_interrupted_anywhere_is_done_again() {
    let scenario = scenario(
        "[[fault]]\n\
         crash = { at = \"150ms\", node = \"east-1\", restart_after = \"900ms\" }",
    );
    let window = Window {
        of: node(Cluster::East, 2),
        after: Duration::ZERO,
        begins: |occurrence, watched| {
            reports(occurrence, watched, |event| {
                matches!(event, Event::PartnerSilent(_))
            })
        },
        ends: |event| matches!(event, Event::ReplicaAcked(_)),
    };
    let nodes = [node(Cluster::East, 2), node(Cluster::West, 1)];
    let cases = crash_everywhere(&scenario, 3, &window, &nodes);
    println!("{cases} takeovers were interrupted");
    assert!(cases > 100, "{cases}");
}

#[test]
fn a_takeover_of_the_mirrors_set_that_is_interrupted_anywhere_is_done_again() {
    let scenario = scenario(
        "[[fault]]\n\
         crash = { at = \"150ms\", node = \"west-1\", restart_after = \"900ms\" }",
    );
    let window = Window {
        of: node(Cluster::West, 2),
        after: Duration::ZERO,
        begins: |occurrence, watched| {
            reports(occurrence, watched, |event| {
                matches!(event, Event::PartnerSilent(_))
            })
        },
        ends: |event| matches!(event, Event::Phase(Phase::Following)),
    };
    let nodes = [node(Cluster::West, 2), node(Cluster::East, 1)];
    let cases = crash_everywhere(&scenario, 5, &window, &nodes);
    println!("{cases} takeovers of the mirror's set were interrupted");
    assert!(cases > 40, "{cases}");
}

#[test]
fn a_giveback_that_is_interrupted_anywhere_is_done_again() {
    let scenario = scenario(
        "[[fault]]\n\
         crash = { at = \"100ms\", node = \"east-1\", restart_after = \"350ms\" }\n\
         [[fault]]\n\
         order = { at = \"800ms\", node = \"east-2\", order = \"hand-over\" }",
    );
    let window = Window {
        of: node(Cluster::East, 1),
        after: Duration::from_millis(800),
        begins: |occurrence, _| {
            matches!(
                occurrence,
                Occurrence::Event {
                    event: Report::Node(Event::Phase(Phase::Draining)),
                    ..
                }
            )
        },
        ends: |event| matches!(event, Event::Phase(Phase::Serving)),
    };
    let nodes = [
        node(Cluster::East, 1),
        node(Cluster::East, 2),
        node(Cluster::West, 1),
    ];
    let cases = crash_everywhere(&scenario, 3, &window, &nodes);
    println!("{cases} givebacks were interrupted");
    assert!(cases > 100, "{cases}");
}

#[test]
fn a_resync_that_is_interrupted_anywhere_is_done_again() {
    // Eight regions; clients write to all of them before, above, at and below the cursor.
    let text = "[topology]\n\
         volume_blocks = 64\n\
         mediator = true\n\
         [settings]\n\
         policy = \"sync\"\n\
         [settings.timers]\n\
         path_timeout = \"200ms\"\n\
         loss_after = \"150ms\"\n\
         [workload]\n\
         clients = 3\n\
         commands = 40\n\
         think = \"25ms\"\n\
         command_blocks = [1, 8]\n\
         [[fault]]\n\
         power_off = { at = \"100ms\", cluster = \"west\", restart_after = \"600ms\" }";
    let scenario = parse("crash-everywhere", text).expect("it is valid");
    let window = Window {
        of: node(Cluster::East, 1),
        after: Duration::from_millis(600),
        begins: |occurrence, watched| {
            reports(occurrence, watched, |event| {
                matches!(event, Event::DirtyUnited(_))
            })
        },
        ends: |event| matches!(event, Event::Mode(Mode::InSync, _)),
    };
    let nodes = [node(Cluster::East, 1), node(Cluster::West, 1)];
    let cases = crash_everywhere(&scenario, 3, &window, &nodes);
    println!("{cases} resyncs were interrupted");
    assert!(cases > 200, "{cases}");
}

/// A pair with a mediator or without, whose clients know both sites.
fn sites(has_mediator: bool, faults: &str) -> Scenario {
    let text = format!(
        "[topology]\n\
         volume_blocks = 64\n\
         mediator = {has_mediator}\n\
         [settings]\n\
         policy = \"sync\"\n\
         [settings.timers]\n\
         path_timeout = \"200ms\"\n\
         loss_after = \"150ms\"\n\
         lease = \"300ms\"\n\
         takeover_after = \"300ms\"\n\
         heartbeat = \"50ms\"\n\
         ha_lease = \"150ms\"\n\
         drain_limit = \"500ms\"\n\
         {}\
         [workload]\n\
         clients = 2\n\
         commands = 24\n\
         think = \"40ms\"\n\
         nodes = 4\n\
         {faults}",
        match has_mediator {
            true => "switchover_after = \"900ms\"\n",
            false => "",
        }
    );
    parse("crash-everywhere", &text).expect("it is valid")
}

#[test]
fn a_planned_switchover_that_is_interrupted_anywhere_ends_with_one_owner() {
    for has_mediator in [true, false] {
        let scenario = sites(
            has_mediator,
            "[[fault]]\n\
             order = { at = \"300ms\", node = \"east-1\", order = \"switch-over\" }",
        );
        let window = Window {
            of: node(Cluster::West, 1),
            after: Duration::from_millis(300),
            begins: |occurrence, _| {
                matches!(
                    occurrence,
                    Occurrence::Event {
                        event: Report::Node(Event::Phase(Phase::Draining)),
                        ..
                    }
                )
            },
            ends: |event| matches!(event, Event::Phase(Phase::Serving)),
        };
        let nodes = [node(Cluster::East, 1), node(Cluster::West, 1)];
        let cases = crash_everywhere(&scenario, 3, &window, &nodes);
        println!("{cases} planned switchovers were interrupted, mediator {has_mediator}");
        assert!(cases > 100, "{cases}");
    }
}

#[test]
fn a_promotion_that_is_interrupted_anywhere_ends_with_one_owner() {
    let scenario = sites(
        true,
        "[[fault]]\n\
         power_off = { at = \"300ms\", cluster = \"east\", restart_after = \"2500ms\" }",
    );
    let window = Window {
        of: node(Cluster::West, 1),
        after: Duration::from_millis(900),
        begins: |occurrence, watched| {
            reports(occurrence, watched, |event| {
                matches!(event, Event::MediatorSays(_))
            })
        },
        ends: |event| matches!(event, Event::Phase(Phase::Serving)),
    };
    let nodes = [node(Cluster::West, 1)];
    let cases = crash_everywhere(&scenario, 3, &window, &nodes);
    println!("{cases} promotions were interrupted");
    assert!(cases > 20, "{cases}");
}

#[test]
fn a_growth_that_is_interrupted_anywhere_happens_on_both_copies_or_on_none() {
    let text = "[topology]\n\
         volume_blocks = 64\n\
         set_blocks = 96\n\
         mediator = true\n\
         [settings]\n\
         policy = \"sync\"\n\
         [settings.timers]\n\
         takeover_after = \"300ms\"\n\
         heartbeat = \"50ms\"\n\
         ha_lease = \"150ms\"\n\
         [workload]\n\
         clients = 2\n\
         commands = 24\n\
         think = \"40ms\"\n\
         hot = [48, 48]\n\
         [[fault]]\n\
         order = { at = \"300ms\", node = \"east-1\", order = \"grow\" }";
    let scenario = parse("crash-everywhere", text).expect("it is valid");
    let window = Window {
        of: node(Cluster::East, 1),
        after: Duration::from_millis(299),
        begins: |occurrence, _| matches!(occurrence, Occurrence::Fault(Happened::Ordered { .. })),
        ends: |event| matches!(event, Event::Grown(_)),
    };
    let nodes = [node(Cluster::East, 1), node(Cluster::West, 1)];
    let cases = crash_everywhere(&scenario, 3, &window, &nodes);
    println!("{cases} growths were interrupted");
    assert!(cases > 20, "{cases}");
}

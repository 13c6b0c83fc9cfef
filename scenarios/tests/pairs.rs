//! Clusters of several pairs: what befalls one volume concerns no other.

use std::collections::BTreeMap;

use stormglass_engine::time::Duration;
use stormglass_reports::record::Verdict;
use stormglass_scenarios::actor::Report;
use stormglass_scenarios::experiment::{Bench, Experiment};
use stormglass_scenarios::file::{PairIndex, Scenario, parse};
use stormglass_scenarios::run::{self, Keep};
use stormglass_scenarios::workload::ClientEvent;
use stormglass_sim::occurrence::Occurrence;
use stormglass_sim::time::WorldTime;

/// Three pairs, the last volume owned by west, two clients to each.
fn scenario(faults: &str) -> Scenario {
    let text = format!(
        "[topology]\n\
         pairs_per_cluster = 3\n\
         owners = [\"east\", \"east\", \"west\"]\n\
         mediator = true\n\
         volume_blocks = 64\n\
         [settings]\n\
         policy = \"sync\"\n\
         [workload]\n\
         clients = 6\n\
         commands = 60\n\
         think = \"40ms\"\n\
         {faults}"
    );
    parse("pairs", &text).expect("it is valid")
}

/// What each volume's clients saw, and when.
type History = BTreeMap<PairIndex, Vec<(WorldTime, ClientEvent)>>;

fn history(scenario: &Scenario, seed: u64) -> History {
    let mut experiment = Experiment::new(scenario, seed);
    let (mut bench, mut history) = (Bench::default(), History::new());
    while experiment.step(&mut bench) {
        let now = experiment.world().now();
        for occurrence in &bench.log {
            if let Occurrence::Event {
                process,
                event: Report::Client(event),
            } = occurrence
            {
                let volume = experiment.map().volume_of(*process);
                history
                    .entry(volume)
                    .or_default()
                    .push((now, event.clone()));
            }
        }
    }
    assert_eq!(experiment.findings(), []);
    history
}

#[test]
fn what_befalls_one_pair_leaves_the_other_volumes_untouched() {
    let untouched = history(&scenario(""), 3);
    let volumes: Vec<PairIndex> = PairIndex::first(3).collect();
    let [one, two, three] = volumes[..] else {
        panic!("there are three volumes")
    };
    for (met, faults) in [
        (
            two,
            "[[fault]]\ncrash = { at = \"500ms\", node = \"east-3\" }\n",
        ),
        (
            two,
            "[[fault]]\nkill = { at = \"500ms\", node = \"east-3\", module = \"N\", restart_after = \"300ms\" }\n",
        ),
        (
            two,
            "[[fault]]\ncrash = { at = \"500ms\", node = \"west-3\", restart_after = \"9s\" }\n\
             [[fault]]\ncrash = { at = \"500ms\", node = \"west-4\", restart_after = \"9s\" }\n",
        ),
        (
            two,
            "[[fault]]\ndevice_slow = { at = \"500ms\", device = \"east.journal-2\", duration = \"1s\" }\n",
        ),
        (
            three,
            "[[fault]]\npartition = { at = \"500ms\", duration = \"4s\", from = \"west-5\", to = \"east\" }\n",
        ),
        (
            one,
            "[[fault]]\npause = { at = \"500ms\", node = \"east-1\", duration = \"2s\" }\n",
        ),
    ] {
        let history = history(&scenario(faults), 3);
        for volume in &volumes {
            let is_same = history[volume] == untouched[volume];
            assert_eq!(
                is_same,
                *volume != met,
                "{faults}: volume {}",
                volume.number()
            );
        }
    }
}

#[test]
fn every_client_works_on_its_volume() {
    let history = history(&scenario(""), 5);
    for (volume, events) in &history {
        let clients = events.iter().filter_map(|(_, event)| match event {
            ClientEvent::Invoked { id, .. } => Some(id.client.value()),
            _ => None,
        });
        let mut clients: Vec<u32> = clients.collect();
        clients.sort_unstable();
        clients.dedup();
        let first = u32::from(volume.number());
        assert_eq!(clients, [first, first + 3]);
    }
    assert_eq!(history.len(), 3);
}

#[test]
fn what_never_ends_on_one_volume_is_found_there_and_nowhere_else() {
    let both_die = "[[fault]]\ncrash = { at = \"500ms\", node = \"east-3\" }\n\
                    [[fault]]\ncrash = { at = \"500ms\", node = \"east-4\" }\n";
    let record = run::run(&scenario(both_die), 1, Keep::Counts);
    assert_eq!(record.verdict, Verdict::Liveness);
    let says: Vec<&str> = record.findings.iter().map(|it| it.says.as_str()).collect();
    let [only] = says[..] else {
        panic!("one finding: {says:?}")
    };
    assert!(only.starts_with("volume 2: c"), "{only}");
    assert_eq!(record.findings[0].oracle, "O16");
}

#[test]
fn each_volume_has_measures_of_its_own() {
    let both_die = "[[fault]]\ncrash = { at = \"500ms\", node = \"east-3\", restart_after = \"1s\" }\n\
                    [[fault]]\ncrash = { at = \"500ms\", node = \"east-4\", restart_after = \"1s\" }\n";
    let record = run::run(&scenario(both_die), 1, Keep::Counts);
    assert_eq!(record.verdict, Verdict::Pass, "{:?}", record.findings);
    let of = |volume: u32, what: &str| record.measures[&format!("volume_{volume}_{what}")].to_f64();
    let all: f64 = [1, 2, 3]
        .map(|volume| of(volume, "acknowledged"))
        .iter()
        .sum();
    assert!((all - record.measures["acknowledged"].to_f64()).abs() < 0.5);
    let unknown = [1, 2, 3].map(|volume| of(volume, "unknown"));
    assert!(unknown[1] > 0.5, "{unknown:?}");
    assert!(unknown[0].max(unknown[2]) < 0.5, "{unknown:?}");
}

#[test]
fn pairs_found_their_volumes_with_the_owners_that_the_scenario_names() {
    let mut founding = scenario("");
    founding.topology.founding = true;
    let record = run::run(&founding, 2, Keep::Counts);
    assert_eq!(record.verdict, Verdict::Pass, "{:?}", record.findings);
    assert_eq!(record.probes["volume founded"], 6);
    // A read that was not answered in time is issued again, under another id.
    assert!(record.commands.success + record.commands.mismatch >= 360);
}

#[test]
fn sixteen_nodes_of_each_cluster_run() {
    let mut largest = scenario("");
    largest.topology.pairs_per_cluster = PairIndex::COUNT_MAX;
    largest.workload.clients = 8;
    largest.workload.commands = 20;
    largest.workload.think = Duration::ZERO;
    let record = run::run(&largest, 2, Keep::Counts);
    assert_eq!(record.verdict, Verdict::Pass, "{:?}", record.findings);
}

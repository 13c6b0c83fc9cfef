use std::sync::atomic::Ordering;

use stormglass_sim::world::Component;

use super::*;
use crate::actor::Actor;
use crate::actor::planted::{self, Plant};
use crate::file::Action;

const LIMIT: Duration = Duration::from_secs(30);

fn subject(name: &str) -> Subject {
    Subject::new(&Source::load(name, &[]).unwrap(), 1, LIMIT)
}

#[test]
fn a_run_is_alike_however_often_and_beside_whatever_it_is_done() {
    let verified = verify(&subject("replicated-write"), None, Depth::Full).unwrap();
    assert_eq!(verified.parted, []);
    assert!(verified.record.deterministic);
    assert_eq!(verified.record.runs, 5);
    assert_eq!(verified.record.exit().code(), 0);
}

/// A subject of which every second run has a module killed.
fn unreliable() -> Subject {
    let mut subject = subject("replicated-write");
    let usual = Arc::clone(&subject.scenario);
    let mut other = Scenario::clone(&usual);
    let kill = Action::Kill {
        node: "west-1".parse().unwrap(),
        module: crate::file::ModuleName::D,
        restart_after: Some(stormglass_engine::time::Duration::from_millis(100)),
    };
    other
        .faults
        .push(kill.at(stormglass_engine::time::Duration::from_millis(50)));
    let runs = AtomicU64::new(0);
    subject.begin = Arc::new(move || {
        let is_second = runs.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        Experiment::new(if is_second { &other } else { &usual }, 1)
    });
    subject
}

#[test]
fn what_is_kept_between_runs_is_found_with_its_event_and_component() {
    let verified = verify(&unreliable(), None, Depth::Full).unwrap();
    assert!(verified.parted.contains(&Way::Again));
    assert_eq!(verified.record.exit().code(), 4);
    // The schedule is other from the beginning, before anything comes of it.
    let found = verified.record.first_difference.unwrap();
    assert_eq!((found.event, found.component.as_str()), (0, "schedule"));
    assert!(found.field.starts_with("agenda.timed"), "{found:?}");
}

/// Verifies a scenario whose clients are not deterministic; checks that the first
/// difference is one of a client's, and that it stands at the input with which that went
/// wrong. Returns its field.
fn found_in_a_client(plant: Plant) -> (String, String, String) {
    let mut subject = subject("replicated-write");
    let scenario = Arc::clone(&subject.scenario);
    subject.begin = Arc::new(move || {
        planted::sow(plant);
        Experiment::new(&scenario, 1)
    });
    let verified = verify(&subject, None, Depth::Quick).unwrap();
    assert_eq!(verified.parted, [Way::Again]);
    let found = verified.record.first_difference.unwrap();
    assert!(found.component.starts_with("client-"), "{found:?}");
    let handled = |event| {
        let begun = (subject.begin)();
        let moment = Moment::Event(event);
        let there = run::run_to(&subject.scenario, begun, moment, &AtomicU64::new(0)).unwrap();
        let world = there.world();
        let name = |id| world.component_name(Component::Process(id));
        let mut processes = world.processes();
        let client = processes
            .find(|(id, _)| name(*id) == found.component)
            .unwrap();
        match &client.1.module {
            Some(Actor::Planted(planted)) => planted.handled(),
            other => panic!("{other:?} is no planted client"),
        }
    };
    assert_eq!(handled(found.event), planted::WRONG_AT);
    assert_eq!(handled(found.event - 1), planted::WRONG_AT - 1);
    (found.field, found.left, found.right)
}

#[test]
fn a_counter_kept_between_runs_is_found_where_it_is_read_and_not_where_it_shows() {
    let (field, left, right) = found_in_a_client(Plant::Counter);
    assert_eq!(field, "module.kept[0]");
    let [left, right] = [left, right].map(|number| number.parse::<u64>().unwrap());
    assert_eq!(left + 1, right);
}

#[test]
fn a_set_in_order_of_addresses_is_found_where_it_is_walked() {
    let (field, left, right) = found_in_a_client(Plant::Addresses);
    assert_eq!(field, "module.kept[0]");
    assert_ne!(left, right);
}

#[test]
fn what_changes_no_event_is_found_by_its_state() {
    let mut subject = subject("replicated-write");
    let usual = Arc::clone(&subject.scenario);
    // Another calm after the last message: nothing ever happens otherwise.
    let mut other = Scenario::clone(&usual);
    other.weather.until = stormglass_engine::time::Duration::from_secs(50);
    let mut longer = Scenario::clone(&usual);
    longer.weather.until = stormglass_engine::time::Duration::from_secs(40);
    let runs = AtomicU64::new(0);
    subject.begin = Arc::new(move || {
        let is_second = runs.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        Experiment::new(if is_second { &other } else { &longer }, 1)
    });
    let found = difference::find(&subject, None, 500).unwrap().unwrap();
    assert_eq!(found.component, "weather");
    assert_eq!(found.field, "until");
}

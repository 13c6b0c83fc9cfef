use std::sync::atomic::Ordering;

use super::*;
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
    let found = verified.record.first_difference.unwrap();
    assert_eq!(found.component, "west-1.D");
    assert_ne!(found.left, found.right);
    assert!(found.event > 0);
    assert!(found.at >= Duration::from_millis(50), "{:?}", found.at);
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

use stormglass_reports::record::Verdict;

use super::*;
use crate::checkpoint::Checkpoint;
use crate::repro::tests::slow_writes;
use crate::repro::{Cue, Repro};

fn given(text: &str) -> Given {
    Given::read(text, &[]).unwrap()
}

fn fork(text: &str, at: &str, change: &Change) -> Result<Fork, ForkError> {
    let moment = at.parse().unwrap();
    Fork::new(given(text), Some(moment), change, &AtomicU64::new(0))
}

fn fault(text: &str) -> Change {
    Change::Fault(text.to_owned())
}

fn set(text: &str) -> Change {
    Change::Setting(text.parse().unwrap())
}

fn futures(fork: &Fork) -> ForkRecord {
    let progress = AtomicU64::new(0);
    let runs = [&fork.left, &fork.right].map(|side| Fork::run(side, &progress));
    fork.record(runs, fork.parting(&progress))
}

#[test]
fn a_fault_at_a_fork_is_the_same_as_one_in_the_scenario() {
    let crash = fault("crash = { node = \"west-1\", restart_after = \"100ms\" }");
    let fork = fork("owner-crash@7", "300ms", &crash).unwrap();
    let record = futures(&fork);
    // As it goes on, nothing was done to it; the other is what its scenario says.
    let whole = |scenario: &Scenario| run::run(scenario, 7, Keep::Counts).trace_hash;
    assert_eq!(record.left.trace_hash, whole(&fork.left.scenario));
    assert_eq!(record.right.trace_hash, whole(&fork.right.scenario));
    assert_eq!(record.left.verdict, Verdict::Pass);
    let first = record.parting.first_difference.unwrap();
    assert_eq!(first.component, "west-1.M");
    assert_eq!(
        (first.field.as_str(), first.right.as_str()),
        ("module", "nothing")
    );
    assert_eq!(first.at, std::time::Duration::from_millis(300));
    assert_eq!(record.at, first.at);
}

#[test]
fn a_fault_may_wait_for_an_event() {
    let on = "on = { event = \"local durable\", node = \"east-1\", nth = 5 }";
    let kill = fault(&format!(
        "kill = {{ {on}, node = \"west-1\", module = \"D\" }}"
    ));
    let record = futures(&fork("replicated-write@3", "100ms", &kill).unwrap());
    let first = record.parting.first_difference.unwrap();
    assert!(first.at > std::time::Duration::from_millis(100));
    assert_eq!(first.component, "west-1.D");
}

#[test]
fn a_changed_rate_holds_from_the_fork_on() {
    let loss = set("weather.loss=1/2");
    let record = futures(&fork("lossy-network@1", "300ms", &loss).unwrap());
    let parting = record.parting;
    let first = parting.first_difference.unwrap();
    assert!(first.at >= std::time::Duration::from_millis(300));
    assert!(first.field.starts_with("in_flight["), "{first:?}");
    assert!(
        parting
            .before
            .iter()
            .any(|field| field.field == "strength.loss")
    );
    assert_ne!(record.left.trace_hash, record.right.trace_hash);
    // Off by the seed's swarm, and yet what was asked for.
    let swarm = set("weather.duplicate=1/1");
    let doubled = fork("owner-crash@7", "100ms", &swarm).unwrap();
    let strength = doubled.right.experiment.weather().unwrap().strength();
    assert_eq!(
        strength.duplicate.numerator(),
        strength.duplicate.denominator()
    );
}

#[test]
fn a_setting_that_is_as_it_was_makes_no_other_future() {
    let events = set("limits.events=999999");
    let record = futures(&fork("replicated-write@3", "100ms", &events).unwrap());
    assert_eq!(record.parting.first_difference, None);
    assert_eq!(record.left.trace_hash, record.right.trace_hash);
}

#[test]
fn lost_content_is_reckoned_with_or_refused() {
    let replaced = fault(
        "device_gone = { device = \"east.data\", duration = \"200ms\", returns = \"blank\" }",
    );
    let whole = fork("replicated-write@3", "150ms", &replaced).unwrap();
    let record = futures(&whole);
    assert_ne!(record.right.verdict, Verdict::Safety, "{:?}", record.right);
    let scenario = (*whole.left.scenario).clone();
    let moment = "150ms".parse().unwrap();
    let checkpoint = Checkpoint::at(&scenario, 3, moment, &AtomicU64::new(0)).unwrap();
    let given = Given::Checkpoint(Box::new(checkpoint.into()));
    let refused = Fork::new(given, None, &replaced, &AtomicU64::new(0));
    assert!(matches!(refused, Err(ForkError::Uncharted)));
}

#[test]
fn what_makes_no_sense_is_refused_with_what_would() {
    let refused = |at: &str, change: &Change| {
        let error = fork("replicated-write@3", at, change).unwrap_err();
        (error.to_string(), error.help().unwrap_or_default())
    };
    let (says, help) = refused("100ms", &set("topology.mediator=true"));
    assert!(says.contains("cannot be changed while a run is under way"));
    assert!(help.contains("weather.loss"));
    let (says, help) = refused("100ms", &fault("crash = { node = \"west-9\" }"));
    assert!(says.contains("west-9"), "{says}");
    assert!(help.contains("west-1"), "{help}");
    for wrong in ["crash", "crash = 3", "a = {}\nb = {}", ""] {
        let (says, _) = refused("100ms", &fault(wrong));
        assert!(says.contains("this is no fault"), "{says}");
    }
    let (says, _) = refused(
        "100ms",
        &fault("pause = { at = \"1s\", node = \"west-1\", duration = \"1s\" }"),
    );
    assert!(says.contains("the moment is said by --at"));
    let crash = fault("crash = { node = \"west-1\" }");
    let (says, _) = refused("1000s", &crash);
    assert!(says.contains("the run ends before"), "{says}");
    let set_early = "10100ms";
    let calm = fork("replicated-write@3", set_early, &crash);
    // Either the run is over by then, or it is calm.
    assert!(matches!(
        calm,
        Err(ForkError::Calm(_) | ForkError::EndsBefore(_))
    ));
}

/// A fork of a repro.
fn of_repro(repro: &Repro, at: &str, change: &Change) -> Result<Fork, ForkError> {
    let side = Side {
        experiment: Experiment::of_repro(repro, Cue::Exact),
        seed: repro.seed,
        scenario: Arc::new(repro.scenario.clone()),
    };
    let given = Given::Run(Box::new(side));
    Fork::new(given, Some(at.parse().unwrap()), change, &AtomicU64::new(0))
}

#[test]
fn what_a_repro_does_not_list_meets_the_weather_of_its_fork() {
    let repro = slow_writes(1, 40);
    let progress = AtomicU64::new(0);
    let alone = repro.play(Cue::Exact, Keep::Counts, &progress).run;
    let fork = of_repro(&repro, "300ms", &set("weather.loss=1/4")).unwrap();
    let runs = [&fork.left, &fork.right].map(|side| Fork::run(side, &progress));
    assert_eq!(runs[0].trace_hash, alone.trace_hash);
    let lost = |run: &RunRecord| run.faults.get("loss").copied().unwrap_or(0);
    assert!(lost(&runs[1]) > lost(&runs[0]) + 10, "{}", lost(&runs[1]));
    // The list goes on: what it names is not drawn anew.
    let script = fork.right.experiment.fate().script().unwrap();
    assert_eq!(script.entries(), repro.entries);
    let first = fork.parting(&progress).first_difference.unwrap();
    assert!(first.at >= std::time::Duration::from_millis(300));
}

#[test]
fn calm_may_come_at_another_time() {
    let sooner = set("weather.until=\"400ms\"");
    let repro = slow_writes(1, 40);
    for fork in [
        fork("lossy-network@1", "300ms", &sooner).unwrap(),
        of_repro(&repro, "300ms", &sooner).unwrap(),
    ] {
        let calm = fork.right.experiment.fate().until();
        assert_eq!(calm.as_nanos(), 400_000_000);
        assert_ne!(fork.left.experiment.fate().until(), calm);
        let losses = |side: &Side| {
            let faults = Fork::run(side, &AtomicU64::new(0)).faults;
            faults.get("loss").copied().unwrap_or(0)
        };
        assert!(losses(&fork.right) < losses(&fork.left));
    }
    let refused = |change: &str| of_repro(&repro, "300ms", &set(change)).unwrap_err();
    let error = refused("weather.until=\"200ms\"");
    assert!(
        error.to_string().contains("the fork is at 300ms"),
        "{error}"
    );
    assert_eq!(error.help().unwrap(), "name an instant between the two");
    assert!(
        refused("weather.until=\"2h\"")
            .to_string()
            .contains("--set")
    );
}

#[test]
fn a_repro_keeps_its_list_where_content_is_lost_beside_it() {
    let repro = slow_writes(1, 40);
    let damage = fault("damage = { device = \"east.data\", block = 3, kind = \"rot\" }");
    let fork = of_repro(&repro, "300ms", &damage).unwrap();
    for side in [&fork.left, &fork.right] {
        assert!(side.experiment.fate().script().is_some());
        assert!(side.experiment.oracles().is_charting());
    }
}

#[test]
fn a_repro_has_no_other_settings_either() {
    let repro = slow_writes(1, 40);
    for fixed in [
        "weather.swarm=1/2",
        "weather.calm=\"core\"",
        "weather.recurring.kill.every=\"1s\"",
        "topology.mediator=true",
    ] {
        let error = of_repro(&repro, "300ms", &set(fixed)).unwrap_err();
        assert!(matches!(error, ForkError::Fixed(_)), "{error}");
        assert!(
            error
                .help()
                .unwrap()
                .contains("weather.until, weather.loss")
        );
    }
}

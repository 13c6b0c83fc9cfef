use stormglass_reports::record::Difference;

use super::*;
use crate::checkpoint::Checkpoint;
use crate::moment::Moment;
use crate::source::{Setting, Source};

fn side(name: &str, seed: u64, settings: &[&str]) -> Side {
    let settings: Vec<Setting> = settings.iter().map(|text| text.parse().unwrap()).collect();
    let scenario = Source::load(name, &settings).unwrap().scenario;
    Side {
        experiment: Experiment::new(&scenario, seed),
        scenario: Arc::new(scenario),
        seed,
    }
}

fn parting(left: Side, right: Side, differ: Differ) -> PartingRecord {
    part(left, right, differ, &AtomicU64::new(0))
}

fn first(parting: &PartingRecord) -> &Difference {
    parting.first_difference.as_ref().expect("they part")
}

/// The last turn up to which two runs have equal hashes, found by comparing each.
fn last_equal_turn(left: Side, right: Side) -> Pair {
    let mut pair = Pair::new(left, right);
    loop {
        let low = pair.clone();
        pair.advance(1, &AtomicU64::new(0));
        if !pair.has_equal_hashes() {
            return low;
        }
    }
}

#[test]
fn a_run_is_equal_to_itself() {
    let owner = || side("owner-crash", 7, &[]);
    let found = parting(owner(), owner(), Differ::State);
    assert_eq!(found, PartingRecord::default());
}

#[test]
fn a_dropped_packet_is_named_with_the_event_at_which_it_shows() {
    let sides = || {
        let right = side("lossy-network", 1, &["weather.loss=0/1"]);
        (side("lossy-network", 1, &[]), right)
    };
    let (left, right) = sides();
    let found = parting(left, right, Differ::Events);
    let Difference {
        event,
        component,
        field,
        left,
        right,
        ..
    } = first(&found);
    assert_eq!(component, "inter-cluster");
    let named = field.strip_prefix("in_flight[path-open ");
    let named = named.unwrap_or_else(|| panic!("{field}"));
    assert!(
        named.ends_with(" part 0 attempt 0 from west-1.D to east-2.D]"),
        "{field}"
    );
    assert_eq!(left, "absent");
    assert!(right.starts_with("arrives: "), "{right}");
    let lost = &found.left_event.as_ref().unwrap().faults;
    assert!(lost[0].starts_with("lose path-open "), "{}", lost[0]);
    assert!(found.right_event.as_ref().unwrap().faults.is_empty());
    assert_eq!(found.before[0].field, "strength.loss");

    // The same as by looking at every turn.
    let (left, right) = sides();
    let low = last_equal_turn(left, right);
    let before = low.left.experiment.world().totals().events;
    assert!(before < *event && *event <= before + 2, "{before} {event}");
}

#[test]
fn an_event_that_only_comes_at_another_time_is_called_so() {
    let slow = &["devices.\"east.journal\".write=5ms"];
    let found = parting(
        side("owner-crash", 7, &[]),
        side("owner-crash", 7, slow),
        Differ::Events,
    );
    assert_eq!(first(&found).component, "east.journal");
    assert!(found.notes[0].starts_with("the same event at another time: "));
    // Only the earlier side has moved.
    assert!(found.left_event.is_some());
    assert_eq!(found.right_event, None);
}

#[test]
fn what_changes_no_event_is_told_where_nothing_else_differs() {
    let found = parting(
        side("replicated-write", 1, &["weather.until=40s"]),
        side("replicated-write", 1, &["weather.until=50s"]),
        Differ::Events,
    );
    let first = first(&found);
    assert_eq!((first.event, first.component.as_str()), (0, "weather"));
    assert_eq!(first.field, "until");
}

#[test]
fn a_checkpoint_is_held_against_the_run_at_its_event() {
    let whole = || Given::Run(Box::new(side("owner-crash", 7, &[])));
    let progress = AtomicU64::new(0);
    let at = |moment: &str| {
        let scenario = side("owner-crash", 7, &[]).scenario;
        let moment: Moment = moment.parse().unwrap();
        let checkpoint = Checkpoint::at(&scenario, 7, moment, &progress).unwrap();
        Box::new(Side::from(checkpoint))
    };
    // At 500 ms the node is down, by something that is no event.
    for moment in ["500ms", "700", "0"] {
        let found = compare(whole(), Given::Checkpoint(at(moment)), &progress).unwrap();
        assert_eq!(found.first_difference, None, "{moment}");
    }
    let mut other = at("700");
    let longer = side("owner-crash", 7, &["weather.loss=1/2"]).scenario;
    other.experiment.change_weather(&other.scenario, &longer, 7);
    let found = compare(Given::Checkpoint(other), whole(), &progress).unwrap();
    let first = first(&found);
    assert!(first.event > 700, "{first:?}");
    assert!(first.field.starts_with("in_flight["), "{first:?}");
    assert!(
        found
            .notes
            .contains(&"compared from event 700 on, where the later one stands".to_owned())
    );

    let mut late = at("700");
    late.experiment = Experiment::new(&late.scenario, 8);
    let found = compare(
        Given::Checkpoint(late),
        Given::Checkpoint(at("700")),
        &progress,
    )
    .unwrap();
    assert_eq!(super::tests::first(&found).event, 700);
}

#[test]
fn a_run_that_goes_on_differs_from_one_that_ends() {
    let found = parting(
        side("replicated-write", 1, &[]),
        side("replicated-write", 1, &["limits.events=500"]),
        Differ::Events,
    );
    let first = first(&found);
    assert_eq!(
        (first.component.as_str(), first.field.as_str()),
        ("run", "end")
    );
    assert_eq!(first.right, "event limit reached");
}

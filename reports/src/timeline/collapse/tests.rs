use std::time::Duration;

use super::*;

fn entry(millis: u64, lane: &str, alike: Option<&str>) -> TimelineEntry {
    let at = Duration::from_millis(millis);
    let entry = TimelineEntry::new(at, lane, TimelineKind::Client, format!("at {millis}"));
    match alike {
        Some(alike) => entry.one_of(alike),
        None => entry,
    }
}

/// Each line in a word: an entry's text, or the count with the number of lanes.
fn collapsed(timeline: &[TimelineEntry]) -> Vec<String> {
    let words = collapse(timeline).into_iter().map(|line| match line {
        Line::Entry(entry) => entry.text.clone(),
        Line::More {
            last,
            count,
            alike,
            lanes,
        } => format!("{count} {alike} on {lanes} until {}", last.at.as_millis()),
    });
    words.collect()
}

#[test]
fn repetitions_are_counted_at_their_last() {
    let writes = [1, 2, 3, 4].map(|at| entry(at, "c1", Some("writes")));
    assert_eq!(collapsed(&writes), ["at 1", "3 writes on 1 until 4"]);
}

#[test]
fn two_are_not_worth_counting() {
    let writes = [1, 2].map(|at| entry(at, "c1", Some("writes")));
    assert_eq!(collapsed(&writes), ["at 1", "at 2"]);
}

#[test]
fn a_group_ends_at_an_entry_that_stands_for_itself() {
    let mut timeline: Vec<_> = (1..8).map(|at| entry(at, "c1", Some("writes"))).collect();
    timeline[3].alike = None;
    assert_eq!(
        collapsed(&timeline),
        [
            "at 1",
            "2 writes on 1 until 3",
            "at 4",
            "at 5",
            "2 writes on 1 until 7"
        ]
    );
}

#[test]
fn two_groups_may_interleave_and_span_lanes() {
    let timeline: Vec<_> = (0..9)
        .map(|at| {
            let alike = ["writes", "reads", "writes"][at % 3];
            entry(at as u64, ["c1", "c2", "c3"][at % 3], Some(alike))
        })
        .collect();
    assert_eq!(
        collapsed(&timeline),
        [
            "at 0",
            "at 1",
            "2 reads on 1 until 7",
            "5 writes on 2 until 8"
        ]
    );
}

#[test]
fn the_same_plural_of_another_kind_is_another_group() {
    let mut timeline: Vec<_> = (0..4).map(|at| entry(at, "c1", Some("drops"))).collect();
    timeline[1].kind = TimelineKind::Fault;
    timeline[3].kind = TimelineKind::Fault;
    assert_eq!(collapsed(&timeline), ["at 0", "at 1", "at 2", "at 3"]);
}

#[test]
fn entries_come_in_order_of_time_and_ties_in_order_of_events() {
    let mut timeline = [3, 1, 1].map(|at| entry(at, "c1", None));
    timeline[2].text = "second at 1".to_owned();
    assert_eq!(collapsed(&timeline), ["at 1", "second at 1", "at 3"]);
}

#[test]
fn nothing_collapses_to_nothing() {
    assert_eq!(collapsed(&[]), Vec::<String>::new());
}

use super::Linearizable;
use crate::oracle::brute::is_linearizable;
use crate::oracle::story::*;
use crate::workload::{BlockValue, CommandKind};
use stormglass_sim::time::WorldTime;

fn says(story: &Story) -> Vec<String> {
    story.o2().into_iter().map(|finding| finding.says).collect()
}

/// Two blocks by command 1, then command 2 on both, which is going on.
fn overwriting() -> Story {
    Story::new()
        .write(1, blocks(0, 2), 1..2)
        .begins(2, CommandKind::Write, blocks(0, 2), 3)
}

#[test]
fn a_read_of_half_a_command_is_found() {
    for halves in [[by(2), by(1)], [by(1), by(2)]] {
        let story = overwriting().read(3, blocks(0, 2), 5..6, &halves);
        assert!(!is_linearizable(&story.events()));
        assert_eq!(says(&story).len(), 1, "{:?}", says(&story));
        assert!(says(&story)[0].starts_with("c1:3 read half of c1:2"));
    }
}

#[test]
fn a_read_of_half_a_command_over_zeroes_is_found() {
    let story = Story::new().begins(1, CommandKind::Write, blocks(0, 2), 1);
    let story = story.read(2, blocks(0, 2), 5..6, &[by(1), ZERO]);
    assert_eq!(
        says(&story),
        ["c1:2 read half of c1:1: block 0 holds it, and block 1 holds zeroes, which it overwrote"]
    );
    let zeroed = story.begins(3, CommandKind::WriteZeroes, blocks(1, 1), 2);
    assert!(is_linearizable(&zeroed.events()));
    assert_eq!(says(&zeroed), [""; 0]);
}

#[test]
fn a_compare_that_matched_half_a_command_is_found() {
    let story = overwriting().compare(3, blocks(0, 2), 5..6, &[by(2), by(1)], SUCCESS);
    assert!(
        says(&story)
            .iter()
            .any(|says| says.starts_with("c1:3 read half of c1:2"))
    );
}

#[test]
fn half_a_command_under_another_one_is_fine() {
    let story = overwriting().begins(4, CommandKind::Write, blocks(1, 1), 4);
    let story = story.read(3, blocks(0, 2), 5..6, &[by(2), by(4)]);
    assert!(is_linearizable(&story.events()));
    assert_eq!(says(&story), [""; 0]);
}

#[test]
fn compares_that_replaced_each_other_are_found() {
    let story = Story::new()
        .compare(1, one(), 1..9, &[by(2)], SUCCESS)
        .compare(2, one(), 2..8, &[by(1)], SUCCESS);
    assert!(says(&story).contains(&"block 0: c1:1 replaced what only came of it".to_owned()));
}

#[test]
fn a_read_of_what_a_compare_had_replaced_is_found() {
    let story = Story::new()
        .write(1, one(), 1..20)
        .compare(2, one(), 2..5, &[by(1)], SUCCESS)
        .read(3, one(), 6..7, &[by(1)]);
    assert_eq!(
        says(&story),
        ["block 0: c1:2 was over before what it came of"]
    );
}

#[test]
fn nothing_fits_between_a_compare_and_what_it_replaced() {
    let story = Story::new()
        .write(1, one(), 1..2)
        .read(5, one(), 3..4, &[by(1)])
        .write(2, one(), 5..6)
        .compare(3, one(), 3..20, &[by(1)], SUCCESS)
        .read(4, one(), 21..22, &[by(3)]);
    // The compare may precede the write in its midst, but what it wrote is read
    // after it.
    assert!(!is_linearizable(&story.events()));
    assert_eq!(says(&story), ["block 0: c1:2 stood there while c1:1 did"]);
}

#[test]
fn a_compare_without_an_answer_whose_value_was_seen_replaced_what_it_expected() {
    let story = Story::new()
        .write(1, one(), 1..2)
        .begins_compare(2, one(), 3, &[by(1)])
        .begins_compare(3, one(), 3, &[by(1)])
        .read(4, one(), 5..6, &[by(2)]);
    assert_eq!(says(&story), [""; 0]);
    let both = story.read(5, one(), 7..8, &[by(3)]);
    let says = says(&both);
    assert!(says[0].ends_with("both replaced c1:1"), "{says:?}");
}

#[test]
fn zeroes_where_another_value_certainly_stood_are_found() {
    let story = Story::new()
        .write(1, one(), 1..2)
        .begins(9, CommandKind::WriteZeroes, one(), 1)
        .read(2, one(), 3..10, &[by(1)])
        .read(3, one(), 4..5, &[ZERO]);
    assert_eq!(
        says(&story.clone()),
        [""; 0],
        "a late write of zeroes explains them"
    );
    let between = story.read(4, one(), 11..12, &[by(1)]);
    assert!(!is_linearizable(&between.events()));
    assert_eq!(
        says(&between),
        ["block 0: zeroes stood there while c1:1 did"]
    );
}

#[test]
fn acknowledged_zeroes_under_a_value_that_stays_are_found() {
    let story = Story::new()
        .write(1, one(), 1..2)
        .zeroes(2, one(), 3..4)
        .read(3, one(), 5..6, &[by(1)]);
    assert_eq!(says(&story), ["block 0: zeroes stood there while c1:1 did"]);
}

#[test]
fn torn_data_is_found_at_once() {
    let (mut oracle, mut findings) = (Linearizable::default(), vec![]);
    let story = Story::new().read(1, one(), 1..2, &[BlockValue::Torn]);
    for (number, (_, event)) in story.events().iter().enumerate() {
        oracle.observe(WorldTime::ZERO, number as u64, event, &mut findings);
    }
    assert_eq!(findings[0].says, "c1:1 read a torn block from block 0");
    assert_eq!(findings[0].events, [0, 1]);
}

#[test]
fn no_finding_cites_what_is_no_event() {
    let story = Story::new()
        .begins(1, CommandKind::Write, one(), 1)
        .write(2, one(), 2..3)
        .read(3, one(), 4..5, &[by(1)])
        .read(4, one(), 6..7, &[by(2)])
        .read(5, one(), 8..9, &[by(1)]);
    let findings = story.o2();
    assert!(!findings.is_empty());
    let count = story.events().len() as u64;
    assert!(
        findings
            .iter()
            .flat_map(|finding| &finding.events)
            .all(|event| *event < count)
    );
}

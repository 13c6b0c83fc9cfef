use crate::oracle::Finding;
use crate::oracle::story::*;
use crate::workload::{BlockValue, CommandKind};

fn says(findings: Vec<Finding>) -> Vec<String> {
    findings.into_iter().map(|finding| finding.says).collect()
}

#[test]
fn the_content_in_the_end_is_what_was_acknowledged_last() {
    let story = Story::new().write(1, one(), 1..2).write(2, one(), 3..4);
    assert_eq!(story.o17_in_the_end(blocks(0, 2), &[by(2), ZERO]), []);
    assert_eq!(
        says(story.o17_in_the_end(blocks(0, 2), &[by(1), ZERO])),
        ["block 0 holds c1:1 in the end; it may hold c1:2"]
    );
    assert_eq!(
        says(story.o17_in_the_end(blocks(0, 2), &[by(2), by(2)])),
        ["block 1 holds c1:2 in the end; it may hold zeroes"]
    );
}

#[test]
fn concurrent_writes_may_both_have_been_the_last() {
    let story = Story::new().write(1, one(), 1..9).write(2, one(), 2..8);
    for value in [by(1), by(2)] {
        assert_eq!(story.o17_in_the_end(one(), &[value]), []);
    }
    assert_eq!(
        says(story.o17_in_the_end(one(), &[ZERO])),
        ["block 0 holds zeroes in the end; it may hold c1:1 or c1:2"]
    );
}

#[test]
fn a_write_without_an_outcome_may_be_in_the_end_or_not() {
    let story = Story::new()
        .begins(1, CommandKind::Write, one(), 1)
        .unknown(1, 5);
    for value in [ZERO, by(1)] {
        assert_eq!(story.o17_in_the_end(one(), &[value]), []);
    }
    let overtaken = story.write(2, one(), 6..7).write(3, one(), 8..9);
    assert_eq!(overtaken.o17_in_the_end(one(), &[by(3)]), []);
    assert_eq!(overtaken.o17_in_the_end(one(), &[by(1)]).len(), 1);
}

#[test]
fn a_failed_write_is_not_in_the_end() {
    let story = Story::new()
        .begins(1, CommandKind::Write, one(), 1)
        .ends(1, 5, REFUSED);
    assert_eq!(story.o17_in_the_end(one(), &[ZERO]), []);
    assert_eq!(story.o17_in_the_end(one(), &[by(1)]).len(), 1);
}

#[test]
fn damaged_content_in_the_end_is_found() {
    for value in [BlockValue::Torn, BlockValue::Garbage] {
        assert_eq!(Story::new().o17_in_the_end(one(), &[value]).len(), 1);
    }
}

#[test]
fn a_read_that_is_going_on_may_see_what_begins_meanwhile() {
    let story = Story::new()
        .write(1, one(), 3..4)
        .read(2, one(), 1..9, &[by(1)]);
    assert_eq!(story.o17(), []);
    let overwritten = Story::new().write(1, one(), 3..4).write(3, one(), 5..6);
    assert_eq!(overwritten.read(2, one(), 1..9, &[by(1)]).o17(), []);
}

#[test]
fn a_failure_is_found_if_the_value_was_seen() {
    let begun = Story::new().begins(1, CommandKind::Write, one(), 1);
    let seen = begun.read(2, one(), 2..3, &[by(1)]).ends(1, 4, REFUSED);
    assert_eq!(
        says(seen.o17()),
        ["c1:1 had no effect, it is said, and its value was seen"]
    );
}

#[test]
fn zeroes_of_several_writers_settle_none_of_them() {
    let story = Story::new()
        .zeroes(1, one(), 1..2)
        .begins(2, CommandKind::WriteZeroes, one(), 3)
        .read(3, one(), 4..5, &[ZERO])
        .write(4, one(), 6..7)
        .read(5, one(), 8..9, &[ZERO]);
    assert_eq!(story.o17(), []);
    let settled = story.ends(2, 10, SUCCESS).write(6, one(), 11..12);
    assert_eq!(settled.clone().read(7, one(), 13..14, &[by(6)]).o17(), []);
    assert_eq!(settled.read(7, one(), 13..14, &[ZERO]).o17().len(), 1);
}

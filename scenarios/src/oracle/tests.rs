//! Histories that O2 and O17 judge alike, told once; what they judge by
//! different rules stands beside each of them.

use proptest::prelude::*;

use super::brute::is_linearizable;
use super::legal::{self, Draft};
use super::story::*;
use crate::workload::fake::{self, Flaw, Weather};
use crate::workload::{BlockValue, ClientEvent, CommandKind, Mix};
use stormglass_engine::vocabulary::{BlockIndex, Range};
use stormglass_sim::time::WorldTime;

/// Both find nothing, and rightly so.
fn assert_legal(story: &Story) {
    assert!(is_linearizable(&story.events()), "{story:?}");
    assert_eq!(story.o2(), []);
    assert_eq!(story.o17(), []);
}

/// Both find something, and rightly so.
fn assert_illegal(story: &Story) {
    assert!(!is_linearizable(&story.events()), "{story:?}");
    assert!(!story.o2().is_empty(), "O2 is blind");
    assert!(!story.o17().is_empty(), "O17 is blind");
}

#[test]
fn concurrent_reads_may_see_either_value() {
    for (first, second) in [(ZERO, ZERO), (ZERO, by(1)), (by(1), by(1))] {
        assert_legal(
            &Story::new()
                .write(1, one(), 10..50)
                .read(2, one(), 15..20, &[first])
                .read(3, one(), 25..30, &[second])
                .read(4, one(), 55..60, &[by(1)]),
        );
    }
}

#[test]
fn a_stale_read_is_found() {
    let written = Story::new().write(1, one(), 1..2).write(2, one(), 3..4);
    assert_legal(&written.clone().read(3, one(), 5..6, &[by(2)]));
    assert_illegal(&written.clone().read(3, one(), 5..6, &[by(1)]));
    assert_illegal(&written.read(3, one(), 5..6, &[ZERO]));
}

#[test]
fn a_lost_acknowledged_write_is_found() {
    assert_illegal(
        &Story::new()
            .write(1, one(), 1..2)
            .read(2, one(), 3..4, &[ZERO]),
    );
}

#[test]
fn a_value_that_reverts_is_found() {
    let story = Story::new().begins(1, CommandKind::Write, one(), 1);
    assert_illegal(
        &story
            .read(2, one(), 5..6, &[by(1)])
            .read(3, one(), 7..8, &[ZERO]),
    );
    let concurrent = Story::new()
        .write(1, one(), 1..9)
        .write(2, one(), 2..8)
        .read(3, one(), 10..11, &[by(1)]);
    assert_legal(&concurrent.clone().read(4, one(), 12..13, &[by(1)]));
    assert_illegal(&concurrent.read(4, one(), 12..13, &[by(2)]));
}

#[test]
fn a_value_from_nowhere_or_from_the_future_is_found() {
    assert_illegal(&Story::new().read(1, one(), 1..2, &[by(9)]));
    assert_illegal(
        &Story::new()
            .read(1, one(), 1..2, &[by(2)])
            .write(2, one(), 3..4),
    );
    let elsewhere = Story::new().write(1, blocks(1, 1), 1..2);
    assert_illegal(&elsewhere.read(2, one(), 3..4, &[by(1)]));
}

#[test]
fn a_torn_misplaced_or_damaged_block_is_found() {
    let foreign = BlockValue::Foreign {
        command: id(1),
        block: BlockIndex::new(7),
    };
    for value in [BlockValue::Torn, BlockValue::Garbage, foreign] {
        assert_illegal(
            &Story::new()
                .write(1, one(), 1..2)
                .read(2, one(), 3..4, &[value]),
        );
    }
}

#[test]
fn an_unknown_write_may_take_effect_late_or_never() {
    let unknown = Story::new()
        .begins(1, CommandKind::Write, one(), 1)
        .unknown(1, 10);
    let story = unknown.read(2, one(), 20..21, &[ZERO]);
    assert_legal(&story.clone().read(3, one(), 30..31, &[ZERO]));
    assert_legal(
        &story
            .clone()
            .read(3, one(), 30..31, &[by(1)])
            .ends(1, 40, SUCCESS),
    );
    assert_legal(&story.read(3, one(), 30..31, &[ZERO]).ends(1, 40, REFUSED));
}

#[test]
fn a_ghost_write_after_its_unknown_and_a_newer_acknowledgement_is_found() {
    let unknown = Story::new()
        .begins(1, CommandKind::Write, one(), 1)
        .unknown(1, 10);
    let ghost = |story: Story| {
        story
            .read(3, one(), 20..21, &[by(2)])
            .read(4, one(), 22..23, &[by(1)])
    };
    assert_illegal(&ghost(unknown.clone().write(2, one(), 11..12)));
    assert_illegal(&ghost(unknown.clone().write(2, one(), 11..12)).ends(1, 30, SUCCESS));
    // Invoked before the report: the two may still overtake each other.
    assert_legal(&ghost(unknown.clone().write(2, one(), 9..22)));
    // Not acknowledged: the same.
    assert_legal(&ghost(
        unknown
            .begins(2, CommandKind::Write, one(), 11)
            .unknown(2, 12),
    ));
}

#[test]
fn a_ghost_is_found_in_all_blocks_of_its_command() {
    let story = Story::new()
        .begins(1, CommandKind::Write, blocks(0, 2), 1)
        .unknown(1, 10)
        .write(2, blocks(1, 1), 11..12)
        .read(3, one(), 13..14, &[ZERO]);
    assert_legal(&story.clone().read(4, one(), 15..16, &[ZERO]));
    assert_illegal(&story.read(4, one(), 15..16, &[by(1)]));
}

#[test]
fn the_value_of_a_failed_write_is_found_before_and_after_its_failure() {
    let begun = Story::new().begins(1, CommandKind::Write, one(), 1);
    assert_illegal(
        &begun
            .clone()
            .read(2, one(), 2..3, &[by(1)])
            .ends(1, 4, REFUSED),
    );
    assert_illegal(
        &begun
            .clone()
            .ends(1, 4, REFUSED)
            .read(2, one(), 5..6, &[by(1)]),
    );
    assert_illegal(&begun.ends(1, 4, REFUSED).read(2, one(), 2..6, &[by(1)]));
}

#[test]
fn compares_chain() {
    let story = Story::new()
        .write(1, one(), 1..20)
        .compare(2, one(), 2..19, &[by(1)], SUCCESS)
        .compare(3, one(), 3..18, &[by(2)], SUCCESS)
        .compare(4, one(), 4..30, &[by(1)], MISMATCH);
    assert_legal(&story.clone().read(5, one(), 40..41, &[by(3)]));
    assert_illegal(&story.clone().read(5, one(), 40..41, &[by(2)]));
    assert_illegal(&story.read(5, one(), 40..41, &[by(1)]));
}

#[test]
fn two_compares_that_replace_one_value_are_found() {
    for (first, second) in [(10..11, 12..13), (10..20, 11..19)] {
        assert_illegal(
            &Story::new()
                .write(1, one(), 1..2)
                .compare(2, one(), first, &[by(1)], SUCCESS)
                .compare(3, one(), second, &[by(1)], SUCCESS),
        );
    }
}

#[test]
fn a_compare_that_was_performed_twice_is_found() {
    // Its first effect was overwritten, and then it happened again.
    assert_illegal(
        &Story::new()
            .begins_compare(1, one(), 1, &[ZERO])
            .unknown(1, 5)
            .read(2, one(), 6..7, &[by(1)])
            .zeroes(3, one(), 8..9)
            .ends(1, 20, SUCCESS)
            .read(4, one(), 21..22, &[by(1)]),
    );
}

#[test]
fn a_compare_that_matched_what_was_not_there_is_found() {
    let written = Story::new().write(1, one(), 1..2).write(2, one(), 3..4);
    for absent in [ZERO, by(1), by(9)] {
        assert_illegal(&written.clone().compare(3, one(), 5..6, &[absent], SUCCESS));
    }
}

#[test]
fn a_mismatch_with_what_certainly_stood_there_is_found() {
    let story = Story::new()
        .write(1, one(), 1..2)
        .compare(2, one(), 3..4, &[by(1)], MISMATCH)
        .read(3, one(), 5..6, &[by(1)]);
    assert_illegal(&story);
    // A write that goes on may come late, and nobody knows.
    let may_differ = Story::new()
        .write(1, one(), 1..2)
        .begins(4, CommandKind::Write, one(), 1);
    assert_legal(&may_differ.compare(2, one(), 3..4, &[by(1)], MISMATCH));
    let untouched = Story::new().compare(1, one(), 1..2, &[ZERO], MISMATCH);
    assert_illegal(&untouched);
    let wide = Story::new().write(1, blocks(0, 2), 1..2);
    let wide = wide.compare(2, blocks(0, 2), 3..4, &[by(1), by(1)], MISMATCH);
    assert_illegal(&wide.read(3, blocks(0, 2), 5..6, &[by(1), by(1)]));
}

#[test]
fn a_wide_mismatch_needs_one_block_that_differs() {
    assert_legal(
        &Story::new()
            .write(1, one(), 1..2)
            .compare(2, blocks(0, 2), 3..4, &[by(1), by(1)], MISMATCH)
            .read(3, blocks(0, 2), 5..6, &[by(1), ZERO]),
    );
}

#[test]
fn zeroes_come_back_only_where_somebody_wrote_them() {
    let story = Story::new().write(1, one(), 1..2).zeroes(2, one(), 3..4);
    assert_legal(&story.clone().read(3, one(), 5..6, &[ZERO]));
    assert_illegal(&story.clone().read(3, one(), 5..6, &[by(1)]));
    let over = story.write(4, one(), 7..8);
    assert_legal(&over.clone().read(5, one(), 9..10, &[by(4)]));
    assert_illegal(&over.clone().read(5, one(), 9..10, &[ZERO]));
    let late = over
        .begins(6, CommandKind::WriteZeroes, one(), 9)
        .unknown(6, 10);
    assert_legal(&late.read(5, one(), 11..12, &[ZERO]));
}

#[test]
fn findings_cite_the_events_that_prove_them() {
    let story = Story::new().write(1, one(), 1..2).write(2, one(), 3..4);
    let story = story.read(3, one(), 5..6, &[by(1)]);
    let [o2, o17] = [story.o2(), story.o17()].map(|mut findings| findings.remove(0));
    assert_eq!(o2.says, "block 0: c1:2 stood there while c1:1 did");
    assert_eq!(o2.events, [1, 2, 3, 4]);
    assert_eq!(o17.says, "c1:3 read c1:1 from block 0; it may read c1:2");
    assert_eq!(o17.events, [2, 3, 4, 5]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_history_of_a_sequential_volume_is_found(drafts in legal::drafts()) {
        let legal = legal::build(&drafts);
        prop_assert_eq!(legal.story.o2(), []);
        prop_assert_eq!(legal.story.o8(), []);
        prop_assert_eq!(legal.story.o17_in_the_end(legal::area(), &legal.content), []);
    }

    #[test]
    fn an_older_value_in_place_of_what_was_read_is_found(
        drafts in legal::drafts(),
        at in 0..30usize,
        block in 0..legal::BLOCKS,
    ) {
        // Two writes and a read, one after the other, in the midst of the rest.
        let mut drafts = drafts;
        let at = at.min(drafts.len());
        drafts.splice(at..at, Draft::write_write_read(block));
        let legal = legal::build(&drafts);
        prop_assert_eq!(legal.story.o2(), []);
        let stale = legal.story.with_read(at as u64 + 3, 0, by(at as u64 + 1));
        prop_assert!(!stale.o2().is_empty());
        prop_assert!(!stale.o17().is_empty());
    }

    #[test]
    fn other_content_in_the_end_is_found(drafts in legal::drafts(), block in 0..legal::BLOCKS) {
        let mut drafts = drafts;
        drafts.extend(Draft::write_write_read(block));
        let legal = legal::build(&drafts);
        let mut content = legal.content;
        content[block as usize] = by(drafts.len() as u64 - 2);
        prop_assert!(!legal.story.o17_in_the_end(legal::area(), &content).is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn what_can_be_put_in_order_is_never_found(ops in legal::scraps(2, true)) {
        let story = legal::tell(&ops);
        if is_linearizable(&story.events()) {
            prop_assert_eq!(story.o2(), []);
            prop_assert_eq!(story.o17(), []);
        }
    }

    #[test]
    fn on_one_block_of_unique_values_o2_finds_all_that_cannot_be_put_in_order(
        ops in legal::scraps(1, false),
    ) {
        let story = legal::tell(&ops);
        prop_assert_eq!(is_linearizable(&story.events()), story.o2().is_empty());
    }
}

/// Runs real clients against a small cluster with a flaw; findings by oracle.
fn rehearse(flaw: Flaw, seed: u64, loss: u64) -> [usize; 3] {
    let mix = Mix {
        compare_and_write: 20,
        ..Mix::default()
    };
    let identities = [1, 2, 3].map(|client| fake::identity(client, 120, 3, mix));
    let weather = Weather {
        seed,
        loss,
        duplicates: 200,
        delay_max: 800,
        restart: 5_000,
    };
    let ended = fake::run(&identities, flaw, weather);
    let (mut o2, mut o8, mut o17) =
        <(super::Linearizable, super::Outcomes, super::Reference)>::default();
    let mut found = [vec![], vec![], vec![]];
    let [two, eight, seventeen] = &mut found;
    for (number, (at, event)) in ended.history.iter().enumerate() {
        let (at, number) = (WorldTime::from_nanos(at.as_nanos()), number as u64);
        o2.observe(at, number, event, two);
        o8.observe(at, number, event, eight);
        o17.observe(at, number, event, seventeen);
    }
    let end = WorldTime::from_nanos(u64::MAX);
    o2.finish(end, two);
    o8.finish(end, eight);
    let area = Range::new(BlockIndex::new(0), 12).expect("never empty");
    o17.finish(end, area, |block| Some(ended.node.value(block)), seventeen);
    assert!(o2.checks() > 200 && o8.checks() > 360 && o17.checks() > 200);
    found.map(|findings| findings.len())
}

#[test]
fn a_faultless_cluster_under_a_bad_network_is_never_accused() {
    for seed in 0..20 {
        assert_eq!(rehearse(Flaw::None, seed, 200), [0, 0, 0], "seed {seed}");
    }
}

#[test]
fn each_flaw_of_a_cluster_is_found() {
    let both = |flaw| {
        let found: Vec<_> = (0..5).map(|seed| rehearse(flaw, seed, 500)).collect();
        assert!(
            found.iter().any(|[o2, _, _]| *o2 > 0),
            "O2 is blind for {flaw:?}"
        );
        assert!(
            found.iter().any(|[_, _, o17]| *o17 > 0),
            "O17 is blind for {flaw:?}"
        );
    };
    both(Flaw::LosesWrites(20));
    both(Flaw::ReadsStale(10));
    both(Flaw::TearsWrites(20));
    both(Flaw::ForgetsOutcomes);
}

#[test]
fn oracles_survive_being_stored_and_forked() {
    let story = Story::new()
        .write(1, one(), 1..2)
        .begins(2, CommandKind::Read, one(), 3);
    let (mut oracle, mut findings) = (super::Reference::default(), vec![]);
    for (number, (_, event)) in story.events().iter().enumerate() {
        oracle.observe(WorldTime::ZERO, number as u64, event, &mut findings);
    }
    let bytes = postcard::to_stdvec(&oracle).expect("plain data");
    let stored: super::Reference = postcard::from_bytes(&bytes).expect("what was stored");
    assert_eq!(stored, oracle);
    let mut fork = oracle.clone();
    let values = vec![by(9)];
    fork.observe(
        WorldTime::ZERO,
        9,
        &ClientEvent::ReadReturned { id: id(2), values },
        &mut findings,
    );
    assert_eq!((findings.len(), oracle.checks(), fork.checks()), (1, 0, 1));
}

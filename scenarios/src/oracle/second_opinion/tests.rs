use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::oracle::brute::is_linearizable;
use crate::oracle::legal::{self, Draft};
use crate::oracle::story::*;
use crate::workload::{BlockValue, CommandKind};
use search::{OPERATIONS_MAX, Operation, Step};

/// O2 after a story, before it has judged.
fn listen(story: &Story) -> Linearizable {
    let mut oracle = Linearizable::default();
    for (number, (_, event)) in story.events().iter().enumerate() {
        oracle.observe(WorldTime::ZERO, number as u64, event, &mut Vec::new());
    }
    oracle
}

/// The second opinion of each block.
fn opinions(story: &Story) -> Vec<Opinion> {
    let oracle = listen(story);
    let blocks = split::blocks(oracle.history());
    let histories = blocks.values();
    histories
        .map(|history| search::judge(&history.operations))
        .collect()
}

fn is_legal(story: &Story) -> bool {
    opinions(story)
        .iter()
        .all(|opinion| *opinion == Opinion::Legal)
}

/// Both opinions, compared.
fn consulted(story: &Story) -> (Consulted, Vec<Finding>) {
    let (mut oracle, mut findings) = (listen(story), Vec::new());
    let consulted = oracle.finish(WorldTime::ZERO, &mut findings);
    (consulted, findings)
}

/// So many histories, the same each time.
fn histories<T>(count: usize, strategy: &impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

/// Judges them all with `judge`, which says whether a history is legal; there are many of
/// either sort.
fn judge_all<T>(histories: &[T], judge: impl Fn(&T) -> bool) {
    let legal = histories.iter().filter(|history| judge(history)).count();
    let (least, illegal) = (histories.len() / 10, histories.len() - legal);
    assert!(legal > least && illegal > least, "{legal} and {illegal}");
}

#[test]
fn the_search_agrees_with_every_order_tried_on_one_block() {
    for is_ambiguous in [false, true] {
        judge_all(
            &histories(4_000, &legal::scraps(1, is_ambiguous)),
            |scraps| {
                let story = legal::tell(scraps);
                let is_legal = is_legal(&story);
                assert_eq!(is_legal, is_linearizable(&story.events()), "{story:?}");
                is_legal
            },
        );
    }
}

#[test]
fn the_search_accepts_what_can_be_put_in_order_over_several_blocks() {
    judge_all(&histories(4_000, &legal::scraps(2, true)), |scraps| {
        let story = legal::tell(scraps);
        let is_whole = is_linearizable(&story.events());
        assert!(is_legal(&story) || !is_whole, "{story:?}");
        is_whole
    });
}

#[test]
fn both_opinions_agree_on_small_histories() {
    for is_ambiguous in [false, true] {
        judge_all(
            &histories(4_000, &legal::scraps(2, is_ambiguous)),
            |scraps| {
                let (consulted, findings) = consulted(&legal::tell(scraps));
                assert_eq!(consulted.disagreement, None, "{scraps:?}");
                assert_eq!(consulted.skipped, 0);
                findings.is_empty()
            },
        );
    }
}

#[test]
fn both_opinions_agree_on_long_histories_and_on_damaged_ones() {
    let strategy = (legal::drafts(), 0..30usize, 0..legal::BLOCKS, any::<bool>());
    judge_all(
        &histories(2_000, &strategy),
        |(drafts, at, block, is_damaged)| {
            let (mut drafts, at) = (drafts.clone(), (*at).min(drafts.len()));
            drafts.splice(at..at, Draft::write_write_read(*block));
            let mut story = legal::build(&drafts).story;
            if *is_damaged {
                story = story.with_read(at as u64 + 3, 0, by(at as u64 + 1));
            }
            let (consulted, findings) = consulted(&story);
            assert_eq!(consulted.disagreement, None, "{story:?}");
            assert!(consulted.judged > 0);
            assert_eq!(is_legal(&story), !is_damaged, "{story:?}");
            assert_eq!(findings.is_empty(), !is_damaged, "{story:?}");
            findings.is_empty()
        },
    );
}

#[test]
fn a_wrong_first_opinion_is_told_apart_from_a_finding() {
    let legal = Story::new()
        .write(1, one(), 1..2)
        .read(2, one(), 3..4, &[by(1)]);
    let illegal = legal.clone().read(3, one(), 5..6, &[ZERO]);
    let consult = |story: &Story, verdict| {
        let mut findings = Vec::new();
        let verdicts = BTreeMap::from([(BlockIndex::new(0), verdict)]);
        let consulted = consult(&listen(story), &verdicts, WorldTime::ZERO, &mut findings);
        (consulted.disagreement, findings.len())
    };
    assert_eq!(consult(&legal, Verdict::Held), (None, 0));
    assert_eq!(consult(&legal, Verdict::MayHold), (None, 0));
    assert_eq!(consult(&illegal, Verdict::Violated), (None, 0));
    assert_eq!(consult(&illegal, Verdict::MayHold), (None, 1));
    let (says, findings) = consult(&illegal, Verdict::Held);
    assert_eq!(findings, 0);
    assert!(says.unwrap().starts_with("O2 accepts block 0"));
    let (says, _) = consult(&legal, Verdict::Violated);
    assert!(says.unwrap().starts_with("O2 objects to block 0"));
}

#[test]
fn what_o2_cannot_judge_is_found_by_the_search() {
    // Zeroes are no unique value here, so O2 judges necessary conditions only: one write of zeroes
    // cannot explain zeroes before and after another value.
    let story = Story::new()
        .begins(9, CommandKind::WriteZeroes, one(), 1)
        .compare(1, one(), 2..3, &[ZERO], SUCCESS)
        .read(2, one(), 4..5, &[ZERO])
        .read(3, one(), 6..7, &[ZERO])
        .compare(4, one(), 8..9, &[ZERO], SUCCESS)
        .read(5, one(), 10..11, &[ZERO]);
    assert!(!is_linearizable(&story.events()));
    let (consulted, findings) = consulted(&story);
    assert_eq!((consulted.judged, consulted.disagreement), (1, None));
    let says: Vec<_> = findings.iter().map(|finding| &finding.says).collect();
    assert_eq!(
        says,
        ["block 0: no order of its commands explains what was seen"]
    );
    let count = story.events().len() as u64;
    assert!(findings[0].events.iter().all(|event| *event < count));
}

/// Writes that all go on, and reads of every other value in the end.
fn crowd(writes: u64) -> Vec<Operation> {
    let value = |n: u64| match n {
        0 => BlockValue::Zero,
        n => by(n),
    };
    let mut crowd: Vec<Operation> = (1..=writes)
        .map(|n| Operation {
            invoked: n,
            limit: 10_000,
            is_optional: false,
            step: Step::Put(value(n)),
        })
        .collect();
    crowd.push(Operation {
        invoked: 20_000,
        limit: 20_001,
        is_optional: false,
        step: Step::Find(ZERO),
    });
    crowd
}

#[test]
fn what_is_too_much_is_left_out_and_counted() {
    assert_eq!(search::judge(&crowd(8)), Opinion::Illegal);
    // Too many orders, too many at a time, too many at all.
    assert_eq!(search::judge(&crowd(30)), Opinion::TooLarge);
    assert_eq!(search::judge(&crowd(65)), Opinion::TooLarge);
    let mut story = Story::new();
    for n in 0..=OPERATIONS_MAX as u64 {
        story = story.write(n + 1, one(), 10 * n..10 * n + 1);
    }
    let (consulted, findings) = consulted(&story);
    assert_eq!((consulted.judged, consulted.skipped), (0, 1));
    assert!(findings.is_empty());
}

#[test]
fn a_long_history_of_few_at_a_time_is_judged() {
    let mut story = Story::new();
    for n in 0..OPERATIONS_MAX as u64 / 2 {
        let at = 10 * n;
        story = story.write(2 * n + 1, one(), at..at + 5);
        story = story.read(2 * n + 2, one(), at + 1..at + 8, &[by(2 * n + 1)]);
    }
    assert_eq!(opinions(&story), [Opinion::Legal]);
    assert_eq!(
        opinions(&story.read(999, one(), 9_000..9_001, &[by(1)])),
        [Opinion::TooLarge],
        "one more than is judged"
    );
}

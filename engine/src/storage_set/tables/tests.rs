use super::*;
use crate::storage_set::record::Perform;
use crate::testing::{GEOMETRY, id, id_of, range, session};
use crate::vocabulary::Content;

fn tables() -> Tables {
    Tables::formatted(Role::Owner, session(1), GEOMETRY.blocks)
}

fn watermark(counter: u64) -> Watermark {
    Watermark {
        client: ClientId::new(7),
        counter,
    }
}

fn mark(counter: u64, clears: Vec<CommandId>) -> Entry {
    Entry::Mark {
        mark: Mark {
            command: id(counter),
            sequence: SequenceId::new(counter),
            range: range(counter, 1),
            checksum: 0,
            session: session(1),
        },
        watermark: watermark(1),
        clears,
        route: Route::Replicated,
    }
}

fn perform(counter: u64, outcome: Outcome) -> Entry {
    Entry::Perform(Perform {
        command: id(counter),
        sequence: SequenceId::new(counter),
        range: range(counter, 1),
        content: Content::Zeroes,
        outcome,
        session: session(1),
        watermark: watermark(1),
    })
}

fn fail(counter: u64, promised: u64) -> Entry {
    Entry::Fail {
        command: id(counter),
        range: None,
        watermark: watermark(promised),
    }
}

fn outcomes(tables: &Tables) -> Vec<(CommandId, Outcome)> {
    let outcome = |(command, result): (&CommandId, &StoredResult)| (*command, result.outcome);
    tables.results.iter().map(outcome).collect()
}

#[test]
fn a_mark_stands_until_a_later_record_clears_it() {
    let mut tables = tables();
    tables.apply(&mark(1, vec![]), &GEOMETRY);
    tables.apply(&mark(2, vec![]), &GEOMETRY);
    tables.apply(&perform(1, Outcome::Performed), &GEOMETRY);
    assert_eq!(tables.marks.len(), 2, "a result clears nothing");
    tables.apply(&mark(3, vec![id(1)]), &GEOMETRY);
    let marks: Vec<_> = tables.marks.keys().copied().collect();
    assert_eq!(marks, [id(2), id(3)]);
    let clears = vec![id(2), id(3), id(9)];
    tables.apply(&Entry::Clear { clears }, &GEOMETRY);
    assert!(tables.marks.is_empty());
    assert_eq!(tables.sequence_high, SequenceId::new(3));
}

#[test]
fn every_outcome_is_kept_with_its_command() {
    let mut tables = tables();
    tables.apply(&perform(1, Outcome::Performed), &GEOMETRY);
    tables.apply(&perform(2, Outcome::Mismatch), &GEOMETRY);
    tables.apply(&fail(3, 1), &GEOMETRY);
    assert_eq!(
        outcomes(&tables),
        [
            (id(1), Outcome::Performed),
            (id(2), Outcome::Mismatch),
            (id(3), Outcome::Failed),
        ]
    );
    let touching = tables.results_touching(range(2, 9));
    assert_eq!(
        touching.len(),
        1,
        "a failure without a range touches nothing"
    );
    assert_eq!(touching[0].command, id(2));
}

#[test]
fn below_its_clients_watermark_nothing_is_kept_or_comes_back() {
    let mut tables = tables();
    for counter in 1..=4 {
        tables.apply(&perform(counter, Outcome::Performed), &GEOMETRY);
    }
    tables.apply(
        &Entry::Perform(Perform {
            command: id_of(8, 1),
            sequence: SequenceId::new(9),
            range: range(0, 1),
            content: Content::Zeroes,
            outcome: Outcome::Performed,
            session: session(1),
            watermark: Watermark {
                client: ClientId::new(8),
                counter: 1,
            },
        }),
        &GEOMETRY,
    );
    tables.apply(&fail(5, 4), &GEOMETRY);
    let commands = |tables: &Tables| tables.results.keys().copied().collect::<Vec<_>>();
    assert_eq!(commands(&tables), [id(4), id(5), id_of(8, 1)]);
    // Two records complete out of order, and an older promise comes last.
    tables.apply(&fail(6, 2), &GEOMETRY);
    assert_eq!(tables.watermark(ClientId::new(7)), 4);
    tables.apply(&perform(3, Outcome::Performed), &GEOMETRY);
    assert_eq!(commands(&tables), [id(4), id(5), id(6), id_of(8, 1)]);
}

#[test]
fn every_client_that_left_a_record_is_known() {
    let mut tables = tables();
    tables.apply(&fail(1, 0), &GEOMETRY);
    assert_eq!(tables.all_watermarks(), [watermark(1)]);
    assert_eq!(tables.watermark(ClientId::new(9)), 1);
}

#[test]
fn a_fence_begins_a_new_count_of_copies_and_raises_watermarks() {
    let mut tables = Tables::formatted(Role::Mirror, session(1), GEOMETRY.blocks);
    let fence = |incarnation| Entry::Fence {
        session: session(incarnation),
        watermarks: vec![watermark(3)],
        resync: false,
        blocks: GEOMETRY.blocks,
    };
    let copy = |number| Entry::Copy {
        copy: CopyNumber::new(number),
        range: range(0, 2),
        content: Content::Zeroes,
        versions: vec![SequenceId::new(40), SequenceId::new(7)],
        results: vec![CommandResult {
            command: id(3),
            outcome: Outcome::Failed,
            range: Some(range(0, 2)),
        }],
        differed: false,
    };
    tables.apply(&fence(2), &GEOMETRY);
    tables.apply(&copy(5), &GEOMETRY);
    assert_eq!(tables.last_copy, CopyNumber::new(5));
    assert_eq!(tables.sequence_high, SequenceId::new(40));
    assert_eq!(outcomes(&tables), [(id(3), Outcome::Failed)]);
    tables.apply(&fence(3), &GEOMETRY);
    assert_eq!(
        (tables.fence, tables.last_copy),
        (session(3), CopyNumber::new(0))
    );
    assert_eq!(tables.watermark(ClientId::new(7)), 3);
}

#[test]
fn a_copys_results_replace_what_the_mirror_thought() {
    let mut tables = Tables::formatted(Role::Mirror, session(1), GEOMETRY.blocks);
    tables.apply(&perform(1, Outcome::Performed), &GEOMETRY);
    tables.apply(
        &Entry::Copy {
            copy: CopyNumber::new(1),
            range: range(1, 1),
            content: Content::Zeroes,
            versions: vec![SequenceId::new(0)],
            results: vec![CommandResult {
                command: id(1),
                outcome: Outcome::Failed,
                range: Some(range(1, 1)),
            }],
            differed: false,
        },
        &GEOMETRY,
    );
    assert_eq!(outcomes(&tables), [(id(1), Outcome::Failed)]);
}

#[test]
#[should_panic(expected = "a fence only rises")]
fn lowering_a_fence_is_our_own_bug() {
    let session = session(1);
    tables().apply(
        &Entry::Fence {
            session,
            watermarks: vec![],
            resync: false,
            blocks: GEOMETRY.blocks,
        },
        &GEOMETRY,
    );
}

#[test]
#[should_panic(expected = "a session only rises")]
fn lowering_a_session_is_our_own_bug() {
    let session = session(0);
    tables().apply(
        &Entry::Session {
            session,
            mode: Mode::InSync,
        },
        &GEOMETRY,
    );
}

fn repair(range: Range, verdict: Option<CommandResult>) -> Entry {
    Entry::Repair {
        range,
        content: Content::Zeroes,
        versions: vec![SequenceId::new(1); range.count() as usize],
        verdict,
    }
}

#[test]
fn a_lost_device_leaves_every_region_missing_until_a_repair_covers_it() {
    let mut tables = tables();
    tables.apply(&Entry::Lost, &GEOMETRY);
    assert!(tables.is_all_missing(&GEOMETRY));
    // Parts of regions 1 and 3, all of region 2.
    tables.apply(&repair(range(9, 20), None), &GEOMETRY);
    let left: Vec<u64> = tables.missing.iter().copied().collect();
    assert_eq!(left, [0, 1, 3, 4, 5, 6, 7]);
    assert!(!tables.is_missing(range(16, 1).start(), &GEOMETRY));
    assert!(tables.is_missing(range(15, 1).start(), &GEOMETRY));
    tables.apply(&perform(8, Outcome::Performed), &GEOMETRY);
    assert_eq!(tables.missing.len(), 7, "a write is no repair");
    tables.apply(&Entry::Lost, &GEOMETRY);
    assert!(tables.is_all_missing(&GEOMETRY));
}

#[test]
fn a_verdict_replaces_what_was_known_of_its_command_but_not_a_promise() {
    let mut tables = tables();
    tables.apply(&perform(8, Outcome::Performed), &GEOMETRY);
    let failed = |counter| CommandResult {
        command: id(counter),
        outcome: Outcome::Failed,
        range: Some(range(8, 1)),
    };
    tables.apply(&repair(range(8, 1), Some(failed(8))), &GEOMETRY);
    assert_eq!(outcomes(&tables), [(id(8), Outcome::Failed)]);
    tables.raise(watermark(9));
    tables.apply(&repair(range(8, 1), Some(failed(8))), &GEOMETRY);
    assert_eq!(outcomes(&tables), []);
}

#[test]
#[should_panic(expected = "a mirror that alone has everything is not given up")]
fn leaving_in_sync_while_a_region_is_missing_is_our_own_bug() {
    let mut tables = tables();
    tables.apply(&Entry::Lost, &GEOMETRY);
    let session = Entry::Session {
        session: session(2),
        mode: Mode::OosPending,
    };
    tables.apply(&session, &GEOMETRY);
}

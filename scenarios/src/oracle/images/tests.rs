//! The oracles on histories made by hand: legal ones pass, each broken one is
//! found; and the tracker against enumeration of everything.

mod enumeration;
mod growth;
mod lies;
mod lost;
mod naive;
mod reigns;
mod rig;
mod runs;
mod tenure;
mod thin;

use stormglass_engine::contract::{IoRequest, PageIndex, Persistence};
use stormglass_engine::event::Verdict;
use stormglass_engine::storage_set::layout::CheckpointSlot;
use stormglass_engine::vocabulary::{Content, Outcome, SetId, UnknownReason};
use stormglass_sim::device::IoEffect;

use self::rig::{Drive, MIRROR, OWNER, Rig, command, content, mark, perform, range, session};
use crate::oracle::OracleId;

/// Marks and performs a write on both copies, all of it executed.
fn write(rig: &mut Rig, counter: u64, start: u64, blocks: u32) {
    let range = range(start, blocks);
    rig.durable(OWNER, mark(counter, range));
    rig.durable(OWNER, perform(counter, range, content(counter, range)));
    rig.durable(MIRROR, perform(counter, range, content(counter, range)));
}

fn answer(rig: &mut Rig, counter: u64) {
    let (at, event) = rig.now();
    let command = command(counter);
    rig.images
        .answered(command, Verdict::Success, at, event, &mut rig.findings);
}

#[test]
fn a_write_on_both_copies_passes_all_oracles() {
    let mut rig = Rig::new();
    write(&mut rig, 1, 3, 2);
    answer(&mut rig, 1);
    rig.durable(OWNER, rig::clear(&[1]));
    write(&mut rig, 2, 4, 2);
    answer(&mut rig, 2);
    rig.durable(OWNER, rig::clear(&[2]));
    rig.destage(OWNER);
    rig.destage(MIRROR);
    rig.finish();
    assert_eq!(rig.findings, []);
    let checks = rig.images.checks();
    assert!(checks.durable > 0, "O1 watched");
    assert!(checks.difference > 0, "O5 watched");
    assert!(checks.once > 0, "O7 watched");
    assert!(checks.in_sync > 0, "O9 watched");
}

#[test]
fn records_may_complete_in_any_order() {
    let mut rig = Rig::new();
    let first = rig.record(OWNER, mark(1, range(0, 1)));
    let second = rig.record(OWNER, mark(2, range(1, 1)));
    rig.execute(OWNER, Drive::Journal, second);
    rig.execute(OWNER, Drive::Journal, first);
    let second = rig.record(OWNER, perform(2, range(1, 1), content(2, range(1, 1))));
    let first = rig.record(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.execute(OWNER, Drive::Journal, first);
    rig.execute(OWNER, Drive::Journal, second);
    assert_eq!(rig.findings, []);
}

#[test]
fn a_record_of_which_one_half_failed_is_no_record() {
    for half in [0, 1] {
        let mut rig = Rig::new();
        for counter in 1..=3 {
            write(&mut rig, counter, counter, 1);
        }
        rig.durable(OWNER, rig::clear(&[1, 2, 3]));
        rig.destage(OWNER);
        rig.durable(OWNER, mark(4, range(4, 1)));
        let perform = || perform(4, range(4, 1), content(4, range(4, 1)));
        rig.next_effect = IoEffect::Error;
        let mut writes = rig.record_writes(OWNER, perform(), Persistence::ForceUnitAccess);
        assert_eq!(writes.len(), 2, "it wraps around the ring");
        writes.rotate_left(half);
        for number in writes {
            rig.execute(OWNER, Drive::Journal, number);
        }
        rig.take_over(OWNER);
        // Another one in its place goes over nothing that recovery needs.
        rig.durable(OWNER, perform());
        assert_eq!(rig.findings, []);
    }
}

#[test]
fn o5_finds_a_write_without_a_mark() {
    let mut rig = Rig::new();
    rig.record(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.expect(OracleId::O5, "no mark stands");
}

#[test]
fn o5_finds_a_write_whose_mark_is_not_executed() {
    let mut rig = Rig::new();
    rig.record(OWNER, mark(1, range(0, 1)));
    rig.record(MIRROR, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.expect(OracleId::O5, "no mark stands");
}

#[test]
fn o5_finds_a_mark_behind_a_record_that_may_be_missing() {
    let mut rig = Rig::new();
    rig.record(OWNER, mark(1, range(0, 1)));
    rig.durable(OWNER, mark(2, range(1, 1)));
    rig.record(MIRROR, perform(2, range(1, 1), content(2, range(1, 1))));
    rig.expect(OracleId::O5, "no mark stands");
}

#[test]
fn o5_finds_a_mark_that_covers_too_little() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.record(OWNER, perform(1, range(0, 2), content(1, range(0, 2))));
    rig.expect(OracleId::O5, "block 1 may differ");
}

#[test]
fn o5_finds_a_clear_before_the_replica_is_durable() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.durable(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.record(MIRROR, perform(1, range(0, 1), content(1, range(0, 1))));
    assert_eq!(rig.findings, []);
    // Submitted is enough: it may be durable before the replica is.
    rig.record(OWNER, rig::clear(&[1]));
    rig.expect(OracleId::O5, "no mark stands");
}

#[test]
fn o5_finds_a_clear_along_with_another_mark() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.record(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.record(OWNER, rig::mark_clearing(2, range(5, 1), &[1]));
    rig.expect(OracleId::O5, "no mark stands");
}

#[test]
fn o5_finds_another_payload_on_the_mirror_when_the_mark_ends() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.durable(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.durable(MIRROR, perform(1, range(0, 1), content(9, range(0, 1))));
    rig.expect(OracleId::O7, "another payload");
    rig.findings.clear();
    rig.record(OWNER, rig::clear(&[1]));
    rig.expect(OracleId::O5, "no mark stands");
}

#[test]
fn o5_finds_a_record_that_is_only_cached() {
    let mut rig = Rig::new();
    let number = rig.record_as(OWNER, mark(1, range(0, 1)), Persistence::Cached);
    rig.execute(OWNER, Drive::Journal, number);
    rig.record(MIRROR, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.expect(OracleId::O5, "no mark stands");

    let mut rig = Rig::new();
    let number = rig.record_as(OWNER, mark(1, range(0, 1)), Persistence::Cached);
    rig.execute(OWNER, Drive::Journal, number);
    let flush = rig.submit(OWNER, Drive::Journal, IoRequest::Flush);
    rig.execute(OWNER, Drive::Journal, flush);
    rig.record(MIRROR, perform(1, range(0, 1), content(1, range(0, 1))));
    assert_eq!(rig.findings, []);
}

#[test]
fn o5_finds_a_block_destaged_with_other_bytes() {
    let mut rig = Rig::new();
    write(&mut rig, 1, 0, 1);
    rig.durable(OWNER, rig::clear(&[1]));
    let other = rig.block(9);
    rig.destage_blocks(OWNER, |_, _| other.clone());
    rig.flush(OWNER);
    assert_eq!(rig.findings, [], "the journal still covers it");
    rig.checkpoint(OWNER);
    rig.expect(OracleId::O5, "block 0 may differ");
}

#[test]
fn o5_finds_a_checkpoint_before_the_flush() {
    let mut rig = Rig::new();
    write(&mut rig, 1, 0, 1);
    rig.durable(OWNER, rig::clear(&[1]));
    rig.destage_blocks(OWNER, |_, bytes| bytes);
    rig.checkpoint(OWNER);
    rig.expect(OracleId::O5, "block 0 may differ");
}

#[test]
fn o5_finds_a_flush_submitted_too_early() {
    let mut rig = Rig::new();
    write(&mut rig, 1, 0, 1);
    rig.durable(OWNER, rig::clear(&[1]));
    let early = rig.submit(OWNER, Drive::Data, IoRequest::Flush);
    rig.destage_blocks(OWNER, |_, bytes| bytes);
    rig.execute(OWNER, Drive::Data, early);
    rig.checkpoint(OWNER);
    rig.expect(OracleId::O5, "block 0 may differ");
}

#[test]
fn o5_finds_a_checkpoint_with_other_tables() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.checkpoint_with(OWNER, |checkpoint| checkpoint.tables.marks.clear());
    rig.expect(OracleId::O5, "has other marks");
}

#[test]
fn o5_finds_a_checkpoint_of_a_record_that_nobody_wrote() {
    let mut rig = Rig::new();
    rig.checkpoint_with(OWNER, |checkpoint| {
        checkpoint.lsn = checkpoint.lsn.next();
    });
    rig.expect(OracleId::O5, "a checkpoint of record 1");
}

#[test]
fn o5_finds_a_checkpoint_of_a_record_that_may_be_missing() {
    let mut rig = Rig::new();
    rig.record(OWNER, mark(1, range(0, 1)));
    rig.durable(OWNER, mark(2, range(1, 1)));
    rig.checkpoint(OWNER);
    rig.expect(OracleId::O5, "which may be missing");
}

#[test]
fn o5_finds_a_checkpoint_over_the_newest_one() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.set_next_slot(OWNER, CheckpointSlot::A);
    rig.checkpoint(OWNER);
    rig.expect(OracleId::O5, "goes over the newest one");
}

#[test]
fn o5_finds_a_record_written_over_one_that_is_needed() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.rewind(OWNER);
    rig.record(OWNER, mark(2, range(1, 1)));
    rig.expect(OracleId::O5, "record 1 is overwritten");
}

#[test]
fn o5_follows_an_overwritten_record_to_what_the_device_holds() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.rewind(OWNER);
    rig.durable(OWNER, mark(2, range(1, 1)));
    rig.expect(OracleId::O5, "record 1 is overwritten");
    assert!(!rig.images.set(OWNER).is_marked(rig::at(0)));
    assert!(rig.images.set(OWNER).is_marked(rig::at(1)));
}

#[test]
fn o1_finds_an_answer_before_the_owners_record_executed() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.record(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.durable(MIRROR, perform(1, range(0, 1), content(1, range(0, 1))));
    answer(&mut rig, 1);
    rig.expect(OracleId::O1, "the owner's set may");
}

#[test]
fn o1_finds_an_answer_behind_a_record_that_may_be_missing() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.record(OWNER, mark(2, range(1, 1)));
    rig.durable(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.durable(MIRROR, perform(1, range(0, 1), content(1, range(0, 1))));
    answer(&mut rig, 1);
    rig.expect(OracleId::O1, "the owner's set may");
}

#[test]
fn o1_finds_an_answer_without_the_replica() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.durable(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    answer(&mut rig, 1);
    rig.expect(OracleId::O1, "the mirror's set may");
}

#[test]
fn o1_finds_an_answer_that_no_journal_knows() {
    let mut rig = Rig::new();
    rig.images.accepted(command(1), range(0, 1));
    answer(&mut rig, 1);
    rig.expect(OracleId::O1, "in no journal");
}

#[test]
fn o1_takes_a_newer_version_and_ignores_reads_and_unknowns() {
    let mut rig = Rig::new();
    write(&mut rig, 1, 0, 1);
    write(&mut rig, 2, 0, 1);
    answer(&mut rig, 1);
    answer(&mut rig, 77);
    rig.durable(OWNER, mark(3, range(3, 1)));
    let (at, event) = rig.now();
    let unknown = Verdict::Unknown(UnknownReason::TimedOut);
    rig.images
        .answered(command(3), unknown, at, event, &mut rig.findings);
    assert_eq!(rig.findings, []);
}

#[test]
fn o1_finds_a_mismatch_without_a_result_on_the_mirror() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.durable(OWNER, perform(1, range(0, 1), Content::Nothing));
    let (at, event) = rig.now();
    rig.images
        .answered(command(1), Verdict::Mismatch, at, event, &mut rig.findings);
    rig.expect(OracleId::O1, "the mirror's set may lose its result");
}

#[test]
fn o1_takes_a_copied_orphan() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.durable(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    let results = vec![(1, Outcome::Performed)];
    let copy = rig::copy(1, range(0, 1), content(1, range(0, 1)), 1, &results);
    rig.durable(MIRROR, copy);
    answer(&mut rig, 1);
    rig.durable(OWNER, rig::clear(&[1]));
    rig.finish();
    assert_eq!(rig.findings, []);
}

#[test]
fn o7_finds_a_command_performed_twice_on_one_set() {
    let mut rig = Rig::new();
    write(&mut rig, 1, 0, 1);
    rig.record(MIRROR, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.expect(OracleId::O7, "performed twice on the mirror's set");
}

#[test]
fn o7_finds_it_over_a_checkpoint_too() {
    let mut rig = Rig::new();
    write(&mut rig, 1, 0, 1);
    rig.durable(OWNER, rig::clear(&[1]));
    rig.destage(MIRROR);
    rig.record(MIRROR, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.expect(OracleId::O7, "performed twice on the mirror's set");
}

#[test]
fn o7_finds_a_command_performed_below_its_watermark() {
    let mut rig = Rig::new();
    write(&mut rig, 1, 0, 1);
    rig.durable(OWNER, rig::mark_above(5, range(3, 1), 5));
    rig.durable(MIRROR, rig::mark_above(5, range(3, 1), 5));
    rig.record(MIRROR, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.expect(OracleId::O7, "below its client's watermark 5");
}

#[test]
fn o7_lets_a_lost_replica_be_performed_again() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.record(MIRROR, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.lose_power(MIRROR, Drive::Journal);
    rig.durable(MIRROR, perform(1, range(0, 1), content(1, range(0, 1))));
    assert_eq!(rig.findings, []);
}

#[test]
fn o7_finds_a_replica_reported_twice() {
    let mut rig = Rig::new();
    for number in 1..=3 {
        let range = range(number, 1);
        rig.durable(OWNER, mark(number, range));
        rig.durable(MIRROR, perform(number, range, content(number, range)));
    }
    let (at, event) = rig.now();
    for (set, number) in [(1, 1), (1, 2), (2, 3), (1, 1)] {
        let report = (session(1), SetId::new(set), command(number));
        assert_eq!(rig.findings, []);
        rig.images
            .replica_performed(report.0, report.1, report.2, at, event, &mut rig.findings);
    }
    rig.expect(OracleId::O7, "reported performed twice");
    rig.findings.clear();
    rig.images.replica_performed(
        session(2),
        SetId::new(1),
        command(1),
        at,
        event,
        &mut rig.findings,
    );
    assert_eq!(rig.findings, [], "another session counts from 1 again");
}

#[test]
fn o7_finds_a_report_without_a_record() {
    let mut rig = Rig::new();
    let (at, event) = rig.now();
    let (session, set) = (session(1), SetId::new(1));
    rig.images
        .replica_performed(session, set, command(1), at, event, &mut rig.findings);
    rig.expect(OracleId::O7, "without a record");
}

#[test]
fn o9_finds_a_mark_that_is_left() {
    let mut rig = Rig::new();
    write(&mut rig, 1, 0, 1);
    rig.finish();
    rig.expect(OracleId::O9, "still has 1 marks");
}

#[test]
fn o9_finds_a_difference_under_a_mark() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.durable(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    assert_eq!(rig.findings, []);
    rig.finish();
    rig.findings.remove(0);
    rig.expect(OracleId::O9, "block 0 may be any of");
}

#[test]
fn power_loss_leaves_one_image_and_ends_the_journal_at_the_first_gap() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.record(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.durable(OWNER, mark(2, range(1, 1)));
    assert!(!rig.images.set(OWNER).is_marked(rig::at(1)));
    rig.lose_power(OWNER, Drive::Journal);
    assert!(rig.images.set(OWNER).is_at_rest());
    assert!(rig.images.set(OWNER).is_marked(rig::at(0)));
    assert!(!rig.images.set(OWNER).is_marked(rig::at(1)));
    assert_eq!(rig.findings, []);
}

#[test]
fn a_deposed_owners_commands_leave_nothing() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.record(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.take_over(OWNER);
    assert!(rig.images.set(OWNER).is_at_rest(), "the queue was aborted");
    let stale = rig.submit_under(
        0,
        OWNER,
        Drive::Data,
        IoRequest::Write {
            start: PageIndex(5),
            pages: vec![rig.block(7)],
            persistence: Persistence::Cached,
        },
    );
    assert!(rig.images.set(OWNER).is_at_rest(), "the key is stale");
    rig.execute(OWNER, Drive::Data, stale);
    assert_eq!(rig.findings, []);
    rig.durable(OWNER, rig::clear(&[1]));
    // Nothing differs; but nobody has told the mirror what became of the command.
    rig.expect(OracleId::O6, "the mark of c1:1 ends");
    assert_eq!(rig.findings.len(), 1);
}

#[test]
fn a_tracker_survives_serialization_and_forks() {
    let mut rig = Rig::new();
    write(&mut rig, 1, 0, 2);
    rig.record(OWNER, mark(2, range(4, 1)));
    rig.destage_blocks(OWNER, |_, bytes| bytes);
    let bytes = postcard::to_stdvec(&rig.images).expect("it serializes");
    let back: super::Images = postcard::from_bytes(&bytes).expect("it deserializes");
    assert_eq!(back, rig.images);
    let fork = rig.images.clone();
    rig.durable(OWNER, rig::clear(&[1]));
    assert_eq!(fork, back, "a fork keeps its own state");
    assert_ne!(fork, rig.images);
}

//! Histories of a thin cluster: the owner alone, resync, replaced sets, damage.

use stormglass_engine::storage_set::record::{Entry, Mode};
use stormglass_engine::vocabulary::{Content, Outcome, SiteEpoch, SiteId};
use stormglass_engine::wire::mediator::MediatorRecord;

use super::rig::{
    self, Drive, GEOMETRY, MIRROR, OWNER, Rig, clean, command, content, fence, index, mark,
    mark_alone, perform, range, session_in,
};
use super::{answer, write};
use crate::oracle::images::When;
use crate::oracle::{Finding, OracleId};
use crate::workload::{BlockValue, ClientEvent, CommandKind, provenance};

/// A region as a whole.
fn region() -> stormglass_engine::vocabulary::Range {
    range(0, 8)
}

/// The owner writes zeroes into a region of its own copy alone.
fn write_alone(rig: &mut Rig, counter: u64) {
    rig.durable(OWNER, mark_alone(counter, region()));
    rig.durable(OWNER, perform(counter, region(), Content::Zeroes));
}

fn copied(number: u64, version: u64) -> Entry {
    let results = [(version, Outcome::Performed)];
    rig::copy(number, region(), Content::Zeroes, version, &results)
}

fn out_of_sync() -> Rig {
    let mut rig = Rig::new();
    rig.durable(OWNER, session_in(10, Mode::OosPending));
    rig.durable(OWNER, session_in(11, Mode::OutOfSync));
    rig
}

/// A mirror that has accepted a resync after the owner wrote alone.
fn in_resync() -> Rig {
    let mut rig = out_of_sync();
    write_alone(&mut rig, 2);
    rig.durable(OWNER, rig::clear(&[2]));
    rig.durable(OWNER, session_in(12, Mode::Resync));
    rig.durable(MIRROR, fence(12, true));
    rig
}

fn mediator(rig: &mut Rig, in_sync: bool) {
    let record = MediatorRecord {
        version: SiteEpoch::new(2),
        owner: SiteId::new(1),
        in_sync,
    };
    rig.images.mediator(record, true);
}

/// The mediator makes a record that says in sync durable, and is judged.
fn told(rig: &mut Rig) {
    let (at, event) = rig.now();
    let record = MediatorRecord {
        version: SiteEpoch::new(2),
        owner: SiteId::new(1),
        in_sync: true,
    };
    let when = When { at, event };
    rig.images.mediator_set(record, when, &mut rig.findings);
}

#[test]
fn an_outage_and_a_resync_pass_all_oracles() {
    let mut rig = out_of_sync();
    write_alone(&mut rig, 2);
    answer(&mut rig, 2);
    rig.durable(OWNER, rig::clear(&[2]));
    rig.durable(OWNER, session_in(12, Mode::Resync));
    rig.durable(MIRROR, fence(12, true));
    rig.durable(MIRROR, copied(1, 2));
    rig.durable(OWNER, clean(region()));
    rig.durable(MIRROR, Entry::Finish);
    rig.durable(OWNER, session_in(12, Mode::InSync));
    answer(&mut rig, 2);
    rig.finish();
    assert_eq!(rig.findings, []);
    let checks = rig.images.checks();
    assert!(checks.resync > 0, "O6 watched");
    assert!(checks.inconsistent > 0, "O11 watched");
}

#[test]
fn o1_finds_an_answer_alone_while_the_mirror_is_only_suspected() {
    let mut rig = Rig::new();
    rig.durable(OWNER, session_in(10, Mode::OosPending));
    write_alone(&mut rig, 2);
    answer(&mut rig, 2);
    rig.expect(OracleId::O1, "the mirror's set may");
}

#[test]
fn o1_finds_an_answer_alone_while_the_mode_may_be_missing() {
    let mut rig = Rig::new();
    write_alone(&mut rig, 2);
    rig.record(OWNER, session_in(10, Mode::OutOfSync));
    answer(&mut rig, 2);
    rig.expect(OracleId::O1, "the mirror's set may");
}

#[test]
fn o1_finds_an_answer_alone_while_the_mediator_says_in_sync() {
    let mut rig = out_of_sync();
    write_alone(&mut rig, 2);
    mediator(&mut rig, false);
    answer(&mut rig, 2);
    assert_eq!(rig.findings, []);
    mediator(&mut rig, true);
    answer(&mut rig, 2);
    rig.expect(OracleId::O1, "the mirror's set may");
}

#[test]
fn o1_finds_an_answer_alone_in_a_clean_region() {
    let mut rig = out_of_sync();
    rig.durable(OWNER, mark(2, region()));
    rig.durable(OWNER, perform(2, region(), Content::Zeroes));
    answer(&mut rig, 2);
    rig.expect(OracleId::O1, "the mirror's set may");
}

#[test]
fn o5_finds_a_mark_that_ends_before_its_region_is_dirty() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.durable(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    let mut right = Rig::new();
    right.durable(OWNER, mark(1, range(0, 1)));
    right.durable(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    // Not even executed: where the clear is, the bit is.
    right.record(OWNER, session_in(10, Mode::OosPending));
    right.record(OWNER, rig::clear(&[1]));
    let is_o5 = |it: &Finding| it.oracle == OracleId::O5;
    assert!(!right.findings.iter().any(is_o5), "{:?}", right.findings);
    rig.record(OWNER, rig::clear(&[1]));
    rig.expect(OracleId::O5, "no mark stands");
}

#[test]
fn o9_lets_an_outage_last_and_finds_what_is_not_dirty() {
    let mut rig = out_of_sync();
    rig.durable(OWNER, mark_alone(1, range(0, 1)));
    rig.durable(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    rig.durable(OWNER, rig::clear(&[1]));
    rig.finish();
    assert_eq!(rig.findings, []);
    rig.durable(OWNER, clean(region()));
    rig.findings.clear();
    rig.finish();
    rig.expect(OracleId::O9, "out of sync and not dirty");
}

#[test]
fn o9_finds_dirty_regions_in_sync() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark_alone(1, range(0, 1)));
    rig.durable(OWNER, rig::clear(&[1]));
    rig.finish();
    rig.expect(OracleId::O9, "still has 1 dirty regions");
}

fn read(rig: &mut Rig, counter: u64) {
    let event = ClientEvent::Invoked {
        id: command(counter),
        kind: CommandKind::Read,
        range: Some(range(0, 1)),
        expected: vec![],
    };
    let (at, now) = rig.now();
    rig.images
        .observe_client(at, now, &event, &mut rig.findings);
}

fn returns(rig: &mut Rig, counter: u64, writer: u64) {
    let event = ClientEvent::ReadReturned {
        id: command(counter),
        values: vec![BlockValue::written(command(writer))],
    };
    let (at, now) = rig.now();
    rig.images
        .observe_client(at, now, &event, &mut rig.findings);
}

fn stamped(counter: u64) -> Entry {
    let payload = provenance::payload(command(counter), range(0, 1));
    perform(counter, range(0, 1), Content::Data(payload))
}

#[test]
fn o3_takes_what_both_copies_hold_and_newer_ones() {
    let mut rig = Rig::new();
    read(&mut rig, 90);
    for counter in [1, 2] {
        rig.durable(OWNER, mark(counter, range(0, 1)));
        rig.durable(OWNER, stamped(counter));
        rig.durable(MIRROR, stamped(counter));
        read(&mut rig, 90 + counter);
    }
    returns(&mut rig, 92, 2);
    returns(&mut rig, 91, 1);
    // It began before any had returned.
    returns(&mut rig, 90, 1);
    assert_eq!(rig.findings, []);
    assert_eq!(rig.images.checks().reverts, 3);
}

#[test]
fn o3_finds_a_value_that_a_power_loss_or_a_promotion_takes_back() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.record(OWNER, stamped(1));
    read(&mut rig, 90);
    returns(&mut rig, 90, 1);
    rig.expect(OracleId::O3, "the owner's set may hold");

    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.durable(OWNER, stamped(1));
    read(&mut rig, 90);
    returns(&mut rig, 90, 1);
    rig.expect(OracleId::O3, "the mirror's set may hold");
}

#[test]
fn o3_finds_an_older_value_after_a_newer_one() {
    let mut rig = Rig::new();
    for counter in [1, 2] {
        rig.durable(OWNER, mark(counter, range(0, 1)));
        rig.durable(OWNER, stamped(counter));
        rig.durable(MIRROR, stamped(counter));
    }
    read(&mut rig, 90);
    returns(&mut rig, 90, 2);
    read(&mut rig, 91);
    returns(&mut rig, 91, 1);
    rig.expect(OracleId::O3, "after a read had returned version 2");
}

#[test]
fn o6_finds_a_bit_cleared_before_the_copy_is_durable() {
    let mut rig = in_resync();
    rig.record(MIRROR, copied(1, 2));
    assert_eq!(rig.findings, []);
    rig.record(OWNER, clean(region()));
    rig.expect(OracleId::O6, "the bit of block 0's region is cleared");
}

#[test]
fn o6_finds_a_region_that_is_copied_before_a_higher_one() {
    // Regions 0 to 2 are dirty, or the highest of them only once the next is under way.
    for is_late in [true, false] {
        let mut rig = in_resync();
        let highest = mark_alone(4, range(16, 1));
        rig.durable(OWNER, mark_alone(3, range(8, 1)));
        if !is_late {
            rig.durable(OWNER, highest.clone());
        }
        rig.record(OWNER, clean(range(8, 8)));
        rig.findings.clear();
        if is_late {
            rig.durable(OWNER, highest);
        }
        rig.durable(MIRROR, copied(1, 2));
        rig.record(OWNER, clean(region()));
        let says = "cleared before that of region 2, which is higher";
        match is_late {
            true => assert_eq!(rig.findings, []),
            false => rig.expect(OracleId::O6, says),
        }
    }
}

#[test]
fn o6_finds_old_copied_over_new_and_takes_a_rollback() {
    let mut rig = Rig::new();
    write(&mut rig, 1, 0, 1);
    let back = rig::copy(1, range(0, 1), content(1, range(0, 1)), 1, &[]);
    rig.durable(OWNER, mark(2, range(0, 1)));
    rig.durable(MIRROR, perform(2, range(0, 1), content(2, range(0, 1))));
    let mut wrong = Rig::new();
    write(&mut wrong, 1, 0, 1);
    write(&mut wrong, 2, 0, 1);
    rig.record(MIRROR, back.clone());
    assert_eq!(rig.findings, []);
    wrong.record(MIRROR, back);
    wrong.expect(OracleId::O6, "version 1 of block 0 is copied over");
}

#[test]
fn o11_finds_a_resync_of_a_copy_that_counts_as_consistent() {
    let mut rig = out_of_sync();
    write_alone(&mut rig, 2);
    rig.durable(OWNER, session_in(12, Mode::Resync));
    rig.durable(MIRROR, fence(12, false));
    rig.record(MIRROR, copied(1, 2));
    rig.expect(OracleId::O11, "overwritten by a resync");
}

#[test]
fn o11_finds_a_copy_before_its_fence_is_durable() {
    let mut rig = out_of_sync();
    write_alone(&mut rig, 2);
    rig.durable(OWNER, session_in(12, Mode::Resync));
    rig.record(MIRROR, fence(12, true));
    rig.record(MIRROR, copied(1, 2));
    rig.expect(OracleId::O11, "overwritten by a resync");
}

#[test]
fn o11_finds_a_copy_in_sync_without_a_mark() {
    let mut rig = Rig::new();
    rig.record(MIRROR, rig::copy(1, range(0, 1), Content::Zeroes, 0, &[]));
    rig.expect(OracleId::O11, "no mark on block 0");
}

#[test]
fn o11_finds_an_end_while_a_region_may_be_dirty() {
    let mut rig = in_resync();
    rig.durable(MIRROR, copied(1, 2));
    rig.record(OWNER, clean(region()));
    assert_eq!(rig.findings, []);
    rig.record(MIRROR, Entry::Finish);
    rig.expect(OracleId::O11, "may have dirty regions");
}

#[test]
fn o7_lets_a_lone_command_be_known_until_the_mirror_refuses_it() {
    let mut rig = out_of_sync();
    write_alone(&mut rig, 2);
    rig.durable(OWNER, rig::mark_above(5, range(20, 1), 5));
    // Late, in a session that the mirror still follows: its first time there.
    rig.record(MIRROR, perform(2, region(), Content::Zeroes));
    assert_eq!(rig.findings, []);
    rig.record(MIRROR, perform(2, region(), Content::Zeroes));
    rig.expect(OracleId::O7, "performed twice on the mirror's set");
}

#[test]
fn a_replaced_set_owes_nothing_until_it_is_formatted_and_then_is_dirty() {
    let mut rig = out_of_sync();
    rig.replace(MIRROR);
    rig.durable(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    assert_eq!(rig.findings, []);
    rig.format(MIRROR);
    let set = rig.images.set(MIRROR);
    assert!(set.is_dirty(rig::at(0)));
    assert!(set.is_dirty(rig::at(129)));
    rig.durable(OWNER, perform(2, range(1, 1), content(2, range(1, 1))));
    assert_eq!(rig.findings, [], "the mirror's own bits cover it");
    rig.durable(OWNER, session_in(12, Mode::Resync));
    rig.durable(MIRROR, fence(12, true));
    rig.record(MIRROR, Entry::Finish);
    rig.expect(OracleId::O5, "may differ");
}

#[test]
fn injected_damage_is_exempt_until_its_page_is_written_again() {
    let mut rig = Rig::new();
    write(&mut rig, 1, 0, 1);
    rig.durable(OWNER, rig::clear(&[1]));
    let (other, page) = (rig.block(9), GEOMETRY.data_page(rig::at(0)));
    rig.destage_blocks(OWNER, |_, _| other.clone());
    rig.flush(OWNER);
    rig.images.damaged(index(OWNER, Drive::Data), page);
    rig.checkpoint(OWNER);
    assert_eq!(rig.findings, []);
    let number = rig.submit(OWNER, Drive::Data, rig::write(page, vec![other]));
    rig.execute(OWNER, Drive::Data, number);
    rig.expect(OracleId::O5, "block 0 may differ");
}

#[test]
fn o6_finds_a_bit_cleared_without_the_results() {
    let mut rig = in_resync();
    rig.durable(MIRROR, rig::copy(1, region(), Content::Zeroes, 2, &[]));
    assert_eq!(rig.findings, []);
    rig.record(OWNER, clean(region()));
    rig.expect(OracleId::O6, "may have no result of it");
}

#[test]
fn o6_finds_a_mark_ended_without_the_result() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(1, range(0, 1)));
    rig.durable(OWNER, perform(1, range(0, 1), content(1, range(0, 1))));
    let copy = rig::copy(1, range(0, 1), content(1, range(0, 1)), 1, &[]);
    rig.durable(MIRROR, copy);
    assert_eq!(rig.findings, []);
    rig.record(OWNER, rig::clear(&[1]));
    rig.expect(OracleId::O6, "the mark of");
}

#[test]
fn o11_finds_a_mediator_that_is_told_too_early() {
    let mut rig = in_resync();
    rig.durable(MIRROR, copied(1, 2));
    rig.durable(OWNER, clean(region()));
    let number = rig.record(MIRROR, Entry::Finish);
    told(&mut rig);
    rig.expect(OracleId::O11, "the owner's set may not");
    rig.findings.clear();
    rig.durable(OWNER, session_in(12, Mode::InSync));
    told(&mut rig);
    rig.expect(OracleId::O11, "the mirror's set may be inconsistent");
    rig.findings.clear();
    rig.execute(MIRROR, Drive::Journal, number);
    told(&mut rig);
    assert_eq!(rig.findings, []);
}

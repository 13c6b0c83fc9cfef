//! Flushes that say they are done and are not: nobody is blamed for what they leave.

use super::rig::{self, Drive, MIRROR, OWNER, Rig};
use super::{answer, write};
use crate::oracle::OracleId;

/// A write of block 3, destaged by the owner with a flush that lies.
fn destaged_in_vain() -> Rig {
    let mut rig = Rig::new();
    write(&mut rig, 1, 3, 1);
    answer(&mut rig, 1);
    rig.durable(OWNER, rig::clear(&[1]));
    rig.destage_blocks(OWNER, |_, bytes| bytes);
    rig.flush_in_vain(OWNER);
    rig.checkpoint(OWNER);
    rig
}

#[test]
fn whoever_believes_a_lying_flush_is_not_blamed() {
    let mut rig = destaged_in_vain();
    rig.destage(MIRROR);
    rig.finish();
    assert_eq!(rig.findings, []);
    assert_eq!(rig.images.take_lapsed(), []);
}

#[test]
fn what_a_lying_flush_did_not_cover_is_owed_as_ever() {
    let mut rig = destaged_in_vain();
    write(&mut rig, 2, 9, 1);
    rig.durable(OWNER, rig::clear(&[2]));
    rig.destage_blocks(OWNER, |_, bytes| bytes);
    assert_eq!(rig.findings, []);
    rig.checkpoint(OWNER);
    rig.expect(OracleId::O5, "block 9 may differ");
}

#[test]
fn what_a_later_flush_makes_stable_outlives_a_loss_of_power() {
    let mut rig = destaged_in_vain();
    rig.flush(OWNER);
    rig.lose_power(OWNER, Drive::Data);
    assert_eq!(rig.images.take_lapsed(), []);
    assert!(!rig.images.is_damaged(OWNER, rig::at(3)));
    rig.destage(MIRROR);
    rig.finish();
    assert_eq!(rig.findings, []);
}

#[test]
fn whoever_takes_the_set_over_finds_it_in_the_cache() {
    let mut rig = destaged_in_vain();
    rig.take_over(OWNER);
    assert_eq!(rig.images.take_lapsed(), []);
    // Versions above what was lied about are told apart from it.
    write(&mut rig, 2, 3, 1);
    rig.durable(OWNER, rig::clear(&[2]));
    rig.destage_blocks(OWNER, |_, bytes| bytes);
    rig.take_over(OWNER);
    rig.flush(OWNER);
    rig.checkpoint(OWNER);
    rig.lose_power(OWNER, Drive::Data);
    assert_eq!(rig.images.take_lapsed(), []);
    rig.destage(MIRROR);
    rig.finish();
    assert_eq!(rig.findings, []);
}

#[test]
fn a_loss_of_power_takes_it_and_that_is_told_once() {
    let mut rig = destaged_in_vain();
    rig.lose_power(OWNER, Drive::Data);
    assert_eq!(rig.images.take_lapsed(), [(OWNER, rig::at(3))]);
    assert_eq!(rig.images.take_lapsed(), []);
    assert!(rig.images.is_damaged(OWNER, rig::at(3)));
    assert_eq!(rig.findings, [], "the device did it");
    // Written anew it is owed again.
    write(&mut rig, 2, 3, 1);
    answer(&mut rig, 2);
    rig.durable(OWNER, rig::clear(&[2]));
    rig.destage_blocks(OWNER, |_, bytes| bytes);
    assert!(!rig.images.is_damaged(OWNER, rig::at(3)));
    assert_eq!(rig.findings, []);
    rig.checkpoint(OWNER);
    rig.expect(OracleId::O5, "block 3 may differ");
}

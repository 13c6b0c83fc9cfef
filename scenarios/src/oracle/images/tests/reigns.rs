//! Histories of switchovers: the mirror's site begins a reign, the former owner's stands down.

use stormglass_engine::storage_set::record::{Entry, Mode};
use stormglass_engine::storage_set::tables::Consistency;
use stormglass_engine::vocabulary::{
    Content, Outcome, Range, Session, SessionIncarnation, SiteEpoch,
};

use super::rig::{
    self, Drive, MIRROR, OWNER, Rig, command, content, fence, mark, mark_alone, perform, range,
    session_in,
};
use super::{answer, write};
use crate::oracle::OracleId;

fn reign(epoch: u64) -> Session {
    Session {
        site_epoch: SiteEpoch::new(epoch),
        incarnation: SessionIncarnation::new(1),
    }
}

fn activate(mode: Mode, forced: bool) -> Entry {
    Entry::Activate {
        session: reign(2),
        mode,
        forced,
    }
}

fn stand_down(consistency: Consistency) -> Entry {
    Entry::StandDown { consistency }
}

fn resync_of(session: Session) -> Entry {
    Entry::Fence {
        session,
        watermarks: vec![],
        resync: true,
        blocks: rig::VOLUME_BLOCKS,
    }
}

fn region() -> Range {
    range(0, 8)
}

/// The owner has written a region alone when the mirror's site is made the owner.
fn forced() -> Rig {
    let mut rig = Rig::new();
    rig.durable(OWNER, session_in(10, Mode::OosPending));
    rig.durable(OWNER, session_in(11, Mode::OutOfSync));
    rig.durable(OWNER, mark_alone(2, range(0, 1)));
    rig.durable(OWNER, perform(2, range(0, 1), content(7, range(0, 1))));
    answer(&mut rig, 2);
    rig.durable(MIRROR, stand_down(Consistency::Called));
    rig.durable(MIRROR, activate(Mode::OutOfSync, true));
    rig.durable(OWNER, stand_down(Consistency::Outdated));
    rig
}

/// It is rolled back, and says whether anything differed, truly or not.
fn rolled_back(rig: &mut Rig, differed: bool) {
    rig.durable(OWNER, resync_of(reign(3)));
    let (set, rolled_back) = (vec![region()], vec![]);
    let entry = Entry::Dirty {
        set,
        clear: vec![],
        rolled_back,
    };
    rig.durable(MIRROR, entry);
    let Entry::Copy {
        copy,
        range,
        content,
        versions,
        results,
        ..
    } = rig::copy(1, region(), Content::Zeroes, 0, &[(2, Outcome::Failed)])
    else {
        unreachable!("it is a copy")
    };
    let entry = Entry::Copy {
        copy,
        range,
        content,
        versions,
        results,
        differed,
    };
    rig.durable(OWNER, entry);
    rig.durable(MIRROR, rig::clean(region()));
    rig.durable(OWNER, Entry::Finish);
    let session = reign(3);
    rig.durable(
        MIRROR,
        Entry::Session {
            session,
            mode: Mode::InSync,
        },
    );
}

fn failed(rig: &mut Rig) {
    // The new owner has decided what it knew nothing of.
    let entry = Entry::Fail {
        command: command(2),
        range: Some(range(0, 1)),
        watermark: rig::watermark(1),
    };
    rig.durable(MIRROR, entry);
}

#[test]
fn a_forced_switchover_that_names_what_it_gave_up_passes_all_oracles() {
    let mut rig = forced();
    failed(&mut rig);
    rolled_back(&mut rig, true);
    rig.images.rolled_back(region());
    rig.finish();
    assert_eq!(rig.findings, []);
    assert!(rig.images.site_of(0) == 1, "the other site is the owner");
}

#[test]
fn o1_finds_what_a_forced_switchover_gave_up_and_nobody_named() {
    let mut rig = forced();
    failed(&mut rig);
    rolled_back(&mut rig, true);
    rig.finish();
    rig.expect(OracleId::O1, "is not reported");
}

#[test]
fn o6_finds_a_copy_that_does_not_say_what_it_replaces() {
    let mut rig = forced();
    failed(&mut rig);
    rolled_back(&mut rig, false);
    rig.expect(OracleId::O6, "does not say so");
}

#[test]
fn o6_finds_a_copy_that_says_what_is_not_so() {
    let mut rig = Rig::new();
    rig.durable(MIRROR, activate(Mode::OutOfSync, false));
    rig.durable(OWNER, stand_down(Consistency::Outdated));
    rolled_back(&mut rig, true);
    rig.expect(OracleId::O6, "and does not");
}

#[test]
fn o11_finds_a_mirror_that_is_promoted_half_overwritten_or_outdated() {
    for half in [fence(12, true), stand_down(Consistency::Outdated)] {
        let mut rig = Rig::new();
        rig.durable(MIRROR, half);
        assert_eq!(rig.findings, []);
        rig.record(MIRROR, activate(Mode::OutOfSync, false));
        rig.expect(OracleId::O11, "may be inconsistent or outdated");
    }
}

#[test]
fn o5_finds_what_a_new_owner_does_not_have_and_nobody_has_marked() {
    let mut rig = Rig::new();
    write(&mut rig, 2, 0, 1);
    rig.durable(OWNER, rig::clear(&[2]));
    rig.durable(MIRROR, activate(Mode::OutOfSync, false));
    rig.durable(OWNER, stand_down(Consistency::Outdated));
    assert_eq!(rig.findings, []);
    // Nothing is marked by the new owner, and one copy changes.
    rig.record(MIRROR, perform(3, range(0, 1), content(9, range(0, 1))));
    rig.expect(OracleId::O5, "may differ");
}

#[test]
fn a_reign_that_was_lost_with_power_never_began() {
    let mut rig = Rig::new();
    rig.durable(OWNER, mark(2, region()));
    rig.record(MIRROR, activate(Mode::OutOfSync, false));
    assert_eq!(rig.images.site_of(0), 1);
    rig.lose_power(MIRROR, Drive::Journal);
    assert_eq!(rig.images.site_of(0), 0);
    assert_eq!(rig.findings, []);
}

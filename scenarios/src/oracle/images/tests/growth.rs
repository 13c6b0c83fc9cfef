//! Growth on histories made by hand: a size that was announced and is lost again, a tail that
//! is not known to differ, clients that are told wrong.

use stormglass_engine::storage_set::record::{Entry, Mode};
use stormglass_engine::vocabulary::RefusedReason;

use super::super::When;
use super::rig::{self, GEOMETRY, MIRROR, OWNER, Rig, VOLUME_BLOCKS, command, fence, range};
use crate::oracle::growth::Growth;
use crate::oracle::{Finding, OracleId};
use crate::workload::{ClientEvent, CommandKind, StatusSummary};

const ROOM: u64 = GEOMETRY.blocks;

fn growth() -> Growth {
    Growth::new(VOLUME_BLOCKS, ROOM)
}

fn fence_of(incarnation: u64, blocks: u64) -> Entry {
    match fence(incarnation, false) {
        Entry::Fence {
            session,
            watermarks,
            resync,
            ..
        } => Entry::Fence {
            session,
            watermarks,
            resync,
            blocks,
        },
        other => other,
    }
}

fn when(rig: &mut Rig) -> When {
    let (at, event) = rig.now();
    When { at, event }
}

/// What the first finding is, and whose.
fn first(findings: &[Finding]) -> Option<(OracleId, &str)> {
    let finding = findings.first()?;
    Some((finding.oracle, finding.says.as_str()))
}

/// Both copies have grown, the mirror first.
fn grown(rig: &mut Rig, growth: &mut Growth) {
    rig.durable(MIRROR, fence_of(2, ROOM));
    rig.durable(OWNER, Entry::Grow { blocks: ROOM });
    let now = when(rig);
    growth.grown(ROOM, &rig.images, now, &mut rig.findings);
}

#[test]
fn a_size_that_both_copies_have_passes() {
    let (mut rig, mut growth) = (Rig::new(), growth());
    grown(&mut rig, &mut growth);
    rig.durable(MIRROR, fence_of(3, ROOM));
    let now = when(&mut rig);
    growth.session_confirmed(rig::session(3), &rig.images, now, &mut rig.findings);
    growth.reign_begins(false, &rig.images, now, &mut rig.findings);
    assert_eq!(rig.findings, []);
    assert_eq!(growth.durable_checks(), 4);
}

#[test]
fn a_growth_announced_before_it_is_durable_is_found() {
    let (mut rig, mut growth) = (Rig::new(), growth());
    rig.durable(MIRROR, fence_of(2, ROOM));
    rig.record(OWNER, Entry::Grow { blocks: ROOM });
    let now = when(&mut rig);
    growth.grown(ROOM, &rig.images, now, &mut rig.findings);
    let says =
        "the volume grew, and the owner's set may not have the 130 blocks that were announced";
    assert_eq!(first(&rig.findings), Some((OracleId::O1, says)));
}

#[test]
fn a_growth_in_sync_that_the_mirror_may_not_have_is_found() {
    let (mut rig, mut growth) = (Rig::new(), growth());
    rig.durable(OWNER, Entry::Grow { blocks: ROOM });
    rig.record(MIRROR, fence_of(2, ROOM));
    let now = when(&mut rig);
    growth.grown(ROOM, &rig.images, now, &mut rig.findings);
    let says = "the volume grew in sync, and the mirror's set may not have the 130 blocks that were announced";
    assert_eq!(first(&rig.findings), Some((OracleId::O1, says)));
}

#[test]
fn a_session_that_shrinks_the_mirror_is_found() {
    let (mut rig, mut growth) = (Rig::new(), growth());
    grown(&mut rig, &mut growth);
    rig.durable(MIRROR, fence_of(3, VOLUME_BLOCKS));
    let now = when(&mut rig);
    growth.session_confirmed(rig::session(3), &rig.images, now, &mut rig.findings);
    assert_eq!(first(&rig.findings).map(|it| it.0), Some(OracleId::O1));
}

#[test]
fn copies_in_sync_of_two_sizes_are_found_unless_one_has_no_content() {
    let (mut rig, mut growth) = (Rig::new(), growth());
    rig.durable(OWNER, rig::session_in(2, Mode::Resync));
    rig.durable(OWNER, Entry::Grow { blocks: ROOM });
    let now = when(&mut rig);
    growth.grown(ROOM, &rig.images, now, &mut rig.findings);
    rig.durable(MIRROR, fence(3, true));
    growth.in_sync(rig::session(3), &rig.images, now, &mut rig.findings);
    assert_eq!(rig.findings, [], "half overwritten, and says so");
    rig.durable(MIRROR, Entry::Finish);
    rig.findings.clear();
    growth.in_sync(rig::session(3), &rig.images, now, &mut rig.findings);
    assert_eq!(first(&rig.findings).map(|it| it.0), Some(OracleId::O1));
}

#[test]
fn a_reign_over_less_than_was_announced_is_found_unless_it_is_forced() {
    let mut rig = Rig::new();
    rig.durable(OWNER, rig::session_in(2, Mode::OutOfSync));
    rig.durable(OWNER, Entry::Grow { blocks: ROOM });
    let mut growth = growth();
    let now = when(&mut rig);
    growth.grown(ROOM, &rig.images, now, &mut rig.findings);
    assert_eq!(rig.findings, []);
    let mut forced = growth.clone();
    rig.images.switch();
    growth.reign_begins(false, &rig.images, now, &mut rig.findings);
    assert_eq!(first(&rig.findings).map(|it| it.0), Some(OracleId::O1));
    rig.findings.clear();
    forced.reign_begins(true, &rig.images, now, &mut rig.findings);
    forced.session_confirmed(rig::session(3), &rig.images, now, &mut rig.findings);
    assert_eq!(rig.findings, [], "given up");
}

#[test]
fn out_of_sync_the_tail_is_dirty_with_the_record_that_raises_the_size() {
    let mut rig = Rig::new();
    rig.durable(OWNER, rig::session_in(2, Mode::OutOfSync));
    assert!(!rig.images.set(OWNER).is_dirty(rig::at(ROOM - 1)));
    rig.record(OWNER, Entry::Grow { blocks: ROOM });
    assert!(
        !rig.images.set(OWNER).is_dirty(rig::at(ROOM - 1)),
        "may be lost"
    );
    let mut rig = Rig::new();
    rig.durable(OWNER, rig::session_in(2, Mode::OutOfSync));
    rig.durable(OWNER, Entry::Grow { blocks: ROOM });
    for block in VOLUME_BLOCKS..ROOM {
        assert!(rig.images.set(OWNER).is_dirty(rig::at(block)), "{block}");
    }
    rig.durable(MIRROR, fence(3, true));
    rig.record(MIRROR, Entry::Finish);
    assert_eq!(rig.findings, [], "of a session since given up");
}

/// A client's command for the last block there is room for, and what becomes of it.
fn asks(growth: &mut Growth, rig: &mut Rig, counter: u64, status: Option<StatusSummary>) {
    let id = command(counter);
    let now = when(rig);
    let event = match status {
        None => ClientEvent::Invoked {
            id,
            kind: CommandKind::Write,
            range: Some(range(ROOM - 1, 1)),
            expected: Vec::new(),
        },
        Some(status) => ClientEvent::AttemptEnded {
            id,
            attempt: 0,
            status,
        },
    };
    growth.observe_client(&event, &rig.images, now, &mut rig.findings);
}

#[test]
fn a_client_is_told_the_truth_about_the_volumes_end() {
    let refused = Some(StatusSummary::Refused(RefusedReason::OutOfRange));
    let success = Some(StatusSummary::Success);
    let (mut rig, mut growth) = (Rig::new(), growth());
    asks(&mut growth, &mut rig, 1, None);
    asks(&mut growth, &mut rig, 2, None);
    asks(&mut growth, &mut rig, 3, None);
    asks(&mut growth, &mut rig, 1, refused);
    assert_eq!(rig.findings, []);
    asks(&mut growth, &mut rig, 2, success);
    let says = "c1:2 succeeds up to block 130, and the volume never had more than 120";
    assert_eq!(first(&rig.findings), Some((OracleId::O8, says)));
    rig.findings.clear();

    grown(&mut rig, &mut growth);
    asks(&mut growth, &mut rig, 3, refused);
    assert_eq!(rig.findings, [], "issued before");
    asks(&mut growth, &mut rig, 4, None);
    asks(&mut growth, &mut rig, 4, success);
    assert_eq!(rig.findings, []);
    asks(&mut growth, &mut rig, 5, None);
    asks(&mut growth, &mut rig, 5, refused);
    let says = "c1:5 is refused for its range, and the volume has 130 blocks";
    assert_eq!(first(&rig.findings), Some((OracleId::O8, says)));
}

#[test]
fn a_growth_that_nobody_announced_is_announced_by_the_first_who_uses_it() {
    let success = Some(StatusSummary::Success);
    let (mut rig, mut growth) = (Rig::new(), growth());
    rig.durable(MIRROR, fence_of(2, ROOM));
    rig.durable(OWNER, Entry::Grow { blocks: ROOM });
    asks(&mut growth, &mut rig, 1, None);
    asks(&mut growth, &mut rig, 1, success);
    assert_eq!(rig.findings, []);
    rig.durable(MIRROR, fence_of(3, VOLUME_BLOCKS));
    let now = when(&mut rig);
    growth.session_confirmed(rig::session(3), &rig.images, now, &mut rig.findings);
    assert_eq!(first(&rig.findings).map(|it| it.0), Some(OracleId::O1));
}

#[test]
fn what_lies_within_the_first_size_is_never_refused_for_its_range() {
    let (mut rig, mut growth) = (Rig::new(), growth());
    asks(
        &mut growth,
        &mut rig,
        9,
        Some(StatusSummary::Refused(RefusedReason::OutOfRange)),
    );
    assert_eq!(first(&rig.findings).map(|it| it.0), Some(OracleId::O8));
}

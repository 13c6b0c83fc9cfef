//! Resync, the owner's side: what is copied, what waits for it, and how it ends.

use super::alone::{forsaken, forsaken_with, mediated, success, until_resync, until_turning};
use super::mirror::{copy_ack, set_ack};
use super::writes::entry;
use crate::contract::{DeviceId, IoError, Submission};
use crate::event::{Event, IgnoreReason};
use crate::storage_set::record::{Entry, Mode, Route};
use crate::testing::{
    DATA, GEOMETRY, Pair, Station, Third, VOLUME, fill, id, range, session, write,
};
use crate::time::Duration;
use crate::vocabulary::{BlockIndex, Command, Range, SequenceId, Session};
use crate::wire::mediator::Ask;
use crate::wire::{CopyTransfer, PeerMessage, Transfer, TransferId, peer};

pub(super) fn dirty_ack(session: Session, dirty: &[Range]) -> PeerMessage {
    PeerMessage::HelloAck {
        volume: VOLUME,
        session,
        attempt: 0,
        dirty: dirty.to_vec(),
        rolled_back: Vec::new(),
    }
}

fn finish_ack(session: Session) -> PeerMessage {
    PeerMessage::FinishAck {
        volume: VOLUME,
        session,
        attempt: 0,
        rolled_back: Vec::new(),
    }
}

/// An owner whose blocks 3 and 4 are dirty and whose resync's Hello, in session 5,
/// has left.
pub(super) fn resyncing() -> Station {
    let mut owner = forsaken();
    owner.run();
    assert_eq!(owner.tables().mode, Mode::Resync);
    assert_eq!(owner.hello_session(), session(5));
    assert_eq!(owner.answers(), [success(1)]);
    owner.take_sent();
    owner
}

/// The same, with region 5 dirty at the mirror and durably here.
fn united() -> Station {
    let mut owner = resyncing();
    owner.hear(&dirty_ack(session(5), &[range(40, 8)]));
    owner.complete(0);
    assert!(owner.has_seen(&Event::DirtyUnited(session(5))));
    owner
}

/// The same, its copy of region 5 on its way.
pub(super) fn copying() -> Station {
    let mut owner = united();
    owner.run_only(is_data);
    owner.run_records();
    assert_eq!(copied(&mut owner), [(1, range(40, 8))]);
    owner
}

fn is_data(submission: &Submission) -> bool {
    let data: DeviceId = DATA;
    submission.device == data
}

/// Takes the copies that were sent for the first time.
fn copies(owner: &mut Station) -> Vec<CopyTransfer> {
    let mut portions = std::collections::BTreeMap::<u64, Vec<_>>::new();
    for sent in owner.take_sent() {
        if let PeerMessage::Portion(portion) = sent.message
            && let TransferId::Copy(copy) = portion.transfer
            && portion.attempt == 0
        {
            portions.entry(copy.value()).or_default().push(portion);
        }
    }
    let assemble = |portions: Vec<_>| match peer::assemble(&portions) {
        Ok(Transfer::Copy(copy)) => copy,
        other => panic!("a copy is sent whole: {other:?}"),
    };
    portions.into_values().map(assemble).collect()
}

fn copied(owner: &mut Station) -> Vec<(u64, Range)> {
    let copies = copies(owner).into_iter();
    copies.map(|copy| (copy.copy.value(), copy.range)).collect()
}

fn has_finished(owner: &Station) -> bool {
    let mut sent = owner.sent.iter();
    sent.any(|sent| matches!(sent.message, PeerMessage::Finish { .. }))
}

fn dirty(owner: &Station) -> Vec<u64> {
    owner.tables().dirty.iter().copied().collect()
}

/// The route of the last queued mark.
fn last_route(owner: &Station) -> Option<Route> {
    let last = owner.queue.len().checked_sub(1)?;
    match entry(owner, last) {
        Entry::Mark { route, .. } => Some(route),
        _ => None,
    }
}

#[test]
fn what_the_mirror_says_is_durable_before_the_first_copy() {
    let mut owner = resyncing();
    owner.hear(&dirty_ack(session(5), &[range(40, 8)]));
    assert_eq!(owner.queue.len(), 1);
    let Entry::Dirty { set, clear, .. } = entry(&owner, 0) else {
        panic!("regions are written")
    };
    assert_eq!((set, clear), (vec![range(40, 8)], Vec::new()));
    assert_eq!(copied(&mut owner), []);
    assert_eq!(dirty(&owner), [0]);
    owner.complete(0);
    assert_eq!(dirty(&owner), [0, 5]);
    owner.run_only(is_data);
    assert_eq!(copied(&mut owner), [(1, range(40, 8))]);
}

#[test]
fn a_clean_mirror_is_united_with_all_the_same() {
    let mut owner = resyncing();
    owner.hear(&dirty_ack(session(5), &[]));
    assert_eq!(owner.queue.len(), 1);
    assert_eq!(copied(&mut owner), []);
    owner.run_records();
    owner.run_only(is_data);
    owner.run_records();
    assert_eq!(copied(&mut owner), [(1, range(0, 8))]);
}

#[test]
fn regions_are_copied_from_the_highest_down_with_their_results() {
    let mut owner = copying();
    owner.hear(&copy_ack(session(5), 1, 0));
    owner.run_records();
    owner.run_only(is_data);
    let copies = copies(&mut owner);
    assert_eq!(copies.len(), 1);
    assert_eq!((copies[0].copy.value(), copies[0].range), (2, range(0, 8)));
    let known: Vec<_> = copies[0].results.iter().map(|it| it.command).collect();
    assert_eq!(known, [id(1)]);
}

#[test]
fn a_region_made_dirty_again_behind_the_scan_is_copied_too() {
    let mut owner = copying();
    // Of clean region 6 and of region 5, which waits: not split, and local only
    // would be wrong, for both are clean when it begins.
    owner.ask(id(2), write(47, 2, 2));
    owner.hear(&copy_ack(session(5), 1, 0));
    owner.complete(0);
    assert_eq!(dirty(&owner), [0]);
    assert_eq!(last_route(&owner), Some(Route::Replicated));
    // Of dirty region 0 and clean region 1: that one is next.
    owner.run_only(is_data);
    owner.take_sent();
    let mut owner = united();
    owner.ask(id(2), write(7, 2, 2));
    owner.run_only(is_data);
    owner.run_records();
    assert_eq!(dirty(&owner), [0, 1, 5]);
    owner.take_sent();
    owner.hear(&copy_ack(session(5), 1, 0));
    owner.run_records();
    owner.run_only(is_data);
    owner.run_records();
    owner.run_only(is_data);
    assert_eq!(copied(&mut owner), [(2, range(8, 8))]);
}

#[test]
fn no_mutation_of_a_region_begins_while_it_is_copied() {
    let mut owner = copying();
    owner.ask(id(2), write(40, 1, 2));
    owner.ask(id(3), write(39, 2, 3));
    owner.ask(id(4), write(48, 1, 4));
    owner.ask(id(5), Command::Read(range(41, 1)));
    let accepted = |owner: &Station, counter| {
        let is_it = |event: &Event| matches!(event, Event::Accepted { command, .. } if *command == id(counter));
        owner.events.iter().any(is_it)
    };
    assert_eq!(
        [2, 3, 4].map(|it| accepted(&owner, it)),
        [false, false, true]
    );
    owner.run();
    assert_eq!(owner.answers().len(), 1, "it is read all the while");
    owner.hear(&copy_ack(session(5), 1, 0));
    assert!(
        !accepted(&owner, 2),
        "the bit stands until its end is durable"
    );
    owner.run_records();
    assert!(accepted(&owner, 2));
}

#[test]
fn a_region_waits_for_a_command_that_is_under_way_in_it() {
    let mut owner = resyncing();
    owner.ask(id(2), write(41, 1, 2));
    assert_eq!(last_route(&owner), Some(Route::LocalOnly), "not united");
    owner.hear(&dirty_ack(session(5), &[range(40, 8)]));
    owner.complete(0);
    owner.complete(0);
    assert!(owner.has_seen(&Event::DirtyUnited(session(5))));
    assert!(owner.probes.contains(&"region waits for a mutation in it"));
    owner.run_only(is_data);
    assert_eq!(copied(&mut owner), []);
    owner.complete(0);
    assert!(owner.has_seen(&Event::ResolvedAlone(id(2))));
    let Entry::Clear { clears } = entry(&owner, 0) else {
        panic!("its mark ends")
    };
    assert!(clears.contains(&id(2)));
    owner.run_only(is_data);
    assert_eq!(copied(&mut owner), [], "its mark stands");
    owner.run_records();
    owner.run_only(is_data);
    let copies = copies(&mut owner);
    assert_eq!(copies[0].range, range(40, 8));
    assert_eq!(copies[0].versions[1].value(), 2, "with what it wrote");
}

#[test]
fn a_write_of_a_dirty_region_needs_this_copy_alone_and_of_a_clean_one_both() {
    let mut owner = copying();
    owner.ask(id(2), write(5, 1, 2));
    assert_eq!(last_route(&owner), Some(Route::LocalOnly));
    owner.run_records();
    assert_eq!(owner.answers(), [success(2)]);
    owner.ask(id(3), write(20, 1, 3));
    assert_eq!(last_route(&owner), Some(Route::Replicated));
    owner.run_records();
    assert_eq!(owner.answers(), []);
    assert_eq!(dirty(&owner), [0, 5]);
    owner.hear(&set_ack(session(5), 2, 0));
    assert_eq!(owner.answers(), [success(3)]);
}

#[test]
fn a_command_of_clean_and_dirty_regions_is_not_split() {
    let mut owner = copying();
    owner.ask(id(2), write(7, 2, 2));
    assert_eq!(last_route(&owner), Some(Route::LocalOnly));
    owner.take_sent();
    owner.run_records();
    assert_eq!(owner.answers(), [success(2)]);
    assert_eq!(dirty(&owner), [0, 1, 5]);
    assert!(owner.take_sent().is_empty());
}

#[test]
fn a_bit_ends_durably_after_the_answer_to_its_copy_in_its_session_and_no_other() {
    let mut owner = copying();
    for other in [
        copy_ack(session(4), 1, 0),
        copy_ack(session(6), 1, 0),
        copy_ack(session(5), 2, 0),
        set_ack(session(5), 1, 0),
    ] {
        owner.hear(&other);
        assert!(owner.queue.is_empty(), "{other:?}");
    }
    owner.hear(&copy_ack(session(5), 1, 0));
    let Entry::Dirty { set, clear, .. } = entry(&owner, 0) else {
        panic!("regions are written")
    };
    assert_eq!((set, clear), (Vec::new(), vec![range(40, 8)]));
    assert_eq!(dirty(&owner), [0, 5], "not durable");
    assert!(!owner.has_seen(&Event::RegionCopied(range(40, 8))));
    owner.hear(&copy_ack(session(5), 1, 1));
    assert_eq!(owner.queue.len(), 1, "once");
    owner.run_records();
    assert_eq!(dirty(&owner), [0]);
    assert!(owner.has_seen(&Event::RegionCopied(range(40, 8))));
}

/// Copies what is dirty.
fn copy_all(owner: &mut Station, first: u64) {
    for number in first..100 {
        owner.run_records();
        owner.run_only(is_data);
        if dirty(owner).is_empty() {
            return;
        }
        owner.hear(&copy_ack(session(5), number, 0));
    }
    panic!("regions without end");
}

#[test]
fn a_resync_ends_when_nothing_is_dirty_the_mirror_consistent_and_that_durable() {
    let mut owner = copying();
    owner.hear(&copy_ack(session(5), 1, 0));
    owner.run_records();
    assert!(!has_finished(&owner));
    copy_all(&mut owner, 2);
    assert!(has_finished(&owner));
    assert_eq!(owner.tables().mode, Mode::Resync);
    for other in [4, 6] {
        owner.hear(&finish_ack(session(other)));
    }
    assert!(owner.queue.is_empty());
    owner.hear(&finish_ack(session(5)));
    let Entry::Session {
        session: in_sync,
        mode,
    } = entry(&owner, 0)
    else {
        panic!("a mode is written")
    };
    assert_eq!((in_sync, mode), (session(5), Mode::InSync));
    assert_eq!(owner.tables().mode, Mode::Resync);
    owner.complete(0);
    assert_eq!(owner.tables().mode, Mode::InSync);
    owner.hear(&finish_ack(session(5)));
    assert!(owner.queue.is_empty(), "once");
    // The session goes on.
    owner.ask(id(9), write(3, 1, 9));
    assert_eq!(last_route(&owner), Some(Route::Replicated));
}

#[test]
fn a_resync_does_not_end_before_a_command_that_may_change_this_copy_alone() {
    let mut owner = resyncing();
    owner.ask(
        id(2),
        Command::CompareAndWrite {
            range: range(56, 1),
            expected: fill(0, 1),
            data: fill(2, 1),
        },
    );
    let compare: Vec<Submission> = owner.queue.drain(..).collect();
    assert_eq!(compare.len(), 2, "data and headers");
    owner.hear(&dirty_ack(session(5), &[]));
    copy_all(&mut owner, 1);
    assert!(owner.probes.contains(&"finish waits for a lone command"));
    assert!(!has_finished(&owner));
    owner.queue.extend(compare);
    owner.run_only(is_data);
    // All regions are clean by now: it is replicated after all.
    assert_eq!(last_route(&owner), Some(Route::Replicated));
    owner.run_records();
    assert!(has_finished(&owner));
}

#[test]
fn whoever_is_accepted_after_the_finish_is_replicated() {
    let mut owner = resyncing();
    owner.hear(&dirty_ack(session(5), &[]));
    copy_all(&mut owner, 1);
    assert!(has_finished(&owner));
    owner.ask(id(2), write(3, 1, 2));
    assert_eq!(last_route(&owner), Some(Route::Replicated));
    owner.run_records();
    owner.hear(&finish_ack(session(5)));
    owner.run_records();
    assert_eq!(owner.tables().mode, Mode::InSync);
    assert_eq!(owner.answers(), [], "its mark covers it");
    owner.hear(&set_ack(session(5), 2, 0));
    assert_eq!(owner.answers(), [success(2)]);
}

/// The default pause.
const PAUSE: Duration = Duration::from_millis(1);
const JUST_SHORT: Duration = Duration::from_micros(999);

/// The owner whose copy of region 5 is acknowledged while a client waits for the mirror.
fn pausing() -> Station {
    let mut owner = copying();
    owner.ask(id(2), write(20, 1, 2));
    owner.run_records();
    owner.take_sent();
    owner.hear(&copy_ack(session(5), 1, 0));
    owner.run_records();
    assert!(owner.has_seen(&Event::RegionCopied(range(40, 8))));
    owner
}

#[test]
fn the_next_region_waits_for_the_pause_while_a_client_does() {
    let mut owner = pausing();
    assert!(owner.probes.contains(&"resync pauses for clients"));
    owner.pass_running(JUST_SHORT);
    assert_eq!(copied(&mut owner), []);
    owner.pass_running(PAUSE);
    assert_eq!(copied(&mut owner), [(2, range(0, 8))]);
    assert_eq!(owner.answers(), [], "nobody was waited for");
}

#[test]
fn no_region_is_closed_in_a_pause() {
    let mut owner = pausing();
    owner.ask(id(3), write(5, 1, 3));
    assert_eq!(last_route(&owner), Some(Route::LocalOnly));
    owner.run_records();
    assert_eq!(owner.answers(), [success(3)]);
    assert_eq!(copied(&mut owner), []);
}

#[test]
fn a_pause_is_over_when_the_last_client_has_its_answer() {
    let mut owner = pausing();
    owner.hear(&set_ack(session(5), 2, 0));
    assert_eq!(owner.answers(), [success(2)]);
    owner.run();
    assert_eq!(copied(&mut owner), [(2, range(0, 8))]);
}

#[test]
fn there_is_no_pause_without_a_client_and_none_if_it_is_zero() {
    let mut owner = copying();
    owner.hear(&copy_ack(session(5), 1, 0));
    owner.run();
    assert!(!owner.probes.contains(&"resync pauses for clients"));
    assert_eq!(copied(&mut owner), [(2, range(0, 8))]);

    let mut configuration = crate::testing::sync_configuration(false);
    configuration.timers.resync_pause = Duration::ZERO;
    let mut owner = forsaken_with(configuration);
    owner.run();
    owner.ask(id(2), write(20, 1, 2));
    owner.take_sent();
    owner.hear(&dirty_ack(session(5), &[range(40, 8)]));
    owner.run();
    owner.take_sent();
    owner.ask(id(3), write(30, 1, 3));
    owner.run();
    owner.hear(&copy_ack(session(5), 1, 0));
    owner.run();
    assert!(owner.has_seen(&Event::RegionCopied(range(40, 8))));
    assert!(!owner.probes.contains(&"resync pauses for clients"));
}

#[test]
fn the_end_of_a_resync_does_not_pause() {
    let mut owner = pausing();
    owner.pass_running(PAUSE);
    owner.take_sent();
    owner.hear(&copy_ack(session(5), 2, 0));
    owner.run_records();
    assert!(has_finished(&owner));
}

#[test]
fn a_resync_ends_though_clients_never_stop_writing() {
    let mut owner = resyncing();
    let begun = owner.now;
    owner.hear(&dirty_ack(session(5), &[range(0, 56)]));
    owner.run();
    let mut regions = Vec::new();
    for round in 0..7 {
        // Behind the scan, and never answered.
        owner.ask(id(2 + round), write(56 + round, 1, 2));
        owner.run_records();
        for (copy, region) in copied(&mut owner) {
            regions.push(region);
            owner.hear(&copy_ack(session(5), copy, 0));
        }
        owner.pass_running(PAUSE);
    }
    let expected: Vec<Range> = (0..7).rev().map(|it| range(8 * it, 8)).collect();
    assert_eq!(regions, expected);
    assert!(has_finished(&owner));
    assert!(
        owner
            .probes
            .contains(&"last region copied while clients wait")
    );
    assert_eq!(owner.answers(), []);
    assert_eq!(owner.now.since(begun), PAUSE.times(7));
}

#[test]
fn a_session_lost_in_a_pause_ends_it() {
    let mut owner = pausing();
    until_turning(&mut owner);
    owner.run();
    assert_eq!(owner.hello_session(), session(7));
    owner.take_sent();
    owner.hear(&dirty_ack(session(7), &[]));
    owner.run();
    assert_eq!(
        copied(&mut owner)[0].1,
        range(16, 8),
        "its write was demoted"
    );
}

#[test]
fn the_scan_goes_back_for_a_region_made_dirty_above_the_last_one() {
    let probe = "scan goes back to a region above the last one";
    let mut configuration = crate::testing::sync_configuration(false);
    configuration.limits.command_blocks = 16;
    let mut owner = forsaken_with(configuration);
    owner.run();
    owner.take_sent();
    owner.hear(&dirty_ack(session(5), &[range(32, 16)]));
    owner.run();
    owner.ask(id(2), write(20, 1, 2));
    owner.run_records();
    owner.take_sent();
    owner.hear(&copy_ack(session(5), 1, 0));
    owner.run_records();
    // Of dirty region 4, of region 5, which has just been copied, and of region 6.
    owner.ask(id(3), write(39, 10, 3));
    owner.run_records();
    assert_eq!(dirty(&owner), [0, 4, 5, 6]);
    assert!(!owner.probes.contains(&probe));
    owner.pass_running(PAUSE);
    assert_eq!(copied(&mut owner), [(2, range(48, 8))]);
    assert!(owner.probes.contains(&probe));
}

#[test]
fn a_session_lost_while_copying_leaves_every_mark_dirty_and_begins_anew() {
    let mut owner = copying();
    owner.ask(id(2), write(20, 1, 2));
    owner.run_records();
    until_turning(&mut owner);
    let Entry::Session {
        session: next,
        mode,
    } = entry(&owner, 0)
    else {
        panic!("a session is written")
    };
    assert_eq!((mode, next), (Mode::OutOfSync, session(6)));
    owner.hear(&copy_ack(session(5), 1, 0));
    owner.hear(&set_ack(session(5), 2, 0));
    assert_eq!(owner.queue.len(), 1, "of a session that is over");
    assert_eq!(owner.answers(), []);
    assert!(!owner.has_seen(&Event::ReplicaAcked(id(2))));
    owner.complete(0);
    assert_eq!(dirty(&owner), [0, 2, 5]);
    assert_eq!(owner.answers(), [success(2)]);
    owner.run_records();
    assert_eq!(owner.tables().mode, Mode::Resync);
    assert_eq!(owner.hello_session(), session(7));
}

#[test]
fn a_boot_during_a_resync_begins_it_anew_with_every_mark_dirty() {
    let mut owner = copying();
    owner.ask(id(2), write(20, 1, 2));
    owner.complete(0);
    owner.reboot();
    owner.run();
    assert_eq!(owner.tables().mode, Mode::Resync);
    assert_eq!(dirty(&owner), [0, 2, 5]);
    let modes = |event: &Event| match event {
        Event::Mode(mode, _) => Some(*mode),
        _ => None,
    };
    let modes: Vec<Mode> = owner.events.iter().filter_map(modes).collect();
    assert_eq!(modes, [Mode::OutOfSync, Mode::Resync]);
}

#[test]
fn the_mediator_is_told_of_the_end_when_it_is_durable() {
    let mut third = Third::new();
    let mut owner = mediated(&mut third);
    owner.ask(id(1), write(3, 2, 1));
    until_resync(&mut owner, &mut third);
    assert_eq!(third.record.version, owner.tables().session.site_epoch);
    assert!(!third.record.in_sync);
    let now = owner.hello_session();
    owner.take_sent();
    owner.hear(&dirty_ack(now, &[]));
    owner.run();
    owner.hear(&copy_ack(now, 1, 0));
    owner.run();
    assert!(has_finished(&owner));
    owner.asked.clear();
    owner.hear(&finish_ack(now));
    let is_set = |ask| matches!(ask, Ask::CompareAndSet { .. });
    assert_eq!(owner.last_asked(is_set), None);
    owner.run();
    let asked = owner.last_asked(is_set).expect("it is told");
    let expect = third.record.version;
    let in_sync = true;
    assert_eq!(asked.ask, Ask::CompareAndSet { expect, in_sync });
    third.answer_all(&mut owner);
    assert!(third.record.in_sync);
}

#[test]
fn a_dirty_region_that_cannot_be_read_is_read_again_and_nothing_is_copied() {
    let mut owner = united();
    // The page of the headers: nothing says what the blocks have to be.
    owner.fail(0, IoError::Gone);
    owner.run_only(is_data);
    assert_eq!(copied(&mut owner), []);
    owner.pass_running(Duration::from_millis(800));
    assert_eq!(copied(&mut owner), [(1, range(40, 8))]);
}

/// The owner of a united resync that cannot read block 42, which was never written; and
/// its question to the mirror.
fn mending() -> (Station, PeerMessage) {
    let mut owner = united();
    let page = GEOMETRY.data_page(BlockIndex::new(42));
    owner.take_sent();
    owner.fail(0, IoError::Unreadable(page));
    owner.run_only(is_data);
    let asked = owner.take_sent().pop().expect("the mirror is asked");
    (owner, asked.message)
}

/// The mirror's answer to a question: a block of this version, full of a byte.
fn answer(asked: &PeerMessage, version: u64, byte: u8) -> PeerMessage {
    let PeerMessage::Fetch {
        session,
        nonce,
        range: asked,
        command: None,
        ..
    } = *asked
    else {
        panic!("the mirror is asked for a block: {asked:?}")
    };
    assert_eq!(asked, range(42, 1));
    PeerMessage::Fetched {
        volume: VOLUME,
        session,
        nonce,
        range: asked,
        attempt: 0,
        outcome: None,
        versions: vec![SequenceId::new(version)],
        data: fill(byte, 1),
    }
}

#[test]
fn an_unreadable_dirty_block_comes_from_the_mirror_if_that_has_just_it() {
    let (mut owner, asked) = mending();
    owner.hear(&answer(&asked, 0, 0));
    assert_eq!(copied(&mut owner), [], "it is durable first");
    owner.run_records();
    // The journal holds the block: the rest of the region is read around it.
    owner.run_only(is_data);
    owner.run_records();
    assert_eq!(copied(&mut owner), [(1, range(40, 8))]);
}

#[test]
fn an_older_or_other_block_of_the_mirror_is_not_taken() {
    for (version, byte) in [(7, 0), (0, 7)] {
        let (mut owner, asked) = mending();
        owner.hear(&answer(&asked, version, byte));
        let mut records = (0..owner.queue.len()).map(|place| entry(&owner, place));
        assert!(!records.any(|entry| matches!(entry, Entry::Repair { .. })));
        // Read again later, and meanwhile nothing is copied.
        owner.run_records();
        assert_eq!(copied(&mut owner), []);
        owner.pass_running(Duration::from_millis(800));
        assert_eq!(copied(&mut owner), [(1, range(40, 8))]);
    }
}

#[test]
fn the_mirror_is_asked_again_for_an_unreadable_block_and_given_up_in_the_end() {
    let (mut owner, asked) = mending();
    let nonces = |owner: &mut Station| -> Vec<(u64, u32)> {
        let sent = owner.take_sent().into_iter();
        let asked = sent.filter_map(|sent| match sent.message {
            PeerMessage::Fetch { nonce, attempt, .. } => Some((nonce, attempt)),
            _ => None,
        });
        asked.collect()
    };
    let PeerMessage::Fetch { nonce, .. } = asked else {
        panic!("the mirror is asked")
    };
    owner.pass(Duration::from_millis(60));
    assert_eq!(nonces(&mut owner), [(nonce, 1)]);
    owner.pass(Duration::from_millis(3_800));
    assert!(owner.probes.contains(&"dirty block bad on both copies"));
}

#[test]
fn regions_beyond_the_volume_are_not_believed() {
    let mut owner = resyncing();
    owner.hear(&dirty_ack(session(5), &[range(60, 8)]));
    assert!(owner.queue.is_empty());
    assert!(owner.has_seen(&Event::Ignored(IgnoreReason::Misrouted)));
}

#[test]
fn after_a_resync_both_copies_are_equal() {
    let mut pair = Pair::with(crate::testing::sync_configuration(false));
    pair.east.ask(id(1), write(3, 2, 1));
    pair.settle();
    // The mirror hears nothing for a while.
    pair.east.ask(id(2), write(4, 8, 2));
    pair.east.pass_running(Duration::from_secs(8));
    assert_eq!(pair.east.tables().mode, Mode::Resync);
    pair.east.ask(id(3), write(30, 1, 3));
    pair.east.run();
    pair.east.take_sent();
    pair.west.now = pair.east.now;
    pair.pass(Duration::from_secs(3));
    assert_eq!(pair.east.tables().mode, Mode::InSync);
    assert_eq!(pair.east.answers(), [success(1), success(2), success(3)]);
    assert!(pair.east.tables().dirty.is_empty());
    let west = pair.west.tables();
    assert_eq!(
        west.consistency,
        crate::storage_set::tables::Consistency::Consistent
    );
    assert!(
        [1, 2, 3]
            .iter()
            .all(|it| west.results.contains_key(&id(*it)))
    );
    pair.pass(Duration::from_secs(1));
    let of = |station: &Station, block: u64| {
        let page = GEOMETRY.data_page(BlockIndex::new(block));
        station.disks[&DATA].pages.get(&page.0).map(|page| page[0])
    };
    for (block, byte) in [(3, 1), (4, 2), (11, 2), (30, 3)] {
        assert_eq!(of(&pair.east, block), Some(byte), "east {block}");
        assert_eq!(of(&pair.west, block), Some(byte), "west {block}");
    }
    // The mirror can prove all of them, the ones that were never written too.
    pair.west.hear(&PeerMessage::Fetch {
        volume: VOLUME,
        session: pair.east.tables().session,
        nonce: 5,
        range: range(0, 8),
        attempt: 0,
        command: None,
    });
    pair.west.run();
    let sent = pair.west.take_sent();
    assert!(matches!(sent[0].message, PeerMessage::Fetched { .. }));
}

use super::mirror::{byte_at, copy_ack, hello_ack, set_ack};
use super::writes::entry;
use crate::codec::testing::flat;
use crate::contract::{IoError, PageIndex};
use crate::event::Event;
use crate::storage_set::record::{CommandResult, Entry};
use crate::storage_set::tables::Role;
use crate::testing::{Pair, Station, VOLUME, fill, id, range, session, write};
use crate::time::Duration;
use crate::vocabulary::{
    Command, CommandId, Content, Outcome, RefusedReason, SequenceId, Session, Status,
};
use crate::wire::{CopyTransfer, PeerMessage, Transfer, peer};

/// An owner that has booted on one mark and no record of its command.
fn owner_with_an_orphan() -> Station {
    owner_with_an_orphan_after(Outcome::Failed)
}

/// The same, or with the record: a write of ones to blocks 3 and 4.
fn owner_with_an_orphan_after(outcome: Outcome) -> Station {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.ask(id(1), write(3, 2, 1));
    owner.complete(0);
    assert!(owner.has_seen(&Event::Marked(id(1))));
    if outcome == Outcome::Performed {
        owner.complete(0);
        assert!(owner.has_seen(&Event::LocalDurable(id(1))));
    }
    owner.reboot();
    owner
}

/// An owner that has sent its orphan's copy, the first of session 3.
fn copying_owner() -> Station {
    let mut owner = owner_with_an_orphan();
    owner.serve();
    owner.run();
    owner
}

/// Takes the copy that was sent, and its session.
fn copy_sent(owner: &mut Station) -> Option<(Session, CopyTransfer)> {
    let portion = |message| match message {
        PeerMessage::Portion(portion) => Some(portion),
        _ => None,
    };
    let sent = owner.take_sent().into_iter();
    let portions: Vec<_> = sent.filter_map(|sent| portion(sent.message)).collect();
    let session = portions.first()?.session;
    match peer::assemble(&portions) {
        Ok(Transfer::Copy(copy)) => Some((session, copy)),
        other => panic!("a copy is sent whole: {other:?}"),
    }
}

fn refused(counter: u64) -> (CommandId, Status) {
    (id(counter), Status::Refused(RefusedReason::NotPerformed))
}

fn data(counter: u64, byte: u8, count: u32) -> (CommandId, Status) {
    (id(counter), Status::Success(Some(fill(byte, count))))
}

fn is_clear(entry: &Entry, command: CommandId) -> bool {
    matches!(entry, Entry::Clear { clears } if *clears == [command])
}

fn is_failure(entry: &Entry, failed: CommandId) -> bool {
    matches!(entry, Entry::Fail { command, .. } if *command == failed)
}

#[test]
fn an_orphan_that_cannot_be_read_is_judged_by_the_mirror() {
    let mut owner = owner_with_an_orphan();
    owner.serve();
    owner.take_sent();
    owner.run_records();
    assert_eq!(owner.queue.len(), 2, "data and headers");
    owner.fail(0, IoError::Unreadable(PageIndex(1)));
    owner.run();
    assert_eq!(owner.census().orphans, 1);
    let sent = owner.take_sent();
    let [asked] = sent.as_slice() else {
        panic!("nothing unproven is copied: {sent:?}")
    };
    let PeerMessage::Fetch {
        session,
        nonce,
        range,
        command,
        ..
    } = asked.message
    else {
        panic!("the mirror is asked: {asked:?}")
    };
    assert_eq!(command, Some(id(1)));
    owner.hear(&PeerMessage::Fetched {
        volume: VOLUME,
        session,
        nonce,
        range,
        attempt: 0,
        outcome: None,
        versions: vec![SequenceId::new(0); range.count() as usize],
        data: fill(0, range.count()),
    });
    owner.run_records();
    assert_eq!(owner.tables().results[&id(1)].outcome, Outcome::Failed);
    owner.run();
    assert!(copy_sent(&mut owner).is_some(), "the copy leaves");
}

#[test]
fn an_orphans_failure_is_durable_before_its_range_is_read_and_sent() {
    let mut owner = owner_with_an_orphan();
    owner.run();
    assert_eq!(copy_sent(&mut owner), None, "the mirror has not answered");
    owner.hear(&hello_ack(session(3), 0));
    assert_eq!(owner.queue.len(), 1);
    assert!(is_failure(&entry(&owner, 0), id(1)));
    assert_eq!(copy_sent(&mut owner), None);
    owner.complete(0);
    assert_eq!(owner.tables().results[&id(1)].outcome, Outcome::Failed);
    assert_eq!(owner.queue.len(), 2, "data and headers");
    assert_eq!(copy_sent(&mut owner), None);
    owner.run();
    assert!(copy_sent(&mut owner).is_some());
}

#[test]
fn an_orphan_is_copied_whole_with_what_became_of_it() {
    for (outcome, byte, version) in [(Outcome::Failed, 0, 0), (Outcome::Performed, 1, 1)] {
        let mut owner = owner_with_an_orphan_after(outcome);
        owner.serve();
        owner.run();
        let (session_sent, copy) = copy_sent(&mut owner).expect("it is copied");
        assert_eq!(session_sent, session(3));
        assert_eq!(copy.range, range(3, 2));
        assert_eq!(copy.content, Content::Data(fill(byte, 2)));
        assert_eq!(copy.versions, [SequenceId::new(version); 2]);
        let result = CommandResult {
            command: id(1),
            outcome,
            range: Some(range(3, 2)),
        };
        assert_eq!(copy.results, [result]);
    }
}

#[test]
fn an_orphans_mark_stands_until_the_mirror_has_its_copy_in_this_session() {
    let mut owner = copying_owner();
    // Whatever it answers, the mirror lives; no more than that is learned.
    owner.hear(&copy_ack(session(2), 1, 0));
    let before = owner.module.clone();
    for other in [
        copy_ack(session(2), 1, 0),
        copy_ack(session(4), 1, 0),
        copy_ack(session(3), 2, 0),
        set_ack(session(3), 1, 0),
    ] {
        owner.hear(&other);
        assert!(owner.module == before, "{other:?}");
    }
    assert!(owner.queue.is_empty());
    assert!(owner.tables().marks.contains_key(&id(1)));
    owner.hear(&copy_ack(session(3), 1, 0));
    assert!(is_clear(&entry(&owner, 0), id(1)));
    assert_eq!(owner.census().orphans, 1, "not durable");
    assert_eq!(owner.census().held_ranges, 1);
    owner.complete(0);
    assert!(owner.has_seen(&Event::OrphanResolved(id(1), Outcome::Failed)));
    assert_eq!((owner.census().orphans, owner.census().held_ranges), (0, 0));
    assert!(owner.tables().marks.is_empty());
    owner.hear(&copy_ack(session(3), 1, 1));
    assert!(owner.queue.is_empty());
}

#[test]
fn a_new_session_copies_an_orphan_again_and_hears_no_answer_to_the_last() {
    let mut owner = copying_owner();
    owner.pass_running(Duration::from_millis(3_500));
    owner.hear(&copy_ack(session(3), 1, 0));
    owner.take_sent();
    owner.hear(&hello_ack(session(4), 0));
    owner.run();
    let (session_sent, copy) = copy_sent(&mut owner).expect("it is copied");
    assert_eq!(session_sent, session(4));
    assert_eq!(copy.range, range(3, 2));
    owner.hear(&copy_ack(session(3), 1, 0));
    assert!(owner.queue.is_empty());
    owner.hear(&copy_ack(session(4), 1, 0));
    owner.run();
    assert_eq!(owner.census().orphans, 0);
}

#[test]
fn orphans_are_resolved_one_after_the_other() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.ask(id(1), write(3, 2, 1));
    owner.ask(id(2), write(10, 1, 2));
    owner.complete(0);
    owner.complete(0);
    owner.reboot();
    owner.serve();
    for (number, blocks) in [(1, range(3, 2)), (2, range(10, 1))] {
        assert_eq!(owner.queue.len(), 1);
        assert!(is_failure(&entry(&owner, 0), id(number)));
        owner.run();
        let (_, copy) = copy_sent(&mut owner).expect("it is copied");
        assert_eq!((copy.copy.value(), copy.range), (number, blocks));
        owner.hear(&copy_ack(session(3), number, 0));
        assert_eq!(copy_sent(&mut owner), None);
        owner.complete(0);
    }
    assert!(owner.tables().marks.is_empty());
}

#[test]
fn a_crash_at_any_step_leaves_an_orphan_to_the_next_boot() {
    for steps in 0..=4 {
        let mut owner = owner_with_an_orphan();
        owner.serve();
        if steps >= 1 {
            owner.complete(0);
        }
        if steps >= 2 {
            owner.run();
        }
        if steps >= 3 {
            owner.hear(&copy_ack(session(3), 1, 0));
        }
        if steps >= 4 {
            owner.run();
        }
        owner.reboot();
        owner.serve();
        let is_open = steps < 4;
        assert_eq!(owner.census().orphans, usize::from(is_open), "{steps}");
        let has_failed = owner.probes.contains(&"orphan found performed");
        assert_eq!(has_failed, is_open && steps >= 1, "{steps}");
        owner.run();
        let copied = copy_sent(&mut owner).map(|(session, copy)| (session, copy.range));
        assert_eq!(copied, is_open.then_some((session(4), range(3, 2))));
        owner.hear(&copy_ack(session(4), 1, 0));
        owner.run();
        assert!(owner.tables().marks.is_empty());
    }
}

#[test]
fn a_read_waits_for_an_orphan_that_it_overlaps_and_only_for_that() {
    let mut owner = owner_with_an_orphan_after(Outcome::Performed);
    owner.serve();
    owner.ask(id(2), Command::Read(range(4, 2)));
    owner.ask(id(3), Command::Read(range(5, 1)));
    owner.ask(id(4), Command::Read(range(2, 1)));
    owner.run();
    assert_eq!(owner.answers(), [data(3, 0, 1), data(4, 0, 1)]);
    owner.hear(&copy_ack(session(3), 1, 0));
    assert_eq!(owner.answers(), [], "the end of its mark is not durable");
    owner.run();
    let bytes = flat(&[fill(1, 1), fill(0, 1)]);
    let read = (id(2), Status::Success(Some(bytes.into())));
    assert_eq!(owner.answers(), [read]);
}

#[test]
fn a_write_waits_for_an_orphan_that_it_overlaps() {
    let mut owner = copying_owner();
    owner.ask(id(2), write(4, 1, 2));
    assert!(owner.queue.is_empty());
    owner.hear(&copy_ack(session(3), 1, 0));
    owner.complete(0);
    assert!(matches!(entry(&owner, 0), Entry::Mark { mark, .. } if mark.command == id(2)));
}

#[test]
fn who_asks_about_an_orphan_hears_its_outcome_when_both_copies_have_it() {
    let success = (id(1), Status::Success(None));
    for (outcome, status) in [(Outcome::Failed, refused(1)), (Outcome::Performed, success)] {
        for command in [Command::Retry, write(3, 2, 1)] {
            let mut owner = owner_with_an_orphan_after(outcome);
            owner.serve();
            owner.ask(id(1), command);
            owner.run();
            assert_eq!(owner.answers(), []);
            owner.hear(&copy_ack(session(3), 1, 0));
            owner.run();
            assert_eq!(owner.answers(), std::slice::from_ref(&status));
        }
    }
}

/// Blocks 3 and 4 on both copies, and whether both know this outcome.
fn agree(pair: &Pair, byte: u8, outcome: Outcome) -> bool {
    let west = [3, 4].map(|block| byte_at(&pair.west, block));
    let outcomes = [&pair.east, &pair.west]
        .map(|station| station.tables().results.get(&id(1)).map(|r| r.outcome));
    west == [Some(byte); 2] && outcomes == [Some(outcome); 2]
}

#[test]
fn what_one_side_alone_has_performed_is_as_the_owner_has_it_on_both() {
    for mirror_alone in [true, false] {
        let mut pair = Pair::new();
        pair.east.ask(id(1), write(3, 2, 1));
        pair.east.complete(0);
        let late = pair.east.take_sent();
        if mirror_alone {
            for sent in &late {
                pair.west.hear(&sent.message);
            }
            pair.west.run();
            pair.west.take_sent();
            assert_eq!([3, 4].map(|block| byte_at(&pair.west, block)), [Some(1); 2]);
        } else {
            pair.east.complete(0);
        }
        pair.east.reboot();
        pair.settle();
        let (byte, outcome) = if mirror_alone {
            (0, Outcome::Failed)
        } else {
            (1, Outcome::Performed)
        };
        assert!(agree(&pair, byte, outcome));
        for sent in &late {
            pair.west.hear(&sent.message);
        }
        pair.settle();
        assert!(agree(&pair, byte, outcome));
        assert!(pair.east.tables().marks.is_empty());
        pair.east.ask(id(2), Command::Read(range(3, 2)));
        pair.settle();
        assert_eq!(pair.east.answers(), [data(2, byte, 2)]);
    }
}

//! Read repair, the owner's side.

use super::mirror::{hello_ack, set_ack};
use super::resync::{copying, resyncing};
use super::writes::entry;
use crate::codec::testing::flat;
use crate::contract::{IoError, PageIndex};
use crate::event::Event;
use crate::storage_set::record::Entry;
use crate::storage_set::tables::Role;
use crate::testing::{DATA, GEOMETRY, Station, VOLUME, fill, id, range, session, write};
use crate::time::Duration;
use crate::vocabulary::{
    Command, CommandId, Content, Range, RefusedReason, SequenceId, Session, Status,
};
use crate::wire::PeerMessage;

const BAD: IoError = IoError::Unreadable(PageIndex(9));

/// An owner in sync that has block 3 as a byte of 7, and stands before bytes that
/// rotted under it.
fn rotten() -> Station {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.ask(id(1), write(3, 1, 7));
    owner.run();
    owner.hear(&set_ack(session(2), 1, 0));
    owner.pass_running(Duration::from_secs(1));
    owner.answers();
    owner.take_sent();
    let page = GEOMETRY.data_page(range(3, 1).start()).0;
    let disk = owner.disks.get_mut(&DATA).expect("it is there");
    assert_eq!(disk.pages.insert(page, fill(8, 1)), Some(fill(7, 1)));
    owner
}

/// What was fetched: session, nonce, range and transmission.
fn fetches(owner: &mut Station) -> Vec<(Session, u64, Range, u32)> {
    let fetch = |message| match message {
        PeerMessage::Fetch {
            session,
            nonce,
            range,
            attempt,
            ..
        } => Some((session, nonce, range, attempt)),
        _ => None,
    };
    let sent = owner.take_sent().into_iter();
    sent.filter_map(|sent| fetch(sent.message)).collect()
}

fn fetched(session: Session, nonce: u64, range: Range) -> PeerMessage {
    PeerMessage::Fetched {
        volume: VOLUME,
        session,
        nonce,
        range,
        attempt: 0,
        outcome: None,
        versions: vec![SequenceId::new(1); range.count() as usize],
        data: fill(7, range.count()),
    }
}

fn data(counter: u64, byte: u8) -> (CommandId, Status) {
    (id(counter), Status::Success(Some(fill(byte, 1))))
}

fn unreadable(counter: u64) -> (CommandId, Status) {
    (id(counter), Status::Refused(RefusedReason::Unreadable))
}

#[test]
fn a_block_that_does_not_prove_itself_is_read_as_the_mirror_has_it_and_written_anew() {
    let mut owner = rotten();
    owner.ask(id(2), Command::Read(range(2, 3)));
    owner.run();
    assert_eq!(owner.answers(), []);
    let asked = fetches(&mut owner);
    assert_eq!(asked.len(), 1);
    let (of, nonce, block, attempt) = asked[0];
    assert_eq!((of, block, attempt), (session(2), range(3, 1), 0));
    owner.hear(&fetched(session(2), nonce, range(3, 1)));
    assert_eq!(owner.answers(), [], "not durable");
    let Entry::Repair {
        range: repaired,
        content,
        versions,
        verdict: None,
    } = entry(&owner, 0)
    else {
        panic!("the block is written anew")
    };
    assert_eq!(repaired, range(3, 1));
    assert_eq!(content, Content::Data(fill(7, 1)));
    assert_eq!(versions, [SequenceId::new(1)]);
    owner.run_records();
    assert!(owner.has_seen(&Event::Repaired(range(3, 1))));
    owner.run();
    let bytes = flat(&[fill(0, 1), fill(7, 1), fill(0, 1)]);
    let read = (id(2), Status::Success(Some(bytes.into())));
    assert_eq!(owner.answers(), [read]);
    // It is as good as new on the device too.
    owner.pass_running(Duration::from_secs(1));
    owner.ask(id(3), Command::Read(range(3, 1)));
    owner.run();
    assert_eq!(owner.answers(), [data(3, 7)]);
    assert_eq!(fetches(&mut owner), []);
}

#[test]
fn a_fetch_that_is_lost_is_asked_again_and_answered_once() {
    let mut owner = rotten();
    owner.ask(id(2), Command::Read(range(3, 1)));
    owner.run();
    let (_, nonce, ..) = fetches(&mut owner)[0];
    owner.pass_running(Duration::from_millis(50));
    let again = fetches(&mut owner);
    assert_eq!(again, [(session(2), nonce, range(3, 1), 1)]);
    owner.hear(&fetched(session(2), nonce, range(3, 1)));
    owner.hear(&fetched(session(2), nonce, range(3, 1)));
    assert_eq!(owner.queue.len(), 1);
    owner.run();
    assert_eq!(owner.answers(), [data(2, 7)]);
}

#[test]
fn blocks_that_were_not_asked_for_are_not_written() {
    let mut owner = rotten();
    owner.ask(id(2), Command::Read(range(3, 1)));
    owner.run();
    let (_, nonce, ..) = fetches(&mut owner)[0];
    for other in [
        fetched(session(1), nonce, range(3, 1)),
        fetched(session(3), nonce, range(3, 1)),
        fetched(session(2), nonce + 1, range(3, 1)),
        fetched(session(2), nonce, range(4, 1)),
    ] {
        owner.hear(&other);
        assert!(owner.queue.is_empty(), "{other:?}");
    }
    owner.hear(&fetched(session(2), nonce, range(3, 1)));
    assert_eq!(owner.queue.len(), 1);
}

#[test]
fn a_compare_is_made_with_the_block_that_was_fetched() {
    let mut owner = rotten();
    owner.ask(
        id(2),
        Command::CompareAndWrite {
            range: range(3, 1),
            expected: fill(7, 1),
            data: fill(9, 1),
        },
    );
    owner.run();
    let (_, nonce, ..) = fetches(&mut owner)[0];
    assert!(!owner.has_seen(&Event::Marked(id(2))));
    owner.hear(&fetched(session(2), nonce, range(3, 1)));
    owner.run();
    owner.hear(&set_ack(session(2), 2, 0));
    assert_eq!(owner.answers(), [(id(2), Status::Success(None))]);
}

#[test]
fn nothing_is_fetched_out_of_sync_or_where_the_copies_may_differ() {
    let mut owner = resyncing();
    owner.ask(id(2), Command::Read(range(20, 1)));
    owner.fail(0, BAD);
    owner.run();
    assert_eq!(owner.answers(), [unreadable(2)], "not united");
    assert_eq!(fetches(&mut owner), []);

    let mut owner = copying();
    owner.ask(id(2), Command::Read(range(6, 1)));
    owner.fail(0, BAD);
    owner.run();
    assert_eq!(owner.answers(), [unreadable(2)], "dirty");
    assert_eq!(fetches(&mut owner), []);

    let mut owner = copying();
    owner.ask(id(2), Command::Read(range(20, 1)));
    owner.fail(0, BAD);
    owner.run();
    let asked = fetches(&mut owner);
    assert_eq!(asked.len(), 1, "clean");
    assert_eq!((asked[0].0, asked[0].2), (session(5), range(20, 1)));
}

/// The mirror's answer to a question, if it cannot prove the block.
fn unproven(session: Session, nonce: u64) -> PeerMessage {
    PeerMessage::Unproven {
        volume: VOLUME,
        session,
        nonce,
        attempt: 1,
    }
}

/// An owner whose question about block 3 has no answer.
fn asking() -> (Station, u64) {
    let mut owner = rotten();
    owner.ask(id(2), Command::Read(range(3, 1)));
    owner.run();
    let (_, nonce, ..) = fetches(&mut owner)[0];
    (owner, nonce)
}

#[test]
fn a_block_that_the_mirror_denies_for_long_enough_is_refused() {
    let (mut owner, nonce) = asking();
    owner.hear(&unproven(session(2), nonce));
    owner.pass_running(Duration::from_millis(1_500));
    assert_eq!(owner.answers(), [], "it may read it yet");
    assert!(fetches(&mut owner).len() > 3, "asked again");
    owner.pass_running(Duration::from_millis(2_000));
    assert_eq!(owner.answers(), [unreadable(2)]);
    assert_eq!(owner.census().held_ranges, 0);
}

#[test]
fn a_mirror_that_is_asked_for_a_block_and_says_nothing_gets_a_new_session() {
    let (mut owner, _) = asking();
    owner.pass_running(Duration::from_millis(3_500));
    assert_eq!(owner.hello_session(), session(3));
    assert_eq!(owner.answers(), [], "it denies nothing");
    owner.take_sent();
    owner.hear(&hello_ack(session(3), 0));
    owner.pass_running(Duration::from_millis(1_000));
    let (of, nonce, block, _) = fetches(&mut owner)[0];
    assert_eq!((of, block), (session(3), range(3, 1)));
    owner.hear(&fetched(session(3), nonce, range(3, 1)));
    owner.run();
    assert_eq!(owner.tables().session, session(3));
    assert_eq!(owner.census().reads, 0);
}

#[test]
fn a_read_that_waits_for_a_mirror_which_is_given_up_is_refused() {
    let mut patient = crate::testing::sync_configuration(false);
    patient.timers.answer_limit = Duration::from_secs(60);
    patient.timers.status_limit = Duration::from_secs(60);
    let mut owner = Station::with(patient, Role::Owner);
    owner.serve();
    owner.ask(id(1), write(0, 1, 1));
    owner.run();
    owner.ask(id(2), Command::Read(range(20, 1)));
    owner.fail(0, BAD);
    owner.run();
    assert_eq!(fetches(&mut owner).len(), 1);
    // The device does not mend itself.
    for _ in 0..1_000 {
        owner.pass(Duration::from_millis(10));
        while !owner.queue.is_empty() {
            let reads = |it: &crate::contract::Submission| {
                let start = GEOMETRY.data_page(range(20, 1).start());
                matches!(it.request, crate::contract::IoRequest::Read { start: it, .. } if it == start)
            };
            match owner.queue.iter().position(reads) {
                Some(place) => owner.fail(place, BAD),
                None => owner.complete(0),
            }
        }
    }
    let answers = owner.answers();
    assert!(answers.contains(&unreadable(2)), "{answers:?}");
    assert_eq!(owner.census().held_ranges, 0);
}

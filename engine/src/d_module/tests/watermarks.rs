use crate::event::{Event, Shortage};
use crate::storage_set::tables::Role;
use crate::testing::{GEOMETRY, Pair, Station, VOLUME, id, id_of, session, write};
use crate::time::Duration;
use crate::vocabulary::{ClientId, Command, Watermark};
use crate::wire::{ClientReply, Hello, PeerMessage};

fn watermark(counter: u64) -> Watermark {
    Watermark {
        client: ClientId::new(7),
        counter,
    }
}

fn hello(incarnation: u64, watermarks: Vec<Watermark>) -> PeerMessage {
    PeerMessage::Hello(Hello {
        volume: VOLUME,
        session: session(incarnation),
        attempt: 0,
        format: 9,
        watermarks,
        resync: false,
        blocks: GEOMETRY.blocks,
    })
}

#[test]
fn a_hello_raises_the_mirrors_watermarks_for_good_and_never_lowers_them() {
    let mut mirror = Station::new(Role::Mirror);
    mirror.run();
    mirror.hear(&hello(2, vec![watermark(5)]));
    assert_eq!(
        mirror.tables().watermark(ClientId::new(7)),
        1,
        "not durable"
    );
    mirror.run();
    assert_eq!(mirror.tables().watermark(ClientId::new(7)), 5);
    mirror.hear(&hello(3, vec![watermark(4)]));
    mirror.run();
    mirror.reboot();
    mirror.run();
    assert_eq!(mirror.tables().fence, session(3));
    assert_eq!(mirror.tables().watermark(ClientId::new(7)), 5);
}

#[test]
fn an_owners_hello_carries_every_clients_watermark() {
    let mut pair = Pair::new();
    pair.east.ask(id(1), write(0, 1, 1));
    pair.settle();
    // Only the owner hears of the promise that comes with a question.
    pair.east
        .ask_with(id(2), Command::Retry, |frame| frame.watermark = 2);
    pair.settle();
    assert_eq!(pair.east.tables().watermark(ClientId::new(7)), 2);
    assert_eq!(pair.west.tables().watermark(ClientId::new(7)), 1);
    assert!(pair.west.tables().results.contains_key(&id(1)));
    pair.east.reboot();
    pair.settle();
    assert_eq!(pair.west.tables().watermark(ClientId::new(7)), 2);
    assert!(!pair.west.tables().results.contains_key(&id(1)));
}

#[test]
fn failures_are_forgotten_below_their_clients_watermark() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    for counter in 1..100 {
        owner.ask_with(id_of(7, counter), Command::Retry, |frame| {
            frame.watermark = counter;
        });
        owner.run();
        assert_eq!(owner.tables().results.len(), 1);
    }
}

fn is_held_back(owner: &mut Station, shortage: Shortage, id: crate::vocabulary::CommandId) -> bool {
    let replies = std::mem::take(&mut owner.replies);
    let told = matches!(replies[..], [ClientReply::Retrying { id: told, .. }] if told == id);
    told && owner.has_seen(&Event::HeldBack(id, shortage))
}

#[test]
fn neither_a_write_nor_a_question_reaches_beyond_its_clients_window() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    // The window of 16 begins with id 1.
    for command in [write(0, 1, 1), Command::Retry] {
        owner.ask(id(17), command);
        assert!(is_held_back(&mut owner, Shortage::Window, id(17)));
    }
    owner.ask(id(16), Command::Retry);
    owner.run();
    assert_eq!(owner.answers().len(), 1);
    // A frame that carries the promise is let in by it.
    owner.ask_with(id(17), Command::Retry, |frame| frame.watermark = 2);
    owner.run();
    assert_eq!(owner.answers().len(), 1);
}

#[test]
fn a_client_too_many_is_held_back() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.ask(id_of(1, 1), Command::Retry);
    owner.run();
    owner.ask(id_of(2, 1), write(0, 1, 1));
    owner.ask(id_of(3, 1), write(0, 1, 1));
    owner.ask(id_of(4, 1), Command::Retry);
    owner.replies.clear();
    for command in [write(0, 1, 1), Command::Retry] {
        owner.ask(id_of(5, 1), command);
        assert!(is_held_back(&mut owner, Shortage::Clients, id_of(5, 1)));
    }
    // Known clients go on, and so does a read, which leaves no record.
    owner.ask(id_of(4, 2), Command::Retry);
    owner.ask(id_of(5, 2), Command::Read(crate::testing::range(9, 1)));
    owner.run();
    assert_eq!(owner.answers().len(), 3);
}

#[test]
fn a_promise_about_a_command_that_is_open_is_not_believed() {
    let mut pair = Pair::new();
    pair.east.ask(id(1), write(0, 1, 1));
    pair.east.run();
    pair.east.take_sent();
    pair.east
        .ask_with(id(2), write(1, 1, 2), |frame| frame.watermark = 2);
    pair.east
        .ask_with(id(3), Command::Retry, |frame| frame.watermark = 3);
    pair.settle();
    assert_eq!(pair.west.tables().watermark(ClientId::new(7)), 1);
    // The first replica was lost, and the mirror still takes its repetition.
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.east.answers().len(), 3);
}

use crate::storage_set::tables::Role;
use crate::testing::{Station, fill, id, range, session, write};
use crate::time::Duration;
use crate::vocabulary::{Command, RefusedReason, SetId, Status, UnknownReason};
use crate::wire::{ClientReply, PeerMessage};

/// The newest transmission's number of each answer.
fn answered(owner: &mut Station) -> Vec<u32> {
    let replies = std::mem::take(&mut owner.replies);
    let attempt = |reply| match reply {
        ClientReply::Answer { attempt, .. } => Some(attempt),
        ClientReply::Connected { .. } | ClientReply::Retrying { .. } => None,
    };
    replies.into_iter().filter_map(attempt).collect()
}

#[test]
fn an_overtaken_transmission_does_not_take_the_newest_ones_place() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    for attempt in [1, 2, 0] {
        owner.ask_with(id(1), write(0, 1, 1), |frame| frame.attempt = attempt);
    }
    owner.run();
    owner.hear(&PeerMessage::SetAck {
        volume: crate::testing::VOLUME,
        session: session(2),
        set: SetId::new(1),
        attempt: 0,
    });
    assert_eq!(answered(&mut owner), [2]);
}

#[test]
fn what_waited_behind_a_command_that_gave_up_goes_on() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    // The mirror does not answer: blocks 0 and 1 stay locked, and the second
    // write waits for them in front of the read.
    owner.ask(id(1), write(0, 2, 1));
    owner.ask(id(2), write(1, 2, 2));
    owner.pass_running(Duration::from_secs(1));
    owner.ask(id(3), Command::Read(range(2, 1)));
    owner.pass_running(Duration::from_millis(4_100));
    let unknown = Status::Unknown(UnknownReason::TimedOut);
    assert_eq!(
        owner.answers(),
        [
            (id(1), unknown.clone()),
            (id(2), unknown),
            (id(3), Status::Success(Some(fill(0, 1)))),
        ]
    );
}

#[test]
fn what_waited_behind_a_command_that_was_asked_about_goes_on() {
    let mut owner = Station::new(Role::Owner);
    owner.serve();
    owner.ask(id(1), write(0, 2, 1));
    owner.ask(id(2), write(1, 2, 2));
    owner.ask(id(3), Command::Read(range(2, 1)));
    owner.ask(id(2), Command::Retry);
    owner.run();
    assert_eq!(
        owner.answers(),
        [
            (id(2), Status::Refused(RefusedReason::NotPerformed)),
            (id(3), Status::Success(Some(fill(0, 1)))),
        ]
    );
}

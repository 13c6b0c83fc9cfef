use stormglass_engine::vocabulary::{RefusedReason, UnknownReason};

use crate::oracle::story::*;
use crate::oracle::{Finding, Outcomes};
use crate::workload::{ClientEvent, CommandKind, StatusSummary};
use stormglass_sim::time::WorldTime;

fn says(findings: Vec<Finding>) -> Vec<String> {
    findings.into_iter().map(|finding| finding.says).collect()
}

fn write() -> Story {
    Story::new().begins(1, CommandKind::Write, one(), 1)
}

#[test]
fn attempts_that_end_once_and_outcomes_that_agree_are_fine() {
    let other = StatusSummary::Refused(RefusedReason::OutOfRange);
    let story = write()
        .unknown(1, 5)
        .unknown(1, 9)
        .ends(1, 12, REFUSED)
        .event(
            13,
            ClientEvent::AnsweredAgain {
                id: id(1),
                status: StatusSummary::Cancelled,
            },
        )
        .event(
            14,
            ClientEvent::AnsweredAgain {
                id: id(1),
                status: other,
            },
        )
        .read(2, one(), 1..4, &[ZERO])
        .event(
            5,
            ClientEvent::AnsweredAgain {
                id: id(2),
                status: REFUSED,
            },
        )
        .compare(3, one(), 1..9, &[ZERO], MISMATCH);
    assert_eq!(story.o8(), []);
}

#[test]
fn two_statuses_for_an_attempt_are_found() {
    let story = write().ends(1, 5, SUCCESS).ends(1, 6, SUCCESS);
    let findings = story.o8();
    assert_eq!(findings[0].events, [1, 2]);
    assert_eq!(
        says(findings),
        ["c1:1: attempt 0 got a status and is not open"]
    );
}

#[test]
fn a_status_for_another_attempt_than_the_open_one_is_found() {
    let status = StatusSummary::Unknown(UnknownReason::Halted);
    let ended = ClientEvent::AttemptEnded {
        id: id(1),
        attempt: 0,
        status,
    };
    let story = write().unknown(1, 5).event(6, ended);
    assert_eq!(
        says(story.o8()),
        ["c1:1: attempt 0 got a status and is not open"]
    );
}

#[test]
fn outcomes_that_contradict_are_found() {
    let pairs = [
        (
            SUCCESS,
            REFUSED,
            "c1:1 has two outcomes: success, then failure",
        ),
        (
            REFUSED,
            SUCCESS,
            "c1:1 has two outcomes: failure, then success",
        ),
        (
            StatusSummary::Cancelled,
            SUCCESS,
            "c1:1 has two outcomes: failure, then success",
        ),
        (
            MISMATCH,
            SUCCESS,
            "c1:1 has two outcomes: mismatch, then success",
        ),
        (
            SUCCESS,
            MISMATCH,
            "c1:1 has two outcomes: success, then mismatch",
        ),
        (
            REFUSED,
            MISMATCH,
            "c1:1 has two outcomes: failure, then mismatch",
        ),
    ];
    for (first, second, expected) in pairs {
        let story = Story::new().compare(1, one(), 1..5, &[ZERO], first).event(
            6,
            ClientEvent::AnsweredAgain {
                id: id(1),
                status: second,
            },
        );
        let findings = story.o8();
        assert_eq!(findings[0].events, [1, 2]);
        assert_eq!(says(findings), [expected]);
    }
}

#[test]
fn a_question_after_the_outcome_is_found() {
    let retried = ClientEvent::Retried {
        id: id(1),
        attempt: 1,
    };
    let story = write().ends(1, 5, SUCCESS).event(6, retried);
    assert_eq!(says(story.o8()), ["c1:1 is asked about after its success"]);
}

#[test]
fn a_question_while_an_attempt_is_open_is_found() {
    let story = write().event(
        6,
        ClientEvent::Retried {
            id: id(1),
            attempt: 1,
        },
    );
    assert_eq!(says(story.o8()), ["c1:1: attempt 1 follows on attempt 0"]);
}

#[test]
fn an_id_that_is_used_twice_is_found() {
    let story = write().ends(1, 5, SUCCESS).write(1, one(), 6..7);
    assert_eq!(says(story.o8()), ["c1:1 was issued twice"]);
}

#[test]
fn what_was_never_issued_is_found() {
    let story = Story::new()
        .ends(1, 1, SUCCESS)
        .event(
            2,
            ClientEvent::Retried {
                id: id(2),
                attempt: 1,
            },
        )
        .event(
            3,
            ClientEvent::ReadReturned {
                id: id(3),
                values: vec![],
            },
        )
        .event(
            4,
            ClientEvent::AnsweredAgain {
                id: id(4),
                status: SUCCESS,
            },
        );
    assert_eq!(story.o8().len(), 4);
}

#[test]
fn a_mismatch_of_what_compares_nothing_is_found() {
    assert_eq!(
        says(write().ends(1, 5, MISMATCH).o8()),
        ["c1:1 compares nothing and ended as a mismatch"]
    );
}

#[test]
fn data_that_does_not_fit_the_command_is_found() {
    let short = Story::new().read(1, blocks(0, 2), 1..2, &[ZERO]);
    assert_eq!(says(short.o8()), ["c1:1 reads 2 blocks and got 1"]);
    let data = ClientEvent::ReadReturned {
        id: id(1),
        values: vec![ZERO],
    };
    assert_eq!(
        says(write().event(3, data).o8()),
        ["c1:1 returned data and is no read"]
    );
}

#[test]
fn an_attempt_without_a_status_is_found_in_the_end() {
    let (mut oracle, mut findings) = (Outcomes::default(), vec![]);
    for (number, (_, event)) in write().unknown(1, 3).events().iter().enumerate() {
        oracle.observe(WorldTime::ZERO, number as u64, event, &mut findings);
    }
    oracle.finish(WorldTime::ZERO, &mut findings);
    assert_eq!(says(findings), ["c1:1: attempt 1 never got a status"]);
    assert_eq!(oracle.checks(), 2);
}

#[test]
fn a_command_refused_as_unreadable_on_sound_devices_is_found() {
    let status = StatusSummary::Refused(RefusedReason::Unreadable);
    let story = Story::new()
        .begins(1, CommandKind::Read, one(), 1)
        .ends(1, 5, status);
    assert_eq!(
        says(story.o8()),
        ["c1:1 is refused as unreadable, and no device was damaged or gone"]
    );
}

#[test]
fn a_command_refused_as_unreadable_after_damage_is_not() {
    let status = StatusSummary::Refused(RefusedReason::Unreadable);
    let story = Story::new()
        .begins(1, CommandKind::Read, one(), 1)
        .ends(1, 5, status);
    let (mut oracle, mut findings) = (Outcomes::default(), vec![]);
    oracle.damaged();
    for (number, (_, event)) in story.events().iter().enumerate() {
        oracle.observe(WorldTime::ZERO, number as u64, event, &mut findings);
    }
    assert_eq!(says(findings), [""; 0]);
}

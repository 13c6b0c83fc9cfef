use super::*;
use crate::storage_set::tables::Role;
use crate::testing::{DATA, JOURNAL, configuration};

fn devices() -> Devices {
    Devices {
        journal: JOURNAL,
        data: DATA,
        geometry: configuration(Role::Owner).set.geometry,
    }
}

fn key(epoch: u64, node: u32) -> ReservationKey {
    ReservationKey { epoch, node }
}

/// What the claim asks for, apart from the name.
fn asked(submission: &Submission) -> (DeviceId, ReservationKey, IoRequest) {
    (
        submission.device,
        submission.key,
        submission.request.clone(),
    )
}

const HELD: Option<ReservationKey> = Some(ReservationKey { epoch: 3, node: 1 });

struct Claiming {
    claim: Claim,
    ids: IoIds,
    waiting: Submission,
}

impl Claiming {
    fn start(expected: Option<ReservationKey>) -> Self {
        let mut ids = IoIds::default();
        let (claim, waiting) = Claim::start(devices(), NodeId::new(1), expected, &mut ids);
        Claiming {
            claim,
            ids,
            waiting,
        }
    }

    fn end(&mut self, result: Result<IoOutput, IoError>) -> Option<Progress> {
        let io = self.waiting.io;
        let progress = self.claim.handle_completion(io, result, &mut self.ids);
        if let Some(Progress::Submit(submission)) = &progress {
            self.waiting = submission.clone();
        }
        progress
    }
}

#[test]
fn both_devices_are_preempted_under_a_key_above_all_that_they_have_seen() {
    let mut claiming = Claiming::start(HELD);
    assert_eq!(claiming.waiting.device, JOURNAL);
    assert_eq!(claiming.waiting.request, IoRequest::ReadReservation);
    claiming.end(Ok(IoOutput::Reservation(Some(key(3, 1)))));
    assert_eq!(claiming.waiting.device, DATA);
    assert_eq!(claiming.waiting.request, IoRequest::ReadReservation);
    // A claim that was cut short has left the data device behind.
    claiming.end(Ok(IoOutput::Reservation(Some(key(7, 2)))));
    let observed = Some(key(3, 1));
    let preempt = (JOURNAL, key(8, 1), IoRequest::Preempt { observed });
    assert_eq!(asked(&claiming.waiting), preempt);
    claiming.end(Ok(IoOutput::Done));
    let observed = Some(key(7, 2));
    let preempt = (DATA, key(8, 1), IoRequest::Preempt { observed });
    assert_eq!(asked(&claiming.waiting), preempt);
    let won = claiming.end(Ok(IoOutput::Done));
    assert_eq!(won, Some(Progress::Won(key(8, 1))));
}

#[test]
fn a_fresh_set_is_taken_under_the_first_epoch() {
    let mut claiming = Claiming::start(None);
    claiming.end(Ok(IoOutput::Reservation(None)));
    claiming.end(Ok(IoOutput::Reservation(None)));
    claiming.end(Ok(IoOutput::Done));
    let won = claiming.end(Ok(IoOutput::Done));
    assert_eq!(won, Some(Progress::Won(key(1, 1))));
}

#[test]
fn a_conflict_ends_it_for_whoever_decided_on_it_has_to_look_again() {
    for error in [IoError::ReservationConflict, IoError::Aborted] {
        let mut claiming = Claiming::start(None);
        claiming.end(Ok(IoOutput::Reservation(None)));
        claiming.end(Ok(IoOutput::Reservation(None)));
        claiming.end(Ok(IoOutput::Done));
        // The data device was taken by somebody else meanwhile.
        assert_eq!(claiming.end(Err(error)), Some(Progress::Failed(error)));
    }
}

#[test]
fn a_set_that_changed_hands_since_it_was_looked_at_is_not_claimed() {
    let mut claiming = Claiming::start(HELD);
    let ended = claiming.end(Ok(IoOutput::Reservation(Some(key(4, 2)))));
    let conflict = IoError::ReservationConflict;
    assert_eq!(ended, Some(Progress::Failed(conflict)));
}

#[test]
fn a_device_that_is_gone_ends_it() {
    let mut claiming = Claiming::start(None);
    assert_eq!(
        claiming.end(Err(IoError::Gone)),
        Some(Progress::Failed(IoError::Gone))
    );
}

#[test]
fn it_hears_nothing_but_what_it_waits_for() {
    let mut claiming = Claiming::start(None);
    let other = IoId(claiming.waiting.io.0 + 1);
    let progress = claiming
        .claim
        .handle_completion(other, Ok(IoOutput::Done), &mut claiming.ids);
    assert_eq!(progress, None);
}

//! Commands with which something goes wrong.

use super::*;

const DONE: Result<IoOutput, IoError> = Ok(IoOutput::Done);
const FAILED: Result<IoOutput, IoError> = Err(IoError::FlushFailed);

fn submit_bad(device: &mut Device, effect: IoEffect, request: IoRequest) -> CommandNumber {
    device.submit_with(OWNER, submission(1, request), effect)
}

/// Submits and executes at once; tells the result, and whether something went wrong.
fn run_bad(
    device: &mut Device,
    effect: IoEffect,
    request: IoRequest,
) -> (Result<IoOutput, IoError>, bool) {
    let number = submit_bad(device, effect, request);
    let execution = device.carry_out(number, &mut Answers::default());
    let is_defective = execution.defect.is_some();
    if let Some(defect) = execution.defect {
        assert_eq!((defect.submitter, defect.io), (OWNER, IoId(7)));
        assert_eq!(defect.effect, effect);
    }
    let mut endings = execution.endings;
    let own = endings.next().expect("an awaited command ends");
    assert_eq!(execution.succeeded, own.result.is_ok() && !is_defective);
    (own.result, is_defective)
}

/// The first byte of a page in every loss of power that keeps whole versions.
fn kept(device: &Device, page: u64) -> Vec<u8> {
    let mut kept = std::collections::BTreeSet::new();
    every_loss(device, |device| {
        kept.extend(bytes_at(device, page..page + 1));
    });
    kept.into_iter().collect()
}

#[test]
fn a_lost_write_is_acknowledged_and_never_stored() {
    for write in [cached(0, &[2, 2]), forced(0, &[2, 2])] {
        let mut device = reserved(spec());
        assert!(run(&mut device, 1, cached(0, &[1])).is_ok());
        let (result, is_defective) = run_bad(&mut device, IoEffect::Lost, write);
        assert_eq!((result, is_defective), (DONE, true));
        assert_eq!(bytes_at(&device, 0..2), [1, 0]);
        assert_eq!(possible_at(&device, 0), [0, 1]);
        assert!(run(&mut device, 1, IoRequest::Flush).is_ok());
        assert_eq!(kept(&device, 0), [1]);
        assert_eq!(device.counters().writes, 1);
        assert_eq!(device.counters().defective, 1);
    }
}

#[test]
fn a_misdirected_write_lands_below_the_cache_of_other_pages() {
    for write in [cached(0, &[2, 3]), forced(0, &[2, 3])] {
        let mut device = reserved(spec());
        device.damage(PageIndex(5), Damage::Unreadable);
        assert!(run(&mut device, 1, cached(6, &[9])).is_ok());
        let effect = IoEffect::Misdirected(PageIndex(5));
        let (result, is_defective) = run_bad(&mut device, effect, write);
        assert_eq!((result, is_defective), (DONE, true));
        assert_eq!(bytes_at(&device, 0..2), [0, 0]);
        assert_eq!(bytes_at(&device, 5..8), [2, 9, 0]);
        assert!(!device.is_unreadable(PageIndex(5)), "it was written anew");
        assert_eq!(kept(&device, 5), [2]);
        assert_eq!(kept(&device, 6), [3, 9]);
        assert!(run(&mut device, 1, IoRequest::Flush).is_ok());
        assert_eq!(bytes_at(&device, 5..7), [2, 9]);
    }
}

#[test]
fn a_write_cannot_go_astray_to_where_there_is_nothing_or_to_itself() {
    for landing in [0, 1, 63, 64, u64::MAX] {
        let mut device = reserved(spec());
        let effect = IoEffect::Misdirected(PageIndex(landing));
        let (result, is_defective) = run_bad(&mut device, effect, cached(0, &[2, 3]));
        assert_eq!((result, is_defective), (DONE, false), "{landing}");
        assert_eq!(bytes_at(&device, 0..3), [2, 3, 0]);
    }
}

#[test]
fn an_error_is_told_once_and_does_nothing() {
    let gone = Err(IoError::Gone);
    let observed = Some(key(1));
    for (request, expected) in [
        (read(0, 1), &gone),
        (cached(0, &[2]), &gone),
        (forced(0, &[2]), &gone),
        (IoRequest::ReadReservation, &gone),
        (IoRequest::Preempt { observed }, &gone),
        (IoRequest::Flush, &FAILED),
    ] {
        let mut device = reserved(spec());
        assert!(run(&mut device, 1, cached(0, &[1])).is_ok());
        let before = possible_at(&device, 0);
        let (result, is_defective) = run_bad(&mut device, IoEffect::Error, request.clone());
        assert_eq!((&result, is_defective), (expected, true));
        assert_eq!(possible_at(&device, 0), before);
        assert_eq!(device.holder(), Some(key(1)));
        assert!(run(&mut device, 1, IoRequest::Flush).is_ok());
        assert_eq!(possible_at(&device, 0), [1]);
    }
}

#[test]
fn a_lying_flush_makes_nothing_stable_and_a_later_one_does() {
    let mut device = reserved(spec());
    assert!(run(&mut device, 1, cached(0, &[1])).is_ok());
    let (result, is_defective) = run_bad(&mut device, IoEffect::FlushLies, IoRequest::Flush);
    assert_eq!((result, is_defective), (DONE, true));
    assert_eq!(kept(&device, 0), [0, 1]);
    assert!(run(&mut device, 1, IoRequest::Flush).is_ok());
    assert_eq!(kept(&device, 0), [1]);
}

/// A device with two unflushed versions of page 0, one of page 1, and page 2 stable,
/// after its flush has failed with these answers.
fn after_a_failed_flush(answers: &mut Answers) -> Device {
    let mut device = reserved(spec());
    device.install(PageIndex(0), &[page_of(10), page_of(20), page_of(30)]);
    assert!(run(&mut device, 1, cached(0, &[11, 21])).is_ok());
    assert!(run(&mut device, 1, cached(0, &[12])).is_ok());
    let number = submit_bad(&mut device, IoEffect::FlushFails, IoRequest::Flush);
    let execution = device.carry_out(number, answers);
    assert!(!execution.succeeded);
    assert!(execution.defect.is_some());
    let results: Vec<_> = execution.endings.map(|ended| ended.result).collect();
    assert_eq!(results, [FAILED]);
    device
}

#[test]
fn a_failed_flush_leaves_any_version_below_and_shows_the_newest() {
    let mut stable = std::collections::BTreeSet::new();
    Answers::each(|answers| {
        let mut device = after_a_failed_flush(answers);
        let below = [0, 1, 2].map(|page| device.stable(PageIndex(page))[0]);
        stable.insert(below);
        assert_eq!(bytes_at(&device, 0..3), [12, 21, 30]);
        // A flush that succeeds says nothing about them.
        assert_eq!(run(&mut device, 1, IoRequest::Flush), DONE);
        assert_eq!(bytes_at(&device, 0..3), [12, 21, 30]);
        for page in 0..3 {
            assert!(device.is_certain(PageIndex(page)));
        }
        every_loss(&device, |device| {
            assert_eq!(bytes_at(device, 0..3), below);
        });
    });
    let mut expected = std::collections::BTreeSet::new();
    for first in [10, 11, 12] {
        for second in [20, 21] {
            expected.insert([first, second, 30]);
        }
    }
    assert_eq!(stable, expected);
}

#[test]
#[expect(
    clippy::mutable_key_type,
    reason = "what a payload remembers is no part of its order"
)]
fn a_failed_flush_may_tear() {
    let mut mixtures = std::collections::BTreeSet::new();
    Answers::each_with_tears(|answers| {
        let mut device = reserved(spec());
        assert!(run(&mut device, 1, cached(0, &[1])).is_ok());
        let number = submit_bad(&mut device, IoEffect::FlushFails, IoRequest::Flush);
        let _ = device.carry_out(number, answers);
        assert_eq!(device.current(PageIndex(0)), page_of(1));
        mixtures.insert(device.stable(PageIndex(0)));
    });
    assert_eq!(mixtures.len(), 256);
}

#[test]
fn a_new_write_ends_what_a_failed_flush_shows() {
    let mut device = after_a_failed_flush(&mut Answers::default());
    assert!(run(&mut device, 1, cached(0, &[13])).is_ok());
    assert_eq!(possible_at(&device, 0), [10, 13]);
    assert!(run(&mut device, 1, IoRequest::Flush).is_ok());
    assert_eq!(kept(&device, 0), [13]);
    assert!(run(&mut device, 1, forced(1, &[22])).is_ok());
    assert_eq!(bytes_at(&device, 0..2), [13, 22]);
    device.install(PageIndex(0), &[page_of(1)]);
    assert_eq!(bytes_at(&device, 0..2), [1, 22]);
}

#[test]
fn what_a_failed_flush_shows_is_readable_though_the_medium_is_not() {
    let mut device = reserved(spec());
    device.damage(PageIndex(0), Damage::Unreadable);
    assert!(run(&mut device, 1, cached(0, &[0])).is_ok());
    let (result, _) = run_bad(&mut device, IoEffect::FlushFails, IoRequest::Flush);
    assert_eq!(result, FAILED);
    let zeros = Ok(IoOutput::Pages(vec![page_of(0)]));
    assert_eq!(run(&mut device, 1, read(0, 1)), zeros);
    device.lose_power(&mut Answers::default());
    let bad = Err(IoError::Unreadable(PageIndex(0)));
    assert_eq!(run(&mut device, 1, read(0, 1)), bad);
}

#[test]
fn nothing_goes_wrong_with_a_command_that_is_refused() {
    for (effect, request) in [
        (IoEffect::Lost, cached(0, &[1])),
        (IoEffect::Error, read(0, 1)),
        (IoEffect::FlushFails, IoRequest::Flush),
    ] {
        let mut device = reserved(spec());
        let conflict = Err(IoError::ReservationConflict);
        let queued = device.submit_with(OWNER, submission(0, request.clone()), effect);
        let execution = device.carry_out(queued, &mut Answers::default());
        assert_eq!((execution.succeeded, execution.defect), (false, None));
        let results: Vec<_> = execution.endings.map(|ended| ended.result).collect();
        assert_eq!(results, [conflict]);
        assert!(device.go());
        let (result, is_defective) = run_bad(&mut device, effect, request);
        assert_eq!((result, is_defective), (Err(IoError::Gone), false));
        assert_eq!(device.counters().defective, 0);
    }
}

#[test]
fn nothing_goes_wrong_with_a_command_that_it_does_not_fit() {
    for (effect, request) in [
        (IoEffect::Lost, IoRequest::Flush),
        (IoEffect::Misdirected(PageIndex(9)), read(0, 1)),
        (IoEffect::FlushLies, cached(0, &[1])),
        (IoEffect::FlushFails, read(0, 1)),
    ] {
        let mut device = reserved(spec());
        let (result, is_defective) = run_bad(&mut device, effect, request);
        assert!(result.is_ok());
        assert!(!is_defective);
    }
}

/// Power that goes finds a command that never executed.
#[test]
fn a_power_loss_takes_a_queued_command_before_anything_goes_wrong_with_it() {
    let mut device = reserved(spec());
    submit_bad(&mut device, IoEffect::Lost, forced(0, &[1]));
    submit_bad(
        &mut device,
        IoEffect::Misdirected(PageIndex(9)),
        forced(1, &[2]),
    );
    assert_eq!(possible_at(&device, 0), [0, 1]);
    assert_eq!(kept(&device, 0), [0, 1]);
    assert_eq!(kept(&device, 1), [0, 2]);
    assert_eq!(kept(&device, 9), [0]);
}

/// A dead submitter's command executes as ever, and goes wrong as ever.
#[test]
fn the_commands_of_the_dead_go_wrong_too() {
    let mut device = reserved(spec());
    let landing = IoEffect::Misdirected(PageIndex(9));
    submit_bad(&mut device, landing, forced(0, &[1]));
    let mut landed = Vec::new();
    Answers::each(|answers| {
        let mut device = device.clone();
        let unplugged = device.submitter_lost_power(OWNER, answers);
        assert_eq!(unplugged.ended, []);
        landed.push((unplugged.defects.len(), bytes_at(&device, 9..10)[0]));
    });
    assert_eq!(landed, [(0, 0), (1, 1)]);
}

#[test]
fn a_checkpoint_knows_what_is_to_go_wrong() {
    let mut device = after_a_failed_flush(&mut Answers::default());
    let bad = submit_bad(&mut device, IoEffect::Lost, forced(3, &[1]));
    let bytes = postcard::to_stdvec(&device).expect("serializes");
    let mut restored: Device = postcard::from_bytes(&bytes).expect("restores");
    assert_eq!(restored, device);
    for device in [&mut restored, &mut device] {
        assert_eq!(finish(device, bad), DONE);
        assert_eq!(bytes_at(device, 0..4), [12, 21, 30, 0]);
    }
}

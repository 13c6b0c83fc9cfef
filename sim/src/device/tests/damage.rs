//! Devices that go, and pages that go bad.

use super::*;

const BAD: Result<IoOutput, IoError> = Err(IoError::Unreadable(PageIndex(3)));

fn pages(bytes: &[u8]) -> Result<IoOutput, IoError> {
    let pages = bytes.iter().map(|byte| page_of(*byte)).collect();
    Ok(IoOutput::Pages(pages))
}

#[test]
fn a_device_that_is_gone_fails_what_executes_and_keeps_what_it_holds() {
    let mut device = reserved(spec());
    assert!(run(&mut device, 1, cached(0, &[1])).is_ok());
    let waiting = submit(&mut device, 1, cached(0, &[2]));
    assert!(device.go());
    assert!(!device.go(), "it is gone already");
    assert!(device.is_gone());
    let observed = Some(key(1));
    for request in [
        read(0, 1),
        forced(0, &[3]),
        IoRequest::Flush,
        IoRequest::ReadReservation,
        IoRequest::Preempt { observed },
    ] {
        assert_eq!(run(&mut device, 1, request), Err(IoError::Gone));
    }
    assert_eq!(device.counters().gone, 5);
    assert_eq!(device.counters().refused(), 5);
    assert_eq!(device.come_back(Return::Intact), Some(Vec::new()));
    assert_eq!(device.come_back(Return::Blank), None, "it is there");
    assert_eq!(finish(&mut device, waiting), Ok(IoOutput::Done));
    assert_eq!(possible_at(&device, 0), [0, 1, 2]);
}

#[test]
fn a_replaced_device_is_blank_and_ends_what_was_queued() {
    let mut device = reserved(spec());
    device.install(PageIndex(5), &[page_of(9)]);
    device.damage(PageIndex(3), Damage::Unreadable);
    assert!(run(&mut device, 1, cached(0, &[1])).is_ok());
    submit(&mut device, 1, cached(0, &[2]));
    let unheard = device.submit(RIVAL, submission(1, cached(0, &[3])));
    device.drop_submitter(RIVAL);
    assert!(device.go());
    let ended = Ended {
        submitter: OWNER,
        io: IoId(7),
        result: Err(IoError::Gone),
    };
    assert_eq!(device.come_back(Return::Blank), Some(vec![ended]));
    assert_eq!(device.execute(unheard).count(), 0);
    assert_eq!(device.queued().count(), 0);
    assert_eq!(device.holder(), None);
    assert_eq!(bytes_at(&device, 0..64), [0; 64]);
    assert!(device.is_certain(PageIndex(0)));
    assert!(!device.is_unreadable(PageIndex(3)));
    let fresh = IoRequest::Preempt { observed: None };
    assert_eq!(run(&mut device, 1, fresh), Ok(IoOutput::Done));
    assert_eq!(run(&mut device, 1, read(3, 1)), pages(&[0]));
}

#[test]
fn power_that_goes_while_a_device_is_gone_executes_nothing() {
    let mut device = reserved(spec());
    assert!(run(&mut device, 1, cached(0, &[1])).is_ok());
    submit(&mut device, 1, forced(0, &[2]));
    assert!(device.go());
    assert_eq!(possible_at(&device, 0), [0, 1]);
    let mut found = Vec::new();
    every_loss(&device, |device| found.push(bytes_at(device, 0..1)[0]));
    assert_eq!(found, [0, 1]);
}

#[test]
fn an_unreadable_page_is_named_and_a_read_beside_it_succeeds() {
    let mut device = reserved(spec());
    device.install(PageIndex(2), &[page_of(2), page_of(3), page_of(4)]);
    device.damage(PageIndex(3), Damage::Unreadable);
    assert_eq!(run(&mut device, 1, read(2, 3)), BAD);
    assert_eq!(run(&mut device, 1, read(2, 1)), pages(&[2]));
    assert_eq!(run(&mut device, 1, read(4, 1)), pages(&[4]));
    assert_eq!(device.counters().unreadable, 1);
    // Who may not read hears that first.
    let conflict = Err(IoError::ReservationConflict);
    assert_eq!(run(&mut device, 0, read(3, 1)), conflict);
}

#[test]
fn a_page_is_readable_from_the_cache_and_mended_when_that_is_stable() {
    let mut device = reserved(spec());
    device.damage(PageIndex(3), Damage::Unreadable);
    assert!(run(&mut device, 1, cached(3, &[7])).is_ok());
    assert_eq!(run(&mut device, 1, read(3, 1)), pages(&[7]));
    assert!(device.is_unreadable(PageIndex(3)));
    let mut kept = Vec::new();
    every_loss(&device, |device| {
        kept.push(run(&mut device.clone(), 1, read(3, 1)));
    });
    assert_eq!(kept, [BAD, pages(&[7])]);
    assert!(run(&mut device, 1, IoRequest::Flush).is_ok());
    assert!(!device.is_unreadable(PageIndex(3)));
    device.damage(PageIndex(3), Damage::Unreadable);
    assert!(run(&mut device, 1, forced(3, &[8])).is_ok());
    assert_eq!(run(&mut device, 1, read(3, 1)), pages(&[8]));
}

#[test]
fn a_torn_write_does_not_mend_a_page() {
    let mut device = reserved(spec());
    device.damage(PageIndex(3), Damage::Unreadable);
    assert!(run(&mut device, 1, cached(3, &[7])).is_ok());
    let mut torn = 0;
    Answers::each_with_tears(|answers| {
        let mut device = device.clone();
        device.lose_power(answers);
        let is_new = bytes_at(&device, 3..4) == [7] && !device.is_unreadable(PageIndex(3));
        torn += usize::from(!is_new);
    });
    // All but the one loss that keeps the whole write.
    assert_eq!(torn, 1 + (1 << 8));
}

#[test]
fn rot_changes_the_stable_content_below_newer_versions() {
    let mut device = reserved(spec());
    device.install(PageIndex(3), &[page_of(5)]);
    device.damage(PageIndex(3), Damage::Rot);
    assert_eq!(bytes_at(&device, 3..4), [42]);
    device.damage(PageIndex(3), Damage::Rot);
    assert_eq!(bytes_at(&device, 3..4), [79], "it does not undo itself");
    assert!(run(&mut device, 1, cached(3, &[6])).is_ok());
    device.damage(PageIndex(3), Damage::Rot);
    assert_eq!(bytes_at(&device, 3..4), [6]);
    assert_eq!(possible_at(&device, 3), [116, 6]);
}

#[test]
fn a_checkpoint_knows_of_all_that() {
    let mut device = reserved(spec());
    device.damage(PageIndex(3), Damage::Unreadable);
    let damaged = device.clone();
    assert!(device.go());
    for device in [&damaged, &device] {
        let bytes = postcard::to_stdvec(device).expect("serializes");
        let restored: Device = postcard::from_bytes(&bytes).expect("restores");
        assert_eq!(&restored, device);
    }
    assert_ne!(damaged, device);
}

//! Devices without space, that stall, or that come back with another content.

use super::*;

fn range(start: u64, count: u64) -> PageRange {
    let start = PageIndex(start);
    PageRange { start, count }
}

#[test]
fn a_full_device_refuses_what_would_take_space() {
    let mut device = reserved(spec());
    assert!(run(&mut device, 1, forced(8, &[1])).is_ok());
    assert!(run(&mut device, 1, cached(9, &[2])).is_ok());
    device.fill_up(range(8, 4));
    let full = Err(IoError::Full);
    assert_eq!(run(&mut device, 1, forced(10, &[3])), full);
    assert_eq!(run(&mut device, 1, cached(9, &[3, 3])), full, "as a whole");
    assert_eq!(
        run(&mut device, 1, cached(7, &[4, 5, 6])),
        Ok(IoOutput::Done)
    );
    assert_eq!(run(&mut device, 1, cached(12, &[7])), Ok(IoOutput::Done));
    assert!(run(&mut device, 1, read(10, 1)).is_ok());
    assert!(run(&mut device, 1, IoRequest::Flush).is_ok());
    assert_eq!(bytes_at(&device, 7..13), [4, 5, 6, 0, 0, 7]);
    assert_eq!(device.counters().full, 2);
    // What will be refused is not possible.
    submit(&mut device, 1, forced(10, &[3]));
    assert_eq!(possible_at(&device, 10), [0]);
    every_loss(&device, |device| assert_eq!(bytes_at(device, 10..11), [0]));
    assert_eq!(device.full(), Some(range(8, 4)));
    assert!(device.make_room());
    assert!(!device.make_room(), "there is space already");
    assert_eq!(possible_at(&device, 10), [0, 3]);
}

#[test]
fn a_refused_write_is_a_defect() {
    let mut device = reserved(spec());
    device.fill_up(range(0, 64));
    let number = submit(&mut device, 1, forced(3, &[1, 2]));
    let execution = device.carry_out(number, &mut Answers::default());
    let defect = execution.defect.expect("there is no space");
    assert_eq!(
        (defect.effect, defect.pages),
        (IoEffect::Full, Some(range(3, 2)))
    );
    assert!(!execution.succeeded);
    let _ = execution.endings;
    // A conflict is told first: who may not write learns nothing else.
    let conflict = Err(IoError::ReservationConflict);
    assert_eq!(run(&mut device, 0, forced(3, &[1])), conflict);
}

#[test]
fn at_a_device_that_stalls_the_commands_of_the_dead_wait_too() {
    let mut device = reserved(spec());
    let numbers = [0, 1].map(|page| submit(&mut device, 1, forced(page, &[1])));
    assert!(device.stall());
    assert!(!device.stall(), "it stalls already");
    let mut left = std::collections::BTreeSet::new();
    Answers::each(|answers| {
        let mut device = device.clone();
        let unplugged = device.submitter_lost_power(OWNER, answers);
        assert_eq!(unplugged, Unplugged::default());
        assert_eq!(bytes_at(&device, 0..2), [0, 0], "nothing executes");
        assert!(device.go_on());
        assert!(!device.go_on());
        for number in numbers {
            assert_eq!(device.execute(number).count(), 0, "nobody hears");
        }
        left.insert(bytes_at(&device, 0..2));
    });
    assert_eq!(Vec::from_iter(left), [[0, 0], [0, 1], [1, 0], [1, 1]]);
}

#[test]
fn a_stale_device_has_what_was_stable_when_it_was_remembered() {
    let mut device = reserved(spec());
    assert!(run(&mut device, 1, forced(0, &[1])).is_ok());
    assert!(run(&mut device, 1, cached(1, &[1])).is_ok());
    device.remember();
    assert!(run(&mut device, 1, forced(0, &[2, 2, 2])).is_ok());
    device.damage(PageIndex(9), Damage::Unreadable);
    // Of page 4 the flush fails: reads show what is not stable.
    assert!(run(&mut device, 1, cached(4, &[4])).is_ok());
    let flush = device.submit_with(OWNER, submission(1, IoRequest::Flush), IoEffect::FlushFails);
    assert_eq!(finish(&mut device, flush), Err(IoError::FlushFailed));
    assert_eq!(bytes_at(&device, 4..5), [4]);
    submit(&mut device, 1, cached(0, &[3]));
    assert!(device.go());
    let ended = device.come_back(Return::Stale).expect("it was gone");
    assert_eq!(ended.len(), 1, "it knows no command");
    assert_eq!(ended[0].result, Err(IoError::Gone));
    assert_eq!(bytes_at(&device, 0..5), [1, 0, 0, 0, 0]);
    assert!(
        device.is_certain(PageIndex(1)),
        "what was cached then is not there"
    );
    assert!(!device.is_unreadable(PageIndex(9)));
    assert_eq!(device.holder(), Some(key(1)));
}

#[test]
fn a_device_that_remembers_nothing_comes_back_intact() {
    let mut device = reserved(spec());
    let queued = submit(&mut device, 1, forced(0, &[1]));
    assert!(!device.has_memory());
    assert!(device.go());
    assert_eq!(device.come_back(Return::Stale), Some(Vec::new()));
    assert!(finish(&mut device, queued).is_ok());
    assert!(!device.restore(range(0, 64)));
    assert_eq!(bytes_at(&device, 0..1), [1]);
}

#[test]
fn a_region_goes_back_below_what_is_cached() {
    let mut device = reserved(spec());
    assert!(run(&mut device, 1, forced(0, &[1, 1, 1, 1])).is_ok());
    device.remember();
    assert!(!device.restore(range(0, 4)), "nothing has changed yet");
    assert!(run(&mut device, 1, forced(0, &[2, 2, 2, 2])).is_ok());
    assert!(run(&mut device, 1, cached(2, &[3])).is_ok());
    device.damage(PageIndex(1), Damage::Unreadable);
    assert!(device.restore(range(1, 2)));
    assert_eq!(bytes_at(&device, 0..4), [2, 1, 3, 2]);
    assert_eq!(possible_at(&device, 2), [1, 3]);
    assert!(!device.is_unreadable(PageIndex(1)));
}

#[test]
fn swapped_devices_have_each_other_s_content_and_reservation_and_no_queue() {
    let mut one = reserved(spec());
    let mut other = Device::new(DeviceSpec { pages: 8, ..spec() });
    assert!(run(&mut one, 1, cached(0, &[1])).is_ok());
    other.install(PageIndex(7), &[page_of(7)]);
    let numbers = [&mut one, &mut other].map(|device| submit(device, 1, forced(1, &[9])));
    assert_eq!(numbers, [CommandNumber(2), CommandNumber(0)]);
    for ended in Device::swap(&mut one, &mut other) {
        let results: Vec<_> = ended.into_iter().map(|ended| ended.result).collect();
        assert_eq!(results, [Err(IoError::Gone)]);
    }
    assert_eq!(possible_at(&other, 0), [0, 1]);
    assert_eq!((one.holder(), other.holder()), (None, Some(key(1))));
    assert_eq!(bytes_at(&one, 0..8), [0, 0, 0, 0, 0, 0, 0, 7]);
    assert_eq!((one.spec().pages, other.spec().pages), (8, 64));
    // A place goes on counting where it was: no number comes twice.
    assert_eq!(submit(&mut one, 1, IoRequest::Flush), CommandNumber(3));
    assert_eq!(submit(&mut other, 1, IoRequest::Flush), CommandNumber(1));
    assert!(finish(&mut other, CommandNumber(1)).is_ok());
    assert_eq!(
        possible_at(&other, 0),
        [1],
        "the flush covers what came along"
    );
}

#[test]
fn a_checkpoint_knows_of_space_stall_and_memory() {
    let device = reserved(spec());
    let changes: [fn(&mut Device); 3] = [
        |device| {
            device.stall();
        },
        |device| device.fill_up(range(3, 2)),
        |device| {
            device.install(PageIndex(5), &[page_of(5)]);
            device.remember();
        },
    ];
    for change in changes {
        let mut changed = device.clone();
        change(&mut changed);
        assert_ne!(changed, device);
        let bytes = postcard::to_stdvec(&changed).expect("serializes");
        let restored: Device = postcard::from_bytes(&bytes).expect("restores");
        assert_eq!(restored, changed);
    }
}

mod choices;
mod damage;
mod defect;
mod model;
mod stored;
mod tears;
mod trouble;

use super::damage::ROT_AT;
use super::*;
use choices::{Answers, every_loss};
use stormglass_engine::contract::{DeviceId, SECTOR_BYTES};

const OWNER: Submitter = Submitter {
    process: 1,
    incarnation: 1,
};
const RIVAL: Submitter = Submitter {
    process: 2,
    incarnation: 1,
};

fn key(epoch: u64) -> ReservationKey {
    ReservationKey { epoch, node: 1 }
}

/// A page full of one byte.
fn page_of(byte: u8) -> Payload {
    Payload::from(vec![byte; PAGE_BYTES])
}

fn spec() -> DeviceSpec {
    DeviceSpec {
        pages: 64,
        cache_pages: CACHE_PAGES_DEFAULT,
        unreserved: None,
    }
}

/// A device that is reserved under epoch 1.
fn reserved(spec: DeviceSpec) -> Device {
    let mut device = Device::new(spec);
    let result = run(&mut device, 1, IoRequest::Preempt { observed: None });
    assert_eq!(result, Ok(IoOutput::Done));
    device
}

fn submission(epoch: u64, request: IoRequest) -> Submission {
    Submission {
        device: DeviceId::new(0),
        io: IoId(7),
        key: key(epoch),
        request,
    }
}

fn submit(device: &mut Device, epoch: u64, request: IoRequest) -> CommandNumber {
    device.submit(OWNER, submission(epoch, request))
}

/// Submits and executes at once.
fn run(device: &mut Device, epoch: u64, request: IoRequest) -> Result<IoOutput, IoError> {
    let number = submit(device, epoch, request);
    finish(device, number)
}

/// The result of a command that aborts no other.
fn finish(device: &mut Device, number: CommandNumber) -> Result<IoOutput, IoError> {
    let mut ended = device.execute(number);
    let own = ended.next().expect("an awaited command ends");
    assert_eq!(ended.next(), None);
    own.result
}

fn cached(start: u64, bytes: &[u8]) -> IoRequest {
    let pages = bytes.iter().map(|byte| page_of(*byte)).collect();
    IoRequest::Write {
        start: PageIndex(start),
        pages,
        persistence: Persistence::Cached,
    }
}

fn forced(start: u64, bytes: &[u8]) -> IoRequest {
    let pages = bytes.iter().map(|byte| page_of(*byte)).collect();
    IoRequest::Write {
        start: PageIndex(start),
        pages,
        persistence: Persistence::ForceUnitAccess,
    }
}

fn read(start: u64, count: u32) -> IoRequest {
    IoRequest::Read {
        start: PageIndex(start),
        count,
    }
}

/// The first bytes of some pages as a read returns them.
fn bytes_at(device: &Device, pages: std::ops::Range<u64>) -> Vec<u8> {
    pages
        .map(|page| device.current(PageIndex(page))[ROT_AT])
        .collect()
}

fn possible_at(device: &Device, page: u64) -> Vec<u8> {
    device
        .possible(PageIndex(page))
        .iter()
        .map(|content| content[ROT_AT])
        .collect()
}

#[test]
fn what_was_written_is_read() {
    let mut device = reserved(spec());
    assert_eq!(run(&mut device, 1, cached(3, &[1, 2])), Ok(IoOutput::Done));
    let zeros = page_of(0);
    assert_eq!(
        run(&mut device, 1, read(2, 4)),
        Ok(IoOutput::Pages(vec![
            zeros.clone(),
            page_of(1),
            page_of(2),
            zeros
        ]))
    );
    let counters = Counters {
        reads: 1,
        writes: 1,
        ..Counters::default()
    };
    assert_eq!(device.counters(), &counters);
}

#[test]
fn commands_execute_in_any_order() {
    let mut device = reserved(spec());
    let first = submit(&mut device, 1, cached(0, &[1]));
    let second = submit(&mut device, 1, cached(0, &[2]));
    let third = submit(&mut device, 1, read(0, 1));
    assert_eq!(finish(&mut device, second), Ok(IoOutput::Done));
    assert_eq!(
        finish(&mut device, third),
        Ok(IoOutput::Pages(vec![page_of(2)]))
    );
    assert_eq!(finish(&mut device, first), Ok(IoOutput::Done));
    assert_eq!(bytes_at(&device, 0..1), [1]);
}

#[test]
fn a_flush_covers_what_completed_before_it_was_submitted() {
    let mut device = reserved(spec());
    let before = submit(&mut device, 1, cached(0, &[1]));
    assert!(finish(&mut device, before).is_ok());
    let queued = submit(&mut device, 1, cached(1, &[2]));
    let flush = submit(&mut device, 1, IoRequest::Flush);
    let later = submit(&mut device, 1, cached(0, &[3]));
    assert!(finish(&mut device, queued).is_ok());
    assert!(finish(&mut device, later).is_ok());
    assert_eq!(possible_at(&device, 0), [0, 1, 3]);
    assert!(finish(&mut device, flush).is_ok());
    assert_eq!(
        possible_at(&device, 0),
        [1, 3],
        "the later version stays unflushed"
    );
    assert_eq!(
        possible_at(&device, 1),
        [0, 2],
        "completed after the flush's submission"
    );
    assert_eq!(bytes_at(&device, 0..2), [3, 2]);
}

#[test]
fn a_forced_write_covers_itself_only() {
    let mut device = reserved(spec());
    assert!(run(&mut device, 1, cached(0, &[1, 1])).is_ok());
    assert!(run(&mut device, 1, forced(1, &[2])).is_ok());
    assert_eq!(possible_at(&device, 0), [0, 1]);
    assert_eq!(
        possible_at(&device, 1),
        [2],
        "what it overwrote in the cache is gone"
    );
    assert!(!device.is_certain(PageIndex(0)));
    assert!(device.is_certain(PageIndex(1)));
    assert_eq!(device.counters().forced, 1);
}

#[test]
fn a_queued_write_is_possible() {
    let mut device = reserved(spec());
    let number = submit(&mut device, 1, forced(4, &[5, 6]));
    assert_eq!(possible_at(&device, 4), [0, 5]);
    assert!(!device.is_certain(PageIndex(5)));
    assert!(device.is_certain(PageIndex(6)));
    let queued: Vec<_> = device
        .queued()
        .map(|(number, it)| (number, it.io))
        .collect();
    assert_eq!(queued, [(number, IoId(7))]);
    assert_eq!(device.awaited_by(number), Some(OWNER));
}

#[test]
fn the_same_content_again_is_certain() {
    let mut device = reserved(spec());
    device.install(PageIndex(0), &[page_of(8)]);
    assert!(run(&mut device, 1, cached(0, &[8])).is_ok());
    assert!(device.is_certain(PageIndex(0)));
}

#[test]
fn a_full_cache_destages_the_oldest_version() {
    let mut device = reserved(DeviceSpec {
        cache_pages: 2,
        ..spec()
    });
    assert!(run(&mut device, 1, cached(0, &[1])).is_ok());
    assert!(run(&mut device, 1, cached(0, &[2])).is_ok());
    assert_eq!(possible_at(&device, 0), [0, 1, 2]);
    assert!(run(&mut device, 1, cached(1, &[3])).is_ok());
    assert_eq!(possible_at(&device, 0), [1, 2]);
    assert!(run(&mut device, 1, cached(2, &[4, 5, 6])).is_ok());
    assert_eq!(possible_at(&device, 0), [2]);
    assert_eq!(
        possible_at(&device, 2),
        [4],
        "more pages than the cache holds"
    );
    assert_eq!(possible_at(&device, 4), [0, 6]);
}

#[test]
fn a_device_without_a_cache_is_always_certain() {
    let mut device = reserved(DeviceSpec {
        cache_pages: 0,
        ..spec()
    });
    assert!(run(&mut device, 1, cached(0, &[1])).is_ok());
    assert_eq!(possible_at(&device, 0), [1]);
}

#[test]
fn beyond_the_end_nothing_is_touched() {
    let mut device = reserved(spec());
    assert_eq!(
        run(&mut device, 1, cached(63, &[1, 2])),
        Err(IoError::OutOfRange)
    );
    assert_eq!(run(&mut device, 1, read(64, 1)), Err(IoError::OutOfRange));
    assert_eq!(
        run(&mut device, 1, read(u64::MAX, 2)),
        Err(IoError::OutOfRange)
    );
    assert_eq!(bytes_at(&device, 63..64), [0]);
    assert!(run(&mut device, 1, cached(63, &[1])).is_ok());
}

#[test]
fn nobody_writes_before_somebody_reserves() {
    let mut device = Device::new(spec());
    let conflict = Err(IoError::ReservationConflict);
    assert_eq!(run(&mut device, 1, cached(0, &[1])), conflict);
    assert_eq!(run(&mut device, 1, read(0, 1)), conflict);
    assert_eq!(run(&mut device, 1, IoRequest::Flush), conflict);
    let asked = run(&mut device, 1, IoRequest::ReadReservation);
    assert_eq!(asked, Ok(IoOutput::Reservation(None)));
    assert_eq!(device.counters().conflicts, 3);
}

#[test]
fn a_preempt_aborts_what_others_have_queued() {
    let mut device = reserved(spec());
    let old = device.submit(RIVAL, submission(1, cached(0, &[1])));
    let preempt = submit(
        &mut device,
        2,
        IoRequest::Preempt {
            observed: Some(key(1)),
        },
    );
    let new = submit(&mut device, 2, cached(1, &[2]));
    let ended: Vec<_> = device.execute(preempt).collect();
    let aborted = Ended {
        submitter: RIVAL,
        io: IoId(7),
        result: Err(IoError::Aborted),
    };
    let done = Ended {
        submitter: OWNER,
        io: IoId(7),
        result: Ok(IoOutput::Done),
    };
    assert_eq!(ended, [aborted, done]);
    assert_eq!(
        device.execute(old).count(),
        0,
        "an aborted command never executes"
    );
    assert!(finish(&mut device, new).is_ok());
    assert_eq!(bytes_at(&device, 0..2), [0, 2]);
    assert_eq!(device.holder(), Some(key(2)));
}

#[test]
fn an_old_key_is_refused_at_execution() {
    let mut device = reserved(spec());
    assert!(
        run(
            &mut device,
            2,
            IoRequest::Preempt {
                observed: Some(key(1))
            }
        )
        .is_ok()
    );
    for request in [
        cached(0, &[1]),
        forced(0, &[1]),
        read(0, 1),
        IoRequest::Flush,
    ] {
        assert_eq!(
            run(&mut device, 1, request),
            Err(IoError::ReservationConflict)
        );
    }
    let late = submit(&mut device, 1, cached(0, &[1]));
    assert_eq!(possible_at(&device, 0), [0], "it will never execute");
    assert_eq!(finish(&mut device, late), Err(IoError::ReservationConflict));
}

#[test]
fn a_preempt_needs_the_present_holder_and_a_higher_epoch() {
    let mut device = reserved(spec());
    let conflict = Err(IoError::ReservationConflict);
    let queued = submit(&mut device, 1, cached(0, &[1]));
    for (epoch, observed) in [
        (2, None),
        (2, Some(key(9))),
        (1, Some(key(1))),
        (0, Some(key(1))),
    ] {
        assert_eq!(
            run(&mut device, epoch, IoRequest::Preempt { observed }),
            conflict
        );
    }
    assert_eq!(device.holder(), Some(key(1)));
    assert!(
        finish(&mut device, queued).is_ok(),
        "a failed preempt aborts nothing"
    );
}

#[test]
fn of_two_preempts_that_saw_the_same_holder_one_succeeds() {
    let mut device = reserved(spec());
    let observed = Some(key(1));
    let first = device.submit(OWNER, submission(2, IoRequest::Preempt { observed }));
    let second = device.submit(RIVAL, submission(3, IoRequest::Preempt { observed }));
    let ended: Vec<_> = device.execute(second).map(|ended| ended.result).collect();
    assert_eq!(ended, [Err(IoError::Aborted), Ok(IoOutput::Done)]);
    assert_eq!(device.execute(first).count(), 0);
}

#[test]
fn outside_the_reservation_no_key_is_checked() {
    let unreserved = Some(PageRange {
        start: PageIndex(60),
        count: 4,
    });
    let mut device = reserved(DeviceSpec {
        unreserved,
        ..spec()
    });
    assert!(run(&mut device, 0, forced(60, &[1, 2])).is_ok());
    assert!(run(&mut device, 0, read(60, 4)).is_ok());
    let conflict = Err(IoError::ReservationConflict);
    assert_eq!(
        run(&mut device, 0, read(59, 2)),
        conflict,
        "half outside is inside"
    );
    assert_eq!(run(&mut device, 0, forced(59, &[1, 2])), conflict);
    assert_eq!(bytes_at(&device, 59..62), [0, 1, 2]);
}

#[test]
fn the_commands_of_a_killed_process_execute_unheard() {
    let mut device = reserved(spec());
    let next_life = Submitter {
        incarnation: 2,
        ..OWNER
    };
    let number = submit(&mut device, 1, cached(0, &[1]));
    let other = device.submit(next_life, submission(1, cached(1, &[2])));
    device.drop_submitter(OWNER);
    assert_eq!(device.awaited_by(number), None);
    assert_eq!(device.execute(number).count(), 0);
    assert_eq!(device.execute(other).count(), 1);
    assert_eq!(bytes_at(&device, 0..2), [1, 2]);
    let queued = submit(&mut device, 1, cached(0, &[1]));
    device.drop_submitter(OWNER);
    let preempt = device.submit(
        next_life,
        submission(
            2,
            IoRequest::Preempt {
                observed: Some(key(1)),
            },
        ),
    );
    assert_eq!(
        device.execute(preempt).count(),
        1,
        "nobody hears of the abort"
    );
    assert_eq!(device.execute(queued).count(), 0);
}

#[test]
fn a_machine_without_power_leaves_any_subset_of_its_commands() {
    let mut device = reserved(spec());
    let numbers = [1, 2, 3].map(|byte| submit(&mut device, 1, cached(u64::from(byte), &[byte])));
    let rival = device.submit(RIVAL, submission(1, cached(4, &[4])));
    let mut images = std::collections::BTreeSet::new();
    Answers::each(|answers| {
        let mut device = device.clone();
        let unplugged = device.submitter_lost_power(OWNER, answers);
        assert_eq!(unplugged, Unplugged::default());
        assert!(
            numbers
                .iter()
                .all(|number| device.execute(*number).count() == 0)
        );
        assert_eq!(device.execute(rival).count(), 1);
        images.insert(bytes_at(&device, 1..5));
    });
    assert_eq!(images.len(), 8);
    assert!(images.contains(&vec![1, 0, 3, 4]));
}

/// A preempt that still reaches the device from a machine that lost power aborts
/// the commands of others, and they are told.
#[test]
fn a_dying_machine_can_still_preempt() {
    let mut device = reserved(spec());
    let old = device.submit(RIVAL, submission(1, cached(0, &[1])));
    submit(
        &mut device,
        2,
        IoRequest::Preempt {
            observed: Some(key(1)),
        },
    );
    let mut outcomes = Vec::new();
    Answers::each(|answers| {
        let mut device = device.clone();
        let Unplugged { ended, .. } = device.submitter_lost_power(OWNER, answers);
        let told: Vec<_> = ended
            .iter()
            .map(|ended| (ended.submitter, &ended.result))
            .collect();
        let is_told = told == [(RIVAL, &Err(IoError::Aborted))];
        outcomes.push((device.holder(), is_told, device.execute(old).count()));
    });
    outcomes.sort_unstable();
    assert_eq!(
        outcomes,
        [(Some(key(1)), false, 1), (Some(key(2)), true, 0)]
    );
}

#[test]
fn power_returns_to_an_empty_cache_and_queue() {
    let mut device = reserved(spec());
    assert!(run(&mut device, 1, cached(0, &[1])).is_ok());
    let number = submit(&mut device, 1, cached(1, &[2]));
    every_loss(&device, |device| {
        assert_eq!(device.queued().count(), 0);
        assert_eq!(device.clone().execute(number).count(), 0);
        assert!((0..64).all(|page| device.is_certain(PageIndex(page))));
        assert_eq!(
            device.holder(),
            Some(key(1)),
            "the reservation outlives power"
        );
    });
}

/// A forced write of two pages that was under way: any part of it.
#[test]
fn a_forced_write_may_tear_between_its_pages() {
    let mut device = reserved(spec());
    submit(&mut device, 1, forced(0, &[1, 2]));
    let mut images = std::collections::BTreeSet::new();
    every_loss(&device, |device| {
        images.insert(bytes_at(device, 0..2));
    });
    assert_eq!(Vec::from_iter(images), [[0, 0], [0, 2], [1, 0], [1, 2]]);
}

/// A write of the old holder may have executed just before the queued preempt,
/// even if it was submitted after it.
#[test]
fn a_preempt_and_an_older_keys_write_may_both_have_executed() {
    let mut device = reserved(spec());
    submit(
        &mut device,
        2,
        IoRequest::Preempt {
            observed: Some(key(1)),
        },
    );
    submit(&mut device, 1, cached(0, &[1]));
    submit(&mut device, 2, cached(1, &[2]));
    let mut outcomes = std::collections::BTreeSet::new();
    every_loss(&device, |device| {
        outcomes.insert((bytes_at(device, 0..2), device.holder()));
    });
    let [old, new] = [Some(key(1)), Some(key(2))];
    let expected = [
        (vec![0, 0], old),
        (vec![0, 0], new),
        (vec![0, 2], new),
        (vec![1, 0], old),
        (vec![1, 0], new),
        (vec![1, 2], new),
    ];
    assert_eq!(Vec::from_iter(outcomes), expected);
}

/// Each sector of a torn page comes from any of its versions.
#[test]
fn a_page_tears_at_sectors() {
    let mut device = reserved(spec());
    assert!(run(&mut device, 1, cached(5, &[1])).is_ok());
    let mut images = std::collections::BTreeSet::new();
    Answers::each_with_tears(|answers| {
        let mut device = device.clone();
        device.lose_power(answers);
        let content = device.stable(PageIndex(5));
        let sectors: Vec<_> = content.chunks(SECTOR_BYTES).collect();
        assert!(
            sectors
                .iter()
                .all(|sector| sector.iter().all(|byte| *byte == sector[0]))
        );
        images.insert(sectors.iter().map(|sector| sector[0]).collect::<Vec<_>>());
    });
    assert_eq!(images.len(), 256);
}

#[test]
#[should_panic(expected = "no longer than that")]
fn a_page_of_more_bytes_is_the_submitters_bug() {
    let pages = vec![vec![1; PAGE_BYTES + 1].into()];
    let (start, persistence) = (PageIndex(0), Persistence::Cached);
    submit(
        &mut reserved(spec()),
        1,
        IoRequest::Write {
            start,
            pages,
            persistence,
        },
    );
}

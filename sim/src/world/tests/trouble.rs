//! Devices that are slow, stall, run out of space or come back as others.

use stormglass_engine::contract::PageIndex;
use stormglass_engine::time::Duration;

use super::at;
use super::script::{Act, DISK, Play};
use crate::device::{DeviceSpec, PageRange, Return};
use crate::fault::Fault;
use crate::occurrence::{Happened, Occurrence};
use crate::service_time::{DeviceService, Pace};
use crate::world::{DeviceIndex, MachineId, ProcessId};

const ALL: PageRange = PageRange {
    start: PageIndex(0),
    count: 20,
};

fn happened(play: &mut Play) -> Vec<&'static str> {
    let log = std::mem::take(&mut play.log);
    let kind = |it: &Occurrence<u32>| {
        let Occurrence::Fault(happened) = it else {
            return None;
        };
        Some(happened.kind())
    };
    log.iter().filter_map(kind).collect()
}

#[test]
fn a_slow_device_takes_longer_for_what_is_submitted_then() {
    let mut play = Play::new(&[&[Act::Fill(0, 1)], &[Act::Fill(1, 2)], &[Act::Fill(2, 3)]]);
    play.boot(0);
    let slow = |factor, extra| {
        let extra = Duration::from_micros(extra);
        Fault::DevicePace(DISK, Pace { factor, extra })
    };
    play.apply(&slow(100, 5));
    play.apply(&slow(3, 5));
    play.boot(1);
    play.apply(&Fault::DevicePace(DISK, Pace::USUAL));
    play.boot(2);
    assert_eq!(happened(&mut play), ["device-slow"]);
    play.run_until(at(500));
    assert_eq!(play.heard(0), ["10 io 1"], "it was under way");
    assert_eq!(play.heard(1), ["35 io 1"]);
    assert_eq!(play.heard(2), ["10 io 1"]);
}

#[test]
fn a_stall_holds_commands_back_until_it_ends() {
    let mut play = Play::new(&[&[Act::Fill(0, 1), Act::Fill(1, 2)], &[Act::Fill(2, 3)]]);
    play.boot(0);
    play.run_until(at(5));
    play.apply(&Fault::DeviceStalls(DISK));
    play.apply(&Fault::DeviceStalls(DISK));
    assert_eq!(happened(&mut play), ["device-stalled"]);
    play.run_until(at(45));
    play.boot(1);
    play.run_until(at(50));
    assert!(play.heard(0).is_empty());
    let restored = postcard::to_stdvec(&play.world).expect("serializes");
    play.world = postcard::from_bytes(&restored).expect("restores");
    play.apply(&Fault::DeviceGoesOn(DISK));
    play.run_until(at(100));
    assert_eq!(
        play.heard(0),
        ["50 io 1", "50 io 2"],
        "in the order they came"
    );
    assert_eq!(play.heard(1), ["55 io 1"], "its time had not come");
}

/// The queue of a device that stalls outlives its submitter, and meets the preempt of
/// the next holder when it goes on: whichever was first in line executes first.
#[test]
fn a_stalled_command_of_the_dead_meets_the_next_holder_s_preempt() {
    for (preempt_first, left) in [(false, 7), (true, 0)] {
        let acts = [Act::Preempt(None, 1), Act::FillAs(1, 16, 7)];
        let mut play = Play::new(&[&acts, &[Act::Preempt(Some(1), 2)]]);
        play.boot(0);
        play.run_until(at(2));
        play.apply(&Fault::DeviceStalls(DISK));
        play.apply(&Fault::Kill(ProcessId(0)));
        if !preempt_first {
            play.run_until(at(12));
        }
        play.boot(1);
        play.run_until(at(60));
        assert_eq!((play.page(16), play.heard(1).len()), (0, 0));
        play.apply(&Fault::DeviceGoesOn(DISK));
        play.run_until(at(100));
        assert_eq!(play.heard(1), ["60 io 1"]);
        assert_eq!(play.page(16), left);
    }
}

#[test]
fn a_crash_during_a_stall_executes_nothing_yet() {
    let mut play = Play::new(&[&[Act::Fill(0, 1)]]);
    play.boot(0);
    play.apply(&Fault::DeviceStalls(DISK));
    play.apply(&Fault::Crash(MachineId(0)));
    assert_eq!(play.page(0), 0);
    play.run_until(at(50));
    play.apply(&Fault::DeviceGoesOn(DISK));
    play.run_until(at(50));
    assert_eq!(play.page(0), 1);
}

#[test]
fn a_loss_of_power_empties_the_queue_of_a_device_that_stalls() {
    let mut play = Play::new(&[&[Act::Fill(0, 1)]]);
    play.boot(0);
    play.apply(&Fault::DeviceStalls(DISK));
    play.run_until(at(20));
    play.apply(&Fault::DevicePowerLoss(DISK));
    play.apply(&Fault::DeviceGoesOn(DISK));
    play.run_until(at(50));
    assert_eq!(play.page(0), 0);
    assert!(play.heard(0).is_empty());
}

#[test]
fn a_full_device_counts_what_it_refuses() {
    let mut play = Play::new(&[&[Act::Fill(0, 1)], &[Act::Fill(0, 2), Act::Fill(1, 2)]]);
    play.boot(0);
    play.run_until(at(10));
    play.apply(&Fault::DeviceFull(DISK, ALL));
    assert!(happened(&mut play).is_empty(), "nothing was refused yet");
    play.boot(1);
    play.run_until(at(20));
    assert_eq!(happened(&mut play), ["device-full"]);
    assert_eq!(play.heard(1), ["20 io 1", "20 io 2: device full"]);
    play.apply(&Fault::DeviceHasRoom(DISK));
    play.apply(&Fault::Kill(ProcessId(1)));
    play.boot(1);
    play.run_until(at(30));
    assert_eq!(play.heard(1), ["30 io 1", "30 io 2"]);
}

#[test]
fn a_device_comes_back_stale() {
    let mut play = Play::new(&[&[Act::Fill(0, 1)], &[Act::Fill(0, 2), Act::Fill(1, 2)]]);
    play.boot(0);
    play.run_until(at(10));
    play.apply(&Fault::Remember(DISK));
    play.boot(1);
    play.run_until(at(20));
    play.apply(&Fault::DeviceGone(DISK));
    play.log.clear();
    play.apply(&Fault::DeviceReturns(DISK, Return::Stale));
    let happened = Happened::DeviceStale {
        device: DISK,
        pages: ALL,
    };
    assert_eq!(happened.damaged(), [(DISK, ALL)]);
    let settled = Occurrence::Settled { device: DISK };
    assert_eq!(play.log, [Occurrence::Fault(happened), settled]);
    assert_eq!([0, 1].map(|page| play.page(page)), [1, 0]);
}

#[test]
fn a_device_without_a_memory_comes_back_intact_and_nothing_is_counted() {
    let mut play = Play::new(&[&[]]);
    play.apply(&Fault::DeviceGone(DISK));
    play.log.clear();
    play.apply(&Fault::DeviceReturns(DISK, Return::Stale));
    play.apply(&Fault::Restore(DISK, ALL));
    assert_eq!(play.log, []);
}

#[test]
fn pages_go_back() {
    let mut play = Play::new(&[&[Act::Fill(0, 1), Act::Fill(1, 1)]]);
    play.apply(&Fault::Remember(DISK));
    play.boot(0);
    play.run_until(at(10));
    play.log.clear();
    let (start, count) = (PageIndex(1), 3);
    let pages = PageRange { start, count };
    play.apply(&Fault::Restore(DISK, pages));
    let device = DISK;
    let happened = Happened::Restored { device, pages };
    assert_eq!(happened.damaged(), [(DISK, pages)]);
    let settled = Occurrence::Settled { device };
    assert_eq!(play.log, [Occurrence::Fault(happened), settled]);
    assert_eq!([0, 1].map(|page| play.page(page)), [1, 0]);
}

#[test]
fn swapped_devices_tell_those_that_wait_and_keep_their_pace() {
    let mut play = Play::new(&[&[Act::Fill(0, 1)]]);
    let spec = DeviceSpec {
        pages: 8,
        cache_pages: 0,
        unreserved: None,
    };
    let second = play
        .world
        .add_device("second", spec, DeviceService::INSTANT);
    play.boot(0);
    play.log.clear();
    play.apply(&Fault::Swap([DISK, second]));
    assert_eq!(happened(&mut play), ["devices-swapped"]);
    play.run_until(at(30));
    assert_eq!(play.heard(0), ["0 io 1: device gone"]);
    assert_eq!(play.page(0), 0, "its command is void");
    let pages = [DISK, second].map(|it| play.world.drive(it).device.spec().pages);
    assert_eq!(pages, [8, 20]);
    play.apply(&Fault::Swap([second, second]));
    assert!(happened(&mut play).is_empty());
}

#[test]
fn whatever_is_wrong_with_a_device_is_behaviour() {
    let origin = || {
        let mut play = Play::new(&[&[Act::Fill(0, 1), Act::Fill(1, 1)]]);
        play.world.add_device(
            "second",
            DeviceSpec {
                pages: 20,
                cache_pages: 0,
                unreserved: None,
            },
            DeviceService::INSTANT,
        );
        play.boot(0);
        play.run_until(at(5));
        play
    };
    let hash = origin().world.behavioural_hash();
    let pace = Pace {
        factor: 2,
        extra: Duration::ZERO,
    };
    for (fault, end) in [
        (
            Fault::DevicePace(DISK, pace),
            Some(Fault::DevicePace(DISK, Pace::USUAL)),
        ),
        (Fault::DeviceStalls(DISK), Some(Fault::DeviceGoesOn(DISK))),
        (
            Fault::DeviceFull(DISK, ALL),
            Some(Fault::DeviceHasRoom(DISK)),
        ),
        (Fault::Remember(DISK), None),
        (Fault::Swap([DISK, DeviceIndex(1)]), None),
    ] {
        let mut play = origin();
        play.apply(&fault);
        assert_ne!(play.world.behavioural_hash(), hash, "{fault:?}");
        let found = play.world.first_difference(&origin().world);
        assert!(found.is_some(), "{fault:?}");
        if let Some(end) = end {
            play.apply(&end);
            assert_eq!(play.world.behavioural_hash(), hash, "{end:?}");
        }
    }
    // What waits for the end of a stall is behaviour, what has not come yet another.
    let mut stalled = [3, 20].map(|until| {
        let mut play = origin();
        play.apply(&Fault::DeviceStalls(DISK));
        play.run_until(at(5 + until));
        play
    });
    for play in &mut stalled {
        play.run_until(at(30));
    }
    let [one, other] = stalled.map(|play| play.world.behavioural_hash());
    assert_eq!(one, other, "all have come by now");
}

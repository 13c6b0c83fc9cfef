//! Deadlines: on time by a drifting clock, once, and never in an endless loop.

use stormglass_engine::contract::{Input, Slot};
use stormglass_engine::time::Duration;

use super::script::{Act, Play};
use super::{at, ping_pong};
use crate::clock::{Clock, DRIFT_PPB_MAX};
use crate::fault::Fault;
use crate::service_time::CpuCost;
use crate::time::WorldTime;
use crate::world::{MachineId, ProcessId};

#[test]
fn a_deadline_comes_on_time_by_every_clock() {
    for drift_ppb in [0, 1, -1, 333, -77_777, DRIFT_PPB_MAX - 1, 1 - DRIFT_PPB_MAX] {
        let clock = Clock {
            origin: WorldTime::ZERO,
            drift_ppb,
            ..Clock::default()
        };
        let mut play = Play::empty();
        let every = Duration::from_nanos(7_001);
        play.add(&[Act::WakeEvery(every)], clock, CpuCost::NONE);
        play.boot(0);
        while play.world.now() < at(1_000) {
            let next = play.world.next_event().expect("there is always a next");
            play.run_until(next);
            assert!(play.world.events_at_this_instant() <= 1, "{drift_ppb}");
        }
        let process = play.world.process(ProcessId(0));
        let heard = &process.module.as_ref().expect("it is up").heard;
        assert!(heard.len() > 70);
        for ((local, _), number) in heard.iter().zip(1..) {
            // Never early; late by what one nanosecond of the world shows at most.
            let late = local.as_nanos() - 7_001 * number;
            assert!(
                late <= 1,
                "{drift_ppb}: deadline {number} late by {late} ns"
            );
        }
    }
}

#[test]
fn instants_are_never_crowded() {
    let mut game = ping_pong::Rules::default().game();
    while game.step() {
        assert!(game.world.events_at_this_instant() < 50);
    }
}

#[test]
fn a_deadline_waits_for_the_cpu_once() {
    let cpu = CpuCost {
        packet: Duration::from_micros(4),
        deadline: Duration::from_micros(1),
        ..CpuCost::NONE
    };
    let mut play = Play::new(&[&[Act::Send(1, 1), Act::Send(1, 2), Act::Send(1, 3)]]);
    let wake = Act::WakeAfter(Duration::from_micros(12));
    play.add(&[wake], Clock::default(), cpu);
    play.boot(1);
    play.boot(0);
    play.run_until(at(100));
    let expected = ["14 packet 1", "18 packet 2", "22 packet 3", "23 deadline"];
    assert_eq!(play.heard(1), expected);
}

#[test]
fn a_deadline_missed_in_a_pause_comes_once_afterwards() {
    for cpu in [
        CpuCost::NONE,
        CpuCost {
            deadline: Duration::from_micros(2),
            ..CpuCost::NONE
        },
    ] {
        let mut play = Play::empty();
        let wake = Act::WakeAfter(Duration::from_micros(12));
        play.add(&[wake], Clock::default(), cpu);
        play.boot(0);
        play.run_until(at(5));
        play.apply(&Fault::Pause(MachineId(0)));
        play.run_until(at(40));
        assert!(play.heard(0).is_empty());
        play.apply(&Fault::Resume(MachineId(0)));
        play.run_until(at(100));
        let late = 40 + cpu.of::<u32>(&Input::Deadline).as_nanos() / 1_000;
        assert_eq!(play.heard(0), [format!("{late} deadline")]);
    }
}

#[test]
fn a_deadline_dies_with_its_module() {
    let mut play = Play::empty();
    let wake = Act::WakeAfter(Duration::from_micros(12));
    play.add(&[wake], Clock::default(), CpuCost::NONE);
    play.boot(0);
    play.run_until(at(6));
    play.apply(&Fault::Kill(ProcessId(0)));
    play.boot(0);
    play.run_until(at(100));
    assert_eq!(play.heard(0), ["18 deadline"]);
}

#[test]
fn at_one_instant_packets_come_before_the_deadline() {
    let mut play = Play::new(&[&[Act::Send(1, 1)]]);
    let wake = Act::WakeAfter(Duration::from_micros(10));
    play.add(&[wake], Clock::default(), CpuCost::NONE);
    play.add_beside(MachineId(0), Slot(1), &[], CpuCost::NONE);
    play.boot(1);
    play.boot(0);
    play.run_until(at(10));
    assert_eq!(play.heard(1), ["10 packet 1", "10 deadline"]);
}

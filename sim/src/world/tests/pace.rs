//! Slow CPUs, clocks whose rate changes, and orders.

use stormglass_engine::contract::OrderKind;
use stormglass_engine::time::Duration;

use super::at;
use super::script::{AMENDS, Act, Play};
use crate::clock::{Clock, ClockRate};
use crate::fault::Fault;
use crate::occurrence::{Happened, Occurrence};
use crate::service_time::{CpuCost, Pace};
use crate::world::{MachineId, ProcessId};

fn slow(factor: u32, extra: u64) -> Fault {
    let extra = Duration::from_micros(extra);
    Fault::CpuPace(MachineId(1), Pace { factor, extra })
}

fn rate(machine: u32, drift_ppb: i32) -> Fault {
    let rate = ClockRate {
        drift_ppb,
        is_beyond_bound: false,
    };
    Fault::ClockRate(MachineId(machine), rate)
}

/// Three packets for a machine whose CPU takes so long for each.
fn packets_costing(cost: u64) -> Play {
    let mut play = Play::empty();
    let sends = [1, 2, 3].map(|id| Act::Send(1, id));
    play.add(&sends, Clock::default(), CpuCost::NONE);
    let cpu = CpuCost {
        packet: Duration::from_micros(cost),
        ..CpuCost::NONE
    };
    play.add(&[], Clock::default(), cpu);
    play.boot(1);
    play.boot(0);
    play
}

#[test]
fn a_slow_cpu_takes_longer_for_what_it_begins_then() {
    let mut play = packets_costing(4);
    play.run_until(at(12));
    play.log.clear();
    play.apply(&slow(10, 1));
    play.apply(&slow(10, 2));
    let happened = Happened::CpuSlow(MachineId(1));
    assert_eq!(play.log, [Occurrence::Fault(happened)]);
    play.run_until(at(20));
    play.apply(&Fault::CpuPace(MachineId(1), Pace::USUAL));
    play.run_until(at(200));
    let expected = ["14 packet 1", "56 packet 2", "60 packet 3"];
    assert_eq!(play.heard(1), expected);
}

#[test]
fn what_costs_nothing_costs_the_extra() {
    let mut play = packets_costing(0);
    play.apply(&slow(10, 3));
    play.run_until(at(200));
    let expected = ["13 packet 1", "16 packet 2", "19 packet 3"];
    assert_eq!(play.heard(1), expected);
}

#[test]
fn a_slow_cpu_stays_slow_through_a_crash() {
    let mut play = packets_costing(4);
    play.apply(&slow(5, 0));
    play.apply(&Fault::Crash(MachineId(1)));
    play.boot(1);
    play.run_until(at(30));
    assert_eq!(play.heard(1), ["30 packet 1"]);
}

/// A deadline after 1,000 us of its own clock, which is changed on its way there.
fn deadline_through(changes: &[(u64, i32)]) -> Play {
    let mut play = Play::new(&[&[Act::WakeAfter(Duration::from_micros(1_000))]]);
    play.boot(0);
    for (when, drift_ppb) in changes {
        play.run_until(at(*when));
        play.apply(&rate(0, *drift_ppb));
    }
    play.run_until(at(10_000));
    play
}

#[test]
fn a_clock_whose_rate_changes_reaches_deadlines_when_it_shows_them() {
    for (changes, count) in [
        (&[][..], 0),
        (&[(500, 500_000_000)], 1),
        (&[(500, -500_000_000)], 1),
        (&[(500, -500_000_000), (700, 0)], 2),
        (&[(500, 0)], 0),
    ] {
        let play = deadline_through(changes);
        let module = play.world.process(ProcessId(0)).module.as_ref();
        let heard = &module.expect("it is up").heard;
        assert_eq!(heard.len(), 1, "{changes:?}");
        // By its own clock it is on time.
        let late = heard[0].0.as_nanos() - 1_000_000;
        assert!(late <= 1, "{changes:?}: {late} ns late");
        let is_change = |it: &&Occurrence<u32>| matches!(it, Occurrence::Fault(_));
        assert_eq!(play.log.iter().filter(is_change).count(), count);
    }
}

#[test]
fn a_deadline_comes_at_the_world_time_at_which_a_changed_clock_shows_it() {
    for (drift_ppb, reached) in [(500_000_000, 834), (-500_000_000, 1_500)] {
        let mut play = Play::new(&[&[Act::WakeAfter(Duration::from_micros(1_000))]]);
        play.boot(0);
        play.run_until(at(500));
        play.apply(&rate(0, drift_ppb));
        play.run_until(at(reached - 1));
        assert!(play.heard(0).is_empty());
        play.run_until(at(reached));
        assert_eq!(play.heard(0).len(), 1);
    }
}

#[test]
fn pace_and_rate_are_behaviour() {
    let origin = packets_costing(4);
    let hash = origin.world.behavioural_hash();
    for (fault, end) in [
        (slow(2, 0), Fault::CpuPace(MachineId(1), Pace::USUAL)),
        (rate(1, 5), rate(1, 0)),
    ] {
        let mut play = packets_costing(4);
        play.apply(&fault);
        assert_ne!(play.world.behavioural_hash(), hash, "{fault:?}");
        assert!(play.world.first_difference(&origin.world).is_some());
        let bytes = postcard::to_stdvec(&play.world).expect("serializes");
        let restored = postcard::from_bytes(&bytes).expect("restores");
        assert!(play.world == restored);
        play.apply(&end);
        assert_eq!(play.world.behavioural_hash(), hash, "{end:?}");
    }
}

#[test]
fn a_rate_beyond_what_is_assumed_is_counted_as_such() {
    for (is_beyond_bound, kind) in [(true, "clock-beyond-bound"), (false, "clock-rate")] {
        let mut play = packets_costing(0);
        play.log.clear();
        let rate = ClockRate {
            drift_ppb: 7,
            is_beyond_bound,
        };
        play.apply(&Fault::ClockRate(MachineId(1), rate));
        let [Occurrence::Fault(happened)] = &play.log[..] else {
            panic!("{:?}", play.log);
        };
        assert_eq!(happened.kind(), kind);
    }
}

#[test]
fn an_order_is_a_word_to_who_is_up_and_nothing_to_who_is_not() {
    let mut play = Play::empty();
    play.add(&[], Clock::default(), CpuCost::NONE);
    let process = ProcessId(0);
    let order = |number| Fault::Order(process, OrderKind(number));
    play.apply(&order(7));
    assert_eq!(play.log, [], "it is down");
    play.boot(0);
    play.log.clear();
    play.apply(&order(200));
    assert_eq!(play.log, [], "there is no such order");
    play.apply(&order(7));
    let happened = Happened::Ordered {
        process,
        order: OrderKind(7),
    };
    assert_eq!(play.log, [Occurrence::Fault(happened)]);
    play.run_until(at(10));
    assert_eq!(play.heard(0), ["0 word 7"]);
}

#[test]
fn an_order_may_change_what_a_module_boots_with_whether_it_is_up_or_not() {
    for is_up in [false, true] {
        let mut play = Play::empty();
        play.add(&[], Clock::default(), CpuCost::NONE);
        let process = ProcessId(0);
        if is_up {
            play.boot(0);
        }
        play.log.clear();
        let origin = play.world.clone();
        play.apply(&Fault::Order(process, AMENDS));
        let happened = Happened::Ordered {
            process,
            order: AMENDS,
        };
        assert_eq!(play.log, [Occurrence::Fault(happened)]);
        assert!(play.world.first_difference(&origin).is_some());
        play.apply(&Fault::Kill(process));
        play.boot(0);
        play.run_until(at(10));
        assert_eq!(play.heard(0), ["5 deadline"]);
    }
}

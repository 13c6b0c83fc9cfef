//! Delivery: latency, partitions, CPU time, pauses, words between modules.

use stormglass_engine::contract::Slot;
use stormglass_engine::time::Duration;

use super::at;
use super::script::{Act, Play, WIRE};
use crate::clock::Clock;
use crate::fault::Fault;
use crate::network::Cut;
use crate::occurrence::{Happened, Occurrence};
use crate::service_time::CpuCost;
use crate::world::{MachineId, ProcessId};

const CUT: Cut = Cut {
    network: WIRE,
    from: MachineId(0),
    to: MachineId(1),
};
const PACKET_COSTS_4: CpuCost = CpuCost {
    packet: Duration::from_micros(4),
    ..CpuCost::NONE
};

/// A sender and a receiver; the receiver is up.
fn pair(acts: &[Act], cpu: CpuCost) -> Play {
    let mut play = Play::empty();
    play.add(acts, Clock::default(), CpuCost::NONE);
    play.add(&[], Clock::default(), cpu);
    play.boot(1);
    play
}

#[test]
fn a_packet_takes_its_latency() {
    let mut play = pair(&[Act::Send(1, 7)], CpuCost::NONE);
    play.run_until(at(5));
    play.boot(0);
    play.run_until(at(14));
    assert!(play.heard(1).is_empty());
    play.run_until(at(15));
    assert_eq!(play.heard(1), ["15 packet 7"]);
}

#[test]
fn a_partition_takes_what_is_on_its_way() {
    let mut play = pair(&[Act::Send(1, 7)], CpuCost::NONE);
    play.boot(0);
    play.run_until(at(5));
    play.apply(&Fault::Cut(CUT));
    play.run_until(at(20));
    assert!(play.heard(1).is_empty());
    let is_reported = |it: &Occurrence<u32>| matches!(it, Occurrence::Fault(Happened::Partitioned(name)) if name.label.id == 7);
    assert_eq!(play.log.iter().filter(|it| is_reported(it)).count(), 1);
}

#[test]
fn a_partition_healed_in_time_takes_nothing() {
    let mut play = pair(&[Act::Send(1, 7)], CpuCost::NONE);
    play.apply(&Fault::Cut(CUT));
    play.apply(&Fault::Cut(CUT));
    play.boot(0);
    play.run_until(at(5));
    play.apply(&Fault::Heal(CUT));
    assert!(play.world.network().is_cut(&CUT), "it was cut twice");
    play.apply(&Fault::Heal(CUT));
    play.run_until(at(20));
    assert_eq!(play.heard(1), ["10 packet 7"]);
}

#[test]
fn a_partition_has_a_direction() {
    let back = Cut {
        from: CUT.to,
        to: CUT.from,
        ..CUT
    };
    let mut play = pair(&[Act::Send(1, 7)], CpuCost::NONE);
    play.apply(&Fault::Cut(back));
    play.boot(0);
    play.run_until(at(20));
    assert_eq!(play.heard(1), ["10 packet 7"]);
}

#[test]
fn inputs_queue_for_the_cpu() {
    let sends = [Act::Send(1, 1), Act::Send(1, 2), Act::Send(1, 3)];
    let mut play = pair(&sends, PACKET_COSTS_4);
    play.boot(0);
    play.run_until(at(15));
    assert_eq!(play.world.process(ProcessId(1)).backlog(), 2);
    play.run_until(at(30));
    let expected = ["14 packet 1", "18 packet 2", "22 packet 3"];
    assert_eq!(play.heard(1), expected);
}

#[test]
fn a_pause_queues_inputs() {
    let mut play = pair(&[Act::Send(1, 1), Act::Send(1, 2)], CpuCost::NONE);
    play.boot(0);
    play.apply(&Fault::Pause(MachineId(1)));
    play.run_until(at(100));
    assert!(play.heard(1).is_empty());
    play.apply(&Fault::Resume(MachineId(1)));
    play.run_until(at(100));
    assert_eq!(play.heard(1), ["100 packet 1", "100 packet 2"]);
}

#[test]
fn a_pause_halts_the_cpu_where_it_is() {
    for (paused_at, resumed_at, first) in [(11, 12, 15), (11, 11, 14), (13, 50, 51), (5, 40, 44)] {
        let mut play = pair(&[Act::Send(1, 1), Act::Send(1, 2)], PACKET_COSTS_4);
        play.boot(0);
        play.run_until(at(paused_at));
        play.apply(&Fault::Pause(MachineId(1)));
        play.run_until(at(resumed_at));
        play.apply(&Fault::Resume(MachineId(1)));
        play.run_until(at(200));
        let expected = [
            format!("{first} packet 1"),
            format!("{} packet 2", first + 4),
        ];
        assert_eq!(play.heard(1), expected, "paused at {paused_at}");
    }
}

#[test]
fn a_second_pause_does_not_start_the_first_one_anew() {
    let mut play = pair(&[Act::Send(1, 1)], PACKET_COSTS_4);
    play.boot(0);
    play.run_until(at(12));
    play.apply(&Fault::Pause(MachineId(1)));
    play.run_until(at(20));
    play.apply(&Fault::Pause(MachineId(1)));
    play.run_until(at(30));
    play.apply(&Fault::Resume(MachineId(1)));
    play.apply(&Fault::Resume(MachineId(1)));
    play.run_until(at(100));
    assert_eq!(play.heard(1), ["32 packet 1"]);
}

#[test]
fn a_boot_waits_for_a_machine_that_stands_still() {
    let mut play = pair(&[Act::Send(1, 1)], CpuCost::NONE);
    play.apply(&Fault::Pause(MachineId(0)));
    play.boot(0);
    play.run_until(at(50));
    assert!(play.world.process(ProcessId(0)).module.is_none());
    play.apply(&Fault::Resume(MachineId(0)));
    play.run_until(at(100));
    assert_eq!(play.heard(1), ["60 packet 1"]);
}

#[test]
fn a_crash_ends_a_pause() {
    let mut play = pair(&[Act::Send(1, 1)], CpuCost::NONE);
    play.apply(&Fault::Pause(MachineId(1)));
    play.apply(&Fault::Crash(MachineId(1)));
    play.boot(1);
    play.boot(0);
    play.run_until(at(50));
    assert_eq!(play.heard(1), ["10 packet 1"]);
}

#[test]
fn words_reach_the_module_beside_but_not_its_next_life() {
    let mut play = Play::new(&[&[Act::Tell(1, 5)]]);
    play.add_beside(MachineId(0), Slot(1), &[], CpuCost::NONE);
    play.boot(1);
    play.boot(0);
    play.run_until(at(0));
    assert_eq!(play.heard(1), ["0 word 5"]);

    play.apply(&Fault::Kill(ProcessId(0)));
    play.boot(0);
    play.apply(&Fault::Kill(ProcessId(1)));
    play.boot(1);
    play.run_until(at(10));
    assert!(play.heard(1).is_empty());
}

//! What crashes, kills and power losses leave of queued device commands.

use stormglass_engine::contract::{PageIndex, Submission};
use stormglass_engine::time::Duration;

use super::at;
use super::script::{Act, DISK, Play};
use crate::choose::{Choose, Departure, PacketFate};
use crate::device::{CommandFate, Damage, PageFate, Return};
use crate::fault::Fault;
use crate::occurrence::{Happened, IoName, Occurrence};
use crate::world::{DeviceIndex, MachineId, ProcessId};

/// Executes the queued commands of odd id.
struct OddOnes;

impl OddOnes {
    fn takes(name: &IoName) -> bool {
        assert_eq!(name.device, DISK);
        !name.io.0.is_multiple_of(2)
    }
}

impl Choose for OddOnes {
    fn packet(&mut self, _: &Departure) -> PacketFate {
        PacketFate::default()
    }
    fn torn_command(&mut self, name: &IoName, _: &Submission) -> CommandFate {
        if OddOnes::takes(name) {
            CommandFate::Whole
        } else {
            CommandFate::Absent
        }
    }
    fn torn_page(&mut self, _: DeviceIndex, _: PageIndex, _: usize) -> PageFate {
        PageFate::Version(0)
    }
    fn torn_sector(&mut self, _: DeviceIndex, _: PageIndex, _: usize, _: usize) -> usize {
        0
    }
    fn executes(&mut self, name: &IoName) -> bool {
        OddOnes::takes(name)
    }
}

/// One machine that fills pages 0 to 3 with 1 to 4; all four are queued.
fn filling() -> Play {
    let acts = [1, 2, 3, 4].map(|fill| Act::Fill(u64::from(fill) - 1, fill));
    let mut play = Play::new(&[&acts]);
    play.boot(0);
    play.run_until(at(5));
    play
}

fn pages(play: &Play) -> [u8; 4] {
    [0, 1, 2, 3].map(|page| play.page(page))
}

#[test]
fn a_write_takes_effect_when_it_completes() {
    let mut play = filling();
    assert_eq!(pages(&play), [0; 4]);
    play.run_until(at(10));
    assert_eq!(pages(&play), [1, 2, 3, 4]);
    assert_eq!(play.heard(0), ["10 io 1", "10 io 2", "10 io 3", "10 io 4"]);
}

#[test]
fn a_crash_executes_queued_commands_as_chosen_and_drops_completions() {
    let mut play = filling();
    play.apply_choosing(&Fault::Crash(MachineId(0)), &mut OddOnes);
    assert_eq!(pages(&play), [1, 0, 3, 0]);
    assert!(play.log.contains(&Occurrence::Settled { device: DISK }));
    let happened = Happened::Crash(MachineId(0));
    assert!(play.log.contains(&Occurrence::Fault(happened)));
    // The next life submits its own commands under the same numbers.
    play.boot(0);
    play.run_until(at(14));
    assert!(play.heard(0).is_empty());
    play.run_until(at(30));
    assert_eq!(play.heard(0), ["15 io 1", "15 io 2", "15 io 3", "15 io 4"]);
    assert_eq!(pages(&play), [1, 2, 3, 4]);
}

/// The same commands but for the first, which was never submitted.
#[test]
fn leaving_a_command_out_re_rolls_no_other() {
    let fills = |first| {
        let rest = [2, 3, 4].map(|fill| Act::Fill(u64::from(fill) - 1, fill));
        let mut play = Play::new(&[&[[first].as_slice(), &rest].concat()]);
        play.boot(0);
        play
    };
    for fault in [Fault::Crash(MachineId(0)), Fault::DevicePowerLoss(DISK)] {
        let left = [Act::Fill(0, 1), Act::WakeAfter(Duration::from_millis(1))].map(|first| {
            let mut play = fills(first);
            play.apply_choosing(&fault, &mut OddOnes);
            pages(&play)
        });
        assert_eq!(left, [[1, 0, 3, 0], [0, 0, 3, 0]]);
    }
}

#[test]
fn a_crash_of_another_machine_touches_no_device() {
    let mut play = filling();
    play.add(
        &[],
        crate::clock::Clock::default(),
        crate::service_time::CpuCost::NONE,
    );
    play.boot(1);
    play.log.clear();
    play.apply_choosing(&Fault::Crash(MachineId(1)), &mut OddOnes);
    assert!(!play.log.contains(&Occurrence::Settled { device: DISK }));
    play.run_until(at(10));
    assert_eq!(pages(&play), [1, 2, 3, 4]);
}

#[test]
fn a_killed_process_s_commands_execute_unheard() {
    let mut play = filling();
    play.apply_choosing(&Fault::Kill(ProcessId(0)), &mut OddOnes);
    assert_eq!(pages(&play), [0; 4]);
    play.run_until(at(8));
    play.boot(0);
    play.run_until(at(12));
    assert_eq!(pages(&play), [1, 2, 3, 4]);
    assert!(play.heard(0).is_empty());
    let executed = |it: &&Occurrence<u32>| {
        matches!(
            it,
            Occurrence::Executed {
                succeeded: true,
                ..
            }
        )
    };
    assert_eq!(play.log.iter().filter(executed).count(), 4);
}

#[test]
fn a_crash_settles_the_commands_of_killed_processes_too() {
    let mut play = filling();
    play.apply_choosing(&Fault::Kill(ProcessId(0)), &mut OddOnes);
    play.apply_choosing(&Fault::Crash(MachineId(0)), &mut OddOnes);
    assert_eq!(pages(&play), [1, 0, 3, 0]);
    let happened = Happened::Crash(MachineId(0));
    assert!(!play.log.contains(&Occurrence::Fault(happened)));
}

#[test]
fn a_device_that_loses_power_tells_nobody() {
    let mut play = filling();
    play.apply_choosing(&Fault::DevicePowerLoss(DISK), &mut OddOnes);
    play.run_until(at(50));
    assert_eq!(pages(&play), [1, 0, 3, 0]);
    assert!(play.heard(0).is_empty());
}

#[test]
fn what_is_down_cannot_crash() {
    let mut play = filling();
    play.apply(&Fault::Crash(MachineId(0)));
    play.log.clear();
    play.apply(&Fault::Crash(MachineId(0)));
    play.apply(&Fault::Kill(ProcessId(0)));
    assert!(play.log.is_empty());
}

#[test]
fn a_device_that_goes_and_is_replaced_ends_what_was_queued() {
    let mut play = filling();
    play.log.clear();
    play.apply(&Fault::DeviceGone(DISK));
    let gone = Occurrence::Fault(Happened::DeviceGone(DISK));
    assert_eq!(std::mem::take(&mut play.log), [gone]);
    play.apply(&Fault::DeviceGone(DISK));
    assert_eq!(std::mem::take(&mut play.log), [], "it is gone already");
    play.apply(&Fault::DeviceReturns(DISK, Return::Blank));
    let settled = Occurrence::Settled { device: DISK };
    let replaced = Occurrence::Fault(Happened::DeviceReplaced(DISK));
    assert_eq!(std::mem::take(&mut play.log), [settled, replaced]);
    play.apply(&Fault::DeviceReturns(DISK, Return::Blank));
    assert_eq!(std::mem::take(&mut play.log), [], "it is there");
    play.run_until(at(100));
    assert_eq!(pages(&play), [0; 4], "the new one knows no old command");
}

#[test]
fn a_device_that_comes_back_intact_carries_out_what_is_left() {
    let mut play = filling();
    play.log.clear();
    play.apply(&Fault::DeviceGone(DISK));
    play.log.clear();
    play.apply(&Fault::DeviceReturns(DISK, Return::Intact));
    assert_eq!(std::mem::take(&mut play.log), []);
    play.run_until(at(100));
    assert_eq!(pages(&play), [1, 2, 3, 4]);
}

#[test]
fn damage_is_logged_and_settles_the_device() {
    let mut play = filling();
    play.log.clear();
    let page = PageIndex(2);
    for damage in [Damage::Unreadable, Damage::Rot] {
        play.apply(&Fault::Damage {
            device: DISK,
            page,
            damage,
        });
        let happened = Happened::Damage { device: DISK, page };
        let settled = Occurrence::Settled { device: DISK };
        assert_eq!(
            std::mem::take(&mut play.log),
            [Occurrence::Fault(happened), settled]
        );
    }
    let content = play.world.drive(DISK).device.current(page);
    let changed: Vec<u8> = content.iter().copied().filter(|byte| *byte != 0).collect();
    assert_eq!(changed, [37]);
}

//! What befalls single device commands: slow ones, and those that go wrong.

use stormglass_engine::contract::{IoId, PageIndex, Submission};
use stormglass_engine::time::Duration;

use super::at;
use super::script::{Act, DISK, Play};
use crate::choose::{Choose, Departure, IoDeparture, IoFate, PacketFate};
use crate::device::{CommandFate, IoEffect, PageFate, PageRange};
use crate::fault::Fault;
use crate::occurrence::{Happened, IoName, Occurrence};
use crate::world::{Component, DeviceIndex, MachineId, ProcessId};

/// Gives the commands of these ids their fates. A power loss executes what is
/// queued, and of each page keeps the newest version.
struct Fates<'a>(&'a [(u64, IoFate)]);

impl Choose for Fates<'_> {
    fn packet(&mut self, _: &Departure) -> PacketFate {
        PacketFate::default()
    }
    fn io(&mut self, departure: &IoDeparture) -> IoFate {
        assert_eq!(departure.submission.io, departure.name.io);
        let mut fates = self.0.iter();
        let found = fates.find(|(io, _)| *io == departure.name.io.0);
        found.map_or_else(IoFate::default, |(_, fate)| *fate)
    }
    fn torn_command(&mut self, _: &IoName, _: &Submission) -> CommandFate {
        CommandFate::Whole
    }
    fn torn_page(&mut self, _: DeviceIndex, _: PageIndex, versions: usize) -> PageFate {
        PageFate::Version(versions - 1)
    }
    fn torn_sector(&mut self, _: DeviceIndex, _: PageIndex, _: usize, _: usize) -> usize {
        0
    }
    fn executes(&mut self, _: &IoName) -> bool {
        true
    }
}

const fn slow(micros: u64) -> IoFate {
    IoFate {
        slow: Duration::from_micros(micros),
        effect: IoEffect::Sound,
    }
}

const fn bad(effect: IoEffect) -> IoFate {
    IoFate {
        slow: Duration::ZERO,
        effect,
    }
}

/// A machine that did these acts at boot; its commands meet these fates.
fn play(acts: &[Act], fates: &[(u64, IoFate)]) -> Play {
    let mut play = Play::new(&[acts]);
    play.apply_choosing(&Fault::Boot(ProcessId(0)), &mut Fates(fates));
    play
}

fn name(io: u64) -> IoName {
    IoName {
        device: DISK,
        process: ProcessId(0),
        incarnation: 0,
        io: IoId(io),
    }
}

fn pages(start: u64) -> PageRange {
    let (start, count) = (PageIndex(start), 1);
    PageRange { start, count }
}

/// What was logged of faults, executions and settlements.
fn told(play: &Play) -> Vec<&Occurrence<u32>> {
    let is_told = |it: &&Occurrence<u32>| {
        matches!(
            it,
            Occurrence::Fault(_) | Occurrence::Executed { .. } | Occurrence::Settled { .. }
        )
    };
    play.log.iter().filter(is_told).collect()
}

#[test]
fn a_slow_command_lets_others_overtake_it() {
    let acts = [Act::Fill(0, 1), Act::Fill(0, 2)];
    let mut play = play(&acts, &[(1, slow(90))]);
    let by = Duration::from_micros(90);
    let happened = Happened::SlowIo { name: name(1), by };
    assert_eq!(told(&play), [&Occurrence::Fault(happened)]);
    play.run_until(at(200));
    assert_eq!(play.heard(0), ["10 io 2", "100 io 1"]);
    assert_eq!(play.page(0), 1, "the slow one came last");
}

#[test]
fn a_lost_write_is_counted_before_it_is_missed() {
    let acts = [Act::Fill(0, 1), Act::Fill(1, 2)];
    let mut play = play(&acts, &[(1, bad(IoEffect::Lost))]);
    assert!(told(&play).is_empty(), "nothing has happened yet");
    play.run_until(at(100));
    assert_eq!(play.heard(0), ["10 io 1", "10 io 2"]);
    assert_eq!([0, 1].map(|page| play.page(page)), [0, 2]);
    let happened = Happened::Defect {
        name: name(1),
        effect: IoEffect::Lost,
        pages: Some(pages(0)),
    };
    assert_eq!(happened.kind(), "lost-write");
    assert_eq!(happened.damaged(), [(DISK, pages(0))]);
    assert_eq!(told(&play)[0], &Occurrence::Fault(happened));
    assert_eq!(ends(&play), [false, true]);
}

/// Which of the executed commands had their effect.
fn ends(play: &Play) -> Vec<bool> {
    let end = |it: &Occurrence<u32>| {
        let Occurrence::Executed { succeeded, .. } = it else {
            return None;
        };
        Some(*succeeded)
    };
    play.log.iter().filter_map(end).collect()
}

#[test]
fn a_misdirected_write_damages_two_pages_and_settles_the_device() {
    let effect = IoEffect::Misdirected(PageIndex(17));
    let mut play = play(&[Act::Fill(0, 1)], &[(1, bad(effect))]);
    play.run_until(at(100));
    assert_eq!(play.heard(0), ["10 io 1"]);
    assert_eq!([0, 17].map(|page| play.page(page)), [0, 1]);
    let [Occurrence::Fault(happened), executed, settled] = told(&play)[..] else {
        panic!("{:?}", play.log);
    };
    assert_eq!(happened.kind(), "misdirected-write");
    assert_eq!(happened.damaged(), [(DISK, pages(0)), (DISK, pages(17))]);
    assert!(matches!(
        executed,
        Occurrence::Executed {
            succeeded: false,
            ..
        }
    ));
    assert_eq!(settled, &Occurrence::Settled { device: DISK });
}

#[test]
fn an_error_reaches_the_module() {
    let acts = [Act::Preempt(None, 1), Act::Fill(0, 1), Act::Flush];
    let fates = [2, 3].map(|io| (io, bad(IoEffect::Error)));
    let mut play = play(&acts, &fates);
    play.run_until(at(100));
    let expected = ["0 io 1", "10 io 2: device gone", "20 io 3: flush failed"];
    assert_eq!(play.heard(0), expected);
    assert_eq!(play.page(0), 0);
    let kinds: Vec<_> = kinds(&play).collect();
    assert_eq!(kinds, ["io-error", "io-error"]);
}

fn kinds(play: &Play) -> impl Iterator<Item = &'static str> {
    play.log.iter().filter_map(|it| {
        let Occurrence::Fault(happened) = it else {
            return None;
        };
        Some(happened.kind())
    })
}

/// Commands that a boot submits leave at once: the flush comes with the next life.
fn stored_and_flushed(effect: IoEffect) -> Play {
    let mut play = Play::new(&[&[Act::Preempt(None, 1), Act::Store(0, 1)], &[Act::Flush]]);
    play.boot(0);
    play.run_until(at(10));
    play.apply_choosing(&Fault::Boot(ProcessId(1)), &mut Fates(&[(1, bad(effect))]));
    play
}

#[test]
fn a_lying_flush_is_heard_as_done() {
    let mut play = stored_and_flushed(IoEffect::FlushLies);
    play.run_until(at(100));
    assert_eq!(play.heard(1), ["30 io 1"]);
    assert_eq!(kinds(&play).collect::<Vec<_>>(), ["lying-flush"]);
    play.apply(&Fault::DevicePowerLoss(DISK));
    assert_eq!(play.page(0), 0);
}

#[test]
fn a_failed_flush_asks_what_it_leaves_and_settles_the_device() {
    for (keeps_newest, left) in [(true, 1), (false, 0)] {
        let mut play = stored_and_flushed(IoEffect::FlushFails);
        if keeps_newest {
            play.run_choosing(at(100), &mut Fates(&[]));
        } else {
            play.run_until(at(100));
        }
        assert_eq!(play.heard(1), ["30 io 1: flush failed"]);
        assert_eq!(kinds(&play).collect::<Vec<_>>(), ["failed-flush"]);
        assert_eq!(
            told(&play).last(),
            Some(&&Occurrence::Settled { device: DISK })
        );
        assert_eq!(play.page(0), 1, "it is still shown");
        play.apply(&Fault::DevicePowerLoss(DISK));
        assert_eq!(play.page(0), left);
    }
}

#[test]
fn a_crash_executes_commands_as_badly_as_they_would_have() {
    let effect = IoEffect::Misdirected(PageIndex(5));
    let mut play = play(&[Act::Fill(0, 1)], &[(1, bad(effect))]);
    play.apply_choosing(&Fault::Crash(MachineId(0)), &mut Fates(&[]));
    assert_eq!([0, 5].map(|page| play.page(page)), [0, 1]);
    let found: Vec<_> = kinds(&play).collect();
    assert_eq!(found, ["misdirected-write", "crash"]);
}

/// A slow write of an old holder is still queued when the new one preempts: it never
/// executes, and its submitter hears so at once, dead or alive.
#[test]
fn a_preempt_aborts_a_slow_command_of_an_old_key() {
    for is_dead in [false, true] {
        let acts = [Act::Preempt(None, 1), Act::FillAs(1, 16, 7)];
        let mut play = Play::new(&[&acts, &[Act::Preempt(Some(1), 2)]]);
        let fates = [(2, slow(90))];
        play.apply_choosing(&Fault::Boot(ProcessId(0)), &mut Fates(&fates));
        play.run_until(at(30));
        if is_dead {
            play.apply(&Fault::Kill(ProcessId(0)));
            play.boot(0);
        }
        play.boot(1);
        play.run_until(at(30));
        let aborted = "30 io 2: aborted by a preempt";
        if !is_dead {
            assert_eq!(play.heard(0), ["0 io 1", aborted]);
        }
        play.run_until(at(500));
        assert_eq!(play.page(16), 0);
        assert_eq!(play.heard(1), ["30 io 1"]);
    }
}

/// The key is checked when a command executes: a slow one that was submitted under the
/// old key after the preempt, and one of the new key before it, both are refused.
#[test]
fn a_slow_preempt_comes_too_late_for_its_own_key_s_write() {
    let acts = [
        Act::Preempt(None, 1),
        Act::FillAs(1, 16, 7),
        Act::FillAs(1, 17, 8),
    ];
    let mut play = play(&acts, &[(1, slow(10)), (3, slow(50))]);
    play.run_until(at(500));
    // The preempt and the first write share an instant: in the order of submission.
    let expected = ["10 io 1", "10 io 2", "60 io 3"];
    assert_eq!(play.heard(0), expected);
    let mut play = super::script::Play::new(&[&acts]);
    play.apply_choosing(
        &Fault::Boot(ProcessId(0)),
        &mut Fates(&[(1, slow(11)), (3, slow(50))]),
    );
    play.run_until(at(500));
    let expected = ["10 io 2: reservation conflict", "11 io 1", "60 io 3"];
    assert_eq!(play.heard(0), expected);
    assert_eq!([16, 17].map(|page| play.page(page)), [0, 8]);
}

#[test]
fn a_fate_is_in_the_hash_of_its_device() {
    let acts = [Act::Fill(0, 1)];
    let plays = [
        play(&acts, &[]),
        play(&acts, &[(1, slow(1))]),
        play(&acts, &[(1, bad(IoEffect::Lost))]),
    ];
    let hashes = plays.each_ref().map(|play| {
        let hash = play.world.component_hash(Component::Device(DISK));
        (hash, play.world.behavioural_hash())
    });
    for (place, (hash, behaviour)) in hashes.iter().enumerate() {
        for (other, (others, other_behaviour)) in hashes.iter().enumerate().skip(place + 1) {
            assert_ne!(hash, others, "{place} and {other}");
            assert_ne!(behaviour, other_behaviour, "{place} and {other}");
        }
    }
}

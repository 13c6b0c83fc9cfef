//! Copies, clogs, narrow paths, partitions of one kind, new addresses.

use stormglass_engine::contract::{Address, LabelKind, PageIndex, Submission};
use stormglass_engine::time::Duration;

use super::at;
use super::script::{Act, Play, WIRE};
use crate::choose::{Choose, Copies, Departure, PacketFate};
use crate::device::{CommandFate, PageFate};
use crate::fault::Fault;
use crate::network::{Bandwidth, Cut, PathLimit};
use crate::occurrence::{IoName, Occurrence};
use crate::world::{DeviceIndex, MachineId, ProcessId};

const PATH: Cut = Cut {
    network: WIRE,
    from: MachineId(0),
    to: MachineId(1),
};

/// Gives every packet this fate, but delays packet 1 by 5 us more.
struct Alike(PacketFate);

impl Choose for Alike {
    fn packet(&mut self, departure: &Departure) -> PacketFate {
        let delay = Duration::from_micros(if departure.label.id == 1 { 5 } else { 0 });
        PacketFate { delay, ..self.0 }
    }
    fn torn_command(&mut self, _: &IoName, _: &Submission) -> CommandFate {
        CommandFate::Absent
    }
    fn torn_page(&mut self, _: DeviceIndex, _: PageIndex, _: usize) -> PageFate {
        PageFate::Version(0)
    }
    fn torn_sector(&mut self, _: DeviceIndex, _: PageIndex, _: usize, _: usize) -> usize {
        0
    }
    fn executes(&mut self, _: &IoName) -> bool {
        true
    }
}

fn kinds(play: &mut Play) -> Vec<&'static str> {
    let log = std::mem::take(&mut play.log);
    let kind = |it: &Occurrence<u32>| {
        let Occurrence::Fault(happened) = it else {
            return None;
        };
        Some(happened.kind())
    };
    log.iter().filter_map(kind).collect()
}

/// A sender of these packets that is still down, and a receiver.
fn pair(packets: &[u64]) -> Play {
    let acts: Vec<_> = packets.iter().map(|id| Act::Send(1, *id)).collect();
    let mut play = Play::new(&[&acts, &[]]);
    play.boot(1);
    play
}

#[test]
fn copies_arrive_one_after_the_other() {
    let mut play = pair(&[7]);
    let fate = PacketFate {
        copies: Copies {
            count: 3,
            apart: Duration::from_micros(100),
        },
        ..PacketFate::default()
    };
    play.apply_choosing(&Fault::Boot(ProcessId(0)), &mut Alike(fate));
    assert_eq!(kinds(&mut play), ["duplicate"; 3]);
    play.run_until(at(150));
    // A late copy arrives after its sender has another life.
    play.apply(&Fault::Kill(ProcessId(0)));
    play.boot(0);
    play.run_until(at(1_000));
    let expected = [10, 110, 160, 210, 310].map(|at| format!("{at} packet 7"));
    assert_eq!(play.heard(1), expected);
}

#[test]
fn a_clog_lets_packets_leave_when_it_ends_and_travel_as_long_as_they_would() {
    let mut play = pair(&[1, 2]);
    play.apply(&Fault::Clog(PATH));
    play.apply(&Fault::Clog(PATH));
    let no_fate = PacketFate::default();
    play.apply_choosing(&Fault::Boot(ProcessId(0)), &mut Alike(no_fate));
    assert_eq!(
        kinds(&mut play),
        ["delay", "clogged-packet", "clogged-packet"]
    );
    play.run_until(at(50));
    let bytes = postcard::to_stdvec(&play.world).expect("serializes");
    let restored = postcard::from_bytes(&bytes).expect("restores");
    assert!(play.world == restored);
    play.world = restored;
    play.apply(&Fault::Release(PATH));
    play.run_until(at(100));
    assert!(play.heard(1).is_empty(), "it was clogged twice");
    play.apply(&Fault::Release(PATH));
    play.apply(&Fault::Release(PATH));
    play.run_until(at(200));
    assert_eq!(play.heard(1), ["110 packet 2", "115 packet 1"]);
}

#[test]
fn links_are_released_in_another_order_than_they_were_clogged() {
    let mut play = Play::new(&[&[Act::Send(2, 1)], &[Act::Send(2, 2)], &[]]);
    play.boot(2);
    let path = |from| Cut {
        from: MachineId(from),
        to: MachineId(2),
        ..PATH
    };
    for sender in [0, 1] {
        play.apply(&Fault::Clog(path(sender)));
        play.boot(sender);
    }
    play.run_until(at(20));
    play.apply(&Fault::Release(path(1)));
    play.run_until(at(25));
    play.apply(&Fault::Release(path(0)));
    play.run_until(at(100));
    assert_eq!(play.heard(2), ["30 packet 2", "35 packet 1"]);
}

#[test]
fn a_narrow_path_sends_one_after_the_other_and_drops_what_finds_no_room() {
    let mut play = pair(&[1, 2, 3, 4]);
    // 8 bytes, head and body, in 4 us each.
    let bandwidth = Some(Bandwidth {
        bytes_per_second: 2_000_000,
        queue_bytes: 16,
    });
    let limit = PathLimit {
        bandwidth,
        mtu: None,
    };
    play.apply(&Fault::Limit(PATH, limit));
    play.boot(0);
    let expected = ["queued-packet", "queued-packet", "path-overflow"];
    assert_eq!(kinds(&mut play), expected);
    play.run_until(at(50));
    let expected = ["14 packet 1", "18 packet 2", "22 packet 3"];
    assert_eq!(play.heard(1), expected);
    play.apply(&Fault::Unlimit(PATH));
    play.apply(&Fault::Kill(ProcessId(0)));
    play.boot(0);
    play.run_until(at(60));
    assert_eq!(play.heard(1).len(), 7);
}

#[test]
fn a_packet_larger_than_its_path_carries_is_dropped() {
    for (mtu, arrive) in [(7, 0), (8, 1)] {
        let mut play = pair(&[1]);
        let limit = PathLimit {
            bandwidth: None,
            mtu: Some(mtu),
        };
        play.apply(&Fault::Limit(PATH, limit));
        play.boot(0);
        let expected = &["oversized-packet"][arrive..];
        assert_eq!(kinds(&mut play), expected);
        play.run_until(at(50));
        assert_eq!(play.heard(1).len(), arrive);
    }
}

#[test]
fn a_partition_of_one_kind_lets_others_through() {
    let others = LabelKind(1);
    for (kind, arrive) in [(LabelKind(0), 0), (others, 1)] {
        let mut play = pair(&[1]);
        play.apply(&Fault::CutKind(PATH, kind));
        play.boot(0);
        play.run_until(at(50));
        assert_eq!(play.heard(1).len(), arrive);
        let partitioned = ["partition", "partitioned-packet"];
        assert_eq!(kinds(&mut play), partitioned[..2 - arrive]);
        play.apply(&Fault::HealKind(PATH, kind));
        play.apply(&Fault::Kill(ProcessId(0)));
        play.boot(0);
        play.run_until(at(100));
        assert_eq!(play.heard(1).len(), arrive + 1);
    }
}

#[test]
fn a_module_with_another_address_is_reached_there_and_nowhere_else() {
    let mut play = Play::new(&[&[Act::Send(1, 1), Act::Send(9, 2)], &[Act::Send(0, 3)]]);
    play.boot(0);
    play.boot(1);
    let move_to = |address| Fault::Readdress {
        process: ProcessId(1),
        network: WIRE,
        address: Address::new(address),
    };
    play.log.clear();
    play.apply(&move_to(0));
    assert!(kinds(&mut play).is_empty(), "somebody is there");
    play.apply(&move_to(9));
    assert_eq!(kinds(&mut play), ["address-change"]);
    play.run_until(at(20));
    assert_eq!(play.heard(1), ["10 packet 1"], "it had left");
    for process in [0, 1] {
        play.apply(&Fault::Kill(ProcessId(process)));
    }
    play.boot(1);
    play.boot(0);
    play.run_until(at(40));
    assert_eq!(play.heard(1), ["30 packet 2"]);
    let network = play.world.network();
    let own = network.address_of(WIRE, ProcessId(1));
    assert_eq!(own, Some(Address::new(9)), "who answers, answers there");
}

#[test]
fn an_address_that_is_taken_is_its_last_takers_and_none_that_is_a_modules_own() {
    let sends = [5, 2].map(|to| Act::Send(to, u64::from(to)));
    let takes = [Act::Bind(5), Act::Bind(2)];
    let mut play = Play::new(&[&sends, &takes, &[Act::Bind(5)]]);
    play.boot(0);
    play.boot(1);
    play.run_until(at(20));
    assert_eq!(play.heard(1), Vec::<String>::new(), "nobody had it");
    let origin = play.world.clone();
    play.apply(&Fault::Kill(ProcessId(0)));
    play.boot(0);
    let hash = play.world.behavioural_hash();
    play.boot(2);
    assert_ne!(play.world.behavioural_hash(), hash);
    assert!(play.world.first_difference(&origin).is_some());
    play.run_until(at(40));
    assert_eq!(play.heard(1), ["30 packet 5"], "it had left");
    play.apply(&Fault::Kill(ProcessId(0)));
    play.boot(0);
    play.run_until(at(60));
    assert_eq!(play.heard(1), ["30 packet 5"]);
    assert_eq!(play.heard(2), ["30 packet 2", "50 packet 5", "50 packet 2"]);
}

#[test]
fn whatever_is_wrong_with_a_path_is_behaviour() {
    let limit = PathLimit {
        bandwidth: None,
        mtu: Some(8),
    };
    let readdress = Fault::Readdress {
        process: ProcessId(1),
        network: WIRE,
        address: Address::new(9),
    };
    let kind = LabelKind(0);
    for (fault, end) in [
        (Fault::Clog(PATH), Some(Fault::Release(PATH))),
        (Fault::Limit(PATH, limit), Some(Fault::Unlimit(PATH))),
        (
            Fault::CutKind(PATH, kind),
            Some(Fault::HealKind(PATH, kind)),
        ),
        (readdress, None),
    ] {
        let mut play = pair(&[1]);
        let hash = play.world.behavioural_hash();
        let origin = play.world.clone();
        play.apply(&fault);
        let network = play.world.network();
        let standing = network.clogs().chain(network.limits()).count();
        let standing = standing + network.cut_kinds().count();
        assert_eq!(standing, usize::from(end.is_some()), "{fault:?}");
        assert_ne!(play.world.behavioural_hash(), hash, "{fault:?}");
        assert!(play.world.first_difference(&origin).is_some(), "{fault:?}");
        if let Some(end) = end {
            play.apply(&end);
            assert_eq!(play.world.behavioural_hash(), hash, "{end:?}");
        }
    }
    // So is what waits at a clog.
    let [one, other] = [&[1][..], &[1, 2]].map(|packets| {
        let mut play = pair(packets);
        play.apply(&Fault::Clog(PATH));
        play.boot(0);
        play.apply(&Fault::Kill(ProcessId(0)));
        play.world
    });
    assert_ne!(one.behavioural_hash(), other.behavioural_hash());
}

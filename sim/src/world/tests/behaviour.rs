//! The behavioural hash sees what decides how a world goes on and nothing else;
//! differences name their fields.

use stormglass_engine::contract::{NetworkId, PAGE_BYTES, PageIndex, Submission};
use stormglass_engine::payload::Payload;
use stormglass_engine::time::Duration;

use super::at;
use super::ping_pong::{Game, Rules};
use super::script::{Act, Play};
use crate::choose::{Calm, Choose, Departure, PacketFate};
use crate::device::{CommandFate, PageFate};
use crate::fault::Fault;
use crate::network::Cut;
use crate::occurrence::IoName;
use crate::time::WorldTime;
use crate::world::{Component, DeviceIndex, MachineId, Place, ProcessId};

#[test]
fn a_time_shifted_twin_behaves_alike_at_each_step() {
    let starting_at = |start| {
        let rules = Rules {
            start,
            ..Rules::default()
        };
        rules.game()
    };
    let mut origin = starting_at(WorldTime::ZERO);
    let mut twin = starting_at(at(12_345));
    let hit = |game: &mut Game, event| match event {
        50 => game.apply(&Fault::Pause(MachineId(2))),
        70 => game.apply(&Fault::Crash(MachineId(1))),
        80 => game.apply(&Fault::Boot(ProcessId(1))),
        90 => game.apply(&Fault::Resume(MachineId(2))),
        _ => {}
    };
    let mut hashes = std::collections::BTreeSet::new();
    for event in 0..600 {
        hit(&mut origin, event);
        hit(&mut twin, event);
        assert!(origin.step() && twin.step());
        let hash = origin.world.behavioural_hash();
        assert_eq!(hash, twin.world.behavioural_hash(), "event {event}");
        hashes.insert(hash);
    }
    assert!(hashes.len() > 590, "the hash sees what happens");
    assert!(origin.world != twin.world);
}

#[test]
fn a_restored_world_behaves_alike() {
    let mut game = Rules::default().game();
    game.run(333);
    let bytes = postcard::to_stdvec(&game.world).expect("a world serializes");
    let restored = postcard::from_bytes(&bytes).expect("and is restored");
    let mut twin = Game {
        world: restored,
        ..game.fork()
    };
    for _ in 0..50 {
        assert_eq!(game.world.behavioural_hash(), twin.world.behavioural_hash());
        assert!(game.step() && twin.step());
    }
}

/// Delays packets to machine 1, loses those to machine 2 if told to.
struct Postman {
    loses: bool,
}

impl Choose for Postman {
    fn packet(&mut self, departure: &Departure) -> PacketFate {
        let is_far = departure.to == ProcessId(1);
        PacketFate {
            is_lost: self.loses && !is_far,
            delay: Duration::from_micros(if is_far { 50 } else { 0 }),
            ..PacketFate::default()
        }
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

/// A world in which a packet went to a machine that is down, or was lost on its
/// way there, and another one is still under way.
fn after_a_packet_to_nobody(loses: bool) -> Play {
    let mut play = Play::new(&[&[Act::Send(2, 1), Act::Send(1, 2)], &[], &[]]);
    play.boot(1);
    play.apply_choosing(&Fault::Boot(ProcessId(0)), &mut Postman { loses });
    play.run_until(at(20));
    play
}

#[test]
fn totals_and_slots_are_no_behaviour() {
    let mut plays = [true, false].map(after_a_packet_to_nobody);
    let [lost, dropped] = &plays;
    assert_ne!(lost.world.totals(), dropped.world.totals());
    let found = lost.world.first_difference(&dropped.world);
    assert_eq!(found.map(|it| it.place), Some(Place::World));
    for instant in [20, 30, 60, 100] {
        plays
            .iter_mut()
            .for_each(|play| play.run_until(at(instant)));
        let hashes = plays.each_ref().map(|play| play.world.behavioural_hash());
        assert_eq!(hashes[0], hashes[1]);
    }
    assert_eq!(plays[0].heard(1), ["60 packet 2"]);
}

#[test]
fn void_wake_ups_are_no_behaviour() {
    // Asked for 30 and then for 12, or for 12 only; both killed and booted again.
    let scripts = [30, 12].map(|span| [Act::WakeAfter(Duration::from_micros(span))]);
    let worlds = scripts.map(|script| {
        let mut play = Play::new(&[&script]);
        play.boot(0);
        play.apply(&Fault::Kill(ProcessId(0)));
        play.world
    });
    assert_ne!(worlds[0], worlds[1]);
    assert_eq!(worlds[0].behavioural_hash(), worlds[1].behavioural_hash());
}

#[test]
fn whatever_decides_what_comes_is_behaviour() {
    let mut origin = Rules::default().game();
    origin.run(200);
    let hash = origin.world.behavioural_hash();
    let cut = Cut {
        network: NetworkId::new(0),
        from: MachineId(0),
        to: MachineId(1),
    };
    for fault in [
        Fault::Kill(ProcessId(0)),
        Fault::Crash(MachineId(1)),
        Fault::Pause(MachineId(3)),
        Fault::Cut(cut),
        Fault::DevicePowerLoss(DeviceIndex(0)),
    ] {
        let mut fork = origin.fork();
        fork.apply(&fault);
        assert_ne!(fork.world.behavioural_hash(), hash, "{fault:?}");
        let found = fork.world.first_difference(&origin.world);
        assert!(
            found.is_some_and(|it| it.place != Place::World),
            "{fault:?}"
        );
    }
    let mut fork = origin.fork();
    fork.world.advance(at(1_000_000));
    assert_ne!(fork.world.behavioural_hash(), hash);
    let healed = [Fault::Cut(cut), Fault::Heal(cut)];
    let mut fork = origin.fork();
    healed.iter().for_each(|fault| fork.apply(fault));
    assert_eq!(fork.world.behavioural_hash(), hash);
}

#[test]
fn a_difference_names_component_and_field() {
    let mut game = Rules::default().game();
    game.run(200);
    assert_eq!(game.world.first_difference(&game.world.clone()), None);

    let mut other = game.fork();
    other.apply(&Fault::Pause(MachineId(3)));
    let found = game.world.first_difference(&other.world).expect("a pause");
    assert_eq!(
        found.place,
        Place::Component(Component::Process(ProcessId(3)))
    );
    assert_eq!(game.world.place_name(found.place), "m3");
    assert_eq!(found.to_string(), "is_paused: false, not true");

    let mut other = game.fork();
    other.apply(&Fault::Kill(ProcessId(1)));
    let found = game.world.first_difference(&other.world).expect("a kill");
    assert_eq!(found.field.path, "module");
    assert_eq!(found.field.right, "nothing");

    let mut other = game.fork();
    let page = Payload::from(vec![255; PAGE_BYTES]);
    let drive = other.world.drive_mut(DeviceIndex(2));
    drive.device.install(PageIndex(63), &[page]);
    let found = game.world.first_difference(&other.world).expect("a page");
    assert_eq!(game.world.place_name(found.place), "disk 2");
    assert_eq!(found.field.path, "stable[63]");
}

/// A page is one value, whatever it holds.
#[test]
fn another_content_of_a_page_is_one_difference() {
    let mut game = Rules::default().game();
    let page = |fill: u8| Payload::from(vec![fill; PAGE_BYTES]);
    let disk = DeviceIndex(2);
    game.world
        .drive_mut(disk)
        .device
        .install(PageIndex(63), &[page(1)]);
    let mut other = game.fork();
    other
        .world
        .drive_mut(disk)
        .device
        .install(PageIndex(63), &[page(2)]);
    let found = game.world.first_difference(&other.world).expect("a page");
    assert_eq!(found.field.path, "stable[63]");
}

#[test]
fn a_lost_packet_is_a_difference_of_its_network() {
    let worlds = [false, true].map(|loses| {
        let mut play = Play::new(&[&[Act::Send(2, 1)], &[], &[]]);
        play.apply_choosing(&Fault::Boot(ProcessId(0)), &mut Postman { loses });
        play.apply_choosing(&Fault::Boot(ProcessId(1)), &mut Calm);
        play.world
    });
    let found = worlds[0].first_difference(&worlds[1]).expect("a packet");
    let network = Component::Network(NetworkId::new(0));
    assert_eq!(found.place, Place::Component(network));
    assert_eq!(
        found.to_string(),
        "in_flight[packet 1 part 0 attempt 0 from machine.script to machine.script]: arrives: 10us, not absent"
    );
}

#[test]
fn what_comes_next_is_named_and_found_at_another_time() {
    let mut play = Play::new(&[&[Act::Send(2, 1)], &[], &[]]);
    play.apply_choosing(&Fault::Boot(ProcessId(0)), &mut Calm);
    let next = play.world.upcoming().expect("a packet");
    assert_eq!(next.at, play.world.next_event().expect("a packet"));
    assert_eq!(next.component, Component::Process(ProcessId(2)));
    assert!(next.what.starts_with("arrival of "), "{}", next.what);
    let mut late = Play::new(&[&[Act::Send(2, 1)], &[], &[]]);
    late.world.advance(at(5));
    late.apply_choosing(&Fault::Boot(ProcessId(0)), &mut Calm);
    let due = late.world.due_at(&next);
    assert_eq!(due, Some(next.at.after(Duration::from_micros(5))));
    let nobody = Play::new(&[]);
    assert_eq!(nobody.world.due_at(&next), None);
}

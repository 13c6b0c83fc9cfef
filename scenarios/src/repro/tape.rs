//! A tape: records what befalls a run, whoever decides it, as the entries of a repro.
//!
//! Full-speed runs have none; a run worth a repro is run again with one. It hears every
//! question that the world asks and the answer to it, and every fault of the hardware
//! before it happens.

use std::collections::{BTreeMap, BTreeSet};

use stormglass_engine::contract::NetworkId;
use stormglass_engine::time::Duration;
use stormglass_sim::choose::{Departure, IoDeparture, IoFate, PacketFate};
use stormglass_sim::device::IoEffect;
use stormglass_sim::fault::Fault;
use stormglass_sim::network::Cut;
use stormglass_sim::occurrence::{IoName, Occurrence, PacketName};
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::{DeviceIndex, MachineId, ProcessId, World};

use super::entry::{Act, After, Aspect, Departed, Entry, Hardware, Trouble};
use super::fingerprint;
use crate::actor::{Actor, Report};
use crate::file::Planned;
use crate::witness::{How, Witness};
use crate::workload::ClientEvent;

/// What befell a run so far, and what its clients asked for.
#[derive(Clone, Debug)]
pub struct Tape {
    entries: Vec<Entry>,
    commands: Vec<Planned>,
    /// Messages with their contents. One that is sent again as it was mostly meets the
    /// same, and one key stands for all.
    sent: BTreeMap<(PacketName, u64), Sent>,
    last: Last,
    start: WorldTime,
    /// Boots with which every run begins; they are no faults.
    boots_left: usize,
}

/// How often a message was sent as it was, and where it stands in the list.
#[derive(Clone, Debug, Default)]
struct Sent {
    times: u32,
    places: Vec<usize>,
}

/// What left last.
#[derive(Clone, Debug)]
struct Last {
    /// All that left. What leaves again under its name says nothing of when: a replay
    /// would take the first.
    known: BTreeSet<Departed>,
    machine_of: Vec<MachineId>,
    of_machine: BTreeMap<MachineId, (WorldTime, Departed)>,
    of_device: BTreeMap<DeviceIndex, (WorldTime, Departed)>,
    of_path: BTreeMap<(NetworkId, MachineId, MachineId), (WorldTime, Departed)>,
}

impl Tape {
    /// A tape for a run of this world from its beginning, which boots so many modules.
    pub(crate) fn new(world: &World<Actor>, boots: usize) -> Self {
        let machines = world.processes().map(|(_, process)| process.machine);
        let machine_of: Vec<_> = machines.collect();
        Tape {
            entries: Vec::new(),
            commands: Vec::new(),
            sent: BTreeMap::new(),
            start: world.now(),
            boots_left: boots,
            last: Last {
                known: BTreeSet::new(),
                machine_of,
                of_machine: BTreeMap::new(),
                of_device: BTreeMap::new(),
                of_path: BTreeMap::new(),
            },
        }
    }

    /// What befell, and what was asked for.
    pub fn into_parts(mut self) -> (Vec<Entry>, Vec<Planned>) {
        for sent in self.sent.values() {
            for place in &sent.places {
                if let Act::Message { times, .. } = &mut self.entries[*place].act
                    && times.len() == sent.times as usize
                {
                    times.clear();
                }
            }
        }
        (self.entries, self.commands)
    }

    fn hear_fault(&mut self, fault: &Fault, world: &World<Actor>, how: How) {
        // What calm mends it reads off the world, in every run anew.
        if how.is_mending {
            return;
        }
        if how.is_scheduled && self.boots_left > 0 {
            self.boots_left -= 1;
            return;
        }
        let now = world.now();
        let last = self.last.before(fault);
        let after = last.map(|(at, departed)| After {
            departed,
            span: now.since(at),
        });
        let losses = matches!(fault, Fault::Crash(_) | Fault::DevicePowerLoss(_));
        self.add(
            now,
            Act::Hardware(Box::new(Hardware {
                fault: fault.clone(),
                after,
                late: world.events_at_this_instant(),
                is_scheduled: how.is_scheduled,
                draw: if losses { how.loss } else { 0 },
            })),
        );
    }

    /// The run has ended before these: what would have ended a hindrance. Without them
    /// a run without the failure would never be calm.
    pub(crate) fn add_ends(&mut self, ends: impl IntoIterator<Item = (WorldTime, Fault, bool)>) {
        for (at, fault, is_scheduled) in ends {
            let last = self.last.before(&fault);
            let after = last.map(|(left_at, departed)| After {
                departed,
                span: at.since(left_at),
            });
            let (late, draw) = (0, 0);
            self.add(
                at,
                Act::Hardware(Box::new(Hardware {
                    fault,
                    after,
                    late,
                    is_scheduled,
                    draw,
                })),
            );
        }
    }

    /// What clients have begun in this step.
    fn hear_log(&mut self, log: &[Occurrence<Report>], world: &World<Actor>) {
        for occurrence in log {
            let Occurrence::Event {
                process,
                event: Report::Client(ClientEvent::Invoked { id, .. }),
            } = occurrence
            else {
                continue;
            };
            let client = world.process(*process).module.as_ref();
            let planned = client
                .and_then(Actor::as_client)
                .and_then(|client| client.planned(*id, world.local_time(*process)));
            let is_new = |it: &Planned| {
                let same = |other: &Planned| (other.client, other.number) == (it.client, it.number);
                !self.commands.iter().any(same)
            };
            let planned = planned.filter(is_new);
            self.commands.extend(planned);
        }
    }

    fn add(&mut self, at: WorldTime, act: Act) {
        let at = at.since(self.start);
        self.entries.push(Entry { at, act });
    }

    fn hear_packet(&mut self, departure: &Departure, fate: &PacketFate) {
        let name = fingerprint::packet_name(departure);
        self.last.packet_left(departure);
        let sent = self.sent.entry((name, departure.head)).or_default();
        sent.times += 1;
        let time = sent.times;
        if *fate == PacketFate::default() {
            return;
        }
        let mut aspects = Vec::new();
        if fate.is_lost {
            aspects.push(Aspect::Lost);
        } else {
            if let Some(later) = fate.duplicate {
                let (more, apart) = (fate.copies.count, fate.copies.apart);
                aspects.push(Aspect::Doubled { later, more, apart });
            }
            if fate.delay > Duration::ZERO {
                aspects.push(Aspect::Delayed(fate.delay));
            }
            aspects.extend(fate.flipped_bit.map(Aspect::Corrupted));
        }
        for aspect in aspects {
            self.befall(departure, aspect, time);
        }
    }

    fn befall(&mut self, departure: &Departure, befell: Aspect, time: u32) {
        let name = fingerprint::packet_name(departure);
        let fingerprint = departure.head;
        let sent = self.sent.entry((name, fingerprint)).or_default();
        for place in &sent.places {
            if let Act::Message { aspect, times, .. } = &mut self.entries[*place].act
                && *aspect == befell
            {
                return times.push(time);
            }
        }
        sent.places.push(self.entries.len());
        let act = Act::Message {
            name,
            fingerprint,
            aspect: befell,
            times: vec![time],
        };
        self.add(departure.at, act);
    }

    fn hear_command(&mut self, departure: &IoDeparture, fate: &IoFate, loss: u64) {
        let name = departure.name;
        self.last.command_left(name, departure.at);
        if *fate == IoFate::default() {
            return;
        }
        let slow = (fate.slow > Duration::ZERO).then_some(Trouble::Slow(fate.slow));
        let wrong = (fate.effect != IoEffect::Sound).then_some(Trouble::Wrong {
            effect: fate.effect,
            // What a flush that fails leaves behind is drawn; nothing else is.
            draw: if fate.effect == IoEffect::FlushFails {
                loss
            } else {
                0
            },
        });
        let fingerprint = fingerprint::submission(departure.submission);
        for trouble in slow.into_iter().chain(wrong) {
            self.add(
                departure.at,
                Act::Command {
                    name,
                    fingerprint,
                    trouble,
                },
            );
        }
    }
}

impl Witness for Tape {
    fn packet(&mut self, departure: &Departure, fate: &PacketFate) {
        self.hear_packet(departure, fate);
    }
    fn command(&mut self, departure: &IoDeparture, fate: &IoFate, loss: u64) {
        self.hear_command(departure, fate, loss);
    }
    fn fault(&mut self, fault: &Fault, world: &World<Actor>, how: How) {
        self.hear_fault(fault, world, how);
    }
    fn occurrences(&mut self, log: &[Occurrence<Report>], world: &World<Actor>) {
        self.hear_log(log, world);
    }
}

impl Last {
    fn machine(&self, process: ProcessId) -> MachineId {
        self.machine_of[process.index()]
    }

    fn packet_left(&mut self, departure: &Departure) {
        let (from, to) = (self.machine(departure.from), self.machine(departure.to));
        let departed = Departed::Message(fingerprint::packet_name(departure));
        if !self.known.insert(departed) {
            return;
        }
        let left = (departure.at, departed);
        self.of_machine.insert(from, left);
        self.of_path.insert((departure.network, from, to), left);
    }

    fn command_left(&mut self, name: IoName, at: WorldTime) {
        let departed = Departed::Command(name);
        if !self.known.insert(departed) {
            return;
        }
        let left = (at, departed);
        self.of_machine.insert(self.machine(name.process), left);
        self.of_device.insert(name.device, left);
    }

    /// What left last whom a fault concerns.
    fn before(&self, fault: &Fault) -> Option<(WorldTime, Departed)> {
        let machine = |id: MachineId| self.of_machine.get(&id);
        let device = |id: DeviceIndex| self.of_device.get(&id);
        let path = |cut: &Cut| {
            let there = self.of_path.get(&(cut.network, cut.from, cut.to));
            let back = || self.of_path.get(&(cut.network, cut.to, cut.from));
            there.or_else(back)
        };
        let last = match fault {
            Fault::Crash(id)
            | Fault::Pause(id)
            | Fault::Resume(id)
            | Fault::CpuPace(id, _)
            | Fault::ClockRate(id, _) => machine(*id),
            Fault::Kill(id)
            | Fault::Boot(id)
            | Fault::Order(id, _)
            | Fault::Readdress { process: id, .. } => machine(self.machine(*id)),
            Fault::DevicePowerLoss(id)
            | Fault::DeviceGone(id)
            | Fault::DeviceReturns(id, _)
            | Fault::DevicePace(id, _)
            | Fault::DeviceStalls(id)
            | Fault::DeviceGoesOn(id)
            | Fault::DeviceFull(id, _)
            | Fault::DeviceHasRoom(id)
            | Fault::Remember(id)
            | Fault::Restore(id, _)
            | Fault::Swap([id, _])
            | Fault::Damage { device: id, .. } => device(*id),
            Fault::Cut(cut)
            | Fault::Heal(cut)
            | Fault::CutKind(cut, _)
            | Fault::HealKind(cut, _)
            | Fault::Clog(cut)
            | Fault::Release(cut)
            | Fault::Limit(cut, _)
            | Fault::Unlimit(cut) => path(cut),
        };
        last.copied()
    }
}

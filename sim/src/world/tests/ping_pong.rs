//! Pairs of modules that play ping-pong: the smallest protocol that has
//! everything, retries with rising attempts, a timer and a durable write.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{
    Address, DeviceId, Entropy, Frame, Input, IoId, IoRequest, Label, LabelKind, Module, NetworkId,
    Outbox, PAGE_BYTES, Packet, PageIndex, Persistence, ReservationKey, Slot, Submission,
};
use stormglass_engine::payload::Payload;
use stormglass_engine::time::{Duration, Instant};

use super::network;
use super::weather::Weather;
use crate::clock::Clock;
use crate::device::{DeviceSpec, PageRange};
use crate::fault::Fault;
use crate::random::{Exponential, Seed};
use crate::service_time::{CpuCost, DeviceService, Latency};
use crate::time::WorldTime;
use crate::world::{ProcessId, Workbench, World};

const WIRE: NetworkId = NetworkId::new(0);
const PING: LabelKind = LabelKind(1);
const PONG: LabelKind = LabelKind(2);
pub(super) const TIMEOUT: Duration = Duration::from_millis(1);
pub(super) const PAGES: u64 = 64;

/// One side of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Player {
    pub(super) peer: Address,
    /// Pings at a time; 0 for the side that answers.
    pub(super) in_flight: u16,
    /// Pings that are enough.
    pub(super) rounds: u64,
    /// Broken on purpose: a ping sent again does not raise its attempt.
    pub(super) repeats_labels: bool,
    /// Where the answering side writes before it answers.
    pub(super) device: Option<DeviceId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PingPong {
    player: Player,
    incarnation: u64,
    /// For each ping in flight its number and attempt.
    open: Vec<(u64, u32)>,
    started: u64,
    pub(super) finished: u64,
    /// Pings that wait for their write.
    writing: Vec<(IoId, Packet)>,
    next_io: u64,
    deadline: Option<Instant>,
}

type Out = Outbox<u32, u64>;

impl PingPong {
    fn ping(&mut self, lane: u16, out: &mut Out) {
        if self.started < self.player.rounds {
            self.started += 1;
            self.open[usize::from(lane)] = (self.started, 0);
            self.send_ping(lane, out);
        }
    }

    fn send_ping(&self, lane: u16, out: &mut Out) {
        let (id, attempt) = self.open[usize::from(lane)];
        let label = Label {
            kind: PING,
            incarnation: self.incarnation,
            id,
            part: lane,
            attempt,
        };
        let frame = Frame {
            head: Bytes::copy_from_slice(&id.to_be_bytes()),
            body: Payload::new(),
        };
        out.send(WIRE, self.player.peer, label, frame);
    }

    fn answer(&self, packet: Packet, out: &mut Out) {
        let label = Label {
            kind: PONG,
            incarnation: self.incarnation,
            id: packet.label.id ^ packet.label.incarnation,
            ..packet.label
        };
        out.send(WIRE, packet.from, label, packet.frame);
    }

    fn handle_packet(&mut self, packet: Packet, out: &mut Out) {
        let lane = packet.label.part;
        if packet.label.kind == PING {
            let Some(device) = self.player.device else {
                return self.answer(packet, out);
            };
            self.next_io += 1;
            let io = IoId(self.next_io);
            let page = PageIndex(packet.label.id % PAGES);
            out.submit(write(device, io, page, packet.frame.head[7]));
            self.writing.push((io, packet));
        } else {
            // Another ping of this lane, or a flipped bit, answers nothing.
            let (id, _) = self.open[usize::from(lane)];
            if id > 0 && packet.frame.head[..] == id.to_be_bytes() {
                self.finished += 1;
                out.trace(id);
                self.open[usize::from(lane)] = (0, 0);
                self.ping(lane, out);
            }
        }
    }
}

impl Module for PingPong {
    type Identity = Player;
    type Local = u32;
    type Event = u64;

    fn boot(player: &Player, entropy: Entropy, now: Instant, out: &mut Out) -> Self {
        let mut this = PingPong {
            player: player.clone(),
            incarnation: entropy.bits(),
            open: vec![(0, 0); usize::from(player.in_flight)],
            started: 0,
            finished: 0,
            writing: Vec::new(),
            next_io: 0,
            deadline: Some(now.after(TIMEOUT)),
        };
        for lane in 0..player.in_flight {
            this.ping(lane, out);
        }
        this
    }

    fn handle(&mut self, now: Instant, input: Input<u32>, out: &mut Out) {
        self.deadline = Some(now.after(TIMEOUT));
        match input {
            Input::Packet(packet) => self.handle_packet(packet, out),
            Input::Completion(completion) => {
                let mut writing = self.writing.iter();
                let found = writing.position(|(io, _)| *io == completion.io);
                let (_, packet) = self.writing.remove(found.expect("it was submitted"));
                self.answer(packet, out);
            }
            Input::Deadline => {
                for lane in 0..self.player.in_flight {
                    if self.open[usize::from(lane)].0 > 0 {
                        self.open[usize::from(lane)].1 += u32::from(!self.player.repeats_labels);
                        self.send_ping(lane, out);
                    }
                }
                let is_done = self.finished == self.player.rounds;
                if is_done || self.player.in_flight == 0 {
                    self.deadline = None;
                }
            }
            Input::Local(_) => unreachable!("nobody is beside"),
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn kind_name(kind: LabelKind) -> &'static str {
        if kind == PING { "ping" } else { "pong" }
    }
}

fn write(device: DeviceId, io: IoId, page: PageIndex, fill: u8) -> Submission {
    Submission {
        device,
        io,
        key: ReservationKey { epoch: 1, node: 1 },
        request: IoRequest::Write {
            start: page,
            pages: vec![Payload::from(vec![fill; PAGE_BYTES])],
            persistence: Persistence::Cached,
        },
    }
}

/// A world under way, with what it needs to go on.
pub(super) struct Game {
    pub(super) world: World<PingPong>,
    pub(super) weather: Weather,
    pub(super) bench: Workbench<PingPong>,
}

/// What a game is made of.
pub(super) struct Rules {
    pub(super) seed: u64,
    pub(super) start: WorldTime,
    pub(super) pairs: u32,
    pub(super) rounds: u64,
    pub(super) has_devices: bool,
    pub(super) repeats_labels: bool,
    pub(super) weather: Weather,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            seed: 1,
            start: WorldTime::ZERO,
            pairs: 3,
            rounds: 50,
            has_devices: true,
            repeats_labels: false,
            weather: Weather::stormy(1),
        }
    }
}

impl Rules {
    /// All modules booted, nothing delivered yet.
    pub(super) fn game(self) -> Game {
        let latency = Latency::Jitter {
            floor: Duration::from_micros(50),
            above: Exponential {
                mean: Duration::from_micros(20),
                cap: Duration::from_millis(1),
            },
        };
        let mut world = World::new(Seed(self.seed), self.start, vec![network(latency)]);
        for pair in 0..self.pairs {
            let device = self.has_devices.then(|| add_device(&mut world, pair));
            let ping = self.player(pair * 2 + 1, 4, None);
            let pong = self.player(pair * 2, 0, device);
            for (number, player) in [(pair * 2, ping), (pair * 2 + 1, pong)] {
                self.add(&mut world, number, player);
            }
        }
        let mut game = Game {
            world,
            weather: self.weather,
            bench: Workbench::default(),
        };
        for process in 0..self.pairs * 2 {
            game.apply(&Fault::Boot(ProcessId(process)));
        }
        game
    }

    fn player(&self, peer: u32, in_flight: u16, device: Option<DeviceId>) -> Player {
        Player {
            peer: Address::new(peer),
            in_flight,
            rounds: self.rounds,
            repeats_labels: self.repeats_labels,
            device,
        }
    }

    fn add(&self, world: &mut World<PingPong>, number: u32, player: Player) {
        let clock = Clock {
            origin: self.start,
            drift_ppb: i32::try_from(number).expect("few players") * 10_000,
            ..Clock::default()
        };
        let machine = world.add_machine(&format!("m{number}"), clock);
        let cpu = CpuCost {
            packet: Duration::from_micros(u64::from(number % 3)),
            ..CpuCost::NONE
        };
        let process = world.add_process(machine, (Slot(0), ""), player, cpu);
        let address = Address::new(number);
        world.network_mut().attach(WIRE, address, process);
    }
}

fn add_device(world: &mut World<PingPong>, pair: u32) -> DeviceId {
    let spec = DeviceSpec {
        pages: PAGES,
        cache_pages: 8,
        unreserved: Some(PageRange {
            start: PageIndex(0),
            count: PAGES,
        }),
    };
    let service = DeviceService {
        write: super::micros(100),
        ..DeviceService::INSTANT
    };
    let device = world.add_device(&format!("disk {pair}"), spec, service);
    DeviceId::new(device.0)
}

impl Game {
    pub(super) fn apply(&mut self, fault: &Fault) {
        self.world.apply(fault, &mut self.weather, &mut self.bench);
    }

    /// The next event; false if there is none.
    pub(super) fn step(&mut self) -> bool {
        self.world.step(&mut self.weather, &mut self.bench)
    }

    /// At most that many events.
    pub(super) fn run(&mut self, events: u64) {
        for _ in 0..events {
            if !self.step() {
                break;
            }
        }
    }

    pub(super) fn fork(&self) -> Game {
        Game {
            world: self.world.clone(),
            weather: self.weather.clone(),
            bench: Workbench::default(),
        }
    }

    /// Pings that all players together have finished.
    pub(super) fn finished(&self) -> u64 {
        let modules = self.world.processes();
        let modules = modules.filter_map(|(_, process)| process.module.as_ref());
        modules.map(|module| module.finished).sum()
    }
}

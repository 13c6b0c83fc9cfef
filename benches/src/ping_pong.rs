//! The workload as modules of a world.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{
    Address, DeviceId, Entropy, Frame, Input, IoId, IoRequest, Label, LabelKind, Module, NetworkId,
    Outbox, PAGE_BYTES, Packet, PageIndex, Persistence, ReservationKey, Slot, Submission,
};
use stormglass_engine::payload::Payload;
use stormglass_engine::time::{Duration, Instant};
use stormglass_sim::choose::{Calm, Choose, Departure, PacketFate};
use stormglass_sim::clock::Clock;
use stormglass_sim::device::{CommandFate, DeviceSpec, PageFate, PageRange};
use stormglass_sim::fault::Fault;
use stormglass_sim::network::{NetworkSpec, identity};
use stormglass_sim::occurrence::IoName;
use stormglass_sim::random::{Draw, Seed};
use stormglass_sim::service_time::{CpuCost, DeviceService};
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::{DeviceIndex, ProcessId, Workbench, World};

use crate::workload::{
    CPU_TIME, Extra, Fate, LATENCY, MESSAGE_BYTES, PAGES, TIMEOUT, WRITE_LATENCY, Workload, fate,
};

const WIRE: NetworkId = NetworkId::new(0);
const PING: LabelKind = LabelKind(1);
const PONG: LabelKind = LabelKind(2);
const KEY: ReservationKey = ReservationKey { epoch: 1, node: 1 };

/// One side of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Player {
    /// The other side.
    pub peer: Address,
    /// Messages to keep in flight; none for the side that answers.
    pub in_flight: u16,
    /// Where the answering side writes before it answers.
    pub device: Option<DeviceId>,
}

/// A node of the game.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingPong {
    player: Player,
    incarnation: u64,
    lanes: Vec<Lane>,
    page: Payload,
    /// Pings whose writes are under way, by lane.
    writing: Vec<Option<Packet>>,
    next_io: u64,
    deadline: Instant,
}

/// A message in flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Lane {
    id: u64,
    attempt: u32,
}

type Out = Outbox<(), ()>;

impl PingPong {
    fn ping(&self, lane: u16, head: Bytes, out: &mut Out) {
        let Lane { id, attempt } = self.lanes[usize::from(lane)];
        let label = Label {
            kind: PING,
            incarnation: self.incarnation,
            id,
            part: lane,
            attempt,
        };
        let body = Payload::new();
        out.send(WIRE, self.player.peer, label, Frame { head, body });
    }

    fn pong(&self, packet: Packet, out: &mut Out) {
        let label = Label {
            kind: PONG,
            incarnation: self.incarnation,
            ..packet.label
        };
        out.send(WIRE, packet.from, label, packet.frame);
    }

    fn handle_packet(&mut self, packet: Packet, out: &mut Out) {
        if packet.label.kind == PONG {
            let part = packet.label.part;
            let lane = &mut self.lanes[usize::from(part)];
            if lane.id == packet.label.id {
                lane.id += 1;
                lane.attempt = 0;
                self.ping(part, packet.frame.head, out);
            }
        } else if let Some(device) = self.player.device {
            self.write(device, packet, out);
        } else {
            self.pong(packet, out);
        }
    }

    /// Writes a page; the answer follows its completion.
    fn write(&mut self, device: DeviceId, packet: Packet, out: &mut Out) {
        let place = self.writing.iter().position(Option::is_none);
        let place = place.unwrap_or(self.writing.len());
        if place == self.writing.len() {
            self.writing.push(None);
        }
        self.next_io += 1;
        let request = IoRequest::Write {
            start: PageIndex(self.next_io % PAGES),
            pages: vec![self.page.clone()],
            persistence: Persistence::ForceUnitAccess,
        };
        out.submit(Submission {
            device,
            io: IoId(self.next_io << 16 | place as u64),
            key: KEY,
            request,
        });
        self.writing[place] = Some(packet);
    }
}

impl Module for PingPong {
    type Identity = Player;
    type Local = ();
    type Event = ();

    fn boot(player: &Player, entropy: Entropy, now: Instant, out: &mut Out) -> Self {
        let lanes = (0..player.in_flight).map(|_| Lane { id: 0, attempt: 0 });
        let this = PingPong {
            player: player.clone(),
            incarnation: entropy.bits(),
            lanes: lanes.collect(),
            page: Payload::from(vec![1; PAGE_BYTES]),
            writing: Vec::new(),
            next_io: 0,
            deadline: now.after(TIMEOUT),
        };
        for lane in 0..player.in_flight {
            this.ping(lane, Bytes::from(vec![7; MESSAGE_BYTES]), out);
        }
        this
    }

    fn handle(&mut self, now: Instant, input: Input<()>, out: &mut Out) {
        self.deadline = now.after(TIMEOUT);
        match input {
            Input::Packet(packet) => self.handle_packet(packet, out),
            Input::Completion(completion) => {
                let place = usize::try_from(completion.io.0 & 0xffff).expect("16 bits");
                let packet = self.writing[place].take();
                self.pong(packet.expect("a write is for a ping"), out);
            }
            Input::Deadline => {
                for lane in 0..self.player.in_flight {
                    self.lanes[usize::from(lane)].attempt += 1;
                    self.ping(lane, Bytes::from(vec![7; MESSAGE_BYTES]), out);
                }
            }
            Input::Local(()) => {}
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }

    fn kind_name(kind: LabelKind) -> &'static str {
        if kind == PING { "ping" } else { "pong" }
    }
}

/// Draws a fate for each packet; power never fails.
pub struct Drawn {
    draw: Draw,
}

impl Choose for Drawn {
    #[inline]
    fn packet(&mut self, departure: &Departure) -> PacketFate {
        let identity = identity(departure.from, departure.to, &departure.label);
        let later = Duration::from_micros(100);
        let mut befalls = PacketFate::default();
        match fate(self.draw, &identity) {
            Fate::Arrives => {}
            Fate::Lost => befalls.is_lost = true,
            Fate::Delayed => befalls.delay = later,
            Fate::Doubled => befalls.duplicate = Some(later),
            Fate::Damaged => befalls.flipped_bit = Some(departure.label.id),
        }
        befalls
    }
    fn torn_command(&mut self, name: &IoName, submission: &Submission) -> CommandFate {
        Calm.torn_command(name, submission)
    }
    fn torn_page(&mut self, device: DeviceIndex, page: PageIndex, versions: usize) -> PageFate {
        Calm.torn_page(device, page, versions)
    }
    fn torn_sector(
        &mut self,
        device: DeviceIndex,
        page: PageIndex,
        sector: usize,
        versions: usize,
    ) -> usize {
        Calm.torn_sector(device, page, sector, versions)
    }
    fn executes(&mut self, name: &IoName) -> bool {
        Calm.executes(name)
    }
}

/// A game under way.
pub struct Game {
    /// The world.
    pub world: World<PingPong>,
    choose: Drawn,
    bench: Workbench<PingPong>,
}

impl Game {
    /// All nodes booted, the first messages on their way.
    pub fn new(workload: Workload) -> Self {
        Game::with_disks(workload, PAGES)
    }

    /// The same with disks of that many pages.
    pub fn with_disks(workload: Workload, pages: u64) -> Self {
        let network = NetworkSpec {
            name: "wire".to_owned(),
            latency: LATENCY,
            per_kib: Duration::ZERO,
        };
        let seed = Seed(1);
        let mut world = World::new(seed, WorldTime::ZERO, vec![network]);
        for pair in 0..workload.pairs {
            add_pair(&mut world, pair, workload, pages);
        }
        let mut game = Game {
            world,
            choose: Drawn {
                draw: seed.draw(0, "faults"),
            },
            bench: Workbench::default(),
        };
        for process in 0..workload.pairs * 2 {
            let boot = Fault::Boot(ProcessId(process));
            game.world.apply(&boot, &mut game.choose, &mut game.bench);
        }
        game
    }

    /// Runs on for that many messages.
    pub fn run(&mut self, messages: u64) {
        let until = self.world.totals().messages + messages;
        while self.world.totals().messages < until {
            let stepped = self.world.step(&mut self.choose, &mut self.bench);
            assert!(stepped, "the game goes on for ever");
        }
    }

    /// One event.
    pub fn step(&mut self) {
        self.world.step(&mut self.choose, &mut self.bench);
    }

    /// The same game, to go its own way.
    pub fn fork(&self) -> World<PingPong> {
        self.world.clone()
    }
}

fn add_pair(world: &mut World<PingPong>, pair: u32, workload: Workload, pages: u64) {
    let (ping, pong) = (Address::new(pair * 2), Address::new(pair * 2 + 1));
    let device = (workload.extra == Extra::Device).then(|| add_device(world, pages));
    let cpu = match workload.extra {
        Extra::CpuTime => CpuCost {
            packet: CPU_TIME,
            ..CpuCost::NONE
        },
        Extra::Nothing | Extra::Device => CpuCost::NONE,
    };
    let sides = [
        (ping, pong, workload.in_flight, None),
        (pong, ping, 0, device),
    ];
    for (own, peer, in_flight, device) in sides {
        let machine = world.add_machine("machine", Clock::default());
        let player = Player {
            peer,
            in_flight,
            device,
        };
        let process = world.add_process(machine, (Slot(0), ""), player, cpu);
        world.network_mut().attach(WIRE, own, process);
    }
}

fn add_device(world: &mut World<PingPong>, pages: u64) -> DeviceId {
    let spec = DeviceSpec {
        pages,
        cache_pages: 48,
        unreserved: Some(PageRange {
            start: PageIndex(0),
            count: pages,
        }),
    };
    let service = DeviceService {
        forced_write: WRITE_LATENCY,
        ..DeviceService::INSTANT
    };
    DeviceId::new(world.add_device("disk", spec, service).0)
}

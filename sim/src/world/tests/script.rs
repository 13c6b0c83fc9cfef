//! Modules that do what a test tells them at boot, and write down what they hear.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{
    Address, DeviceId, Entropy, Frame, Input, IoId, IoRequest, Label, LabelKind, Module, NetworkId,
    OrderKind, Outbox, PAGE_BYTES, PageIndex, Persistence, ReservationKey, Slot, Submission,
};
use stormglass_engine::payload::Payload;
use stormglass_engine::time::{Duration, Instant};

use super::{micros, network};
use crate::choose::{Calm, Choose};
use crate::clock::Clock;
use crate::device::{DeviceSpec, PageRange};
use crate::fault::Fault;
use crate::occurrence::Occurrence;
use crate::random::Seed;
use crate::service_time::{CpuCost, DeviceService, Latency};
use crate::time::WorldTime;
use crate::world::{DeviceIndex, MachineId, ProcessId, Workbench, World};

/// What a module does at boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Act {
    /// Sends a packet of this number to an address.
    Send(u32, u64),
    /// Takes an address beside its own.
    Bind(u32),
    /// Fills a page of device 0 with a byte, forced.
    Fill(u64, u8),
    /// The same into the cache.
    Store(u64, u8),
    /// Fills under the key of an epoch.
    FillAs(u64, u64, u8),
    /// Flushes device 0.
    Flush,
    /// Takes its reservation, which nobody holds, or an epoch does.
    Preempt(Option<u64>, u64),
    /// Tells a slot of its own machine a word.
    Tell(u8, u32),
    /// Asks for a deadline.
    WakeAfter(Duration),
    /// Asks for a deadline again and again.
    WakeEvery(Duration),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Script {
    /// What it heard, when by its own clock.
    pub(super) heard: Vec<(Instant, String)>,
    deadline: Option<Instant>,
    period: Option<Duration>,
}

impl Module for Script {
    type Identity = Vec<Act>;
    type Local = u32;
    type Event = u32;

    fn boot(acts: &Vec<Act>, entropy: Entropy, now: Instant, out: &mut Outbox<u32, u32>) -> Self {
        let mut this = Script {
            heard: Vec::new(),
            deadline: None,
            period: None,
        };
        for (act, io) in acts.iter().zip(1..) {
            match *act {
                Act::Send(to, id) => out.send(WIRE, Address::new(to), label(entropy, id), frame()),
                Act::Bind(address) => out.bind(WIRE, Address::new(address)),
                Act::Fill(page, fill) => out.submit(write(IoId(io), key(1), page, fill)),
                Act::FillAs(epoch, page, fill) => {
                    out.submit(write(IoId(io), key(epoch), page, fill));
                }
                Act::Store(page, fill) => {
                    let mut submission = write(IoId(io), key(1), page, fill);
                    if let IoRequest::Write { persistence, .. } = &mut submission.request {
                        *persistence = Persistence::Cached;
                    }
                    out.submit(submission);
                }
                Act::Flush => out.submit(command(IoId(io), key(1), IoRequest::Flush)),
                Act::Preempt(observed, epoch) => {
                    let observed = observed.map(key);
                    let request = IoRequest::Preempt { observed };
                    out.submit(command(IoId(io), key(epoch), request));
                }
                Act::Tell(slot, word) => out.local(Slot(slot), word),
                Act::WakeAfter(span) => this.deadline = Some(now.after(span)),
                Act::WakeEvery(span) => {
                    this.deadline = Some(now.after(span));
                    this.period = Some(span);
                }
            }
        }
        this
    }

    fn handle(&mut self, now: Instant, input: Input<u32>, out: &mut Outbox<u32, u32>) {
        let heard = match input {
            Input::Packet(packet) => format!("packet {}", packet.label.id),
            Input::Completion(completion) => match completion.result {
                Ok(_) => format!("io {}", completion.io.0),
                Err(error) => format!("io {}: {error}", completion.io.0),
            },
            Input::Local(word) => format!("word {word}"),
            Input::Deadline => {
                self.deadline = self.deadline.and_then(|at| Some(at.after(self.period?)));
                "deadline".to_owned()
            }
        };
        self.heard.push((now, heard));
        out.probe("heard something");
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn kind_name(_: LabelKind) -> &'static str {
        "packet"
    }

    fn order(kind: OrderKind) -> Option<u32> {
        (kind.0 < 100).then_some(u32::from(kind.0))
    }

    fn amended(acts: &Vec<Act>, order: OrderKind) -> Option<Vec<Act>> {
        let more = [Act::WakeAfter(Duration::from_micros(5))];
        (order == AMENDS).then(|| acts.iter().cloned().chain(more).collect())
    }
}

/// The order that changes what a module does at boot.
pub(super) const AMENDS: OrderKind = OrderKind(50);
pub(super) const WIRE: NetworkId = NetworkId::new(0);
/// How long a packet of a play takes, and a write.
pub(super) const LATENCY: Latency = micros(10);
pub(super) const DISK: DeviceIndex = DeviceIndex(0);

fn label(entropy: Entropy, id: u64) -> Label {
    Label {
        kind: LabelKind(0),
        incarnation: entropy.bits(),
        id,
        part: 0,
        attempt: 0,
    }
}

fn frame() -> Frame {
    Frame {
        head: Bytes::from_static(b"head"),
        body: Payload::from_static(b"body"),
    }
}

fn key(epoch: u64) -> ReservationKey {
    ReservationKey { epoch, node: 1 }
}

fn command(io: IoId, key: ReservationKey, request: IoRequest) -> Submission {
    Submission {
        device: DeviceId::new(DISK.0),
        io,
        key,
        request,
    }
}

fn write(io: IoId, key: ReservationKey, page: u64, fill: u8) -> Submission {
    let request = IoRequest::Write {
        start: PageIndex(page),
        pages: vec![Payload::from(vec![fill; PAGE_BYTES])],
        persistence: Persistence::ForceUnitAccess,
    };
    command(io, key, request)
}

/// Scripts on a stage: a world of one network and one disk, whose last four pages
/// are reserved.
pub(super) struct Play {
    pub(super) world: World<Script>,
    bench: Workbench<Script>,
    /// Everything that happened.
    pub(super) log: Vec<Occurrence<u32>>,
}

impl Play {
    /// One machine for each script, its address being its number.
    pub(super) fn new(scripts: &[&[Act]]) -> Self {
        let mut play = Play::empty();
        for script in scripts {
            play.add(script, Clock::default(), CpuCost::NONE);
        }
        play
    }

    pub(super) fn empty() -> Self {
        let mut world = World::new(Seed(1), WorldTime::ZERO, vec![network(LATENCY)]);
        let spec = DeviceSpec {
            pages: 20,
            cache_pages: 4,
            unreserved: Some(PageRange {
                start: PageIndex(0),
                count: 16,
            }),
        };
        let service = DeviceService {
            forced_write: LATENCY,
            write: LATENCY,
            flush: micros(20),
            ..DeviceService::INSTANT
        };
        world.add_device("disk", spec, service);
        Play {
            world,
            bench: Workbench::default(),
            log: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, script: &[Act], clock: Clock, cpu: CpuCost) -> ProcessId {
        let machine = self.world.add_machine("machine", clock);
        let process = self.add_beside(machine, Slot(0), script, cpu);
        let address = Address::new(process.0);
        self.world.network_mut().attach(WIRE, address, process);
        process
    }

    pub(super) fn add_beside(
        &mut self,
        machine: MachineId,
        slot: Slot,
        script: &[Act],
        cpu: CpuCost,
    ) -> ProcessId {
        self.world
            .add_process(machine, (slot, "script"), script.to_vec(), cpu)
    }

    pub(super) fn apply(&mut self, fault: &Fault) {
        self.apply_choosing(fault, &mut Calm);
    }

    pub(super) fn apply_choosing(&mut self, fault: &Fault, choose: &mut impl Choose) {
        self.world.apply(fault, choose, &mut self.bench);
        self.log.append(&mut self.bench.log);
    }

    pub(super) fn boot(&mut self, process: u32) {
        self.apply(&Fault::Boot(ProcessId(process)));
    }

    /// Carries out all that is due until then, and moves time there.
    pub(super) fn run_until(&mut self, until: WorldTime) {
        self.run_choosing(until, &mut Calm);
    }

    pub(super) fn run_choosing(&mut self, until: WorldTime, choose: &mut impl Choose) {
        while self.world.next_event().is_some_and(|at| at <= until) {
            self.world.step(choose, &mut self.bench);
            self.log.append(&mut self.bench.log);
        }
        self.world.advance(until);
    }

    /// What a process heard, with its own microseconds: `10 packet 7`.
    pub(super) fn heard(&self, process: u32) -> Vec<String> {
        let module = self.world.process(ProcessId(process)).module.as_ref();
        let heard = module.map_or(&[][..], |module| &module.heard);
        let line = |(at, what): &(Instant, String)| format!("{} {what}", at.as_nanos() / 1_000);
        heard.iter().map(line).collect()
    }

    pub(super) fn page(&self, page: u64) -> u8 {
        self.world.drive(DISK).device.current(PageIndex(page))[0]
    }
}

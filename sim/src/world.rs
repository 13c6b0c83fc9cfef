//! The world: machines, devices, networks and the events pending between them.
//! The only interpreter of a module's effects.
//!
//! A world is a value: it can be cloned, compared, serialized and run on, and
//! every component is behind its own `Arc`, copied at the first touch after a
//! fork. It owns time, delivery and hardware; it never reads a message's bytes
//! and knows no protocol.
//!
//! Events are ordered by (time, sequence number). One step takes one event,
//! changes one process or device, and logs what happened as [`Occurrence`]s.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{
    Completion, Effect, Entropy, Frame, Input, Module, Outbox, Packet, Slot, Submission,
};

use crate::choose::{AtDevice, Choose, Departure, PacketFate};
use crate::clock::Clock;
use crate::device::{CommandNumber, Device, DeviceSpec, Ended, Submitter};
use crate::fault::Fault;
use crate::kernel::wheel::Wheel;
use crate::network::{Cut, Network, NetworkSpec};
use crate::occurrence::{Happened, Occurrence, PacketName};
use crate::process::Process;
use crate::random::{Draw, Seed};
use crate::service_time::{CpuCost, DeviceService};
use crate::slots::Slots;
use crate::time::WorldTime;
use crate::trace::Rolling;

/// A machine of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MachineId(pub u32);
/// A process of the world: one module slot of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessId(pub u32);
/// A device of the world; modules call it by the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceIndex(pub u16);

/// A machine's hardware apart from its processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Its clock.
    pub clock: Clock,
    /// Its processes, in slot order.
    pub processes: Vec<ProcessId>,
}

/// A device with its name and its pace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drive {
    /// Its name.
    pub name: String,
    /// How long commands take.
    pub service: DeviceService,
    /// The device.
    pub device: Device,
    draw: Draw,
}

/// A pending event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Due {
    /// A parcel arrives.
    Arrive(u32),
    /// A device executes a command.
    Execute(DeviceIndex, CommandNumber),
    /// A process has asked for this instant.
    Wake(ProcessId),
    /// A process has been served its CPU time for the first input of its inbox.
    Serve(ProcessId, u64),
}

/// Something on its way to a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
enum Parcel<M: Module> {
    Packet {
        to: ProcessId,
        from: ProcessId,
        packet: Packet,
    },
    Local {
        to: ProcessId,
        incarnation: u64,
        message: M::Local,
    },
    Completion {
        to: ProcessId,
        incarnation: u64,
        completion: Completion,
    },
}

/// Buffers that a run reuses and that are no part of its state.
#[derive(Debug)]
pub struct Workbench<M: Module> {
    outbox: Outbox<M::Local, M::Event>,
    /// What happened in the last step.
    pub log: Vec<Occurrence<M::Event>>,
}

impl<M: Module> Default for Workbench<M> {
    fn default() -> Self {
        Workbench {
            outbox: Outbox::default(),
            log: Vec::new(),
        }
    }
}

/// Counters of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Events taken from the queue.
    pub events: u64,
    /// Messages sent, copies apart.
    pub messages: u64,
    /// Device commands submitted.
    pub commands: u64,
}

/// A simulated world of modules of type `M`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct World<M: Module> {
    now: WorldTime,
    sequence: u64,
    totals: Totals,
    /// Events since time last moved.
    at_this_instant: u64,
    queue: Wheel<Due>,
    flight: Slots<Parcel<M>>,
    processes: Vec<Arc<Process<M>>>,
    devices: Vec<Arc<Drive>>,
    network: Arc<Network>,
    machines: Arc<Vec<Machine>>,
    run_hash: Rolling,
    process_hashes: Vec<Rolling>,
    device_hashes: Vec<Rolling>,
    entropy: Draw,
    seed: Seed,
}

/// A component, for hashes and differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// A process.
    Process(ProcessId),
    /// A device.
    Device(DeviceIndex),
}

impl<M: Module> World<M> {
    /// A world of networks without machines, at time `start`.
    pub fn new(seed: Seed, start: WorldTime, networks: Vec<NetworkSpec>) -> Self {
        World {
            now: start,
            sequence: 0,
            totals: Totals::default(),
            at_this_instant: 0,
            queue: Wheel::new(),
            flight: Slots::default(),
            processes: Vec::new(),
            devices: Vec::new(),
            network: Arc::new(Network::new(networks, seed)),
            machines: Arc::new(Vec::new()),
            run_hash: Rolling::START,
            process_hashes: Vec::new(),
            device_hashes: Vec::new(),
            entropy: seed.draw(0, "entropy of boots"),
            seed,
        }
    }

    /// Adds a machine without processes.
    pub fn add_machine(&mut self, name: &str, clock: Clock) -> MachineId {
        let id = MachineId(index32(self.machines.len()));
        let machine = Machine {
            name: name.to_owned(),
            clock,
            processes: Vec::new(),
        };
        Arc::make_mut(&mut self.machines).push(machine);
        id
    }

    /// Adds a process to a machine; it is down until it boots.
    pub fn add_process(
        &mut self,
        machine: MachineId,
        slot: Slot,
        identity: M::Identity,
        cpu: CpuCost,
    ) -> ProcessId {
        let id = ProcessId(index32(self.processes.len()));
        Arc::make_mut(&mut self.machines)[machine.0 as usize]
            .processes
            .push(id);
        self.processes.push(Arc::new(Process {
            machine,
            slot,
            identity,
            cpu,
            module: None,
            incarnation: 0,
            is_paused: false,
            inbox: VecDeque::new(),
            armed: None,
        }));
        self.process_hashes.push(Rolling::START);
        id
    }

    /// Adds a device.
    pub fn add_device(
        &mut self,
        name: &str,
        spec: DeviceSpec,
        service: DeviceService,
    ) -> DeviceIndex {
        let id = DeviceIndex(u16::try_from(self.devices.len()).expect("devices are few"));
        let draw = self.seed.draw(u64::from(id.0), "device service time");
        let drive = Drive {
            name: name.to_owned(),
            service,
            device: Device::new(spec),
            draw,
        };
        self.devices.push(Arc::new(drive));
        self.device_hashes.push(Rolling::START);
        id
    }

    /// The networks, to attach modules to.
    pub fn network_mut(&mut self) -> &mut Network {
        Arc::make_mut(&mut self.network)
    }
    /// A device, to install content on.
    pub fn drive_mut(&mut self, device: DeviceIndex) -> &mut Drive {
        Arc::make_mut(&mut self.devices[usize::from(device.0)])
    }

    /// The instant of the last event.
    pub fn now(&self) -> WorldTime {
        self.now
    }
    /// When the next event is due.
    pub fn next_event(&self) -> Option<WorldTime> {
        self.queue.peek_time()
    }
    /// Counters.
    pub fn totals(&self) -> Totals {
        self.totals
    }
    /// Events since time last moved; without bound in an endless loop.
    pub fn events_at_this_instant(&self) -> u64 {
        self.at_this_instant
    }
    /// The run's rolling hash.
    pub fn trace_hash(&self) -> u64 {
        self.run_hash.value()
    }
    /// A component's rolling hash.
    pub fn component_hash(&self, component: Component) -> u64 {
        match component {
            Component::Process(process) => self.process_hashes[process.0 as usize].value(),
            Component::Device(device) => self.device_hashes[usize::from(device.0)].value(),
        }
    }
    /// Every component.
    pub fn components(&self) -> impl Iterator<Item = Component> {
        let processes =
            (0..index32(self.processes.len())).map(|id| Component::Process(ProcessId(id)));
        let devices = u16::try_from(self.devices.len()).expect("devices are few");
        processes.chain((0..devices).map(|id| Component::Device(DeviceIndex(id))))
    }
    /// A component's name: `east-1 slot 2`, `east.journal`.
    pub fn component_name(&self, component: Component) -> String {
        match component {
            Component::Process(id) => {
                let process = self.process(id);
                format!(
                    "{} slot {}",
                    self.machine(process.machine).name,
                    process.slot.0
                )
            }
            Component::Device(id) => self.drive(id).name.clone(),
        }
    }
    /// A process.
    pub fn process(&self, process: ProcessId) -> &Process<M> {
        &self.processes[process.0 as usize]
    }
    /// All processes with their ids.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessId, &Process<M>)> {
        (0..)
            .map(ProcessId)
            .zip(self.processes.iter().map(|process| &**process))
    }
    /// A device.
    pub fn drive(&self, device: DeviceIndex) -> &Drive {
        &self.devices[usize::from(device.0)]
    }
    /// A machine.
    pub fn machine(&self, machine: MachineId) -> &Machine {
        &self.machines[machine.0 as usize]
    }
    /// All machines with their ids.
    pub fn machines(&self) -> impl Iterator<Item = (MachineId, &Machine)> {
        (0..).map(MachineId).zip(self.machines.iter())
    }
    /// The networks.
    pub fn network(&self) -> &Network {
        &self.network
    }
    /// Parcels on their way and events pending, for views of behaviour.
    pub(crate) fn pending(&self) -> Vec<(WorldTime, impl Serialize)> {
        let pending = self.queue.sorted().into_iter();
        pending
            .map(|(at, _, due)| (at, self.describe(due)))
            .collect()
    }

    fn describe(&self, due: Due) -> (Option<&Parcel<M>>, Option<Due>) {
        match due {
            Due::Arrive(key) => (self.flight.get(key), None),
            Due::Execute(..) | Due::Wake(_) | Due::Serve(..) => (None, Some(due)),
        }
    }

    /// Takes the next event; false if there is none. What happened stands in the
    /// workbench's log.
    pub fn step(&mut self, choose: &mut impl Choose, bench: &mut Workbench<M>) -> bool {
        bench.log.clear();
        let Some((at, _, due)) = self.queue.pop() else {
            return false;
        };
        self.advance(at);
        self.totals.events += 1;
        self.at_this_instant += 1;
        match due {
            Due::Arrive(key) => self.arrive(key, choose, bench),
            Due::Execute(device, number) => self.execute(device, number, choose, bench),
            Due::Wake(process) => self.wake(process, choose, bench),
            Due::Serve(process, incarnation) => self.serve(process, incarnation, choose, bench),
        }
        true
    }

    /// Moves time on, to where something is done from outside.
    pub fn advance(&mut self, at: WorldTime) {
        assert!(at >= self.now, "time never goes back");
        if at > self.now {
            self.now = at;
            self.at_this_instant = 0;
        }
    }

    fn schedule(&mut self, at: WorldTime, due: Due) {
        self.sequence += 1;
        self.queue.push(at, self.sequence, due);
    }

    fn arrive(&mut self, key: u32, choose: &mut impl Choose, bench: &mut Workbench<M>) {
        let parcel = self.flight.take(key).expect("an arrival has its parcel");
        match parcel {
            Parcel::Packet { to, from, packet } => {
                let (from_machine, to_machine) =
                    (self.process(from).machine, self.process(to).machine);
                let cut = Cut {
                    network: packet.network,
                    from: from_machine,
                    to: to_machine,
                };
                if self.network.is_cut(&cut) {
                    let name = PacketName {
                        network: packet.network,
                        from,
                        to,
                        label: packet.label,
                    };
                    bench
                        .log
                        .push(Occurrence::Fault(Happened::Partitioned(name)));
                    return;
                }
                self.deliver(to, Input::Packet(packet), choose, bench);
            }
            Parcel::Local {
                to,
                incarnation,
                message,
            } => {
                if self.process(to).incarnation == incarnation {
                    self.deliver(to, Input::Local(message), choose, bench);
                }
            }
            Parcel::Completion {
                to,
                incarnation,
                completion,
            } => {
                if self.process(to).incarnation == incarnation {
                    self.deliver(to, Input::Completion(completion), choose, bench);
                }
            }
        }
    }

    /// Gives an input to a process: at once if its CPU is free and costs nothing.
    fn deliver(
        &mut self,
        to: ProcessId,
        input: Input<M::Local>,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        let process = Arc::make_mut(&mut self.processes[to.0 as usize]);
        if process.module.is_none() {
            return;
        }
        let cost = process.cpu.of(&input);
        let is_free = process.inbox.is_empty() && !process.is_paused;
        if is_free && cost.as_nanos() == 0 {
            return self.handle(to, input, choose, bench);
        }
        process.inbox.push_back(input);
        if is_free {
            let incarnation = process.incarnation;
            self.schedule(self.now.after(cost), Due::Serve(to, incarnation));
        }
    }

    fn serve(
        &mut self,
        id: ProcessId,
        incarnation: u64,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        let process = Arc::make_mut(&mut self.processes[id.0 as usize]);
        if process.incarnation != incarnation || process.is_paused {
            return;
        }
        let Some(input) = process.inbox.pop_front() else {
            return;
        };
        if let Some(next) = process.inbox.front() {
            let cost = process.cpu.of(next);
            self.schedule(self.now.after(cost), Due::Serve(id, incarnation));
        }
        self.handle(id, input, choose, bench);
    }

    fn wake(&mut self, id: ProcessId, choose: &mut impl Choose, bench: &mut Workbench<M>) {
        if self.process(id).armed != Some(self.now) {
            return;
        }
        let local = self.clock_of(id).read(self.now);
        let process = Arc::make_mut(&mut self.processes[id.0 as usize]);
        process.armed = None;
        let Some(module) = &process.module else {
            return;
        };
        match module.next_deadline() {
            Some(deadline) if deadline <= local => self.deliver(id, Input::Deadline, choose, bench),
            Some(_) => self.arm(id),
            None => {}
        }
    }

    /// Puts a wake-up into the queue if the process wants one earlier than the
    /// one that stands there. A later wish leaves it: it re-arms when it comes.
    fn arm(&mut self, id: ProcessId) {
        let clock = self.clock_of(id);
        let process = &self.processes[id.0 as usize];
        let deadline = process.module.as_ref().and_then(Module::next_deadline);
        let Some(deadline) = deadline else { return };
        let at = clock.reaches(deadline).max(self.now);
        if process.is_paused || process.armed.is_some_and(|armed| armed <= at) {
            return;
        }
        Arc::make_mut(&mut self.processes[id.0 as usize]).armed = Some(at);
        self.schedule(at, Due::Wake(id));
    }

    fn clock_of(&self, id: ProcessId) -> Clock {
        self.machine(self.process(id).machine).clock
    }

    /// Runs a handler to completion and carries out its effects.
    fn handle(
        &mut self,
        id: ProcessId,
        input: Input<M::Local>,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        let local = self.clock_of(id).read(self.now);
        let hash = &mut self.process_hashes[id.0 as usize];
        hash.fold(local.as_nanos());
        fold_input(hash, &input);
        let process = Arc::make_mut(&mut self.processes[id.0 as usize]);
        let module = process
            .module
            .as_mut()
            .expect("only a running module handles");
        module.handle(local, input, &mut bench.outbox);
        module.check_invariants();
        self.carry_out(id, choose, bench);
    }

    fn carry_out(&mut self, id: ProcessId, choose: &mut impl Choose, bench: &mut Workbench<M>) {
        self.arm(id);
        let Workbench { outbox, log } = bench;
        for effect in outbox.drain() {
            self.fold_effect(id, &effect);
            match effect {
                Effect::Send {
                    network,
                    to,
                    label,
                    frame,
                } => {
                    self.totals.messages += 1;
                    let Some(receiver) = self.network.resolve(network, to) else {
                        continue;
                    };
                    let from = self.network.address_of(network, id);
                    let from = from.expect("a sender is attached to its network");
                    let packet = Packet {
                        network,
                        from,
                        label,
                        frame,
                    };
                    self.send(id, receiver, packet, choose, log);
                }
                Effect::Submit(submission) => self.submit(id, submission, log),
                Effect::Local { to, message } => self.tell(id, to, message),
                Effect::Trace(event) => log.push(Occurrence::Event { process: id, event }),
                Effect::Probe(name) => log.push(Occurrence::Probe { process: id, name }),
            }
        }
        self.run_hash.fold(self.now.as_nanos());
        self.run_hash
            .fold(self.process_hashes[id.0 as usize].value());
    }

    fn fold_effect(&mut self, id: ProcessId, effect: &Effect<M::Local, M::Event>) {
        let hash = &mut self.process_hashes[id.0 as usize];
        match effect {
            Effect::Send {
                to, label, frame, ..
            } => {
                hash.fold(u64::from(to.value()));
                fold_frame(hash, label, frame);
            }
            Effect::Submit(submission) => hash.fold(submission.io.0),
            Effect::Local { to, message } => {
                hash.fold(u64::from(to.0));
                hash.fold_value(message);
            }
            Effect::Trace(event) => hash.fold_value(event),
            Effect::Probe(name) => hash.fold_bytes(name.as_bytes()),
        }
    }

    fn send(
        &mut self,
        from: ProcessId,
        to: ProcessId,
        packet: Packet,
        choose: &mut impl Choose,
        log: &mut Vec<Occurrence<M::Event>>,
    ) {
        let (network, label, length) = (packet.network, packet.label, packet.frame.len());
        let fate = choose.packet(&Departure {
            at: self.now,
            network,
            from,
            to,
            label,
            length,
        });
        let latency = self.network.latency(network, from, to, &label, length);
        if fate == PacketFate::default() {
            return self.dispatch(self.now.after(latency), Parcel::Packet { to, from, packet });
        }
        let name = PacketName {
            network,
            from,
            to,
            label,
        };
        if fate.is_lost {
            log.push(Occurrence::Fault(Happened::Loss(name)));
            return;
        }
        if let Some(later) = fate.duplicate {
            log.push(Occurrence::Fault(Happened::Duplicate(name)));
            let copy = Parcel::Packet {
                to,
                from,
                packet: packet.clone(),
            };
            self.dispatch(self.now.after(latency).after(later), copy);
        }
        if fate.delay.as_nanos() > 0 {
            log.push(Occurrence::Fault(Happened::Delay(name)));
        }
        let mut packet = packet;
        if let Some(bit) = fate.flipped_bit {
            log.push(Occurrence::Fault(Happened::Corrupt(name)));
            packet.frame = flip(&packet.frame, bit);
        }
        self.dispatch(
            self.now.after(latency).after(fate.delay),
            Parcel::Packet { to, from, packet },
        );
    }

    fn dispatch(&mut self, at: WorldTime, parcel: Parcel<M>) {
        let key = self.flight.insert(parcel);
        self.schedule(at, Due::Arrive(key));
    }

    fn tell(&mut self, from: ProcessId, slot: Slot, message: M::Local) {
        let machine = self.machine(self.process(from).machine);
        let to = machine
            .processes
            .iter()
            .copied()
            .find(|id| self.process(*id).slot == slot);
        let to = to.expect("modules tell slots of their own machine");
        let incarnation = self.process(to).incarnation;
        self.dispatch(
            self.now,
            Parcel::Local {
                to,
                incarnation,
                message,
            },
        );
    }

    fn submit(
        &mut self,
        from: ProcessId,
        submission: Submission,
        log: &mut Vec<Occurrence<M::Event>>,
    ) {
        self.totals.commands += 1;
        let device =
            DeviceIndex(u16::try_from(submission.device.index()).expect("devices are few"));
        let submitter = Submitter {
            process: from.0,
            incarnation: self.process(from).incarnation,
        };
        let drive = Arc::make_mut(&mut self.devices[usize::from(device.0)]);
        let sample = drive
            .draw
            .at(&[u64::from(from.0), submitter.incarnation, submission.io.0, 0]);
        let span = drive.service.span(&submission.request, sample);
        let hash = &mut self.device_hashes[usize::from(device.0)];
        hash.fold(submission.io.0);
        hash.fold(submission.key.epoch);
        let number = drive.device.submit(submitter, submission);
        log.push(Occurrence::Submitted { device, number });
        self.schedule(self.now.after(span), Due::Execute(device, number));
    }

    fn execute(
        &mut self,
        device: DeviceIndex,
        number: CommandNumber,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        let drive = Arc::make_mut(&mut self.devices[usize::from(device.0)]);
        let is_queued = drive.device.queued().any(|(queued, _)| queued == number);
        if !is_queued {
            return;
        }
        let before = drive.device.counters().conflicts;
        let ended: Vec<Ended> = drive.device.execute(number).collect();
        let succeeded = match ended.last() {
            Some(own) => own.result.is_ok(),
            None => drive.device.counters().conflicts == before,
        };
        let hash = &mut self.device_hashes[usize::from(device.0)];
        hash.fold(self.now.as_nanos());
        hash.fold(number.0);
        hash.fold(u64::from(succeeded));
        self.run_hash.fold(hash.value());
        bench.log.push(Occurrence::Executed {
            device,
            number,
            succeeded,
        });
        self.complete(device, ended, choose, bench);
    }

    /// Tells submitters: the last at once, for execution and completion are one
    /// instant; aborted ones as events of the same instant.
    fn complete(
        &mut self,
        device: DeviceIndex,
        mut ended: Vec<Ended>,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        let own = ended.pop();
        for other in ended {
            let (to, incarnation, completion) = self.completion(device, other);
            self.dispatch(
                self.now,
                Parcel::Completion {
                    to,
                    incarnation,
                    completion,
                },
            );
        }
        if let Some(own) = own {
            let (to, incarnation, completion) = self.completion(device, own);
            if self.process(to).incarnation == incarnation {
                self.deliver(to, Input::Completion(completion), choose, bench);
            }
        }
    }

    fn completion(&self, device: DeviceIndex, ended: Ended) -> (ProcessId, u64, Completion) {
        let device = stormglass_engine::contract::DeviceId::new(device.0);
        let completion = Completion {
            device,
            io: ended.io,
            result: ended.result,
        };
        (
            ProcessId(ended.submitter.process),
            ended.submitter.incarnation,
            completion,
        )
    }

    /// Does something to the hardware, now. Logs it if it had an effect.
    pub fn apply(&mut self, fault: &Fault, choose: &mut impl Choose, bench: &mut Workbench<M>) {
        bench.log.clear();
        self.run_hash.fold(self.now.as_nanos());
        self.run_hash.fold_value(fault);
        match *fault {
            Fault::Crash(machine) => self.crash(machine, choose, bench),
            Fault::Kill(process) => {
                if self.stop(process, bench) {
                    bench.log.push(Occurrence::Fault(Happened::Kill(process)));
                }
            }
            Fault::DevicePowerLoss(device) => self.lose_power(device, choose, bench),
            Fault::Boot(process) => self.boot(process, choose, bench),
            Fault::Pause(machine) => self.pause(machine, bench),
            Fault::Resume(machine) => self.resume(machine),
            Fault::Cut(cut) => {
                self.network_mut().cut(cut);
                bench.log.push(Occurrence::Fault(Happened::Partition));
            }
            Fault::Heal(cut) => self.network_mut().heal(cut),
        }
    }

    fn boot(&mut self, id: ProcessId, choose: &mut impl Choose, bench: &mut Workbench<M>) {
        if self.process(id).module.is_some() {
            return;
        }
        let local = self.clock_of(id).read(self.now);
        let incarnation = self.process(id).incarnation;
        let bits = self
            .entropy
            .at(&[u64::from(id.0), incarnation, 0, 0])
            .bits();
        let process = Arc::make_mut(&mut self.processes[id.0 as usize]);
        process.module = Some(M::boot(
            &process.identity,
            Entropy::new(bits),
            local,
            &mut bench.outbox,
        ));
        process.is_paused = false;
        bench.log.push(Occurrence::Booted { process: id });
        self.process_hashes[id.0 as usize].fold(bits);
        self.carry_out(id, choose, bench);
    }

    /// Ends a process; its queued device commands still execute, unheard.
    fn stop(&mut self, id: ProcessId, bench: &mut Workbench<M>) -> bool {
        if self.process(id).module.is_none() {
            return false;
        }
        let process = Arc::make_mut(&mut self.processes[id.0 as usize]);
        let submitter = Submitter {
            process: id.0,
            incarnation: process.incarnation,
        };
        process.module = None;
        process.incarnation += 1;
        process.inbox.clear();
        process.armed = None;
        for drive in &mut self.devices {
            Arc::make_mut(drive).device.drop_submitter(submitter);
        }
        bench.log.push(Occurrence::Stopped { process: id });
        true
    }

    fn crash(&mut self, machine: MachineId, choose: &mut impl Choose, bench: &mut Workbench<M>) {
        let processes = self.machine(machine).processes.clone();
        let mut was_up = false;
        for id in processes {
            let submitter = Submitter {
                process: id.0,
                incarnation: self.process(id).incarnation,
            };
            if !self.stop(id, bench) {
                continue;
            }
            was_up = true;
            for index in 0..u16::try_from(self.devices.len()).expect("devices are few") {
                let device = DeviceIndex(index);
                let mut choice = AtDevice { device, choose };
                let drive = Arc::make_mut(&mut self.devices[usize::from(index)]);
                let aborted = drive.device.submitter_lost_power(submitter, &mut choice);
                bench.log.push(Occurrence::Settled { device });
                for other in aborted {
                    let (to, incarnation, completion) = self.completion(device, other);
                    self.dispatch(
                        self.now,
                        Parcel::Completion {
                            to,
                            incarnation,
                            completion,
                        },
                    );
                }
            }
        }
        if was_up {
            bench.log.push(Occurrence::Fault(Happened::Crash(machine)));
        }
    }

    fn lose_power(
        &mut self,
        device: DeviceIndex,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        let drive = Arc::make_mut(&mut self.devices[usize::from(device.0)]);
        drive.device.lose_power(&mut AtDevice { device, choose });
        bench.log.push(Occurrence::Settled { device });
        bench
            .log
            .push(Occurrence::Fault(Happened::DevicePowerLoss(device)));
    }

    fn pause(&mut self, machine: MachineId, bench: &mut Workbench<M>) {
        for id in self.machine(machine).processes.clone() {
            let process = Arc::make_mut(&mut self.processes[id.0 as usize]);
            process.is_paused = process.module.is_some();
        }
        bench.log.push(Occurrence::Fault(Happened::Pause(machine)));
    }

    fn resume(&mut self, machine: MachineId) {
        for id in self.machine(machine).processes.clone() {
            let process = Arc::make_mut(&mut self.processes[id.0 as usize]);
            if !process.is_paused {
                continue;
            }
            process.is_paused = false;
            process.armed = None;
            let (incarnation, waits) = (process.incarnation, !process.inbox.is_empty());
            if waits {
                self.schedule(self.now, Due::Serve(id, incarnation));
            }
            self.arm(id);
        }
    }
}

fn index32(length: usize) -> u32 {
    u32::try_from(length).expect("components are few")
}

fn fold_frame(hash: &mut Rolling, label: &stormglass_engine::contract::Label, frame: &Frame) {
    hash.fold(
        u64::from(label.kind.0) << 56 | u64::from(label.part) << 32 | u64::from(label.attempt),
    );
    hash.fold(label.incarnation);
    hash.fold(label.id);
    hash.fold_bytes(&frame.head);
}

fn fold_input<L: std::hash::Hash>(hash: &mut Rolling, input: &Input<L>) {
    match input {
        Input::Packet(packet) => fold_frame(hash, &packet.label, &packet.frame),
        Input::Completion(completion) => {
            hash.fold(completion.io.0);
            hash.fold(u64::from(completion.result.is_ok()));
        }
        Input::Deadline => hash.fold(1),
        Input::Local(message) => hash.fold_value(message),
    }
}

/// The frame with one bit inverted, counted over head and body.
fn flip(frame: &Frame, bit: u64) -> Frame {
    let length = frame.len() as u64 * 8;
    if length == 0 {
        return frame.clone();
    }
    let bit = bit % length;
    let place = usize::try_from(bit / 8).expect("a place in a frame");
    let invert = |bytes: &Bytes, place: usize| {
        let mut bytes = bytes.to_vec();
        bytes[place] ^= 1 << (bit % 8);
        Bytes::from(bytes)
    };
    match place.checked_sub(frame.head.len()) {
        None => Frame {
            head: invert(&frame.head, place),
            body: frame.body.clone(),
        },
        Some(place) => Frame {
            head: frame.head.clone(),
            body: invert(&frame.body, place),
        },
    }
}

//! What a handler causes: packets, device commands, words to the modules beside
//! it, reports. Carried out in order, at the instant at which the handler ran.

use std::sync::Arc;

use stormglass_engine::contract::{Effect, Frame, Input, Module, Packet, Slot, Submission};
use stormglass_engine::time::Duration;

use super::hashes::{fold_send, fold_submission, head_hash};
use super::pending::{Due, Origin, Parcel};
use super::{DeviceIndex, ProcessId, Workbench, World};
use crate::choose::{Choose, Departure, IoDeparture, IoFate, PacketFate};
use crate::device::Submitter;
use crate::occurrence::{Happened, IoName, Occurrence, PacketName};

pub(super) type Log<M> = Vec<Occurrence<<M as Module>::Event>>;

impl<M: Module> World<M> {
    /// Carries out what the workbench's outbox holds, for the process `id`.
    pub(super) fn carry_out(
        &mut self,
        id: ProcessId,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        let Workbench { outbox, log } = bench;
        for effect in outbox.drain() {
            match effect {
                Effect::Send {
                    network,
                    to,
                    label,
                    frame,
                } => {
                    let head = head_hash(&frame.head);
                    fold_send(self.hashes.process(id), to, &label, head);
                    let Some(receiver) = self.network.resolve(network, to) else {
                        continue;
                    };
                    self.totals.messages += 1;
                    let from = self.network.address_of(network, id);
                    let packet = Packet {
                        network,
                        from: from.expect("a sender is attached to its network"),
                        label,
                        frame,
                    };
                    self.send(id, receiver, packet, head, choose, log);
                }
                Effect::Bind { network, address } => {
                    self.hashes.process(id).fold_value(&(network, address));
                    if !self.network.is_bound(network, address, id) {
                        self.network_mut().bind(network, address, id);
                    }
                }
                Effect::Submit(submission) => {
                    fold_submission(self.hashes.process(id), &submission);
                    self.submit(id, submission, choose, log);
                }
                Effect::Local { to, message } => {
                    self.hashes.process(id).fold_value(&(to, &message));
                    self.tell(id, to, message);
                }
                Effect::Trace(event) => {
                    self.hashes.process(id).fold_value(&event);
                    log.push(Occurrence::Event { process: id, event });
                }
                Effect::Probe(name) => {
                    self.hashes.process(id).fold_bytes(name.as_bytes());
                    log.push(Occurrence::Probe { process: id, name });
                }
            }
        }
        let hash = self.hashes.processes[id.index()].value();
        self.hashes.run.fold_pair(self.now.as_nanos(), hash);
    }

    #[inline(always)]
    fn send(
        &mut self,
        from: ProcessId,
        to: ProcessId,
        packet: Packet,
        head: u64,
        choose: &mut impl Choose,
        log: &mut Log<M>,
    ) {
        let (network, label, length) = (packet.network, packet.label, packet.frame.len());
        let fate = choose.packet(&Departure {
            at: self.now,
            network,
            from,
            to,
            label,
            length,
            head,
        });
        let latency = self.network.latency(network, from, to, &label, length);
        let at = self.now.after(latency);
        self.hashes.networks[network.index()].fold_pair(at.as_nanos(), head);
        let origin = Origin::Network { from, head };
        if fate == PacketFate::default() && !self.network.holds_up() {
            let (key, place) = self.flight.reserve();
            *place = Some(Parcel {
                to,
                origin,
                input: Input::Packet(packet),
            });
            self.schedule(at, Due::Arrive(key));
        } else {
            let input = Input::Packet(packet);
            let parcel = Parcel { to, origin, input };
            let name = PacketName {
                network,
                from,
                to,
                label,
            };
            self.befall(parcel, latency, fate, name, log);
        }
    }

    /// Sends a parcel on that something befalls.
    #[cold]
    fn befall(
        &mut self,
        mut parcel: Parcel<M>,
        latency: Duration,
        fate: PacketFate,
        name: PacketName,
        log: &mut Log<M>,
    ) {
        let PacketFate {
            is_lost,
            delay,
            duplicate,
            flipped_bit,
            copies,
        } = fate;
        if fate != PacketFate::default() {
            let hash = &mut self.hashes.networks[name.network.index()];
            hash.fold_value(&(is_lost, delay, duplicate, flipped_bit));
            if copies.count > 0 {
                hash.fold_value(&copies);
            }
        }
        if is_lost {
            log.push(Occurrence::Fault(Happened::Loss(name)));
            return;
        }
        let more = (1..=u64::from(copies.count)).map(|number| copies.apart.times(number));
        for later in duplicate.into_iter().chain(more) {
            log.push(Occurrence::Fault(Happened::Duplicate(name)));
            self.depart(name, parcel.clone(), latency.plus(later), log);
        }
        if delay.as_nanos() > 0 {
            log.push(Occurrence::Fault(Happened::Delay(name)));
        }
        if let (Some(bit), Input::Packet(packet)) = (flipped_bit, &mut parcel.input) {
            log.push(Occurrence::Fault(Happened::Corrupt(name)));
            packet.frame = flip(&packet.frame, bit);
            parcel.origin = Origin::Network {
                from: name.from,
                head: head_hash(&packet.frame.head),
            };
        }
        self.depart(name, parcel, latency.plus(delay), log);
    }

    fn tell(&mut self, from: ProcessId, slot: Slot, message: M::Local) {
        let machine = self.machine(self.process(from).machine);
        let mut beside = machine.processes.iter().copied();
        let to = beside.find(|id| self.process(*id).slot == slot);
        let to = to.expect("modules tell slots of their own machine");
        let incarnation = self.process(to).incarnation;
        let parcel = Parcel {
            to,
            origin: Origin::Machine { incarnation },
            input: Input::Local(message),
        };
        self.dispatch(self.now, parcel);
    }

    fn submit(
        &mut self,
        from: ProcessId,
        submission: Submission,
        choose: &mut impl Choose,
        log: &mut Log<M>,
    ) {
        self.totals.commands += 1;
        let device = u16::try_from(submission.device.index()).expect("devices are few");
        let device = DeviceIndex(device);
        let submitter = Submitter {
            process: from.0,
            incarnation: self.process(from).incarnation,
        };
        let name = IoName::new(device, submitter, submission.io);
        let fate = choose.io(&IoDeparture {
            at: self.now,
            name,
            submission: &submission,
        });
        if fate != IoFate::default() {
            self.beset(name, fate, log);
        }
        let drive = Arc::make_mut(&mut self.devices[device.index()]);
        let identity = [u64::from(from.0), submitter.incarnation, submission.io.0, 0];
        let sample = drive.draw.at(&identity);
        let span = drive.service.span(&submission.request, sample);
        let span = drive.pace.get().of(span).plus(fate.slow);
        fold_submission(self.hashes.device(device), &submission);
        let number = drive.device.submit_with(submitter, submission, fate.effect);
        log.push(Occurrence::Submitted { device, number });
        let number = u32::try_from(number.0).expect("fewer than 2^32 commands at a device");
        self.schedule(self.now.after(span), Due::Execute(device, number));
    }

    /// Notes what is to befall a command. What goes wrong with it is logged when it does.
    #[cold]
    fn beset(&mut self, name: IoName, fate: IoFate, log: &mut Log<M>) {
        self.hashes.device(name.device).fold_value(&fate);
        if fate.slow.as_nanos() > 0 {
            let by = fate.slow;
            log.push(Occurrence::Fault(Happened::SlowIo { name, by }));
        }
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
    let invert = |bytes: &[u8], place: usize| {
        let mut bytes = bytes.to_vec();
        bytes[place] ^= 1 << (bit % 8);
        bytes
    };
    let mut flipped = frame.clone();
    match place.checked_sub(frame.head.len()) {
        None => flipped.head = invert(&frame.head, place).into(),
        Some(place) => flipped.body = invert(&frame.body, place).into(),
    }
    flipped
}

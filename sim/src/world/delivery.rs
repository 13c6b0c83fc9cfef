//! What wakes a module: parcels, its CPU, its deadline.
//!
//! An input goes to its handler at once if the process is free and it costs
//! nothing; else it waits in the inbox until the CPU has served it. A machine
//! that stands still keeps its inputs, and its CPU goes on where it stopped.

use std::sync::Arc;

use stormglass_engine::contract::{Input, Module};
use stormglass_engine::time::Instant;

use super::hashes::fold_input;
use super::pending::{Due, Origin};
use super::{ProcessId, Workbench, World};
use crate::choose::Choose;
use crate::clock::Clock;
use crate::network::Cut;
use crate::occurrence::{Happened, Occurrence, PacketName};
use crate::process::Cpu;
use crate::service_time::CpuCost;

impl<M: Module> World<M> {
    /// A parcel is at its receiver: partitions are judged here.
    pub(super) fn arrive(&mut self, key: u32, choose: &mut impl Choose, bench: &mut Workbench<M>) {
        let parcel = self.flight.take(key).expect("an arrival has its parcel");
        let to = parcel.to;
        match parcel.origin {
            Origin::Network { from, head } => {
                if self.network.has_cuts() && self.is_cut_off(from, to, &parcel.input, bench) {
                    return;
                }
                self.deliver(to, parcel.input, head, choose, bench);
            }
            Origin::Machine { incarnation } => {
                if self.process(to).incarnation == incarnation {
                    self.deliver(to, parcel.input, 0, choose, bench);
                }
            }
        }
    }

    fn is_cut_off(
        &self,
        from: ProcessId,
        to: ProcessId,
        input: &Input<M::Local>,
        bench: &mut Workbench<M>,
    ) -> bool {
        let Input::Packet(packet) = input else {
            return false;
        };
        let cut = Cut {
            network: packet.network,
            from: self.process(from).machine,
            to: self.process(to).machine,
        };
        let is_cut = self.network.is_cut(&cut);
        if is_cut {
            let name = PacketName {
                network: packet.network,
                from,
                to,
                label: packet.label,
            };
            let happened = Happened::Partitioned(name);
            bench.log.push(Occurrence::Fault(happened));
        }
        is_cut
    }

    /// Gives an input to a process: at once if its CPU is free and it costs
    /// nothing. `head` is the hash of a packet's head.
    pub(super) fn deliver(
        &mut self,
        to: ProcessId,
        input: Input<M::Local>,
        head: u64,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        let process = Arc::make_mut(&mut self.processes[to.index()]);
        if process.module.is_none() {
            return;
        }
        if process.is_free() && process.cpu == CpuCost::NONE {
            return self.handle(to, input, head, choose, bench);
        }
        let cost = process.cpu.of(&input);
        if process.is_free() && cost.as_nanos() == 0 {
            return self.handle(to, input, head, choose, bench);
        }
        process.deadline_waits |= matches!(input, Input::Deadline);
        process.inbox.push_back((input, head));
        if process.service != Cpu::Idle {
            return;
        }
        if process.is_paused {
            process.service = Cpu::Halted(cost);
        } else {
            let until = self.now.after(cost);
            process.service = Cpu::Serving(until);
            self.schedule(until, Due::Serve(to));
        }
    }

    /// A CPU is through with the first input of its inbox.
    pub(super) fn serve(
        &mut self,
        id: ProcessId,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        if self.process(id).service != Cpu::Serving(self.now) {
            return;
        }
        let local = self.clock_of(id).read(self.now);
        let process = Arc::make_mut(&mut self.processes[id.index()]);
        let first = process.inbox.pop_front();
        let (input, head) = first.expect("a CPU serves an input");
        let next = process.inbox.front();
        let until = next.map(|(next, _)| self.now.after(process.cpu.of(next)));
        process.service = until.map_or(Cpu::Idle, Cpu::Serving);
        let is_deadline = matches!(input, Input::Deadline);
        process.deadline_waits &= !is_deadline;
        // An input before it may have moved the deadline.
        let is_void = is_deadline && !process.is_due(local);
        if let Some(until) = until {
            self.schedule(until, Due::Serve(id));
        }
        if is_void {
            self.arm(id);
        } else {
            self.handle(id, input, head, choose, bench);
        }
    }

    /// A process has asked for this instant.
    pub(super) fn wake(
        &mut self,
        id: ProcessId,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        if self.process(id).armed != Some(self.now) {
            return;
        }
        let local = self.clock_of(id).read(self.now);
        let process = Arc::make_mut(&mut self.processes[id.index()]);
        process.armed = None;
        // A machine that stands still arms anew when it goes on.
        if process.is_paused {
            return;
        }
        if process.is_due(local) {
            self.deliver(id, Input::Deadline, 0, choose, bench);
        } else {
            self.arm(id);
        }
    }

    /// Puts a wake-up into the queue if the process wants one earlier than the
    /// one that stands there.
    pub(super) fn arm(&mut self, id: ProcessId) {
        let clock = self.clock_of(id);
        if let Some(at) = self.process(id).wish(clock, self.now) {
            Arc::make_mut(&mut self.processes[id.index()]).armed = Some(at);
            self.schedule(at, Due::Wake(id));
        }
    }

    pub(super) fn clock_of(&self, id: ProcessId) -> Clock {
        self.machine(self.process(id).machine).clock
    }

    /// What a process's clock shows.
    pub fn local_time(&self, id: ProcessId) -> Instant {
        self.clock_of(id).read(self.now)
    }

    /// Runs a handler to completion and carries out its effects.
    fn handle(
        &mut self,
        id: ProcessId,
        input: Input<M::Local>,
        head: u64,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        let clock = self.clock_of(id);
        let local = clock.read(self.now);
        let hash = self.hashes.process(id);
        hash.fold(local.as_nanos());
        fold_input(hash, &input, head);
        let process = Arc::make_mut(&mut self.processes[id.index()]);
        let module = process.module.as_mut();
        let module = module.expect("only a running module handles");
        module.handle(local, input, &mut bench.outbox);
        module.check_invariants();
        if let Some(at) = process.wish(clock, self.now) {
            process.armed = Some(at);
            self.schedule(at, Due::Wake(id));
        }
        self.carry_out(id, choose, bench);
    }
}

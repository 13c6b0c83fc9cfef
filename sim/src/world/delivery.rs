//! What wakes a module: parcels, its CPU, its deadline.
//!
//! An input goes to its handler at once if the process is free and it costs
//! nothing; else it waits in the inbox until the CPU has served it. A machine
//! that stands still keeps its inputs, and its CPU goes on where it stopped.

use std::sync::Arc;

use stormglass_engine::contract::{Input, Module};
use stormglass_engine::time::{Duration, Instant};

use super::hashes::fold_input;
use super::pending::{Due, Origin, Parcel};
use super::{ProcessId, Workbench, World};
use crate::choose::Choose;
use crate::clock::Clock;
use crate::occurrence::{Happened, Occurrence, PacketName};
use crate::process::Cpu;

/// What a process can do with an input.
#[derive(Clone, Copy)]
enum Readiness {
    /// Nothing: it is down.
    Down,
    /// Handle it at once.
    Free,
    /// Let it wait for the CPU.
    Busy,
}

impl<M: Module> World<M> {
    /// A parcel is at its receiver: partitions are judged here.
    #[inline]
    pub(super) fn arrive(&mut self, key: u32, choose: &mut impl Choose, bench: &mut Workbench<M>) {
        let parcel = self.flight.get(key).expect("an arrival has its parcel");
        let to = parcel.to;
        let (head, is_void) = match parcel.origin {
            Origin::Network { from, head } => {
                let is_cut = self.network.has_cuts();
                (
                    head,
                    is_cut && self.is_cut_off(from, to, &parcel.input, bench),
                )
            }
            Origin::Machine { incarnation } => (0, self.process(to).incarnation != incarnation),
        };
        let readiness = if is_void {
            Readiness::Down
        } else {
            self.readiness(to, &parcel.input)
        };
        let local = self.local_time(to);
        if matches!(readiness, Readiness::Free) {
            fold_input(
                &mut self.hashes.processes[to.index()],
                local,
                &parcel.input,
                head,
            );
        }
        let input = |parcel: &mut Parcel<M>| std::mem::replace(&mut parcel.input, Input::Deadline);
        let input = self.flight.take_part(key, input);
        match readiness {
            Readiness::Free => self.run(to, local, input, choose, bench),
            Readiness::Busy => self.enqueue(to, input, head),
            Readiness::Down => {}
        }
    }

    /// Gives an input to a process: at once if its CPU is free and it costs
    /// nothing.
    pub(super) fn deliver(
        &mut self,
        to: ProcessId,
        input: Input<M::Local>,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        match self.readiness(to, &input) {
            Readiness::Free => {
                let local = self.local_time(to);
                fold_input(self.hashes.process(to), local, &input, 0);
                self.run(to, local, input, choose, bench);
            }
            Readiness::Busy => self.enqueue(to, input, 0),
            Readiness::Down => {}
        }
    }

    #[inline]
    fn readiness(&self, to: ProcessId, input: &Input<M::Local>) -> Readiness {
        let process = self.process(to);
        if process.module.is_none() {
            Readiness::Down
        } else if process.is_free() && process.cost(input) == Duration::ZERO {
            Readiness::Free
        } else {
            Readiness::Busy
        }
    }

    /// Runs a handler to completion and carries out its effects.
    #[inline(always)]
    fn run(
        &mut self,
        id: ProcessId,
        local: Instant,
        input: Input<M::Local>,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        let clock = self.clock_of(id);
        let process = Arc::make_mut(&mut self.processes[id.index()]);
        process.handle(local, input, &mut bench.outbox);
        if let Some(at) = process.wish(clock, self.now) {
            process.armed = Some(at);
            self.schedule(at, Due::Wake(id));
        }
        self.carry_out(id, choose, bench);
    }

    #[cold]
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
        let cut = self.path(packet.network, from, to);
        let is_cut = self.network.is_cut_for(&cut, packet.label.kind);
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

    /// Puts an input into a process's inbox.
    #[inline(never)]
    fn enqueue(&mut self, to: ProcessId, input: Input<M::Local>, head: u64) {
        let process = Arc::make_mut(&mut self.processes[to.index()]);
        let cost = process.cost(&input);
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
        let clock = self.clock_of(id);
        let local = clock.read(self.now);
        let process = Arc::make_mut(&mut self.processes[id.index()]);
        let first = process.inbox.pop_front();
        let (input, head) = first.expect("a CPU serves an input");
        let next = process.inbox.front();
        let until = next.map(|(next, _)| self.now.after(process.cost(next)));
        process.service = until.map_or(Cpu::Idle, Cpu::Serving);
        let is_deadline = matches!(input, Input::Deadline);
        process.deadline_waits &= !is_deadline;
        // An input before it may have moved the deadline.
        if !is_deadline || process.is_due(local) {
            fold_input(self.hashes.process(id), local, &input, head);
            process.handle(local, input, &mut bench.outbox);
        }
        if let Some(until) = until {
            self.schedule(until, Due::Serve(id));
        }
        self.arm(id, clock);
        self.carry_out(id, choose, bench);
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
            self.deliver(id, Input::Deadline, choose, bench);
        } else {
            self.arm(id, self.clock_of(id));
        }
    }

    /// Puts a wake-up into the queue if the process wants one earlier than the
    /// one that stands there.
    pub(super) fn arm(&mut self, id: ProcessId, clock: Clock) {
        if let Some(at) = self.process(id).wish(clock, self.now) {
            Arc::make_mut(&mut self.processes[id.index()]).armed = Some(at);
            self.schedule(at, Due::Wake(id));
        }
    }

    #[inline]
    pub(super) fn clock_of(&self, id: ProcessId) -> Clock {
        self.machine(self.process(id).machine).clock
    }

    /// What a process's clock shows.
    #[inline]
    pub fn local_time(&self, id: ProcessId) -> Instant {
        self.clock_of(id).read(self.now)
    }
}

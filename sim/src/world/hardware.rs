//! What is done to the hardware from outside: power, boots, pauses, partitions.

use std::collections::BTreeSet;
use std::sync::Arc;

use stormglass_engine::contract::{Effect, Entropy, Input, Module, OrderKind};

use super::pending::{Due, Origin, Parcel};
use super::{DeviceIndex, Drive, MachineId, ProcessId, Workbench, World};
use crate::choose::{AtDevice, Choose};
use crate::device::{Device, Submitter};
use crate::fault::Fault;
use crate::occurrence::{Happened, Occurrence};
use crate::process::Cpu;

impl<M: Module> World<M> {
    /// Does something to the hardware, now. Logs it if it had an effect.
    pub fn apply(&mut self, fault: &Fault, choose: &mut impl Choose, bench: &mut Workbench<M>) {
        bench.log.clear();
        self.hashes.run.fold(self.now.as_nanos());
        self.hashes.run.fold_value(fault);
        match *fault {
            Fault::Crash(machine) => self.crash(machine, choose, bench),
            Fault::Kill(process) => {
                if self.stop(process, bench) {
                    bench.log.push(Occurrence::Fault(Happened::Kill(process)));
                }
            }
            Fault::DevicePowerLoss(device) => self.lose_power(device, choose, bench),
            Fault::DeviceGone(device) => self.lose_device(device, bench),
            Fault::DeviceReturns(device, returns) => self.return_device(device, returns, bench),
            Fault::Damage {
                device,
                page,
                damage,
            } => self.damage_page(device, page, damage, bench),
            Fault::DevicePace(device, pace) => self.pace_device(device, pace, bench),
            Fault::DeviceStalls(device) => {
                if self.touch_device(device).stall() {
                    let happened = Happened::DeviceStalled(device);
                    bench.log.push(Occurrence::Fault(happened));
                }
            }
            Fault::DeviceGoesOn(device) => self.go_on(device),
            Fault::DeviceFull(device, pages) => self.touch_device(device).fill_up(pages),
            Fault::DeviceHasRoom(device) => {
                self.touch_device(device).make_room();
            }
            Fault::Remember(device) => self.touch_device(device).remember(),
            Fault::Restore(device, pages) => self.restore_pages(device, pages, bench),
            Fault::Swap(devices) => self.swap_devices(devices, bench),
            Fault::CutKind(cut, kind) => {
                self.network_mut().cut_kind(cut, kind);
                bench.log.push(Occurrence::Fault(Happened::Partition));
            }
            Fault::HealKind(cut, kind) => self.network_mut().heal_kind(cut, kind),
            Fault::Clog(path) => self.network_mut().clog(path),
            Fault::Release(path) => self.release(path, bench),
            Fault::Limit(path, limit) => self.network_mut().limit(path, limit),
            Fault::Unlimit(path) => self.network_mut().unlimit(path),
            Fault::Readdress {
                process,
                network,
                address,
            } => {
                if self.network_mut().readdress(network, process, address) {
                    let happened = Happened::Readdressed { process, network };
                    bench.log.push(Occurrence::Fault(happened));
                }
            }
            Fault::CpuPace(machine, pace) => self.pace_cpu(machine, pace, bench),
            Fault::ClockRate(machine, rate) => self.set_clock(machine, rate, bench),
            Fault::Order(process, order) => self.order(process, order, bench),
            Fault::Boot(process) => self.boot(process, choose, bench),
            Fault::Pause(machine) => self.pause(machine, bench),
            Fault::Resume(machine) => self.resume(machine, choose, bench),
            Fault::Cut(cut) => {
                self.network_mut().cut(cut);
                bench.log.push(Occurrence::Fault(Happened::Partition));
            }
            Fault::Heal(cut) => self.network_mut().heal(cut),
        }
    }

    /// The administrator speaks to a module; nobody hears it if that is down, but it may
    /// change what the module boots with.
    fn order(&mut self, to: ProcessId, order: OrderKind, bench: &mut Workbench<M>) {
        let process = self.process(to);
        let (is_up, incarnation) = (process.module.is_some(), process.incarnation);
        let amended = M::amended(&process.identity, order);
        let message = M::order(order).filter(|_| is_up);
        if amended.is_some() || message.is_some() {
            let happened = Happened::Ordered { process: to, order };
            bench.log.push(Occurrence::Fault(happened));
        }
        if let Some(identity) = amended {
            Arc::make_mut(&mut self.processes[to.index()]).identity = identity;
        }
        let Some(message) = message else {
            return;
        };
        let parcel = Parcel {
            to,
            origin: Origin::Machine { incarnation },
            input: Input::Local(message),
        };
        self.dispatch(self.now, parcel);
    }

    /// Starts a module; on a machine that stands still, when it goes on.
    fn boot(&mut self, id: ProcessId, choose: &mut impl Choose, bench: &mut Workbench<M>) {
        let local = self.local_time(id);
        if self.process(id).module.is_some() {
            return;
        }
        let process = Arc::make_mut(&mut self.processes[id.index()]);
        process.boot_waits = process.is_paused;
        if process.is_paused {
            return;
        }
        let identity = [u64::from(id.0), process.incarnation, 0, 0];
        let bits = self.entropy.at(&identity).bits();
        let (entropy, out) = (Entropy::new(bits), &mut bench.outbox);
        let module = M::boot(&process.identity, entropy, local, out);
        module.check_invariants();
        process.module = Some(module);
        bench.log.push(Occurrence::Booted { process: id });
        self.hashes.process(id).fold_pair(local.as_nanos(), bits);
        self.arm(id, self.clock_of(id));
        self.carry_out(id, choose, bench);
    }

    /// Ends a process; its queued device commands still execute, unheard.
    fn stop(&mut self, id: ProcessId, bench: &mut Workbench<M>) -> bool {
        if self.process(id).module.is_none() {
            return false;
        }
        let process = Arc::make_mut(&mut self.processes[id.index()]);
        let submitter = Submitter {
            process: id.0,
            incarnation: process.incarnation,
        };
        process.stop();
        self.hashes.process(id).fold_pair(self.now.as_nanos(), 0);
        for drive in &mut self.devices {
            if queued_by(drive, id).contains(&submitter) {
                Arc::make_mut(drive).device.drop_submitter(submitter);
            }
        }
        bench.log.push(Occurrence::Stopped { process: id });
        true
    }

    /// The service processor says for a module what that has told it to, if it is up. Its
    /// messages meet what befalls any other.
    fn speak_last(&mut self, id: ProcessId, choose: &mut impl Choose, bench: &mut Workbench<M>) {
        if let Some(module) = &self.process(id).module {
            module.last_word(&mut bench.outbox);
        }
        let is_message = |effect: &Effect<_, _>| matches!(effect, Effect::Send { .. });
        assert!(
            bench.outbox.effects().iter().all(is_message),
            "a service processor sends messages and does nothing else"
        );
        if !bench.outbox.is_empty() {
            self.carry_out(id, choose, bench);
        }
    }

    /// A machine loses power: each command that its modules had queued, in this
    /// life or an earlier one, executes or not, and nobody hears of it.
    fn crash(&mut self, machine: MachineId, choose: &mut impl Choose, bench: &mut Workbench<M>) {
        let mut was_up = false;
        for id in self.machine(machine).processes.clone() {
            self.speak_last(id, choose, bench);
            was_up |= self.stop(id, bench);
            for device in (0..).map(DeviceIndex).take(self.devices.len()) {
                let submitters = queued_by(self.drive(device), id);
                for submitter in &submitters {
                    self.settle_submitter(device, *submitter, choose, bench);
                }
                if !submitters.is_empty() {
                    bench.log.push(Occurrence::Settled { device });
                }
            }
            let process = &mut self.processes[id.index()];
            if process.is_paused {
                let process = Arc::make_mut(process);
                (process.is_paused, process.boot_waits) = (false, false);
            }
        }
        if was_up {
            bench.log.push(Occurrence::Fault(Happened::Crash(machine)));
        }
    }

    fn settle_submitter(
        &mut self,
        device: DeviceIndex,
        submitter: Submitter,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        let hash = &mut self.hashes.devices[device.index()];
        let drive = Arc::make_mut(&mut self.devices[device.index()]);
        let mut choice = AtDevice {
            device,
            choose,
            hash,
        };
        let unplugged = drive.device.submitter_lost_power(submitter, &mut choice);
        for defect in unplugged.defects {
            let happened = Happened::defect(device, defect);
            bench.log.push(Occurrence::Fault(happened));
        }
        self.tell_aborted(device, unplugged.ended);
    }

    fn lose_power(
        &mut self,
        device: DeviceIndex,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        let hash = &mut self.hashes.devices[device.index()];
        let drive = Arc::make_mut(&mut self.devices[device.index()]);
        drive.device.lose_power(&mut AtDevice {
            device,
            choose,
            hash,
        });
        bench.log.push(Occurrence::Settled { device });
        let happened = Happened::DevicePowerLoss(device);
        bench.log.push(Occurrence::Fault(happened));
    }

    /// A device that something is done to: its hash knows when.
    pub(super) fn touch_device(&mut self, device: DeviceIndex) -> &mut Device {
        let now = self.now.as_nanos();
        self.hashes.device(device).fold_pair(now, 0);
        &mut Arc::make_mut(&mut self.devices[device.index()]).device
    }

    fn pause(&mut self, machine: MachineId, bench: &mut Workbench<M>) {
        for id in self.machine(machine).processes.clone() {
            let process = Arc::make_mut(&mut self.processes[id.index()]);
            process.is_paused = true;
            if let Cpu::Serving(until) = process.service {
                process.service = Cpu::Halted(until.since(self.now));
            }
        }
        bench.log.push(Occurrence::Fault(Happened::Pause(machine)));
    }

    /// A machine goes on where it stood still. Deadlines that have passed come
    /// now.
    fn resume(&mut self, machine: MachineId, choose: &mut impl Choose, bench: &mut Workbench<M>) {
        for id in self.machine(machine).processes.clone() {
            let process = Arc::make_mut(&mut self.processes[id.index()]);
            if !process.is_paused {
                continue;
            }
            process.is_paused = false;
            let boot_waits = std::mem::take(&mut process.boot_waits);
            if let Cpu::Halted(left) = process.service {
                let until = self.now.after(left);
                process.service = Cpu::Serving(until);
                self.schedule(until, Due::Serve(id));
            }
            self.arm(id, self.clock_of(id));
            if boot_waits {
                self.boot(id, choose, bench);
            }
        }
    }
}

/// The lives of a process that have commands queued at a device.
fn queued_by(drive: &Drive, process: ProcessId) -> BTreeSet<Submitter> {
    let numbers = drive.device.queued().map(|(number, _)| number);
    let submitters = numbers.filter_map(|number| drive.device.submitter_of(number));
    let own = submitters.filter(|submitter| submitter.process == process.0);
    own.collect()
}

//! How fast a machine's CPU and its clock run.

use std::sync::Arc;

use stormglass_engine::contract::Module;

use super::{MachineId, Workbench, World};
use crate::clock::{ClockRate, DRIFT_PPB_MAX};
use crate::occurrence::{Happened, Occurrence};
use crate::service_time::Pace;

impl<M: Module> World<M> {
    /// What the CPU is at is not touched. A CPU that becomes slower than usual is
    /// counted, once until it is not.
    pub(super) fn pace_cpu(&mut self, machine: MachineId, pace: Pace, bench: &mut Workbench<M>) {
        assert!(pace.factor > 0, "a CPU that takes no time");
        let mut was_usual = true;
        for id in self.machine(machine).processes.clone() {
            let process = Arc::make_mut(&mut self.processes[id.index()]);
            was_usual &= process.pace.set(pace) == Pace::USUAL;
        }
        if was_usual && pace != Pace::USUAL {
            let happened = Happened::CpuSlow(machine);
            bench.log.push(Occurrence::Fault(happened));
        }
    }

    /// A clock never jumps: it goes on from what it shows. Deadlines are armed anew, for
    /// a faster clock reaches them earlier; a slower one finds them too early and waits.
    pub(super) fn set_clock(
        &mut self,
        machine: MachineId,
        rate: ClockRate,
        bench: &mut Workbench<M>,
    ) {
        let ClockRate { drift_ppb, .. } = rate;
        let is_bounded = drift_ppb.unsigned_abs() <= DRIFT_PPB_MAX.unsigned_abs();
        assert!(is_bounded, "a clock that hardly goes");
        let now = self.now;
        let home = &mut Arc::make_mut(&mut self.machines)[machine.0 as usize];
        if home.clock.drift_ppb == drift_ppb {
            return;
        }
        home.clock = home.clock.at_rate(now, drift_ppb);
        let clock = home.clock;
        for id in home.processes.clone() {
            self.arm(id, clock);
        }
        let happened = Happened::ClockRate { machine, rate };
        bench.log.push(Occurrence::Fault(happened));
    }
}

//! An agenda: what is to be done to the hardware, and when. Who puts it there, and
//! why, is not its business.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stormglass_engine::time::Duration;
use stormglass_sim::fault::Fault;
use stormglass_sim::service_time::Pace;
use stormglass_sim::time::WorldTime;

/// Faults to come, those of one instant in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agenda {
    timed: BTreeMap<(WorldTime, u64), Fault>,
    next: u64,
}

impl Agenda {
    /// Adds a fault.
    pub fn add(&mut self, at: WorldTime, fault: Fault) {
        self.next += 1;
        self.timed.insert((at, self.next), fault);
    }

    /// Adds faults, each with its delay from an instant on.
    pub fn add_all(&mut self, at: WorldTime, action: &[(Duration, Fault)]) {
        for (after, fault) in action {
            self.add(at.after(*after), fault.clone());
        }
    }

    /// When the next one is due.
    pub fn next_at(&self) -> Option<WorldTime> {
        self.timed.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next one.
    pub fn take(&mut self) -> Option<Fault> {
        self.timed.pop_first().map(|(_, fault)| fault)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (WorldTime, &Fault)> {
        self.timed.iter().map(|((at, _), fault)| (*at, fault))
    }

    /// Keeps what ends a hindrance of a link, a device, a clock or a CPU; forgets what
    /// begins one, and what wakes a machine or a module: who decides on that, knows it.
    pub fn retain_ends(&mut self) {
        self.timed.retain(|_, fault| is_end(fault));
    }
}

/// True if it ends a hindrance; not what wakes a machine or a module.
pub fn is_end(fault: &Fault) -> bool {
    match fault {
        Fault::Heal(_)
        | Fault::HealKind(..)
        | Fault::Release(_)
        | Fault::Unlimit(_)
        | Fault::DeviceReturns(..)
        | Fault::DeviceGoesOn(_)
        | Fault::DeviceHasRoom(_) => true,
        Fault::DevicePace(_, pace) | Fault::CpuPace(_, pace) => *pace == Pace::USUAL,
        // A rate that is set last is the one that the clock had.
        Fault::ClockRate(..) => true,
        Fault::Crash(_)
        | Fault::Kill(_)
        | Fault::DevicePowerLoss(_)
        | Fault::Boot(_)
        | Fault::Pause(_)
        | Fault::Resume(_)
        | Fault::Cut(_)
        | Fault::CutKind(..)
        | Fault::Clog(_)
        | Fault::Limit(..)
        | Fault::DeviceGone(_)
        | Fault::DeviceStalls(_)
        | Fault::DeviceFull(..)
        | Fault::Damage { .. }
        | Fault::Remember(_)
        | Fault::Restore(..)
        | Fault::Swap(_)
        | Fault::Readdress { .. }
        | Fault::Order(..) => false,
    }
}

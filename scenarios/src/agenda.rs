//! An agenda: what is to be done to the hardware, and when. Who puts it there, and
//! why, is not its business.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stormglass_engine::time::Duration;
use stormglass_sim::fault::Fault;
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

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.timed.clear();
    }
}

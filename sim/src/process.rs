//! A module's place in the world: what the driver keeps for it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{Input, Module, Slot};

use crate::service_time::CpuCost;
use crate::time::WorldTime;
use crate::world::MachineId;

/// A module slot of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Process<M: Module> {
    /// The machine it runs on.
    pub machine: MachineId,
    /// Its slot there.
    pub slot: Slot,
    /// Given to it at each boot; survives crashes.
    pub identity: M::Identity,
    /// What each input costs it.
    pub cpu: CpuCost,
    /// Its state; nothing while it is down.
    pub module: Option<M>,
    /// Which of its lives this is; rises when one ends.
    pub incarnation: u64,
    /// True while its machine stands still.
    pub is_paused: bool,
    /// Inputs that wait for the CPU, the first of them being served.
    pub(crate) inbox: VecDeque<Input<M::Local>>,
    /// When the earliest wake-up event stands in the queue.
    pub(crate) armed: Option<WorldTime>,
}

impl<M: Module> Process<M> {
    /// Inputs that wait for the CPU.
    pub fn backlog(&self) -> usize {
        self.inbox.len()
    }
}

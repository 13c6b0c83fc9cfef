//! The world: machines, devices, networks and the events pending between them.
//! The only interpreter of a module's effects.
//!
//! A world is a value: it can be cloned, compared, serialized and run on, and
//! every component is behind its own `Arc`, copied at the first touch after a
//! fork. It owns time, delivery and hardware; it never reads a message's bytes
//! and knows no protocol.
//!
//! One step takes one event, changes one process or device, and logs what
//! happened as [`Occurrence`]s. Events are ordered
//! by (time, sequence number): see `Due` in `pending` for what shares an instant.
//!
//! Read on in `delivery` (what wakes a module), `effects` (what it causes), `path`
//! (where packets wait before they leave), `pace` (CPU and clocks),
//! `devices`, `hardware` and `trouble` (what is done to machines and devices from
//! outside). `behaviour` and `differences` say of two worlds whether they go on alike,
//! and in which field they differ; `upcoming` names the event that comes next.

mod behaviour;
mod build;
mod delivery;
mod devices;
mod differences;
mod effects;
mod hardware;
mod hashes;
mod pace;
mod path;
mod pending;
#[cfg(test)]
mod tests;
mod trouble;
mod upcoming;
mod views;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{Module, NetworkId, Outbox};

use crate::choose::Choose;
use crate::clock::Clock;
use crate::device::Device;
pub use crate::ids::{DeviceIndex, MachineId, ProcessId};
use crate::kernel::wheel::Wheel;
use crate::network::Network;
use crate::occurrence::Occurrence;
use crate::process::Process;
use crate::random::{Draw, Seed};
use crate::service_time::{DeviceService, RarePace};
use crate::slots::Slots;
use crate::time::WorldTime;
pub use differences::{FieldDifference, Place};
use hashes::Hashes;
use pending::{Due, Held, Parcel};
pub use upcoming::Upcoming;

/// A component, for hashes and differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// A process.
    Process(ProcessId),
    /// A device.
    Device(DeviceIndex),
    /// A network.
    Network(NetworkId),
}

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
    pub name: Arc<str>,
    /// How long commands take.
    pub service: DeviceService,
    /// The device.
    pub device: Device,
    /// How much slower than usual it is.
    pub pace: RarePace,
    /// Commands whose time came while it stalled, in order.
    waiting: Vec<u32>,
    draw: Draw,
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
    /// Messages sent to somebody, copies apart: what goes to an address that nobody has is
    /// no message on any way.
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
    /// Packets that wait at a clog, in the order in which they came.
    held: Vec<Held<M>>,
    processes: Vec<Arc<Process<M>>>,
    devices: Vec<Arc<Drive>>,
    network: Arc<Network>,
    machines: Arc<Vec<Machine>>,
    hashes: Hashes,
    entropy: Draw,
    seed: Seed,
}

impl<M: Module> World<M> {
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
            Due::Serve(process) => self.serve(process, choose, bench),
            Due::Wake(process) => self.wake(process, choose, bench),
        }
        true
    }

    /// Moves time on, to where something is done from outside.
    #[inline]
    pub fn advance(&mut self, at: WorldTime) {
        assert!(at >= self.now, "time never goes back");
        if at > self.now {
            self.now = at;
            self.at_this_instant = 0;
        }
    }

    #[inline(always)]
    fn schedule(&mut self, at: WorldTime, due: Due) {
        self.sequence += 1;
        self.queue.push(at, due.rank(self.sequence), due);
    }

    #[inline(always)]
    fn dispatch(&mut self, at: WorldTime, parcel: Parcel<M>) {
        let (key, place) = self.flight.reserve();
        *place = Some(parcel);
        self.schedule(at, Due::Arrive(key));
    }
}

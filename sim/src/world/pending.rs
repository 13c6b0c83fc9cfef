//! What is pending: events in the queue, and parcels on their way.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{Input, Module};
use stormglass_engine::time::Duration;

use super::{DeviceIndex, ProcessId};
use crate::occurrence::PacketName;

/// A pending event. Of those that share an instant, arrivals and executions come
/// first, in the order in which they were caused; then processes whose CPU is
/// through with an input; then wake-ups; both by the process's number.
///
/// The last two have their places from what they are, not from when they entered
/// the queue, because they are left there when they become void: a wake-up for
/// another instant, a CPU that was halted. So void ones never change an order,
/// and two worlds that differ in nothing but those behave alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Due {
    /// A parcel arrives.
    Arrive(u32),
    /// A device executes a command, named by the device's own number.
    Execute(DeviceIndex, u32),
    /// A process has been served its CPU time for the first input of its inbox.
    Serve(ProcessId),
    /// A process has asked for this instant.
    Wake(ProcessId),
}

impl Due {
    /// The event's place among those of its instant, given the next sequence
    /// number. Two void or valid events of one kind and process may share it:
    /// then they are the same.
    #[inline]
    pub(super) fn rank(self, sequence: u64) -> u64 {
        match self {
            Due::Arrive(_) | Due::Execute(..) => sequence,
            Due::Serve(process) => 1 << 62 | u64::from(process.0),
            Due::Wake(process) => 1 << 63 | u64::from(process.0),
        }
    }
}

/// Something on its way to a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Parcel<M: Module> {
    pub(super) to: ProcessId,
    pub(super) origin: Origin,
    pub(super) input: Input<M::Local>,
}

/// A packet that has not left yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Held<M: Module> {
    pub(super) name: PacketName,
    /// How long it travels once it leaves.
    pub(super) span: Duration,
    pub(super) parcel: Parcel<M>,
}

/// Where a parcel comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Origin {
    /// From a network: whoever is up takes it.
    Network {
        from: ProcessId,
        /// Hash of the frame's head, as the trace hash wants it.
        head: u64,
    },
    /// From the machine itself: for one life of the process only.
    Machine { incarnation: u64 },
}

//! Scheduled faults. In a file each is a `[[fault]]` with one key, its kind:
//! `crash = { at = "2s", node = "east-1", restart_after = "1s" }`.

mod form;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stormglass_engine::time::Duration;

use super::names::{Cluster, DriveName, Endpoint, MachineName, ModuleName, NetworkName, NodeName};
use form::FaultForm;

/// A fault and its moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "FaultForm", into = "FaultForm")]
pub struct Fault {
    /// When it happens.
    pub when: When,
    /// What happens.
    pub action: Action,
}

/// The moment of a fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// At an instant of the simulated world.
    At(Duration),
    /// When something has happened for the nth time.
    On(Trigger),
}

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A node or the mediator loses power; its devices keep power.
    Crash {
        /// The node, or the mediator.
        node: MachineName,
        /// How long it stays down; for good if absent.
        restart_after: Option<Duration>,
    },
    /// One module of a node dies.
    Kill {
        /// The node.
        node: NodeName,
        /// The module.
        module: ModuleName,
        /// How long it stays down; for good if absent.
        restart_after: Option<Duration>,
    },
    /// A cluster's nodes and devices lose power together.
    PowerOff {
        /// The cluster.
        cluster: Cluster,
        /// How long its nodes stay down; for good if absent.
        restart_after: Option<Duration>,
    },
    /// A node stands still, with its I/O queued, and goes on.
    Pause {
        /// The node.
        node: NodeName,
        /// For how long.
        duration: Duration,
    },
    /// A network loses every message between two sides.
    Partition(Partition),
    /// A device does not answer.
    DeviceGone {
        /// The device.
        device: DriveName,
        /// For how long; for good if absent.
        duration: Option<Duration>,
        /// How it comes back.
        returns: ReturnKind,
    },
    /// A block's page on a data device goes bad.
    Damage {
        /// The data device.
        device: DriveName,
        /// The block of the volume.
        block: u64,
        /// How its page goes bad.
        kind: DamageKind,
    },
}

/// How a device comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReturnKind {
    /// With all that it held.
    Intact,
    /// As a new one, full of zeroes and reserved by nobody.
    Blank,
}

/// How a block's page goes bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DamageKind {
    /// It cannot be read until it is written anew.
    Unreadable,
    /// It reads as something else, and the device does not say so.
    Rot,
}

/// Two sides that do not hear each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Partition {
    /// The sender, where only one way is cut.
    pub from: Endpoint,
    /// The receiver, where only one way is cut.
    pub to: Endpoint,
    /// The network that is cut.
    pub network: NetworkName,
    /// Which ways are cut.
    pub direction: Direction,
    /// For how long.
    pub duration: Duration,
}

/// Which ways a partition cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both.
    BothWays,
    /// Only what is sent by `from` to `to`.
    OneWay,
}

/// Something that a node reports.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The event by its name, such as "local durable".
    pub event: String,
    /// The node that reports it, or the mediator.
    pub node: MachineName,
    /// Which of its reports counts, from 1.
    #[serde(default = "first")]
    pub nth: u32,
}

fn first() -> u32 {
    1
}

impl Action {
    /// The kind, as a file's key.
    pub fn kind(&self) -> &'static str {
        match self {
            Action::Crash { .. } => "crash",
            Action::Kill { .. } => "kill",
            Action::PowerOff { .. } => "power_off",
            Action::Pause { .. } => "pause",
            Action::Partition(_) => "partition",
            Action::DeviceGone { .. } => "device_gone",
            Action::Damage { .. } => "damage",
        }
    }

    /// This action at an instant after the beginning.
    pub fn at(self, at: Duration) -> Fault {
        Fault {
            when: When::At(at),
            action: self,
        }
    }

    /// This action when `node` reports `event` for the `nth` time.
    pub fn on(self, event: impl Into<String>, node: impl Into<MachineName>, nth: u32) -> Fault {
        let trigger = Trigger {
            event: event.into(),
            node: node.into(),
            nth,
        };
        Fault {
            when: When::On(trigger),
            action: self,
        }
    }
}

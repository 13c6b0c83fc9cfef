//! What scheduled faults do.

use stormglass_engine::time::Duration;

use super::{
    AreaKind, ClockWay, Cue, DamageKind, Direction, Fault, OrderName, Partition, ReturnKind,
    Trigger, When,
};
use crate::file::names::{
    DriveName, Endpoint, Extent, MachineName, ModuleName, NetworkName, NetworkSet, NodeName,
};

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
    /// The nodes and devices of a cluster lose power together, or those of everything.
    PowerOff {
        /// The cluster, or all of them and the mediator.
        cluster: Extent,
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
    /// A node's D-module gets another address on the inter-cluster network.
    Readdress {
        /// The node.
        node: NodeName,
        /// The new address.
        address: u32,
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
    /// A record of a journal goes bad where it begins.
    DamageRecord {
        /// The journal device.
        device: DriveName,
        /// Which record, counted from the newest, which is 1.
        nth: u64,
        /// How its page goes bad.
        kind: DamageKind,
    },
    /// A stored copy of the metadata goes bad.
    DamageMetadata {
        /// The journal device.
        device: DriveName,
        /// Which copy, 1 or 2.
        copy: u64,
        /// How its page goes bad.
        kind: DamageKind,
    },
    /// A device takes longer for every command.
    DeviceSlow {
        /// The device.
        device: DriveName,
        /// How many times as long.
        factor: u32,
        /// For how long.
        duration: Duration,
    },
    /// A device executes nothing; commands wait until it goes on.
    DeviceStall {
        /// The device.
        device: DriveName,
        /// For how long.
        duration: Duration,
    },
    /// A device has no space for pages that hold nothing yet.
    DeviceFull {
        /// The device.
        device: DriveName,
        /// Where; everywhere if absent.
        area: Option<AreaKind>,
        /// For how long; for good if absent.
        duration: Option<Duration>,
    },
    /// A device's content is remembered, for it to go back to.
    Remember {
        /// The device.
        device: DriveName,
    },
    /// Pages of a device go back to what was remembered of them.
    StalePages {
        /// The device.
        device: DriveName,
        /// The first page.
        start: u64,
        /// How many.
        count: u64,
    },
    /// Two devices lose power and come back in each other's place.
    Swap {
        /// One.
        device: DriveName,
        /// The other.
        with: DriveName,
    },
    /// One side loses every message to and from everybody else: a failure domain that
    /// is more than one network.
    Isolate {
        /// The side.
        side: Endpoint,
        /// On which networks.
        networks: NetworkSet,
        /// For how long.
        duration: Duration,
    },
    /// What one side sends to the other waits, and leaves when that ends.
    Clog {
        /// The sender, where only one way is clogged.
        from: Endpoint,
        /// The receiver, where only one way is clogged.
        to: Endpoint,
        /// On which network.
        network: NetworkName,
        /// Which ways.
        one_way: Direction,
        /// For how long each link is clogged.
        duration: Duration,
        /// Links are clogged one after the other, this long apart, and released in the
        /// reverse order; all at once if absent.
        interval: Option<Duration>,
    },
    /// What one side sends to the other has little room.
    Narrow {
        /// The sender, where only one way is narrow.
        from: Endpoint,
        /// The receiver, where only one way is narrow.
        to: Endpoint,
        /// On which network.
        network: NetworkName,
        /// Which ways.
        one_way: Direction,
        /// How fast each link is; as ever if absent.
        bytes_per_second: Option<u64>,
        /// How much may wait on each link; anything if absent.
        queue_bytes: Option<u64>,
        /// Larger messages are dropped; none if absent.
        mtu: Option<u64>,
        /// For how long.
        duration: Duration,
    },
    /// A node computes slowly.
    SlowCpu {
        /// The node, or the mediator.
        node: MachineName,
        /// How many times as long everything takes.
        factor: u32,
        /// For how long.
        duration: Duration,
    },
    /// A node loses power again and again.
    CrashLoop {
        /// The node, or the mediator.
        node: MachineName,
        /// How often.
        times: u32,
        /// From one time to the next.
        interval: Duration,
        /// How long it stays down each time.
        restart_after: Duration,
    },
    /// A node's clock runs at another rate.
    Clock {
        /// The node, or the mediator.
        node: MachineName,
        /// By how much, in millionths.
        drift_ppm: u32,
        /// Which way.
        way: ClockWay,
        /// How long each way lasts, where it is both.
        every: Option<Duration>,
        /// For how long; for good if absent.
        duration: Option<Duration>,
        /// More than the settings assume is meant.
        beyond_bound: bool,
    },
    /// The administrator orders something of a node.
    Order {
        /// The node.
        node: NodeName,
        /// What.
        order: OrderName,
    },
}

impl Action {
    /// The kind, as a file's key.
    pub fn kind(&self) -> &'static str {
        match self {
            Action::Crash { .. } => "crash",
            Action::Kill { .. } => "kill",
            Action::PowerOff { .. } => "power_off",
            Action::Pause { .. } => "pause",
            Action::Readdress { .. } => "readdress",
            Action::Partition(_) => "partition",
            Action::DeviceGone { .. } => "device_gone",
            Action::Damage { .. } => "damage",
            Action::DamageRecord { .. } => "damage_record",
            Action::DamageMetadata { .. } => "damage_metadata",
            Action::DeviceSlow { .. } => "device_slow",
            Action::DeviceStall { .. } => "device_stall",
            Action::DeviceFull { .. } => "device_full",
            Action::Remember { .. } => "remember",
            Action::StalePages { .. } => "stale_pages",
            Action::Swap { .. } => "swap",
            Action::Isolate { .. } => "isolate",
            Action::Clog { .. } => "clog",
            Action::Narrow { .. } => "narrow",
            Action::SlowCpu { .. } => "slow_cpu",
            Action::CrashLoop { .. } => "crash_loop",
            Action::Clock { .. } => "clock",
            Action::Order { .. } => "order",
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
        self.upon(Trigger {
            cue: Cue::Event(event.into()),
            node: node.into(),
            nth,
        })
    }

    /// This action when something that a node does happens.
    pub fn upon(self, trigger: Trigger) -> Fault {
        Fault {
            when: When::On(trigger),
            action: self,
        }
    }
}

//! What happened in one step, small enough to log always: what oracles, counters
//! and timelines read, beside the world itself.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{IoId, Label, NetworkId, OrderKind, PageIndex};
use stormglass_engine::time::Duration;

use crate::clock::ClockRate;
use crate::device::{CommandNumber, Defect, IoEffect, PageRange, Submitter};
use crate::ids::{DeviceIndex, MachineId, ProcessId};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occurrence<E> {
    /// A module reported something.
    Event {
        /// Which module.
        process: ProcessId,
        /// Its report.
        event: E,
    },
    /// A module reached a rare place.
    Probe {
        /// Which module.
        process: ProcessId,
        /// The place's name.
        name: &'static str,
    },
    /// A command entered a device's queue.
    Submitted {
        /// The device.
        device: DeviceIndex,
        /// The command.
        number: CommandNumber,
    },
    /// A command executed, or was refused, and left the queue. A preempt may have
    /// aborted others.
    Executed {
        /// The device.
        device: DeviceIndex,
        /// The command.
        number: CommandNumber,
        /// Whose it was, dead or alive.
        process: ProcessId,
        /// True if it had its effect, all of it and where it belongs. One with which
        /// something went wrong had none, whatever its submitter hears.
        succeeded: bool,
    },
    /// A device's queue, cache or content is another than its commands made it: by
    /// a power loss, its own or a submitter's, by damage, by a flush that failed, by a
    /// write that went astray or by its replacement.
    Settled {
        /// The device.
        device: DeviceIndex,
    },
    /// A module started.
    Booted {
        /// Which module.
        process: ProcessId,
    },
    /// A module stopped without warning.
    Stopped {
        /// Which module.
        process: ProcessId,
    },
    /// A fault happened.
    Fault(Happened),
}

/// A fault that had its effect; what was configured and never met anything is not
/// among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A packet was lost at departure.
    Loss(PacketName),
    /// A packet was doubled.
    Duplicate(PacketName),
    /// A packet was delayed beyond its latency, so that others overtake it.
    Delay(PacketName),
    /// A packet arrived with a bit inverted.
    Corrupt(PacketName),
    /// A packet waited where nothing could leave.
    Clogged(PacketName),
    /// A packet waited for others on its path.
    Queued(PacketName),
    /// A packet was dropped because too many waited on its path.
    Overflow(PacketName),
    /// A packet was dropped because it is larger than its path carries.
    TooLarge(PacketName),
    /// A packet arrived at a partition.
    Partitioned(PacketName),
    /// A machine lost power.
    Crash(MachineId),
    /// One module was killed.
    Kill(ProcessId),
    /// A device lost power.
    DevicePowerLoss(DeviceIndex),
    /// A device did not answer any more.
    DeviceGone(DeviceIndex),
    /// A device came back as a blank one.
    DeviceReplaced(DeviceIndex),
    /// A page of a device went bad.
    Damage {
        /// The device.
        device: DeviceIndex,
        /// The page.
        page: PageIndex,
    },
    /// A device came back with an older content of its own.
    DeviceStale {
        /// The device.
        device: DeviceIndex,
        /// All its pages.
        pages: PageRange,
    },
    /// Pages of a device went back to an older content.
    Restored {
        /// The device.
        device: DeviceIndex,
        /// The pages.
        pages: PageRange,
    },
    /// Two devices were exchanged.
    Swapped {
        /// The devices.
        devices: [DeviceIndex; 2],
        /// All pages of each, as it is now.
        pages: [PageRange; 2],
    },
    /// A device became slow.
    DeviceSlow(DeviceIndex),
    /// A device executed nothing any more.
    DeviceStalled(DeviceIndex),
    /// A device command took longer than it would have.
    SlowIo {
        /// Which one.
        name: IoName,
        /// By how much.
        by: Duration,
    },
    /// Something went wrong with a device command as it executed.
    Defect {
        /// Which one.
        name: IoName,
        /// What; never [`IoEffect::Sound`].
        effect: IoEffect,
        /// The pages that it names, if it names any.
        pages: Option<PageRange>,
    },
    /// A machine stood still.
    Pause(MachineId),
    /// A machine's CPU became slow.
    CpuSlow(MachineId),
    /// A machine's clock runs at another rate from now on.
    ClockRate {
        /// The machine.
        machine: MachineId,
        /// The rate.
        rate: ClockRate,
    },
    /// A module has another address from now on.
    Readdressed {
        /// The module.
        process: ProcessId,
        /// On which network.
        network: NetworkId,
    },
    /// Machines were parted.
    Partition,
    /// The administrator ordered something of a module that was up.
    Ordered {
        /// The module.
        process: ProcessId,
        /// What.
        order: OrderKind,
    },
}

impl Happened {
    /// The fault's kind, as counters name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Happened::Loss(_) => "loss",
            Happened::Duplicate(_) => "duplicate",
            Happened::Delay(_) => "delay",
            Happened::Corrupt(_) => "corrupt",
            Happened::Clogged(_) => "clogged-packet",
            Happened::Queued(_) => "queued-packet",
            Happened::Overflow(_) => "path-overflow",
            Happened::TooLarge(_) => "oversized-packet",
            Happened::Partitioned(_) => "partitioned-packet",
            Happened::Crash(_) => "crash",
            Happened::Kill(_) => "kill",
            Happened::DevicePowerLoss(_) => "device-power-loss",
            Happened::DeviceGone(_) => "device-gone",
            Happened::DeviceReplaced(_) => "device-replaced",
            Happened::Damage { .. } => "damage",
            Happened::DeviceStale { .. } => "device-stale",
            Happened::Restored { .. } => "stale-pages",
            Happened::Swapped { .. } => "devices-swapped",
            Happened::DeviceSlow(_) => "device-slow",
            Happened::DeviceStalled(_) => "device-stalled",
            Happened::SlowIo { .. } => "slow-io",
            Happened::Defect { effect, .. } => match effect {
                IoEffect::Sound => "none",
                IoEffect::Lost => "lost-write",
                IoEffect::Misdirected(_) => "misdirected-write",
                IoEffect::Error => "io-error",
                IoEffect::Full => "device-full",
                IoEffect::FlushLies => "lying-flush",
                IoEffect::FlushFails => "failed-flush",
            },
            Happened::Pause(_) => "pause",
            Happened::CpuSlow(_) => "cpu-slow",
            Happened::ClockRate { rate, .. } => match rate.is_beyond_bound {
                true => "clock-beyond-bound",
                false => "clock-rate",
            },
            Happened::Readdressed { .. } => "address-change",
            Happened::Partition => "partition",
            Happened::Ordered { .. } => "order",
        }
    }

    /// A command with which something went wrong at a device.
    pub(crate) fn defect(device: DeviceIndex, defect: Defect) -> Self {
        Happened::Defect {
            name: IoName::new(device, defect.submitter, defect.io),
            effect: defect.effect,
            pages: defect.pages,
        }
    }

    /// Pages whose content is, by injected damage, not what their last acknowledged
    /// write made it. Until they are written anew, nobody owes anything for them.
    pub fn damaged(&self) -> Vec<(DeviceIndex, PageRange)> {
        match *self {
            Happened::Damage { device, page } => {
                let (start, count) = (page, 1);
                vec![(device, PageRange { start, count })]
            }
            Happened::DeviceStale { device, pages } | Happened::Restored { device, pages } => {
                vec![(device, pages)]
            }
            Happened::Swapped { devices, pages } => devices.into_iter().zip(pages).collect(),
            Happened::Defect {
                name,
                effect: IoEffect::Lost,
                pages: Some(pages),
            } => vec![(name.device, pages)],
            Happened::Defect {
                name,
                effect: IoEffect::Misdirected(start),
                pages: Some(pages),
            } => {
                let landing = PageRange { start, ..pages };
                vec![(name.device, pages), (name.device, landing)]
            }
            Happened::Defect { .. }
            | Happened::Loss(_)
            | Happened::Duplicate(_)
            | Happened::Delay(_)
            | Happened::Corrupt(_)
            | Happened::Clogged(_)
            | Happened::Queued(_)
            | Happened::Overflow(_)
            | Happened::TooLarge(_)
            | Happened::Partitioned(_)
            | Happened::Crash(_)
            | Happened::Kill(_)
            | Happened::DevicePowerLoss(_)
            | Happened::DeviceGone(_)
            | Happened::DeviceReplaced(_)
            | Happened::DeviceSlow(_)
            | Happened::DeviceStalled(_)
            | Happened::SlowIo { .. }
            | Happened::Pause(_)
            | Happened::CpuSlow(_)
            | Happened::ClockRate { .. }
            | Happened::Readdressed { .. }
            | Happened::Ordered { .. }
            | Happened::Partition => Vec::new(),
        }
    }
}

/// The identity of a packet on its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PacketName {
    /// Over which network.
    pub network: NetworkId,
    /// The sender.
    pub from: ProcessId,
    /// The receiver.
    pub to: ProcessId,
    /// What it is.
    pub label: Label,
}

/// The identity of a device command: what tells its draws from all others'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IoName {
    /// The device.
    pub device: DeviceIndex,
    /// Who submitted it.
    pub process: ProcessId,
    /// In which of its lives.
    pub incarnation: u64,
    /// What it calls the command.
    pub io: IoId,
}

impl IoName {
    /// A submitter's command at a device.
    pub fn new(device: DeviceIndex, submitter: Submitter, io: IoId) -> Self {
        IoName {
            device,
            process: ProcessId(submitter.process),
            incarnation: submitter.incarnation,
            io,
        }
    }

    /// As a draw wants it, under the number of a question below 2^16; a fourth word
    /// is left to the caller.
    pub fn identity(&self, question: u16) -> [u64; 3] {
        let place = u64::from(question) << 48 | u64::from(self.device.0) << 32;
        [
            place | u64::from(self.process.0),
            self.incarnation,
            self.io.0,
        ]
    }
}

//! What is done to the hardware, as a repro file writes it: the simulator's own
//! [`Fault`] with names in place of numbers.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{Address, PageIndex};
use stormglass_engine::time::Duration;
use stormglass_sim::clock::ClockRate;
use stormglass_sim::device::{Damage, PageRange, Return};
use stormglass_sim::fault::Fault;
use stormglass_sim::network::{Bandwidth, PathLimit};
use stormglass_sim::service_time::Pace;

use super::names::{Misnamed, Names};
use crate::file::{DurationText, OrderName};

/// A fault of the hardware with names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Deed {
    Crash(String),
    Kill(String),
    PowerOff(String),
    Boot(String),
    Pause(String),
    Resume(String),
    Cut(String),
    Heal(String),
    TakeAway(String),
    BringBack {
        device: String,
        content: Content,
    },
    Damage {
        device: String,
        page: u64,
        becomes: Becomes,
    },
    DevicePace {
        device: String,
        pace: PaceForm,
    },
    Stall(String),
    GoOn(String),
    FillUp {
        device: String,
        pages: [u64; 2],
    },
    MakeRoom(String),
    Remember(String),
    Restore {
        device: String,
        pages: [u64; 2],
    },
    Swap([String; 2]),
    CutKind {
        path: String,
        kind: String,
    },
    HealKind {
        path: String,
        kind: String,
    },
    Clog(String),
    Release(String),
    Limit {
        path: String,
        carries: LimitForm,
    },
    Unlimit(String),
    Readdress {
        module: String,
        network: String,
        address: u32,
    },
    CpuPace {
        machine: String,
        pace: PaceForm,
    },
    Clock {
        machine: String,
        drift_ppb: i32,
        beyond_bound: bool,
    },
    Order {
        module: String,
        order: OrderName,
    },
}

/// What a device comes back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Content {
    Intact,
    Blank,
    Stale,
}

/// How a page goes bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Becomes {
    Unreadable,
    Rotten,
}

/// How much slower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PaceForm {
    factor: u32,
    #[serde(with = "DurationText")]
    extra: Duration,
}

/// What a path carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitForm {
    bytes_per_second: Option<u64>,
    /// Of a path with a bandwidth; without end, if absent.
    queue_bytes: Option<u64>,
    mtu: Option<u64>,
}

impl Deed {
    /// A fault with the names of a world.
    pub(super) fn of(fault: &Fault, names: &Names<'_>) -> Deed {
        let device = |id| names.device_name(id);
        let machine = |id| names.machine_name(id);
        let process = |id| names.process_name(id);
        let path = |path| names.path_name(path);
        match fault {
            Fault::Crash(id) => Deed::Crash(machine(*id)),
            Fault::Kill(id) => Deed::Kill(process(*id)),
            Fault::DevicePowerLoss(id) => Deed::PowerOff(device(*id)),
            Fault::Boot(id) => Deed::Boot(process(*id)),
            Fault::Pause(id) => Deed::Pause(machine(*id)),
            Fault::Resume(id) => Deed::Resume(machine(*id)),
            Fault::Cut(cut) => Deed::Cut(path(cut)),
            Fault::Heal(cut) => Deed::Heal(path(cut)),
            Fault::DeviceGone(id) => Deed::TakeAway(device(*id)),
            Fault::DeviceReturns(id, returns) => Deed::BringBack {
                device: device(*id),
                content: match returns {
                    Return::Intact => Content::Intact,
                    Return::Blank => Content::Blank,
                    Return::Stale => Content::Stale,
                },
            },
            Fault::Damage {
                device: id,
                page,
                damage,
            } => Deed::Damage {
                device: device(*id),
                page: page.0,
                becomes: match damage {
                    Damage::Unreadable => Becomes::Unreadable,
                    Damage::Rot => Becomes::Rotten,
                },
            },
            Fault::DeviceStalls(id) => Deed::Stall(device(*id)),
            Fault::DeviceGoesOn(id) => Deed::GoOn(device(*id)),
            Fault::DeviceHasRoom(id) => Deed::MakeRoom(device(*id)),
            Fault::Remember(id) => Deed::Remember(device(*id)),
            Fault::Swap([one, other]) => Deed::Swap([device(*one), device(*other)]),
            Fault::Clog(cut) => Deed::Clog(path(cut)),
            Fault::Release(cut) => Deed::Release(path(cut)),
            Fault::Unlimit(cut) => Deed::Unlimit(path(cut)),
            other => Deed::of_detailed(other, names),
        }
    }

    /// Those that say how.
    fn of_detailed(fault: &Fault, names: &Names<'_>) -> Deed {
        let pages = |pages: &PageRange| [pages.start.0, pages.count];
        let kind = |it| stormglass_engine::wire::kind::name(it).to_owned();
        match fault {
            Fault::DevicePace(id, pace) => Deed::DevicePace {
                device: names.device_name(*id),
                pace: PaceForm::of(*pace),
            },
            Fault::CpuPace(id, pace) => Deed::CpuPace {
                machine: names.machine_name(*id),
                pace: PaceForm::of(*pace),
            },
            Fault::DeviceFull(id, range) => Deed::FillUp {
                device: names.device_name(*id),
                pages: pages(range),
            },
            Fault::Restore(id, range) => Deed::Restore {
                device: names.device_name(*id),
                pages: pages(range),
            },
            Fault::CutKind(cut, it) => Deed::CutKind {
                path: names.path_name(cut),
                kind: kind(*it),
            },
            Fault::HealKind(cut, it) => Deed::HealKind {
                path: names.path_name(cut),
                kind: kind(*it),
            },
            Fault::Limit(cut, limit) => Deed::Limit {
                path: names.path_name(cut),
                carries: LimitForm::of(*limit),
            },
            Fault::Readdress {
                process,
                network,
                address,
            } => Deed::Readdress {
                module: names.process_name(*process),
                network: names.network_name(*network),
                address: address.value(),
            },
            Fault::ClockRate(id, rate) => Deed::Clock {
                machine: names.machine_name(*id),
                drift_ppb: rate.drift_ppb,
                beyond_bound: rate.is_beyond_bound,
            },
            Fault::Order(id, order) => Deed::Order {
                module: names.process_name(*id),
                order: OrderName::of(*order),
            },
            other => unreachable!("{other:?} has no details"),
        }
    }

    /// The fault in a world.
    pub(super) fn to_fault(&self, names: &Names<'_>) -> Result<Fault, Misnamed> {
        Ok(match self {
            Deed::Crash(machine) => Fault::Crash(names.machine(machine)?),
            Deed::Kill(module) => Fault::Kill(names.process(module)?),
            Deed::PowerOff(device) => Fault::DevicePowerLoss(names.device(device)?),
            Deed::Boot(module) => Fault::Boot(names.process(module)?),
            Deed::Pause(machine) => Fault::Pause(names.machine(machine)?),
            Deed::Resume(machine) => Fault::Resume(names.machine(machine)?),
            Deed::Cut(path) => Fault::Cut(names.path(path)?),
            Deed::Heal(path) => Fault::Heal(names.path(path)?),
            Deed::TakeAway(device) => Fault::DeviceGone(names.device(device)?),
            Deed::BringBack { device, content } => {
                let returns = match content {
                    Content::Intact => Return::Intact,
                    Content::Blank => Return::Blank,
                    Content::Stale => Return::Stale,
                };
                Fault::DeviceReturns(names.device(device)?, returns)
            }
            Deed::Damage {
                device,
                page,
                becomes,
            } => Fault::Damage {
                device: names.device(device)?,
                page: PageIndex(*page),
                damage: match becomes {
                    Becomes::Unreadable => Damage::Unreadable,
                    Becomes::Rotten => Damage::Rot,
                },
            },
            Deed::Stall(device) => Fault::DeviceStalls(names.device(device)?),
            Deed::GoOn(device) => Fault::DeviceGoesOn(names.device(device)?),
            Deed::MakeRoom(device) => Fault::DeviceHasRoom(names.device(device)?),
            Deed::Remember(device) => Fault::Remember(names.device(device)?),
            Deed::Swap([one, other]) => Fault::Swap([names.device(one)?, names.device(other)?]),
            Deed::Clog(path) => Fault::Clog(names.path(path)?),
            Deed::Release(path) => Fault::Release(names.path(path)?),
            Deed::Unlimit(path) => Fault::Unlimit(names.path(path)?),
            detailed => return detailed.to_detailed(names),
        })
    }

    fn to_detailed(&self, names: &Names<'_>) -> Result<Fault, Misnamed> {
        let range = |[start, count]: [u64; 2]| PageRange {
            start: PageIndex(start),
            count,
        };
        Ok(match self {
            Deed::DevicePace { device, pace } => {
                Fault::DevicePace(names.device(device)?, pace.to_pace())
            }
            Deed::CpuPace { machine, pace } => {
                Fault::CpuPace(names.machine(machine)?, pace.to_pace())
            }
            Deed::FillUp { device, pages } => {
                Fault::DeviceFull(names.device(device)?, range(*pages))
            }
            Deed::Restore { device, pages } => Fault::Restore(names.device(device)?, range(*pages)),
            Deed::CutKind { path, kind } => Fault::CutKind(names.path(path)?, names.kind(kind)?),
            Deed::HealKind { path, kind } => Fault::HealKind(names.path(path)?, names.kind(kind)?),
            Deed::Limit { path, carries } => Fault::Limit(names.path(path)?, carries.to_limit()),
            Deed::Readdress {
                module,
                network,
                address,
            } => Fault::Readdress {
                process: names.process(module)?,
                network: names.network(network)?,
                address: Address::new(*address),
            },
            Deed::Clock {
                machine,
                drift_ppb,
                beyond_bound,
            } => {
                let rate = ClockRate {
                    drift_ppb: *drift_ppb,
                    is_beyond_bound: *beyond_bound,
                };
                Fault::ClockRate(names.machine(machine)?, rate)
            }
            Deed::Order { module, order } => {
                Fault::Order(names.process(module)?, order.order().kind())
            }
            other => unreachable!("{other:?} has no details"),
        })
    }
}

impl PaceForm {
    fn of(pace: Pace) -> Self {
        let Pace { factor, extra } = pace;
        PaceForm { factor, extra }
    }

    /// A device that takes no time is none.
    fn to_pace(self) -> Pace {
        Pace {
            factor: self.factor.max(1),
            extra: self.extra,
        }
    }
}

impl LimitForm {
    fn of(limit: PathLimit) -> Self {
        LimitForm {
            bytes_per_second: limit.bandwidth.map(|it| it.bytes_per_second),
            queue_bytes: limit
                .bandwidth
                .map(|it| it.queue_bytes)
                .filter(|it| *it != u64::MAX),
            mtu: limit.mtu,
        }
    }

    fn to_limit(self) -> PathLimit {
        let bandwidth = self.bytes_per_second.map(|bytes_per_second| Bandwidth {
            bytes_per_second: bytes_per_second.max(1),
            queue_bytes: self.queue_bytes.unwrap_or(u64::MAX),
        });
        PathLimit {
            bandwidth,
            mtu: self.mtu,
        }
    }
}

//! How long hardware takes: the model behind every latency.
//!
//! A service time is a distribution plus a cost for each page or KiB. Values and
//! their sources are with the profiles of the `scenarios` crate.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{Input, IoRequest};
use stormglass_engine::time::Duration;

use crate::random::{Exponential, Lognormal, Sample};

/// A span that hardware takes, drawn anew each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Latency {
    /// Always the same.
    Constant(Duration),
    /// Scattered as flash and networks scatter.
    Lognormal(Lognormal),
    /// A floor and an exponential tail above it.
    Jitter {
        /// The shortest.
        floor: Duration,
        /// What comes on top.
        above: Exponential,
    },
}

impl Latency {
    /// No time at all.
    pub const NONE: Latency = Latency::Constant(Duration::ZERO);

    /// The span that belongs to a sample.
    #[inline]
    pub fn span(self, sample: Sample) -> Duration {
        match self {
            Latency::Constant(span) => span,
            Latency::Lognormal(lognormal) => lognormal.span(sample),
            Latency::Jitter { floor, above } => floor.plus(above.span(sample)),
        }
    }
}

/// Service times of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeviceService {
    /// Reads.
    pub read: Latency,
    /// Writes into the volatile cache.
    pub write: Latency,
    /// Writes with force unit access.
    pub forced_write: Latency,
    /// Flushes.
    pub flush: Latency,
    /// Questions for the reservation.
    pub reservation: Latency,
    /// Preempt and abort.
    pub preempt: Latency,
    /// On top, for each page behind the first.
    pub per_page: Duration,
}

impl DeviceService {
    /// A device that takes no time.
    pub const INSTANT: DeviceService = DeviceService {
        read: Latency::NONE,
        write: Latency::NONE,
        forced_write: Latency::NONE,
        flush: Latency::NONE,
        reservation: Latency::NONE,
        preempt: Latency::NONE,
        per_page: Duration::ZERO,
    };

    /// How long a command takes.
    pub fn span(&self, request: &IoRequest, sample: Sample) -> Duration {
        use stormglass_engine::contract::Persistence;
        let (latency, pages) = match request {
            IoRequest::Read { count, .. } => (self.read, u64::from(*count)),
            IoRequest::Write {
                pages,
                persistence: Persistence::Cached,
                ..
            } => (self.write, pages.len() as u64),
            IoRequest::Write {
                pages,
                persistence: Persistence::ForceUnitAccess,
                ..
            } => (self.forced_write, pages.len() as u64),
            IoRequest::Flush => (self.flush, 1),
            IoRequest::ReadReservation => (self.reservation, 1),
            IoRequest::Preempt { .. } => (self.preempt, 1),
        };
        latency
            .span(sample)
            .plus(self.per_page.times(pages.saturating_sub(1)))
    }
}

/// How much slower than usual something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pace {
    /// Each span that many times; at least 1.
    pub factor: u32,
    /// And so much on top.
    pub extra: Duration,
}

/// A pace that is hardly ever another than the usual one: a fork copies a pointer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RarePace(Option<Box<Pace>>);

impl RarePace {
    /// The pace.
    #[inline]
    pub fn get(&self) -> Pace {
        self.0.as_deref().copied().unwrap_or(Pace::USUAL)
    }

    /// Sets it; the one before.
    pub fn set(&mut self, pace: Pace) -> Pace {
        let before = self.get();
        self.0 = (pace != Pace::USUAL).then(|| Box::new(pace));
        before
    }
}

impl Pace {
    /// No slower.
    pub const USUAL: Pace = Pace {
        factor: 1,
        extra: Duration::ZERO,
    };

    /// What becomes of a span.
    #[inline]
    pub fn of(self, span: Duration) -> Duration {
        if self == Pace::USUAL {
            return span;
        }
        span.times(u64::from(self.factor)).plus(self.extra)
    }
}

/// CPU time that a module needs before its handler runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CpuCost {
    /// For a packet.
    pub packet: Duration,
    /// On top, for each KiB of the packet.
    pub packet_kib: Duration,
    /// For a device completion.
    pub completion: Duration,
    /// For a message of a module beside it.
    pub local: Duration,
    /// For a deadline.
    pub deadline: Duration,
}

impl CpuCost {
    /// Nothing at all.
    pub const NONE: CpuCost = CpuCost {
        packet: Duration::ZERO,
        packet_kib: Duration::ZERO,
        completion: Duration::ZERO,
        local: Duration::ZERO,
        deadline: Duration::ZERO,
    };

    /// What an input costs.
    #[inline]
    pub fn of<L>(&self, input: &Input<L>) -> Duration {
        match input {
            Input::Packet(packet) => {
                let kib = packet.frame.len().div_ceil(1024) as u64;
                self.packet.plus(self.packet_kib.times(kib))
            }
            Input::Completion(_) => self.completion,
            Input::Local(_) => self.local,
            Input::Deadline => self.deadline,
        }
    }
}

//! Ping-pong, as every contender plays it.
//!
//! N pairs of nodes; one side of each keeps some messages in flight, the other
//! sends back what it gets. A message has 64 bytes and a latency of its own; each
//! message re-arms a timer of the node that gets it.

use stormglass_engine::time::Duration;
use stormglass_sim::random::{Draw, Exponential, Ratio};
use stormglass_sim::service_time::Latency;

/// Length of a message in bytes.
pub const MESSAGE_BYTES: usize = 64;
/// After that long without a message, a node sends again what it awaits.
pub const TIMEOUT: Duration = Duration::from_millis(3);
/// One way between two nodes.
pub const LATENCY: Latency = Latency::Jitter {
    floor: Duration::from_micros(50),
    above: Exponential {
        mean: Duration::from_micros(50),
        cap: Duration::from_micros(900),
    },
};
/// CPU time of a message, where it is charged.
pub const CPU_TIME: Duration = Duration::from_micros(1);
/// A device's time for one write.
pub const WRITE_LATENCY: Latency = Latency::Jitter {
    floor: Duration::from_micros(80),
    above: Exponential {
        mean: Duration::from_micros(20),
        cap: Duration::from_micros(900),
    },
};
/// Pages of each device.
pub const PAGES: u64 = 1024;

/// A size of the game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Pairs of nodes.
    pub pairs: u32,
    /// Messages in flight of each pair.
    pub in_flight: u16,
    /// What is done for each message beyond passing it on.
    pub extra: Extra,
}

/// What a message costs beside its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Nothing: one event a message.
    Nothing,
    /// CPU time before the handler runs: two events a message.
    CpuTime,
    /// The answering side writes a page before it answers: an event a write.
    Device,
}

/// How often something befalls a message: drawn for each, but so rare that it
/// does not change the workload.
pub const HARDLY_EVER: Ratio = match Ratio::new(1, u32::MAX) {
    Ok(ratio) => ratio,
    Err(_) => Ratio::NEVER,
};

/// What befalls a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Arrives,
    /// It is lost.
    Lost,
    /// It comes later.
    Delayed,
    /// It comes twice.
    Doubled,
    /// A bit of it is inverted.
    Damaged,
}

/// Draws a fate: whether anything happens, and only then what.
#[inline]
pub fn fate(draw: Draw, identity: &[u64; 4]) -> Fate {
    let sample = draw.at(identity);
    if !sample.chance(HARDLY_EVER) {
        return Fate::Arrives;
    }
    let kinds = [Fate::Lost, Fate::Delayed, Fate::Doubled, Fate::Damaged];
    kinds[sample.further(1).index(kinds.len())]
}

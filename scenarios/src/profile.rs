//! Service times: what hardware and links cost, by profile, with their sources.
//!
//! Sources are cited as `source D1` and listed in docs/timing.md, which says for
//! each where the figure comes from and which are choices of ours.

use stormglass_engine::time::Duration;
use stormglass_sim::random::{Exponential, Lognormal};
use stormglass_sim::service_time::{CpuCost, DeviceService, Latency};

use crate::file::{DeviceKind, DeviceTimes, LinkTimes, NetworkName, Profile};

const fn micros(count: u64) -> Duration {
    Duration::from_micros(count)
}

/// Log-normal around a median, cut at twenty times the median.
const fn scattered(median: Duration, sigma_milli: u32) -> Latency {
    Latency::Lognormal(Lognormal {
        median,
        sigma_milli,
        cap: median.times(20),
    })
}

const fn jittered(floor: Duration, mean: Duration, cap: Duration) -> Latency {
    Latency::Jitter {
        floor,
        above: Exponential { mean, cap },
    }
}

/// A device's service times: persistent memory for the journal (source D8), data
/// centre flash for the data (sources D1, D3, D4), reservations as source D9.
pub fn device(kind: DeviceKind, times: Option<&DeviceTimes>) -> DeviceService {
    let reservation = scattered(Duration::from_millis(1), 500);
    let preempt = scattered(Duration::from_millis(5), 800);
    let service = match kind {
        DeviceKind::Journal => DeviceService {
            read: scattered(micros(2), 300),
            write: scattered(micros(2), 300),
            forced_write: scattered(micros(4), 300),
            flush: scattered(micros(2), 300),
            reservation,
            preempt,
            per_page: micros(2),
        },
        DeviceKind::Data => DeviceService {
            read: scattered(micros(76), 100),
            write: scattered(micros(15), 300),
            forced_write: scattered(micros(40), 400),
            flush: scattered(micros(25), 400),
            reservation,
            preempt,
            per_page: micros(2),
        },
    };
    match times {
        None => service,
        Some(times) => {
            let or = |given: Option<Duration>, latency| given.map_or(latency, Latency::Constant);
            DeviceService {
                read: or(times.read, service.read),
                write: or(times.write, service.write),
                forced_write: or(times.write, service.forced_write),
                flush: or(times.flush, service.flush),
                ..service
            }
        }
    }
}

/// The mediator's device: flash like that of the data devices.
pub fn mediator_device() -> DeviceService {
    device(DeviceKind::Data, None)
}

/// A network's one-way latency and its cost for each KiB.
pub fn link(
    profile: Profile,
    network: NetworkName,
    times: Option<&LinkTimes>,
) -> (Latency, Duration) {
    // Source N5 for the local network, N7 and N11 for the distance.
    let local = (scattered(micros(30), 500), Duration::from_nanos(330));
    let (latency, per_kib) = match (network, profile) {
        (NetworkName::Client, _) | (NetworkName::InterCluster, Profile::Rack) => local,
        // Sources N2 and N3: 4 KiB by RDMA over a hop.
        (NetworkName::Interconnect, _) => (scattered(micros(3), 300), Duration::from_nanos(330)),
        // Source N12: a third site is farther than the second.
        (NetworkName::Mediator, profile) => {
            let one_way = match profile {
                Profile::Rack => micros(500),
                Profile::Metro => Duration::from_millis(10),
                Profile::Wan => Duration::from_millis(35),
            };
            let jitter = one_way.divided_by(20);
            let latency = jittered(one_way, jitter, one_way.divided_by(2));
            (latency, Duration::from_nanos(8_250))
        }
        (NetworkName::InterCluster, Profile::Metro) => (
            jittered(micros(550), micros(50), micros(1_500)),
            Duration::from_nanos(825),
        ),
        (NetworkName::InterCluster, Profile::Wan) => (
            jittered(
                Duration::from_millis(33),
                Duration::from_millis(1),
                Duration::from_millis(20),
            ),
            Duration::from_nanos(8_250),
        ),
    };
    let Some(times) = times else {
        return (latency, per_kib);
    };
    let latency = match (times.latency, times.jitter) {
        (None, None) => latency,
        (floor, jitter) => {
            let floor = floor.unwrap_or(match latency {
                Latency::Constant(span) => span,
                Latency::Lognormal(lognormal) => lognormal.median,
                Latency::Jitter { floor, .. } => floor,
            });
            match jitter {
                None | Some(Duration::ZERO) => Latency::Constant(floor),
                Some(cap) => jittered(floor, cap.divided_by(4), cap),
            }
        }
    };
    (latency, per_kib)
}

/// CPU time of a node's module: sources C1 to C3; the rest is a choice.
pub const NODE_CPU: CpuCost = CpuCost {
    packet: micros(20),
    packet_kib: Duration::from_nanos(160),
    completion: micros(2),
    local: micros(2),
    deadline: micros(1),
};

/// Clients are there to load the cluster, not to be measured.
pub const CLIENT_CPU: CpuCost = CpuCost {
    packet: Duration::ZERO,
    packet_kib: Duration::ZERO,
    completion: Duration::ZERO,
    local: Duration::ZERO,
    deadline: Duration::ZERO,
};

/// Largest drift of a clock either way, in parts per billion: 50 ppm (source K1).
pub const DRIFT_PPB: u32 = 50_000;

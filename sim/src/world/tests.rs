//! Tests of the world. `ping_pong` runs whole worlds under weather; the others
//! play small scripts and look at single events.

mod behaviour;
mod delivery;
mod determinism;
mod io;
mod labels;
mod pace;
mod path;
mod ping_pong;
mod power;
mod script;
mod time;
mod trouble;
mod weather;

use stormglass_engine::time::Duration;

use crate::network::NetworkSpec;
use crate::service_time::Latency;
use crate::time::WorldTime;

const fn at(micros: u64) -> WorldTime {
    WorldTime::from_nanos(micros * 1_000)
}

fn network(latency: Latency) -> NetworkSpec {
    NetworkSpec {
        name: "wire".to_owned(),
        latency,
        per_kib: Duration::ZERO,
    }
}

const fn micros(count: u64) -> Latency {
    Latency::Constant(Duration::from_micros(count))
}

//! What the difference of two snapshots would cost: computed, not run.
//!
//! Both sides read all their header pages at the same time, the mirror's cross the link,
//! and the blocks whose versions differ are copied as the engine copies regions: one
//! transfer at a time, of as many blocks as a region has. Each step takes its median, or
//! floor and mean, of docs/timing.md; no CPU, no client and no pause is in the way, so a
//! real one would take longer. Refuses to know where the changed blocks lie.

use stormglass_engine::contract::PAGE_BYTES;
use stormglass_engine::time::Duration;
use stormglass_sim::service_time::Latency;

use crate::file::{DeviceKind, NetworkName, Scenario};
use crate::profile;

/// Bytes and time.
pub(super) struct Cost {
    pub(super) bytes: u64,
    pub(super) time: Duration,
}

/// What it costs to make so many changed blocks equal.
pub(super) fn cost(scenario: &Scenario, changed: u64) -> Cost {
    let geometry = scenario.topology.geometry();
    let data = profile::device(DeviceKind::Data, None);
    let journal = profile::device(DeviceKind::Journal, None);
    let (one_way, per_kib) =
        profile::link(scenario.topology.profile, NetworkName::InterCluster, None);
    let page_kib = PAGE_BYTES as u64 / 1_024;
    let sent = |pages: u64| typical(one_way).plus(per_kib.times(pages * page_kib));
    let forced = |pages: u64| {
        let further = journal.per_page.times(pages - 1);
        typical(journal.forced_write).plus(further)
    };
    let read = |pages: u64| typical(data.read).plus(data.per_page.times(pages - 1));

    let headers = geometry.header_pages();
    let found = read(headers).plus(sent(headers));
    // Read, sent, recorded by the mirror behind a head, acknowledged, recorded here.
    let transfer = |blocks: u64| {
        let there = read(blocks).plus(sent(blocks)).plus(forced(blocks + 1));
        there.plus(sent(0)).plus(forced(1))
    };
    let (whole, rest) = (
        changed / geometry.region_blocks,
        changed % geometry.region_blocks,
    );
    let copied = transfer(geometry.region_blocks).times(whole);
    let last = match rest {
        0 => Duration::ZERO,
        blocks => transfer(blocks),
    };
    Cost {
        bytes: (changed + headers) * PAGE_BYTES as u64,
        time: found.plus(copied).plus(last),
    }
}

/// Its median; its floor and mean where it is a jitter.
fn typical(latency: Latency) -> Duration {
    match latency {
        Latency::Constant(span) => span,
        Latency::Lognormal(lognormal) => lognormal.median,
        Latency::Jitter { floor, above } => floor.plus(above.mean),
    }
}

//! What befalls single device commands. Each draws its fate from its own name.
//!
//! Writes that are lost or go astray meet blocks on the data device of one cluster, so
//! that the other copy is good; what they may do to journals and headers is no weather,
//! for the engine detects it at best: see docs/faults.md.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{IoRequest, PageIndex};
use stormglass_engine::storage_set::layout::Geometry;
use stormglass_engine::time::Duration;
use stormglass_engine::vocabulary::BlockIndex;
use stormglass_sim::choose::{IoDeparture, IoFate};
use stormglass_sim::device::IoEffect;
use stormglass_sim::random::{Draw, Ratio, Sample, Seed};
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::DeviceIndex;

use super::{draw, recurring};
use crate::cluster;
use crate::file::{Cluster, DeviceName, NodeName, Scenario, SilentMailbox};

/// How often what befalls a device command, as a seed drew it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IoStrength {
    /// Commands that take longer.
    pub slow: Ratio,
    /// By how much at most.
    pub slow_max: Duration,
    /// Commands that fail once.
    pub error: Ratio,
    /// Flushes that fail.
    pub failed_flush: Ratio,
    /// Writes that are never stored.
    pub lost_write: Ratio,
    /// Writes that are stored elsewhere.
    pub misdirected_write: Ratio,
    /// Flushes that do nothing.
    pub lying_flush: Ratio,
}

impl IoStrength {
    /// True if nothing befalls any command.
    pub(super) fn is_never(&self) -> bool {
        [
            self.slow,
            self.error,
            self.failed_flush,
            self.lost_write,
            self.misdirected_write,
            self.lying_flush,
        ]
        .into_iter()
        .all(Ratio::is_never)
    }

    /// The same, thicker.
    pub(super) fn hastened(self, factor: u32) -> Self {
        let thick = |ratio| draw::hastened(ratio, factor);
        IoStrength {
            slow: thick(self.slow),
            slow_max: self.slow_max,
            error: thick(self.error),
            failed_flush: thick(self.failed_flush),
            lost_write: thick(self.lost_write),
            misdirected_write: thick(self.misdirected_write),
            lying_flush: thick(self.lying_flush),
        }
    }
}

/// Draws the fates of device commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Defects {
    draw: Draw,
    /// Where writes are lost and go astray.
    damaged: Arc<[DeviceIndex]>,
    /// Devices that are flushed.
    data: Arc<[DeviceIndex]>,
    geometry: Geometry,
    silent: Option<Silent>,
}

/// A place in a mailbox where nothing is written for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Silent {
    device: DeviceIndex,
    page: PageIndex,
    from: WorldTime,
    until: WorldTime,
}

impl Silent {
    fn new(asked: SilentMailbox, geometry: &Geometry, start: WorldTime) -> Self {
        let NodeName { cluster, number } = asked.node;
        let [device, _] = DeviceName::of_set(cluster, asked.node.pair()).map(cluster::device);
        let rank = u64::from((number - 1) % 2);
        let from = start.after(asked.at);
        Silent {
            device,
            page: geometry.mailbox_slot(rank),
            from,
            until: from.after(asked.lasts),
        }
    }

    /// How long a command has to wait.
    fn span(&self, command: &IoDeparture) -> Duration {
        let is_its_own = match &command.submission.request {
            IoRequest::Write { start, .. } => {
                command.name.device == self.device && *start == self.page
            }
            IoRequest::Read { .. }
            | IoRequest::Flush
            | IoRequest::ReadReservation
            | IoRequest::Preempt { .. } => false,
        };
        match is_its_own && self.from <= command.at {
            true => self.until.since(command.at),
            false => Duration::ZERO,
        }
    }
}

impl Defects {
    pub(super) fn new(scenario: &Scenario, seed: Seed, start: WorldTime) -> Self {
        let data = |cluster, pair| {
            let [_, data] = DeviceName::of_set(cluster, pair).map(cluster::device);
            data
        };
        let pairs = || scenario.topology.pairs();
        let both = |pair| Cluster::ALL.map(|cluster| data(cluster, pair));
        Defects {
            draw: seed.draw(0, "device command faults"),
            damaged: pairs()
                .map(|pair| data(recurring::damaged(pair, seed), pair))
                .collect(),
            data: pairs().flat_map(both).collect(),
            geometry: scenario.topology.geometry(),
            silent: scenario
                .weather
                .io
                .mailbox
                .map(|asked| Silent::new(asked, &scenario.topology.geometry(), start)),
        }
    }

    /// True if a place in a mailbox is silent at some time.
    pub(super) fn silences(&self) -> bool {
        self.silent.is_some()
    }

    /// What befalls a command.
    pub(super) fn fate(&self, command: &IoDeparture, strength: &IoStrength) -> IoFate {
        let [place, incarnation, io] = command.name.identity(1);
        let sample = self.draw.at(&[place, incarnation, io, 0]);
        let slow = match sample.further(1).chance(strength.slow) {
            true => sample.further(2).below(strength.slow_max.as_nanos().max(1)) + 1,
            false => 0,
        };
        let silent = self.silent.map_or(Duration::ZERO, |it| it.span(command));
        IoFate {
            slow: Duration::from_nanos(slow).plus(silent),
            effect: self.effect(command, strength, sample),
        }
    }

    fn effect(&self, command: &IoDeparture, strength: &IoStrength, sample: Sample) -> IoEffect {
        if sample.further(3).chance(strength.error) {
            return IoEffect::Error;
        }
        let device = command.name.device;
        match &command.submission.request {
            IoRequest::Flush if self.data.contains(&device) => {
                if sample.further(4).chance(strength.failed_flush) {
                    return IoEffect::FlushFails;
                }
                match sample.further(8).chance(strength.lying_flush) {
                    true => IoEffect::FlushLies,
                    false => IoEffect::Sound,
                }
            }
            IoRequest::Write { start, pages, .. }
                if self.damaged.contains(&device) && *start >= self.first_block() =>
            {
                if sample.further(5).chance(strength.lost_write) {
                    return IoEffect::Lost;
                }
                match sample.further(6).chance(strength.misdirected_write) {
                    true => self.astray(*start, pages.len() as u64, sample.further(7)),
                    false => IoEffect::Sound,
                }
            }
            _ => IoEffect::Sound,
        }
    }

    fn first_block(&self) -> PageIndex {
        self.geometry.data_page(BlockIndex::new(0))
    }

    /// Over other blocks, where there is room for it.
    fn astray(&self, start: PageIndex, count: u64, sample: Sample) -> IoEffect {
        let first = self.first_block().0;
        let Some(places) = self.geometry.blocks.checked_sub(count) else {
            return IoEffect::Sound;
        };
        let page = first + sample.below(places + 1);
        let is_apart = page + count <= start.0 || start.0 + count <= page;
        match is_apart {
            true => IoEffect::Misdirected(PageIndex(page)),
            false => IoEffect::Sound,
        }
    }
}

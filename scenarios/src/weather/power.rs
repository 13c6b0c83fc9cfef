//! What a loss of power leaves, drawn. Each question names what it is about, and the
//! number of the loss: the same page meets another fate in the next.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::PageIndex;
use stormglass_sim::device::{CommandFate, PageFate};
use stormglass_sim::occurrence::IoName;
use stormglass_sim::random::{Draw, Sample, Seed};
use stormglass_sim::world::DeviceIndex;

/// Draws what losses of power leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Power {
    draw: Draw,
    /// The number of the loss that happened last; 0 before the first.
    loss: u64,
}

impl Power {
    /// Of a seed, before the first loss.
    pub fn new(seed: Seed) -> Self {
        Power {
            draw: seed.draw(0, "power loss"),
            loss: 0,
        }
    }

    /// The number of the loss that happened last.
    pub fn loss(&self) -> u64 {
        self.loss
    }

    /// A loss is about to happen.
    pub fn begin(&mut self, number: u64) {
        self.loss = number;
    }

    /// A question about a command that a loss found in a queue.
    fn queued(&self, name: &IoName, question: u16) -> Sample {
        let [place, incarnation, io] = name.identity(question);
        self.draw.at(&[place, incarnation, io, self.loss])
    }

    /// What becomes of a queued write or preempt.
    pub fn torn_command(&self, name: &IoName) -> CommandFate {
        match self.queued(name, 1).below(3) {
            0 => CommandFate::Absent,
            1 => CommandFate::Torn,
            _ => CommandFate::Whole,
        }
    }

    /// What becomes of a page with so many possible contents.
    pub fn torn_page(&self, device: DeviceIndex, page: PageIndex, versions: usize) -> PageFate {
        let sample = self.draw.at(&[2, u64::from(device.0), page.0, self.loss]);
        if sample.below(4) == 0 {
            return PageFate::Torn;
        }
        PageFate::Version(sample.further(1).index(versions))
    }

    /// Which version stands in a sector of a torn page.
    pub fn torn_sector(
        &self,
        device: DeviceIndex,
        page: PageIndex,
        sector: usize,
        versions: usize,
    ) -> usize {
        let place = u64::from(device.0) << 8 | sector as u64;
        let sample = self.draw.at(&[3, place, page.0, self.loss]);
        sample.index(versions)
    }

    /// Whether a command executes whose machine lost power.
    pub fn executes(&self, name: &IoName) -> bool {
        self.queued(name, 4).below(2) == 0
    }
}

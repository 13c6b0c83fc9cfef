//! Weather: faults that each seed draws.
//!
//! A seed draws once how strong each kind is (swarm); then each message draws its
//! fate from its own identity, so that leaving one message out re-rolls no other.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{PageIndex, Submission};
use stormglass_engine::time::Duration;
use stormglass_sim::choose::{Choose, Departure, PacketFate};
use stormglass_sim::device::{CommandFate, CommandNumber, PageFate};
use stormglass_sim::network::identity;
use stormglass_sim::random::{Draw, Ratio, Sample, Seed};
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::DeviceIndex;

use crate::file::{Rate, Scenario};

/// The strength of each kind of message fault, as this seed drew it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strength {
    /// Messages lost.
    pub loss: Ratio,
    /// Messages doubled.
    pub duplicate: Ratio,
    /// Messages delayed.
    pub delay: Ratio,
    /// Longest such delay.
    pub delay_max: Duration,
    /// Messages corrupted.
    pub corrupt: Ratio,
}

/// A run's weather.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weather {
    strength: Strength,
    /// From then on it is calm.
    until: WorldTime,
    packets: Draw,
    power: Draw,
    /// Power losses so far: the same page meets another fate in the next.
    power_losses: u64,
}

/// Longest time by which the second copy of a message follows, so that copies
/// arrive after later messages and after retries.
const DUPLICATE_LATE_MAX: Duration = Duration::from_millis(400);

/// Finest step between the ends of a drawn rate.
const STEPS: u64 = 1_000;

impl Weather {
    /// Draws a seed's weather.
    pub fn new(scenario: &Scenario, seed: Seed, start: WorldTime) -> Self {
        let swarm = seed.draw(0, "weather strength");
        let asked = &scenario.weather;
        let drawn = |kind: u64, rate: Rate| draw_rate(rate, swarm.at(&[kind, 0, 0, 0]));
        Weather {
            strength: Strength {
                loss: drawn(1, asked.loss),
                duplicate: drawn(2, asked.duplicate),
                delay: drawn(3, asked.delay.ratio),
                delay_max: asked.delay.max,
                corrupt: drawn(4, asked.corrupt),
            },
            until: start.after(asked.until),
            packets: seed.draw(0, "message faults"),
            power: seed.draw(0, "power loss"),
            power_losses: 0,
        }
    }

    /// A power loss is about to happen.
    pub fn begin_power_loss(&mut self) {
        self.power_losses += 1;
    }

    /// What this seed drew.
    pub fn strength(&self) -> Strength {
        self.strength
    }
    /// When calm sets in.
    pub fn until(&self) -> WorldTime {
        self.until
    }
}

/// A rate between its ends, by a sample.
fn draw_rate(rate: Rate, sample: Sample) -> Ratio {
    let share =
        |ratio: Ratio| u64::from(ratio.numerator()) * 1_000_000 / u64::from(ratio.denominator());
    let (least, most) = (share(rate.low), share(rate.high));
    let drawn = least + (most - least) * sample.below(STEPS + 1) / STEPS;
    let millionths = u32::try_from(drawn).expect("a ratio in millionths");
    Ratio::new(millionths, 1_000_000).expect("no rate is above one")
}

impl Choose for Weather {
    fn packet(&mut self, departure: &Departure) -> PacketFate {
        if departure.at >= self.until {
            return PacketFate::default();
        }
        let sample = self
            .packets
            .at(&identity(departure.from, departure.to, &departure.label));
        let strength = self.strength;
        let span = |index: u64, longest: Duration| {
            Duration::from_nanos(sample.further(index).below(longest.as_nanos().max(1)) + 1)
        };
        PacketFate {
            is_lost: sample.further(1).chance(strength.loss),
            duplicate: sample
                .further(2)
                .chance(strength.duplicate)
                .then(|| span(3, DUPLICATE_LATE_MAX)),
            delay: if sample.further(4).chance(strength.delay) {
                span(5, strength.delay_max)
            } else {
                Duration::ZERO
            },
            flipped_bit: sample
                .further(6)
                .chance(strength.corrupt)
                .then(|| sample.further(7).bits()),
        }
    }

    fn torn_command(
        &mut self,
        device: DeviceIndex,
        number: CommandNumber,
        _: &Submission,
    ) -> CommandFate {
        match self
            .power
            .at(&[1, u64::from(device.0), number.0, self.power_losses])
            .below(3)
        {
            0 => CommandFate::Absent,
            1 => CommandFate::Torn,
            _ => CommandFate::Whole,
        }
    }

    fn torn_page(&mut self, device: DeviceIndex, page: PageIndex, versions: usize) -> PageFate {
        let sample = self
            .power
            .at(&[2, u64::from(device.0), page.0, self.power_losses]);
        if sample.below(4) == 0 {
            return PageFate::Torn;
        }
        PageFate::Version(sample.further(1).index(versions))
    }

    fn torn_sector(
        &mut self,
        device: DeviceIndex,
        page: PageIndex,
        sector: usize,
        versions: usize,
    ) -> usize {
        let place = u64::from(device.0) << 8 | sector as u64;
        self.power
            .at(&[3, place, page.0, self.power_losses])
            .index(versions)
    }

    fn executes(&mut self, device: DeviceIndex, number: CommandNumber) -> bool {
        self.power
            .at(&[4, u64::from(device.0), number.0, self.power_losses])
            .below(2)
            == 0
    }
}

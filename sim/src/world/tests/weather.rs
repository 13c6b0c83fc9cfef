//! Weather for tests: each answer drawn by the identity of what it is about.

use stormglass_engine::contract::{PageIndex, Submission};
use stormglass_engine::time::Duration;

use crate::choose::{Choose, Copies, Departure, IoDeparture, IoFate, PacketFate};
use crate::device::{CommandFate, IoEffect, PageFate};
use crate::network::identity;
use crate::occurrence::IoName;
use crate::random::{Draw, Ratio, Seed};
use crate::world::DeviceIndex;

#[derive(Clone, Debug)]
pub(super) struct Weather {
    draw: Draw,
    pub(super) loss: Ratio,
    pub(super) rest: Ratio,
}

impl Weather {
    pub(super) fn stormy(seed: u64) -> Self {
        Weather {
            draw: Seed(seed).draw(0, "weather"),
            loss: ratio(1, 10),
            rest: ratio(1, 10),
        }
    }

    /// Loses packets and does nothing else.
    pub(super) fn lossy(seed: u64, loss: Ratio) -> Self {
        Weather {
            loss,
            rest: Ratio::NEVER,
            ..Weather::stormy(seed)
        }
    }

    fn of(&self, device: DeviceIndex, what: u64, which: u64) -> u64 {
        self.draw.at(&[u64::from(device.0), what, which, 1]).bits()
    }

    fn about(&self, name: &IoName, question: u16) -> u64 {
        let [place, incarnation, io] = name.identity(question);
        self.draw.at(&[place, incarnation, io, 2]).bits()
    }
}

pub(super) fn ratio(numerator: u32, denominator: u32) -> Ratio {
    Ratio::new(numerator, denominator).expect("a ratio")
}

impl Choose for Weather {
    fn packet(&mut self, departure: &Departure) -> PacketFate {
        let identity = identity(departure.from, departure.to, &departure.label);
        let sample = self.draw.at(&identity);
        let rest = |index| sample.further(index).chance(self.rest);
        let some_time = Duration::from_micros(sample.further(9).below(300));
        PacketFate {
            is_lost: sample.chance(self.loss),
            delay: if rest(1) { some_time } else { Duration::ZERO },
            duplicate: rest(2).then_some(some_time),
            flipped_bit: rest(3).then_some(sample.bits()),
            copies: Copies {
                count: u16::from(rest(4)) * 3,
                apart: some_time,
            },
        }
    }
    fn io(&mut self, departure: &IoDeparture) -> IoFate {
        let [place, incarnation, io] = departure.name.identity(5);
        let sample = self.draw.at(&[place, incarnation, io, 2]);
        let page = PageIndex(sample.further(1).below(64));
        let effects = [
            IoEffect::Lost,
            IoEffect::Misdirected(page),
            IoEffect::Error,
            IoEffect::FlushLies,
            IoEffect::FlushFails,
        ];
        if !sample.chance(self.rest) {
            return IoFate::default();
        }
        IoFate {
            slow: Duration::from_micros(sample.further(2).below(300)),
            effect: effects[sample.further(3).index(effects.len())],
        }
    }
    fn torn_command(&mut self, name: &IoName, _: &Submission) -> CommandFate {
        match self.about(name, 0) % 3 {
            0 => CommandFate::Absent,
            1 => CommandFate::Torn,
            _ => CommandFate::Whole,
        }
    }
    fn torn_page(&mut self, device: DeviceIndex, page: PageIndex, versions: usize) -> PageFate {
        let choice = self.of(device, 1, page.0);
        if choice.is_multiple_of(3) {
            PageFate::Torn
        } else {
            PageFate::Version(usize::from(choice.is_multiple_of(2)) * (versions - 1))
        }
    }
    fn torn_sector(
        &mut self,
        device: DeviceIndex,
        page: PageIndex,
        sector: usize,
        versions: usize,
    ) -> usize {
        let choice = self.of(device, 2 + page.0, sector as u64);
        usize::from(choice.is_multiple_of(2)) * (versions - 1)
    }
    fn executes(&mut self, name: &IoName) -> bool {
        self.about(name, 3).is_multiple_of(2)
    }
}

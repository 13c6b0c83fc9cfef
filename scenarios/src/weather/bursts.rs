//! Bursts: times of a seed in which faults come thicker, so that two of them meet.

use serde::{Deserialize, Serialize};
use stormglass_engine::time::Duration;
use stormglass_sim::random::Draw;
use stormglass_sim::time::WorldTime;

use super::draw;
use crate::file::Burst;

/// Bursts of a storm at most.
const BURSTS_MAX: u64 = 10_000;

/// The bursts of a seed, in order and apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bursts {
    windows: Vec<(WorldTime, WorldTime)>,
    factor: u32,
}

impl Bursts {
    /// Draws them, from `start` up to `until`.
    pub(super) fn new(
        asked: Option<Burst>,
        draw: Draw,
        start: WorldTime,
        until: WorldTime,
    ) -> Self {
        let Some(burst) = asked else {
            return Bursts {
                windows: Vec::new(),
                factor: 1,
            };
        };
        let mean = draw::duration(burst.every, draw.at(&[0, 0, 0, 0]));
        let mut windows = Vec::new();
        let mut end = start;
        for number in 1..=BURSTS_MAX {
            let sample = draw.at(&[number, 0, 0, 0]);
            let begin = end.after(draw::gap(mean, sample.further(1)));
            if begin >= until {
                break;
            }
            end = begin.after(draw::duration(burst.lasts, sample.further(2)));
            windows.push((begin, end));
        }
        Bursts {
            windows,
            factor: burst.factor,
        }
    }

    /// No bursts.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Bursts::new(
            None,
            stormglass_sim::random::Seed(0).draw(0, ""),
            WorldTime::ZERO,
            WorldTime::ZERO,
        )
    }

    /// True inside a burst.
    pub(super) fn is_on(&self, at: WorldTime) -> bool {
        let begun = self.windows.partition_point(|(begin, _)| *begin <= at);
        begun > 0 && at < self.windows[begun - 1].1
    }

    /// How many times as often faults happen in one.
    pub(super) fn factor(&self) -> u32 {
        self.factor
    }

    /// The instant by which `gap` has passed, where it passes faster inside bursts.
    pub(super) fn pass(&self, from: WorldTime, gap: Duration) -> WorldTime {
        let (mut at, mut left) = (from, gap.as_nanos());
        let factor = u64::from(self.factor);
        for (begin, end) in self.windows.iter().filter(|(_, end)| *end > from) {
            let slow = begin.as_nanos().saturating_sub(at.as_nanos());
            if left <= slow {
                break;
            }
            left -= slow;
            at = at.max(*begin);
            let fast = end.since(at).as_nanos().saturating_mul(factor);
            if left <= fast {
                return at.after(Duration::from_nanos(left / factor));
            }
            left -= fast;
            at = *end;
        }
        at.after(Duration::from_nanos(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> WorldTime {
        WorldTime::ZERO.after(Duration::from_millis(milliseconds))
    }

    fn bursts() -> Bursts {
        Bursts {
            windows: vec![(at(100), at(200)), (at(400), at(500))],
            factor: 4,
        }
    }

    #[test]
    fn a_gap_passes_faster_inside_bursts() {
        for (from, gap, expected) in [
            (0, 50, 50),
            (0, 100, 100),
            (0, 140, 110),
            (150, 40, 160),
            (150, 200, 200),
            (150, 300, 300),
            (0, 100 + 400 + 200 + 40, 410),
            (600, 70, 670),
        ] {
            let passed = bursts().pass(at(from), Duration::from_millis(gap));
            assert_eq!(passed, at(expected), "{from} ms and {gap} ms");
        }
    }

    #[test]
    fn a_burst_is_on_from_its_beginning_to_before_its_end() {
        let on = |ms| bursts().is_on(at(ms));
        assert_eq!(
            [99, 100, 199, 200, 450, 500].map(on),
            [false, true, true, false, true, false]
        );
    }

    #[test]
    fn drawn_bursts_are_in_order_apart_and_begin_before_calm() {
        use crate::file::DurationRange;
        let asked = Burst {
            every: DurationRange::between(Duration::from_millis(50), Duration::from_millis(90)),
            lasts: DurationRange::fixed(Duration::from_millis(20)),
            factor: 5,
        };
        let draw = stormglass_sim::random::Seed(3).draw(0, "bursts");
        let drawn = Bursts::new(Some(asked), draw, at(10), at(2_000));
        assert!(drawn.windows.len() > 10, "{drawn:?}");
        assert!(drawn.windows.windows(2).all(|two| two[0].1 < two[1].0));
        assert!(drawn.windows.iter().all(|(begin, _)| *begin < at(2_000)));
    }
}

//! What a seed draws once and for all: a strength between its ends, a duration,
//! whether a kind is on.

use stormglass_engine::time::Duration;
use stormglass_sim::random::{Ratio, Sample};

use crate::file::{DurationRange, Rate};

/// Finest step between the ends of a drawn rate.
const STEPS: u64 = 1_000;
/// What a rate is counted in.
const MILLION: u64 = 1_000_000;

/// A rate between its ends.
pub(super) fn rate(rate: Rate, sample: Sample) -> Ratio {
    let (least, most) = (millionths(rate.low), millionths(rate.high));
    ratio(least + (most - least) * sample.below(STEPS + 1) / STEPS)
}

/// The same, so many times as often: at most every second time, so that work goes on.
pub(super) fn hastened(rate: Ratio, factor: u32) -> Ratio {
    let least = millionths(rate);
    ratio(
        least
            .saturating_mul(u64::from(factor))
            .min(MILLION / 2)
            .max(least),
    )
}

fn millionths(ratio: Ratio) -> u64 {
    u64::from(ratio.numerator()) * MILLION / u64::from(ratio.denominator())
}

fn ratio(millionths: u64) -> Ratio {
    let millionths = u32::try_from(millionths).expect("a ratio in millionths");
    Ratio::new(millionths, 1_000_000).expect("no rate is above one")
}

/// A duration between its ends, both included.
pub(super) fn duration(range: DurationRange, sample: Sample) -> Duration {
    let more = range.high.as_nanos() - range.low.as_nanos();
    Duration::from_nanos(range.low.as_nanos() + sample.below(more + 1))
}

/// A gap around a mean: from half of it to one and a half, never nothing.
pub(super) fn gap(mean: Duration, sample: Sample) -> Duration {
    let mean = mean.as_nanos();
    Duration::from_nanos((mean / 2 + sample.below(mean + 1)).max(1))
}

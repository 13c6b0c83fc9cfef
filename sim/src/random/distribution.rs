//! Spans of time that scatter like those of real hardware, in fixed point.

use serde::{Deserialize, Serialize};
use stormglass_engine::time::Duration;

use super::Sample;
use super::tables::{EXP2, LN_2, LOG2, LOG2_E, NORMAL, ONE};

/// Exponentially distributed spans: the time to the next of events that happen
/// independently of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Exponential {
    /// Their mean, were they not cut off at `cap`.
    pub mean: Duration,
    /// Longer ones are cut off to this.
    pub cap: Duration,
}

/// Log-normally distributed spans: what latencies look like, with a long tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lognormal {
    /// Half of them are shorter.
    pub median: Duration,
    /// Standard deviation of their natural logarithm, in thousandths; 0 makes
    /// each the median.
    pub sigma_milli: u32,
    /// Longer ones are cut off to this.
    pub cap: Duration,
}

impl Exponential {
    /// The span that belongs to a sample. Right to about a millionth of `mean`.
    #[inline]
    pub fn span(self, sample: Sample) -> Duration {
        // -ln(u) = ln 2 · -log2(u) for u uniform in (0, 1].
        let logarithm = u128::from(negative_log2(sample.bits())) * u128::from(LN_2);
        let span = (u128::from(self.mean.as_nanos()) * (logarithm >> 32)) >> 32;
        capped(span, self.cap)
    }
}

impl Lognormal {
    /// The span that belongs to a sample. The logarithm is right to about a
    /// thousandth of sigma; it is cut at 6.3 sigma,
    /// and the span at 2^32 medians.
    pub fn span(self, sample: Sample) -> Duration {
        let scattered = u128::from(self.sigma_milli) * u128::from(deviation(sample.bits())) / 1_000;
        let exponent = (scattered * u128::from(LOG2_E)) >> 32;
        let exponent = i128::try_from(exponent).expect("less than 2^72");
        let exponent = if sample.bits() & 1 == 0 {
            exponent
        } else {
            -exponent
        };
        // 2^exponent, split into a power of two and a rest in 0..1.
        let rest = u64::try_from(exponent & i128::from(ONE - 1)).expect("32 bits");
        let mantissa = interpolate(&EXP2, rest << 32);
        let whole = (exponent >> 32).clamp(-127, 31);
        let product = u128::from(self.median.as_nanos()) * u128::from(mantissa);
        let span = if whole < 0 {
            product >> -whole
        } else {
            product << whole
        } >> 32;
        capped(span, self.cap)
    }
}

#[inline]
fn capped(nanoseconds: u128, cap: Duration) -> Duration {
    u64::try_from(nanoseconds).map_or(cap, |span| Duration::from_nanos(span).min(cap))
}

/// `-log2(bits / 2^64)` with 32 fractional bits; zero counts as one.
#[inline]
fn negative_log2(bits: u64) -> u64 {
    let bits = bits.max(1);
    let zeros = u64::from(bits.leading_zeros());
    // The leading one and what stands before it shifted out: bits = 2^k (1 + rest).
    let rest = bits << zeros << 1;
    (zeros + 1) * ONE - interpolate(&LOG2, rest)
}

/// How far from the mean a standard normal variable lies, without its sign
/// (which is the lowest bit), with 32 fractional bits.
fn deviation(bits: u64) -> u64 {
    // 63 bits as a tail probability p in (0, 1/2]: 2^-(zeros+1) (1 + rest).
    let tail = (bits >> 1).max(1);
    let zeros = tail.leading_zeros();
    if zeros > 32 {
        return NORMAL[NORMAL.len() - 1];
    }
    // The table runs towards smaller p.
    let rest = !(tail << zeros << 1);
    let octave = usize::try_from(zeros - 1).expect("at most 31");
    let step = usize::try_from(rest >> 61).expect("3 bits");
    between(&NORMAL, octave * 8 + step, (rest << 3) >> 32)
}

/// The value of a table of 256 even steps at `position` in units of `2^-64`.
#[inline]
fn interpolate(table: &[u64; 257], position: u64) -> u64 {
    let step = usize::try_from(position >> 56).expect("8 bits");
    between(table, step, (position << 8) >> 32)
}

/// What lies between a rising table's entries `step` and `step + 1`, `rest`
/// being in units of `2^-32`.
#[inline]
fn between(table: &[u64; 257], step: usize, rest: u64) -> u64 {
    table[step] + (((table[step + 1] - table[step]) * rest) >> 32)
}

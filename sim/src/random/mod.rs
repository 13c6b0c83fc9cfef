//! Keyed randomness.
//!
//! A [`Draw`] is derived by ChaCha once for a (seed, component, purpose); each
//! decision is then a cheap mix of that key with the *identity* of what is
//! decided, never the next number of a stream. So leaving one decision out
//! re-rolls no other, and a new draw in one component disturbs none elsewhere.
//!
//! Everything here is integer arithmetic of our own, pinned by golden vectors:
//! the outcome of a run hangs on it, on every machine and for ever.

mod distribution;
mod ratio;
mod tables;
#[cfg(test)]
mod tests;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

pub use distribution::{Exponential, Lognormal};
pub use ratio::{Ratio, RatioError};

/// What a whole run is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seed(pub u64);

impl Seed {
    /// The key of one kind of decision (`purpose`) in one `component`. Costs
    /// some hundred nanoseconds: derive once and keep it.
    pub fn draw(self, component: u64, purpose: &str) -> Draw {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.0.to_le_bytes());
        key[8..16].copy_from_slice(&component.to_le_bytes());
        key[16..].copy_from_slice(&xxh3_128(purpose.as_bytes()).to_le_bytes());
        let mut stream = ChaCha8Rng::from_seed(key);
        Draw {
            k0: stream.next_u64(),
            k1: stream.next_u64(),
        }
    }
}

/// The key of one kind of decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Draw {
    k0: u64,
    k1: u64,
}

/// Digits of pi behind the point: they part the two halves of a key.
const PI_0: u64 = 0x243f_6a88_85a3_08d3;
const PI_1: u64 = 0x1319_8a2e_0370_7344;
const PI_2: u64 = 0xa409_3822_299f_31d0;

impl Draw {
    /// The random bits that belong to one decision. Equal identities get equal
    /// bits; the caller sees to it that what must differ differs.
    #[inline]
    pub fn at(self, identity: &[u64; 4]) -> Sample {
        let [a, b, c, d] = *identity;
        let left = fold(a ^ self.k0, b ^ self.k1);
        let right = fold(c ^ self.k1 ^ PI_0, d ^ self.k0 ^ PI_1);
        Sample(fold(left ^ self.k1, right ^ self.k0 ^ PI_2))
    }
}

/// The 128-bit product of two words, its halves laid over each other.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let (low, high) = a.carrying_mul(b, 0);
    low ^ high
}

/// 64 random bits that belong to one decision.
///
/// Its methods all read the same bits: two questions about one decision take
/// two samples, see [`Sample::further`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sample(u64);

impl Sample {
    /// A sample of given bits, for choices that are enumerated and for tests.
    pub const fn from_bits(bits: u64) -> Self {
        Sample(bits)
    }

    /// The bits themselves.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Another sample for the same decision, numbered by `index`.
    #[must_use]
    #[inline]
    pub fn further(self, index: u64) -> Sample {
        Sample(fold(self.0 ^ PI_0, index.wrapping_mul(PI_2) ^ PI_1) ^ self.0.rotate_left(32))
    }

    /// A number in `0..count`; `count` is not zero. Off from even by less than
    /// `count / 2^64`.
    #[inline]
    pub fn below(self, count: u64) -> u64 {
        assert!(count > 0, "nothing to choose from");
        self.0.carrying_mul(count, 0).1
    }

    /// A position in a slice of `length`, which is not zero.
    #[inline]
    pub fn index(self, length: usize) -> usize {
        let count = u64::try_from(length).expect("a length fits 64 bits");
        usize::try_from(self.below(count)).expect("less than a length")
    }

    /// True with the given probability.
    #[inline]
    pub fn chance(self, probability: Ratio) -> bool {
        self.below(u64::from(probability.denominator())) < u64::from(probability.numerator())
    }

    /// Puts a slice into random order, each with equal probability.
    pub fn shuffle<T>(self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let number = u64::try_from(last).expect("a length fits 64 bits");
            items.swap(last, self.further(number).index(last + 1));
        }
    }
}

//! Rolling hashes: one for the run, one for each component.
//!
//! Everything that enters or leaves a component is folded into its hash, so two
//! runs that part are told apart at the first event where they do, and the
//! component's hash says where. Hashing reads headers, which carry checksums of
//! their payloads.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Digits of e behind the point.
const E_0: u64 = 0xb7e1_5162_8aed_2a6a;
const E_1: u64 = 0xbf71_5880_9cf4_f3c7;

/// A hash that depends on everything folded in, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rolling(u64);

impl Rolling {
    /// Nothing folded in yet.
    pub const START: Rolling = Rolling(E_0);

    /// The hash so far.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Folds a word in.
    #[inline]
    pub fn fold(&mut self, word: u64) {
        let (low, high) = (self.0 ^ word).carrying_mul(E_1, word.rotate_left(29));
        self.0 = low ^ high ^ E_0;
    }

    /// Folds two words in for the price of one.
    #[inline]
    pub fn fold_pair(&mut self, one: u64, other: u64) {
        let (low, high) = (self.0 ^ one).carrying_mul(other ^ E_1, one.rotate_left(29));
        self.0 = low ^ high ^ E_0;
    }

    /// Folds bytes in.
    #[inline]
    pub fn fold_bytes(&mut self, bytes: &[u8]) {
        self.fold(xxh3_64(bytes));
    }

    /// Folds a value in by its `Hash`, the same on every machine.
    #[inline]
    pub fn fold_value(&mut self, value: &impl Hash) {
        let mut hasher = Portable(*self);
        value.hash(&mut hasher);
        *self = hasher.0;
    }
}

/// A hasher that does not depend on word size or byte order.
struct Portable(Rolling);

impl Hasher for Portable {
    fn finish(&self) -> u64 {
        self.0.value()
    }
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.0.fold_bytes(bytes);
    }
    #[inline]
    fn write_u8(&mut self, word: u8) {
        self.0.fold(u64::from(word));
    }
    #[inline]
    fn write_u16(&mut self, word: u16) {
        self.0.fold(u64::from(word));
    }
    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.0.fold(u64::from(word));
    }
    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0.fold(word);
    }
    fn write_u128(&mut self, word: u128) {
        let [high, low] = [word >> 64, word & u128::from(u64::MAX)];
        for half in [high, low] {
            self.0.fold(u64::try_from(half).expect("64 bits"));
        }
    }
    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.0.fold(word as u64);
    }
    #[inline]
    fn write_isize(&mut self, word: isize) {
        self.0.fold((word as i64).cast_unsigned());
    }
}

#[cfg(test)]
mod tests {
    use stormglass_engine::payload::Payload;

    use super::*;

    #[test]
    fn values_hash_to_golden_numbers() {
        let mut hash = Rolling::START;
        hash.fold(1);
        hash.fold_bytes(b"stormglass");
        hash.fold_pair(2, 3);
        hash.fold_value(&(Some(7u32), "label", [1u8, 2], 1u128 << 64));
        assert_eq!(format!("{:016x}", hash.value()), GOLDEN);
    }

    #[test]
    fn order_matters() {
        let (mut one, mut other) = (Rolling::START, Rolling::START);
        one.fold(1);
        one.fold(2);
        other.fold(2);
        other.fold(1);
        assert_ne!(one, other);
        one.fold_pair(1, 2);
        other.fold_pair(2, 1);
        assert_ne!(one, other);
    }

    /// So trace hashes do not know whether a payload remembers its fingerprint.
    #[test]
    fn a_payload_is_folded_like_its_bytes() {
        let bytes: Vec<u8> = (0..=255).cycle().take(5_000).collect();
        let (mut of_payload, mut of_bytes) = (Rolling::START, Rolling::START);
        of_payload.fold_value(&Payload::copy_from_slice(&bytes));
        of_bytes.fold_value(&bytes);
        assert_eq!(of_payload, of_bytes);
    }

    /// Pinned: a change of it makes every recorded trace hash stale.
    const GOLDEN: &str = "5df24f791a6fbbff";
}

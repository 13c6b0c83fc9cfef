//! Bytes of blocks and pages: shared, never changed, and with a memory of what was
//! computed of them.
//!
//! A block's bytes are checksummed by everybody whom they pass: client, N-module,
//! journal, wire, mirror, and by whoever reads them back. As long as they stay in
//! one buffer that is one pass over them, and all others compare.
//!
//! What is remembered is a function of the bytes alone, and the bytes of a buffer
//! never change: who wants other bytes makes another buffer, which remembers
//! nothing. So a damaged or torn copy is found out as if nobody remembered anything.
//! Equality, hashes and serialized forms know the bytes and nothing else.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Bound, Deref, RangeBounds};
use std::sync::{Arc, OnceLock};
use xxhash_rust::xxh3::xxh3_64;

/// Immutable bytes. A clone is a reference count.
#[derive(Clone)]
pub struct Payload(Form);

#[derive(Clone)]
enum Form {
    /// Nothing at all, and pages of zeros: without a count that all threads would share.
    Static(&'static [u8]),
    Shared(Arc<Shared>),
}

/// A buffer, or a part of one, with what is known of it.
struct Shared {
    bytes: Bytes,
    checksum: OnceLock<u32>,
    fingerprint: OnceLock<u64>,
}

impl Payload {
    /// No bytes.
    pub const fn new() -> Self {
        Payload(Form::Static(&[]))
    }

    /// Bytes that are always there.
    pub const fn from_static(bytes: &'static [u8]) -> Self {
        Payload(Form::Static(bytes))
    }

    /// A copy.
    pub fn copy_from_slice(bytes: &[u8]) -> Self {
        Bytes::copy_from_slice(bytes).into()
    }

    /// A part, which shares the buffer. The whole of it is the same thing; another
    /// part remembers for itself.
    #[must_use]
    pub fn slice(&self, part: impl RangeBounds<usize>) -> Self {
        let start = match part.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before + 1,
            Bound::Unbounded => 0,
        };
        let end = match part.end_bound() {
            Bound::Included(last) => last + 1,
            Bound::Excluded(end) => *end,
            Bound::Unbounded => self.len(),
        };
        match &self.0 {
            Form::Static(bytes) => Payload(Form::Static(&bytes[start..end])),
            Form::Shared(shared) if end - start == shared.bytes.len() => self.clone(),
            Form::Shared(shared) => shared.bytes.slice(start..end).into(),
        }
    }

    /// The same with zeros behind it, up to a length.
    #[must_use]
    pub fn filled_up(&self, length: usize) -> Self {
        assert!(self.len() <= length, "longer than what is to be filled");
        if self.len() == length {
            return self.clone();
        }
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(self);
        bytes.resize(length, 0);
        bytes.into()
    }

    /// Their CRC-32C.
    pub fn checksum(&self) -> u32 {
        match &self.0 {
            Form::Static(bytes) => crc32c::crc32c(bytes),
            Form::Shared(shared) => *shared
                .checksum
                .get_or_init(|| crc32c::crc32c(&shared.bytes)),
        }
    }

    /// Their 64-bit XXH3, for those who tell contents apart without keeping them.
    pub fn fingerprint(&self) -> u64 {
        match &self.0 {
            Form::Static(bytes) => xxh3_64(bytes),
            Form::Shared(shared) => *shared.fingerprint.get_or_init(|| xxh3_64(&shared.bytes)),
        }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Payload::new()
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            return Payload::new();
        }
        Payload(Form::Shared(Arc::new(Shared {
            bytes,
            checksum: OnceLock::new(),
            fingerprint: OnceLock::new(),
        })))
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl Deref for Payload {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Form::Static(bytes) => bytes,
            Form::Shared(shared) => &shared.bytes,
        }
    }
}

/// Quick if both are the same memory.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq::<[u8]>(&**self, &**other) || **self == **other
    }
}

impl Eq for Payload {}

impl PartialOrd for Payload {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Payload {
    fn cmp(&self, other: &Self) -> Ordering {
        self[..].cmp(&other[..])
    }
}

/// By length and fingerprint, as a hasher that takes long strings by their XXH3 sees the
/// bytes themselves.
impl Hash for Payload {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        state.write_u64(self.fingerprint());
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Static(bytes) => fmt::Debug::fmt(&Bytes::from_static(bytes), f),
            Form::Shared(shared) => fmt::Debug::fmt(&shared.bytes, f),
        }
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Bytes::deserialize(deserializer).map(Payload::from)
    }
}

#[cfg(test)]
mod tests;

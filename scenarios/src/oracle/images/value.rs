//! What a block may hold after a power loss.

use std::fmt;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{PAGE_BYTES, PageIndex};
use stormglass_engine::payload::Payload;
use stormglass_engine::vocabulary::SequenceId;
use stormglass_sim::device::Device;
use xxhash_rust::xxh3::xxh3_64;

/// The bytes of a block, told apart by their hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Bytes64 {
    /// Zeroes, written or not.
    Zero,
    /// The hash of anything else.
    Hash(u64),
}

impl Bytes64 {
    /// Of a block's bytes.
    pub fn of(bytes: &[u8]) -> Self {
        match is_zero(bytes) {
            true => Bytes64::Zero,
            false => Bytes64::Hash(xxh3_64(bytes)),
        }
    }

    /// The same of a buffer that remembers it.
    pub fn of_payload(payload: &Payload) -> Self {
        match is_zero(payload) {
            true => Bytes64::Zero,
            false => Bytes64::Hash(payload.fingerprint()),
        }
    }
}

/// What a page holds for good. Behind the end of a device that stands in another's place
/// there is nothing.
pub(super) fn lasting(device: &Device, page: PageIndex) -> Payload {
    match is_inside(device, page) {
        true => device.stable(page),
        false => nothing(),
    }
}

/// What a power loss now may leave on a page, see [`Device::possible`].
pub(super) fn possible(device: &Device, page: PageIndex) -> Vec<Payload> {
    match is_inside(device, page) {
        true => device.possible(page),
        false => vec![nothing()],
    }
}

fn is_inside(device: &Device, page: PageIndex) -> bool {
    page.0 < device.whole().count
}

fn nothing() -> Payload {
    Payload::from_static(&[0; PAGE_BYTES])
}

/// True if there is nothing but zeroes; decided by the first bytes nearly always.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// A block of a logical image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Value {
    /// A command's work, or zeroes of version 0 that nobody ever wrote.
    Proven {
        /// The command's place in the volume's order.
        version: SequenceId,
        /// The bytes.
        bytes: Bytes64,
    },
    /// Data and header do not belong together: nothing can be read.
    Damaged,
}

impl Value {
    /// What a block holds that was never written.
    pub const PRISTINE: Value = Value::Proven {
        version: SequenceId::new(0),
        bytes: Bytes64::Zero,
    };
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Proven {
                version,
                bytes: Bytes64::Zero,
            } => write!(f, "{}:zero", version.value()),
            Value::Proven {
                version,
                bytes: Bytes64::Hash(hash),
            } => write!(f, "{}:#{}", version.value(), hash >> 48),
            Value::Damaged => write!(f, "damaged"),
        }
    }
}

/// Values that are kept without an allocation.
const FEW: usize = 3;

/// The values that a block may hold, each once. Few, nearly always one or two.
#[derive(Clone, Debug)]
pub struct Candidates {
    few: [Value; FEW],
    /// How many of the few are there; none if there are more.
    count: usize,
    /// All of them, if they are not few.
    many: Vec<Value>,
}

impl Default for Candidates {
    fn default() -> Self {
        Candidates {
            few: [Value::Damaged; FEW],
            count: 0,
            many: Vec::new(),
        }
    }
}

impl PartialEq for Candidates {
    fn eq(&self, other: &Self) -> bool {
        self.values() == other.values()
    }
}

impl Eq for Candidates {}

impl Candidates {
    /// Adds a value.
    pub fn add(&mut self, value: Value) {
        if self.values().contains(&value) {
            return;
        }
        if !self.many.is_empty() {
            self.many.push(value);
        } else if self.count < FEW {
            self.few[self.count] = value;
            self.count += 1;
        } else {
            self.many.extend(self.few);
            self.many.push(value);
            self.count = 0;
        }
    }
    /// Forgets all, keeping the allocation.
    pub fn clear(&mut self) {
        self.count = 0;
        self.many.clear();
    }
    /// The values in no particular order.
    pub fn values(&self) -> &[Value] {
        match self.many.as_slice() {
            [] => &self.few[..self.count],
            many => many,
        }
    }
    /// The values in order.
    pub fn sorted(&self) -> Vec<Value> {
        let mut values = self.values().to_vec();
        values.sort_unstable();
        values
    }
    /// True if a read would return the one same thing from every image.
    pub fn is_certain(&self) -> bool {
        matches!(self.values(), [Value::Proven { .. }])
    }
}

impl fmt::Display for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{")?;
        for (place, value) in self.sorted().iter().enumerate() {
            write!(f, "{}{value}", if place == 0 { "" } else { ", " })?;
        }
        write!(f, "}}")
    }
}

//! A walk through a value: its leaves, each with the path of fields to it.
//!
//! Whatever serializes can be walked, so states are hashed and compared field by
//! field without a word in the types themselves. Two uses:
//!
//! * the *behavioural hash*, under which worlds are merged that go on alike:
//!   instants are taken relative to now, and what has passed is merely past
//!   ([`Base::Now`]);
//! * differences that name the field (`module.owner.next_set: 7, not 6`).
//!
//! A walk knows two types by name, the newtypes `WorldTime` and `Instant`. What is
//! to be left out, its caller leaves out: see the views in `world::behaviour`.

mod difference;
mod serializer;
#[cfg(test)]
mod tests;

use serde::Serialize;
use std::fmt;
use std::ops::ControlFlow;
use stormglass_engine::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_128;

use crate::time::WorldTime;
pub use difference::{LeafDifference, difference, differences};
use serializer::{Interruption, Walker};

/// What instants are measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// From the beginning: instants stand as they are.
    Absolute,
    /// From now on; an instant that has passed counts as now.
    Now {
        /// The world's now, for instants of the world.
        world: WorldTime,
        /// A module's now, for readings of its clock; without one, those stand
        /// as they are.
        module: Option<Instant>,
    },
}

/// What stands at the end of a path, or marks a place on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// An absent option, or a value without content.
    Nothing,
    /// A present option; its content follows under the same path.
    Something,
    /// A truth value.
    Flag(bool),
    /// A key of a map; its value follows under the same path.
    Key(String),
    /// A number.
    Number(i128),
    /// A number with a fraction, by its bits.
    Float(u64),
    /// A text.
    Text(String),
    /// Bytes: how many, and their hash.
    Bytes(usize, u128),
    /// Which variant of an enum; its content follows under the same path.
    Variant(&'static str),
    /// How many items a list or map has; follows them, under the list's path.
    Length(usize),
    /// An instant, measured from the base.
    Time(u64),
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A field by its name.
    Field(&'static str),
    /// A field of a tuple.
    Place(usize),
    /// An item of a list.
    Item(usize),
    /// An entry of a map.
    Key(String),
}

/// All leaves of a value, in order.
pub fn leaves<T: Serialize + ?Sized>(value: &T, base: Base) -> Vec<(String, Leaf)> {
    let mut leaves = Vec::new();
    walk(value, base, &mut |path: &[Step], leaf| {
        leaves.push((display(path), leaf));
        ControlFlow::Continue(())
    });
    leaves
}

/// A hash of all leaves and how they hang together. Paths are not in it: names of
/// fields may change.
pub fn hash<T: Serialize + ?Sized>(value: &T, base: Base) -> u128 {
    let mut digest = Digest::default();
    digest.add(value, base);
    digest.finish()
}

/// A hash over the leaves of several values.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    bytes: Vec<u8>,
}

impl Digest {
    /// Adds a value's leaves.
    pub fn add<T: Serialize + ?Sized>(&mut self, value: &T, base: Base) {
        let bytes = &mut self.bytes;
        walk(value, base, &mut |_: &[Step], leaf: Leaf| {
            leaf.write(bytes);
            ControlFlow::Continue(())
        });
    }

    /// The hash of everything added, in order.
    pub fn finish(&self) -> u128 {
        xxh3_128(&self.bytes)
    }
}

/// What a walk does at each leaf, and whether it goes on.
type Visit<'a> = &'a mut dyn FnMut(&[Step], Leaf) -> ControlFlow<()>;

/// Visits the leaves in order until it is told to stop.
fn walk<T: Serialize + ?Sized>(value: &T, base: Base, visit: Visit) {
    let mut walker = Walker::new(base, visit);
    match value.serialize(&mut walker) {
        Ok(()) | Err(Interruption::Stopped) => {}
        Err(refusal @ Interruption::Refused(_)) => {
            panic!("states serialize without errors: {refusal}")
        }
    }
}

fn display(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        let dot = if text.is_empty() { "" } else { "." };
        text += &match step {
            Step::Field(name) => format!("{dot}{name}"),
            Step::Place(place) => format!("{dot}{place}"),
            Step::Item(index) => format!("[{index}]"),
            Step::Key(key) => format!("[{key}]"),
        };
    }
    text
}

impl Leaf {
    /// A form in which no two different leaves begin alike.
    fn write(&self, bytes: &mut Vec<u8>) {
        let mut put = |tag: u8, content: &[u8]| {
            bytes.push(tag);
            bytes.extend_from_slice(content);
        };
        match self {
            Leaf::Nothing => put(0, &[]),
            Leaf::Something => put(1, &[]),
            Leaf::Flag(flag) => put(2, &[u8::from(*flag)]),
            Leaf::Number(number) => match u8::try_from(*number) {
                Ok(small) => put(3, &[small]),
                Err(_) => put(4, &number.to_le_bytes()),
            },
            Leaf::Float(bits) => put(5, &bits.to_le_bytes()),
            Leaf::Text(text) => {
                put(6, &(text.len() as u64).to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
            Leaf::Bytes(length, hash) => {
                put(7, &(*length as u64).to_le_bytes());
                bytes.extend_from_slice(&hash.to_le_bytes());
            }
            Leaf::Variant(name) => {
                put(8, &(name.len() as u64).to_le_bytes());
                bytes.extend_from_slice(name.as_bytes());
            }
            Leaf::Length(length) => put(9, &(*length as u64).to_le_bytes()),
            Leaf::Time(nanoseconds) => put(10, &nanoseconds.to_le_bytes()),
            Leaf::Key(key) => {
                put(11, &(key.len() as u64).to_le_bytes());
                bytes.extend_from_slice(key.as_bytes());
            }
        }
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Leaf::Nothing => write!(f, "nothing"),
            Leaf::Something => write!(f, "something"),
            Leaf::Flag(flag) => write!(f, "{flag}"),
            Leaf::Key(key) => write!(f, "{key}"),
            Leaf::Number(number) => write!(f, "{number}"),
            Leaf::Float(bits) => write!(f, "{}", f64::from_bits(*bits)),
            Leaf::Text(text) => write!(f, "{text:?}"),
            Leaf::Bytes(length, hash) => {
                write!(f, "{length} bytes of hash {:08x}", hash & 0xffff_ffff)
            }
            Leaf::Variant(name) => write!(f, "{name}"),
            Leaf::Length(length) => write!(f, "{length} items"),
            Leaf::Time(nanoseconds) => write!(f, "{}", Duration::from_nanos(*nanoseconds)),
        }
    }
}

//! The walk itself: a serializer that writes nothing and visits everything.

use serde::ser::{self, Serialize, Serializer};
use std::fmt;
use std::ops::ControlFlow;
use xxhash_rust::xxh3::xxh3_128;

use super::{Base, Leaf, Step, Visit};

/// Where a walk is.
pub(super) struct Walker<'a> {
    base: Base,
    path: Vec<Step>,
    /// The now to which the number that comes next is relative.
    now: Option<u64>,
    visit: Visit<'a>,
}

impl<'a> Walker<'a> {
    pub(super) fn new(base: Base, visit: Visit<'a>) -> Self {
        Walker {
            base,
            path: Vec::new(),
            now: None,
            visit,
        }
    }

    fn leaf(&mut self, leaf: Leaf) -> Result<(), Interruption> {
        match (self.visit)(&self.path, leaf) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Interruption::Stopped),
        }
    }

    fn number(&mut self, number: impl Into<i128>) -> Result<(), Interruption> {
        self.leaf(Leaf::Number(number.into()))
    }

    fn below<T: Serialize + ?Sized>(&mut self, step: Step, value: &T) -> Result<(), Interruption> {
        self.path.push(step);
        value.serialize(&mut *self)?;
        self.path.pop();
        Ok(())
    }

    /// What instants of the type of that name are relative to: itself 0 if they
    /// stand as they are.
    fn now_of(&self, name: &str) -> Option<u64> {
        match (self.base, name) {
            (Base::Now { world, .. }, "WorldTime") => Some(world.as_nanos()),
            (Base::Now { module, .. }, "Instant") => Some(module.map_or(0, |now| now.as_nanos())),
            (Base::Absolute, "WorldTime" | "Instant") => Some(0),
            (Base::Now { .. } | Base::Absolute, _) => None,
        }
    }
}

/// A list, tuple, struct or map under way.
pub(super) struct Inside<'w, 'a> {
    walker: &'w mut Walker<'a>,
    count: usize,
    key: String,
}

impl<'w, 'a> Inside<'w, 'a> {
    fn of(walker: &'w mut Walker<'a>) -> Self {
        Inside {
            walker,
            count: 0,
            key: String::new(),
        }
    }

    fn next<T: Serialize + ?Sized>(
        &mut self,
        step: impl FnOnce(usize) -> Step,
        value: &T,
    ) -> Result<(), Interruption> {
        let step = step(self.count);
        self.count += 1;
        self.walker.below(step, value)
    }
}

impl<'w, 'a> Serializer for &'w mut Walker<'a> {
    type Ok = ();
    type Error = Interruption;
    type SerializeSeq = Inside<'w, 'a>;
    type SerializeTuple = Inside<'w, 'a>;
    type SerializeTupleStruct = Inside<'w, 'a>;
    type SerializeTupleVariant = Inside<'w, 'a>;
    type SerializeMap = Inside<'w, 'a>;
    type SerializeStruct = Inside<'w, 'a>;
    type SerializeStructVariant = Inside<'w, 'a>;

    fn serialize_bool(self, flag: bool) -> Result<(), Interruption> {
        self.leaf(Leaf::Flag(flag))
    }
    fn serialize_i8(self, number: i8) -> Result<(), Interruption> {
        self.number(number)
    }
    fn serialize_i16(self, number: i16) -> Result<(), Interruption> {
        self.number(number)
    }
    fn serialize_i32(self, number: i32) -> Result<(), Interruption> {
        self.number(number)
    }
    fn serialize_i64(self, number: i64) -> Result<(), Interruption> {
        self.number(number)
    }
    fn serialize_i128(self, number: i128) -> Result<(), Interruption> {
        self.number(number)
    }
    fn serialize_u8(self, number: u8) -> Result<(), Interruption> {
        self.number(number)
    }
    fn serialize_u16(self, number: u16) -> Result<(), Interruption> {
        self.number(number)
    }
    fn serialize_u32(self, number: u32) -> Result<(), Interruption> {
        self.number(number)
    }
    fn serialize_u64(self, number: u64) -> Result<(), Interruption> {
        match self.now.take() {
            Some(now) => self.leaf(Leaf::Time(number.saturating_sub(now))),
            None => self.number(number),
        }
    }
    fn serialize_u128(self, number: u128) -> Result<(), Interruption> {
        self.serialize_bytes(&number.to_le_bytes())
    }
    fn serialize_f32(self, number: f32) -> Result<(), Interruption> {
        self.serialize_f64(f64::from(number))
    }
    fn serialize_f64(self, number: f64) -> Result<(), Interruption> {
        self.leaf(Leaf::Float(number.to_bits()))
    }
    fn serialize_char(self, letter: char) -> Result<(), Interruption> {
        self.leaf(Leaf::Text(letter.to_string()))
    }
    fn serialize_str(self, text: &str) -> Result<(), Interruption> {
        self.leaf(Leaf::Text(text.to_owned()))
    }
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Interruption> {
        self.leaf(Leaf::Bytes(bytes.len(), xxh3_128(bytes)))
    }
    fn serialize_none(self) -> Result<(), Interruption> {
        self.leaf(Leaf::Nothing)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Interruption> {
        self.leaf(Leaf::Something)?;
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Interruption> {
        self.leaf(Leaf::Nothing)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Interruption> {
        self.leaf(Leaf::Nothing)
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Interruption> {
        self.leaf(Leaf::Variant(variant))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Interruption> {
        self.now = self.now_of(name);
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Interruption> {
        self.leaf(Leaf::Variant(variant))?;
        value.serialize(self)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Inside<'w, 'a>, Interruption> {
        Ok(Inside::of(self))
    }
    fn serialize_tuple(self, _: usize) -> Result<Inside<'w, 'a>, Interruption> {
        Ok(Inside::of(self))
    }
    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Inside<'w, 'a>, Interruption> {
        Ok(Inside::of(self))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'w, 'a>, Interruption> {
        self.leaf(Leaf::Variant(variant))?;
        Ok(Inside::of(self))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Inside<'w, 'a>, Interruption> {
        Ok(Inside::of(self))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside<'w, 'a>, Interruption> {
        Ok(Inside::of(self))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'w, 'a>, Interruption> {
        self.leaf(Leaf::Variant(variant))?;
        Ok(Inside::of(self))
    }
}

impl ser::SerializeSeq for Inside<'_, '_> {
    type Ok = ();
    type Error = Interruption;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Interruption> {
        self.next(Step::Item, value)
    }
    fn end(self) -> Result<(), Interruption> {
        self.walker.leaf(Leaf::Length(self.count))
    }
}

impl ser::SerializeMap for Inside<'_, '_> {
    type Ok = ();
    type Error = Interruption;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Interruption> {
        // A key is part of the path, and part of the content.
        let mut parts = Vec::new();
        let mut collect = |_: &[Step], leaf: Leaf| {
            // A text stands without its quotes.
            let text = if let Leaf::Text(text) = leaf {
                text
            } else {
                leaf.to_string()
            };
            parts.push(text);
            ControlFlow::Continue(())
        };
        let mut inner = Walker::new(self.walker.base, &mut collect);
        key.serialize(&mut inner)?;
        self.key = parts.join(" ");
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Interruption> {
        self.count += 1;
        let key = std::mem::take(&mut self.key);
        self.walker.path.push(Step::Key(key.clone()));
        self.walker.leaf(Leaf::Key(key))?;
        value.serialize(&mut *self.walker)?;
        self.walker.path.pop();
        Ok(())
    }
    fn end(self) -> Result<(), Interruption> {
        self.walker.leaf(Leaf::Length(self.count))
    }
}

macro_rules! tuples {
    ($($kind:ident $method:ident)*) => { $(
        impl ser::$kind for Inside<'_, '_> {
            type Ok = ();
            type Error = Interruption;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Interruption> {
                self.next(Step::Place, value)
            }
            fn end(self) -> Result<(), Interruption> {
                Ok(())
            }
        }
    )* };
}
tuples! {
    SerializeTuple serialize_element
    SerializeTupleStruct serialize_field
    SerializeTupleVariant serialize_field
}

macro_rules! structs {
    ($($kind:ident)*) => { $(
        impl ser::$kind for Inside<'_, '_> {
            type Ok = ();
            type Error = Interruption;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Interruption> {
                self.next(|_| Step::Field(name), value)
            }
            fn end(self) -> Result<(), Interruption> {
                Ok(())
            }
        }
    )* };
}
structs! { SerializeStruct SerializeStructVariant }

/// Why a walk ends before its end.
#[derive(Debug)]
pub(super) enum Interruption {
    /// Who visits has seen enough.
    Stopped,
    /// A value that would not be serialized.
    Refused(String),
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Interruption::Stopped => f.write_str("stopped"),
            Interruption::Refused(says) => f.write_str(says),
        }
    }
}

impl std::error::Error for Interruption {}

impl ser::Error for Interruption {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Interruption::Refused(message.to_string())
    }
}

//! The walk itself: a serializer that writes nothing and visits everything.

use serde::ser::{self, Serialize, Serializer};
use std::fmt;
use xxhash_rust::xxh3::xxh3_128;

use super::{Base, Leaf, Step};

/// Where a walk is.
pub(super) struct Walker<'a> {
    base: Base,
    path: Vec<Step>,
    /// The now to which the number that comes next is relative.
    now: Option<u64>,
    visit: &'a mut dyn FnMut(&[Step], Leaf),
}

impl<'a> Walker<'a> {
    pub(super) fn new(base: Base, visit: &'a mut dyn FnMut(&[Step], Leaf)) -> Self {
        Walker {
            base,
            path: Vec::new(),
            now: None,
            visit,
        }
    }

    fn leaf(&mut self, leaf: Leaf) -> Result<(), Refusal> {
        (self.visit)(&self.path, leaf);
        Ok(())
    }

    fn number(&mut self, number: impl Into<i128>) -> Result<(), Refusal> {
        self.leaf(Leaf::Number(number.into()))
    }

    fn below<T: Serialize + ?Sized>(&mut self, step: Step, value: &T) -> Result<(), Refusal> {
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
    ) -> Result<(), Refusal> {
        let step = step(self.count);
        self.count += 1;
        self.walker.below(step, value)
    }
}

impl<'w, 'a> Serializer for &'w mut Walker<'a> {
    type Ok = ();
    type Error = Refusal;
    type SerializeSeq = Inside<'w, 'a>;
    type SerializeTuple = Inside<'w, 'a>;
    type SerializeTupleStruct = Inside<'w, 'a>;
    type SerializeTupleVariant = Inside<'w, 'a>;
    type SerializeMap = Inside<'w, 'a>;
    type SerializeStruct = Inside<'w, 'a>;
    type SerializeStructVariant = Inside<'w, 'a>;

    fn serialize_bool(self, flag: bool) -> Result<(), Refusal> {
        self.leaf(Leaf::Flag(flag))
    }
    fn serialize_i8(self, number: i8) -> Result<(), Refusal> {
        self.number(number)
    }
    fn serialize_i16(self, number: i16) -> Result<(), Refusal> {
        self.number(number)
    }
    fn serialize_i32(self, number: i32) -> Result<(), Refusal> {
        self.number(number)
    }
    fn serialize_i64(self, number: i64) -> Result<(), Refusal> {
        self.number(number)
    }
    fn serialize_i128(self, number: i128) -> Result<(), Refusal> {
        self.number(number)
    }
    fn serialize_u8(self, number: u8) -> Result<(), Refusal> {
        self.number(number)
    }
    fn serialize_u16(self, number: u16) -> Result<(), Refusal> {
        self.number(number)
    }
    fn serialize_u32(self, number: u32) -> Result<(), Refusal> {
        self.number(number)
    }
    fn serialize_u64(self, number: u64) -> Result<(), Refusal> {
        match self.now.take() {
            Some(now) => self.leaf(Leaf::Time(number.saturating_sub(now))),
            None => self.number(number),
        }
    }
    fn serialize_u128(self, number: u128) -> Result<(), Refusal> {
        self.serialize_bytes(&number.to_le_bytes())
    }
    fn serialize_f32(self, number: f32) -> Result<(), Refusal> {
        self.serialize_f64(f64::from(number))
    }
    fn serialize_f64(self, number: f64) -> Result<(), Refusal> {
        self.leaf(Leaf::Float(number.to_bits()))
    }
    fn serialize_char(self, letter: char) -> Result<(), Refusal> {
        self.leaf(Leaf::Text(letter.to_string()))
    }
    fn serialize_str(self, text: &str) -> Result<(), Refusal> {
        self.leaf(Leaf::Text(text.to_owned()))
    }
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Refusal> {
        self.leaf(Leaf::Bytes(bytes.len(), xxh3_128(bytes)))
    }
    fn serialize_none(self) -> Result<(), Refusal> {
        self.leaf(Leaf::Nothing)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refusal> {
        self.leaf(Leaf::Something)?;
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Refusal> {
        self.leaf(Leaf::Nothing)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refusal> {
        self.leaf(Leaf::Nothing)
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Refusal> {
        self.leaf(Leaf::Variant(variant))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        self.now = self.now_of(name);
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        self.leaf(Leaf::Variant(variant))?;
        value.serialize(self)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Inside<'w, 'a>, Refusal> {
        Ok(Inside::of(self))
    }
    fn serialize_tuple(self, _: usize) -> Result<Inside<'w, 'a>, Refusal> {
        Ok(Inside::of(self))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Inside<'w, 'a>, Refusal> {
        Ok(Inside::of(self))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'w, 'a>, Refusal> {
        self.leaf(Leaf::Variant(variant))?;
        Ok(Inside::of(self))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Inside<'w, 'a>, Refusal> {
        Ok(Inside::of(self))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside<'w, 'a>, Refusal> {
        Ok(Inside::of(self))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'w, 'a>, Refusal> {
        self.leaf(Leaf::Variant(variant))?;
        Ok(Inside::of(self))
    }
}

impl ser::SerializeSeq for Inside<'_, '_> {
    type Ok = ();
    type Error = Refusal;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        self.next(Step::Item, value)
    }
    fn end(self) -> Result<(), Refusal> {
        self.walker.leaf(Leaf::Length(self.count))
    }
}

impl ser::SerializeMap for Inside<'_, '_> {
    type Ok = ();
    type Error = Refusal;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refusal> {
        // A key is part of the path, and part of the content.
        let mut parts = Vec::new();
        let mut collect = |_: &[Step], leaf: Leaf| parts.push(leaf.to_string());
        let mut inner = Walker::new(self.walker.base, &mut collect);
        key.serialize(&mut inner)?;
        self.key = parts.join(" ");
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        self.count += 1;
        let key = std::mem::take(&mut self.key);
        self.walker.path.push(Step::Key(key.clone()));
        self.walker.leaf(Leaf::Key(key))?;
        value.serialize(&mut *self.walker)?;
        self.walker.path.pop();
        Ok(())
    }
    fn end(self) -> Result<(), Refusal> {
        self.walker.leaf(Leaf::Length(self.count))
    }
}

macro_rules! tuples {
    ($($kind:ident $method:ident)*) => { $(
        impl ser::$kind for Inside<'_, '_> {
            type Ok = ();
            type Error = Refusal;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
                self.next(Step::Place, value)
            }
            fn end(self) -> Result<(), Refusal> {
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
            type Error = Refusal;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Refusal> {
                self.next(|_| Step::Field(name), value)
            }
            fn end(self) -> Result<(), Refusal> {
                Ok(())
            }
        }
    )* };
}
structs! { SerializeStruct SerializeStructVariant }

/// A value that would not be serialized.
#[derive(Debug)]
pub(super) struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

impl ser::Error for Refusal {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Refusal(message.to_string())
    }
}

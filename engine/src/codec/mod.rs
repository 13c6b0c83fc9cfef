//! Bytes of values, shared by disk and wire: little-endian, no padding, no
//! alignment.
//!
//! A [`Coded`] value writes itself behind what stands there already and reads
//! itself from the front of what is left. Reading checks every length before it
//! trusts it and never allocates more than a small multiple of its input. Block
//! payload is not a value: it travels beside the values as a scatter list
//! ([`payload`]). What surrounds both is the [`envelope`].
//!
//! Each value has exactly one form: what decodes encodes to the same bytes.

pub(crate) mod checksum;
pub(crate) mod envelope;
mod error;
pub(crate) mod payload;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use bytes::{Buf, BufMut, TryGetError};
pub use error::DecodeError;
use imbl::{OrdMap, OrdSet};

use crate::collections::Table;
use crate::contract::ReservationKey;
use crate::storage_set::record::CommandResult;
use crate::time::Instant;
use crate::vocabulary::{
    BlockIndex, ClientId, CommandId, CopyNumber, Lsn, NodeId, Outcome, Range, SequenceId, Session,
    SessionIncarnation, SetId, SiteEpoch, SiteId, StorageSetId, Ticket, VolumeId, Watermark,
};

/// A value with one form in bytes, at least one byte long.
pub(crate) trait Coded: Sized {
    /// Appends the value.
    fn put(&self, out: &mut Vec<u8>);
    /// Takes a value from the front.
    fn get(input: &mut &[u8]) -> Result<Self, DecodeError>;
}

impl From<TryGetError> for DecodeError {
    fn from(_: TryGetError) -> Self {
        DecodeError::Truncated
    }
}

/// Checks that nothing is left.
pub(crate) fn finish(input: &[u8]) -> Result<(), DecodeError> {
    if input.is_empty() {
        Ok(())
    } else {
        Err(DecodeError::Trailing)
    }
}

/// A length as it stands in bytes.
pub(crate) fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("what is encoded is bounded far below 4 GiB")
}

macro_rules! coded_integer {
    ($($name:ident: $put:ident, $get:ident;)+) => {$(
        impl Coded for $name {
            fn put(&self, out: &mut Vec<u8>) {
                out.$put(*self);
            }
            fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
                Ok(input.$get()?)
            }
        }
    )+};
}

coded_integer! {
    u8: put_u8, try_get_u8;
    u16: put_u16_le, try_get_u16_le;
    u32: put_u32_le, try_get_u32_le;
    u64: put_u64_le, try_get_u64_le;
}

macro_rules! coded_number {
    ($($name:ident),+ $(,)?) => {$(
        impl Coded for $name {
            fn put(&self, out: &mut Vec<u8>) {
                self.value().put(out);
            }
            fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
                Ok($name::new(Coded::get(input)?))
            }
        }
    )+};
}

coded_number!(
    BlockIndex,
    ClientId,
    CopyNumber,
    Lsn,
    NodeId,
    SequenceId,
    SessionIncarnation,
    SetId,
    SiteEpoch,
    SiteId,
    StorageSetId,
    VolumeId,
);

/// Codes a struct as its fields, in the order given.
macro_rules! coded_struct {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::codec::Coded for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $($crate::codec::Coded::put(&self.$field, out);)+
            }
            fn get(input: &mut &[u8]) -> Result<Self, $crate::codec::DecodeError> {
                $(let $field = $crate::codec::Coded::get(input)?;)+
                Ok($name { $($field),+ })
            }
        }
    };
}
pub(crate) use coded_struct;

/// Codes an enum without fields as one byte; `$field` names it in errors.
macro_rules! coded_enum {
    ($name:ident, $field:literal { $($variant:ident = $byte:literal),+ $(,)? }) => {
        impl $crate::codec::Coded for $name {
            fn put(&self, out: &mut Vec<u8>) {
                let byte: u8 = match self { $($name::$variant => $byte),+ };
                byte.put(out);
            }
            fn get(input: &mut &[u8]) -> Result<Self, $crate::codec::DecodeError> {
                match u8::get(input)? {
                    $($byte => Ok($name::$variant),)+
                    _ => Err($crate::codec::DecodeError::Field($field)),
                }
            }
        }
    };
}
pub(crate) use coded_enum;

coded_struct!(CommandId { client, counter });
coded_struct!(Session {
    site_epoch,
    incarnation
});
coded_struct!(Ticket {
    incarnation,
    issued
});
coded_struct!(Watermark { client, counter });
coded_struct!(ReservationKey { epoch, node });
coded_struct!(CommandResult {
    command,
    outcome,
    range
});
coded_enum!(Outcome, "outcome" { Performed = 1, Mismatch = 2, Failed = 3 });

impl Coded for bool {
    fn put(&self, out: &mut Vec<u8>) {
        u8::from(*self).put(out);
    }
    fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
        match u8::get(input)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Field("truth")),
        }
    }
}

impl Coded for Instant {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_nanos().put(out);
    }
    fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
        Ok(Instant::from_nanos(Coded::get(input)?))
    }
}

impl Coded for Range {
    fn put(&self, out: &mut Vec<u8>) {
        self.start().put(out);
        self.count().put(out);
    }
    fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let start = Coded::get(input)?;
        let count = Coded::get(input)?;
        Range::new(start, count).ok_or(DecodeError::Field("range"))
    }
}

impl<T: Coded> Coded for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => 0u8.put(out),
            Some(value) => {
                1u8.put(out);
                value.put(out);
            }
        }
    }
    fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
        match u8::get(input)? {
            0 => Ok(None),
            1 => Ok(Some(T::get(input)?)),
            _ => Err(DecodeError::Field("option")),
        }
    }
}

/// Appends values whose count stands elsewhere.
pub(crate) fn put_many<T: Coded>(count: u32, values: &[T], out: &mut Vec<u8>) {
    assert_eq!(values.len(), count as usize, "as many values as stated");
    for value in values {
        value.put(out);
    }
}

/// Takes `count` values. Reserves nothing ahead: a false count meets the end of
/// the input first.
pub(crate) fn get_many<T: Coded>(count: u32, input: &mut &[u8]) -> Result<Vec<T>, DecodeError> {
    (0..count).map(|_| T::get(input)).collect()
}

impl<T: Coded> Coded for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        length(self.len()).put(out);
        for value in self {
            value.put(out);
        }
    }
    fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let count = Coded::get(input)?;
        get_many(count, input)
    }
}

impl<K: Coded + Ord + Copy, V: Coded> Coded for Table<K, V> {
    fn put(&self, out: &mut Vec<u8>) {
        put_entries(self.len(), self.iter(), out);
    }
    fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
        get_entries(input)
    }
}

impl<K: Coded + Ord + Copy, V: Coded + Clone> Coded for OrdMap<K, V> {
    fn put(&self, out: &mut Vec<u8>) {
        put_entries(self.len(), self.iter(), out);
    }
    fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
        get_entries(input)
    }
}

/// Appends a map: how many entries, then each by rising key.
fn put_entries<'a, K: Coded + 'a, V: Coded + 'a>(
    count: usize,
    entries: impl Iterator<Item = (&'a K, &'a V)>,
    out: &mut Vec<u8>,
) {
    length(count).put(out);
    for (key, value) in entries {
        key.put(out);
        value.put(out);
    }
}

/// Takes a map of any kind.
fn get_entries<K: Coded + Ord + Copy, V: Coded, M: FromIterator<(K, V)>>(
    input: &mut &[u8],
) -> Result<M, DecodeError> {
    let count = u32::get(input)?;
    let mut last = None;
    let entry = |_| {
        let key = ascending(K::get(input)?, &mut last)?;
        Ok((key, V::get(input)?))
    };
    (0..count).map(entry).collect()
}

impl<K: Coded + Ord + Copy> Coded for OrdSet<K> {
    fn put(&self, out: &mut Vec<u8>) {
        length(self.len()).put(out);
        for key in self {
            key.put(out);
        }
    }
    fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let count = u32::get(input)?;
        let mut set = OrdSet::new();
        let mut last = None;
        for _ in 0..count {
            set.insert(ascending(K::get(input)?, &mut last)?);
        }
        Ok(set)
    }
}

/// Checks that a key stands behind the one before it: one order, no doubles.
fn ascending<K: Ord + Copy>(key: K, last: &mut Option<K>) -> Result<K, DecodeError> {
    if last.replace(key).is_some_and(|last| last >= key) {
        return Err(DecodeError::Field("key order"));
    }
    Ok(key)
}

//! A table of things under small keys: packets in flight.
//!
//! The next key is always the lowest free one. So the keys that will be given
//! follow from the content alone, and a table that was saved and restored goes
//! on with the same keys as its twin that was not. (A free list in order of
//! release would be as fast, and would have to be saved and compared too.)

#[cfg(test)]
mod tests;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Keys in one word of the occupancy bits.
const WORD_BITS: usize = 64;
/// The most entries that are held at once.
pub const SLOTS_MAX: usize = 1 << 24;

/// Things under keys of 32 bits.
#[derive(Clone)]
pub struct Slots<T> {
    /// Ends with an occupied entry, if there is any.
    entries: Vec<Option<T>>,
    /// One bit for each key; keys behind the end of `entries` are free.
    occupied: Vec<u64>,
    /// No word before this has a free key.
    free_word: usize,
    length: usize,
}

impl<T> Slots<T> {
    /// An empty table.
    pub const fn new() -> Self {
        Slots {
            entries: Vec::new(),
            occupied: Vec::new(),
            free_word: 0,
            length: 0,
        }
    }

    /// Number of things held.
    pub fn len(&self) -> usize {
        self.length
    }

    /// True if nothing is held.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Puts a thing under the lowest free key.
    pub fn insert(&mut self, item: T) -> u32 {
        let (key, place) = self.reserve();
        *place = Some(item);
        key
    }

    /// The lowest free key and its empty place, which the caller fills. Spares
    /// copies of large things: they can be made where they belong.
    #[inline]
    pub fn reserve(&mut self) -> (u32, &mut Option<T>) {
        while self.occupied.get(self.free_word) == Some(&u64::MAX) {
            self.free_word += 1;
        }
        if self.free_word == self.occupied.len() {
            self.occupied.push(0);
        }
        let word = &mut self.occupied[self.free_word];
        let bit = word.trailing_ones();
        *word |= 1 << bit;
        let place = self.free_word * WORD_BITS + bit as usize;
        assert!(
            place < SLOTS_MAX,
            "more than {SLOTS_MAX} things in a table of slots"
        );
        // The lowest free key is at most the length.
        if place == self.entries.len() {
            self.entries.push(None);
        }
        self.length += 1;
        let key = u32::try_from(place).expect("less than SLOTS_MAX");
        (key, &mut self.entries[place])
    }

    /// Takes out what is under a key.
    pub fn take(&mut self, key: u32) -> Option<T> {
        let item = self.entries.get_mut(key as usize)?.take()?;
        self.free(key);
        Some(item)
    }

    /// Drops what is under a key, which must be something, but for what `keep`
    /// takes out of it. Cheaper than [`Slots::take`] for a part of a large thing.
    #[inline]
    pub fn take_part<R>(&mut self, key: u32, keep: impl FnOnce(&mut T) -> R) -> R {
        let entry = &mut self.entries[key as usize];
        let kept = keep(entry.as_mut().expect("a key of something"));
        *entry = None;
        self.free(key);
        kept
    }

    #[inline]
    fn free(&mut self, key: u32) {
        let place = key as usize;
        let word = place / WORD_BITS;
        self.occupied[word] &= !(1 << (place % WORD_BITS));
        self.free_word = self.free_word.min(word);
        self.length -= 1;
        while matches!(self.entries.last(), Some(None)) {
            self.entries.truncate(self.entries.len() - 1);
        }
    }

    /// What is under a key.
    #[inline]
    pub fn get(&self, key: u32) -> Option<&T> {
        self.entries.get(key as usize)?.as_ref()
    }

    /// What is under a key, to be changed.
    pub fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        self.entries.get_mut(key as usize)?.as_mut()
    }

    /// Everything, in order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let entries = (0..).zip(&self.entries);
        entries.filter_map(|(key, entry)| entry.as_ref().map(|item| (key, item)))
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for Slots<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<T: PartialEq> PartialEq for Slots<T> {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl<T: Eq> Eq for Slots<T> {}

impl<T: Serialize> Serialize for Slots<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A list whose length is known beforehand, as compact formats want it.
        self.iter().collect::<Vec<_>>().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Slots<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut slots = Slots::new();
        for (key, item) in Vec::<(u32, T)>::deserialize(deserializer)? {
            let place = key as usize;
            if place < slots.entries.len() || place >= SLOTS_MAX {
                return Err(de::Error::custom("the keys of slots do not rise"));
            }
            slots.entries.resize_with(place, || None);
            slots.entries.push(Some(item));
            slots.occupied.resize(place / WORD_BITS + 1, 0);
            slots.occupied[place / WORD_BITS] |= 1 << (place % WORD_BITS);
            slots.length += 1;
        }
        Ok(slots)
    }
}

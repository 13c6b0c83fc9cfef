//! Small ordered maps and sets: a sorted list, allocated as it is filled.
//!
//! A B-tree's first node has room for eleven entries; a module's tables rarely
//! hold three, and a fork copies each table that it touches. Finding is as fast,
//! and inserting moves what lies behind, which a limit on what is going on bounds.
//! Serialized as the standard library's maps are.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Index;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A small ordered map.
#[derive(Clone, PartialEq, Eq)]
pub struct Table<K, V> {
    /// By rising key.
    entries: Vec<(K, V)>,
}

impl<K: Ord, V> Table<K, V> {
    /// An empty map.
    pub const fn new() -> Self {
        Table {
            entries: Vec::new(),
        }
    }

    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.entries
            .binary_search_by(|(other, _)| other.borrow().cmp(key))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    /// True if there is an entry under the key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }
    /// What is under the key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key).ok()?;
        Some(&self.entries[place].1)
    }
    /// What is under the key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key).ok()?;
        Some(&mut self.entries[place].1)
    }

    /// Puts a value under the key; the one that was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(place) => Some(std::mem::replace(&mut self.entries[place].1, value)),
            Err(place) => {
                if self.entries.len() == self.entries.capacity() {
                    let more = (self.entries.len() / 2).max(1);
                    self.entries.reserve_exact(more);
                }
                self.entries.insert(place, (key, value));
                None
            }
        }
    }

    /// Takes out what is under the key.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.find(key).ok()?;
        Some(self.entries.remove(place).1)
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
    /// Keeps the entries of which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.entries.retain_mut(|(key, value)| keep(key, value));
    }

    /// All entries by rising key.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }
    /// All keys, rising.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.iter().map(|(key, _)| key)
    }
    /// All values by rising key.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }
    /// All values by rising key, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.iter_mut().map(|(_, value)| value)
    }
}

impl<K: Ord, V> Default for Table<K, V> {
    fn default() -> Self {
        Table::new()
    }
}

impl<K: Ord, V> Index<&K> for Table<K, V> {
    type Output = V;

    fn index(&self, key: &K) -> &V {
        self.get(key).expect("there is an entry under the key")
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Table<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut table = Table::new();
        for (key, value) in entries {
            table.insert(key, value);
        }
        table
    }
}

impl<K: Ord + fmt::Debug, V: fmt::Debug> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord + Serialize, V: Serialize> Serialize for Table<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = self.entries.iter().map(|(key, value)| (key, value));
        serializer.collect_map(entries)
    }
}

impl<'de, K: Ord + Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Table<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = BTreeMap::deserialize(deserializer)?;
        Ok(entries.into_iter().collect())
    }
}

/// A small ordered set.
#[derive(Clone, PartialEq, Eq)]
pub struct Set<T> {
    members: Table<T, ()>,
}

impl<T: Ord> Set<T> {
    /// An empty set.
    pub const fn new() -> Self {
        Set {
            members: Table::new(),
        }
    }
    /// Number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }
    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
    /// True if this is a member.
    pub fn contains(&self, member: &T) -> bool {
        self.members.contains_key(member)
    }
    /// Adds a member; false if it was there.
    pub fn insert(&mut self, member: T) -> bool {
        self.members.insert(member, ()).is_none()
    }
    /// Takes a member out; false if it was not there.
    pub fn remove(&mut self, member: &T) -> bool {
        self.members.remove(member).is_some()
    }
    /// Drops all members.
    pub fn clear(&mut self) {
        self.members.clear();
    }
    /// Keeps the members of which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.members.retain(|member, ()| keep(member));
    }
    /// The lowest member.
    pub fn first(&self) -> Option<&T> {
        self.iter().next()
    }
    /// All members, rising.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.members.keys()
    }
}

impl<T: Ord> Default for Set<T> {
    fn default() -> Self {
        Set::new()
    }
}

impl<T: Ord + fmt::Debug> fmt::Debug for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<T: Ord + Serialize> Serialize for Set<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.members.entries.iter().map(|(member, ())| member))
    }
}

impl<'de, T: Ord + Deserialize<'de>> Deserialize<'de> for Set<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = BTreeSet::deserialize(deserializer)?;
        let members = members.into_iter().map(|member| (member, ()));
        Ok(Set {
            members: members.collect(),
        })
    }
}

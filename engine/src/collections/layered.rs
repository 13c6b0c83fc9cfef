//! A large ordered map of which a few entries are touched at a time.
//!
//! A persistent map for all, and over it a short sorted list of what was touched
//! lately. A fork that touches an entry copies the list and that entry, where the
//! map alone would cost it a node on each level; the map is changed for a listful
//! of entries at once.
//!
//! ```text
//! get ──► recent (a value, or gone) ──not there──► settled
//!            └──────────── full: settle ─────────────▲
//! ```
//!
//! Which entries are recent follows from history and is seen by nobody: `==` and
//! the serialized form, that of a map, have the entries alone.

use std::fmt;
use std::sync::Arc;

use imbl::OrdMap;
use imbl_sized_chunks::sized_chunk::Chunk;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most entries that were touched lately. More would cost a fork that touches
/// one of them more, fewer would disturb the map more often.
const RECENT_MAX: usize = 12;

/// Keys touched lately, rising; nothing is there of one that was taken out of
/// `settled`. In one piece with its count, so that a fork makes one allocation.
type Recent<K, V> = Chunk<(K, Option<Arc<V>>), RECENT_MAX>;

/// A large ordered map.
#[derive(Clone)]
pub struct Layered<K, V> {
    recent: Arc<Recent<K, V>>,
    settled: OrdMap<K, Arc<V>>,
    length: usize,
}

impl<K: Ord + Copy, V: Clone> Layered<K, V> {
    /// An empty map.
    pub fn new() -> Self {
        Layered {
            recent: Arc::new(Chunk::new()),
            settled: OrdMap::new(),
            length: 0,
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.length
    }
    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn find(&self, key: &K) -> Result<usize, usize> {
        self.recent.binary_search_by(|(other, _)| other.cmp(key))
    }

    fn shared(&self, key: &K) -> Option<&Arc<V>> {
        match self.find(key) {
            Ok(place) => self.recent[place].1.as_ref(),
            Err(_) => self.settled.get(key),
        }
    }

    /// True if there is an entry under the key.
    pub fn contains_key(&self, key: &K) -> bool {
        self.shared(key).is_some()
    }
    /// What is under the key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.shared(key).map(|value| &**value)
    }

    /// What is under the key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = match self.find(key) {
            Ok(place) => {
                self.recent[place].1.as_ref()?;
                place
            }
            Err(place) => {
                let value = Arc::clone(self.settled.get(key)?);
                self.list(place, *key, Some(value))
            }
        };
        Arc::make_mut(&mut self.recent)[place]
            .1
            .as_mut()
            .map(Arc::make_mut)
    }

    /// What is under the key, made if there is nothing.
    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let place = match self.find(&key) {
            Ok(place) => place,
            Err(place) => {
                let value = self.settled.get(&key).cloned();
                self.length += usize::from(value.is_none());
                self.list(place, key, Some(value.unwrap_or_default()))
            }
        };
        let value = &mut Arc::make_mut(&mut self.recent)[place].1;
        if value.is_none() {
            self.length += 1;
        }
        Arc::make_mut(value.get_or_insert_default())
    }

    /// Puts a value under the key; the one that was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<Arc<V>> {
        let value = Some(Arc::new(value));
        let before = match self.find(&key) {
            Ok(place) => std::mem::replace(&mut Arc::make_mut(&mut self.recent)[place].1, value),
            Err(place) => {
                let before = self.settled.get(&key).cloned();
                self.list(place, key, value);
                before
            }
        };
        self.length += usize::from(before.is_none());
        before
    }

    /// Takes out what is under the key.
    pub fn remove(&mut self, key: &K) -> Option<Arc<V>> {
        let before = match self.find(key) {
            Ok(place) => {
                self.recent[place].1.as_ref()?;
                // What never settled leaves no trace.
                let is_settled = self.settled.contains_key(key);
                let recent = Arc::make_mut(&mut self.recent);
                if is_settled {
                    recent[place].1.take()
                } else {
                    recent.remove(place).1
                }
            }
            Err(place) => {
                let before = Some(Arc::clone(self.settled.get(key)?));
                self.list(place, *key, None);
                before
            }
        };
        self.length -= 1;
        before
    }

    /// The first entry that is not below the key.
    pub fn next(&self, key: &K) -> Option<(K, &V)> {
        let place = self.find(key).unwrap_or_else(|place| place);
        let mut recent = self.recent[place..].iter();
        let recent = recent.find_map(|(key, value)| Some((*key, &**value.as_ref()?)));
        let mut settled = self.settled.range(*key..);
        let settled = settled.find(|(key, _)| self.find(key).is_err());
        let settled = settled.map(|(key, value)| (*key, &**value));
        match (recent, settled) {
            (Some(recent), Some(settled)) if settled.0 < recent.0 => Some(settled),
            (Some(recent), _) => Some(recent),
            (None, settled) => settled,
        }
    }

    /// All entries by rising key.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        let mut recent = self.recent.iter().peekable();
        let mut settled = self.settled.iter().peekable();
        std::iter::from_fn(move || {
            loop {
                let touched = recent.peek().map(|(key, _)| *key);
                let below =
                    settled.next_if(|(key, _)| touched.is_none_or(|touched| **key < touched));
                if let Some((key, value)) = below {
                    return Some((*key, &**value));
                }
                let (key, value) = recent.next()?;
                let _ = settled.next_if(|(other, _)| *other == key);
                if let Some(value) = value {
                    return Some((*key, &**value));
                }
            }
        })
    }
    /// All keys, rising.
    pub fn keys(&self) -> impl Iterator<Item = K> {
        self.iter().map(|(key, _)| key)
    }
    /// All values by rising key.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// Notes a touched entry at its place in the list, after making room; its place.
    fn list(&mut self, place: usize, key: K, value: Option<Arc<V>>) -> usize {
        let is_full = self.recent.is_full();
        if is_full {
            self.settle();
        }
        let place = if is_full { 0 } else { place };
        Arc::make_mut(&mut self.recent).insert(place, (key, value));
        place
    }

    fn settle(&mut self) {
        for (key, value) in Arc::make_mut(&mut self.recent).drain() {
            match value {
                Some(value) => self.settled.insert(key, value),
                None => self.settled.remove(&key),
            };
        }
    }
}

impl<K: Ord + Copy, V: Clone> Default for Layered<K, V> {
    fn default() -> Self {
        Layered::new()
    }
}

impl<K: Ord + Copy, V: Clone + PartialEq> PartialEq for Layered<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && self.iter().eq(other.iter())
    }
}

impl<K: Ord + Copy, V: Clone + Eq> Eq for Layered<K, V> {}

impl<K: Ord + Copy + fmt::Debug, V: Clone + fmt::Debug> fmt::Debug for Layered<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord + Copy, V: Clone> FromIterator<(K, V)> for Layered<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let settled: OrdMap<_, _> = entries.map(|(key, value)| (key, Arc::new(value))).collect();
        Layered {
            recent: Arc::new(Chunk::new()),
            length: settled.len(),
            settled,
        }
    }
}

impl<K: Ord + Copy + Serialize, V: Clone + Serialize> Serialize for Layered<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.length))?;
        for (key, value) in self.iter() {
            map.serialize_entry(&key, value)?;
        }
        map.end()
    }
}

impl<'de, K: Ord + Copy + Deserialize<'de>, V: Clone + Deserialize<'de>> Deserialize<'de>
    for Layered<K, V>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let settled = OrdMap::<K, Arc<V>>::deserialize(deserializer)?;
        Ok(Layered {
            recent: Arc::new(Chunk::new()),
            length: settled.len(),
            settled,
        })
    }
}

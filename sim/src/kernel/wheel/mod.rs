//! The queue of pending events, in order of (time, sequence number).
//!
//! A wheel of buckets of 8 µs each: an event of the next 8 ms goes into
//! its bucket unsorted, a later one into a heap. When the wheel has turned to a
//! bucket, the bucket's events are sorted into `open`, from whose end they are
//! popped. A bucket is part of a list; while there are fewer events than buckets,
//! several share one, which keeps a fork's copy small. So the cost of an event
//! depends neither on the number of pending ones nor, for the near ones, on how far
//! ahead they lie.
//!
//! Knows nothing of what an event is. The world calls it, once or twice an event.
//!
//! Invariants: an event before the end of the current bucket stands in `open`;
//! one of the following `BUCKETS - 1` buckets stands in its bucket or in `far`,
//! if it was far or the slab full when it was pushed; a bit in `occupied` is set
//! exactly if its bucket is not empty. How events are spread over the three places follows
//! from history, so it is left out of `==` and of the serialized form: both see
//! the sorted list.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fmt;

use crate::time::WorldTime;

/// Number of buckets, a power of two.
const BUCKETS: usize = 1024;
/// Lists that an empty wheel has for them, a power of two.
const LISTS_MIN: usize = 32;
/// A bucket spans `2^BUCKET_SHIFT` nanoseconds. Measured with 1 to 6,400 pending
/// events 0.5 and 5 ms ahead: 12 and 14 are slower at one end each.
const BUCKET_SHIFT: u32 = 13;
/// Buckets in one word of the occupancy bits.
const WORD_BITS: usize = 64;
/// Words of occupancy bits.
const WORDS: usize = BUCKETS / WORD_BITS;
/// A place in the slab. Narrow, because every fork copies one for each bucket; what
/// finds the slab full waits in the heap.
type Entry = u16;
/// Ends a list in the slab.
const NIL: Entry = Entry::MAX;

/// Pending events.
#[derive(Clone)]
pub struct Wheel<T: Copy> {
    /// First entries of lists in the slab. Buckets share a list while there are
    /// fewer events than buckets: a fork copies these, so there are no more than
    /// the slab once had entries. A power of two.
    heads: Vec<Entry>,
    occupied: [u64; WORDS],
    /// One bit for each word of `occupied` that is not zero.
    words: u16,
    slab: Vec<Link<T>>,
    /// First free entry of the slab.
    free: Entry,
    /// Number of the current bucket, counted from the beginning of the world.
    current: u64,
    /// Events of the current bucket and before, the latest first.
    open: Vec<Event<T>>,
    far: BinaryHeap<Reverse<Event<T>>>,
    length: usize,
}

#[derive(Clone, Copy)]
struct Event<T> {
    at: WorldTime,
    sequence: u64,
    item: T,
}

#[derive(Clone, Copy)]
struct Link<T> {
    event: Event<T>,
    next: Entry,
}

impl<T: Copy> Wheel<T> {
    /// No events.
    pub fn new() -> Self {
        Wheel {
            heads: vec![NIL; LISTS_MIN],
            occupied: [0; WORDS],
            words: 0,
            slab: Vec::new(),
            free: NIL,
            current: 0,
            open: Vec::new(),
            far: BinaryHeap::new(),
            length: 0,
        }
    }

    /// Number of pending events.
    pub fn len(&self) -> usize {
        self.length
    }

    /// True if nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds an event. No two pending events share `sequence`; `at` may lie
    /// before events that were popped.
    #[inline]
    pub fn push(&mut self, at: WorldTime, sequence: u64, item: T) {
        let event = Event { at, sequence, item };
        let bucket = bucket_of(at);
        self.length += 1;
        if bucket <= self.current {
            let place = self
                .open
                .iter()
                .rposition(|other| other.key() > event.key());
            self.open
                .insert(place.map_or(0, |before| before + 1), event);
        } else if bucket - self.current < BUCKETS as u64 && self.has_room() {
            self.link(bucket, event);
        } else {
            // After a fork there is room for nothing; doubled, it would stay unused.
            if self.far.len() == self.far.capacity() {
                self.far.reserve_exact(self.far.len() / 4 + 2);
            }
            self.far.push(Reverse(event));
        }
    }

    /// Takes the earliest event, of equally early ones that with the smallest
    /// sequence number.
    #[inline]
    pub fn pop(&mut self) -> Option<(WorldTime, u64, T)> {
        if self.open.is_empty() {
            self.turn();
        }
        let Event { at, sequence, item } = self.open.pop()?;
        self.length -= 1;
        Some((at, sequence, item))
    }

    /// Takes the earliest event if its time is not after `limit`. Cheaper than
    /// [`Wheel::peek_time`] and [`Wheel::pop`].
    #[inline]
    pub fn pop_until(&mut self, limit: WorldTime) -> Option<(WorldTime, u64, T)> {
        if self.open.is_empty() {
            self.turn();
        }
        if self.open.last()?.at > limit {
            None
        } else {
            self.pop()
        }
    }

    /// The time of the event that [`Wheel::pop`] would return.
    #[inline]
    pub fn peek_time(&self) -> Option<WorldTime> {
        if let Some(event) = self.open.last() {
            return Some(event.at);
        }
        let near = self.next_occupied().and_then(|bucket| {
            let events = self.list(self.heads[self.list_of(bucket)]);
            let of_bucket = events.filter(|event| bucket_of(event.at) == bucket);
            of_bucket.map(|event| event.at).min()
        });
        let far = self.far.peek().map(|Reverse(event)| event.at);
        match (near, far) {
            (Some(near), Some(far)) => Some(near.min(far)),
            (near, far) => near.or(far),
        }
    }

    /// All pending events, in no particular order: it depends on history, so
    /// nothing that a run does may depend on it.
    pub fn iter(&self) -> impl Iterator<Item = (WorldTime, u64, &T)> {
        let near = self.heads.iter().flat_map(|head| self.list(*head));
        let far = self.far.iter().map(|Reverse(event)| event);
        let all = self.open.iter().chain(near).chain(far);
        all.map(|event| (event.at, event.sequence, &event.item))
    }

    /// All pending events, in the order in which they will be popped.
    pub fn sorted(&self) -> Vec<(WorldTime, u64, T)> {
        let mut events: Vec<_> = self
            .iter()
            .map(|(at, seq, item)| (at, seq, *item))
            .collect();
        events.sort_unstable_by_key(|(at, sequence, _)| (*at, *sequence));
        events
    }

    /// Opens the earliest bucket that holds anything. `open` is empty.
    fn turn(&mut self) {
        let near = self.next_occupied();
        let far = self.far.peek().map(|Reverse(event)| bucket_of(event.at));
        self.current = match (near, far) {
            (Some(near), Some(far)) => near.min(far),
            (Some(bucket), None) | (None, Some(bucket)) => bucket,
            (None, None) => return,
        };
        if near == Some(self.current) {
            self.open_current();
        }
        while let Some(Reverse(event)) = self.far.peek() {
            if bucket_of(event.at) > self.current {
                break;
            }
            self.open.push(*event);
            self.far.pop();
        }
        if self.open.len() > 1 {
            self.open.sort_unstable_by_key(|event| Reverse(event.key()));
        }
    }

    /// The first occupied bucket behind the current one.
    #[inline]
    fn next_occupied(&self) -> Option<u64> {
        let first = self.current + 1;
        let (word, bit) = (place_of(first) / WORD_BITS, place_of(first) % WORD_BITS);
        let here = self.occupied[word] >> bit;
        if here != 0 {
            return Some(first + u64::from(here.trailing_zeros()));
        }
        // The words behind this one, and last its part before `bit`, which is a
        // full turn away.
        let doubled = u32::from(self.words) | u32::from(self.words) << WORDS;
        let behind = doubled >> (word + 1) & ((1 << WORDS) - 1);
        if behind == 0 {
            return None;
        }
        let next = (word + 1 + behind.trailing_zeros() as usize) % WORDS;
        let place = next * WORD_BITS + self.occupied[next].trailing_zeros() as usize;
        let distance = (place + BUCKETS - place_of(first)) % BUCKETS;
        Some(first + distance as u64)
    }

    #[inline]
    fn has_room(&self) -> bool {
        self.free != NIL || self.slab.len() < usize::from(NIL)
    }

    #[inline]
    fn link(&mut self, bucket: u64, event: Event<T>) {
        let place = place_of(bucket);
        let (word, bit) = (place / WORD_BITS, 1 << (place % WORD_BITS));
        self.occupied[word] |= bit;
        self.words |= 1 << word;
        if self.free == NIL && self.slab.len() >= self.heads.len() && self.heads.len() < BUCKETS {
            self.widen();
        }
        let list = self.list_of(bucket);
        let next = self.heads[list];
        let link = Link { event, next };
        if self.free == NIL {
            self.heads[list] = Entry::try_from(self.slab.len()).expect("there is room");
            self.slab.push(link);
        } else {
            self.heads[list] = self.free;
            let entry = &mut self.slab[usize::from(self.free)];
            self.free = entry.next;
            *entry = link;
        }
    }

    /// Doubles the number of lists.
    #[cold]
    fn widen(&mut self) {
        let lists = self.heads.len() * 2;
        let narrow = std::mem::replace(&mut self.heads, vec![NIL; lists]);
        for head in narrow {
            let mut entry = head;
            while entry != NIL {
                let list = self.list_of(bucket_of(self.slab[usize::from(entry)].event.at));
                let link = &mut self.slab[usize::from(entry)];
                let next = std::mem::replace(&mut link.next, self.heads[list]);
                self.heads[list] = entry;
                entry = next;
            }
        }
    }

    /// Moves the current bucket's events to `open` and their entries to the free
    /// list. Those of other buckets in the same list stay.
    #[inline]
    fn open_current(&mut self) {
        let place = place_of(self.current);
        let word = place / WORD_BITS;
        self.occupied[word] &= !(1 << (place % WORD_BITS));
        if self.occupied[word] == 0 {
            self.words &= !(1 << word);
        }
        let list = self.list_of(self.current);
        let mut entry = std::mem::replace(&mut self.heads[list], NIL);
        while entry != NIL {
            let link = &mut self.slab[usize::from(entry)];
            let next = link.next;
            if bucket_of(link.event.at) == self.current {
                self.open.push(link.event);
                link.next = self.free;
                self.free = entry;
            } else {
                link.next = self.heads[list];
                self.heads[list] = entry;
            }
            entry = next;
        }
    }

    /// The list that has a bucket's events.
    #[inline]
    fn list_of(&self, bucket: u64) -> usize {
        place_of(bucket) & (self.heads.len() - 1)
    }

    fn list(&self, head: Entry) -> impl Iterator<Item = &Event<T>> {
        let entry = |index: Entry| self.slab.get(usize::from(index));
        std::iter::successors(entry(head), move |link| entry(link.next)).map(|link| &link.event)
    }
}

#[inline]
fn bucket_of(at: WorldTime) -> u64 {
    at.as_nanos() >> BUCKET_SHIFT
}

#[inline]
fn place_of(bucket: u64) -> usize {
    usize::try_from(bucket % BUCKETS as u64).expect("less than BUCKETS")
}

impl<T> Event<T> {
    fn key(&self) -> (WorldTime, u64) {
        (self.at, self.sequence)
    }
}

impl<T> PartialEq for Event<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Event<T> {}

impl<T> PartialOrd for Event<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Event<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl<T: Copy> Default for Wheel<T> {
    fn default() -> Self {
        Wheel::new()
    }
}

impl<T: Copy + fmt::Debug> fmt::Debug for Wheel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sorted()).finish()
    }
}

impl<T: Copy + PartialEq> PartialEq for Wheel<T> {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && self.sorted() == other.sorted()
    }
}

impl<T: Copy + Eq> Eq for Wheel<T> {}

impl<T: Copy + Serialize> Serialize for Wheel<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.sorted().serialize(serializer)
    }
}

impl<'de, T: Copy + Deserialize<'de>> Deserialize<'de> for Wheel<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let events = Vec::<(WorldTime, u64, T)>::deserialize(deserializer)?;
        let mut wheel = Wheel::new();
        wheel.current = events.first().map_or(0, |(at, _, _)| bucket_of(*at));
        for (at, sequence, item) in events {
            wheel.push(at, sequence, item);
        }
        Ok(wheel)
    }
}

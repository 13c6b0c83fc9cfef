//! What is wrong with the path from one machine to another: it lets nothing leave, or
//! nothing of one kind arrive, or has too little room.
//!
//! Keeps rules and how far a path's queue is; the packets that wait at a clog are the
//! world's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{LabelKind, NetworkId};
use stormglass_engine::time::Duration;

use super::Cut;
use crate::time::WorldTime;

const SECOND: u128 = 1_000_000_000;

/// How much a path carries. Absent limits are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PathLimit {
    /// Packets are sent one after the other.
    pub bandwidth: Option<Bandwidth>,
    /// Larger packets are dropped; in bytes.
    pub mtu: Option<u64>,
}

/// How fast a path is, and how many wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bandwidth {
    /// At least 1.
    pub bytes_per_second: u64,
    /// A packet that finds more than this before it is dropped; in bytes.
    pub queue_bytes: u64,
}

/// A packet's way into a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It is sent; its last byte leaves after this time.
    Sent(Duration),
    /// The same, after others.
    Queued(Duration),
    /// The queue has no room.
    Overflow,
    /// It is larger than anything that fits.
    TooLarge,
}

/// A limited path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Path {
    limit: PathLimit,
    /// When its queue is empty.
    free_at: WorldTime,
}

/// Everything that is wrong with paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Paths {
    /// How often each kind was cut and not healed.
    kinds: BTreeMap<(Cut, LabelKind), u32>,
    /// How often each path was clogged and not released.
    clogs: BTreeMap<Cut, u32>,
    limits: BTreeMap<Cut, Path>,
}

/// All that decides how one network's paths treat packets.
#[derive(Debug, Serialize)]
pub(crate) struct PathBehaviour {
    kinds: Vec<(u32, u32, u8, u32)>,
    clogs: Vec<(u32, u32, u32)>,
    limits: Vec<(u32, u32, PathLimit, WorldTime)>,
}

impl Paths {
    pub(super) fn cut_kind(&mut self, cut: Cut, kind: LabelKind) {
        *self.kinds.entry((cut, kind)).or_insert(0) += 1;
    }

    pub(super) fn heal_kind(&mut self, cut: Cut, kind: LabelKind) {
        take_back(&mut self.kinds, &(cut, kind));
    }

    pub(super) fn has_cut_kinds(&self) -> bool {
        !self.kinds.is_empty()
    }

    pub(super) fn is_kind_cut(&self, cut: &Cut, kind: LabelKind) -> bool {
        self.kinds.contains_key(&(*cut, kind))
    }

    pub(super) fn clog(&mut self, cut: Cut) {
        *self.clogs.entry(cut).or_insert(0) += 1;
    }

    /// True if the path is free now and was not.
    pub(super) fn release(&mut self, cut: Cut) -> bool {
        take_back(&mut self.clogs, &cut)
    }

    pub(super) fn is_clogged(&self, cut: &Cut) -> bool {
        self.clogs.contains_key(cut)
    }

    pub(super) fn limit(&mut self, cut: Cut, limit: PathLimit) {
        let free_at = WorldTime::ZERO;
        self.limits.insert(cut, Path { limit, free_at });
    }

    pub(super) fn unlimit(&mut self, cut: Cut) {
        self.limits.remove(&cut);
    }

    /// True if leaving is not a matter of course on every path.
    #[inline]
    pub(super) fn hold_up(&self) -> bool {
        !self.clogs.is_empty() || !self.limits.is_empty()
    }

    /// Takes a packet of this length into a path.
    pub(super) fn enter(&mut self, cut: &Cut, now: WorldTime, length: u64) -> Entry {
        match self.limits.get_mut(cut) {
            Some(path) => path.enter(now, length),
            None => Entry::Sent(Duration::ZERO),
        }
    }

    pub(super) fn cut_kinds(&self) -> impl Iterator<Item = (Cut, LabelKind)> {
        self.kinds.keys().copied()
    }

    pub(super) fn clogs(&self) -> impl Iterator<Item = Cut> {
        self.clogs.keys().copied()
    }

    pub(super) fn limits(&self) -> impl Iterator<Item = Cut> {
        self.limits.keys().copied()
    }

    pub(super) fn behaviour(&self, network: NetworkId) -> PathBehaviour {
        let own = |cut: &Cut| cut.network == network;
        let kinds = self.kinds.iter().filter(|((cut, _), _)| own(cut));
        let clogs = self.clogs.iter().filter(|(cut, _)| own(cut));
        let limits = self.limits.iter().filter(|(cut, _)| own(cut));
        PathBehaviour {
            kinds: kinds
                .map(|((cut, kind), count)| (cut.from.0, cut.to.0, kind.0, *count))
                .collect(),
            clogs: clogs
                .map(|(cut, count)| (cut.from.0, cut.to.0, *count))
                .collect(),
            limits: limits
                .map(|(cut, path)| (cut.from.0, cut.to.0, path.limit, path.free_at))
                .collect(),
        }
    }
}

impl Path {
    fn enter(&mut self, now: WorldTime, length: u64) -> Entry {
        if self.limit.mtu.is_some_and(|mtu| length > mtu) {
            return Entry::TooLarge;
        }
        let Some(bandwidth) = self.limit.bandwidth else {
            return Entry::Sent(Duration::ZERO);
        };
        let waits = self.free_at.since(now);
        if bandwidth.bytes_in(waits) > bandwidth.queue_bytes {
            return Entry::Overflow;
        }
        let span = waits.plus(bandwidth.time_of(length));
        self.free_at = now.after(span);
        if waits == Duration::ZERO {
            Entry::Sent(span)
        } else {
            Entry::Queued(span)
        }
    }
}

impl Bandwidth {
    /// How long so many bytes take, rounded up.
    fn time_of(self, bytes: u64) -> Duration {
        let nanos = (u128::from(bytes) * SECOND).div_ceil(u128::from(self.bytes_per_second));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many bytes are sent in a time, rounded down.
    fn bytes_in(self, span: Duration) -> u64 {
        let bytes = u128::from(span.as_nanos()) * u128::from(self.bytes_per_second) / SECOND;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// Counts one down; true if it was the last.
pub(super) fn take_back<K: Ord>(counts: &mut BTreeMap<K, u32>, key: &K) -> bool {
    let Some(count) = counts.get_mut(key) else {
        return false;
    };
    *count -= 1;
    let is_last = *count == 0;
    if is_last {
        counts.remove(key);
    }
    is_last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MachineId;

    const CUT: Cut = Cut {
        network: NetworkId::new(0),
        from: MachineId(0),
        to: MachineId(1),
    };

    const fn micros(count: u64) -> Duration {
        Duration::from_micros(count)
    }

    fn at(count: u64) -> WorldTime {
        WorldTime::ZERO.after(micros(count))
    }

    /// A byte takes a microsecond.
    fn limited(queue_bytes: u64) -> Paths {
        let bandwidth = Some(Bandwidth {
            bytes_per_second: 1_000_000,
            queue_bytes,
        });
        let mtu = Some(500);
        let mut paths = Paths::default();
        paths.limit(CUT, PathLimit { bandwidth, mtu });
        paths
    }

    #[test]
    fn packets_leave_one_after_the_other_and_what_finds_no_room_is_dropped() {
        let mut paths = limited(150);
        let mut enter = |now, length| paths.enter(&CUT, at(now), length);
        assert_eq!(enter(0, 100), Entry::Sent(micros(100)));
        assert_eq!(enter(10, 100), Entry::Queued(micros(190)));
        assert_eq!(enter(50, 100), Entry::Queued(micros(250)));
        assert_eq!(enter(50, 1), Entry::Overflow, "250 bytes are before it");
        assert_eq!(enter(149, 1), Entry::Overflow);
        assert_eq!(enter(150, 1), Entry::Queued(micros(151)));
        assert_eq!(enter(301, 7), Entry::Sent(micros(7)));
        assert_eq!(enter(302, 501), Entry::TooLarge);
        assert_eq!(enter(302, 500), Entry::Queued(micros(506)));
    }

    #[test]
    fn a_path_has_a_direction_and_an_end() {
        let mut paths = limited(0);
        let back = Cut {
            from: CUT.to,
            to: CUT.from,
            ..CUT
        };
        assert_eq!(paths.enter(&back, at(0), 900), Entry::Sent(Duration::ZERO));
        assert!(paths.hold_up());
        paths.unlimit(CUT);
        assert!(!paths.hold_up());
        assert_eq!(paths.enter(&CUT, at(0), 900), Entry::Sent(Duration::ZERO));
    }
}

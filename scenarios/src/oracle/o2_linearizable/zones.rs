//! Zones after Gibbons and Korach: what the operations on one value must cover.
//!
//! The value's operations happen in one piece. Some of them have ended by the
//! earliest response `first_response`; some have not begun before the latest
//! invocation `last_invocation`.
//!
//! ```text
//! forward                     backward
//! ├──op──┤                    ├────op─────────┤
//!            ├──op──┤               ├────op────────┤
//!        [  zone ]                  [  zone  ]
//! ```
//!
//! If the first lies before the second, the value stands there at least from the
//! one to the other: a *forward* zone. Otherwise all operations overlap, and one
//! instant between the two is enough for all of them: a *backward* zone. So
//! forward zones must not overlap, a backward zone must not lie inside a forward
//! one, and nothing else can go wrong.

use crate::workload::BlockValue;

/// From a command's invocation to the last event by which it had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) invoked: u64,
    pub(super) responded: u64,
}

/// What the operations on one value must cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Zone {
    first_response: u64,
    last_invocation: u64,
    /// True if the initial value is among them: it has responded before event 0.
    is_initial: bool,
}

impl Zone {
    /// The zone of a write and what reads it; without a write, of the initial
    /// value.
    pub(super) fn covering(
        written: Option<Interval>,
        read: impl IntoIterator<Item = Interval>,
    ) -> Zone {
        let start = Zone {
            first_response: u64::MAX,
            last_invocation: 0,
            is_initial: written.is_none(),
        };
        written
            .into_iter()
            .chain(read)
            .fold(start, |zone, operation| Zone {
                first_response: zone.first_response.min(operation.responded),
                last_invocation: zone.last_invocation.max(operation.invoked),
                is_initial: zone.is_initial,
            })
    }

    /// The zone of both.
    pub(super) fn joined(self, other: Zone) -> Zone {
        Zone {
            first_response: self.first_response.min(other.first_response),
            last_invocation: self.last_invocation.max(other.last_invocation),
            is_initial: self.is_initial || other.is_initial,
        }
    }

    pub(super) fn first_response(self) -> u64 {
        self.first_response
    }

    pub(super) fn last_invocation(self) -> u64 {
        self.last_invocation
    }

    /// True if the value certainly stood there from the one event to the other.
    pub(super) fn certainly_covers(self, from: u64, to: u64) -> bool {
        self.begins_before(from) && to < self.last_invocation
    }

    /// True if the value was certainly there by the event.
    fn begins_before(self, event: u64) -> bool {
        self.is_initial || self.first_response < event
    }

    fn is_forward(self) -> bool {
        self.begins_before(self.last_invocation)
    }

    /// Where a forward zone begins, in an order that puts the initial one first.
    fn key(self) -> (bool, u64) {
        (!self.is_initial, self.first_response)
    }

    fn events(self) -> [u64; 2] {
        [self.first_response, self.last_invocation]
    }
}

/// Two values, the second there while the first had to be, and the events that
/// say so.
pub(super) type Conflict = (BlockValue, BlockValue, Vec<u64>);

/// All conflicts of neighbours among forward zones, and one for each backward
/// zone inside a forward one.
pub(super) fn conflicts(zones: Vec<(BlockValue, Zone)>) -> Vec<Conflict> {
    let (mut forward, backward): (Vec<_>, Vec<_>) =
        zones.into_iter().partition(|(_, zone)| zone.is_forward());
    forward.sort_by_key(|(_, zone)| zone.key());

    let mut found = Vec::new();
    // At each place, of the forward zones up to it, the one that reaches furthest.
    let mut furthest: Vec<(BlockValue, Zone)> = Vec::new();
    for (value, zone) in forward {
        let Some(&(before, reaching)) = furthest.last() else {
            furthest.push((value, zone));
            continue;
        };
        if !zone.is_initial && zone.first_response < reaching.last_invocation {
            found.push((before, value, [reaching.events(), zone.events()].concat()));
        }
        let is_further = zone.last_invocation > reaching.last_invocation;
        furthest.push(if is_further {
            (value, zone)
        } else {
            (before, reaching)
        });
    }
    found.extend(backward.into_iter().filter_map(|(value, zone)| {
        inside(&furthest, zone)
            .map(|(outer, around)| (outer, value, [around.events(), zone.events()].concat()))
    }));
    found
}

/// The forward zone that has the backward zone inside.
fn inside(furthest: &[(BlockValue, Zone)], zone: Zone) -> Option<(BlockValue, Zone)> {
    let place = furthest.partition_point(|(_, around)| around.begins_before(zone.last_invocation));
    let (outer, around) = furthest[place.checked_sub(1)?];
    (zone.first_response < around.last_invocation).then_some((outer, around))
}

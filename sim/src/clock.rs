//! Machine clocks: monotonic, offset and drifting.

use serde::{Deserialize, Serialize};
use stormglass_engine::time::Instant;

use crate::time::WorldTime;

/// A machine's monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Clock {
    /// World time at which the clock shows `shown`.
    pub origin: WorldTime,
    /// What it shows then: zero, unless its rate was changed.
    pub shown: Instant,
    /// How much faster than world time it runs, in parts per billion; at most
    /// half a second in a second either way.
    pub drift_ppb: i32,
}

/// Another rate for a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClockRate {
    /// How much faster than world time, in parts per billion; at most
    /// [`DRIFT_PPB_MAX`] either way.
    pub drift_ppb: i32,
    /// Whoever asks for it says that the software does not assume such a clock.
    pub is_beyond_bound: bool,
}

/// Largest drift either way, in parts per billion.
pub const DRIFT_PPB_MAX: i32 = 500_000_000;
const BILLION: u64 = 1_000_000_000;

impl Clock {
    /// What the clock shows at a world time; the last instant of all, if that is beyond it.
    #[inline]
    pub fn read(self, at: WorldTime) -> Instant {
        let elapsed = at.since(self.origin).as_nanos();
        if self.drift_ppb == 0 {
            return Instant::from_nanos(self.shown.as_nanos().saturating_add(elapsed));
        }
        self.read_drifting(elapsed)
    }

    /// The clock that goes on from what this one shows at a world time, at another
    /// rate.
    #[must_use]
    pub fn at_rate(self, at: WorldTime, drift_ppb: i32) -> Self {
        Clock {
            origin: at,
            shown: self.read(at),
            drift_ppb,
        }
    }

    fn read_drifting(self, elapsed: u64) -> Instant {
        let by_clock = elapsed.saturating_add_signed(self.gained(elapsed));
        Instant::from_nanos(self.shown.as_nanos().saturating_add(by_clock))
    }

    /// By how much the clock goes wrong in a span of the world, rounded towards zero.
    /// Whole seconds apart from the rest, so that no product needs 128 bits, whose
    /// division is a loop.
    fn gained(self, elapsed: u64) -> i64 {
        let [seconds, rest] = [elapsed / BILLION, elapsed % BILLION].map(u64::cast_signed);
        let drift = i64::from(self.drift_ppb);
        seconds * drift + rest * drift / BILLION.cast_signed()
    }

    /// The first world time at which the clock shows `instant` or more. Rounded
    /// up: a deadline that fired a nanosecond early would be armed again at the
    /// same instant, for ever.
    #[inline]
    pub fn reaches(self, instant: Instant) -> WorldTime {
        let shown = instant.as_nanos().saturating_sub(self.shown.as_nanos());
        if self.drift_ppb == 0 {
            return self.at(shown);
        }
        self.reaches_drifting(instant)
    }

    /// True if [`Clock::reaches`] is earlier than a world time.
    #[inline]
    pub fn reaches_before(self, instant: Instant, at: WorldTime) -> bool {
        let before = at.as_nanos().checked_sub(1).map(WorldTime::from_nanos);
        let before = before.filter(|before| *before >= self.origin);
        before.is_some_and(|before| self.read(before) >= instant)
    }

    fn reaches_drifting(self, instant: Instant) -> WorldTime {
        let shown = instant.as_nanos().saturating_sub(self.shown.as_nanos());
        // What the clock shows in a second of the world.
        let rate = BILLION.checked_add_signed(i64::from(self.drift_ppb));
        let rate = rate.expect("a clock goes forward");
        let seconds = (shown / rate).checked_mul(BILLION);
        let rest = shown % rate * BILLION / rate;
        let elapsed = seconds.and_then(|seconds| seconds.checked_add(rest));
        let mut elapsed = elapsed.unwrap_or(u64::MAX / 2);
        while elapsed > 0 && self.read(self.at(elapsed - 1)) >= instant {
            elapsed -= 1;
        }
        while self.read(self.at(elapsed)) < instant {
            elapsed += 1;
        }
        self.at(elapsed)
    }

    #[inline]
    fn at(self, elapsed: u64) -> WorldTime {
        WorldTime::from_nanos(self.origin.as_nanos().saturating_add(elapsed))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock {
            origin: WorldTime::ZERO,
            shown: Instant::from_nanos(0),
            drift_ppb: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_deadline_is_armed_at_the_first_instant_that_reaches_it(
            drift_ppb in prop_oneof![Just(0), -DRIFT_PPB_MAX..DRIFT_PPB_MAX],
            shown in prop_oneof![0u64..4, 0u64..1_000_000_000_000],
            origin in prop_oneof![0u64..4, 0u64..1_000_000],
            base in 0u64..1_000_000_000_000,
            past in prop_oneof![4 => Just(0), 1 => 0u64..10],
        ) {
            let clock = Clock {
                origin: WorldTime::from_nanos(origin),
                shown: Instant::from_nanos(base),
                drift_ppb,
            };
            // Now and then an instant that was over when the clock began.
            let instant = Instant::from_nanos((base + shown).saturating_sub(past));
            let at = clock.reaches(instant);
            for near in at.as_nanos().saturating_sub(2)..at.as_nanos() + 3 {
                let near = WorldTime::from_nanos(near);
                prop_assert_eq!(clock.reaches_before(instant, near), at < near);
            }
            prop_assert!(clock.read(at) >= instant);
            if at.as_nanos() > origin {
                prop_assert!(clock.read(WorldTime::from_nanos(at.as_nanos() - 1)) < instant);
            }
        }

        #[test]
        fn a_clock_shows_what_exact_arithmetic_says(
            drift_ppb in -DRIFT_PPB_MAX..=DRIFT_PPB_MAX,
            elapsed in prop_oneof![0u64..10_000_000_000, 0..u64::MAX / 2],
        ) {
            let clock = Clock { drift_ppb, ..Clock::default() };
            let drift = i128::from(elapsed) * i128::from(drift_ppb) / 1_000_000_000;
            let shown = clock.read(WorldTime::from_nanos(elapsed)).as_nanos();
            prop_assert_eq!(i128::from(shown), i128::from(elapsed) + drift);
        }

        /// Whatever is done to its rate, a clock never goes back nor jumps.
        #[test]
        fn a_clock_is_monotonic_through_any_change_of_its_rate(
            rates in prop::collection::vec((1u64..1_000_000, -DRIFT_PPB_MAX..=DRIFT_PPB_MAX), 1..20),
        ) {
            let mut clock = Clock::default();
            let (mut now, mut last) = (WorldTime::ZERO, clock.read(WorldTime::ZERO));
            for (span, drift_ppb) in rates {
                let until = now.after(stormglass_engine::time::Duration::from_nanos(span));
                let before = clock.read(until);
                prop_assert!(before >= last);
                clock = clock.at_rate(until, drift_ppb);
                prop_assert_eq!(clock.read(until), before);
                (now, last) = (until, before);
            }
        }
    }
}

//! Module time: what a module's own monotonic clock shows.
//!
//! World time is the simulator's and a type of its own there; the two meet only
//! in the driver, which knows each machine's drift.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A reading of a module's monotonic clock, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instant(u64);

/// A span of time in nanoseconds, at most 584 years.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Duration(u64);

impl Instant {
    /// A reading of `nanoseconds`.
    pub const fn from_nanos(nanoseconds: u64) -> Self {
        Instant(nanoseconds)
    }
    /// The reading in nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
    /// The instant `span` later; stops at the end of time.
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        Instant(self.0.saturating_add(span.0))
    }
    /// The time since `earlier`, zero if that lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl Duration {
    /// No time at all.
    pub const ZERO: Duration = Duration(0);
    /// A span of nanoseconds.
    pub const fn from_nanos(nanoseconds: u64) -> Self {
        Duration(nanoseconds)
    }
    /// A span of microseconds.
    pub const fn from_micros(microseconds: u64) -> Self {
        Duration(microseconds * 1_000)
    }
    /// A span of milliseconds.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Duration(milliseconds * 1_000_000)
    }
    /// A span of seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Duration(seconds * 1_000_000_000)
    }
    /// The span in nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
    /// The sum; stops at the largest span.
    #[must_use]
    pub const fn plus(self, other: Duration) -> Self {
        Duration(self.0.saturating_add(other.0))
    }
    /// The span divided by a count that is not zero.
    #[must_use]
    pub const fn divided_by(self, count: u64) -> Self {
        Duration(self.0 / count)
    }
    /// The span times a count; stops at the largest span.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Duration(self.0.saturating_mul(count))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", Duration(self.0))
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "us"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let (whole, rest) = (self.0 / unit, self.0 % unit * 1_000 / unit);
        if rest == 0 {
            write!(f, "{whole}{name}")
        } else {
            write!(f, "{whole}.{rest:03}{name}")
        }
    }
}

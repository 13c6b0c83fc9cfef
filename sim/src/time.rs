//! World time: the simulator's own, which no module ever sees.

use serde::{Deserialize, Serialize};
use std::fmt;
use stormglass_engine::time::Duration;

/// An instant of the simulated world, in nanoseconds since its beginning.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorldTime(u64);

impl WorldTime {
    /// The beginning.
    pub const ZERO: WorldTime = WorldTime(0);
    /// An instant `nanoseconds` after the beginning.
    pub const fn from_nanos(nanoseconds: u64) -> Self {
        WorldTime(nanoseconds)
    }
    /// Nanoseconds since the beginning.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
    /// The instant `span` later; stops at the end of time.
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        WorldTime(self.0.saturating_add(span.as_nanos()))
    }
    /// The span since `earlier`, zero if that lies ahead.
    #[must_use]
    pub const fn since(self, earlier: WorldTime) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for WorldTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Duration::from_nanos(self.0))
    }
}

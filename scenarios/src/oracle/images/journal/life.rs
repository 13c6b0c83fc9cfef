//! How long something stands in a journal: from one record up to another.

use serde::{Deserialize, Serialize};
use stormglass_engine::vocabulary::Lsn;

/// A life: it stands behind `from` and is gone behind `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Life {
    pub(super) from: Lsn,
    pub(super) until: Option<Lsn>,
}

impl Life {
    /// It stands from a record on.
    pub(super) fn since(from: Lsn) -> Self {
        Life { from, until: None }
    }

    fn stands_behind(self, at: Lsn) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }

    /// True if it has ended behind a record that no recovery starts before.
    pub(super) fn is_over(self, end: Lsn) -> bool {
        self.until.is_some_and(|until| until <= end)
    }
}

/// True if one of the lives stands behind `end`, and one behind every later record
/// that may be the last. `stop_after` finds the first stop after a record.
pub(super) fn cover(
    lives: impl Iterator<Item = Life> + Clone,
    end: Lsn,
    stop_after: impl Fn(Lsn) -> Option<Lsn>,
) -> bool {
    let mut at = end;
    loop {
        let mut until = None;
        for life in lives.clone().filter(|life| life.stands_behind(at)) {
            match life.until {
                None => return true,
                Some(end) => until = until.max(Some(end)),
            }
        }
        let Some(until) = until else { return false };
        // The next image in which those are gone.
        let Some(stop) = stop_after(until) else {
            return true;
        };
        at = Lsn::new(stop.value() - 1);
    }
}

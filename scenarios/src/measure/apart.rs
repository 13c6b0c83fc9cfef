//! How long a volume's copies were out of sync: from the owner's word that it goes on
//! without the mirror, through all that a resync takes, to its word that they are in sync
//! again. Refuses to know which node says so.

use serde::{Deserialize, Serialize};
use stormglass_engine::event::Event;
use stormglass_engine::storage_set::record::Mode;
use stormglass_engine::time::Duration;
use stormglass_sim::time::WorldTime;

use crate::file::PairIndex;

/// The times so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Apart {
    /// Volumes whose copies are out of sync, and since when.
    open: Vec<(PairIndex, WorldTime)>,
    longest: Duration,
}

impl Apart {
    /// A report of a node of the volume's.
    pub(super) fn observe(&mut self, at: WorldTime, volume: PairIndex, event: &Event) {
        let Event::Mode(mode, _) = event else {
            return;
        };
        let place = self.open.iter().position(|(own, _)| *own == volume);
        match (mode, place) {
            (Mode::InSync, Some(place)) => {
                let (_, since) = self.open.remove(place);
                self.longest = self.longest.max(at.since(since));
            }
            (Mode::OosPending | Mode::OutOfSync | Mode::Resync, None) => {
                self.open.push((volume, at));
            }
            (Mode::InSync, None) | (Mode::OosPending | Mode::OutOfSync | Mode::Resync, Some(_)) => {
            }
        }
    }

    /// The longest that has ended; zero if there was none.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use stormglass_engine::vocabulary::{Session, SessionIncarnation, SiteEpoch};

    use super::*;

    #[test]
    fn volumes_are_out_of_sync_each_for_itself_and_the_longest_counts() {
        let [one, other] = [0, 1].map(|it| PairIndex::new(it).expect("there are eight"));
        let session = Session {
            site_epoch: SiteEpoch::new(1),
            incarnation: SessionIncarnation::new(1),
        };
        let mut apart = Apart::default();
        let mut says = |millis: u64, volume, mode| {
            let at = WorldTime::from_nanos(millis * 1_000_000);
            apart.observe(at, volume, &Event::Mode(mode, session));
            apart.longest()
        };
        assert_eq!(says(1, one, Mode::InSync), Duration::ZERO);
        says(10, one, Mode::OosPending);
        says(12, other, Mode::OutOfSync);
        says(13, one, Mode::Resync);
        assert_eq!(says(15, one, Mode::InSync), Duration::from_millis(5));
        says(20, other, Mode::Resync);
        assert_eq!(says(22, other, Mode::InSync), Duration::from_millis(10));
        says(30, one, Mode::OutOfSync);
        assert_eq!(says(31, one, Mode::InSync), Duration::from_millis(10));
    }
}

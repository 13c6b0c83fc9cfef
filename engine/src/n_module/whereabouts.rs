//! Where the set is served, as far as an N-module knows: what the D-modules of the pair said
//! last. A hint, and no proof: who does not serve drops what it is asked.
//!
//! Owns the comparison of the two words: both age as fast as a heartbeat does, and of two that
//! have not, that of the higher epoch counts, for each takeover has a higher one than all
//! before. On a set whose devices were replaced epochs begin anew, so an old word must not
//! outweigh a new one for good.

use serde::{Deserialize, Serialize};

use crate::time::{Duration, Instant};
use crate::wire::interconnect::{Alive, Standing};

/// What an N-module has heard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Whereabouts {
    /// What the partner's D-module said last, and when.
    partner: Option<(Alive, Instant)>,
    /// The epoch under which this node's own D-module said last that it serves, and when.
    own: Option<(u64, Instant)>,
}

impl Whereabouts {
    /// The partner's D-module says how it stands. What it said before that is passed over.
    pub(super) fn note_partner(&mut self, alive: Alive, now: Instant) {
        if !self
            .partner
            .is_some_and(|(last, _)| alive.is_overtaken_by(&last))
        {
            self.partner = Some((alive, now));
        }
    }

    /// The D-module beside it serves. True if it did not under this epoch before.
    pub(super) fn note_own(&mut self, epoch: u64, now: Instant) -> bool {
        let last = self.own.replace((epoch, now));
        last.is_none_or(|(last, _)| last != epoch)
    }

    /// True if the partner serves: it said so within `silence`, and nobody here did under a
    /// later epoch.
    pub(super) fn is_at_partner(&self, now: Instant, silence: Duration) -> bool {
        let is_recent = |at: Instant| now.since(at) < silence;
        let own = self.own.filter(|(_, at)| is_recent(*at));
        let own = own.map(|(epoch, _)| epoch);
        self.partner.is_some_and(|(alive, at)| {
            alive.standing == Standing::Serves && Some(alive.epoch) > own && is_recent(at)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::NodeId;

    const SILENCE: Duration = Duration::from_millis(10);

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn says(beat: u64, epoch: u64, standing: Standing) -> Alive {
        Alive {
            node: NodeId::new(2),
            incarnation: 5,
            beat,
            epoch,
            standing,
        }
    }

    #[test]
    fn the_word_of_the_higher_epoch_counts_whichever_comes_first() {
        for own_first in [false, true] {
            for (own, partner) in [(1, 2), (2, 1), (2, 2)] {
                let mut heard = Whereabouts::default();
                if own_first {
                    assert!(heard.note_own(own, at(0)));
                }
                heard.note_partner(says(1, partner, Standing::Serves), at(0));
                if !own_first {
                    assert!(heard.note_own(own, at(0)));
                }
                assert!(!heard.note_own(own, at(0)), "it is known");
                assert_eq!(heard.is_at_partner(at(1), SILENCE), partner > own);
            }
        }
    }

    #[test]
    fn an_old_word_of_its_own_brings_nothing_back() {
        let mut heard = Whereabouts::default();
        heard.note_own(3, at(0));
        heard.note_partner(says(1, 4, Standing::Serves), at(0));
        assert!(!heard.note_own(3, at(0)));
        assert!(heard.is_at_partner(at(9), SILENCE));
        assert!(!heard.is_at_partner(at(10), SILENCE), "it has been silent");
    }

    #[test]
    fn an_own_word_of_before_the_devices_were_replaced_weighs_nothing_in_the_end() {
        let mut heard = Whereabouts::default();
        heard.note_own(7, at(0));
        heard.note_partner(says(1, 1, Standing::Serves), at(5));
        assert!(!heard.is_at_partner(at(9), SILENCE), "it may be of before");
        assert!(heard.is_at_partner(at(10), SILENCE));
        assert!(heard.note_own(2, at(12)), "served here again, and anew");
        assert!(!heard.is_at_partner(at(13), SILENCE));
    }
}

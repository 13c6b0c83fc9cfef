//! What the journal says of regions: their dirty bits, and since when.
//!
//! Owns their lives in the order of records, as `blocks` owns those of marks.

use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use stormglass_engine::vocabulary::Lsn;

use super::life::Life;

/// Regions with a bit that stands, or stood lately.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Bits(OrdMap<u64, Arc<Vec<Life>>>);

impl Bits {
    /// The lives of a region's bit.
    pub(super) fn lives(&self, region: u64) -> impl Iterator<Item = Life> + Clone {
        let lives = self.0.get(&region).into_iter();
        lives.flat_map(|lives| lives.iter().copied())
    }

    /// A record sets a bit that is clear.
    pub(super) fn set(&mut self, region: u64, lsn: Lsn) {
        let lives = self.0.entry(region).or_default();
        Arc::make_mut(lives).push(Life::since(lsn));
    }

    /// A record clears a bit that is set.
    pub(super) fn clear(&mut self, region: u64, lsn: Lsn) {
        let Some(lives) = self.0.get_mut(&region) else {
            return;
        };
        if let Some(last) = Arc::make_mut(lives).last_mut() {
            last.until.get_or_insert(lsn);
        }
    }

    /// Forgets what a checkpoint includes.
    pub(super) fn trim(&mut self, region: u64, end: Lsn) {
        let Some(lives) = self.0.get_mut(&region) else {
            return;
        };
        let lives = Arc::make_mut(lives);
        lives.retain(|life| !life.is_over(end));
        if lives.is_empty() {
            self.0.remove(&region);
        }
    }
}

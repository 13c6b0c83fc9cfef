//! Ordering: who may touch which blocks now, and who waits.
//!
//! Owns range locks and the queue before them. Overlapping commands are never in
//! flight together, so sets need no mutual order and both copies see one order;
//! disjoint ones run in parallel. First come, first served among overlapping
//! ones: a later command never overtakes an earlier one that it conflicts with.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::collections::Table;
use crate::vocabulary::{CommandId, Range};
use crate::wire::CommandFrame;

/// Whether a range is held alone or with other readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sharing {
    /// Readers.
    Shared,
    /// A mutation, or an orphan.
    Exclusive,
}

/// A claim on blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hold {
    /// The blocks.
    pub range: Range,
    /// Alone or not.
    pub sharing: Sharing,
}

impl Hold {
    fn conflicts(&self, other: &Hold) -> bool {
        let both_share = self.sharing == Sharing::Shared && other.sharing == Sharing::Shared;
        !both_share && self.range.overlaps(other.range)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    frame: CommandFrame,
    hold: Hold,
}

/// Range locks and the queue before them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordering {
    held: Table<CommandId, Hold>,
    /// Behind `Arc`s, so that a fork copies pointers.
    waiting: VecDeque<Arc<Waiting>>,
    /// A region that is being copied, or is to be: no mutation of it begins.
    region: Option<Range>,
}

impl Ordering {
    /// Takes a range at once; for orphans, before anybody else is there.
    pub fn hold(&mut self, command: CommandId, hold: Hold) {
        let conflicting = self.held.values().any(|held| held.conflicts(&hold));
        assert!(!conflicting, "two commands hold overlapping ranges");
        let previous = self.held.insert(command, hold);
        assert!(previous.is_none(), "a command holds one range");
    }

    /// Gives a range back.
    pub fn release(&mut self, command: CommandId) {
        let held = self.held.remove(&command);
        assert!(held.is_some(), "only a held range is released");
    }

    /// Puts a command at the queue's end.
    pub fn enqueue(&mut self, frame: CommandFrame, hold: Hold) {
        self.waiting.push_back(Arc::new(Waiting { frame, hold }));
    }

    /// Takes the first waiting command that meets no held range, overtakes none
    /// it conflicts with, and passes `admits`; it holds its range from now on.
    pub fn admit(
        &mut self,
        mut admits: impl FnMut(&CommandFrame, Hold) -> bool,
    ) -> Option<CommandFrame> {
        let place = (0..self.waiting.len()).find(|place| {
            let candidate = &self.waiting[*place];
            self.is_free(candidate.hold, *place) && admits(&candidate.frame, candidate.hold)
        })?;
        let admitted = Arc::unwrap_or_clone(self.waiting.remove(place)?);
        self.hold(admitted.frame.id, admitted.hold);
        Some(admitted.frame)
    }

    fn is_free(&self, hold: Hold, place: usize) -> bool {
        let free = !self.is_copied(hold) && !self.held.values().any(|held| held.conflicts(&hold));
        free && !self
            .waiting
            .iter()
            .take(place)
            .any(|earlier| earlier.hold.conflicts(&hold))
    }

    /// True of a mutation of the closed region.
    fn is_copied(&self, hold: Hold) -> bool {
        let is_over = |region: Range| region.overlaps(hold.range);
        hold.sharing == Sharing::Exclusive && self.region.is_some_and(is_over)
    }

    /// From now on no mutation of the region begins; those that have begun end.
    pub fn close_region(&mut self, region: Range) {
        assert!(self.region.is_none(), "one region is copied at a time");
        self.region = Some(region);
    }

    /// True if no mutation holds blocks of the closed region.
    pub fn is_region_free(&self) -> bool {
        let Some(region) = self.region else {
            return false;
        };
        let mut held = self.held.values();
        !held.any(|held| held.sharing == Sharing::Exclusive && held.range.overlaps(region))
    }

    /// True if a mutation waits for the closed region.
    pub fn is_region_awaited(&self) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|waiting| self.is_copied(waiting.hold))
    }

    /// Mutations of the region may begin again.
    pub fn open_region(&mut self) {
        self.region = None;
    }

    /// Takes every command out of the queue, in its order.
    pub fn take_waiting(&mut self) -> Vec<CommandId> {
        let taken = std::mem::take(&mut self.waiting);
        taken.iter().map(|waiting| waiting.frame.id).collect()
    }

    /// Takes a command out of the queue; true if it was there.
    pub fn withdraw(&mut self, command: CommandId) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.frame.id != command);
        self.waiting.len() < before
    }

    /// True if the command waits.
    pub fn is_waiting(&self, command: CommandId) -> bool {
        self.waiting
            .iter()
            .any(|waiting| waiting.frame.id == command)
    }
    /// The range that a command holds.
    pub fn range_of(&self, command: CommandId) -> Option<Range> {
        self.held.get(&command).map(|hold| hold.range)
    }
    /// True if the command holds its range.
    pub fn is_held(&self, command: CommandId) -> bool {
        self.held.contains_key(&command)
    }
    /// Every command that waits or holds its range.
    pub fn ids(&self) -> impl Iterator<Item = CommandId> {
        let waiting = self.waiting.iter().map(|waiting| waiting.frame.id);
        self.held.keys().copied().chain(waiting)
    }
    /// Commands in the queue.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
    /// Ranges held.
    pub fn held(&self) -> usize {
        self.held.len()
    }
}

#[cfg(test)]
mod tests;

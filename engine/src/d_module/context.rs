//! The context: what a role borrows for one input, and the door through which it
//! gets it.
//!
//! Owns which role is in office. Refuses to know what the input is.

use super::DModule;
use super::handing_off::HandingOff;
use super::mirror::Mirror;
use super::owner::Owner;
use crate::configuration::Configuration;
use crate::contract::Submission;
use crate::local::NodeOutbox;
use crate::storage_set::record::Entry;
use crate::storage_set::{IoIds, StorageSet};
use crate::time::Instant;

/// What a role needs while it handles one input.
pub struct Context<'a> {
    /// The module's clock.
    pub now: Instant,
    /// This boot.
    pub incarnation: u64,
    /// The administrator's configuration.
    pub configuration: &'a Configuration,
    /// The HA lease runs: what this node answers from memory is not stale.
    pub is_fresh: bool,
    /// Which node of the other pair holds its set, as a ready path says.
    pub holder: Option<u8>,
    /// Names for device commands.
    pub ids: &'a mut IoIds,
    /// Effects.
    pub out: &'a mut NodeOutbox,
}

impl<'a> Context<'a> {
    /// For a room outside the office, which answers nothing from memory.
    pub(super) fn outside(
        now: Instant,
        incarnation: u64,
        configuration: &'a Configuration,
        ids: &'a mut IoIds,
        out: &'a mut NodeOutbox,
    ) -> Self {
        Context {
            now,
            incarnation,
            configuration,
            is_fresh: false,
            holder: None,
            ids,
            out,
        }
    }
    /// Appends a journal entry and submits its writes.
    pub fn append(&mut self, set: &mut StorageSet, entry: Entry) {
        for write in set.append(entry, self.ids) {
            self.out.submit(write);
        }
    }
    /// Submits device commands.
    pub fn submit_all(&mut self, submissions: Vec<Submission>) {
        for submission in submissions {
            self.out.submit(submission);
        }
    }
}

/// The role that a module is in.
pub(super) enum Office<'a> {
    Owner(&'a mut Owner),
    Mirror(&'a mut Mirror),
    HandingOff(&'a mut HandingOff),
}

impl DModule {
    /// The one door to a role: itself, its set and its context.
    pub(super) fn office<'a>(
        &'a mut self,
        now: Instant,
        out: &'a mut NodeOutbox,
    ) -> Option<(Office<'a>, &'a mut StorageSet, Context<'a>)> {
        let owner = self.owner.as_deref_mut().map(Office::Owner);
        let mirror = self.mirror.as_deref_mut().map(Office::Mirror);
        let handing = self.handing_off.as_deref_mut().map(Office::HandingOff);
        let office = owner.or(mirror).or(handing)?;
        let cx = Context {
            now,
            incarnation: self.incarnation,
            configuration: self.configuration.as_ref()?,
            is_fresh: self.heart.as_ref().is_some_and(|heart| heart.is_fresh(now)),
            holder: self.paths.holder(),
            ids: &mut self.ids,
            out,
        };
        Some((office, self.set.as_mut()?, cx))
    }
}

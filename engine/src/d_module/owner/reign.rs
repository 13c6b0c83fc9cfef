//! The end of a reign: another site's is later, or this one gives its own away.
//!
//! Owns by which word an owner stands down, and when its reign may be given away. Refuses to
//! know who has the office after it.

use super::Owner;
use crate::d_module::Context;
use crate::d_module::replication::Link;
use crate::event::{Event, IgnoreReason};
use crate::storage_set::StorageSet;
use crate::storage_set::record::{Entry, Mode};
use crate::storage_set::tables::Consistency;
use crate::vocabulary::{Session, SiteEpoch};
use crate::wire::mediator::MediatorRecord;

impl Owner {
    /// The mediator's record may name another site, in a version above this reign's: that is
    /// the later one. An older record that does so is of the time before.
    pub(super) fn stand_down_for(
        &mut self,
        record: MediatorRecord,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let is_later = record.version > set.tables().session.site_epoch;
        if record.owner != cx.configuration.site && is_later {
            cx.out
                .probe("owner stands down, for the mediator names another site");
            self.stand_down(set, cx);
        }
    }

    /// An owner of the other site speaks: of a later reign, or not.
    pub(super) fn handle_other_reign(
        &mut self,
        session: Session,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        if session.site_epoch <= set.tables().session.site_epoch {
            return cx.out.trace(Event::Ignored(IgnoreReason::StaleSession));
        }
        cx.out
            .probe("owner stands down for a later reign's session");
        self.stand_down(set, cx);
    }

    /// Writes it down, once. What is accepted stays marked, and what is answered until the
    /// record is durable was resolved before the other reign began.
    fn stand_down(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        if self.stands_down {
            return;
        }
        self.stands_down = true;
        let consistency = Consistency::Outdated;
        self.write(Entry::StandDown { consistency }, set, cx);
    }

    /// True if both copies are equal but for what is in flight, and the mirror is there.
    pub fn is_whole(&self, set: &StorageSet) -> bool {
        let is_in_sync = self.mode == Mode::InSync && set.tables().mode == Mode::InSync;
        let is_open = self.turning == 0 && self.replication.link() == Link::Open;
        is_in_sync && is_open && set.tables().missing.is_empty() && !self.stands_down
    }

    /// The reign is to be given away: the record is read anew, or an old word of this owner
    /// might still be on its way to the mediator.
    pub fn prepare_hand_off(&mut self, cx: &mut Context<'_>) {
        let nonce = self.authority.take_nonce();
        if let Some(arbiter) = &mut self.arbiter {
            arbiter.refresh(nonce, cx);
        }
    }

    /// The version at which the reign can be given away now.
    pub fn hand_off_version(&self, set: &StorageSet, cx: &Context<'_>) -> Option<SiteEpoch> {
        let is_bare = set.tables().marks.is_empty() && set.journal().outstanding() == 0;
        if !self.is_drained() || !is_bare || !self.is_whole(set) {
            return None;
        }
        let Some(arbiter) = &self.arbiter else {
            return Some(set.tables().session.site_epoch);
        };
        let record = arbiter.settled()?;
        (record.owner == cx.configuration.site && record.in_sync).then_some(record.version)
    }

    /// Gives it away; durable before anybody hears of it.
    pub fn hand_off(&mut self, version: SiteEpoch, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.stands_down = true;
        self.write(Entry::HandOff { version }, set, cx);
    }

    /// By the administrator's word nobody else is the owner.
    pub fn confirm(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.authority.confirm();
        self.handle_authority(set, cx);
    }
}

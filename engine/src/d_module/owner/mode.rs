//! The owner's mode: how the two copies stand to each other, and what the loss and
//! the return of the mirror set in motion.
//!
//! ```text
//!   InSync --mirror lost--> OosPending --mediator's record--> OutOfSync --free to serve--> Resync
//!     ^                                                           ^                          |
//!     |                                                           +------ session lost ------+
//!     +------------ nothing dirty, mirror consistent (then the mediator's record) ------------+
//! ```
//!
//! Each step is a session record, and takes effect when that is durable; what is
//! accepted after it was appended follows it in the journal and goes by it already.
//! Without a mediator a lost mirror leads to OutOfSync at once. Refuses to know how
//! regions are copied.

use super::Owner;
use crate::configuration::Policy;
use crate::contract::Address;
use crate::d_module::Context;
use crate::d_module::arbiter::{self, Answer};
use crate::d_module::replication::Link;
use crate::event::Event;
use crate::storage_set::StorageSet;
use crate::storage_set::record::{Entry, Mode, Route};
use crate::vocabulary::{CommandId, Outcome, Range, Session, SiteEpoch};
use crate::wire::HelloRefusal;
use crate::wire::mediator::{MediatorRecord, MediatorReply};

impl Owner {
    /// A new session, in a mode: what was sent in the last one counts no more.
    pub(super) fn open_session(&mut self, mode: Mode, set: &mut StorageSet, cx: &mut Context<'_>) {
        let last = self.session.max(set.tables().session);
        let session = Session {
            incarnation: last.incarnation.next(),
            ..last
        };
        self.turn(mode, session, set, cx);
    }

    /// Writes a mode and a session; both take effect when the record is durable.
    fn turn(&mut self, mode: Mode, session: Session, set: &mut StorageSet, cx: &mut Context<'_>) {
        if self.stands_down {
            // The reign is over: nothing of it begins any more.
            self.replication.close();
            return self.resync.stop(&mut self.ordering);
        }
        if session != self.session {
            self.replication.close();
            self.resync.stop(&mut self.ordering);
            self.authority.drop_mirror();
        }
        if mode != Mode::InSync && self.access.demote_all() {
            cx.out.probe("in-flight regions turn dirty");
        }
        self.mode = mode;
        self.session = session;
        self.turning += 1;
        self.write(Entry::Session { session, mode }, set, cx);
        if mode != Mode::InSync {
            self.abandon_fetches(set, cx);
        }
    }

    /// The copies that a command on a free range changes.
    pub(super) fn route(&self, range: Range, set: &StorageSet, cx: &Context<'_>) -> Route {
        let geometry = &cx.configuration.set.geometry;
        match self.mode {
            Mode::InSync => Route::Replicated,
            Mode::Resync
                if self.resync.is_united()
                    && self.replication.link() == Link::Open
                    && !set.tables().is_dirty(range, geometry) =>
            {
                Route::Replicated
            }
            Mode::OosPending | Mode::OutOfSync | Mode::Resync => Route::LocalOnly,
        }
    }

    /// The path is silent, or refused: a session for a session.
    pub(super) fn lose_session(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        cx.out.probe("silent path gets a new session");
        if self.mode == Mode::Resync {
            cx.out.probe("resync begins anew");
            if self.resync.is_finishing() {
                cx.out.probe("session lost during the finish");
            }
        }
        let mode = match self.mode {
            Mode::InSync => Mode::InSync,
            Mode::OosPending => Mode::OosPending,
            Mode::OutOfSync | Mode::Resync => Mode::OutOfSync,
        };
        self.open_session(mode, set, cx);
    }

    /// The mirror is lost: goes on alone if policy allows.
    pub(super) fn lose_mirror(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        if self.mode != Mode::InSync || self.turning > 0 {
            return;
        }
        if !set.tables().missing.is_empty() {
            // It alone has what is missing here: waited for, whatever the policy.
            cx.out
                .probe("mirror not given up that alone has everything");
            return;
        }
        match cx.configuration.policy {
            Policy::Strict => {}
            Policy::Sync => {
                cx.out.probe("mirror given up");
                let mode = match cx.configuration.mediator {
                    Some(_) => Mode::OosPending,
                    None => Mode::OutOfSync,
                };
                self.open_session(mode, set, cx);
            }
        }
    }

    /// The mirror refuses the session.
    pub(super) fn handle_refusal(
        &mut self,
        session: Session,
        reason: HelloRefusal,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        // An open session is refused by a mirror that has lost what it held.
        let is_current =
            session == self.replication.session() && self.replication.link() != Link::Closed;
        match reason {
            // It has something to be told first: only a resync does that.
            HelloRefusal::NotClean if is_current => self.lose_mirror(set, cx),
            HelloRefusal::Stale => self.replication.handle_stale(session),
            HelloRefusal::NotClean | HelloRefusal::NotMirror | HelloRefusal::Foreign => {}
        }
    }

    /// A session record is durable.
    pub(super) fn handle_turned(
        &mut self,
        session: Session,
        mode: Mode,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        self.turning -= 1;
        if session != self.replication.session() {
            cx.out.trace(Event::SessionOpened(session));
        }
        cx.out.trace(Event::Mode(mode, session));
        if self.turning > 0 {
            return;
        }
        match mode {
            Mode::InSync if session == self.replication.session() => {
                cx.out.probe("in sync again");
                self.tell_in_sync(cx);
            }
            Mode::InSync => {
                // A session may have come between the end of a resync and this.
                self.tell_in_sync(cx);
                let told = (set.tables().all_watermarks(), self.size_to_tell(mode, set));
                self.replication.announce(session, false, told, cx);
            }
            Mode::OosPending => self.tell_mediator(false, cx),
            Mode::OutOfSync => self.handle_out_of_sync(set, cx),
            Mode::Resync => {
                self.permit(set, cx);
                let told = (set.tables().all_watermarks(), self.size_to_tell(mode, set));
                self.replication.announce(session, true, told, cx);
            }
        }
        self.go_on_growing(set, cx);
    }

    fn handle_out_of_sync(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.permit(set, cx);
        self.settle_orphan(set, cx);
        self.go_on_growing(set, cx);
        self.start_resync(set, cx);
        self.admit(set, cx);
    }

    /// From OutOfSync, once free to serve. Without a mediator the mirror's answer to
    /// the Hello is what makes an owner free that has booted, so it goes ahead.
    fn start_resync(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let is_free = cx.configuration.mediator.is_none() || self.authority.holds(self.mode, cx);
        let is_out = self.mode == Mode::OutOfSync && self.turning == 0;
        if is_out && is_free {
            self.open_session(Mode::Resync, set, cx);
        }
    }

    /// Every dirty region is copied and the mirror consistent: in sync, durably, and
    /// only then by the mediator's record.
    pub(super) fn handle_finished(
        &mut self,
        rolled_back: &[Range],
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let is_clean = set.tables().dirty.is_empty() && !self.access.has_local_only();
        assert!(is_clean, "since the Finish every command was replicated");
        self.note_rolled_back(rolled_back, set, cx);
        self.turn(Mode::InSync, self.session, set, cx);
    }

    /// Acknowledges alone what may be, by the durable mode and by authority.
    pub(super) fn permit(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        if !self.may_acknowledge_alone(set, cx) {
            return;
        }
        for (command, outcome) in self.access.permit_alone(cx) {
            self.finish(Some((command, outcome)), set, cx);
        }
    }

    /// True in a durable mode in which nobody promotes the mirror, with authority. While
    /// a session record is on its way the regions of what it demotes are not dirty yet.
    pub(super) fn may_acknowledge_alone(&self, set: &StorageSet, cx: &Context<'_>) -> bool {
        match set.tables().mode {
            Mode::InSync | Mode::OosPending => false,
            Mode::OutOfSync | Mode::Resync => {
                self.turning == 0 && self.authority.holds(self.mode, cx)
            }
        }
    }

    /// What authority lets through goes on: reads, lone acknowledgements, growth, a resync.
    pub fn handle_authority(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.permit(set, cx);
        self.go_on_growing(set, cx);
        self.start_resync(set, cx);
        self.admit(set, cx);
    }

    /// In sync, durably: the mediator's record says so too, if it does not yet.
    fn tell_in_sync(&mut self, cx: &mut Context<'_>) {
        let says = self.arbiter.as_ref().and_then(|it| it.says_in_sync());
        if says == Some(false) {
            self.tell_mediator(true, cx);
        }
    }

    fn tell_mediator(&mut self, in_sync: bool, cx: &mut Context<'_>) {
        let nonce = self.authority.take_nonce();
        if let Some(arbiter) = &mut self.arbiter {
            arbiter.set(in_sync, nonce, cx);
        }
    }

    /// The mediator has answered.
    pub fn handle_mediator(
        &mut self,
        reply: &MediatorReply,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        if reply.granted {
            self.authority.handle_mediator(reply.nonce, cx);
            return self.handle_authority(set, cx);
        }
        // Also where it was asked for a lease.
        self.stand_down_for(reply.record, set, cx);
        let nonce = self.authority.take_nonce();
        let Some(arbiter) = &mut self.arbiter else {
            return;
        };
        match arbiter.handle_reply(reply, nonce, cx) {
            Answer::Nothing => {}
            Answer::Read(record) => self.handle_record(record, set, cx),
            Answer::Set(record) => self.handle_set(record, set, cx),
        }
    }

    /// A fresh record, the first of this boot.
    fn handle_record(
        &mut self,
        record: MediatorRecord,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        cx.out.trace(Event::MediatorSays(record));
        if record.owner != cx.configuration.site {
            // Somebody else's: this owner has no authority, and gets none.
            cx.out.probe("mediator names another owner");
            return;
        }
        self.authority.confirm();
        if self.mode == Mode::InSync && self.turning == 0 && !record.in_sync {
            // Crashed between the durable mode and the record.
            cx.out
                .probe("mediator told again that the copies are in sync");
            self.tell_mediator(true, cx);
        }
        self.handle_authority(set, cx);
    }

    /// The record says what was wanted.
    fn handle_set(&mut self, record: MediatorRecord, set: &mut StorageSet, cx: &mut Context<'_>) {
        cx.out.trace(Event::MediatorSays(record));
        self.authority.confirm();
        if self.mode == Mode::OosPending && self.turning == 0 && !record.in_sync {
            // A mediator that lost its device counts from the beginning again; the site
            // epoch never falls, or the mirror would refuse this owner for ever.
            let version = SiteEpoch::new(record.version.value());
            let session = Session {
                site_epoch: version.max(self.session.site_epoch),
                ..self.session
            };
            if version < session.site_epoch {
                cx.out.probe("mediator counts from the beginning again");
            }
            self.turn(Mode::OutOfSync, session, set, cx);
        }
    }

    /// A lease of the mirror.
    pub(super) fn handle_granted(
        &mut self,
        (session, nonce): (Session, u64),
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        if session == self.replication.session() {
            self.authority.handle_mirror(nonce, cx);
            self.handle_authority(set, cx);
        }
    }

    /// Asks for leases when it is time.
    pub(super) fn renew_leases(&mut self, cx: &mut Context<'_>) {
        if let Some(nonce) = self.authority.take_due(cx) {
            arbiter::ask_lease(nonce, cx);
            self.replication.ask_lease(nonce, cx);
        }
    }

    /// The mirror pair's node that an answer came from.
    pub(super) fn note_answer(&mut self, from: Address, session: Session, cx: &Context<'_>) {
        self.replication.handle_answer(from, session, cx);
    }

    /// Resolved commands leave one after the other.
    pub(super) fn finish(
        &mut self,
        resolved: Option<(CommandId, Outcome)>,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let Some((command, outcome)) = resolved else {
            return;
        };
        self.ordering.release(command);
        self.attempts.answer(command, super::status_of(outcome), cx);
        self.scan(set, cx);
        self.admit(set, cx);
    }
}

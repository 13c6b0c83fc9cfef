//! The owner: a client's command from the door to its status.
//!
//! ```text
//! request -> door -> admission (range, room) -> access (mark durable) -+-> local record --+-> status
//!                                                                      +-> replication ---+
//! ```
//!
//! Composes ordering, access, replication, orphans and status, and holds what
//! none of them may know of the others: in which order they act. This file owns
//! taking office and what is due when; the rooms below it own what a request, a
//! turn, a read, a record, a message of the mirror and an orphan set in motion.

mod admission;
mod door;
mod drain;
mod fetch;
mod growth;
mod mode;
mod orphan;
mod peer;
mod reads;
mod rebuild;
mod records;
mod reign;
mod resync;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use self::fetch::{Fetch, Fetches};
use self::growth::Growth;
use self::rebuild::Rebuild;
use self::resync::Resync;
use super::access::Access;
use super::arbiter::Arbiter;
use super::authority::Authority;
use super::ordering::{Hold, Ordering, Sharing};
use super::orphans::Orphans;
use super::paths::Traffic;
use super::replication::{Outlook, Replication};
use super::status::{self, Attempts};
use super::{Census, Context};
use crate::payload::Payload;
use crate::storage_set::StorageSet;
use crate::storage_set::read::RangeRead;
use crate::storage_set::record::{Entry, Mode};
use crate::time::Instant;
use crate::vocabulary::{CommandId, Outcome, RefusedReason, Session, Status, UnknownReason};

/// The owner's roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    authority: Authority,
    /// Nothing is accepted any more: the set is being handed over.
    is_draining: bool,
    /// Another reign is later: it is written down.
    stands_down: bool,
    /// Where there is a mediator.
    arbiter: Option<Box<Arbiter>>,
    /// Mode and session as last appended; durable once `turning` is zero.
    mode: Mode,
    session: Session,
    /// Session records on their way to the journal.
    turning: u32,
    resync: Resync,
    rebuild: Rebuild,
    fetches: Fetches,
    /// About the orphan that the mirror is to judge.
    judging: Option<Box<Fetch>>,
    /// Boxed: there is hardly ever one.
    growth: Option<Box<Growth>>,
    ordering: Ordering,
    access: Access,
    attempts: Attempts,
    replication: Replication,
    orphans: Orphans,
    reads: BTreeMap<CommandId, RangeRead>,
    /// Commands whose definite failure is on its way to the journal, and why they fail.
    failing: BTreeMap<CommandId, RefusedReason>,
    /// Comparisons that are made, with what they found, and whose mark has to wait for
    /// `owed`: it goes by what that says.
    compared: VecDeque<(CommandId, Payload)>,
    /// Entries that found the journal full, in their order. At most one session, one
    /// step of an orphan, one rebuilt region, one growth, and the failures of `failing`.
    owed: VecDeque<Entry>,
}

impl Owner {
    /// Takes office on a recovered set: every mark is an orphan and keeps its
    /// range locked, and a new session becomes durable before anything is sent.
    pub fn start(set: &mut StorageSet, cx: &mut Context<'_>) -> Self {
        let orphans = Orphans::new(set.tables().marks.values());
        let mut ordering = Ordering::default();
        for (command, range) in orphans.iter() {
            ordering.hold(
                command,
                Hold {
                    range,
                    sharing: Sharing::Exclusive,
                },
            );
        }
        let mut owner = Owner {
            authority: Authority::new(cx),
            is_draining: false,
            stands_down: false,
            arbiter: None,
            mode: set.tables().mode,
            session: set.tables().session,
            turning: 0,
            resync: Resync::default(),
            rebuild: Rebuild::default(),
            fetches: Fetches::default(),
            judging: None,
            growth: None,
            ordering,
            access: Access::new(set.tables().sequence_high),
            attempts: Attempts::default(),
            replication: Replication::new(set.tables().session),
            orphans,
            reads: BTreeMap::new(),
            failing: BTreeMap::new(),
            owed: VecDeque::new(),
            compared: VecDeque::new(),
        };
        if cx.configuration.mediator.is_some() {
            let nonce = owner.authority.take_nonce();
            owner.arbiter = Some(Box::new(Arbiter::start(nonce, cx)));
        }
        let mode = match set.tables().mode {
            mode @ (Mode::InSync | Mode::OosPending | Mode::OutOfSync) => mode,
            // Its session is over: the resync begins anew.
            Mode::Resync => {
                cx.out.probe("owner begins in the midst of a resync");
                Mode::OutOfSync
            }
        };
        let rolled_back = set
            .tables()
            .rolled_back_runs(&cx.configuration.set.geometry);
        records::report_rolled_back(&rolled_back, cx);
        owner.open_session(mode, set, cx);
        owner
    }

    /// True once clients are served.
    pub fn is_confirmed(&self, now: Instant) -> bool {
        self.authority.is_confirmed() || self.authority.is_leased(self.mode, now)
    }

    /// Does what is due.
    pub fn handle_deadline(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let mut withdrawn = false;
        while let Some((command, attempt)) = self.attempts.take_expired(cx.now) {
            withdrawn |= self.ordering.withdraw(command);
            let unknown = Status::Unknown(UnknownReason::TimedOut);
            cx.out.probe("attempt answered unknown");
            status::reply(attempt.client, command, attempt.attempt, unknown, cx);
        }
        if withdrawn {
            // Others may have waited behind it and nothing else.
            self.admit(set, cx);
        }
        self.access.handle_deadline(set, cx);
        self.handle_resync_deadline(set, cx);
        self.handle_fetch_deadline(set, cx);
        self.handle_judging_deadline(cx);
        self.handle_rebuild_deadline(set, cx);
        self.renew_leases(cx);
        if let Some(arbiter) = &mut self.arbiter {
            arbiter.handle_deadline(cx);
        }
        match self.replication.handle_deadline(cx) {
            Outlook::Fine => {}
            Outlook::Silent => self.lose_session(set, cx),
            Outlook::Lost => self.lose_mirror(set, cx),
        }
    }

    /// Since when the mirror has left this session's Hello without an answer.
    pub fn unanswered_since(&self) -> Option<Instant> {
        self.replication.unanswered_since()
    }

    /// The mirror's nodes are somewhere else than was known.
    pub fn handle_moved(&mut self, cx: &mut Context<'_>) {
        self.replication.hurry_hello(cx);
    }

    /// A node of the mirror pair is known to hold the set.
    pub fn handle_holder(&mut self, place: u8, cx: &mut Context<'_>) {
        self.replication.handle_holder(place, cx);
    }

    /// The open session, and who has answered in it.
    pub fn traffic(&self) -> Option<Traffic> {
        self.replication.traffic()
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        let attempts = self.attempts.next_deadline();
        let access = self.access.next_deadline();
        let replication = self.replication.next_deadline();
        attempts
            .into_iter()
            .chain(access)
            .chain(replication)
            .chain(self.resync.next_deadline())
            .chain(self.fetches.next_deadline())
            .chain(self.judging.as_ref().and_then(|it| it.next_deadline()))
            .chain(self.rebuild.next_deadline())
            .chain(self.authority.next_deadline())
            .chain(self.arbiter.as_ref().and_then(|it| it.next_deadline()))
            .min()
    }

    /// The set is lost: every client that waits hears that nothing is known.
    pub fn fail_clients(&mut self, cx: &mut Context<'_>) {
        while let Some((command, attempt)) = self.attempts.take_any() {
            let unknown = Status::Unknown(UnknownReason::Halted);
            status::reply(attempt.client, command, attempt.attempt, unknown, cx);
        }
    }

    /// What is left to do.
    pub fn census(&self, census: &mut Census) {
        census.held_ranges += self.ordering.held();
        census.waiting_commands += self.ordering.waiting() + self.failing.len();
        census.in_flight += self.access.in_flight() + self.access.uncleared();
        census.open_attempts += self.attempts.count();
        census.unacknowledged_transfers += self.replication.unacknowledged();
        census.reads += self.reads.len() + self.fetches.count();
        census.orphans += self.orphans.count();
    }
}

/// The status of a definite outcome.
fn status_of(outcome: Outcome) -> Status {
    match outcome {
        Outcome::Performed => Status::Success(None),
        Outcome::Mismatch => Status::Mismatch,
        Outcome::Failed => Status::Refused(RefusedReason::NotPerformed),
    }
}

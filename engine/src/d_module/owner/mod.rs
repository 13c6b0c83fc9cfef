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
mod orphan;
mod peer;
mod reads;
mod records;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::access::Access;
use super::ordering::{Hold, Ordering, Sharing};
use super::orphans::Orphans;
use super::replication::{Path, Replication};
use super::status::{self, Attempts};
use super::{Census, Context};
use crate::storage_set::StorageSet;
use crate::storage_set::read::RangeRead;
use crate::storage_set::record::Entry;
use crate::time::Instant;
use crate::vocabulary::{CommandId, Outcome, RefusedReason, Status, UnknownReason};

/// The owner's roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The mirror has answered this boot: nobody has a higher site epoch.
    confirmed: bool,
    ordering: Ordering,
    access: Access,
    attempts: Attempts,
    replication: Replication,
    orphans: Orphans,
    reads: BTreeMap<CommandId, RangeRead>,
    /// Commands whose definite failure is on its way to the journal.
    failing: BTreeSet<CommandId>,
    /// Entries of one page that found the journal full, in their order. At most
    /// one session, one step of an orphan, and the failures of `failing`.
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
            confirmed: false,
            ordering,
            access: Access::new(set.tables().sequence_high),
            attempts: Attempts::default(),
            replication: Replication::new(set.tables().session),
            orphans,
            reads: BTreeMap::new(),
            failing: BTreeSet::new(),
            owed: VecDeque::new(),
        };
        owner.open_session(set, cx);
        owner
    }

    /// True once clients are served.
    pub fn is_serving(&self) -> bool {
        self.confirmed
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
        if self.orphans.take_due(cx.now) {
            self.read_orphan(set, cx);
        }
        self.access.handle_deadline(set, cx);
        if self.replication.handle_deadline(cx) == Path::Silent {
            cx.out.probe("silent path gets a new session");
            self.replication.close();
            self.open_session(set, cx);
        }
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
            .chain(self.orphans.next_deadline())
            .min()
    }

    /// What is left to do.
    pub fn census(&self, census: &mut Census) {
        census.held_ranges += self.ordering.held();
        census.waiting_commands += self.ordering.waiting() + self.failing.len();
        census.in_flight += self.access.in_flight() + self.access.uncleared();
        census.open_attempts += self.attempts.count();
        census.unacknowledged_transfers += self.replication.unacknowledged();
        census.reads += self.reads.len();
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

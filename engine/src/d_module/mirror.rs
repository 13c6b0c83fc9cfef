//! The mirror: accepts sessions and what comes in them, and acknowledges only what is
//! durable.
//!
//! Owns which executions are pending, and what a session as a whole meets: a performed
//! transfer is acknowledged again, a pending one is left to the sender's next
//! transmission. What an execution consists of is `executions`.

mod answers;
mod comparison;
mod executions;
mod farewell;
mod promotion;
mod questions;

use serde::{Deserialize, Serialize};

use self::answers::{acknowledge_finish, acknowledge_session, refuse_session};
use self::comparison::Comparison;
pub use self::farewell::Farewell;
use self::promotion::Promotion;
pub use self::promotion::{HandOffAnswer, is_forcing};
use self::questions::Fetching;
pub use self::questions::Question;
use super::Context;
use super::communications::{Reassembly, Received, acknowledge};
use crate::collections::Table;
use crate::contract::Address;
use crate::event::{Event, IgnoreReason};
use crate::storage_set::StorageSet;
use crate::storage_set::record::{Entry, Record};
use crate::storage_set::tables::{Consistency, Role, Tables};
use crate::time::Instant;
use crate::vocabulary::{CommandId, CopyNumber, Range, Session, SetId, SiteEpoch};
use crate::wire::{Hello, HelloRefusal, Portion, Transfer, TransferId};

/// Who asked, and which transmission is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Asker {
    address: Address,
    attempt: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PendingSet {
    members: u32,
    asker: Asker,
}

/// A command whose record is not durable yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PendingCommand {
    session: Session,
    set: SetId,
    range: Range,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PendingCopy {
    copy: CopyNumber,
    session: Session,
    range: Range,
    asker: Asker,
}

/// The mirror's side of a mirror relationship.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    accepting: Option<(Session, Asker)>,
    /// Where the owner was heard last that speaks in the accepted session.
    owner_at: Option<Address>,
    reassembly: Reassembly,
    commands: Table<CommandId, PendingCommand>,
    /// By session too: a rebooted owner counts its sets from 1 again.
    sets: Table<(Session, SetId), PendingSet>,
    copies: Vec<PendingCopy>,
    /// The end of a resync, on its way to the journal.
    finishing: Option<(Session, Asker)>,
    /// In the order in which they were asked for.
    fetching: Vec<Fetching>,
    /// What a copy replaces is read first.
    comparison: Option<Box<Comparison>>,
    promotion: Promotion,
    /// The other site is told that its reign is to begin.
    farewell: Option<Box<Farewell>>,
}

impl Mirror {
    /// Follows with a set that says this of itself.
    pub fn start(consistency: Consistency, cx: &mut Context<'_>) -> Self {
        if consistency == Consistency::Inconsistent {
            cx.out.probe("mirror begins half overwritten");
        }
        Mirror {
            accepting: None,
            owner_at: None,
            reassembly: Reassembly::default(),
            commands: Table::new(),
            sets: Table::new(),
            copies: Vec::new(),
            finishing: None,
            fetching: Vec::new(),
            comparison: None,
            promotion: Promotion::new(consistency, cx),
            farewell: None,
        }
    }

    /// Sets in pieces, executions pending.
    pub fn census(&self) -> (usize, usize) {
        let pending = self.commands.len() + self.copies.len() + self.sets.len();
        let pending = pending + self.fetching.len() + usize::from(self.comparison.is_some());
        (self.reassembly.incomplete(), pending)
    }

    /// True if nothing that was accepted is left to be done or answered.
    pub fn is_drained(&self) -> bool {
        let is_idle = self.accepting.is_none() && self.finishing.is_none();
        is_idle && !self.is_activating() && self.census().1 == 0
    }

    /// Where the owner is that speaks in the accepted session.
    pub fn owner_at(&self) -> Option<Address> {
        self.owner_at
    }

    /// The session with whoever is there has ended.
    pub fn forget_owner(&mut self, address: Option<Address>) {
        if self.owner_at == address {
            self.owner_at = None;
        }
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        let farewell = self.farewell.as_deref().map(Farewell::next_deadline);
        self.reassembly
            .next_deadline()
            .into_iter()
            .chain(self.promotion.next_deadline())
            .chain(farewell)
            .min()
    }

    /// Gives up pieces of transfers.
    pub fn handle_deadline(&mut self, cx: &mut Context<'_>) {
        self.reassembly.handle_deadline(cx.now);
        if let Some(farewell) = self.farewell.as_deref_mut() {
            farewell.handle_deadline(cx);
        }
    }

    /// Accepts a session, durably, before it answers.
    pub fn handle_hello(
        &mut self,
        from: Address,
        hello: &Hello,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let asker = Asker {
            address: from,
            attempt: hello.attempt,
        };
        if let Some((session, waiting)) = &mut self.accepting {
            if *session == hello.session {
                *waiting = asker;
            }
            return cx.out.trace(Event::Ignored(IgnoreReason::Pending));
        }
        let tables = set.tables();
        if hello.watermarks.len() > cx.configuration.limits.clients as usize {
            return cx.out.trace(Event::Ignored(IgnoreReason::Misrouted));
        }
        let is_paired = tables.consistency != Consistency::Unpaired;
        if hello.session == tables.fence && tables.role == Role::Mirror && is_paired {
            cx.out.trace(Event::Ignored(IgnoreReason::Redundant));
            self.note_owner(from, cx);
            return acknowledge_session(hello.session, asker, set.tables(), cx);
        }
        let is_called = tables.consistency == Consistency::Called;
        if self.is_activating() {
            return cx.out.trace(Event::Ignored(IgnoreReason::Pending));
        }
        let refusal = if tables.role != Role::Mirror || is_called {
            Some(HelloRefusal::NotMirror)
        } else if hello.format != cx.configuration.set.format
            || hello.blocks > cx.configuration.set.geometry.blocks
        {
            Some(HelloRefusal::Foreign)
        } else if !hello.resync && !is_paired {
            Some(HelloRefusal::NotClean)
        } else if hello.session <= tables.fence
            || hello.session.site_epoch < tables.session.site_epoch
        {
            Some(HelloRefusal::Stale)
        } else if !hello.resync && !is_clean(tables) {
            // Only a resync brings it back.
            Some(HelloRefusal::NotClean)
        } else {
            None
        };
        if let Some(reason) = refusal {
            return refuse_session(hello.session, reason, asker, cx);
        }
        let entry = Entry::Fence {
            session: hello.session,
            watermarks: hello.watermarks.clone(),
            resync: hello.resync,
            blocks: hello.blocks,
        };
        if set.pages(&entry) > set.room() {
            return cx.out.trace(Event::Ignored(IgnoreReason::NoRoom));
        }
        if hello.resync && set.tables().left_at != SiteEpoch::new(0) {
            cx.out.probe("former owner is copied to");
        }
        self.accepting = Some((hello.session, asker));
        cx.append(set, entry);
    }

    /// Takes a portion; performs the transfer if it completes one.
    pub fn handle_portion(
        &mut self,
        from: Address,
        portion: Portion,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let tables = set.tables();
        if tables.consistency == Consistency::Unpaired {
            let asker = Asker {
                address: from,
                attempt: portion.attempt,
            };
            return refuse_session(portion.session, HelloRefusal::NotClean, asker, cx);
        }
        let is_current = tables.role == Role::Mirror && portion.session == tables.fence;
        if !is_current || self.accepting.is_some() || self.is_activating() {
            if self.owner_at.is_some_and(|owner| owner != from) {
                cx.out.probe("deposed node's packet refused");
            }
            return cx.out.trace(Event::Ignored(IgnoreReason::StaleSession));
        }
        self.note_owner(from, cx);
        let (session, id, attempt) = (portion.session, portion.transfer, portion.attempt);
        let asker = Asker {
            address: from,
            attempt,
        };
        let is_pending = match id {
            TransferId::Set(set) => self.sets.contains_key(&(session, set)),
            TransferId::Copy(copy) => {
                if copy <= tables.last_copy {
                    cx.out.probe("redundant copy acknowledged again");
                    return acknowledge(from, session, id, attempt, cx);
                }
                self.copies
                    .iter()
                    .any(|pending| pending.copy == copy && pending.session == session)
            }
        };
        if is_pending {
            cx.out.probe("portion of a pending transfer dropped");
            return cx.out.trace(Event::Ignored(IgnoreReason::Pending));
        }
        let watermark = portion.watermarks.first().copied();
        match self.reassembly.handle_portion(portion, cx) {
            Received::Performed => {
                cx.out.probe("redundant portion acknowledged again");
                cx.out.trace(Event::Ignored(IgnoreReason::Redundant));
                acknowledge(from, session, id, attempt, cx);
            }
            Received::Ignored(reason) => cx.out.trace(Event::Ignored(reason)),
            Received::Kept => {}
            Received::Complete(Transfer::Set(members)) => {
                if let TransferId::Set(number) = id {
                    self.perform_set(session, number, &members, watermark, asker, set, cx);
                }
            }
            Received::Complete(Transfer::Copy(copy)) => {
                self.perform_copy(session, copy, asker, set, cx)
            }
        }
    }

    /// A record of the mirror has become durable: now, and only now, it is
    /// acknowledged.
    pub fn handle_durable(&mut self, record: &Record, set: &StorageSet, cx: &mut Context<'_>) {
        match &record.entry {
            Entry::Fence { session, .. } => {
                self.reassembly.reset();
                self.comparison = None;
                self.farewell = None;
                cx.out.trace(Event::SessionAccepted(*session));
                if let Some((accepted, asker)) = self.accepting.take() {
                    assert!(accepted == *session, "one session is accepted at a time");
                    self.note_owner(asker.address, cx);
                    acknowledge_session(accepted, asker, set.tables(), cx);
                }
            }
            Entry::Perform(perform) => {
                self.handle_performed(perform.command, set.tables().fence, cx);
            }
            Entry::Finish => {
                if let Some((session, asker)) = self.finishing.take() {
                    cx.out.trace(Event::Finished(session));
                    acknowledge_finish(session, asker, set.tables(), cx);
                }
            }
            Entry::StandDown { .. } => self.handle_word(cx),
            Entry::Copy { copy, range, .. } => {
                let place = self.copies.iter().position(|pending| pending.copy == *copy);
                let Some(place) = place else { return };
                let pending = self.copies.remove(place);
                cx.out.trace(Event::Copied {
                    session: pending.session,
                    copy: *copy,
                    range: *range,
                });
                let id = TransferId::Copy(*copy);
                acknowledge(
                    pending.asker.address,
                    pending.session,
                    id,
                    pending.asker.attempt,
                    cx,
                );
            }
            Entry::Mark { .. }
            | Entry::Fail { .. }
            | Entry::Clear { .. }
            | Entry::Session { .. }
            | Entry::Activate { .. }
            | Entry::HandOff { .. }
            | Entry::Dirty { .. }
            | Entry::Repair { .. }
            | Entry::Lost
            | Entry::Grow { .. } => {}
        }
    }

    /// The resync is complete, as the owner says: consistent, durably, before that is
    /// said back. What the session's commands still have under way stays under the
    /// owner's marks.
    pub fn handle_finish(
        &mut self,
        from: Address,
        session: Session,
        attempt: u32,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let asker = Asker {
            address: from,
            attempt,
        };
        let tables = set.tables();
        // It may be of the very session that was accepted before the content went.
        if tables.consistency == Consistency::Unpaired {
            return refuse_session(session, HelloRefusal::NotClean, asker, cx);
        }
        let is_busy = self.accepting.is_some() || self.is_activating();
        if tables.role != Role::Mirror || session != tables.fence || is_busy {
            return cx.out.trace(Event::Ignored(IgnoreReason::StaleSession));
        }
        self.note_owner(from, cx);
        if is_clean(set.tables()) {
            cx.out.probe("redundant finish acknowledged again");
            return acknowledge_finish(session, asker, set.tables(), cx);
        }
        if self.finishing.is_some() || !self.copies.is_empty() || self.comparison.is_some() {
            return cx.out.trace(Event::Ignored(IgnoreReason::Pending));
        }
        if set.room() == 0 {
            return cx.out.trace(Event::Ignored(IgnoreReason::NoRoom));
        }
        self.finishing = Some((session, asker));
        cx.append(set, Entry::Finish);
    }
}

fn is_on_volume(range: Range, cx: &Context<'_>) -> bool {
    range.end().value() <= cx.configuration.set.geometry.blocks
}

/// What a plain Hello needs: nothing may differ but what the owner's marks say.
fn is_clean(tables: &Tables) -> bool {
    let is_consistent = tables.consistency == Consistency::Consistent;
    is_consistent && tables.marks.is_empty() && tables.dirty.is_empty()
}

//! Read repair: a block that this copy cannot prove comes from the mirror, where the
//! two are known to be equal.
//!
//! Owns the questions under way, one for each command that reads. The command holds
//! its range, so no mutation of it begins before the block is written anew; it is
//! read again only then. Refuses to know why a block is not proven.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Owner;
use crate::contract::Label;
use crate::d_module::Context;
use crate::d_module::replication::Link;
use crate::event::{Event, IgnoreReason};
use crate::storage_set::StorageSet;
use crate::storage_set::record::{Entry, Mode};
use crate::time::Instant;
use crate::vocabulary::{BlockIndex, CommandId, Content, Outcome, Range, SequenceId};
use crate::wire::{PeerMessage, kind, peer};

/// How often the interval between two askings is doubled at most; long before, it is at its
/// longest.
const DOUBLINGS: u32 = 16;

/// A question to the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fetch {
    range: Range,
    /// An orphan of which the mirror is to say what became.
    command: Option<CommandId>,
    nonce: u64,
    attempt: u32,
    /// Since when the mirror owes an answer.
    since: Instant,
    /// When it is asked again; never once its block is on its way to the journal.
    ask_at: Option<Instant>,
    /// The mirror has said that it cannot prove it either.
    is_denied: bool,
}

impl Fetch {
    /// True if an answer under this nonce, of this range, is this question's first.
    pub(super) fn is_answered_by(&self, nonce: u64, range: Range) -> bool {
        self.ask_at.is_some() && self.nonce == nonce && self.range == range
    }
    /// The answer is there: nothing is asked any more.
    pub(super) fn settle(&mut self) {
        self.ask_at = None;
    }
    /// True once the answer about this range is there.
    pub(super) fn is_settled(&self, range: Range) -> bool {
        self.ask_at.is_none() && self.range == range
    }
    /// Asks at the next deadline: the mirror can be asked again.
    pub(super) fn hurry(&mut self, cx: &Context<'_>) {
        if self.ask_at.is_some() {
            (self.ask_at, self.since) = (Some(cx.now), cx.now);
            self.is_denied = false;
        }
    }
    /// When the mirror is asked again.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.ask_at
    }
    /// True if it is time to ask again.
    pub(super) fn is_due(&self, cx: &Context<'_>) -> bool {
        self.ask_at.is_some_and(|at| at <= cx.now)
    }
    /// True if the mirror has had its time, and says that it cannot prove the blocks.
    pub(super) fn is_given_up(&self, cx: &Context<'_>) -> bool {
        self.is_denied && self.is_overdue(cx)
    }
    /// The mirror cannot prove the blocks either, now.
    pub(super) fn deny(&mut self, nonce: u64) {
        self.is_denied |= self.nonce == nonce;
    }
    /// True if the mirror has had its time to answer.
    pub(super) fn is_overdue(&self, cx: &Context<'_>) -> bool {
        cx.now.since(self.since) >= cx.configuration.timers.path_timeout
    }
}

/// Questions under way, by the command that reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fetches {
    open: BTreeMap<CommandId, Fetch>,
}

impl Fetches {
    /// How many are under way.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }
    /// The mirror can be asked again.
    pub(super) fn hurry(&mut self, cx: &Context<'_>) {
        for fetch in self.open.values_mut() {
            fetch.hurry(cx);
        }
    }
    /// When one is asked again.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.open.values().filter_map(|fetch| fetch.ask_at).min()
    }
}

impl Owner {
    /// True if the mirror is known to hold the block as this copy should.
    fn is_known_equal(&self, range: Range, set: &StorageSet, cx: &Context<'_>) -> bool {
        let geometry = &cx.configuration.set.geometry;
        match self.mode {
            Mode::InSync => true,
            Mode::Resync => self.resync.is_united() && !set.tables().is_dirty(range, geometry),
            Mode::OosPending | Mode::OutOfSync => false,
        }
    }

    /// Asks the mirror for a block that a command has to read; false if it cannot
    /// be asked.
    pub(super) fn fetch(
        &mut self,
        command: CommandId,
        block: BlockIndex,
        set: &StorageSet,
        cx: &mut Context<'_>,
    ) -> bool {
        let range = Range::new(block, 1).expect("a block is a range");
        // Outside what the reader holds, a mutation might be under way.
        let held = self.ordering.range_of(command);
        assert!(held.is_some_and(|held| held.contains(block)));
        if !self.is_known_equal(range, set, cx) {
            return false;
        }
        cx.out.probe(match set.first_missing(range) {
            Some(_) => "missing block fetched from the mirror",
            None => "bad block fetched from the mirror",
        });
        if self.mode == Mode::Resync {
            cx.out.probe("block fetched in the midst of a resync");
        }
        let fetch = self.ask_mirror(range, None, cx);
        self.fetches.open.insert(command, fetch);
        true
    }

    /// Asks the mirror for blocks, and what became of a command.
    pub(super) fn ask_mirror(
        &mut self,
        range: Range,
        command: Option<CommandId>,
        cx: &mut Context<'_>,
    ) -> Fetch {
        let fetch = Fetch {
            range,
            command,
            nonce: self.authority.take_nonce(),
            attempt: 0,
            since: cx.now,
            ask_at: Some(cx.now.after(cx.configuration.timers.retransmit_min)),
            is_denied: false,
        };
        self.send_fetch(&fetch, cx);
        fetch
    }

    /// Asks again what is due. Time without a session does not count against the mirror.
    pub(super) fn ask_mirror_again(&self, fetch: &mut Fetch, cx: &mut Context<'_>) {
        let timers = &cx.configuration.timers;
        let doubled = 1 << fetch.attempt.min(DOUBLINGS);
        let interval = timers.retransmit_min.times(doubled);
        fetch.attempt += 1;
        fetch.ask_at = Some(cx.now.after(interval.min(timers.retransmit_max)));
        if self.replication.link() != Link::Open {
            fetch.since = cx.now;
        }
        self.send_fetch(fetch, cx);
    }

    /// Without an open session it is asked by the next deadline, in the next one.
    fn send_fetch(&self, fetch: &Fetch, cx: &mut Context<'_>) {
        if self.replication.link() != Link::Open {
            return;
        }
        let Fetch {
            range,
            command,
            nonce,
            attempt,
            ..
        } = *fetch;
        let message = PeerMessage::Fetch {
            volume: cx.configuration.volume,
            session: self.replication.session(),
            nonce,
            range,
            attempt,
            command,
        };
        let label = Label {
            kind: kind::FETCH,
            incarnation: cx.incarnation,
            id: nonce,
            part: 0,
            attempt,
        };
        let Some(to) = self.replication.to(cx) else {
            return;
        };
        let network = cx.configuration.peer_network;
        cx.out.send(network, to, label, peer::encode(&message));
    }

    /// Blocks of the mirror: written anew here, and read again when that is durable.
    pub(super) fn handle_fetched(
        &mut self,
        (nonce, outcome): (u64, Option<Outcome>),
        blocks: (Range, Content, Vec<SequenceId>),
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let (range, content, versions) = blocks;
        let mut entry = Entry::Repair {
            range,
            content,
            versions,
            verdict: None,
        };
        if self.rebuild.take_answer(nonce, range) {
            return self.write(entry, set, cx);
        }
        if let Some(proof) = self.resync.proof_of(nonce, range) {
            return self.handle_mended(proof, entry, set, cx);
        }
        if let Some(judged) = self.take_judgement((nonce, range), outcome) {
            if let Entry::Repair { verdict, .. } = &mut entry {
                *verdict = Some(judged);
            }
            return self.write(entry, set, cx);
        }
        let mut asked = self.fetches.open.values_mut();
        let Some(fetch) = asked.find(|it| it.is_answered_by(nonce, range)) else {
            return cx.out.trace(Event::Ignored(IgnoreReason::Redundant));
        };
        if set.pages(&entry) > set.room() {
            // Asked again; a destage makes room.
            return cx.out.trace(Event::Ignored(IgnoreReason::NoRoom));
        }
        fetch.settle();
        cx.append(set, entry);
    }

    /// A repaired block is durable: whoever waited for it reads again.
    pub(super) fn handle_repaired(
        &mut self,
        range: Range,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        if !self.handle_rebuilt(range, set, cx) {
            cx.out.trace(Event::Repaired(range));
            self.handle_region_mended(range, set, cx);
        }
        let waiting = self.fetches.open.iter();
        let waiting = waiting.filter(|(_, fetch)| fetch.is_settled(range));
        let waiting: Vec<CommandId> = waiting.map(|(command, _)| *command).collect();
        for command in waiting {
            self.fetches.open.remove(&command);
            if let Some(range) = self.ordering.range_of(command) {
                self.start_read(command, range, set, cx);
            }
        }
    }

    /// The mirror is lost: whoever waits for it reads again, and meets the same block
    /// with another answer.
    pub(super) fn abandon_fetches(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let commands: Vec<CommandId> = self.fetches.open.keys().copied().collect();
        self.fetches.open.clear();
        for command in commands {
            if let Some(range) = self.ordering.range_of(command) {
                self.start_read(command, range, set, cx);
            }
        }
    }

    /// The mirror cannot prove what was asked of it either, now.
    pub(super) fn handle_unproven(&mut self, nonce: u64) {
        for fetch in self.fetches.open.values_mut() {
            fetch.deny(nonce);
        }
        self.rebuild.deny(nonce);
    }

    /// A question was left without an answer for too long, in an open session.
    pub(super) fn lose_silent_session(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        if self.replication.link() == Link::Open {
            cx.out
                .probe("session lost over a question without an answer");
            self.lose_session(set, cx);
        }
    }

    /// Asks again what is due, and gives up what the mirror has denied by then. Silence denies
    /// nothing: it ends the session, as it does where a set is not answered.
    pub(super) fn handle_fetch_deadline(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let due = self.fetches.open.iter();
        let due = due.filter(|(_, fetch)| fetch.is_due(cx));
        let due: Vec<(CommandId, Fetch)> = due.map(|(command, it)| (*command, *it)).collect();
        let mut is_silent = false;
        for (command, mut fetch) in due {
            if fetch.is_given_up(cx) && self.replication.link() == Link::Open {
                cx.out.probe("bad block on both copies");
                self.fetches.open.remove(&command);
                self.refuse_unreadable(command, set, cx);
                self.admit(set, cx);
                continue;
            }
            is_silent |= fetch.is_overdue(cx) && !fetch.is_denied;
            self.ask_mirror_again(&mut fetch, cx);
            self.fetches.open.insert(command, fetch);
        }
        if is_silent {
            self.lose_silent_session(set, cx);
        }
    }
}

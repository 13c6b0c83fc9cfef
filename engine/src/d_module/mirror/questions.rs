//! What the owner asks of its mirror beside replication: leases, and blocks that it
//! cannot read.
//!
//! Owns the reads for the owner that are under way. Refuses to know what the owner
//! does with an answer.

use serde::{Deserialize, Serialize};

use super::{Asker, Mirror, is_on_volume, refuse_session};
use crate::contract::{Address, IoError, IoId, IoOutput, Label, LabelKind};
use crate::d_module::Context;
use crate::event::{Event, IgnoreReason};
use crate::storage_set::StorageSet;
use crate::storage_set::read::{self, RangeRead};
use crate::storage_set::tables::{Consistency, Role};
use crate::vocabulary::{CommandId, Range, Session};
use crate::wire::{HelloRefusal, PeerMessage, kind, peer};

/// Blocks that the owner asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The question's name.
    pub nonce: u64,
    /// The blocks.
    pub range: Range,
    /// The transmission.
    pub attempt: u32,
    /// An orphan that the owner cannot judge.
    pub command: Option<CommandId>,
}

/// Reads for the owner that may be under way at a time: a rebuild's region beside the
/// blocks that clients read meanwhile. More are asked for again.
const FETCHES_MAX: usize = 16;

/// Blocks being read for the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fetching {
    session: Session,
    to: Address,
    question: Question,
    read: RangeRead,
}

impl Mirror {
    /// A lease is granted to the session that this copy follows, while it is one that
    /// could be promoted.
    pub fn handle_lease(
        &mut self,
        from: Address,
        session: Session,
        nonce: u64,
        set: &StorageSet,
        cx: &mut Context<'_>,
    ) {
        let tables = set.tables();
        if tables.consistency == Consistency::Unpaired {
            let asker = Asker {
                address: from,
                attempt: 0,
            };
            return refuse_session(session, HelloRefusal::NotClean, asker, cx);
        }
        let is_follower =
            tables.role == Role::Mirror && tables.consistency == Consistency::Consistent;
        if tables.consistency == Consistency::Inconsistent {
            cx.out.probe("no lease of a copy that is not consistent");
        }
        if !is_follower || session != tables.fence || self.accepting.is_some() {
            return cx.out.trace(Event::Ignored(IgnoreReason::StaleSession));
        }
        self.note_owner(from, cx);
        if !cx.is_fresh {
            // A partner that has taken the set over counts from what it knows.
            cx.out.probe("no lease of a mirror that may be deposed");
            return cx.out.trace(Event::Ignored(IgnoreReason::Pending));
        }
        if !self.promotion.grants() {
            cx.out.probe("no lease of a site that is to be the owner");
            return cx.out.trace(Event::Ignored(IgnoreReason::Pending));
        }
        self.promotion.granted(cx);
        let message = PeerMessage::Granted {
            volume: cx.configuration.volume,
            session,
            nonce,
        };
        answer((from, kind::GRANTED, &message), (nonce, 0), cx);
    }

    /// Blocks that the owner cannot read: read here, and sent if they prove themselves.
    pub fn handle_fetch(
        &mut self,
        from: Address,
        session: Session,
        question: Question,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let tables = set.tables();
        let range = question.range;
        if tables.consistency == Consistency::Unpaired {
            // Zeroes that nobody wrote would prove themselves.
            let asker = Asker {
                address: from,
                attempt: question.attempt,
            };
            return refuse_session(session, HelloRefusal::NotClean, asker, cx);
        }
        if tables.role != Role::Mirror || session != tables.fence || !is_on_volume(range, cx) {
            return cx.out.trace(Event::Ignored(IgnoreReason::StaleSession));
        }
        self.note_owner(from, cx);
        if !cx.is_fresh {
            // A partner that has taken the set over may have performed more than this copy
            // has in memory.
            cx.out.probe("no block of a mirror that may be deposed");
            return cx.out.trace(Event::Ignored(IgnoreReason::Pending));
        }
        let is_asked = self.fetching.iter().any(|it| it.is_of(session, &question));
        let is_full = self.fetching.len() >= FETCHES_MAX;
        if is_asked || is_full || self.overlaps(range) {
            return cx.out.trace(Event::Ignored(IgnoreReason::Pending));
        }
        // A command's blocks, or a region's.
        let region_blocks = cx.configuration.set.geometry.region_blocks;
        let limit = u64::from(cx.configuration.limits.command_blocks).max(region_blocks);
        if u64::from(range.count()) > limit {
            return cx.out.trace(Event::Ignored(IgnoreReason::Misrouted));
        }
        let (read, ios) = set.read(range, cx.ids);
        cx.submit_all(ios);
        self.fetching.push(Fetching {
            session,
            to: from,
            question,
            read,
        });
        self.answer_fetches(set, cx);
    }

    /// A read completion.
    pub fn handle_read(
        &mut self,
        io: IoId,
        result: &Result<IoOutput, IoError>,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let mut reads = self.fetching.iter_mut();
        if reads.any(|it| it.read.handle_completion(io, result.clone())) {
            return self.answer_fetches(set, cx);
        }
        self.handle_compared(io, result, set, cx);
    }

    fn answer_fetches(&mut self, set: &StorageSet, cx: &mut Context<'_>) {
        while let Some(place) = self.fetching.iter().position(|it| it.read.is_complete()) {
            let fetching = self.fetching.remove(place);
            // It may have been read before the set was lost.
            if cx.is_fresh {
                fetching.answer(set, cx);
            }
        }
    }
}

impl Fetching {
    fn is_of(&self, session: Session, question: &Question) -> bool {
        self.session == session && self.question.nonce == question.nonce
    }

    fn answer(self, set: &StorageSet, cx: &mut Context<'_>) {
        let Fetching {
            session,
            to,
            question,
            read,
        } = self;
        let Question {
            nonce,
            range,
            attempt,
            command,
        } = question;
        let Ok(blocks) = read.finish() else {
            cx.out.probe("fetched block is bad on both copies");
            let message = PeerMessage::Unproven {
                volume: cx.configuration.volume,
                session,
                nonce,
                attempt,
            };
            return answer((to, kind::UNPROVEN, &message), (nonce, attempt), cx);
        };
        let result = command.and_then(|command| set.tables().results.get(&command));
        let message = PeerMessage::Fetched {
            volume: cx.configuration.volume,
            session,
            nonce,
            range,
            attempt,
            outcome: result.map(|result| result.outcome),
            versions: blocks.iter().map(|block| block.version).collect(),
            data: read::concatenate(&blocks),
        };
        answer((to, kind::FETCHED, &message), (nonce, attempt), cx);
    }
}

fn answer(
    (to, kind, message): (Address, LabelKind, &PeerMessage),
    (id, attempt): (u64, u32),
    cx: &mut Context<'_>,
) {
    let label = Label {
        kind,
        incarnation: cx.incarnation,
        id,
        part: 0,
        attempt,
    };
    let network = cx.configuration.peer_network;
    cx.out.send(network, to, label, peer::encode(message));
}

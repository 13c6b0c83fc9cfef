//! Communications: cuts transfers into portions, and puts portions together.
//!
//! Owns the receiver's memory of which transfers are performed, so that a
//! redundant portion is dropped before it is buffered. That memory saves work;
//! safety rests on command ids and sessions, which the performing side checks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Context;
use crate::collections::Set;
use crate::contract::{Address, Label};
use crate::event::IgnoreReason;
use crate::time::Instant;
use crate::vocabulary::{Session, SetId, Watermark};
use crate::wire::{PeerMessage, Portion, Transfer, TransferId, kind, peer};

/// What every portion of a transfer repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Where the portions go.
    pub to: Address,
    /// The session.
    pub session: Session,
    /// The transfer.
    pub id: TransferId,
    /// The lowest set that the sender still waits for.
    pub oldest_set: SetId,
    /// Transmission number.
    pub attempt: u32,
    /// Watermarks of the clients concerned.
    pub watermarks: Vec<Watermark>,
}

/// Sends a transfer; the number of portions.
pub fn send_transfer(envelope: &Envelope, transfer: &Transfer, cx: &mut Context<'_>) -> u16 {
    let configuration = cx.configuration;
    let encoded = peer::encode_transfer(transfer);
    let slices = peer::cut(&encoded, configuration.limits.portion_bytes);
    let count = u16::try_from(slices.len()).expect("a command's size bounds its portions");
    let (kind, id) = label_of(envelope.id, envelope.session);
    for (index, slice) in (0..count).zip(slices) {
        let portion = Portion {
            volume: configuration.volume,
            session: envelope.session,
            transfer: envelope.id,
            oldest_set: envelope.oldest_set,
            attempt: envelope.attempt,
            index,
            count,
            head_bytes: encoded.head_bytes(),
            payload_bytes: encoded.payload_bytes(),
            watermarks: envelope.watermarks.clone(),
            head: slice.head,
            slice: slice.payload,
        };
        let attempt = envelope.attempt;
        let label = Label {
            kind,
            incarnation: cx.incarnation,
            id,
            part: index,
            attempt,
        };
        let frame = peer::encode(&PeerMessage::Portion(portion));
        cx.out
            .send(configuration.peer_network, envelope.to, label, frame);
    }
    count
}

fn label_of(id: TransferId, session: Session) -> (crate::contract::LabelKind, u64) {
    match id {
        TransferId::Set(set) => (kind::SET, transfer_label(session, set.value())),
        TransferId::Copy(copy) => (kind::COPY, transfer_label(session, copy.value())),
    }
}

/// A transfer's number in a label: unique over the sessions of one incarnation.
fn transfer_label(session: Session, number: u64) -> u64 {
    session.incarnation.value() << 32 | number
}

/// Answers a transfer's transmission.
pub fn acknowledge(
    to: Address,
    session: Session,
    id: TransferId,
    attempt: u32,
    cx: &mut Context<'_>,
) {
    let volume = cx.configuration.volume;
    let (kind, number, message) = match id {
        TransferId::Set(set) => (
            kind::SET_ACK,
            set.value(),
            PeerMessage::SetAck {
                volume,
                session,
                set,
                attempt,
            },
        ),
        TransferId::Copy(copy) => (
            kind::COPY_ACK,
            copy.value(),
            PeerMessage::CopyAck {
                volume,
                session,
                copy,
                attempt,
            },
        ),
    };
    let id = transfer_label(session, number);
    let label = Label {
        kind,
        incarnation: cx.incarnation,
        id,
        part: 0,
        attempt,
    };
    cx.out.send(
        cx.configuration.peer_network,
        to,
        label,
        peer::encode(&message),
    );
}

/// What becomes of a portion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The transfer is performed already: answer this transmission.
    Performed,
    /// No effect.
    Ignored(IgnoreReason),
    /// Kept; more are missing.
    Kept,
    /// The last missing portion: the whole transfer.
    Complete(Transfer),
}

/// A transfer of which portions are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pieces {
    portions: Vec<Option<Portion>>,
    /// When they are given up: a late copy of an old portion is never joined by
    /// others, and a sender repeats whole transfers.
    expires: Instant,
}

/// The receiver's side: transfers in pieces and transfers done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reassembly {
    pieces: BTreeMap<TransferId, Pieces>,
    performed: Set<SetId>,
    floor: SetId,
}

impl Reassembly {
    /// Forgets everything: a new session has begun.
    pub fn reset(&mut self) {
        *self = Reassembly::default();
    }

    /// Takes a portion of the current session.
    pub fn handle_portion(&mut self, portion: Portion, cx: &Context<'_>) -> Received {
        self.raise_floor(portion.oldest_set);
        if let TransferId::Set(set) = portion.transfer
            && (set < self.floor || self.performed.contains(&set))
        {
            return Received::Performed;
        }
        let count = usize::from(portion.count);
        if count == 1 {
            return match peer::assemble(&[portion]) {
                Ok(transfer) => Received::Complete(transfer),
                Err(_) => Received::Ignored(IgnoreReason::Undecodable),
            };
        }
        let limit = cx.configuration.limits.reassemblies as usize;
        if self.pieces.len() >= limit && !self.pieces.contains_key(&portion.transfer) {
            return Received::Ignored(IgnoreReason::NoRoom);
        }
        let id = portion.transfer;
        let patience = cx.configuration.timers.path_timeout;
        let pieces = self.pieces.entry(id).or_insert_with(|| Pieces {
            portions: vec![None; count],
            expires: cx.now.after(patience),
        });
        let pieces = &mut pieces.portions;
        let first = pieces.iter().flatten().next();
        if first.is_some_and(|first| !first.is_of_one_transfer_with(&portion)) {
            return Received::Ignored(IgnoreReason::Undecodable);
        }
        let Some(place) = pieces.get_mut(usize::from(portion.index)) else {
            return Received::Ignored(IgnoreReason::Undecodable);
        };
        if place.is_some() {
            return Received::Ignored(IgnoreReason::Redundant);
        }
        *place = Some(portion);
        if pieces.iter().any(Option::is_none) {
            return Received::Kept;
        }
        let pieces = self.pieces.remove(&id).expect("it was just filled");
        let pieces: Vec<Portion> = pieces.portions.into_iter().flatten().collect();
        match peer::assemble(&pieces) {
            Ok(transfer) => Received::Complete(transfer),
            Err(_) => Received::Ignored(IgnoreReason::Undecodable),
        }
    }

    /// Remembers that a set is performed.
    pub fn note_performed(&mut self, set: SetId) {
        if set >= self.floor {
            self.performed.insert(set);
        }
    }

    /// When the oldest transfer in pieces is given up, if there is one.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.pieces.values().map(|pieces| pieces.expires).min()
    }

    /// Gives up transfers that have been in pieces too long.
    pub fn handle_deadline(&mut self, now: Instant) {
        self.pieces.retain(|_, pieces| pieces.expires > now);
    }

    /// Transfers in pieces.
    pub fn incomplete(&self) -> usize {
        self.pieces.len()
    }

    /// What lies below the sender's oldest is never sent again by the sender;
    /// only the network can still bring it.
    fn raise_floor(&mut self, oldest: SetId) {
        if oldest <= self.floor {
            return;
        }
        self.floor = oldest;
        self.performed.retain(|set| *set >= oldest);
        self.pieces.retain(|id, _| match id {
            TransferId::Set(set) => *set >= oldest,
            TransferId::Copy(_) => true,
        });
    }
}

#[cfg(test)]
mod tests;

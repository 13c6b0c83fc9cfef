//! Replication, the owner's side: opens sessions with the mirror, sends sets and
//! copies, and sends them again until the mirror answers.
//!
//! Owns what the mirror has not acknowledged. Refuses to know what a command
//! means to a client. Answers count only in the current session.
//!
//! ```text
//! Closed --session record durable--> Announcing --HelloAck--> Open
//!   ^                                                          |
//!   +----------- no answer for the path timeout ---------------+
//! ```

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::paths::Traffic;
use super::{Context, communications};
use crate::collections::{Set, Table};
use crate::contract::{Address, Label, LabelKind};
use crate::event::Event;
use crate::time::{Duration, Instant};
use crate::vocabulary::{CommandId, CopyNumber, Session, SetId, Watermark};
use crate::wire::{CopyTransfer, Hello, Member, PeerMessage, Transfer, TransferId, kind, peer};

/// State of the path to the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// A new session is not durable yet.
    Closed,
    /// The mirror has not answered the session's Hello.
    Announcing,
    /// Sets may leave.
    Open,
}

/// Spacing of retransmissions: doubled each time, up to a maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Retry {
    attempt: u32,
    next: Instant,
    interval: Duration,
    since: Instant,
}

impl Retry {
    fn start(cx: &Context<'_>) -> Self {
        let interval = cx.configuration.timers.retransmit_min;
        Retry {
            attempt: 0,
            next: cx.now.after(interval),
            interval,
            since: cx.now,
        }
    }
    fn again(&mut self, cx: &Context<'_>) {
        self.attempt += 1;
        self.interval = self
            .interval
            .times(2)
            .min(cx.configuration.timers.retransmit_max);
        self.next = cx.now.after(self.interval);
    }
}

/// A Hello without an answer yet: what it says is as of the session's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Greeting {
    retry: Retry,
    /// Every client's.
    watermarks: Vec<Watermark>,
    /// The volume's size.
    blocks: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Outgoing {
    transfer: Transfer,
    watermark: Option<Watermark>,
    retry: Retry,
}

/// What a deadline led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Nothing to decide.
    Fine,
    /// Silent for the path timeout: the session is to be replaced.
    Silent,
    /// The session's Hello was not answered in time: the mirror is lost.
    Lost,
}

/// The owner's side of a mirror relationship.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replication {
    link: Link,
    session: Session,
    /// Boxed: there is none while sets leave, and a fork copies the owner.
    hello: Option<Box<Greeting>>,
    /// The mirror knows a session as high already: only a higher one will do.
    is_stale: bool,
    finish: Option<Retry>,
    /// The session copies what may differ.
    resyncs: bool,
    /// Which of the mirror pair's nodes is spoken to, and since when it has left
    /// something without an answer.
    peer: u8,
    /// Which of them the last Hello went to.
    hello_to: u8,
    /// Which of them answered last in this session.
    answerer: u8,
    silent_since: Option<Instant>,
    next_set: SetId,
    next_copy: CopyNumber,
    /// Behind `Arc`s, so that a fork copies pointers.
    outgoing: Table<TransferId, Arc<Outgoing>>,
    retries: Set<(Instant, TransferId)>,
}

impl Replication {
    /// A relationship without a session.
    pub fn new(session: Session) -> Self {
        Replication {
            link: Link::Closed,
            session,
            hello: None,
            is_stale: false,
            finish: None,
            resyncs: false,
            peer: 0,
            hello_to: 0,
            answerer: 0,
            silent_since: None,
            next_set: SetId::new(1),
            next_copy: CopyNumber::new(1),
            outgoing: Table::new(),
            retries: Set::new(),
        }
    }

    /// The path's state.
    pub fn link(&self) -> Link {
        self.link
    }
    /// The session spoken now.
    pub fn session(&self) -> Session {
        self.session
    }
    /// Transfers that the mirror has not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.outgoing.len()
    }

    fn enter(&mut self, next: Link) {
        let possible = matches!(
            (self.link, next),
            (Link::Closed, Link::Announcing)
                | (Link::Announcing, Link::Open)
                | (Link::Announcing | Link::Open, Link::Closed)
        );
        assert!(possible, "a path goes {:?} -> {next:?}", self.link);
        self.link = next;
    }

    /// Gives the session up; the caller makes the next one durable.
    pub fn close(&mut self) {
        if self.link == Link::Closed {
            return;
        }
        self.enter(Link::Closed);
        self.hello = None;
        self.finish = None;
        self.outgoing.clear();
        self.retries.clear();
    }

    /// A new session is durable: announces it, with the watermarks of that record and the
    /// volume's size.
    pub fn announce(
        &mut self,
        session: Session,
        resyncs: bool,
        (watermarks, blocks): (Vec<Watermark>, u64),
        cx: &mut Context<'_>,
    ) {
        assert!(session > self.session, "sessions only rise");
        self.enter(Link::Announcing);
        self.session = session;
        self.resyncs = resyncs;
        self.is_stale = false;
        self.next_copy = CopyNumber::new(1);
        let in_turn = self.peer;
        self.peer = cx.holder.unwrap_or(in_turn);
        if self.peer != in_turn {
            cx.out.probe("hello to a known holder out of turn");
        }
        let retry = Retry::start(cx);
        self.silent_since = Some(cx.now);
        let greeting = Greeting {
            retry,
            watermarks,
            blocks,
        };
        self.send_hello(Box::new(greeting), cx);
    }

    fn send_hello(&mut self, greeting: Box<Greeting>, cx: &mut Context<'_>) {
        let is_known = cx.configuration.peers[usize::from(self.peer)].is_some();
        self.hello_to = if is_known { self.peer } else { 1 - self.peer };
        let hello = PeerMessage::Hello(Hello {
            volume: cx.configuration.volume,
            session: self.session,
            attempt: greeting.retry.attempt,
            format: cx.configuration.set.format,
            watermarks: greeting.watermarks.clone(),
            resync: self.resyncs,
            blocks: greeting.blocks,
        });
        self.say(kind::HELLO, greeting.retry.attempt, &hello, cx);
        self.hello = Some(greeting);
    }

    /// Sends a message that there is one of in a session.
    fn say(&self, kind: LabelKind, attempt: u32, message: &PeerMessage, cx: &mut Context<'_>) {
        let Some(to) = self.to(cx) else {
            return;
        };
        let label = Label {
            kind,
            incarnation: cx.incarnation,
            id: self.session.incarnation.value(),
            part: 0,
            attempt,
        };
        let network = cx.configuration.peer_network;
        cx.out.send(network, to, label, peer::encode(message));
    }

    /// The node of the mirror pair that is spoken to, or the other one if nobody knows
    /// where that is.
    pub fn to(&self, cx: &Context<'_>) -> Option<Address> {
        let [first, second] = cx.configuration.peers;
        match self.peer {
            0 => first.or(second),
            _ => second.or(first),
        }
    }

    /// The mirror's addresses have changed: a Hello without an answer leaves at once, and
    /// is repeated as one that was never sent.
    pub fn hurry_hello(&mut self, cx: &Context<'_>) {
        if let Some(hello) = &mut self.hello {
            hello.retry.next = cx.now;
            hello.retry.interval = cx.configuration.timers.retransmit_min;
        }
    }

    /// Since when the session's Hello has no answer.
    pub fn unanswered_since(&self) -> Option<Instant> {
        self.hello.as_ref().map(|hello| hello.retry.since)
    }

    /// This node of the mirror pair holds the set, as is known now: a Hello that another
    /// one leaves without an answer, or does not accept, goes there at once.
    pub fn handle_holder(&mut self, place: u8, cx: &mut Context<'_>) {
        if self.hello.is_some() && [self.peer, self.hello_to] != [place; 2] {
            cx.out.probe("hello turned to whom a path names");
            self.peer = place;
            self.silent_since = None;
            self.hurry_hello(cx);
        }
    }

    /// The open session, and who has answered in it.
    pub fn traffic(&self) -> Option<Traffic> {
        (self.link == Link::Open).then_some(Traffic {
            place: self.answerer,
            session: self.session,
        })
    }

    /// A node of the mirror pair has answered: it is the one to speak to.
    pub fn handle_answer(&mut self, from: Address, session: Session, cx: &Context<'_>) {
        let peers = cx.configuration.peers;
        if let Some(place) = (0u8..)
            .zip(peers)
            .find_map(|(at, peer)| (peer == Some(from)).then_some(at))
        {
            self.peer = place;
            if session == self.session {
                self.answerer = place;
            }
        }
        self.silent_since = None;
    }

    /// The mirror has refused the session for one that it has accepted: the next
    /// Hello is of a new one.
    pub fn handle_stale(&mut self, session: Session) {
        if session == self.session && self.link == Link::Announcing {
            self.is_stale = true;
        }
    }

    /// The node spoken to says that it does not hold the mirror's set.
    pub fn handle_not_owner(&mut self, from: Address, cx: &mut Context<'_>) {
        if self.to(cx) == Some(from) {
            self.turn(cx);
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) {
        cx.out.probe("turned to the mirror's other node");
        self.peer = 1 - self.peer;
        self.silent_since = None;
    }

    /// Asks the mirror for a lease, if it can be asked. On an idle path this is how the
    /// node is found that holds the mirror's set now.
    pub fn ask_lease(&mut self, nonce: u64, cx: &mut Context<'_>) {
        if self.link != Link::Open {
            return;
        }
        self.turn_if_silent(cx);
        let message = PeerMessage::Lease {
            volume: cx.configuration.volume,
            session: self.session,
            nonce,
        };
        let label = Label {
            kind: kind::LEASE,
            incarnation: cx.incarnation,
            id: nonce,
            part: 0,
            attempt: 0,
        };
        let Some(to) = self.to(cx) else {
            return;
        };
        let network = cx.configuration.peer_network;
        cx.out.send(network, to, label, peer::encode(&message));
    }

    /// Tells the mirror that every dirty region is copied.
    pub fn finish(&mut self, cx: &mut Context<'_>) {
        let retry = Retry::start(cx);
        self.finish = Some(retry);
        self.send_finish(retry, cx);
    }

    fn send_finish(&self, retry: Retry, cx: &mut Context<'_>) {
        let message = PeerMessage::Finish {
            volume: cx.configuration.volume,
            session: self.session,
            attempt: retry.attempt,
        };
        self.say(kind::FINISH, retry.attempt, &message, cx);
    }

    /// The mirror is consistent; true if that answers this session's Finish, for the
    /// first time.
    pub fn handle_finish_ack(&mut self, session: Session) -> bool {
        session == self.session && self.finish.take().is_some()
    }

    /// The mirror has accepted a session; true if it is the one announced, for
    /// the first time.
    pub fn handle_hello_ack(&mut self, session: Session) -> bool {
        if session != self.session || self.link != Link::Announcing {
            return false;
        }
        self.enter(Link::Open);
        self.hello = None;
        true
    }

    /// Sends a command to the mirror as a set of its own.
    pub fn send(&mut self, member: Member, watermark: Watermark, cx: &mut Context<'_>) {
        let id = TransferId::Set(self.next_set);
        self.next_set = self.next_set.next();
        self.start(id, Transfer::Set(vec![member]), Some(watermark), cx);
    }

    /// Sends a range of the owner's copy; one copy is outstanding at a time.
    pub fn copy(
        &mut self,
        build: impl FnOnce(CopyNumber) -> CopyTransfer,
        cx: &mut Context<'_>,
    ) -> CopyNumber {
        let number = self.next_copy;
        self.next_copy = number.next();
        self.start(
            TransferId::Copy(number),
            Transfer::Copy(build(number)),
            None,
            cx,
        );
        number
    }

    fn start(
        &mut self,
        id: TransferId,
        transfer: Transfer,
        watermark: Option<Watermark>,
        cx: &mut Context<'_>,
    ) {
        assert!(
            self.link == Link::Open,
            "transfers leave in an open session"
        );
        self.silent_since.get_or_insert(cx.now);
        let retry = Retry::start(cx);
        self.retries.insert((retry.next, id));
        self.outgoing.insert(
            id,
            Arc::new(Outgoing {
                transfer,
                watermark,
                retry,
            }),
        );
        self.transmit(id, cx);
    }

    fn transmit(&self, id: TransferId, cx: &mut Context<'_>) {
        let Some(to) = self.to(cx) else {
            return;
        };
        let outgoing = &self.outgoing[&id];
        let oldest = self.outgoing.keys().find_map(|id| match id {
            TransferId::Set(set) => Some(*set),
            TransferId::Copy(_) => None,
        });
        let envelope = communications::Envelope {
            to,
            session: self.session,
            id,
            oldest_set: oldest.unwrap_or(self.next_set),
            attempt: outgoing.retry.attempt,
            watermarks: outgoing.watermark.into_iter().collect(),
        };
        let portions = communications::send_transfer(&envelope, &outgoing.transfer, cx);
        if let TransferId::Set(set) = id {
            let attempt = outgoing.retry.attempt;
            cx.out.trace(Event::SetSent {
                session: self.session,
                set,
                attempt,
                portions,
            });
        }
    }

    /// The mirror has performed a set: its commands, if the answer is of the
    /// current session and the first.
    pub fn handle_set_ack(&mut self, session: Session, set: SetId) -> Vec<CommandId> {
        match self.settle(session, TransferId::Set(set)) {
            Some(Transfer::Set(members)) => members.iter().map(|member| member.command).collect(),
            Some(Transfer::Copy(_)) | None => Vec::new(),
        }
    }

    /// The mirror has made a copy durable; true under the same conditions.
    pub fn handle_copy_ack(&mut self, session: Session, copy: CopyNumber) -> bool {
        self.settle(session, TransferId::Copy(copy)).is_some()
    }

    fn settle(&mut self, session: Session, id: TransferId) -> Option<Transfer> {
        if session != self.session {
            return None;
        }
        let done = self.outgoing.remove(&id)?;
        self.retries.remove(&(done.retry.next, id));
        Some(Arc::unwrap_or_clone(done).transfer)
    }

    /// Sends again what is due.
    pub fn handle_deadline(&mut self, cx: &mut Context<'_>) -> Outlook {
        let mut lost = Outlook::Fine;
        if let Some(mut hello) = self.hello.take_if(|hello| hello.retry.next <= cx.now) {
            let retry = &mut hello.retry;
            if self.is_stale {
                self.hello = Some(hello);
                return Outlook::Silent;
            }
            if cx.now.since(retry.since) >= cx.configuration.timers.loss_after && !self.resyncs {
                retry.since = cx.now;
                lost = Outlook::Lost;
            }
            self.turn_if_silent(cx);
            hello.retry.again(cx);
            self.send_hello(hello, cx);
        }
        if let Some(mut retry) = self.finish
            && retry.next <= cx.now
        {
            if cx.now.since(retry.since) >= cx.configuration.timers.path_timeout {
                return Outlook::Silent;
            }
            self.turn_if_silent(cx);
            retry.again(cx);
            self.finish = Some(retry);
            self.send_finish(retry, cx);
        }
        while let Some((next, id)) = self
            .retries
            .first()
            .copied()
            .filter(|(next, _)| *next <= cx.now)
        {
            self.retries.remove(&(next, id));
            let outgoing = self
                .outgoing
                .get_mut(&id)
                .expect("a retry belongs to a transfer");
            if cx.now.since(outgoing.retry.since) >= cx.configuration.timers.path_timeout {
                return Outlook::Silent;
            }
            let outgoing = Arc::make_mut(outgoing);
            outgoing.retry.again(cx);
            self.retries.insert((outgoing.retry.next, id));
            self.turn_if_silent(cx);
            cx.out.probe("replica sent again");
            self.transmit(id, cx);
        }
        lost
    }

    /// Something is about to be sent again: to the other node, if this one has been
    /// silent since it was spoken to.
    fn turn_if_silent(&mut self, cx: &mut Context<'_>) {
        let patience = cx.configuration.timers.retransmit_min.times(4);
        let since = *self.silent_since.get_or_insert(cx.now);
        if cx.now.since(since) >= patience {
            self.turn(cx);
            self.silent_since = Some(cx.now);
        }
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        let hello = self.hello.as_ref().map(|hello| hello.retry.next);
        let finish = self.finish.map(|retry| retry.next);
        let retry = self.retries.first().map(|(next, _)| *next);
        hello.into_iter().chain(finish).chain(retry).min()
    }
}

#[cfg(test)]
mod tests;

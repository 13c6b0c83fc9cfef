//! The owner's side of the mediator: what its record is to say, and what it said.
//!
//! ```text
//! Reading --fresh record--> Idle --set--> Setting --newer record that says it--> Idle
//!                                            ^_______newer record that does not___|
//! ```
//!
//! A compare-and-set is repeated, with the version that was found, until a newer
//! record says what was wanted. Reading alone would not do, even if the record
//! says it already: an older compare-and-set of this owner may still be on its
//! way, and only a newer version shuts it out.
//!
//! Refuses to know what follows from the record.

use serde::{Deserialize, Serialize};

use super::Context;
use crate::contract::Label;
use crate::time::Instant;
use crate::vocabulary::SiteEpoch;
use crate::wire::mediator::{self, Ask, MediatorRecord, MediatorReply, MediatorRequest};

/// What is wanted of the mediator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Goal {
    Idle,
    /// To know the record.
    Reading,
    /// To make it say in sync or not, in a version above `expect`.
    Setting {
        expect: SiteEpoch,
        in_sync: bool,
    },
}

/// What an answer led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing that matters.
    Nothing,
    /// A fresh record; the first since the boot, or one asked for.
    Read(MediatorRecord),
    /// The record says what was wanted, in this version.
    Set(MediatorRecord),
}

/// A question to the mediator that is repeated until somebody takes the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inquiry {
    ask: Ask,
    nonce: u64,
    attempt: u32,
    ask_at: Instant,
}

impl Inquiry {
    /// Asks.
    pub fn start(ask: Ask, nonce: u64, cx: &mut Context<'_>) -> Self {
        send(ask, nonce, 0, cx);
        Inquiry {
            ask,
            nonce,
            attempt: 0,
            ask_at: cx.now.after(cx.configuration.timers.mediator_retry),
        }
    }

    /// What is asked.
    pub fn ask(&self) -> Ask {
        self.ask
    }

    /// Asks again when it is time.
    pub fn handle_deadline(&mut self, cx: &mut Context<'_>) {
        if self.ask_at <= cx.now {
            self.attempt += 1;
            self.ask_at = cx.now.after(cx.configuration.timers.mediator_retry);
            send(self.ask, self.nonce, self.attempt, cx);
        }
    }

    /// True if this is the answer.
    pub fn is_answered_by(&self, reply: &MediatorReply) -> bool {
        reply.nonce == self.nonce
    }

    /// When it is asked again.
    pub fn next_deadline(&self) -> Instant {
        self.ask_at
    }
}

/// The question under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arbiter {
    goal: Goal,
    /// A goal that waits until the record is known.
    next: Option<bool>,
    known: Option<MediatorRecord>,
    nonce: u64,
    attempt: u32,
    ask_at: Option<Instant>,
}

impl Arbiter {
    /// Begins by reading the record.
    pub fn start(nonce: u64, cx: &mut Context<'_>) -> Self {
        let mut arbiter = Arbiter {
            goal: Goal::Reading,
            next: None,
            known: None,
            nonce,
            attempt: 0,
            ask_at: None,
        };
        arbiter.ask(cx);
        arbiter
    }

    /// What the record says of the copies, as far as it is known.
    pub fn says_in_sync(&self) -> Option<bool> {
        self.known.map(|record| record.in_sync)
    }

    /// Reads the record anew, unless something is being asked already: the answer to that is
    /// as fresh.
    pub fn refresh(&mut self, nonce: u64, cx: &mut Context<'_>) {
        if self.goal == Goal::Idle {
            self.goal = Goal::Reading;
            self.begin(nonce, cx);
        }
    }

    /// The record, while nothing is being asked.
    pub fn settled(&self) -> Option<MediatorRecord> {
        self.known.filter(|_| self.goal == Goal::Idle)
    }

    /// Makes the record say whether the mirror may be promoted.
    pub fn set(&mut self, in_sync: bool, nonce: u64, cx: &mut Context<'_>) {
        let Some(known) = self.known else {
            self.next = Some(in_sync);
            return;
        };
        self.goal = Goal::Setting {
            expect: known.version,
            in_sync,
        };
        self.begin(nonce, cx);
    }

    fn begin(&mut self, nonce: u64, cx: &mut Context<'_>) {
        self.nonce = nonce;
        self.attempt = 0;
        self.ask(cx);
    }

    fn ask(&mut self, cx: &mut Context<'_>) {
        let ask = match self.goal {
            Goal::Idle => {
                self.ask_at = None;
                return;
            }
            Goal::Reading => Ask::Read,
            Goal::Setting { expect, in_sync } => Ask::CompareAndSet { expect, in_sync },
        };
        self.ask_at = Some(cx.now.after(cx.configuration.timers.mediator_retry));
        send(ask, self.nonce, self.attempt, cx);
    }

    /// Asks again when it is time.
    pub fn handle_deadline(&mut self, cx: &mut Context<'_>) {
        if self.ask_at.is_some_and(|at| at <= cx.now) {
            if matches!(self.goal, Goal::Setting { in_sync: false, .. }) {
                cx.out
                    .probe("mediator asked again while writes wait for it");
            }
            self.attempt += 1;
            self.ask(cx);
        }
    }

    /// An answer; `nonce` names the next question, should there be one.
    pub fn handle_reply(
        &mut self,
        reply: &MediatorReply,
        nonce: u64,
        cx: &mut Context<'_>,
    ) -> Answer {
        if reply.nonce != self.nonce || self.goal == Goal::Idle {
            return Answer::Nothing;
        }
        let record = reply.record;
        let is_ours = record.owner == cx.configuration.site;
        self.known = Some(record);
        match self.goal {
            Goal::Idle => Answer::Nothing,
            Goal::Reading => {
                self.goal = Goal::Idle;
                self.ask_at = None;
                if let Some(in_sync) = self.next.take() {
                    self.set(in_sync, nonce, cx);
                }
                Answer::Read(record)
            }
            // Somebody else's: nothing of this owner's can change it any more.
            Goal::Setting { .. } if !is_ours => {
                self.goal = Goal::Idle;
                self.ask_at = None;
                Answer::Read(record)
            }
            Goal::Setting { expect, in_sync } => {
                if record.version > expect && record.in_sync == in_sync {
                    self.goal = Goal::Idle;
                    self.ask_at = None;
                    return Answer::Set(record);
                }
                self.set(in_sync, nonce, cx);
                Answer::Nothing
            }
        }
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.ask_at
    }
}

/// Asks the mediator for a lease.
pub fn ask_lease(nonce: u64, cx: &mut Context<'_>) {
    send(Ask::Lease, nonce, 0, cx);
}

fn send(ask: Ask, nonce: u64, attempt: u32, cx: &mut Context<'_>) {
    let Some(third) = cx.configuration.mediator else {
        return;
    };
    let request = MediatorRequest {
        volume: cx.configuration.volume,
        site: cx.configuration.site,
        nonce,
        attempt,
        ask,
    };
    let label = Label {
        kind: mediator::kind_of(ask),
        incarnation: cx.incarnation,
        id: nonce,
        part: 0,
        attempt,
    };
    let frame = mediator::encode_request(&request);
    cx.out.send(third.network, third.address, label, frame);
}

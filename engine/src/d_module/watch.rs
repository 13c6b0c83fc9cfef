//! The watch of a standby: is the partner alive, and whose is the set?
//!
//! Reads the partner's heartbeat and the journal's reservation once in a
//! heartbeat, and says when to claim the set. Refuses to know how that is done.
//! As long as it has nothing to do it beats itself, in its own place: its partner hands
//! the set over only to somebody who watches.
//!
//! | | holder | duty | partner | decision |
//! |---|---|---|---|---|
//! | a | this node | any | any | claim: nobody else has won it since |
//! | b | nobody | primary | any | claim: a first boot |
//! | c | nobody | standby | silent | claim: the primary does not come |
//! | d | nobody | standby | alive or not long silent | wait |
//! | e | partner | any | silent, on the interconnect too if there is one | take over |
//! | f | partner | any | alive or not long silent | wait, whatever the interconnect says |
//! | g | partner, which has drained it under this very key | any | any | claim, nothing to wait out |
//! | h | this node, which has drained it in this life | any | has not come for long | claim it back |
//! | i | this node, which has drained it in this life | any | may come | wait |
//! | j | partner | any | silent, and alive on the interconnect | ask it to hand over |
//! | k | partner | any | the same, and it was asked for long | take over |
//! | l | partner | any | the incarnation that beat last is dead, as its service processor says | take over |
//!
//! Alive and silent are what the mailbox says, where nothing else stands: a partner that
//! cannot be heard over the interconnect may serve all the same. Rows a to d and g to i do not
//! ask the interconnect. Row l shortens the detection and nothing else: what follows a silence
//! follows it, and of any other incarnation the notice says nothing.
//!
//! A key is never reused, so `drained` of an older one says nothing (row e or f).

use serde::{Deserialize, Serialize};

use super::Context;
use super::heart::write_heartbeat;
use crate::configuration::Duty;
use crate::contract::{DeviceId, IoError, IoId, IoOutput, IoRequest, ReservationKey, Submission};
use crate::payload::Payload;
use crate::storage_set::IoOwner;
use crate::storage_set::format::{Heartbeat, decode_heartbeat};
use crate::time::Instant;
use crate::vocabulary::NodeId;

/// What a standby does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Goes on watching.
    Wait,
    /// Takes the set.
    Claim {
        /// Why.
        cause: Cause,
        /// Who holds the journal. If somebody else does when the set is claimed, all of
        /// this is void.
        observed: Option<ReservationKey>,
    },
    /// Asks the partner to hand over what it holds under this key.
    Ask(ReservationKey),
}

/// What is heard of the partner over the interconnect, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// It says that it lives, and not long ago.
    pub is_heard: bool,
    /// An incarnation of it that is dead, as its service processor says.
    pub dead: Option<u64>,
}

impl Word {
    /// Nothing is heard.
    pub const SILENT: Word = Word {
        is_heard: false,
        dead: None,
    };
    /// It lives.
    pub const HEARD: Word = Word {
        is_heard: true,
        dead: None,
    };
}

/// Why a set is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nobody holds it.
    Unclaimed,
    /// It is this node's, which has served it since it won it.
    Own,
    /// It is this node's, which won it and died before it could serve.
    OwnUnserved,
    /// It is this node's, which has drained it for a partner that does not come.
    Back,
    /// The partner that holds it is silent.
    Silent,
    /// It is silent in the mailbox, and has not handed over though it was asked.
    AskedInVain,
    /// Its machine has lost power, as its service processor says.
    Noticed,
    /// The partner that holds it has drained it.
    Drained,
}

impl Cause {
    /// True if the set is taken from the partner.
    pub fn takes_over(self) -> bool {
        match self {
            Cause::Silent | Cause::AskedInVain | Cause::Noticed | Cause::Drained => true,
            Cause::Unclaimed | Cause::Own | Cause::OwnUnserved | Cause::Back => false,
        }
    }

    /// True if a former holder may still answer from its memory when the set is won: its
    /// HA lease is waited out before anything is served.
    pub fn waits(self) -> bool {
        match self {
            Cause::OwnUnserved | Cause::Silent | Cause::AskedInVain | Cause::Noticed => true,
            Cause::Unclaimed | Cause::Own | Cause::Back | Cause::Drained => false,
        }
    }
}

/// The key under which this life has drained the set, and how long the partner has to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Farewell {
    /// The key.
    pub key: ReservationKey,
    /// From then on the set is claimed back.
    pub until: Instant,
}

/// A partner that was asked to hand over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    /// Of this it was asked.
    key: ReservationKey,
    /// Since when.
    since: Instant,
}

/// A standby's view of its partner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    tick_at: Instant,
    slots: Option<IoId>,
    holder: Option<IoId>,
    /// Whether the data device answers: a set is not claimed without it.
    data: Option<IoId>,
    seen: Option<Heartbeat>,
    /// The last heartbeat of this node, of an earlier life.
    own: Option<Heartbeat>,
    /// When the heartbeat was last seen to change; at first, when watching began.
    seen_at: Instant,
    /// The reservation as this tick's question found it.
    held_by: Option<Option<ReservationKey>>,
    /// Beats of this life.
    beat: u64,
    farewell: Option<Farewell>,
    asked: Option<Asked>,
}

impl Watch {
    /// Begins at once; after a drained set if there is a farewell.
    pub fn start(farewell: Option<Farewell>, now: Instant) -> Self {
        Watch {
            tick_at: now,
            slots: None,
            holder: None,
            data: None,
            seen: None,
            own: None,
            seen_at: now,
            held_by: None,
            beat: 0,
            farewell,
            asked: None,
        }
    }

    /// Asks when it is time. A question that never came back, for a preempt can
    /// abort it, is asked again.
    pub fn handle_deadline(&mut self, cx: &mut Context<'_>) {
        if self.tick_at > cx.now {
            return;
        }
        self.tick_at = cx.now.after(cx.configuration.timers.heartbeat);
        self.held_by = None;
        let read = IoRequest::Read {
            start: cx.configuration.set.geometry.mailbox_slot(0),
            count: 2,
        };
        let (journal, data) = (cx.configuration.set.journal, cx.configuration.set.data);
        self.slots = Some(submit(journal, read, cx));
        self.holder = Some(submit(journal, IoRequest::ReadReservation, cx));
        self.data = Some(submit(data, IoRequest::ReadReservation, cx));
    }

    /// An answer; decides once all are in.
    pub fn handle_completion(
        &mut self,
        (io, result): (IoId, Result<IoOutput, IoError>),
        word: Word,
        cx: &mut Context<'_>,
    ) -> Decision {
        if self.slots == Some(io) {
            self.slots = None;
            match result {
                Ok(IoOutput::Pages(pages)) => self.look(&pages, cx),
                // An unreadable mailbox says nothing about the partner: whoever
                // cannot read it could not claim the set either.
                Ok(_) | Err(_) => return Decision::Wait,
            }
        } else if self.holder == Some(io) {
            self.holder = None;
            match result {
                Ok(IoOutput::Reservation(holder)) => self.held_by = Some(holder),
                Ok(_) | Err(_) => return Decision::Wait,
            }
        } else if self.data == Some(io) && result.is_ok() {
            self.data = None;
        } else {
            return Decision::Wait;
        }
        match (self.slots, self.data, self.held_by) {
            (None, None, Some(holder)) => {
                let decision = self.decide(holder, word, cx);
                match decision {
                    Decision::Wait | Decision::Ask(_) => {
                        self.note_passed(holder, cx);
                        self.beat(cx);
                    }
                    Decision::Claim { .. } => {}
                }
                decision
            }
            (Some(_), _, _) | (_, Some(_), _) | (_, _, None) => Decision::Wait,
        }
    }

    /// The first look after a life that served: the role has passed to the partner.
    fn note_passed(&self, holder: Option<ReservationKey>, cx: &mut Context<'_>) {
        let is_partners = |key: ReservationKey| key.node == cx.configuration.partner.value();
        let has_served = self.own.is_some_and(|own| own.epoch > 0);
        if self.beat == 0 && has_served && holder.is_some_and(is_partners) {
            cx.out.probe("former holder finds that its role has passed");
        }
    }

    /// Shows the partner that somebody watches, with both devices at hand. Not before
    /// it has looked: what an earlier life wrote there, it has to read first.
    fn beat(&mut self, cx: &mut Context<'_>) {
        self.beat += 1;
        let heartbeat = Heartbeat {
            node: cx.configuration.node,
            incarnation: cx.incarnation,
            beat: self.beat,
            epoch: 0,
            drained: self.farewell.map_or(0, |farewell| farewell.key.epoch),
        };
        let write = write_heartbeat(&heartbeat, cx.configuration);
        submit(cx.configuration.set.journal, write, cx);
    }

    fn look(&mut self, pages: &[Payload], cx: &Context<'_>) {
        let of = |node: NodeId| {
            let mut found = pages.iter().filter_map(|page| decode_heartbeat(page).ok());
            found.rfind(|heartbeat| heartbeat.node == node)
        };
        self.own = of(cx.configuration.node);
        let found = of(cx.configuration.partner);
        if found.is_some() && found != self.seen {
            self.seen = found;
            self.seen_at = cx.now;
        }
    }

    fn decide(&mut self, holder: Option<ReservationKey>, word: Word, cx: &Context<'_>) -> Decision {
        let configuration = cx.configuration;
        let is_dead = self
            .seen
            .is_some_and(|seen| word.dead == Some(seen.incarnation));
        let is_silent = is_dead || self.stands_still(cx);
        let drained = |key: ReservationKey| self.seen.is_some_and(|it| it.drained == key.epoch);
        let cause = match (holder, configuration.duty) {
            (Some(key), _) if key.node == configuration.node.value() => {
                match self.farewell.filter(|farewell| farewell.key == key) {
                    Some(farewell) if cx.now < farewell.until => return Decision::Wait,
                    Some(_) => Cause::Back,
                    None if self.has_served(key) => Cause::Own,
                    None => Cause::OwnUnserved,
                }
            }
            (None, Duty::Primary) => Cause::Unclaimed,
            (None, Duty::Standby) if is_silent => Cause::Unclaimed,
            (Some(key), _) if drained(key) => Cause::Drained,
            (Some(_), _) if is_dead => Cause::Noticed,
            (Some(_), _) if is_silent && !word.is_heard => Cause::Silent,
            (Some(key), _) if is_silent => match self.ask(key, cx) {
                true => Cause::AskedInVain,
                false => return Decision::Ask(key),
            },
            (None, Duty::Standby) => return Decision::Wait,
            (Some(_), _) => {
                self.asked = None;
                return Decision::Wait;
            }
        };
        Decision::Claim {
            cause,
            observed: holder,
        }
    }

    fn stands_still(&self, cx: &Context<'_>) -> bool {
        cx.now.since(self.seen_at) >= cx.configuration.timers.takeover_after
    }

    /// Notes since when the partner is asked for what it holds under this key; true if that
    /// is long ago.
    fn ask(&mut self, key: ReservationKey, cx: &Context<'_>) -> bool {
        let now = Asked { key, since: cx.now };
        let asked = self.asked.filter(|asked| asked.key == key).unwrap_or(now);
        self.asked = Some(asked);
        cx.now.since(asked.since) >= cx.configuration.timers.ask_limit
    }

    /// Looks at once: there is news of the partner.
    pub fn hurry(&mut self, now: Instant) {
        self.tick_at = now;
    }

    /// True if it is this incarnation's heartbeat that was seen last.
    pub fn has_seen(&self, incarnation: u64) -> bool {
        self.seen
            .is_some_and(|seen| seen.incarnation == incarnation)
    }

    /// How often it has looked: names what it asks for each time.
    pub fn looks(&self) -> u64 {
        self.beat
    }

    /// True if an earlier life of this node has served under the key: nobody else's
    /// lease was left then.
    fn has_served(&self, key: ReservationKey) -> bool {
        let says = |own: Heartbeat| own.epoch == key.epoch || own.drained == key.epoch;
        self.own.is_some_and(says)
    }

    /// When it asks again.
    pub fn next_deadline(&self) -> Option<Instant> {
        Some(self.tick_at)
    }
}

/// Asks under a key that nothing admits: both questions stand outside the
/// reservation.
fn submit(device: DeviceId, request: IoRequest, cx: &mut Context<'_>) -> IoId {
    let io = cx.ids.next(IoOwner::Mailbox);
    let key = ReservationKey {
        epoch: 0,
        node: cx.configuration.node.value(),
    };
    cx.out.submit(Submission {
        device,
        io,
        key,
        request,
    });
    io
}

#[cfg(test)]
mod tests;

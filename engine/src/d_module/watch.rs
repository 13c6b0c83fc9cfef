//! The watch of a standby: is the partner alive, and whose is the set?
//!
//! Reads the partner's heartbeat and the journal's reservation once in a
//! heartbeat, and says when to claim the set. Refuses to know how that is done.
//!
//! | | holder | duty | partner | decision |
//! |---|---|---|---|---|
//! | a | this node | any | any | claim: nobody else has won it since |
//! | b | nobody | primary | any | claim: a first boot |
//! | c | nobody | standby | silent | claim: the primary does not come |
//! | d | nobody | standby | alive or not long silent | wait |
//! | e | partner | any | silent | take over |
//! | f | partner | any | alive or not long silent | wait |

use serde::{Deserialize, Serialize};

use super::Context;
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
    /// Takes the set, and serves when a former holder's HA lease is over, if there may
    /// be one: of the partner that held it, or that this node took it from before it
    /// could serve.
    Claim {
        /// The partner held it.
        takes_over: bool,
        /// The partner may still answer from its memory.
        waits: bool,
        /// Who holds the journal. If somebody else does when the set is claimed, all of
        /// this is void.
        observed: Option<ReservationKey>,
    },
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
    /// The last heartbeat of this node, of an earlier boot.
    own: Option<Heartbeat>,
    /// When the heartbeat was last seen to change; at first, when watching began.
    seen_at: Instant,
    /// The reservation as this tick's question found it.
    held_by: Option<Option<ReservationKey>>,
}

impl Watch {
    /// Begins at once.
    pub fn start(now: Instant) -> Self {
        Watch {
            tick_at: now,
            slots: None,
            holder: None,
            data: None,
            seen: None,
            own: None,
            seen_at: now,
            held_by: None,
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
        io: IoId,
        result: Result<IoOutput, IoError>,
        cx: &Context<'_>,
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
            (None, None, Some(holder)) => self.decide(holder, cx),
            (Some(_), _, _) | (_, Some(_), _) | (_, _, None) => Decision::Wait,
        }
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

    fn decide(&self, holder: Option<ReservationKey>, cx: &Context<'_>) -> Decision {
        let configuration = cx.configuration;
        let is_silent = cx.now.since(self.seen_at) >= configuration.timers.takeover_after;
        let claim = |takes_over, waits| Decision::Claim {
            takes_over,
            waits,
            observed: holder,
        };
        match (holder, configuration.duty) {
            (Some(key), _) if key.node == configuration.node.value() => {
                let has_served = self.own.is_some_and(|own| own.epoch == key.epoch);
                claim(false, !has_served)
            }
            (None, Duty::Primary) => claim(false, false),
            (None, Duty::Standby) if is_silent => claim(false, false),
            (Some(_), _) if is_silent => claim(true, true),
            (None, Duty::Standby) | (Some(_), _) => Decision::Wait,
        }
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

//! The heart: shows the partner that this module lives, and knows how long it may
//! answer from memory.
//!
//! Once in a heartbeat a page of the mailbox is written, which needs no
//! reservation, and a page is read *under* the reservation. That read is the HA
//! lease: it was executed, so the set was still this node's then, and a partner
//! that takes over later waits out a term that began when the read was issued.
//! Any command under the key would prove as much; a read costs no journal.
//!
//! Owned by the head while it holds the set. Refuses to know what is answered.

use serde::{Deserialize, Serialize};

use super::Context;
use crate::contract::{
    IoError, IoId, IoRequest, PageIndex, Persistence, ReservationKey, Submission,
};
use crate::storage_set::format::{Heartbeat, encode_heartbeat};
use crate::storage_set::{IoOwner, is_fenced};
use crate::time::Instant;

/// A holder's heartbeat and HA lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heart {
    key: ReservationKey,
    beat: u64,
    tick_at: Instant,
    /// The renewal on its way, and when it was issued.
    renewal: Option<(IoId, Instant)>,
    fresh_until: Instant,
    /// Before this the former holder may still answer from its memory.
    serves_from: Option<Instant>,
}

impl Heart {
    /// Begins to beat at once; `serves_from` is when the former holder's lease is
    /// over, if there was one.
    pub fn start(key: ReservationKey, serves_from: Option<Instant>, now: Instant) -> Self {
        Heart {
            key,
            beat: 0,
            tick_at: now,
            renewal: None,
            fresh_until: now,
            serves_from,
        }
    }

    /// What the set is held under.
    pub fn key(&self) -> ReservationKey {
        self.key
    }

    /// Beats and renews when it is time.
    pub fn handle_deadline(&mut self, cx: &mut Context<'_>) {
        if self.tick_at > cx.now {
            return;
        }
        self.tick_at = cx.now.after(cx.configuration.timers.heartbeat);
        self.beat += 1;
        let heartbeat = Heartbeat {
            node: cx.configuration.node,
            incarnation: cx.incarnation,
            beat: self.beat,
            epoch: if self.may_serve() { self.key.epoch } else { 0 },
        };
        let set = &cx.configuration.set;
        let slot = set.geometry.mailbox_slot(cx.configuration.rank());
        let write = IoRequest::Write {
            start: slot,
            pages: vec![encode_heartbeat(&heartbeat)],
            persistence: Persistence::ForceUnitAccess,
        };
        self.submit(write, cx);
        if self.renewal.is_none() {
            let read = IoRequest::Read {
                start: PageIndex(0),
                count: 1,
            };
            let io = self.submit(read, cx);
            self.renewal = Some((io, cx.now));
        }
    }

    fn submit(&self, request: IoRequest, cx: &mut Context<'_>) -> IoId {
        let io = cx.ids.next(IoOwner::Mailbox);
        cx.out.submit(Submission {
            device: cx.configuration.set.journal,
            io,
            key: self.key,
            request,
        });
        io
    }

    /// A command of the mailbox has ended. An error says that the set is not this
    /// node's any more; a heartbeat that was not written is written again soon.
    pub fn handle_completion(
        &mut self,
        io: IoId,
        error: Option<IoError>,
        cx: &Context<'_>,
    ) -> Result<(), IoError> {
        let Some((renewal, issued)) = self.renewal else {
            return Ok(());
        };
        if io != renewal {
            return Ok(());
        }
        self.renewal = None;
        match error {
            // It was executed, and under this key.
            None | Some(IoError::Unreadable(_)) => {
                self.fresh_until = issued.after(cx.configuration.timers.ha_lease);
                Ok(())
            }
            Some(error) if is_fenced(error) => Err(error),
            Some(_) => Ok(()),
        }
    }

    /// True while this node may answer from its memory.
    pub fn is_fresh(&self, now: Instant) -> bool {
        now < self.fresh_until && self.serves_from.is_none()
    }

    /// True if the former holder's lease is over.
    pub fn may_serve(&self) -> bool {
        self.serves_from.is_none()
    }

    /// True once: the former holder's lease has just run out.
    pub fn take_waited_out(&mut self, now: Instant) -> bool {
        let is_over = self.serves_from.is_some_and(|from| from <= now);
        if is_over {
            self.serves_from = None;
        }
        is_over
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.serves_from.into_iter().chain([self.tick_at]).min()
    }
}

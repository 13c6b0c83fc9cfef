//! The heart: shows the partner that this module lives, and knows how long it may
//! answer from memory.
//!
//! Once in a heartbeat a page of the mailbox is written, which needs no
//! reservation, and a page is read *under* the reservation. That read is the HA
//! lease: it was executed, so the set was still this node's then, and a partner
//! that takes over later waits out a term that began when the read was issued.
//! Any command under the key would prove as much; a read costs no journal.
//!
//! When the set is to be handed over, the last thing that is written says so: that
//! nothing is answered under this key any more. Writes of one page are unordered, so it
//! waits for every beat before it.
//!
//! Owned by the head while it holds the set. Refuses to know what is answered.

use serde::{Deserialize, Serialize};

use super::Context;
use crate::configuration::Configuration;
use crate::contract::{
    IoError, IoId, IoRequest, PageIndex, Persistence, ReservationKey, Submission,
};
use crate::storage_set::format::{Heartbeat, encode_heartbeat};
use crate::storage_set::{IoOwner, is_fenced};
use crate::time::Instant;

/// Beats that a device may owe an answer for; there is no other before one is in.
const BEATS_MAX: usize = 16;

/// What the mailbox is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Voice {
    /// That this module lives.
    Beating,
    /// That it has drained the set, as soon as no beat is under way; and whether that is.
    Drained(Option<IoId>),
}

/// What a completion of the mailbox led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing.
    Nothing,
    /// The mailbox durably says that the set is drained.
    Drained,
}

/// A holder's heartbeat and HA lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heart {
    key: ReservationKey,
    beat: u64,
    voice: Voice,
    /// Beats on their way.
    beats: Vec<IoId>,
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
            voice: Voice::Beating,
            beats: Vec::new(),
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

    /// Beats and renews when it is time, which it then says.
    pub fn handle_deadline(&mut self, cx: &mut Context<'_>) -> bool {
        if self.tick_at > cx.now {
            return false;
        }
        self.tick_at = cx.now.after(cx.configuration.timers.heartbeat);
        match self.voice {
            Voice::Beating if self.beats.len() < BEATS_MAX => {
                let epoch = if self.may_serve() { self.key.epoch } else { 0 };
                let beat = self.write(epoch, 0, cx);
                self.beats.push(beat);
            }
            Voice::Beating => {}
            Voice::Drained(_) => self.say_drained(cx),
        }
        if self.renewal.is_none() {
            let read = IoRequest::Read {
                start: PageIndex(0),
                count: 1,
            };
            let io = self.submit(read, cx);
            self.renewal = Some((io, cx.now));
        }
        true
    }

    /// Writes this node's page of the mailbox.
    fn write(&mut self, epoch: u64, drained: u64, cx: &mut Context<'_>) -> IoId {
        self.beat += 1;
        let heartbeat = Heartbeat {
            node: cx.configuration.node,
            incarnation: cx.incarnation,
            beat: self.beat,
            epoch,
            drained,
        };
        let write = write_heartbeat(&heartbeat, cx.configuration);
        self.submit(write, cx)
    }

    /// Nothing is answered any more: says so, and beats no more. A beat that is still
    /// under way could be executed after the word, and hide it.
    pub fn say_drained(&mut self, cx: &mut Context<'_>) {
        let is_said = matches!(self.voice, Voice::Drained(Some(_)));
        if is_said || !self.beats.is_empty() {
            self.voice = if is_said {
                self.voice
            } else {
                Voice::Drained(None)
            };
            return;
        }
        let io = self.write(0, self.key.epoch, cx);
        self.voice = Voice::Drained(Some(io));
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
    /// node's any more; what was not written is written again soon.
    pub fn handle_completion(
        &mut self,
        io: IoId,
        error: Option<IoError>,
        cx: &mut Context<'_>,
    ) -> Result<Heard, IoError> {
        if let Some(place) = self.beats.iter().position(|beat| *beat == io) {
            self.beats.swap_remove(place);
            if self.voice == Voice::Drained(None) {
                self.say_drained(cx);
            }
            return Ok(Heard::Nothing);
        }
        if self.voice == Voice::Drained(Some(io)) {
            self.voice = Voice::Drained(None);
            return Ok(match error {
                None => Heard::Drained,
                Some(_) => Heard::Nothing,
            });
        }
        let Some((_, issued)) = self.renewal.filter(|(renewal, _)| *renewal == io) else {
            return Ok(Heard::Nothing);
        };
        self.renewal = None;
        match error {
            // It was executed, and under this key.
            None | Some(IoError::Unreadable(_)) => {
                self.fresh_until = issued.after(cx.configuration.timers.ha_lease);
                Ok(Heard::Nothing)
            }
            Some(error) if is_fenced(error) => Err(error),
            Some(_) => Ok(Heard::Nothing),
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

/// What puts a heartbeat into its node's place in the mailbox.
pub(super) fn write_heartbeat(heartbeat: &Heartbeat, configuration: &Configuration) -> IoRequest {
    let geometry = &configuration.set.geometry;
    IoRequest::Write {
        start: geometry.mailbox_slot(configuration.rank()),
        pages: vec![encode_heartbeat(heartbeat)],
        persistence: Persistence::ForceUnitAccess,
    }
}

//! The word to the other site that its reign is to begin, until it speaks itself.
//!
//! Refuses to know who decided on it.

use serde::{Deserialize, Serialize};

use super::Mirror;
use crate::contract::Label;
use crate::d_module::Context;
use crate::time::{Duration, Instant};
use crate::vocabulary::{Session, SiteEpoch};
use crate::wire::{PeerMessage, kind, peer};

/// A word that is repeated, to one node of the other pair after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Farewell {
    session: Session,
    epoch: SiteEpoch,
    attempt: u32,
    interval: Duration,
    say_at: Instant,
}

impl Farewell {
    /// Says it: after this session a reign of this epoch.
    pub fn start(session: Session, epoch: SiteEpoch, cx: &mut Context<'_>) -> Self {
        let mut farewell = Farewell {
            session,
            epoch,
            attempt: 0,
            interval: cx.configuration.timers.retransmit_min,
            say_at: cx.now,
        };
        farewell.handle_deadline(cx);
        farewell
    }

    /// True if this is what was said.
    pub fn is_refused_by(&self, session: Session, epoch: SiteEpoch) -> bool {
        (self.session, self.epoch) == (session, epoch)
    }

    /// Says it again when it is time.
    pub fn handle_deadline(&mut self, cx: &mut Context<'_>) {
        if self.say_at > cx.now {
            return;
        }
        let Farewell {
            session,
            epoch,
            attempt,
            ..
        } = *self;
        let message = PeerMessage::HandOff {
            volume: cx.configuration.volume,
            session,
            epoch,
            attempt,
        };
        let in_turn = u8::try_from(attempt % 2).unwrap_or_default();
        let place = cx.holder.unwrap_or(in_turn);
        let [first, second] = cx.configuration.peers;
        let to = match place {
            0 => first.or(second),
            _ => second.or(first),
        };
        if let Some(to) = to {
            let label = Label {
                kind: kind::HAND_OFF,
                incarnation: cx.incarnation,
                id: epoch.value(),
                part: 0,
                attempt,
            };
            let network = cx.configuration.peer_network;
            cx.out.send(network, to, label, peer::encode(&message));
        }
        self.attempt += 1;
        self.say_at = cx.now.after(self.interval);
        let longest = cx.configuration.timers.retransmit_max;
        self.interval = self.interval.times(2).min(longest);
    }

    /// When it is said again.
    pub fn next_deadline(&self) -> Instant {
        self.say_at
    }
}

impl Mirror {
    /// The other site is told of its reign until it speaks.
    pub fn say_farewell(&mut self, session: Session, epoch: SiteEpoch, cx: &mut Context<'_>) {
        self.farewell = Some(Box::new(Farewell::start(session, epoch, cx)));
    }
}

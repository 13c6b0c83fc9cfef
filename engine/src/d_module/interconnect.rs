//! The interconnect: what the partner says of itself beside the mailbox.
//!
//! Tells the partner once in a heartbeat that this module lives, and knows since when the
//! partner has not said so. Owns these notices, in every phase of the module; refuses to know
//! what follows from them, which is the watch's to decide: whose the set is the devices say.

use serde::{Deserialize, Serialize};

use super::watch::Word;
use super::{Context, DModule};
use crate::configuration::Interconnect;
use crate::contract::{Frame, Label, Packet};
use crate::event::{Event, IgnoreReason, Phase};
use crate::local::NodeOutbox;
use crate::time::{Duration, Instant};
use crate::wire::interconnect::{self, Alive, AskHandOver, Notice, PartnerMessage, Standing};

/// One end of the interconnect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    tick_at: Instant,
    beat: u64,
    /// The partner's last notice, and when it came.
    heard: Option<(Alive, Instant)>,
    /// Its incarnation that is dead, as its service processor said last.
    dead: Option<u64>,
}

impl Line {
    /// Speaks at once.
    pub fn start(now: Instant) -> Self {
        Line {
            tick_at: now,
            beat: 0,
            heard: None,
            dead: None,
        }
    }

    /// Says that this module lives, when it is time.
    pub fn handle_deadline(&mut self, (standing, epoch): (Standing, u64), cx: &mut Context<'_>) {
        if self.tick_at > cx.now {
            return;
        }
        self.tick_at = cx.now.after(cx.configuration.timers.heartbeat);
        self.beat += 1;
        let alive = Alive {
            node: cx.configuration.node,
            incarnation: cx.incarnation,
            beat: self.beat,
            epoch,
            standing,
        };
        let message = PartnerMessage::Alive(alive);
        say(&message, (self.beat, 0), cx);
        // Its N-module is to know where requests are served, also while no D-module there
        // could tell it.
        if let Some(joined) = cx.configuration.interconnect {
            let (label, frame) = sealed(&message, (self.beat, 0), cx);
            cx.out.send(joined.network, joined.partner.n, label, frame);
        }
    }

    /// A notice of the partner. One that was overtaken by a later one says nothing.
    pub fn handle_alive(&mut self, alive: Alive, cx: &mut Context<'_>) {
        if self
            .heard
            .is_some_and(|(last, _)| alive.is_overtaken_by(&last))
        {
            return cx.out.trace(Event::Ignored(IgnoreReason::Redundant));
        }
        self.heard = Some((alive, cx.now));
    }

    /// What the partner's notices come to.
    pub fn word(&self, now: Instant, silence: Duration) -> Word {
        let lives = |(alive, at): (Alive, Instant)| {
            now.since(at) < silence && self.dead != Some(alive.incarnation)
        };
        Word {
            is_heard: self.heard.is_some_and(lives),
            dead: self.dead,
        }
    }

    /// When it speaks again.
    pub fn next_deadline(&self) -> Option<Instant> {
        Some(self.tick_at)
    }
}

/// Sends a message to the partner's D-module. An id and an attempt name it.
fn say(message: &PartnerMessage, name: (u64, u32), cx: &mut Context<'_>) {
    let Some(Interconnect {
        network, partner, ..
    }) = cx.configuration.interconnect
    else {
        return;
    };
    let (label, frame) = sealed(message, name, cx);
    cx.out.send(network, partner.d, label, frame);
}

/// A message with its label.
fn sealed(message: &PartnerMessage, (id, attempt): (u64, u32), cx: &Context<'_>) -> (Label, Frame) {
    let label = Label {
        kind: message.kind(),
        incarnation: cx.incarnation,
        id,
        part: 0,
        attempt,
    };
    (label, interconnect::encode(message))
}

/// Asks the partner to hand the set over that it holds under this epoch.
pub(super) fn ask(epoch: u64, attempt: u32, cx: &mut Context<'_>) {
    let node = cx.configuration.node;
    let ask = AskHandOver {
        node,
        epoch,
        attempt,
    };
    say(&PartnerMessage::AskHandOver(ask), (epoch, attempt), cx);
}

impl DModule {
    /// The interconnect, and what it needs for one input.
    fn line<'a>(
        &'a mut self,
        now: Instant,
        out: &'a mut NodeOutbox,
    ) -> Option<(&'a mut Line, Context<'a>)> {
        let configuration = self.configuration.as_ref()?;
        let cx = Context::outside(now, self.incarnation, configuration, &mut self.ids, out);
        Some((self.line.as_deref_mut()?, cx))
    }

    /// From now on it speaks, if the pair has an interconnect. That outlives every office.
    pub(super) fn open_line(&mut self, now: Instant, out: &mut NodeOutbox) {
        let configuration = self.configuration.as_ref();
        let is_joined = configuration.is_some_and(|it| it.interconnect.is_some());
        if is_joined && self.line.is_none() {
            self.line = Some(Box::new(Line::start(now)));
            self.handle_line_deadline(now, out);
        }
    }

    pub(super) fn handle_line_deadline(&mut self, now: Instant, out: &mut NodeOutbox) {
        let standing = match self.phase {
            Phase::Configuring | Phase::Halted => Standing::Idle,
            Phase::Standby => Standing::Watches,
            Phase::Claiming
            | Phase::Recovering
            | Phase::Announcing
            | Phase::Following
            | Phase::HandingOff
            | Phase::Draining => Standing::Holds,
            Phase::Serving => Standing::Serves,
        };
        let epoch = self.heart.as_ref().map_or(0, |heart| heart.key().epoch);
        if let Some((line, mut cx)) = self.line(now, out) {
            line.handle_deadline((standing, epoch), &mut cx);
        }
    }

    /// A message of the partner.
    pub(super) fn handle_partner(&mut self, packet: &Packet, now: Instant, out: &mut NodeOutbox) {
        let Ok(message) = interconnect::decode(&packet.frame) else {
            return out.trace(Event::Ignored(IgnoreReason::Undecodable));
        };
        let Some((line, mut cx)) = self.line(now, out) else {
            return out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        };
        let partner = cx.configuration.partner;
        match message {
            PartnerMessage::Alive(alive) if alive.node == partner => {
                line.handle_alive(alive, &mut cx);
            }
            PartnerMessage::AskHandOver(ask) if ask.node == partner => {
                self.handle_asked(ask.epoch, now, out);
            }
            PartnerMessage::Notice(notice) if notice.node == partner => {
                line.dead = Some(notice.incarnation);
                self.handle_notice(notice, now, out);
            }
            PartnerMessage::Alive(_)
            | PartnerMessage::AskHandOver(_)
            | PartnerMessage::Notice(_) => {
                cx.out.trace(Event::Ignored(IgnoreReason::Misrouted));
            }
        }
    }

    /// The partner's machine has lost power: who watches looks at once. What it sees decides,
    /// for the notice may come late, and the partner be back.
    fn handle_notice(&mut self, notice: Notice, now: Instant, out: &mut NodeOutbox) {
        let Some(watch) = &mut self.watch else {
            return out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        };
        if !watch.has_seen(notice.incarnation) {
            out.probe("hardware notice of another incarnation");
        }
        watch.hurry(now);
        self.handle_watch_deadline(now, out);
    }

    /// What the service processor sends when the machine loses power: it is told by each
    /// incarnation, as long as that lives, what to say of it.
    pub fn last_word(&self, out: &mut NodeOutbox) {
        let Some(configuration) = &self.configuration else {
            return;
        };
        let Some(joined) = configuration.interconnect.filter(|it| it.hardware_notice) else {
            return;
        };
        let notice = PartnerMessage::Notice(Notice {
            node: configuration.node,
            incarnation: self.incarnation,
        });
        let label = Label {
            kind: notice.kind(),
            incarnation: self.incarnation,
            id: 0,
            part: 0,
            attempt: 0,
        };
        let frame = interconnect::encode(&notice);
        out.send(joined.network, joined.partner.d, label, frame);
    }

    /// What the partner's notices come to now.
    pub(super) fn word(&self, now: Instant) -> Word {
        match (&self.line, &self.configuration) {
            (Some(line), Some(configuration)) => {
                line.word(now, configuration.timers.takeover_after)
            }
            (None, _) | (_, None) => Word::SILENT,
        }
    }
}

//! A site that has given its reign away and does not know yet whether the other one has it.
//!
//! ```text
//! with a mediator:   Giving --limit--> TakingBack
//!                      |                   |      whichever compare-and-set of the two
//!                      +---------+---------+      the mediator executes, it executes one
//!                   other site   |   this site
//!                   (a mirror) <-+-> (a new reign)
//! without:           Offering --the other site's first Hello--> (a mirror)
//!                       +-------refused for good--------------> (a new reign)
//! ```
//!
//! Nothing is answered to any client. Owns which of the two it will be; refuses to know what
//! a mirror and an owner do. Both of its words to the mediator expect the one version at
//! which the reign was given away, so none of them means anything in a later reign.

use serde::{Deserialize, Serialize};

use super::Context;
use super::arbiter::Inquiry;
use super::mirror::Farewell;
use crate::event::Event;
use crate::storage_set::StorageSet;
use crate::storage_set::record::{Entry, Mode};
use crate::storage_set::tables::Consistency;
use crate::time::Instant;
use crate::vocabulary::{Session, SessionIncarnation, SiteEpoch};
use crate::wire::PeerMessage;
use crate::wire::mediator::{Ask, MediatorReply};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// The mediator is asked to make the other site the owner, until then.
    Giving { until: Instant },
    /// The mediator is asked to leave it with this one.
    TakingBack,
    /// The other site is asked itself, and nobody else decides.
    Offering,
    /// It is decided, and on its way to the journal.
    Decided,
}

/// A reign that is given away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandingOff {
    stage: Stage,
    inquiry: Option<Inquiry>,
    farewell: Option<Farewell>,
    next_nonce: u64,
    /// The version at which the other site became the owner.
    given_at: Option<SiteEpoch>,
}

impl HandingOff {
    /// The word is durable. `is_fresh` unless an earlier life gave it: then clients have
    /// waited for long, and this site is here.
    pub fn start(is_fresh: bool, set: &StorageSet, cx: &mut Context<'_>) -> Self {
        let mut handing = HandingOff {
            stage: Stage::TakingBack,
            inquiry: None,
            farewell: None,
            next_nonce: cx.incarnation,
            given_at: None,
        };
        if cx.configuration.mediator.is_none() {
            handing.stage = Stage::Offering;
            let session = set.tables().session;
            let epoch = session.site_epoch.next();
            handing.farewell = Some(Farewell::start(session, epoch, cx));
        } else if is_fresh {
            let until = cx.now.after(cx.configuration.timers.drain_limit);
            handing.stage = Stage::Giving { until };
            handing.ask(set, cx);
        } else {
            handing.ask(set, cx);
        }
        handing
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        let until = match self.stage {
            Stage::Giving { until } => Some(until),
            Stage::TakingBack | Stage::Offering | Stage::Decided => None,
        };
        let inquiry = self.inquiry.as_ref().map(Inquiry::next_deadline);
        let farewell = self.farewell.as_ref().map(Farewell::next_deadline);
        until.into_iter().chain(inquiry).chain(farewell).min()
    }

    /// Asks again, or takes back.
    pub fn handle_deadline(&mut self, set: &StorageSet, cx: &mut Context<'_>) {
        if matches!(self.stage, Stage::Giving { until } if until <= cx.now) {
            cx.out.probe("hand-off taken back");
            self.stage = Stage::TakingBack;
            self.ask(set, cx);
        }
        if let Some(inquiry) = &mut self.inquiry {
            inquiry.handle_deadline(cx);
        }
        if let Some(farewell) = &mut self.farewell {
            farewell.handle_deadline(cx);
        }
    }

    fn ask(&mut self, set: &StorageSet, cx: &mut Context<'_>) {
        let expect = set.tables().left_at;
        let ask = match self.stage {
            Stage::Giving { .. } => Ask::HandOff {
                expect,
                to: cx.configuration.peer_site,
            },
            Stage::TakingBack => Ask::CompareAndSet {
                expect,
                in_sync: true,
            },
            Stage::Offering | Stage::Decided => return,
        };
        self.next_nonce = self.next_nonce.wrapping_add(1);
        self.inquiry = Some(Inquiry::start(ask, self.next_nonce, cx));
    }

    /// An answer of the mediator.
    pub fn handle_mediator(
        &mut self,
        reply: &MediatorReply,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let is_answer = |it: &Inquiry| it.is_answered_by(reply);
        if !self.inquiry.as_ref().is_some_and(is_answer) || self.stage == Stage::Decided {
            return;
        }
        let record = reply.record;
        if record.version <= set.tables().left_at || set.room() == 0 {
            return;
        }
        cx.out.trace(Event::MediatorSays(record));
        if record.owner == cx.configuration.site {
            return self.begin_anew(record.version, set, cx);
        }
        self.given_at = Some(record.version);
        self.follow(set, cx);
    }

    /// A message of the other pair.
    pub fn handle_peer(
        &mut self,
        message: &PeerMessage,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        if self.stage == Stage::Decided || set.room() == 0 {
            return;
        }
        let own = set.tables().session;
        match message {
            // Sent by nobody but an owner whose reign is the next one, or later.
            PeerMessage::Hello(hello) if hello.session.site_epoch > own.site_epoch => {
                self.follow(set, cx);
            }
            PeerMessage::HandOffRefused { session, epoch, .. }
                if self
                    .farewell
                    .is_some_and(|it| it.is_refused_by(*session, *epoch)) =>
            {
                cx.out.probe("hand-off refused");
                // The one that was offered is nobody's.
                self.begin_anew(epoch.next(), set, cx);
            }
            PeerMessage::Hello(_)
            | PeerMessage::HandOffRefused { .. }
            | PeerMessage::HelloAck { .. }
            | PeerMessage::HelloRefused { .. }
            | PeerMessage::Portion(_)
            | PeerMessage::SetAck { .. }
            | PeerMessage::CopyAck { .. }
            | PeerMessage::Finish { .. }
            | PeerMessage::FinishAck { .. }
            | PeerMessage::Lease { .. }
            | PeerMessage::Granted { .. }
            | PeerMessage::Fetch { .. }
            | PeerMessage::Fetched { .. }
            | PeerMessage::Unproven { .. }
            | PeerMessage::HandOff { .. }
            | PeerMessage::NotOwner { .. } => {}
        }
    }

    /// The version at which the other site became the owner, if the mediator said so: it is
    /// to be told.
    pub fn given_at(&self) -> Option<SiteEpoch> {
        self.given_at
    }

    fn decide(&mut self, entry: Entry, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.stage = Stage::Decided;
        (self.inquiry, self.farewell) = (None, None);
        cx.append(set, entry);
    }

    fn begin_anew(&mut self, site_epoch: SiteEpoch, set: &mut StorageSet, cx: &mut Context<'_>) {
        let session = Session {
            site_epoch,
            incarnation: SessionIncarnation::new(1),
        };
        let (mode, forced) = (Mode::InSync, false);
        let entry = Entry::Activate {
            session,
            mode,
            forced,
        };
        self.decide(entry, set, cx);
    }

    /// The other site is the owner, and nothing differs.
    fn follow(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let consistency = Consistency::Consistent;
        self.decide(Entry::StandDown { consistency }, set, cx);
    }
}

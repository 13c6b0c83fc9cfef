//! The owner's side of the path to the mirror.
//!
//! Owns what an answer of the mirror sets in motion. Refuses to know about portions
//! and retransmission, and when a session begins.

use super::Owner;
use crate::configuration::Replication as Order;
use crate::contract::Address;
use crate::d_module::Context;
use crate::d_module::access::Stage;
use crate::d_module::orphans::Step;
use crate::d_module::replication::Link;
use crate::event::{Event, IgnoreReason};
use crate::storage_set::StorageSet;
use crate::storage_set::record::Mode;
use crate::vocabulary::{CommandId, Content, Range, Session};
use crate::wire::PeerMessage;

impl Owner {
    pub(super) fn replicate(&mut self, command: CommandId, cx: &mut Context<'_>) {
        if self.replication.link() != Link::Open {
            return;
        }
        if let Some((member, watermark)) = self.access.member(command) {
            self.replication.send(member, watermark, cx);
        }
    }

    /// A message of a node of the mirror pair.
    pub fn handle_peer(
        &mut self,
        from: Address,
        message: &PeerMessage,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        match message {
            PeerMessage::HelloAck {
                session,
                dirty,
                rolled_back,
                ..
            } => {
                self.note_answer(from, *session, cx);
                if !is_on_volume(dirty, cx) || !is_on_volume(rolled_back, cx) {
                    cx.out.trace(Event::Ignored(IgnoreReason::Misrouted));
                } else if self.turning == 0 && self.replication.handle_hello_ack(*session) {
                    self.handle_session_open(*session, (dirty, rolled_back), set, cx);
                } else {
                    cx.out.trace(Event::Ignored(IgnoreReason::StaleSession));
                }
            }
            PeerMessage::SetAck {
                session,
                set: number,
                ..
            } => {
                self.note_answer(from, *session, cx);
                let commands = self.replication.handle_set_ack(*session, *number);
                if commands.is_empty() {
                    cx.out.trace(Event::Ignored(IgnoreReason::Redundant));
                }
                for command in commands {
                    let resolved = self.access.handle_replicated(command, cx);
                    self.finish(resolved, set, cx);
                }
            }
            PeerMessage::CopyAck { session, copy, .. } => {
                self.note_answer(from, *session, cx);
                if !self.replication.handle_copy_ack(*session, *copy) {
                    cx.out.trace(Event::Ignored(IgnoreReason::Redundant));
                } else if self.mode == Mode::Resync {
                    self.handle_region_copied(set, cx);
                } else {
                    self.clear_orphan(set, cx);
                }
            }
            PeerMessage::FinishAck {
                session,
                rolled_back,
                ..
            } => {
                self.note_answer(from, *session, cx);
                if !is_on_volume(rolled_back, cx) {
                    cx.out.trace(Event::Ignored(IgnoreReason::Misrouted));
                } else if self.replication.handle_finish_ack(*session) {
                    self.handle_finished(rolled_back, set, cx);
                }
            }
            PeerMessage::Granted { session, nonce, .. } => {
                self.note_answer(from, *session, cx);
                self.handle_granted((*session, *nonce), set, cx);
            }
            PeerMessage::Fetched {
                session,
                nonce,
                range,
                outcome,
                versions,
                data,
                ..
            } => {
                if *session == self.replication.session() {
                    let blocks = (*range, Content::Data(data.clone()), versions.clone());
                    self.handle_fetched((*nonce, *outcome), blocks, set, cx);
                }
            }
            PeerMessage::Unproven { session, nonce, .. } => {
                self.note_answer(from, *session, cx);
                if *session == self.replication.session() {
                    self.handle_unproven(*nonce);
                }
            }
            PeerMessage::HelloRefused {
                session, reason, ..
            } => {
                // The Hello goes on being repeated, unless policy gives the mirror up.
                cx.out.trace(Event::Ignored(IgnoreReason::Redundant));
                self.note_answer(from, *session, cx);
                self.handle_refusal(*session, *reason, set, cx);
            }
            PeerMessage::NotOwner { .. } => {
                cx.out.trace(Event::Ignored(IgnoreReason::Redundant));
                self.replication.handle_not_owner(from, cx);
            }
            PeerMessage::Hello(hello) => self.handle_other_reign(hello.session, set, cx),
            PeerMessage::Portion(_)
            | PeerMessage::Finish { .. }
            | PeerMessage::Lease { .. }
            | PeerMessage::Fetch { .. }
            | PeerMessage::HandOff { .. }
            | PeerMessage::HandOffRefused { .. } => {
                cx.out.trace(Event::Ignored(IgnoreReason::WrongPhase));
            }
        }
    }

    /// The mirror has accepted the session: everything unresolved is sent again, or
    /// what may differ is copied.
    fn handle_session_open(
        &mut self,
        session: Session,
        (dirty, rolled_back): (&[Range], &[Range]),
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        cx.out.trace(Event::SessionConfirmed(session));
        if cx.configuration.mediator.is_none() {
            self.authority.confirm();
        }
        if self.mode == Mode::Resync {
            self.unite((dirty, rolled_back), set, cx);
            return self.handle_authority(set, cx);
        }
        self.handle_size_told(set, cx);
        let from = match cx.configuration.replication {
            Order::Parallel => Stage::Performing,
            Order::Chained => Stage::Local,
        };
        for command in self.access.unreplicated(from) {
            cx.out.probe("unresolved command sent in a new session");
            self.replicate(command, cx);
        }
        match self.orphans.current().map(|current| current.step) {
            Some(Step::Copying | Step::Reading) => self.read_orphan(set, cx),
            Some(Step::Asking | Step::Failing | Step::Installing | Step::Clearing) => {}
            None => self.start_orphan(set, cx),
        }
        self.hurry_questions(cx);
        self.scan(set, cx);
        self.admit(set, cx);
    }
}

fn is_on_volume(ranges: &[Range], cx: &Context<'_>) -> bool {
    let blocks = cx.configuration.set.geometry.blocks;
    ranges.iter().all(|range| range.end().value() <= blocks)
}

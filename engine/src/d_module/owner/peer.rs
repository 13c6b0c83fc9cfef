//! The owner's side of the path to the mirror.
//!
//! Owns when a session begins, what is sent in it, and what an answer of the
//! mirror sets in motion. Refuses to know about portions and retransmission.

use super::Owner;
use crate::configuration::Replication as Order;
use crate::d_module::Context;
use crate::d_module::access::Stage;
use crate::d_module::orphans::Step;
use crate::d_module::replication::Link;
use crate::event::{Event, IgnoreReason};
use crate::storage_set::StorageSet;
use crate::storage_set::record::Entry;
use crate::vocabulary::{CommandId, Session};
use crate::wire::PeerMessage;

impl Owner {
    pub(super) fn open_session(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let session = set.tables().session;
        let session = Session {
            incarnation: session.incarnation.next(),
            ..session
        };
        let mode = set.tables().mode;
        self.write(Entry::Session { session, mode }, set, cx);
    }

    pub(super) fn replicate(&mut self, command: CommandId, cx: &mut Context<'_>) {
        if self.replication.link() != Link::Open {
            return;
        }
        if let Some((member, watermark)) = self.access.member(command) {
            self.replication.send(member, watermark, cx);
        }
    }

    /// A message of the mirror.
    pub fn handle_peer(
        &mut self,
        message: &PeerMessage,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        match message {
            PeerMessage::HelloAck { session, .. } => {
                if self.replication.handle_hello_ack(*session) {
                    self.handle_session_open(*session, set, cx);
                } else {
                    cx.out.trace(Event::Ignored(IgnoreReason::StaleSession));
                }
            }
            PeerMessage::SetAck {
                session,
                set: number,
                ..
            } => {
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
                if self.replication.handle_copy_ack(*session, *copy) {
                    self.clear_orphan(set, cx);
                }
            }
            PeerMessage::HelloRefused { .. } | PeerMessage::NotOwner { .. } => {
                // The Hello goes on being repeated: with policy `strict` the owner
                // waits for its mirror, whatever keeps it.
                cx.out.trace(Event::Ignored(IgnoreReason::Redundant));
            }
            PeerMessage::Hello(_)
            | PeerMessage::Portion(_)
            | PeerMessage::Finish { .. }
            | PeerMessage::FinishAck { .. }
            | PeerMessage::Lease { .. }
            | PeerMessage::Granted { .. }
            | PeerMessage::Fetch { .. }
            | PeerMessage::Fetched { .. } => {
                cx.out.trace(Event::Ignored(IgnoreReason::WrongPhase));
            }
        }
    }

    /// The mirror has accepted the session: everything unresolved is sent again.
    fn handle_session_open(
        &mut self,
        session: Session,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        cx.out.trace(Event::SessionConfirmed(session));
        self.confirmed = true;
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
            Some(Step::Failing | Step::Clearing) => {}
            None => self.start_orphan(set, cx),
        }
        self.admit(set, cx);
    }
}

//! The doors between paths and their module: what a message, a deadline and the end of
//! every input mean to them, and what their news mean to the role.
//!
//! Owns what this end says of itself. Refuses to know what is believed of the others.

use std::sync::Arc;

use super::{Desk, Own, PLACES, Paths, Traffic, label};
use crate::contract::Packet;
use crate::d_module::DModule;
use crate::d_module::context::Office;
use crate::event::{Event, IgnoreReason, Phase};
use crate::local::NodeOutbox;
use crate::time::Instant;
use crate::vocabulary::{NodeId, Session};
use crate::wire::path::{self, PathEnd, PathMessage, Standing};

impl DModule {
    /// The node that the active path leads to, and the session that goes over it.
    pub fn active_path(&self) -> Option<(NodeId, Session)> {
        let Traffic { place, session } = self.paths.active()?;
        let nodes = self.configuration.as_ref()?.peer_nodes;
        Some((nodes[usize::from(place)], session))
    }

    /// A step of a path's handshake.
    pub(in crate::d_module) fn handle_path(
        &mut self,
        packet: &Packet,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        let Ok(message) = path::decode(&packet.frame) else {
            return out.trace(Event::Ignored(IgnoreReason::Undecodable));
        };
        let said = message.end();
        let own = self.own_end();
        let (Some(own), Some(configuration)) = (own, self.configuration.as_deref()) else {
            return out.trace(Event::Ignored(IgnoreReason::NoPath));
        };
        let is_mine =
            packet.network == configuration.peer_network && said.volume == configuration.volume;
        let nodes = PLACES.into_iter().zip(configuration.peer_nodes);
        let mut nodes = nodes.filter(|(_, node)| *node == said.node && is_mine);
        let Some((place, _)) = nodes.next() else {
            return out.trace(Event::Ignored(IgnoreReason::NoPath));
        };
        match message {
            PathMessage::Open(_) => {
                let ready = PathMessage::Ready(PathEnd {
                    node: configuration.node,
                    incarnation: own.incarnation,
                    standing: own.standing,
                    ..said
                });
                let frame = path::encode(&ready);
                out.send(packet.network, packet.from, label(&ready), frame);
                if self.paths.is_news(place, &said) {
                    let heard = (said.incarnation, said.standing);
                    self.at_paths(now, out, |paths, desk| {
                        paths.ask_soon(place, Some(heard), desk);
                    });
                }
            }
            PathMessage::Ready(_) => {
                let timeout = configuration.timers.path_timeout;
                if !self.paths.awaits(place, said.nonce, now, timeout) {
                    return out.trace(Event::Ignored(IgnoreReason::NoPath));
                }
                let mut is_news = false;
                self.at_paths(now, out, |paths, desk| {
                    is_news = paths.handle_ready(place, &said, desk);
                });
                if is_news {
                    self.handle_path_news(place, said.standing, now, out);
                }
            }
        }
    }

    /// A node of the other pair is something else than was known.
    fn handle_path_news(
        &mut self,
        place: u8,
        standing: Standing,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        let is_holder = self.paths.holder() == Some(place);
        match self.office(now, out) {
            Some((Office::Owner(owner), _, mut cx)) if is_holder => {
                owner.handle_holder(place, &mut cx);
            }
            // Whoever stands by has ended its session.
            Some((Office::Mirror(mirror), _, cx)) if standing == Standing::StandsBy => {
                mirror.forget_owner(cx.configuration.peers[usize::from(place)]);
            }
            Some(_) | None => {}
        }
    }

    /// Asks what is due.
    pub(in crate::d_module) fn handle_paths_deadline(
        &mut self,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        if self.paths.next_deadline().is_some_and(|at| at <= now) {
            self.at_paths(now, out, Paths::handle_deadline);
        }
    }

    /// The peers are somewhere else than was known.
    pub(in crate::d_module) fn handle_paths_moved(&mut self, now: Instant, out: &mut NodeOutbox) {
        self.at_paths(now, out, Paths::handle_moved);
    }

    /// Works out what this end is and which path is active; called after every input.
    pub(in crate::d_module) fn settle_paths(&mut self, now: Instant, out: &mut NodeOutbox) {
        let (own, traffic) = (self.own_end(), self.traffic());
        if !self.paths.is_settled(own, traffic) {
            self.at_paths(now, out, |paths, desk| paths.settle(own, traffic, desk));
        }
    }

    fn at_paths(
        &mut self,
        now: Instant,
        out: &mut NodeOutbox,
        act: impl FnOnce(&mut Paths, &mut Desk<'_>),
    ) {
        let Some(configuration) = self.configuration.as_deref() else {
            return;
        };
        let mut desk = Desk {
            now,
            configuration,
            out,
        };
        act(Arc::make_mut(&mut self.paths), &mut desk);
    }

    fn own_end(&self) -> Option<Own> {
        let standing = match self.phase {
            Phase::Configuring | Phase::Halted => return None,
            Phase::Standby | Phase::Claiming | Phase::Recovering => Standing::StandsBy,
            Phase::Announcing
            | Phase::Serving
            | Phase::Following
            | Phase::Draining
            | Phase::HandingOff => Standing::Holds,
        };
        Some(Own {
            incarnation: self.incarnation,
            standing,
            is_heir: self.is_heir && standing == Standing::Holds,
        })
    }

    /// The session that the role speaks, and with whom.
    fn traffic(&self) -> Option<Traffic> {
        if let Some(owner) = &self.owner {
            return owner.traffic();
        }
        let (mirror, set) = (self.mirror.as_ref()?, self.set.as_ref()?);
        let (owner_at, configuration) = (mirror.owner_at()?, self.configuration.as_ref()?);
        let mut nodes = PLACES.into_iter().zip(configuration.peers);
        let (place, _) = nodes.find(|(_, peer)| *peer == Some(owner_at))?;
        Some(Traffic {
            place,
            session: set.tables().fence,
        })
    }
}

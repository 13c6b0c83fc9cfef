//! Messages from outside the node: the peer's and the clients'.
//!
//! Owns which of them is this module's, and whether its phase lets it through;
//! a standby's answer too, for it has no role. Refuses to know what they mean.

use super::context::Office;
use super::heart::Heart;
use super::mirror::{HandOffAnswer, Mirror, Question};
use super::{Context, DModule, status};
use crate::configuration::N_SLOT;
use crate::contract::{Address, Label, Packet};
use crate::event::{Event, IgnoreReason, Phase};
use crate::local::{Local, NodeOutbox, Way};
use crate::storage_set::StorageSet;
use crate::time::Instant;
use crate::vocabulary::{CommandId, Session, SiteEpoch};
use crate::wire::probe::{self, Probe};
use crate::wire::{ClientReply, ClientRequest, PeerMessage, kind, mediator, path, peer};

impl DModule {
    /// A message of the peer.
    pub(super) fn handle_packet(&mut self, packet: &Packet, now: Instant, out: &mut NodeOutbox) {
        if probe::is_probe(&packet.frame) {
            return self.answer_probe(packet, out);
        }
        if path::is_of_path(&packet.frame) {
            return self.handle_path(packet, now, out);
        }
        let Some(configuration) = &self.configuration else {
            return out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        };
        if let Some(third) = configuration.mediator
            && packet.network == third.network
        {
            return self.handle_mediator(packet, now, out);
        }
        if let Some(interconnect) = configuration.interconnect
            && packet.network == interconnect.network
        {
            return self.handle_partner(packet, now, out);
        }
        let Ok(message) = peer::decode(&packet.frame) else {
            return out.trace(Event::Ignored(IgnoreReason::Undecodable));
        };
        let is_mine = packet.network == configuration.peer_network
            && message.volume() == configuration.volume;
        if !is_mine {
            return out.trace(Event::Ignored(IgnoreReason::Misrouted));
        }
        match self.phase {
            Phase::Standby => self.answer_not_owner(packet.from, &message, out),
            // What was accepted ends; of the owner's side that takes the mirror's answers.
            Phase::Draining if self.mirror.is_some() => {
                out.trace(Event::Ignored(IgnoreReason::WrongPhase));
            }
            Phase::Following
            | Phase::Announcing
            | Phase::Serving
            | Phase::Draining
            | Phase::HandingOff => {
                match self.office(now, out) {
                    Some((Office::Owner(owner), set, mut cx)) => {
                        owner.handle_peer(packet.from, &message, set, &mut cx);
                    }
                    Some((Office::Mirror(mirror), set, mut cx)) => {
                        hear_owner(mirror, packet.from, message, set, &mut cx);
                    }
                    Some((Office::HandingOff(handing), set, mut cx)) => {
                        handing.handle_peer(&message, set, &mut cx);
                    }
                    None => {}
                }
                self.serve_once_confirmed(now, out);
            }
            Phase::Configuring | Phase::Claiming | Phase::Recovering | Phase::Halted => {
                if self.phase == Phase::Halted
                    && let PeerMessage::Hello(hello) = &message
                    && hello.resync
                {
                    return self.thaw(hello.session.site_epoch, now, out);
                }
                out.trace(Event::Ignored(IgnoreReason::WrongPhase));
            }
        }
    }

    /// Whoever tests the address hears which node has it, whatever that is doing.
    fn answer_probe(&self, packet: &Packet, out: &mut NodeOutbox) {
        let Ok(Probe::Ask { nonce, attempt }) = probe::decode(&packet.frame) else {
            return out.trace(Event::Ignored(IgnoreReason::Undecodable));
        };
        let node = self.generation.node();
        let here = Probe::Here {
            nonce,
            attempt,
            node,
        };
        let label = Label {
            kind: here.kind(),
            incarnation: self.incarnation,
            id: packet.label.id,
            part: 0,
            attempt,
        };
        out.send(packet.network, packet.from, label, probe::encode(&here));
    }

    /// An answer of the mediator.
    fn handle_mediator(&mut self, packet: &Packet, now: Instant, out: &mut NodeOutbox) {
        let Ok(reply) = mediator::decode_reply(&packet.frame) else {
            return out.trace(Event::Ignored(IgnoreReason::Undecodable));
        };
        let is_draining = self.phase == Phase::Draining;
        let Some((office, set, mut cx)) = self.office(now, out) else {
            return;
        };
        if reply.volume != cx.configuration.volume {
            return cx.out.trace(Event::Ignored(IgnoreReason::Misrouted));
        }
        match office {
            Office::Owner(owner) => owner.handle_mediator(&reply, set, &mut cx),
            Office::Mirror(mirror) if !is_draining => mirror.handle_mediator(&reply, set, &mut cx),
            Office::Mirror(_) => {}
            Office::HandingOff(handing) => handing.handle_mediator(&reply, set, &mut cx),
        }
        self.serve_once_confirmed(now, out);
    }

    fn answer_not_owner(&self, to: Address, message: &PeerMessage, out: &mut NodeOutbox) {
        let Some(configuration) = &self.configuration else {
            return;
        };
        let (session, attempt) = match message {
            PeerMessage::Hello(hello) => (hello.session, hello.attempt),
            PeerMessage::Portion(portion) => (portion.session, portion.attempt),
            PeerMessage::Finish {
                session, attempt, ..
            } => (*session, *attempt),
            PeerMessage::Lease { session, .. } => (*session, 0),
            PeerMessage::HandOff {
                session, attempt, ..
            } => (*session, *attempt),
            PeerMessage::HelloAck { .. }
            | PeerMessage::HelloRefused { .. }
            | PeerMessage::HandOffRefused { .. }
            | PeerMessage::SetAck { .. }
            | PeerMessage::CopyAck { .. }
            | PeerMessage::FinishAck { .. }
            | PeerMessage::Granted { .. }
            | PeerMessage::Fetch { .. }
            | PeerMessage::Fetched { .. }
            | PeerMessage::Unproven { .. }
            | PeerMessage::NotOwner { .. } => return,
        };
        let answer = PeerMessage::NotOwner {
            volume: configuration.volume,
            session,
            attempt,
        };
        let id = session.incarnation.value();
        let label = Label {
            kind: kind::NOT_OWNER,
            incarnation: self.incarnation,
            id,
            part: 0,
            attempt,
        };
        out.send(configuration.peer_network, to, label, peer::encode(&answer));
    }

    /// An owner serves once nobody can have deposed its site, and no former holder
    /// of the set may still answer from memory.
    pub(super) fn serve_once_confirmed(&mut self, now: Instant, out: &mut NodeOutbox) {
        let is_confirmed = self
            .owner
            .as_deref()
            .is_some_and(|owner| owner.is_confirmed(now));
        let may_serve = self.heart.as_ref().is_some_and(Heart::may_serve);
        if self.phase == Phase::Announcing && is_confirmed && may_serve {
            self.enter(Phase::Serving, out);
            self.tell_of_service(out);
            self.consider_giveback(now, out);
        }
    }

    /// Tells the N-module that the set is served here, if anything follows from that.
    pub(super) fn tell_of_service(&self, out: &mut NodeOutbox) {
        let (Some(heart), Some(configuration)) = (&self.heart, &self.configuration) else {
            return;
        };
        let is_asked = configuration.service.is_some() || configuration.interconnect.is_some();
        if is_asked && self.phase == Phase::Serving {
            let serves = Local::Serves {
                epoch: heart.key().epoch,
                is_heir: self.is_heir,
            };
            out.local(N_SLOT, serves);
        }
    }

    /// A client's request, from the N-module.
    pub(super) fn handle_request(
        &mut self,
        client: Way,
        request: ClientRequest,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        match self.phase {
            Phase::Serving | Phase::Draining => {}
            Phase::Following | Phase::HandingOff => return send_elsewhere(client, &request, out),
            Phase::Configuring
            | Phase::Standby
            | Phase::Claiming
            | Phase::Recovering
            | Phase::Announcing
            | Phase::Halted => return out.trace(Event::Ignored(IgnoreReason::WrongPhase)),
        }
        if self.mirror.is_some() {
            return send_elsewhere(client, &request, out);
        }
        if self.is_leaving(out) {
            return;
        }
        let is_draining = self.phase == Phase::Draining;
        let Some((Office::Owner(owner), set, mut cx)) = self.office(now, out) else {
            return;
        };
        match request {
            // A ticket of an incarnation that accepts nothing is worth nothing.
            ClientRequest::Connect { .. } if is_draining => {
                cx.out.trace(Event::Ignored(IgnoreReason::WrongPhase));
            }
            ClientRequest::Connect {
                client: id,
                attempt,
                ..
            } => {
                let ticket = status::ticket(&cx);
                let reply = ClientReply::Connected {
                    client: id,
                    attempt,
                    ticket,
                };
                cx.out.local(N_SLOT, Local::Reply { client, reply });
            }
            ClientRequest::Command(frame) => owner.handle_command(client, frame, set, &mut cx),
        }
    }
}

/// A message of the other pair, to a mirror.
fn hear_owner(
    mirror: &mut Mirror,
    from: Address,
    message: PeerMessage,
    set: &mut StorageSet,
    cx: &mut Context<'_>,
) {
    match message {
        PeerMessage::Hello(hello) => {
            mirror.handle_hello(from, &hello, set, cx);
        }
        PeerMessage::Portion(portion) => {
            mirror.handle_portion(from, portion, set, cx);
        }
        PeerMessage::Finish {
            session, attempt, ..
        } => mirror.handle_finish(from, session, attempt, set, cx),
        PeerMessage::Lease { session, nonce, .. } => {
            mirror.handle_lease(from, session, nonce, set, cx);
        }
        PeerMessage::Fetch {
            session,
            nonce,
            range,
            attempt,
            command,
            ..
        } => {
            let question = Question {
                nonce,
                range,
                attempt,
                command,
            };
            mirror.handle_fetch(from, session, question, set, cx);
        }
        PeerMessage::HandOff {
            session,
            epoch,
            attempt,
            ..
        } => {
            let offer = (session, epoch);
            if mirror.handle_hand_off(offer, set, cx) == HandOffAnswer::Refused {
                refuse_hand_off(from, offer, attempt, cx);
            }
        }
        PeerMessage::HelloAck { .. }
        | PeerMessage::HelloRefused { .. }
        | PeerMessage::HandOffRefused { .. }
        | PeerMessage::SetAck { .. }
        | PeerMessage::CopyAck { .. }
        | PeerMessage::FinishAck { .. }
        | PeerMessage::Granted { .. }
        | PeerMessage::Fetched { .. }
        | PeerMessage::Unproven { .. }
        | PeerMessage::NotOwner { .. } => {
            cx.out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        }
    }
}

/// A client that asks the site that does not own the volume.
fn send_elsewhere(client: Way, request: &ClientRequest, out: &mut NodeOutbox) {
    let (id, attempt) = match request {
        ClientRequest::Connect {
            client, attempt, ..
        } => {
            let id = CommandId {
                client: *client,
                counter: 0,
            };
            (id, *attempt)
        }
        ClientRequest::Command(frame) => (frame.id, frame.attempt),
    };
    let reply = ClientReply::Elsewhere { id, attempt };
    out.local(N_SLOT, Local::Reply { client, reply });
}

/// There will be no such reign, whatever comes of the offer later.
fn refuse_hand_off(
    to: Address,
    (session, epoch): (Session, SiteEpoch),
    attempt: u32,
    cx: &mut Context<'_>,
) {
    let message = PeerMessage::HandOffRefused {
        volume: cx.configuration.volume,
        session,
        epoch,
        attempt,
    };
    let label = Label {
        kind: kind::HAND_OFF_REFUSED,
        incarnation: cx.incarnation,
        id: epoch.value(),
        part: 0,
        attempt,
    };
    let network = cx.configuration.peer_network;
    cx.out.send(network, to, label, peer::encode(&message));
}

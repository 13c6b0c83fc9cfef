//! Forwarding: clients' messages between the N-modules of a pair.
//!
//! Owns how a request gets to the partner and a reply back. Where a set is served is for
//! `whereabouts` to say; a request that comes too early or too late finds nobody who serves
//! it, and its client sends it again. What was forwarded is never forwarded again, so two
//! nodes that each take the other for the one that serves pass nothing to and fro.

use super::{NModule, label_id, volume_of};
use crate::configuration::{D_SLOT, Interconnect};
use crate::contract::{Address, Frame, Label, NetworkId, Packet};
use crate::event::{Event, IgnoreReason};
use crate::local::{Local, NodeOutbox, Way};
use crate::time::Instant;
use crate::wire::forward::{self, Direction, Forwarded};
use crate::wire::interconnect::{self, PartnerMessage};
use crate::wire::{ClientRequest, client};

impl NModule {
    /// A client's request goes to the partner, as it came.
    pub(super) fn forward(
        &self,
        packet: &Packet,
        request: &ClientRequest,
        joined: Interconnect,
        out: &mut NodeOutbox,
    ) {
        let (id, attempt) = match request {
            ClientRequest::Connect {
                client, attempt, ..
            } => (u64::from(client.value()) << 40, *attempt),
            ClientRequest::Command(frame) => (label_id(frame.id), frame.attempt),
        };
        let forwarded = Forwarded {
            direction: Direction::Request,
            client: packet.from,
            message: packet.frame.clone(),
        };
        let label = Label {
            kind: forwarded.kind(),
            incarnation: self.incarnation,
            id,
            part: 0,
            attempt,
        };
        let frame = forward::encode(&forwarded);
        out.send(joined.network, joined.partner.n, label, frame);
    }

    /// The reply to a request that came from the partner goes back there.
    pub(super) fn give_back(
        &self,
        (via, network): (Address, NetworkId),
        client: Address,
        (label, message): (Label, Frame),
        out: &mut NodeOutbox,
    ) {
        let forwarded = Forwarded {
            direction: Direction::Reply,
            client,
            message,
        };
        // A provisional answer and the final one of a transmission are two messages.
        let label = Label {
            kind: forwarded.kind(),
            part: u16::from(label.kind.0),
            ..label
        };
        out.send(network, via, label, forward::encode(&forwarded));
    }

    /// A message over the interconnect.
    pub(super) fn handle_partner(&mut self, packet: &Packet, now: Instant, out: &mut NodeOutbox) {
        if forward::is_forwarded(&packet.frame) {
            return match forward::decode(&packet.frame) {
                Ok(forwarded) => self.handle_forwarded(packet.from, &forwarded, out),
                Err(_) => out.trace(Event::Ignored(IgnoreReason::Undecodable)),
            };
        }
        let partner = self.configuration.as_ref().map(|it| it.partner);
        match interconnect::decode(&packet.frame) {
            Ok(PartnerMessage::Alive(alive)) if Some(alive.node) == partner => {
                self.whereabouts.note_partner(alive, now);
            }
            Ok(_) => out.trace(Event::Ignored(IgnoreReason::Misrouted)),
            Err(_) => out.trace(Event::Ignored(IgnoreReason::Undecodable)),
        }
    }

    fn handle_forwarded(&self, from: Address, forwarded: &Forwarded, out: &mut NodeOutbox) {
        let Some(configuration) = &self.configuration else {
            return out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        };
        match forwarded.direction {
            Direction::Request => match client::decode_request(&forwarded.message) {
                Ok(request) if volume_of(&request) == configuration.volume => {
                    let client = Way {
                        client: forwarded.client,
                        via: Some(from),
                    };
                    out.local(D_SLOT, Local::Request { client, request });
                }
                Ok(_) => out.trace(Event::Ignored(IgnoreReason::Misrouted)),
                Err(_) => out.trace(Event::Ignored(IgnoreReason::Undecodable)),
            },
            Direction::Reply => match client::decode_reply(&forwarded.message) {
                Ok(reply) => {
                    let label = self.label_of(&reply);
                    let message = forwarded.message.clone();
                    out.send(
                        configuration.client_network,
                        forwarded.client,
                        label,
                        message,
                    );
                }
                Err(_) => out.trace(Event::Ignored(IgnoreReason::Undecodable)),
            },
        }
    }
}

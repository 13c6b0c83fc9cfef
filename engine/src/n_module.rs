//! The N-module: speaks to clients. Parses their frames, routes commands to the
//! D-module that owns the volume, and carries replies back. It also tests the networks
//! for the D-module, where it cannot reach its peers.
//!
//! While the partner serves the set, requests go to its N-module over the interconnect, and
//! replies come back that way: a client need not know where the set is. Where the pair has a
//! service address, the N-module beside whoever serves takes it.
//!
//! Keeps nothing about a command: where the reply goes travels with it, so a
//! restarted N-module loses no more than packets do.

mod discovery;
mod forwarding;
mod whereabouts;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::discovery::Discovery;
use self::whereabouts::Whereabouts;
use crate::configuration::{Configuration, D_SLOT, Interconnect, M_SLOT, N_SLOT};
use crate::contract::{Entropy, Input, Label, Packet, Slot};
use crate::event::{Event, IgnoreReason};
use crate::local::{Local, NodeOutbox, Way};
use crate::time::{Duration, Instant};
use crate::vocabulary::{CommandId, VolumeId};
use crate::wire::probe::{self, Probe};
use crate::wire::{ClientReply, ClientRequest, client, kind};

/// How long an unanswered question to the M-module waits before it is repeated.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// A node's N-module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NModule {
    incarnation: u64,
    configuration: Option<Arc<Configuration>>,
    ask_at: Option<Instant>,
    /// Boxed: rarely there, and a fork copies the module.
    discovery: Option<Box<Discovery>>,
    whereabouts: Whereabouts,
}

impl NModule {
    /// Starts by asking for the configuration.
    pub fn boot(entropy: Entropy, now: Instant, out: &mut NodeOutbox) -> Self {
        let mut module = NModule {
            incarnation: entropy.bits(),
            configuration: None,
            ask_at: None,
            discovery: None,
            whereabouts: Whereabouts::default(),
        };
        module.ask(now, out);
        module
    }

    /// Handles one input.
    pub fn handle(&mut self, now: Instant, input: Input<Local>, out: &mut NodeOutbox) {
        match input {
            Input::Packet(packet) if probe::is_probe(&packet.frame) => {
                self.handle_probe(&packet, now, out);
            }
            Input::Packet(packet) => self.handle_packet(&packet, now, out),
            Input::Local(Local::Search(search)) => {
                let discovery = Discovery::start(&search, self.incarnation, now, out);
                self.keep(discovery);
            }
            Input::Local(Local::Configuration(configuration)) => {
                self.configuration = Some(configuration);
                self.ask_at = None;
            }
            Input::Local(Local::Serves { epoch, is_heir }) => {
                self.handle_serves((epoch, is_heir), now, out);
            }
            Input::Local(Local::Reply { client, reply }) => self.handle_reply(client, &reply, out),
            Input::Deadline => {
                if self.ask_at.is_some_and(|at| at <= now) {
                    self.ask(now, out);
                }
                if let Some(mut discovery) = self.discovery.take() {
                    discovery.handle_deadline(self.incarnation, now, out);
                    self.keep(*discovery);
                }
            }
            Input::Local(
                Local::AskConfiguration { .. }
                | Local::Request { .. }
                | Local::Found { .. }
                | Local::Order(_),
            )
            | Input::Completion(_) => out.trace(Event::Ignored(IgnoreReason::Misrouted)),
        }
    }

    /// When it asks again.
    pub fn next_deadline(&self) -> Option<Instant> {
        let discovery = self.discovery.as_deref();
        let discovery = discovery.and_then(Discovery::next_deadline);
        self.ask_at.into_iter().chain(discovery).min()
    }

    fn keep(&mut self, discovery: Discovery) {
        let goes_on = !discovery.is_over();
        self.discovery = goes_on.then(|| Box::new(discovery));
    }

    fn handle_probe(&mut self, packet: &Packet, now: Instant, out: &mut NodeOutbox) {
        let Ok(probe) = probe::decode(&packet.frame) else {
            return out.trace(Event::Ignored(IgnoreReason::Undecodable));
        };
        match (probe, self.discovery.take()) {
            (Probe::Here { nonce, node, .. }, Some(mut discovery)) => {
                let said = (nonce, node);
                discovery.handle_here(said, packet.from, self.incarnation, now, out);
                self.keep(*discovery);
            }
            (Probe::Ask { .. }, discovery) => {
                self.discovery = discovery;
                out.trace(Event::Ignored(IgnoreReason::Misrouted));
            }
            (Probe::Here { .. }, None) => {
                out.trace(Event::Ignored(IgnoreReason::Redundant));
            }
        }
    }

    fn ask(&mut self, now: Instant, out: &mut NodeOutbox) {
        out.local(M_SLOT, Local::AskConfiguration { from: N_SLOT });
        self.ask_at = Some(now.after(ASK_AGAIN));
    }

    fn handle_packet(&mut self, packet: &Packet, now: Instant, out: &mut NodeOutbox) {
        let Some(configuration) = &self.configuration else {
            return out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        };
        if let Some(joined) = configuration.interconnect
            && packet.network == joined.network
        {
            return self.handle_partner(packet, now, out);
        }
        let Ok(request) = client::decode_request(&packet.frame) else {
            return out.trace(Event::Ignored(IgnoreReason::Undecodable));
        };
        if packet.network != configuration.client_network {
            return out.trace(Event::Ignored(IgnoreReason::Misrouted));
        }
        match self.home_of(volume_of(&request), now) {
            Some(Home::Own(slot)) => {
                let client = Way::to(packet.from);
                out.local(slot, Local::Request { client, request });
            }
            Some(Home::Partner(joined)) => {
                out.probe("request forwarded to the partner");
                self.forward(packet, &request, joined, out);
            }
            None => out.trace(Event::Ignored(IgnoreReason::Misrouted)),
        }
    }

    /// The D-module beside it serves. The service address is taken again and again: so it
    /// comes back from a node that stood still, and took it when it was not its to take.
    fn handle_serves(&mut self, (epoch, is_heir): (u64, bool), now: Instant, out: &mut NodeOutbox) {
        let Some(configuration) = &self.configuration else {
            return out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        };
        let is_new = self.whereabouts.note_own(epoch, now);
        let Some(address) = configuration.service else {
            return;
        };
        if is_new {
            out.trace(Event::ServiceAddress(address));
        }
        if is_new && is_heir {
            out.probe("service address moved to the heir");
        }
        out.bind(configuration.client_network, address);
    }

    fn handle_reply(&mut self, way: Way, reply: &ClientReply, out: &mut NodeOutbox) {
        let Some(configuration) = &self.configuration else {
            return out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        };
        let label = self.label_of(reply);
        let frame = client::encode_reply(reply);
        match (way.via, configuration.interconnect) {
            (Some(via), Some(joined)) => {
                self.give_back((via, joined.network), way.client, (label, frame), out);
            }
            (None, _) => out.send(configuration.client_network, way.client, label, frame),
            (Some(_), None) => out.trace(Event::Ignored(IgnoreReason::Misrouted)),
        }
    }

    fn label_of(&self, reply: &ClientReply) -> Label {
        let (kind, id, attempt) = match reply {
            ClientReply::Connected {
                client, attempt, ..
            } => (kind::CONNECTED, u64::from(client.value()) << 40, *attempt),
            ClientReply::Retrying { id, attempt, .. } => (kind::RETRYING, label_id(*id), *attempt),
            ClientReply::Elsewhere { id, attempt } => (kind::ELSEWHERE, label_id(*id), *attempt),
            ClientReply::Answer { id, attempt, .. } => (kind::ANSWER, label_id(*id), *attempt),
        };
        Label {
            kind,
            incarnation: self.incarnation,
            id,
            part: 0,
            attempt,
        }
    }

    /// Where a volume is served, as far as that is known: by the partner if it says so, and
    /// not long ago. A volume of another pair is asked for at the nodes of that pair.
    fn home_of(&self, volume: VolumeId, now: Instant) -> Option<Home> {
        let configuration = self.configuration.as_ref()?;
        if volume != configuration.volume {
            return None;
        }
        let silence = configuration.timers.takeover_after;
        let joined = configuration.interconnect;
        let joined = joined.filter(|_| self.whereabouts.is_at_partner(now, silence));
        Some(joined.map_or(Home::Own(D_SLOT), Home::Partner))
    }
}

/// Where a volume is served.
enum Home {
    /// By a module of this node.
    Own(Slot),
    /// By the partner.
    Partner(Interconnect),
}

fn volume_of(request: &ClientRequest) -> VolumeId {
    match request {
        ClientRequest::Connect { volume, .. } => *volume,
        ClientRequest::Command(frame) => frame.volume,
    }
}

/// A command's place in a label: 24 bits of client, 40 bits of counter.
pub fn label_id(id: CommandId) -> u64 {
    u64::from(id.client.value()) << 40 | id.counter
}

#[cfg(test)]
mod tests;

//! The N-module: speaks to clients. Parses their frames, routes commands to the
//! D-module that owns the volume, and carries replies back. It also tests the networks
//! for the D-module, where it cannot reach its peers.
//!
//! Keeps nothing about a command: where the reply goes travels with it, so a
//! restarted N-module loses no more than packets do.

mod discovery;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::discovery::Discovery;
use crate::configuration::{Configuration, D_SLOT, M_SLOT, N_SLOT};
use crate::contract::{Address, Entropy, Input, Label, Packet, Slot};
use crate::event::{Event, IgnoreReason};
use crate::local::{Local, NodeOutbox};
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
}

impl NModule {
    /// Starts by asking for the configuration.
    pub fn boot(entropy: Entropy, now: Instant, out: &mut NodeOutbox) -> Self {
        let mut module = NModule {
            incarnation: entropy.bits(),
            configuration: None,
            ask_at: None,
            discovery: None,
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
            Input::Packet(packet) => self.handle_packet(&packet, out),
            Input::Local(Local::Search(search)) => {
                let discovery = Discovery::start(&search, self.incarnation, now, out);
                self.keep(discovery);
            }
            Input::Local(Local::Configuration(configuration)) => {
                self.configuration = Some(configuration);
                self.ask_at = None;
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

    fn handle_packet(&mut self, packet: &Packet, out: &mut NodeOutbox) {
        let Some(configuration) = &self.configuration else {
            return out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        };
        let Ok(request) = client::decode_request(&packet.frame) else {
            return out.trace(Event::Ignored(IgnoreReason::Undecodable));
        };
        let volume = match &request {
            ClientRequest::Connect { volume, .. } => *volume,
            ClientRequest::Command(frame) => frame.volume,
        };
        if packet.network != configuration.client_network {
            return out.trace(Event::Ignored(IgnoreReason::Misrouted));
        }
        let Some(home) = home_of(volume, configuration) else {
            return out.trace(Event::Ignored(IgnoreReason::Misrouted));
        };
        out.local(
            home,
            Local::Request {
                client: packet.from,
                request,
            },
        );
    }

    fn handle_reply(&mut self, to: Address, reply: &ClientReply, out: &mut NodeOutbox) {
        let Some(configuration) = &self.configuration else {
            return out.trace(Event::Ignored(IgnoreReason::WrongPhase));
        };
        let (kind, id, attempt) = match reply {
            ClientReply::Connected {
                client, attempt, ..
            } => (kind::CONNECTED, u64::from(client.value()) << 40, *attempt),
            ClientReply::Retrying { id, attempt, .. } => (kind::RETRYING, label_id(*id), *attempt),
            ClientReply::Answer { id, attempt, .. } => (kind::ANSWER, label_id(*id), *attempt),
        };
        let label = Label {
            kind,
            incarnation: self.incarnation,
            id,
            part: 0,
            attempt,
        };
        out.send(
            configuration.client_network,
            to,
            label,
            client::encode_reply(reply),
        );
    }
}

/// The D-module that owns a volume. It is this node's own or none: a volume of another
/// pair is asked for at the nodes of that pair.
fn home_of(volume: VolumeId, configuration: &Configuration) -> Option<Slot> {
    (volume == configuration.volume).then_some(D_SLOT)
}

/// A command's place in a label: 24 bits of client, 40 bits of counter.
pub fn label_id(id: CommandId) -> u64 {
    u64::from(id.client.value()) << 40 | id.counter
}

#[cfg(test)]
mod tests;

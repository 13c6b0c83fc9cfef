//! What a D-module needs to talk to the others, and the rules by which its two portions
//! become one: this is the generation component.
//!
//! The immutable portion is the administrator's, and comes from the M-module. The mutable
//! one is what testing the networks found, and comes from the N-module. Copies stand on the
//! storage set, at the HA partner, and in memory.
//!
//! | | known | word | then |
//! |---|---|---|---|
//! | a | nothing | administrator, version v | v, addresses as configured |
//! | b | version v | administrator, v or older | as before: what was found stays |
//! | c | version v | administrator, newer | the newer one, addresses as configured: what was found before counts no more |
//! | d | an address | found, the same | as before |
//! | e | an address, or none | found, another one | the one that was found, from now on mutable |
//! | f | an address | not found | as before: silence proves nothing |
//!
//! Finding changes addresses and nothing else: who the peers are is the administrator's.
//! Knows neither devices nor networks.

mod format;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::format::{decode_metadata, encode_metadata};
use crate::configuration::Configuration;
use crate::contract::Address;
use crate::vocabulary::NodeId;

/// Both portions, merged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Metadata {
    /// The immutable portion, with the addresses that are in force.
    pub configuration: Arc<Configuration>,
    /// Rises whenever the mutable portion changes.
    pub generation: u64,
    /// Which of the peers' addresses were found by a test, whatever was configured.
    pub found: [bool; 2],
}

/// An address that a test contradicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Whose.
    pub peer: NodeId,
    /// Where it was thought to be.
    pub from: Option<Address>,
    /// Where it is.
    pub to: Address,
}

impl Metadata {
    /// The administrator's word alone.
    pub fn configured(configuration: Arc<Configuration>) -> Self {
        Metadata {
            configuration,
            generation: 0,
            found: [false; 2],
        }
    }

    /// Orders copies: of two, the later one is believed.
    pub fn stamp(&self) -> (u64, u64) {
        (self.configuration.version, self.generation)
    }

    /// The same as the other node of the pair has to read it; none if it is of another pair.
    pub fn seen_by(self, node: NodeId) -> Option<Metadata> {
        let configuration = Arc::unwrap_or_clone(self.configuration).seen_by(node)?;
        Some(Metadata {
            configuration: Arc::new(configuration),
            ..self
        })
    }

    /// The administrator's word; true if it is news.
    pub fn take_configuration(&mut self, configuration: &Arc<Configuration>) -> bool {
        let is_newer = configuration.version > self.configuration.version;
        if is_newer {
            *self = Metadata {
                configuration: Arc::clone(configuration),
                generation: self.generation + 1,
                found: [false; 2],
            };
        }
        is_newer
    }

    /// What the networks' tests found of each peer; tells what is news.
    pub fn take_found(&mut self, found: [Option<Address>; 2]) -> Vec<Moved> {
        let mut moved = Vec::new();
        for (place, to) in found.into_iter().enumerate() {
            let from = self.configuration.peers[place];
            let Some(to) = to.filter(|to| from != Some(*to)) else {
                continue;
            };
            let peer = self.configuration.peer_nodes[place];
            Arc::make_mut(&mut self.configuration).peers[place] = Some(to);
            self.found[place] = true;
            moved.push(Moved { peer, from, to });
        }
        if !moved.is_empty() {
            self.generation += 1;
        }
        moved
    }
}

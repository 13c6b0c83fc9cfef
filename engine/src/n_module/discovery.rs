//! Discovery: finds out where nodes are, by testing the addresses that they may have.
//!
//! Each address is asked, so many at a time, twice at most; whoever is there says which
//! node it is of. What is found is told at once, and once more when every address was
//! tested or everybody was found. Refuses to know what the D-module makes of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::configuration::{Candidates, D_SLOT};
use crate::contract::{Address, Label, NetworkId};
use crate::local::{Local, NodeOutbox, Search};
use crate::time::{Duration, Instant};
use crate::vocabulary::NodeId;
use crate::wire::probe::{self, Probe};

/// How often an address is asked.
const ATTEMPTS: u32 = 2;

/// An address that was asked and has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    attempt: u32,
    until: Instant,
}

/// A search that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Discovery {
    nonce: u64,
    network: NetworkId,
    wanted: [NodeId; 2],
    found: [Option<Address>; 2],
    candidates: Candidates,
    /// How many of the candidates have been asked.
    next: u32,
    asked: BTreeMap<Address, Asked>,
    at_a_time: usize,
    timeout: Duration,
}

impl Discovery {
    /// Starts to ask.
    pub(super) fn start(
        search: &Search,
        incarnation: u64,
        now: Instant,
        out: &mut NodeOutbox,
    ) -> Self {
        let mut discovery = Discovery {
            nonce: search.nonce,
            network: search.network,
            wanted: search.wanted,
            found: [None; 2],
            candidates: search.candidates,
            next: 0,
            asked: BTreeMap::new(),
            at_a_time: search.at_a_time as usize,
            timeout: search.timeout,
        };
        discovery.go_on(incarnation, now, out);
        discovery
    }

    /// True if every address was tested, or everybody was found.
    pub(super) fn is_over(&self) -> bool {
        let is_exhausted = self.next == self.candidates.count && self.asked.is_empty();
        is_exhausted || self.found.iter().all(Option::is_some)
    }

    /// Asks as many addresses as may be asked at a time; tells when that was all.
    fn go_on(&mut self, incarnation: u64, now: Instant, out: &mut NodeOutbox) {
        while self.asked.len() < self.at_a_time && !self.is_over() {
            let Some(to) = self.candidates.addresses().nth(self.next as usize) else {
                // The rest lies beyond the last address that there is.
                self.next = self.candidates.count;
                break;
            };
            self.next += 1;
            self.ask(to, 0, incarnation, now, out);
        }
        if self.is_over() {
            self.tell(out);
        }
    }

    fn ask(
        &mut self,
        to: Address,
        attempt: u32,
        incarnation: u64,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        let until = now.after(self.timeout);
        self.asked.insert(to, Asked { attempt, until });
        let probe = Probe::Ask {
            nonce: self.nonce,
            attempt,
        };
        let label = Label {
            kind: probe.kind(),
            incarnation,
            // Each search asks the same addresses.
            id: self.nonce.rotate_left(32) ^ u64::from(to.value()),
            part: 0,
            attempt,
        };
        out.send(self.network, to, label, probe::encode(&probe));
    }

    fn tell(&self, out: &mut NodeOutbox) {
        out.local(
            D_SLOT,
            Local::Found {
                nonce: self.nonce,
                found: self.found,
                is_over: self.is_over(),
            },
        );
    }

    /// Somebody is at an address.
    pub(super) fn handle_here(
        &mut self,
        (nonce, node): (u64, NodeId),
        from: Address,
        incarnation: u64,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        if nonce != self.nonce || self.asked.remove(&from).is_none() {
            return;
        }
        if let Some(place) = self.wanted.iter().position(|wanted| *wanted == node) {
            self.found[place] = Some(from);
            if !self.is_over() {
                self.tell(out);
            }
        }
        self.go_on(incarnation, now, out);
    }

    /// Asks again, and passes over who does not answer.
    pub(super) fn handle_deadline(&mut self, incarnation: u64, now: Instant, out: &mut NodeOutbox) {
        let due = self.asked.iter().filter(|(_, asked)| asked.until <= now);
        let due: Vec<(Address, u32)> = due.map(|(to, asked)| (*to, asked.attempt)).collect();
        if due.is_empty() {
            return;
        }
        for (to, attempt) in due {
            self.asked.remove(&to);
            if attempt + 1 < ATTEMPTS {
                self.ask(to, attempt + 1, incarnation, now, out);
            }
        }
        self.go_on(incarnation, now, out);
    }

    /// When it asks again.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.asked.values().map(|asked| asked.until).min()
    }
}

#[cfg(test)]
mod tests;

//! The copies of the metadata, and when to ask the N-module for a fresh mutable portion.
//!
//! At boot the stored copies are read, while the M-module is asked; the newer word counts.
//! A standby reads them again with every heartbeat, so that it has at a takeover what the
//! holder had. Who holds the set writes what it knows to each copy in turn, and looks for
//! peers that have left its Hello without an answer.
//!
//! Owns what is known and where it stands. `metadata` owns the rules by which portions are
//! merged; refuses to know what a configuration says beside addresses.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::configuration::{Configuration, Hardware, N_SLOT};
use crate::contract::{Address, IoError, IoId, IoOutput, IoRequest, Persistence, ReservationKey};
use crate::event::{Event, IgnoreReason};
use crate::local::{Local, NodeOutbox, Search};
use crate::metadata::{Metadata, Moved, decode_metadata, encode_metadata};
use crate::payload::Payload;
use crate::storage_set::layout::METADATA_PAGES;
use crate::storage_set::{IoIds, IoOwner};
use crate::time::Instant;
use crate::vocabulary::NodeId;

const COPIES: usize = 2;
const _: () = assert!(COPIES as u64 == METADATA_PAGES, "each copy has a page");

/// What is known of a copy on the set: which metadata stands there.
type Stamp = (u64, u64);

/// A page on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Writing {
    copy: usize,
    io: IoId,
    stamp: Stamp,
}

/// A question for fresh addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    nonce: u64,
    again_at: Instant,
}

/// Copies of the metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    hardware: Hardware,
    /// Of its own: what is read here shifts nobody else's names.
    ids: IoIds,
    /// The copy in memory.
    known: Option<Metadata>,
    /// The copies on the set, while they are being read.
    reading: [Option<IoId>; COPIES],
    /// The administrator's word, until it is known what stands on the set.
    offered: Option<Arc<Configuration>>,
    stored: [Option<Stamp>; COPIES],
    writing: Option<Writing>,
    /// When the copies are read again, or one is written again that failed.
    again_at: Option<Instant>,
    asked: Option<Asked>,
    searches: u64,
}

impl Generation {
    /// Begins to read the stored copies, if there are any to be read.
    pub fn start(hardware: Hardware, out: &mut NodeOutbox) -> Self {
        let mut generation = Generation {
            hardware,
            ids: IoIds::default(),
            known: None,
            reading: [None; COPIES],
            offered: None,
            stored: [None; COPIES],
            writing: None,
            again_at: None,
            asked: None,
            searches: 0,
        };
        generation.read(out);
        generation
    }

    /// The configuration in force, with the addresses that are known.
    pub fn configuration(&self) -> Option<&Arc<Configuration>> {
        Some(&self.known.as_ref()?.configuration)
    }

    /// True if an address in force was found by a test.
    pub fn has_found(&self) -> bool {
        self.known
            .as_ref()
            .is_some_and(|known| known.found != [false; 2])
    }

    /// The node that this is.
    pub fn node(&self) -> NodeId {
        self.hardware.node
    }

    /// Reads each copy by itself: one that cannot be read says nothing of the other.
    fn read(&mut self, out: &mut NodeOutbox) {
        let Some(first) = self.hardware.metadata else {
            return;
        };
        for (place, reading) in (0..).zip(&mut self.reading) {
            let io = self.ids.next(IoOwner::Metadata);
            *reading = Some(io);
            let request = IoRequest::Read {
                start: first.plus(place),
                count: 1,
            };
            // It stands outside the reservation: any key will do.
            let key = ReservationKey {
                epoch: 0,
                node: self.hardware.node.value(),
            };
            out.submit(self.hardware.submission(io, key, request));
        }
    }

    /// A command of this room has ended.
    pub fn handle_completion(
        &mut self,
        io: IoId,
        result: Result<IoOutput, IoError>,
        now: Instant,
        out: &mut NodeOutbox,
    ) {
        if let Some(writing) = self.writing.take_if(|it| it.io == io) {
            match result {
                Ok(_) => {
                    self.stored[writing.copy] = Some(writing.stamp);
                    out.trace(Event::MetadataStored(writing.stamp.0, writing.stamp.1));
                }
                Err(_) => self.again_at = self.tick(now),
            }
            return;
        }
        let Some(copy) = self.reading.iter().position(|it| *it == Some(io)) else {
            return;
        };
        self.reading[copy] = None;
        match result {
            Ok(IoOutput::Pages(pages)) => self.look(copy, &pages, out),
            Ok(IoOutput::Done | IoOutput::Reservation(_)) | Err(_) => {
                out.probe("stored metadata cannot be read");
            }
        }
        if !self.is_reading()
            && let Some(configuration) = self.offered.take()
        {
            self.handle_configuration(&configuration, out);
        }
    }

    /// True while it is not known what stands on the set.
    pub fn is_reading(&self) -> bool {
        self.reading.iter().any(Option::is_some)
    }

    fn look(&mut self, copy: usize, pages: &[Payload], out: &mut NodeOutbox) {
        let is_blank = |page: &Payload| page.iter().all(|byte| *byte == 0);
        let Some(page) = pages.first().filter(|page| !is_blank(page)) else {
            return;
        };
        let found = decode_metadata(page).ok();
        let found = found.and_then(|found| found.seen_by(self.hardware.node));
        let Some(found) = found else {
            self.stored[copy] = None;
            return out.probe("damaged copy of the metadata passed over");
        };
        let stamp = found.stamp();
        self.stored[copy] = Some(stamp);
        if self
            .known
            .as_ref()
            .is_none_or(|known| known.stamp() < stamp)
        {
            self.known = Some(found);
        }
    }

    /// The administrator's word.
    pub fn handle_configuration(
        &mut self,
        configuration: &Arc<Configuration>,
        out: &mut NodeOutbox,
    ) {
        if self.is_reading() {
            self.offered = Some(Arc::clone(configuration));
            return;
        }
        match &mut self.known {
            None => {
                out.probe("no stored metadata");
                self.known = Some(Metadata::configured(Arc::clone(configuration)));
            }
            Some(known) => {
                if known.take_configuration(configuration) {
                    out.probe("newer configuration replaces stored metadata");
                }
            }
        }
    }

    /// Where the N-module has found peers; true if that is news.
    pub fn handle_found(
        &mut self,
        nonce: u64,
        found: [Option<Address>; 2],
        out: &mut NodeOutbox,
    ) -> bool {
        if self.asked.is_none_or(|asked| asked.nonce != nonce) {
            out.trace(Event::Ignored(IgnoreReason::Redundant));
            return false;
        }
        let Some(known) = &mut self.known else {
            return false;
        };
        if found == [None; 2] {
            out.probe("no peer found at any address");
        }
        let moved = known.take_found(found);
        for Moved { peer, from, to } in &moved {
            if from.is_some() {
                out.probe("known address overridden by a test");
            }
            out.trace(Event::PeerFound {
                peer: *peer,
                from: *from,
                to: *to,
            });
        }
        !moved.is_empty()
    }

    /// A standby reads the copies again, so that it has what the holder has.
    pub fn refresh(&mut self, now: Instant, out: &mut NodeOutbox) {
        self.again_at = self.tick(now);
        self.read(out);
    }

    /// From now on this node writes what it knows, at once.
    pub fn take_office(&mut self) {
        self.again_at = None;
    }

    /// A holder writes what it knows to a copy that does not say so: one at a time, so
    /// that a crash leaves the other.
    pub fn store(&mut self, key: ReservationKey, out: &mut NodeOutbox) {
        self.again_at = None;
        let (Some(known), Some(first)) = (&self.known, self.hardware.metadata) else {
            return;
        };
        let stamp = known.stamp();
        let Some(copy) = self.stored.iter().position(|it| *it != Some(stamp)) else {
            return;
        };
        let io = self.ids.next(IoOwner::Metadata);
        let request = IoRequest::Write {
            start: first.plus(copy as u64),
            pages: vec![encode_metadata(known)],
            persistence: Persistence::ForceUnitAccess,
        };
        self.writing = Some(Writing { copy, io, stamp });
        out.submit(self.hardware.submission(io, key, request));
    }

    /// Has the peers' addresses tested.
    pub fn seek(&mut self, incarnation: u64, now: Instant, out: &mut NodeOutbox) {
        let Some(known) = &self.known else {
            return;
        };
        if self.asked.is_some() {
            out.probe("peers sought again");
        }
        out.trace(Event::PeersSought);
        out.probe("peers' addresses tested");
        self.searches += 1;
        let configuration = &known.configuration;
        let nonce = incarnation.wrapping_add(self.searches);
        let search = Search {
            nonce,
            network: configuration.peer_network,
            wanted: configuration.peer_nodes,
            candidates: configuration.candidates,
            at_a_time: configuration.limits.probes,
            timeout: configuration.timers.probe_timeout,
        };
        let again_at = now.after(configuration.timers.discover_again);
        self.asked = Some(Asked { nonce, again_at });
        out.local(N_SLOT, Local::Search(Box::new(search)));
    }

    /// True while an answer would be heard.
    pub fn is_seeking(&self) -> bool {
        self.asked.is_some()
    }

    /// A peer has answered.
    pub fn end_search(&mut self) {
        self.asked = None;
    }

    /// When the addresses are to be tested next: once the peers have left a Hello without an
    /// answer for too long, and again from time to time.
    pub fn next_search(&self, silent_since: Option<Instant>) -> Option<Instant> {
        let (since, configuration) = (silent_since?, self.configuration()?);
        let is_lost = configuration.peers.iter().all(Option::is_none);
        let first = match is_lost {
            true => since,
            false => since.after(configuration.timers.contact_timeout),
        };
        Some(self.asked.map_or(first, |asked| asked.again_at.max(first)))
    }

    /// True if it is time to read or write copies.
    pub fn is_due(&self, now: Instant) -> bool {
        self.hardware.metadata.is_some() && self.again_at.is_none_or(|at| at <= now)
    }

    /// True if a copy is to be written.
    pub fn is_behind(&self) -> bool {
        let stamp = self.known.as_ref().map(Metadata::stamp);
        let is_behind = self.stored.iter().any(|it| *it != stamp);
        is_behind && self.hardware.metadata.is_some() && self.writing.is_none()
    }

    /// When copies are read or written again.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.again_at
    }

    /// What was on its way is void: the set is lost, or this node stands by.
    pub fn drop_set(&mut self) {
        self.writing = None;
        self.again_at = None;
        self.asked = None;
    }

    fn tick(&self, now: Instant) -> Option<Instant> {
        Some(now.after(self.configuration()?.timers.heartbeat))
    }
}

#[cfg(test)]
mod tests;

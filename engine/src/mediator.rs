//! The mediator: the third site's one process. Owns a volume's record, who owns the
//! volume and whether its mirror may be promoted, and the term in which nobody else
//! is promoted. It never sees data and knows nothing of sessions, sets or clients.
//! A third site runs one for each volume; they may share a device, each on pages of
//! its own, so that none of them waits for what another one writes.
//!
//! Invariants:
//! * A record is durable before anybody hears of it, its own later answers included:
//!   one write at a time, and questions that arrive meanwhile are answered behind it.
//! * A version is written on the page of its parity, so a torn write leaves the one
//!   before it. It is read back before anybody hears of it: a device that says that it
//!   wrote and did not would let the version before come back to life.
//! * Another site becomes owner by itself only if the mirror was in sync and the owner's
//!   lease, counted here from its granting and with the margin, has run out. A boot counts
//!   a whole term from its own beginning: what the life before it granted is forgotten.
//! * By the administrator's word it need not have been in sync; and while that word waits
//!   for the lease the owner gets none, or one that lives would renew it for ever. Only
//!   where the administrator attests that the owner is off, or the owner itself hands its
//!   ownership off, does a lease count nothing.

mod format;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use format::{RecordPage, decode_page, encode_page};

use crate::contract::{
    Address, Completion, DeviceId, Entropy, Input, IoError, IoId, IoOutput, IoRequest, Label,
    NetworkId, Packet, PageIndex, Persistence, ReservationKey, Submission,
};
use crate::event::{Event, IgnoreReason};
use crate::local::{Local, NodeOutbox};
use crate::time::{Duration, Instant};
use crate::vocabulary::{SiteId, VolumeId};
use crate::wire::kind;
use crate::wire::mediator::{
    Ask, MediatorRecord, MediatorReply, MediatorRequest, decode_request, encode_reply,
};

/// Pages of a volume's record: two, written in turn.
pub const DEVICE_PAGES: u64 = 2;
/// Questions that wait behind a write. Four D-modules ask one thing at a time; the
/// rest is room for what a network doubles.
pub const QUESTIONS_MAX: usize = 16;

/// How often one version is written before the device counts as broken.
const WRITES_MAX: u64 = 8;
/// Where the number of a write's repetition begins in its name, below it the version.
const REPETITION_SHIFT: u32 = 24;
/// This bit makes the name of a write that of the read which checks it.
const CHECK_BIT: u64 = 1 << 31;

/// How long it waits before it reads back a device that did not answer.
const READ_AGAIN: Duration = Duration::from_millis(500);
/// Nobody reserves the mediator's device: no other machine reaches it.
const NO_KEY: ReservationKey = ReservationKey { epoch: 0, node: 0 };

/// What the administrator tells the mediator.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MediatorConfiguration {
    /// The mediator network.
    pub network: NetworkId,
    /// Its device.
    pub device: DeviceId,
    /// The first of its [`DEVICE_PAGES`] pages there.
    pub first_page: PageIndex,
    /// The volume whose record it keeps.
    pub volume: VolumeId,
    /// The record of a blank device.
    pub begins_with: MediatorRecord,
    /// How long a lease lasts for its holder.
    pub lease: Duration,
    /// By how much it lasts longer here.
    pub lease_margin: Duration,
}

/// What the mediator does.
///
/// ```text
///            device gone
///    ┌─┐ ┌───────────────┐
///    ▼ │ ▼               │
///   Reading ──────────► Serving ──► Halted
///      └──────────────────────────────▲
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Phase {
    /// The device is being read back, or will be once it may answer again.
    Reading,
    /// Answers.
    Serving,
    /// The device cannot be trusted; does nothing any more.
    Halted,
}

impl Phase {
    fn can_become(self, next: Phase) -> bool {
        match (self, next) {
            (Phase::Reading | Phase::Serving, Phase::Reading | Phase::Halted)
            | (Phase::Reading, Phase::Serving) => true,
            (Phase::Serving, Phase::Serving)
            | (Phase::Halted, Phase::Reading | Phase::Serving | Phase::Halted) => false,
        }
    }
}

/// A question and where its answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Question {
    from: Address,
    request: MediatorRequest,
}

/// A record on its way to the device, and who asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Writing {
    record: MediatorRecord,
    question: Question,
    /// How often it was written before.
    repetition: u64,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Step {
    /// It is being written.
    Write,
    /// It is being read back.
    Check,
}

/// The mediator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mediator {
    configuration: Arc<MediatorConfiguration>,
    incarnation: u64,
    phase: Phase,
    /// The durable record; means nothing while it is being read back.
    record: MediatorRecord,
    /// The owner's lease has run out by then.
    leased_until: Instant,
    /// Until then the owner gets no lease: the administrator wants another one.
    withheld_until: Instant,
    writing: Option<Writing>,
    waiting: VecDeque<Question>,
    /// How often the device was read back before: part of its commands' names.
    rereads: u64,
    read_at: Option<Instant>,
}

impl Mediator {
    /// Starts by reading its device back.
    pub fn boot(
        configuration: &Arc<MediatorConfiguration>,
        entropy: Entropy,
        now: Instant,
        out: &mut NodeOutbox,
    ) -> Self {
        let mediator = Mediator {
            configuration: Arc::clone(configuration),
            incarnation: entropy.bits(),
            phase: Phase::Reading,
            record: configuration.begins_with,
            leased_until: now.after(configuration.lease_counted()),
            withheld_until: now,
            writing: None,
            waiting: VecDeque::new(),
            rereads: 0,
            read_at: None,
        };
        mediator.read(out);
        mediator
    }

    /// Handles one input.
    pub fn handle(&mut self, now: Instant, input: Input<Local>, out: &mut NodeOutbox) {
        match input {
            Input::Packet(packet) => self.handle_packet(now, &packet, out),
            Input::Completion(completion) => self.handle_completion(now, completion, out),
            Input::Local(_) => out.trace(Event::Ignored(IgnoreReason::Misrouted)),
            Input::Deadline => self.handle_deadline(now, out),
        }
    }

    /// When a device that did not answer is read back. A lease that has run out is
    /// noticed when it matters.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.read_at
    }

    fn handle_deadline(&mut self, now: Instant, out: &mut NodeOutbox) {
        if self.read_at.is_some_and(|at| at <= now) {
            self.read_at = None;
            self.rereads += 1;
            self.read(out);
        }
    }

    /// Asserts what must hold between any two inputs.
    pub fn check_invariants(&self) {
        assert!(
            self.waiting.len() <= QUESTIONS_MAX,
            "more questions than there is room for"
        );
        assert!(
            self.waiting.is_empty() || self.writing.is_some(),
            "a question waits for nothing"
        );
        if let Some(writing) = self.writing {
            assert!(self.phase == Phase::Serving, "a write outside of service");
            assert!(
                writing.record.version == self.record.version.next(),
                "a version is skipped"
            );
        }
    }

    fn handle_packet(&mut self, now: Instant, packet: &Packet, out: &mut NodeOutbox) {
        let ignored = |reason| Event::Ignored(reason);
        let Ok(request) = decode_request(&packet.frame) else {
            return out.trace(ignored(IgnoreReason::Undecodable));
        };
        let is_ours = packet.network == self.configuration.network;
        if !is_ours || request.volume != self.configuration.volume {
            return out.trace(ignored(IgnoreReason::Misrouted));
        }
        match self.phase {
            Phase::Serving => {}
            Phase::Reading | Phase::Halted => {
                return out.trace(ignored(IgnoreReason::WrongPhase));
            }
        }
        let question = Question {
            from: packet.from,
            request,
        };
        if self.writing.is_none() {
            return self.answer(now, question, out);
        }
        if self.waiting.len() == QUESTIONS_MAX {
            out.probe("mediator: too many questions behind a write");
            return out.trace(ignored(IgnoreReason::NoRoom));
        }
        out.probe("mediator: a question waits for a write");
        self.waiting.push_back(question);
    }

    fn handle_completion(&mut self, now: Instant, completion: Completion, out: &mut NodeOutbox) {
        match (self.phase, completion.io) {
            (Phase::Reading, io) if io == self.read_io() => {
                self.handle_read(now, completion.result, out);
            }
            (Phase::Serving, io) if self.writing.is_some_and(|it| io == self.io_of(&it)) => {
                self.handle_written(now, completion.result, out);
            }
            (Phase::Reading | Phase::Serving | Phase::Halted, _) => {
                out.trace(Event::Ignored(IgnoreReason::LateCompletion));
            }
        }
    }

    fn handle_read(
        &mut self,
        now: Instant,
        result: Result<IoOutput, IoError>,
        out: &mut NodeOutbox,
    ) {
        let pages = match result {
            Ok(IoOutput::Pages(pages)) => pages,
            Ok(IoOutput::Done | IoOutput::Reservation(_)) => panic!("a read returns pages"),
            // Even if only one page cannot be read: it may be the newer one.
            Err(error) => return self.give_up(now, error, out),
        };
        let found: Vec<Found> = (0..)
            .zip(&pages)
            .map(|(place, page)| self.configuration.find(place, page))
            .collect();
        let newest = found.iter().filter_map(Found::record);
        let newest = newest.max_by_key(|record| record.version);
        let is_fresh = found.contains(&Found::Blank);
        match newest {
            Some(record) => self.record = record,
            // Version 2 was torn, or nothing was ever written.
            None if is_fresh => {}
            // No record of this volume can be older than all that there were.
            None => return self.halt(IoError::Unreadable(self.configuration.first_page), out),
        }
        self.enter(Phase::Serving);
    }

    fn handle_written(
        &mut self,
        now: Instant,
        result: Result<IoOutput, IoError>,
        out: &mut NodeOutbox,
    ) {
        let mut writing = self.writing.expect("its completion was awaited");
        match (writing.step, result) {
            (Step::Write, Ok(_)) => {
                writing.step = Step::Check;
                self.go_on(writing, out);
            }
            (Step::Check, Ok(IoOutput::Pages(pages))) if self.holds(&pages[0], &writing) => {
                self.conclude(now, out);
            }
            (Step::Check, Ok(_) | Err(IoError::Unreadable(_))) => {
                out.probe("mediator: written again, for it is not there");
                writing.step = Step::Write;
                writing.repetition += 1;
                if writing.repetition == WRITES_MAX {
                    let page = self.place_of(&writing);
                    return self.halt(IoError::Unreadable(page), out);
                }
                self.go_on(writing, out);
            }
            (Step::Write | Step::Check, Err(error)) => self.give_up(now, error, out),
        }
    }

    /// The record is durable: its asker hears of it, and whoever waited behind it.
    fn conclude(&mut self, now: Instant, out: &mut NodeOutbox) {
        let writing = self.writing.take().expect("it was checked");
        let Writing {
            record, question, ..
        } = writing;
        if record.owner != self.record.owner {
            // What was granted to the one before has run out, or it has said itself, or the
            // administrator for it, that it makes no use of it; the new one has none yet.
            let waives = match writing.question.request.ask {
                Ask::HandOff { .. } => true,
                Ask::Force { attested, .. } => attested,
                Ask::Read | Ask::Lease | Ask::CompareAndSet { .. } => false,
            };
            assert!(
                waives || self.leased_until <= now,
                "a lease outlives its owner"
            );
            self.leased_until = now;
            self.withheld_until = now;
        }
        self.record = record;
        out.trace(Event::MediatorSet(record));
        self.reply(question, false, out);
        while self.writing.is_none() {
            let Some(question) = self.waiting.pop_front() else {
                break;
            };
            self.answer(now, question, out);
        }
    }

    /// Answers a question, or begins the write behind which its answer follows.
    fn answer(&mut self, now: Instant, question: Question, out: &mut NodeOutbox) {
        let Question { request, .. } = question;
        match request.ask {
            Ask::Read => self.reply(question, false, out),
            Ask::Lease => {
                let is_owner = request.site == self.record.owner && self.withheld_until <= now;
                if is_owner {
                    self.leased_until = now.after(self.configuration.lease_counted());
                }
                self.reply(question, is_owner, out);
            }
            Ask::CompareAndSet { expect, in_sync } => {
                if expect != self.record.version || !self.may_own(now, request, out) {
                    return self.reply(question, false, out);
                }
                self.write((request.site, in_sync), question, out);
            }
            Ask::HandOff { expect, to } => {
                if expect != self.record.version || request.site != self.record.owner {
                    return self.reply(question, false, out);
                }
                out.probe("mediator: ownership handed off");
                self.write((to, true), question, out);
            }
            Ask::Force { expect, attested } => {
                let is_owner = request.site == self.record.owner;
                if expect != self.record.version || is_owner {
                    return self.reply(question, false, out);
                }
                if now < self.leased_until && !attested {
                    out.probe("mediator: a forced switchover waits for the owner's lease");
                    self.withheld_until = now.after(self.configuration.lease_counted());
                    return self.reply(question, false, out);
                }
                out.probe("mediator: ownership forced");
                self.write((request.site, false), question, out);
            }
        }
    }

    /// Begins the write of the next version.
    fn write(
        &mut self,
        (owner, in_sync): (SiteId, bool),
        question: Question,
        out: &mut NodeOutbox,
    ) {
        let record = MediatorRecord {
            version: self.record.version.next(),
            owner,
            in_sync,
        };
        let writing = Writing {
            record,
            question,
            repetition: 0,
            step: Step::Write,
        };
        self.go_on(writing, out);
    }

    /// Whether the asking site is the owner, or may become it.
    fn may_own(&self, now: Instant, request: MediatorRequest, out: &mut NodeOutbox) -> bool {
        if request.site == self.record.owner {
            return true;
        }
        if !self.record.in_sync {
            out.probe("mediator: an outdated mirror is not promoted");
            return false;
        }
        if now < self.leased_until {
            out.probe("mediator: the owner's lease stands");
            return false;
        }
        true
    }

    fn reply(&self, question: Question, granted: bool, out: &mut NodeOutbox) {
        let MediatorRequest {
            volume,
            nonce,
            attempt,
            ..
        } = question.request;
        let reply = MediatorReply {
            volume,
            nonce,
            attempt,
            record: self.record,
            granted,
        };
        let label = Label {
            kind: if granted {
                kind::MEDIATOR_GRANTED
            } else {
                kind::MEDIATOR_RECORD
            },
            incarnation: self.incarnation,
            id: nonce,
            part: 0,
            attempt,
        };
        let network = self.configuration.network;
        out.send(network, question.from, label, encode_reply(&reply));
    }

    /// The name of the read that reads the device back.
    fn read_io(&self) -> IoId {
        IoId(self.rereads << 32)
    }

    /// The name of a write's next command. No two are called the same.
    fn io_of(&self, writing: &Writing) -> IoId {
        let repetition = writing.repetition << REPETITION_SHIFT;
        let write = self.read_io().0 | repetition | writing.record.version.value();
        match writing.step {
            Step::Write => IoId(write),
            Step::Check => IoId(write | CHECK_BIT),
        }
    }

    fn page_of(&self, writing: &Writing) -> RecordPage {
        RecordPage {
            volume: self.configuration.volume,
            record: writing.record,
        }
    }

    /// Where a record stands on the device.
    fn place_of(&self, writing: &Writing) -> PageIndex {
        let place = self.page_of(writing).place();
        self.configuration.first_page.plus(place.0)
    }

    fn holds(&self, page: &[u8], writing: &Writing) -> bool {
        decode_page(page) == Ok(self.page_of(writing))
    }

    /// Writes a record, or reads it back.
    fn go_on(&mut self, writing: Writing, out: &mut NodeOutbox) {
        self.writing = Some(writing);
        let page = self.page_of(&writing);
        let start = self.place_of(&writing);
        let request = match writing.step {
            Step::Write => IoRequest::Write {
                start,
                pages: vec![encode_page(&page)],
                persistence: Persistence::ForceUnitAccess,
            },
            Step::Check => IoRequest::Read { start, count: 1 },
        };
        self.submit(self.io_of(&writing), request, out);
    }

    fn read(&self, out: &mut NodeOutbox) {
        let count = u32::try_from(DEVICE_PAGES).expect("two pages");
        let start = self.configuration.first_page;
        self.submit(self.read_io(), IoRequest::Read { start, count }, out);
    }

    fn submit(&self, io: IoId, request: IoRequest, out: &mut NodeOutbox) {
        out.submit(Submission {
            device: self.configuration.device,
            io,
            key: NO_KEY,
            request,
        });
    }

    /// A device that does not answer may come back, with or without what was under way:
    /// it is read back then, as by a boot. What it says of the past is believed again
    /// only after that.
    fn give_up(&mut self, now: Instant, error: IoError, out: &mut NodeOutbox) {
        if error != IoError::Gone {
            return self.halt(error, out);
        }
        out.probe("mediator: device gone, read back later");
        self.enter(Phase::Reading);
        self.writing = None;
        self.waiting.clear();
        self.read_at = Some(now.after(READ_AGAIN));
    }

    /// Gives up for good: its device failed, and whatever it says next may be contradicted by
    /// what the next boot reads. Sites without a mediator do not promote.
    fn halt(&mut self, error: IoError, out: &mut NodeOutbox) {
        self.enter(Phase::Halted);
        self.writing = None;
        self.waiting.clear();
        out.trace(Event::Halted(error));
    }

    fn enter(&mut self, next: Phase) {
        assert!(self.phase.can_become(next), "{:?} to {next:?}", self.phase);
        self.phase = next;
    }
}

impl MediatorConfiguration {
    /// How long a lease counts here.
    fn lease_counted(&self) -> Duration {
        self.lease.plus(self.lease_margin)
    }

    /// What a page at a place, counted from its first one, holds.
    fn find(&self, place: u64, page: &[u8]) -> Found {
        if page.iter().all(|byte| *byte == 0) {
            return Found::Blank;
        }
        match decode_page(page) {
            Ok(found) if found.volume == self.volume && found.place() == PageIndex(place) => {
                Found::Record(found.record)
            }
            Ok(_) | Err(_) => Found::Broken,
        }
    }
}

/// What a page of the device holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// It was never written.
    Blank,
    /// A record of the volume, in its place.
    Record(MediatorRecord),
    /// Something else: a torn write, or what does not belong there.
    Broken,
}

impl Found {
    fn record(&self) -> Option<MediatorRecord> {
        match self {
            Found::Record(record) => Some(*record),
            Found::Blank | Found::Broken => None,
        }
    }
}

//! The owner: a client's command from the door to its status.
//!
//! ```text
//! request -> ordering (range, room) -> access (mark durable) -+-> local record --+-> status
//!                                                             +-> replication ---+
//! ```
//!
//! Composes ordering, access, replication, orphans and status, and holds what
//! none of them may know of the others: in which order they act.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::access::{Access, Next, Stage, pages_needed};
use super::ordering::{Hold, Ordering, Sharing};
use super::orphans::{Orphans, Step};
use super::replication::{Link, Path, Replication};
use super::status::{self, Attempts};
use super::{Census, Context};
use crate::configuration::Replication as Order;
use crate::contract::{Address, IoError, IoId, IoOutput};
use crate::event::{Event, IgnoreReason, Shortage};
use crate::storage_set::StorageSet;
use crate::storage_set::blocks::BlockContent;
use crate::storage_set::read::{self, RangeRead, Unproven};
use crate::storage_set::record::{Entry, Record};
use crate::time::Instant;
use crate::vocabulary::{
    BLOCK_BYTES, BlockIndex, ClientId, Command, CommandId, Content, CopyNumber, Outcome,
    RefusedReason, Session, Status, UnknownReason, Watermark,
};
use crate::wire::{CommandFrame, CopyTransfer, PeerMessage};

/// The owner's roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The mirror has answered this boot: nobody has a higher site epoch.
    confirmed: bool,
    ordering: Ordering,
    access: Access,
    attempts: Attempts,
    replication: Replication,
    orphans: Orphans,
    reads: BTreeMap<CommandId, RangeRead>,
    /// Commands whose definite failure is on its way to the journal.
    failing: BTreeSet<CommandId>,
    /// Entries of one page that found the journal full, in their order. At most
    /// one session, one step of an orphan, and the failures of `failing`.
    owed: VecDeque<Entry>,
}

impl Owner {
    /// Takes office on a recovered set: every mark is an orphan and keeps its
    /// range locked, and a new session becomes durable before anything is sent.
    pub fn start(set: &mut StorageSet, cx: &mut Context<'_>) -> Self {
        let orphans = Orphans::new(set.tables().marks.values());
        let mut ordering = Ordering::default();
        for (command, range) in orphans.iter() {
            ordering.hold(
                command,
                Hold {
                    range,
                    sharing: Sharing::Exclusive,
                },
            );
        }
        let mut owner = Owner {
            confirmed: false,
            ordering,
            access: Access::new(set.tables().sequence_high),
            attempts: Attempts::default(),
            replication: Replication::new(set.tables().session),
            orphans,
            reads: BTreeMap::new(),
            failing: BTreeSet::new(),
            owed: VecDeque::new(),
        };
        owner.open_session(set, cx);
        owner
    }

    /// Appends an entry of one page as soon as there is a page for it. A journal
    /// can be full to its last page, most of all when it is read back: the
    /// destage under way makes room, and [`Owner::admit`] follows it.
    fn write(&mut self, entry: Entry, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.owed.push_back(entry);
        self.write_owed(set, cx);
    }

    fn write_owed(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        while set.room() > 0 {
            let Some(entry) = self.owed.pop_front() else {
                return;
            };
            cx.append(set, entry);
        }
        if !self.owed.is_empty() {
            cx.out.probe("entry waits for room in the journal");
        }
    }

    fn open_session(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let session = set.tables().session;
        let session = Session {
            incarnation: session.incarnation.next(),
            ..session
        };
        self.write(Entry::Session { session }, set, cx);
    }

    /// True once clients are served.
    pub fn is_serving(&self) -> bool {
        self.confirmed
    }

    /// A client's request, from the N-module.
    pub fn handle_command(
        &mut self,
        client: Address,
        frame: CommandFrame,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let id = frame.id;
        if !status::is_valid(frame.ticket, cx) {
            cx.out.probe("stale ticket refused");
            let unknown = Status::Unknown(UnknownReason::StaleTicket);
            return status::reply(client, id, frame.attempt, unknown, cx);
        }
        if let Some(reason) = refusal(&frame.command, cx) {
            return status::reply(client, id, frame.attempt, Status::Refused(reason), cx);
        }
        match frame.command {
            Command::Flush => {
                // Every acknowledged command is durable on both copies already.
                let status = Status::Success(None);
                status::reply(client, id, frame.attempt, status, cx);
            }
            Command::Retry => self.handle_retry(client, &frame, set, cx),
            Command::Read(_)
            | Command::Write(..)
            | Command::WriteZeroes(_)
            | Command::CompareAndWrite { .. } => self.enqueue(client, frame, set, cx),
        }
    }

    /// Puts a read or mutation into the queue, unless it is known already.
    fn enqueue(
        &mut self,
        client: Address,
        frame: CommandFrame,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let id = frame.id;
        if self.is_open(id) {
            return self.attempts.register(client, &frame, cx);
        }
        if frame.command.is_mutation() {
            if let Some(status) = known_status(id, set) {
                cx.out.probe("command answered from the result table");
                return status::reply(client, id, frame.attempt, status, cx);
            }
            if let Some(shortage) = self.no_place(&frame, set, cx) {
                return status::hold_back(client, &frame, shortage, cx);
            }
        }
        if self.ordering.waiting() >= cx.configuration.limits.commands_waiting as usize {
            return status::hold_back(client, &frame, Shortage::Queue, cx);
        }
        let range = frame
            .command
            .range()
            .expect("reads and mutations have a range");
        let sharing = if frame.command.is_mutation() {
            Sharing::Exclusive
        } else {
            Sharing::Shared
        };
        self.attempts.register(client, &frame, cx);
        self.ordering.enqueue(frame, Hold { range, sharing });
        self.admit(set, cx);
        if self.ordering.is_waiting(id) {
            cx.out.probe("command waits its turn");
        }
    }

    /// Why the result table has no row to spare for the command. Its size is
    /// bounded by the clients and their windows, and the checkpoint's with it.
    fn no_place(
        &self,
        frame: &CommandFrame,
        set: &StorageSet,
        cx: &Context<'_>,
    ) -> Option<Shortage> {
        let limits = &cx.configuration.limits;
        let CommandId { client, counter } = frame.id;
        let watermarks = &set.tables().watermarks;
        let watermark = set.tables().watermark(client).max(frame.watermark);
        if counter - watermark.min(counter) >= limits.window {
            return Some(Shortage::Window);
        }
        if watermarks.contains_key(&client) {
            return None;
        }
        let open = self.ordering.ids().chain(self.failing.iter().copied());
        let known: BTreeSet<ClientId> = watermarks
            .keys()
            .copied()
            .chain(open.map(|id| id.client))
            .collect();
        let is_full = known.len() >= limits.clients as usize && !known.contains(&client);
        is_full.then_some(Shortage::Clients)
    }

    /// True if the command waits, is in flight, being read, an orphan or failing.
    fn is_open(&self, id: CommandId) -> bool {
        self.ordering.is_waiting(id) || self.ordering.is_held(id) || self.failing.contains(&id)
    }

    /// Asks for an earlier command's outcome; never executes it.
    fn handle_retry(
        &mut self,
        client: Address,
        frame: &CommandFrame,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let id = frame.id;
        let was_waiting = self.ordering.withdraw(id);
        if self.is_open(id) {
            return self.attempts.register(client, frame, cx);
        }
        if let Some(status) = known_status(id, set) {
            return status::reply(client, id, frame.attempt, status, cx);
        }
        cx.out.probe(if was_waiting {
            "waiting command failed by a retry"
        } else {
            "unknown command failed by a retry"
        });
        if let Some(shortage) = self.no_place(frame, set, cx) {
            return status::hold_back(client, frame, shortage, cx);
        }
        if self.failing.len() >= cx.configuration.limits.commands_waiting as usize {
            return status::hold_back(client, frame, Shortage::Journal, cx);
        }
        self.attempts.register(client, frame, cx);
        let watermark = Watermark {
            client: id.client,
            counter: self.watermark(frame),
        };
        self.fail(id, watermark, set, cx);
        if was_waiting {
            self.admit(set, cx);
        }
    }

    /// Makes a definite failure durable; it is answered when it is.
    fn fail(
        &mut self,
        command: CommandId,
        watermark: Watermark,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        self.failing.insert(command);
        let entry = Entry::Fail {
            command,
            range: None,
            watermark,
        };
        self.write(entry, set, cx);
    }

    /// Lets waiting commands in, as ranges and room allow; what is owed to the
    /// journal comes first.
    pub fn admit(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.write_owed(set, cx);
        let limits = &cx.configuration.limits;
        loop {
            let limit = limits.commands_in_flight as usize;
            let (writes_full, reads_full) =
                (self.access.in_flight() >= limit, self.reads.len() >= limit);
            let room = set.room().saturating_sub(limits.journal_reserve);
            let mut is_short = false;
            let admitted = self.ordering.admit(|frame, hold| {
                if hold.sharing == Sharing::Shared {
                    return !reads_full;
                }
                // In their order: else small commands would take each page that a
                // large one waits for.
                is_short |= pages_needed(&frame.command) > room;
                !writes_full && !is_short
            });
            if is_short {
                cx.out.probe("acceptance held back by the journal");
            }
            let Some(frame) = admitted else { return };
            self.accept(frame, set, cx);
        }
    }

    /// The promise of a frame as far as it can be true: a client does not know the
    /// outcome of what is still open here. Were the mirror told otherwise, it would
    /// refuse the open command's replica for good, and its range stayed locked.
    fn watermark(&self, frame: &CommandFrame) -> u64 {
        let open = self.ordering.ids().chain(self.failing.iter().copied());
        let own = open.filter(|id| id.client == frame.id.client);
        own.map(|id| id.counter)
            .fold(frame.watermark, std::cmp::Ord::min)
    }

    /// The command holds its range: checks its ticket again and starts it.
    fn accept(&mut self, mut frame: CommandFrame, set: &mut StorageSet, cx: &mut Context<'_>) {
        frame.watermark = self.watermark(&frame);
        let id = frame.id;
        if !status::is_valid(frame.ticket, cx) {
            self.ordering.release(id);
            return self
                .attempts
                .answer(id, Status::Unknown(UnknownReason::StaleTicket), cx);
        }
        let range = frame
            .command
            .range()
            .expect("reads and mutations have a range");
        let is_read = !frame.command.is_mutation();
        if is_read || self.access.accept(frame, set, cx) == Next::Compare {
            let (read, ios) = set.read(range, cx.ids);
            cx.submit_all(ios);
            if read.is_complete() {
                return self.finish_read(id, read.finish(), set, cx);
            }
            self.reads.insert(id, read);
        }
    }

    /// A read completion, of a client's read, a comparison or an orphan.
    pub fn handle_read(
        &mut self,
        io: IoId,
        result: Result<IoOutput, IoError>,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        if let Some(read) = self.orphans.handle_read(io, result.clone()) {
            return self.copy_orphan(read.finish(), set, cx);
        }
        let mine = self.reads.iter_mut().find_map(|(command, read)| {
            read.handle_completion(io, result.clone())
                .then_some((*command, read.is_complete()))
        });
        if let Some((command, true)) = mine {
            let read = self.reads.remove(&command).expect("it was found");
            self.finish_read(command, read.finish(), set, cx);
        }
    }

    fn finish_read(
        &mut self,
        command: CommandId,
        found: Result<Vec<BlockContent>, Unproven>,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let compares = self.access.is_in_flight(command);
        match found {
            Ok(blocks) if compares => {
                self.access
                    .compare(command, &read::concatenate(&blocks), set, cx);
            }
            Ok(blocks) => {
                self.ordering.release(command);
                let data = read::concatenate(&blocks);
                self.attempts
                    .answer(command, Status::Success(Some(data)), cx);
            }
            Err(Unproven(_)) if compares => {
                let watermark = self.access.abandon(command, set);
                self.ordering.release(command);
                self.fail(command, watermark, set, cx);
            }
            Err(Unproven(_)) => {
                self.ordering.release(command);
                let refused = Status::Refused(RefusedReason::Unreadable);
                self.attempts.answer(command, refused, cx);
            }
        }
        self.admit(set, cx);
    }

    /// A record of the owner has become durable.
    pub fn handle_durable(&mut self, record: &Record, set: &mut StorageSet, cx: &mut Context<'_>) {
        match &record.entry {
            Entry::Mark { mark, .. } => {
                let session = set.tables().session;
                self.access.perform(mark.command, session, set, cx);
                if cx.configuration.replication == Order::Parallel {
                    self.replicate(mark.command, cx);
                }
            }
            Entry::Perform(perform) => {
                let resolved = self.access.handle_local(perform.command, cx);
                if cx.configuration.replication == Order::Chained {
                    self.replicate(perform.command, cx);
                }
                self.finish(resolved, set, cx);
            }
            Entry::Fail { command, .. } => {
                if self
                    .orphans
                    .current()
                    .is_some_and(|current| current.command == *command)
                {
                    return self.read_orphan(set, cx);
                }
                self.failing.remove(command);
                let refused = Status::Refused(RefusedReason::NotPerformed);
                self.attempts.answer(*command, refused, cx);
            }
            Entry::Clear { clears } => self.handle_cleared(clears, set, cx),
            Entry::Session { session } => {
                cx.out.trace(Event::SessionOpened(*session));
                let watermarks = set.tables().all_watermarks();
                self.replication.announce(*session, watermarks, cx);
            }
            Entry::Fence { .. } | Entry::Copy { .. } => {}
        }
    }

    fn replicate(&mut self, command: CommandId, cx: &mut Context<'_>) {
        if self.replication.link() != Link::Open {
            return;
        }
        if let Some((member, watermark)) = self.access.member(command) {
            self.replication.send(member, watermark, cx);
        }
    }

    /// A resolved command: its range is free and its client hears of it.
    fn finish(
        &mut self,
        resolved: Option<(CommandId, Outcome)>,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let Some((command, outcome)) = resolved else {
            return;
        };
        self.ordering.release(command);
        self.attempts.answer(command, status_of(outcome), cx);
        self.admit(set, cx);
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
            PeerMessage::Hello(_) | PeerMessage::Portion(_) => {
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

    fn start_orphan(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let Some((command, range)) = self.orphans.start_next() else {
            return;
        };
        let outcome = set
            .tables()
            .results
            .get(&command)
            .map(|result| result.outcome);
        match outcome {
            Some(Outcome::Performed | Outcome::Mismatch | Outcome::Failed) => {
                cx.out.probe("orphan found performed");
                self.read_orphan(set, cx);
            }
            None => {
                cx.out.probe("orphan found not performed");
                let client = command.client;
                let watermark = Watermark {
                    client,
                    counter: set.tables().watermark(client),
                };
                let entry = Entry::Fail {
                    command,
                    range: Some(range),
                    watermark,
                };
                self.write(entry, set, cx);
            }
        }
    }

    fn read_orphan(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.orphans.enter(Step::Reading);
        let range = self.orphans.current().expect("one is being resolved").range;
        let (read, ios) = set.read(range, cx.ids);
        cx.submit_all(ios);
        if read.is_complete() {
            return self.copy_orphan(read.finish(), set, cx);
        }
        self.orphans.set_read(read);
    }

    /// The mirror gets the whole range and the results that touch it in one
    /// record: copied piece by piece, a crash between would tear the command.
    fn copy_orphan(
        &mut self,
        found: Result<Vec<BlockContent>, Unproven>,
        set: &StorageSet,
        cx: &mut Context<'_>,
    ) {
        let Ok(blocks) = found else {
            cx.out.probe("orphan cannot be read");
            let again = cx.configuration.timers.retransmit_max;
            return self.orphans.read_again(cx.now.after(again));
        };
        if self.replication.link() != Link::Open {
            return;
        }
        self.orphans.enter(Step::Copying);
        let range = self.orphans.current().expect("one is being resolved").range;
        let content = Content::Data(read::concatenate(&blocks));
        let versions = blocks.iter().map(|block| block.version).collect();
        let results = set.tables().results_touching(range);
        let build = |copy: CopyNumber| CopyTransfer {
            copy,
            range,
            content,
            versions,
            results,
        };
        self.replication.copy(build, cx);
    }

    fn clear_orphan(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.orphans.enter(Step::Clearing);
        let command = self
            .orphans
            .current()
            .expect("one is being resolved")
            .command;
        let clears = vec![command];
        self.write(Entry::Clear { clears }, set, cx);
    }

    /// Marks have ended durably; if the orphan's is among them, it is resolved.
    fn handle_cleared(&mut self, clears: &[CommandId], set: &mut StorageSet, cx: &mut Context<'_>) {
        let clearing = self
            .orphans
            .current()
            .filter(|current| current.step == Step::Clearing);
        let Some(command) = clearing.map(|current| current.command) else {
            return;
        };
        if !clears.contains(&command) {
            return;
        }
        self.orphans.finish();
        self.ordering.release(command);
        let result = set.tables().results.get(&command);
        let outcome = result.map_or(Outcome::Failed, |result| result.outcome);
        cx.out.trace(Event::OrphanResolved(command, outcome));
        self.attempts.answer(command, status_of(outcome), cx);
        self.start_orphan(set, cx);
        self.admit(set, cx);
    }

    /// Does what is due.
    pub fn handle_deadline(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let mut withdrawn = false;
        while let Some((command, attempt)) = self.attempts.take_expired(cx.now) {
            withdrawn |= self.ordering.withdraw(command);
            let unknown = Status::Unknown(UnknownReason::TimedOut);
            cx.out.probe("attempt answered unknown");
            status::reply(attempt.client, command, attempt.attempt, unknown, cx);
        }
        if withdrawn {
            // Others may have waited behind it and nothing else.
            self.admit(set, cx);
        }
        if self.orphans.take_due(cx.now) {
            self.read_orphan(set, cx);
        }
        self.access.handle_deadline(set, cx);
        if self.replication.handle_deadline(cx) == Path::Silent {
            cx.out.probe("silent path gets a new session");
            self.replication.close();
            self.open_session(set, cx);
        }
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        let attempts = self.attempts.next_deadline();
        let access = self.access.next_deadline();
        let replication = self.replication.next_deadline();
        attempts
            .into_iter()
            .chain(access)
            .chain(replication)
            .chain(self.orphans.next_deadline())
            .min()
    }

    /// What is left to do.
    pub fn census(&self, census: &mut Census) {
        census.held_ranges += self.ordering.held();
        census.waiting_commands += self.ordering.waiting() + self.failing.len();
        census.in_flight += self.access.in_flight() + self.access.uncleared();
        census.open_attempts += self.attempts.count();
        census.unacknowledged_transfers += self.replication.unacknowledged();
        census.reads += self.reads.len();
        census.orphans += self.orphans.count();
    }
}

/// The status of a definite outcome.
fn status_of(outcome: Outcome) -> Status {
    match outcome {
        Outcome::Performed => Status::Success(None),
        Outcome::Mismatch => Status::Mismatch,
        Outcome::Failed => Status::Refused(RefusedReason::NotPerformed),
    }
}

/// What the result table, or the watermark, says of a command.
fn known_status(id: CommandId, set: &StorageSet) -> Option<Status> {
    if let Some(result) = set.tables().results.get(&id) {
        return Some(status_of(result.outcome));
    }
    let is_old = id.counter < set.tables().watermark(id.client);
    is_old.then_some(Status::Unknown(UnknownReason::TooOld))
}

/// Why a command can never be performed, whoever asks however often.
fn refusal(command: &Command, cx: &Context<'_>) -> Option<RefusedReason> {
    let range = command.range()?;
    if range.count() > cx.configuration.limits.command_blocks {
        return Some(RefusedReason::TooLarge);
    }
    let blocks = BlockIndex::new(cx.configuration.set.geometry.blocks);
    (range.end() > blocks).then_some(RefusedReason::OutOfRange)
}

const _: () = assert!(
    BLOCK_BYTES == crate::contract::PAGE_BYTES,
    "a block is a device page"
);

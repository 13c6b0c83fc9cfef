//! A conductor for D-modules under test: perfect devices, a network whose every
//! packet the test sees, and a clock that moves when it is told to.
//!
//! A [`Station`] is one node's D-module with its two devices. Commands wait in
//! its queue until the test completes them, one, some or all; a reboot keeps the
//! devices and loses everything else. Only the mailbox is executed at once, unless
//! the test holds it back: a heart beats on its own.

mod disk;
mod ensemble;
mod given;
mod parts;
mod voices;

pub(crate) use disk::Disk;
pub(crate) use ensemble::{Pair, Third, Twins};
pub(crate) use given::*;
pub(crate) use parts::{Bench, FIRST, Sending, portions, set};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::configuration::{
    Candidates, Configuration, D_SLOT, Duty, Hardware, Interconnect, Limits, Mediator, N_SLOT,
    Policy, Replication, Seats, SetConfiguration, Timers,
};
use crate::contract::{
    Address, Completion, DeviceId, Effect, Entropy, Input, IoError, IoOutput, IoRequest, Label,
    NetworkId, PAGE_BYTES, Packet, PageIndex, ReservationKey, Submission,
};
use crate::d_module::{Census, Context, DModule};
use crate::event::Event;
use crate::local::{Local, NodeOutbox, Order, Search, Way};
use crate::payload::Payload;
use crate::storage_set::format::{Heartbeat, encode_heartbeat};
use crate::storage_set::layout::Geometry;
use crate::storage_set::tables::{Role, Tables};
use crate::storage_set::{IoIds, IoOwner, format_set};
use crate::time::{Duration, Instant};
use crate::vocabulary::{
    BLOCK_BYTES, BlockIndex, ClientId, Command, CommandId, NodeId, Range, Session,
    SessionIncarnation, SetId, SiteEpoch, SiteId, Status, StorageSetId, Ticket, VolumeId,
    Watermark,
};
use crate::wire::interconnect::{self, PartnerMessage};
use crate::wire::mediator::{self, Ask, MediatorRecord, MediatorReply, MediatorRequest};
use crate::wire::path::{self, PathEnd, PathMessage, Standing};
use crate::wire::{
    ClientReply, ClientRequest, CommandFrame, Member, PeerMessage, Portion, Transfer, TransferId,
    peer,
};

/// A message as it left, with the portions of a transfer in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) to: Address,
    pub(crate) label: Label,
    pub(crate) message: PeerMessage,
}

/// A D-module, its devices, and everything it did.
#[derive(Clone, Debug)]
pub(crate) struct Station {
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) module: DModule,
    pub(crate) disks: BTreeMap<DeviceId, Disk>,
    pub(crate) queue: Vec<Submission>,
    /// Commands of the mailbox; executed at once unless they are held.
    pub(crate) mail: Vec<Submission>,
    pub(crate) holds_mail: bool,
    pub(crate) now: Instant,
    pub(crate) sent: Vec<Sent>,
    /// Steps of handshakes, each to its address; nobody answers unless told to.
    pub(crate) paths: Vec<(Address, PathMessage)>,
    /// Questions to the mediator.
    pub(crate) asked: Vec<MediatorRequest>,
    /// Searches that its N-module was asked for.
    pub(crate) searches: Vec<Search>,
    /// What it told its N-module of serving: the epoch, and whether as heir.
    pub(crate) services: Vec<(u64, bool)>,
    /// Messages to its partner.
    pub(crate) whispers: Vec<(Label, PartnerMessage)>,
    pub(crate) replies: Vec<ClientReply>,
    pub(crate) events: Vec<Event>,
    pub(crate) probes: Vec<&'static str>,
    boots: u64,
    /// How often this boot has lost its set.
    halts: u64,
}

/// How far the incarnations of two boots are apart.
const BOOT: u64 = 1_000_000;

impl Station {
    /// A formatted set whose module has booted and waits for its first command
    /// to complete.
    pub(crate) fn new(role: Role) -> Self {
        Station::with(configuration(role), role)
    }

    pub(crate) fn with(configuration: Configuration, role: Role) -> Self {
        let mut disks = empty_disks();
        for (device, start, pages) in format_set(&configuration.set, role) {
            let disk = disks.get_mut(&device).expect("both devices are there");
            let pages = pages.iter().map(|page| page.filled_up(PAGE_BYTES));
            disk.pages.extend((start.0..).zip(pages));
        }
        Station::on(disks, configuration)
    }

    /// The same on these devices.
    pub(crate) fn on(disks: BTreeMap<DeviceId, Disk>, configuration: Configuration) -> Self {
        let mut out = NodeOutbox::default();
        let now = Instant::from_nanos(0);
        let mut station = Station {
            module: DModule::boot(hardware(&configuration), Entropy::new(1), now, &mut out),
            configuration: Arc::new(configuration),
            disks,
            queue: Vec::new(),
            mail: Vec::new(),
            holds_mail: false,
            now,
            sent: Vec::new(),
            paths: Vec::new(),
            asked: Vec::new(),
            searches: Vec::new(),
            services: Vec::new(),
            whispers: Vec::new(),
            replies: Vec::new(),
            events: Vec::new(),
            probes: Vec::new(),
            boots: 0,
            halts: 0,
        };
        station.reboot();
        station
    }

    /// The module dies with all that it had queued, and boots again.
    pub(crate) fn reboot(&mut self) {
        self.reboot_unasked();
        let configuration = Local::Configuration(Arc::clone(&self.configuration));
        self.input(Input::Local(configuration));
    }

    /// The same, and nobody answers its question for the configuration.
    pub(crate) fn reboot_unasked(&mut self) {
        self.boots += 1;
        self.halts = 0;
        self.queue.clear();
        self.mail.clear();
        self.sent.clear();
        self.paths.clear();
        self.asked.clear();
        self.searches.clear();
        self.services.clear();
        self.whispers.clear();
        self.replies.clear();
        self.events.clear();
        self.probes.clear();
        let mut out = NodeOutbox::default();
        let hardware = hardware(&self.configuration);
        self.module = DModule::boot(
            hardware,
            Entropy::new(self.incarnation()),
            self.now,
            &mut out,
        );
        self.take(out);
        self.deliver_mail();
    }

    /// The incarnation of this boot, as tickets carry it.
    pub(crate) fn incarnation(&self) -> u64 {
        self.boots * BOOT + (self.halts << 32)
    }

    pub(crate) fn input(&mut self, input: Input<Local>) {
        let mut out = NodeOutbox::default();
        self.module.handle(self.now, input, &mut out);
        self.module.check_invariants();
        self.take(out);
        self.deliver_mail();
    }

    fn deliver_mail(&mut self) {
        while !self.holds_mail && !self.mail.is_empty() {
            self.deliver(0);
        }
    }

    /// Executes the held command of the mailbox at a place.
    pub(crate) fn deliver(&mut self, place: usize) {
        let submission = self.mail.remove(place);
        let result = self.execute(&submission);
        self.end(&submission, result);
    }

    /// Lets the mailbox go on, with what was held.
    pub(crate) fn release_mail(&mut self) {
        self.holds_mail = false;
        while !self.mail.is_empty() {
            self.deliver(0);
        }
    }

    /// Ends the held command of the mailbox at a place with an error.
    pub(crate) fn fail_mail(&mut self, place: usize, error: IoError) {
        let submission = self.mail.remove(place);
        self.end(&submission, Err(error));
    }

    fn execute(&mut self, submission: &Submission) -> Result<IoOutput, IoError> {
        let disk = self.disks.get_mut(&submission.device).expect("it is there");
        disk.execute(submission)
    }

    fn take(&mut self, mut out: NodeOutbox) {
        for effect in out.drain() {
            match effect {
                Effect::Send {
                    network,
                    to,
                    label,
                    frame,
                } if network == THIRD => {
                    assert_eq!(to, MEDIATOR);
                    let request = mediator::decode_request(&frame);
                    let request = request.expect("modules send what they decode");
                    assert_eq!(label.id, request.nonce);
                    self.asked.push(request);
                }
                Effect::Send {
                    network,
                    to,
                    label,
                    frame,
                } if path::is_of_path(&frame) => {
                    assert_eq!(network, PEERS);
                    let message = path::decode(&frame).expect("modules send what they decode");
                    assert_eq!(
                        (label.kind, label.id),
                        (message.kind(), message.end().nonce)
                    );
                    assert_eq!(label.attempt, message.end().attempt);
                    self.paths.push((to, message));
                }
                Effect::Send {
                    network,
                    to,
                    label,
                    frame,
                } if network == BETWEEN => {
                    let joined = self.configuration.interconnect.expect("it is joined");
                    if to == joined.partner.n {
                        assert_eq!(label.kind, crate::wire::kind::ALIVE);
                        continue;
                    }
                    assert_eq!(to, joined.partner.d);
                    let message = interconnect::decode(&frame);
                    let message = message.expect("modules send what they decode");
                    self.whispers.push((label, message));
                }
                Effect::Send {
                    network,
                    to,
                    label,
                    frame,
                } => {
                    assert_eq!(network, PEERS);
                    assert_eq!(to.value() / 100, 2, "peers have addresses from 200");
                    let message = peer::decode(&frame).expect("modules send what they decode");
                    self.sent.push(Sent { to, label, message });
                }
                Effect::Submit(submission) => {
                    let owner = IoIds::owner(submission.io);
                    let is_mail = matches!(owner, Some(IoOwner::Mailbox | IoOwner::Metadata));
                    let queue = if is_mail {
                        &mut self.mail
                    } else {
                        &mut self.queue
                    };
                    queue.push(submission);
                }
                Effect::Local { to, message } => match message {
                    Local::Reply { reply, .. } => {
                        assert_eq!(to, N_SLOT);
                        self.replies.push(reply);
                    }
                    Local::Search(search) => self.searches.push(*search),
                    Local::AskConfiguration { from } => assert_eq!(from, D_SLOT),
                    Local::Serves { epoch, is_heir } => self.services.push((epoch, is_heir)),
                    Local::Configuration(_)
                    | Local::Request { .. }
                    | Local::Found { .. }
                    | Local::Order(_) => {
                        panic!("a D-module does not say that")
                    }
                },
                Effect::Trace(event) => {
                    let is_reborn = matches!(
                        event,
                        Event::Halted(_)
                            | Event::Drained(_)
                            | Event::HandOverGivenUp
                            | Event::Activated { .. }
                            | Event::HandedOff(_)
                            | Event::StoodDown
                    );
                    self.halts += u64::from(is_reborn);
                    self.events.push(event);
                }
                Effect::Probe(probe) => self.probes.push(probe),
                Effect::Bind { .. } => panic!("a D-module has no such address"),
            }
        }
    }

    /// Executes the queued command at a place.
    pub(crate) fn complete(&mut self, place: usize) {
        let submission = self.queue.remove(place);
        let result = self.execute(&submission);
        self.end(&submission, result);
    }

    /// Ends the queued command at a place with an error.
    pub(crate) fn fail(&mut self, place: usize, error: IoError) {
        let submission = self.queue.remove(place);
        self.end(&submission, Err(error));
    }

    fn end(&mut self, submission: &Submission, result: Result<IoOutput, IoError>) {
        self.input(Input::Completion(Completion {
            device: submission.device,
            io: submission.io,
            result,
        }));
    }

    /// Executes everything queued, and what that leads to.
    pub(crate) fn run(&mut self) {
        self.run_only(|_| true);
    }

    /// Executes the queued commands of a kind, and those that they lead to.
    pub(crate) fn run_only(&mut self, mut which: impl FnMut(&Submission) -> bool) {
        while let Some(place) = self.queue.iter().position(&mut which) {
            self.complete(place);
        }
    }

    /// Executes journal records only; whatever is destaged waits.
    pub(crate) fn run_records(&mut self) {
        let ring = self.configuration.set.geometry.ring_start();
        self.run_only(|submission| {
            let start = match &submission.request {
                IoRequest::Write { start, .. } => Some(*start),
                _ => None,
            };
            submission.device == JOURNAL && start.is_some_and(|start| start >= ring)
        });
    }

    /// Moves time on, with every deadline on the way.
    pub(crate) fn pass(&mut self, span: Duration) {
        let until = self.now.after(span);
        let mut inputs = 0;
        while let Some(at) = self.module.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.input(Input::Deadline);
            inputs += 1;
            assert!(inputs < 10_000, "deadlines without end at {:?}", self.now);
        }
        self.now = until;
    }

    /// The same with every device command executed at once.
    pub(crate) fn pass_running(&mut self, span: Duration) {
        let until = self.now.after(span);
        self.run();
        while let Some(at) = self.module.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.input(Input::Deadline);
            self.run();
        }
        self.now = until;
    }

    /// A client's command with a fresh ticket, all outcomes below its id known.
    pub(crate) fn ask(&mut self, id: CommandId, command: Command) {
        self.ask_with(id, command, |_| {});
    }

    /// The same with another frame.
    pub(crate) fn ask_with(
        &mut self,
        id: CommandId,
        command: Command,
        change: impl FnOnce(&mut CommandFrame),
    ) {
        let mut frame = CommandFrame {
            id,
            volume: VOLUME,
            attempt: 0,
            ticket: Ticket {
                incarnation: self.incarnation(),
                issued: self.now,
            },
            watermark: 1,
            command,
        };
        change(&mut frame);
        self.input(Input::Local(Local::Request {
            client: Way::to(CLIENT),
            request: ClientRequest::Command(frame),
        }));
    }

    /// Boots as owner, its mirror answering: serves from now on.
    pub(crate) fn serve(&mut self) {
        self.run();
        self.serve_announced();
    }

    /// The mirror answers the Hello that has left.
    pub(crate) fn serve_announced(&mut self) {
        let session = self.hello_session();
        self.hear(&PeerMessage::HelloAck {
            volume: VOLUME,
            session,
            attempt: 0,
            dirty: Vec::new(),
            rolled_back: Vec::new(),
        });
        assert_eq!(self.module.phase(), crate::event::Phase::Serving);
    }

    /// The administrator's order.
    pub(crate) fn order(&mut self, order: Order) {
        self.input(Input::Local(Local::Order(order)));
    }

    /// Hands its set over, to a partner whose heartbeat the test writes itself.
    pub(crate) fn drain(&mut self) {
        self.order(Order::HandOver);
        for beat in 1..4 {
            let place = self.configuration.set.geometry.mailbox_slot(1);
            let page = encode_heartbeat(&Heartbeat {
                node: self.configuration.partner,
                incarnation: 1,
                beat,
                epoch: 0,
                drained: 0,
            });
            let journal = self.disks.get_mut(&JOURNAL).expect("it is there");
            journal.pages.insert(place.0, page.filled_up(PAGE_BYTES));
            self.pass(self.configuration.timers.heartbeat);
        }
    }

    /// The session of the last Hello.
    pub(crate) fn hello_session(&self) -> Session {
        let hello = self.sent.iter().rev().find_map(|sent| match &sent.message {
            PeerMessage::Hello(hello) => Some(hello.session),
            _ => None,
        });
        hello.expect("a Hello was sent")
    }

    /// Takes what was sent.
    pub(crate) fn take_sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.sent)
    }

    /// Takes the final statuses that were given.
    pub(crate) fn answers(&mut self) -> Vec<(CommandId, Status)> {
        let replies = std::mem::take(&mut self.replies);
        let answer = |reply| match reply {
            ClientReply::Answer { id, status, .. } => Some((id, status)),
            ClientReply::Connected { .. }
            | ClientReply::Retrying { .. }
            | ClientReply::Elsewhere { .. } => None,
        };
        replies.into_iter().filter_map(answer).collect()
    }

    pub(crate) fn has_seen(&self, event: &Event) -> bool {
        self.events.contains(event)
    }

    pub(crate) fn tables(&self) -> &Tables {
        self.module.set().expect("it holds its set").tables()
    }

    pub(crate) fn census(&self) -> Census {
        self.module.census()
    }
}

fn empty_disks() -> BTreeMap<DeviceId, Disk> {
    BTreeMap::from([(JOURNAL, Disk::default()), (DATA, Disk::default())])
}

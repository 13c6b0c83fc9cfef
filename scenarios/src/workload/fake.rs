//! For tests: a cluster of one perfect node behind a bad network, and a loop
//! that drives clients against it.

use std::collections::{BTreeMap, BTreeSet};

use stormglass_engine::contract::{
    Address, Effect, Entropy, Frame, Input, Label, NetworkId, Outbox, Packet,
};
use stormglass_engine::payload::Payload;
use stormglass_engine::time::{Duration, Instant};
use stormglass_engine::vocabulary::*;
use stormglass_engine::wire::client::{decode_request, encode_reply};
use stormglass_engine::wire::{ClientReply, ClientRequest, CommandFrame};

use super::draw::below;
use super::provenance::mix;
use super::*;

pub(crate) const NETWORK: NetworkId = NetworkId::new(0);
pub(crate) const NODE: Address = Address::new(1);
pub(crate) const OTHER: Address = Address::new(2);
const STATUS_LIMIT: Duration = Duration::from_secs(6);

pub(crate) fn identity(client: u32, commands: u64, outstanding: u32, mix: Mix) -> ClientIdentity {
    ClientIdentity {
        client: ClientId::new(client),
        volume: VolumeId::new(1),
        network: NETWORK,
        nodes: [NODE, OTHER],
        other_site: None,
        workload: Workload {
            commands,
            outstanding,
            blocks: Range::new(BlockIndex::new(4), 6).unwrap(),
            command_blocks_min: 1,
            command_blocks_max: 3,
            mix,
            think: Duration::from_millis(1),
            start: Duration::from_millis(5),
            listed: None,
        },
        timers: ClientTimers::default(),
        window: 64,
        seed: 7,
    }
}

/// One kind of command only.
pub(crate) fn only(kind: CommandKind) -> Mix {
    let weight = |which| u32::from(which == kind);
    Mix {
        read: weight(CommandKind::Read),
        write: weight(CommandKind::Write),
        write_zeroes: weight(CommandKind::WriteZeroes),
        compare_and_write: weight(CommandKind::CompareAndWrite),
        flush: weight(CommandKind::Flush),
    }
}

pub(crate) fn packet_of(label: Label, frame: Frame) -> Input<()> {
    Input::Packet(Packet {
        network: NETWORK,
        from: NODE,
        label,
        frame,
    })
}

/// What the fake cluster does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// Every so many-th mutation is acknowledged and not performed.
    LosesWrites(u64),
    /// Every so many-th read is served from before the last mutation.
    ReadsStale(u64),
    /// Retries without a record execute nothing and say success.
    ForgetsOutcomes,
    /// Every so many-th write stores its first half only.
    TearsWrites(u64),
}

/// A node that performs each command at once and remembers every outcome.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) incarnation: u64,
    blocks: BTreeMap<BlockIndex, Payload>,
    before: BTreeMap<BlockIndex, Payload>,
    results: BTreeMap<CommandId, Status>,
    performed: u64,
    flaw: Flaw,
}

impl Node {
    pub(crate) fn new(flaw: Flaw) -> Self {
        let (blocks, before, results) = Default::default();
        Node {
            incarnation: 1,
            blocks,
            before,
            results,
            performed: 0,
            flaw,
        }
    }

    pub(crate) fn value(&self, block: BlockIndex) -> BlockValue {
        provenance::read(block, &Self::get(&self.blocks, block))
    }

    fn get(blocks: &BTreeMap<BlockIndex, Payload>, block: BlockIndex) -> Payload {
        blocks
            .get(&block)
            .cloned()
            .unwrap_or_else(|| vec![0; BLOCK_BYTES].into())
    }

    fn content(blocks: &BTreeMap<BlockIndex, Payload>, range: Range) -> Payload {
        let blocks = range.blocks().map(|block| Self::get(blocks, block));
        let bytes: Vec<u8> = blocks.flat_map(|block| block.to_vec()).collect();
        bytes.into()
    }

    pub(crate) fn answer(&mut self, now: Instant, request: ClientRequest) -> ClientReply {
        let ticket = Ticket {
            incarnation: self.incarnation,
            issued: now,
        };
        match request {
            ClientRequest::Connect {
                client, attempt, ..
            } => ClientReply::Connected {
                client,
                attempt,
                ticket,
            },
            ClientRequest::Command(frame) => ClientReply::Answer {
                id: frame.id,
                attempt: frame.attempt,
                ticket,
                status: self.status(now, frame),
            },
        }
    }

    fn status(&mut self, now: Instant, frame: CommandFrame) -> Status {
        if let Some(known) = self.results.get(&frame.id) {
            return known.clone();
        }
        let is_fresh = frame.ticket.incarnation == self.incarnation
            && now.since(frame.ticket.issued) < STATUS_LIMIT;
        if !is_fresh && frame.command != Command::Retry {
            return Status::Unknown(UnknownReason::StaleTicket);
        }
        let status = self.perform(&frame.command);
        if frame.command.is_mutation() || frame.command == Command::Retry {
            self.results.insert(frame.id, status.clone());
        }
        status
    }

    fn is_nth(&self, every: u64) -> bool {
        self.performed.is_multiple_of(every)
    }

    fn perform(&mut self, command: &Command) -> Status {
        self.performed += 1;
        match command {
            Command::Read(range) => {
                let is_stale = matches!(self.flaw, Flaw::ReadsStale(every) if self.is_nth(every));
                let source = if is_stale { &self.before } else { &self.blocks };
                Status::Success(Some(Self::content(source, *range)))
            }
            Command::Write(range, data) => self.write(*range, data),
            Command::WriteZeroes(range) => self.write(*range, &vec![0; range.byte_count()]),
            Command::CompareAndWrite {
                range,
                expected,
                data,
            } => match Self::content(&self.blocks, *range) == *expected {
                true => self.write(*range, data),
                false => Status::Mismatch,
            },
            Command::Flush => Status::Success(None),
            Command::Retry if self.flaw == Flaw::ForgetsOutcomes => Status::Success(None),
            Command::Retry => Status::Refused(RefusedReason::NotPerformed),
        }
    }

    fn write(&mut self, range: Range, data: &[u8]) -> Status {
        self.before = self.blocks.clone();
        if matches!(self.flaw, Flaw::LosesWrites(every) if self.is_nth(every)) {
            return Status::Success(None);
        }
        let is_torn = matches!(self.flaw, Flaw::TearsWrites(every) if self.is_nth(every));
        for (block, part) in range.blocks().zip(data.chunks_exact(BLOCK_BYTES)) {
            let old = Self::get(&self.blocks, block);
            let new = match is_torn {
                true => [&part[..BLOCK_BYTES / 2], &old[BLOCK_BYTES / 2..]].concat(),
                false => part.to_vec(),
            };
            self.blocks.insert(block, new.into());
        }
        Status::Success(None)
    }
}

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    pub(crate) seed: u64,
    /// Messages lost, of a thousand.
    pub(crate) loss: u64,
    /// Messages that arrive twice, of a thousand.
    pub(crate) duplicates: u64,
    /// Longest way in milliseconds.
    pub(crate) delay_max: u64,
    /// The node starts anew, with all its results, every so many milliseconds.
    pub(crate) restart: u64,
}

/// Everything that happened, in order: when, and what.
pub(crate) type History = Vec<(Instant, ClientEvent)>;

/// A run's end.
pub(crate) struct Ended {
    pub(crate) clients: Vec<Client>,
    pub(crate) node: Node,
    pub(crate) history: History,
}

/// A message on its way between a client, by its place, and the node.
struct Way {
    who: usize,
    label: Label,
    frame: Frame,
    to: Side,
}

#[derive(Clone, Copy)]
enum Side {
    Node,
    Client,
}

/// The loop's state.
struct Stage {
    now: Instant,
    weather: Weather,
    clients: Vec<Client>,
    node: Node,
    ways: BTreeMap<(Instant, u64), Way>,
    sent: u64,
    labels: BTreeSet<(usize, Label)>,
    history: History,
}

/// Runs clients to their end; panics if that takes more than an hour, or if two
/// transmissions share a label.
pub(crate) fn run(identities: &[ClientIdentity], flaw: Flaw, weather: Weather) -> Ended {
    let mut stage = Stage {
        now: Instant::from_nanos(0),
        weather,
        clients: Vec::new(),
        node: Node::new(flaw),
        ways: BTreeMap::new(),
        sent: 0,
        labels: BTreeSet::new(),
        history: History::new(),
    };
    for (who, identity) in identities.iter().enumerate() {
        let mut out = Outbox::default();
        let entropy = Entropy::new(who as u64);
        stage
            .clients
            .push(Client::boot(identity, entropy, stage.now, &mut out));
        stage.carry_out(who, out);
    }
    while !stage.clients.iter().all(Client::is_done) {
        assert!(
            stage.now < Instant::from_nanos(3_600_000_000_000),
            "no end after an hour"
        );
        stage.step();
    }
    Ended {
        clients: stage.clients,
        node: stage.node,
        history: stage.history,
    }
}

impl Stage {
    fn step(&mut self) {
        let clients = self.clients.iter().enumerate();
        let deadlines = clients.filter_map(|(who, client)| Some((client.next_deadline()?, who)));
        let arrival = self.ways.keys().next().map(|(at, _)| *at);
        let next = deadlines
            .min()
            .filter(|(at, _)| arrival.is_none_or(|other| *at <= other));
        if let Some((at, who)) = next {
            self.now = self.now.max(at);
            self.handle(who, Input::Deadline);
            let deadline = self.clients[who].next_deadline();
            assert!(
                deadline.is_none_or(|next| next > self.now),
                "a deadline spins"
            );
            return;
        }
        let ((at, _), way) = self.ways.pop_first().expect("somebody waits for something");
        self.now = at;
        match way.to {
            Side::Client => self.handle(way.who, packet_of(way.label, way.frame)),
            Side::Node => {
                self.node.incarnation = 1 + at.as_nanos() / 1_000_000 / self.weather.restart;
                let request = decode_request(&way.frame).expect("well-formed");
                let frame = encode_reply(&self.node.answer(at, request));
                self.post(Way {
                    frame,
                    to: Side::Client,
                    ..way
                });
            }
        }
    }

    fn handle(&mut self, who: usize, input: Input<()>) {
        let mut out = Outbox::default();
        self.clients[who].handle(self.now, input, &mut out);
        self.carry_out(who, out);
    }

    fn carry_out(&mut self, who: usize, mut out: Outbox<(), ClientEvent>) {
        for effect in out.drain() {
            match effect {
                Effect::Send { label, frame, .. } => {
                    assert!(self.labels.insert((who, label)), "{label:?} was sent twice");
                    self.post(Way {
                        who,
                        label,
                        frame,
                        to: Side::Node,
                    });
                }
                Effect::Trace(event) => self.history.push((self.now, event)),
                other => panic!("a client has no business with {other:?}"),
            }
        }
    }

    /// Loses, doubles and delays.
    fn post(&mut self, way: Way) {
        self.sent += 1;
        let Weather {
            seed,
            loss,
            duplicates,
            delay_max,
            ..
        } = self.weather;
        let bits = |purpose| mix(mix(seed, self.sent), purpose);
        if below(bits(1), 1_000) < loss {
            return;
        }
        let copies = if below(bits(2), 1_000) < duplicates {
            2
        } else {
            1
        };
        for copy in 0..copies {
            let delay = 100_000 + below(bits(3 + copy), delay_max * 1_000_000);
            let at = self.now.after(Duration::from_nanos(delay));
            let Way {
                who,
                label,
                ref frame,
                to,
            } = way;
            let way = Way {
                who,
                label,
                frame: frame.clone(),
                to,
            };
            self.ways.insert((at, self.sent * 2 + copy), way);
        }
    }
}

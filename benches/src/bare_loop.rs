//! The limit: the same workload in an event loop that has nothing but what it
//! cannot do without. Boxed nodes, an output buffer, a bucket wheel, keyed
//! randomness, timers that are looked at only when they ring.
//!
//! Beside it, by its parameters, the same with all that the kernel does: fates
//! drawn and a trace hash (`CHECKED`), CPU time (`CPU`: two events a message) and
//! an event for each write (`DEVICE`).

use bytes::Bytes;
use std::collections::VecDeque;
use stormglass_engine::contract::PAGE_BYTES;
use stormglass_sim::random::{Draw, Seed};
use stormglass_sim::trace::Rolling;
use xxhash_rust::xxh3::xxh3_64;

use crate::workload::{
    CPU_TIME, Fate, LATENCY, MESSAGE_BYTES, PAGES, TIMEOUT, WRITE_LATENCY, Workload, fate,
};

/// A message on its way.
#[derive(Clone, Copy)]
struct Message {
    from: u32,
    to: u32,
    id: u64,
    lane: u16,
    attempt: u16,
    is_ping: bool,
    bytes: [u8; MESSAGE_BYTES],
    /// Of the bytes, where a trace hash is kept.
    hash: u64,
}

impl Message {
    fn identity(&self) -> [u64; 4] {
        let ends = u64::from(self.from) << 32 | u64::from(self.to);
        let place = u64::from(self.lane) << 32 | u64::from(self.attempt);
        [ends, place, u64::from(self.is_ping), self.id]
    }
}

/// What comes at its time.
#[derive(Clone, Copy)]
enum Due {
    Arrive(u32),
    Serve(u32),
    Execute(u32),
    Wake(u32),
}

struct Node {
    peer: u32,
    ids: Vec<u64>,
    deadline: u64,
    armed: u64,
    inbox: VecDeque<Message>,
    disk: Vec<Option<Bytes>>,
    page: Bytes,
    writes: u64,
}

impl Node {
    /// The whole protocol: answers, or sends the next one.
    #[inline]
    fn handle(&mut self, now: u64, message: &Message, out: &mut Vec<Message>) {
        self.deadline = now + TIMEOUT.as_nanos();
        let mut answer = Message {
            from: message.to,
            to: self.peer,
            is_ping: !message.is_ping,
            ..*message
        };
        if !message.is_ping {
            let id = &mut self.ids[usize::from(message.lane)];
            if *id != message.id {
                return;
            }
            *id += 1;
            answer.id = *id;
            answer.attempt = 0;
        }
        out.push(answer);
    }
}

/// The loop.
pub struct BareLoop<const CHECKED: bool, const CPU: bool, const DEVICE: bool> {
    now: u64,
    sequence: u64,
    messages: u64,
    wheel: Wheel,
    slab: Vec<Message>,
    free: Vec<u32>,
    #[expect(
        clippy::vec_box,
        reason = "nodes of a real program are large and live on the heap each"
    )]
    nodes: Vec<Box<Node>>,
    out: Vec<Message>,
    latency: Draw,
    faults: Draw,
    writes: Draw,
    hashes: Vec<Rolling>,
    run_hash: Rolling,
    network_hash: Rolling,
}

impl<const CHECKED: bool, const CPU: bool, const DEVICE: bool> BareLoop<CHECKED, CPU, DEVICE> {
    /// All nodes there, the first messages on their way.
    pub fn new(workload: Workload) -> Self {
        let nodes: Vec<_> = (0..workload.pairs * 2)
            .map(|id| Box::new(node(id, workload)))
            .collect();
        let mut this = BareLoop {
            now: 0,
            sequence: 0,
            messages: 0,
            wheel: Wheel::new(),
            slab: Vec::new(),
            free: Vec::new(),
            hashes: vec![Rolling::START; nodes.len()],
            nodes,
            out: Vec::new(),
            latency: Seed(1).draw(0, "latency"),
            faults: Seed(1).draw(0, "faults"),
            writes: Seed(1).draw(0, "writes"),
            run_hash: Rolling::START,
            network_hash: Rolling::START,
        };
        for id in (0..workload.pairs * 2).step_by(2) {
            for lane in 0..workload.in_flight {
                this.out.push(first(id, lane));
            }
            this.flush();
        }
        for id in 0..workload.pairs * 2 {
            this.arm(id);
        }
        this
    }

    /// Runs on for that many messages.
    pub fn run(&mut self, messages: u64) {
        let until = self.messages + messages;
        while self.messages < until {
            let (at, due) = self.wheel.pop();
            self.now = at;
            match due {
                Due::Arrive(key) => self.arrive(key),
                Due::Serve(node) => self.serve(node),
                Due::Execute(key) => self.execute(key),
                Due::Wake(node) => self.wake(node),
            }
        }
    }

    /// The trace hash, so that nothing is optimised away.
    pub fn trace_hash(&self) -> u64 {
        self.run_hash.value() ^ self.network_hash.value() ^ self.now
    }

    #[inline]
    fn arrive(&mut self, key: u32) {
        let message = self.slab[key as usize];
        let node = &mut self.nodes[message.to as usize];
        if CPU {
            self.free.push(key);
            node.inbox.push_back(message);
            if node.inbox.len() == 1 {
                self.schedule(self.now + CPU_TIME.as_nanos(), Due::Serve(message.to));
            }
        } else if DEVICE && message.is_ping {
            node.writes += 1;
            let identity = [u64::from(message.to), node.writes, 0, 0];
            let span = WRITE_LATENCY.span(self.writes.at(&identity)).as_nanos();
            if CHECKED {
                self.hashes[message.to as usize].fold(node.writes);
            }
            self.schedule(self.now + span, Due::Execute(key));
        } else {
            self.free.push(key);
            self.handle(&message);
        }
    }

    fn serve(&mut self, id: u32) {
        let node = &mut self.nodes[id as usize];
        let message = node.inbox.pop_front().expect("a message to serve");
        if !node.inbox.is_empty() {
            self.schedule(self.now + CPU_TIME.as_nanos(), Due::Serve(id));
        }
        self.handle(&message);
    }

    fn execute(&mut self, key: u32) {
        let message = self.slab[key as usize];
        self.free.push(key);
        let node = &mut self.nodes[message.to as usize];
        let page = usize::try_from(message.id % PAGES).expect("a page");
        node.disk[page] = Some(node.page.clone());
        if CHECKED {
            self.hashes[message.to as usize].fold(self.now);
        }
        self.handle(&message);
    }

    #[inline]
    fn handle(&mut self, message: &Message) {
        let id = message.to;
        if CHECKED {
            let hash = &mut self.hashes[id as usize];
            hash.fold_pair(self.now, message.hash);
            fold_label(hash, message);
        }
        self.nodes[id as usize].handle(self.now, message, &mut self.out);
        self.arm(id);
        self.flush();
        if CHECKED {
            let hash = self.hashes[id as usize].value();
            self.run_hash.fold_pair(self.now, hash);
        }
    }

    /// A timer rings: mostly only to be set anew, for messages came meanwhile.
    fn wake(&mut self, id: u32) {
        let node = &mut self.nodes[id as usize];
        if node.armed != self.now {
            return;
        }
        node.armed = u64::MAX;
        if node.deadline <= self.now {
            node.deadline = self.now + TIMEOUT.as_nanos();
        }
        self.arm(id);
    }

    #[inline]
    fn arm(&mut self, id: u32) {
        let node = &mut self.nodes[id as usize];
        if node.deadline < node.armed {
            node.armed = node.deadline;
            let at = node.deadline;
            self.schedule(at, Due::Wake(id));
        }
    }

    /// Sends what the output buffer holds.
    #[inline]
    fn flush(&mut self) {
        while let Some(mut message) = self.out.pop() {
            self.messages += 1;
            let identity = message.identity();
            if CHECKED {
                message.hash = xxh3_64(&message.bytes);
                let hash = &mut self.hashes[message.from as usize];
                fold_label(hash, &message);
                hash.fold_pair(message.hash, u64::from(message.to));
                if fate(self.faults, &identity) == Fate::Lost {
                    continue;
                }
            }
            let span = LATENCY.span(self.latency.at(&identity)).as_nanos();
            if CHECKED {
                self.network_hash.fold_pair(self.now + span, message.hash);
            }
            let key = match self.free.pop() {
                Some(key) => {
                    self.slab[key as usize] = message;
                    key
                }
                None => {
                    self.slab.push(message);
                    u32::try_from(self.slab.len() - 1).expect("few messages")
                }
            };
            self.schedule(self.now + span, Due::Arrive(key));
        }
    }

    #[inline]
    fn schedule(&mut self, at: u64, due: Due) {
        self.sequence += 1;
        self.wheel.push(at, self.sequence, due);
    }
}

fn node(id: u32, workload: Workload) -> Node {
    Node {
        peer: id ^ 1,
        ids: vec![0; usize::from(workload.in_flight)],
        deadline: TIMEOUT.as_nanos(),
        armed: u64::MAX,
        inbox: VecDeque::new(),
        disk: vec![None; usize::try_from(PAGES).expect("few pages")],
        page: Bytes::from(vec![1; PAGE_BYTES]),
        writes: 0,
    }
}

fn first(from: u32, lane: u16) -> Message {
    Message {
        from,
        to: from ^ 1,
        id: 0,
        lane,
        attempt: 0,
        is_ping: true,
        bytes: [7; MESSAGE_BYTES],
        hash: 0,
    }
}

#[inline]
fn fold_label(hash: &mut Rolling, message: &Message) {
    let place = u64::from(message.lane) << 32 | u64::from(message.attempt);
    hash.fold_pair(place, message.id);
}

const BUCKETS: usize = 1024;
const BUCKET_SHIFT: u32 = 13;

/// A bucket wheel for events less than 8 ms ahead.
struct Wheel {
    buckets: Vec<Vec<Event>>,
    occupied: [u64; BUCKETS / 64],
    current: u64,
    /// The current bucket's events, the latest first.
    open: Vec<Event>,
}

type Event = (u64, u64, Due);

impl Wheel {
    fn new() -> Self {
        Wheel {
            buckets: vec![Vec::new(); BUCKETS],
            occupied: [0; BUCKETS / 64],
            current: 0,
            open: Vec::new(),
        }
    }

    #[inline]
    fn push(&mut self, at: u64, sequence: u64, due: Due) {
        let bucket = at >> BUCKET_SHIFT;
        if bucket <= self.current {
            let key = (at, sequence);
            let place = self.open.iter().rposition(|it| (it.0, it.1) > key);
            let place = place.map_or(0, |before| before + 1);
            self.open.insert(place, (at, sequence, due));
        } else {
            debug_assert!(bucket - self.current < BUCKETS as u64, "too far ahead");
            let place = bucket as usize % BUCKETS;
            self.buckets[place].push((at, sequence, due));
            self.occupied[place / 64] |= 1 << (place % 64);
        }
    }

    #[inline]
    fn pop(&mut self) -> (u64, Due) {
        if self.open.is_empty() {
            self.turn();
        }
        let (at, _, due) = self.open.pop().expect("the game goes on for ever");
        (at, due)
    }

    fn turn(&mut self) {
        let first = (self.current + 1) as usize % BUCKETS;
        let (mut word, mut bits) = (first / 64, self.occupied[first / 64] >> (first % 64));
        let mut distance = 1;
        if bits == 0 {
            distance += 64 - first as u64 % 64;
            word = (word + 1) % self.occupied.len();
            bits = self.occupied[word];
            while bits == 0 {
                distance += 64;
                word = (word + 1) % self.occupied.len();
                bits = self.occupied[word];
            }
        }
        self.current += distance + u64::from(bits.trailing_zeros());
        let place = self.current as usize % BUCKETS;
        self.occupied[place / 64] &= !(1 << (place % 64));
        std::mem::swap(&mut self.open, &mut self.buckets[place]);
        if self.open.len() > 1 {
            self.open
                .sort_unstable_by_key(|it| std::cmp::Reverse((it.0, it.1)));
        }
    }
}

//! One block as a register of unique values, judged after Gibbons and Korach
//! ("Testing Shared Memories", SIAM J. Computing 26(4), 1997, section 4).
//!
//! Everything that concerns one value, its write and its reads, is a *cluster*,
//! and has to happen in one piece: between two reads of a value nothing else can
//! be written, for no value is written twice. What that piece must cover is its
//! zone (see [`zones`](super::zones)), and two zones may only overlap where one
//! of them may move.
//!
//! A compare-and-write that succeeded ties the cluster of what it expected to
//! the cluster of what it wrote: nothing can lie between them. The clusters so
//! tied form a *chain*, which is judged as one larger cluster with an order
//! inside. A zone of a chain covers all of it, and the order inside can be kept
//! if no operation ended before one that must precede it began. Both together
//! are sufficient as well: each operation takes the latest invocation among
//! those up to it, or the zone's beginning.

use std::collections::{BTreeMap, BTreeSet};

use stormglass_engine::vocabulary::{BlockIndex, CommandId};

use super::NEVER;
use super::zones::{Interval, Zone, conflicts};
use crate::workload::BlockValue;

/// A successful read of a whole value.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) id: CommandId,
    pub(super) during: Interval,
    pub(super) value: BlockValue,
}

/// A write that took effect or may have.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) id: CommandId,
    pub(super) during: Interval,
    pub(super) is_acknowledged: bool,
    /// What a compare must have found.
    pub(super) expected: Option<BlockValue>,
}

/// A compare that failed.
#[derive(Clone, Debug)]
pub(super) struct Compare {
    pub(super) id: CommandId,
    pub(super) during: Interval,
    pub(super) expected: BlockValue,
}

/// All that concerns one block.
#[derive(Clone, Default, Debug)]
pub(super) struct Register {
    pub(super) reads: Vec<Read>,
    /// Writes of unique values, by rising id.
    pub(super) writes: Vec<Write>,
    /// Writes of zeroes.
    pub(super) zeroes: Vec<Write>,
    pub(super) mismatches: Vec<Compare>,
    /// Mutations without effect, and when they were invoked.
    pub(super) failed: BTreeMap<CommandId, u64>,
}

/// What cannot be, and the events that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) says: String,
    pub(super) events: Vec<u64>,
}

/// What was found out about one block.
#[derive(Default, Debug)]
pub(super) struct Judgement {
    pub(super) violations: Vec<Violation>,
    /// Failed compares for which this block certainly held what they expected.
    pub(super) certain_matches: Vec<CommandId>,
    pub(super) checks: u64,
}

/// A write and what depends on it.
#[derive(Debug)]
struct Cluster<'a> {
    /// None for the initial zeroes.
    write: Option<&'a Write>,
    reads: Vec<Interval>,
    /// Compares that replaced it.
    successors: Vec<&'a Write>,
}

impl Cluster<'_> {
    fn new<'a>(write: Option<&'a Write>) -> Cluster<'a> {
        Cluster {
            write,
            reads: Vec::new(),
            successors: Vec::new(),
        }
    }
    /// The write's interval; the initial value was written before all events.
    fn written(&self) -> Option<Interval> {
        self.write.map(|write| write.during)
    }
    /// Everything during which the block holds the value at some instant. The
    /// compares that replaced it read it too.
    fn zone(&self) -> Zone {
        let readers = self.reads.iter().copied();
        let replaced = self.successors.iter().map(|write| write.during);
        Zone::covering(self.written(), readers.chain(replaced))
    }
}

impl Register {
    /// True if every write of this value, the initial one included, had its
    /// effect before the event. False for a value that nobody wrote here.
    pub(super) fn is_settled_before(&self, value: BlockValue, event: u64) -> bool {
        match value {
            BlockValue::Written { command } => {
                let place = self.writes.binary_search_by_key(&command, |write| write.id);
                place.is_ok_and(|place| self.writes[place].during.responded < event)
            }
            BlockValue::Zero => self
                .zeroes
                .iter()
                .all(|write| write.during.responded < event),
            BlockValue::Torn | BlockValue::Foreign { .. } | BlockValue::Garbage => false,
        }
    }

    /// True if a judgement without a violation is a proof that there is none.
    pub(super) fn is_exact(&self) -> bool {
        self.zeroes.is_empty() && self.mismatches.is_empty()
    }

    /// Judges the block.
    pub(super) fn judge(&self, block: BlockIndex) -> Judgement {
        let mut judge = Judge::new(block.value(), self);
        judge.collect();
        judge.judge_zones();
        judge.judge_zeroes();
        judge.judge_mismatches();
        judge.judgement
    }

    /// True if zeroes have no writer but the beginning.
    fn are_zeroes_unique(&self) -> bool {
        self.zeroes.is_empty()
    }
}

struct Judge<'a> {
    block: u64,
    register: &'a Register,
    /// Writes of unique values that took effect or may have.
    writes: BTreeMap<BlockValue, &'a Write>,
    /// By value.
    clusters: BTreeMap<BlockValue, Cluster<'a>>,
    /// Readings of zeroes where these are not unique.
    zero_readings: Vec<Interval>,
    judgement: Judgement,
}

impl<'a> Judge<'a> {
    fn new(block: u64, register: &'a Register) -> Self {
        let values = register
            .writes
            .iter()
            .map(|write| (BlockValue::written(write.id), write));
        let mut clusters = BTreeMap::new();
        if register.are_zeroes_unique() {
            clusters.insert(BlockValue::Zero, Cluster::new(None));
        }
        Judge {
            block,
            register,
            writes: values.collect(),
            clusters,
            zero_readings: Vec::new(),
            judgement: Judgement::default(),
        }
    }

    fn say(&mut self, says: String, events: Vec<u64>) {
        let says = format!("block {}: {says}", self.block);
        let events = events.into_iter().filter(|event| *event != NEVER).collect();
        self.judgement.violations.push(Violation { says, events });
    }

    /// Gives each reading to the write of its value. A write that may have had
    /// no effect, and that nobody saw, is left out.
    fn collect(&mut self) {
        let register = self.register;
        let mut in_effect: BTreeSet<BlockValue> = BTreeSet::new();
        let mut unjudged: Vec<&Write> = Vec::new();
        for read in &register.reads {
            self.judgement.checks += 1;
            if !self.is_explained(read.id, read.value, read.during) {
                continue;
            }
            match self.cluster(read.value) {
                Some(cluster) => cluster.reads.push(read.during),
                None => self.zero_readings.push(read.during),
            }
            let write = self.writes.get(&read.value);
            unjudged.extend(write.filter(|_| in_effect.insert(read.value)));
        }
        for write in register.writes.iter().filter(|write| write.is_acknowledged) {
            let is_new = in_effect.insert(BlockValue::written(write.id));
            unjudged.extend(is_new.then_some(write));
        }
        // A compare that had its effect saw what it expected, so the write of
        // that had its effect, too.
        while let Some(write) = unjudged.pop() {
            self.judgement.checks += 1;
            self.cluster(BlockValue::written(write.id));
            let Some(expected) = write.expected else {
                continue;
            };
            if !self.is_explained(write.id, expected, write.during) {
                continue;
            }
            match self.cluster(expected) {
                Some(cluster) => cluster.successors.push(write),
                None => self.zero_readings.push(write.during),
            }
            let write = self.writes.get(&expected);
            unjudged.extend(write.filter(|_| in_effect.insert(expected)));
        }
    }

    /// The value's cluster; none for zeroes that are not unique.
    fn cluster(&mut self, value: BlockValue) -> Option<&mut Cluster<'a>> {
        if value == BlockValue::Zero && !self.register.are_zeroes_unique() {
            return None;
        }
        let write = self.writes.get(&value).copied();
        Some(
            self.clusters
                .entry(value)
                .or_insert_with(|| Cluster::new(write)),
        )
    }

    /// False if no write accounts for a reading, which is said here.
    fn is_explained(&mut self, reader: CommandId, value: BlockValue, during: Interval) -> bool {
        let BlockValue::Written { command } = value else {
            return value == BlockValue::Zero;
        };
        let mut events = vec![during.invoked, during.responded];
        let problem = if let Some(invoked) = self.register.failed.get(&command) {
            events.push(*invoked);
            "which definitely had no effect"
        } else {
            match self.writes.get(&value) {
                None => "which nobody wrote",
                Some(write) if during.responded < write.during.invoked => {
                    events.push(write.during.invoked);
                    "which was written later"
                }
                Some(_) => return true,
            }
        };
        self.say(format!("{reader} saw {value}, {problem}"), events);
        false
    }

    /// Judges the zones of all chains against each other.
    fn judge_zones(&mut self) {
        let mut zones = Vec::new();
        let mut judged = BTreeSet::new();
        let roots: Vec<_> = self
            .clusters
            .keys()
            .copied()
            .filter(|value| !self.is_successor(*value))
            .collect();
        for root in roots {
            let chain = self.chain(root);
            self.judge_order(&chain);
            let own = chain
                .iter()
                .filter_map(|value| self.clusters.get(value))
                .map(Cluster::zone);
            zones.extend(own.reduce(Zone::joined).map(|zone| (root, zone)));
            judged.extend(chain);
        }
        let circular: Vec<_> = self
            .clusters
            .keys()
            .copied()
            .filter(|value| !judged.contains(value))
            .collect();
        for value in circular {
            let write = self.writes.get(&value);
            let events = write
                .map(|write| write.during.invoked)
                .into_iter()
                .collect();
            self.say(format!("{value} replaced what only came of it"), events);
        }
        zones.extend(self.fleeting().map(|zone| (BlockValue::Zero, zone)));
        self.judgement.checks += zones.len() as u64;
        for (one, other, events) in conflicts(zones) {
            self.say(format!("{other} stood there while {one} did"), events);
        }
    }

    /// True if the value is the first to replace another one by a compare.
    fn is_successor(&self, value: BlockValue) -> bool {
        let write = self.writes.get(&value);
        let expected = write.and_then(|write| write.expected);
        let before = expected.and_then(|expected| self.clusters.get(&expected));
        let next = before.and_then(|before| before.successors.first());
        next.is_some_and(|next| BlockValue::written(next.id) == value)
    }

    /// The value, what a compare replaced it by, and so on.
    fn chain(&self, root: BlockValue) -> Vec<BlockValue> {
        let next = |value: &BlockValue| {
            let successor = self.clusters.get(value)?.successors.first()?;
            Some(BlockValue::written(successor.id))
        };
        std::iter::successors(Some(root), next).collect()
    }

    /// Judges the order inside a chain: each write, then what read it, then the
    /// compare that replaced it.
    fn judge_order(&mut self, chain: &[BlockValue]) {
        let mut problems = Vec::new();
        let mut latest = 0;
        for value in chain {
            let Some(cluster) = self.clusters.get(value) else {
                continue;
            };
            let written: Vec<_> = cluster.written().into_iter().collect();
            for step in [&written, &cluster.reads] {
                if let Some(early) = step.iter().find(|operation| operation.responded < latest) {
                    let says = format!("{value} was over before what it came of");
                    problems.push((says, vec![early.invoked, early.responded, latest]));
                }
                latest = step
                    .iter()
                    .map(|operation| operation.invoked)
                    .fold(latest, u64::max);
            }
            if let [first, second, ..] = cluster.successors[..] {
                let says = format!("{} and {} both replaced {value}", first.id, second.id);
                let (first, second) = (first.during, second.during);
                let events = [
                    first.invoked,
                    first.responded,
                    second.invoked,
                    second.responded,
                ];
                problems.push((says, events.to_vec()));
            }
        }
        for (says, events) in problems {
            self.say(says, events);
        }
    }

    /// Zeroes that stood there at some instant, each for itself.
    fn fleeting(&self) -> impl Iterator<Item = Zone> {
        let zeroes = self.register.zeroes.iter();
        let written = zeroes
            .filter(|write| write.is_acknowledged)
            .map(|write| write.during);
        let read = self.zero_readings.iter().copied();
        written
            .chain(read)
            .map(|during| Zone::covering(Some(during), []))
    }

    /// A reading of zeroes, where many wrote them, needs one that may have come
    /// after everything that the block had certainly held before.
    fn judge_zeroes(&mut self) {
        // Values by the event by which they had certainly been there, each with
        // the latest event from which they must still have been there.
        let mut held: Vec<_> = self
            .clusters
            .values()
            .filter(|cluster| cluster.write.is_some())
            .map(|cluster| cluster.zone())
            .map(|zone| (zone.first_response(), zone.last_invocation()))
            .collect();
        held.sort_unstable();
        prefix_max(&mut held);
        let mut zeroed: Vec<_> = self
            .register
            .zeroes
            .iter()
            .map(|write| (write.during.invoked, write.during.responded))
            .collect();
        zeroed.sort_unstable();
        prefix_max(&mut zeroed);

        let before = |list: &[(u64, u64)], when: u64| {
            let place = list.partition_point(|(key, _)| *key < when);
            place.checked_sub(1).map(|place| list[place].1)
        };
        for reading in std::mem::take(&mut self.zero_readings) {
            let Some(overwritten) = before(&held, reading.invoked) else {
                continue;
            };
            let latest = before(&zeroed, reading.responded);
            if latest.is_none_or(|latest| latest < overwritten) {
                let says = "zeroes were read which had been overwritten".to_owned();
                self.say(says, vec![overwritten, reading.invoked, reading.responded]);
            }
        }
    }

    /// Finds the failed compares for which the block certainly held, all the
    /// while, what they expected.
    fn judge_mismatches(&mut self) {
        let writes = self.register.writes.iter();
        let first_write = writes
            .map(|write| write.during.invoked)
            .min()
            .unwrap_or(NEVER);
        for compare in &self.register.mismatches {
            self.judgement.checks += 1;
            let Interval { invoked, responded } = compare.during;
            let is_untouched = compare.expected == BlockValue::Zero && responded < first_write;
            let zone = self.clusters.get(&compare.expected).map(Cluster::zone);
            if is_untouched || zone.is_some_and(|zone| zone.certainly_covers(invoked, responded)) {
                self.judgement.certain_matches.push(compare.id);
            }
        }
    }
}

/// Replaces each second by the largest up to it.
fn prefix_max(pairs: &mut [(u64, u64)]) {
    let mut largest = 0;
    for (_, value) in pairs {
        largest = largest.max(*value);
        *value = largest;
    }
}

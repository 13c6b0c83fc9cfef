//! The tracker against enumeration: on random small histories, legal and illegal
//! ones, after every step, its values, marks, bits and standings are exactly those of all power
//! losses that the devices themselves allow, each read back by [`super::naive`];
//! and O5 speaks exactly when one of them breaks it.
//!
//! Left out on purpose: sectors of a torn record or checkpoint, which their
//! checksums turn into a missing one, and sectors of a torn data page, which no
//! header proves and which add nothing to what a page of two versions may do
//! already. A forced write of a record is whole or absent; a forced write of data
//! is torn at will, page by page. Histories keep three rules that the tracker
//! reports at once if they are broken: no write over a record that is needed, none
//! over the newest checkpoint, and no checkpoint of a record that may be missing.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use stormglass_engine::contract::{IoRequest, PageIndex, Persistence, Submission};
use stormglass_engine::storage_set::format::{BlockHeader, encode_block_header};
use stormglass_engine::storage_set::layout::{BLOCK_HEADER_BYTES, CheckpointSlot, Geometry};
use stormglass_engine::storage_set::record::{Entry, Mode};
use stormglass_engine::storage_set::tables::Consistency;
use stormglass_engine::vocabulary::{BlockIndex, Content, Outcome, Range, SequenceId};
use stormglass_sim::device::{CommandFate, CommandNumber, Device, PageFate, PowerLoss, Submitter};

use super::super::Standing;
use super::super::value::{Candidates, Value};
use super::naive;
use super::rig::{self, Drive, GEOMETRY, MIRROR, OWNER, Rig, at, bytes_of, content, range};
use crate::oracle::OracleId;

/// Blocks on two header pages.
const BLOCKS: [u64; 5] = [0, 1, 2, 128, 129];
/// Commands that a device queues before it has to execute one.
const QUEUED_MAX: usize = 7;
/// Outcomes of one device beyond which a history is not followed.
const OUTCOMES_MAX: usize = 3000;

/// Answers each question in every possible way, one run after the other.
#[derive(Default)]
struct Enumeration {
    digits: Vec<(usize, usize)>,
    at: usize,
}

impl Enumeration {
    fn choose(&mut self, of: usize) -> usize {
        if self.at == self.digits.len() {
            self.digits.push((0, of));
        }
        self.at += 1;
        self.digits[self.at - 1].0
    }

    fn next(&mut self) -> bool {
        self.at = 0;
        while let Some((digit, of)) = self.digits.pop() {
            if digit + 1 < of {
                self.digits.push((digit + 1, of));
                return true;
            }
        }
        false
    }
}

/// Which forced writes are torn page by page.
struct Loss<'a>(&'a mut Enumeration, Drive);

impl PowerLoss for Loss<'_> {
    fn command(&mut self, _: CommandNumber, _: Submitter, it: &Submission) -> CommandFate {
        match &it.request {
            IoRequest::Write {
                persistence: Persistence::Cached,
                ..
            } => CommandFate::Whole,
            IoRequest::Write { .. } if self.1 == Drive::Data => CommandFate::Torn,
            _ => [CommandFate::Absent, CommandFate::Whole][self.0.choose(2)],
        }
    }
    fn page(&mut self, _: PageIndex, versions: usize) -> PageFate {
        PageFate::Version(self.0.choose(versions))
    }
    fn sector(&mut self, _: PageIndex, _: usize, _: usize) -> usize {
        unreachable!("no page is torn")
    }
    fn executes(&mut self, _: CommandNumber, _: Submitter, _: &Submission) -> bool {
        self.0.choose(2) == 1
    }
}

/// Answers drawn from a few bits.
struct Drawn(u64);

impl Drawn {
    fn draw(&mut self, of: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(11);
        usize::try_from(self.0 >> 33).expect("31 bits") % of
    }
}

impl PowerLoss for Drawn {
    fn command(&mut self, _: CommandNumber, _: Submitter, _: &Submission) -> CommandFate {
        [CommandFate::Absent, CommandFate::Whole][self.draw(2)]
    }
    fn page(&mut self, _: PageIndex, versions: usize) -> PageFate {
        PageFate::Version(self.draw(versions))
    }
    fn sector(&mut self, _: PageIndex, _: usize, _: usize) -> usize {
        0
    }
    fn executes(&mut self, _: CommandNumber, _: Submitter, _: &Submission) -> bool {
        self.draw(2) == 1
    }
}

/// Every device that a power loss may leave; nothing if they are too many.
fn outcomes(device: &Device, drive: Drive) -> Option<Vec<Device>> {
    let mut enumeration = Enumeration::default();
    let mut outcomes = Vec::new();
    loop {
        let mut left = device.clone();
        left.lose_power(&mut Loss(&mut enumeration, drive));
        outcomes.push(left);
        if outcomes.len() > OUTCOMES_MAX {
            return None;
        }
        if !enumeration.next() {
            return Some(outcomes);
        }
    }
}

/// What all power losses leave of one copy.
struct Truth {
    values: Vec<BTreeSet<Value>>,
    marked: Vec<bool>,
    dirty: Vec<bool>,
    /// Marked or dirty.
    covered: Vec<bool>,
    standings: Vec<Standing>,
}

fn truth(rig: &Rig, copy: usize) -> Option<Truth> {
    let journals = outcomes(rig.device(copy, Drive::Journal), Drive::Journal)?;
    let datas = outcomes(rig.device(copy, Drive::Data), Drive::Data)?;
    let blocks = BLOCKS.map(BlockIndex::new);
    let mut values = vec![BTreeSet::new(); blocks.len()];
    let mut marked = vec![true; blocks.len()];
    let (mut dirty, mut covered) = (marked.clone(), marked.clone());
    let mut standings = Vec::new();
    let mut shown = vec![false; blocks.len()];
    for journal in &journals {
        let recovered = naive::recover(GEOMETRY, |page| journal.stable(page));
        let recovered = recovered.expect("a checkpoint is always there");
        let standing = Standing {
            mode: recovered.mode,
            consistency: recovered.consistency,
            is_clean: recovered.dirty.is_empty(),
            blocks: recovered.blocks,
        };
        if !standings.contains(&standing) {
            standings.push(standing);
        }
        let journalled = naive::journalled(recovered.records.iter().map(|(r, ..)| r));
        for (place, block) in blocks.iter().enumerate() {
            let (is_marked, is_dirty) = (
                recovered.marked.contains(block),
                recovered.dirty.contains(block),
            );
            marked[place] &= is_marked;
            dirty[place] &= is_dirty;
            covered[place] &= is_marked || is_dirty;
            match journalled.get(block) {
                Some((version, bytes)) => {
                    values[place].insert(naive::value(*version, bytes));
                }
                None => shown[place] = true,
            }
        }
    }
    for (place, block) in blocks.iter().enumerate().filter(|(place, _)| shown[*place]) {
        for data in &datas {
            let value = naive::read(GEOMETRY, *block, |page| data.stable(page));
            values[place].insert(value);
        }
    }
    Some(Truth {
        values,
        marked,
        dirty,
        covered,
        standings,
    })
}

/// One step of a history, in small numbers.
type Step = (u8, bool, u8, u8, u8);

const RANGES: [(u64, u32); 6] = [(0, 1), (0, 2), (1, 2), (2, 1), (128, 1), (128, 2)];

fn range_of(number: u8) -> Range {
    let (start, count) = RANGES[usize::from(number) % RANGES.len()];
    range(start, count)
}

fn persistence_of(number: u8) -> Persistence {
    match number {
        0 => Persistence::Cached,
        _ => Persistence::ForceUnitAccess,
    }
}

fn entry(rig: &Rig, copy: usize, (kind, a, b, c): (u8, u8, u8, u8)) -> Entry {
    let writer = &rig.writers[copy];
    // Another payload in another life: a torn record's head could else find its
    // payload in a later record, and come to life with it.
    let life = writer.key.epoch * 100;
    // A command keeps its range, so that marks fit their writes more often.
    let (counter, range) = (u64::from(a) + 1, range_of(a ^ (c / 7)));
    match kind {
        0..=2 => match c % 3 {
            0 => rig::mark_clearing(counter, range, &[u64::from(b) + 1]),
            1 if b < 3 => rig::mark_alone(counter, range),
            _ => rig::mark(counter, range),
        },
        3..=6 => {
            let effect = match c {
                0 => Content::Zeroes,
                1 => Content::Nothing,
                _ => content(life + counter, range),
            };
            rig::perform(counter, range, effect)
        }
        7 => rig::clear(&[counter]),
        // Numbers of sessions rise with the journal.
        9 => {
            let records = rig.writers[copy].records.len();
            let is_clean = rig.checkpoint_at(copy, records).tables.dirty.is_empty();
            let mode = match b {
                0 | 1 if is_clean => Mode::InSync,
                0..=2 => Mode::OosPending,
                3 => Mode::OutOfSync,
                _ => Mode::Resync,
            };
            let session = rig::session(10 + writer.lsn.value());
            Entry::Session { session, mode }
        }
        10 => match c {
            0..=4 => Entry::Fence {
                session: rig::session(10 + writer.lsn.value()),
                watermarks: vec![],
                resync: b < 4,
                blocks: rig::VOLUME_BLOCKS + u64::from(c),
            },
            5 => Entry::StandDown {
                consistency: Consistency::Outdated,
            },
            _ => Entry::Finish,
        },
        11 => {
            let bits = |chosen: bool| if chosen { vec![range] } else { vec![] };
            let whole = [rig::range(0, 8), rig::range(128, 2)][usize::from(a % 2)];
            Entry::Dirty {
                set: bits(b < 4),
                clear: if b > 2 { vec![whole] } else { vec![] },
                rolled_back: bits(b == 1),
            }
        }
        12 => match c {
            // A whole region, without payload.
            0..=4 => rig::copy(
                writer.lsn.value(),
                [rig::range(0, 8), rig::range(128, 2)][usize::from(a % 2)],
                Content::Zeroes,
                u64::from(b % 2),
                &[],
            ),
            _ => Entry::Repair {
                range,
                content: content(life + counter, range),
                versions: vec![SequenceId::new(counter); range.count() as usize],
                verdict: None,
            },
        },
        _ => {
            let results = [(counter, Outcome::Performed)];
            let version = u64::from(b % 2);
            // Copy numbers rise with the journal.
            let seed = if version == 0 { 0 } else { life + version };
            rig::copy(
                writer.lsn.value(),
                range,
                content(seed, range),
                version,
                &results,
            )
        }
    }
}

/// Carries a step out as far as it makes sense.
fn act(rig: &mut Rig, (kind, is_mirror, a, b, c): Step) {
    let copy = if is_mirror { MIRROR } else { OWNER };
    for drive in [Drive::Journal, Drive::Data] {
        if rig.device(copy, drive).queued().count() >= QUEUED_MAX {
            execute(rig, copy, drive, usize::from(a));
        }
    }
    match kind {
        0..=29 => {
            let entry = entry(rig, copy, (kind % 15, a, b, c));
            append(rig, copy, entry, persistence_of(c));
        }
        30..=54 => {
            let drive = if b < 4 { Drive::Journal } else { Drive::Data };
            execute(rig, copy, drive, usize::from(a));
        }
        55..=61 => destage(rig, copy, c),
        62..=66 => write_one(rig, copy, a, b, c),
        67..=73 => {
            let drive = if c == 0 { Drive::Journal } else { Drive::Data };
            let number = rig.submit(copy, drive, IoRequest::Flush);
            if b > 2 {
                rig.execute(copy, drive, number);
            }
        }
        74..=82 => checkpoint(rig, copy, a, b, c),
        // All at once, as a storage set does it.
        83..=88 => {
            while execute(rig, copy, Drive::Journal, 0) {}
            while execute(rig, copy, Drive::Data, 0) {}
        }
        89..=90 => {
            for page in rig.destage_pages(copy, |_, bytes| bytes) {
                let number = rig.submit(copy, Drive::Data, rig::write(page.0, vec![page.1]));
                rig.execute(copy, Drive::Data, number);
            }
            rig.flush(copy);
        }
        91..=92 => rig.lose_power_as(copy, Drive::Journal, &mut Drawn(bits(a, b, c))),
        93 => rig.lose_power_as(copy, Drive::Data, &mut Drawn(bits(a, b, c))),
        94..=95 => rig.lose_node(copy, &mut Drawn(bits(a, b, c))),
        96..=97 => rig.take_over(copy),
        _ => {
            let page = GEOMETRY.data_page(BlockIndex::new(BLOCKS[usize::from(a) % 5]));
            let content = bytes_of(u64::from(b) + 20, 1);
            rig.submit_under(0, copy, Drive::Data, rig::write(page, vec![content]));
        }
    }
    settle_writer(rig, copy);
}

fn bits(a: u8, b: u8, c: u8) -> u64 {
    u64::from(a) << 16 | u64::from(b) << 8 | u64::from(c)
}

fn execute(rig: &mut Rig, copy: usize, drive: Drive, which: usize) -> bool {
    let queued: Vec<_> = rig.device(copy, drive).queued().map(|(n, _)| n).collect();
    if queued.is_empty() {
        return false;
    }
    rig.execute(copy, drive, queued[which % queued.len()]);
    true
}

/// What a writer would know: which records a durable checkpoint has passed.
fn settle_writer(rig: &mut Rig, copy: usize) {
    let journal = rig.device(copy, Drive::Journal);
    let newest = naive::newest_checkpoint(GEOMETRY, |page| journal.stable(page));
    let (newest, slot) = newest.expect("a checkpoint is always there");
    let writer = &mut rig.writers[copy];
    writer
        .records
        .retain(|(record, ..)| record.lsn > newest.lsn);
    writer.next_slot = slot.other();
}

fn append(rig: &mut Rig, copy: usize, entry: Entry, persistence: Persistence) {
    let used: u64 = rig.writers[copy].records.iter().map(|(_, n, _)| n).sum();
    if used + 4 <= GEOMETRY.ring_pages {
        rig.record_writes(copy, entry, persistence);
    }
}

fn destage(rig: &mut Rig, copy: usize, c: u8) {
    let pages = rig.destage_pages(copy, |block, bytes| match c {
        0 if block == at(0) => bytes_of(40, 1),
        _ => bytes,
    });
    for (page, content) in pages {
        if rig.device(copy, Drive::Data).queued().count() < QUEUED_MAX {
            let number = rig.submit(copy, Drive::Data, rig::write(page, vec![content]));
            if c > 3 {
                rig.execute(copy, Drive::Data, number);
            }
        }
    }
}

/// A write to the data device that no destage would make.
fn write_one(rig: &mut Rig, copy: usize, a: u8, b: u8, c: u8) {
    let block = BlockIndex::new(BLOCKS[usize::from(a) % BLOCKS.len()]);
    let seed = u64::from(b % 3);
    let (start, pages) = if c.is_multiple_of(2) {
        let page = GEOMETRY.header_page(block);
        let mut content = rig.device(copy, Drive::Data).current(page).to_vec();
        let header = BlockHeader {
            block,
            version: SequenceId::new(u64::from(c)),
            checksum: crc32c::crc32c(&bytes_of(seed, 1)),
        };
        let offset = Geometry::header_offset(block);
        encode_block_header(&header, &mut content[offset..offset + BLOCK_HEADER_BYTES]);
        (page, vec![content.into()])
    } else {
        let pages = vec![bytes_of(seed, 1); 1 + usize::from(c > 4 && a == 0)];
        (GEOMETRY.data_page(block), pages)
    };
    let persistence = persistence_of(c / 4);
    let request = IoRequest::Write {
        start,
        pages,
        persistence,
    };
    rig.submit(copy, Drive::Data, request);
}

fn checkpoint(rig: &mut Rig, copy: usize, a: u8, b: u8, c: u8) {
    let journal = rig.device(copy, Drive::Journal);
    let is_busy = [CheckpointSlot::A, CheckpointSlot::B]
        .into_iter()
        .any(|slot| journal.possible(GEOMETRY.checkpoint_start(slot)).len() > 1);
    let certain = naive::recover(GEOMETRY, |page| journal.stable(page));
    let records = certain.expect("a checkpoint is always there").records.len();
    if is_busy || records == 0 {
        return;
    }
    let count = if a < 2 {
        1 + usize::from(b) % records
    } else {
        records
    };
    let checkpoint = rig.checkpoint_at(copy, count);
    let number = rig.submit_checkpoint(copy, &checkpoint, persistence_of(c));
    if b > 3 {
        rig.execute(copy, Drive::Journal, number);
    }
}

/// Compares tracker and truth.
fn compare(rig: &mut Rig) -> Result<(), String> {
    let findings = std::mem::take(&mut rig.findings);
    let Some(truths) = truth(rig, OWNER).zip(truth(rig, MIRROR)) else {
        // Too many power losses to follow any longer.
        rig.judge = None;
        return Ok(());
    };
    let truths = [truths.0, truths.1];
    let mut is_broken = false;
    for (place, block) in BLOCKS.map(BlockIndex::new).into_iter().enumerate() {
        let mut union: BTreeSet<Value> = BTreeSet::new();
        let mut is_marked = false;
        for (copy, truth) in truths.iter().enumerate() {
            let set = rig.images.set(copy);
            let mut values = Candidates::default();
            set.add_values(block, &mut values);
            let wanted: Vec<_> = truth.values[place].iter().copied().collect();
            let values = values.sorted();
            let says = (
                set.is_marked(block),
                set.is_dirty(block),
                set.may_differ(block),
            );
            let is = (
                truth.marked[place],
                truth.dirty[place],
                truth.covered[place],
            );
            if values != wanted || says != is {
                return Err(format!(
                    "block {} of copy {copy}: tracker {values:?}, marked, dirty, either {says:?}; \
                     truth {wanted:?} {is:?}",
                    block.value(),
                ));
            }
            union.extend(wanted);
            is_marked |= set.may_differ(block);
        }
        let is_one = union.len() == 1 && !union.contains(&Value::Damaged);
        is_broken |= !is_one && !is_marked;
    }
    for (copy, truth) in truths.iter().enumerate() {
        let set = rig.images.set(copy);
        let is_told = set.always(|it| truth.standings.contains(&it));
        let all = truth.standings.iter();
        let all_told = all
            .filter(|wanted| !set.always(|it| it != **wanted))
            .count();
        if !is_told || all_told != truth.standings.len() {
            return Err(format!("copy {copy} stands as {:?}", truth.standings));
        }
    }
    let spoke = findings.iter().find(|it| it.oracle == OracleId::O5);
    let was_broken = std::mem::replace(&mut rig.is_broken, is_broken);
    match spoke {
        Some(finding) if !is_broken => Err(format!("a false alarm: {}", finding.says)),
        None if is_broken && !was_broken => Err("O5 is silent".into()),
        Some(_) | None => Ok(()),
    }
}

fn follow(steps: &[Step], seen: &RefCell<Seen>) -> Result<(), TestCaseError> {
    let mut rig = Rig::new();
    rig.judge = Some(compare);
    for (number, step) in steps.iter().enumerate() {
        act(&mut rig, *step);
        if let Some(objection) = &rig.objection {
            return Err(TestCaseError::fail(format!(
                "step {number} {step:?}: {objection}"
            )));
        }
        if rig.judge.is_none() {
            break;
        }
        seen.borrow_mut().note(&rig);
    }
    Ok(())
}

/// What the histories came by.
#[derive(Debug, Default)]
struct Seen {
    steps: u64,
    broken: u64,
    uncertain: u64,
    damaged: u64,
    marked: u64,
    dirty: u64,
    either: u64,
    standings: u64,
    checkpointed: u64,
}

impl Seen {
    fn note(&mut self, rig: &Rig) {
        self.steps += 1;
        self.broken += u64::from(rig.is_broken);
        for copy in [OWNER, MIRROR] {
            let set = rig.images.set(copy);
            for block in BLOCKS.map(BlockIndex::new) {
                let mut values = Candidates::default();
                set.add_values(block, &mut values);
                self.uncertain += u64::from(values.values().len() > 1);
                self.damaged += u64::from(values.values().contains(&Value::Damaged));
                let (is_marked, is_dirty) = (set.is_marked(block), set.is_dirty(block));
                self.marked += u64::from(is_marked);
                self.dirty += u64::from(is_dirty);
                self.either += u64::from(set.may_differ(block) && !is_marked && !is_dirty);
            }
            let last = set.state().standing();
            self.standings += u64::from(!set.always(|it| it == last));
            let journal = rig.device(copy, Drive::Journal);
            let newest = naive::newest_checkpoint(GEOMETRY, |page| journal.stable(page));
            self.checkpointed += u64::from(newest.is_some_and(|it| it.0.lsn.value() > 0));
        }
    }
}

#[test]
fn values_and_marks_are_those_of_all_power_losses() {
    let config = ProptestConfig {
        cases: 300,
        rng_seed: RngSeed::Fixed(0x5747),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let step = (0..100u8, any::<bool>(), 0..6u8, 0..6u8, 0..8u8);
    let steps = proptest::collection::vec(step, 1..50);
    let seen = RefCell::new(Seen::default());
    let outcome = TestRunner::new(config).run(&steps, |steps| follow(&steps, &seen));
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    // The histories went where it matters, and not only there.
    let seen = seen.into_inner();
    eprintln!("{seen:?}");
    assert!(seen.steps > 4_000, "{seen:?}");
    assert!(seen.broken > 500 && seen.broken < seen.steps, "{seen:?}");
    assert!(seen.uncertain > 2_000, "{seen:?}");
    assert!(seen.damaged > 500, "{seen:?}");
    assert!(seen.marked > 1_000, "{seen:?}");
    assert!(seen.dirty > 1_000, "{seen:?}");
    assert!(seen.standings > 300, "{seen:?}");
    assert!(seen.checkpointed > 1_000, "{seen:?}");
}

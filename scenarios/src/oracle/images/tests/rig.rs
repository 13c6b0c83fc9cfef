//! Two storage sets on four real devices, and records built by hand.

use stormglass_engine::configuration::SetConfiguration;
use stormglass_engine::contract::{
    DeviceId, IoId, IoRequest, PAGE_BYTES, PageIndex, Persistence, ReservationKey, Submission,
};
use stormglass_engine::payload::Payload;
use stormglass_engine::storage_set::format::{
    BlockHeader, Checkpoint, encode_block_header, encode_checkpoint, encode_record,
};
use stormglass_engine::storage_set::format_set;
use stormglass_engine::storage_set::layout::{BLOCK_HEADER_BYTES, CheckpointSlot, Geometry};
use stormglass_engine::storage_set::record::{
    CommandResult, Entry, Mark, Mode, Perform, Record, Route,
};
use stormglass_engine::storage_set::tables::{Role, Tables};
use stormglass_engine::vocabulary::{
    BLOCK_BYTES, BlockIndex, ClientId, CommandId, Content, CopyNumber, Lsn, Outcome, Range,
    SequenceId, Session, SessionIncarnation, SiteEpoch, StorageSetId, Watermark,
};
use stormglass_sim::choose::{Calm, Choose};
use stormglass_sim::device::{
    CommandFate, CommandNumber, Device, DeviceSpec, IoEffect, PageFate, PowerLoss, Submitter,
};
use stormglass_sim::occurrence::{Happened, IoName, Occurrence};
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::{DeviceIndex, ProcessId};

use super::super::{Devices, Images, SetDevices};
use super::naive;
use crate::oracle::{Finding, OracleId};

pub(super) const OWNER: usize = 0;
pub(super) const MIRROR: usize = 1;

/// Two header pages, a short ring and a small cache, so that all of them matter.
pub(super) const GEOMETRY: Geometry = Geometry {
    blocks: 130,
    ring_pages: 12,
    checkpoint_pages: 1,
    region_blocks: 8,
};
/// So that there is room to grow.
pub(super) const VOLUME_BLOCKS: u64 = 120;
const CACHE_PAGES: u32 = 6;

/// A device of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drive {
    Journal,
    Data,
}

/// The four devices.
pub(super) struct Rack(Vec<Device>);

impl Devices for Rack {
    fn device(&self, index: DeviceIndex) -> &Device {
        &self.0[usize::from(index.0)]
    }
}

/// The write side of one journal.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    pub(super) key: ReservationKey,
    pub(super) lsn: Lsn,
    pub(super) page: u64,
    pub(super) chain: u32,
    pub(super) next_slot: CheckpointSlot,
    /// Records behind the durable checkpoint, with their length in pages.
    pub(super) records: Vec<(Record, u64, u32)>,
}

/// Devices, tracker and findings.
pub(super) struct Rig {
    pub(super) rack: Rack,
    pub(super) images: Images,
    pub(super) findings: Vec<Finding>,
    pub(super) writers: [Writer; 2],
    /// Looks at everything after every event, until it objects.
    pub(super) judge: Option<Judge>,
    /// What the judge has objected to.
    pub(super) objection: Option<String>,
    /// For the judge: some power loss breaks O5 already.
    pub(super) is_broken: bool,
    /// What goes wrong with the command that is submitted next.
    pub(super) next_effect: IoEffect,
    io: u64,
    event: u64,
}

pub(super) type Judge = fn(&mut Rig) -> Result<(), String>;

pub(super) fn index(copy: usize, drive: Drive) -> DeviceIndex {
    let place = copy * 2 + usize::from(drive == Drive::Data);
    DeviceIndex(u16::try_from(place).expect("four devices"))
}

const SUBMITTER: Submitter = Submitter {
    process: 1,
    incarnation: 0,
};

impl Rig {
    pub(super) fn new() -> Self {
        let devices = (0..4).map(|place| {
            let pages = if place % 2 == 0 {
                GEOMETRY.journal_device_pages()
            } else {
                GEOMETRY.data_device_pages()
            };
            Device::new(DeviceSpec {
                pages,
                cache_pages: CACHE_PAGES,
                unreserved: None,
            })
        });
        let mut rack = Rack(devices.collect());
        for (copy, role) in [(OWNER, Role::Owner), (MIRROR, Role::Mirror)] {
            let device = |drive| DeviceId::new(index(copy, drive).0);
            let set = SetConfiguration {
                id: StorageSetId::new(1),
                format: 1,
                journal: device(Drive::Journal),
                data: device(Drive::Data),
                geometry: GEOMETRY,
                volume_blocks: VOLUME_BLOCKS,
            };
            for (id, page, pages) in format_set(&set, role) {
                rack.0[id.index()].install(page, &pages);
            }
        }
        let set = |copy| SetDevices {
            journal: index(copy, Drive::Journal),
            data: index(copy, Drive::Data),
            geometry: GEOMETRY,
        };
        let writer = Writer {
            key: ReservationKey { epoch: 0, node: 1 },
            lsn: Lsn::new(1),
            page: 0,
            chain: 0,
            next_slot: CheckpointSlot::B,
            records: Vec::new(),
        };
        let mut rig = Rig {
            images: Images::new([set(OWNER), set(MIRROR)], &rack),
            rack,
            findings: Vec::new(),
            writers: [writer.clone(), writer],
            judge: None,
            objection: None,
            is_broken: false,
            next_effect: IoEffect::Sound,
            io: 0,
            event: 0,
        };
        rig.take_over(OWNER);
        rig.take_over(MIRROR);
        rig
    }

    pub(super) fn device(&self, copy: usize, drive: Drive) -> &Device {
        self.rack.device(index(copy, drive))
    }

    fn device_mut(&mut self, copy: usize, drive: Drive) -> &mut Device {
        &mut self.rack.0[usize::from(index(copy, drive).0)]
    }

    pub(super) fn now(&mut self) -> (WorldTime, u64) {
        self.event += 1;
        (WorldTime::from_nanos(self.event), self.event)
    }

    fn observe(&mut self, occurrence: &Occurrence<()>) {
        let (at, event) = self.now();
        self.images
            .observe(at, event, occurrence, &self.rack, &mut self.findings);
        if let (Some(judge), None) = (self.judge, &self.objection) {
            self.objection = judge(self).err();
            if let Some(objection) = &mut self.objection {
                *objection = format!("{occurrence:?}: {objection}");
            }
        }
    }

    /// Submits a command under the writer's key.
    pub(super) fn submit(
        &mut self,
        copy: usize,
        drive: Drive,
        request: IoRequest,
    ) -> CommandNumber {
        let epoch = self.writers[copy].key.epoch;
        self.submit_under(epoch, copy, drive, request)
    }

    /// A node's place in the mailbox of either journal.
    pub(super) fn mailbox(&self) -> PageIndex {
        GEOMETRY.mailbox_slot(0)
    }

    /// Submits a command under a key of this epoch.
    pub(super) fn submit_under(
        &mut self,
        epoch: u64,
        copy: usize,
        drive: Drive,
        request: IoRequest,
    ) -> CommandNumber {
        self.io += 1;
        let device = index(copy, drive);
        let submission = Submission {
            device: DeviceId::new(device.0),
            io: IoId(self.io),
            key: ReservationKey { epoch, node: 1 },
            request,
        };
        let effect = std::mem::take(&mut self.next_effect);
        let disk = self.device_mut(copy, drive);
        let number = disk.submit_with(SUBMITTER, submission, effect);
        self.observe(&Occurrence::Submitted { device, number });
        number
    }

    /// Executes a command.
    pub(super) fn execute(&mut self, copy: usize, drive: Drive, number: CommandNumber) {
        let device = index(copy, drive);
        let ended = self.device_mut(copy, drive).execute(number).last();
        let succeeded = ended.is_some_and(|ended| ended.result.is_ok());
        self.observe(&Occurrence::Executed {
            device,
            number,
            process: ProcessId(SUBMITTER.process),
            succeeded,
        });
    }

    /// Takes the set under the next key and reads it back.
    pub(super) fn take_over(&mut self, copy: usize) {
        let epoch = self.writers[copy].key.epoch + 1;
        for drive in [Drive::Journal, Drive::Data] {
            let observed = self.device(copy, drive).holder();
            let preempt = IoRequest::Preempt { observed };
            let number = self.submit_under(epoch, copy, drive, preempt);
            self.execute(copy, drive, number);
        }
        self.writers[copy].key.epoch = epoch;
        self.read_back(copy);
    }

    /// Goes on where a recovery would.
    pub(super) fn read_back(&mut self, copy: usize) {
        let journal = self.device(copy, Drive::Journal);
        // From the checkpoint that is there for good, so that no record which may
        // be needed counts as room; both checkpoints lead to the same end.
        let recovered = naive::recover(GEOMETRY, |page| {
            if page < GEOMETRY.ring_start() {
                journal.stable(page)
            } else {
                journal.current(page).clone()
            }
        });
        let recovered = recovered.expect("a checkpoint is always there");
        let writer = &mut self.writers[copy];
        (writer.lsn, writer.page, writer.chain) = recovered.head;
        writer.next_slot = recovered.slot.other();
        writer.records = recovered.records;
    }

    /// Submits a record.
    pub(super) fn record(&mut self, copy: usize, entry: Entry) -> CommandNumber {
        self.record_as(copy, entry, Persistence::ForceUnitAccess)
    }

    /// Submits a record; the last of its writes.
    pub(super) fn record_as(
        &mut self,
        copy: usize,
        entry: Entry,
        persistence: Persistence,
    ) -> CommandNumber {
        *self
            .record_writes(copy, entry, persistence)
            .last()
            .expect("a record has a write")
    }

    /// Submits a record; its writes, two where the ring wraps.
    pub(super) fn record_writes(
        &mut self,
        copy: usize,
        entry: Entry,
        persistence: Persistence,
    ) -> Vec<CommandNumber> {
        let writer = &mut self.writers[copy];
        let record = Record {
            lsn: writer.lsn,
            key: writer.key,
            previous: writer.chain,
            durable: Lsn::new(writer.lsn.value() - 1),
            page: writer.page,
            entry,
        };
        let (pages, checksum) = encode_record(&record);
        let (page, count) = (writer.page, pages.len() as u64);
        writer.lsn = writer.lsn.next();
        writer.chain = checksum;
        writer.page = (page + count) % GEOMETRY.ring_pages;
        writer.records.push((record, count, checksum));
        let until_end = usize::try_from(GEOMETRY.ring_pages - page).expect("a short ring");
        let (first, second) = pages.split_at(until_end.min(pages.len()));
        let parts = [(page, first), (0, second)];
        let parts = parts.into_iter().filter(|(_, pages)| !pages.is_empty());
        let parts: Vec<_> = parts
            .map(|(page, pages)| IoRequest::Write {
                start: GEOMETRY.ring_start().plus(page),
                pages: pages.to_vec(),
                persistence,
            })
            .collect();
        parts
            .into_iter()
            .map(|request| self.submit(copy, Drive::Journal, request))
            .collect()
    }

    /// Submits and executes a record.
    pub(super) fn durable(&mut self, copy: usize, entry: Entry) {
        for number in self.record_writes(copy, entry, Persistence::ForceUnitAccess) {
            self.execute(copy, Drive::Journal, number);
        }
    }

    /// A block's worth of bytes.
    pub(super) fn block(&self, seed: u64) -> Payload {
        bytes_of(seed, 1)
    }

    /// Writes the journal's blocks into the data device's cache.
    pub(super) fn destage_blocks(
        &mut self,
        copy: usize,
        change: impl Fn(BlockIndex, Payload) -> Payload,
    ) {
        for (page, content) in self.destage_pages(copy, change) {
            let number = self.submit(copy, Drive::Data, write(page, vec![content]));
            self.execute(copy, Drive::Data, number);
        }
    }

    /// The pages that a destage of all records would write.
    pub(super) fn destage_pages(
        &self,
        copy: usize,
        change: impl Fn(BlockIndex, Payload) -> Payload,
    ) -> Vec<(PageIndex, Payload)> {
        let journalled = naive::journalled(self.writers[copy].records.iter().map(|(r, ..)| r));
        let device = self.device(copy, Drive::Data);
        let mut headers: Vec<(PageIndex, Vec<u8>)> = Vec::new();
        let mut pages = Vec::new();
        for (block, (version, bytes)) in journalled {
            let header = BlockHeader {
                block,
                version,
                checksum: crc32c::crc32c(&bytes),
            };
            let page = GEOMETRY.header_page(block);
            if headers.last().is_none_or(|(last, _)| *last != page) {
                headers.push((page, device.current(page).to_vec()));
            }
            let offset = Geometry::header_offset(block);
            if let Some((_, content)) = headers.last_mut() {
                let place = &mut content[offset..offset + BLOCK_HEADER_BYTES];
                encode_block_header(&header, place);
            }
            pages.push((GEOMETRY.data_page(block), change(block, bytes)));
        }
        let headers = headers.into_iter();
        pages.extend(headers.map(|(page, content)| (page, content.into())));
        pages
    }

    /// Flushes the data device.
    pub(super) fn flush(&mut self, copy: usize) {
        let number = self.submit(copy, Drive::Data, IoRequest::Flush);
        self.execute(copy, Drive::Data, number);
    }

    /// Flushes the data device, which says that it is done and does nothing.
    pub(super) fn flush_in_vain(&mut self, copy: usize) {
        self.next_effect = IoEffect::FlushLies;
        let number = self.submit(copy, Drive::Data, IoRequest::Flush);
        let device = index(copy, Drive::Data);
        let name = IoName::new(device, SUBMITTER, IoId(self.io));
        let ended = self.device_mut(copy, Drive::Data).execute(number).last();
        assert!(ended.is_some_and(|ended| ended.result.is_ok()));
        self.observe(&Occurrence::Fault(Happened::Defect {
            name,
            effect: IoEffect::FlushLies,
            pages: None,
        }));
        self.observe(&Occurrence::Executed {
            device,
            number,
            process: ProcessId(SUBMITTER.process),
            succeeded: false,
        });
    }

    /// Writes a checkpoint of all records and waits for it.
    pub(super) fn checkpoint(&mut self, copy: usize) {
        self.checkpoint_with(copy, |_| {});
    }

    /// The same with another content.
    pub(super) fn checkpoint_with(&mut self, copy: usize, change: impl Fn(&mut Checkpoint)) {
        let mut checkpoint = self.checkpoint_at(copy, self.writers[copy].records.len());
        change(&mut checkpoint);
        let number = self.submit_checkpoint(copy, &checkpoint, Persistence::ForceUnitAccess);
        self.execute(copy, Drive::Journal, number);
        let writer = &mut self.writers[copy];
        writer.records.clear();
        writer.next_slot = writer.next_slot.other();
    }

    /// A checkpoint of the first `count` records.
    pub(super) fn checkpoint_at(&self, copy: usize, count: usize) -> Checkpoint {
        let journal = self.device(copy, Drive::Journal);
        let base = naive::newest_checkpoint(GEOMETRY, |page| journal.stable(page));
        let (mut checkpoint, _) = base.expect("a checkpoint is always there");
        for (record, pages, checksum) in &self.writers[copy].records[..count] {
            checkpoint.tables.apply(&record.entry, &GEOMETRY);
            checkpoint.lsn = record.lsn;
            checkpoint.next_page = (checkpoint.next_page + pages) % GEOMETRY.ring_pages;
            checkpoint.chain = *checksum;
        }
        checkpoint
    }

    /// Submits a checkpoint to the next slot.
    pub(super) fn submit_checkpoint(
        &mut self,
        copy: usize,
        checkpoint: &Checkpoint,
        persistence: Persistence,
    ) -> CommandNumber {
        let start = GEOMETRY.checkpoint_start(self.writers[copy].next_slot);
        let request = IoRequest::Write {
            start,
            pages: encode_checkpoint(checkpoint),
            persistence,
        };
        self.submit(copy, Drive::Journal, request)
    }

    /// A whole destage in its right order.
    pub(super) fn destage(&mut self, copy: usize) {
        self.destage_blocks(copy, |_, bytes| bytes);
        self.flush(copy);
        self.checkpoint(copy);
    }

    /// Makes the next checkpoint go to this slot.
    pub(super) fn set_next_slot(&mut self, copy: usize, slot: CheckpointSlot) {
        self.writers[copy].next_slot = slot;
    }

    /// Forgets the last record, as if it had never been written.
    pub(super) fn rewind(&mut self, copy: usize) {
        let writer = &mut self.writers[copy];
        let (record, pages, _) = writer.records.pop().expect("there is a record");
        let ring = GEOMETRY.ring_pages;
        writer.page = (writer.page + ring - pages) % ring;
        writer.lsn = record.lsn;
        writer.chain = record.previous;
    }

    /// A device loses power; what is queued never happened.
    pub(super) fn lose_power(&mut self, copy: usize, drive: Drive) {
        self.lose_power_as(copy, drive, &mut Weather(Calm));
    }

    /// A device loses power. After a journal the set is taken under a new key: with
    /// the old one a record could come out as it was, and revive an old tail.
    pub(super) fn lose_power_as(&mut self, copy: usize, drive: Drive, choice: &mut impl PowerLoss) {
        let device = index(copy, drive);
        self.device_mut(copy, drive).lose_power(choice);
        self.observe(&Occurrence::Settled { device });
        if drive == Drive::Journal {
            self.take_over(copy);
        }
    }

    /// The set's node loses power, and boots again.
    pub(super) fn lose_node(&mut self, copy: usize, choice: &mut impl PowerLoss) {
        for drive in [Drive::Journal, Drive::Data] {
            let device = index(copy, drive);
            let ended = self
                .device_mut(copy, drive)
                .submitter_lost_power(SUBMITTER, choice);
            assert!(ended.ended.is_empty(), "nobody else waits");
            self.observe(&Occurrence::Settled { device });
        }
        self.take_over(copy);
    }

    /// Both devices of a set are replaced by blank ones.
    pub(super) fn replace(&mut self, copy: usize) {
        for drive in [Drive::Journal, Drive::Data] {
            let spec = *self.device(copy, drive).spec();
            *self.device_mut(copy, drive) = Device::new(spec);
            let device = index(copy, drive);
            self.observe(&Occurrence::Settled { device });
        }
    }

    /// A set's data device is replaced by a blank one.
    pub(super) fn replace_data(&mut self, copy: usize) {
        let spec = *self.device(copy, Drive::Data).spec();
        *self.device_mut(copy, Drive::Data) = Device::new(spec);
        let device = index(copy, Drive::Data);
        self.observe(&Occurrence::Settled { device });
    }

    /// The first page of a set's data device is written: it counts from now on.
    pub(super) fn recognise(&mut self, copy: usize) {
        let first = write(PageIndex(0), vec![self.block(1)]);
        let number = self.submit(copy, Drive::Data, first);
        self.execute(copy, Drive::Data, number);
        self.flush(copy);
    }

    /// Formats a replaced set as one of a mirror without content.
    pub(super) fn format(&mut self, copy: usize) {
        let checkpoint = Checkpoint {
            lsn: Lsn::new(0),
            next_page: 0,
            chain: 0,
            tables: Tables::blank(session(0), &GEOMETRY),
        };
        let place = GEOMETRY.checkpoint_start(CheckpointSlot::A);
        let pages = encode_checkpoint(&checkpoint);
        self.device_mut(copy, Drive::Journal).install(place, &pages);
        let journal = index(copy, Drive::Journal);
        self.images.formatted(journal, &self.rack);
        self.take_over(copy);
    }

    pub(super) fn finish(&mut self) {
        let (at, event) = self.now();
        self.images.finish(at, event, &mut self.findings);
    }

    /// Expects that the oracle has spoken, first in these words; others may have too.
    pub(super) fn expect(&self, oracle: OracleId, words: &str) {
        let mut own = self.findings.iter().filter(|it| it.oracle == oracle);
        let first = own.next();
        let first = first.unwrap_or_else(|| {
            panic!(
                "{oracle} found nothing, wanted \"{words}\": {:?}",
                self.findings
            )
        });
        assert!(first.says.contains(words), "{}", first.says);
        assert!(!first.events.is_empty(), "a finding cites events");
    }
}

/// A chooser's answers as a device asks for them.
pub(super) struct Weather<C>(pub(super) C);

impl<C: Choose> PowerLoss for Weather<C> {
    fn command(&mut self, _: CommandNumber, who: Submitter, it: &Submission) -> CommandFate {
        let name = IoName::new(DeviceIndex(0), who, it.io);
        self.0.torn_command(&name, it)
    }
    fn page(&mut self, page: PageIndex, versions: usize) -> PageFate {
        self.0.torn_page(DeviceIndex(0), page, versions)
    }
    fn sector(&mut self, page: PageIndex, sector: usize, versions: usize) -> usize {
        self.0.torn_sector(DeviceIndex(0), page, sector, versions)
    }
    fn executes(&mut self, _: CommandNumber, who: Submitter, it: &Submission) -> bool {
        self.0.executes(&IoName::new(DeviceIndex(0), who, it.io))
    }
}

pub(super) fn write(start: PageIndex, pages: Vec<Payload>) -> IoRequest {
    IoRequest::Write {
        start,
        pages,
        persistence: Persistence::Cached,
    }
}

pub(super) fn at(block: u64) -> BlockIndex {
    BlockIndex::new(block)
}

pub(super) fn range(start: u64, count: u32) -> Range {
    Range::new(at(start), count).expect("tests use sane ranges")
}

pub(super) fn command(counter: u64) -> CommandId {
    CommandId {
        client: ClientId::new(1),
        counter,
    }
}

pub(super) fn session(incarnation: u64) -> Session {
    Session {
        site_epoch: SiteEpoch::new(1),
        incarnation: SessionIncarnation::new(incarnation),
    }
}

/// Bytes of this many blocks; zeroes for seed 0.
pub(super) fn bytes_of(seed: u64, blocks: usize) -> Payload {
    let mut bytes = vec![0; blocks * BLOCK_BYTES];
    if seed > 0 {
        for (place, block) in bytes.chunks_exact_mut(PAGE_BYTES).enumerate() {
            block[..8].copy_from_slice(&seed.to_le_bytes());
            block[4088..].copy_from_slice(&(place as u64 + 1).to_le_bytes());
        }
    }
    bytes.into()
}

pub(super) fn content(seed: u64, range: Range) -> Content {
    Content::Data(bytes_of(seed, range.count() as usize))
}

pub(super) fn watermark(counter: u64) -> Watermark {
    Watermark {
        client: ClientId::new(1),
        counter,
    }
}

/// The sequence id of a command is its counter.
pub(super) fn mark(counter: u64, range: Range) -> Entry {
    mark_clearing(counter, range, &[])
}

pub(super) fn mark_clearing(counter: u64, range: Range, clears: &[u64]) -> Entry {
    mark_of(counter, range, clears, 1)
}

pub(super) fn mark_above(counter: u64, range: Range, floor: u64) -> Entry {
    mark_of(counter, range, &[], floor)
}

pub(super) fn session_in(incarnation: u64, mode: Mode) -> Entry {
    let session = session(incarnation);
    Entry::Session { session, mode }
}

pub(super) fn fence(incarnation: u64, resync: bool) -> Entry {
    Entry::Fence {
        session: session(incarnation),
        watermarks: vec![],
        resync,
        blocks: VOLUME_BLOCKS,
    }
}

pub(super) fn clean(range: Range) -> Entry {
    Entry::Dirty {
        set: vec![],
        clear: vec![range],
        rolled_back: vec![],
    }
}

/// A mark that makes its regions dirty.
pub(super) fn mark_alone(counter: u64, range: Range) -> Entry {
    match mark(counter, range) {
        Entry::Mark {
            mark,
            watermark,
            clears,
            ..
        } => Entry::Mark {
            mark,
            watermark,
            clears,
            route: Route::LocalOnly,
        },
        other => other,
    }
}

fn mark_of(counter: u64, range: Range, clears: &[u64], floor: u64) -> Entry {
    Entry::Mark {
        mark: Mark {
            command: command(counter),
            sequence: SequenceId::new(counter),
            range,
            checksum: 0,
            session: session(1),
        },
        watermark: watermark(floor),
        clears: clears.iter().map(|counter| command(*counter)).collect(),
        route: Route::Replicated,
    }
}

pub(super) fn clear(counters: &[u64]) -> Entry {
    Entry::Clear {
        clears: counters.iter().map(|counter| command(*counter)).collect(),
    }
}

pub(super) fn perform(counter: u64, range: Range, content: Content) -> Entry {
    let outcome = match content {
        Content::Data(_) | Content::Zeroes => Outcome::Performed,
        Content::Nothing => Outcome::Mismatch,
    };
    Entry::Perform(Perform {
        command: command(counter),
        sequence: SequenceId::new(counter),
        range,
        content,
        outcome,
        session: session(1),
        watermark: watermark(1),
    })
}

pub(super) fn copy(
    number: u64,
    range: Range,
    content: Content,
    version: u64,
    results: &[(u64, Outcome)],
) -> Entry {
    let result = |(counter, outcome): &(u64, Outcome)| CommandResult {
        command: command(*counter),
        outcome: *outcome,
        range: Some(range),
    };
    Entry::Copy {
        copy: CopyNumber::new(number),
        range,
        content,
        versions: vec![SequenceId::new(version); range.count() as usize],
        results: results.iter().map(result).collect(),
        differed: false,
    }
}

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::configuration::Configuration;
use crate::contract::{PAGE_BYTES, ReservationKey};
use crate::storage_set::format_set;
use crate::storage_set::journal::Journal;
use crate::storage_set::record::Route;
use crate::storage_set::record::{Mark, Perform};
use crate::storage_set::tables::Role;
use crate::testing::{DATA, JOURNAL, configuration, fill, id, range, session};
use crate::vocabulary::{ClientId, CommandId, Content, CopyNumber, Outcome, SequenceId, Watermark};

fn devices(configuration: &Configuration) -> Devices {
    Devices {
        journal: JOURNAL,
        data: DATA,
        geometry: configuration.set.geometry,
    }
}

fn superblock() -> Superblock {
    let set = configuration(Role::Owner).set;
    Superblock {
        set: set.id,
        format: set.format,
        geometry: set.geometry,
    }
}

/// A journal device and whoever writes to it.
struct Disk {
    devices: Devices,
    pages: BTreeMap<u64, Payload>,
    /// Pages of the journal device that cannot be read.
    bad: BTreeSet<u64>,
    /// The data device's first page.
    data: Payload,
    head: Head,
    epoch: u64,
}

impl Disk {
    fn formatted() -> Self {
        let configuration = configuration(Role::Owner);
        let formatted = format_set(&configuration.set, Role::Owner);
        let pages = formatted
            .into_iter()
            .filter(|(device, ..)| *device == JOURNAL)
            .flat_map(|(_, start, pages)| (start.0..).zip(pages))
            .map(|(place, page)| (place, page.filled_up(PAGE_BYTES)))
            .collect();
        let data = format::encode_superblock(&superblock()).filled_up(PAGE_BYTES);
        let head = Head {
            lsn: Lsn::new(1),
            page: 0,
            chain: 0,
        };
        Disk {
            devices: devices(&configuration),
            pages,
            bad: BTreeSet::new(),
            data,
            head,
            epoch: 1,
        }
    }

    /// Appends records at the head; of those whose place is listed nothing gets
    /// to the device.
    fn append(&mut self, entries: &[Entry], lost: &[usize]) {
        self.append_with(entries, lost, false);
    }

    /// The same, each record after the one before has become durable.
    fn append_one_by_one(&mut self, entries: &[Entry], lost: &[usize]) {
        self.append_with(entries, lost, true);
    }

    fn append_with(&mut self, entries: &[Entry], lost: &[usize], one_by_one: bool) {
        let Devices { geometry, .. } = self.devices;
        let key = ReservationKey {
            epoch: self.epoch,
            node: 1,
        };
        let mut journal = Journal::new(JOURNAL, geometry, key, self.head, 0);
        for (place, entry) in entries.iter().enumerate() {
            let mut next = 0;
            let writes = journal.append(entry.clone(), || {
                next += 1;
                IoId(place as u64 * 4 + next)
            });
            for write in writes.into_iter().flatten() {
                let IoRequest::Write { start, pages, .. } = write.request else {
                    panic!("a record is written")
                };
                if !lost.contains(&place) {
                    self.write(start, pages);
                }
                journal.handle_completion(write.io);
            }
            while one_by_one && journal.take_durable().is_some() {}
        }
        while journal.take_durable().is_some() {}
        self.head = journal.durable();
    }

    fn write(&mut self, start: PageIndex, pages: Vec<Payload>) {
        let pages = pages.iter().map(|page| page.filled_up(PAGE_BYTES));
        self.pages.extend((start.0..).zip(pages));
    }

    fn checkpoint(&mut self, slot: CheckpointSlot, lsn: u64) {
        let start = self.devices.geometry.checkpoint_start(slot);
        let mut tables = Tables::formatted(Role::Owner, session(1), 64);
        tables.sequence_high = SequenceId::new(lsn);
        let checkpoint = Checkpoint {
            lsn: Lsn::new(lsn),
            next_page: self.head.page,
            chain: self.head.chain,
            tables,
        };
        self.write(start, format::encode_checkpoint(&checkpoint));
    }

    fn recover(&self) -> Result<Recovered, RecoveryError> {
        let mut ids = IoIds::default();
        let (mut recovery, mut io) = Recovery::start(self.devices, &mut ids);
        let zeroes = Payload::from_static(&[0; PAGE_BYTES]);
        for _ in 0..100 {
            let IoRequest::Read { start, count } = io.request else {
                panic!("recovery only reads")
            };
            let pages = start.0..start.0 + u64::from(count);
            let bad = self.bad.range(pages.clone()).next();
            let page = |page| self.pages.get(&page).unwrap_or(&zeroes).clone();
            let pages = if io.device == JOURNAL {
                pages.map(page).collect()
            } else {
                assert_eq!((io.device, start.0, count), (DATA, 0, 1));
                vec![self.data.clone()]
            };
            let progress = match bad.filter(|_| io.device == JOURNAL) {
                Some(bad) => recovery.handle_unreadable(io.io, PageIndex(*bad), &mut ids),
                None => recovery.handle_completion(io.io, IoOutput::Pages(pages), &mut ids),
            };
            match progress {
                Some(Progress::Submit(next)) => io = next,
                Some(Progress::Done(recovered)) => return Ok(*recovered),
                Some(Progress::Failed(error)) => return Err(error),
                None => panic!("it waited for this one"),
            }
        }
        panic!("a recovery without end")
    }
}

fn mark(counter: u64) -> Entry {
    Entry::Mark {
        mark: Mark {
            command: id(counter),
            sequence: SequenceId::new(counter),
            range: range(counter, 1),
            checksum: 0,
            session: session(1),
        },
        watermark: watermark(),
        clears: Vec::new(),
        route: Route::Replicated,
    }
}

fn watermark() -> Watermark {
    Watermark {
        client: ClientId::new(7),
        counter: 1,
    }
}

fn perform(counter: u64, count: u32) -> Entry {
    Entry::Perform(Perform {
        command: id(counter),
        sequence: SequenceId::new(counter),
        range: range(counter, count),
        content: Content::Data(fill(u8::try_from(counter).expect("small"), count)),
        outcome: Outcome::Performed,
        session: session(1),
        watermark: watermark(),
    })
}

fn marks(recovered: &Recovered) -> Vec<CommandId> {
    recovered.tables.marks.keys().copied().collect()
}

#[test]
fn a_fresh_set_is_read_back_as_it_was_formatted() {
    let recovered = Disk::formatted().recover().expect("it is readable");
    assert_eq!(
        recovered.tables,
        Tables::formatted(Role::Owner, session(1), 64)
    );
    assert_eq!((recovered.records, recovered.used), (0, 0));
    assert_eq!(recovered.next_slot, CheckpointSlot::B);
    assert_eq!(recovered.head.lsn, Lsn::new(1));
    assert!(recovered.blocks.is_empty());
    assert_eq!(recovered.superblock, superblock());
}

#[test]
fn what_the_data_device_says_of_itself_is_told_apart_from_the_journals_word() {
    let mut disk = Disk::formatted();
    let found = |disk: &Disk| disk.recover().expect("it is readable").data_superblock;
    assert_eq!(found(&disk), Some(superblock()));
    let other = Superblock {
        format: 10,
        ..superblock()
    };
    disk.data = format::encode_superblock(&other).filled_up(PAGE_BYTES);
    assert_eq!(found(&disk), Some(other));
    disk.data = Payload::from_static(&[0; PAGE_BYTES]);
    assert_eq!(found(&disk), None);
}

#[test]
fn records_behind_the_checkpoint_are_applied_to_tables_and_blocks() {
    let mut disk = Disk::formatted();
    disk.append(&[mark(1), perform(1, 2), mark(2)], &[]);
    let recovered = disk.recover().expect("it is readable");
    assert_eq!(marks(&recovered), [id(1), id(2)]);
    assert!(recovered.tables.results.contains_key(&id(1)));
    assert_eq!(recovered.blocks.len(), 2);
    assert_eq!((recovered.records, recovered.used), (3, 1 + 3 + 1));
    assert_eq!(recovered.head, disk.head);
}

#[test]
fn a_copy_is_read_back_with_the_versions_of_its_blocks() {
    let mut disk = Disk::formatted();
    let copy = Entry::Copy {
        copy: CopyNumber::new(3),
        range: range(5, 2),
        content: Content::Zeroes,
        versions: vec![SequenceId::new(40), SequenceId::new(41)],
        results: Vec::new(),
        differed: false,
    };
    disk.append(&[copy], &[]);
    let recovered = disk.recover().expect("it is readable");
    let versions: Vec<_> = recovered
        .blocks
        .iter()
        .map(|(block, journalled)| (block.value(), journalled.content.version.value()))
        .collect();
    assert_eq!(versions, [(5, 40), (6, 41)]);
    assert_eq!(recovered.tables.last_copy, CopyNumber::new(3));
}

#[test]
fn reading_stops_at_the_first_gap() {
    let mut disk = Disk::formatted();
    disk.append(&[mark(1), mark(2), mark(3)], &[1]);
    let recovered = disk.recover().expect("it is readable");
    assert_eq!(
        marks(&recovered),
        [id(1)],
        "the third completed, the second did not"
    );
    assert_eq!(recovered.head.lsn, Lsn::new(2));
}

#[test]
fn an_old_tail_does_not_come_back_to_life() {
    let mut disk = Disk::formatted();
    disk.append(&[mark(1), mark(2), mark(3)], &[1]);
    // The next boot goes on behind the first record; its own record has the
    // number and the place of the one that never was, and the old third stands
    // right behind.
    let recovered = disk.recover().expect("it is readable");
    disk.head = recovered.head;
    disk.epoch = 2;
    disk.append(&[mark(4)], &[]);
    let recovered = disk.recover().expect("it is readable");
    assert_eq!(marks(&recovered), [id(1), id(4)]);
    assert_eq!(recovered.head.lsn, Lsn::new(3));
}

#[test]
fn a_torn_record_never_was() {
    let mut disk = Disk::formatted();
    disk.append(&[mark(1), perform(1, 3)], &[]);
    let last = disk.devices.geometry.ring_start().0 + 4;
    assert!(disk.pages.contains_key(&last));
    disk.pages.remove(&last);
    let recovered = disk.recover().expect("it is readable");
    assert_eq!(recovered.records, 1);
    assert!(recovered.blocks.is_empty());
}

#[test]
fn the_newer_checkpoint_counts_and_the_next_goes_over_the_older() {
    let mut disk = Disk::formatted();
    disk.append(&[mark(1), mark(2)], &[]);
    disk.checkpoint(CheckpointSlot::B, 2);
    disk.append(&[mark(3)], &[]);
    let recovered = disk.recover().expect("it is readable");
    assert_eq!(
        marks(&recovered),
        [id(3)],
        "the others are the checkpoint's business"
    );
    assert_eq!((recovered.records, recovered.used), (1, 1));
    assert_eq!(recovered.next_slot, CheckpointSlot::A);
}

#[test]
fn a_torn_checkpoint_leaves_the_other_with_its_records() {
    let mut disk = Disk::formatted();
    disk.append(&[mark(1), mark(2)], &[]);
    disk.checkpoint(CheckpointSlot::B, 2);
    let start = disk.devices.geometry.checkpoint_start(CheckpointSlot::B).0;
    disk.pages
        .insert(start, Payload::from_static(&[7; PAGE_BYTES]));
    let recovered = disk.recover().expect("it is readable");
    assert_eq!(marks(&recovered), [id(1), id(2)]);
    assert_eq!(recovered.next_slot, CheckpointSlot::B);
}

#[test]
fn records_are_read_round_the_rings_end_and_once_at_most() {
    let mut disk = Disk::formatted();
    // 60 of 64 pages, then a checkpoint, then a record over the ring's end.
    disk.append(&[perform(1, 29), perform(2, 29)], &[]);
    disk.checkpoint(CheckpointSlot::B, 2);
    disk.append(&[perform(3, 9), mark(4)], &[]);
    let recovered = disk.recover().expect("it is readable");
    assert_eq!((recovered.records, recovered.used), (2, 11));
    assert_eq!(recovered.head.page, 7);
    // And with the ring full to its last page.
    disk.append(&[perform(5, 26), perform(6, 25)], &[]);
    let recovered = disk.recover().expect("it is readable");
    assert_eq!((recovered.records, recovered.used), (4, 64));
    assert_eq!(recovered.head, disk.head);
}

#[test]
fn either_copy_of_the_superblock_will_do_and_none_will_not() {
    let mut disk = Disk::formatted();
    disk.pages.remove(&0);
    assert!(disk.recover().is_ok());
    disk.pages.remove(&1);
    assert_eq!(disk.recover(), Err(RecoveryError::NoSuperblock));
}

#[test]
fn without_a_checkpoint_there_is_no_set() {
    let mut disk = Disk::formatted();
    disk.pages.remove(&2);
    assert_eq!(disk.recover(), Err(RecoveryError::NoCheckpoint));
}

/// Four records of 1, 4, 1 and 1 pages, each written when the one before was durable.
const FIRST_PAGES: [u64; 4] = [0, 1, 5, 6];

fn four() -> [Entry; 4] {
    [mark(1), perform(2, 3), mark(3), mark(4)]
}

#[test]
fn a_missing_record_that_a_later_one_calls_durable_is_lost() {
    for place in 0..3 {
        let mut disk = Disk::formatted();
        disk.append_one_by_one(&four(), &[place]);
        let recovered = disk.recover().expect("it is readable");
        let (first, newest) = (Lsn::new(place as u64 + 1), Lsn::new(4));
        assert_eq!(recovered.lost, Some(Lost { first, newest }));
        assert_eq!(recovered.records, place as u64);
    }
    let mut disk = Disk::formatted();
    disk.append_one_by_one(&four(), &[3]);
    let recovered = disk.recover().expect("it is readable");
    assert_eq!(recovered.lost, None, "nobody has named the last one");
    assert_eq!(recovered.records, 3);
}

#[test]
fn a_rotten_or_unreadable_page_of_any_record_but_the_last_is_seen() {
    for is_rotten in [true, false] {
        for page in 0..7 {
            let mut disk = Disk::formatted();
            disk.append_one_by_one(&four(), &[]);
            let at = disk.devices.geometry.ring_start().plus(page).0;
            if is_rotten {
                let mut bytes = disk.pages[&at].to_vec();
                bytes[33] ^= 4;
                disk.pages.insert(at, bytes.into());
            } else {
                disk.bad.insert(at);
            }
            let recovered = disk.recover().expect("it is readable");
            let before = FIRST_PAGES.iter().filter(|first| **first <= page).count() - 1;
            assert_eq!(recovered.records, before as u64, "page {page}");
            assert_eq!(recovered.lost.is_some(), page < 6, "page {page}");
        }
    }
}

#[test]
fn an_unreadable_copy_of_superblock_or_checkpoint_leaves_the_other() {
    let mut disk = Disk::formatted();
    disk.append_one_by_one(&[mark(1), mark(2)], &[]);
    disk.checkpoint(CheckpointSlot::B, 2);
    disk.bad.insert(0);
    disk.bad
        .insert(disk.devices.geometry.checkpoint_start(CheckpointSlot::B).0);
    let recovered = disk.recover().expect("it is readable");
    assert_eq!(marks(&recovered), [id(1), id(2)]);
    assert_eq!(recovered.next_slot, CheckpointSlot::B);
    assert_eq!(recovered.lost, None);
}

#[test]
fn an_older_checkpoint_whose_records_are_written_over_is_no_way_back() {
    let mut disk = Disk::formatted();
    disk.append_one_by_one(&[perform(1, 29), perform(2, 29)], &[]);
    disk.checkpoint(CheckpointSlot::B, 2);
    disk.append_one_by_one(&[perform(3, 9), mark(4)], &[]);
    let start = disk.devices.geometry.checkpoint_start(CheckpointSlot::B);
    disk.pages
        .insert(start.0, Payload::from_static(&[7; PAGE_BYTES]));
    let lost = disk.recover().expect("it is readable").lost;
    let first = Lsn::new(1);
    assert_eq!(lost.map(|lost| lost.first), Some(first));
}

#[test]
fn what_was_cut_off_proves_nothing() {
    let mut disk = Disk::formatted();
    disk.append(&[mark(1), mark(2), mark(3), mark(4), mark(5)], &[1]);
    disk.head = disk.recover().expect("it is readable").head;
    disk.epoch = 2;
    // Three old records, with higher numbers, stand behind the new one.
    disk.append_one_by_one(&[mark(6)], &[]);
    let recovered = disk.recover().expect("it is readable");
    assert_eq!(recovered.lost, None);
    assert_eq!(recovered.head.lsn, Lsn::new(3));
    // And where the new one is missing, too.
    disk.append_one_by_one(&[mark(7)], &[0]);
    assert_eq!(disk.recover().expect("it is readable").lost, None);
}

#[test]
fn a_record_in_a_payload_is_none() {
    let mut disk = Disk::formatted();
    disk.append_one_by_one(&four(), &[]);
    let newest = disk.devices.geometry.ring_start().plus(6).0;
    let copy = disk.pages[&newest].clone();
    let mut other = Disk::formatted();
    other.append(&[perform(1, 3)], &[]);
    let payload = other.devices.geometry.ring_start().plus(2).0;
    other.pages.insert(payload, copy);
    let recovered = other.recover().expect("it is readable");
    assert_eq!((recovered.records, recovered.lost), (0, None));
}

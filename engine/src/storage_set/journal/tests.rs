use super::*;
use crate::contract::PageIndex;
use crate::storage_set::record::Mode;
use crate::storage_set::record::Perform;
use crate::testing::{JOURNAL, fill, id, range, session};
use crate::vocabulary::{ClientId, Content, Outcome, SequenceId, Watermark};

const GEOMETRY: Geometry = Geometry {
    blocks: 64,
    ring_pages: 8,
    checkpoint_pages: 1,
    region_blocks: 8,
};
const KEY: ReservationKey = ReservationKey { epoch: 3, node: 1 };

/// A journal whose next record goes to a page of the ring.
fn journal(page: u64, used: u64) -> Journal {
    let lsn = Lsn::new(100);
    let head = Head {
        lsn,
        page,
        chain: 7,
    };
    Journal::new(JOURNAL, GEOMETRY, KEY, head, used)
}

/// An entry of so many pages.
fn entry(pages: u32) -> Entry {
    if pages == 1 {
        let session = session(9);
        return Entry::Session {
            session,
            mode: Mode::InSync,
        };
    }
    Entry::Perform(Perform {
        command: id(1),
        sequence: SequenceId::new(1),
        range: range(0, pages - 1),
        content: Content::Data(fill(1, pages - 1)),
        outcome: Outcome::Performed,
        session: session(9),
        watermark: Watermark {
            client: ClientId::new(7),
            counter: 1,
        },
    })
}

struct Names(u64);

impl Names {
    fn next(&mut self) -> IoId {
        self.0 += 1;
        IoId(self.0)
    }
}

fn append(journal: &mut Journal, names: &mut Names, pages: u32) -> Vec<RecordWrite> {
    let writes = journal.append(entry(pages), || names.next());
    writes.into_iter().flatten().collect()
}

fn durable(journal: &mut Journal) -> Vec<u64> {
    std::iter::from_fn(|| journal.take_durable())
        .map(|record| record.lsn.value())
        .collect()
}

/// Where a write goes, and how many pages it has; every one is forced.
fn place(write: &RecordWrite) -> (PageIndex, usize) {
    match &write.request {
        IoRequest::Write {
            start,
            pages,
            persistence: Persistence::ForceUnitAccess,
        } => (*start, pages.len()),
        other => panic!("a record is a forced write, not {other:?}"),
    }
}

#[test]
fn a_record_is_durable_only_when_all_before_it_are() {
    let (mut journal, mut names) = (journal(0, 0), Names(0));
    for pages in [1, 2, 1] {
        append(&mut journal, &mut names, pages);
    }
    assert!(journal.handle_completion(IoId(3)));
    assert!(journal.handle_completion(IoId(2)));
    assert_eq!(durable(&mut journal), []);
    assert_eq!(journal.durable().lsn, Lsn::new(100));
    assert!(journal.handle_completion(IoId(1)));
    assert_eq!(durable(&mut journal), [100, 101, 102]);
    assert_eq!(journal.durable().lsn, Lsn::new(103));
    assert_eq!(
        (
            journal.used(),
            journal.used_durable(),
            journal.outstanding()
        ),
        (4, 4, 0)
    );
}

#[test]
fn a_record_over_the_rings_end_is_two_writes_and_durable_after_both() {
    let (mut journal, mut names) = (journal(6, 0), Names(0));
    let writes = append(&mut journal, &mut names, 4);
    let ring = GEOMETRY.ring_start();
    let places: Vec<_> = writes.iter().map(place).collect();
    assert_eq!(places, [(ring.plus(6), 2), (ring, 2)]);
    assert_eq!(journal.head.page, 2);
    journal.handle_completion(writes[1].io);
    assert_eq!(durable(&mut journal), []);
    journal.handle_completion(writes[0].io);
    assert_eq!(durable(&mut journal), [100]);
}

#[test]
fn a_record_up_to_the_rings_end_is_one_write() {
    let (mut journal, mut names) = (journal(6, 0), Names(0));
    let writes = append(&mut journal, &mut names, 2);
    assert_eq!(writes.len(), 1);
    assert_eq!(journal.head.page, 0);
}

#[test]
fn each_record_repeats_its_predecessors_checksum_and_the_key() {
    let (mut journal, mut names) = (journal(0, 0), Names(0));
    let mut chain = 7;
    for (lsn, pages) in (100..).zip([1, 3, 2]) {
        let writes = append(&mut journal, &mut names, pages);
        let IoRequest::Write { pages, .. } = &writes[0].request else {
            panic!("a record is written")
        };
        let (record, checksum) = format::decode_record(pages).expect("it is one");
        assert_eq!((record.lsn, record.key), (Lsn::new(lsn), KEY));
        assert_eq!(record.previous, chain);
        chain = checksum;
    }
}

#[test]
fn a_completion_that_is_not_the_journals_changes_nothing() {
    let (mut journal, mut names) = (journal(0, 0), Names(0));
    append(&mut journal, &mut names, 1);
    let before = journal.clone();
    assert!(!journal.handle_completion(IoId(2)));
    assert_eq!(journal, before);
}

#[test]
fn room_comes_back_when_the_tail_moves() {
    let (mut journal, mut names) = (journal(5, 3), Names(0));
    assert_eq!((journal.free(), journal.used_durable()), (5, 3));
    append(&mut journal, &mut names, 5);
    assert_eq!((journal.free(), journal.used_durable()), (0, 3));
    journal.release(3);
    assert_eq!((journal.free(), journal.used_durable()), (3, 0));
}

#[test]
#[should_panic(expected = "only durable records are released")]
fn the_tail_does_not_pass_what_is_not_durable() {
    let (mut journal, mut names) = (journal(0, 0), Names(0));
    append(&mut journal, &mut names, 1);
    journal.release(1);
}

#[test]
#[should_panic(expected = "the caller checks for room")]
fn appending_to_a_full_ring_is_our_own_bug() {
    let (mut journal, mut names) = (journal(0, 8), Names(0));
    append(&mut journal, &mut names, 1);
}

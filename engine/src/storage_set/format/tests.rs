use imbl::{OrdMap, OrdSet};
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::layout::{BLOCK_HEADER_BYTES, Geometry};
use super::super::record::{CommandResult, Entry, Mark, Mode, Perform, Record, Route};
use super::super::tables::{Consistency, Role, StoredResult, Tables};
use super::*;
use crate::codec::envelope::{head_bytes, seal};
use crate::codec::testing::damage::{Damage, check_bit_flips, check_versions, damage};
use crate::codec::testing::{blocks, flat, golden, paged, strategies};
use crate::collections::Table;
use crate::contract::ReservationKey;
use crate::vocabulary::{
    BlockIndex, ClientId, CommandId, Content, CopyNumber, Lsn, NodeId, Outcome, Range, SequenceId,
    Session, SessionIncarnation, SiteEpoch, StorageSetId, Watermark,
};
use crate::wire::MESSAGE_BLOCKS_MAX;

const GOLDEN: &str = include_str!("../../../golden/storage_set.hex");

/// As they stand on a device: with the zeros behind them.
fn whole(pages: &[Payload]) -> Vec<Payload> {
    let whole = pages.iter().map(|page| page.filled_up(PAGE_BYTES));
    whole.collect()
}

fn encode_record(record: &Record) -> (Vec<Payload>, u32) {
    let (pages, checksum) = super::encode_record(record);
    (whole(&pages), checksum)
}

fn encode_checkpoint(checkpoint: &Checkpoint) -> Vec<Payload> {
    whole(&super::encode_checkpoint(checkpoint))
}

fn encode_superblock(superblock: &Superblock) -> Payload {
    super::encode_superblock(superblock).filled_up(PAGE_BYTES)
}

fn encode_heartbeat(heartbeat: &Heartbeat) -> Payload {
    super::encode_heartbeat(heartbeat).filled_up(PAGE_BYTES)
}

fn range(start: u64, count: u32) -> Range {
    Range::new(BlockIndex::new(start), count).expect("tests use sane ranges")
}

fn command(counter: u64) -> CommandId {
    CommandId {
        client: ClientId::new(3),
        counter,
    }
}

fn session() -> Session {
    Session {
        site_epoch: SiteEpoch::new(4),
        incarnation: SessionIncarnation::new(6),
    }
}

fn watermark() -> Watermark {
    Watermark {
        client: ClientId::new(3),
        counter: 15,
    }
}

fn record(entry: Entry) -> Record {
    let key = ReservationKey { epoch: 5, node: 2 };
    Record {
        lsn: Lsn::new(0x3132),
        key,
        previous: 0xcafe_f00d,
        durable: Lsn::new(0x3130),
        page: 77,
        entry,
    }
}

fn mark() -> Mark {
    Mark {
        command: command(17),
        sequence: SequenceId::new(117),
        range: range(9, 2),
        checksum: 0x4142_4344,
        session: session(),
    }
}

fn perform(content: Content, outcome: Outcome) -> Record {
    record(Entry::Perform(Perform {
        command: command(17),
        sequence: SequenceId::new(117),
        range: range(9, 2),
        content,
        outcome,
        session: session(),
        watermark: watermark(),
    }))
}

fn write() -> Record {
    perform(Content::Data(blocks(0xaa, 2)), Outcome::Performed)
}

fn copy(results: Vec<CommandResult>) -> Record {
    record(Entry::Copy {
        copy: CopyNumber::new(2),
        range: range(9, 2),
        content: Content::Data(blocks(0xaa, 2)),
        versions: vec![SequenceId::new(41), SequenceId::new(7)],
        results,
        differed: true,
    })
}

fn failed(counter: u64) -> CommandResult {
    CommandResult {
        command: command(counter),
        outcome: Outcome::Failed,
        range: None,
    }
}

fn records() -> Vec<(&'static str, Record)> {
    let clears = vec![command(15), command(16)];
    let watermark = watermark();
    let session = session();
    vec![
        (
            "mark",
            record(Entry::Mark {
                mark: mark(),
                watermark,
                clears: clears.clone(),
                route: Route::LocalOnly,
            }),
        ),
        ("perform", write()),
        (
            "perform-zeroes",
            perform(Content::Zeroes, Outcome::Performed),
        ),
        (
            "perform-nothing",
            perform(Content::Nothing, Outcome::Mismatch),
        ),
        (
            "fail",
            record(Entry::Fail {
                command: command(17),
                range: Some(range(9, 2)),
                watermark,
            }),
        ),
        ("clear", record(Entry::Clear { clears })),
        (
            "session",
            record(Entry::Session {
                session,
                mode: Mode::Resync,
            }),
        ),
        (
            "fence",
            record(Entry::Fence {
                session,
                watermarks: vec![watermark],
                resync: true,
                blocks: 0x4142,
            }),
        ),
        (
            "dirty",
            record(Entry::Dirty {
                set: vec![range(8, 16)],
                clear: vec![range(0, 8), range(32, 8)],
                rolled_back: vec![range(0, 8)],
            }),
        ),
        ("finish", record(Entry::Finish)),
        (
            "repair",
            record(Entry::Repair {
                range: range(9, 2),
                content: Content::Data(blocks(0xaa, 2)),
                versions: vec![SequenceId::new(41), SequenceId::new(7)],
                verdict: Some(CommandResult {
                    range: Some(range(9, 2)),
                    ..failed(17)
                }),
            }),
        ),
        ("lost", record(Entry::Lost)),
        ("grow", record(Entry::Grow { blocks: 0x4344 })),
        (
            "activate",
            record(Entry::Activate {
                session,
                mode: Mode::OutOfSync,
                forced: true,
            }),
        ),
        (
            "hand-off",
            record(Entry::HandOff {
                version: SiteEpoch::new(7),
            }),
        ),
        (
            "stand-down",
            record(Entry::StandDown {
                consistency: Consistency::Called,
            }),
        ),
        ("copy", copy(vec![failed(18)])),
    ]
}

fn superblock() -> Superblock {
    Superblock {
        set: StorageSetId::new(7),
        format: 0x2122_2324_2526_2728,
        geometry: Geometry {
            blocks: 1024,
            ring_pages: 256,
            checkpoint_pages: 16,
            region_blocks: 8,
        },
    }
}

fn checkpoint() -> Checkpoint {
    let performed = StoredResult {
        outcome: Outcome::Performed,
        range: Some(range(9, 2)),
    };
    let failed = StoredResult {
        outcome: Outcome::Failed,
        range: None,
    };
    Checkpoint {
        lsn: Lsn::new(0x3132),
        next_page: 77,
        chain: 0xcafe_f00d,
        tables: Tables {
            role: Role::Owner,
            mode: Mode::OutOfSync,
            consistency: Consistency::Outdated,
            session: session(),
            fence: session(),
            last_copy: CopyNumber::new(2),
            sequence_high: SequenceId::new(117),
            marks: OrdMap::unit(command(17), mark()),
            results: OrdMap::from(&[(command(15), performed), (command(16), failed)][..]),
            watermarks: Table::from_iter([(ClientId::new(3), 15)]),
            dirty: OrdSet::from(&[1, 5][..]),
            missing: OrdSet::from(&[2, 7][..]),
            left_at: SiteEpoch::new(3),
            rolled_back: OrdSet::from(&[4, 6][..]),
            blocks: 72,
        },
    }
}

fn block_header() -> BlockHeader {
    BlockHeader {
        block: BlockIndex::new(9),
        version: SequenceId::new(117),
        checksum: 0x4142_4344,
    }
}

fn heartbeat() -> Heartbeat {
    Heartbeat {
        node: NodeId::new(3),
        incarnation: 0x1112_1314_1516_1718,
        beat: 0x5152,
        epoch: 0x6162,
        drained: 0x7172,
    }
}

fn header_bytes(header: &BlockHeader) -> Vec<u8> {
    let mut bytes = vec![0xff; BLOCK_HEADER_BYTES];
    encode_block_header(header, &mut bytes);
    bytes
}

fn decode_record_bytes(bytes: &[u8]) -> Result<Record, DecodeError> {
    Ok(decode_record(&paged(bytes))?.0)
}

fn decode_checkpoint_bytes(bytes: &[u8]) -> Result<Checkpoint, DecodeError> {
    decode_checkpoint(&paged(bytes))
}

/// The bytes of pages with other values behind the envelope, sealed.
fn resealed(pages: &[Payload], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    resealed_with(pages, |mut head, body| {
        change(&mut head);
        seal(&mut head, body);
        head
    })
}

fn damaged(pages: &[Payload], damage: &Damage) -> Vec<u8> {
    resealed_with(pages, |head, body| damage.reseal_head(&head, body))
}

fn resealed_with(
    pages: &[Payload],
    change: impl FnOnce(Vec<u8>, &[Payload]) -> Vec<u8>,
) -> Vec<u8> {
    let head_bytes = head_bytes(&pages[0]).expect("a page holds an envelope");
    let (head, body) = pages.split_at(head_bytes.div_ceil(PAGE_BYTES));
    let mut head = change(flat(head)[..head_bytes].to_vec(), body);
    head.resize(head.len().next_multiple_of(PAGE_BYTES), 0);
    [head, flat(body)].concat()
}

/// True if zeros that fill the last page of a head are missing at the end, and only those.
fn lacks_only_padding(damaged: &[u8], bytes: &[u8]) -> bool {
    let head = head_bytes(bytes).expect("a page holds an envelope");
    let (head, behind) = bytes.split_at(head);
    let padding = damaged.strip_prefix(head);
    padding.is_some_and(|it| behind.len() < PAGE_BYTES && behind.starts_with(it))
}

#[test]
fn what_is_encoded_comes_without_padding_and_is_read_with_or_without_it() {
    for (name, record) in records() {
        let (short, checksum) = super::encode_record(&record);
        let head = head_bytes(&short[0]).expect("a page holds an envelope");
        let last = (head - 1) / PAGE_BYTES;
        assert_eq!(short[last].len(), (head - 1) % PAGE_BYTES + 1, "{name}");
        let expected = Ok((record, checksum));
        assert_eq!(decode_record(&short), expected, "{name}");
        assert_eq!(decode_record(&whole(&short)), expected, "{name}");
        let mut shorter = short.clone();
        shorter[last] = short[last].slice(..short[last].len() - 1);
        assert_eq!(
            decode_record(&shorter),
            Err(DecodeError::Truncated),
            "{name}"
        );
    }
    let short = super::encode_checkpoint(&checkpoint());
    assert!(short.last().is_some_and(|page| page.len() < PAGE_BYTES));
    assert_eq!(decode_checkpoint(&short), Ok(checkpoint()));
    let short = super::encode_heartbeat(&heartbeat());
    assert!(short.len() < PAGE_BYTES);
    assert_eq!(decode_heartbeat(&short), Ok(heartbeat()));
    let short = super::encode_superblock(&superblock());
    assert!(short.len() < PAGE_BYTES);
    assert_eq!(decode_superblock(&short), Ok(superblock()));
}

#[test]
fn only_the_last_page_of_a_head_may_be_short() {
    let shortened = |pages: &[Payload], place: usize| {
        let mut pages = pages.to_vec();
        pages[place] = pages[place].slice(..PAGE_BYTES - 1);
        pages
    };
    // A head of four pages and two of payload.
    let (pages, _) = encode_record(&copy((0..1_000).map(failed).collect()));
    assert_eq!(pages.len(), 6);
    for place in 0..6 {
        let found = decode_record(&shortened(&pages, place));
        match place == 3 {
            true => assert!(found.is_ok(), "page {place}"),
            false => assert_eq!(
                found,
                Err(DecodeError::Field("page length")),
                "page {place}"
            ),
        }
    }
    let mut checkpoint = checkpoint();
    checkpoint.tables.dirty = (0..1_000_u64).collect();
    let pages = encode_checkpoint(&checkpoint);
    assert!(pages.len() > 2);
    let length = Err(DecodeError::Field("page length"));
    assert_eq!(decode_checkpoint(&shortened(&pages, 0)), length);
    assert_eq!(
        decode_checkpoint(&shortened(&pages, pages.len() - 1)),
        Ok(checkpoint)
    );
}

#[test]
fn records_keep_their_golden_bytes() {
    for (name, record) in records() {
        let (pages, checksum) = encode_record(&record);
        let section = format!("{name}, version 6");
        golden::check(GOLDEN, &section, &flat(&pages));
        let decoded = decode_record(&paged(&golden::section(GOLDEN, &section)));
        assert_eq!(decoded, Ok((record, checksum)), "{name}");
        let versions = [2, 3, 4, 5].map(|version| format!("{name}, version {version}"));
        for earlier in [name.to_owned()].into_iter().chain(versions) {
            let bytes = golden::section(GOLDEN, &earlier);
            if !bytes.is_empty() {
                let decoded = decode_record(&paged(&bytes));
                assert_eq!(decoded, Err(DecodeError::Version), "{earlier}");
            }
        }
    }
}

#[test]
fn superblock_checkpoint_heartbeat_and_header_keep_their_golden_bytes() {
    golden::check(
        GOLDEN,
        "superblock, version 2",
        &encode_superblock(&superblock()),
    );
    let bytes = golden::section(GOLDEN, "superblock, version 2");
    assert_eq!(decode_superblock(&bytes), Ok(superblock()));

    golden::check(
        GOLDEN,
        "checkpoint, version 4",
        &flat(&encode_checkpoint(&checkpoint())),
    );
    let bytes = golden::section(GOLDEN, "checkpoint, version 4");
    assert_eq!(decode_checkpoint_bytes(&bytes), Ok(checkpoint()));
    for earlier in [
        "checkpoint",
        "checkpoint, version 2",
        "checkpoint, version 3",
    ] {
        let bytes = golden::section(GOLDEN, earlier);
        assert_eq!(decode_checkpoint_bytes(&bytes), Err(DecodeError::Version));
    }

    golden::check(
        GOLDEN,
        "heartbeat, version 2",
        &encode_heartbeat(&heartbeat()),
    );
    let bytes = golden::section(GOLDEN, "heartbeat, version 2");
    assert_eq!(decode_heartbeat(&bytes), Ok(heartbeat()));

    golden::check(GOLDEN, "block-header", &header_bytes(&block_header()));
    let bytes = golden::section(GOLDEN, "block-header");
    assert_eq!(decode_block_header(&bytes), Ok(Some(block_header())));
}

#[test]
fn payload_pages_are_the_commands_own_buffer() {
    let data = blocks(7, 3);
    let record = record(Entry::Copy {
        copy: CopyNumber::new(2),
        range: range(9, 3),
        content: Content::Data(data.clone()),
        versions: vec![SequenceId::new(1); 3],
        results: Vec::new(),
        differed: false,
    });
    let (pages, _) = encode_record(&record);
    assert_eq!(pages.len(), 4);
    for (place, page) in pages[1..].iter().enumerate() {
        assert_eq!(page.as_ptr(), data[place * PAGE_BYTES..].as_ptr());
    }
}

#[test]
fn a_long_record_takes_more_than_one_head_page() {
    let record = copy((0..1000).map(failed).collect());
    let (pages, checksum) = encode_record(&record);
    // 109 bytes before the results, 14 for each, and two pages of payload.
    assert_eq!(
        pages.len(),
        (109 + 1000 * 14_usize).div_ceil(PAGE_BYTES) + 2
    );
    assert_eq!(record_pages(&record), pages.len() as u64);
    assert_eq!(decode_record(&pages), Ok((record, checksum)));
}

#[test]
fn a_record_is_its_pages_no_more_and_no_fewer() {
    let (pages, _) = encode_record(&write());
    assert_eq!(decode_record(&[]), Err(DecodeError::Truncated));
    assert_eq!(decode_record(&pages[..2]), Err(DecodeError::Truncated));
    let longer = [&pages[..], &pages[..1]].concat();
    assert_eq!(decode_record(&longer), Err(DecodeError::Trailing));
    let mut swapped = pages.clone();
    swapped.swap(1, 2);
    assert_eq!(decode_record(&swapped), Err(DecodeError::Checksum));
    let mut short = pages.clone();
    short[2] = short[2].slice(..PAGE_BYTES - 1);
    assert_eq!(
        decode_record(&short),
        Err(DecodeError::Field("page length"))
    );
}

#[test]
fn peeking_tells_length_and_lsn() {
    for (_, record) in records() {
        let (pages, _) = encode_record(&record);
        assert_eq!(peek_record(&pages[0]), Ok((pages.len() as u64, record.lsn)));
        assert_eq!(record_pages(&record), pages.len() as u64);
    }
    assert_eq!(peek_record(&[0; PAGE_BYTES]), Err(DecodeError::Version));
    assert_eq!(peek_record(&[]), Err(DecodeError::Truncated));
    assert_eq!(
        peek_record(&encode_superblock(&superblock())),
        Err(DecodeError::Version)
    );
}

#[test]
fn peeking_believes_no_length_out_of_bounds() {
    let page = encode_record(&write()).0.swap_remove(0);
    let with_lengths = |head: usize, body: usize| {
        let mut page = page.to_vec();
        page[8..12].copy_from_slice(&crate::codec::length(head).to_le_bytes());
        page[12..16].copy_from_slice(&crate::codec::length(body).to_le_bytes());
        peek_record(&page).map(|(pages, _)| pages)
    };
    let body_max = MESSAGE_BLOCKS_MAX as usize * PAGE_BYTES;
    let pages_max = 64 + u64::from(MESSAGE_BLOCKS_MAX);
    assert_eq!(with_lengths(RECORD_HEAD_MAX, body_max), Ok(pages_max));
    let head_field = Err(DecodeError::Field("record head length"));
    assert_eq!(with_lengths(19, 0), head_field);
    assert_eq!(with_lengths(RECORD_HEAD_MAX + 1, 0), head_field);
    let body_field = Err(DecodeError::Field("payload length"));
    assert_eq!(with_lengths(100, 4095), body_field);
    assert_eq!(with_lengths(100, body_max + PAGE_BYTES), body_field);
}

#[test]
fn every_flipped_bit_is_noticed() {
    for (_, record) in records() {
        check_bit_flips(&flat(&encode_record(&record).0), decode_record_bytes);
    }
    check_bit_flips(&encode_superblock(&superblock()), decode_superblock);
    check_bit_flips(&encode_heartbeat(&heartbeat()), decode_heartbeat);
    check_bit_flips(
        &flat(&encode_checkpoint(&checkpoint())),
        decode_checkpoint_bytes,
    );
    check_bit_flips(&header_bytes(&block_header()), decode_block_header);
}

#[test]
fn foreign_versions_are_refused_as_such() {
    let reseal = |page: &mut [u8]| {
        let head_bytes = head_bytes(page).expect("a page holds an envelope");
        seal(&mut page[..head_bytes], &[]);
    };
    let fence = flat(&encode_record(&records()[7].1).0);
    check_versions(&fence, 6, reseal, decode_record_bytes);
    check_versions(&fence, 6, reseal, peek_record);
    check_versions(
        &encode_superblock(&superblock()),
        2,
        reseal,
        decode_superblock,
    );
    let bytes = flat(&encode_checkpoint(&checkpoint()));
    check_versions(&bytes, 4, reseal, decode_checkpoint_bytes);
    check_versions(
        &header_bytes(&block_header()),
        1,
        reseal_header,
        decode_block_header,
    );
}

fn reseal_header(bytes: &mut [u8]) {
    let checksum = crc32c::crc32c(&bytes[..28]);
    bytes[28..].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn padding_is_zero() {
    let refused = Some(DecodeError::Field("padding"));
    let last = |pages: &[Payload]| {
        let mut bytes = flat(pages);
        bytes[PAGE_BYTES - 1] = 1;
        bytes
    };
    let bytes = last(&encode_record(&write()).0);
    assert_eq!(decode_record_bytes(&bytes).err(), refused);
    let bytes = last(&encode_checkpoint(&checkpoint()));
    assert_eq!(decode_checkpoint_bytes(&bytes).err(), refused);
    let bytes = last(&[encode_superblock(&superblock())]);
    assert_eq!(decode_superblock(&bytes).err(), refused);
}

#[test]
fn an_entry_is_one_of_fifteen() {
    let (pages, _) = encode_record(&write());
    let kind = |kind: u8| decode_record_bytes(&resealed(&pages, |head| head[6] = kind));
    assert_eq!(kind(2), Ok(write()));
    assert_eq!(kind(0), Err(DecodeError::Field("entry kind")));
    assert_eq!(kind(16), Err(DecodeError::Field("entry kind")));
    let spare = resealed(&pages, |head| head[7] = 1);
    assert_eq!(
        decode_record_bytes(&spare),
        Err(DecodeError::Field("spare"))
    );
}

#[test]
fn superblock_and_checkpoint_have_but_one_kind() {
    let refused = Some(DecodeError::Field("kind"));
    let superblock = resealed(&[encode_superblock(&superblock())], |head| head[6] = 1);
    assert_eq!(decode_superblock(&superblock).err(), refused);
    let checkpoint = resealed(&encode_checkpoint(&checkpoint()), |head| head[6] = 1);
    assert_eq!(decode_checkpoint_bytes(&checkpoint).err(), refused);
}

#[test]
fn a_performed_command_has_not_failed() {
    // Header 60, command 12, sequence 8, range 12, content 1.
    let (pages, _) = encode_record(&write());
    let bytes = resealed(&pages, |head| head[93] = 3);
    assert_eq!(
        decode_record_bytes(&bytes),
        Err(DecodeError::Field("outcome"))
    );
}

#[test]
fn a_record_carries_the_payload_of_its_range() {
    let (pages, _) = encode_record(&write());
    let count = |count: u8| decode_record_bytes(&resealed(&pages, |head| head[88] = count));
    assert_eq!(count(2), Ok(write()));
    assert_eq!(count(1), Err(DecodeError::Trailing));
    assert_eq!(count(3), Err(DecodeError::Truncated));
    let longer = resealed(&pages, |head| head.push(0));
    assert_eq!(decode_record_bytes(&longer), Err(DecodeError::Trailing));
}

#[test]
#[should_panic(expected = "as many values as stated")]
fn copying_without_a_version_for_each_block_is_our_own_bug() {
    let mut record = copy(Vec::new());
    if let Entry::Copy { versions, .. } = &mut record.entry {
        versions.pop();
    }
    encode_record(&record);
}

#[test]
fn a_checkpoint_may_stand_before_pages_of_an_older_one() {
    let mut pages = encode_checkpoint(&checkpoint());
    pages.push(blocks(0x55, 1));
    assert_eq!(decode_checkpoint(&pages), Ok(checkpoint()));
    assert_eq!(decode_checkpoint(&[]), Err(DecodeError::Truncated));
    assert_eq!(
        decode_checkpoint(&[blocks(0, 1)]),
        Err(DecodeError::Version)
    );
}

#[test]
fn a_checkpoint_claims_no_more_pages_than_there_are() {
    let mut page = encode_checkpoint(&checkpoint()).swap_remove(0).to_vec();
    page[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(decode_checkpoint_bytes(&page), Err(DecodeError::Truncated));
    page.truncate(PAGE_BYTES - 1);
    assert_eq!(
        decode_checkpoint_bytes(&page),
        Err(DecodeError::Field("page length"))
    );
}

#[test]
fn a_geometry_is_bounded() {
    // Envelope 20, set 4, format 8.
    let pages = [encode_superblock(&superblock())];
    for field in 0..3 {
        let bytes = resealed(&pages, |head| head[32 + field * 8 + 7] = 1);
        assert_eq!(
            decode_superblock(&bytes),
            Err(DecodeError::Field("geometry"))
        );
    }
    assert_eq!(
        decode_superblock(&[&pages[0][..], &[0]].concat()),
        Err(DecodeError::Field("page length"))
    );
}

#[test]
fn a_block_that_was_never_written_has_no_header() {
    assert_eq!(decode_block_header(&[0; BLOCK_HEADER_BYTES]), Ok(None));
    let length = Err(DecodeError::Field("block header length"));
    assert_eq!(decode_block_header(&[0; BLOCK_HEADER_BYTES - 1]), length);
    let mut spare = header_bytes(&block_header());
    spare[6] = 1;
    reseal_header(&mut spare);
    assert_eq!(
        decode_block_header(&spare),
        Err(DecodeError::Field("spare"))
    );
}

proptest! {
    #[test]
    fn any_record_comes_back(record in strategies::record()) {
        let (pages, checksum) = encode_record(&record);
        prop_assert_eq!(peek_record(&pages[0]), Ok((pages.len() as u64, record.lsn)));
        prop_assert_eq!(record_pages(&record), pages.len() as u64);
        prop_assert_eq!(decode_record(&pages), Ok((record, checksum)));
    }

    #[test]
    fn any_checkpoint_comes_back(checkpoint in strategies::checkpoint()) {
        prop_assert_eq!(decode_checkpoint(&encode_checkpoint(&checkpoint)), Ok(checkpoint));
    }

    #[test]
    fn any_superblock_comes_back(superblock in strategies::superblock()) {
        prop_assert_eq!(decode_superblock(&encode_superblock(&superblock)), Ok(superblock));
    }

    #[test]
    fn any_heartbeat_comes_back(heartbeat in strategies::heartbeat()) {
        prop_assert_eq!(decode_heartbeat(&encode_heartbeat(&heartbeat)), Ok(heartbeat));
    }

    #[test]
    fn any_block_header_comes_back(header in strategies::block_header()) {
        prop_assert_eq!(decode_block_header(&header_bytes(&header)), Ok(Some(header)));
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..2 * PAGE_BYTES)) {
        prop_assert!(decode_record(&paged(&bytes)).is_err());
        prop_assert!(decode_checkpoint(&paged(&bytes)).is_err());
        prop_assert!(decode_superblock(&bytes).is_err());
        prop_assert!(decode_heartbeat(&bytes).is_err());
        prop_assert!(decode_block_header(&bytes).is_err());
        prop_assert!(peek_record(&bytes).is_err());
    }

    #[test]
    fn no_damaged_bytes_panic(record in strategies::record(), damage in damage()) {
        let bytes = flat(&encode_record(&record).0);
        let damaged = damage.anywhere(&bytes);
        let _ = peek_record(&damaged);
        let is_good = damaged == bytes || lacks_only_padding(&damaged, &bytes);
        prop_assert_eq!(decode_record_bytes(&damaged).is_ok(), is_good);
    }

    #[test]
    fn a_record_damaged_under_its_checksum_is_refused_or_means_what_it_says(
        record in strategies::record(), damage in damage(),
    ) {
        let bytes = damaged(&encode_record(&record).0, &damage);
        if let Ok(decoded) = decode_record_bytes(&bytes) {
            prop_assert_eq!(flat(&encode_record(&decoded).0), bytes);
        }
    }

    #[test]
    fn a_checkpoint_damaged_under_its_checksum_is_refused_or_means_what_it_says(
        checkpoint in strategies::checkpoint(), damage in damage(),
    ) {
        let bytes = damaged(&encode_checkpoint(&checkpoint), &damage);
        if let Ok(decoded) = decode_checkpoint_bytes(&bytes) {
            prop_assert_eq!(flat(&encode_checkpoint(&decoded)), bytes);
        }
    }

    #[test]
    fn a_heartbeat_damaged_under_its_checksum_is_refused_or_means_what_it_says(
        heartbeat in strategies::heartbeat(), damage in damage(),
    ) {
        let bytes = damaged(&[encode_heartbeat(&heartbeat)], &damage);
        if let Ok(decoded) = decode_heartbeat(&bytes) {
            prop_assert_eq!(&encode_heartbeat(&decoded)[..], bytes);
        }
    }

    #[test]
    fn a_superblock_damaged_under_its_checksum_is_refused_or_means_what_it_says(
        superblock in strategies::superblock(), damage in damage(),
    ) {
        let bytes = damaged(&[encode_superblock(&superblock)], &damage);
        if let Ok(decoded) = decode_superblock(&bytes) {
            prop_assert_eq!(&encode_superblock(&decoded)[..], bytes);
        }
    }
}

#[test]
fn the_fullest_checkpoint_and_the_longest_copy_take_what_they_may() {
    let full = |marks: u64, results: u64, clients: u32, dirty: u64| {
        let mut checkpoint = checkpoint();
        let client = |client: u64| ClientId::new(u32::try_from(client).expect("few clients"));
        let id = |counter| CommandId {
            client: client(counter % u64::from(clients)),
            counter,
        };
        let result = StoredResult {
            outcome: Outcome::Performed,
            range: Some(range(9, 2)),
        };
        checkpoint.tables.marks = (0..marks).map(|counter| (id(counter), mark())).collect();
        checkpoint.tables.results = (0..results).map(|counter| (id(counter), result)).collect();
        checkpoint.tables.watermarks = (0..u64::from(clients)).map(|c| (client(c), 1u64)).collect();
        checkpoint.tables.dirty = (0..dirty).collect();
        checkpoint.tables.missing = OrdSet::new();
        checkpoint.tables.rolled_back = (0..dirty).collect();
        encode_checkpoint(&checkpoint).len() as u64
    };
    // 123 bytes, 12 a client, 64 a mark, 26 a result; with 64 results and one
    // client 35 marks fit into the first page, and no 36th.
    for (marks, pages) in [(35, 1), (36, 2)] {
        assert_eq!(full(marks, 64, 1, 0), pages);
        assert_eq!(checkpoint_pages_max(marks, 64, 1, 0), pages);
    }
    let fullest = [
        (64, 64, 1, 0),
        (65, 0, 7, 64),
        (512, 4096, 64, 2048),
        (0, 1, 1, 1),
    ];
    for (marks, results, clients, dirty) in fullest {
        let pages = full(marks, results, clients, dirty);
        assert_eq!(pages, checkpoint_pages_max(marks, results, clients, dirty));
    }
    let results = |count| (0..count).map(failed).collect::<Vec<_>>();
    for count in [1, 150, 156, 157, 158, 400, 4096] {
        let results: Vec<CommandResult> = results(count)
            .into_iter()
            .map(|result| CommandResult {
                range: Some(range(9, 2)),
                ..result
            })
            .collect();
        let pages = record_pages(&copy(results));
        assert_eq!(Some(pages), copy_pages_max(count, 2), "{count} results");
    }
    assert_eq!(copy_pages_max(20_000, 2), None);
}

#[test]
fn a_mark_takes_one_page_with_all_the_clears_it_may_have() {
    let clears = |count| (0..u64::from(count)).map(command).collect();
    let pages = |count| {
        record_pages(&record(Entry::Mark {
            mark: mark(),
            watermark: watermark(),
            clears: clears(count),
            route: Route::Replicated,
        }))
    };
    assert_eq!(pages(CLEARS_MAX), 1);
    assert_eq!(pages(CLEARS_MAX + 1), 2);
}

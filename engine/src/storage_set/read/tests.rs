use crate::codec::testing::flat;
use std::collections::BTreeMap;

use super::*;
use crate::contract::DeviceId;
use crate::storage_set::format::BlockHeader;
use crate::testing::{DATA, JOURNAL, fill, range};
use crate::vocabulary::{Content, Lsn};

const GEOMETRY: Geometry = Geometry {
    blocks: 256,
    ring_pages: 64,
    checkpoint_pages: 1,
    region_blocks: 8,
};
const DEVICES: Devices = Devices {
    journal: JOURNAL,
    data: DATA,
    geometry: GEOMETRY,
};

/// The data device: blocks with their headers.
#[derive(Clone, Default)]
struct Device {
    pages: BTreeMap<u64, Payload>,
}

impl Device {
    fn store(&mut self, block: u64, byte: u8) {
        let header = BlockHeader {
            block: BlockIndex::new(block),
            version: SequenceId::new(block + 100),
            checksum: crc32c::crc32c(&fill(byte, 1)),
        };
        self.store_with(block, byte, &header);
    }

    fn store_with(&mut self, block: u64, byte: u8, header: &BlockHeader) {
        let block = BlockIndex::new(block);
        self.pages
            .insert(GEOMETRY.data_page(block).0, fill(byte, 1));
        let page = self.pages.entry(GEOMETRY.header_page(block).0);
        let page = page.or_insert_with(|| fill(0, 1));
        let mut bytes = page.to_vec();
        let offset = Geometry::header_offset(block);
        let place = &mut bytes[offset..offset + BLOCK_HEADER_BYTES];
        format::encode_block_header(header, place);
        *page = bytes.into();
    }

    fn read(&self, io: &DestageIo) -> IoOutput {
        assert_eq!(io.device, DeviceId::new(1));
        let IoRequest::Read { start, count } = io.request else {
            panic!("a read reads")
        };
        let pages = start.0..start.0 + u64::from(count);
        let zeroes = fill(0, 1);
        let page = |page| self.pages.get(&page).unwrap_or(&zeroes).clone();
        IoOutput::Pages(pages.map(page).collect())
    }
}

/// First byte and version of every block read.
fn outcome(device: &Device, blocks: &Blocks, range: Range) -> Result<Vec<(u8, u64)>, u64> {
    let (mut read, ios) = RangeRead::start(range, blocks, None, DEVICES, &mut IoIds::default());
    for io in ios.into_iter().rev() {
        assert!(!read.is_complete());
        assert!(read.handle_completion(io.io, Ok(device.read(&io))));
    }
    let brief = |content: BlockContent| {
        let byte = content.data.map_or(0, |data| data[0]);
        (byte, content.version.value())
    };
    read.finish()
        .map(|found| found.into_iter().map(brief).collect())
        .map_err(|unproven| unproven.block.value())
}

#[test]
fn a_block_comes_from_the_journal_if_it_stands_there() {
    let mut device = Device::default();
    let mut blocks = Blocks::default();
    for block in 0..4 {
        device.store(block, 1);
    }
    let content = Content::Data(fill(2, 1));
    blocks.apply(Lsn::new(1), range(1, 1), &content, |_| SequenceId::new(7));
    blocks.apply(Lsn::new(2), range(3, 1), &Content::Zeroes, |_| {
        SequenceId::new(8)
    });
    let found = outcome(&device, &blocks, range(0, 4));
    assert_eq!(found, Ok(vec![(1, 100), (2, 7), (1, 102), (0, 8)]));
}

#[test]
fn a_range_that_stands_in_the_journal_asks_no_device() {
    let mut blocks = Blocks::default();
    blocks.apply(Lsn::new(1), range(0, 3), &Content::Zeroes, |_| {
        SequenceId::new(7)
    });
    let (read, ios) = RangeRead::start(range(0, 3), &blocks, None, DEVICES, &mut IoIds::default());
    assert!(read.is_complete());
    assert_eq!(ios, []);
    assert_eq!(read.finish().map(|found| found.len()), Ok(3));
}

#[test]
fn only_what_the_journal_does_not_hold_is_asked_for_with_its_header_pages() {
    let mut blocks = Blocks::default();
    for place in [126, 129] {
        blocks.apply(Lsn::new(1), range(place, 1), &Content::Zeroes, |_| {
            SequenceId::new(7)
        });
    }
    let (_, ios) = RangeRead::start(range(126, 4), &blocks, None, DEVICES, &mut IoIds::default());
    let reads: Vec<_> = ios.into_iter().map(|io| io.request).collect();
    let read = |start, count| IoRequest::Read {
        start: PageIndex(start),
        count,
    };
    // Blocks 127 and 128; their headers stand at the end of page 1 and in page 2.
    assert_eq!(reads, [read(3 + 127, 2), read(1, 2)]);
}

/// A page that cannot be read, of a block whose newer content the journal has: a read
/// over it would fail, and the mirror's older content be taken for what was lost.
#[test]
fn nothing_is_read_over_a_block_that_the_journal_holds() {
    let mut device = Device::default();
    let mut blocks = Blocks::default();
    for block in 0..5 {
        device.store(block, 1);
    }
    let content = Content::Data(fill(2, 1));
    blocks.apply(Lsn::new(1), range(2, 1), &content, |_| SequenceId::new(7));
    let (mut read, ios) =
        RangeRead::start(range(0, 5), &blocks, None, DEVICES, &mut IoIds::default());
    let held = GEOMETRY.data_page(BlockIndex::new(2));
    for io in ios {
        let IoRequest::Read { start, count } = io.request else {
            panic!("a read reads")
        };
        let covers = (start.0..start.0 + u64::from(count)).contains(&held.0);
        let answer = match covers {
            true => Err(IoError::Unreadable(held)),
            false => Ok(device.read(&io)),
        };
        assert!(read.handle_completion(io.io, answer));
    }
    let versions = |found: Vec<BlockContent>| found.iter().map(|it| it.version.value()).collect();
    let found: Result<Vec<u64>, Unproven> = read.finish().map(versions);
    assert_eq!(found, Ok(vec![100, 101, 7, 103, 104]));
}

#[test]
fn blocks_that_were_never_written_are_zeroes() {
    let found = outcome(&Device::default(), &Blocks::default(), range(126, 4));
    assert_eq!(found, Ok(vec![(0, 0); 4]));
}

#[test]
fn a_block_that_does_not_prove_itself_is_not_returned() {
    let good = |block: u64| BlockHeader {
        block: BlockIndex::new(block),
        version: SequenceId::new(9),
        checksum: crc32c::crc32c(&fill(5, 1)),
    };
    let with = |header: &BlockHeader| {
        let mut device = Device::default();
        device.store(0, 1);
        device.store_with(1, 5, header);
        outcome(&device, &Blocks::default(), range(0, 2))
    };
    assert_eq!(with(&good(1)), Ok(vec![(1, 100), (5, 9)]));
    assert_eq!(with(&good(2)), Err(1), "a misdirected write");
    let stale = BlockHeader {
        checksum: 0,
        ..good(1)
    };
    assert_eq!(with(&stale), Err(1), "a lost write of data or header");
    let mut unheaded = Device::default();
    unheaded
        .pages
        .insert(GEOMETRY.data_page(BlockIndex::new(1)).0, fill(5, 1));
    let found = outcome(&unheaded, &Blocks::default(), range(0, 2));
    assert_eq!(found, Err(1), "data without a header");
}

#[test]
fn a_failed_read_proves_nothing() {
    let device = Device::default();
    let blocks = Blocks::default();
    let (mut read, ios) =
        RangeRead::start(range(3, 2), &blocks, None, DEVICES, &mut IoIds::default());
    read.handle_completion(ios[0].io, Ok(device.read(&ios[0])));
    read.handle_completion(ios[1].io, Err(IoError::Unreadable(PageIndex(1))));
    assert!(read.is_complete());
    assert_eq!(read.finish(), Err(Unproven::new(BlockIndex::new(3))));
}

#[test]
fn a_read_hears_nothing_but_its_own() {
    let blocks = Blocks::default();
    let (mut read, ios) =
        RangeRead::start(range(0, 1), &blocks, None, DEVICES, &mut IoIds::default());
    let other = IoId(ios[0].io.0 + 9);
    assert!(!read.handle_completion(other, Ok(IoOutput::Done)));
    assert!(!read.is_complete());
    // What befalls another read is not this one's error.
    let before = read.clone();
    assert!(!read.handle_completion(other, Err(IoError::Unreadable(PageIndex(20)))));
    assert_eq!(read, before);
}

#[test]
fn blocks_are_joined_in_order_and_zeroes_filled_in() {
    let content = |byte: Option<u8>| BlockContent {
        version: SequenceId::new(1),
        data: byte.map(|byte| fill(byte, 1)),
    };
    let joined = concatenate(&[content(Some(1)), content(None), content(Some(3))]);
    assert_eq!(
        joined,
        Payload::from(flat(&[fill(1, 1), fill(0, 1), fill(3, 1)]))
    );
    assert_eq!(concatenate(&[content(None)]), fill(0, 1));
    let one = content(Some(4));
    let data = one.data.clone().expect("it has data");
    assert_eq!(
        concatenate(&[one]).as_ptr(),
        data.as_ptr(),
        "one is not copied"
    );
}

#[test]
fn a_missing_block_asks_no_device_and_is_not_proven() {
    let (blocks, ids) = (Blocks::default(), &mut IoIds::default());
    let missing = Some(BlockIndex::new(4));
    let (read, ios) = RangeRead::start(range(3, 3), &blocks, missing, DEVICES, ids);
    assert_eq!(ios, []);
    assert!(read.is_complete());
    assert_eq!(read.finish(), Err(Unproven::new(BlockIndex::new(4))));
}

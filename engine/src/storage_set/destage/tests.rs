use super::*;
use crate::storage_set::blocks::Blocks;
use crate::storage_set::tables::{Role, Tables};
use crate::testing::{DATA, JOURNAL, fill, range, session};
use crate::vocabulary::{Content, Lsn, Range, SequenceId};

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

fn checkpoint() -> Checkpoint {
    Checkpoint {
        lsn: Lsn::new(5),
        next_page: 9,
        chain: 4,
        tables: Tables::formatted(Role::Owner, session(1), GEOMETRY.blocks),
    }
}

fn batch(ranges: &[Range]) -> Blocks {
    let mut blocks = Blocks::default();
    for range in ranges {
        let content = Content::Data(fill(7, range.count()));
        blocks.apply(Lsn::new(1), *range, &content, |_| SequenceId::new(3));
    }
    blocks
}

struct Running {
    destage: Destage,
    ids: IoIds,
    queue: Vec<DestageIo>,
}

impl Running {
    fn start(batch: Blocks) -> Self {
        let mut ids = IoIds::default();
        let slot = CheckpointSlot::B;
        let (destage, queue) = Destage::start(DEVICES, slot, batch, checkpoint(), 17, &mut ids);
        Running {
            destage,
            ids,
            queue,
        }
    }

    /// Ends one command; true if that was the last step.
    fn end(&mut self, place: usize, output: IoOutput) -> bool {
        let io = self.queue.remove(place);
        match self.destage.handle_completion(io.io, output, &mut self.ids) {
            Progress::Waiting => false,
            Progress::Submit(more) => {
                self.queue.extend(more);
                false
            }
            Progress::Done => true,
            Progress::Failed => unreachable!("no device of this test fails"),
        }
    }

    /// Ends all commands queued now, each read with a page of zeroes.
    fn end_all(&mut self) -> bool {
        (0..self.queue.len()).any(|_| {
            let output = match self.queue[0].request {
                IoRequest::Read { .. } => zeroes(),
                _ => IoOutput::Done,
            };
            self.end(0, output)
        })
    }

    /// What is queued: kind, device and first page.
    fn kinds(&self) -> Vec<(&'static str, DeviceId, u64)> {
        let kind = |io: &DestageIo| match &io.request {
            IoRequest::Read { start, .. } => ("read", io.device, start.0),
            IoRequest::Write {
                start,
                persistence: Persistence::Cached,
                ..
            } => ("write", io.device, start.0),
            IoRequest::Write { start, .. } => ("force", io.device, start.0),
            IoRequest::Flush => ("flush", io.device, 0),
            other => panic!("no part of a destage: {other:?}"),
        };
        self.queue.iter().map(kind).collect()
    }
}

fn zeroes() -> IoOutput {
    IoOutput::Pages(vec![Payload::from_static(&[0; PAGE_BYTES])])
}

#[test]
fn blocks_are_flushed_before_the_checkpoint_and_released_after_it() {
    // Headers stand in pages 1 and 2, data from page 3.
    let mut running = Running::start(batch(&[range(0, 2), range(130, 1)]));
    assert_eq!(running.kinds(), [("read", DATA, 1), ("read", DATA, 2)]);
    running.end(0, zeroes());
    assert_eq!(running.kinds(), [("read", DATA, 2)]);
    running.end(0, zeroes());
    let writes = [3, 133, 1, 2].map(|page| ("write", DATA, page));
    assert_eq!(running.kinds(), writes);
    for _ in 0..3 {
        running.end(3 - (writes.len() - running.queue.len()), IoOutput::Done);
        assert!(running.kinds().iter().all(|(kind, ..)| *kind == "write"));
    }
    running.end(0, IoOutput::Done);
    assert_eq!(running.kinds(), [("flush", DATA, 0)]);
    running.end(0, IoOutput::Done);
    let slot = GEOMETRY.checkpoint_start(CheckpointSlot::B).0;
    assert_eq!(running.kinds(), [("force", JOURNAL, slot)]);
    let IoRequest::Write { pages, .. } = &running.queue[0].request else {
        panic!("a checkpoint is written")
    };
    assert_eq!(format::decode_checkpoint(pages), Ok(checkpoint()));
    assert!(running.end(0, IoOutput::Done));
    assert_eq!(running.destage.releases(), 17);
}

#[test]
fn a_batch_without_blocks_is_a_checkpoint() {
    let running = Running::start(Blocks::default());
    let slot = GEOMETRY.checkpoint_start(CheckpointSlot::B).0;
    assert_eq!(running.kinds(), [("force", JOURNAL, slot)]);
}

#[test]
fn neighbouring_blocks_are_one_write_up_to_a_limit() {
    let mut running = Running::start(batch(&[range(0, 100), range(101, 1)]));
    running.end_all();
    assert_eq!(
        running.kinds(),
        [3, 67, 104, 1].map(|page| ("write", DATA, page))
    );
}

#[test]
fn a_blocks_header_changes_and_its_neighbours_stay() {
    let mut running = Running::start(batch(&[range(1, 1)]));
    let mut page = vec![0xee; PAGE_BYTES];
    page[BLOCK_HEADER_BYTES..2 * BLOCK_HEADER_BYTES].fill(0);
    running.end(0, IoOutput::Pages(vec![page.clone().into()]));
    let header = running.queue.iter().find_map(|io| match &io.request {
        IoRequest::Write { start, pages, .. } if start.0 == 1 => Some(pages[0].clone()),
        _ => None,
    });
    let header = header.expect("the header page is written");
    let (before, rest) = header.split_at(BLOCK_HEADER_BYTES);
    let (own, behind) = rest.split_at(BLOCK_HEADER_BYTES);
    assert!(before.iter().chain(behind).all(|byte| *byte == 0xee));
    let stored = BlockHeader {
        block: BlockIndex::new(1),
        version: SequenceId::new(3),
        checksum: crc32c::crc32c(&fill(7, 1)),
    };
    assert_eq!(format::decode_block_header(own), Ok(Some(stored)));
}

#[test]
fn a_completion_of_something_else_changes_nothing() {
    let mut running = Running::start(batch(&[range(0, 1)]));
    let other = IoId(running.queue[0].io.0 + 9);
    let progress = running
        .destage
        .handle_completion(other, IoOutput::Done, &mut running.ids);
    assert_eq!(progress, Progress::Waiting);
    assert_eq!(running.kinds(), [("read", DATA, 1)]);
}

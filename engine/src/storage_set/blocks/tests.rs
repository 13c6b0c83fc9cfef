use super::*;
use crate::codec::testing::flat;
use crate::testing::{fill, range};

fn lsn(number: u64) -> Lsn {
    Lsn::new(number)
}

fn sequence(number: u64) -> SequenceId {
    SequenceId::new(number)
}

/// Version and first byte of every block that stands only in the journal.
fn content(blocks: &Blocks) -> Vec<(u64, u64, Option<u8>)> {
    blocks
        .iter()
        .map(|(block, journalled)| {
            let BlockContent { version, data } = &journalled.content;
            let first = data.as_ref().map(|data| {
                assert_eq!(data.len(), BLOCK_BYTES);
                data[0]
            });
            (block.value(), version.value(), first)
        })
        .collect()
}

#[test]
fn a_record_gives_each_of_its_blocks_its_own_bytes_and_version() {
    let mut blocks = Blocks::default();
    let two = flat(&[fill(1, 1), fill(2, 1)]);
    blocks.apply(lsn(1), range(4, 2), &Content::Data(two.into()), |place| {
        sequence(10 + place as u64)
    });
    blocks.apply(lsn(2), range(6, 1), &Content::Zeroes, |_| sequence(20));
    blocks.apply(lsn(3), range(4, 3), &Content::Nothing, |_| sequence(30));
    assert_eq!(
        content(&blocks),
        [(4, 10, Some(1)), (5, 11, Some(2)), (6, 20, None)]
    );
    assert_eq!(blocks.len(), 3);
    assert_eq!(blocks.get(BlockIndex::new(7)), None);
}

#[test]
fn the_newest_record_wins() {
    let mut blocks = Blocks::default();
    for number in 1..4 {
        blocks.apply(lsn(number), range(0, 2), &Content::Zeroes, |_| {
            sequence(number)
        });
    }
    assert_eq!(content(&blocks), [(0, 3, None), (1, 3, None)]);
}

#[test]
fn a_destaged_block_is_kept_if_a_newer_record_has_come_meanwhile() {
    let mut blocks = Blocks::default();
    blocks.apply(lsn(1), range(0, 2), &Content::Zeroes, |_| sequence(1));
    let batch = blocks.clone();
    blocks.apply(lsn(2), range(1, 2), &Content::Zeroes, |_| sequence(2));
    blocks.forget(&batch);
    assert_eq!(content(&blocks), [(1, 2, None), (2, 2, None)]);
}

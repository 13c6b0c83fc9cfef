use super::*;

fn id(counter: u64) -> CommandId {
    CommandId {
        client: ClientId::new(3),
        counter,
    }
}

const BLOCK: BlockIndex = BlockIndex::new(17);

#[test]
fn a_stamp_reads_back() {
    assert_eq!(
        read(BLOCK, &stamp(id(5), BLOCK)),
        BlockValue::written(id(5))
    );
    assert_eq!(read(BLOCK, &[0; BLOCK_BYTES]), BlockValue::Zero);
}

#[test]
fn a_range_reads_back_and_what_is_missing_is_garbage() {
    let range = Range::new(BLOCK, 3).unwrap();
    let bytes = payload(id(5), range);
    assert_eq!(read_range(range, &bytes), [BlockValue::written(id(5)); 3]);
    let cut = read_range(range, &bytes[..BLOCK_BYTES + 7]);
    assert_eq!(
        cut,
        [
            BlockValue::written(id(5)),
            BlockValue::Garbage,
            BlockValue::Garbage
        ]
    );
}

#[test]
fn content_is_what_the_values_stand_for() {
    let range = Range::new(BLOCK, 3).unwrap();
    let values = [
        BlockValue::written(id(1)),
        BlockValue::Zero,
        BlockValue::written(id(2)),
    ];
    assert_eq!(read_range(range, &content(range, &values)), values);
}

#[test]
fn every_mixture_of_sectors_is_torn() {
    let (old, new) = (stamp(id(1), BLOCK), stamp(id(2), BLOCK));
    for cut in 1..SECTORS {
        let cut = cut * SECTOR_BYTES;
        let mixtures = [
            [&new[..cut], &old[cut..]].concat(),
            [&new[..cut], &vec![0; BLOCK_BYTES - cut]].concat(),
            [&vec![0; cut], &new[cut..]].concat(),
        ];
        for mixture in mixtures {
            assert_eq!(read(BLOCK, &mixture), BlockValue::Torn, "cut at {cut}");
        }
    }
}

#[test]
fn a_block_at_the_wrong_place_is_foreign() {
    let bytes = stamp(id(5), BlockIndex::new(18));
    let found = BlockValue::Foreign {
        command: id(5),
        block: BlockIndex::new(18),
    };
    assert_eq!(read(BLOCK, &bytes), found);
}

#[test]
fn any_flipped_bit_is_garbage() {
    let good = stamp(id(5), BLOCK);
    for at in 0..BLOCK_BYTES {
        let mut bad = good.to_vec();
        bad[at] ^= 1 << (at % 8);
        assert_eq!(read(BLOCK, &bad), BlockValue::Garbage, "byte {at}");
    }
    assert_eq!(read(BLOCK, &[1; BLOCK_BYTES]), BlockValue::Garbage);
}

#[test]
fn a_sector_at_another_ones_place_is_garbage() {
    let mut bytes = stamp(id(5), BLOCK).to_vec();
    bytes.rotate_left(SECTOR_BYTES);
    assert_eq!(read(BLOCK, &bytes), BlockValue::Garbage);
}

#[test]
fn sectors_of_one_command_differ() {
    let bytes = stamp(id(5), BLOCK);
    let mut sectors: Vec<_> = bytes
        .chunks(SECTOR_BYTES)
        .map(|sector| &sector[STAMP_BYTES..])
        .collect();
    sectors.sort();
    sectors.dedup();
    assert_eq!(sectors.len(), SECTORS);
}

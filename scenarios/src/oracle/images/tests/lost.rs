//! An owner loses its data device: what each copy owes while it is rebuilt.

use bytes::BytesMut;
use stormglass_engine::payload::Payload;
use stormglass_engine::storage_set::record::Entry;
use stormglass_engine::vocabulary::{BLOCK_BYTES, Content, Outcome, Range, SequenceId};

use super::rig::{
    self, Drive, GEOMETRY, MIRROR, OWNER, Rig, bytes_of, command, content, mark, perform, range,
};
use super::{answer, write};
use crate::oracle::OracleId;

/// Write 1 of blocks 0 and 1 destaged, write 2 of block 9 in the journals, no mark left;
/// then the owner's data device is replaced, and its set taken again.
fn bereft() -> Rig {
    let mut rig = Rig::new();
    write(&mut rig, 1, 0, 2);
    rig.durable(OWNER, rig::clear(&[1]));
    rig.destage(OWNER);
    rig.destage(MIRROR);
    write(&mut rig, 2, 9, 1);
    rig.durable(OWNER, rig::clear(&[2]));
    rig.replace_data(OWNER);
    rig.take_over(OWNER);
    rig
}

/// The same, all that is not in the journal durably known as missing.
fn lost() -> Rig {
    let mut rig = bereft();
    rig.durable(OWNER, Entry::Lost);
    rig.recognise(OWNER);
    assert_eq!(rig.findings, []);
    rig
}

/// What the mirror holds of a region.
fn repair(region: u64) -> Entry {
    let range = GEOMETRY.region_range(region);
    let (mut bytes, mut versions) = (BytesMut::new(), Vec::new());
    for block in range.blocks() {
        let (version, page) = match block.value() {
            at @ (0 | 1) => (1, page_of(1, rig::range(0, 2), at)),
            9 => (2, page_of(2, rig::range(9, 1), 0)),
            _ => (0, Payload::from_static(&[0; BLOCK_BYTES])),
        };
        bytes.extend_from_slice(&page);
        versions.push(SequenceId::new(version));
    }
    Entry::Repair {
        range,
        content: Content::Data(bytes.freeze().into()),
        versions,
        verdict: None,
    }
}

fn page_of(counter: u64, range: Range, place: u64) -> Payload {
    let Content::Data(bytes) = content(counter, range) else {
        panic!("it writes data")
    };
    let at = usize::try_from(place).expect("few") * BLOCK_BYTES;
    bytes.slice(at..at + BLOCK_BYTES)
}

/// The same repair with another content of its first block.
fn with_first(entry: Entry, version: u64, page: &Payload) -> Entry {
    let Entry::Repair {
        range,
        content: Content::Data(data),
        mut versions,
        verdict,
    } = entry
    else {
        panic!("it repairs")
    };
    let mut bytes = BytesMut::from(&data[..]);
    bytes[..BLOCK_BYTES].copy_from_slice(page);
    versions[0] = SequenceId::new(version);
    Entry::Repair {
        range,
        content: Content::Data(bytes.freeze().into()),
        versions,
        verdict,
    }
}

#[test]
fn a_lost_device_that_is_rebuilt_passes_all_oracles() {
    let mut rig = lost();
    rig.destage(OWNER);
    for region in (0..GEOMETRY.region_count()).rev() {
        rig.durable(OWNER, repair(region));
        rig.destage(OWNER);
    }
    rig.destage(MIRROR);
    rig.finish();
    assert_eq!(rig.findings, []);
}

#[test]
fn a_loss_may_be_lost_itself_and_noted_again() {
    let mut rig = bereft();
    rig.record(OWNER, Entry::Lost);
    rig.lose_power(OWNER, Drive::Journal);
    rig.durable(OWNER, Entry::Lost);
    rig.lose_power(OWNER, Drive::Journal);
    rig.recognise(OWNER);
    rig.lose_power(OWNER, Drive::Data);
    assert_eq!(rig.findings, []);
    // And the device a second time, between two repairs.
    rig.durable(OWNER, repair(16));
    rig.replace_data(OWNER);
    rig.take_over(OWNER);
    rig.durable(OWNER, Entry::Lost);
    rig.recognise(OWNER);
    rig.destage(OWNER);
    assert_eq!(rig.findings, []);
}

#[test]
fn o5_finds_a_device_that_counts_although_nobody_says_what_is_missing() {
    let mut rig = bereft();
    rig.recognise(OWNER);
    rig.expect(OracleId::O5, "block 0 may differ");
}

#[test]
fn o5_finds_a_region_that_is_rebuilt_with_other_bytes() {
    let mut rig = lost();
    rig.destage(OWNER);
    rig.record(OWNER, with_first(repair(0), 1, &bytes_of(77, 1)));
    rig.expect(OracleId::O5, "block 0 may differ");
}

#[test]
fn o5_finds_a_region_that_is_rebuilt_as_it_was_before() {
    let mut rig = lost();
    write(&mut rig, 3, 0, 1);
    rig.durable(OWNER, rig::clear(&[3]));
    rig.destage(OWNER);
    assert_eq!(rig.findings, []);
    rig.record(OWNER, repair(0));
    rig.expect(OracleId::O5, "block 0 may differ");
}

#[test]
fn o5_finds_a_region_that_is_called_rebuilt_and_is_not() {
    let mut rig = lost();
    let nothing = Entry::Repair {
        range: range(0, 8),
        content: Content::Nothing,
        versions: vec![SequenceId::new(0); 8],
        verdict: None,
    };
    rig.durable(OWNER, nothing);
    rig.destage(OWNER);
    rig.expect(OracleId::O5, "block 0 may differ");
}

#[test]
fn o5_finds_a_checkpoint_that_forgets_what_is_missing() {
    let mut rig = lost();
    rig.destage_blocks(OWNER, |_, bytes| bytes);
    rig.flush(OWNER);
    rig.checkpoint_with(OWNER, |it| {
        it.tables.missing.remove(&0);
    });
    rig.expect(OracleId::O5, "other missing regions");
}

#[test]
fn o1_still_asks_for_an_acknowledged_write_on_both_copies() {
    let mut rig = lost();
    rig.durable(OWNER, mark(3, range(0, 1)));
    rig.durable(OWNER, perform(3, range(0, 1), content(3, range(0, 1))));
    let only_here = (rig.findings.len(), rig.images.checks().durable);
    answer(&mut rig, 3);
    rig.expect(OracleId::O1, "the mirror's set may");
    assert!(rig.images.checks().durable > only_here.1);

    let mut rig = lost();
    rig.durable(OWNER, mark(3, range(0, 1)));
    rig.durable(MIRROR, perform(3, range(0, 1), content(3, range(0, 1))));
    answer(&mut rig, 3);
    rig.expect(OracleId::O1, "the owner's set may lose its result");
}

#[test]
fn o1_takes_the_mirrors_word_for_an_orphan_and_misses_one_without() {
    for verdict in [None, Some(Outcome::Performed)] {
        let mut rig = lost();
        rig.durable(OWNER, mark(3, range(0, 1)));
        rig.durable(MIRROR, perform(3, range(0, 1), content(3, range(0, 1))));
        let result = |outcome| stormglass_engine::storage_set::record::CommandResult {
            command: command(3),
            outcome,
            range: Some(range(0, 1)),
        };
        rig.durable(
            OWNER,
            Entry::Repair {
                range: range(0, 1),
                content: content(3, range(0, 1)),
                versions: vec![SequenceId::new(3)],
                verdict: verdict.map(result),
            },
        );
        answer(&mut rig, 3);
        match verdict {
            Some(_) => assert_eq!(rig.findings, []),
            None => rig.expect(OracleId::O1, "the owner's set may lose its result"),
        }
    }
}

#[test]
fn o9_finds_what_never_came_back() {
    let mut rig = lost();
    rig.destage(OWNER);
    rig.durable(OWNER, repair(16));
    rig.destage(OWNER);
    rig.destage(MIRROR);
    rig.finish();
    rig.expect(OracleId::O9, "16 regions");

    let mut rig = bereft();
    rig.destage(MIRROR);
    rig.finish();
    rig.expect(OracleId::O9, "still lacks");
}

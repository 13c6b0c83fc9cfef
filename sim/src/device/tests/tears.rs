//! Every tear of a page, against all that its versions can be mixed to.

use super::*;
use std::collections::BTreeSet;

const SECTORS: usize = PAGE_BYTES / SECTOR_BYTES;

type Mixture = [u8; SECTORS];

/// Every way to fill a page's sectors from versions of one byte each.
fn mixtures(versions: &BTreeSet<u8>) -> BTreeSet<Mixture> {
    let mut all = BTreeSet::from([[0; SECTORS]]);
    for sector in 0..SECTORS {
        let grow = |mixture: &Mixture| {
            let mixture = *mixture;
            versions.iter().map(move |byte| {
                let mut grown = mixture;
                grown[sector] = *byte;
                grown
            })
        };
        all = all.iter().flat_map(grow).collect();
    }
    all
}

/// What losses of power leave of a page, in whole sectors.
fn left(device: &Device, page: u64) -> BTreeSet<Mixture> {
    let mut found = BTreeSet::new();
    Answers::each_with_tears(|answers| {
        let mut device = device.clone();
        device.lose_power(answers);
        let content = device.stable(PageIndex(page));
        let mut mixture = [0; SECTORS];
        for (sector, bytes) in mixture.iter_mut().zip(content.chunks(SECTOR_BYTES)) {
            assert!(
                bytes.iter().all(|byte| *byte == bytes[0]),
                "sectors are whole"
            );
            *sector = bytes[0];
        }
        found.insert(mixture);
    });
    found
}

fn check(device: &Device, versions: &[u8]) {
    let versions: BTreeSet<u8> = versions.iter().copied().collect();
    let found = left(device, 5);
    assert_eq!(found, mixtures(&versions));
    // The shapes that recovery code gets wrong: the new beginning, the new end.
    let (Some(old), Some(new)) = (versions.first(), versions.last()) else {
        return;
    };
    for cut in 0..=SECTORS {
        let split = |before: u8, after: u8| {
            let mut mixture = [after; SECTORS];
            mixture[..cut].fill(before);
            mixture
        };
        assert!(found.contains(&split(*new, *old)));
        assert!(found.contains(&split(*old, *new)));
    }
}

#[test]
fn an_unflushed_page_tears_into_every_mixture_of_its_versions() {
    let mut device = reserved(spec());
    assert!(run(&mut device, 1, cached(5, &[1])).is_ok());
    check(&device, &[0, 1]);
    assert!(run(&mut device, 1, cached(5, &[2])).is_ok());
    check(&device, &[0, 1, 2]);
    assert!(run(&mut device, 1, IoRequest::Flush).is_ok());
    check(&device, &[2]);
}

#[test]
fn a_forced_write_under_way_tears_with_what_is_cached_below() {
    let mut device = reserved(spec());
    submit(&mut device, 1, forced(5, &[1]));
    check(&device, &[0, 1]);
    assert!(run(&mut device, 1, cached(5, &[2])).is_ok());
    check(&device, &[0, 1, 2]);
}

#[test]
fn what_the_reservation_refuses_tears_nothing() {
    let mut device = reserved(spec());
    assert!(run(&mut device, 1, cached(5, &[1])).is_ok());
    submit(&mut device, 0, forced(5, &[2]));
    check(&device, &[0, 1]);
}

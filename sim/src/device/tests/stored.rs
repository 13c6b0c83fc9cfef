//! Pages, their sharing and their serialized form.

use super::*;
use crate::device::pages::{Pages, content_of};
use std::collections::BTreeMap;

fn restored(device: &Device) -> Device {
    let bytes = postcard::to_stdvec(device).expect("serializes");
    postcard::from_bytes(&bytes).expect("restores")
}

#[test]
fn a_clone_keeps_what_its_twin_overwrites() {
    let mut pages = Pages::new(1 << 18);
    let indices = [0, 31, 32, 1_023, 1_024, (1 << 18) - 1].map(PageIndex);
    for (page, byte) in indices.into_iter().zip(1..) {
        pages.write(page, &page_of(byte));
    }
    let before = pages.clone();
    assert_eq!(before, pages);
    pages.write(PageIndex(32), &page_of(9));
    assert_eq!(before.read(PageIndex(32)), page_of(3));
    assert_ne!(before, pages);
    pages.write(PageIndex(32), &page_of(3));
    assert_eq!(before, pages, "equal again, though not the same memory");
    let stored: Vec<_> = before
        .stored()
        .map(|(page, content)| (page, content[0]))
        .collect();
    assert_eq!(stored, indices.into_iter().zip(1..).collect::<Vec<_>>());
}

#[test]
fn written_zeros_equal_a_page_never_written() {
    let mut pages = Pages::new(100);
    pages.write(PageIndex(70), &page_of(1));
    pages.write(PageIndex(70), &page_of(0));
    assert_eq!(pages, Pages::new(100));
    assert_eq!(pages.stored().count(), 0);
    assert_ne!(pages, Pages::new(101));
}

#[test]
fn of_a_page_that_ends_in_zeros_the_beginning_is_kept() {
    for used in [
        1,
        63,
        64,
        65,
        PAGE_BYTES / 4,
        PAGE_BYTES / 4 + 1,
        PAGE_BYTES,
    ] {
        let content: Payload = [vec![7; used], vec![0; PAGE_BYTES - used]].concat().into();
        let mut pages = Pages::new(3);
        pages.write(PageIndex(1), &content);
        assert_eq!(pages.read(PageIndex(1)), content);
        let kept = pages.stored().next().expect("it is not all zeros").1;
        assert_eq!(content_of(kept), &content[..used]);
        let kept = kept.len();
        let short = used.next_power_of_two().max(64);
        assert_eq!(
            kept,
            if short <= PAGE_BYTES / 4 {
                short
            } else {
                PAGE_BYTES
            }
        );
    }
}

/// A page that comes without the zeros at its end is that page, in the queue, in the
/// cache, after every power loss, in a checkpoint and for good.
#[test]
fn the_zeros_at_a_pages_end_may_be_missing() {
    let short = Payload::from(vec![3; 700]);
    let long = short.filled_up(PAGE_BYTES);
    for persistence in [Persistence::Cached, Persistence::ForceUnitAccess] {
        let [mut device, mut twin] = [&short, &long].map(|page| {
            let mut device = reserved(spec());
            let zeros = vec![0; page.len().min(10)].into();
            device.install(PageIndex(1), &[page.clone(), zeros]);
            let request = IoRequest::Write {
                start: PageIndex(0),
                pages: vec![page.clone()],
                persistence,
            };
            submit(&mut device, 1, request);
            device
        });
        let write = CommandNumber(1);
        let check = |device: &Device, twin: &Device| {
            for page in (0..3).map(PageIndex) {
                assert_eq!(device.possible(page), twin.possible(page));
                assert_eq!(device.is_certain(page), twin.is_certain(page));
                assert_eq!(device.current(page).len(), PAGE_BYTES);
                assert_eq!(device.current(page), twin.current(page));
            }
            Answers::each_with_tears(|answers| {
                let [mut device, mut twin] = [device.clone(), twin.clone()];
                let mut other = answers.clone();
                device.lose_power(answers);
                twin.lose_power(&mut other);
                assert_eq!((&*answers, &device), (&other, &twin));
            });
        };
        check(&device, &twin);
        assert_eq!(restored(&device), device);
        check(&restored(&device), &twin);
        assert!(finish(&mut device, write).is_ok());
        assert!(finish(&mut twin, write).is_ok());
        check(&device, &twin);
        assert_eq!(device, twin);
        let [left, right] = [&device, &twin].map(|device| postcard::to_stdvec(&device.behaviour()));
        assert_eq!(left, right);
        let [left, right] = [&device, &twin].map(postcard::to_stdvec);
        assert_eq!(left, right);
        assert_eq!(restored(&device), device);
        assert!(!device.stable.is_zero(PageIndex(1)) && device.stable.is_zero(PageIndex(2)));
    }
}

#[test]
fn a_page_keeps_the_memory_that_was_written() {
    let mut device = reserved(spec());
    let payload = Payload::from(vec![5; 2 * PAGE_BYTES]);
    let pages = vec![payload.slice(..PAGE_BYTES), payload.slice(PAGE_BYTES..)];
    let (start, persistence) = (PageIndex(0), Persistence::ForceUnitAccess);
    assert!(
        run(
            &mut device,
            1,
            IoRequest::Write {
                start,
                pages,
                persistence
            }
        )
        .is_ok()
    );
    assert_eq!(device.stable(PageIndex(0)).as_ptr(), payload.as_ptr());
}

#[test]
fn a_checkpoint_holds_each_content_once() {
    let mut device = reserved(spec());
    let content = page_of(7);
    device.install(PageIndex(0), &vec![content.clone(); 60]);
    assert!(run(&mut device, 1, cached(0, &[8, 7])).is_ok());
    submit(&mut device, 1, forced(1, &[8]));
    let bytes = postcard::to_stdvec(&device).expect("serializes");
    assert!(bytes.len() < 2 * PAGE_BYTES + 500, "{} bytes", bytes.len());
    assert_eq!(restored(&device), device);
}

#[test]
fn a_restored_device_goes_on_like_its_twin() {
    let mut device = reserved(spec());
    assert!(run(&mut device, 1, cached(0, &[1])).is_ok());
    let flush = submit(&mut device, 1, IoRequest::Flush);
    let write = device.submit(RIVAL, submission(1, cached(0, &[2])));
    device.drop_submitter(RIVAL);
    let mut twin = restored(&device);
    for device in [&mut device, &mut twin] {
        assert_eq!(device.execute(write).count(), 0);
        assert!(finish(device, flush).is_ok());
        assert_eq!(possible_at(device, 0), [1, 2]);
        assert_eq!(
            submit(device, 1, IoRequest::Flush),
            CommandNumber(write.0 + 1)
        );
    }
    assert_eq!(device, twin);
}

#[test]
fn devices_differ_by_what_they_hold() {
    let device = reserved(spec());
    let changes: BTreeMap<&str, fn(&mut Device)> = BTreeMap::from([
        (
            "stable",
            (|device| device.install(PageIndex(9), &[page_of(1)])) as fn(&mut Device),
        ),
        ("cache", |device| {
            assert!(run(device, 1, cached(0, &[0])).is_ok())
        }),
        ("queue", |device| {
            assert_eq!(submit(device, 1, IoRequest::Flush), CommandNumber(1))
        }),
        ("conflict", |device| {
            assert!(run(device, 0, IoRequest::Flush).is_err())
        }),
    ]);
    for (name, change) in changes {
        let mut other = device.clone();
        change(&mut other);
        assert_ne!(device, other, "{name}");
        assert_eq!(restored(&other), other, "{name}");
    }
}

#[test]
fn a_malformed_checkpoint_is_refused() {
    let mut device = reserved(spec());
    device.install(PageIndex(63), &[page_of(1)]);
    let bytes = postcard::to_stdvec(&device).expect("serializes");
    let mut shorter = bytes.clone();
    // The number of pages comes first.
    assert_eq!(shorter[0], 64);
    shorter[0] = 63;
    assert!(postcard::from_bytes::<Device>(&shorter).is_err());
    assert!(postcard::from_bytes::<Device>(&bytes[..100]).is_err());
}

//! What the tests of all formats share.
pub(crate) mod damage;
pub(crate) mod golden;
pub(crate) mod strategies;

use bytes::Bytes;

use crate::contract::{Frame, PAGE_BYTES};
use crate::payload::Payload;

/// Blocks whose bytes tell one from the next: each is filled with `first`,
/// `first + 1` and so on.
pub(crate) fn blocks(first: u8, count: u8) -> Payload {
    let fills = (0..count).map(|place| first.wrapping_add(place));
    let bytes: Vec<u8> = fills.flat_map(|fill| [fill; PAGE_BYTES]).collect();
    bytes.into()
}

/// A message as it goes over a real wire.
pub(crate) fn joined(frame: &Frame) -> Bytes {
    [&frame.head[..], &frame.body[..]].concat().into()
}

/// Pages one behind the other.
pub(crate) fn flat(pages: &[Payload]) -> Vec<u8> {
    pages.iter().flat_map(|page| page.iter()).copied().collect()
}

/// Whole pages of a buffer; the last one may be short.
pub(crate) fn paged(bytes: &[u8]) -> Vec<Payload> {
    bytes
        .chunks(PAGE_BYTES)
        .map(Payload::copy_from_slice)
        .collect()
}

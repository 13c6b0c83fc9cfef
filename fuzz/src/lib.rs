//! Envelopes around fuzzed bytes. Without a right checksum a decoder refuses
//! all but one input in four billion, and the fuzzer would never see what lies
//! behind: so magic, lengths and checksum are made, the rest is fuzzed. The version
//! too, among few: the present one of any format is found soon.

use stormglass_engine::contract::{Frame, PAGE_BYTES};
use stormglass_engine::payload::Payload;

/// Bytes of an envelope; see the engine's `codec::envelope`.
const ENVELOPE_BYTES: usize = 20;
const CHECKSUM_OFFSET: usize = 16;

/// More than any format has had.
const VERSIONS: u8 = 16;

/// A message. The first byte of `data` is its version, the second its kind, the third
/// says how many bytes of the rest are values; what follows is the body.
pub fn frame(magic: &[u8; 4], data: &[u8]) -> Frame {
    let (kind, values, body) = parts(data);
    let head = head(magic, kind, values, body);
    Frame { head: head.into(), body: Payload::copy_from_slice(body) }
}

/// Pages from the same parts, the last one of the head without the zeros at its end; a
/// body becomes as many pages as it has bytes, up to 4, each filled with one of them.
pub fn pages(magic: &[u8; 4], data: &[u8]) -> Vec<Payload> {
    let (kind, values, fills) = parts(data);
    let body: Vec<u8> = fills.iter().take(4).flat_map(|fill| [*fill; PAGE_BYTES]).collect();
    let head = head(magic, kind, values, &body);
    let pages = head.chunks(PAGE_BYTES).chain(body.chunks(PAGE_BYTES));
    pages.map(Payload::copy_from_slice).collect()
}

/// The same pages with the zeros at their ends.
pub fn whole(pages: &[Payload]) -> Vec<Payload> {
    pages.iter().map(|page| page.filled_up(PAGE_BYTES)).collect()
}

/// Pages as they are, the last one padded.
pub fn raw_pages(data: &[u8]) -> Vec<Payload> {
    let mut bytes = data.to_vec();
    bytes.resize(bytes.len().next_multiple_of(PAGE_BYTES), 0);
    bytes.chunks(PAGE_BYTES).map(Payload::copy_from_slice).collect()
}

/// Version and kind, values, body.
fn parts(data: &[u8]) -> ([u8; 2], &[u8], &[u8]) {
    let [version, kind, count, rest @ ..] = data else {
        return ([0; 2], &[], &[]);
    };
    let (values, body) = rest.split_at(rest.len().min(usize::from(*count)));
    ([version % VERSIONS, *kind], values, body)
}

fn head(magic: &[u8; 4], [version, kind]: [u8; 2], values: &[u8], body: &[u8]) -> Vec<u8> {
    let length =
        |bytes: usize| u32::try_from(bytes).expect("fuzzed inputs are small").to_le_bytes();
    let mut head = magic.to_vec();
    head.extend_from_slice(&[version, 0, kind, 0]);
    head.extend_from_slice(&length(ENVELOPE_BYTES + values.len()));
    head.extend_from_slice(&length(body.len()));
    let start = crc32c::crc32c(&head[..CHECKSUM_OFFSET]);
    let checksum = crc32c::crc32c_append(crc32c::crc32c_append(start, values), body);
    head.extend_from_slice(&checksum.to_le_bytes());
    head.extend_from_slice(values);
    head
}

//! Bytes on the devices: superblock, journal record, checkpoint, block header,
//! heartbeat.
//!
//! All but the block header start with an envelope (`codec::envelope`)
//! and fill whole pages; the rest of a head's last page is zero. Nothing here
//! knows where on a device a thing stands ([`super::layout`]) or whether it
//! follows what stands before it (recovery).

mod block_header;
mod checkpoint;
mod heartbeat;
mod record;
mod superblock;
#[cfg(test)]
mod tests;

pub use block_header::{BlockHeader, decode_block_header, encode_block_header};
pub use checkpoint::{Checkpoint, checkpoint_pages_max, decode_checkpoint, encode_checkpoint};
pub use heartbeat::{Heartbeat, decode_heartbeat, encode_heartbeat};
pub use record::{
    CLEARS_MAX, RECORD_HEAD_MAX, copy_pages_max, decode_record, encode_record, peek_record,
    record_pages,
};
pub use superblock::{Superblock, decode_superblock, encode_superblock};

use crate::contract::PAGE_BYTES;
use crate::payload::Payload;
use crate::wire::DecodeError;

static ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];

/// Cuts a sealed head into pages, the last one padded with zeroes; there will be so
/// many more pages behind them.
fn into_pages(mut head: Vec<u8>, more: usize) -> Vec<Payload> {
    head.resize(head.len().next_multiple_of(PAGE_BYTES), 0);
    let mut pages = Vec::with_capacity(head.len() / PAGE_BYTES + more);
    let head = Payload::from(head);
    if head.len() == PAGE_BYTES {
        // A slice of it would cost an allocation, and nearly every head is one page.
        pages.push(head);
    } else {
        pages.extend(pages_of(&head));
    }
    pages
}

/// The pages of a buffer of whole pages, by reference.
fn pages_of(buffer: &Payload) -> impl Iterator<Item = Payload> {
    assert!(
        buffer.len().is_multiple_of(PAGE_BYTES),
        "payload is whole pages"
    );
    (0..buffer.len())
        .step_by(PAGE_BYTES)
        .map(|at| buffer.slice(at..at + PAGE_BYTES))
}

/// Checks that padding, less than a page, is what was written.
fn check_padding(padding: &[u8]) -> Result<(), DecodeError> {
    // A slice comparison: an all() over bytes takes a quarter of a record's decoding.
    if *padding == ZEROS[..padding.len()] {
        Ok(())
    } else {
        Err(DecodeError::Field("padding"))
    }
}

/// Checks that pages are pages.
fn check_pages(pages: &[Payload]) -> Result<(), DecodeError> {
    if pages.iter().all(|page| page.len() == PAGE_BYTES) {
        Ok(())
    } else {
        Err(DecodeError::Field("page length"))
    }
}

//! Bytes on the devices: superblock, journal record, checkpoint, block header,
//! heartbeat.
//!
//! All but the block header start with an envelope (`codec::envelope`)
//! and take whole pages; the rest of a head's last page is zero. It is encoded without
//! those zeros, and decoded with or without them. Nothing here
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

/// Cuts a sealed head into pages, the last of them as short as it is; there will be so
/// many more pages behind them.
fn into_pages(mut head: Vec<u8>, more: usize) -> Vec<Payload> {
    // It is kept for as long as the page is.
    head.shrink_to_fit();
    let mut pages = Vec::with_capacity(head.len().div_ceil(PAGE_BYTES) + more);
    pages.extend(pages_of(&Payload::from(head)));
    pages
}

/// The pages of a buffer, by reference.
fn pages_of(buffer: &Payload) -> impl Iterator<Item = Payload> {
    let starts = (0..buffer.len()).step_by(PAGE_BYTES);
    starts.map(|at| buffer.slice(at..buffer.len().min(at + PAGE_BYTES)))
}

/// Checks that a page is no longer than one.
fn check_page(page: &[u8]) -> Result<(), DecodeError> {
    match page.len() <= PAGE_BYTES {
        true => Ok(()),
        false => Err(DecodeError::Field("page length")),
    }
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

/// Checks that pages are pages, of which the last of the head may lack its end.
fn check_pages(pages: &[Payload], head_bytes: usize) -> Result<(), DecodeError> {
    let last = head_bytes.div_ceil(PAGE_BYTES);
    for (page, number) in pages.iter().zip(1..) {
        check_page(page)?;
        if number != last && page.len() < PAGE_BYTES {
            return Err(DecodeError::Field("page length"));
        }
    }
    Ok(())
}

//! A checkpoint is refused, or encodes to the pages it was decoded from.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stormglass_engine::storage_set::format::{decode_checkpoint, encode_checkpoint};
use stormglass_fuzz::{pages, raw_pages};

fuzz_target!(|data: &[u8]| {
    for pages in [raw_pages(data), pages(b"SGCP", data)] {
        if let Ok(checkpoint) = decode_checkpoint(&pages) {
            let encoded = encode_checkpoint(&checkpoint);
            assert_eq!(encoded, pages[..encoded.len()]);
        }
    }
});

//! A checkpoint is refused, or encodes to the pages it was decoded from.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stormglass_engine::storage_set::format::{decode_checkpoint, encode_checkpoint};
use stormglass_fuzz::{pages, raw_pages, whole};

fuzz_target!(|data: &[u8]| {
    let made = pages(b"SGCP", data);
    for pages in [raw_pages(data), whole(&made), made] {
        if let Ok(checkpoint) = decode_checkpoint(&pages) {
            let encoded = encode_checkpoint(&checkpoint);
            assert_eq!(whole(&encoded), whole(&pages[..encoded.len()]));
        }
    }
});

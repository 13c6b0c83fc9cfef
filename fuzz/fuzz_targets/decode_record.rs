//! A journal record is refused, or encodes to the pages it was decoded from.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stormglass_engine::storage_set::format::{decode_record, encode_record, peek_record};
use stormglass_fuzz::{pages, raw_pages};

fuzz_target!(|data: &[u8]| {
    let _ = peek_record(data);
    for pages in [raw_pages(data), pages(b"SGJR", data)] {
        if let Ok((record, checksum)) = decode_record(&pages) {
            assert_eq!(peek_record(&pages[0]), Ok((pages.len() as u64, record.lsn)));
            assert_eq!(encode_record(&record), (pages, checksum));
        }
    }
});

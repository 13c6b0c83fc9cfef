//! A journal record is refused, or encodes to the pages it was decoded from.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stormglass_engine::storage_set::format::{decode_record, encode_record, peek_record};
use stormglass_fuzz::{pages, raw_pages, whole};

fuzz_target!(|data: &[u8]| {
    let _ = peek_record(data);
    let made = pages(b"SGJR", data);
    for pages in [raw_pages(data), whole(&made), made] {
        if let Ok((record, checksum)) = decode_record(&pages) {
            assert_eq!(peek_record(&pages[0]), Ok((pages.len() as u64, record.lsn)));
            let (encoded, sum) = encode_record(&record);
            assert_eq!((whole(&encoded), sum), (whole(&pages), checksum));
        }
    }
});

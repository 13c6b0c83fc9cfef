//! A client's request is refused, or encodes to the frame it was decoded from.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stormglass_engine::wire::client::{decode_request, encode_request};
use stormglass_engine::wire::split;
use stormglass_fuzz::frame;

fuzz_target!(|data: &[u8]| {
    let raw = split(&Bytes::copy_from_slice(data)).ok();
    for frame in raw.into_iter().chain([frame(b"SGCL", data)]) {
        if let Ok(request) = decode_request(&frame) {
            assert_eq!(encode_request(&request), frame);
        }
    }
});

//! A message between D-modules is refused, or encodes to the frame it was decoded
//! from; a portion that is a transfer by itself is refused or assembled.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stormglass_engine::wire::peer::{assemble, decode, encode, encode_transfer};
use stormglass_engine::wire::{PeerMessage, split};
use stormglass_fuzz::frame;

fuzz_target!(|data: &[u8]| {
    let raw = split(&Bytes::copy_from_slice(data)).ok();
    for frame in raw.into_iter().chain([frame(b"SGPR", data)]) {
        let Ok(message) = decode(&frame) else { continue };
        assert_eq!(encode(&message), frame);
        if let PeerMessage::Portion(portion) = message
            && let Ok(transfer) = assemble(std::slice::from_ref(&portion))
        {
            assert_eq!(encode_transfer(&transfer).head, portion.head);
        }
    }
});

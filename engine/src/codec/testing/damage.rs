//! Damage to valid encodings, seen or hidden by a checksum made anew.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::codec::DecodeError;
use crate::codec::envelope::{ENVELOPE_BYTES, seal};
use crate::contract::Frame;
use crate::payload::Payload;

/// Where the kind stands; magic and version stand before.
const KIND_OFFSET: usize = 6;

/// Changes to a string of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    edits: Vec<(Index, u8)>,
    cut: Option<Index>,
    tail: Vec<u8>,
}

impl Damage {
    /// Damages bytes behind `from`.
    fn apply(&self, bytes: &mut Vec<u8>, from: usize) {
        if let Some(cut) = self.cut {
            bytes.truncate(from.max(cut.index(bytes.len() + 1)));
        }
        bytes.extend_from_slice(&self.tail);
        for (place, xor) in &self.edits {
            if from < bytes.len() {
                let place = from + place.index(bytes.len() - from);
                bytes[place] ^= xor;
            }
        }
    }

    /// Damages a head's kind, spare byte and values, and makes its lengths and
    /// checksum right again.
    pub(crate) fn reseal_head(&self, head: &[u8], body: &[Payload]) -> Vec<u8> {
        let mut damaged = head.to_vec();
        self.apply(&mut damaged, KIND_OFFSET);
        damaged.resize(damaged.len().max(ENVELOPE_BYTES), 0);
        seal(&mut damaged, body);
        damaged
    }

    /// Damages bytes anywhere.
    pub(crate) fn anywhere(&self, bytes: &[u8]) -> Vec<u8> {
        let mut damaged = bytes.to_vec();
        self.apply(&mut damaged, 0);
        damaged
    }
}

/// Any damage: a few bytes changed, the end cut off or something put behind it.
pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    let edits = vec((any::<Index>(), any::<u8>()), 0..4);
    let cut = prop::option::weighted(0.2, any::<Index>());
    let tail = prop_oneof![4 => Just(Vec::new()), 1 => vec(any::<u8>(), 1..40)];
    (edits, cut, tail).prop_map(|(edits, cut, tail)| Damage { edits, cut, tail })
}

/// Damage that a checksum cannot see, to head and body of a message.
pub(crate) fn reseal(frame: &Frame, head: &Damage, body: &Damage) -> Frame {
    let body = Payload::from(body.anywhere(&frame.body));
    let head = head.reseal_head(&frame.head, std::slice::from_ref(&body));
    Frame {
        head: head.into(),
        body,
    }
}

/// A message with other values behind its envelope, sealed.
pub(crate) fn with_head(frame: &Frame, change: impl FnOnce(&mut Vec<u8>)) -> Frame {
    let mut head = frame.head.to_vec();
    change(&mut head);
    seal(&mut head, std::slice::from_ref(&frame.body));
    Frame {
        head: head.into(),
        body: frame.body.clone(),
    }
}

/// Checks that a decoder refuses every flip of a single bit.
pub(crate) fn check_bit_flips<T>(bytes: &[u8], decode: impl Fn(&[u8]) -> Result<T, DecodeError>) {
    assert!(decode(bytes).is_ok());
    let mut flipped = bytes.to_vec();
    for bit in 0..bytes.len() * 8 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(
            decode(&flipped).is_err(),
            "bit {} of byte {} flipped",
            bit % 8,
            bit / 8
        );
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
}

/// Checks that a decoder refuses every version but 1, and any other magic, as
/// such. The bytes start with magic and version; `seal` makes checksums right.
pub(crate) fn check_versions<T>(
    bytes: &[u8],
    own: u16,
    seal: impl Fn(&mut [u8]),
    decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
) {
    let mut foreign = bytes.to_vec();
    for version in (0..=u16::MAX).filter(|version| *version != own) {
        foreign[4..6].copy_from_slice(&version.to_le_bytes());
        seal(&mut foreign);
        assert_eq!(
            decode(&foreign).err(),
            Some(DecodeError::Version),
            "version {version}"
        );
    }
    let mut foreign = bytes.to_vec();
    foreign[0] ^= 1;
    seal(&mut foreign);
    assert_eq!(decode(&foreign).err(), Some(DecodeError::Version), "magic");
}

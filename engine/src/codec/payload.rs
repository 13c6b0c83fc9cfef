//! Block payload: scatter lists that are shared, and copied only where one
//! buffer must be made of several.

use bytes::Bytes;

use super::Coded;
use crate::codec::DecodeError;
use crate::vocabulary::{Content, Range};
use crate::wire::MESSAGE_BLOCKS_MAX;

/// Takes bytes from the front of a scatter list.
#[derive(Clone, Debug)]
pub(crate) struct Gather<'a> {
    front: Bytes,
    behind: &'a [Bytes],
    left: usize,
}

impl<'a> Gather<'a> {
    /// Starts at the first byte of the first piece.
    pub(crate) fn new(pieces: &'a [Bytes]) -> Self {
        let left = pieces.iter().map(Bytes::len).sum();
        Gather {
            front: Bytes::new(),
            behind: pieces,
            left,
        }
    }

    /// Bytes not taken yet.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Takes `count` bytes; without a copy if they lie in one piece.
    pub(crate) fn take(&mut self, count: usize) -> Result<Bytes, DecodeError> {
        if count > self.left {
            return Err(DecodeError::Truncated);
        }
        self.left -= count;
        self.refill();
        if count <= self.front.len() {
            return Ok(self.front.split_to(count));
        }
        let mut joined = Vec::with_capacity(count);
        while joined.len() < count {
            self.refill();
            let wanted = self.front.len().min(count - joined.len());
            joined.extend_from_slice(&self.front.split_to(wanted));
        }
        Ok(joined.into())
    }

    /// Checks that nothing is left.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        if self.left == 0 {
            Ok(())
        } else {
            Err(DecodeError::Trailing)
        }
    }

    fn refill(&mut self) {
        while self.front.is_empty() {
            let Some((next, behind)) = self.behind.split_first() else {
                return;
            };
            self.front = next.clone();
            self.behind = behind;
        }
    }
}

/// One buffer of all pieces; a single piece stays the same buffer.
pub(crate) fn join(pieces: &[Bytes]) -> Bytes {
    let mut gather = Gather::new(pieces);
    let all = gather.left();
    gather.take(all).expect("all that is there can be taken")
}

/// Appends a range's payload to a scatter list by reference.
pub(crate) fn put_payload(range: Range, bytes: &Bytes, payload: &mut Vec<Bytes>) {
    assert_eq!(
        bytes.len(),
        range.byte_count(),
        "payload is as long as its range"
    );
    assert!(
        range.count() <= MESSAGE_BLOCKS_MAX,
        "payload exceeds {MESSAGE_BLOCKS_MAX} blocks"
    );
    payload.push(bytes.clone());
}

/// Takes a range's payload.
pub(crate) fn get_payload(range: Range, payload: &mut Gather<'_>) -> Result<Bytes, DecodeError> {
    if range.count() > MESSAGE_BLOCKS_MAX {
        return Err(DecodeError::Field("payload length"));
    }
    payload.take(range.byte_count())
}

const DATA: u8 = 1;
const ZEROES: u8 = 2;
const NOTHING: u8 = 3;

/// Appends an effect: its kind among the values, its bytes to the payload.
pub(crate) fn put_content(
    content: &Content,
    range: Range,
    out: &mut Vec<u8>,
    payload: &mut Vec<Bytes>,
) {
    match content {
        Content::Data(bytes) => {
            DATA.put(out);
            put_payload(range, bytes, payload);
        }
        Content::Zeroes => ZEROES.put(out),
        Content::Nothing => NOTHING.put(out),
    }
}

/// Takes an effect on a range that was read before.
pub(crate) fn get_content(
    range: Range,
    input: &mut &[u8],
    payload: &mut Gather<'_>,
) -> Result<Content, DecodeError> {
    match u8::get(input)? {
        DATA => Ok(Content::Data(get_payload(range, payload)?)),
        ZEROES => Ok(Content::Zeroes),
        NOTHING => Ok(Content::Nothing),
        _ => Err(DecodeError::Field("content")),
    }
}

//! Block payload: scatter lists that are shared, and copied only where one
//! buffer must be made of several.

use super::Coded;
use crate::codec::DecodeError;
use crate::collections::push_one;
use crate::payload::Payload;
use crate::vocabulary::{Content, Range};
use crate::wire::MESSAGE_BLOCKS_MAX;

/// Takes bytes from the front of a scatter list.
#[derive(Clone, Debug)]
pub(crate) struct Gather<'a> {
    pieces: &'a [Payload],
    /// Bytes of the first piece that are taken.
    taken: usize,
    left: usize,
}

impl<'a> Gather<'a> {
    /// Starts at the first byte of the first piece.
    pub(crate) fn new(pieces: &'a [Payload]) -> Self {
        let left = pieces.iter().map(|piece| piece.len()).sum();
        Gather {
            pieces,
            taken: 0,
            left,
        }
    }

    /// Bytes not taken yet.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Takes `count` bytes; without a copy if they lie in one piece.
    pub(crate) fn take(&mut self, count: usize) -> Result<Payload, DecodeError> {
        if count > self.left {
            return Err(DecodeError::Truncated);
        }
        self.left -= count;
        let Some(front) = self.front() else {
            return Ok(Payload::new());
        };
        if count <= front.len() - self.taken {
            let part = front.slice(self.taken..self.taken + count);
            self.taken += count;
            return Ok(part);
        }
        let mut joined = Vec::with_capacity(count);
        while joined.len() < count {
            let front = self.front().expect("there are as many bytes left");
            let front = &front[self.taken..];
            let wanted = front.len().min(count - joined.len());
            joined.extend_from_slice(&front[..wanted]);
            self.taken += wanted;
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

    /// The piece that has the next byte; none if there is no byte any more.
    fn front(&mut self) -> Option<&'a Payload> {
        while self.pieces.first()?.len() == self.taken {
            self.pieces = &self.pieces[1..];
            self.taken = 0;
        }
        self.pieces.first()
    }
}

/// One buffer of all pieces; a single piece stays the same buffer.
pub(crate) fn join(pieces: &[Payload]) -> Payload {
    let mut gather = Gather::new(pieces);
    let all = gather.left();
    gather.take(all).expect("all that is there can be taken")
}

/// Appends a range's payload to a scatter list by reference.
pub(crate) fn put_payload(range: Range, bytes: &Payload, payload: &mut Vec<Payload>) {
    assert_eq!(
        bytes.len(),
        range.byte_count(),
        "payload is as long as its range"
    );
    assert!(
        range.count() <= MESSAGE_BLOCKS_MAX,
        "payload exceeds {MESSAGE_BLOCKS_MAX} blocks"
    );
    push_one(payload, bytes.clone());
}

/// Takes a range's payload.
pub(crate) fn get_payload(range: Range, payload: &mut Gather<'_>) -> Result<Payload, DecodeError> {
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
    payload: &mut Vec<Payload>,
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

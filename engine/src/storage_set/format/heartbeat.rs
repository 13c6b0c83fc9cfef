//! A heartbeat: one page of the mailbox, written over and over by its own node.

use serde::{Deserialize, Serialize};

use super::{check_padding, check_page, into_pages};
use crate::codec::envelope::{Format, seal};
use crate::codec::{Coded, coded_struct, finish};
use crate::payload::Payload;
use crate::vocabulary::NodeId;
use crate::wire::DecodeError;

const FORMAT: Format = Format {
    magic: *b"SGHB",
    // 2: `drained`, and a standby beats too.
    version: 2,
};

/// Proof that a D-module lived when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The node.
    pub node: NodeId,
    /// Its D-module's incarnation.
    pub incarnation: u64,
    /// Rises with every beat of the incarnation.
    pub beat: u64,
    /// The HA epoch under which it serves; 0 while a former holder may still answer, and
    /// of a standby.
    pub epoch: u64,
    /// The HA epoch under which this incarnation held the set and answers nothing any
    /// more; 0 if there is none.
    pub drained: u64,
}

coded_struct!(Heartbeat {
    node,
    incarnation,
    beat,
    epoch,
    drained
});

/// Encodes a heartbeat into one page.
pub fn encode_heartbeat(heartbeat: &Heartbeat) -> Payload {
    let mut head = FORMAT.begin(0);
    heartbeat.put(&mut head);
    seal(&mut head, &[]);
    into_pages(head, 0).swap_remove(0)
}

/// Decodes a heartbeat.
pub fn decode_heartbeat(page: &[u8]) -> Result<Heartbeat, DecodeError> {
    check_page(page)?;
    let envelope = FORMAT.peek(page)?;
    let (head, padding) = page
        .split_at_checked(envelope.head_bytes as usize)
        .ok_or(DecodeError::Truncated)?;
    let mut input = FORMAT.open_only(head)?;
    check_padding(padding)?;
    let heartbeat = Heartbeat::get(&mut input)?;
    finish(input)?;
    Ok(heartbeat)
}

//! Why bytes are refused, of messages and of records alike.

use serde::{Deserialize, Serialize};

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum DecodeError {
    /// Too short for what it says it holds.
    #[error("truncated")]
    Truncated,
    /// Bytes behind the end.
    #[error("bytes behind the end")]
    Trailing,
    /// The checksum does not match.
    #[error("checksum mismatch")]
    Checksum,
    /// Another protocol, or another version of this one.
    #[error("unknown magic or version")]
    Version,
    /// A field holds a value outside its bounds.
    #[error("field {0} out of bounds")]
    Field(&'static str),
}

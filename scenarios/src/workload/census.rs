//! What a client counts.

use serde::{Deserialize, Serialize};

/// What a client did so far.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// Ids given out.
    pub invoked: u64,
    /// Ids that ended with success.
    pub succeeded: u64,
    /// Successful mutations among them.
    pub mutated: u64,
    /// Compares that failed.
    pub mismatched: u64,
    /// Ids that ended with a refusal or as cancelled.
    pub failed: u64,
    /// Attempts that ended as `Unknown`.
    pub unknown: u64,
    /// Attempts that asked for an outcome.
    pub retries: u64,
    /// Ids given out in place of another one.
    pub reissued: u64,
    /// Tickets that were turned down.
    pub renewals: u64,
    /// Provisional notices received.
    pub notices: u64,
    /// Frames sent, requests for tickets included.
    pub frames: u64,
    /// Commands of the application that have ended.
    pub finished: u64,
    /// Those among them that the library gave up.
    pub abandoned: u64,
}

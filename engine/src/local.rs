//! What the modules of one node say to each other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::configuration::Configuration;
use crate::contract::{Address, Outbox, Slot};
use crate::event::Event;
use crate::wire::{ClientReply, ClientRequest};

/// A message between modules of one node. Lost if the receiver is down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Local {
    /// To the M-module: tell me the configuration.
    AskConfiguration {
        /// Who asks.
        from: Slot,
    },
    /// From the M-module.
    Configuration(Arc<Configuration>),
    /// N-module to D-module: a client's request.
    Request {
        /// Where the reply goes.
        client: Address,
        /// The request.
        request: ClientRequest,
    },
    /// D-module to N-module: the reply.
    Reply {
        /// Where it goes.
        client: Address,
        /// The reply.
        reply: ClientReply,
    },
}

/// The outbox of a node's module.
pub type NodeOutbox = Outbox<Local, Event>;

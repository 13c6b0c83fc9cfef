//! What the modules of one node say to each other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::configuration::{Candidates, Configuration};
use crate::contract::{Address, NetworkId, OrderKind, Outbox, Slot};
use crate::event::Event;
use crate::time::Duration;
use crate::vocabulary::NodeId;
use crate::wire::{ClientReply, ClientRequest};

/// What the administrator can order of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Order {
    /// Hand the storage set over to the HA partner: a giveback where that is the
    /// primary, a planned takeover where it is the standby.
    HandOver,
    /// Go by the configuration in its next version, with the peers' addresses as the
    /// administrator knows them: from the D-module's next boot on.
    NewConfiguration,
    /// Give the volume's ownership to the other site: a planned switchover. To the node that
    /// serves it.
    SwitchOver,
    /// Be the volume's owner, whatever the other site has acknowledged alone: a forced
    /// switchover. To the node of the mirror's pair that holds its set.
    ForceSwitchOver,
    /// The same, and the administrator attests that the other site is off. Without a mediator
    /// there is no other way.
    ForceSwitchOverAttested,
    /// Grow the volume to all that its storage set has room for. To the node that serves it.
    Grow,
}

impl Order {
    /// Every order.
    pub const ALL: [Order; 6] = [
        Order::HandOver,
        Order::NewConfiguration,
        Order::SwitchOver,
        Order::ForceSwitchOver,
        Order::ForceSwitchOverAttested,
        Order::Grow,
    ];

    /// Its number, by which a driver carries it.
    pub const fn kind(self) -> OrderKind {
        match self {
            Order::HandOver => OrderKind(1),
            Order::NewConfiguration => OrderKind(2),
            Order::SwitchOver => OrderKind(3),
            Order::ForceSwitchOver => OrderKind(4),
            Order::ForceSwitchOverAttested => OrderKind(5),
            Order::Grow => OrderKind(6),
        }
    }
    /// The order of a number.
    pub fn of(kind: OrderKind) -> Option<Order> {
        Order::ALL.into_iter().find(|order| order.kind() == kind)
    }
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Order::HandOver => "hand-over",
            Order::NewConfiguration => "new-configuration",
            Order::SwitchOver => "switch-over",
            Order::ForceSwitchOver => "force-switch-over",
            Order::ForceSwitchOverAttested => "force-switch-over-attested",
            Order::Grow => "grow",
        }
    }
}

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
    /// D-module to N-module: where are these nodes?
    Search(Box<Search>),
    /// N-module to D-module: what is known of it by now.
    Found {
        /// The search.
        nonce: u64,
        /// Where each of the nodes is, as far as it was found.
        found: [Option<Address>; 2],
        /// Nothing more will be found.
        is_over: bool,
    },
    /// N-module to D-module: a client's request.
    Request {
        /// Where the reply goes.
        client: Way,
        /// The request.
        request: ClientRequest,
    },
    /// D-module to N-module: the reply.
    Reply {
        /// Where it goes.
        client: Way,
        /// The reply.
        reply: ClientReply,
    },
    /// D-module to N-module: the set is served here. Said when that begins and with every
    /// heartbeat, for an N-module that has just booted knows nothing.
    Serves {
        /// Under which epoch.
        epoch: u64,
        /// The partner served it before.
        is_heir: bool,
    },
    /// The administrator's, to the M-module, and from there to the D-module.
    Order(Order),
}

/// The way to a client. It travels with a command, and nobody else knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Way {
    /// The client's address.
    pub client: Address,
    /// The partner's N-module on the interconnect, if the request came from there.
    pub via: Option<Address>,
}

impl Way {
    /// Straight to the client.
    pub const fn to(client: Address) -> Self {
        Way { client, via: None }
    }
}

/// What an N-module has to know to find nodes. It comes with the question, for an N-module
/// that has just booted may not have heard from the M-module yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Search {
    /// Names the search; repeated in the answers.
    pub nonce: u64,
    /// The network.
    pub network: NetworkId,
    /// The nodes.
    pub wanted: [NodeId; 2],
    /// Addresses that they may have.
    pub candidates: Candidates,
    /// Addresses that are asked at a time.
    pub at_a_time: u32,
    /// How long an address has time to answer.
    pub timeout: Duration,
}

/// The outbox of a node's module.
pub type NodeOutbox = Outbox<Local, Event>;

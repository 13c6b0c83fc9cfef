//! Scheduled faults. In a file each is a `[[fault]]` with one key, its kind:
//! `crash = { at = "2s", node = "east-1", restart_after = "1s" }`.

mod action;
mod form;
mod trigger;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stormglass_engine::contract::OrderKind;
use stormglass_engine::local::Order;
use stormglass_engine::time::Duration;

use super::names::{Endpoint, MessageKind, NetworkName};
pub use action::Action;
use form::FaultForm;
pub use trigger::{Cue, Trigger};

/// A fault and its moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "FaultForm", into = "FaultForm")]
pub struct Fault {
    /// When it happens.
    pub when: When,
    /// What happens.
    pub action: Action,
}

/// The moment of a fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// At an instant of the simulated world.
    At(Duration),
    /// When something has happened for the nth time.
    On(Trigger),
}

/// How a device comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReturnKind {
    /// With all that it held.
    Intact,
    /// As a new one, full of zeroes and reserved by nobody.
    Blank,
    /// With what was remembered of it; as it went if nothing was.
    Stale,
}

/// How a block's page goes bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DamageKind {
    /// It cannot be read until it is written anew.
    Unreadable,
    /// It reads as something else, and the device does not say so.
    Rot,
}

/// Two sides that do not hear each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Partition {
    /// The sender, where only one way is cut.
    pub from: Endpoint,
    /// The receiver, where only one way is cut.
    pub to: Endpoint,
    /// The network that is cut.
    pub network: NetworkName,
    /// Which ways are cut.
    pub direction: Direction,
    /// Which messages are lost; all if absent.
    pub kind: Option<MessageKind>,
    /// For how long.
    pub duration: Duration,
}

/// Which ways something is wrong; in a file, whether only one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum Direction {
    /// Both.
    #[default]
    BothWays,
    /// Only what is sent by `from` to `to`.
    OneWay,
}

impl From<bool> for Direction {
    fn from(is_one_way: bool) -> Self {
        match is_one_way {
            true => Direction::OneWay,
            false => Direction::BothWays,
        }
    }
}

impl From<Direction> for bool {
    fn from(direction: Direction) -> Self {
        direction == Direction::OneWay
    }
}

/// A part of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AreaKind {
    /// What it is there for: the blocks of a data device, the ring of a journal device.
    Content,
    /// All else: superblocks, checkpoints, headers, mailboxes.
    Metadata,
}

/// Which way a clock goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClockWay {
    /// It gains.
    #[default]
    Fast,
    /// It loses.
    Slow,
    /// It gains and loses by turns.
    Both,
}

/// What the administrator orders of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrderName {
    /// Hand the storage set over to the partner: a giveback where that is the primary, a
    /// planned takeover where it is the standby.
    HandOver,
    /// Go by the configuration in its next version, with the peers' addresses of the
    /// scenario's beginning, from the D-module's next boot on.
    NewConfiguration,
    /// Give the volume's ownership to the other site: a planned switchover. To the node that
    /// serves it.
    SwitchOver,
    /// Be the volume's owner, whatever the other site has acknowledged alone: a forced
    /// switchover. To the node of the mirror's pair that holds its set.
    ForceSwitchOver,
    /// The same, and the other site is off, as the administrator attests. Without a mediator
    /// there is no other way.
    ForceSwitchOverAttested,
    /// Grow the volume to all that its storage set has room for (`topology.set_blocks`). To
    /// the node that serves it.
    Grow,
}

impl OrderName {
    /// The engine's order.
    pub fn order(self) -> Order {
        match self {
            OrderName::HandOver => Order::HandOver,
            OrderName::NewConfiguration => Order::NewConfiguration,
            OrderName::SwitchOver => Order::SwitchOver,
            OrderName::ForceSwitchOver => Order::ForceSwitchOver,
            OrderName::ForceSwitchOverAttested => Order::ForceSwitchOverAttested,
            OrderName::Grow => Order::Grow,
        }
    }

    /// The name of an order that a world carried.
    pub(crate) fn of(kind: OrderKind) -> OrderName {
        match Order::of(kind) {
            Some(Order::HandOver) => OrderName::HandOver,
            Some(Order::NewConfiguration) => OrderName::NewConfiguration,
            Some(Order::SwitchOver) => OrderName::SwitchOver,
            Some(Order::ForceSwitchOver) => OrderName::ForceSwitchOver,
            Some(Order::ForceSwitchOverAttested) => OrderName::ForceSwitchOverAttested,
            Some(Order::Grow) => OrderName::Grow,
            None => unreachable!("a world carries orders that the engine knows"),
        }
    }
}

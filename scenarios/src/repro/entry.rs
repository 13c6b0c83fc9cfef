//! One fault of a repro: what it hit, how, and what happened before it.
//!
//! What befalls a message or a device command is found again by that name alone. What is
//! done to a machine, a link or a device has no name of its own: it hangs on the last
//! message or command that left whom it concerns, so that what changes elsewhere does
//! not move it.

use serde::{Deserialize, Serialize};
use stormglass_engine::time::Duration;
use stormglass_sim::choose::Copies;
use stormglass_sim::device::IoEffect;
use stormglass_sim::fault::Fault;
use stormglass_sim::occurrence::{IoName, PacketName};

use crate::agenda;

/// One fault of a repro.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it happened, from the run's beginning.
    pub at: Duration,
    /// What happened.
    pub act: Act,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// To a message.
    Message {
        /// Which one.
        name: PacketName,
        /// A hash of its head.
        fingerprint: u64,
        /// What befell it.
        aspect: Aspect,
        /// Of the same message, sent again as it was: which times, from 1, if not all.
        times: Vec<u32>,
    },
    /// To a device command.
    Command {
        /// Which one.
        name: IoName,
        /// A hash of what it asks for.
        fingerprint: u64,
        /// What befell it.
        trouble: Trouble,
    },
    /// To a machine, a link or a device.
    Hardware(Box<Hardware>),
    /// To something that this cluster does not have; its words.
    Unknown(String),
}

/// Something done to a machine, a link or a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardware {
    /// What.
    pub fault: Fault,
    /// What left before it; nothing had, if absent.
    pub after: Option<After>,
    /// So many events of that instant had happened.
    pub late: u64,
    /// Whether the scenario asked for it, not the weather. Calm ends what weather does.
    pub is_scheduled: bool,
    /// Of a loss of power: its number, with which its leavings are drawn.
    pub draw: u64,
}

/// A departure, and the time since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// What left.
    pub departed: Departed,
    /// So long ago.
    pub span: Duration,
}

/// Something that left a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Departed {
    /// A message.
    Message(PacketName),
    /// A device command.
    Command(IoName),
}

/// What befell a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aspect {
    /// It was lost.
    Lost,
    /// It arrived again.
    Doubled {
        /// The second copy came by so much later than the first would have.
        later: Duration,
        /// How many more came.
        more: u16,
        /// How far apart those were.
        apart: Duration,
    },
    /// It came later.
    Delayed(Duration),
    /// One bit, by its number, was inverted.
    Corrupted(u64),
}

/// What befell a device command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// It took longer.
    Slow(Duration),
    /// It went wrong.
    Wrong {
        /// How.
        effect: IoEffect,
        /// The number of the last loss of power before it: what a failed flush leaves is
        /// drawn with it.
        draw: u64,
    },
}

impl Aspect {
    /// The copies beside the second.
    pub(super) fn copies(self) -> Copies {
        match self {
            Aspect::Doubled { more, apart, .. } => Copies { count: more, apart },
            Aspect::Lost | Aspect::Delayed(_) | Aspect::Corrupted(_) => Copies::default(),
        }
    }
}

impl Entry {
    /// True if it only ends another: nobody counts it as a fault.
    pub fn is_end(&self) -> bool {
        match &self.act {
            Act::Hardware(hardware) => ends(&hardware.fault),
            Act::Message { .. } | Act::Command { .. } | Act::Unknown(_) => false,
        }
    }

    /// What is done to the hardware, if anything is.
    pub fn hardware(&self) -> Option<&Hardware> {
        match &self.act {
            Act::Hardware(hardware) => Some(hardware),
            Act::Message { .. } | Act::Command { .. } | Act::Unknown(_) => None,
        }
    }
}

/// True for what ends a hindrance, and for what wakes a machine or a module.
pub fn ends(fault: &Fault) -> bool {
    match fault {
        // A clock's rate and a device's pace have no kind of their own for their end; the
        // former is taken for a fault, for it may be one.
        Fault::ClockRate(..) => false,
        Fault::Boot(_) | Fault::Resume(_) => true,
        other => agenda::is_end(other),
    }
}

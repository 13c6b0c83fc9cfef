//! The contract between the cluster's software and whatever runs it.
//!
//! A [`Module`] is a pure state machine: inputs in, effects out, no clock, no
//! thread, no randomness and no I/O of its own. The driver (the simulator, or a
//! host with real sockets) owns time, delivery and devices. Everything the two
//! sides know of each other stands in this file, in [`crate::payload`] and in
//! [`crate::time`].
//!
//! Rules that both sides rely on:
//!
//! * A handler runs to completion. Its effects are carried out in the order in
//!   which they were pushed, at the instant at which the handler ran.
//! * A crash is dropping the module. Nothing survives but what its devices hold.
//! * A module asks for one deadline, the earliest of all its roles.
//! * Every retry raises [`Label::attempt`], and an answer repeats the attempt it
//!   answers; else an identical message would meet an identical fate for ever.
//! * Commands outstanding at a device are unordered, even on one page. Order
//!   comes only from waiting for a completion.
//! * *Durable before visible*: the handler that submits a durable write never
//!   emits its acknowledgement; the handler of the completion does.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::hash::Hash;

use crate::payload::Payload;
use crate::time::Instant;

/// One restartable unit of software: an N-, M- or D-module, or anything else
/// that a driver can boot, feed and drop.
pub trait Module: Clone + Debug + Eq + Serialize + DeserializeOwned {
    /// What the driver knows about the module before it boots: who it is and
    /// which configuration was installed with it. Survives crashes.
    type Identity: Clone + Debug + Eq + Serialize + DeserializeOwned;
    /// Messages between the modules of one machine. The driver moves and hashes
    /// them and never looks inside.
    type Local: Clone + Debug + Eq + Hash + Serialize + DeserializeOwned;
    /// What a module reports about itself. Has no influence on any behaviour.
    type Event: Clone + Debug + Eq + Hash + Serialize + DeserializeOwned;

    /// Starts the module. It may read nothing but its arguments: stored state
    /// comes through effects, because a boot is what gets measured.
    fn boot(
        identity: &Self::Identity,
        entropy: Entropy,
        now: Instant,
        out: &mut Outbox<Self::Local, Self::Event>,
    ) -> Self;

    /// Handles one input to completion.
    fn handle(
        &mut self,
        now: Instant,
        input: Input<Self::Local>,
        out: &mut Outbox<Self::Local, Self::Event>,
    );

    /// The earliest instant at which the module wants [`Input::Deadline`].
    fn next_deadline(&self) -> Option<Instant>;

    /// Asserts what must hold between any two inputs.
    fn check_invariants(&self) {}

    /// What the machine's service processor sends when the machine loses power, as this
    /// module has told it while it lived. Only messages are carried out.
    fn last_word(&self, _out: &mut Outbox<Self::Local, Self::Event>) {}

    /// The display name of a label kind, for traces and repro files.
    fn kind_name(kind: LabelKind) -> &'static str;

    /// An administrator's order as a module of the machine hears it; none if there is no
    /// such order.
    fn order(_kind: OrderKind) -> Option<Self::Local> {
        None
    }

    /// The identity with which a module boots from then on, if the administrator's order
    /// changes that: what he writes to the admin device, whether the module is up or not.
    fn amended(_identity: &Self::Identity, _order: OrderKind) -> Option<Self::Identity> {
        None
    }
}

/// Fresh randomness for one boot, never repeated for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entropy(u64);

impl Entropy {
    /// Wraps 64 random bits.
    pub fn new(bits: u64) -> Self {
        Entropy(bits)
    }
    /// The 64 random bits.
    pub fn bits(self) -> u64 {
        self.0
    }
}

/// Names a network that a machine is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NetworkId(u16);

impl NetworkId {
    /// A network by its number in the topology.
    pub const fn new(index: u16) -> Self {
        NetworkId(index)
    }
    /// Position in the topology's list of networks.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// An opaque address on one network; the driver resolves it. A module may hold
/// and compare addresses, never compute one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address(u32);

impl Address {
    /// An address as the configuration states it.
    pub const fn new(value: u32) -> Self {
        Address(value)
    }
    /// The configured value.
    pub const fn value(self) -> u32 {
        self.0
    }
}

/// What kind of message a label is on; the sender's protocol numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LabelKind(pub u8);

/// What an administrator orders of a module; the module's own protocol numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderKind(pub u8);

/// The identity of one message, by which a driver may decide its fate without
/// reading its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Label {
    /// The kind of message.
    pub kind: LabelKind,
    /// The sender's incarnation; no two boots share one.
    pub incarnation: u64,
    /// What the message is about, unique for kind and incarnation.
    pub id: u64,
    /// Portion number, from 0, where a message travels in parts.
    pub part: u16,
    /// Rises with every retransmission, from 0.
    pub attempt: u32,
}

/// A message's bytes: a head that was built for it and a body that is shared
/// with whoever else holds the payload. On a wire they are one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Frame {
    /// Fixed and variable headers, checksum included.
    pub head: Bytes,
    /// Payload, possibly empty.
    pub body: Payload,
}

impl Frame {
    /// Length on the wire in bytes.
    pub fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }
    /// True if there is not a single byte.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.body.is_empty()
    }
}

/// A message as it arrives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// The network it came over.
    pub network: NetworkId,
    /// Its sender's address on that network.
    pub from: Address,
    /// The sender's label; kept by the driver, not part of the bytes.
    pub label: Label,
    /// The bytes.
    pub frame: Frame,
}

/// A device as a machine's configuration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceId(u16);

impl DeviceId {
    /// A device by its number in the topology.
    pub const fn new(index: u16) -> Self {
        DeviceId(index)
    }
    /// Position in the topology's list of devices.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One device command of one module incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IoId(pub u64);

/// Size of a device page, the unit of device commands, in bytes.
pub const PAGE_BYTES: usize = 4096;
/// Size of a sector, the unit that a device writes without tearing, in bytes.
pub const SECTOR_BYTES: usize = 512;

/// Index of a page on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PageIndex(pub u64);

impl PageIndex {
    /// The page `count` pages further on.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        PageIndex(self.0 + count)
    }
}

/// The holder of a device's exclusive reservation: a node at an HA epoch. Keys
/// of one node are never reused, so an old key names a dead incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReservationKey {
    /// HA epoch; rises with every preempt.
    pub epoch: u64,
    /// The node that holds it.
    pub node: u32,
}

/// Whether a write must be stable when it completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Persistence {
    /// Completes in the device's volatile cache; stable after a flush.
    Cached,
    /// Force unit access: stable when it completes.
    ForceUnitAccess,
}

/// What a device is asked to do.
///
/// Execution and completion are one instant, and the reservation key is checked
/// there. A flush covers exactly the writes that had completed when it was
/// *submitted*; a forced write covers itself only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IoRequest {
    /// Reads `count` pages from `start`.
    Read {
        /// First page.
        start: PageIndex,
        /// Number of pages, at least 1.
        count: u32,
    },
    /// Replaces pages from `start`.
    Write {
        /// First page.
        start: PageIndex,
        /// For each page its bytes, [`PAGE_BYTES`] at most; what is missing at its end
        /// is zeros, which the driver fills in.
        pages: Vec<Payload>,
        /// Whether to wait until it is stable.
        persistence: Persistence,
    },
    /// Makes every write that has completed by now stable.
    Flush,
    /// Asks who holds the exclusive reservation.
    ReadReservation,
    /// Preempt and abort: takes the reservation if its holder is still
    /// `observed`. Commands queued under other keys never execute.
    Preempt {
        /// The holder that the caller saw last.
        observed: Option<ReservationKey>,
    },
}

/// A device command on its way to the device.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Submission {
    /// The device.
    pub device: DeviceId,
    /// The submitter's name for the command.
    pub io: IoId,
    /// The key under which it is submitted; checked at execution.
    pub key: ReservationKey,
    /// The command.
    pub request: IoRequest,
}

/// What a completed device command returns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IoOutput {
    /// The pages that were read, in order.
    Pages(Vec<Payload>),
    /// A write, flush or preempt was carried out.
    Done,
    /// The holder of the reservation.
    Reservation(Option<ReservationKey>),
}

/// Why a device command failed. It had no effect unless its variant says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum IoError {
    /// The key is not the holder's, or a preempt observed another holder.
    #[error("reservation conflict")]
    ReservationConflict,
    /// A preempt aborted the command before it executed.
    #[error("aborted by a preempt")]
    Aborted,
    /// The page cannot be read until it is rewritten.
    #[error("page {} cannot be read", .0.0)]
    Unreadable(PageIndex),
    /// The range ends behind the device's end.
    #[error("beyond the device's end")]
    OutOfRange,
    /// The flush failed; unflushed pages are in an unknown state.
    #[error("flush failed")]
    FlushFailed,
    /// The device takes no writes for want of space.
    #[error("device full")]
    Full,
    /// The device does not answer any more.
    #[error("device gone")]
    Gone,
}

/// A device command's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// The device.
    pub device: DeviceId,
    /// The submitter's name for the command.
    pub io: IoId,
    /// What came of it.
    pub result: Result<IoOutput, IoError>,
}

/// A module's slot on its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(pub u8);

/// What a module is woken by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input<L> {
    /// A message arrived.
    Packet(Packet),
    /// A device command ended.
    Completion(Completion),
    /// The instant of [`Module::next_deadline`] has come.
    Deadline,
    /// Another module of the same machine says something.
    Local(L),
}

/// What a module wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<L, E> {
    /// Send a message; it may be lost, doubled, delayed or overtaken.
    Send {
        /// Over which network.
        network: NetworkId,
        /// To whom.
        to: Address,
        /// Which message this is.
        label: Label,
        /// Its bytes.
        frame: Frame,
    },
    /// Take an address beside the module's own. From now on packets to it come here, and no
    /// longer to who had it: what a gratuitous ARP announcement does. One that is a module's
    /// own cannot be taken.
    Bind {
        /// On which network.
        network: NetworkId,
        /// The address.
        address: Address,
    },
    /// Hand a command to a device.
    Submit(Submission),
    /// Tell another module of this machine. Lost if that module is down.
    Local {
        /// The receiver's slot.
        to: Slot,
        /// The message.
        message: L,
    },
    /// Report something for observers.
    Trace(E),
    /// Report that a rare place in the code was reached.
    Probe(&'static str),
}

/// The effects of one handler, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbox<L, E> {
    effects: Vec<Effect<L, E>>,
}

impl<L, E> Default for Outbox<L, E> {
    fn default() -> Self {
        Outbox {
            effects: Vec::new(),
        }
    }
}

impl<L, E> Outbox<L, E> {
    /// An empty one for a handful of effects.
    pub fn with_room() -> Self {
        Outbox {
            effects: Vec::with_capacity(8),
        }
    }
    /// Sends a message.
    pub fn send(&mut self, network: NetworkId, to: Address, label: Label, frame: Frame) {
        self.effects.push(Effect::Send {
            network,
            to,
            label,
            frame,
        });
    }
    /// Takes an address beside the module's own.
    pub fn bind(&mut self, network: NetworkId, address: Address) {
        self.effects.push(Effect::Bind { network, address });
    }
    /// Submits a device command.
    pub fn submit(&mut self, submission: Submission) {
        self.effects.push(Effect::Submit(submission));
    }
    /// Tells another module of this machine.
    pub fn local(&mut self, to: Slot, message: L) {
        self.effects.push(Effect::Local { to, message });
    }
    /// Reports an event.
    pub fn trace(&mut self, event: E) {
        self.effects.push(Effect::Trace(event));
    }
    /// Reports a rare place.
    pub fn probe(&mut self, name: &'static str) {
        self.effects.push(Effect::Probe(name));
    }
    /// Takes all effects out, keeping the allocation.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Effect<L, E>> {
        self.effects.drain(..)
    }
    /// The same with reports of another type. The allocation is kept if both types
    /// of effects have one size.
    pub fn map_events<F>(self, mut map: impl FnMut(E) -> F) -> Outbox<L, F> {
        let effects = self.effects.into_iter().map(|effect| match effect {
            Effect::Send {
                network,
                to,
                label,
                frame,
            } => Effect::Send {
                network,
                to,
                label,
                frame,
            },
            Effect::Bind { network, address } => Effect::Bind { network, address },
            Effect::Submit(submission) => Effect::Submit(submission),
            Effect::Local { to, message } => Effect::Local { to, message },
            Effect::Trace(event) => Effect::Trace(map(event)),
            Effect::Probe(name) => Effect::Probe(name),
        });
        Outbox {
            effects: effects.collect(),
        }
    }
    /// The effects so far.
    pub fn effects(&self) -> &[Effect<L, E>] {
        &self.effects
    }
    /// True if nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }
}

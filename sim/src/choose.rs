//! The one door through which chance and choice enter a world.
//!
//! A world asks what befalls each packet, each queued command and each unflushed
//! page. Weather draws the answers, a replay looks them up, an exploration
//! enumerates them. Questions carry identities, never positions in a stream.

use stormglass_engine::contract::{Label, NetworkId, PageIndex, Submission};
use stormglass_engine::time::Duration;

use crate::device::{CommandFate, CommandNumber, IoEffect, PageFate, PowerLoss, Submitter};
use crate::ids::{DeviceIndex, ProcessId};
use crate::occurrence::IoName;
use crate::time::WorldTime;
use crate::trace::Rolling;

/// A packet at its departure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Departure {
    /// When.
    pub at: WorldTime,
    /// Over which network.
    pub network: NetworkId,
    /// The sender.
    pub from: ProcessId,
    /// The receiver.
    pub to: ProcessId,
    /// What it is.
    pub label: Label,
    /// Its length in bytes.
    pub length: usize,
    /// A hash of its head, whose checksum covers the rest: what tells two messages of
    /// one name apart.
    pub head: u64,
}

/// What befalls a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PacketFate {
    /// It never arrives; nothing else matters then.
    pub is_lost: bool,
    /// It arrives this much later than it would.
    pub delay: Duration,
    /// A second copy arrives this much later than the first would undelayed.
    pub duplicate: Option<Duration>,
    /// One bit, by its number, arrives inverted.
    pub flipped_bit: Option<u64>,
    /// Still more copies arrive.
    pub copies: Copies,
}

/// Copies of a packet beside the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Copies {
    /// How many.
    pub count: u16,
    /// The first arrives this much later than the packet would undelayed, each other
    /// one this much after the one before it.
    pub apart: Duration,
}

/// A device command at its submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IoDeparture<'a> {
    /// When.
    pub at: WorldTime,
    /// Which one.
    pub name: IoName,
    /// What it asks for.
    pub submission: &'a Submission,
}

/// What befalls a device command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct IoFate {
    /// It takes this much longer than it would; a device that stalls for one command.
    pub slow: Duration,
    /// What goes wrong with it when it executes.
    pub effect: IoEffect,
}

/// Answers what chance may decide.
pub trait Choose {
    /// What befalls a packet.
    fn packet(&mut self, departure: &Departure) -> PacketFate;
    /// What befalls a device command.
    #[inline]
    fn io(&mut self, _departure: &IoDeparture) -> IoFate {
        IoFate::default()
    }
    /// A device lost power: what becomes of a queued write or preempt?
    fn torn_command(&mut self, name: &IoName, submission: &Submission) -> CommandFate;
    /// A device lost power: what becomes of a page with `versions` possible contents?
    fn torn_page(&mut self, device: DeviceIndex, page: PageIndex, versions: usize) -> PageFate;
    /// Which version stands in a sector of a torn page?
    fn torn_sector(
        &mut self,
        device: DeviceIndex,
        page: PageIndex,
        sector: usize,
        versions: usize,
    ) -> usize;
    /// A machine lost power: does a command that it had queued execute?
    fn executes(&mut self, name: &IoName) -> bool;
}

/// Nothing ever befalls anything; a power loss keeps what is stable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calm;

impl Choose for Calm {
    fn packet(&mut self, _departure: &Departure) -> PacketFate {
        PacketFate::default()
    }
    fn torn_command(&mut self, _: &IoName, _: &Submission) -> CommandFate {
        CommandFate::Absent
    }
    fn torn_page(&mut self, _: DeviceIndex, _: PageIndex, _: usize) -> PageFate {
        PageFate::Version(0)
    }
    fn torn_sector(&mut self, _: DeviceIndex, _: PageIndex, _: usize, _: usize) -> usize {
        0
    }
    fn executes(&mut self, _: &IoName) -> bool {
        true
    }
}

/// One device's questions, passed on to a world's chooser. The answers go into
/// the device's hash.
pub(crate) struct AtDevice<'a, C> {
    pub(crate) device: DeviceIndex,
    pub(crate) choose: &'a mut C,
    pub(crate) hash: &'a mut Rolling,
}

impl<C: Choose> PowerLoss for AtDevice<'_, C> {
    fn command(
        &mut self,
        number: CommandNumber,
        submitter: Submitter,
        submission: &Submission,
    ) -> CommandFate {
        let name = IoName::new(self.device, submitter, submission.io);
        let fate = self.choose.torn_command(&name, submission);
        self.hash.fold_value(&(number, fate));
        fate
    }
    fn page(&mut self, page: PageIndex, versions: usize) -> PageFate {
        let fate = self.choose.torn_page(self.device, page, versions);
        self.hash.fold_value(&(page, fate));
        fate
    }
    fn sector(&mut self, page: PageIndex, sector: usize, versions: usize) -> usize {
        let version = self.choose.torn_sector(self.device, page, sector, versions);
        self.hash.fold_value(&(page, sector, version));
        version
    }
    fn executes(
        &mut self,
        number: CommandNumber,
        submitter: Submitter,
        submission: &Submission,
    ) -> bool {
        let name = IoName::new(self.device, submitter, submission.io);
        let executes = self.choose.executes(&name);
        self.hash.fold_value(&(number, executes));
        executes
    }
}

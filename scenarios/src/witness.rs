//! Seeing what no occurrence tells: packets and device commands that leave with what
//! befalls them, and what is done to the hardware. Whoever watches changes nothing, and
//! nobody watching costs nothing.

use stormglass_engine::contract::{PageIndex, Submission};
use stormglass_sim::choose::{Choose, Departure, IoDeparture, IoFate, PacketFate};
use stormglass_sim::device::{CommandFate, PageFate};
use stormglass_sim::fault::Fault;
use stormglass_sim::occurrence::{IoName, Occurrence};
use stormglass_sim::world::{DeviceIndex, World};

use crate::actor::{Actor, Report};
use crate::fate::Fate;

/// How something that is done to the hardware came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    /// Whether the scenario asked for it.
    pub is_scheduled: bool,
    /// Whether it is what calm reads off the world and mends.
    pub is_mending: bool,
    /// The number of the last loss of power, this one included.
    pub loss: u64,
}

/// Watches a step of an experiment from within.
pub trait Witness {
    /// A packet leaves, and this befalls it.
    fn packet(&mut self, departure: &Departure, fate: &PacketFate);
    /// A device command is submitted, and this befalls it; `loss` is the number of the last
    /// loss of power.
    #[inline]
    fn command(&mut self, _departure: &IoDeparture, _fate: &IoFate, _loss: u64) {}
    /// Something is about to be done to the hardware.
    fn fault(&mut self, fault: &Fault, world: &World<Actor>, how: How);
    /// The step is done, and this happened.
    #[inline]
    fn occurrences(&mut self, _log: &[Occurrence<Report>], _world: &World<Actor>) {}
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Witness for Nobody {
    #[inline(always)]
    fn packet(&mut self, _: &Departure, _: &PacketFate) {}
    #[inline(always)]
    fn fault(&mut self, _: &Fault, _: &World<Actor>, _: How) {}
}

/// A fate's answers, and a witness to them.
pub(crate) struct Witnessed<'a, W> {
    pub(crate) fate: &'a mut Fate,
    pub(crate) witness: &'a mut W,
}

impl<W: Witness> Choose for Witnessed<'_, W> {
    #[inline]
    fn packet(&mut self, departure: &Departure) -> PacketFate {
        let fate = self.fate.packet(departure);
        self.witness.packet(departure, &fate);
        fate
    }
    #[inline]
    fn io(&mut self, departure: &IoDeparture) -> IoFate {
        let fate = self.fate.io(departure);
        self.witness
            .command(departure, &fate, self.fate.power().loss());
        fate
    }
    fn torn_command(&mut self, name: &IoName, _: &Submission) -> CommandFate {
        self.fate.power().torn_command(name)
    }
    fn torn_page(&mut self, device: DeviceIndex, page: PageIndex, versions: usize) -> PageFate {
        self.fate.power().torn_page(device, page, versions)
    }
    fn torn_sector(
        &mut self,
        device: DeviceIndex,
        page: PageIndex,
        sector: usize,
        versions: usize,
    ) -> usize {
        self.fate
            .power()
            .torn_sector(device, page, sector, versions)
    }
    fn executes(&mut self, name: &IoName) -> bool {
        self.fate.power().executes(name)
    }
}

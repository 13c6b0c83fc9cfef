//! Seeing what no occurrence tells: packets that leave, and what is done to the
//! hardware. Whoever watches changes nothing, and nobody watching costs nothing.

use stormglass_engine::contract::{PageIndex, Submission};
use stormglass_sim::choose::{Choose, Departure, IoDeparture, IoFate, PacketFate};
use stormglass_sim::device::{CommandFate, PageFate};
use stormglass_sim::fault::Fault;
use stormglass_sim::occurrence::IoName;
use stormglass_sim::world::DeviceIndex;

/// Watches a step of an experiment from within.
pub trait Witness {
    /// A packet leaves, and this befalls it.
    fn packet(&mut self, departure: &Departure, fate: &PacketFate);
    /// Something is done to the hardware.
    fn fault(&mut self, fault: &Fault);
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Witness for Nobody {
    #[inline(always)]
    fn packet(&mut self, _: &Departure, _: &PacketFate) {}
    #[inline(always)]
    fn fault(&mut self, _: &Fault) {}
}

/// Another's answers, and a witness to them.
pub(crate) struct Witnessed<'a, C, W> {
    pub(crate) choose: &'a mut C,
    pub(crate) witness: &'a mut W,
}

impl<C: Choose, W: Witness> Choose for Witnessed<'_, C, W> {
    #[inline]
    fn packet(&mut self, departure: &Departure) -> PacketFate {
        let fate = self.choose.packet(departure);
        self.witness.packet(departure, &fate);
        fate
    }
    #[inline]
    fn io(&mut self, departure: &IoDeparture) -> IoFate {
        self.choose.io(departure)
    }
    fn torn_command(&mut self, name: &IoName, submission: &Submission) -> CommandFate {
        self.choose.torn_command(name, submission)
    }
    fn torn_page(&mut self, device: DeviceIndex, page: PageIndex, versions: usize) -> PageFate {
        self.choose.torn_page(device, page, versions)
    }
    fn torn_sector(
        &mut self,
        device: DeviceIndex,
        page: PageIndex,
        sector: usize,
        versions: usize,
    ) -> usize {
        self.choose.torn_sector(device, page, sector, versions)
    }
    fn executes(&mut self, name: &IoName) -> bool {
        self.choose.executes(name)
    }
}

//! What befalls a run: weather that its seed draws, or the script of a repro.

use serde::{Deserialize, Serialize};
use stormglass_sim::choose::{Departure, IoDeparture, IoFate, PacketFate};
use stormglass_sim::fault::Fault;
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::World;

use crate::actor::Actor;
use crate::cluster::Map;
use crate::file::PairIndex;
use crate::oracle::o16_liveness::Sync;
use crate::repro::Script;
use crate::weather::{Power, Weather};

/// Who decides what befalls a run.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every run has weather, and asks it for each message"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// The seed.
    Weather(Weather),
    /// A list.
    Script(Script),
}

impl Fate {
    /// The weather, if that decides.
    pub fn weather(&self) -> Option<&Weather> {
        match self {
            Fate::Weather(weather) => Some(weather),
            Fate::Script(_) => None,
        }
    }
    /// The script, if that decides.
    pub fn script(&self) -> Option<&Script> {
        match self {
            Fate::Script(script) => Some(script),
            Fate::Weather(_) => None,
        }
    }
    /// The script, if that decides.
    pub fn script_mut(&mut self) -> Option<&mut Script> {
        match self {
            Fate::Script(script) => Some(script),
            Fate::Weather(_) => None,
        }
    }

    /// A power loss is about to happen.
    pub(crate) fn begin_power_loss(&mut self) {
        match self {
            Fate::Weather(weather) => weather.begin_power_loss(),
            // Its list knows which one it is.
            Fate::Script(_) => {}
        }
    }
    /// What losses of power leave.
    pub(crate) fn power(&self) -> &Power {
        match self {
            Fate::Weather(weather) => weather.power(),
            Fate::Script(script) => script.power(),
        }
    }
    /// True if what it does next is read off the world, so that it need not be told.
    pub(crate) fn is_mending(&self) -> bool {
        match self {
            Fate::Weather(weather) => weather.is_mending(),
            Fate::Script(script) => script.is_mending(),
        }
    }
    /// True if what it does next is what a scenario had asked for.
    pub(crate) fn next_is_scheduled(&self) -> bool {
        self.script().is_some_and(Script::next_is_scheduled)
    }
    /// When calm sets in.
    pub fn until(&self) -> WorldTime {
        match self {
            Fate::Weather(weather) => weather.until(),
            Fate::Script(script) => script.until(),
        }
    }
    /// True if nothing befalls anybody any more.
    pub fn is_calm(&self, now: WorldTime) -> bool {
        match self {
            Fate::Weather(weather) => weather.is_calm(now),
            Fate::Script(script) => script.is_calm(now),
        }
    }
    /// What calm owes of a volume's copies.
    pub fn sync(&self, volume: PairIndex, map: &Map) -> Sync {
        match self {
            Fate::Weather(weather) => weather.sync(volume, map),
            Fate::Script(script) => script.sync(volume, map),
        }
    }
    /// When it does something of its own next, and how many events of that instant come
    /// before.
    pub fn next_at(&self) -> Option<(WorldTime, u64)> {
        match self {
            Fate::Weather(weather) => weather.next_at().map(|at| (at, 0)),
            Fate::Script(script) => script.next_at(),
        }
    }
    /// What it does then, if anything.
    pub(crate) fn take(&mut self, world: &World<Actor>, map: &Map) -> Option<Fault> {
        match self {
            Fate::Weather(weather) => weather.take(world, map),
            Fate::Script(script) => script.take(world, map),
        }
    }
}

/// What befalls what leaves; `witness` passes that on to the world, the only one that does.
impl Fate {
    /// What befalls a packet.
    #[inline]
    pub(crate) fn packet(&mut self, departure: &Departure) -> PacketFate {
        match self {
            Fate::Weather(weather) => weather.packet(departure),
            Fate::Script(script) => script.packet(departure),
        }
    }
    /// What befalls a device command.
    #[inline]
    pub(crate) fn io(&mut self, departure: &IoDeparture) -> IoFate {
        match self {
            Fate::Weather(weather) => weather.io(departure),
            Fate::Script(script) => script.io(departure),
        }
    }
}

//! Calm: the faults stop for a core with which the cluster can work, and the rest stays
//! as it is for good. From then on everything that was begun has to end.
//!
//! Owns who is in the core and what is left to mend. What it mends it reads off the
//! world, whoever broke it: weather, schedule, or both at once.

use serde::{Deserialize, Serialize};
use stormglass_sim::fault::Fault;
use stormglass_sim::random::{Sample, Seed};
use stormglass_sim::world::{DeviceIndex, MachineId, World};

use crate::actor::Actor;
use crate::cluster::{self, Map};
use crate::file::{self, Cluster, DeviceName, PairIndex, Policy, Scenario};

/// What a machine outside the core does for the rest of the run. None of them goes on
/// working half: a node that shows its partner that it lives, and reaches nobody else,
/// is not taken over, by design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rest {
    /// It is down.
    Down,
    /// It stands still.
    Still,
}

/// For whom the faults stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Core {
    /// What becomes of each node outside, by its place in the map.
    outside: Vec<Option<Rest>>,
}

/// How many nodes of a pair are in a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Both,
    Second,
    First,
    Neither,
}

impl Core {
    /// Draws a core with which the cluster can work: of each volume, the owner's pair has a
    /// node. The mirror's may have none where the owner may go on alone, and where a
    /// mediator tells an owner that has booted that it is one.
    pub(super) fn new(scenario: &Scenario, seed: Seed) -> Self {
        let draw = seed.draw(0, "calm");
        let topology = &scenario.topology;
        let is_whole = scenario.weather.calm == file::Calm::All;
        let may_be_alone = topology.mediator && scenario.settings.policy == Policy::Sync;
        let pairs = topology.pairs();
        let pairs = pairs.flat_map(|pair| Cluster::ALL.map(|cluster| (cluster, pair)));
        let drawn = (0..).zip(pairs).map(|(place, (cluster, pair))| {
            let sample = draw.at(&[2 * place, 0, 0, 0]);
            let is_mirror = cluster != topology.owner(pair);
            let left = match is_whole {
                true => Left::Both,
                false => left(sample, is_mirror && may_be_alone),
            };
            let rest = |sample: Sample| Some([Rest::Down, Rest::Still][sample.index(2)]);
            let [first, second] = [sample.further(2), sample.further(3)].map(rest);
            match left {
                Left::Both => [None, None],
                Left::Second => [first, None],
                Left::First => [None, second],
                Left::Neither => [first, second],
            }
        });
        Core {
            outside: drawn.flatten().collect(),
        }
    }

    /// A core that leaves these nodes out, by their place in the map.
    pub fn without(outside: Vec<Option<Rest>>) -> Self {
        Core { outside }
    }

    /// Who is left out, and how.
    pub fn outside(&self) -> &[Option<Rest>] {
        &self.outside
    }

    /// True if the pair with a volume's mirror has a node in the core.
    pub fn has_mirror(&self, volume: PairIndex, map: &Map) -> bool {
        let [_, mirror] = map.copies(volume);
        let mut nodes = map.pair(mirror, volume).into_iter();
        nodes.any(|node| self.contains(node, map))
    }

    /// True if the machine is in the core.
    pub fn contains(&self, machine: MachineId, map: &Map) -> bool {
        let place = map.nodes().iter().position(|node| *node == machine);
        place.is_none_or(|place| self.outside[place].is_none())
    }

    /// The next step towards calm; none once the core is whole and the rest at rest.
    pub fn mend(&self, world: &World<Actor>, map: &Map) -> Option<Fault> {
        let rest = map.nodes().iter().zip(&self.outside);
        let frozen = rest.filter_map(|(node, rest)| freeze(world, *node, (*rest)?));
        let within = |machine: &MachineId| self.contains(*machine, map);
        let machines = world.machines().map(|(id, _)| id);
        let woken = machines
            .filter(within)
            .filter_map(|machine| wake(world, machine));
        let cuts = world.network().cuts();
        let healed = cuts
            .filter(|cut| within(&cut.from) && within(&cut.to))
            .map(|cut| Fault::Heal(*cut));
        let returned = world
            .drives()
            .filter(|(id, drive)| drive.device.is_gone() && self.has_device(*id, map))
            .map(|(id, _)| Fault::DeviceReturns(id, stormglass_sim::device::Return::Intact));
        let mut steps = frozen.chain(healed).chain(returned).chain(woken);
        steps.next()
    }

    /// Devices of a pair without a node in the core stay as they are.
    fn has_device(&self, device: DeviceIndex, map: &Map) -> bool {
        let Some(volume) = map.volume_of_device(device) else {
            return true;
        };
        let [_, mirror] = map.copies(volume);
        let of_mirror = DeviceName::of_set(mirror, volume).map(cluster::device);
        self.has_mirror(volume, map) || !of_mirror.contains(&device)
    }
}

/// Who of a pair is left; none only where nobody need be.
fn left(sample: Sample, may_be_none: bool) -> Left {
    let ways = match may_be_none {
        true => 5,
        false => 4,
    };
    match sample.further(1).index(ways) {
        0 => Left::Second,
        1 => Left::First,
        2 | 3 => Left::Both,
        _ => Left::Neither,
    }
}

fn freeze(world: &World<Actor>, machine: MachineId, rest: Rest) -> Option<Fault> {
    let processes = &world.machine(machine).processes;
    let mut processes = processes.iter().map(|id| world.process(*id));
    match rest {
        Rest::Down => processes
            .any(|process| process.module.is_some())
            .then_some(Fault::Crash(machine)),
        Rest::Still => processes
            .any(|process| !process.is_paused)
            .then_some(Fault::Pause(machine)),
    }
}

fn wake(world: &World<Actor>, machine: MachineId) -> Option<Fault> {
    let processes = &world.machine(machine).processes;
    let is_still = |id: &&_| world.process(**id).is_paused;
    if processes.iter().any(|id| is_still(&id)) {
        return Some(Fault::Resume(machine));
    }
    let down = processes
        .iter()
        .find(|id| world.process(**id).module.is_none());
    down.map(|id| Fault::Boot(*id))
}

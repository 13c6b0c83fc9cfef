//! Which entries of a list go together: a fault and what ends it. A crash without its
//! boot, or a cut without its heal, would be another fault.

use stormglass_sim::fault::Fault;
use stormglass_sim::service_time::Pace;
use stormglass_sim::world::{MachineId, World};

use crate::actor::Actor;
use crate::repro::Entry;

/// The units of a list: places, each in exactly one unit, a fault before its ends. An end
/// of nothing is a unit of its own.
pub(super) fn units(entries: &[Entry], world: &World<Actor>) -> Vec<Vec<usize>> {
    let mut units: Vec<Vec<usize>> = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let end = entry.hardware().map(|it| &it.fault);
        let begun = end.and_then(|end| {
            units.iter_mut().rev().find(|unit| {
                let begin = entries[unit[0]].hardware().map(|it| &it.fault);
                let is_open = unit[1..]
                    .iter()
                    .all(|other| entries[*other].hardware().map(|it| &it.fault) != Some(end));
                is_open && begin.is_some_and(|begin| is_ended(begin, end, world))
            })
        });
        match begun {
            Some(unit) => unit.push(place),
            None => units.push(vec![place]),
        }
    }
    units
}

fn is_ended(begin: &Fault, end: &Fault, world: &World<Actor>) -> bool {
    let is_on = |process, machine: MachineId| world.process(process).machine == machine;
    match (begin, end) {
        (Fault::Crash(machine), Fault::Boot(process)) => is_on(*process, *machine),
        (Fault::Kill(killed), Fault::Boot(process)) => killed == process,
        (Fault::Pause(one), Fault::Resume(other)) => one == other,
        (Fault::Cut(one), Fault::Heal(other)) => one == other,
        (Fault::CutKind(one, kind), Fault::HealKind(other, healed)) => {
            (one, kind) == (other, healed)
        }
        (Fault::Clog(one), Fault::Release(other)) => one == other,
        (Fault::Limit(one, _), Fault::Unlimit(other)) => one == other,
        (Fault::DeviceGone(one), Fault::DeviceReturns(other, _)) => one == other,
        (Fault::DeviceStalls(one), Fault::DeviceGoesOn(other)) => one == other,
        (Fault::DeviceFull(one, _), Fault::DeviceHasRoom(other)) => one == other,
        (Fault::DevicePace(one, pace), Fault::DevicePace(other, end)) => {
            one == other && *pace != Pace::USUAL && *end == Pace::USUAL
        }
        (Fault::CpuPace(one, pace), Fault::CpuPace(other, end)) => {
            one == other && *pace != Pace::USUAL && *end == Pace::USUAL
        }
        (Fault::ClockRate(one, _), Fault::ClockRate(other, _)) => one == other,
        _ => false,
    }
}

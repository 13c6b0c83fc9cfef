//! The lines of faults.

use stormglass_engine::contract::Module;
use stormglass_engine::local::Order;
use stormglass_sim::device::{IoEffect, PageRange};
use stormglass_sim::occurrence::{Happened, IoName, PacketName};
use stormglass_sim::world::{Component, DeviceIndex, MachineId, ProcessId, World};

use crate::actor::Actor;
use crate::fault_key;

/// Whose lane, what happened there, and what many of its kind are called together.
pub(super) type FaultLine = (String, String, Option<&'static str>);

/// The line of a fault.
pub(super) fn line(happened: &Happened, world: &World<Actor>) -> FaultLine {
    let lines = Lines(world);
    match happened {
        Happened::Loss(name) => lines.packet(name, "lost", "messages lost"),
        Happened::Duplicate(name) => lines.packet(name, "doubled", "messages doubled"),
        Happened::Delay(name) => lines.packet(name, "delayed", "messages delayed"),
        Happened::Corrupt(name) => lines.packet(name, "corrupted", "messages corrupted"),
        Happened::Clogged(name) => lines.packet(name, "clogged", "messages clogged"),
        Happened::Queued(name) => lines.packet(name, "queued", "messages queued"),
        Happened::Overflow(name) => lines.packet(name, "found no room", "messages without room"),
        Happened::TooLarge(name) => lines.packet(name, "too large", "messages too large"),
        Happened::Partitioned(name) => lines.packet(name, "cut off", "messages cut off"),
        Happened::Crash(machine) => lines.machine(*machine, "loses power"),
        Happened::Pause(machine) => lines.machine(*machine, "stands still"),
        Happened::Kill(process) => lines.killed(*process),
        Happened::DevicePowerLoss(device) => lines.device(*device, "loses power"),
        Happened::DeviceGone(device) => lines.device(*device, "does not answer any more"),
        Happened::DeviceReplaced(device) => lines.device(*device, "is replaced by a blank one"),
        Happened::Damage { device, page } => {
            lines.device(*device, &format!("page {} goes bad", page.0))
        }
        Happened::DeviceStale { device, .. } => {
            lines.device(*device, "comes back with an older content")
        }
        Happened::Restored { device, pages } => {
            let text = format!("goes back on {}", fault_key::range(*pages));
            lines.device(*device, &text)
        }
        Happened::Swapped {
            devices: [one, other],
            ..
        } => {
            let other = &world.drive(*other).name;
            lines.device(*one, &format!("is exchanged with {other}"))
        }
        Happened::DeviceSlow(device) => lines.device(*device, "is slow"),
        Happened::DeviceStalled(device) => lines.device(*device, "stalls"),
        Happened::SlowIo { name, by } => {
            let text = format!("{} takes {by} longer", lines.io(name));
            let (lane, text, _) = lines.device(name.device, &text);
            (lane, text, Some("slow commands"))
        }
        Happened::Defect {
            name,
            effect,
            pages,
        } => lines.defect(name, *effect, *pages),
        Happened::CpuSlow(machine) => lines.machine(*machine, "computes slowly"),
        Happened::ClockRate { machine, rate } => {
            let text = format!("clock drifts by {} ppb", rate.drift_ppb);
            lines.machine(*machine, &text)
        }
        Happened::Readdressed { process, network } => {
            let machine = world.process(*process).machine;
            let network = world.network().name(*network);
            lines.machine(machine, &format!("has another address on {network}"))
        }
        Happened::Ordered { process, order } => {
            let name = Order::of(*order).map_or("something unheard of", Order::name);
            let machine = world.process(*process).machine;
            lines.machine(machine, &format!("is ordered: {name}"))
        }
        Happened::Partition => ("network".into(), "a link is cut".into(), None),
    }
}

struct Lines<'a>(&'a World<Actor>);

impl Lines<'_> {
    fn packet(&self, name: &PacketName, what: &str, alike: &'static str) -> FaultLine {
        let machine = |id: ProcessId| {
            let machine = self.0.process(id).machine;
            self.0.machine(machine).name.clone()
        };
        let label = name.label;
        let text = format!(
            "{what} {} {} part {} attempt {} to {}",
            Actor::kind_name(label.kind),
            label.id & 0xffff_ffff,
            label.part,
            label.attempt,
            machine(name.to),
        );
        (machine(name.from), text, Some(alike))
    }

    fn machine(&self, machine: MachineId, text: &str) -> FaultLine {
        (self.0.machine(machine).name.clone(), text.to_owned(), None)
    }

    fn device(&self, device: DeviceIndex, text: &str) -> FaultLine {
        let lane = self.0.drive(device).name.to_string();
        (lane, text.to_owned(), None)
    }

    fn killed(&self, process: ProcessId) -> FaultLine {
        let process = self.0.process(process);
        let module = ["M", "N", "D"][usize::from(process.slot.0)];
        self.machine(process.machine, &format!("module {module} is killed"))
    }

    /// What a command is called at its device.
    fn io(&self, name: &IoName) -> String {
        let process = self.0.component_name(Component::Process(name.process));
        format!("io {} of {process}", name.io.0)
    }

    fn defect(&self, name: &IoName, effect: IoEffect, pages: Option<PageRange>) -> FaultLine {
        let whose = self.io(name);
        let pages = pages.map_or_else(String::new, |it| format!(" to {}", fault_key::range(it)));
        let text = match effect {
            IoEffect::Sound => format!("carries out {whose}"),
            IoEffect::Lost => format!("loses {whose}{pages}"),
            IoEffect::Misdirected(page) => {
                format!("misdirects {whose}{pages}, namely to page {}", page.0)
            }
            IoEffect::Error => format!("fails {whose} once"),
            IoEffect::Full => format!("has no space for {whose}{pages}"),
            IoEffect::FlushLies => format!("lies about flush {whose}"),
            IoEffect::FlushFails => format!("fails flush {whose}"),
        };
        self.device(name.device, &text)
    }
}

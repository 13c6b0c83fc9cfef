//! What happened, as a text that names it for good: the semantic key of a fault.
//!
//! It holds names of components and the identities that draws are keyed with, no
//! number of an event and no instant: a run from which another fault was left out
//! calls this one the same.

use stormglass_engine::contract::{Module, NetworkId};
use stormglass_engine::local::Order;
use stormglass_sim::device::{IoEffect, PageRange};
use stormglass_sim::occurrence::{Happened, IoName, PacketName};
use stormglass_sim::world::{Component, DeviceIndex, MachineId, ProcessId, World};

/// A fault's semantic key: `lose write of page 55 at east.data by east-1.D/2 io 77`.
pub fn key<M: Module>(happened: &Happened, world: &World<M>) -> String {
    let names = Names(world);
    match happened {
        Happened::Loss(name) => format!("lose {}", names.packet(name)),
        Happened::Duplicate(name) => format!("double {}", names.packet(name)),
        Happened::Delay(name) => format!("delay {}", names.packet(name)),
        Happened::Corrupt(name) => format!("corrupt {}", names.packet(name)),
        Happened::Clogged(name) => format!("clog {}", names.packet(name)),
        Happened::Queued(name) => format!("queue {}", names.packet(name)),
        Happened::Overflow(name) => format!("overflow {}", names.packet(name)),
        Happened::TooLarge(name) => format!("refuse {}", names.packet(name)),
        Happened::Partitioned(name) => format!("cut off {}", names.packet(name)),
        Happened::Crash(machine) => format!("crash {}", names.machine(*machine)),
        Happened::Kill(process) => format!("kill {}", names.process(*process)),
        Happened::DevicePowerLoss(device) => format!("power off {}", names.device(*device)),
        Happened::DeviceGone(device) => format!("take away {}", names.device(*device)),
        Happened::DeviceReplaced(device) => format!("replace {}", names.device(*device)),
        Happened::Damage { device, page } => {
            format!("damage page {} at {}", page.0, names.device(*device))
        }
        Happened::DeviceStale { device, .. } => {
            format!("bring back an older content of {}", names.device(*device))
        }
        Happened::Restored { device, pages } => {
            format!("restore {} at {}", range(*pages), names.device(*device))
        }
        Happened::Swapped {
            devices: [one, other],
            ..
        } => format!("swap {} and {}", names.device(*one), names.device(*other)),
        Happened::DeviceSlow(device) => format!("slow down {}", names.device(*device)),
        Happened::DeviceStalled(device) => format!("stall {}", names.device(*device)),
        Happened::SlowIo { name, by } => format!("slow command at {} by {by}", names.io(name)),
        Happened::Defect {
            name,
            effect,
            pages,
        } => format!("{} at {}", defect(*effect, *pages), names.io(name)),
        Happened::Pause(machine) => format!("pause {}", names.machine(*machine)),
        Happened::CpuSlow(machine) => format!("slow down {}", names.machine(*machine)),
        Happened::ClockRate { machine, rate } => {
            let drift_ppb = rate.drift_ppb;
            let machine = names.machine(*machine);
            format!("set clock of {machine} to drift {drift_ppb} ppb")
        }
        Happened::Readdressed { process, network } => {
            let (process, network) = (names.process(*process), names.network(*network));
            format!("readdress {process} on {network}")
        }
        Happened::Ordered { process, order } => {
            let name = Order::of(*order).map_or("nothing", Order::name);
            format!("order {} to {name}", names.process(*process))
        }
        Happened::Partition => "cut a link".to_owned(),
    }
}

/// A packet's name: `set 7 part 0 attempt 1 of 00000000000000ab from east-1.D to west-1.D
/// over inter-cluster`.
pub fn packet<M: Module>(name: &PacketName, world: &World<M>) -> String {
    Names(world).packet(name)
}

/// A device command's name: `east.data by east-1.D/2 io 77`.
pub fn command<M: Module>(name: &IoName, world: &World<M>) -> String {
    Names(world).io(name)
}

/// What went wrong with a command, as an order.
fn defect(effect: IoEffect, pages: Option<PageRange>) -> String {
    let pages = pages.map_or_else(String::new, |pages| format!(" of {}", range(pages)));
    match effect {
        IoEffect::Sound => format!("carry out command{pages}"),
        IoEffect::Lost => format!("lose write{pages}"),
        IoEffect::Misdirected(page) => format!("misdirect write{pages} to page {}", page.0),
        IoEffect::Error => format!("fail command{pages}"),
        IoEffect::Full => format!("refuse write{pages} for want of space"),
        IoEffect::FlushLies => "lie about flush".to_owned(),
        IoEffect::FlushFails => "fail flush".to_owned(),
    }
}

/// Pages by their numbers: `page 7`, `pages 7 to 9`.
pub fn range(pages: PageRange) -> String {
    let first = pages.start.0;
    match pages.count {
        0 | 1 => format!("page {first}"),
        count => format!("pages {first} to {}", first + count - 1),
    }
}

struct Names<'a, M: Module>(&'a World<M>);

impl<M: Module> Names<'_, M> {
    fn process(&self, process: ProcessId) -> String {
        self.0.component_name(Component::Process(process))
    }

    fn device(&self, device: DeviceIndex) -> String {
        self.0.component_name(Component::Device(device))
    }

    fn network(&self, network: NetworkId) -> String {
        self.0.component_name(Component::Network(network))
    }

    fn machine(&self, machine: MachineId) -> &str {
        &self.0.machine(machine).name
    }

    fn packet(&self, name: &PacketName) -> String {
        let label = name.label;
        format!(
            "{} {} part {} attempt {} of {:016x} from {} to {} over {}",
            M::kind_name(label.kind),
            label.id,
            label.part,
            label.attempt,
            label.incarnation,
            self.process(name.from),
            self.process(name.to),
            self.network(name.network),
        )
    }

    fn io(&self, name: &IoName) -> String {
        let (device, process) = (self.device(name.device), self.process(name.process));
        format!(
            "{device} by {process}/{} io {}",
            name.incarnation, name.io.0
        )
    }
}

#[cfg(test)]
mod tests {
    use stormglass_engine::contract::{IoId, Label, LabelKind, PageIndex};
    use stormglass_engine::time::Duration;
    use stormglass_engine::wire::kind;

    use super::*;
    use crate::actor::Actor;
    use crate::cluster;
    use crate::file::Scenario;
    use stormglass_sim::random::Seed;
    use stormglass_sim::time::WorldTime;

    #[test]
    fn a_key_names_components_and_identities() {
        let scenario = Scenario::builder("keys").build().unwrap();
        let (world, _) = cluster::build(&scenario, Seed(1), WorldTime::ZERO);
        let text = |happened| key::<Actor>(&happened, &world);
        let io = IoName {
            device: DeviceIndex(1),
            process: ProcessId(2),
            incarnation: 2,
            io: IoId(77),
        };
        let wrong = |effect, start, count| Happened::Defect {
            name: io,
            effect,
            pages: Some(PageRange {
                start: PageIndex(start),
                count,
            }),
        };
        assert_eq!(
            text(wrong(IoEffect::Lost, 55, 1)),
            "lose write of page 55 at east.data by east-1.D/2 io 77"
        );
        assert_eq!(
            text(wrong(IoEffect::Misdirected(PageIndex(9)), 5, 3)),
            "misdirect write of pages 5 to 7 to page 9 at east.data by east-1.D/2 io 77"
        );
        let by = Duration::from_millis(3);
        assert_eq!(
            text(Happened::SlowIo { name: io, by }),
            "slow command at east.data by east-1.D/2 io 77 by 3ms"
        );
        let label = Label {
            kind: kind::SET,
            incarnation: 0xabc,
            id: 4,
            part: 1,
            attempt: 2,
        };
        let packet = PacketName {
            network: cluster::PEER_NETWORK,
            from: ProcessId(2),
            to: ProcessId(8),
            label,
        };
        let set = Actor::kind_name(LabelKind(kind::SET.0));
        assert_eq!(
            text(Happened::Loss(packet)),
            format!(
                "lose {set} 4 part 1 attempt 2 of 0000000000000abc from east-1.D to west-1.D \
                 over inter-cluster"
            )
        );
        assert_eq!(text(Happened::Kill(ProcessId(2))), "kill east-1.D");
        assert_eq!(text(Happened::Crash(MachineId(0))), "crash east-1");
    }
}

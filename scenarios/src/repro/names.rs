//! Names as a repro file has them, both ways.
//!
//! A name that reads well and means nothing here (a machine that is not in the cluster)
//! is told from one that does not read: the first makes a key stale, the second is a
//! mistake in the file.

use stormglass_engine::contract::{IoId, Label, LabelKind, NetworkId};
use stormglass_engine::wire::kind;
use stormglass_sim::network::Cut;
use stormglass_sim::occurrence::{IoName, PacketName};
use stormglass_sim::world::{Component, DeviceIndex, MachineId, ProcessId, World};

use super::entry::Departed;
use crate::actor::Actor;
use crate::fault_key;

/// Why a name cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Misnamed {
    /// There is no such thing in this cluster.
    Absent(String),
    /// It is not written as names are.
    Malformed {
        /// What was written.
        given: String,
        /// What would be right.
        right: &'static str,
    },
}

const PACKET: &str =
    "\"set 7 part 0 attempt 1 of 00000000000000ab from east-1.D to west-1.D over inter-cluster\"";
const COMMAND: &str = "\"east.data by east-1.D/2 io 77\"";
const PATH: &str = "\"east-1 to west-1 over inter-cluster\"";

/// The names of a world.
pub struct Names<'a> {
    world: &'a World<Actor>,
}

type Named<T> = Result<T, Misnamed>;

impl<'a> Names<'a> {
    /// Of this world.
    pub fn new(world: &'a World<Actor>) -> Self {
        Names { world }
    }

    pub(super) fn machine_name(&self, machine: MachineId) -> String {
        self.world.machine(machine).name.clone()
    }
    pub(super) fn process_name(&self, process: ProcessId) -> String {
        self.world.component_name(Component::Process(process))
    }
    pub(super) fn device_name(&self, device: DeviceIndex) -> String {
        self.world.component_name(Component::Device(device))
    }
    pub(super) fn network_name(&self, network: NetworkId) -> String {
        self.world.component_name(Component::Network(network))
    }
    pub(super) fn path_name(&self, path: &Cut) -> String {
        let (from, to) = (self.machine_name(path.from), self.machine_name(path.to));
        format!("{from} to {to} over {}", self.network_name(path.network))
    }
    pub(super) fn packet_name(&self, name: &PacketName) -> String {
        fault_key::packet(name, self.world)
    }
    pub(super) fn command_name(&self, name: &IoName) -> String {
        fault_key::command(name, self.world)
    }
    pub(super) fn departed_name(&self, departed: &Departed) -> String {
        match departed {
            Departed::Message(name) => self.packet_name(name),
            Departed::Command(name) => self.command_name(name),
        }
    }

    pub(super) fn machine(&self, text: &str) -> Named<MachineId> {
        let mut machines = self.world.machines();
        let found = machines.find(|(_, machine)| machine.name == text);
        found.map(|(id, _)| id).ok_or_else(|| absent(text))
    }
    pub(super) fn process(&self, text: &str) -> Named<ProcessId> {
        let mut processes = self.world.processes().map(|(id, _)| id);
        let found = processes.find(|id| self.process_name(*id) == text);
        found.ok_or_else(|| absent(text))
    }
    pub(super) fn device(&self, text: &str) -> Named<DeviceIndex> {
        let mut drives = self.world.drives();
        let found = drives.find(|(_, drive)| *drive.name == *text);
        found.map(|(id, _)| id).ok_or_else(|| absent(text))
    }
    pub(super) fn network(&self, text: &str) -> Named<NetworkId> {
        let mut networks = self.world.network().ids();
        let found = networks.find(|id| self.network_name(*id) == text);
        found.ok_or_else(|| absent(text))
    }
    pub(super) fn path(&self, text: &str) -> Named<Cut> {
        let wrong = || malformed(text, PATH);
        let (from, rest) = text.split_once(" to ").ok_or_else(wrong)?;
        let (to, network) = rest.split_once(" over ").ok_or_else(wrong)?;
        Ok(Cut {
            network: self.network(network)?,
            from: self.machine(from)?,
            to: self.machine(to)?,
        })
    }

    pub(super) fn packet(&self, text: &str) -> Named<PacketName> {
        let wrong = || malformed(text, PACKET);
        let (head, rest) = text.split_once(" part ").ok_or_else(wrong)?;
        let (kind, id) = head.rsplit_once(' ').ok_or_else(wrong)?;
        let (part, rest) = rest.split_once(" attempt ").ok_or_else(wrong)?;
        let (attempt, rest) = rest.split_once(" of ").ok_or_else(wrong)?;
        let (incarnation, rest) = rest.split_once(" from ").ok_or_else(wrong)?;
        let (from, rest) = rest.split_once(" to ").ok_or_else(wrong)?;
        let (to, network) = rest.split_once(" over ").ok_or_else(wrong)?;
        let label = Label {
            kind: self.kind(kind)?,
            incarnation: u64::from_str_radix(incarnation, 16).map_err(|_| wrong())?,
            id: id.parse().map_err(|_| wrong())?,
            part: part.parse().map_err(|_| wrong())?,
            attempt: attempt.parse().map_err(|_| wrong())?,
        };
        Ok(PacketName {
            network: self.network(network)?,
            from: self.process(from)?,
            to: self.process(to)?,
            label,
        })
    }

    #[expect(
        clippy::unused_self,
        reason = "kinds are the same in every world; everything else here is not"
    )]
    pub(super) fn kind(&self, text: &str) -> Named<LabelKind> {
        let mut kinds = (0..=u8::MAX).map(LabelKind);
        let found = kinds.find(|it| kind::name(*it) == text && text != "unknown");
        found.ok_or_else(|| absent(text))
    }

    pub(super) fn command(&self, text: &str) -> Named<IoName> {
        let wrong = || malformed(text, COMMAND);
        let (device, rest) = text.split_once(" by ").ok_or_else(wrong)?;
        let (submitter, io) = rest.split_once(" io ").ok_or_else(wrong)?;
        let (process, incarnation) = submitter.split_once('/').ok_or_else(wrong)?;
        Ok(IoName {
            device: self.device(device)?,
            process: self.process(process)?,
            incarnation: incarnation.parse().map_err(|_| wrong())?,
            io: IoId(io.parse().map_err(|_| wrong())?),
        })
    }

    pub(super) fn departed(&self, text: &str) -> Named<Departed> {
        match text.contains(" io ") {
            true => self.command(text).map(Departed::Command),
            false => self.packet(text).map(Departed::Message),
        }
    }
}

fn absent(text: &str) -> Misnamed {
    Misnamed::Absent(text.to_owned())
}

fn malformed(given: &str, right: &'static str) -> Misnamed {
    Misnamed::Malformed {
        given: given.to_owned(),
        right,
    }
}

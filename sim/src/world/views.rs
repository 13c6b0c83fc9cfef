//! What oracles and tools may see of a world.

use stormglass_engine::contract::{Input, Module, NetworkId};

use super::pending::Origin;
use super::{Component, DeviceIndex, Drive, Machine, MachineId, ProcessId, Totals, World};
use crate::network::Network;
use crate::occurrence::PacketName;
use crate::process::Process;
use crate::time::WorldTime;

impl<M: Module> World<M> {
    /// The instant of the last event.
    pub fn now(&self) -> WorldTime {
        self.now
    }
    /// When the next event is due.
    pub fn next_event(&self) -> Option<WorldTime> {
        self.queue.peek_time()
    }
    /// Counters.
    pub fn totals(&self) -> Totals {
        self.totals
    }
    /// Events since time last moved; without bound in an endless loop.
    pub fn events_at_this_instant(&self) -> u64 {
        self.at_this_instant
    }
    /// The run's rolling hash.
    pub fn trace_hash(&self) -> u64 {
        self.hashes.run.value()
    }
    /// A component's rolling hash.
    pub fn component_hash(&self, component: Component) -> u64 {
        self.hashes.of(component).value()
    }
    /// Every component: processes, devices, networks.
    pub fn components(&self) -> impl Iterator<Item = Component> {
        let processes = (0..).zip(&self.processes);
        let processes = processes.map(|(id, _)| Component::Process(ProcessId(id)));
        let devices = (0..).zip(&self.devices);
        let devices = devices.map(|(id, _)| Component::Device(DeviceIndex(id)));
        let networks = self.network.ids().map(Component::Network);
        processes.chain(devices).chain(networks)
    }
    /// A component's name: `east-1.D`, `east.journal`, `mirror link`.
    pub fn component_name(&self, component: Component) -> String {
        match component {
            Component::Process(id) => {
                let process = self.process(id);
                let machine = self.machine(process.machine);
                if process.name.is_empty() {
                    machine.name.clone()
                } else {
                    format!("{}.{}", machine.name, process.name)
                }
            }
            Component::Device(id) => self.drive(id).name.to_string(),
            Component::Network(id) => self.network_name(id).to_owned(),
        }
    }
    /// A process.
    #[inline]
    pub fn process(&self, process: ProcessId) -> &Process<M> {
        &self.processes[process.index()]
    }
    /// All processes with their ids.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessId, &Process<M>)> {
        let processes = self.processes.iter().map(|process| &**process);
        (0..).map(ProcessId).zip(processes)
    }
    /// A device.
    pub fn drive(&self, device: DeviceIndex) -> &Drive {
        &self.devices[device.index()]
    }
    /// All devices with their ids.
    pub fn drives(&self) -> impl Iterator<Item = (DeviceIndex, &Drive)> {
        let devices = self.devices.iter().map(|drive| &**drive);
        (0..).map(DeviceIndex).zip(devices)
    }
    /// A machine.
    #[inline]
    pub fn machine(&self, machine: MachineId) -> &Machine {
        &self.machines[machine.0 as usize]
    }
    /// All machines with their ids.
    pub fn machines(&self) -> impl Iterator<Item = (MachineId, &Machine)> {
        (0..).map(MachineId).zip(self.machines.iter())
    }
    /// The networks.
    pub fn network(&self) -> &Network {
        &self.network
    }
    /// Messages on their way, copies included, in no order that means anything; those that
    /// wait where they would leave first.
    pub fn in_flight(&self) -> impl Iterator<Item = PacketName> {
        let held = self.held.iter().map(|held| held.name);
        let flying = self.flight.iter().filter_map(|(_, parcel)| {
            let (Origin::Network { from, .. }, Input::Packet(packet)) =
                (parcel.origin, &parcel.input)
            else {
                return None;
            };
            Some(PacketName {
                network: packet.network,
                from,
                to: parcel.to,
                label: packet.label,
            })
        });
        held.chain(flying)
    }
    fn network_name(&self, network: NetworkId) -> &str {
        self.network.name(network)
    }
}

//! Building a world: networks, machines, processes, devices.

use std::sync::Arc;

use stormglass_engine::contract::{Module, Slot};

use super::hashes::Hashes;
use super::{DeviceIndex, Drive, Machine, MachineId, ProcessId, Totals, World};
use crate::clock::Clock;
use crate::device::{Device, DeviceSpec};
use crate::kernel::wheel::Wheel;
use crate::network::{Network, NetworkSpec};
use crate::process::{Cpu, Inbox, Process};
use crate::random::Seed;
use crate::service_time::{CpuCost, DeviceService, RarePace};
use crate::slots::Slots;
use crate::time::WorldTime;
use crate::trace::Rolling;

impl<M: Module> World<M> {
    /// A world of networks without machines, at time `start`.
    pub fn new(seed: Seed, start: WorldTime, networks: Vec<NetworkSpec>) -> Self {
        World {
            now: start,
            sequence: 0,
            totals: Totals::default(),
            at_this_instant: 0,
            queue: Wheel::new(),
            flight: Slots::default(),
            held: Vec::new(),
            processes: Vec::new(),
            devices: Vec::new(),
            hashes: Hashes::new(networks.len()),
            network: Arc::new(Network::new(networks, seed)),
            machines: Arc::new(Vec::new()),
            entropy: seed.draw(0, "entropy of boots"),
            seed,
        }
    }

    /// Adds a machine without processes.
    pub fn add_machine(&mut self, name: &str, clock: Clock) -> MachineId {
        let id = MachineId(index32(self.machines.len()));
        let machine = Machine {
            name: name.to_owned(),
            clock,
            processes: Vec::new(),
        };
        Arc::make_mut(&mut self.machines).push(machine);
        id
    }

    /// Adds a process to a machine; it is down until it boots. Its name may be
    /// empty, then it is called like the machine.
    pub fn add_process(
        &mut self,
        machine: MachineId,
        (slot, name): (Slot, &str),
        identity: M::Identity,
        cpu: CpuCost,
    ) -> ProcessId {
        let id = ProcessId(index32(self.processes.len()));
        let home = &mut Arc::make_mut(&mut self.machines)[machine.0 as usize];
        home.processes.push(id);
        self.processes.push(Arc::new(Process {
            machine,
            slot,
            name: name.into(),
            identity,
            cpu,
            pace: RarePace::default(),
            module: None,
            incarnation: 0,
            is_paused: false,
            boot_waits: false,
            inbox: Inbox::new(),
            service: Cpu::Idle,
            deadline_waits: false,
            armed: None,
        }));
        self.hashes.processes.push(Rolling::START);
        id
    }

    /// Adds a device.
    pub fn add_device(
        &mut self,
        name: &str,
        spec: DeviceSpec,
        service: DeviceService,
    ) -> DeviceIndex {
        let id = DeviceIndex(u16::try_from(self.devices.len()).expect("devices are few"));
        let draw = self.seed.draw(u64::from(id.0), "device service time");
        let drive = Drive {
            name: name.into(),
            service,
            device: Device::new(spec),
            pace: RarePace::default(),
            waiting: Vec::new(),
            draw,
        };
        self.devices.push(Arc::new(drive));
        self.hashes.devices.push(Rolling::START);
        id
    }

    /// The networks, to attach modules to.
    pub fn network_mut(&mut self) -> &mut Network {
        Arc::make_mut(&mut self.network)
    }
    /// A device, to install content on.
    pub fn drive_mut(&mut self, device: DeviceIndex) -> &mut Drive {
        Arc::make_mut(&mut self.devices[device.index()])
    }
}

fn index32(length: usize) -> u32 {
    u32::try_from(length).expect("components are few")
}

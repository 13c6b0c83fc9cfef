//! What a world will do, without how it came to it.
//!
//! Left out of the behaviour: when it is, all history (totals, hashes, sequence
//! and command numbers), slots of the flight table, what is pending and void,
//! wake-ups (they follow from the modules' deadlines) and the ends of CPU service
//! (they follow from the processes), see [`Due`]. Also everything a world was
//! built from: only worlds of one origin are compared.

use serde::Serialize;
use stormglass_engine::contract::{Input, Module};

use super::pending::{Due, Origin};
use super::{Drive, ProcessId, World};
use crate::device::CommandNumber;
use crate::process::{Cpu, Process};
use crate::service_time::Pace;
use crate::time::WorldTime;
use crate::walk::{Base, Digest};

#[derive(Serialize)]
#[serde(bound = "")]
struct ProcessBehaviour<'a, M: Module> {
    module: &'a Option<M>,
    incarnation: u64,
    is_paused: bool,
    boot_waits: bool,
    inbox: Vec<&'a Input<M::Local>>,
    pace: Pace,
    service: Cpu,
}

/// A pending event that is not void.
#[derive(Serialize)]
#[serde(bound = "")]
pub(super) enum Coming<'a, M: Module> {
    Packet {
        from: ProcessId,
        to: ProcessId,
        input: &'a Input<M::Local>,
    },
    Own {
        to: ProcessId,
        input: &'a Input<M::Local>,
    },
    Execute {
        device: u16,
        place: usize,
    },
}

impl<M: Module> World<M> {
    /// A hash of how the world will go on; the same for worlds that do alike.
    pub fn behavioural_hash(&self) -> u128 {
        let mut digest = Digest::default();
        self.add_behaviour(&mut digest);
        digest.finish()
    }

    /// Adds the world's behaviour to a hash of more than the world.
    pub fn add_behaviour(&self, digest: &mut Digest) {
        for (id, process) in self.processes() {
            digest.add(&process_behaviour(process), self.base_of(id));
        }
        for (_, drive) in self.drives() {
            digest.add(&drive.device.behaviour(), self.base());
            digest.add(&drive_behaviour(drive), self.base());
        }
        for network in self.network.ids() {
            digest.add(&self.network.behaviour(network), self.base());
        }
        for (_, machine) in self.machines() {
            digest.add(&machine.clock.drift_ppb, self.base());
        }
        for held in &self.held {
            let (from, to, input) = (held.name.from, held.parcel.to, &held.parcel.input);
            let coming: Coming<'_, M> = Coming::Packet { from, to, input };
            digest.add(&(held.span, coming), self.base_of(to));
        }
        for (at, coming) in self.coming() {
            let base = coming.to().map_or(self.base(), |to| self.base_of(to));
            digest.add(&(at, coming), base);
        }
    }

    /// Pending events that are not void, in order.
    pub(super) fn coming(&self) -> impl Iterator<Item = (WorldTime, Coming<'_, M>)> {
        let pending = self.queue.sorted().into_iter();
        pending.filter_map(|(at, _, due)| Some((at, self.what_comes(due)?)))
    }

    fn what_comes(&self, due: Due) -> Option<Coming<'_, M>> {
        match due {
            Due::Arrive(key) => {
                let parcel = self.flight.get(key)?;
                let (to, input) = (parcel.to, &parcel.input);
                match parcel.origin {
                    Origin::Network { from, .. } => Some(Coming::Packet { from, to, input }),
                    Origin::Machine { incarnation } => {
                        let is_alive = self.process(to).incarnation == incarnation;
                        is_alive.then_some(Coming::Own { to, input })
                    }
                }
            }
            Due::Execute(device, number) => {
                let number = CommandNumber(u64::from(number));
                let place = self.drive(device).device.place_of(number)?;
                let device = device.0;
                Some(Coming::Execute { device, place })
            }
            Due::Serve(_) | Due::Wake(_) => None,
        }
    }

    /// Now, for a walk through what has no clock of its own.
    pub fn base(&self) -> Base {
        let (world, module) = (self.now, None);
        Base::Now { world, module }
    }

    /// Now, for a walk through what goes by a process's clock.
    pub fn base_of(&self, process: ProcessId) -> Base {
        let (world, module) = (self.now, Some(self.local_time(process)));
        Base::Now { world, module }
    }
}

impl<M: Module> Coming<'_, M> {
    fn to(&self) -> Option<ProcessId> {
        match self {
            Coming::Packet { to, .. } | Coming::Own { to, .. } => Some(*to),
            Coming::Execute { .. } => None,
        }
    }
}

fn process_behaviour<M: Module>(process: &Process<M>) -> ProcessBehaviour<'_, M> {
    ProcessBehaviour {
        module: &process.module,
        incarnation: process.incarnation,
        is_paused: process.is_paused,
        boot_waits: process.boot_waits,
        pace: process.pace.get(),
        inbox: process.inbox.iter().map(|(input, _)| input).collect(),
        service: process.service,
    }
}

/// What a drive does beside its device: its pace, and which of the queued commands
/// wait for the end of a stall.
fn drive_behaviour(drive: &Drive) -> (Pace, Vec<usize>) {
    let waiting = drive.waiting.iter().map(|number| u64::from(*number));
    let waiting = waiting.filter_map(|number| drive.device.place_of(CommandNumber(number)));
    (drive.pace.get(), waiting.collect())
}

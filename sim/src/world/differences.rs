//! Where two worlds differ, as fields of their components.
//!
//! What is under way on a network counts as the network's: a lost packet shows there,
//! by its name, at the event that sent it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use stormglass_engine::contract::{Frame, Input, Module, NetworkId};

use super::behaviour::Coming;
use super::pending::{Due, Origin};
use super::{Component, Drive, Totals, World};
use crate::clock::Clock;
use crate::network::NetworkBehaviour;
use crate::time::WorldTime;
use crate::walk::{self, LeafDifference};

/// Where two worlds differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDifference {
    /// In what.
    pub place: Place,
    /// The path of fields, what stands there in the one, what in the other.
    pub field: LeafDifference,
}

/// A part of a world that may differ from another world's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A component.
    Component(Component),
    /// What is pending, packets apart.
    Pending,
    /// Time, counters and the rest.
    World,
}

/// A network with the packets on it, by their names.
#[derive(Serialize)]
struct NetworkState<'a> {
    in_flight: BTreeMap<String, InFlight<'a>>,
    held: BTreeMap<String, &'a Frame>,
    paths: NetworkBehaviour,
}

#[derive(Serialize)]
struct InFlight<'a> {
    arrives: WorldTime,
    frame: &'a Frame,
}

/// What belongs to no component.
#[derive(Serialize)]
struct Rest {
    processes: usize,
    devices: usize,
    now: WorldTime,
    sequence: u64,
    totals: Totals,
    at_this_instant: u64,
    clocks: Vec<Clock>,
}

impl<M: Module> World<M> {
    /// The first field in which this world differs from another one: first the
    /// components, in order, then what is pending, then the rest.
    pub fn first_difference(&self, other: &World<M>) -> Option<FieldDifference> {
        self.differences(other, 1).pop()
    }

    /// The fields in which this world differs from another one, in the same order,
    /// `most` at most.
    pub fn differences(&self, other: &World<M>, most: usize) -> Vec<FieldDifference> {
        let mut found = Vec::new();
        let mut add = |place, fields: Vec<LeafDifference>| {
            found.extend(
                fields
                    .into_iter()
                    .map(|field| FieldDifference { place, field }),
            );
            most.saturating_sub(found.len())
        };
        let mut left = most;
        for component in self.components() {
            let fields = self.component_differences(other, component, left);
            left = add(Place::Component(component), fields);
        }
        let [own, others] = [self, other].map(|world| {
            let coming = world.coming();
            coming
                .filter(|(_, coming)| !matches!(coming, Coming::Packet { .. }))
                .collect::<Vec<_>>()
        });
        left = add(Place::Pending, walk::differences(&own, &others, left));
        let rest = walk::differences(&self.rest(), &other.rest(), left);
        add(Place::World, rest);
        found
    }

    /// The name of a place: that of a component, or `pending events`, or `world`.
    pub fn place_name(&self, place: Place) -> String {
        match place {
            Place::Component(component) => self.component_name(component),
            Place::Pending => "pending events".to_owned(),
            Place::World => "world".to_owned(),
        }
    }

    fn component_differences(
        &self,
        other: &World<M>,
        component: Component,
        most: usize,
    ) -> Vec<LeafDifference> {
        match component {
            Component::Process(id) => {
                let own = &*self.processes[id.index()];
                match other.processes.get(id.index()) {
                    Some(others) if own != &**others => walk::differences(own, &**others, most),
                    Some(_) | None => Vec::new(),
                }
            }
            Component::Device(id) => {
                let own = &*self.devices[id.index()];
                match other.devices.get(id.index()) {
                    Some(others) if own != &**others => drive_differences(own, others, most),
                    Some(_) | None => Vec::new(),
                }
            }
            Component::Network(id) => {
                let [own, others] = [self, other].map(|world| world.network_state(id));
                walk::differences(&own, &others, most)
            }
        }
    }

    fn network_state(&self, network: NetworkId) -> NetworkState<'_> {
        let mut in_flight = BTreeMap::new();
        for (arrives, _, due) in self.queue.sorted() {
            let Due::Arrive(key) = due else { continue };
            let Some(parcel) = self.flight.get(key) else {
                continue;
            };
            if let (Origin::Network { from, .. }, Input::Packet(packet)) =
                (parcel.origin, &parcel.input)
                && packet.network == network
            {
                let frame = &packet.frame;
                let name = self.packet_text(packet, from, parcel.to);
                insert(&mut in_flight, name, InFlight { arrives, frame });
            }
        }
        let mut held = BTreeMap::new();
        for waiting in &self.held {
            if let Input::Packet(packet) = &waiting.parcel.input
                && packet.network == network
            {
                let name = self.packet_text(packet, waiting.name.from, waiting.parcel.to);
                insert(&mut held, name, &packet.frame);
            }
        }
        NetworkState {
            in_flight,
            held,
            paths: self.network.behaviour(network),
        }
    }

    fn rest(&self) -> Rest {
        Rest {
            processes: self.processes.len(),
            devices: self.devices.len(),
            now: self.now,
            sequence: self.sequence,
            totals: self.totals,
            at_this_instant: self.at_this_instant,
            clocks: self.machines.iter().map(|machine| machine.clock).collect(),
        }
    }
}

/// Puts a packet in under its name; a copy of one that is there under the next.
fn insert<T>(packets: &mut BTreeMap<String, T>, name: String, packet: T) {
    let copies = (2..).map(|copy| format!("{name}, copy {copy}"));
    let mut names = std::iter::once(name.clone()).chain(copies);
    let free = names.find(|name| !packets.contains_key(name));
    packets.insert(free.expect("there are more names than packets"), packet);
}

/// By page, if the drives differ in that; else as they are stored.
fn drive_differences(left: &Drive, right: &Drive, most: usize) -> Vec<LeafDifference> {
    let [own, others] = [left, right].map(|drive| drive.device.behaviour());
    let found = walk::differences(&own, &others, most);
    match found.is_empty() {
        true => walk::differences(left, right, most),
        false => found,
    }
}

impl fmt::Display for FieldDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LeafDifference { path, left, right } = &self.field;
        write!(f, "{path}: {left}, not {right}")
    }
}

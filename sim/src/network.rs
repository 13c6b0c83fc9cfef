//! Networks: who can be reached under which address, how long it takes, and who
//! is parted from whom.
//!
//! Loss, duplicates and delays are chosen at departure, partitions are judged at
//! arrival. Nothing is ordered: each packet draws its own latency.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{Address, Label, NetworkId};
use stormglass_engine::time::Duration;

use crate::random::{Draw, Seed};
use crate::service_time::Latency;
use crate::world::{MachineId, ProcessId};

/// One network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// Its name.
    pub name: String,
    /// One way, between any two machines.
    pub latency: Latency,
    /// On top, for each KiB.
    pub per_kib: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Link {
    spec: NetworkSpec,
    draw: Draw,
}

/// Machines that cannot be reached from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cut {
    /// On which network.
    pub network: NetworkId,
    /// Packets of this machine ...
    pub from: MachineId,
    /// ... do not reach this one.
    pub to: MachineId,
}

/// All networks of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    links: Vec<Link>,
    routes: BTreeMap<(NetworkId, Address), ProcessId>,
    addresses: BTreeMap<(NetworkId, ProcessId), Address>,
    /// How often each cut was made and not healed.
    cuts: BTreeMap<Cut, u32>,
}

impl Network {
    /// Networks without anybody on them.
    pub fn new(specs: Vec<NetworkSpec>, seed: Seed) -> Self {
        let link = |(index, spec)| Link {
            spec,
            draw: seed.draw(index, "network latency"),
        };
        Network {
            links: (0..).zip(specs).map(link).collect(),
            routes: BTreeMap::new(),
            addresses: BTreeMap::new(),
            cuts: BTreeMap::new(),
        }
    }

    /// Gives a module an address.
    pub fn attach(&mut self, network: NetworkId, address: Address, process: ProcessId) {
        let previous = self.routes.insert((network, address), process);
        assert!(previous.is_none(), "an address belongs to one module");
        self.addresses.insert((network, process), address);
    }

    /// Who answers under an address.
    pub fn resolve(&self, network: NetworkId, address: Address) -> Option<ProcessId> {
        self.routes.get(&(network, address)).copied()
    }

    /// A module's own address.
    pub fn address_of(&self, network: NetworkId, process: ProcessId) -> Option<Address> {
        self.addresses.get(&(network, process)).copied()
    }

    /// A network's name.
    pub fn name(&self, network: NetworkId) -> &str {
        &self.links[network.index()].spec.name
    }

    /// How long a packet takes if nothing befalls it.
    pub fn latency(
        &self,
        network: NetworkId,
        from: ProcessId,
        to: ProcessId,
        label: &Label,
        length: usize,
    ) -> Duration {
        let link = &self.links[network.index()];
        let sample = link.draw.at(&identity(from, to, label));
        let kib = length.div_ceil(1024) as u64;
        link.spec
            .latency
            .span(sample)
            .plus(link.spec.per_kib.times(kib))
    }

    /// Parts two machines in one direction.
    pub fn cut(&mut self, cut: Cut) {
        *self.cuts.entry(cut).or_insert(0) += 1;
    }

    /// Takes one such cut back.
    pub fn heal(&mut self, cut: Cut) {
        if let Some(count) = self.cuts.get_mut(&cut) {
            *count -= 1;
            if *count == 0 {
                self.cuts.remove(&cut);
            }
        }
    }

    /// True if packets do not get through.
    pub fn is_cut(&self, cut: &Cut) -> bool {
        !self.cuts.is_empty() && self.cuts.contains_key(cut)
    }
}

/// What tells a packet's draws from all others'. The sender's `attempt` is part
/// of it: a message sent again meets another fate.
pub fn identity(from: ProcessId, to: ProcessId, label: &Label) -> [u64; 4] {
    let ends = u64::from(from.0) << 32 | u64::from(to.0);
    let place =
        u64::from(label.kind.0) << 56 | u64::from(label.part) << 32 | u64::from(label.attempt);
    [ends, place, label.incarnation, label.id]
}

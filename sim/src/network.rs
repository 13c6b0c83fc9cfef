//! Networks: who can be reached under which address, how long it takes, and who
//! is parted from whom.
//!
//! Loss, duplicates and delays are chosen at departure, partitions are judged at
//! arrival. Nothing is ordered: each packet draws its own latency.

mod path;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{Address, Label, LabelKind, NetworkId};
use stormglass_engine::time::Duration;

use crate::ids::{MachineId, ProcessId};
use crate::random::{Draw, Seed};
use crate::service_time::Latency;
use crate::time::WorldTime;
pub use path::{Bandwidth, Entry, PathLimit};
use path::{PathBehaviour, Paths, take_back};

/// Addresses are below this, so that a table resolves them.
pub const ADDRESS_MAX: u32 = 1 << 16;

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

/// One network with everybody on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Link {
    spec: NetworkSpec,
    draw: Draw,
    /// By address.
    routes: Vec<Option<ProcessId>>,
    /// By process.
    addresses: Vec<Option<Address>>,
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
    /// Apart from the cuts, which a fork may change, and shared by all forks.
    links: Arc<Vec<Link>>,
    /// How often each cut was made and not healed.
    cuts: BTreeMap<Cut, u32>,
    /// What else is wrong between machines.
    paths: Paths,
    /// Modules that have another address than they were built with.
    moved: BTreeMap<(NetworkId, ProcessId), Address>,
    /// Addresses that modules have taken beside their own.
    bound: BTreeMap<(NetworkId, Address), ProcessId>,
}

/// All that decides how a network treats packets, apart from what it was built from.
#[derive(Debug, Serialize)]
pub(crate) struct NetworkBehaviour {
    /// The cuts, and how often each was made.
    cuts: BTreeMap<(u32, u32), u32>,
    paths: PathBehaviour,
    moved: BTreeMap<u32, Address>,
    bound: BTreeMap<u32, u32>,
}

impl Network {
    /// Networks without anybody on them.
    pub fn new(specs: Vec<NetworkSpec>, seed: Seed) -> Self {
        let link = |(index, spec)| Link {
            spec,
            draw: seed.draw(index, "network latency"),
            routes: Vec::new(),
            addresses: Vec::new(),
        };
        Network {
            links: Arc::new((0..).zip(specs).map(link).collect()),
            cuts: BTreeMap::new(),
            paths: Paths::default(),
            moved: BTreeMap::new(),
            bound: BTreeMap::new(),
        }
    }

    /// Gives a module an address, below [`ADDRESS_MAX`].
    pub fn attach(&mut self, network: NetworkId, address: Address, process: ProcessId) {
        assert!(address.value() < ADDRESS_MAX, "an address out of range");
        let link = &mut Arc::make_mut(&mut self.links)[network.index()];
        let previous = put(&mut link.routes, address.value() as usize, process);
        assert!(previous.is_none(), "an address belongs to one module");
        put(&mut link.addresses, process.index(), address);
    }

    /// Gives a module another address instead of its own. Packets to the old one that
    /// have left still reach it; later ones reach nobody. False if the address is
    /// taken.
    pub fn readdress(&mut self, network: NetworkId, process: ProcessId, address: Address) -> bool {
        if self.resolve(network, address).is_some() {
            return false;
        }
        let old = self.address_of(network, process);
        let old = old.expect("who moves is attached to the network");
        let link = &mut Arc::make_mut(&mut self.links)[network.index()];
        link.routes[old.value() as usize] = None;
        self.attach(network, address, process);
        self.moved.insert((network, process), address);
        true
    }

    /// Whether [`Network::bind`] would change nothing.
    pub fn is_bound(&self, network: NetworkId, address: Address, process: ProcessId) -> bool {
        self.bound.get(&(network, address)) == Some(&process)
    }

    /// Gives a module one more address, which another may have had so far. Packets that have
    /// left for that one still reach it.
    pub fn bind(&mut self, network: NetworkId, address: Address, process: ProcessId) {
        self.bound.insert((network, address), process);
    }

    /// Every network.
    pub fn ids(&self) -> impl Iterator<Item = NetworkId> {
        (0..).zip(&*self.links).map(|(id, _)| NetworkId::new(id))
    }

    /// Who answers under an address.
    #[inline]
    pub fn resolve(&self, network: NetworkId, address: Address) -> Option<ProcessId> {
        let routes = &self.links[network.index()].routes;
        let own = routes.get(address.value() as usize).copied().flatten();
        own.or_else(|| self.bound.get(&(network, address)).copied())
    }

    /// A module's own address, the last that it was given.
    #[inline]
    pub fn address_of(&self, network: NetworkId, process: ProcessId) -> Option<Address> {
        let addresses = &self.links[network.index()].addresses;
        *addresses.get(process.index())?
    }

    /// A network's name.
    pub fn name(&self, network: NetworkId) -> &str {
        &self.links[network.index()].spec.name
    }

    /// How long a packet takes if nothing befalls it.
    #[inline]
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
        let transfer = link.spec.per_kib.times(kib);
        link.spec.latency.span(sample).plus(transfer)
    }

    /// Parts two machines in one direction.
    pub fn cut(&mut self, cut: Cut) {
        *self.cuts.entry(cut).or_insert(0) += 1;
    }

    /// Takes one such cut back.
    pub fn heal(&mut self, cut: Cut) {
        take_back(&mut self.cuts, &cut);
    }

    /// Parts two machines in one direction for messages of one kind.
    pub fn cut_kind(&mut self, cut: Cut, kind: LabelKind) {
        self.paths.cut_kind(cut, kind);
    }

    /// Takes one such cut back.
    pub fn heal_kind(&mut self, cut: Cut, kind: LabelKind) {
        self.paths.heal_kind(cut, kind);
    }

    /// True if any machines are parted, for all messages or for some.
    #[inline]
    pub fn has_cuts(&self) -> bool {
        !self.cuts.is_empty() || self.paths.has_cut_kinds()
    }

    /// True if packets do not get through.
    pub fn is_cut(&self, cut: &Cut) -> bool {
        self.cuts.contains_key(cut)
    }

    /// True if messages of this kind do not get through.
    pub fn is_cut_for(&self, cut: &Cut, kind: LabelKind) -> bool {
        self.is_cut(cut) || self.paths.is_kind_cut(cut, kind)
    }

    /// Lets nothing leave on a path.
    pub fn clog(&mut self, cut: Cut) {
        self.paths.clog(cut);
    }

    /// Takes one such clog back. True if the path is free now and was not.
    pub fn release(&mut self, cut: Cut) -> bool {
        self.paths.release(cut)
    }

    /// True if nothing leaves on a path.
    pub fn is_clogged(&self, cut: &Cut) -> bool {
        self.paths.is_clogged(cut)
    }

    /// Limits what a path carries, instead of any earlier limit; its queue is empty.
    pub fn limit(&mut self, cut: Cut, limit: PathLimit) {
        self.paths.limit(cut, limit);
    }

    /// Takes the limit back.
    pub fn unlimit(&mut self, cut: Cut) {
        self.paths.unlimit(cut);
    }

    /// True if leaving is not a matter of course on every path.
    #[inline]
    pub fn holds_up(&self) -> bool {
        self.paths.hold_up()
    }

    /// Takes a packet of this length into a path.
    pub fn enter(&mut self, cut: &Cut, now: WorldTime, length: u64) -> Entry {
        self.paths.enter(cut, now, length)
    }

    /// The cuts that stand.
    pub fn cuts(&self) -> impl Iterator<Item = &Cut> {
        self.cuts.keys()
    }

    /// The cuts that stand for one kind of message.
    pub fn cut_kinds(&self) -> impl Iterator<Item = (Cut, LabelKind)> {
        self.paths.cut_kinds()
    }

    /// The paths on which nothing leaves.
    pub fn clogs(&self) -> impl Iterator<Item = Cut> {
        self.paths.clogs()
    }

    /// The paths with a limit.
    pub fn limits(&self) -> impl Iterator<Item = Cut> {
        self.paths.limits()
    }

    /// How one network treats packets.
    pub(crate) fn behaviour(&self, network: NetworkId) -> NetworkBehaviour {
        let cuts = self.cuts.iter().filter(|(cut, _)| cut.network == network);
        let moved = self.moved.iter().filter(|((on, _), _)| *on == network);
        let bound = self.bound.iter().filter(|((on, _), _)| *on == network);
        NetworkBehaviour {
            cuts: cuts
                .map(|(cut, count)| ((cut.from.0, cut.to.0), *count))
                .collect(),
            paths: self.paths.behaviour(network),
            moved: moved
                .map(|((_, process), address)| (process.0, *address))
                .collect(),
            bound: bound
                .map(|((_, address), process)| (address.value(), process.0))
                .collect(),
        }
    }
}

/// What tells a packet's draws from all others'. The sender's `attempt` is part
/// of it: a message sent again meets another fate.
#[inline]
pub fn identity(from: ProcessId, to: ProcessId, label: &Label) -> [u64; 4] {
    let ends = u64::from(from.0) << 32 | u64::from(to.0);
    let place =
        u64::from(label.kind.0) << 56 | u64::from(label.part) << 32 | u64::from(label.attempt);
    [ends, place, label.incarnation, label.id]
}

/// Puts an item into a table that grows with its places.
fn put<T: Copy>(table: &mut Vec<Option<T>>, place: usize, item: T) -> Option<T> {
    if place >= table.len() {
        table.resize(place + 1, None);
    }
    table[place].replace(item)
}

//! What an action consists of: faults, each with its delay.

use stormglass_engine::contract::{Address, PageIndex};
use stormglass_engine::storage_set::layout::Geometry;
use stormglass_engine::time::Duration;
use stormglass_engine::vocabulary::BlockIndex;
use stormglass_sim::clock::ClockRate;
use stormglass_sim::device::{Damage, PageRange, Return};
use stormglass_sim::fault::Fault;
use stormglass_sim::network::{Bandwidth, Cut, PathLimit};
use stormglass_sim::service_time::Pace;
use stormglass_sim::world::{DeviceIndex, MachineId, ProcessId, World};

use crate::actor::Actor;
use crate::cluster::{self, Map, PEER_NETWORK, Third};
use crate::file::{
    Action, AreaKind, ClockWay, Cluster, DamageKind, DeviceKind, DeviceName, Direction, DriveName,
    Endpoint, Extent, MachineName, ModuleName, NetworkName, NodeName, Partition, ReturnKind,
};

/// Faults, each with its delay.
pub(crate) type Steps = Vec<(Duration, Fault)>;

/// What an action does.
pub(crate) fn of(action: &Action, world: &World<Actor>, map: &Map) -> Steps {
    let stage = Stage { world, map };
    match *action {
        Action::Crash { .. }
        | Action::Kill { .. }
        | Action::PowerOff { .. }
        | Action::Pause { .. }
        | Action::Readdress { .. }
        | Action::SlowCpu { .. }
        | Action::CrashLoop { .. }
        | Action::Clock { .. }
        | Action::Order { .. } => stage.on_machines(action),
        Action::DeviceGone { .. }
        | Action::Damage { .. }
        | Action::DamageRecord { .. }
        | Action::DamageMetadata { .. }
        | Action::DeviceSlow { .. }
        | Action::DeviceStall { .. }
        | Action::DeviceFull { .. }
        | Action::Remember { .. }
        | Action::StalePages { .. }
        | Action::Swap { .. } => stage.on_devices(action),
        Action::Partition(_)
        | Action::Isolate { .. }
        | Action::Clog { .. }
        | Action::Narrow { .. } => stage.on_networks(action),
    }
}

pub(super) fn damage_of(kind: DamageKind) -> Damage {
    match kind {
        DamageKind::Unreadable => Damage::Unreadable,
        DamageKind::Rot => Damage::Rot,
    }
}

/// A machine by its name.
pub(super) fn machine(name: MachineName, map: &Map) -> MachineId {
    match name {
        MachineName::Node(node) => map.node(node),
        MachineName::Mediator => mediator(map).machine,
    }
}

/// A machine's own device of a kind; the mediator has but one.
pub(super) fn device_of(name: MachineName, kind: DeviceKind, map: &Map) -> DeviceIndex {
    match name {
        MachineName::Node(node) => cluster::device(DeviceName {
            cluster: node.cluster,
            pair: node.pair(),
            kind,
        }),
        MachineName::Mediator => mediator(map).device,
    }
}

/// A device by its name.
pub(super) fn drive(name: DriveName, map: &Map) -> DeviceIndex {
    match name {
        DriveName::Set(device) => cluster::device(device),
        DriveName::Mediator => mediator(map).device,
    }
}

fn mediator(map: &Map) -> Third {
    map.mediator
        .expect("a scenario names a mediator only if it has one")
}

/// Something that begins now and ends after a time, if ever.
fn spell(begin: Fault, duration: Option<Duration>, end: Fault) -> Steps {
    let begin = (Duration::ZERO, begin);
    let end = duration.map(|after| (after, end));
    std::iter::once(begin).chain(end).collect()
}

fn now(fault: Fault) -> Steps {
    vec![(Duration::ZERO, fault)]
}

struct Stage<'a> {
    world: &'a World<Actor>,
    map: &'a Map,
}

impl Stage<'_> {
    fn on_machines(&self, action: &Action) -> Steps {
        match *action {
            Action::Crash {
                node,
                restart_after,
            } => self.crash(machine(node, self.map), restart_after),
            Action::Kill {
                node,
                module,
                restart_after,
            } => {
                let process = self.module(node, module);
                spell(Fault::Kill(process), restart_after, Fault::Boot(process))
            }
            Action::PowerOff {
                cluster,
                restart_after,
            } => self.power_off(cluster, restart_after),
            Action::Readdress { node, address } => now(Fault::Readdress {
                network: PEER_NETWORK,
                process: self.module(node, ModuleName::D),
                address: Address::new(address),
            }),
            Action::Pause { node, duration } => {
                let machine = self.map.node(node);
                spell(
                    Fault::Pause(machine),
                    Some(duration),
                    Fault::Resume(machine),
                )
            }
            Action::SlowCpu {
                node,
                factor,
                duration,
            } => {
                let machine = machine(node, self.map);
                let usual = Fault::CpuPace(machine, Pace::USUAL);
                spell(
                    Fault::CpuPace(machine, slower(factor)),
                    Some(duration),
                    usual,
                )
            }
            Action::CrashLoop {
                node,
                times,
                interval,
                restart_after,
            } => {
                let machine = machine(node, self.map);
                let crashes = (0..u64::from(times)).flat_map(|round| {
                    let at = interval.times(round);
                    let steps = self.crash(machine, Some(restart_after)).into_iter();
                    steps.map(move |(after, fault)| (at.plus(after), fault))
                });
                crashes.collect()
            }
            Action::Clock {
                node,
                drift_ppm,
                way,
                every,
                duration,
                beyond_bound,
            } => {
                let machine = machine(node, self.map);
                let rate = |drift_ppb, is_beyond_bound| {
                    let rate = ClockRate {
                        drift_ppb,
                        is_beyond_bound,
                    };
                    Fault::ClockRate(machine, rate)
                };
                let ppb = i32::try_from(drift_ppm * 1_000).expect("the scenario was checked");
                let usual = self.world.machine(machine).clock.drift_ppb;
                let rates = ClockRates {
                    fast: rate(ppb, beyond_bound),
                    slow: rate(-ppb, beyond_bound),
                    usual: rate(usual, false),
                };
                rates.steps(way, every, duration)
            }
            Action::Order { node, order } => {
                let module = self.module(node, ModuleName::M);
                now(Fault::Order(module, order.order().kind()))
            }
            _ => Steps::new(),
        }
    }

    fn crash(&self, machine: MachineId, restart_after: Option<Duration>) -> Steps {
        let crash = (Duration::ZERO, Fault::Crash(machine));
        let boots = self.boots(machine, restart_after);
        std::iter::once(crash).chain(boots).collect()
    }

    fn boots(
        &self,
        machine: MachineId,
        after: Option<Duration>,
    ) -> impl Iterator<Item = (Duration, Fault)> {
        let processes = &self.world.machine(machine).processes;
        after.into_iter().flat_map(move |after| {
            let boot = move |process: &ProcessId| (after, Fault::Boot(*process));
            processes.iter().map(boot)
        })
    }

    fn module(&self, node: NodeName, module: ModuleName) -> ProcessId {
        let slot = cluster::slot(module);
        let machine = self.world.machine(self.map.node(node));
        let mut processes = machine.processes.iter();
        let found = processes.find(|id| self.world.process(**id).slot == slot);
        *found.expect("every node has every module")
    }

    fn power_off(&self, extent: Extent, restart_after: Option<Duration>) -> Steps {
        let clusters = match extent {
            Extent::Cluster(cluster) => vec![cluster],
            Extent::All => Cluster::ALL.to_vec(),
        };
        let third = self.map.mediator.filter(|_| extent == Extent::All);
        let nodes = clusters.iter().flat_map(|it| self.map.cluster(*it));
        let machines: Vec<_> = nodes.chain(third.map(|it| it.machine)).collect();
        let own = |cluster: &Cluster| {
            let cluster = *cluster;
            let sets = self.map.pairs();
            sets.flat_map(move |pair| DeviceName::of_set(cluster, pair).map(cluster::device))
        };
        let devices = clusters.iter().flat_map(own);
        let devices = devices.chain(third.map(|it| it.device));
        // Power goes everywhere at once: the devices settle what the dying nodes had
        // queued, so they come first.
        let devices = devices.map(|device| (Duration::ZERO, Fault::DevicePowerLoss(device)));
        let crashes = machines
            .iter()
            .map(|machine| (Duration::ZERO, Fault::Crash(*machine)));
        let restarts = machines
            .iter()
            .flat_map(|machine| self.boots(*machine, restart_after));
        devices.chain(crashes).chain(restarts).collect()
    }

    fn on_devices(&self, action: &Action) -> Steps {
        let place = |name| drive(name, self.map);
        match *action {
            Action::DeviceGone {
                device,
                duration,
                returns,
            } => {
                let returns = match returns {
                    ReturnKind::Intact => Return::Intact,
                    ReturnKind::Blank => Return::Blank,
                    ReturnKind::Stale => Return::Stale,
                };
                let device = place(device);
                let back = Fault::DeviceReturns(device, returns);
                spell(Fault::DeviceGone(device), duration, back)
            }
            Action::Damage {
                device,
                block,
                kind,
            } => now(Fault::Damage {
                device: place(device),
                page: self.map.geometry.data_page(BlockIndex::new(block)),
                damage: damage_of(kind),
            }),
            Action::DamageMetadata { device, copy, kind } => now(Fault::Damage {
                device: place(device),
                page: self.map.geometry.metadata_start().plus(copy - 1),
                damage: damage_of(kind),
            }),
            // Which page it is, is not known before its time.
            Action::DamageRecord { .. } => Steps::new(),
            Action::DeviceSlow {
                device,
                factor,
                duration,
            } => {
                let device = place(device);
                let usual = Fault::DevicePace(device, Pace::USUAL);
                spell(
                    Fault::DevicePace(device, slower(factor)),
                    Some(duration),
                    usual,
                )
            }
            Action::DeviceStall { device, duration } => {
                let device = place(device);
                let end = Fault::DeviceGoesOn(device);
                spell(Fault::DeviceStalls(device), Some(duration), end)
            }
            Action::DeviceFull {
                device,
                area,
                duration,
            } => {
                let areas = self.areas(device, area);
                let device = place(device);
                let full = Fault::DeviceFull(device, areas);
                spell(full, duration, Fault::DeviceHasRoom(device))
            }
            Action::Remember { device } => now(Fault::Remember(place(device))),
            Action::StalePages {
                device,
                start,
                count,
            } => {
                let start = PageIndex(start);
                now(Fault::Restore(place(device), PageRange { start, count }))
            }
            Action::Swap { device, with } => {
                let devices = [place(device), place(with)];
                let losses = devices.map(|it| (Duration::ZERO, Fault::DevicePowerLoss(it)));
                let swap = (Duration::ZERO, Fault::Swap(devices));
                losses.into_iter().chain([swap]).collect()
            }
            _ => Steps::new(),
        }
    }

    /// The pages of a part of a device; of the whole, if none is named.
    fn areas(&self, name: DriveName, area: Option<AreaKind>) -> PageRange {
        let whole = self.world.drive(drive(name, self.map)).device.whole();
        let content = match name {
            DriveName::Set(device) => content(device.kind, &self.map.geometry),
            DriveName::Mediator => whole,
        };
        match area {
            None => whole,
            Some(AreaKind::Content) => content,
            // What is not content stands before it, but for a journal's mailboxes,
            // which are never empty once a node has lived.
            Some(AreaKind::Metadata) => PageRange {
                start: whole.start,
                count: content.start.0,
            },
        }
    }

    fn on_networks(&self, action: &Action) -> Steps {
        match *action {
            Action::Partition(partition) => self.partition(&partition),
            Action::Isolate {
                side,
                networks,
                duration,
            } => {
                let cuts = networks
                    .iter()
                    .flat_map(|network| self.around(side, network));
                self.all(cuts.collect(), duration, Fault::Cut, Fault::Heal)
            }
            Action::Clog {
                from,
                to,
                network,
                one_way,
                duration,
                interval,
            } => {
                let links = self.links(from, to, network, one_way);
                let Some(interval) = interval else {
                    return self.all(links, duration, Fault::Clog, Fault::Release);
                };
                let count = links.len() as u64;
                let mut steps = Steps::new();
                for (number, link) in (0..count).zip(links) {
                    // The last that is clogged is released first.
                    let released = interval.times(count - 1 - number);
                    let all_clogged = interval.times(count - 1).plus(duration);
                    steps.push((interval.times(number), Fault::Clog(link)));
                    steps.push((all_clogged.plus(released), Fault::Release(link)));
                }
                steps
            }
            Action::Narrow {
                from,
                to,
                network,
                one_way,
                bytes_per_second,
                queue_bytes,
                mtu,
                duration,
            } => {
                let bandwidth = bytes_per_second.map(|bytes_per_second| Bandwidth {
                    bytes_per_second,
                    queue_bytes: queue_bytes.unwrap_or(u64::MAX),
                });
                let limit = PathLimit { bandwidth, mtu };
                let begin = |link| Fault::Limit(link, limit);
                let links = self.links(from, to, network, one_way);
                self.all(links, duration, begin, Fault::Unlimit)
            }
            _ => Steps::new(),
        }
    }

    /// The same for some links, from now on and for a time.
    fn all(
        &self,
        links: Vec<Cut>,
        duration: Duration,
        begin: impl Fn(Cut) -> Fault,
        end: impl Fn(Cut) -> Fault,
    ) -> Steps {
        let begins = links.iter().map(|link| (Duration::ZERO, begin(*link)));
        let ends = links.iter().map(|link| (duration, end(*link)));
        begins.chain(ends).collect()
    }

    fn partition(&self, partition: &Partition) -> Steps {
        let Partition {
            from,
            to,
            network,
            direction,
            kind,
            duration,
        } = *partition;
        let links = self.links(from, to, network, direction);
        match kind {
            None => self.all(links, duration, Fault::Cut, Fault::Heal),
            Some(kind) => {
                let (begin, end) = (
                    |link| Fault::CutKind(link, kind.0),
                    |link| Fault::HealKind(link, kind.0),
                );
                self.all(links, duration, begin, end)
            }
        }
    }

    /// Every link between two sides.
    fn links(
        &self,
        from: Endpoint,
        to: Endpoint,
        network: NetworkName,
        direction: Direction,
    ) -> Vec<Cut> {
        let network = cluster::network(network);
        let mut links = Vec::new();
        for a in self.machines(from) {
            for b in self.machines(to) {
                let there = Cut {
                    network,
                    from: a,
                    to: b,
                };
                links.push(there);
                if direction == Direction::BothWays {
                    links.push(Cut {
                        from: b,
                        to: a,
                        ..there
                    });
                }
            }
        }
        links
    }

    /// Every link of a network that leads from a side to anybody else, and back.
    fn around(&self, side: Endpoint, network: NetworkName) -> Vec<Cut> {
        let own = self.machines(side);
        let network = cluster::network(network);
        let mut links = Vec::new();
        let others = self.world.machines().map(|(machine, _)| machine);
        for other in others.filter(|machine| !own.contains(machine)) {
            for machine in &own {
                for (from, to) in [(*machine, other), (other, *machine)] {
                    links.push(Cut { network, from, to });
                }
            }
        }
        links
    }

    fn machines(&self, endpoint: Endpoint) -> Vec<MachineId> {
        let map = self.map;
        match endpoint {
            Endpoint::Node(node) => vec![map.node(node)],
            Endpoint::Cluster(cluster) => map.cluster(cluster).collect(),
            Endpoint::Clients => map.client_machines.clone(),
            Endpoint::Mediator => vec![mediator(map).machine],
        }
    }
}

/// What a clock that goes wrong goes through.
struct ClockRates {
    fast: Fault,
    slow: Fault,
    usual: Fault,
}

impl ClockRates {
    fn steps(self, way: ClockWay, every: Option<Duration>, duration: Option<Duration>) -> Steps {
        match (way, every, duration) {
            (ClockWay::Fast, ..) => spell(self.fast, duration, self.usual),
            (ClockWay::Slow, ..) => spell(self.slow, duration, self.usual),
            (ClockWay::Both, Some(every), Some(duration)) => {
                let rounds = duration.as_nanos().div_ceil(every.as_nanos());
                let turn = |round: u64| match round.is_multiple_of(2) {
                    true => (every.times(round), self.fast.clone()),
                    false => (every.times(round), self.slow.clone()),
                };
                let end = (duration, self.usual.clone());
                (0..rounds).map(turn).chain([end]).collect()
            }
            (ClockWay::Both, ..) => Steps::new(),
        }
    }
}

fn slower(factor: u32) -> Pace {
    Pace {
        factor,
        extra: Duration::ZERO,
    }
}

/// The pages that a device is there for.
fn content(kind: DeviceKind, geometry: &Geometry) -> PageRange {
    match kind {
        DeviceKind::Journal => PageRange {
            start: geometry.ring_start(),
            count: geometry.ring_pages,
        },
        DeviceKind::Data => PageRange {
            start: geometry.data_page(BlockIndex::new(0)),
            count: geometry.blocks,
        },
    }
}

//! Faults that come again and again. When the nth of a kind comes, whom it meets and
//! how long it lasts is drawn from the kind and n alone, never from what the cluster
//! does: a storm left without one of them is otherwise the same storm.

use serde::{Deserialize, Serialize};
use stormglass_engine::storage_set::layout::Geometry;
use stormglass_engine::time::Duration;
use stormglass_engine::vocabulary::BlockIndex;
use stormglass_engine::wire::kind;
use stormglass_sim::random::{Draw, Ratio, Sample, Seed};
use stormglass_sim::time::WorldTime;

use super::bursts::Bursts;
use super::draw;
use crate::file::{
    Action, AreaKind, ClockWay, Cluster, DamageKind, DeviceKind, DeviceName, Direction, DriveName,
    DurationRange, Endpoint, MachineName, MessageKind, ModuleName, NetworkName, NodeName,
    PairIndex, Partition, RecurringKind, ReturnKind, Scenario,
};

/// By how much a clock changes its rate, in millionths: well within what leases allow for.
const DRIFT_PPM_MAX: u64 = 1_000;

/// One kind of a seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kind {
    kind: RecurringKind,
    mean: Duration,
    lasts: DurationRange,
    /// The number of the next.
    number: u64,
    at: WorldTime,
}

/// What a fault may meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Field {
    has_mediator: bool,
    has_interconnect: bool,
    geometry: Geometry,
    pairs: u32,
    /// Who has the mirrors at first, volume by volume.
    mirrors: Vec<Cluster>,
    /// Whose data devices go bad, volume by volume: never both copies', so that one is good.
    damaged: Vec<Cluster>,
    /// Which volume's devices a fault spoils.
    spoiled: Draw,
}

/// The cluster whose data device of a volume a seed damages.
pub(super) fn damaged(volume: PairIndex, seed: Seed) -> Cluster {
    let place = volume.place() as u64;
    let coin = seed.draw(0, "recurring faults").at(&[0, place, 0, 0]);
    Cluster::ALL[coin.index(2)]
}

/// The recurring faults of a seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Storm {
    kinds: Vec<Kind>,
    field: Field,
    draw: Draw,
}

impl Storm {
    /// Draws which kinds are on and how often they come.
    pub(super) fn new(scenario: &Scenario, seed: Seed, start: WorldTime, bursts: &Bursts) -> Self {
        let draw = seed.draw(0, "recurring faults");
        let swarm = scenario.weather.swarm;
        let mut kinds = Vec::new();
        for (kind, one) in &scenario.weather.recurring {
            let sample = draw.at(&[code(*kind), 0, 0, 0]);
            if !sample.further(1).chance(swarm) {
                continue;
            }
            let mean = draw::duration(one.every, sample.further(2));
            let first = draw::gap(mean, draw.at(&[code(*kind), 1, 0, 0]));
            kinds.push(Kind {
                kind: *kind,
                mean,
                lasts: one.lasts,
                number: 1,
                at: bursts.pass(start, first),
            });
        }
        let topology = &scenario.topology;
        let pairs = || topology.pairs();
        let field = Field {
            has_mediator: topology.mediator,
            has_interconnect: topology.interconnect,
            geometry: topology.geometry(),
            pairs: topology.pairs_per_cluster,
            mirrors: pairs().map(|pair| topology.owner(pair).other()).collect(),
            damaged: pairs().map(|pair| damaged(pair, seed)).collect(),
            spoiled: draw,
        };
        Storm { kinds, field, draw }
    }

    /// The kinds that are on.
    pub(super) fn kinds(&self) -> impl Iterator<Item = RecurringKind> {
        self.kinds.iter().map(|kind| kind.kind)
    }

    /// When the next one comes.
    pub(super) fn next_at(&self) -> Option<WorldTime> {
        self.kinds.iter().map(|kind| kind.at).min()
    }

    /// Takes the next one.
    pub(super) fn take(&mut self, bursts: &Bursts) -> Option<Action> {
        let kind = self.kinds.iter_mut().min_by_key(|kind| kind.at)?;
        let sample = self.draw.at(&[code(kind.kind), kind.number, 1, 0]);
        let lasts = match kind.kind.is_instant() {
            true => Duration::ZERO,
            false => draw::duration(kind.lasts, sample.further(1)),
        };
        let action = self.field.aim((kind.kind, kind.number), lasts, sample);
        kind.number += 1;
        let gap = draw::gap(
            kind.mean,
            self.draw.at(&[code(kind.kind), kind.number, 0, 0]),
        );
        kind.at = bursts.pass(kind.at, gap);
        Some(action)
    }
}

/// A kind in a draw's identity: its own for ever, so that new kinds re-roll no other.
fn code(kind: RecurringKind) -> u64 {
    match kind {
        RecurringKind::Crash => 1,
        RecurringKind::Kill => 2,
        RecurringKind::Pause => 3,
        RecurringKind::PowerOff => 4,
        RecurringKind::Partition => 5,
        RecurringKind::DeviceGone => 6,
        RecurringKind::Damage => 7,
        RecurringKind::DeviceSlow => 8,
        RecurringKind::DeviceStall => 9,
        RecurringKind::Clog => 10,
        RecurringKind::Narrow => 11,
        RecurringKind::SlowCpu => 12,
        RecurringKind::CrashLoop => 13,
        RecurringKind::Clock => 14,
        RecurringKind::CutKind => 15,
        RecurringKind::DeviceFull => 16,
        RecurringKind::DeviceReplaced => 17,
        RecurringKind::StalePages => 18,
        RecurringKind::DeviceStale => 19,
        RecurringKind::Swap => 20,
    }
}

impl Field {
    /// Whom the nth fault of a kind meets.
    fn aim(&self, (kind, number): (RecurringKind, u64), lasts: Duration, sample: Sample) -> Action {
        let (target, extra) = (sample.further(2), sample.further(3));
        let volume = self.spoiled((kind, number));
        let data = self.damaged(volume, DeviceKind::Data);
        match kind {
            RecurringKind::Crash => Action::Crash {
                node: self.machine(target),
                restart_after: Some(lasts),
            },
            RecurringKind::Kill => Action::Kill {
                node: self.node(target),
                module: [ModuleName::M, ModuleName::N, ModuleName::D][extra.index(3)],
                restart_after: Some(lasts),
            },
            RecurringKind::Pause => Action::Pause {
                node: self.node(target),
                duration: lasts,
            },
            RecurringKind::PowerOff => Action::PowerOff {
                cluster: Cluster::ALL[target.index(2)].into(),
                restart_after: Some(lasts),
            },
            RecurringKind::Partition => Action::Partition(self.parted(lasts, target, extra)),
            RecurringKind::DeviceGone => Action::DeviceGone {
                device: self.drive(target),
                duration: Some(lasts),
                returns: ReturnKind::Intact,
            },
            RecurringKind::Damage => Action::Damage {
                device: data,
                block: target.below(self.geometry.blocks),
                kind: [DamageKind::Unreadable, DamageKind::Rot][extra.index(2)],
            },
            RecurringKind::DeviceFull => self.full(lasts, target, extra),
            RecurringKind::DeviceReplaced => self.replaced(volume, lasts, target),
            RecurringKind::StalePages | RecurringKind::DeviceStale if number % 2 == 1 => {
                Action::Remember { device: data }
            }
            RecurringKind::StalePages => {
                let block = BlockIndex::new(target.below(self.geometry.blocks));
                Action::StalePages {
                    device: data,
                    start: self.geometry.data_page(block).0,
                    count: 1,
                }
            }
            RecurringKind::DeviceStale => Action::DeviceGone {
                device: data,
                duration: Some(lasts),
                returns: ReturnKind::Stale,
            },
            RecurringKind::Swap => Action::Swap {
                device: data,
                with: self.damaged(volume, DeviceKind::Journal),
            },
            RecurringKind::CutKind => {
                let kinds = MessageKind::all().map(|(kind, _)| kind);
                let is_sent = |it: &_| self.has_interconnect || !kind::is_within_a_pair(*it);
                let kinds: Vec<_> = kinds.filter(is_sent).collect();
                Action::Partition(Partition {
                    kind: Some(MessageKind(kinds[extra.further(6).index(kinds.len())])),
                    ..self.parted(lasts, target, extra)
                })
            }
            RecurringKind::DeviceSlow => Action::DeviceSlow {
                device: self.drive(target),
                factor: factor(extra),
                duration: lasts,
            },
            RecurringKind::DeviceStall => Action::DeviceStall {
                device: self.drive(target),
                duration: lasts,
            },
            RecurringKind::Clog => self.clog(lasts, target, extra),
            RecurringKind::Narrow => self.narrow(lasts, target, extra),
            RecurringKind::SlowCpu => Action::SlowCpu {
                node: self.machine(target),
                factor: factor(extra),
                duration: lasts,
            },
            RecurringKind::CrashLoop => {
                let times = 2 + extra.below(3);
                let part = Duration::from_nanos((lasts.as_nanos() / times).max(2));
                Action::CrashLoop {
                    node: self.machine(target),
                    times: u32::try_from(times).expect("a few times"),
                    interval: part,
                    restart_after: part.divided_by(2),
                }
            }
            RecurringKind::Clock => Action::Clock {
                node: self.machine(target),
                drift_ppm: u32::try_from(extra.below(DRIFT_PPM_MAX)).expect("it is small"),
                way: [ClockWay::Fast, ClockWay::Slow][extra.further(1).index(2)],
                every: None,
                duration: Some(lasts),
                beyond_bound: false,
            },
        }
    }

    /// A device of the mirror's set, for a blank one.
    fn replaced(&self, volume: PairIndex, lasts: Duration, target: Sample) -> Action {
        Action::DeviceGone {
            device: DriveName::Set(DeviceName {
                cluster: self.mirrors[volume.place()],
                pair: volume,
                kind: [DeviceKind::Data, DeviceKind::Journal][target.index(2)],
            }),
            duration: Some(lasts),
            returns: ReturnKind::Blank,
        }
    }

    /// A device of a set without room, or a part of it.
    fn full(&self, lasts: Duration, target: Sample, extra: Sample) -> Action {
        Action::DeviceFull {
            device: self
                .set_device(target.index(self.per_kind()))
                .map(DriveName::Set)
                .expect("its place is below their number"),
            area: [None, Some(AreaKind::Content), Some(AreaKind::Metadata)][extra.index(3)],
            duration: Some(lasts),
        }
    }

    /// Whose devices the nth fault of a kind spoils; of two that belong together, the same.
    fn spoiled(&self, (kind, number): (RecurringKind, u64)) -> PairIndex {
        let both = number.div_ceil(2);
        let sample = self.spoiled.at(&[code(kind), both, 2, 0]);
        let place = sample.below(u64::from(self.pairs));
        let place = u32::try_from(place).expect("pairs are few");
        PairIndex::new(place).expect("its place is below their number")
    }

    fn damaged(&self, volume: PairIndex, kind: DeviceKind) -> DriveName {
        DriveName::Set(DeviceName {
            cluster: self.damaged[volume.place()],
            pair: volume,
            kind,
        })
    }

    /// How many nodes there are, and how many devices of sets.
    fn per_kind(&self) -> usize {
        4 * self.pairs as usize
    }

    fn node(&self, sample: Sample) -> NodeName {
        let place = sample.index(self.per_kind());
        let mut nodes = NodeName::all(self.pairs);
        nodes.nth(place).expect("its place is below their number")
    }

    fn set_device(&self, place: usize) -> Option<DeviceName> {
        DeviceName::all(self.pairs).nth(place)
    }

    /// A path that is clogged, link after link or all at once.
    fn clog(&self, duration: Duration, target: Sample, extra: Sample) -> Action {
        let parted = self.parted(duration, target, extra);
        let interval = Duration::from_nanos((duration.as_nanos() / 8).max(1));
        Action::Clog {
            from: parted.from,
            to: parted.to,
            network: parted.network,
            one_way: parted.direction,
            duration,
            interval: (extra.further(5).below(2) == 0).then_some(interval),
        }
    }

    /// A path with little room: from a block in a quarter of a second to one in five
    /// milliseconds, and a queue of few of them; every fourth time nothing larger than a
    /// header gets through.
    fn narrow(&self, duration: Duration, target: Sample, extra: Sample) -> Action {
        let parted = self.parted(duration, target, extra);
        let how = extra.further(5);
        let is_small = how.below(4) == 0;
        Action::Narrow {
            from: parted.from,
            to: parted.to,
            network: parted.network,
            one_way: parted.direction,
            bytes_per_second: (!is_small).then(|| 16_384 + how.further(1).below(800_000)),
            queue_bytes: (!is_small).then(|| 8_192 + how.further(2).below(65_536)),
            mtu: is_small.then(|| 512 + how.further(3).below(4_096)),
            duration,
        }
    }

    /// A node, or now and then the mediator.
    fn machine(&self, sample: Sample) -> MachineName {
        let nodes = self.per_kind();
        match sample.index(nodes + usize::from(self.has_mediator)) == nodes {
            true => MachineName::Mediator,
            false => MachineName::Node(self.node(sample.further(1))),
        }
    }

    fn drive(&self, sample: Sample) -> DriveName {
        let place = sample.index(self.per_kind() + usize::from(self.has_mediator));
        self.set_device(place)
            .map_or(DriveName::Mediator, DriveName::Set)
    }

    fn parted(&self, duration: Duration, sample: Sample, extra: Sample) -> Partition {
        let more = usize::from(self.has_mediator) + usize::from(self.has_interconnect);
        let network = match sample.index(3 + more) {
            0 | 1 => NetworkName::InterCluster,
            2 => NetworkName::Client,
            3 if self.has_mediator => NetworkName::Mediator,
            _ => NetworkName::Interconnect,
        };
        let cluster = Cluster::ALL[extra.index(2)];
        let nodes = 2 * self.pairs as usize;
        let side = |cluster: Cluster, sample: Sample| match sample.index(nodes + 1) {
            0 => Endpoint::Cluster(cluster),
            number => Endpoint::Node(numbered(cluster, number)),
        };
        let near = match network {
            NetworkName::Interconnect => {
                let place = extra.further(1).index(nodes);
                Endpoint::Node(numbered(cluster, place + 1))
            }
            NetworkName::InterCluster | NetworkName::Client | NetworkName::Mediator => {
                side(cluster, extra.further(1))
            }
        };
        let far = match network {
            NetworkName::Interconnect => partner(near),
            NetworkName::InterCluster => side(cluster.other(), extra.further(2)),
            NetworkName::Client => Endpoint::Clients,
            NetworkName::Mediator => Endpoint::Mediator,
        };
        let one_way = Ratio::new(1, 3).expect("a third is a ratio");
        let is_turned = extra.further(4).below(2) == 1;
        let (from, to) = if is_turned { (far, near) } else { (near, far) };
        Partition {
            from,
            to,
            kind: None,
            network,
            direction: match extra.further(3).chance(one_way) {
                true => Direction::OneWay,
                false => Direction::BothWays,
            },
            duration,
        }
    }
}

/// How many times as long something slow takes.
fn factor(sample: Sample) -> u32 {
    u32::try_from(10 + sample.further(9).below(91)).expect("at most a hundred")
}

/// The other node of a node's pair.
fn partner(endpoint: Endpoint) -> Endpoint {
    match endpoint {
        Endpoint::Node(NodeName { cluster, number }) => Endpoint::Node(NodeName {
            cluster,
            number: ((number - 1) ^ 1) + 1,
        }),
        Endpoint::Cluster(_) | Endpoint::Clients | Endpoint::Mediator => endpoint,
    }
}

fn numbered(cluster: Cluster, number: usize) -> NodeName {
    NodeName {
        cluster,
        number: u8::try_from(number).expect("nodes are few"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    /// A storm of this kind alone, and its first faults with their instants.
    fn faults(kinds: &[RecurringKind], count: usize) -> Vec<(WorldTime, Action)> {
        let mut scenario = Source::load("storm-mediator", &[]).unwrap().scenario;
        scenario
            .weather
            .recurring
            .retain(|kind, _| kinds.contains(kind));
        scenario.weather.swarm = Ratio::ALWAYS;
        let bursts = Bursts::none();
        let mut storm = Storm::new(&scenario, Seed(9), WorldTime::ZERO, &bursts);
        let next = |_| {
            let at = storm.next_at().unwrap();
            (at, storm.take(&bursts).unwrap())
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn a_storm_without_one_kind_is_otherwise_the_same() {
        let both = faults(&[RecurringKind::Crash, RecurringKind::Pause], 40);
        let alone = faults(&[RecurringKind::Pause], 40);
        let is_pause = |one: &&(WorldTime, Action)| matches!(one.1, Action::Pause { .. });
        let pauses: Vec<_> = both.iter().filter(is_pause).collect();
        assert!(pauses.len() > 5);
        assert!(
            pauses
                .into_iter()
                .eq(alone.iter().take(both.iter().filter(is_pause).count()))
        );
    }

    #[test]
    fn faults_come_in_order_and_meet_everybody() {
        let crashes = faults(&[RecurringKind::Crash], 200);
        assert!(crashes.windows(2).all(|two| two[0].0 < two[1].0));
        let mut met: Vec<MachineName> = crashes
            .iter()
            .filter_map(|(_, action)| match action {
                Action::Crash { node, .. } => Some(*node),
                _ => None,
            })
            .collect();
        met.sort_unstable();
        met.dedup();
        assert_eq!(met.len(), 5, "four nodes and the mediator");
    }

    #[test]
    fn every_pair_is_met_and_both_halves_of_a_fault_meet_one() {
        let mut scenario = Source::load("storm-mediator", &[]).unwrap().scenario;
        scenario.topology.pairs_per_cluster = 3;
        scenario.topology.owners = vec![Cluster::East, Cluster::West];
        scenario.weather.swarm = Ratio::ALWAYS;
        let bursts = Bursts::none();
        let mut storm = Storm::new(&scenario, Seed(9), WorldTime::ZERO, &bursts);
        let (mut nodes, mut drives) = (Vec::new(), Vec::new());
        let mut remembered = None;
        for _ in 0..2_000 {
            match storm.take(&bursts).unwrap() {
                Action::Crash { node, .. } => nodes.push(node),
                Action::DeviceSlow { device, .. } => drives.push(device),
                Action::Remember { device } => remembered = Some(device),
                Action::StalePages { device, .. } => assert_eq!(remembered, Some(device)),
                Action::DeviceGone {
                    device: DriveName::Set(device),
                    returns: ReturnKind::Blank,
                    ..
                } => assert_eq!(device.cluster, scenario.topology.owner(device.pair).other()),
                _ => {}
            }
        }
        nodes.sort_unstable();
        nodes.dedup();
        drives.sort_unstable();
        drives.dedup();
        // Twelve of each, and the mediator.
        assert_eq!((nodes.len(), drives.len()), (13, 13));
    }

    #[test]
    fn only_one_cluster_is_damaged() {
        let scenario = &mut Source::load("storm-mediator", &[]).unwrap().scenario;
        let second = DurationRange::fixed(Duration::from_secs(1));
        let one = crate::file::Recurring {
            every: second,
            lasts: DurationRange::default(),
        };
        scenario.weather.recurring = [(RecurringKind::Damage, one)].into();
        scenario.weather.swarm = Ratio::ALWAYS;
        let bursts = Bursts::none();
        let mut storm = Storm::new(scenario, Seed(9), WorldTime::ZERO, &bursts);
        let damaged = storm.field.damaged[0];
        for _ in 0..100 {
            let Some(Action::Damage { device, .. }) = storm.take(&bursts) else {
                panic!("nothing else is on")
            };
            let kind = DeviceKind::Data;
            let (cluster, pair) = (damaged, PairIndex::FIRST);
            let expected = DeviceName {
                cluster,
                pair,
                kind,
            };
            assert_eq!(device, DriveName::Set(expected));
        }
    }
}

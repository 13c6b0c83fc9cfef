//! Scheduled faults.

use stormglass_engine::mediator::DEVICE_PAGES;
use stormglass_engine::storage_set::layout::METADATA_PAGES;
use stormglass_engine::time::Duration;

use super::Check;
use crate::file::diagnostic::{Path, at_path};
use crate::file::fault::{Action, ClockWay, Cue, Fault, Partition, Trigger, When};
use crate::file::names::{
    Cluster, DeviceKind, DeviceName, DriveName, Endpoint, MachineName, NetworkName, NetworkSet,
    NodeName, PairIndex,
};
use crate::file::text::quoted;
use crate::file::words::choice;
use crate::timeline::EVENT_NAMES;

/// The largest drift of a clock either way, in millionths: half a second in a second.
const DRIFT_PPM_MAX: u32 = 500_000;

impl Check<'_> {
    pub(super) fn fault(&mut self, fault: &Fault, at: &Path) {
        match &fault.when {
            When::At(instant) => self.within_run(*instant, at.then("at")),
            When::On(trigger) => self.trigger(trigger, &at.then("on")),
        }
        match fault.action {
            Action::Crash { .. }
            | Action::Kill { .. }
            | Action::PowerOff { .. }
            | Action::Pause { .. }
            | Action::Readdress { .. }
            | Action::SlowCpu { .. }
            | Action::CrashLoop { .. }
            | Action::Clock { .. }
            | Action::Order { .. } => self.machine_fault(&fault.action, at),
            Action::DeviceGone { .. }
            | Action::Damage { .. }
            | Action::DamageRecord { .. }
            | Action::DamageMetadata { .. }
            | Action::DeviceSlow { .. }
            | Action::DeviceStall { .. }
            | Action::DeviceFull { .. }
            | Action::Remember { .. }
            | Action::StalePages { .. }
            | Action::Swap { .. } => self.device_fault(&fault.action, at),
            Action::Partition(_)
            | Action::Isolate { .. }
            | Action::Clog { .. }
            | Action::Narrow { .. } => self.network_fault(&fault.action, at),
        }
    }

    fn trigger(&mut self, trigger: &Trigger, on: &Path) {
        self.machine(trigger.node, on.then("node"));
        self.require(
            trigger.nth > 0,
            on.then("nth"),
            "events are counted from 1",
            "write 1 for the first",
        );
        match &trigger.cue {
            Cue::Event(event) => self.require(
                EVENT_NAMES.contains(&event.as_str()),
                on.then("event"),
                format!("no node reports {}", quoted(event)),
                choice("events", event, &EVENT_NAMES),
            ),
            Cue::Probe(probe) => self.require(
                !probe.is_empty(),
                on.then("probe"),
                "a probe has a name",
                "write one that a run of the scenario reports",
            ),
            Cue::Executed(_) => {}
        }
    }

    fn machine_fault(&mut self, action: &Action, at: &Path) {
        match *action {
            Action::Crash {
                node,
                restart_after,
            } => {
                self.machine(node, at.then("node"));
                self.maybe_positive(restart_after, at.then("restart_after"));
            }
            Action::Kill {
                node,
                restart_after,
                ..
            } => {
                self.node(node, at.then("node"));
                self.maybe_positive(restart_after, at.then("restart_after"));
            }
            Action::PowerOff { restart_after, .. } => {
                self.maybe_positive(restart_after, at.then("restart_after"));
            }
            Action::Readdress { node, address } => {
                self.node(node, at.then("node"));
                let candidates = self.scenario.topology.candidates();
                let first = candidates.first.value();
                self.require(
                    (first..first + candidates.count).contains(&address),
                    at.then("address"),
                    format!("no peer is ever looked for at address {address}"),
                    format!(
                        "write one from {first} to {}, or raise `topology.peer_addresses`",
                        first + candidates.count - 1
                    ),
                );
            }
            Action::Pause { node, duration } => {
                self.node(node, at.then("node"));
                self.positive(duration, at.then("duration"));
            }
            Action::SlowCpu {
                node,
                factor,
                duration,
            } => {
                self.machine(node, at.then("node"));
                self.factor(factor, at);
                self.positive(duration, at.then("duration"));
            }
            Action::CrashLoop {
                node,
                times,
                interval,
                restart_after,
            } => {
                self.machine(node, at.then("node"));
                self.require(
                    times > 0,
                    at.then("times"),
                    "a loop of 0 crashes does nothing",
                    "write 1 or more",
                );
                self.positive(restart_after, at.then("restart_after"));
                self.require(
                    restart_after < interval,
                    [at.then("restart_after"), at.then("interval")],
                    "the next crash comes before the restart",
                    "make `restart_after` shorter than `interval`",
                );
            }
            Action::Clock { .. } => self.clock(action, at),
            Action::Order { node, .. } => self.node(node, at.then("node")),
            _ => {}
        }
    }

    fn clock(&mut self, action: &Action, at: &Path) {
        let Action::Clock {
            node,
            drift_ppm,
            way,
            every,
            duration,
            beyond_bound,
        } = *action
        else {
            return;
        };
        self.machine(node, at.then("node"));
        self.maybe_positive(every, at.then("every"));
        self.maybe_positive(duration, at.then("duration"));
        self.require(
            drift_ppm <= DRIFT_PPM_MAX,
            at.then("drift_ppm"),
            format!("a clock cannot drift by {drift_ppm} ppm"),
            format!("write at most {DRIFT_PPM_MAX}"),
        );
        let has_turns = every.is_some_and(|every| duration.is_some_and(|all| every < all));
        self.require(
            has_turns == (way == ClockWay::Both),
            at.then("way"),
            "a clock that goes both ways by turns says how long each lasts, and no other",
            "write `way = \"both\"` with `every`, and a longer `duration`; or neither",
        );
        let bound = self.drift_bound_ppm();
        self.require(
            beyond_bound || u64::from(drift_ppm) <= bound,
            [
                at.then("drift_ppm"),
                at_path!("settings", "timers", "lease_margin"),
            ],
            format!("the settings assume clocks that drift by at most {bound} ppm"),
            "write less, raise `lease_margin`, or say `beyond_bound = true`",
        );
    }

    /// How far a clock may drift for leases to be safe: two that drift apart must not
    /// differ by the margin over a lease.
    fn drift_bound_ppm(&self) -> u64 {
        let timers = &self.scenario.settings.timers;
        let (margin, lease) = (timers.lease_margin.as_nanos(), timers.lease.as_nanos());
        let ppm = u128::from(margin) * 1_000_000 / u128::from(lease.max(1)) / 2;
        u64::try_from(ppm).unwrap_or(u64::MAX)
    }

    fn factor(&mut self, factor: u32, at: &Path) {
        self.require(
            factor > 0,
            at.then("factor"),
            "nothing takes no time at all",
            "write 1 or more: how many times as long everything takes",
        );
    }

    fn device_fault(&mut self, action: &Action, at: &Path) {
        match *action {
            Action::DeviceGone {
                device, duration, ..
            }
            | Action::DeviceFull {
                device, duration, ..
            } => {
                self.drive(device, at.then("device"));
                self.maybe_positive(duration, at.then("duration"));
            }
            Action::DeviceSlow {
                device,
                factor,
                duration,
            } => {
                self.drive(device, at.then("device"));
                self.factor(factor, at);
                self.positive(duration, at.then("duration"));
            }
            Action::DeviceStall { device, duration } => {
                self.drive(device, at.then("device"));
                self.positive(duration, at.then("duration"));
            }
            Action::Damage { device, block, .. } => self.damage(device, block, at),
            Action::DamageRecord { device, nth, .. } => self.damage_record(device, nth, at),
            Action::DamageMetadata { device, copy, .. } => {
                self.drive(device, at.then("device"));
                let is_journal = matches!(
                    device,
                    DriveName::Set(device) if device.kind == DeviceKind::Journal
                );
                self.require(
                    is_journal,
                    at.then("device"),
                    format!("no metadata stands on `{device}`"),
                    "write a journal device: east.journal or west.journal",
                );
                self.require(
                    (1..=METADATA_PAGES).contains(&copy),
                    at.then("copy"),
                    format!("there is no copy {copy}"),
                    format!("write 1 to {METADATA_PAGES}"),
                );
            }
            Action::Remember { device } => self.drive(device, at.then("device")),
            Action::StalePages {
                device,
                start,
                count,
            } => self.pages(device, (start, count), at),
            Action::Swap { device, with } => {
                self.drive(device, at.then("device"));
                self.drive(with, at.then("with"));
                self.require(
                    device != with,
                    [at.then("with"), at.then("device")],
                    "a device stands in its own place already",
                    "name two devices",
                );
            }
            _ => {}
        }
    }

    fn pages(&mut self, device: DriveName, (start, count): (u64, u64), at: &Path) {
        self.drive(device, at.then("device"));
        let geometry = self.scenario.topology.geometry();
        let pages = match device {
            DriveName::Mediator => DEVICE_PAGES * u64::from(self.pair_count()),
            DriveName::Set(device) => match device.kind {
                DeviceKind::Journal => geometry.journal_device_pages(),
                DeviceKind::Data => geometry.data_device_pages(),
            },
        };
        self.require(
            count > 0,
            at.then("count"),
            "no pages go back",
            "write 1 or more",
        );
        self.require(
            start.checked_add(count).is_some_and(|end| end <= pages),
            [at.then("start"), at.then("count")],
            format!("`{device}` ends before that"),
            format!("it has {pages} pages, the first of them 0"),
        );
    }

    fn network_fault(&mut self, action: &Action, at: &Path) {
        match *action {
            Action::Partition(partition) => {
                let Partition {
                    from,
                    to,
                    network,
                    duration,
                    ..
                } = partition;
                self.positive(duration, at.then("duration"));
                self.link((from, to), network, at);
            }
            Action::Isolate {
                side,
                networks,
                duration,
            } => {
                self.positive(duration, at.then("duration"));
                self.isolated(side, networks, at);
            }
            Action::Clog {
                from,
                to,
                network,
                duration,
                interval,
                ..
            } => {
                self.positive(duration, at.then("duration"));
                self.maybe_positive(interval, at.then("interval"));
                self.link((from, to), network, at);
            }
            Action::Narrow {
                from,
                to,
                network,
                bytes_per_second,
                queue_bytes,
                mtu,
                duration,
                ..
            } => {
                self.positive(duration, at.then("duration"));
                self.link((from, to), network, at);
                self.require(
                    bytes_per_second.is_some() || mtu.is_some(),
                    at.clone(),
                    "a path that is as wide as ever is not narrow",
                    "add `bytes_per_second` or `mtu`",
                );
                self.require(
                    queue_bytes.is_none() || bytes_per_second.is_some(),
                    at.then("queue_bytes"),
                    "nothing waits where nothing is slow",
                    "add `bytes_per_second`",
                );
                for (key, limit) in [("bytes_per_second", bytes_per_second), ("mtu", mtu)] {
                    self.require(
                        limit != Some(0),
                        at.then(key),
                        "a path that carries nothing is cut",
                        "write 1 or more, or use `partition`",
                    );
                }
            }
            _ => {}
        }
    }

    fn isolated(&mut self, side: Endpoint, networks: NetworkSet, at: &Path) {
        self.endpoint(side, at.then("side"));
        let is_there = |network| match side {
            Endpoint::Node(_) | Endpoint::Cluster(_) => true,
            Endpoint::Clients => network == NetworkName::Client,
            Endpoint::Mediator => network == NetworkName::Mediator,
        };
        self.require(
            networks.iter().next().is_some(),
            at.then("networks"),
            "no network is cut",
            "name some of client, inter-cluster, mediator and interconnect",
        );
        for network in networks.iter() {
            self.require(
                is_there(network),
                [at.then("networks"), at.then("side")],
                format!("{side} is not on the {network} network"),
                "name only networks that it is on",
            );
            if network == NetworkName::Mediator {
                self.mediator(at.then("networks"));
            }
            if network == NetworkName::Interconnect {
                self.interconnect(at.then("networks"));
            }
        }
    }

    pub(super) fn maybe_positive(&mut self, duration: Option<Duration>, path: Path) {
        if let Some(duration) = duration {
            self.positive(duration, path);
        }
    }

    /// Something that is there only with a mediator.
    pub(super) fn interconnect(&mut self, path: Path) {
        self.require(
            self.scenario.topology.interconnect,
            [path, at_path!("topology", "interconnect")],
            "there is no interconnect",
            "write `interconnect = true` under [topology], or leave this out",
        );
    }

    pub(super) fn mediator(&mut self, path: Path) {
        self.require(
            self.scenario.topology.mediator,
            [path, at_path!("topology", "mediator")],
            "there is no mediator",
            "write `mediator = true` under [topology], or name something else",
        );
    }

    fn machine(&mut self, machine: MachineName, path: Path) {
        match machine {
            MachineName::Node(node) => self.node(node, path),
            MachineName::Mediator => self.mediator(path),
        }
    }

    fn drive(&mut self, drive: DriveName, path: Path) {
        match drive {
            DriveName::Set(device) => self.set_device(device, path),
            DriveName::Mediator => self.mediator(path),
        }
    }

    /// A device of a set that is there.
    pub(super) fn set_device(&mut self, device: DeviceName, path: Path) {
        let known: Vec<String> = DeviceName::all(self.pair_count())
            .map(|name| name.to_string())
            .collect();
        self.require(
            known.contains(&device.to_string()),
            [path, at_path!("topology", "pairs_per_cluster")],
            format!("there is no device `{device}`"),
            format!(
                "the devices are {}; or raise `topology.pairs_per_cluster`",
                known.join(", ")
            ),
        );
    }

    fn endpoint(&mut self, endpoint: Endpoint, path: Path) {
        match endpoint {
            Endpoint::Node(node) => self.node(node, path),
            Endpoint::Mediator => self.mediator(path),
            Endpoint::Cluster(_) | Endpoint::Clients => {}
        }
    }

    fn damage(&mut self, device: DriveName, block: u64, at: &Path) {
        if let DriveName::Set(device) = device {
            self.set_device(device, at.then("device"));
        }
        let is_data = match device {
            DriveName::Set(device) => device.kind == DeviceKind::Data,
            DriveName::Mediator => false,
        };
        self.require(
            is_data,
            at.then("device"),
            format!("there are no blocks on `{device}` to be damaged"),
            "name a data device: east.data or west.data",
        );
        let blocks = self.scenario.topology.room();
        self.require(
            block < blocks,
            [at.then("block"), at_path!("topology", "volume_blocks")],
            format!("block {block} is behind the volume's end"),
            format!("the volume has {blocks} blocks, the first of them 0"),
        );
    }

    fn damage_record(&mut self, device: DriveName, nth: u64, at: &Path) {
        if let DriveName::Set(device) = device {
            self.set_device(device, at.then("device"));
        }
        let is_journal = match device {
            DriveName::Set(device) => device.kind == DeviceKind::Journal,
            DriveName::Mediator => false,
        };
        self.require(
            is_journal,
            at.then("device"),
            format!("there are no records on `{device}` to be damaged"),
            "name a journal device: east.journal or west.journal",
        );
        self.require(
            nth > 0,
            at.then("nth"),
            "records are counted from 1",
            "say 1 for the newest",
        );
    }

    pub(super) fn node(&mut self, node: NodeName, path: Path) {
        let nodes = 2 * self.pair_count();
        let known: Vec<String> = Cluster::ALL
            .into_iter()
            .flat_map(|cluster| (1..=nodes).map(move |number| format!("{cluster}-{number}")))
            .collect();
        self.require(
            u32::from(node.number) <= nodes,
            path,
            format!("there is no node `{node}`"),
            format!("the nodes are {}", known.join(", ")),
        );
    }

    /// Pairs of each cluster. Another number than can be run is reported elsewhere.
    pub(super) fn pair_count(&self) -> u32 {
        let pairs = self.scenario.topology.pairs_per_cluster;
        pairs.clamp(1, PairIndex::COUNT_MAX)
    }

    fn link(&mut self, (from, to): (Endpoint, Endpoint), network: NetworkName, at: &Path) {
        for (key, end) in [("from", from), ("to", to)] {
            self.endpoint(end, at.then(key));
        }
        let site = |end| match end {
            Endpoint::Node(node) => Some(node.cluster),
            Endpoint::Cluster(cluster) => Some(cluster),
            Endpoint::Clients | Endpoint::Mediator => None,
        };
        // Exactly one side is this one, and the other is a node or cluster.
        let joins =
            |third| (from == third && site(to).is_some()) || (to == third && site(from).is_some());
        match network {
            NetworkName::InterCluster => self.require(
                matches!((site(from), site(to)), (Some(a), Some(b)) if a != b),
                [at.then("to"), at.then("from")],
                format!("the inter-cluster network does not join {from} and {to}"),
                "name one side in east and one in west, or another `network`",
            ),
            NetworkName::Client => self.require(
                joins(Endpoint::Clients),
                [at.then("to"), at.then("from")],
                format!("the client network does not join {from} and {to}"),
                "name \"clients\" on one side and a node or cluster on the other",
            ),
            NetworkName::Mediator => self.require(
                joins(Endpoint::Mediator),
                [at.then("to"), at.then("from")],
                format!("the mediator network does not join {from} and {to}"),
                "name \"mediator\" on one side and a node or cluster on the other",
            ),
            NetworkName::Interconnect => {
                self.interconnect(at.then("network"));
                let are_partners = match (from, to) {
                    (Endpoint::Node(from), Endpoint::Node(to)) => {
                        from.cluster == to.cluster && from.pair() == to.pair() && from != to
                    }
                    _ => false,
                };
                self.require(
                    are_partners,
                    [at.then("to"), at.then("from")],
                    format!("no interconnect joins {from} and {to}"),
                    "name the two nodes of a pair, such as east-1 and east-2",
                );
            }
        }
    }
}

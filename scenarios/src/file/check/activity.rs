//! Workload and scheduled faults.

use stormglass_engine::time::Duration;

use super::Check;
use crate::file::diagnostic::{Path, at_path};
use crate::file::fault::{Action, Fault, Partition, When};
use crate::file::model::Workload;
use crate::file::names::{
    Cluster, DeviceKind, DriveName, Endpoint, MachineName, NetworkName, NodeName,
};
use crate::file::text::quoted;
use crate::file::words::choice;
use crate::timeline::EVENT_NAMES;

/// Clients of the largest workload.
const CLIENTS_MAX: u32 = 10_000;

impl Check<'_> {
    pub(super) fn workload(&mut self) {
        let Workload {
            clients,
            commands,
            outstanding,
            command_blocks,
            ref mix,
            start,
            ..
        } = self.scenario.workload;
        // A limit of 0 is reported as such, not once more against each count.
        let limits = &self.scenario.settings.limits;
        let at = at_path!("workload");
        for (key, count) in [
            ("clients", clients),
            ("commands", commands),
            ("outstanding", outstanding),
        ] {
            let message = format!("with 0 {key} there is nothing to run");
            self.require(count > 0, at.then(key), message, "write 1 or more");
        }
        let clients_max = limits.clients.min(CLIENTS_MAX);
        self.require(
            limits.clients == 0 || clients <= clients_max,
            [
                at.then("clients"),
                at_path!("settings", "limits", "clients"),
            ],
            format!("{clients} clients are more than a volume serves"),
            format!("write at most {clients_max}, or raise `settings.limits.clients`"),
        );
        self.require(
            limits.window == 0 || u64::from(outstanding) <= limits.window,
            [
                at.then("outstanding"),
                at_path!("settings", "limits", "window"),
            ],
            format!("{outstanding} outstanding commands are more than a client's window"),
            format!(
                "write at most {}, or raise `settings.limits.window`",
                limits.window
            ),
        );
        let [least, most] = command_blocks;
        self.require(
            least >= 1 && least <= most,
            at.then("command_blocks"),
            format!("no command has {least} to {most} blocks"),
            "write the least, from 1, then the most, as in [1, 4]",
        );
        self.require(
            limits.command_blocks == 0 || most <= limits.command_blocks,
            [
                at.then("command_blocks"),
                at_path!("settings", "limits", "command_blocks"),
            ],
            format!("{most} blocks are more than the largest command"),
            format!(
                "write at most {}, or raise `settings.limits.command_blocks`",
                limits.command_blocks
            ),
        );
        self.hot_range(u64::from(most));
        self.require(
            mix.total() > 0,
            at.then("mix"),
            "every weight of the mix is 0",
            "give at least one kind of command a weight",
        );
        self.within_run(start, at.then("start"));
    }

    fn hot_range(&mut self, most: u64) {
        let [start, count] = self.scenario.workload.range(&self.scenario.topology);
        let blocks = self.scenario.topology.volume_blocks;
        let at = at_path!("workload", "hot");
        self.require(
            count > 0,
            at.clone(),
            "the hot range is empty",
            "write [start, count] with a count from 1",
        );
        self.require(
            start.checked_add(count).is_some_and(|end| end <= blocks),
            [at, at_path!("topology", "volume_blocks")],
            "the hot range ends behind the volume",
            format!("the volume has {blocks} blocks; `hot` is [start, count]"),
        );
        self.require(
            count == 0 || most <= count,
            [
                at_path!("workload", "command_blocks"),
                at_path!("workload", "hot"),
                at_path!("topology", "volume_blocks"),
            ],
            format!("a command of {most} blocks does not fit into {count}"),
            "make `command_blocks` smaller, or the hot range or volume larger",
        );
    }

    pub(super) fn fault(&mut self, fault: &Fault, at: &Path) {
        match &fault.when {
            When::At(instant) => self.within_run(*instant, at.then("at")),
            When::On(trigger) => {
                let on = at.then("on");
                self.machine(trigger.node, on.then("node"));
                self.require(
                    EVENT_NAMES.contains(&trigger.event.as_str()),
                    on.then("event"),
                    format!("no node reports {}", quoted(&trigger.event)),
                    choice("events", &trigger.event, &EVENT_NAMES),
                );
                self.require(
                    trigger.nth > 0,
                    on.then("nth"),
                    "events are counted from 1",
                    "write 1 for the first",
                );
            }
        }
        match fault.action {
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
            Action::PowerOff {
                cluster: _,
                restart_after,
            } => {
                self.maybe_positive(restart_after, at.then("restart_after"));
            }
            Action::DeviceGone {
                device,
                duration,
                returns: _,
            } => {
                if device == DriveName::Mediator {
                    self.mediator(at.then("device"));
                }
                self.maybe_positive(duration, at.then("duration"));
            }
            Action::Damage {
                device,
                block,
                kind: _,
            } => self.damage(device, block, at),
            Action::Pause { node, duration } => {
                self.node(node, at.then("node"));
                self.positive(duration, at.then("duration"));
            }
            Action::Partition(partition) => self.partition(&partition, at),
        }
    }

    fn maybe_positive(&mut self, duration: Option<Duration>, path: Path) {
        if let Some(duration) = duration {
            self.positive(duration, path);
        }
    }

    /// Something that is there only with a mediator.
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

    fn damage(&mut self, device: DriveName, block: u64, at: &Path) {
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
        let blocks = self.scenario.topology.volume_blocks;
        self.require(
            block < blocks,
            [at.then("block"), at_path!("topology", "volume_blocks")],
            format!("block {block} is behind the volume's end"),
            format!("the volume has {blocks} blocks, the first of them 0"),
        );
    }

    fn node(&mut self, node: NodeName, path: Path) {
        let nodes = self.nodes();
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

    /// Nodes of each cluster. More pairs than can be run are reported elsewhere.
    fn nodes(&self) -> u32 {
        2 * self.scenario.topology.pairs_per_cluster.clamp(1, 8)
    }

    fn partition(&mut self, partition: &Partition, at: &Path) {
        let Partition {
            from,
            to,
            network,
            direction: _,
            duration,
        } = *partition;
        self.positive(duration, at.then("duration"));
        for (key, end) in [("from", from), ("to", to)] {
            match end {
                Endpoint::Node(node) => self.node(node, at.then(key)),
                Endpoint::Mediator => self.mediator(at.then(key)),
                Endpoint::Cluster(_) | Endpoint::Clients => {}
            }
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
        }
    }
}

//! Workload.

use super::Check;
use crate::file::diagnostic::at_path;
use crate::file::model::{Planned, Workload};
use crate::file::print_duration;

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
            resend_min,
            resend_max,
            ..
        } = self.scenario.workload;
        let at = at_path!("workload");
        for (key, count) in [
            ("clients", clients),
            ("commands", commands),
            ("outstanding", outstanding),
        ] {
            let message = format!("with 0 {key} there is nothing to run");
            self.require(count > 0, at.then(key), message, "write 1 or more");
        }
        self.positive(resend_min, at_path!("workload", "resend_min"));
        self.require(
            resend_min <= resend_max,
            [
                at_path!("workload", "resend_max"),
                at_path!("workload", "resend_min"),
            ],
            "`resend_max` is below `resend_min`",
            format!("write at least {}", print_duration(resend_min)),
        );
        // A limit of 0 is reported as such, not once more against each count.
        let limits = &self.scenario.settings.limits;
        let clients_max = limits.clients.min(CLIENTS_MAX);
        let busiest = self.clients_of_busiest();
        self.require(
            limits.clients == 0 || (busiest <= clients_max && clients <= CLIENTS_MAX),
            [
                at.then("clients"),
                at_path!("settings", "limits", "clients"),
            ],
            format!("{clients} clients are more than a volume serves"),
            format!("write at most {clients_max}, or raise `settings.limits.clients`"),
        );
        self.volumes();
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
        self.listed();
        self.require(
            mix.total() > 0,
            at.then("mix"),
            "every weight of the mix is 0",
            "give at least one kind of command a weight",
        );
        self.within_run(start, at.then("start"));
    }

    /// Clients of the volume that has most. Each volume takes its turn in the list, and what
    /// is left over goes to the first ones.
    fn clients_of_busiest(&self) -> u32 {
        let Workload {
            clients,
            ref volumes,
            ..
        } = self.scenario.workload;
        let whole = self.pair_count();
        let turns = match u32::try_from(volumes.len()) {
            Ok(0) | Err(_) => return clients.div_ceil(whole),
            Ok(turns) => turns,
        };
        let of = |volume: u32| {
            let own = (0..turns).zip(volumes).filter(|(_, it)| **it == volume);
            let rounds = |(turn, _): (u32, &u32)| clients.saturating_sub(turn).div_ceil(turns);
            own.map(rounds).fold(0_u32, u32::saturating_add)
        };
        volumes.iter().map(|volume| of(*volume)).max().unwrap_or(0)
    }

    fn volumes(&mut self) {
        let nodes = self.scenario.workload.nodes;
        self.require(
            matches!(nodes, 1 | 2 | 4),
            at_path!("workload", "nodes"),
            format!("there are two nodes at each site, and clients cannot know {nodes}"),
            "write 1, 2 or 4",
        );
        self.require(
            nodes != 1 || !self.scenario.topology.service_address,
            [
                at_path!("workload", "nodes"),
                at_path!("topology", "service_address"),
            ],
            "clients that know the service address know no node",
            "leave out one of the two",
        );
        let count = self.pair_count();
        for (index, volume) in self.scenario.workload.volumes.iter().enumerate() {
            self.require(
                (1..=count).contains(volume),
                [
                    at_path!("workload", "volumes", index),
                    at_path!("topology", "pairs_per_cluster"),
                ],
                format!("there is no volume {volume}"),
                format!("write 1 to {count}, or raise `topology.pairs_per_cluster`"),
            );
        }
    }

    fn hot_range(&mut self, most: u64) {
        let [start, count] = self.scenario.workload.range(&self.scenario.topology);
        let blocks = self.scenario.topology.room();
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
            format!("there is room for {blocks} blocks; `hot` is [start, count]"),
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

    fn listed(&mut self) {
        let Workload {
            clients,
            ref listed,
            ..
        } = self.scenario.workload;
        let blocks = self.scenario.topology.room();
        let most = self.scenario.settings.limits.command_blocks;
        for (index, one) in listed.iter().enumerate() {
            let at = at_path!("workload", "command", index);
            self.require(
                (1..=clients).contains(&one.client),
                [at.then("client"), at_path!("workload", "clients")],
                format!("there is no client {}", one.client),
                format!("write a client from 1 to {clients}"),
            );
            let same = |other: &Planned| (other.client, other.number) == (one.client, one.number);
            self.require(
                !listed[..index].iter().any(same),
                at.then("number"),
                format!("client {} has two commands {}", one.client, one.number),
                "give each command of a client a number of its own",
            );
            self.require(
                (1..=most).contains(&one.blocks),
                at.then("blocks"),
                format!("no command has {} blocks", one.blocks),
                format!("write a number from 1 to {most}"),
            );
            let end = one.block.checked_add(u64::from(one.blocks));
            self.require(
                end.is_some_and(|end| end <= blocks),
                [at.then("block"), at_path!("topology", "volume_blocks")],
                "the command ends behind the volume",
                format!("there is room for {blocks} blocks"),
            );
        }
    }
}

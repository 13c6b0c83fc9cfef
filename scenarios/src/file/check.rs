//! Whether the parts of a scenario fit together. Knows values and their paths,
//! nothing of files: [`super::parse`] and the builder both come through here.

use stormglass_engine::configuration::{Limits, Timers};
use stormglass_engine::time::Duration;

use super::diagnostic::{Diagnostic, Path, at_path};
use super::fault::{Action, Fault, Partition, When};
use super::model::{Expect, Scenario, Topology, Weather, Workload};
use super::names::{Cluster, Endpoint, NetworkName, NodeName};
use super::shape::closest;
use super::text::{Complaint, Rate, print_duration, quoted};
use crate::features;

/// Blocks of the largest volume and pages of the largest ring: 64 GiB.
const DEVICE_PAGES_MAX: u64 = 1 << 24;
/// Clients of the largest workload.
const CLIENTS_MAX: u32 = 1 << 16;

/// Everything about `scenario` that does not fit.
pub(super) fn check(scenario: &Scenario) -> Vec<Diagnostic> {
    let mut check = Check {
        scenario,
        found: Vec::new(),
    };
    check.identity();
    check.topology();
    check.timers();
    check.limits();
    check.workload();
    for (index, fault) in scenario.faults.iter().enumerate() {
        check.fault(fault, &at_path!("fault", index, fault.action.kind()));
    }
    check.weather();
    check.expect();
    check.found
}

struct Check<'a> {
    scenario: &'a Scenario,
    found: Vec<Diagnostic>,
}

impl Check<'_> {
    /// Reports `path` unless `holds`.
    fn require(
        &mut self,
        holds: bool,
        path: Path,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if !holds {
            self.found
                .push(Diagnostic::new(path, Complaint::new(message, help)));
        }
    }

    fn identity(&mut self) {
        let Scenario {
            name,
            covers,
            suites,
            probes,
            ..
        } = self.scenario;
        self.require(
            is_plain(name),
            at_path!("name"),
            format!("{} is no name for a scenario", quoted(name)),
            "use small letters, digits and hyphens, as in `name = \"owner-crash\"`",
        );
        for (index, suite) in suites.iter().enumerate() {
            self.require(
                is_plain(suite),
                at_path!("suites", index),
                format!("{} is no name for a suite", quoted(suite)),
                "use small letters, digits and hyphens",
            );
        }
        for (index, row) in covers.iter().enumerate() {
            let near = closest(row, features::all().iter().map(|row| row.id));
            let near = near.map_or_else(String::new, |id| format!("did you mean `{id}`? "));
            self.require(
                features::find(row).is_some(),
                at_path!("covers", index),
                format!("there is no feature row {}", quoted(row)),
                format!("{near}`stormglass features` lists the rows"),
            );
        }
        for (index, probe) in probes.iter().enumerate() {
            let path = at_path!("probes", index);
            self.require(
                !probe.trim().is_empty(),
                path,
                "a probe has no name",
                "name it",
            );
        }
        for (key, list) in [("covers", covers), ("suites", suites), ("probes", probes)] {
            for (index, one) in list.iter().enumerate() {
                self.require(
                    !list[..index].contains(one),
                    at_path!(key, index),
                    format!("{} is listed twice", quoted(one)),
                    "leave one of them out",
                );
            }
        }
    }

    fn topology(&mut self) {
        let Topology {
            profile: _,
            pairs_per_cluster,
            volume_blocks,
            journal_ring_pages,
            device_cache_pages,
        } = self.scenario.topology;
        let limits = &self.scenario.settings.limits;
        self.require(
            pairs_per_cluster == 1,
            at_path!("topology", "pairs_per_cluster"),
            format!("a cluster of {pairs_per_cluster} pairs cannot be run yet"),
            "write 1; more pairs come later",
        );
        self.require(
            (1..=DEVICE_PAGES_MAX).contains(&volume_blocks),
            at_path!("topology", "volume_blocks"),
            format!("a volume of {volume_blocks} blocks cannot be run"),
            format!("write 1 to {DEVICE_PAGES_MAX} blocks"),
        );
        let needed = ring_pages_min(limits);
        self.require(
            journal_ring_pages >= needed,
            at_path!("topology", "journal_ring_pages"),
            format!("a ring of {journal_ring_pages} pages is too small"),
            format!(
                "write at least {needed}: {} pages in reserve and two commands of {} blocks, \
                 or lower `settings.limits.journal_reserve` or `settings.limits.command_blocks`",
                limits.journal_reserve, limits.command_blocks
            ),
        );
        self.require(
            journal_ring_pages <= DEVICE_PAGES_MAX,
            at_path!("topology", "journal_ring_pages"),
            format!("a ring of {journal_ring_pages} pages cannot be run"),
            format!("write at most {DEVICE_PAGES_MAX}"),
        );
        self.require(
            device_cache_pages >= 1,
            at_path!("topology", "device_cache_pages"),
            "a device's cache cannot be empty",
            "write 1 or more pages; 64 is usual",
        );
    }

    fn timers(&mut self) {
        let Timers {
            status_limit,
            ticket_margin,
            answer_limit,
            retransmit_min,
            retransmit_max,
            path_timeout,
            idle_clear,
            idle_destage,
            local_retry,
        } = self.scenario.settings.timers;
        let at = at_path!("settings", "timers");
        for (key, timer) in [
            ("status_limit", status_limit),
            ("answer_limit", answer_limit),
            ("retransmit_min", retransmit_min),
            ("path_timeout", path_timeout),
            ("idle_clear", idle_clear),
            ("idle_destage", idle_destage),
            ("local_retry", local_retry),
        ] {
            self.positive(timer, at.then(key));
        }
        for (key, less, limit, more) in [
            ("ticket_margin", ticket_margin, "status_limit", status_limit),
            ("answer_limit", answer_limit, "status_limit", status_limit),
            (
                "retransmit_min",
                retransmit_min,
                "path_timeout",
                path_timeout,
            ),
        ] {
            self.require(
                less < more,
                at.then(key),
                format!("`{key}` is not below `{limit}`"),
                format!(
                    "write less than {}, or raise `{limit}`",
                    print_duration(more)
                ),
            );
        }
        self.require(
            retransmit_min <= retransmit_max,
            at.then("retransmit_max"),
            "`retransmit_max` is below `retransmit_min`",
            format!("write at least {}", print_duration(retransmit_min)),
        );
    }

    fn positive(&mut self, duration: Duration, path: Path) {
        self.require(
            duration > Duration::ZERO,
            path,
            "this duration must not be zero",
            "write a longer one, such as \"1ms\"",
        );
    }

    fn limits(&mut self) {
        let Limits {
            command_blocks,
            commands_in_flight,
            commands_waiting,
            window,
            clients,
            portion_bytes,
            reassemblies,
            clears_per_record,
            journal_reserve,
        } = self.scenario.settings.limits;
        let at = at_path!("settings", "limits");
        for (key, limit) in [
            ("command_blocks", u64::from(command_blocks)),
            ("commands_in_flight", u64::from(commands_in_flight)),
            ("commands_waiting", u64::from(commands_waiting)),
            ("window", window),
            ("clients", u64::from(clients)),
            ("portion_bytes", u64::from(portion_bytes)),
            ("reassemblies", u64::from(reassemblies)),
            ("clears_per_record", u64::from(clears_per_record)),
            ("journal_reserve", journal_reserve),
        ] {
            let message = format!("`{key}` is 0, so nothing could ever go on");
            self.require(limit > 0, at.then(key), message, "write 1 or more");
        }
        let run = &self.scenario.limits;
        self.positive(run.sim_time, at_path!("limits", "sim_time"));
        let path = at_path!("limits", "events");
        self.require(
            run.events > 0,
            path,
            "a run of 0 events shows nothing",
            "write 1 or more",
        );
    }

    fn workload(&mut self) {
        let Workload {
            clients,
            commands,
            outstanding,
            command_blocks,
            ref mix,
            start,
            ..
        } = self.scenario.workload;
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
            clients <= clients_max,
            at.then("clients"),
            format!("{clients} clients are more than a volume serves"),
            format!("write at most {clients_max}, or raise `settings.limits.clients`"),
        );
        self.require(
            u64::from(outstanding) <= limits.window,
            at.then("outstanding"),
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
            most <= limits.command_blocks,
            at.then("command_blocks"),
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
            at.clone(),
            "the hot range ends behind the volume",
            format!("the volume has {blocks} blocks; `hot` is [start, count]"),
        );
        self.require(
            count == 0 || most <= count,
            at_path!("workload", "command_blocks"),
            format!("a command of {most} blocks does not fit into {count}"),
            "make `command_blocks` smaller, or the hot range or volume larger",
        );
    }

    fn fault(&mut self, fault: &Fault, at: &Path) {
        match &fault.when {
            When::At(instant) => self.within_run(*instant, at.then("at")),
            When::On(trigger) => {
                let on = at.then("on");
                self.node(trigger.node, on.then("node"));
                self.require(
                    !trigger.event.trim().is_empty(),
                    on.then("event"),
                    "the event has no name",
                    "name it as the timeline does, as in \"local durable\"",
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
            }
            | Action::Kill {
                node,
                restart_after,
                ..
            } => {
                self.node(node, at.then("node"));
                self.positive(restart_after, at.then("restart_after"));
            }
            Action::PowerOff {
                cluster: _,
                restart_after,
            } => {
                self.positive(restart_after, at.then("restart_after"));
            }
            Action::Pause { node, duration } => {
                self.node(node, at.then("node"));
                self.positive(duration, at.then("duration"));
            }
            Action::Partition(partition) => self.partition(&partition, at),
        }
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
            if let Endpoint::Node(node) = end {
                self.node(node, at.then(key));
            }
        }
        let site = |end| match end {
            Endpoint::Node(node) => Some(node.cluster),
            Endpoint::Cluster(cluster) => Some(cluster),
            Endpoint::Clients => None,
        };
        match network {
            NetworkName::InterCluster => self.require(
                matches!((site(from), site(to)), (Some(a), Some(b)) if a != b),
                at.then("to"),
                format!("the inter-cluster network does not join {from} and {to}"),
                "name one side in east and one in west, or another `network`",
            ),
            NetworkName::Client => self.require(
                site(from).is_none() != site(to).is_none(),
                at.then("to"),
                format!("the client network does not join {from} and {to}"),
                "name \"clients\" on one side and a node or cluster on the other",
            ),
        }
    }

    fn within_run(&mut self, instant: Duration, path: Path) {
        let end = self.scenario.limits.sim_time;
        self.require(
            instant < end,
            path,
            format!("the run has ended before {}", print_duration(instant)),
            format!(
                "write less than {}, or raise `limits.sim_time`",
                print_duration(end)
            ),
        );
    }

    fn weather(&mut self) {
        let Weather {
            until,
            loss,
            duplicate,
            ref delay,
            corrupt,
        } = self.scenario.weather;
        let at = at_path!("weather");
        if !self.scenario.weather.is_calm() {
            self.positive(until, at.then("until"));
            self.within_run(until, at.then("until"));
        }
        self.rate(loss, at.then("loss"));
        self.rate(duplicate, at.then("duplicate"));
        self.rate(corrupt, at.then("corrupt"));
        self.rate(delay.ratio, at.then("delay").then("ratio"));
        self.require(
            delay.ratio.is_zero() || delay.max > Duration::ZERO,
            at.then("delay"),
            "a delay of at most nothing delays nothing",
            "add `max`, as in delay = { ratio = \"1/50\", max = \"5ms\" }",
        );
    }

    fn rate(&mut self, rate: Rate, path: Path) {
        self.require(
            !rate.high.is_less(rate.low),
            path,
            format!("the range from {} to {} is empty", rate.low, rate.high),
            "write the smaller ratio first",
        );
    }

    fn expect(&mut self) {
        let Expect {
            verdict: _,
            probes,
            measures,
        } = &self.scenario.expect;
        for (index, probe) in probes.iter().enumerate() {
            let known = self.scenario.probes.iter().map(String::as_str);
            let near = closest(probe, known);
            let near = near.map_or_else(String::new, |name| format!("did you mean `{name}`? "));
            self.require(
                self.scenario.probes.contains(probe),
                at_path!("expect", "probes", index),
                format!("{} is not among the scenario's `probes`", quoted(probe)),
                format!("{near}list it in `probes` as well"),
            );
        }
        for (index, measure) in measures.iter().enumerate() {
            let at = at_path!("expect", "measures", index);
            let named = !measure.name.trim().is_empty();
            self.require(named, at.then("name"), "a measure has no name", "name it");
            self.require(
                measure.min.is_some() || measure.max.is_some(),
                at.clone(),
                format!("the measure {} has no bound", quoted(&measure.name)),
                "add `min` or `max`",
            );
            if let (Some(min), Some(max)) = (measure.min, measure.max) {
                self.require(
                    min <= max,
                    at.then("max"),
                    format!("nothing is at least {min} and at most {max}"),
                    "write the smaller number as `min`",
                );
            }
        }
    }
}

/// Pages of the smallest ring that can go on: the reserve, and for each of two
/// largest commands its mark, its record's head and its blocks. With room for
/// one only, a command that waits behind another would never fit.
fn ring_pages_min(limits: &Limits) -> u64 {
    let command = u64::from(limits.command_blocks) + 2;
    limits.journal_reserve.saturating_add(2 * command)
}

/// True for small letters, digits and inner hyphens.
fn is_plain(name: &str) -> bool {
    const LONGEST: usize = 64;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty()
        && name.len() <= LONGEST
        && name.chars().all(plain)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

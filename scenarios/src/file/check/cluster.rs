//! Machines, devices and the engine's settings.

use stormglass_engine::configuration::{ConfigurationError, Limits, Timers};
use stormglass_engine::vocabulary::BLOCK_BYTES;
use stormglass_engine::wire::MESSAGE_BLOCKS_MAX;

use super::Check;
use crate::file::diagnostic::at_path;
use crate::file::model::Topology;
use crate::file::names::{NetworkName, PairIndex};
use crate::file::text::print_duration;

/// Blocks of the largest volume and pages of the largest ring: 4 GiB. A volume that
/// is formatted takes memory for its headers, and time.
const DEVICE_PAGES_MAX: u64 = 1 << 20;

/// Events of the longest run: days of work.
const EVENTS_MAX: u64 = 1_000_000_000_000;

/// Addresses that D-modules may have at most.
const PEER_ADDRESSES_MAX: u32 = 4_096;

impl Check<'_> {
    pub(super) fn topology(&mut self) {
        let Topology {
            profile: _,
            pairs_per_cluster: _,
            owners: _,
            volume_blocks,
            set_blocks,
            journal_ring_pages,
            device_cache_pages,
            region_blocks,
            mediator: _,
            interconnect: _,
            service_address: _,
            peer_addresses,
            founding: _,
        } = self.scenario.topology;
        if self.scenario.links.contains_key(&NetworkName::Mediator) {
            self.mediator(at_path!("links", "mediator"));
        }
        if self.scenario.links.contains_key(&NetworkName::Interconnect) {
            self.interconnect(at_path!("links", "interconnect"));
        }
        if self.scenario.settings.hardware_notice {
            self.interconnect(at_path!("settings", "hardware_notice"));
        }
        self.pairs();
        let limits = &self.scenario.settings.limits;
        self.require(
            (1..=DEVICE_PAGES_MAX).contains(&volume_blocks),
            at_path!("topology", "volume_blocks"),
            format!("a volume of {volume_blocks} blocks cannot be run"),
            format!("write 1 to {DEVICE_PAGES_MAX} blocks"),
        );
        if let Some(room) = set_blocks {
            self.require(
                (volume_blocks..=DEVICE_PAGES_MAX).contains(&room),
                [
                    at_path!("topology", "set_blocks"),
                    at_path!("topology", "volume_blocks"),
                ],
                format!("a set with room for {room} blocks holds no volume of {volume_blocks}"),
                format!("write `volume_blocks` to {DEVICE_PAGES_MAX}, or leave it out"),
            );
        }
        let needed = ring_pages_min(limits);
        self.require(
            journal_ring_pages >= needed,
            [
                at_path!("topology", "journal_ring_pages"),
                at_path!("settings", "limits", "journal_reserve"),
                at_path!("settings", "limits", "command_blocks"),
            ],
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
        let nodes = self.scenario.topology.pairs_per_cluster.saturating_mul(4);
        self.require(
            (nodes..=PEER_ADDRESSES_MAX).contains(&peer_addresses),
            at_path!("topology", "peer_addresses"),
            format!("{peer_addresses} addresses cannot be tested"),
            format!("write {nodes}, one for each node, to {PEER_ADDRESSES_MAX}"),
        );
        let most = u64::from(MESSAGE_BLOCKS_MAX);
        self.require(
            (1..=most).contains(&region_blocks),
            at_path!("topology", "region_blocks"),
            format!("a region of {region_blocks} blocks cannot be copied at once"),
            format!("write 1 to {most}; 8 is usual"),
        );
    }

    /// Pairs, who owns their volumes, and devices of pairs that are not there.
    fn pairs(&mut self) {
        let topology = &self.scenario.topology;
        let (pairs, most) = (topology.pairs_per_cluster, PairIndex::COUNT_MAX);
        let owners = topology.owners.len();
        let at = at_path!("topology", "pairs_per_cluster");
        self.require(
            (1..=most).contains(&pairs),
            at.clone(),
            format!("a cluster of {pairs} pairs cannot be run"),
            format!("write 1 to {most} pairs"),
        );
        self.require(
            u32::try_from(owners).is_ok_and(|owners| owners <= pairs.max(1)),
            [at_path!("topology", "owners"), at],
            format!("there are {owners} owners and fewer volumes"),
            "name one cluster for each pair, or fewer: east owns the rest",
        );
        for name in self.scenario.devices.keys() {
            let at = at_path!("devices", name.to_string().as_str());
            self.set_device(*name, at);
        }
    }

    pub(super) fn timers(&mut self) {
        let Timers {
            status_limit,
            ticket_margin,
            answer_limit,
            retransmit_min,
            retransmit_max,
            path_timeout,
            path_refresh,
            idle_clear,
            idle_destage,
            heartbeat,
            takeover_after,
            ask_limit,
            ha_lease,
            drain_limit,
            giveback_after,
            lease,
            switchover_after,
            lease_margin: _,
            loss_after,
            resync_pause: _,
            mediator_retry,
            contact_timeout,
            discover_again,
            probe_timeout,
        } = self.scenario.settings.timers;
        let at = at_path!("settings", "timers");
        for (key, timer) in [
            ("status_limit", status_limit),
            ("answer_limit", answer_limit),
            ("retransmit_min", retransmit_min),
            ("path_timeout", path_timeout),
            ("path_refresh", path_refresh),
            ("idle_clear", idle_clear),
            ("idle_destage", idle_destage),
            ("heartbeat", heartbeat),
            ("takeover_after", takeover_after),
            ("ask_limit", ask_limit),
            ("ha_lease", ha_lease),
            ("drain_limit", drain_limit),
            ("lease", lease),
            ("loss_after", loss_after),
            ("mediator_retry", mediator_retry),
            ("contact_timeout", contact_timeout),
            ("discover_again", discover_again),
            ("probe_timeout", probe_timeout),
        ] {
            self.positive(timer, at.then(key));
        }
        self.maybe_positive(giveback_after, at.then("giveback_after"));
        self.maybe_positive(switchover_after, at.then("switchover_after"));
        for (key, less, limit, more) in [
            ("ticket_margin", ticket_margin, "status_limit", status_limit),
            ("answer_limit", answer_limit, "status_limit", status_limit),
            ("heartbeat", heartbeat, "takeover_after", takeover_after),
            ("heartbeat", heartbeat, "ha_lease", ha_lease),
            (
                "retransmit_min",
                retransmit_min,
                "path_timeout",
                path_timeout,
            ),
        ] {
            self.require(
                less < more,
                [at.then(key), at.then(limit)],
                format!("`{key}` is not below `{limit}`"),
                format!(
                    "write less than {}, or raise `{limit}`",
                    print_duration(more)
                ),
            );
        }
        self.require(
            retransmit_min <= retransmit_max,
            [at.then("retransmit_max"), at.then("retransmit_min")],
            "`retransmit_max` is below `retransmit_min`",
            format!("write at least {}", print_duration(retransmit_min)),
        );
    }

    pub(super) fn limits(&mut self) {
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
            probes,
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
            ("probes", u64::from(probes)),
        ] {
            let message = format!("`{key}` is 0, so nothing could ever go on");
            self.require(limit > 0, at.then(key), message, "write 1 or more");
            let message = format!("`{key}` is no limit at {limit}");
            let most = u64::from(u32::MAX);
            self.require(
                limit <= most,
                at.then(key),
                message,
                format!("write at most {most}"),
            );
        }
        let payload = u64::from(command_blocks) * BLOCK_BYTES as u64;
        let portions = payload.div_ceil(u64::from(portion_bytes.max(1)));
        self.require(
            portions <= u64::from(u16::MAX),
            [at.then("portion_bytes"), at.then("command_blocks")],
            format!("the largest command would need {portions} portions"),
            "write more `portion_bytes` or fewer `command_blocks`; 65535 portions are the most",
        );
        if self.found.is_empty() {
            self.fit();
        }
        let run = &self.scenario.limits;
        self.positive(run.sim_time, at_path!("limits", "sim_time"));
        self.require(
            (1..=EVENTS_MAX).contains(&run.events),
            at_path!("limits", "events"),
            format!("a run cannot be stopped after {} events", run.events),
            format!("write 1 to {EVENTS_MAX}; 5000000 is usual"),
        );
    }
}

impl Check<'_> {
    /// What the engine itself refuses, in its words.
    fn fit(&mut self) {
        let limits = &self.scenario.settings.limits;
        let Err(error) = limits.check(&self.scenario.topology.geometry()) else {
            return;
        };
        let at = at_path!("settings", "limits");
        let (path, help) = match error {
            ConfigurationError::Zero(name) => (at.then(name), "write 1 or more"),
            ConfigurationError::Command => (at.then("command_blocks"), "write fewer blocks"),
            ConfigurationError::Clears => (at.then("clears_per_record"), "write fewer"),
            ConfigurationError::Results(_) => (
                at.then("window"),
                "lower `window` or `clients`: their product counts",
            ),
            ConfigurationError::Ring(_) => (
                at_path!("topology", "journal_ring_pages"),
                "write at least as many, or lower `window`, `clients` or `command_blocks`",
            ),
            ConfigurationError::Region(_) => (
                at_path!("topology", "region_blocks"),
                "write as many blocks as one copy may carry",
            ),
            ConfigurationError::Volume(_) => (
                at_path!("topology", "volume_blocks"),
                "write as many blocks as the set has room for, or fewer",
            ),
            ConfigurationError::Checkpoint(_) => (
                at.then("commands_in_flight"),
                "lower `commands_in_flight`, `window` or `clients`: a slot is of fixed size",
            ),
        };
        self.require(false, path, error.to_string(), help);
    }
}

/// Pages of the smallest ring that can go on: the reserve, and for each of two
/// largest commands its mark, its record's head and its blocks. With room for
/// one only, a command that waits behind another would never fit.
fn ring_pages_min(limits: &Limits) -> u64 {
    let command = u64::from(limits.command_blocks) + 2;
    limits.journal_reserve.saturating_add(2 * command)
}

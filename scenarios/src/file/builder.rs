//! Makes a scenario in code, through the same checks as a file.

use stormglass_engine::configuration::{Limits, Policy, Replication, Timers};
use stormglass_engine::time::Duration;

use super::diagnostic::Diagnostics;
use super::fault::Fault;
use super::model::{DeviceTimes, LinkTimes, Measure, Mix, Profile, Scenario, Topology, Verdict};
use super::names::{DeviceName, NetworkName};
use super::weather::Weather;

/// A scenario in the making; every setting has the file format's default.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    scenario: Scenario,
}

/// Declares setters that put a value into its place.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident($value:ident: $type:ty) => $($place:ident).+;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, $value: $type) -> Self {
            self.scenario.$($place).+ = $value;
            self
        }
    )*};
}

impl Builder {
    pub(super) fn new(name: &str) -> Self {
        Builder {
            scenario: Scenario {
                name: name.to_owned(),
                ..Scenario::default()
            },
        }
    }

    setters! {
        /// Sets distances and service times.
        profile(profile: Profile) => topology.profile;
        /// Sets the volume's size in blocks.
        volume_blocks(blocks: u64) => topology.volume_blocks;
        /// Sets the journal ring's size in pages.
        journal_ring_pages(pages: u64) => topology.journal_ring_pages;
        /// Sets the whole topology.
        topology(topology: Topology) => topology;
        /// Sets the order of local and replica performance.
        replication(replication: Replication) => settings.replication;
        /// Sets what the cluster does when the mirror cannot follow.
        policy(policy: Policy) => settings.policy;
        /// Sets whether there is a mediator.
        mediator(mediator: bool) => topology.mediator;
        /// Sets the number of clients.
        clients(clients: u32) => workload.clients;
        /// Sets the number of commands of each client.
        commands(commands: u32) => workload.commands;
        /// Sets how many commands a client has outstanding at most.
        outstanding(outstanding: u32) => workload.outstanding;
        /// Sets the least and the most blocks of a command.
        command_blocks(least_and_most: [u32; 2]) => workload.command_blocks;
        /// Sets how often each kind of command is chosen.
        mix(mix: Mix) => workload.mix;
        /// Sets when the clients begin.
        start(start: Duration) => workload.start;
        /// Sets how long a client waits between commands.
        think(think: Duration) => workload.think;
        /// Sets the faults that each seed draws.
        weather(weather: Weather) => weather;
        /// Sets after how much simulated time a run is stopped.
        sim_time(sim_time: Duration) => limits.sim_time;
        /// Sets after how many events a run is stopped.
        events(events: u64) => limits.events;
        /// Sets the verdict that must come of a run.
        expect_verdict(verdict: Verdict) => expect.verdict;
    }

    /// Sets the line for lists.
    pub fn title(mut self, title: &str) -> Self {
        title.clone_into(&mut self.scenario.title);
        self
    }
    /// Sets what it shows.
    pub fn description(mut self, description: &str) -> Self {
        description.clone_into(&mut self.scenario.description);
        self
    }
    /// Adds a feature row that it shows.
    pub fn covers(mut self, row: &str) -> Self {
        self.scenario.covers.push(row.to_owned());
        self
    }
    /// Adds a suite that it belongs to.
    pub fn suite(mut self, suite: &str) -> Self {
        self.scenario.suites.push(suite.to_owned());
        self
    }
    /// Adds a probe that its seeds are able to reach.
    pub fn probe(mut self, probe: &str) -> Self {
        self.scenario.probes.push(probe.to_owned());
        self
    }
    /// Changes the engine's timers.
    pub fn timers(mut self, change: impl FnOnce(&mut Timers)) -> Self {
        change(&mut self.scenario.settings.timers);
        self
    }
    /// Changes the engine's limits.
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.scenario.settings.limits);
        self
    }
    /// Sets the service times of a device.
    pub fn device(mut self, name: DeviceName, times: DeviceTimes) -> Self {
        self.scenario.devices.insert(name, times);
        self
    }
    /// Sets the latency of a network.
    pub fn link(mut self, name: NetworkName, times: LinkTimes) -> Self {
        self.scenario.links.insert(name, times);
        self
    }
    /// Sets the blocks that commands touch, as start and count.
    pub fn hot(mut self, start_and_count: [u64; 2]) -> Self {
        self.scenario.workload.hot = Some(start_and_count);
        self
    }
    /// Adds a scheduled fault.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.scenario.faults.push(fault);
        self
    }
    /// Adds a probe that every run must reach.
    pub fn expect_probe(mut self, probe: &str) -> Self {
        self.scenario.expect.probes.push(probe.to_owned());
        if self.scenario.probes.iter().all(|able| able != probe) {
            self.scenario.probes.push(probe.to_owned());
        }
        self
    }
    /// Adds a probe that no run may reach.
    pub fn expect_unreached(mut self, probe: &str) -> Self {
        self.scenario.expect.unreached.push(probe.to_owned());
        self
    }
    /// Adds bounds on a measure.
    pub fn expect_measure(mut self, measure: Measure) -> Self {
        self.scenario.expect.measures.push(measure);
        self
    }

    /// The scenario, if its parts fit together.
    pub fn build(self) -> Result<Scenario, Diagnostics> {
        self.scenario.check()?;
        Ok(self.scenario)
    }
}

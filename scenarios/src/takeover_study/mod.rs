//! How long a takeover takes, and a boot, by phase: with metadata stored, without, and
//! with metadata that has become wrong.
//!
//! Each seed is run once under each policy, with the same client commands, clocks,
//! latencies, addresses and instant of the failure: differences between policies are those of the
//! policy alone (common random numbers). In every run the mirror's nodes boot again while
//! the owner's is down, so that moved ones can be compared with others. Where they are, and
//! where they move to, is drawn from the seed: a search in order has as long a way to those
//! that nothing is known of as to those that have moved. Owns what is run and which policies
//! there are; `watch` looks on at a run.

#[cfg(test)]
mod tests;
mod watch;

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use stormglass_engine::time::Duration;
use stormglass_reports::record::{Paired, PhaseSpan, PolicyTimes, TakeoverRecord};
use stormglass_sim::random::Seed;

use self::watch::Watch;
use crate::experiment::{Bench, Experiment};
use crate::file::{
    self, Action, Cluster, FIRST_PEER_ADDRESS, MachineName, MetadataPolicy, NodeName, Scenario,
};
pub use crate::phases::Subject;

const SCENARIO: &str = include_str!("../../studies/takeover.toml");

/// Where a D-module's metadata comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// Nothing is stored: the M-module is asked, and every peer is looked for.
    None,
    /// A stored copy says where the peers are.
    Stored,
    /// It says where they were: they have moved.
    Moved,
}

impl Policy {
    /// Every policy.
    pub const ALL: [Policy; 3] = [Policy::None, Policy::Stored, Policy::Moved];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Policy::None => "none",
            Policy::Stored => "stored",
            Policy::Moved => "moved",
        }
    }
}

/// What is to be found out.
#[derive(Clone, Debug)]
pub struct Study {
    /// What is timed.
    pub subject: Subject,
    /// Under which policies.
    pub policies: Vec<Policy>,
    /// With which seeds.
    pub seeds: Range<u64>,
    /// Addresses that a search has to test at most.
    pub peer_addresses: u32,
    /// How many threads run it.
    pub jobs: u32,
}

/// Why a study has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StudyError {
    /// A run broke a promise: its times mean nothing.
    #[error("seed {seed} under policy `{policy}`: {says}")]
    Failed {
        /// The seed.
        seed: u64,
        /// The policy.
        policy: &'static str,
        /// What it says.
        says: String,
    },
    /// It was asked to stop before any seed was done.
    #[error("stopped before any seed was done")]
    Stopped,
    /// There are more nodes than addresses, or more addresses than may be.
    #[error("{0}")]
    Scenario(String),
}

/// Node 1 or 2 of a cluster.
fn node(cluster: Cluster, number: u8) -> NodeName {
    NodeName { cluster, number }
}

/// The scenario of one policy. The failure is at an instant of the seed's own, so that it
/// meets every state of the load.
pub fn scenario(study: &Study, policy: Policy, seed: u64) -> Result<Scenario, StudyError> {
    let parsed = file::parse(study.subject.name(), SCENARIO);
    let mut scenario = parsed.map_err(|error| StudyError::Scenario(error.to_string()))?;
    scenario.topology.peer_addresses = study.peer_addresses;
    if policy == Policy::None {
        scenario.settings.metadata = MetadataPolicy::None;
    }
    let [there, then] = places(study.peer_addresses, seed)?;
    // By then they have been found where they are at first.
    let search = whole_search(&scenario);
    let settled = Duration::from_secs(1).plus(search);
    let sim_time = &mut scenario.limits.sim_time;
    *sim_time = sim_time.plus(search.times(2));
    let fails_at = settled.plus(Duration::from_micros(seed.wrapping_mul(7_919) % 200_000));
    let after = |millis| fails_at.plus(Duration::from_millis(millis));
    let crash = |node: NodeName, restart_after| Action::Crash {
        node: MachineName::Node(node),
        restart_after,
    };
    let down = match study.subject {
        Subject::Takeover => None,
        Subject::Boot => Some(Duration::from_millis(400)),
    };
    let faults = &mut scenario.faults;
    faults.push(crash(node(Cluster::East, 1), down).at(fails_at));
    for number in [1, 2] {
        let mirror = node(Cluster::West, number);
        let at = |first: u32| Action::Readdress {
            node: mirror,
            address: first + u32::from(number - 1),
        };
        faults.push(at(there).at(Duration::from_millis(1)));
        let restart = Some(Duration::from_millis(100));
        faults.push(crash(mirror, restart).at(after(10)));
        if policy == Policy::Moved {
            faults.push(at(then).at(after(60)));
        }
    }
    let checked = scenario.check();
    checked.map_err(|error| StudyError::Scenario(error.to_string()))?;
    Ok(scenario)
}

/// Nodes of both clusters: so many addresses have somebody from the beginning.
const NODES: u32 = 4;

/// The first of two neighbouring addresses at which the mirror's nodes are, and that of
/// those to which they may move: any as likely as any other, but not the same.
fn places(peer_addresses: u32, seed: u64) -> Result<[u32; 2], StudyError> {
    let pairs = peer_addresses.saturating_sub(NODES) / 2;
    if pairs < 2 {
        let says = format!(
            "{peer_addresses} addresses leave no room to move; write {} at least",
            NODES + 4
        );
        return Err(StudyError::Scenario(says));
    }
    let draw = Seed(seed).draw(0, "places of a takeover study");
    let pairs = u64::from(pairs);
    let there = draw.at(&[0; 4]).below(pairs);
    let then = (there + 1 + draw.at(&[1; 4]).below(pairs - 1)) % pairs;
    Ok([there, then].map(|pair| FIRST_PEER_ADDRESS + NODES + 2 * pair as u32))
}

/// How long it takes at most to find nodes at the addresses that they may have, after they
/// were sought in vain where they had been.
fn whole_search(scenario: &Scenario) -> Duration {
    let timers = &scenario.settings.timers;
    let rounds = scenario
        .topology
        .peer_addresses
        .div_ceil(scenario.settings.limits.probes);
    let search = timers.probe_timeout.times(2 * u64::from(rounds));
    timers.contact_timeout.plus(search)
}

/// Times one seed under one policy.
pub fn time(study: &Study, policy: Policy, seed: u64) -> Result<Vec<PhaseSpan>, StudyError> {
    let scenario = scenario(study, policy, seed)?;
    let failed = |says: String| StudyError::Failed {
        seed,
        policy: policy.name(),
        says,
    };
    let mut experiment = Experiment::new(&scenario, seed);
    let mut watch = Watch::new(study.subject, &experiment);
    let mut bench = Bench::default();
    while experiment.step(&mut bench) {
        let at = experiment.elapsed();
        if let Some(finding) = experiment.findings().first() {
            return Err(failed(finding.says.clone()));
        }
        for occurrence in &bench.log {
            watch.observe(at, occurrence);
        }
        if let Some(spans) = watch.spans() {
            return Ok(spans);
        }
        if at >= scenario.limits.sim_time {
            break;
        }
    }
    Err(failed(format!("{} was never seen", watch.awaited())))
}

/// Runs a study. `tell` hears how many seeds are done, from any thread. One that is
/// stopped says what it has.
pub fn run(
    study: &Study,
    stop: &AtomicBool,
    tell: &(dyn Fn(u64) + Sync),
) -> Result<TakeoverRecord, StudyError> {
    let next = AtomicU64::new(study.seeds.start);
    let done = AtomicU64::new(0);
    let results = Mutex::new(Vec::new());
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= study.seeds.end {
                return;
            }
            let times = study.policies.iter().map(|it| time(study, *it, seed));
            let times: Result<Vec<_>, _> = times.collect();
            let is_over = times.is_err();
            let mut results = results.lock().expect("no worker panics while it holds it");
            results.push((seed, times));
            drop(results);
            tell(done.fetch_add(1, Ordering::Relaxed) + 1);
            if is_over {
                next.store(study.seeds.end, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..study.jobs.max(1) {
            scope.spawn(work);
        }
    });
    let mut results = results.into_inner().expect("every worker has ended");
    results.sort_by_key(|(seed, _)| *seed);
    let mut seeds = Vec::new();
    for (seed, times) in results {
        seeds.push((seed, times?));
    }
    if seeds.is_empty() {
        return Err(StudyError::Stopped);
    }
    Ok(conclude(study, &seeds))
}

fn conclude(study: &Study, seeds: &[(u64, Vec<Vec<PhaseSpan>>)]) -> TakeoverRecord {
    let of = |place: usize| {
        seeds
            .iter()
            .map(move |(seed, times)| (*seed, &times[place]))
    };
    let policies: Vec<PolicyTimes> = (0..study.policies.len())
        .map(|place| PolicyTimes::new(study.policies[place].name(), of(place)))
        .collect();
    let mut paired = Vec::new();
    for (one, a) in policies.iter().enumerate() {
        for b in &policies[one + 1..] {
            paired.push(Paired::new(a, b));
        }
    }
    TakeoverRecord::new(study.subject.name(), study.peer_addresses, policies, paired)
}

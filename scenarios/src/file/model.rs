//! A scenario as a plain value. Its serialized form is the file format itself:
//! what stands here is what a user may write, with these defaults.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use stormglass_engine::configuration::Candidates;
use stormglass_engine::contract::Address;
use stormglass_engine::storage_set::layout::Geometry;
use stormglass_engine::time::Duration;
use stormglass_reports::record;

use super::fault::Fault;
use super::names::{Cluster, DeviceName, NetworkName, PairIndex};
use super::settings::Settings;
use super::text::{DurationText, Thousandths, maybe_duration};
use super::weather::Weather;

/// One experiment: a cluster, what is asked of it, what goes wrong, and what is
/// expected of it all. Made by [`super::parse`] or [`Scenario::builder`], which
/// check that its parts fit together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Its name in commands and reports; the file's own name if absent.
    pub name: String,
    /// One line for lists.
    pub title: String,
    /// What it shows, in a sentence or two.
    pub description: String,
    /// Rows of the feature tables that it shows, such as "P1".
    pub covers: Vec<String>,
    /// Suites that it belongs to.
    pub suites: Vec<String>,
    /// Probes that its seeds are able to reach.
    pub probes: Vec<String>,
    /// The machines and devices.
    pub topology: Topology,
    /// The engine's settings.
    pub settings: Settings,
    /// Constant service times of devices, in place of the profile's.
    #[schemars(schema_with = "devices_schema")]
    pub devices: BTreeMap<DeviceName, DeviceTimes>,
    /// Latencies of networks, in place of the profile's.
    #[schemars(schema_with = "links_schema")]
    pub links: BTreeMap<NetworkName, LinkTimes>,
    /// What the clients do.
    pub workload: Workload,
    /// Scheduled faults.
    #[serde(rename = "fault")]
    pub faults: Vec<Fault>,
    /// Faults that each seed draws.
    pub weather: Weather,
    /// When a run that does not end is stopped.
    pub limits: RunLimits,
    /// What must come of it.
    pub expect: Expect,
}

/// The machines and devices. The clusters are `east` and `west`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of its own in a file: what there is and what there is not"
)]
pub struct Topology {
    /// Distances and service times.
    pub profile: Profile,
    /// HA pairs in each cluster, 1 to 8. On each pair's storage set lives a volume, which
    /// is mirrored on the set of the pair of the same number in the other cluster.
    pub pairs_per_cluster: u32,
    /// The clusters that own the volumes at first, volume by volume; east where none is
    /// named.
    pub owners: Vec<Cluster>,
    /// Blocks of each volume, 4 KiB each.
    pub volume_blocks: u64,
    /// Blocks that each storage set has room for: the order `grow` grows a volume to them. As
    /// many as the volume has if absent.
    #[schemars(with = "u64")]
    pub set_blocks: Option<u64>,
    /// Pages of the journal's ring, 4 KiB each.
    pub journal_ring_pages: u64,
    /// Pages that a device's volatile cache holds before it destages.
    pub device_cache_pages: u32,
    /// Blocks of a region, the granule of the dirty-region log. Default 8.
    pub region_blocks: u64,
    /// Whether there is a mediator at a third site.
    pub mediator: bool,
    /// Whether the two nodes of each pair are joined by a network of their own, over which
    /// their D-modules hear of each other beside the mailbox.
    pub interconnect: bool,
    /// Whether each pair has a service address, which the node that serves takes, and clients
    /// know that one only.
    pub service_address: bool,
    /// Addresses of the inter-cluster network that a D-module may have, from 200 on; the
    /// nodes have the first ones. A search tests them in order. Default 32.
    pub peer_addresses: u32,
    /// Whether the devices are empty at first: the pairs format their sets when they
    /// boot, as the administrator's configuration founds the volume.
    pub founding: bool,
}

/// Pages of a checkpoint slot: marks, results and watermarks of the default limits.
const CHECKPOINT_PAGES: u64 = 48;

/// Where the candidates for a D-module's address begin.
pub const FIRST_PEER_ADDRESS: u32 = 200;

impl Topology {
    /// The pairs of each cluster.
    pub fn pairs(&self) -> impl Iterator<Item = PairIndex> + Clone + use<> {
        PairIndex::first(self.pairs_per_cluster)
    }
    /// The cluster that owns a pair's volume at first.
    pub fn owner(&self, pair: PairIndex) -> Cluster {
        let named = self.owners.get(pair.place()).copied();
        named.unwrap_or(Cluster::East)
    }
    /// Addresses that D-modules may have.
    pub fn candidates(&self) -> Candidates {
        Candidates {
            first: Address::new(FIRST_PEER_ADDRESS),
            count: self.peer_addresses,
        }
    }
    /// Blocks that each storage set has room for.
    pub fn room(&self) -> u64 {
        self.set_blocks.unwrap_or(self.volume_blocks)
    }
    /// Sizes of every storage set.
    pub fn geometry(&self) -> Geometry {
        Geometry {
            blocks: self.room(),
            ring_pages: self.journal_ring_pages,
            checkpoint_pages: CHECKPOINT_PAGES,
            region_blocks: self.region_blocks,
        }
    }
}

impl Default for Topology {
    fn default() -> Self {
        Topology {
            profile: Profile::Metro,
            pairs_per_cluster: 1,
            owners: Vec::new(),
            volume_blocks: 512,
            set_blocks: None,
            journal_ring_pages: 512,
            device_cache_pages: 64,
            region_blocks: 8,
            mediator: false,
            interconnect: false,
            service_address: false,
            peer_addresses: 32,
            founding: false,
        }
    }
}

/// Distances and service times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Everything in one rack.
    Rack,
    /// The mirror is 100 km away.
    Metro,
    /// The mirror is a continent away: a stress case.
    Wan,
}

/// Constant service times of a device; what is absent follows the profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceTimes {
    /// Time of a read.
    #[serde(with = "maybe_duration")]
    #[schemars(with = "DurationText")]
    pub read: Option<Duration>,
    /// Time of a write.
    #[serde(with = "maybe_duration")]
    #[schemars(with = "DurationText")]
    pub write: Option<Duration>,
    /// Time of a flush.
    #[serde(with = "maybe_duration")]
    #[schemars(with = "DurationText")]
    pub flush: Option<Duration>,
}

/// Latency of a network; what is absent follows the profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LinkTimes {
    /// One-way latency.
    #[serde(with = "maybe_duration")]
    #[schemars(with = "DurationText")]
    pub latency: Option<Duration>,
    /// The most that is added to it, drawn for each message.
    #[serde(with = "maybe_duration")]
    #[schemars(with = "DurationText")]
    pub jitter: Option<Duration>,
}

/// The first pair's devices by their names; those of further pairs have the same names
/// with a number, and are not listed one by one where a name is unknown.
fn devices_schema(generator: &mut SchemaGenerator) -> Schema {
    let times = generator.subschema_for::<DeviceTimes>();
    let names = DeviceName::all(1).map(|name| name.to_string());
    let mut schema = keyed_schema(names, &times);
    let further = serde_json::json!({ "^(east|west)\\.(journal|data)-[2-8]$": times });
    schema.insert("patternProperties".to_owned(), further);
    schema.insert("x-keys".to_owned(), "device".into());
    schema
}

fn links_schema(generator: &mut SchemaGenerator) -> Schema {
    let times = generator.subschema_for::<LinkTimes>();
    keyed_schema(
        NetworkName::ALL.into_iter().map(|name| name.to_string()),
        &times,
    )
}

pub(super) fn keyed_schema(names: impl Iterator<Item = String>, value: &Schema) -> Schema {
    let properties: serde_json::Map<_, _> =
        names.map(|name| (name, value.clone().to_value())).collect();
    json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// What the clients do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Workload {
    /// How many clients there are.
    pub clients: u32,
    /// The volumes that the clients use, by their numbers from 1: the first client the
    /// first of these and so on, again and again. All in order if absent.
    pub volumes: Vec<u32>,
    /// How many nodes the clients know: 1 or 2 of the pair that owns their volume at first,
    /// the primary first; with 4 the other cluster's pair too. Default 2. Where there is a
    /// service address they know that, and with 4 the other pair's.
    pub nodes: u32,
    /// Commands that each client issues.
    pub commands: u32,
    /// Commands that a client has outstanding at most.
    pub outstanding: u32,
    /// The blocks that commands touch, as [start, count]; all of the volume as it is at first
    /// if absent.
    #[schemars(with = "[u64; 2]")]
    pub hot: Option<[u64; 2]>,
    /// Blocks in one command, as [least, most].
    pub command_blocks: [u32; 2],
    /// How often each kind of command is chosen.
    pub mix: Mix,
    /// When the clients begin.
    #[serde(with = "DurationText")]
    pub start: Duration,
    /// How long a client waits after a command has ended before its next.
    #[serde(with = "DurationText")]
    pub think: Duration,
    /// A client sends a frame that is not answered again after this long, doubled with
    /// each time up to `resend_max`. Default 200 ms.
    #[serde(with = "DurationText")]
    pub resend_min: Duration,
    /// The longest interval between its transmissions. Default 1.6 s.
    #[serde(with = "DurationText")]
    pub resend_max: Duration,
    /// The commands, if they are to be these and no others; else `commands` of each
    /// client are drawn.
    #[serde(rename = "command")]
    pub listed: Vec<Planned>,
}

/// One command that a client is to issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// Which client, from 1.
    pub client: u32,
    /// Its number among the client's commands, from 0; they are issued by it.
    pub number: u32,
    /// Not before this instant of the client's clock.
    #[serde(with = "DurationText")]
    pub at: Duration,
    /// What it is.
    pub kind: PlannedKind,
    /// The first block; a flush ignores it.
    pub block: u64,
    /// How many blocks.
    pub blocks: u32,
}

/// What a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlannedKind {
    /// Reads.
    Read,
    /// Writes.
    Write,
    /// Writes zeroes.
    WriteZeroes,
    /// Writes if a comparison holds.
    CompareAndWrite,
    /// Flushes.
    Flush,
}

impl Default for Workload {
    fn default() -> Self {
        Workload {
            clients: 4,
            volumes: Vec::new(),
            nodes: 2,
            commands: 50,
            outstanding: 4,
            hot: None,
            command_blocks: [1, 4],
            mix: Mix::default(),
            start: Duration::ZERO,
            think: Duration::ZERO,
            resend_min: Duration::from_millis(200),
            resend_max: Duration::from_millis(1_600),
            listed: Vec::new(),
        }
    }
}

impl Workload {
    /// The blocks that commands touch, as start and count.
    pub fn range(&self, topology: &Topology) -> [u64; 2] {
        self.hot.unwrap_or([0, topology.volume_blocks])
    }

    /// The pair whose volume a client uses; clients are counted from 0.
    pub fn pair_of(&self, client: u32, topology: &Topology) -> PairIndex {
        let place = |count: usize| client as usize % count.max(1);
        let given = self.volumes.get(place(self.volumes.len()));
        let index = match given {
            Some(number) => number.saturating_sub(1),
            None => client % topology.pairs_per_cluster.max(1),
        };
        PairIndex::new(index).expect("the scenario was checked")
    }
}

/// How often each kind of command is chosen, as weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mix {
    /// Weight of reads.
    pub read: u32,
    /// Weight of writes.
    pub write: u32,
    /// Weight of zeroing writes.
    pub write_zeroes: u32,
    /// Weight of writes that compare first.
    pub compare_and_write: u32,
    /// Weight of flushes.
    pub flush: u32,
}

impl Mix {
    /// A mix in which nothing is chosen; a start for `Mix { read: 1, ..Mix::NONE }`.
    pub const NONE: Mix = Mix {
        read: 0,
        write: 0,
        write_zeroes: 0,
        compare_and_write: 0,
        flush: 0,
    };

    /// The sum of all weights.
    pub fn total(&self) -> u64 {
        [
            self.read,
            self.write,
            self.write_zeroes,
            self.compare_and_write,
            self.flush,
        ]
        .into_iter()
        .map(u64::from)
        .sum()
    }
}

impl Default for Mix {
    fn default() -> Self {
        Mix {
            read: 30,
            write: 55,
            write_zeroes: 5,
            compare_and_write: 8,
            flush: 2,
        }
    }
}

/// When a run that does not end is stopped; a verdict of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunLimits {
    /// Simulated time.
    #[serde(with = "DurationText")]
    pub sim_time: Duration,
    /// Events.
    pub events: u64,
}

impl Default for RunLimits {
    fn default() -> Self {
        RunLimits {
            sim_time: Duration::from_secs(60),
            events: 5_000_000,
        }
    }
}

/// What must come of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The verdict: a run that ends with it passes, and one that would pass does not.
    pub verdict: Verdict,
    /// Probes that every run must reach.
    pub probes: Vec<String>,
    /// Probes that no run may reach.
    pub unreached: Vec<String>,
    /// Bounds on measures.
    pub measures: Vec<Measure>,
}

/// What a run comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every oracle and every expectation holds.
    #[default]
    Pass,
    /// A promise of safety was broken.
    Safety,
    /// Something did not end within its bound.
    Liveness,
    /// An expectation was not met.
    Expectation,
    /// The last good copy of something was destroyed on purpose.
    Unrecoverable,
    /// The engine stopped at a failed assertion.
    Crash,
}

impl Verdict {
    /// The same as a run reports it.
    pub fn to_record(self) -> record::Verdict {
        match self {
            Verdict::Pass => record::Verdict::Pass,
            Verdict::Safety => record::Verdict::Safety,
            Verdict::Liveness => record::Verdict::Liveness,
            Verdict::Expectation => record::Verdict::Expectation,
            Verdict::Unrecoverable => record::Verdict::Unrecoverable,
            Verdict::Crash => record::Verdict::Crash,
        }
    }
}

/// Bounds on one measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// The measure, as a run reports it.
    pub name: String,
    /// The least that passes.
    #[serde(default)]
    #[schemars(with = "Thousandths")]
    pub min: Option<Thousandths>,
    /// The most that passes.
    #[serde(default)]
    #[schemars(with = "Thousandths")]
    pub max: Option<Thousandths>,
}

//! Names of the things that a scenario file speaks of: clusters, nodes, modules,
//! devices and networks. Whether the topology holds them is asked elsewhere.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use stormglass_engine::contract::LabelKind;
use stormglass_engine::wire::kind;

use super::text::{Complaint, quoted, text_form};
use super::words::choice;

/// What the mediator's machine, device, network and side of a partition are called.
const MEDIATOR: &str = "mediator";

/// A cluster, that is, a site.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Cluster {
    /// The cluster that owns a volume at the start, unless the topology says otherwise.
    East,
    /// The cluster that then holds the mirror.
    West,
}

impl Cluster {
    /// Both, in order.
    pub const ALL: [Cluster; 2] = [Cluster::East, Cluster::West];
    /// The other site.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Cluster::East => Cluster::West,
            Cluster::West => Cluster::East,
        }
    }
    fn named(text: &str) -> Option<Self> {
        Cluster::ALL
            .into_iter()
            .find(|cluster| cluster.to_string() == text)
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cluster::East => "east",
            Cluster::West => "west",
        })
    }
}

/// What fails as a whole: a cluster, or everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extent {
    /// A cluster.
    Cluster(Cluster),
    /// Both clusters, and the mediator where there is one.
    All,
}

impl From<Cluster> for Extent {
    fn from(cluster: Cluster) -> Self {
        Extent::Cluster(cluster)
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Extent::Cluster(cluster) => cluster.fmt(f),
            Extent::All => f.write_str("all"),
        }
    }
}

impl FromStr for Extent {
    type Err = Complaint;
    fn from_str(text: &str) -> Result<Self, Complaint> {
        let cluster = Cluster::named(text).map(Extent::Cluster);
        let all = (text == "all").then_some(Extent::All);
        cluster.or(all).ok_or_else(|| {
            Complaint::new(
                format!("there is no cluster {}", quoted(text)),
                "the clusters are east and west; or say \"all\"",
            )
        })
    }
}

text_form!(
    Extent,
    "extent",
    "^(east|west|all)$",
    "A cluster, such as east, or all."
);

/// Which HA pair of a cluster, and which storage set. The volume on it is mirrored on the
/// set of the same number in the other cluster, so it is the volume's number as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PairIndex(u8);

impl PairIndex {
    /// The first one.
    pub const FIRST: PairIndex = PairIndex(0);
    /// Pairs of the largest cluster.
    pub const COUNT_MAX: u32 = 8;

    /// Counted from 0; none behind the last that a cluster may have.
    pub fn new(index: u32) -> Option<Self> {
        let index = u8::try_from(index).ok()?;
        (u32::from(index) < Self::COUNT_MAX).then_some(PairIndex(index))
    }
    /// The first so many.
    pub fn first(count: u32) -> impl Iterator<Item = PairIndex> + Clone {
        (0..count).map_while(PairIndex::new)
    }
    /// Its place among the pairs, from 0.
    pub fn place(self) -> usize {
        usize::from(self.0)
    }
    /// Its number for a reader, from 1.
    pub fn number(self) -> u8 {
        self.0 + 1
    }
}

/// A node: `east-1`. Nodes 1 and 2 of a cluster are its first HA pair, 3 and 4 its second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName {
    /// Its site.
    pub cluster: Cluster,
    /// Its number within the cluster, from 1.
    pub number: u8,
}

impl NodeName {
    /// Every node of a topology with so many pairs per cluster, pair by pair.
    pub fn all(pairs: u32) -> impl Iterator<Item = NodeName> {
        let nodes = |pair: PairIndex| {
            let numbers = [1, 2].map(|place| 2 * pair.0 + place);
            let of = move |cluster| numbers.map(|number| NodeName { cluster, number });
            Cluster::ALL.into_iter().flat_map(of)
        };
        PairIndex::first(pairs).flat_map(nodes)
    }
    /// Its pair.
    pub fn pair(self) -> PairIndex {
        PairIndex((self.number - 1) / 2)
    }
    /// True if it is the one of its pair that owns their set at first.
    pub fn is_primary(self) -> bool {
        self.number % 2 == 1
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.cluster, self.number)
    }
}

impl FromStr for NodeName {
    type Err = Complaint;
    fn from_str(text: &str) -> Result<Self, Complaint> {
        let bad = || {
            Complaint::new(
                format!("there is no node {}", quoted(text)),
                "nodes are named by cluster and number: east-1, east-2, west-1, west-2; \
                 3 and 4 are the second pair",
            )
        };
        let (cluster, digits) = text.rsplit_once('-').ok_or_else(bad)?;
        let cluster = Cluster::named(cluster).ok_or_else(bad)?;
        let number = digits.parse().map_err(|_| bad())?;
        let name = NodeName { cluster, number };
        if number == 0 || name.to_string() != text {
            Err(bad())
        } else {
            Ok(name)
        }
    }
}

text_form!(
    NodeName,
    "node",
    "^(east|west)-[1-9][0-9]*$",
    "A node, such as east-1."
);

/// A machine that fails as a whole: a node, or the mediator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MachineName {
    /// A node.
    Node(NodeName),
    /// The mediator's, at the third site.
    Mediator,
}

impl From<NodeName> for MachineName {
    fn from(node: NodeName) -> Self {
        MachineName::Node(node)
    }
}

impl fmt::Display for MachineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MachineName::Node(node) => node.fmt(f),
            MachineName::Mediator => f.write_str(MEDIATOR),
        }
    }
}

impl FromStr for MachineName {
    type Err = Complaint;
    fn from_str(text: &str) -> Result<Self, Complaint> {
        if text == MEDIATOR {
            return Ok(MachineName::Mediator);
        }
        text.parse().map(MachineName::Node)
    }
}

text_form!(
    MachineName,
    "machine",
    "^((east|west)-[1-9][0-9]*|mediator)$",
    "A node, such as east-1, or mediator."
);

/// A module of a node; each fails and restarts by itself.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum ModuleName {
    /// Network: speaks to clients.
    N,
    /// Management: holds the configuration.
    M,
    /// Data: performs and replicates commands.
    D,
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A shared device of a cluster's storage set: `east.journal`, or of its second set
/// `east.journal-2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceName {
    /// Its site.
    pub cluster: Cluster,
    /// The pair that shares it.
    pub pair: PairIndex,
    /// Which of the set's devices.
    pub kind: DeviceKind,
}

/// What a device of a storage set is for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// The small fast one, with the redo log.
    Journal,
    /// The one with the volume's blocks.
    Data,
}

impl DeviceName {
    /// Every device of a topology with so many pairs per cluster, set by set.
    pub fn all(pairs: u32) -> impl Iterator<Item = DeviceName> {
        let of = |pair| Cluster::ALL.map(|cluster| DeviceName::of_set(cluster, pair));
        PairIndex::first(pairs).flat_map(of).flatten()
    }
    /// The journal and the data device of a set.
    pub fn of_set(cluster: Cluster, pair: PairIndex) -> [DeviceName; 2] {
        [DeviceKind::Journal, DeviceKind::Data].map(|kind| DeviceName {
            cluster,
            pair,
            kind,
        })
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DeviceKind::Journal => "journal",
            DeviceKind::Data => "data",
        };
        write!(f, "{}.{kind}", self.cluster)?;
        match self.pair {
            PairIndex::FIRST => Ok(()),
            pair => write!(f, "-{}", pair.number()),
        }
    }
}

impl FromStr for DeviceName {
    type Err = Complaint;
    fn from_str(text: &str) -> Result<Self, Complaint> {
        DeviceName::all(PairIndex::COUNT_MAX)
            .find(|name| name.to_string() == text)
            .ok_or_else(|| {
                Complaint::new(
                    format!("there is no device {}", quoted(text)),
                    "devices are east.journal, east.data, west.journal and west.data; \
                     those of the second pair end with -2",
                )
            })
    }
}

text_form!(
    DeviceName,
    "device",
    r"^(east|west)\.(journal|data)(-[2-8])?$",
    "A device of a storage set, such as east.journal, or east.journal-2 of the second pair."
);

/// Any device: one of a storage set, or the mediator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriveName {
    /// One of a storage set.
    Set(DeviceName),
    /// The mediator's.
    Mediator,
}

impl fmt::Display for DriveName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DriveName::Set(device) => device.fmt(f),
            DriveName::Mediator => f.write_str(MEDIATOR),
        }
    }
}

impl FromStr for DriveName {
    type Err = Complaint;
    fn from_str(text: &str) -> Result<Self, Complaint> {
        if text == MEDIATOR {
            return Ok(DriveName::Mediator);
        }
        text.parse().map(DriveName::Set).map_err(|_| {
            Complaint::new(
                format!("there is no device {}", quoted(text)),
                "devices are east.journal, east.data, west.journal, west.data and mediator; \
                 those of the second pair end with -2",
            )
        })
    }
}

text_form!(
    DriveName,
    "drive",
    r"^((east|west)\.(journal|data)(-[2-8])?|mediator)$",
    "A device, such as east.data, or mediator."
);

/// A network.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkName {
    /// Between the clients and every node.
    Client,
    /// Between the nodes of the two clusters.
    InterCluster,
    /// Between every node and the mediator, where there is one.
    Mediator,
    /// Between the two nodes of each pair, where there is one.
    Interconnect,
}

impl NetworkName {
    /// All, in order.
    pub const ALL: [NetworkName; 4] = [
        NetworkName::Client,
        NetworkName::InterCluster,
        NetworkName::Mediator,
        NetworkName::Interconnect,
    ];
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NetworkName::Client => "client",
            NetworkName::InterCluster => "inter-cluster",
            NetworkName::Mediator => MEDIATOR,
            NetworkName::Interconnect => "interconnect",
        })
    }
}

/// Some of the networks; in a file, a list of them.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(from = "Vec<NetworkName>", into = "Vec<NetworkName>")]
pub struct NetworkSet([bool; NetworkName::ALL.len()]);

impl NetworkSet {
    /// Those that it holds, in order.
    pub fn iter(self) -> impl Iterator<Item = NetworkName> {
        let all = NetworkName::ALL.into_iter().zip(self.0);
        all.filter_map(|(network, is_in)| is_in.then_some(network))
    }
}

impl From<Vec<NetworkName>> for NetworkSet {
    fn from(networks: Vec<NetworkName>) -> Self {
        NetworkSet(NetworkName::ALL.map(|network| networks.contains(&network)))
    }
}

impl From<NetworkSet> for Vec<NetworkName> {
    fn from(networks: NetworkSet) -> Self {
        networks.iter().collect()
    }
}

/// A kind of message, by its name in timelines: `set-ack`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKind(pub LabelKind);

impl MessageKind {
    /// The kinds that have a name, with it.
    pub(crate) fn all() -> impl Iterator<Item = (LabelKind, &'static str)> {
        let kinds = (0..=u8::MAX).map(LabelKind);
        let named = kinds.map(|it| (it, kind::name(it)));
        named.filter(|(_, name)| *name != kind::name(LabelKind(0)))
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(kind::name(self.0))
    }
}

impl FromStr for MessageKind {
    type Err = Complaint;
    fn from_str(text: &str) -> Result<Self, Complaint> {
        let found = MessageKind::all().find(|(_, name)| *name == text);
        found.map(|(it, _)| MessageKind(it)).ok_or_else(|| {
            let known: Vec<_> = MessageKind::all().map(|(_, name)| name).collect();
            Complaint::new(
                format!("there are no messages named {}", quoted(text)),
                choice("messages", text, &known),
            )
        })
    }
}

text_form!(
    MessageKind,
    "message",
    "^[a-z]+(-[a-z]+)*$",
    "A kind of message, such as set or hello-ack."
);

/// One side of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// One node.
    Node(NodeName),
    /// Every node of a cluster.
    Cluster(Cluster),
    /// Every client; on the client network only.
    Clients,
    /// The mediator; on its network only.
    Mediator,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Node(node) => node.fmt(f),
            Endpoint::Cluster(cluster) => cluster.fmt(f),
            Endpoint::Clients => f.write_str("clients"),
            Endpoint::Mediator => f.write_str(MEDIATOR),
        }
    }
}

impl FromStr for Endpoint {
    type Err = Complaint;
    fn from_str(text: &str) -> Result<Self, Complaint> {
        if text == "clients" {
            return Ok(Endpoint::Clients);
        }
        if text == MEDIATOR {
            return Ok(Endpoint::Mediator);
        }
        if let Some(cluster) = Cluster::named(text) {
            return Ok(Endpoint::Cluster(cluster));
        }
        text.parse().map(Endpoint::Node).map_err(|_| {
            Complaint::new(
                format!("nothing on a network is named {}", quoted(text)),
                "name a node (east-1), a cluster (east), \"clients\" or \"mediator\"",
            )
        })
    }
}

text_form!(
    Endpoint,
    "endpoint",
    "^((east|west)(-[1-9][0-9]*)?|clients|mediator)$",
    "A node such as east-1, a cluster such as east, clients, or mediator."
);

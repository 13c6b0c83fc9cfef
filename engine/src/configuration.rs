//! What the administrator decides: who pairs with whom, addresses, policy,
//! timers and limits. The M-module holds it; other modules ask for it.
//!
//! No published figure fixes any timer or limit: each is a setting here, with
//! its default and its reason.

use serde::{Deserialize, Serialize};

use crate::contract::{
    Address, DeviceId, IoId, IoRequest, NetworkId, PageIndex, ReservationKey, Slot, Submission,
};
use crate::storage_set::LAST_PAGE;
use crate::storage_set::format;
use crate::storage_set::layout::Geometry;
use crate::storage_set::tables::Role;
use crate::time::Duration;
use crate::vocabulary::{NodeId, SiteId, StorageSetId, VolumeId};
use crate::wire::MESSAGE_BLOCKS_MAX;

/// The M-module's slot on a node.
pub const M_SLOT: Slot = Slot(0);
/// The N-module's slot on a node.
pub const N_SLOT: Slot = Slot(1);
/// The D-module's slot on a node.
pub const D_SLOT: Slot = Slot(2);

/// What a D-module finds in its machine before anybody has told it anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hardware {
    /// The node.
    pub node: NodeId,
    /// The shared device with the journal.
    pub journal: DeviceId,
    /// Where the stored metadata begins there; without it a boot asks the M-module for
    /// the configuration, and the N-module for every address that it leaves open.
    pub metadata: Option<PageIndex>,
}

impl Hardware {
    /// A command for the journal device.
    pub fn submission(&self, io: IoId, key: ReservationKey, request: IoRequest) -> Submission {
        Submission {
            device: self.journal,
            io,
            key,
            request,
        }
    }
}

/// The configuration of one node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Configuration {
    /// Rises with every change that the administrator makes.
    pub version: u64,
    /// This node.
    pub node: NodeId,
    /// The other node of the HA pair.
    pub partner: NodeId,
    /// The cluster that both belong to.
    pub site: SiteId,
    /// The other cluster of the mirror relationship.
    pub peer_site: SiteId,
    /// The storage set that this node's pair shares.
    pub set: SetConfiguration,
    /// Whether this node of the pair takes the set at boot, or stands by.
    pub duty: Duty,
    /// The volume on the set.
    pub volume: VolumeId,
    /// Where clients reach this node.
    pub client_network: NetworkId,
    /// The pair's address on that network, where it has one: whichever node serves the set
    /// answers it.
    pub service: Option<Address>,
    /// The inter-cluster network.
    pub peer_network: NetworkId,
    /// The nodes of the other cluster's pair that keeps the volume's other copy;
    /// whichever owns that set answers.
    pub peer_nodes: [NodeId; 2],
    /// Where their D-modules are, as far as that is known.
    pub peers: [Option<Address>; 2],
    /// Addresses of the inter-cluster network that D-modules may have: what is tested to
    /// find one.
    pub candidates: Candidates,
    /// The third site, where there is one.
    pub mediator: Option<Mediator>,
    /// The network of the pair alone, where there is one.
    pub interconnect: Option<Interconnect>,
    /// What an owner does whose mirror is lost.
    pub policy: Policy,
    /// The administrator creates the volume: a set without content takes this role,
    /// in sync. Else such a set is a lost one, and waits to be copied to.
    pub founding: Option<Role>,
    /// How replication runs; `Chained` is there to be compared with.
    pub replication: Replication,
    /// Timers.
    pub timers: Timers,
    /// Limits of every queue, log and retry.
    pub limits: Limits,
}

/// Why a configuration cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum ConfigurationError {
    /// A limit of zero lets nothing through.
    #[error("limit {0} is zero")]
    Zero(&'static str),
    /// A command of so many blocks fits no message.
    #[error("a command may have {MESSAGE_BLOCKS_MAX} blocks at most")]
    Command,
    /// A mark with so many clears takes more than its page.
    #[error("a record may clear {} marks at most", format::CLEARS_MAX)]
    Clears,
    /// So many results fit no record.
    #[error("the clients' windows hold {0} results, more than a record's head")]
    Results(u64),
    /// The largest command, or a copy with all results, never finds room.
    #[error("the ring needs {0} pages")]
    Ring(u64),
    /// A region is longer than a message.
    #[error("a region has {0} blocks; between 1 and {MESSAGE_BLOCKS_MAX} are possible")]
    Region(u64),
    /// The volume is empty, or there is no room for it.
    #[error("the volume has {0} blocks; there must be some, and the set must have room for them")]
    Volume(u64),
    /// The fullest tables do not fit.
    #[error("a checkpoint slot needs {0} pages")]
    Checkpoint(u64),
}

/// Consecutive addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Candidates {
    /// The first one.
    pub first: Address,
    /// How many; none leaves nothing to be tested.
    pub count: u32,
}

impl Candidates {
    /// Every one of them, in order.
    pub fn addresses(self) -> impl Iterator<Item = Address> {
        let first = self.first.value();
        (0..self.count).map_while(move |at| first.checked_add(at).map(Address::new))
    }
}

impl Configuration {
    /// The same as the other node of the pair has to read it; none for a node of another
    /// pair.
    pub fn seen_by(self, node: NodeId) -> Option<Configuration> {
        if node == self.node {
            return Some(self);
        }
        (node == self.partner).then_some(Configuration {
            node: self.partner,
            partner: self.node,
            duty: match self.duty {
                Duty::Primary => Duty::Standby,
                Duty::Standby => Duty::Primary,
            },
            interconnect: self.interconnect.map(Interconnect::seen_from_the_other_end),
            ..self
        })
    }
    /// The same in its next version.
    #[must_use]
    pub fn next_version(&self) -> Configuration {
        Configuration {
            version: self.version + 1,
            ..self.clone()
        }
    }
    /// This node's place in its pair: the lower of the two numbers is 0.
    pub fn rank(&self) -> u64 {
        u64::from(self.partner < self.node)
    }
    /// Checks that limits, geometry and the volume's size fit each other.
    pub fn check(&self) -> Result<(), ConfigurationError> {
        let SetConfiguration {
            volume_blocks,
            geometry,
            ..
        } = &self.set;
        if !(1..=geometry.blocks).contains(volume_blocks) {
            return Err(ConfigurationError::Volume(*volume_blocks));
        }
        self.limits.check(geometry)
    }
}

impl Limits {
    /// Checks that they fit each other and a set's geometry, so that nothing that is
    /// let in ever lacks room for good.
    pub fn check(&self, geometry: &Geometry) -> Result<(), ConfigurationError> {
        for (name, value) in [
            ("command_blocks", self.command_blocks),
            ("commands_in_flight", self.commands_in_flight),
            ("commands_waiting", self.commands_waiting),
            ("clients", self.clients),
            ("portion_bytes", self.portion_bytes),
            ("reassemblies", self.reassemblies),
            ("clears_per_record", self.clears_per_record),
            ("probes", self.probes),
        ] {
            if value == 0 {
                return Err(ConfigurationError::Zero(name));
            }
        }
        if self.window == 0 {
            return Err(ConfigurationError::Zero("window"));
        }
        if self.command_blocks > MESSAGE_BLOCKS_MAX {
            return Err(ConfigurationError::Command);
        }
        if self.clears_per_record > format::CLEARS_MAX {
            return Err(ConfigurationError::Clears);
        }
        if geometry.region_blocks == 0 || geometry.region_blocks > u64::from(MESSAGE_BLOCKS_MAX) {
            return Err(ConfigurationError::Region(geometry.region_blocks));
        }
        let (results, blocks) = (self.results(), u64::from(self.command_blocks));
        // A region is copied in one record, whether or not a command may be so long.
        let blocks = blocks.max(geometry.region_blocks);
        let copy = format::copy_pages_max(results, blocks);
        let copy = copy.ok_or(ConfigurationError::Results(results))?;
        // A command takes its mark and its record's head beside its blocks.
        // Beside either the set keeps its last page.
        let needed = copy.max(self.journal_reserve.saturating_add(2 + blocks));
        let needed = needed.saturating_add(LAST_PAGE);
        if geometry.ring_pages < needed {
            return Err(ConfigurationError::Ring(needed));
        }
        let regions = geometry.region_count();
        let needed = format::checkpoint_pages_max(self.marks(), results, self.clients, regions);
        if geometry.checkpoint_pages < needed {
            return Err(ConfigurationError::Checkpoint(needed));
        }
        Ok(())
    }

    /// Rows of the result table at most.
    pub fn results(&self) -> u64 {
        self.window.saturating_mul(u64::from(self.clients))
    }

    /// Marks that stand at a time at most. Beside those of commands in flight
    /// there are resolved ones: as many again may resolve between two records,
    /// wait for the next, and be cleared by one that is not durable yet.
    pub fn marks(&self) -> u64 {
        4 * u64::from(self.commands_in_flight)
    }
}

/// The shared devices of an HA pair.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SetConfiguration {
    /// The set.
    pub id: StorageSetId,
    /// Identity written when the set was formatted; equal on both copies.
    pub format: u64,
    /// The fast device with journal, checkpoints and superblock.
    pub journal: DeviceId,
    /// The device with the volume's blocks and their headers.
    pub data: DeviceId,
    /// Sizes of both.
    pub geometry: Geometry,
    /// Blocks of the volume when it is founded; it may grow to what there is room for.
    pub volume_blocks: u64,
}

/// What a node of a pair does when it boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Duty {
    /// Takes the set.
    Primary,
    /// Stands by for its partner.
    Standby,
}

/// Where the mediator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mediator {
    /// The mediator network.
    pub network: NetworkId,
    /// Its address there.
    pub address: Address,
}

/// A network that joins the two nodes of an HA pair and nobody else: their D-modules hear of
/// each other over it, beside the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Interconnect {
    /// The network.
    pub network: NetworkId,
    /// This node's modules there.
    pub own: Seats,
    /// The partner's.
    pub partner: Seats,
    /// Each machine's service processor tells the partner when the machine loses power.
    pub hardware_notice: bool,
}

impl Interconnect {
    /// The same as the partner has to read it.
    fn seen_from_the_other_end(self) -> Self {
        Interconnect {
            own: self.partner,
            partner: self.own,
            ..self
        }
    }
}

/// Where the modules of a node are on its interconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seats {
    /// The N-module.
    pub n: Address,
    /// The D-module.
    pub d: Address,
}

/// What an owner does whose mirror is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Policy {
    /// Waits; clients hear `Unknown`.
    Strict,
    /// Goes on alone, and copies later what changed.
    Sync,
}

/// Order of local and replica performance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Replication {
    /// Both at once, after the mark is durable.
    Parallel,
    /// The replica leaves only when the local write is durable.
    Chained,
}

/// How long things may take.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timers {
    /// A client attempt ends at the latest this long after its ticket was issued
    /// (the client's own timer). Default 6 s.
    pub status_limit: Duration,
    /// By how much a ticket must be younger than `status_limit` when its command
    /// is accepted: clock drift over the limit and reserve. Default 500 ms.
    pub ticket_margin: Duration,
    /// A D-module answers `Unknown` by itself after this long. Default 5 s.
    pub answer_limit: Duration,
    /// An unacknowledged transfer is sent again after this long, doubled with
    /// each retry up to `retransmit_max`. Default 50 ms (metro round trips are 2 ms).
    pub retransmit_min: Duration,
    /// Longest interval between retransmissions. Default 800 ms.
    pub retransmit_max: Duration,
    /// A path whose oldest transfer is unacknowledged for this long gets a new
    /// session. One whose end leaves a question unanswered for as long is not ready any
    /// more. Default 3 s.
    pub path_timeout: Duration,
    /// The end of a ready path is asked again after this long whether it is still there,
    /// and who it is now. Default 1 s: an end that changes says so itself.
    pub path_refresh: Duration,
    /// Resolved marks are cleared at the latest this long after the last record.
    /// Default 20 ms.
    pub idle_clear: Duration,
    /// Blocks that stand only in the journal are applied to the data device at
    /// the latest this long after the first of them. Default 200 ms.
    pub idle_destage: Duration,
    /// A D-module shows its partner that it lives once in this time, and renews its
    /// HA lease. Default 100 ms.
    pub heartbeat: Duration,
    /// A partner whose heartbeat stands still for this long is taken over. Default
    /// 1 s; products wait 10 to 180 s.
    pub takeover_after: Duration,
    /// A partner that is silent in the mailbox and not on the interconnect is asked to hand
    /// its set over; it is taken over if it has not for this long. Default 1 s.
    pub ask_limit: Duration,
    /// How long a D-module may answer from memory after a command of it was executed
    /// under its reservation; who takes over waits it out. Default 500 ms.
    pub ha_lease: Duration,
    /// What was accepted before a hand-over must end within this, or the hand-over is given
    /// up. Default 2 s: short of every client's limit.
    pub drain_limit: Duration,
    /// A standby that holds the set hands it back once its partner has watched for this
    /// long; never by itself if absent. Off by default: a partner that keeps dying would
    /// move the set again and again.
    pub giveback_after: Option<Duration>,
    /// How long a lease of the mirror or the mediator lasts. Default 2 s.
    pub lease: Duration,
    /// A mirror whose owner has been silent for this long has the mediator make it the owner,
    /// if the mediator's record says in sync and no lease runs; never by itself if absent. Off
    /// by default: a site is given up by who answers for it. Longer than a takeover within
    /// the owner's pair.
    pub switchover_after: Option<Duration>,
    /// By how much a grantor waits longer than a holder: clock drift over the
    /// longest term and reserve. Default 10 ms.
    pub lease_margin: Duration,
    /// A mirror whose Hello stays unanswered for this long is lost: policy decides.
    /// Longer than a takeover of the mirror's set, or each would end in a resync.
    /// Default 1,500 ms.
    pub loss_after: Duration,
    /// While a client waits for an answer, a resync begins its next region only this long
    /// after the last one ended; zero for no throttle. Default 1 ms: a region of 8 blocks
    /// takes 1.4 ms over metro distance, so under steady load a resync works for six
    /// tenths of the time.
    pub resync_pause: Duration,
    /// An unanswered question to the mediator is repeated after this long. Default
    /// 200 ms.
    pub mediator_retry: Duration,
    /// Peers that leave a Hello without an answer for this long, at every address that
    /// is known of them, may have moved: their addresses are tested. Default 300 ms; unless
    /// it is less than `loss_after` they are given up first.
    pub contact_timeout: Duration,
    /// The addresses are tested again after this long, if they were tested in vain or the
    /// N-module does not answer. Default 1 s.
    pub discover_again: Duration,
    /// An address that does not answer a test for this long is tested once more, then
    /// passed over. Default 50 ms (metro round trips are 2 ms).
    pub probe_timeout: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Timers {
            status_limit: Duration::from_secs(6),
            ticket_margin: Duration::from_millis(500),
            answer_limit: Duration::from_secs(5),
            retransmit_min: Duration::from_millis(50),
            retransmit_max: Duration::from_millis(800),
            path_timeout: Duration::from_secs(3),
            path_refresh: Duration::from_secs(1),
            idle_clear: Duration::from_millis(20),
            idle_destage: Duration::from_millis(200),
            heartbeat: Duration::from_millis(100),
            takeover_after: Duration::from_secs(1),
            ask_limit: Duration::from_secs(1),
            ha_lease: Duration::from_millis(500),
            drain_limit: Duration::from_secs(2),
            giveback_after: None,
            lease: Duration::from_secs(2),
            switchover_after: None,
            lease_margin: Duration::from_millis(10),
            loss_after: Duration::from_millis(1500),
            resync_pause: Duration::from_millis(1),
            mediator_retry: Duration::from_millis(200),
            contact_timeout: Duration::from_millis(300),
            discover_again: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(50),
        }
    }
}

/// How much of everything there may be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Blocks in one command. Default 32 (128 KiB).
    pub command_blocks: u32,
    /// Commands accepted and not yet resolved, per volume. Default 128.
    pub commands_in_flight: u32,
    /// Commands that wait for their range, ticket in hand. Default 128.
    pub commands_waiting: u32,
    /// Ids per client between its watermark and its newest. Default 64.
    pub window: u64,
    /// Clients of one volume. Default 64.
    pub clients: u32,
    /// Payload bytes in one portion; fits a 9000-byte MTU. Default 8192.
    pub portion_bytes: u32,
    /// Transfers in reassembly at the receiver. Default 256.
    pub reassemblies: u32,
    /// Resolved marks that one record may clear. Default 64.
    pub clears_per_record: u32,
    /// Journal pages kept free for sessions, failures, clears and copies;
    /// acceptance of commands stops before it is touched. Default 64.
    pub journal_reserve: u64,
    /// Addresses that are tested at a time. Default 8.
    pub probes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            command_blocks: 32,
            commands_in_flight: 128,
            commands_waiting: 128,
            window: 64,
            clients: 64,
            portion_bytes: 8192,
            reassemblies: 256,
            clears_per_record: 64,
            journal_reserve: 64,
            probes: 8,
        }
    }
}

#[cfg(test)]
mod tests;

//! The engine's settings as a scenario file writes them. The values are the
//! engine's own types, and so are their defaults; the forms here only name and
//! document them, and stop compiling when the engine gains or loses a field.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stormglass_engine::configuration::{Limits, Policy, Replication, Timers};
use stormglass_engine::time::Duration;

use super::text::{DurationText, maybe_duration};

/// How the engine is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Order of local and replica performance.
    #[serde(with = "ReplicationForm")]
    pub replication: Replication,
    /// What the cluster does when the mirror cannot follow.
    #[serde(with = "PolicyForm")]
    pub policy: Policy,
    /// What a D-module boots from.
    pub metadata: MetadataPolicy,
    /// Whether the service processor of a machine that loses power tells the partner, over
    /// the interconnect: then that need not wait until the heartbeat has stood still.
    pub hardware_notice: bool,
    /// How long things may take.
    #[serde(with = "TimersForm")]
    pub timers: Timers,
    /// How much of everything there may be inside the engine.
    #[serde(with = "LimitsForm")]
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            replication: Replication::Parallel,
            policy: Policy::Strict,
            metadata: MetadataPolicy::Stored,
            hardware_notice: false,
            timers: Timers::default(),
            limits: Limits::default(),
        }
    }
}

/// What a D-module boots from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetadataPolicy {
    /// The copies on its storage set; its peers are looked for only if they do not answer
    /// there. Without a copy, for the set is new, the M-module is asked.
    Stored,
    /// Nothing is stored: each boot asks the M-module for the configuration, and has every
    /// peer looked for.
    None,
}

/// What a cluster does when the mirror cannot follow.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Policy", rename_all = "lowercase")]
#[schemars(rename = "Policy")]
enum PolicyForm {
    /// Nothing succeeds that is not on both copies.
    Strict,
    /// The owner goes on alone, and copies later what changed.
    Sync,
}

/// Order of local and replica performance.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Replication", rename_all = "lowercase")]
#[schemars(rename = "Replication")]
enum ReplicationForm {
    /// Local and replica at once, after the mark is durable.
    Parallel,
    /// The replica leaves only when the local write is durable.
    Chained,
}

/// How long things may take.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Timers", deny_unknown_fields, default = "Timers::default")]
#[schemars(rename = "Timers")]
struct TimersForm {
    /// A client's attempt ends at the latest this long after its ticket was issued.
    #[serde(with = "DurationText")]
    status_limit: Duration,
    /// By how much a ticket must be younger than `status_limit` at acceptance.
    #[serde(with = "DurationText")]
    ticket_margin: Duration,
    /// A D-module answers Unknown by itself after this long.
    #[serde(with = "DurationText")]
    answer_limit: Duration,
    /// First interval before an unacknowledged transfer is sent again; doubles.
    #[serde(with = "DurationText")]
    retransmit_min: Duration,
    /// Longest interval between retransmissions.
    #[serde(with = "DurationText")]
    retransmit_max: Duration,
    /// A path that is silent for this long gets a new session.
    #[serde(with = "DurationText")]
    path_timeout: Duration,
    /// The end of a ready path is asked again after this long who it is now. Default 1 s.
    #[serde(with = "DurationText")]
    path_refresh: Duration,
    /// Resolved marks are cleared at the latest this long after the last record.
    #[serde(with = "DurationText")]
    idle_clear: Duration,
    /// Journalled blocks reach the data device at the latest this long after the
    /// first of them.
    #[serde(with = "DurationText")]
    idle_destage: Duration,
    /// A D-module shows its partner that it lives once in this time, and renews its
    /// HA lease. Default 100 ms.
    #[serde(with = "DurationText")]
    heartbeat: Duration,
    /// A partner whose heartbeat stands still for this long is taken over. Default 1 s.
    #[serde(with = "DurationText")]
    takeover_after: Duration,
    /// A partner that is silent in the mailbox and not on the interconnect is asked to hand
    /// its set over; it is taken over if it has not for this long. Default 1 s.
    #[serde(with = "DurationText")]
    ask_limit: Duration,
    /// How long a D-module may answer from memory after a command of it was executed
    /// under its reservation. Default 500 ms.
    #[serde(with = "DurationText")]
    ha_lease: Duration,
    /// What was accepted before a hand-over must end within this, or the hand-over is given
    /// up. Default 2 s.
    #[serde(with = "DurationText")]
    drain_limit: Duration,
    /// A standby that holds the set hands it back once its partner has watched for this
    /// long; never by itself if absent.
    #[serde(with = "maybe_duration")]
    #[schemars(with = "DurationText")]
    giveback_after: Option<Duration>,
    /// How long a lease of the mirror or the mediator lasts. Default 2 s.
    #[serde(with = "DurationText")]
    lease: Duration,
    /// A mirror whose owner has been silent for this long has the mediator make it the owner;
    /// never by itself if absent.
    #[serde(with = "maybe_duration")]
    #[schemars(with = "DurationText")]
    switchover_after: Option<Duration>,
    /// By how much a grantor waits longer than a holder. Default 10 ms.
    #[serde(with = "DurationText")]
    lease_margin: Duration,
    /// A mirror whose Hello stays unanswered for this long is lost. Default 1500 ms.
    #[serde(with = "DurationText")]
    loss_after: Duration,
    /// While a client waits for an answer, a resync begins its next region only this long
    /// after the last one ended; 0s for no throttle. Default 1 ms.
    #[serde(with = "DurationText")]
    resync_pause: Duration,
    /// An unanswered question to the mediator is repeated after this long. Default 200 ms.
    #[serde(with = "DurationText")]
    mediator_retry: Duration,
    /// Peers that leave a Hello without an answer for this long may have moved: addresses
    /// are tested. Default 300 ms.
    #[serde(with = "DurationText")]
    contact_timeout: Duration,
    /// Addresses are tested again after this long. Default 1 s.
    #[serde(with = "DurationText")]
    discover_again: Duration,
    /// An address that does not answer a test for this long is tested once more, then
    /// passed over. Default 50 ms.
    #[serde(with = "DurationText")]
    probe_timeout: Duration,
}

/// How much of everything there may be inside the engine.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Limits", deny_unknown_fields, default = "Limits::default")]
#[schemars(rename = "EngineLimits")]
struct LimitsForm {
    /// Blocks in one command.
    command_blocks: u32,
    /// Commands accepted and not yet resolved, per volume.
    commands_in_flight: u32,
    /// Commands that wait for their range.
    commands_waiting: u32,
    /// Ids per client between its watermark and its newest.
    window: u64,
    /// Clients of one volume.
    clients: u32,
    /// Payload bytes in one portion.
    portion_bytes: u32,
    /// Transfers in reassembly at the receiver.
    reassemblies: u32,
    /// Resolved marks that one record may clear.
    clears_per_record: u32,
    /// Journal pages that commands may not use.
    journal_reserve: u64,
    /// Addresses that are tested at a time.
    probes: u32,
}

//! Weather as a file describes it: faults that each seed draws until calm sets in,
//! and what calm leaves as it is.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use stormglass_engine::time::Duration;
use stormglass_sim::random::Ratio;

use super::model::keyed_schema;
use super::names::NodeName;
use super::text::{DurationRange, DurationText, Rate, RatioText};

/// Faults that each seed draws, until calm sets in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Weather {
    /// When calm sets in.
    #[serde(with = "DurationText")]
    pub until: Duration,
    /// Chance with which a seed turns each kind of fault on at all. Always if absent.
    #[schemars(with = "RatioText")]
    pub swarm: Ratio,
    /// Messages that are lost.
    pub loss: Rate,
    /// Messages that arrive twice.
    pub duplicate: Rate,
    /// Messages that arrive late, and so overtake each other.
    pub delay: Delay,
    /// Messages that arrive with a flipped bit.
    pub corrupt: Rate,
    /// Single device commands.
    pub io: Io,
    /// Faults that come again and again, each to somebody else.
    #[schemars(schema_with = "recurring_schema")]
    pub recurring: BTreeMap<RecurringKind, Recurring>,
    /// Times in which all of that comes thicker; none if absent.
    #[schemars(with = "Burst")]
    pub burst: Option<Burst>,
    /// For whom the faults stop when calm sets in.
    pub calm: Calm,
}

impl Default for Weather {
    fn default() -> Self {
        Weather {
            until: Duration::from_secs(10),
            swarm: Ratio::ALWAYS,
            loss: Rate::ZERO,
            duplicate: Rate::ZERO,
            delay: Delay::default(),
            corrupt: Rate::ZERO,
            io: Io::default(),
            recurring: BTreeMap::new(),
            burst: None,
            calm: Calm::default(),
        }
    }
}

impl Weather {
    /// True if no seed draws any fault.
    pub fn is_calm(&self) -> bool {
        let rates = [self.loss, self.duplicate, self.delay.ratio, self.corrupt];
        let io = self.io.rates().map(|(_, rate)| rate);
        rates.into_iter().chain(io).all(Rate::is_zero) && self.recurring.is_empty()
    }

    /// True if something of it may take content from a device.
    pub fn damages(&self) -> bool {
        let Io {
            lost_write,
            misdirected_write,
            lying_flush,
            ..
        } = self.io;
        let takes = |kind: &RecurringKind| kind.takes_content();
        let rates = [lost_write, misdirected_write, lying_flush];
        self.recurring.keys().any(takes) || !rates.into_iter().all(Rate::is_zero)
    }
}

/// What befalls single device commands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Io {
    /// Commands that take longer.
    pub slow: Delay,
    /// Commands that fail once and do nothing, on any device.
    pub error: Rate,
    /// Flushes of a data device that fail, and after which what was to be flushed is
    /// unknown.
    pub failed_flush: Rate,
    /// Writes of blocks that are acknowledged and never stored; in one cluster only, the
    /// one that `recurring.damage` meets.
    pub lost_write: Rate,
    /// Writes of blocks that are acknowledged and stored over others, likewise.
    pub misdirected_write: Rate,
    /// Flushes of a data device that are acknowledged and make nothing stable; only where
    /// no device ever loses power.
    pub lying_flush: Rate,
    /// A node whose heartbeats wait; none if absent.
    #[schemars(with = "SilentMailbox")]
    pub mailbox: Option<SilentMailbox>,
}

/// A node whose writes of its place in the mailbox wait: its partner does not see that it
/// lives, and it does all else as ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilentMailbox {
    /// The node.
    pub node: NodeName,
    /// From when on.
    #[serde(with = "DurationText")]
    pub at: Duration,
    /// They are carried out when this is over.
    #[serde(with = "DurationText")]
    pub lasts: Duration,
}

impl Io {
    /// Its rates and their names.
    pub fn rates(&self) -> [(&'static str, Rate); 6] {
        [
            ("slow", self.slow.ratio),
            ("error", self.error),
            ("failed_flush", self.failed_flush),
            ("lost_write", self.lost_write),
            ("misdirected_write", self.misdirected_write),
            ("lying_flush", self.lying_flush),
        ]
    }
}

/// Messages that arrive late.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Delay {
    /// How many.
    pub ratio: Rate,
    /// The most by which one is late.
    #[serde(with = "DurationText")]
    pub max: Duration,
}

/// A fault that comes again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recurring {
    /// Mean time from one to the next; a range from which each seed draws.
    pub every: DurationRange,
    /// How long one lasts; a range from which each draws. What lasts is over at the
    /// latest when calm sets in. Nothing for a fault that is done in an instant.
    #[serde(default)]
    pub lasts: DurationRange,
}

/// Times in which faults come thicker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// Mean time from the beginning of one to the next; each seed draws.
    pub every: DurationRange,
    /// How long one lasts; each draws.
    pub lasts: DurationRange,
    /// How many times as often faults happen in it.
    pub factor: u32,
}

/// For whom the faults stop when calm sets in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Calm {
    /// For everybody.
    #[default]
    All,
    /// For a core that each seed draws, with which the cluster can work: the clients,
    /// the mediator, a node of the owner's cluster at least. The rest stays down,
    /// stands still, or is cut off, for good.
    Core,
}

/// What comes again and again.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RecurringKind {
    /// A node, or the mediator, loses power.
    Crash,
    /// A module of a node dies.
    Kill,
    /// A node stands still.
    Pause,
    /// A cluster's nodes and devices lose power together.
    PowerOff,
    /// Two machines, or two clusters, are parted on a network, in one direction or both.
    Partition,
    /// A device does not answer.
    DeviceGone,
    /// A block's page on a cluster's data device goes bad; in one cluster only, which
    /// the seed draws.
    Damage,
    /// A device takes 10 to 100 times as long for every command.
    DeviceSlow,
    /// A device executes nothing; commands wait until it goes on.
    DeviceStall,
    /// What two sides send each other waits, and leaves when that ends.
    Clog,
    /// What two sides send each other has little room; now and then it is dropped.
    Narrow,
    /// A node computes 10 to 100 times as slowly.
    SlowCpu,
    /// A node loses power some times in a row; `lasts` is all of that.
    CrashLoop,
    /// A machine's clock changes its rate, within what the settings assume.
    Clock,
    /// Messages of one kind do not get through between two sides.
    CutKind,
    /// A device of a set refuses to write where it holds nothing yet.
    DeviceFull,
    /// A device of the mirror's cluster does not answer, and comes back blank.
    DeviceReplaced,
    /// The first of two remembers what the data device of the damaged cluster holds, the
    /// second brings a block back to it.
    StalePages,
    /// The first of two remembers what that device holds, the second brings all of it
    /// back: what has gone back as a whole shows no contradiction.
    DeviceStale,
    /// The damaged cluster's devices change places.
    Swap,
}

impl RecurringKind {
    /// Every kind.
    pub const ALL: [RecurringKind; 20] = [
        RecurringKind::Crash,
        RecurringKind::Kill,
        RecurringKind::Pause,
        RecurringKind::PowerOff,
        RecurringKind::Partition,
        RecurringKind::DeviceGone,
        RecurringKind::Damage,
        RecurringKind::DeviceSlow,
        RecurringKind::DeviceStall,
        RecurringKind::Clog,
        RecurringKind::Narrow,
        RecurringKind::SlowCpu,
        RecurringKind::CrashLoop,
        RecurringKind::Clock,
        RecurringKind::CutKind,
        RecurringKind::DeviceFull,
        RecurringKind::DeviceReplaced,
        RecurringKind::StalePages,
        RecurringKind::DeviceStale,
        RecurringKind::Swap,
    ];

    /// True if one of it is done in an instant.
    pub fn is_instant(self) -> bool {
        matches!(
            self,
            RecurringKind::Damage | RecurringKind::StalePages | RecurringKind::Swap
        )
    }

    /// True if it may take content from a device.
    pub fn takes_content(self) -> bool {
        matches!(
            self,
            RecurringKind::Damage
                | RecurringKind::DeviceReplaced
                | RecurringKind::StalePages
                | RecurringKind::DeviceStale
                | RecurringKind::Swap
        )
    }
}

impl fmt::Display for RecurringKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RecurringKind::Crash => "crash",
            RecurringKind::Kill => "kill",
            RecurringKind::Pause => "pause",
            RecurringKind::PowerOff => "power_off",
            RecurringKind::Partition => "partition",
            RecurringKind::DeviceGone => "device_gone",
            RecurringKind::Damage => "damage",
            RecurringKind::DeviceSlow => "device_slow",
            RecurringKind::DeviceStall => "device_stall",
            RecurringKind::Clog => "clog",
            RecurringKind::Narrow => "narrow",
            RecurringKind::SlowCpu => "slow_cpu",
            RecurringKind::CrashLoop => "crash_loop",
            RecurringKind::Clock => "clock",
            RecurringKind::CutKind => "cut_kind",
            RecurringKind::DeviceFull => "device_full",
            RecurringKind::DeviceReplaced => "device_replaced",
            RecurringKind::StalePages => "stale_pages",
            RecurringKind::DeviceStale => "device_stale",
            RecurringKind::Swap => "swap",
        })
    }
}

fn recurring_schema(generator: &mut SchemaGenerator) -> Schema {
    let value = generator.subschema_for::<Recurring>();
    let kinds = RecurringKind::ALL.into_iter();
    keyed_schema(kinds.map(|kind| kind.to_string()), &value)
}

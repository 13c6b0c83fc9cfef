//! Scheduled faults as a file writes them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stormglass_engine::time::Duration;

use super::{
    Action, AreaKind, ClockWay, DamageKind, Direction, Fault, OrderName, Partition, ReturnKind,
    Trigger, When,
};
use crate::file::names::{
    DriveName, Endpoint, Extent, MachineName, MessageKind, ModuleName, NetworkName, NetworkSet,
    NodeName,
};
use crate::file::text::{Complaint, DurationText, maybe_duration};

impl JsonSchema for Fault {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fault".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        FaultForm::json_schema(generator)
    }
}

/// Declares the form of a fault, which is a table with one key that says of which kind
/// it is; and for each kind the table behind the key: its moment, then its own keys,
/// which are the fields of the action of that name.
macro_rules! forms {
    ($($(#[$doc:meta])* $action:ident($form:ident as $name:literal) {
        $($(#[$meta:meta])* $field:ident: $type:ty,)*
    })*) => {
        /// A scheduled fault: one key, which says of which kind it is.
        #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub(super) enum FaultForm {
            /// A network loses messages between two sides.
            Partition(PartitionForm),
            $($(#[$doc])* $action($form),)*
        }

        $(
            #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
            #[serde(deny_unknown_fields)]
            #[schemars(rename = $name)]
            #[schemars(extend("oneOf" = [{ "required": ["at"] }, { "required": ["on"] }]))]
            pub(super) struct $form {
                /// The moment, counted from the beginning; or say `on`.
                #[serde(default, with = "maybe_duration")]
                #[schemars(with = "DurationText")]
                at: Option<Duration>,
                /// The event that sets it off; or say `at`.
                #[serde(default)]
                #[schemars(with = "Trigger")]
                on: Option<Trigger>,
                $($(#[$meta])* $field: $type,)*
            }
        )*

        impl TryFrom<FaultForm> for Fault {
            type Error = Complaint;
            fn try_from(form: FaultForm) -> Result<Self, Complaint> {
                match form {
                    FaultForm::Partition(form) => form.fault(),
                    $(FaultForm::$action($form { at, on, $($field),* }) => Ok(Fault {
                        when: moment(at, on)?,
                        action: Action::$action { $($field),* },
                    }),)*
                }
            }
        }

        impl From<Fault> for FaultForm {
            fn from(fault: Fault) -> Self {
                let (at, on) = match fault.when {
                    When::At(at) => (Some(at), None),
                    When::On(on) => (None, Some(on)),
                };
                match fault.action {
                    Action::Partition(partition) => {
                        FaultForm::Partition(PartitionForm::new(at, on, partition))
                    }
                    $(Action::$action { $($field),* } => {
                        FaultForm::$action($form { at, on, $($field),* })
                    })*
                }
            }
        }
    };
}

forms! {
    /// A node or the mediator loses power; its devices keep power.
    Crash(CrashForm as "Crash") {
        /// The node that loses power, or the mediator.
        node: MachineName,
        /// How long it stays down; for good if absent.
        #[serde(default, with = "maybe_duration")]
        #[schemars(with = "DurationText")]
        restart_after: Option<Duration>,
    }
    /// One module of a node dies.
    Kill(KillForm as "Kill") {
        /// The node.
        node: NodeName,
        /// The module that dies.
        module: ModuleName,
        /// How long it stays down; for good if absent.
        #[serde(default, with = "maybe_duration")]
        #[schemars(with = "DurationText")]
        restart_after: Option<Duration>,
    }
    /// The nodes and devices of a cluster lose power together, or those of everything.
    PowerOff(PowerOffForm as "PowerOff") {
        /// The cluster that loses power, or "all".
        cluster: Extent,
        /// How long its nodes stay down; for good if absent.
        #[serde(default, with = "maybe_duration")]
        #[schemars(with = "DurationText")]
        restart_after: Option<Duration>,
    }
    /// A node stands still and goes on.
    Pause(PauseForm as "Pause") {
        /// The node that stands still.
        node: NodeName,
        /// For how long.
        #[serde(with = "DurationText")]
        duration: Duration,
    }
    /// A node's D-module gets another address on the inter-cluster network; nobody tells
    /// its peers.
    Readdress(ReaddressForm as "Readdress") {
        /// The node.
        node: NodeName,
        /// The new address: one of the candidates, 200 and those after it, that nobody has.
        address: u32,
    }
    /// A device does not answer.
    DeviceGone(DeviceGoneForm as "DeviceGone") {
        /// The device that does not answer.
        device: DriveName,
        /// For how long; for good if absent.
        #[serde(default, with = "maybe_duration")]
        #[schemars(with = "DurationText")]
        duration: Option<Duration>,
        /// How it comes back.
        #[serde(default = "intact")]
        returns: ReturnKind,
    }
    /// A block's page on a data device goes bad.
    Damage(DamageForm as "Damage") {
        /// The data device.
        device: DriveName,
        /// The block of the volume.
        block: u64,
        /// How its page goes bad.
        kind: DamageKind,
    }
    /// A record of a journal goes bad where it begins.
    DamageRecord(DamageRecordForm as "DamageRecord") {
        /// The journal device.
        device: DriveName,
        /// Which record, counted from the newest, which is 1; nothing happens if there are
        /// fewer.
        #[schemars(range(min = 1))]
        nth: u64,
        /// How its page goes bad.
        kind: DamageKind,
    }
    /// A stored copy of the metadata goes bad.
    DamageMetadata(DamageMetadataForm as "DamageMetadata") {
        /// The journal device.
        device: DriveName,
        /// Which copy.
        #[schemars(range(min = 1, max = 2))]
        copy: u64,
        /// How its page goes bad.
        kind: DamageKind,
    }
    /// A device takes longer for every command.
    DeviceSlow(DeviceSlowForm as "DeviceSlow") {
        /// The device.
        device: DriveName,
        /// How many times as long.
        #[serde(default = "hundredfold")]
        #[schemars(range(min = 1))]
        factor: u32,
        /// For how long.
        #[serde(with = "DurationText")]
        duration: Duration,
    }
    /// A device executes nothing; commands wait until it goes on.
    DeviceStall(DeviceStallForm as "DeviceStall") {
        /// The device.
        device: DriveName,
        /// For how long.
        #[serde(with = "DurationText")]
        duration: Duration,
    }
    /// A device has no space for pages that hold nothing yet.
    DeviceFull(DeviceFullForm as "DeviceFull") {
        /// The device.
        device: DriveName,
        /// Where; everywhere if absent.
        #[serde(default)]
        #[schemars(with = "AreaKind")]
        area: Option<AreaKind>,
        /// For how long; for good if absent.
        #[serde(default, with = "maybe_duration")]
        #[schemars(with = "DurationText")]
        duration: Option<Duration>,
    }
    /// A device's content is remembered, for it to go back to.
    Remember(RememberForm as "Remember") {
        /// The device.
        device: DriveName,
    }
    /// Pages of a device go back to what was remembered of them.
    StalePages(StalePagesForm as "StalePages") {
        /// The device.
        device: DriveName,
        /// The first page.
        start: u64,
        /// How many.
        #[schemars(range(min = 1))]
        count: u64,
    }
    /// Two devices lose power and come back in each other's place.
    Swap(SwapForm as "Swap") {
        /// One.
        device: DriveName,
        /// The other.
        with: DriveName,
    }
    /// One side loses every message to and from everybody else, on several networks at once.
    Isolate(IsolateForm as "Isolate") {
        /// The side that nobody hears.
        side: Endpoint,
        /// The networks that are cut.
        #[schemars(with = "Vec<NetworkName>", length(min = 1))]
        networks: NetworkSet,
        /// For how long.
        #[serde(with = "DurationText")]
        duration: Duration,
    }
    /// What is sent waits, and leaves when that ends.
    Clog(ClogForm as "Clog") {
        /// One side.
        from: Endpoint,
        /// The other side.
        to: Endpoint,
        /// Only what is sent by `from` to `to`.
        #[serde(default)]
        #[schemars(with = "bool")]
        one_way: Direction,
        /// The network.
        #[serde(default = "inter_cluster")]
        network: NetworkName,
        /// For how long each link is clogged.
        #[serde(with = "DurationText")]
        duration: Duration,
        /// Clog links one after the other, this long apart, and release them in the
        /// reverse order.
        #[serde(default, with = "maybe_duration")]
        #[schemars(with = "DurationText")]
        interval: Option<Duration>,
    }
    /// What is sent has little room.
    Narrow(NarrowForm as "Narrow") {
        /// One side.
        from: Endpoint,
        /// The other side.
        to: Endpoint,
        /// Only what is sent by `from` to `to`.
        #[serde(default)]
        #[schemars(with = "bool")]
        one_way: Direction,
        /// The network.
        #[serde(default = "inter_cluster")]
        network: NetworkName,
        /// How fast each link is; as ever if absent.
        #[serde(default)]
        #[schemars(with = "u64", range(min = 1))]
        bytes_per_second: Option<u64>,
        /// How much may wait on each link; anything if absent.
        #[serde(default)]
        #[schemars(with = "u64")]
        queue_bytes: Option<u64>,
        /// Larger messages are dropped; none if absent.
        #[serde(default)]
        #[schemars(with = "u64", range(min = 1))]
        mtu: Option<u64>,
        /// For how long.
        #[serde(with = "DurationText")]
        duration: Duration,
    }
    /// A node computes slowly.
    SlowCpu(SlowCpuForm as "SlowCpu") {
        /// The node, or the mediator.
        node: MachineName,
        /// How many times as long everything takes.
        #[schemars(range(min = 1))]
        factor: u32,
        /// For how long.
        #[serde(with = "DurationText")]
        duration: Duration,
    }
    /// A node loses power again and again.
    CrashLoop(CrashLoopForm as "CrashLoop") {
        /// The node, or the mediator.
        node: MachineName,
        /// How often.
        #[schemars(range(min = 1))]
        times: u32,
        /// From one time to the next.
        #[serde(with = "DurationText")]
        interval: Duration,
        /// How long it stays down each time.
        #[serde(with = "DurationText")]
        restart_after: Duration,
    }
    /// A node's clock runs at another rate.
    Clock(ClockForm as "Clock") {
        /// The node, or the mediator.
        node: MachineName,
        /// By how much, in millionths.
        drift_ppm: u32,
        /// Which way.
        #[serde(default)]
        way: ClockWay,
        /// How long each way lasts, where it is both.
        #[serde(default, with = "maybe_duration")]
        #[schemars(with = "DurationText")]
        every: Option<Duration>,
        /// For how long; for good if absent.
        #[serde(default, with = "maybe_duration")]
        #[schemars(with = "DurationText")]
        duration: Option<Duration>,
        /// More than the settings assume is meant.
        #[serde(default)]
        beyond_bound: bool,
    }
    /// The administrator orders something of a node; nobody hears it if its M-module is
    /// down.
    Order(OrderForm as "Order") {
        /// The node.
        node: NodeName,
        /// What is ordered.
        order: OrderName,
    }
}

/// The table behind `partition`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Partition")]
#[schemars(extend("oneOf" = [{ "required": ["at"] }, { "required": ["on"] }]))]
pub(super) struct PartitionForm {
    /// The moment, counted from the beginning; or say `on`.
    #[serde(default, with = "maybe_duration")]
    #[schemars(with = "DurationText")]
    at: Option<Duration>,
    /// The event that sets it off; or say `at`.
    #[serde(default)]
    #[schemars(with = "Trigger")]
    on: Option<Trigger>,
    /// One side.
    from: Endpoint,
    /// The other side.
    to: Endpoint,
    /// For how long.
    #[serde(with = "DurationText")]
    duration: Duration,
    /// Cut only what is sent by `from` to `to`.
    #[serde(default)]
    #[schemars(with = "bool")]
    one_way: Direction,
    /// The network that is cut.
    #[serde(default = "inter_cluster")]
    network: NetworkName,
    /// Lose only messages of this kind.
    #[serde(default)]
    #[schemars(with = "MessageKind")]
    kind: Option<MessageKind>,
}

impl PartitionForm {
    fn new(at: Option<Duration>, on: Option<Trigger>, partition: Partition) -> Self {
        let Partition {
            from,
            to,
            network,
            direction,
            kind,
            duration,
        } = partition;
        PartitionForm {
            at,
            on,
            from,
            to,
            duration,
            one_way: direction,
            network,
            kind,
        }
    }

    fn fault(self) -> Result<Fault, Complaint> {
        let partition = Partition {
            from: self.from,
            to: self.to,
            network: self.network,
            direction: self.one_way,
            kind: self.kind,
            duration: self.duration,
        };
        Ok(Fault {
            when: moment(self.at, self.on)?,
            action: Action::Partition(partition),
        })
    }
}

fn intact() -> ReturnKind {
    ReturnKind::Intact
}

fn inter_cluster() -> NetworkName {
    NetworkName::InterCluster
}

fn hundredfold() -> u32 {
    100
}

fn moment(at: Option<Duration>, on: Option<Trigger>) -> Result<When, Complaint> {
    match (at, on) {
        (Some(at), None) => Ok(When::At(at)),
        (None, Some(on)) => Ok(When::On(on)),
        (None, None) => Err(Complaint::new(
            "the fault has no moment",
            "say `at` or `on`",
        )),
        (Some(_), Some(_)) => Err(Complaint::new(
            "the fault has two moments",
            "say `at` or `on`",
        )),
    }
}

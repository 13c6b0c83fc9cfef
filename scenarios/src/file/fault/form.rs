//! Scheduled faults as a file writes them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stormglass_engine::time::Duration;

use super::{Action, DamageKind, Direction, Fault, Partition, ReturnKind, Trigger, When};
use crate::file::names::{
    Cluster, DriveName, Endpoint, MachineName, ModuleName, NetworkName, NodeName,
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

/// A scheduled fault: one key, which says of which kind it is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FaultForm {
    /// A node or the mediator loses power; its devices keep power.
    Crash(CrashForm),
    /// One module of a node dies.
    Kill(KillForm),
    /// A cluster's nodes and devices lose power together.
    PowerOff(PowerOffForm),
    /// A node stands still and goes on.
    Pause(PauseForm),
    /// A network loses every message between two sides.
    Partition(PartitionForm),
    /// A device does not answer.
    DeviceGone(DeviceGoneForm),
    /// A block's page on a data device goes bad.
    Damage(DamageForm),
}

/// Declares the table behind a fault's key: its moment, then its own keys.
macro_rules! forms {
    ($($form:ident as $name:literal { $($(#[$meta:meta])* $field:ident: $type:ty,)* })*) => {$(
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
    )*};
}

forms! {
    CrashForm as "Crash" {
        /// The node that loses power, or the mediator.
        node: MachineName,
        /// How long it stays down; for good if absent.
        #[serde(default, with = "maybe_duration")]
        #[schemars(with = "DurationText")]
        restart_after: Option<Duration>,
    }
    KillForm as "Kill" {
        /// The node.
        node: NodeName,
        /// The module that dies.
        module: ModuleName,
        /// How long it stays down; for good if absent.
        #[serde(default, with = "maybe_duration")]
        #[schemars(with = "DurationText")]
        restart_after: Option<Duration>,
    }
    PowerOffForm as "PowerOff" {
        /// The cluster that loses power.
        cluster: Cluster,
        /// How long its nodes stay down; for good if absent.
        #[serde(default, with = "maybe_duration")]
        #[schemars(with = "DurationText")]
        restart_after: Option<Duration>,
    }
    PauseForm as "Pause" {
        /// The node that stands still.
        node: NodeName,
        /// For how long.
        #[serde(with = "DurationText")]
        duration: Duration,
    }
    PartitionForm as "Partition" {
        /// One side.
        from: Endpoint,
        /// The other side.
        to: Endpoint,
        /// For how long.
        #[serde(with = "DurationText")]
        duration: Duration,
        /// Cut only what is sent by `from` to `to`.
        #[serde(default)]
        one_way: bool,
        /// The network that is cut.
        #[serde(default = "inter_cluster")]
        network: NetworkName,
    }
    DeviceGoneForm as "DeviceGone" {
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
    DamageForm as "Damage" {
        /// The data device.
        device: DriveName,
        /// The block of the volume.
        block: u64,
        /// How its page goes bad.
        kind: DamageKind,
    }
}

fn intact() -> ReturnKind {
    ReturnKind::Intact
}

fn inter_cluster() -> NetworkName {
    NetworkName::InterCluster
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

impl TryFrom<FaultForm> for Fault {
    type Error = Complaint;
    fn try_from(form: FaultForm) -> Result<Self, Complaint> {
        let (when, action) = match form {
            FaultForm::Crash(CrashForm {
                at,
                on,
                node,
                restart_after,
            }) => (
                moment(at, on)?,
                Action::Crash {
                    node,
                    restart_after,
                },
            ),
            FaultForm::Kill(KillForm {
                at,
                on,
                node,
                module,
                restart_after,
            }) => (
                moment(at, on)?,
                Action::Kill {
                    node,
                    module,
                    restart_after,
                },
            ),
            FaultForm::PowerOff(PowerOffForm {
                at,
                on,
                cluster,
                restart_after,
            }) => (
                moment(at, on)?,
                Action::PowerOff {
                    cluster,
                    restart_after,
                },
            ),
            FaultForm::Pause(PauseForm {
                at,
                on,
                node,
                duration,
            }) => (moment(at, on)?, Action::Pause { node, duration }),
            FaultForm::Partition(PartitionForm {
                at,
                on,
                from,
                to,
                duration,
                one_way,
                network,
            }) => {
                let direction = if one_way {
                    Direction::OneWay
                } else {
                    Direction::BothWays
                };
                let partition = Partition {
                    from,
                    to,
                    network,
                    direction,
                    duration,
                };
                (moment(at, on)?, Action::Partition(partition))
            }
            FaultForm::DeviceGone(DeviceGoneForm {
                at,
                on,
                device,
                duration,
                returns,
            }) => (
                moment(at, on)?,
                Action::DeviceGone {
                    device,
                    duration,
                    returns,
                },
            ),
            FaultForm::Damage(DamageForm {
                at,
                on,
                device,
                block,
                kind,
            }) => (
                moment(at, on)?,
                Action::Damage {
                    device,
                    block,
                    kind,
                },
            ),
        };
        Ok(Fault { when, action })
    }
}

impl From<Fault> for FaultForm {
    fn from(fault: Fault) -> Self {
        let (at, on) = match fault.when {
            When::At(at) => (Some(at), None),
            When::On(on) => (None, Some(on)),
        };
        match fault.action {
            Action::Crash {
                node,
                restart_after,
            } => FaultForm::Crash(CrashForm {
                at,
                on,
                node,
                restart_after,
            }),
            Action::Kill {
                node,
                module,
                restart_after,
            } => FaultForm::Kill(KillForm {
                at,
                on,
                node,
                module,
                restart_after,
            }),
            Action::PowerOff {
                cluster,
                restart_after,
            } => FaultForm::PowerOff(PowerOffForm {
                at,
                on,
                cluster,
                restart_after,
            }),
            Action::Pause { node, duration } => FaultForm::Pause(PauseForm {
                at,
                on,
                node,
                duration,
            }),
            Action::Partition(Partition {
                from,
                to,
                network,
                direction,
                duration,
            }) => {
                let one_way = direction == Direction::OneWay;
                FaultForm::Partition(PartitionForm {
                    at,
                    on,
                    from,
                    to,
                    duration,
                    one_way,
                    network,
                })
            }
            Action::DeviceGone {
                device,
                duration,
                returns,
            } => FaultForm::DeviceGone(DeviceGoneForm {
                at,
                on,
                device,
                duration,
                returns,
            }),
            Action::Damage {
                device,
                block,
                kind,
            } => FaultForm::Damage(DamageForm {
                at,
                on,
                device,
                block,
                kind,
            }),
        }
    }
}

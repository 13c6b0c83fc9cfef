//! What sets a fault off.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::file::names::{DeviceKind, MachineName};
use crate::file::text::Complaint;

/// Something that happens on a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "TriggerForm", into = "TriggerForm")]
pub struct Trigger {
    /// What.
    pub cue: Cue,
    /// On which node, or the mediator.
    pub node: MachineName,
    /// Which time counts, from 1.
    pub nth: u32,
}

/// What a trigger waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cue {
    /// The node reports an event of this name, such as "local durable".
    Event(String),
    /// The node reaches a rare place of this name.
    Probe(String),
    /// A command of the node has been executed at a device of its set, and the node
    /// does not know yet: between a durable step and its visible effect. The mediator's
    /// device goes by either name.
    Executed(DeviceKind),
}

/// A trigger as a file writes it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Trigger")]
#[schemars(extend("oneOf" = [
    { "required": ["event"] }, { "required": ["probe"] }, { "required": ["executed"] },
]))]
pub(super) struct TriggerForm {
    /// The event that the node reports, such as "local durable".
    #[serde(default)]
    #[schemars(with = "String")]
    event: Option<String>,
    /// Or the probe that it reaches.
    #[serde(default)]
    #[schemars(with = "String")]
    probe: Option<String>,
    /// Or the device at which a command of it is executed, before it hears so.
    #[serde(default)]
    #[schemars(with = "DeviceKind")]
    executed: Option<DeviceKind>,
    /// The node that reports it, or the mediator.
    node: MachineName,
    /// Which of its reports counts, from 1.
    #[serde(default = "first")]
    nth: u32,
}

fn first() -> u32 {
    1
}

impl TryFrom<TriggerForm> for Trigger {
    type Error = Complaint;

    fn try_from(form: TriggerForm) -> Result<Self, Complaint> {
        let TriggerForm { node, nth, .. } = form;
        let cue = match (form.event, form.probe, form.executed) {
            (Some(event), None, None) => Cue::Event(event),
            (None, Some(probe), None) => Cue::Probe(probe),
            (None, None, Some(device)) => Cue::Executed(device),
            _ => {
                return Err(Complaint::new(
                    "a trigger waits for one thing",
                    "say one of `event`, `probe` and `executed`",
                ));
            }
        };
        Ok(Trigger { cue, node, nth })
    }
}

impl From<Trigger> for TriggerForm {
    fn from(trigger: Trigger) -> Self {
        let Trigger { cue, node, nth } = trigger;
        let (mut event, mut probe, mut executed) = (None, None, None);
        match cue {
            Cue::Event(name) => event = Some(name),
            Cue::Probe(name) => probe = Some(name),
            Cue::Executed(device) => executed = Some(device),
        }
        TriggerForm {
            event,
            probe,
            executed,
            node,
            nth,
        }
    }
}

impl JsonSchema for Trigger {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Trigger".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        TriggerForm::json_schema(generator)
    }
}

//! Scenarios: the model, its TOML form with diagnostics, its JSON Schema, and a
//! builder that makes the same thing.
//!
//! A file goes through three gates, and each reports all that it finds before
//! the next is asked: TOML itself, the shape of keys and values (`shape`, held
//! against the published schema), and whether the parts fit together
//! (`check`, which the builder passes as well). Behind them a [`Scenario`] is
//! valid and nobody asks again. Nothing here knows how a scenario is run.

mod builder;
mod check;
mod diagnostic;
mod fault;
mod model;
mod names;
mod place;
mod settings;
mod shape;
mod text;
mod weather;
mod words;

pub use builder::Builder;
pub use diagnostic::{Diagnostic, Diagnostics, Path, Span};
pub use fault::{
    Action, AreaKind, ClockWay, Cue, DamageKind, Direction, Fault, OrderName, Partition,
    ReturnKind, Trigger, When,
};
pub use model::{
    DeviceTimes, Expect, FIRST_PEER_ADDRESS, LinkTimes, Measure, Mix, Planned, PlannedKind,
    Profile, RunLimits, Scenario, Topology, Verdict, Workload,
};
pub use names::{
    Cluster, DeviceKind, DeviceName, DriveName, Endpoint, Extent, MachineName, MessageKind,
    ModuleName, NetworkName, NetworkSet, NodeName, PairIndex,
};
pub use settings::{MetadataPolicy, Settings};
pub use stormglass_engine::configuration::Policy;
pub use stormglass_sim::random::Ratio;
pub(crate) use text::DurationText;
pub use text::{Complaint, DurationRange, Rate, Thousandths, parse_duration, print_duration};
pub use weather::{Burst, Calm, Delay, Io, Recurring, RecurringKind, SilentMailbox, Weather};

use std::sync::LazyLock;

use toml::de::DeTable;

/// Reads a scenario. `name` is what it is called if the file does not say.
pub fn parse(name: &str, text: &str) -> Result<Scenario, Diagnostics> {
    let (document, errors) = DeTable::parse_recoverable(text);
    Diagnostics::found(errors.iter().map(|error| syntax(error, text)).collect())?;
    Diagnostics::found(shape::check(&SCHEMA, text, &document))?;
    let mut scenario: Scenario = match toml::from_str(text) {
        Ok(scenario) => scenario,
        // The shape allows nothing that the model refuses; should it, say so.
        Err(error) => return Err(Diagnostics::one(syntax(&error, text))),
    };
    if scenario.name.is_empty() && !document.get_ref().contains_key("name") {
        name.clone_into(&mut scenario.name);
    }
    let found = check::check(&scenario);
    let located = found
        .into_iter()
        .map(|one| place::locate(one, &document, text));
    Diagnostics::found(located.collect())?;
    Ok(scenario)
}

fn syntax(error: &toml::de::Error, text: &str) -> Diagnostic {
    let message = error.message();
    let help = if message.contains("duplicate") {
        "keep one of the two; a table may be opened only once"
    } else {
        "write `key = value` lines under [table] headings, and texts in double quotes"
    };
    let message = format!("this is not TOML: {}", message.trim_end());
    let span = error.span().unwrap_or(0..0);
    Diagnostic::new(Path::default(), Complaint::new(message, help)).at(Span::new(text, span))
}

impl Scenario {
    /// A scenario to be filled in by code.
    pub fn builder(name: &str) -> Builder {
        Builder::new(name)
    }

    /// Whether its parts fit together; for one that was changed by hand.
    pub fn check(&self) -> Result<(), Diagnostics> {
        Diagnostics::found(check::check(self))
    }

    /// A valid scenario as a file. What equals its default is left out.
    pub fn to_toml(&self) -> String {
        let table = |scenario| {
            toml::Table::try_from(scenario).expect("the model's serialized form is the file format")
        };
        let mut own = table(self);
        prune(&mut own, &table(&Scenario::default()));
        own.to_string()
    }
}

/// Removes from `table` what stands in `defaults` too.
fn prune(table: &mut toml::Table, defaults: &toml::Table) {
    table.retain(|key, value| match (value, defaults.get(key)) {
        (toml::Value::Table(inner), Some(toml::Value::Table(defaults))) => {
            prune(inner, defaults);
            !inner.is_empty()
        }
        (value, default) => default != Some(value),
    });
}

static SCHEMA: LazyLock<serde_json::Value> = LazyLock::new(|| {
    let mut schema = schemars::schema_for!(Scenario).to_value();
    schema["title"] = "Stormglass scenario".into();
    drop_null_defaults(&mut schema);
    schema
});

/// TOML has no null: an absent value is said by its absence.
fn drop_null_defaults(schema: &mut serde_json::Value) {
    match schema {
        serde_json::Value::Object(object) => {
            if object
                .get("default")
                .is_some_and(serde_json::Value::is_null)
            {
                object.remove("default");
            }
            object.values_mut().for_each(drop_null_defaults);
        }
        serde_json::Value::Array(array) => array.iter_mut().for_each(drop_null_defaults),
        _ => {}
    }
}

/// The JSON Schema of the file format, as `docs/scenario.schema.json` holds it.
pub fn schema() -> String {
    format!("{:#}\n", *SCHEMA)
}

#[cfg(test)]
mod tests;

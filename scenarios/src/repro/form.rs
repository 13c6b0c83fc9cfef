//! The file of a repro: TOML that is read from top to bottom.
//!
//! ```text
//! repro = 1                      the format
//! seed, stormglass, about
//! [failure]                      what it comes to
//! [calm]                         who is left out when it sets in
//! [[fault]]                      what happened, in order
//! [scenario]                     a scenario file without faults
//! ```
//!
//! Whoever edits one may take faults out; every key is checked before anything runs.

mod fault;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use stormglass_reports::escape;
use stormglass_reports::record::Verdict;
use stormglass_sim::random::Seed;
use stormglass_sim::time::WorldTime;
use toml::{Table, Value};

use self::fault::FaultForm;
pub(super) use self::fault::key;
use super::entry::{Act, Entry};
use super::names::Names;
use super::{FORMAT, Failure, Repro};
use crate::cluster;
use crate::file::{self, Diagnostics, NodeName, Scenario};
use crate::weather::{Core, Rest};

/// Why a text is no repro.
#[derive(Debug, thiserror::Error)]
pub enum ReproError {
    /// It is not TOML, or not of this form.
    #[error("this is no repro: {0}")]
    Malformed(String),
    /// It is of another format.
    #[error("the repro has format {found}; this build reads {FORMAT}")]
    Format {
        /// Its format.
        found: i64,
    },
    /// Its scenario is not valid.
    #[error("its scenario is not valid: {0}")]
    Scenario(Diagnostics),
    /// A fault is not written as it should be.
    #[error("fault {place}: \"{}\" cannot be used; write {right}", escape(.given))]
    Fault {
        /// Its place in the list, from 1.
        place: usize,
        /// What was written.
        given: String,
        /// What would be right.
        right: &'static str,
    },
    /// A word of the head is none.
    #[error("\"{}\" is no {what}", escape(.given))]
    Word {
        /// What was written.
        given: String,
        /// What it should be.
        what: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    repro: u32,
    #[serde(default)]
    about: String,
    seed: i64,
    #[serde(default)]
    stormglass: String,
    #[serde(default)]
    never_boot: Vec<String>,
    failure: FailureForm,
    calm: Option<CalmForm>,
    #[serde(default, rename = "fault")]
    faults: Vec<FaultForm>,
    scenario: Table,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureForm {
    verdict: Verdict,
    signature: String,
    #[serde(default)]
    says: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CalmForm {
    #[serde(default)]
    down: Vec<String>,
    #[serde(default)]
    still: Vec<String>,
}

impl Repro {
    /// The text of its file.
    pub fn to_toml(&self) -> String {
        let (world, _) = cluster::build(&self.scenario, Seed(self.seed), WorldTime::ZERO);
        let names = Names::new(&world);
        let mut text = format!("repro = {FORMAT}\n");
        let mut line = |key: &str, value: Value| {
            let _ = writeln!(text, "{key} = {value}");
        };
        if !self.about.is_empty() {
            line("about", self.about.clone().into());
        }
        line("seed", Value::Integer(self.seed.cast_signed()));
        line("stormglass", self.written_by.clone().into());
        if !self.absent.is_empty() {
            let absent = self.absent.iter().map(|node| node.to_string().into());
            line("never_boot", Value::Array(absent.collect()));
        }
        let failure = FailureForm {
            verdict: self.failure.verdict,
            signature: self.failure.signature.clone(),
            says: self.failure.says.clone(),
        };
        section(&mut text, "[failure]", &failure);
        if let Some(core) = &self.core {
            section(&mut text, "[calm]", &calm_form(core, &self.scenario));
        }
        for entry in &self.entries {
            section(&mut text, "[[fault]]", &FaultForm::of(entry, &names));
        }
        let scenario: Table =
            toml::from_str(&self.scenario.to_toml()).expect("a scenario's text is a table");
        let whole = Table::from_iter([("scenario".to_owned(), Value::Table(scenario))]);
        let _ = write!(text, "\n{whole}");
        text
    }

    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<Repro, ReproError> {
        let malformed = |error: toml::de::Error| ReproError::Malformed(error.to_string());
        let table: Table = toml::from_str(text).map_err(malformed)?;
        match table.get("repro").and_then(Value::as_integer) {
            Some(found) if found == i64::from(FORMAT) => {}
            Some(found) => return Err(ReproError::Format { found }),
            None => {
                let says = "it does not begin with `repro = 1`".to_owned();
                return Err(ReproError::Malformed(says));
            }
        }
        let form: FileForm = toml::from_str(text).map_err(malformed)?;
        let scenario = file::parse("repro", &form.scenario.to_string());
        let scenario = scenario.map_err(ReproError::Scenario)?;
        if !scenario.faults.is_empty() || !scenario.weather.is_calm() {
            let says = "its scenario has faults of its own; they belong into the list";
            return Err(ReproError::Malformed(says.to_owned()));
        }
        let seed = form.seed.cast_unsigned();
        let (world, _) = cluster::build(&scenario, Seed(seed), WorldTime::ZERO);
        let names = Names::new(&world);
        let faults = form.faults.iter().enumerate();
        let entries = faults.map(|(index, fault)| fault.to_entry(&names, &world, index + 1));
        let entries = entries.collect::<Result<_, _>>()?;
        Ok(Repro {
            core: form
                .calm
                .as_ref()
                .map(|calm| core_of(calm, &scenario))
                .transpose()?,
            absent: form
                .never_boot
                .iter()
                .map(|name| node(name, &scenario))
                .collect::<Result<_, _>>()?,
            failure: Failure {
                verdict: form.failure.verdict,
                signature: form.failure.signature,
                says: form.failure.says,
            },
            entries,
            scenario,
            seed,
            written_by: form.stormglass,
            about: form.about,
        })
    }
}

/// Entries of one cluster as those of another, by their names. What the other does not have
/// is left out; nothing if it could not happen there.
pub(super) fn entries_in(
    entries: &[Entry],
    (from, to): (&Scenario, &Scenario),
    seed: u64,
) -> Option<Vec<Entry>> {
    let [(old, _), (new, _)] =
        [from, to].map(|scenario| cluster::build(scenario, Seed(seed), WorldTime::ZERO));
    let [old, names] = [&old, &new].map(Names::new);
    let moved = entries.iter().map(|entry| {
        let form = FaultForm::of(entry, &old);
        form.to_entry(&names, &new, 0).ok()
    });
    let mut moved = moved.collect::<Option<Vec<_>>>()?;
    moved.retain(|entry| !matches!(entry.act, Act::Unknown(_)));
    Some(moved)
}

fn to_value(form: &impl Serialize) -> Value {
    Value::try_from(form).expect("plain forms are TOML")
}

/// A heading and its keys, a line each.
fn section(text: &mut String, heading: &str, form: &impl Serialize) {
    let _ = writeln!(text, "\n{heading}");
    if let Value::Table(keys) = to_value(form) {
        for (key, value) in keys {
            let _ = writeln!(text, "{key} = {value}");
        }
    }
}

fn calm_form(core: &Core, scenario: &Scenario) -> CalmForm {
    let outside = || nodes(scenario).zip(core.outside());
    let those = |rest: Rest| {
        let nodes = outside().filter(|(_, own)| **own == Some(rest));
        nodes.map(|(node, _)| node.to_string()).collect()
    };
    CalmForm {
        down: those(Rest::Down),
        still: those(Rest::Still),
    }
}

/// Nodes in the order of a map.
pub(crate) fn nodes(scenario: &Scenario) -> impl Iterator<Item = NodeName> {
    NodeName::all(scenario.topology.pairs_per_cluster)
}

fn node(name: &str, scenario: &Scenario) -> Result<NodeName, ReproError> {
    let found = nodes(scenario).find(|node| node.to_string() == name);
    found.ok_or_else(|| ReproError::Word {
        given: name.to_owned(),
        what: "node",
    })
}

fn core_of(form: &CalmForm, scenario: &Scenario) -> Result<Core, ReproError> {
    let mut outside = vec![None; nodes(scenario).count()];
    for (names, rest) in [(&form.down, Rest::Down), (&form.still, Rest::Still)] {
        for name in names {
            let found = node(name, scenario)?;
            let mut places = nodes(scenario).zip(&mut outside);
            if let Some((_, place)) = places.find(|(node, _)| *node == found) {
                *place = Some(rest);
            }
        }
    }
    Ok(Core::without(outside))
}

//! `--set key=value`: one change to a scenario's file before it is read.

use std::fmt;
use std::str::FromStr;

use stormglass_reports::escape;
use toml::{Table, Value};

use crate::file::{self, Diagnostic, Scenario};

/// A change to a scenario: a dotted path, as TOML writes keys (a number selects
/// from a list), and a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    path: Vec<String>,
    value: Value,
    argument: String,
}

/// The same argument means the same change; values may hold floats.
impl Eq for Setting {}

/// Why a change cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// The argument has no `=`.
    #[error("there is no `=` in it; write key=value, as in settings.replication=chained")]
    NoValue,
    /// What stands before the `=` is no dotted path.
    #[error("\"{}\" is no key; write a dotted path, as in workload.clients", escape(.0))]
    NoKey(String),
    /// The path leads through something that holds no keys.
    #[error("--set {}: \"{}\" holds no keys", escape(.argument), escape(.holder))]
    NotATable {
        /// The argument.
        argument: String,
        /// The path up to there.
        holder: String,
    },
    /// With the changes the scenario is not valid any more.
    #[error("--set made the scenario invalid in {} places", .0.len())]
    Invalid(Vec<Wrong>),
}

/// One thing that a change made wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The arguments behind it; several where none can be singled out.
    pub arguments: Vec<String>,
    /// What is wrong.
    pub diagnostic: Diagnostic,
}

impl SettingError {
    /// For a person: what is wrong, and what would help.
    pub fn render(&self) -> String {
        match self {
            SettingError::NoValue | SettingError::NoKey(_) => format!("error: {self}\n"),
            SettingError::NotATable { .. } => {
                format!("error: {self}\n  help: set it as a whole, or name another key\n")
            }
            SettingError::Invalid(wrong) => wrong.iter().map(Wrong::render).collect(),
        }
    }
}

impl Wrong {
    fn render(&self) -> String {
        let arguments = self.arguments.join(" --set ");
        let Diagnostic {
            path,
            message,
            help,
            ..
        } = &self.diagnostic;
        format!(
            "error: --set {}: {}\n  at: {}\n  help: {}\n",
            escape(&arguments),
            escape(message),
            escape(&path.to_string()),
            escape(help)
        )
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.argument)
    }
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(argument: &str) -> Result<Self, SettingError> {
        let (key, value) = argument.split_once('=').ok_or(SettingError::NoValue)?;
        let path = key_path(key).ok_or_else(|| SettingError::NoKey(key.to_owned()))?;
        Ok(Setting {
            path,
            value: read_value(value.trim()),
            argument: argument.to_owned(),
        })
    }
}

/// The steps of a dotted path, quoted ones included.
fn key_path(key: &str) -> Option<Vec<String>> {
    if key.contains('\n') {
        return None;
    }
    let mut table = format!("{key} = 0").parse::<Table>().ok()?;
    let mut path = Vec::new();
    loop {
        let (step, value) = table.into_iter().next()?;
        path.push(step);
        match value {
            Value::Table(inner) => table = inner,
            _ => return Some(path),
        }
    }
}

/// A value as TOML has it, or else a text.
fn read_value(text: &str) -> Value {
    let read = || {
        let mut table = format!("value = {text}").parse::<Table>().ok()?;
        let value = table.remove("value")?;
        table.is_empty().then_some(value)
    };
    read().unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Reads a scenario that is valid as it stands, with changes.
pub(super) fn apply(
    name: &str,
    text: &str,
    settings: &[Setting],
) -> Result<Scenario, SettingError> {
    let table: Table = text.parse().expect("the scenario was read before");
    let mut root = Value::Table(table);
    for setting in settings {
        setting.apply(&mut root)?;
    }
    let changed = toml::to_string(&root).expect("a table of plain values is TOML");
    file::parse(name, &changed).map_err(|found| {
        let wrong = found.iter().map(|diagnostic| Wrong {
            arguments: behind(settings, &diagnostic.path.to_string()),
            diagnostic: diagnostic.clone(),
        });
        SettingError::Invalid(wrong.collect())
    })
}

/// The arguments that changed what stands at `path`; all if none did.
fn behind(settings: &[Setting], path: &str) -> Vec<String> {
    let path = path.replace('[', ".").replace(']', "");
    let arguments = |settings: &[&Setting]| settings.iter().map(ToString::to_string).collect();
    let touching: Vec<&Setting> = settings
        .iter()
        .filter(|setting| {
            let own = setting.path.join(".");
            let within = |inner: &str, outer: &str| {
                inner == outer || inner.starts_with(&format!("{outer}."))
            };
            within(&path, &own) || (!path.is_empty() && within(&own, &path))
        })
        .collect();
    if touching.is_empty() {
        return arguments(&settings.iter().collect::<Vec<_>>());
    }
    arguments(&touching)
}

impl Setting {
    /// The steps of the path to what is changed, one at least.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    fn apply(&self, root: &mut Value) -> Result<(), SettingError> {
        let mut place = root;
        for (depth, step) in self.path.iter().enumerate() {
            let missing = || SettingError::NotATable {
                argument: self.argument.clone(),
                holder: self.path[..depth].join("."),
            };
            let is_last = depth + 1 == self.path.len();
            place = match place {
                Value::Table(table) => table.entry(step.clone()).or_insert_with(|| match is_last {
                    true => self.value.clone(),
                    false => Value::Table(Table::new()),
                }),
                Value::Array(array) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| array.get_mut(index))
                    .ok_or_else(missing)?,
                _ => return Err(missing()),
            };
        }
        *place = self.value.clone();
        Ok(())
    }
}

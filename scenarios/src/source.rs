//! Where a scenario comes from: a name in the catalogue or a file, and what the
//! command line changes in it.
//!
//! Owns the way from words to a valid [`Scenario`] and back: a [`Source`] knows
//! the command line that runs it again.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::{fs, io};

use stormglass_reports::{escape, shell_command};

use crate::catalogue;
use crate::file::{self, Diagnostics, Scenario};

mod set;

pub use set::{Setting, SettingError};

/// A scenario with the words that name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The scenario, with its settings applied.
    pub scenario: Scenario,
    /// Its name or its file, as it was given.
    target: String,
    /// What was changed in it.
    settings: Vec<Setting>,
}

/// Why there is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Neither a scenario nor a file has this name.
    #[error("there is no scenario \"{}\"", escape(.name))]
    UnknownName {
        /// The name.
        name: String,
        /// Names like it, the closest first.
        near: Vec<&'static str>,
    },
    /// No scenario belongs to this suite.
    #[error("there is no suite \"{}\"", escape(.name))]
    UnknownSuite {
        /// The name.
        name: String,
        /// Every suite that there is.
        known: Vec<String>,
    },
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", escape(.path))]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: io::Error,
    },
    /// The scenario is not valid.
    #[error("{origin}: {diagnostics}")]
    Invalid {
        /// The file, or the scenario's name.
        origin: String,
        /// What was read from it.
        text: String,
        /// Everything that is wrong with it.
        diagnostics: Diagnostics,
    },
    /// A setting cannot be applied.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

impl Source {
    /// Reads the scenario that `target` names and applies `settings` to it.
    pub fn load(target: &str, settings: &[Setting]) -> Result<Source, SourceError> {
        let (name, text) = match catalogue::find(target) {
            Some(text) => (target.to_owned(), text.to_owned()),
            None => read_file(target)?,
        };
        let invalid = |diagnostics| SourceError::Invalid {
            origin: target.to_owned(),
            text: text.clone(),
            diagnostics,
        };
        let scenario = file::parse(&name, &text).map_err(invalid)?;
        let scenario = if settings.is_empty() {
            scenario
        } else {
            set::apply(&scenario.name, &text, settings)?
        };
        Ok(Source {
            scenario,
            target: target.to_owned(),
            settings: settings.to_vec(),
        })
    }

    /// Every scenario of the catalogue that belongs to a suite, by name.
    pub fn suite(name: &str, settings: &[Setting]) -> Result<Vec<Source>, SourceError> {
        let mut sources = Source::catalogue(&[])?;
        let mut known: Vec<String> = sources
            .iter()
            .flat_map(|source| source.scenario.suites.clone())
            .collect();
        sources.retain(|source| source.scenario.suites.iter().any(|suite| suite == name));
        if sources.is_empty() {
            known.sort();
            known.dedup();
            let name = name.to_owned();
            return Err(SourceError::UnknownSuite { name, known });
        }
        sources.sort_by(|a, b| a.target.cmp(&b.target));
        sources
            .iter()
            .map(|source| Source::load(&source.target, settings))
            .collect()
    }

    /// Every scenario of the catalogue, in its order.
    pub fn catalogue(settings: &[Setting]) -> Result<Vec<Source>, SourceError> {
        let names = catalogue::all().iter();
        names
            .map(|(name, _)| Source::load(name, settings))
            .collect()
    }

    /// Its name or its file, as it was given.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What was changed in it.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The words that run this scenario with `seed`, settings included.
    pub fn run_words(&self, seed: u64) -> Vec<String> {
        let mut words = vec!["run".to_owned(), self.target.clone()];
        words.extend(["--seed".to_owned(), seed.to_string()]);
        for setting in &self.settings {
            words.extend(["--set".to_owned(), setting.to_string()]);
        }
        words
    }

    /// The command line that runs this scenario with `seed`.
    pub fn run_command(&self, seed: u64) -> String {
        let mut words = vec!["stormglass".to_owned()];
        words.extend(self.run_words(seed));
        shell_command(&words)
    }
}

/// A valid scenario with settings applied.
pub fn with_settings(scenario: &Scenario, settings: &[Setting]) -> Result<Scenario, SettingError> {
    set::apply(&scenario.name, &scenario.to_toml(), settings)
}

/// Bytes of the largest scenario file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A file's text; an error if it is longer than any scenario.
fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let mut file = fs::File::open(path)?.take(FILE_BYTES_MAX + 1);
    file.read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let says = format!("it is longer than {FILE_BYTES_MAX} bytes, so it is no scenario");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, says));
    }
    Ok(text)
}

/// The text of a file, and the name of a scenario that does not say its own.
fn read_file(target: &str) -> Result<(String, String), SourceError> {
    let path = Path::new(target);
    let looks_like_name = !target.contains(['/', '\\']) && path.extension().is_none();
    let text = read_text(path).map_err(|reason| {
        let is_missing = reason.kind() == io::ErrorKind::NotFound;
        if looks_like_name && (is_missing || path.is_dir()) {
            SourceError::UnknownName {
                name: target.to_owned(),
                near: near(target),
            }
        } else {
            SourceError::Unreadable {
                path: target.to_owned(),
                reason,
            }
        }
    })?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy());
    Ok((stem.unwrap_or_default().into_owned(), text))
}

/// Names of scenarios that were perhaps meant, the closest first.
fn near(name: &str) -> Vec<&'static str> {
    const SHOWN: usize = 3;
    const LONGEST: usize = 64;
    if name.len() > LONGEST {
        return Vec::new();
    }
    let given = name.to_lowercase().replace('_', "-");
    let mut near: Vec<(usize, &str)> = catalogue::all()
        .iter()
        .filter_map(|(known, _)| {
            let distance = strsim::damerau_levenshtein(&given, known);
            let is_part = given.len() > 2 && (known.contains(&given) || given.contains(known));
            let is_near = distance * 3 <= known.len().max(given.len());
            (is_near || is_part).then_some((distance, *known))
        })
        .collect();
    near.sort_unstable();
    near.into_iter()
        .map(|(_, known)| known)
        .take(SHOWN)
        .collect()
}

impl SourceError {
    /// For a person: what is wrong, where, and what would help.
    pub fn render(&self, colour: bool) -> String {
        let help = match self {
            SourceError::Invalid {
                origin,
                text,
                diagnostics,
            } => return diagnostics.render(colour, origin, text),
            SourceError::Setting(error) => return error.render(),
            SourceError::UnknownName { near, .. } => {
                let mut help = String::new();
                if !near.is_empty() {
                    let _ = write!(help, "did you mean {}? ", near.join(" or "));
                }
                help + "`stormglass list` lists the scenarios; a file is named by its path, as in ./mine.toml"
            }
            SourceError::UnknownSuite { known, .. } => {
                format!("the suites are: {}", known.join(", "))
            }
            SourceError::Unreadable { .. } => {
                "name a readable scenario file, or a scenario of `stormglass list`".to_owned()
            }
        };
        format!("error: {self}\n  help: {help}\n")
    }
}

#[cfg(test)]
mod tests;

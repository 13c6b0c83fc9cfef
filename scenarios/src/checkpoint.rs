//! Checkpoints: an experiment in the midst of its run, as a file.
//!
//! ```text
//! magic, 8 bytes │ format, 4 │ hash of the rest, 8 │ header │ experiment
//! ```
//!
//! Numbers are little-endian; header and experiment are postcard. The hash stands
//! before everything that is decoded, for postcard would read many a damaged
//! file as another world. A checkpoint belongs to the build that wrote it: one
//! whose modules are laid out or behave otherwise is refused and told so.

use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::{fs, io};

use serde::{Deserialize, Serialize};
use stormglass_reports::escape;
use xxhash_rust::xxh3::xxh3_64;

use crate::experiment::Experiment;
use crate::file::{self, Scenario};
use crate::files;
use crate::moment::Moment;
use crate::run;

const MAGIC: [u8; 8] = *b"STORMCKP";
const FORMAT: u32 = 1;
/// Of magic, format and hash.
const HEAD_BYTES: usize = 8 + 4 + 8;
/// The version of everything in this workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// An experiment in the midst of its run, and what it is a run of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The scenario.
    pub scenario: Scenario,
    /// The seed.
    pub seed: u64,
    /// The experiment as it stands.
    pub experiment: Experiment,
}

/// Why a checkpoint cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", escape(.path))]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}: {reason}", escape(.path))]
    Unwritable {
        /// The file.
        path: String,
        /// Why.
        reason: io::Error,
    },
    /// It does not begin like one.
    #[error("this is no checkpoint")]
    NoCheckpoint,
    /// It is of another format.
    #[error("the checkpoint has format {found}; this build reads {FORMAT}")]
    Format {
        /// Its format.
        found: u32,
    },
    /// It was cut short, or changed.
    #[error("the checkpoint is damaged")]
    Damaged,
    /// Another build wrote it.
    #[error("the checkpoint was written by another build ({}), this is {VERSION}", escape(.version))]
    OtherBuild {
        /// The version of that build; perhaps the same.
        version: String,
    },
}

/// What stands before the experiment.
#[derive(Serialize, Deserialize)]
struct Header {
    version: String,
    /// What that build makes of a small run.
    likeness: u64,
    scenario: String,
    seed: u64,
}

impl Checkpoint {
    /// The checkpoint as the bytes of a file.
    pub fn encode(&self) -> Vec<u8> {
        let header = Header {
            version: VERSION.to_owned(),
            likeness: *LIKENESS,
            scenario: self.scenario.to_toml(),
            seed: self.seed,
        };
        let mut rest = to_bytes(&header);
        rest.extend(to_bytes(&self.experiment));
        let mut bytes = Vec::with_capacity(HEAD_BYTES + rest.len());
        bytes.extend(MAGIC);
        bytes.extend(FORMAT.to_le_bytes());
        bytes.extend(xxh3_64(&rest).to_le_bytes());
        bytes.extend(rest);
        bytes
    }

    /// Reads what [`Checkpoint::encode`] made.
    pub fn decode(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
        let bytes = bytes
            .strip_prefix(&MAGIC)
            .ok_or(CheckpointError::NoCheckpoint)?;
        let (format, bytes) = bytes.split_first_chunk().ok_or(CheckpointError::Damaged)?;
        let found = u32::from_le_bytes(*format);
        if found != FORMAT {
            return Err(CheckpointError::Format { found });
        }
        let (hash, rest) = bytes.split_first_chunk().ok_or(CheckpointError::Damaged)?;
        if xxh3_64(rest) != u64::from_le_bytes(*hash) {
            return Err(CheckpointError::Damaged);
        }
        let damaged = |_| CheckpointError::Damaged;
        let (header, rest): (Header, &[u8]) = postcard::take_from_bytes(rest).map_err(damaged)?;
        let version = header.version;
        let other_build = || CheckpointError::OtherBuild {
            version: version.clone(),
        };
        if version != VERSION || header.likeness != *LIKENESS {
            return Err(other_build());
        }
        let scenario = file::parse("", &header.scenario).map_err(|_| other_build())?;
        let (experiment, rest) = postcard::take_from_bytes(rest).map_err(|_| other_build())?;
        if !rest.is_empty() {
            return Err(other_build());
        }
        Ok(Checkpoint {
            scenario,
            seed: header.seed,
            experiment,
        })
    }

    /// Writes it to a file.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        files::write(path, &self.encode()).map_err(|reason| CheckpointError::Unwritable {
            path: path.display().to_string(),
            reason,
        })
    }

    /// Reads it from a file.
    pub fn load(path: &Path) -> Result<Checkpoint, CheckpointError> {
        let bytes = fs::read(path).map_err(|reason| CheckpointError::Unreadable {
            path: path.display().to_string(),
            reason,
        })?;
        Checkpoint::decode(&bytes)
    }

    /// The checkpoint of a run at a moment; none if the run ends before.
    /// `progress` rises with every event.
    pub fn at(
        scenario: &Scenario,
        seed: u64,
        moment: Moment,
        progress: &AtomicU64,
    ) -> Option<Checkpoint> {
        let experiment = Experiment::new(scenario, seed);
        let experiment = run::run_to(scenario, experiment, moment, progress)?;
        Some(Checkpoint {
            scenario: scenario.clone(),
            seed,
            experiment,
        })
    }
}

fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain values serialize into memory")
}

/// What this build is, as far as runs depend on it.
pub(crate) fn likeness() -> u64 {
    *LIKENESS
}

/// What this build makes of a small run: differs between builds whose worlds are
/// laid out otherwise, and between most that behave otherwise.
static LIKENESS: LazyLock<u64> = LazyLock::new(|| {
    const EVENTS: u64 = 500;
    let scenario = Scenario::builder("likeness").build();
    let scenario = scenario.expect("the defaults fit together");
    let begin = || Experiment::new(&scenario, 0);
    let moment = Moment::Event(EVENTS);
    // An engine that cannot get so far is like others only in how it begins.
    let experiment = run::run_to(&scenario, begin(), moment, &AtomicU64::new(0));
    xxh3_64(&to_bytes(&experiment.unwrap_or_else(begin)))
});

#[cfg(test)]
mod tests;

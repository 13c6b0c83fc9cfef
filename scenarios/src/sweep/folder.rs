//! A sweep's folder: what it found, and what it takes to go on.
//!
//! ```text
//! sweep.json                the ledger: for `--resume` and `merge`
//! result.json               what `--json` prints
//! failures/<signature>/     of each group of failures, its shortest run
//!     repro.sh              the command line that reproduces it
//!     run.txt               its timeline
//!     run.json              its record, in full
//!     scenario.toml         its scenario, settings applied
//!     repro.toml            the faults that happened, for `replay` and `shrink`
//! ```
//!
//! Every file is whole or not there, and the ledger is written last, so a folder that
//! has one is a folder to go on from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stormglass_reports::record::{self, Detail, Failure, Ledger, RunRecord, SweepRecord};
use stormglass_reports::{Paint, escape, timeline};
use xxhash_rust::xxh3::xxh3_64;

use super::{Plan, run_again};
use crate::files;

const LEDGER: &str = "sweep.json";
const RESULT: &str = "result.json";
const FAILURES: &str = "failures";
const REPRO: &str = "repro.toml";
/// Failures that are run again and kept; of more, the rest stands in the result.
const FAILURES_MAX: usize = 50;

/// Why a sweep's folder is of no use.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be read.
    #[error("cannot read {}: {reason}", escape(.path))]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}: {reason}", escape(.path))]
    Unwritable {
        /// The file.
        path: String,
        /// Why.
        reason: io::Error,
    },
    /// What stands in it is no ledger.
    #[error("{} is no ledger of a sweep: {}", escape(.path), escape(.reason))]
    NoLedger {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// There is another sweep in it.
    #[error("{} holds a sweep already", escape(.path))]
    Taken {
        /// The folder.
        path: String,
    },
}

/// A folder in which a sweep is kept.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A folder for a new sweep; makes it, if there is none.
    pub fn fresh(path: &Path) -> Result<Folder, FolderError> {
        let folder = Folder {
            path: path.to_owned(),
        };
        fs::create_dir_all(path).map_err(|reason| unwritable(path, reason))?;
        match folder.path.join(LEDGER).exists() {
            true => Err(FolderError::Taken {
                path: path.display().to_string(),
            }),
            false => Ok(folder),
        }
    }

    /// A folder that holds a sweep, and its ledger.
    pub fn open(path: &Path) -> Result<(Folder, Ledger), FolderError> {
        let file = path.join(LEDGER);
        let name = file.display().to_string();
        let text = fs::read_to_string(&file).map_err(|reason| FolderError::Unreadable {
            path: name.clone(),
            reason,
        })?;
        let no_ledger = |reason: String| FolderError::NoLedger {
            path: name.clone(),
            reason,
        };
        let ledger: Ledger =
            serde_json::from_str(&text).map_err(|error| no_ledger(error.to_string()))?;
        if !ledger.is_consistent() {
            return Err(no_ledger("its seeds do not fit its plan".to_owned()));
        }
        let path = path.to_owned();
        Ok((Folder { path }, ledger))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the ledger as it stands.
    pub fn save(&self, ledger: &Ledger) -> Result<(), FolderError> {
        self.write(LEDGER.as_ref(), &(record::to_json(ledger) + "\n"))
    }

    /// Writes what a sweep came to, and its ledger.
    pub fn finish(&self, ledger: &Ledger, swept: &SweepRecord) -> Result<(), FolderError> {
        self.write(RESULT.as_ref(), &(record::to_json(swept) + "\n"))?;
        self.save(ledger)
    }

    /// Runs the shortest run of each group of failures again and keeps what it shows. Each
    /// failure then knows its repro.
    pub fn keep_failures(&self, plan: &Plan, failures: &mut [Failure]) -> Result<(), FolderError> {
        for failure in failures.iter_mut().take(FAILURES_MAX) {
            let (run, repro) = run_again(plan, failure.seed);
            let scenario = plan.source(failure.seed).scenario.to_toml();
            self.keep_failure(failure, &run, &scenario)?;
            if let Some(repro) = repro {
                let place = Path::new(FAILURES).join(slug(failure)).join(REPRO);
                self.write(&place, &repro.to_toml())?;
                failure.repro = Some(self.path.join(&place).display().to_string());
            }
        }
        Ok(())
    }

    fn keep_failure(
        &self,
        failure: &Failure,
        run: &RunRecord,
        scenario: &str,
    ) -> Result<(), FolderError> {
        let place = Path::new(FAILURES).join(slug(failure));
        let script = format!("#!/bin/sh\nexec {}\n", failure.command);
        self.write(&place.join("repro.sh"), &script)?;
        self.write(&place.join("run.txt"), &timeline::render(run, Paint::Plain))?;
        self.write(&place.join("run.json"), &(run.to_json(Detail::Full) + "\n"))?;
        self.write(&place.join("scenario.toml"), scenario)
    }

    fn write(&self, place: &Path, text: &str) -> Result<(), FolderError> {
        let path = self.path.join(place);
        let parent = path.parent().unwrap_or(&self.path);
        fs::create_dir_all(parent).map_err(|reason| unwritable(parent, reason))?;
        files::write(&path, text.as_bytes()).map_err(|reason| unwritable(&path, reason))
    }
}

fn unwritable(path: &Path, reason: io::Error) -> FolderError {
    FolderError::Unwritable {
        path: path.display().to_string(),
        reason,
    }
}

/// A folder's name for a group: its words, and a hash, for those may be alike.
fn slug(failure: &Failure) -> String {
    const LONGEST: usize = 40;
    let key = format!("{} {}", failure.verdict, failure.signature);
    let plain = key.chars().map(|char| match char {
        char if char.is_ascii_alphanumeric() => char.to_ascii_lowercase(),
        _ => '-',
    });
    let plain: String = plain.collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let mut slug = words.join("-");
    slug.truncate(LONGEST);
    let slug = slug.trim_end_matches('-');
    format!("{slug}-{:08x}", xxh3_64(key.as_bytes()) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stormglass_reports::record::Verdict;

    #[test]
    fn folders_of_failures_have_plain_names_that_differ() {
        let failure = |signature: &str| Failure {
            signature: signature.to_owned(),
            verdict: Verdict::Safety,
            runs: 1,
            seed: 0,
            scenario: String::new(),
            events: 0,
            command: String::new(),
            repro: None,
        };
        let long = format!("O2: block ../{} stood", "x".repeat(90));
        let slugs = ["O2: a b", "O2: a/b", "", &long].map(|says| slug(&failure(says)));
        assert!(slugs[0].starts_with("safety-o2-a-b-"));
        assert_ne!(slugs[0], slugs[1]);
        for slug in slugs {
            assert!(slug.len() < 60, "{slug}");
            assert!(
                slug.chars()
                    .all(|char| char.is_ascii_alphanumeric() || char == '-'),
                "{slug}"
            );
        }
    }
}

//! Runs in fresh processes of this program.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{env, fs, io, process};

use stormglass_reports::record::RunRecord;

use super::VerifyError;
use crate::checkpoint::Checkpoint;

/// Starts processes that run one scenario with one seed.
#[derive(Clone, Debug)]
pub struct Processes {
    /// The `stormglass` program.
    pub program: PathBuf,
    /// The words that run the scenario.
    pub words: Vec<String>,
    /// How long a handler may take.
    pub watchdog: Duration,
}

/// Why a process says nothing useful.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It cannot be started.
    #[error("cannot start {}: {reason}", .program.display())]
    NotStarted {
        /// The program.
        program: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// It printed no record.
    #[error("a fresh process ended with {status} and without a record: {stderr}")]
    NoRecord {
        /// How it ended.
        status: process::ExitStatus,
        /// What it said instead.
        stderr: String,
    },
    /// There is no room for a checkpoint.
    #[error("cannot make the folder {}: {reason}", .folder.display())]
    NoFolder {
        /// Where.
        folder: PathBuf,
        /// Why.
        reason: io::Error,
    },
}

impl Processes {
    /// A run from its beginning.
    pub(super) fn run(&self) -> Result<RunRecord, VerifyError> {
        self.record(&self.words)
    }

    /// A run on from a checkpoint, through a file.
    pub(super) fn resume(&self, checkpoint: &Checkpoint) -> Result<RunRecord, VerifyError> {
        let folder = Folder::make()?;
        let path = folder.file("half.checkpoint");
        checkpoint.save(&path)?;
        self.record(&["resume".as_ref(), path.as_os_str()])
    }

    /// The checkpoints that two fresh processes write after an event.
    pub(super) fn pair_at(&self, event: u64) -> Result<(Checkpoint, Checkpoint), VerifyError> {
        let folder = Folder::make()?;
        let checkpoint = |name: &str| -> Result<Checkpoint, VerifyError> {
            let path = folder.file(name);
            let mut words: Vec<&OsStr> = self.words.iter().map(AsRef::as_ref).collect();
            let mut argument = OsStr::new(&format!("{event}=")).to_owned();
            argument.push(&path);
            words.extend(["--checkpoint".as_ref(), argument.as_os_str()]);
            self.record(&words)?;
            Ok(Checkpoint::load(&path)?)
        };
        Ok((checkpoint("left")?, checkpoint("right")?))
    }

    fn record(&self, words: &[impl AsRef<OsStr>]) -> Result<RunRecord, VerifyError> {
        let watchdog = format!("{}ms", self.watchdog.as_millis());
        let output = Command::new(&self.program)
            .args(words)
            .args(["--json", "--full", "--watchdog", &watchdog])
            .output()
            .map_err(|reason| ProcessError::NotStarted {
                program: self.program.clone(),
                reason,
            })?;
        serde_json::from_slice(&output.stdout).map_err(|_| {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let no_record = ProcessError::NoRecord {
                status: output.status,
                stderr: stderr.trim().to_owned(),
            };
            no_record.into()
        })
    }
}

/// A folder of this process, gone with the value.
struct Folder(PathBuf);

static FOLDERS: AtomicU64 = AtomicU64::new(0);

impl Folder {
    fn make() -> Result<Self, ProcessError> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("stormglass-verify-{}-{number}", process::id());
        let folder = env::temp_dir().join(name);
        match fs::create_dir(&folder) {
            Ok(()) => Ok(Folder(folder)),
            Err(reason) => Err(ProcessError::NoFolder { folder, reason }),
        }
    }

    fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody misses what is left in a temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

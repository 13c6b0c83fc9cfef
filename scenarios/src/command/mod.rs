//! The commands: what each takes, and what it prints.

use std::io;
use std::ops::Range;

use stormglass_reports::escape;
use stormglass_reports::record::Exit;
use stormglass_scenarios::checkpoint::CheckpointError;
use stormglass_scenarios::diff::GivenError;
use stormglass_scenarios::fork::ForkError;
use stormglass_scenarios::moment::Moment;
use stormglass_scenarios::repro::ReproError;
use stormglass_scenarios::resync_study;
use stormglass_scenarios::shrink::ShrinkError;
use stormglass_scenarios::source::SourceError;
use stormglass_scenarios::sweep::SweepError;
use stormglass_scenarios::sweep::folder::FolderError;
use stormglass_scenarios::takeover_study::StudyError;
use stormglass_scenarios::verify::VerifyError;
use stormglass_scenarios::watchdog::Stuck;

mod output;
mod repros;
mod swept;
mod values;

pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod features;
pub(crate) mod fork;
pub(crate) mod list;
pub(crate) mod merge;
pub(crate) mod replay;
pub(crate) mod resume;
pub(crate) mod resync;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod shrink;
pub(crate) mod sweep;
pub(crate) mod takeover;
pub(crate) mod verify;

pub(crate) use output::Output;

/// What a shell calls a process that was interrupted from the keyboard.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// There is no scenario to run.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A sweep has no result.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// A sweep was interrupted before anything failed; how far it came.
    #[error("{0}")]
    Interrupted(String),
    /// A sweep's folder is of no use.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A folder holds a sweep of something else.
    #[error(
        "{} holds a sweep of other scenarios, settings or seeds, or by another build",
        escape(.0)
    )]
    OtherSweep(String),
    /// Two shards say different things of these seeds.
    #[error(
        "seeds {}..{} came out differently in two shards: the runs are not deterministic",
        .0.start, .0.end
    )]
    Contradiction(Range<u64>),
    /// No folder was named.
    #[error("there is nothing to join")]
    NothingToJoin,
    /// A file cannot be written.
    #[error("cannot write {}: {reason}", escape(.path))]
    Unwritable {
        /// The file.
        path: String,
        /// Why.
        reason: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {reason}", escape(.path))]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: io::Error,
    },
    /// A file is no repro.
    #[error("{}: {error}", escape(.path))]
    Repro {
        /// The file.
        path: String,
        /// Why.
        error: ReproError,
    },
    /// A repro does not fail as it says.
    #[error("nothing was shrunk: {0}")]
    Shrink(ShrinkError),
    /// A file holds a repro of something else.
    #[error("{} holds a repro of another failure", escape(.0))]
    OtherRepro(String),
    /// A checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A run ends before the moment of a checkpoint.
    #[error("no checkpoint was written: the run ends before {0}")]
    EndsBefore(Moment),
    /// A run ends before the moment that was asked for.
    #[error("there is no state to show: the run ends before {0}")]
    NotReached(Moment),
    /// A verification has no result.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Two runs cannot be compared.
    #[error(transparent)]
    Given(#[from] GivenError),
    /// A run cannot be forked.
    #[error(transparent)]
    Fork(#[from] ForkError),
    /// A run that is to be forked somewhere.
    #[error("where is the run to be forked?")]
    NoMoment,
    /// A handler did not return.
    #[error(transparent)]
    Stuck(Stuck),
    /// A study has no result.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// A study of resyncs has no result.
    #[error(transparent)]
    Resync(#[from] resync_study::StudyError),
    /// Fresh processes cannot be started.
    #[error("cannot find this program's own file")]
    NoProgram(#[source] io::Error),
    /// Requests to stop cannot be listened to.
    #[error("cannot listen to signals")]
    Signals(#[source] io::Error),
    /// Standard output takes no more.
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
}

impl CommandError {
    /// For a person, in lines.
    fn render(&self, colour: bool) -> String {
        match self {
            CommandError::Source(error) => return error.render(colour),
            CommandError::Verify(VerifyError::Source(error)) => return error.render(colour),
            CommandError::Interrupted(_) => return format!("{self}\n"),
            CommandError::Given(error) | CommandError::Fork(ForkError::Given(error)) => {
                if let GivenError::Source(error) = error {
                    return error.render(colour);
                }
            }
            CommandError::Fork(ForkError::Setting(error)) => return error.render(),
            _ => {}
        }
        let mut text = format!("error: {self}");
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text += &format!(": {error}");
            cause = error.source();
        }
        let help = match self {
            CommandError::Fork(error) => error.help(),
            _ => None,
        };
        if let Some(help) = help.or_else(|| self.help().map(str::to_owned)) {
            text += &format!("\n  help: {help}");
        }
        text + "\n"
    }

    /// What would help.
    fn help(&self) -> Option<&'static str> {
        Some(match self {
            CommandError::Checkpoint(error)
            | CommandError::Given(GivenError::Checkpoint(error))
            | CommandError::Fork(ForkError::Given(GivenError::Checkpoint(error))) => {
                checkpoint_help(error)
            }
            CommandError::Given(error) => return error.help(),
            CommandError::NoMoment => "name an instant by --at, as in --at 2.1s",
            CommandError::Unreadable { .. } | CommandError::Repro { .. } => {
                "`stormglass run SCENARIO --repro FILE` writes a repro of a run that fails"
            }
            CommandError::NotReached(_) => "leave it out to see how long the run is",
            CommandError::Shrink(_) => "`stormglass replay FILE` says what has changed",
            CommandError::OtherRepro(_) => "name another file, or leave --resume out",
            CommandError::EndsBefore(_) => {
                "run it without --checkpoint to see how long it is, and name an earlier instant"
            }
            CommandError::Folder(error) => match error {
                FolderError::Unreadable { .. } | FolderError::NoLedger { .. } => {
                    "name a folder that `stormglass sweep --out DIR` wrote"
                }
                FolderError::Unwritable { .. } => "name a folder that may be written to",
                FolderError::Taken { .. } => {
                    "name another folder, or go on with that sweep by --resume"
                }
            },
            CommandError::OtherSweep(_) => {
                "join shards of one sweep by one build; else run it again"
            }
            CommandError::Contradiction(_) => {
                "`stormglass verify SCENARIO --seed N` says where two runs part"
            }
            CommandError::Unwritable { .. } => {
                "name a file in a folder that exists and may be written to"
            }
            _ => return None,
        })
    }

    /// How the process exits.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            CommandError::Source(_)
            | CommandError::Given(_)
            | CommandError::Fork(_)
            | CommandError::NoMoment
            | CommandError::Checkpoint(_)
            | CommandError::EndsBefore(_)
            | CommandError::NotReached(_)
            | CommandError::Folder(_)
            | CommandError::OtherSweep(_)
            | CommandError::NothingToJoin
            | CommandError::Unreadable { .. }
            | CommandError::Repro { .. }
            | CommandError::Shrink(_)
            | CommandError::OtherRepro(_)
            | CommandError::Unwritable { .. } => Exit::Usage.code(),
            CommandError::Study(StudyError::Scenario(_))
            | CommandError::Resync(resync_study::StudyError::Scenario(_)) => Exit::Usage.code(),
            CommandError::Study(StudyError::Failed { .. })
            | CommandError::Resync(resync_study::StudyError::Failed { .. }) => Exit::Safety.code(),
            CommandError::Study(StudyError::Stopped)
            | CommandError::Resync(resync_study::StudyError::Stopped) => INTERRUPTED,
            CommandError::Contradiction(_) => Exit::Nondeterminism.code(),
            CommandError::Stuck(_) => Exit::Liveness.code(),
            CommandError::Interrupted(_) | CommandError::Sweep(SweepError::Interrupted) => {
                INTERRUPTED
            }
            CommandError::Sweep(_)
            | CommandError::Verify(_)
            | CommandError::NoProgram(_)
            | CommandError::Signals(_)
            | CommandError::Output(_) => Exit::Internal.code(),
        }
    }
}

fn checkpoint_help(error: &CheckpointError) -> &'static str {
    match error {
        CheckpointError::Unreadable { .. } | CheckpointError::NoCheckpoint => {
            "`stormglass run SCENARIO --checkpoint 2.1s=FILE` writes a checkpoint"
        }
        CheckpointError::Unwritable { .. } => {
            "name a file in a folder that exists and may be written to"
        }
        CheckpointError::Format { .. } | CheckpointError::OtherBuild { .. } => {
            "resume it with the build that wrote it, or write it again with this one: \
             scenario, seed and instant give the same"
        }
        CheckpointError::Damaged => "write it again: scenario, seed and instant give the same",
    }
}

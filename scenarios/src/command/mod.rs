//! The commands: what each takes, and what it prints.

use std::io;

use stormglass_reports::record::Exit;
use stormglass_scenarios::checkpoint::CheckpointError;
use stormglass_scenarios::moment::Moment;
use stormglass_scenarios::source::SourceError;
use stormglass_scenarios::sweep::SweepError;
use stormglass_scenarios::verify::VerifyError;

mod output;
mod values;

pub(crate) mod completions;
pub(crate) mod features;
pub(crate) mod list;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod sweep;
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
    /// A checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A run ends before the moment of a checkpoint.
    #[error("no checkpoint was written: the run ends before {0}")]
    EndsBefore(Moment),
    /// A verification has no result.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Fresh processes cannot be started.
    #[error("cannot find this program's own file")]
    NoProgram(#[source] io::Error),
    /// Standard output takes no more.
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
}

impl CommandError {
    /// For a person, in lines.
    fn render(&self, colour: bool) -> String {
        match self {
            CommandError::Source(error) => error.render(colour),
            CommandError::Verify(VerifyError::Source(error)) => error.render(colour),
            CommandError::Interrupted(_) => format!("{self}\n"),
            CommandError::Sweep(_)
            | CommandError::Checkpoint(_)
            | CommandError::EndsBefore(_)
            | CommandError::Verify(_)
            | CommandError::NoProgram(_)
            | CommandError::Output(_) => {
                let mut text = format!("error: {self}");
                let mut cause = std::error::Error::source(self);
                while let Some(error) = cause {
                    text += &format!(": {error}");
                    cause = error.source();
                }
                text + "\n"
            }
        }
    }

    /// How the process exits.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            CommandError::Source(_) | CommandError::Checkpoint(_) | CommandError::EndsBefore(_) => {
                Exit::Usage.code()
            }
            CommandError::Interrupted(_) | CommandError::Sweep(SweepError::Interrupted) => {
                INTERRUPTED
            }
            CommandError::Sweep(_)
            | CommandError::Verify(_)
            | CommandError::NoProgram(_)
            | CommandError::Output(_) => Exit::Internal.code(),
        }
    }
}

//! The commands: what each takes, and what it prints.

use std::io;

use stormglass_reports::record::Exit;
use stormglass_scenarios::source::SourceError;
use stormglass_scenarios::sweep::SweepError;

mod output;
mod values;

pub(crate) mod completions;
pub(crate) mod list;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod sweep;

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
    /// Standard output takes no more.
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
}

impl CommandError {
    /// For a person, in lines.
    fn render(&self, colour: bool) -> String {
        match self {
            CommandError::Source(error) => error.render(colour),
            CommandError::Sweep(_) | CommandError::Output(_) => {
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
            CommandError::Source(_) => Exit::Usage.code(),
            CommandError::Sweep(SweepError::Interrupted) => INTERRUPTED,
            CommandError::Sweep(_) | CommandError::Output(_) => Exit::Internal.code(),
        }
    }
}

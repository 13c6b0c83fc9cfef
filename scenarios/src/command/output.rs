//! Standard output and standard error: colour, and readers that leave early.

use std::io::{self, ErrorKind, Write};

use anstream::{AutoStream, ColorChoice};
use stormglass_reports::Paint;

use super::CommandError;

/// Where a command prints.
pub(crate) struct Output {
    choice: ColorChoice,
    /// Nobody reads any more, as behind `| head`.
    is_closed: bool,
}

impl Output {
    pub(crate) fn new(choice: ColorChoice) -> Self {
        Output {
            choice,
            is_closed: false,
        }
    }

    /// Whether views for standard output use colour.
    pub(crate) fn paint(&self) -> Paint {
        match self.is_coloured(&io::stdout()) {
            true => Paint::Colour,
            false => Paint::Plain,
        }
    }

    fn is_coloured(&self, stream: &impl anstream::stream::RawStream) -> bool {
        let choice = match self.choice {
            ColorChoice::Auto => AutoStream::choice(stream),
            given => given,
        };
        choice != ColorChoice::Never
    }

    /// Prints to standard output. A reader that has left is no error.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), CommandError> {
        if self.is_closed {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        match stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
        {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Prints a line to standard output.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), CommandError> {
        self.print(&format!("{text}\n"))
    }

    /// Prints a remark to standard error; there is nobody to tell if that fails.
    pub(crate) fn remark(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Says on standard error why a command came to nothing.
    pub(crate) fn explain(&self, error: &CommandError) {
        let text = error.render(self.is_coloured(&io::stderr()));
        let _ = write!(io::stderr().lock(), "{text}");
    }
}

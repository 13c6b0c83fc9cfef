//! `completions`: a script that teaches a shell this command line.

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use stormglass_reports::record::Exit;

use super::{CommandError, Output};

const EXAMPLES: &str = "\
Examples:
  stormglass completions bash > ~/.local/share/bash-completion/completions/stormglass
  stormglass completions zsh > ~/.zfunc/_stormglass";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn execute<C: CommandFactory>(
    args: &Args,
    output: &mut Output,
) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    generate(args.shell, &mut C::command(), "stormglass", &mut script);
    output.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Pass)
}

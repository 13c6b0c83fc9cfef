//! `resume`: a checkpoint runs on.

use std::path::PathBuf;

use stormglass_reports::record::Exit;
use stormglass_reports::shell_command;
use stormglass_scenarios::checkpoint::Checkpoint;
use stormglass_scenarios::file::Scenario;

use super::run::Form;
use super::{CommandError, Output};

const EXAMPLES: &str = "\
Examples:
  stormglass run owner-crash --seed 7 --checkpoint 2.1s=half.checkpoint
  stormglass resume half.checkpoint";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A file that `run --checkpoint` wrote
    #[arg(value_name = "FILE")]
    checkpoint: PathBuf,
    #[command(flatten)]
    form: Form,
}

pub(crate) fn execute(args: &Args, output: &mut Output) -> Result<Exit, CommandError> {
    let Checkpoint {
        scenario,
        seed,
        experiment,
    } = Checkpoint::load(&args.checkpoint)?;
    let path = args.checkpoint.display().to_string();
    let command = shell_command(&["stormglass", "resume", &path]);
    let begin = move |_: &Scenario| experiment;
    args.form.run(scenario, seed, begin, command, output)
}

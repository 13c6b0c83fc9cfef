//! `diff`: where do two runs part?

use stormglass_reports::record::{DiffRecord, Exit, SchemaVersion, to_json};
use stormglass_reports::tables;
use stormglass_scenarios::diff::{self, Given};
use stormglass_scenarios::source::Setting;
use stormglass_scenarios::watchdog;

use super::values::Patience;
use super::{CommandError, Output};

const EXAMPLES: &str = "\
A side is SCENARIO@SEED, a checkpoint (`run --checkpoint`) or a trail (`run --trace`). Runs and
checkpoints are compared field by field; a side that stands earlier is run up to the other first.
Of a trail, which another version may have written, only events and hashes are known.

Exits 0 if the sides are equal, 1 if they differ, 2 if one cannot be read.

Examples:
  stormglass diff lossy-network@1 lossy-network@1 --set-right weather.loss=0/1
  stormglass diff owner-crash@7 owner-crash@8
  stormglass run owner-crash --seed 7 --checkpoint 2.1s=half.checkpoint
  stormglass diff owner-crash@7 half.checkpoint
  stormglass run owner-crash --seed 7 --trace old.trail     # by one version
  stormglass diff old.trail owner-crash@7                   # by another";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// One side
    #[arg(value_name = "A")]
    left: String,
    /// The other
    #[arg(value_name = "B")]
    right: String,
    /// Change the scenario on both sides: a dotted path, and a value as TOML has it
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
    /// Change it on the left only
    #[arg(long, value_name = "KEY=VALUE")]
    set_left: Vec<Setting>,
    /// Change it on the right only
    #[arg(long, value_name = "KEY=VALUE")]
    set_right: Vec<Setting>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Report a handler that has not returned after this much real time
    #[arg(long, default_value = "30s", value_name = "TIME")]
    watchdog: Patience,
}

pub(crate) fn execute(args: Args, output: &mut Output) -> Result<Exit, CommandError> {
    let settings = |own: &[Setting]| [&args.settings[..], own].concat();
    let left = Given::read(&args.left, &settings(&args.set_left))?;
    let right = Given::read(&args.right, &settings(&args.set_right))?;
    let compared = watchdog::watched(args.watchdog.0, move |pulse| {
        diff::compare(left, right, pulse)
    });
    let parting = match compared {
        Ok(parting) => parting?,
        Err(stuck) => {
            output.remark(&format!("error: {stuck}"));
            return Ok(Exit::Liveness);
        }
    };
    let record = DiffRecord {
        schema_version: SchemaVersion,
        left: args.left,
        right: args.right,
        equal: parting.first_difference.is_none(),
        parting,
    };
    match args.json {
        true => output.line(&to_json(&record))?,
        false => output.print(&tables::diff(&record, output.paint()))?,
    }
    Ok(record.exit())
}

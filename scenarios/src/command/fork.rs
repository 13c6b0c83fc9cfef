//! `fork`: what if, from here on?

use std::path::{Path, PathBuf};

use stormglass_reports::record::{Exit, to_json};
use stormglass_reports::tables;
use stormglass_scenarios::checkpoint::Checkpoint;
use stormglass_scenarios::diff::{Given, Side};
use stormglass_scenarios::fork::{Change, Fork};
use stormglass_scenarios::moment::Moment;
use stormglass_scenarios::source::Setting;
use stormglass_scenarios::{interrupt, watchdog};

use super::values::Patience;
use super::{CommandError, Output};

const EXAMPLES: &str = "\
A fault is written as in a scenario's [[fault]], without `at`; one with `on` waits for its event.
What can be set while a run is under way: weather.until, loss, duplicate, delay, corrupt, io.*;
limits.*. Exits as `run` does, by both verdicts: the lowest of 1, 3, 4, 5, 6 that occurred.

Examples:
  stormglass fork owner-crash@7 --at 2.1s --fault 'crash = { node = \"west-1\" }'
  stormglass fork lossy-network@1 --at 300ms --set weather.loss=1/2
  stormglass fork half.checkpoint --fault 'kill = { node = \"east-1\", module = \"D\" }' --json
  stormglass fork owner-crash@7 --at 4411 --set weather.loss=1/5 --checkpoint-right b.checkpoint";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group(clap::ArgGroup::new("change").required(true).args(["fault", "set"])))]
pub(crate) struct Args {
    /// A run as SCENARIO@SEED, a repro, or a checkpoint
    #[arg(value_name = "SCENARIO@SEED|FILE")]
    run: String,
    /// The instant of the fork, or the number of the event after which it is; a checkpoint may
    /// be forked where it stands
    #[arg(long, value_name = "T")]
    at: Option<Moment>,
    /// What befalls the right side
    #[arg(long, value_name = "FAULT")]
    fault: Option<String>,
    /// What is set otherwise on the right side
    #[arg(long, value_name = "KEY=VALUE")]
    set: Option<Setting>,
    /// Write the left side as it stands at the fork to a file
    #[arg(long, value_name = "FILE")]
    checkpoint_left: Option<PathBuf>,
    /// Write the right side, changed, to a file
    #[arg(long, value_name = "FILE")]
    checkpoint_right: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Report a handler that has not returned after this much real time
    #[arg(long, default_value = "30s", value_name = "TIME")]
    watchdog: Patience,
}

pub(crate) fn execute(args: Args, output: &mut Output) -> Result<Exit, CommandError> {
    let given = Given::read(&args.run, &[])?;
    if args.at.is_none() && !matches!(given, Given::Checkpoint(_)) {
        return Err(CommandError::NoMoment);
    }
    let change = match (args.fault, args.set) {
        (Some(fault), _) => Change::Fault(fault),
        (None, Some(setting)) => Change::Setting(setting),
        (None, None) => unreachable!("one of them is required"),
    };
    let (moment, limit) = (args.at, args.watchdog.0);
    let forked = watchdog::watched(limit, move |pulse| {
        let fork = Fork::new(given, moment, &change, pulse)?;
        let runs = [&fork.left, &fork.right].map(|side| Fork::run(side, pulse));
        let parting = fork.parting(pulse);
        let record = fork.record(runs, parting);
        Ok::<_, CommandError>((fork, record))
    });
    let (fork, record) = match forked {
        Ok(forked) => forked?,
        Err(stuck) => {
            output.remark(&format!("error: {stuck}"));
            return Ok(Exit::Liveness);
        }
    };
    match args.json {
        true => output.line(&to_json(&record))?,
        false => output.print(&tables::fork(&record, output.paint()))?,
    }
    let paths = [&args.checkpoint_left, &args.checkpoint_right];
    for (side, path) in [fork.left, fork.right].into_iter().zip(paths) {
        if let Some(path) = path {
            save(side, path)?;
        }
    }
    Ok(record.exit())
}

fn save(side: Side, path: &Path) -> Result<(), CommandError> {
    interrupt::leave_nothing_behind().map_err(CommandError::Signals)?;
    let checkpoint = Checkpoint {
        scenario: (*side.scenario).clone(),
        seed: side.seed,
        experiment: side.experiment,
    };
    Ok(checkpoint.save(path)?)
}

//! `run`: one scenario, one seed.

use std::sync::atomic::AtomicU64;

use stormglass_reports::record::{Detail, Exit, RunRecord};
use stormglass_reports::timeline;
use stormglass_scenarios::experiment::Experiment;
use stormglass_scenarios::run::{self, Keep};
use stormglass_scenarios::source::{Setting, Source};
use stormglass_scenarios::watchdog;

use super::values::Wall;
use super::{CommandError, Output};

const EXAMPLES: &str = "\
Examples:
  stormglass run owner-crash --seed 7
  stormglass run ./mine.toml --seed 7 --json | jq .verdict
  stormglass run parallel-latency --seed 1 --set settings.replication=chained
  stormglass run owner-crash --set workload.clients=2 --set 'devices.\"east.data\".write=5ms'";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A scenario of `stormglass list`, or a file
    #[arg(value_name = "SCENARIO|FILE")]
    scenario: String,
    /// The seed of every random decision
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Change the scenario: a dotted path, and a value as TOML has it; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
    #[command(flatten)]
    form: Form,
}

/// How a run is watched and shown.
#[derive(clap::Args)]
pub(crate) struct Form {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// With the timeline, the oracles and the command in the JSON
    #[arg(long, requires = "json")]
    full: bool,
    /// Leave the timeline out
    #[arg(long)]
    no_timeline: bool,
    /// Report a handler that has not returned after this much real time
    #[arg(long, default_value = "30s", value_name = "TIME")]
    watchdog: Wall,
}

pub(crate) fn execute(args: Args, output: &mut Output) -> Result<Exit, CommandError> {
    let source = Source::load(&args.scenario, &args.settings)?;
    let seed = args.seed;
    let scenario = source.scenario.clone();
    let (keep, limit) = (args.form.keep(), args.form.watchdog.0);
    let work = move |pulse: &AtomicU64| {
        let experiment = Experiment::new(&scenario, seed);
        run::run_on(&scenario, seed, experiment, keep, pulse)
    };
    let command = source.run_command(seed);
    let record = match watchdog::watched(limit, work) {
        Ok(record) => RunRecord { command, ..record },
        Err(stuck) => stuck.to_record(&source.scenario.name, seed, command),
    };
    args.form.show(&record, output)
}

impl Form {
    pub(crate) fn keep(&self) -> Keep {
        match (self.no_timeline, self.json, self.full) {
            (false, false, _) | (false, _, true) => Keep::Timeline,
            _ => Keep::Counts,
        }
    }

    pub(crate) fn show(
        &self,
        record: &RunRecord,
        output: &mut Output,
    ) -> Result<Exit, CommandError> {
        if self.json {
            let detail = match self.full {
                true => Detail::Full,
                false => Detail::Summary,
            };
            output.line(&record.to_json(detail))?;
        } else {
            output.print(&timeline::render(record, output.paint()))?;
        }
        Ok(record.verdict.exit())
    }
}

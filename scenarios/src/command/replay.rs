//! `replay`: a repro, run as it was recorded.

use std::path::PathBuf;

use stormglass_reports::record::{self, Exit, ReplayRecord, Replayed};
use stormglass_reports::{escape, shell_command, timeline};
use stormglass_scenarios::experiment::Experiment;
use stormglass_scenarios::moment::Moment;
use stormglass_scenarios::repro::{Cue, Repro};
use stormglass_scenarios::run::{self, Keep};
use stormglass_scenarios::state::State;
use stormglass_scenarios::watchdog;

use super::values::{Instant, Patience};
use super::{CommandError, Output, repros};

const EXAMPLES: &str = "\
Examples:
  stormglass run storm-pair --seed 7 --repro repro.toml
  stormglass replay repro.toml
  stormglass replay repro.toml --at 2.1s
  git bisect run sh -c 'cargo build -r && target/release/stormglass replay repro.toml'

Exit codes:
  1 it fails as it did · 0 it passes · 125 it fails otherwise, or keys are stale, so that
  nothing is known: `git bisect` skips such a revision · 2 the file is no repro";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A file that `run --repro`, `sweep --out` or `shrink` wrote
    #[arg(value_name = "FILE")]
    repro: PathBuf,
    /// Print the world's state once everything up to this instant has happened, as in 2.1s
    #[arg(long, value_name = "T", conflicts_with = "event")]
    at: Option<Instant>,
    /// Print the world's state after so many events
    #[arg(long, value_name = "N")]
    event: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Report a handler that has not returned after this much real time
    #[arg(long, default_value = "30s", value_name = "TIME")]
    watchdog: Patience,
}

pub(crate) fn execute(args: &Args, output: &mut Output) -> Result<Exit, CommandError> {
    let repro = repros::load(&args.repro)?;
    let at = args.at.map(|Instant(at)| Moment::At(at));
    if let Some(moment) = at.or(args.event.map(Moment::Event)) {
        return show(&repro, moment, args, output);
    }
    let keep = match args.json {
        true => Keep::Counts,
        false => Keep::Timeline,
    };
    let path = args.repro.display().to_string();
    let command = shell_command(&["stormglass", "replay", &path]);
    let (name, seed) = (repro.scenario.name.clone(), repro.seed);
    let again = repro.clone();
    let ran = watchdog::watched(args.watchdog.0, move |pulse| {
        again.play(Cue::Exact, keep, pulse)
    });
    let mut replayed = ran.unwrap_or_else(|stuck| {
        let record = stuck.to_record(&name, seed, command.clone());
        repro.compare(record)
    });
    replayed.run.command = command;
    if args.json {
        output.line(&record::to_json(&replayed))?;
    } else {
        output.print(&timeline::render(&replayed.run, output.paint()))?;
        output.print(&verdict(&replayed))?;
    }
    Ok(replayed.exit())
}

/// The world's state at a moment: not judged, so the process exits with 0.
fn show(
    repro: &Repro,
    moment: Moment,
    args: &Args,
    output: &mut Output,
) -> Result<Exit, CommandError> {
    let again = repro.clone();
    let found = watchdog::watched(args.watchdog.0, move |pulse| {
        let experiment = Experiment::of_repro(&again, Cue::Exact);
        run::run_to(&again.scenario, experiment, moment, pulse)
    });
    let found = found.map_err(CommandError::Stuck)?;
    let state = State::of(&found.ok_or(CommandError::NotReached(moment))?);
    match args.json {
        true => output.line(&record::to_json(&state))?,
        false => output.print(&state.render())?,
    }
    Ok(Exit::Pass)
}

fn verdict(replayed: &ReplayRecord) -> String {
    let mut text = String::new();
    for stale in &replayed.stale_keys {
        text += &format!("stale: {} ({})\n", escape(&stale.key), stale.why);
    }
    let expected = escape(&replayed.expected);
    text + &match replayed.outcome {
        Replayed::Same => "it fails as it did\n".to_owned(),
        Replayed::Passed => format!("it passes; it had failed with {expected}\n"),
        Replayed::Other => format!("it fails otherwise; it had failed with {expected}\n"),
    }
}

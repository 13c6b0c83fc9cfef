//! `sweep`: many seeds.

use std::io::{self, IsTerminal};
use std::num::NonZeroU32;
use std::thread;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stormglass_reports::record::{self, Exit, Share, SweepResult};
use stormglass_reports::tables;
use stormglass_scenarios::source::{Setting, Source};
use stormglass_scenarios::sweep::{self, Ended, Plan, Swept};

use super::values::{Patience, Seeds, Wall};
use super::{CommandError, Output};

const EXAMPLES: &str = "\
Seed s runs the scenario at place s mod n of those given; a suite's are in the
order of their names. The result is the same for any number of jobs.

Examples:
  stormglass sweep --suite spine --seeds 0..1000
  stormglass sweep owner-crash mirror-crash --seeds 0..1000000 --budget 5m
  stormglass sweep --suite spine --seeds 0..200 --json | jq .result.failures";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    what: What,
    /// The seeds from A up to and without B
    #[arg(long, value_name = "A..B", default_value = "0..100")]
    seeds: Seeds,
    /// Runs at the same time; as many as there are cores, if absent
    #[arg(long, short, value_name = "J")]
    jobs: Option<NonZeroU32>,
    /// Begin no run after this much real time, as in 90s or 5m
    #[arg(long, value_name = "TIME")]
    budget: Option<Wall>,
    /// Change every scenario: a dotted path, and a value as TOML has it; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
    /// Report a handler that has not returned after this much real time
    #[arg(long, default_value = "30s", value_name = "TIME")]
    watchdog: Patience,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Scenarios of `stormglass list`, or files
    #[arg(value_name = "SCENARIO|FILE")]
    scenarios: Vec<String>,
    /// Every scenario of a suite
    #[arg(long, value_name = "NAME")]
    suite: Option<String>,
}

pub(crate) fn execute(args: Args, output: &mut Output) -> Result<Exit, CommandError> {
    let settings = &args.settings;
    let sources = match &args.what.suite {
        Some(suite) => Source::suite(suite, settings)?,
        None => args
            .what
            .scenarios
            .iter()
            .map(|target| Source::load(target, settings))
            .collect::<Result<_, _>>()?,
    };
    let jobs = args.jobs.map_or_else(cores, NonZeroU32::get);
    let seeds = args.seeds.0;
    let bar = progress_bar(seeds.end - seeds.start);
    let plan = Plan {
        sources,
        seeds: seeds.clone(),
        jobs,
        budget: args.budget.map(|budget| budget.0),
        watchdog: args.watchdog.0,
    };
    let swept = sweep::sweep(plan, |result| show_progress(&bar, result));
    bar.finish_and_clear();
    let swept = swept?;
    if args.json {
        output.line(&record::to_json(&swept.record))?;
    } else {
        output.print(&tables::sweep(&swept.record, output.paint()))?;
    }
    let remark = remark(&swept, seeds.end);
    match (swept.ended, swept.record.result.exit(Share::NONE), remark) {
        // Half a sweep without failures is no pass.
        (Ended::Interrupted, Exit::Pass, Some(remark)) => Err(CommandError::Interrupted(remark)),
        (_, exit, remark) => {
            if let Some(remark) = remark {
                output.remark(&remark);
            }
            Ok(exit)
        }
    }
}

/// Why a sweep ended early.
fn remark(swept: &Swept, end: u64) -> Option<String> {
    let why = match swept.ended {
        Ended::Complete => return None,
        Ended::Budget => "the budget is used up",
        Ended::Interrupted => "interrupted",
        Ended::Stuck => "every job has a handler that does not return",
    };
    let done = &swept.seeds;
    let rest = if done.end < end {
        format!("; go on with --seeds {}..{end}", done.end)
    } else {
        String::new()
    };
    Some(format!(
        "{why}: seeds {}..{} have run{rest}",
        done.start, done.end
    ))
}

fn cores() -> u32 {
    thread::available_parallelism()
        .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

fn progress_bar(seeds: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(Some(seeds), ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template(
        "{bar:30} {human_pos}/{human_len} seeds, {per_sec:.0}, {msg}, {eta} left",
    )
    .expect("the template is fixed");
    ProgressBar::new(seeds)
        .with_style(style)
        .with_message("no failures")
}

fn show_progress(bar: &ProgressBar, result: &SweepResult) {
    bar.set_position(result.runs);
    if result.failed > 0 {
        let kinds = result.failures.len();
        bar.set_message(format!("{} failed in {kinds} ways", result.failed));
    }
}

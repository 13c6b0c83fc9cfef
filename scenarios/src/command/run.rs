//! `run`: one scenario, one seed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use stormglass_reports::html;
use stormglass_reports::record::{Detail, Exit, RunRecord, StoryRecord};
use stormglass_reports::timeline;
use stormglass_scenarios::checkpoint::Checkpoint;
use stormglass_scenarios::experiment::Experiment;
use stormglass_scenarios::file::Scenario;
use stormglass_scenarios::files;
use stormglass_scenarios::interrupt;
use stormglass_scenarios::repro::Repro;
use stormglass_scenarios::run::{self, Keep};
use stormglass_scenarios::source::{Setting, Source};
use stormglass_scenarios::trail::Played;
use stormglass_scenarios::watchdog;

use super::values::{CheckpointAt, Patience};
use super::{CommandError, Output, repros};

const EXAMPLES: &str = "\
Examples:
  stormglass run owner-crash --seed 7
  stormglass run ./mine.toml --seed 7 --json | jq .verdict
  stormglass run parallel-latency --seed 1 --set settings.replication=chained
  stormglass run owner-crash --seed 7 --html owner-crash.html
  stormglass run owner-crash --seed 7 --repro repro.toml
  stormglass run owner-crash --seed 7 --checkpoint 2.1s=half.checkpoint
  stormglass run owner-crash --seed 7 --trace old.trail
  stormglass run owner-crash --set workload.clients=2 --set 'devices.\"east.data\".write=5ms'";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// Write the experiment as it stands at an instant, or after so many events, to a file for
    /// `stormglass resume`; may be repeated
    #[arg(long = "checkpoint", value_name = "T=FILE")]
    checkpoints: Vec<CheckpointAt>,
    /// Write a line of JSON for each event to a file, with the hashes that it left behind, for
    /// `stormglass diff`
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// If it fails, write a repro of it: the faults that happened, for `stormglass replay`
    #[arg(long, value_name = "FILE")]
    repro: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
}

/// Which run.
#[derive(clap::Args)]
pub(crate) struct Which {
    /// A scenario of `stormglass list`, or a file
    #[arg(value_name = "SCENARIO|FILE")]
    pub(crate) scenario: String,
    /// The seed of every random decision
    #[arg(
        long,
        default_value_t = 0,
        value_name = "N",
        allow_negative_numbers = true
    )]
    pub(crate) seed: u64,
    /// Change the scenario: a dotted path, and a value as TOML has it; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<Setting>,
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
    /// Write a page of the run to a file: lanes, messages, faults, findings; for any browser,
    /// without a server
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Leave the timeline out
    #[arg(long)]
    no_timeline: bool,
    /// Report a handler that has not returned after this much real time
    #[arg(long, default_value = "30s", value_name = "TIME")]
    watchdog: Patience,
}

pub(crate) fn execute(args: Args, output: &mut Output) -> Result<Exit, CommandError> {
    let Which {
        scenario,
        seed,
        settings,
    } = args.which;
    let source = Source::load(&scenario, &settings)?;
    let begin = move |scenario: &Scenario| Experiment::new(scenario, seed);
    let (scenario, command) = (source.scenario.clone(), source.run_command(seed));
    let shown = args.form.run(scenario, seed, begin, command, output)?;
    let limit = args.form.watchdog.0;
    match &args.repro {
        Some(_) if shown == Exit::Pass => {
            output.remark("no repro was written: the run passes");
        }
        Some(path) => write_repro(path, &source, seed, limit, output)?,
        None => {}
    }
    let written = write_checkpoints(&args.checkpoints, &source, seed, limit);
    match written.and_then(|()| write_trail(args.trace, source, seed, limit)) {
        // What a failing run came to is worth more than what it did not write.
        Err(error) if shown != Exit::Pass => {
            output.explain(&error);
            Ok(shown)
        }
        written => written.map(|()| shown),
    }
}

/// Runs it again with a tape.
fn write_repro(
    path: &Path,
    source: &Source,
    seed: u64,
    limit: Duration,
    output: &Output,
) -> Result<(), CommandError> {
    let scenario = source.scenario.clone();
    let made = watchdog::watched(limit, move |pulse| {
        Repro::record(&scenario, seed, Keep::Counts, pulse)
    });
    let (repro, _) = made.map_err(CommandError::Stuck)?;
    if !repro.about.is_empty() {
        output.remark(&format!("warning: {}", repro.about));
    }
    repros::save(&repro, path)
}

fn write_checkpoints(
    wanted: &[CheckpointAt],
    source: &Source,
    seed: u64,
    limit: Duration,
) -> Result<(), CommandError> {
    if !wanted.is_empty() {
        interrupt::leave_nothing_behind().map_err(CommandError::Signals)?;
    }
    for CheckpointAt { moment, path } in wanted {
        let (scenario, moment) = (source.scenario.clone(), *moment);
        let found = watchdog::watched(limit, move |pulse| {
            Checkpoint::at(&scenario, seed, moment, pulse)
        });
        let checkpoint = found.ok().flatten();
        checkpoint
            .ok_or(CommandError::EndsBefore(moment))?
            .save(path)?;
    }
    Ok(())
}

fn write_trail(
    path: Option<PathBuf>,
    source: Source,
    seed: u64,
    limit: Duration,
) -> Result<(), CommandError> {
    let Some(path) = path else { return Ok(()) };
    interrupt::leave_nothing_behind().map_err(CommandError::Signals)?;
    let shown = path.display().to_string();
    let written = watchdog::watched(limit, move |pulse| {
        let experiment = Experiment::new(&source.scenario, seed);
        files::write_by(&path, |out| {
            Played::new(&source.scenario, experiment, pulse).write(seed, out)
        })
    });
    // A handler that does not return has been told by the run.
    written
        .unwrap_or(Ok(()))
        .map_err(|reason| CommandError::Unwritable {
            path: shown,
            reason,
        })
}

impl Form {
    /// Runs what `begin` makes to its end and shows what came of it.
    pub(crate) fn run(
        &self,
        scenario: Scenario,
        seed: u64,
        begin: impl FnOnce(&Scenario) -> Experiment + Send + 'static,
        command: String,
        output: &mut Output,
    ) -> Result<Exit, CommandError> {
        let name = scenario.name.clone();
        let keep = match !self.json || self.full {
            true => Keep::Timeline,
            false => Keep::Counts,
        };
        let is_told = self.html.is_some();
        let ran = watchdog::watched(self.watchdog.0, move |pulse| {
            let experiment = begin(&scenario);
            match is_told {
                true => run::tell_on(&scenario, seed, experiment, pulse),
                false => StoryRecord::untold(run::run_on(&scenario, seed, experiment, keep, pulse)),
            }
        });
        let mut story = match ran {
            Ok(story) => story,
            Err(stuck) => StoryRecord::untold(stuck.to_record(&name, seed, String::new())),
        };
        story.run.command = command;
        // What a run came to is shown also if its page cannot be written.
        let written = self.write_page(&story);
        let shown = self.show(story.run, output)?;
        match written {
            Err(error) if shown != Exit::Pass => {
                output.explain(&error);
                Ok(shown)
            }
            written => written.map(|()| shown),
        }
    }

    fn write_page(&self, story: &StoryRecord) -> Result<(), CommandError> {
        let Some(path) = &self.html else {
            return Ok(());
        };
        interrupt::leave_nothing_behind().map_err(CommandError::Signals)?;
        let page = html::run_page(story);
        files::write(path, page.as_bytes()).map_err(|reason| CommandError::Unwritable {
            path: path.display().to_string(),
            reason,
        })
    }

    fn show(&self, mut record: RunRecord, output: &mut Output) -> Result<Exit, CommandError> {
        if self.no_timeline {
            record.timeline.clear();
        }
        if self.json {
            let detail = match self.full {
                true => Detail::Full,
                false => Detail::Summary,
            };
            output.line(&record.to_json(detail))?;
        } else {
            output.print(&timeline::render(&record, output.paint()))?;
        }
        Ok(record.verdict.exit())
    }
}

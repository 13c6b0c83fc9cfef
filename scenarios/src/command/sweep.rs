//! `sweep`: many seeds.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stormglass_reports::record::{CorpusTally, Exit, Ledger};
use stormglass_scenarios::corpus;
use stormglass_scenarios::interrupt;
use stormglass_scenarios::source::{Setting, Source};
use stormglass_scenarios::sweep::folder::Folder;
use stormglass_scenarios::sweep::{self, Ended, Heard, Plan, Progress, Swept};
use stormglass_scenarios::watchdog;

use super::swept::{Form, name_of};
use super::values::{Patience, Seeds, ShardOf, Wall};
use super::{CommandError, Output};

const EXAMPLES: &str = "\
Seed s runs the scenario at place s mod n of those given; a suite's are in the
order of their names. The result is the same for any number of jobs, and for
shards that `stormglass merge` joins.

Examples:
  stormglass sweep --suite spine --seeds 0..1000
  stormglass sweep owner-crash mirror-crash --seeds 0..1000000 --budget 5m
  stormglass sweep --suite spine --seeds 0..200 --json | jq .result.failures
  stormglass sweep --suite cluster --seeds 0..700 --html cluster.html
  stormglass sweep --suite cluster --seeds 0..9000 --shard 2/8 --out shard-2
  stormglass sweep --resume shard-2";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    what: What,
    /// The seeds from A up to and without B
    #[arg(long, value_name = "A..B", default_value = "0..100")]
    seeds: Seeds,
    /// Run the Ith of N parts of the seeds, from 1
    #[arg(long, value_name = "I/N", conflicts_with = "resume")]
    shard: Option<ShardOf>,
    /// Runs at the same time; as many as there are cores, if absent
    #[arg(long, short, value_name = "J")]
    jobs: Option<NonZeroU32>,
    /// Begin no run after this much real time, as in 90s or 5m
    #[arg(long, value_name = "TIME")]
    budget: Option<Wall>,
    /// Change every scenario: a dotted path, and a value as TOML has it; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "resume")]
    settings: Vec<Setting>,
    /// Report a handler that has not returned after this much real time
    #[arg(long, default_value = "30s", value_name = "TIME")]
    watchdog: Patience,
    /// Keep the result, the failures, and what it takes to go on, in this folder
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Write each run as a line of JSON, in the order of the seeds
    #[arg(long, value_name = "FILE")]
    lines: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
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
    /// Go on with the sweep that this folder holds
    #[arg(long, value_name = "DIR")]
    resume: Option<PathBuf>,
}

/// What to sweep, and where to keep it.
struct Begun {
    sources: Vec<Source>,
    ledger: Ledger,
    folder: Option<Folder>,
}

pub(crate) fn execute(args: &Args, output: &mut Output) -> Result<Exit, CommandError> {
    let corpus = match args.what.suite.is_some() {
        true => Some(replay_corpus(args)?),
        false => None,
    };
    let begun = match &args.what.resume {
        Some(path) => go_on(path)?,
        None => begin(args)?,
    };
    let missing = begun.ledger.missing();
    let bar = progress_bar(missing.iter().map(|seeds| seeds.end - seeds.start).sum());
    let mut keeper = Keeper::new(begun.folder.clone(), args.lines.as_deref())?;
    let plan = Plan {
        sources: begun.sources,
        ledger: begun.ledger,
        jobs: args.jobs.map_or_else(cores, NonZeroU32::get),
        budget: args.budget.map(|budget| budget.0),
        watchdog: args.watchdog.0,
        tells_runs: args.lines.is_some(),
    };
    let swept = sweep::sweep(plan.clone(), |heard| match heard {
        Heard::Ran(progress) => show_progress(&bar, progress),
        other => keeper.hear(&other),
    });
    bar.finish_and_clear();
    let mut swept = swept?;
    let mut exits = vec![];
    if let Some((tally, exit)) = corpus {
        swept.record.corpus = Some(tally);
        exits.push(exit);
    }
    let kept = keeper.finish(&plan, &mut swept);
    let exit = args
        .form
        .show(&name_of(&swept.ledger.plan), &swept.record, output)?;
    kept?;
    exits.push(exit);
    let exit = Exit::worst(exits);
    let remark = remark(&swept, begun.folder.as_ref());
    match (swept.ended, exit, remark) {
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

/// The failures of the past come first.
fn replay_corpus(args: &Args) -> Result<(CorpusTally, Exit), CommandError> {
    let replayed = watchdog::watched(args.watchdog.0, corpus::replay);
    replayed.map_err(CommandError::Stuck)
}

fn begin(args: &Args) -> Result<Begun, CommandError> {
    let settings = &args.settings;
    let sources = match &args.what.suite {
        Some(suite) => Source::suite(suite, settings)?,
        None => load(&args.what.scenarios, settings)?,
    };
    let shard = args.shard.map(|shard| shard.0);
    let suite = args.what.suite.clone();
    let ledger = sweep::ledger(&sources, suite, args.seeds.0.clone(), shard);
    let folder = args.out.as_deref().map(Folder::fresh).transpose()?;
    Ok(Begun {
        sources,
        ledger,
        folder,
    })
}

/// Finds what a folder's sweep was of.
fn go_on(path: &Path) -> Result<Begun, CommandError> {
    let (folder, ledger) = Folder::open(path)?;
    let plan = &ledger.plan;
    let settings = plan.settings.iter().map(|one| one.parse::<Setting>());
    let settings: Vec<Setting> = settings
        .collect::<Result<_, _>>()
        .map_err(stormglass_scenarios::source::SourceError::Setting)?;
    let sources = load(&plan.scenarios, &settings)?;
    let now = sweep::ledger(&sources, plan.suite.clone(), plan.seeds.clone(), None);
    if now.plan != *plan {
        return Err(CommandError::OtherSweep(path.display().to_string()));
    }
    Ok(Begun {
        sources,
        ledger,
        folder: Some(folder),
    })
}

fn load(targets: &[String], settings: &[Setting]) -> Result<Vec<Source>, CommandError> {
    let sources = targets.iter().map(|target| Source::load(target, settings));
    Ok(sources.collect::<Result<_, _>>()?)
}

/// Writes what a sweep says while it goes on.
struct Keeper {
    folder: Option<Folder>,
    lines: Option<(String, BufWriter<File>)>,
    saved: Instant,
    /// The first thing that could not be written; nothing is written after it.
    failed: Option<CommandError>,
}

impl Keeper {
    /// How often the ledger is saved at most.
    const INTERVAL: Duration = Duration::from_secs(2);

    fn new(folder: Option<Folder>, lines: Option<&Path>) -> Result<Self, CommandError> {
        let lines = lines.map(|path| {
            let name = path.display().to_string();
            match File::create(path) {
                Ok(file) => Ok((name, BufWriter::new(file))),
                Err(reason) => Err(CommandError::Unwritable { path: name, reason }),
            }
        });
        Ok(Keeper {
            folder,
            lines: lines.transpose()?,
            saved: Instant::now(),
            failed: None,
        })
    }

    fn hear(&mut self, heard: &Heard<'_>) {
        if self.failed.is_some() {
            return;
        }
        let written = match heard {
            Heard::Line(line) => self.write_line(line),
            Heard::Chunk(ledger) => self.save(ledger),
            Heard::Ran(_) => Ok(()),
        };
        self.failed = written.err();
    }

    fn write_line(&mut self, line: &str) -> Result<(), CommandError> {
        let Some((name, file)) = &mut self.lines else {
            return Ok(());
        };
        writeln!(file, "{line}").map_err(|reason| CommandError::Unwritable {
            path: name.clone(),
            reason,
        })
    }

    fn save(&mut self, ledger: &Ledger) -> Result<(), CommandError> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        if self.saved.elapsed() >= Keeper::INTERVAL {
            folder.save(ledger)?;
            self.saved = Instant::now();
        }
        Ok(())
    }

    /// Writes all that is left to write.
    fn finish(self, plan: &Plan, swept: &mut Swept) -> Result<(), CommandError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        if let Some((name, mut file)) = self.lines {
            let flushed = file.flush();
            flushed.map_err(|reason| CommandError::Unwritable { path: name, reason })?;
        }
        if let Some(folder) = self.folder {
            // Before the failures, which take their time; whoever asks to stop meanwhile
            // loses nothing but them.
            folder.save(&swept.ledger)?;
            interrupt::leave_nothing_behind().map_err(CommandError::Signals)?;
            folder.keep_failures(plan, &mut swept.record.result.failures)?;
            folder.finish(&swept.ledger, &swept.record)?;
        }
        Ok(())
    }
}

/// Why a sweep ended early, and how to go on.
fn remark(swept: &Swept, folder: Option<&Folder>) -> Option<String> {
    let why = match swept.ended {
        Ended::Complete => return None,
        Ended::Budget => "the budget is used up",
        Ended::Interrupted => "interrupted",
        Ended::Stuck => "every job has a handler that does not return",
    };
    let (all, missing) = (swept.ledger.seeds(), swept.ledger.missing());
    let Some(first) = missing.first() else {
        return Some(format!("{why}, and all seeds have run"));
    };
    let done = format!("seeds {}..{} have run", all.start, first.start);
    let rest = match folder {
        Some(folder) => {
            let path = folder.path().display().to_string();
            stormglass_reports::shell_command(&["--resume", &path])
        }
        None => format!("--seeds {}..{}", first.start, all.end),
    };
    Some(format!("{why}: {done}; go on with {rest}"))
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

fn show_progress(bar: &ProgressBar, progress: &Progress) {
    bar.set_position(progress.runs());
    let (failed, kinds) = progress.failed();
    if failed > 0 {
        bar.set_message(format!("{failed} failed in {kinds} ways"));
    }
}

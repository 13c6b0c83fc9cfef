//! `shrink`: the least that still fails as a repro does.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stormglass_reports::record::{self, Exit, ShrinkRecord};
use stormglass_reports::{escape, shell_command};
use stormglass_scenarios::interrupt;
use stormglass_scenarios::repro::Repro;
use stormglass_scenarios::shrink::{self, Tried, Watcher};
use stormglass_scenarios::watchdog;

use super::values::Patience;
use super::{CommandError, Output, repros};

const EXAMPLES: &str = "\
Takes out faults, commands, nodes, clients, blocks, time and jitter, as long as the run fails
by the same verdict and signature. Ctrl-C ends it with the least so far in the file, and
--resume goes on from there.

Examples:
  stormglass run storm-pair --seed 7 --repro repro.toml
  stormglass shrink repro.toml --out small.toml
  stormglass replay small.toml";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A file that `run --repro` or `sweep --out` wrote
    #[arg(value_name = "FILE")]
    repro: PathBuf,
    /// Where the smaller one goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Go on from what stands there, if anything does
    #[arg(long)]
    resume: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Report a handler that has not returned after this much real time
    #[arg(long, default_value = "30s", value_name = "TIME")]
    watchdog: Patience,
}

pub(crate) fn execute(args: &Args, output: &mut Output) -> Result<Exit, CommandError> {
    let given = repros::load(&args.repro)?;
    let from = match args.resume && args.out.exists() {
        true => repros::load(&args.out)?,
        false => given.clone(),
    };
    if !from.failure.is_like(&given.failure) {
        return Err(CommandError::OtherRepro(args.out.display().to_string()));
    }
    let is_stopped = interrupt::flag().map_err(CommandError::Signals)?;
    let mut screen = Screen {
        bar: progress_bar(),
        out: args.out.clone(),
        saved: Instant::now(),
        is_stopped: Arc::clone(&is_stopped),
    };
    let ran = watchdog::watched(args.watchdog.0, move |pulse| {
        let shrunk = shrink::shrink(&from, &mut screen, pulse);
        screen.bar.finish_and_clear();
        shrunk
    });
    let shrunk = ran.map_err(CommandError::Stuck)?;
    let mut shrunk = shrunk.map_err(CommandError::Shrink)?;
    shrunk.record.faults_before = given.faults() as u64;
    shrunk.record.commands_before = given.commands();
    repros::save(&shrunk.repro, &args.out)?;
    match args.json {
        true => output.line(&record::to_json(&shrunk.record))?,
        false => output.print(&text(&shrunk.record, &args.out))?,
    }
    match shrunk.record.complete {
        true => Ok(Exit::Pass),
        false => {
            let path = |path: &Path| path.display().to_string();
            let (repro, out) = (path(&args.repro), path(&args.out));
            let words = ["stormglass", "shrink", &repro, "--out", &out, "--resume"];
            let command = shell_command(&words);
            Err(CommandError::Interrupted(format!(
                "interrupted; go on with {command}"
            )))
        }
    }
}

fn text(record: &ShrinkRecord, out: &Path) -> String {
    let ShrinkRecord {
        faults_before,
        faults_after,
        commands_before,
        commands_after,
        events_before,
        events_after,
        runs,
        events_run,
        events_saved,
        ..
    } = record;
    let mut text = format!("{}, {}\n", record.verdict, escape(&record.signature));
    text += &format!("faults    {faults_before} -> {faults_after}\n");
    text += &format!("commands  {commands_before} -> {commands_after}\n");
    text += &format!("events    {events_before} -> {events_after}\n");
    for step in record.steps.iter().filter(|step| step.before != step.after) {
        let (what, before, after) = (&step.what, step.before, step.after);
        text += &format!("  {what}: {before} -> {after} in {} runs\n", step.runs);
    }
    text += &format!("{runs} runs of {events_run} events; forks saved {events_saved} more\n");
    let path = out.display().to_string();
    text + &format!("{}\n", shell_command(&["stormglass", "replay", &path]))
}

/// Shows how far it is, and keeps the least so far.
struct Screen {
    bar: ProgressBar,
    out: PathBuf,
    saved: Instant,
    is_stopped: Arc<AtomicBool>,
}

/// How often the least so far is written.
const INTERVAL: Duration = Duration::from_secs(10);

impl Watcher for Screen {
    fn hear(&mut self, best: &Repro, tried: &Tried) {
        let Tried {
            what,
            runs,
            faults,
            commands,
            ..
        } = tried;
        let says = format!("{what}: {faults} faults, {commands} commands, {runs} runs");
        self.bar.set_message(says);
        self.bar.tick();
        if self.saved.elapsed() >= INTERVAL {
            self.saved = Instant::now();
            // If it cannot be written, the end will say so.
            let _ = repros::save(best, &self.out);
        }
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }
}

fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is fixed");
    ProgressBar::new_spinner().with_style(style)
}

//! `takeover`: how long does it take, and what does stored metadata save?

use std::io::IsTerminal;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::{io, path::Path};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stormglass_reports::record::{self, Exit};
use stormglass_reports::tables;
use stormglass_scenarios::takeover_study::{self, Policy, Study, Subject};
use stormglass_scenarios::{files, interrupt};

use super::values::Seeds;
use super::{CommandError, Output};

const EXAMPLES: &str = "\
A set changes hands: a dead owner's partner takes it over, or its own node boots again.
Each seed is run once under each policy, with the same load, latencies, addresses and
instant of the failure. Detection is reported beside, not as a part of the whole.

  none     nothing is stored: the M-module is asked, every peer is looked for
  stored   a stored copy of the metadata says where the peers are
  moved    it says where they were: the failed contact comes first, then the search

Examples:
  stormglass takeover --seeds 0..200
  stormglass takeover --of boot --seeds 0..200 --peer-addresses 256
  stormglass takeover --policy stored --policy moved --csv takeover.csv
  stormglass takeover --json | jq '.policies[] | {name, ci}'";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// From a failure's detection to the partner's first accepted write
    Takeover,
    /// From power-on to the first write that the mirror acknowledged
    Boot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    None,
    Stored,
    Moved,
}

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What is timed
    #[arg(long, value_enum, default_value = "takeover", value_name = "WHAT")]
    of: Of,
    /// The seeds from A up to and without B
    #[arg(long, value_name = "A..B", default_value = "0..200")]
    seeds: Seeds,
    /// Only this policy; may be repeated
    #[arg(long, value_enum, value_name = "NAME")]
    policy: Vec<Name>,
    /// Addresses that a search tests at most, 8 or more; the peers are at some of them
    #[arg(long, default_value_t = 32, value_name = "N")]
    peer_addresses: u32,
    /// How many threads run it; as many as there are cores if absent
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Write each run's phases to a file, a line for each
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn to_policy(name: Name) -> Policy {
    match name {
        Name::None => Policy::None,
        Name::Stored => Policy::Stored,
        Name::Moved => Policy::Moved,
    }
}

pub(crate) fn execute(args: &Args, output: &mut Output) -> Result<Exit, CommandError> {
    let Seeds(seeds) = args.seeds.clone();
    let chosen = Policy::ALL.into_iter();
    let chosen = chosen.filter(|it| {
        args.policy.is_empty() || args.policy.iter().any(|name| to_policy(*name) == *it)
    });
    let cores = available_parallelism().map_or(1, |cores| cores.get() as u32);
    let study = Study {
        subject: match args.of {
            Of::Takeover => Subject::Takeover,
            Of::Boot => Subject::Boot,
        },
        policies: chosen.collect(),
        seeds: seeds.clone(),
        peer_addresses: args.peer_addresses,
        jobs: args.jobs.unwrap_or(cores),
    };
    let bar = progress(seeds.end - seeds.start);
    let stop = interrupt::flag().map_err(CommandError::Signals)?;
    let ran = takeover_study::run(&study, &stop, &|done| bar.set_position(done));
    bar.finish_and_clear();
    let record = ran?;
    let done = record.policies.first().map_or(0, |policy| policy.n);
    if done < seeds.end - seeds.start {
        output.remark(&format!("interrupted: this is of {done} seeds"));
    }
    if let Some(path) = &args.csv {
        write(path, &record.to_csv())?;
    }
    if args.json {
        output.line(&record::to_json(&record))?;
    } else {
        output.print(&tables::takeover(&record, output.paint()))?;
    }
    Ok(Exit::Pass)
}

fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    files::write(path, text.as_bytes()).map_err(|reason| CommandError::Unwritable {
        path: path.display().to_string(),
        reason,
    })
}

fn progress(seeds: u64) -> ProgressBar {
    let target = match io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} seeds, {per_sec}, {eta}");
    ProgressBar::with_draw_target(Some(seeds), target)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

//! `resync`: what does it cost to make the mirror equal again, and what do clients feel?

use std::io::IsTerminal;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread::available_parallelism;
use std::{io, path::Path};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stormglass_reports::record::{self, Exit};
use stormglass_reports::tables;
use stormglass_scenarios::resync_study::{self, Point, Policy, Study};
use stormglass_scenarios::{files, interrupt};

use super::values::Seeds;
use super::{CommandError, Output};

const EXAMPLES: &str = "\
A pair is in sync, its mirror is cut off while clients write a share of the blocks, each
once and anywhere, and is heard again under a load. Each seed is run at each point of the
grid under each policy, with the same writes, latencies and clocks.

  regions    the engine's dirty-region log says what is copied
  full       everything is: the mirror's data device came back blank
  snapshot   the blocks that changed and no others; computed, not run

Examples:
  stormglass resync --seeds 0..20
  stormglass resync --dirty 0.1,1,5,20,50 --region-blocks 8 --writes 0
  stormglass resync --dirty 10 --region-blocks 1,8,64,256 --writes 0,500,2000 --csv resync.csv
  stormglass resync --json | jq '.points[] | {dirty_percent, ms: [.policies[].ms.median]}'";

/// Per cent with one decimal at most, as thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Permille(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write per cent from 0.1 to 100 with one decimal at most, as in 0.1 or 20")]
struct PermilleError;

impl FromStr for Permille {
    type Err = PermilleError;

    fn from_str(text: &str) -> Result<Self, PermilleError> {
        let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
        let number = |text: &str| text.parse::<u32>().map_err(|_| PermilleError);
        let (whole, tenths) = (number(whole)?, number(tenth)?);
        if tenth.len() != 1 || whole > 100 {
            return Err(PermilleError);
        }
        let permille = 10 * whole + tenths;
        let is_share = (1..=1_000).contains(&permille);
        is_share.then_some(Permille(permille)).ok_or(PermilleError)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    Regions,
    Full,
    Snapshot,
}

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Blocks written while the mirror is away, in per cent of the volume
    #[arg(
        long,
        value_name = "PERCENT",
        value_delimiter = ',',
        default_value = "0.1,1,10,50"
    )]
    dirty: Vec<Permille>,
    /// Blocks of a region
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "8,64")]
    region_blocks: Vec<u64>,
    /// Writes in a second from the mirror's return on
    #[arg(
        long,
        value_name = "N",
        value_delimiter = ',',
        default_value = "0,1000"
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=10_000))]
    writes: Vec<u32>,
    /// Blocks of the volume, 4 KiB each
    #[arg(long, default_value_t = 8192, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u64).range(64..=65_536))]
    volume_blocks: u64,
    /// The seeds from A up to and without B
    #[arg(long, value_name = "A..B", default_value = "0..10")]
    seeds: Seeds,
    /// Only this policy; may be repeated
    #[arg(long, value_enum, value_name = "NAME")]
    policy: Vec<Name>,
    /// How many threads run it; as many as there are cores if absent
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Write each run's figures to a file, a line for each
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn to_policy(name: Name) -> Policy {
    match name {
        Name::Regions => Policy::Regions,
        Name::Full => Policy::Full,
        Name::Snapshot => Policy::Snapshot,
    }
}

fn grid(args: &Args) -> Vec<Point> {
    let mut points = Vec::new();
    for Permille(dirty_permille) in &args.dirty {
        for region_blocks in &args.region_blocks {
            points.extend(args.writes.iter().map(|writes_per_second| Point {
                dirty_permille: *dirty_permille,
                region_blocks: *region_blocks,
                writes_per_second: *writes_per_second,
            }));
        }
    }
    points
}

pub(crate) fn execute(args: &Args, output: &mut Output) -> Result<Exit, CommandError> {
    let Seeds(seeds) = args.seeds.clone();
    let chosen = Policy::ALL.into_iter();
    let chosen = chosen.filter(|it| {
        args.policy.is_empty() || args.policy.iter().any(|name| to_policy(*name) == *it)
    });
    let cores = available_parallelism().map_or(1, |cores| cores.get() as u32);
    let study = Study {
        points: grid(args),
        policies: chosen.collect(),
        seeds: seeds.clone(),
        volume_blocks: args.volume_blocks,
        jobs: args.jobs.unwrap_or(cores),
    };
    let asked = seeds.end - seeds.start;
    let bar = progress(asked * study.points.len() as u64);
    let stop = interrupt::flag().map_err(CommandError::Signals)?;
    let ran = resync_study::run(&study, &stop, &|done| bar.set_position(done));
    bar.finish_and_clear();
    let record = ran?;
    let done = record.in_sync.n;
    if done < asked {
        output.remark(&format!("interrupted: this is of {done} seeds"));
    }
    if let Some(path) = &args.csv {
        write(path, &record.to_csv())?;
    }
    if args.json {
        output.line(&record::to_json(&record))?;
    } else {
        output.print(&tables::resync(&record, output.paint()))?;
    }
    Ok(Exit::Pass)
}

fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    files::write(path, text.as_bytes()).map_err(|reason| CommandError::Unwritable {
        path: path.display().to_string(),
        reason,
    })
}

fn progress(runs: u64) -> ProgressBar {
    let target = match io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} points, {per_sec}, {eta}");
    ProgressBar::with_draw_target(Some(runs), target)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

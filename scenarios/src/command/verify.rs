//! `verify`: same seed, same bytes?

use std::env;

use serde::Serialize;
use stormglass_reports::record::{self, Exit, VerifyRecord};
use stormglass_reports::tables;
use stormglass_scenarios::source::Source;
use stormglass_scenarios::verify::{self, Depth, Processes, Subject, Verified, VerifyError};

use super::run::Which;
use super::values::{Patience, Seeds};
use super::{CommandError, Output};

const EXAMPLES: &str = "\
A run is done twice in this process, after another scenario, on two threads at the
same time, in two fresh processes, and on from a checkpoint in a third. All that
it says of itself is compared. A mismatch is followed to its first event.

Examples:
  stormglass verify owner-crash --seed 7
  stormglass verify owner-crash --seeds 0..20 --quick
  stormglass verify owner-crash --seed 7 --json | jq .first_difference";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// The seeds from A up to and without B, one after the other
    #[arg(long, value_name = "A..B", conflicts_with = "seed")]
    seeds: Option<Seeds>,
    /// Compare with one run in this process and one in another only
    #[arg(long)]
    quick: bool,
    /// Report a handler that has not returned after this much real time
    #[arg(long, default_value = "30s", value_name = "TIME")]
    watchdog: Patience,
    /// Print one JSON object for each seed, each on a line
    #[arg(long)]
    json: bool,
}

/// A verification and what was verified.
#[derive(Serialize)]
struct Line<'a> {
    scenario: &'a str,
    seed: u64,
    #[serde(flatten)]
    record: &'a VerifyRecord,
}

pub(crate) fn execute(args: &Args, output: &mut Output) -> Result<Exit, CommandError> {
    let source = Source::load(&args.which.scenario, &args.which.settings)?;
    let program = env::current_exe().map_err(CommandError::NoProgram)?;
    let (depth, watchdog) = match args.quick {
        true => (Depth::Quick, args.watchdog.0),
        false => (Depth::Full, args.watchdog.0),
    };
    let seeds = match &args.seeds {
        Some(Seeds(seeds)) => seeds.start..=seeds.end - 1,
        None => args.which.seed..=args.which.seed,
    };
    let mut exits = Vec::new();
    for seed in seeds {
        let processes = Processes {
            program: program.clone(),
            words: source.run_words(seed),
            watchdog,
        };
        let subject = Subject::new(&source, seed, watchdog);
        let verified = match verify::verify(&subject, Some(&processes), depth) {
            Ok(verified) => verified,
            Err(VerifyError::Stuck(stuck)) => {
                output.remark(&format!("error: {stuck}\n  {}", source.run_command(seed)));
                return Ok(Exit::Liveness);
            }
            Err(error) => return Err(error.into()),
        };
        show(&source, seed, &verified, args.json, output)?;
        exits.push(verified.record.exit());
    }
    Ok(Exit::worst(exits))
}

fn show(
    source: &Source,
    seed: u64,
    verified: &Verified,
    json: bool,
    output: &mut Output,
) -> Result<(), CommandError> {
    let scenario = source.scenario.name.as_str();
    let record = &verified.record;
    if json {
        let line = Line {
            scenario,
            seed,
            record,
        };
        return output.line(&record::to_json(&line));
    }
    output.print(&format!("{scenario}, seed {seed}\n"))?;
    output.print(&tables::verify(record, output.paint()))?;
    for way in &verified.parted {
        output.print(&format!("  Otherwise came out {way}.\n"))?;
    }
    Ok(())
}

//! `merge`: shards of a sweep as one.

use std::ops::Range;
use std::path::PathBuf;

use stormglass_reports::record::{Exit, JoinError, Ledger};
use stormglass_scenarios::sweep;
use stormglass_scenarios::sweep::folder::Folder;

use super::swept::{Form, name_of};
use super::{CommandError, Output};

const EXAMPLES: &str = "\
Shards join in any order, and one that is named twice, or ran twice, counts once.
What is missing is said, and `sweep --resume` runs it.

Examples:
  stormglass merge shard-1 shard-2 shard-3
  stormglass merge shard-* --out all --junit all.xml
  stormglass sweep --resume all";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Folders that `sweep --out` wrote
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Keep the sweep that they are together in this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
}

pub(crate) fn execute(args: &Args, output: &mut Output) -> Result<Exit, CommandError> {
    let mut joined: Option<Ledger> = None;
    for path in &args.folders {
        let (_, ledger) = Folder::open(path)?;
        joined = Some(match joined {
            None => ledger,
            Some(joined) => joined.join(ledger).map_err(|error| match error {
                JoinError::OtherPlan => CommandError::OtherSweep(path.display().to_string()),
                JoinError::Contradiction(seeds) => CommandError::Contradiction(seeds),
            })?,
        });
    }
    let mut ledger = joined.ok_or(CommandError::NothingToJoin)?;
    // Together they are to be the whole.
    ledger.shard = None;
    let record = sweep::to_record(&ledger);
    if let Some(path) = &args.out {
        Folder::fresh(path)?.finish(&ledger, &record)?;
    }
    let exit = args.form.show(&name_of(&ledger.plan), &record, output)?;
    let missing = ledger.missing();
    if !missing.is_empty() {
        output.remark(&format!("seeds {} have not run", ranges(&missing)));
    }
    Ok(exit)
}

fn ranges(seeds: &[Range<u64>]) -> String {
    let ranges = seeds
        .iter()
        .map(|one| format!("{}..{}", one.start, one.end));
    ranges.collect::<Vec<_>>().join(", ")
}

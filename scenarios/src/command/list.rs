//! `list`: the scenarios of the catalogue.

use stormglass_reports::record::{self, Exit, ListRecord};
use stormglass_reports::tables;
use stormglass_scenarios::source::Source;

use super::{CommandError, Output};

const EXAMPLES: &str = "\
Examples:
  stormglass list
  stormglass list --json | jq -r '.[] | select(.covers | index(\"P3\")) | .name'";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args, output: &mut Output) -> Result<Exit, CommandError> {
    let sources = Source::catalogue(&[])?;
    let records: Vec<ListRecord> = sources
        .into_iter()
        .map(|source| source.scenario)
        .map(|scenario| ListRecord {
            name: scenario.name,
            title: scenario.title,
            suites: scenario.suites,
            covers: scenario.covers,
        })
        .collect();
    if args.json {
        output.line(&record::to_json(&records))?;
    } else {
        output.print(&tables::list(&records, output.paint()))?;
    }
    Ok(Exit::Pass)
}

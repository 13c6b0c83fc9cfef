//! `features`: what each row of the feature tables is shown by.

use std::collections::BTreeMap;
use std::time::Duration;

use stormglass_reports::record::{self, Exit, FeatureRecord, FeatureStatus, Verdict};
use stormglass_reports::tables;
use stormglass_scenarios::experiment::Experiment;
use stormglass_scenarios::features;
use stormglass_scenarios::run::{self, Keep};
use stormglass_scenarios::source::Source;
use stormglass_scenarios::watchdog;

use super::values::Wall;
use super::{CommandError, Output};

const EXAMPLES: &str = "\
Without --run a feature is `shown` if a scenario says that it covers it.

Examples:
  stormglass features
  stormglass features --run
  stormglass features --json | jq -r '.[] | select(.status == \"missing\") | .id'";

/// The seed with which scenarios are run.
const SEED: u64 = 0;

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Run every scenario that covers a feature, with seed 0
    #[arg(long)]
    run: bool,
    /// Report a handler that has not returned after this much real time
    #[arg(long, default_value = "30s", value_name = "TIME")]
    watchdog: Wall,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args, output: &mut Output) -> Result<Exit, CommandError> {
    let sources = Source::catalogue(&[])?;
    let mut verdicts = BTreeMap::new();
    if args.run {
        for source in sources.iter().filter(|s| !s.scenario.covers.is_empty()) {
            let name = source.scenario.name.as_str();
            let verdict = verdict(source, args.watchdog.0);
            if verdict != Verdict::Pass {
                output.remark(&format!("{verdict}: {}", source.run_command(SEED)));
            }
            verdicts.insert(name, verdict);
        }
    }
    let records: Vec<FeatureRecord> = features::all()
        .iter()
        .map(|row| {
            let covering = sources.iter().map(|source| &source.scenario);
            let names: Vec<String> = covering
                .filter(|scenario| scenario.covers.iter().any(|id| id == row.id))
                .map(|scenario| scenario.name.clone())
                .collect();
            FeatureRecord {
                id: row.id.to_owned(),
                title: row.title.to_owned(),
                status: status(&names, &verdicts),
                scenarios: names,
                probe: None,
                mutant: None,
                guarded: false,
            }
        })
        .collect();
    if args.json {
        output.line(&record::to_json(&records))?;
    } else {
        output.print(&tables::features(&records, output.paint()))?;
    }
    Ok(Verdict::worst(verdicts.into_values()).exit())
}

fn verdict(source: &Source, limit: Duration) -> Verdict {
    let scenario = source.scenario.clone();
    let ran = watchdog::watched(limit, move |pulse| {
        let experiment = Experiment::new(&scenario, SEED);
        run::run_on(&scenario, SEED, experiment, Keep::Counts, pulse)
    });
    ran.map_or(Verdict::Liveness, |record| record.verdict)
}

fn status(covering: &[String], verdicts: &BTreeMap<&str, Verdict>) -> FeatureStatus {
    let fails = |name: &String| {
        let verdict = verdicts.get(name.as_str());
        verdict.is_some_and(|verdict| *verdict != Verdict::Pass)
    };
    if covering.is_empty() {
        FeatureStatus::Missing
    } else if covering.iter().any(fails) {
        FeatureStatus::Failing
    } else {
        FeatureStatus::Shown
    }
}

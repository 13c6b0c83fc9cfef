//! `features`: what each row of the feature tables is shown by.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use stormglass_reports::record::{self, Exit, FeatureRecord, FeatureStatus, Verdict};
use stormglass_reports::tables;
use stormglass_scenarios::experiment::Experiment;
use stormglass_scenarios::run::{self, Keep};
use stormglass_scenarios::source::Source;
use stormglass_scenarios::watchdog;
use stormglass_scenarios::{features, mutants};

use super::values::Patience;
use super::{CommandError, Output};

const EXAMPLES: &str = "\
With --run a feature is `shown` if every scenario that covers it passes and one
of them reaches the feature's own probe: a place in the engine, a fault of a kind
that happened, or an oracle that had something to judge. Without --run it is `shown` if a
scenario says that it covers it. `guarded`: a mutant that breaks it was killed.

Examples:
  stormglass features
  stormglass features --run
  stormglass features --json | jq -r '.[] | select(.status == \"missing\") | .id'";

/// The seeds with which scenarios are run.
const SEEDS: std::ops::Range<u64> = 0..4;

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Run every scenario that covers a feature, with a few seeds
    #[arg(long)]
    run: bool,
    /// Report a handler that has not returned after this much real time
    #[arg(long, default_value = "30s", value_name = "TIME")]
    watchdog: Patience,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args, output: &mut Output) -> Result<Exit, CommandError> {
    let sources = Source::catalogue(&[])?;
    let mut runs = BTreeMap::new();
    if args.run {
        for source in sources.iter().filter(|s| !s.scenario.covers.is_empty()) {
            let ran = run_seeds(source, args.watchdog.0);
            if ran.verdict != Verdict::Pass {
                output.remark(&format!(
                    "{}: {}",
                    ran.verdict,
                    source.run_command(SEEDS.start)
                ));
            }
            runs.insert(source.scenario.name.as_str(), ran);
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
            let probe = features::probe(row.id);
            let mutants = mutants::of_row(row.id);
            FeatureRecord {
                id: row.id.to_owned(),
                title: row.title.to_owned(),
                status: status(&names, probe, &runs),
                scenarios: names,
                probe: probe.map(str::to_owned),
                guarded: mutants.iter().any(|mutant| mutant.is_killed),
                mutant: mutants.first().map(|mutant| mutant.name.to_owned()),
            }
        })
        .collect();
    if args.json {
        output.line(&record::to_json(&records))?;
    } else {
        output.print(&tables::features(&records, output.paint()))?;
    }
    Ok(Verdict::worst(runs.into_values().map(|ran| ran.verdict)).exit())
}

/// What came of a scenario's runs.
struct Ran {
    verdict: Verdict,
    /// What they left.
    probes: BTreeSet<String>,
}

fn run_seeds(source: &Source, limit: Duration) -> Ran {
    let mut probes = BTreeSet::new();
    let verdicts = SEEDS.map(|seed| {
        let scenario = source.scenario.clone();
        let ran = watchdog::watched(limit, move |pulse| {
            let experiment = Experiment::new(&scenario, seed);
            run::run_on(&scenario, seed, experiment, Keep::Timeline, pulse)
        });
        ran.map_or(Verdict::Liveness, |record| {
            if record.verdict == Verdict::Unrecoverable {
                return record.verdict;
            }
            probes.extend(record.probes.into_keys());
            let measured = record.measures.keys();
            probes.extend(measured.map(|name| format!("measure: {name}")));
            let happened = record.faults.iter().filter(|(_, count)| **count > 0);
            probes.extend(happened.map(|(kind, _)| format!("fault: {kind}")));
            let judged = record.oracles.iter().filter(|line| line.checks > 0);
            probes.extend(judged.map(|line| format!("oracle: {}", line.id)));
            record.verdict
        })
    });
    // A storm may destroy the last good copy of a block: that run shows nothing, and
    // contradicts nothing that others show.
    let (shown, lost): (Vec<_>, Vec<_>) =
        verdicts.partition(|verdict| *verdict != Verdict::Unrecoverable);
    let verdict = Verdict::worst(if shown.is_empty() { lost } else { shown });
    Ran { verdict, probes }
}

/// Shown: a scenario says so, all that say so pass, and the row's own probe was
/// reached. Without runs, what the scenarios say stands.
fn status(covering: &[String], probe: Option<&str>, runs: &BTreeMap<&str, Ran>) -> FeatureStatus {
    if covering.is_empty() {
        return FeatureStatus::Missing;
    }
    let ran: Vec<&Ran> = covering
        .iter()
        .filter_map(|name| runs.get(name.as_str()))
        .collect();
    let fails = ran.iter().any(|ran| ran.verdict != Verdict::Pass);
    let is_reached = |probe: &str| ran.iter().any(|ran| ran.probes.contains(probe));
    if fails || !ran.is_empty() && !probe.is_some_and(is_reached) {
        FeatureStatus::Failing
    } else {
        FeatureStatus::Shown
    }
}

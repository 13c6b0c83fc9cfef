//! What is shown of a sweep, whether it ran here or was joined from shards.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use stormglass_reports::record::{self, Exit, Share, SweepPlan, SweepRecord};
use stormglass_reports::{html, pipeline, tables};
use stormglass_scenarios::file::Ratio;
use stormglass_scenarios::files;

use super::{CommandError, Output};

/// How a sweep is shown.
#[derive(clap::Args)]
pub(crate) struct Form {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Show from which state to which the nodes went, and what never happened
    #[arg(long)]
    transitions: bool,
    /// Write JUnit XML: a test case for each scenario
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a page of the sweep to a file: failures, probes, faults, scenarios; for any
    /// browser, without a server
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Exit with 5 if a probe was reached in too few of the seeds that list it
    #[arg(long)]
    strict_probes: bool,
    /// The share of runs that may be unrecoverable by design, such as 1/20; with more,
    /// exit with 6
    #[arg(long, value_name = "SHARE", default_value = "0/1")]
    unrecoverable_max: Ratio,
}

impl Form {
    /// Shows a sweep; answers how the command exits.
    pub(crate) fn show(
        &self,
        name: &str,
        swept: &SweepRecord,
        output: &mut Output,
    ) -> Result<Exit, CommandError> {
        if let Some(path) = &self.junit {
            write(path, &pipeline::junit(name, swept))?;
        }
        if let Some(path) = &self.html {
            write(path, &html::sweep_page(name, swept))?;
        }
        if self.json {
            output.line(&record::to_json(swept))?;
        } else {
            let paint = output.paint();
            if self.transitions {
                output.print(&tables::transitions(&swept.result, paint))?;
            }
            output.print(&tables::sweep(swept, paint))?;
        }
        tell_github(name, swept, output)?;
        let missing = swept.result.probes_missing();
        let is_short = self.strict_probes && !missing.is_empty();
        if is_short {
            output.remark(&format!("probes missing: {}", missing.join(", ")));
        }
        let exits = [
            swept.result.exit(share(self.unrecoverable_max)),
            match is_short {
                true => Exit::Expectation,
                false => Exit::Pass,
            },
        ];
        Ok(Exit::worst(exits))
    }
}

fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    files::write(path, text.as_bytes()).map_err(|reason| CommandError::Unwritable {
        path: path.display().to_string(),
        reason,
    })
}

/// A ratio as records have it.
fn share(ratio: Ratio) -> Share {
    let millionths =
        u64::from(ratio.numerator()) * 1_000_000 / u64::from(ratio.denominator()).max(1);
    let millionths = u32::try_from(millionths).ok();
    millionths
        .and_then(Share::from_parts_per_million)
        .unwrap_or(Share::ALL)
}

/// Annotations and a summary, where GitHub's runner asks for them.
fn tell_github(name: &str, swept: &SweepRecord, output: &Output) -> Result<(), CommandError> {
    if env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        // The runner reads both streams, and standard output may be JSON.
        for annotation in pipeline::annotations(swept) {
            output.remark(&annotation);
        }
    }
    let Some(path) = env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let page = pipeline::step_summary(name, swept);
    // The steps of a job share the file, so it grows.
    let file = OpenOptions::new().append(true).create(true).open(&path);
    file.and_then(|mut file| file.write_all(page.as_bytes()))
        .map_err(|reason| CommandError::Unwritable {
            path: path.display().to_string(),
            reason,
        })
}

/// What a sweep is called in a pipeline.
pub(crate) fn name_of(plan: &SweepPlan) -> String {
    match &plan.suite {
        Some(suite) => format!("suite {suite}"),
        None => plan.scenarios.join(", "),
    }
}

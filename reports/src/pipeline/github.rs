//! What GitHub shows of a sweep: annotations, of which it takes ten a step, and a page
//! in Markdown.

use std::fmt::Write as _;

use super::{describe, missing};
use crate::escape;
use crate::record::{SweepRecord, Verdict};
use crate::words::{counted, grouped, seconds};

/// Annotations of one kind that a step may have.
const ANNOTATIONS_MAX: usize = 10;
/// Bytes that a step's summary may have, with room for what others wrote.
const SUMMARY_BYTES_MAX: usize = 900_000;

/// A workflow command for each group of failures, and a warning for what was to happen
/// and did not.
pub fn annotations(record: &SweepRecord) -> Vec<String> {
    let failures = record.result.failures.iter();
    let errors = failures.take(ANNOTATIONS_MAX).map(|failure| {
        let title = format!("{} in {}", failure.verdict, failure.scenario);
        // The only end of a line in it is this one.
        let (says, command) = (describe(failure), escape(&failure.command));
        let text = format!("{}\nreproduce: {command}", escape(&says));
        workflow_command("error", &title, &text)
    });
    let lost = missing(record).into_iter().take(ANNOTATIONS_MAX);
    let warnings = lost.map(|says| workflow_command("warning", "never or too seldom", &says));
    errors.chain(warnings).collect()
}

/// `::error title=…::…`, with what would end it early encoded.
fn workflow_command(level: &str, title: &str, text: &str) -> String {
    let encode = |text: &str| {
        text.replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let title = encode(&escape(title))
        .replace(':', "%3A")
        .replace(',', "%2C");
    format!("::{level} title={title}::{}", encode(text))
}

/// The sweep as a page in Markdown.
pub fn step_summary(name: &str, record: &SweepRecord) -> String {
    let result = &record.result;
    let mut page = format!(
        "## Sweep of {}\n\n{}: {} passed, {} failed, {} unrecoverable by design; {} acknowledged; \
         {}, {:.1} seeds/s.\n\n",
        cell(name),
        counted(result.runs, "run"),
        grouped(result.passed),
        grouped(result.failed),
        grouped(result.unrecoverable),
        counted(result.acknowledged, "command"),
        seconds(record.timing.elapsed),
        record.timing.seeds_per_second.to_f64()
    );
    if !result.failures.is_empty() {
        page += "| Verdict | Signature | Runs | Shortest | Reproduce |\n|---|---|---:|---|---|\n";
    }
    for failure in &result.failures {
        let row = format!(
            "| {} | {} | {} | {}, seed {}, {} | {} |\n",
            failure.verdict,
            cell(&failure.signature),
            grouped(failure.runs),
            cell(&failure.scenario),
            failure.seed,
            counted(failure.events, "event"),
            code(&failure.command)
        );
        if page.len() + row.len() > SUMMARY_BYTES_MAX {
            page += "\nMore did not fit.\n";
            return page;
        }
        page += &row;
    }
    let missing = missing(record);
    if !missing.is_empty() {
        page += "\nToo seldom, or never:\n\n";
        for says in missing {
            let _ = writeln!(page, "* {}", cell(&says));
        }
    }
    if !result.transitions.is_empty() {
        let all = result.transitions.len() as u64;
        let never = result.transitions_missing().len() as u64;
        let _ = writeln!(
            page,
            "\n{} of {} possible transitions of nodes happened.",
            grouped(all - never),
            grouped(all)
        );
    }
    let is_bad = |verdict| result.failures.iter().any(|one| one.verdict == verdict);
    if is_bad(Verdict::Safety) || is_bad(Verdict::Crash) {
        page += "\n**A safety oracle objected, or the engine broke off.**\n";
    }
    page
}

/// Text that Markdown leaves alone inside a table.
fn cell(text: &str) -> String {
    let mut safe = String::new();
    for char in escape(text).chars() {
        if "\\`*_{}[]<>#|~&".contains(char) {
            safe.push('\\');
        }
        safe.push(char);
    }
    safe
}

/// A command in a table: a bar would end the cell, and backticks the code.
fn code(command: &str) -> String {
    let command = escape(command).replace('|', "&#124;");
    let command = command.replace('<', "&lt;").replace('`', "&#96;");
    format!("<code>{command}</code>")
}

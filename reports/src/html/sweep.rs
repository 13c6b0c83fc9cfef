//! The page of a sweep: tables, of which none needs a script.

use std::collections::BTreeSet;

use super::markup::{bar, lines, section, text};
use super::{Head, fill};
use crate::record::{Failure, FaultTally, ProbeTally, SweepRecord, SweepResult};
use crate::words::{compact, counted, grouped, seconds};

const TEMPLATE: &str = include_str!("sweep.html");
const STYLE: &str = concat!(include_str!("base.css"), include_str!("sweep.css"));
const SCRIPT: &str = include_str!("sweep.js");

/// A sweep as a page: verdicts, groups of failures with what does them again,
/// scenarios, probes, faults, and which state became which.
pub fn sweep_page(name: &str, sweep: &SweepRecord) -> String {
    let result = &sweep.result;
    let (class, verdict) = match (result.failed, result.runs) {
        (_, 0) => ("unrecoverable", "nothing ran"),
        (0, _) => ("pass", "pass"),
        _ => ("safety", "failed"),
    };
    let timing = &sweep.timing;
    let timing = format!(
        "{} with {}, {:.1} seeds/s",
        seconds(timing.elapsed),
        counted(u64::from(timing.jobs), "job"),
        timing.seeds_per_second.to_f64()
    );
    let head = Head {
        title: &text(name),
        facts: &text(&facts(result)),
        verdict: (class, verdict),
        style: STYLE,
        script: SCRIPT,
        tools: "",
    };
    fill(
        TEMPLATE,
        &[
            ("head", &head.text()),
            (
                "bar",
                &verdicts(result.passed, result.failed, result.unrecoverable),
            ),
            ("failures", &failures(&result.failures)),
            ("scenarios", &scenarios(result)),
            ("probes", &probes(result)),
            ("faults", &faults(result)),
            ("transitions", &transitions(result)),
            ("timing", &text(&timing)),
            ("script", SCRIPT),
        ],
    )
}

fn facts(result: &SweepResult) -> String {
    format!(
        "{}: {} passed, {} failed, {} unrecoverable by design · {} acknowledged",
        counted(result.runs, "run"),
        grouped(result.passed),
        grouped(result.failed),
        grouped(result.unrecoverable),
        counted(result.acknowledged, "command")
    )
}

/// Runs by what they came to, as a bar.
fn verdicts(passed: u64, failed: u64, unrecoverable: u64) -> String {
    let parts = [("good", passed), ("lost", unrecoverable), ("bad", failed)];
    bar(
        &format!("{passed} passed, {unrecoverable} unrecoverable, {failed} failed"),
        &parts,
        passed + failed + unrecoverable,
    )
}

fn failures(failures: &[Failure]) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let items: String = failures.iter().map(failure).collect();
    section(
        "Failures",
        &format!("<ol class=\"failures\">\n{items}</ol>\n"),
    )
}

fn failure(failure: &Failure) -> String {
    let shortest = format!(
        "{}; shortest: {}, seed {}, {}",
        counted(failure.runs, "run"),
        failure.scenario,
        failure.seed,
        counted(failure.events, "event")
    );
    let repro = failure.repro.as_ref();
    let repro = repro.map_or_else(String::new, |repro| format!("; faults in {repro}"));
    format!(
        "<li><p><b>{}</b><span class=\"says\">{}</span></p><p>{}</p><pre>{}</pre></li>\n",
        failure.verdict.as_str(),
        text(&failure.signature),
        text(&(shortest + &repro)),
        lines(&failure.command)
    )
}

fn table(columns: &[&str], rows: &str) -> String {
    let heads: String = columns
        .iter()
        .enumerate()
        .map(|(place, name)| match place {
            0 => format!("<th scope=\"col\">{name}</th>"),
            _ => format!("<td class=\"quiet\">{name}</td>"),
        })
        .collect();
    format!("<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody></table>\n")
}

fn scenarios(result: &SweepResult) -> String {
    let row = |(name, tally): (&String, &crate::record::ScenarioTally)| {
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"share\">{}</td></tr>\n",
            text(name),
            grouped(tally.runs),
            grouped(tally.passed),
            grouped(tally.failed),
            grouped(tally.unrecoverable),
            verdicts(tally.passed, tally.failed, tally.unrecoverable)
        )
    };
    let rows: String = result.scenarios.iter().map(row).collect();
    let columns = ["Scenario", "runs", "passed", "failed", "unrecoverable", ""];
    section("Scenarios", &table(&columns, &rows))
}

fn probes(result: &SweepResult) -> String {
    let row = |(name, tally): (&String, &ProbeTally)| {
        let note = match (tally.is_missing(), tally.hit) {
            (true, 0) => "never reached",
            (true, _) => "in too few",
            (false, 0) if tally.able > 0 => "not reached, in few seeds",
            (false, _) => "",
        };
        let parts = [("some", tally.hit)];
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td class=\"share\">{}</td>\
             <td class=\"note\">{note}</td></tr>\n",
            text(name),
            grouped(tally.hit),
            grouped(tally.able),
            bar(
                &format!("{} of {}", tally.hit, tally.able),
                &parts,
                tally.able
            )
        )
    };
    let rows: String = result.probes.iter().map(row).collect();
    let columns = [
        "Seeds that reached it, of those able to",
        "hit",
        "able",
        "",
        "",
    ];
    section("Probes", &table(&columns, &rows))
}

fn faults(result: &SweepResult) -> String {
    let row = |(kind, count): (&String, &u64)| {
        let tally = result.faults_enabled.get(kind).copied();
        let seeds =
            |of: fn(FaultTally) -> u64| tally.map_or("–".to_owned(), |it| grouped(of(it)));
        let note = match (tally.is_some_and(FaultTally::is_missing), count) {
            (_, 0) => "switched on, and never happened",
            (true, _) => "in less than 1 % of its seeds",
            (false, _) => "",
        };
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"note\">{note}</td></tr>\n",
            text(kind),
            grouped(*count),
            seeds(|it| it.happened_seeds),
            seeds(|it| it.enabled_seeds)
        )
    };
    let rows: String = result.faults.iter().map(row).collect();
    let columns = [
        "How often, and in how many seeds",
        "count",
        "seeds",
        "of",
        "",
    ];
    section("Faults", &table(&columns, &rows))
}

/// From which state, down, to which, across, and how often: what can be and never was
/// is marked, what cannot be is empty.
fn transitions(result: &SweepResult) -> String {
    let changes = result.transitions.iter();
    let changes: Vec<(&str, &str, u64)> = changes
        .filter_map(|(name, count)| name.split_once(" -> ").map(|(a, b)| (a, b, *count)))
        .collect();
    if changes.is_empty() {
        return String::new();
    }
    let from: BTreeSet<&str> = changes.iter().map(|it| it.0).collect();
    let to: BTreeSet<&str> = changes.iter().map(|it| it.1).collect();
    let heads: String = to
        .iter()
        .map(|name| format!("<th scope=\"col\">{}</th>", text(name)))
        .collect();
    let cell = |from: &str, to: &str| {
        let found = changes.iter().find(|it| (it.0, it.1) == (from, to));
        let name = text(&format!("{from} → {to}"));
        match found.map(|it| it.2) {
            None => "<td></td>".to_owned(),
            Some(0) => format!("<td class=\"never\" title=\"{name}: never\">0</td>"),
            Some(count) => format!(
                "<td class=\"h{}\" title=\"{name}: {}\">{}</td>",
                heat(count),
                grouped(count),
                compact(count)
            ),
        }
    };
    let row = |from: &&str| {
        let cells: String = to.iter().map(|to| cell(from, to)).collect();
        format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", text(from))
    };
    let rows: String = from.iter().map(row).collect();
    let happened = changes.iter().filter(|it| it.2 > 0).count();
    let heading = format!("Changes of state: {happened} of {} happened", changes.len());
    section(
        &heading,
        &format!(
            "<div class=\"matrix\"><table>\n<thead><tr><td></td>{heads}</tr></thead>\n\
             <tbody>\n{rows}</tbody></table></div>\n"
        ),
    )
}

/// How dark a count is: a step for each power of 32.
fn heat(count: u64) -> u32 {
    (count.ilog2() / 5 + 1).min(4)
}

//! The page of one run.

use std::collections::BTreeMap;

use super::markup::{json, lines, table, text};
use super::{Head, fill};
use crate::record::{Finding, OracleLine, OracleVerdict, RunRecord, StoryRecord};
use crate::words::{counted, grouped, outcomes, seconds};

const TEMPLATE: &str = include_str!("run.html");
const STYLE: &str = concat!(include_str!("base.css"), include_str!("run.css"));
/// One function, so that a page's own names stay its own.
const SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("script/data.js"),
    include_str!("script/view.js"),
    include_str!("script/search.js"),
    include_str!("script/layout.js"),
    include_str!("script/draw.js"),
    include_str!("script/over.js"),
    include_str!("script/panel.js"),
    include_str!("script/main.js"),
    "})();\n"
);

const HELP: &str =
    "<button type=\"button\" id=\"help\" title=\"Keys (?)\" aria-label=\"Keys\">?</button>\n";

/// A run as a page: lanes over time, the state at an instant, findings, and how to do
/// it again. What it came to stands there also for who runs no scripts.
pub fn run_page(story: &StoryRecord) -> String {
    let run = &story.run;
    let verdict = run.verdict.as_str();
    let head = Head {
        title: &text(&format!("{}, seed {}", run.scenario, run.seed)),
        facts: &text(&facts(run)),
        verdict: (verdict, verdict),
        style: STYLE,
        script: SCRIPT,
        tools: HELP,
    };
    fill(
        TEMPLATE,
        &[
            ("head", &head.text()),
            ("findings", &findings(&run.findings)),
            ("summary", &summary(run)),
            ("footer", &footer(run)),
            ("story", &json(story)),
            ("script", SCRIPT),
        ],
    )
}

fn facts(run: &RunRecord) -> String {
    format!(
        "{} and {} in {} of simulated time · commands: {}",
        counted(run.events, "event"),
        counted(run.messages, "message"),
        seconds(run.simulated),
        outcomes(&run.commands)
    )
}

fn findings(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let item = |(place, finding): (usize, &Finding)| {
        let (oracle, says) = (text(&finding.oracle), text(&finding.says));
        let at = seconds(finding.at);
        let events: Vec<String> = finding.events.iter().map(|it| grouped(*it)).collect();
        let events = match events.as_slice() {
            [] => String::new(),
            [event] => format!("event {event}"),
            events => format!("events {}", events.join(", ")),
        };
        format!(
            "<li><button type=\"button\" data-finding=\"{place}\">{at}</button> <b>{oracle}</b> \
             <span class=\"says\">{says}</span> <span class=\"events\">{events}</span></li>\n"
        )
    };
    let items: String = findings.iter().enumerate().map(item).collect();
    format!("<ol class=\"findings\" aria-label=\"Findings\">\n{items}</ol>\n")
}

fn summary(run: &RunRecord) -> String {
    let measures = run.measures.iter();
    let measures: Vec<_> = measures
        .map(|(name, value)| (name.clone(), value.to_string()))
        .collect();
    [
        table("Faults", &tallies(&run.faults, "never happened"), "none"),
        table(
            "Probes",
            &tallies(&run.probes, "never reached"),
            "none reached",
        ),
        table("Measures", &measures, "none"),
        table(
            "Changes of state",
            &tallies(&run.transitions, "never"),
            "none",
        ),
        oracles(&run.oracles),
    ]
    .concat()
}

fn tallies(counts: &BTreeMap<String, u64>, never: &str) -> Vec<(String, String)> {
    let row = |(name, count): (&String, &u64)| {
        let count = match count {
            0 => never.to_owned(),
            count => grouped(*count),
        };
        (name.clone(), count)
    };
    counts.iter().map(row).collect()
}

fn oracles(oracles: &[OracleLine]) -> String {
    if oracles.is_empty() {
        return String::new();
    }
    let row = |oracle: &OracleLine| {
        let (class, word) = match (oracle.verdict, oracle.checks) {
            (OracleVerdict::Violated, _) => ("violated", "violated"),
            (OracleVerdict::Excused, _) => ("excused", "excused"),
            (OracleVerdict::Held, 0) => ("none", "not checked"),
            (OracleVerdict::Held, _) => ("held", "held"),
        };
        let (id, statement) = (text(&oracle.id), text(&oracle.statement));
        let checks = counted(oracle.checks, "check");
        format!(
            "<tr><th scope=\"row\">{id}</th><th>{statement}</th><td>{checks}</td>\
             <td class=\"{class}\">{word}</td></tr>\n"
        )
    };
    let rows: String = oracles.iter().map(row).collect();
    format!("<div class=\"wide\"><h2>Oracles</h2><table>\n{rows}</table></div>\n")
}

fn footer(run: &RunRecord) -> String {
    let command = lines(&run.command);
    let trace = text(&run.trace_hash);
    format!("<p>Again</p>\n<pre>{command}</pre>\n<p>Trace <code>{trace}</code></p>\n")
}

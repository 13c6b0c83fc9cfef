//! One run as readable text: what happened when, what it came to, and how to
//! do it again.

use crate::grid::{Cell, Column, Grid, paragraph};
use crate::paint::{Ink, Paint};
use crate::record::{
    Finding, OracleLine, OracleVerdict, RunRecord, TimelineEntry, TimelineKind, Verdict,
};
use crate::shell::command_lines;
use crate::words::{counted, counts, grouped, outcomes, seconds};
use collapse::{Line, collapse};

mod collapse;

/// Lanes wider than this wrap, so that one long name does not push every text
/// to the right.
const LANE_WIDTH_MAX: usize = 20;

/// The timeline of a run and, below it, the summary that ends in the command
/// that reproduces the run.
pub fn render(run: &RunRecord, paint: Paint) -> String {
    let mut out = String::new();
    let header = format!("{}, seed {}", run.scenario, run.seed);
    paragraph(0, Cell::inked(Ink::Heading, header), paint, &mut out);
    out.push('\n');
    render_timeline(&run.timeline, paint, &mut out);
    out.push('\n');
    render_counts(run, paint, &mut out);
    if !run.oracles.is_empty() {
        out.push('\n');
        render_oracles(&run.oracles, paint, &mut out);
    }
    if !run.findings.is_empty() {
        out.push('\n');
        render_findings(&run.findings, paint, &mut out);
    }
    out.push('\n');
    render_verdict(run, paint, &mut out);
    out
}

/// The colour of a verdict, wherever one is shown.
pub(crate) const fn verdict_ink(verdict: Verdict) -> Ink {
    match verdict {
        Verdict::Pass => Ink::Good,
        Verdict::Unrecoverable => Ink::Caution,
        Verdict::Safety | Verdict::Crash | Verdict::Liveness | Verdict::Expectation => Ink::Bad,
    }
}

fn render_timeline(timeline: &[TimelineEntry], paint: Paint, out: &mut String) {
    if timeline.is_empty() {
        let text = "No timeline was recorded.";
        return paragraph(2, Cell::inked(Ink::Faint, text), paint, out);
    }
    let columns = [
        Column::Right,
        Column::Narrow(LANE_WIDTH_MAX),
        Column::Left,
        Column::Left,
    ];
    let mut grid = Grid::new(2, columns);
    for line in collapse(timeline) {
        grid.row(match line {
            Line::Entry(entry) => entry_row(entry),
            Line::More {
                last,
                count,
                alike,
                lanes,
            } => {
                let lane = match lanes {
                    1 => last.lane.clone(),
                    many => format!("{many} lanes"),
                };
                [
                    Cell::inked(Ink::Faint, seconds(last.at)),
                    Cell::inked(Ink::Faint, lane),
                    Cell::new(""),
                    Cell::inked(Ink::Faint, format!("… {} more {alike}", grouped(count))),
                ]
            }
        });
    }
    grid.render(paint, out);
}

fn entry_row(entry: &TimelineEntry) -> [Cell; 4] {
    let (symbol, ink) = match entry.kind {
        TimelineKind::Role => ("◆", Ink::Role),
        TimelineKind::Sync => ("⇄", Ink::Sync),
        TimelineKind::Fault => ("✗", Ink::Caution),
        TimelineKind::Client => ("›", Ink::Text),
        TimelineKind::Finding => ("!", Ink::Bad),
        TimelineKind::Note => ("·", Ink::Faint),
        TimelineKind::Probe => ("◇", Ink::Probe),
    };
    [
        Cell::inked(Ink::Faint, seconds(entry.at)),
        Cell::new(&entry.lane),
        Cell::inked(ink, symbol),
        Cell::inked(ink, &entry.text),
    ]
}

fn render_counts(run: &RunRecord, paint: Paint, out: &mut String) {
    let mut grid = Grid::new(0, [Column::Left, Column::Left]);
    let mut row =
        |label, text: String| grid.row([Cell::inked(Ink::Heading, label), Cell::new(text)]);
    row("Clients", outcomes(&run.commands));
    row("Faults", counts(&run.faults, "enabled but never happened"));
    if !run.probes.is_empty() {
        row("Probes", counts(&run.probes, "never reached"));
    }
    if !run.measures.is_empty() {
        let measures = run.measures.iter();
        let parts: Vec<String> = measures.map(|(name, n)| format!("{name} {n}")).collect();
        row("Measures", parts.join(", "));
    }
    grid.render(paint, out);
}

fn render_oracles(oracles: &[OracleLine], paint: Paint, out: &mut String) {
    paragraph(0, Cell::inked(Ink::Heading, "Oracles"), paint, out);
    let columns = [Column::Left, Column::Left, Column::Right, Column::Left];
    let mut grid = Grid::new(2, columns);
    for oracle in oracles {
        let (verdict, ink) = match (oracle.verdict, oracle.checks) {
            (OracleVerdict::Violated, _) => ("VIOLATED", Ink::Bad),
            (OracleVerdict::Excused, _) => ("excused", Ink::Caution),
            (OracleVerdict::Held, 0) => ("not checked", Ink::Faint),
            (OracleVerdict::Held, _) => ("held", Ink::Good),
        };
        grid.row([
            Cell::new(&oracle.id),
            Cell::inked(ink, verdict),
            Cell::new(counted(oracle.checks, "check")),
            Cell::inked(Ink::Faint, &oracle.statement),
        ]);
    }
    grid.render(paint, out);
}

fn render_findings(findings: &[Finding], paint: Paint, out: &mut String) {
    paragraph(0, Cell::inked(Ink::Heading, "Findings"), paint, out);
    let mut grid = Grid::new(2, [Column::Left, Column::Right, Column::Left]);
    for finding in findings {
        let events: Vec<String> = finding.events.iter().map(u64::to_string).collect();
        let proof = match events.as_slice() {
            [] => String::new(),
            [event] => format!(" (event {event})"),
            events => format!(" (events {})", events.join(", ")),
        };
        grid.row([
            Cell::inked(Ink::Bad, &finding.oracle),
            Cell::new(seconds(finding.at)),
            Cell::new(format!("{}{proof}", finding.says)),
        ]);
    }
    grid.render(paint, out);
}

fn render_verdict(run: &RunRecord, paint: Paint, out: &mut String) {
    let work = format!(
        "{} and {} in {} of simulated time",
        counted(run.events, "event"),
        counted(run.messages, "message"),
        seconds(run.simulated)
    );
    let verdict = run.verdict.as_str().to_uppercase();
    let mut grid = Grid::new(0, [Column::Left, Column::Left]);
    let mut row = |label, cell| grid.row([Cell::inked(Ink::Heading, label), cell]);
    row("Verdict", Cell::inked(verdict_ink(run.verdict), verdict));
    row("Work", Cell::new(work));
    row("Trace", Cell::new(&run.trace_hash));
    grid.render(paint, out);
    paragraph(0, Cell::inked(Ink::Heading, "Again"), paint, out);
    for line in command_lines(2, &run.command) {
        out.push_str(&line);
        out.push('\n');
    }
}

#[cfg(test)]
mod tests;

//! A sweep as text. What a reader looks for, the failures and the one-line
//! sum, comes last, where a terminal's eye rests.

use std::collections::BTreeMap;

use super::heading;
use crate::grid::{Cell, Column, Grid, paragraph};
use crate::paint::{Ink, Paint};
use crate::record::{
    CorpusTally, Failure, FaultTally, ProbeTally, SweepRecord, SweepResult, SweepTiming,
};
use crate::shell::command_lines;
use crate::timeline::verdict_ink;
use crate::words::{counted, grouped, seconds};

/// The probes, faults, failures and sum of a sweep: `sweep`.
pub fn sweep(record: &SweepRecord, paint: Paint) -> String {
    let mut out = String::new();
    render_probes(&record.result.probes, paint, &mut out);
    render_faults(&record.result, paint, &mut out);
    render_transition_totals(&record.result.transitions, paint, &mut out);
    render_failures(&record.result.failures, paint, &mut out);
    if let Some(corpus) = &record.corpus {
        render_corpus(corpus, paint, &mut out);
    }
    let result = Cell::inked(result_ink(&record.result), result_line(&record.result));
    paragraph(0, result, paint, &mut out);
    let timing = Cell::inked(Ink::Faint, timing_line(&record.timing));
    paragraph(0, timing, paint, &mut out);
    out
}

fn render_corpus(corpus: &CorpusTally, paint: Paint, out: &mut String) {
    let runs = counted(corpus.runs, "former failure");
    let (ink, text) = match corpus.failed.is_empty() {
        true => (Ink::Faint, format!("{runs} replayed, none fails")),
        false => {
            let failed = corpus.failed.join(", ");
            (
                Ink::Bad,
                format!("{runs} replayed, again failing: {failed}"),
            )
        }
    };
    paragraph(0, Cell::inked(ink, text), paint, out);
}

fn render_probes(probes: &BTreeMap<String, ProbeTally>, paint: Paint, out: &mut String) {
    if probes.is_empty() {
        return;
    }
    let columns = [
        Column::Left,
        Column::Right,
        Column::Right,
        Column::Right,
        Column::Left,
    ];
    let mut grid = Grid::new(0, columns);
    grid.row(["Probes", "hit", "able", "share", ""].map(heading));
    for (name, tally) in probes {
        let (note, ink) = match (tally.is_missing(), tally.hit) {
            (false, 0) if tally.able > 0 => ("not reached, in few seeds".to_owned(), Ink::Faint),
            (false, _) => (String::new(), Ink::Text),
            (true, 0) => ("never reached".to_owned(), Ink::Bad),
            (true, _) => (format!("below {} %", required(*tally)), Ink::Bad),
        };
        grid.row([
            Cell::inked(Ink::Text, format!("  {name}")),
            Cell::new(grouped(tally.hit)),
            Cell::new(grouped(tally.able)),
            Cell::new(share(*tally)),
            Cell::inked(ink, note),
        ]);
    }
    grid.render(paint, out);
    out.push('\n');
}

fn share(tally: ProbeTally) -> String {
    if tally.able == 0 {
        return "-".to_owned();
    }
    format!("{:.1} %", tally.hit as f64 * 100.0 / tally.able as f64)
}

/// The required share in percent, as short as it can be said.
fn required(tally: ProbeTally) -> f64 {
    f64::from(tally.required.parts_per_million()) / 10_000.0
}

fn render_faults(result: &SweepResult, paint: Paint, out: &mut String) {
    if result.faults.is_empty() {
        return;
    }
    let columns = [
        Column::Left,
        Column::Right,
        Column::Right,
        Column::Right,
        Column::Left,
    ];
    let mut grid = Grid::new(0, columns);
    grid.row(["Faults", "count", "enabled", "happened", ""].map(heading));
    for (kind, count) in &result.faults {
        let tally = result.faults_enabled.get(kind);
        let seeds = |seeds: fn(&FaultTally) -> u64| {
            Cell::new(tally.map_or_else(|| "-".to_owned(), |tally| grouped(seeds(tally))))
        };
        let is_missing = tally.is_some_and(|tally| tally.is_missing());
        let note = match (is_missing, count) {
            (true, 0) => Cell::inked(Ink::Bad, "enabled but never happened"),
            (true, _) => Cell::inked(Ink::Bad, "in less than 1 % of its seeds"),
            (false, 0) => Cell::inked(Ink::Caution, "enabled but never happened"),
            (false, _) => Cell::new(""),
        };
        grid.row([
            Cell::new(format!("  {kind}")),
            Cell::new(grouped(*count)),
            seeds(|tally| tally.enabled_seeds),
            seeds(|tally| tally.happened_seeds),
            note,
        ]);
    }
    grid.render(paint, out);
    out.push('\n');
}

fn render_transition_totals(transitions: &BTreeMap<String, u64>, paint: Paint, out: &mut String) {
    if transitions.is_empty() {
        return;
    }
    let all = transitions.len() as u64;
    let happened = transitions.values().filter(|count| **count > 0).count() as u64;
    let text = format!(
        "Transitions of nodes: {} of {} happened",
        grouped(happened),
        grouped(all)
    );
    paragraph(0, Cell::inked(Ink::Heading, text), paint, out);
    out.push('\n');
}

/// From which state to which nodes went, and how often: a block of lines for each
/// state, what never happened among them: `sweep --transitions`.
pub fn transitions(result: &SweepResult, paint: Paint) -> String {
    let mut out = String::new();
    let mut grid = Grid::new(0, [Column::Left, Column::Left, Column::Right, Column::Left]);
    grid.row(["From", "to", "count", ""].map(heading));
    let mut last = "";
    for (transition, count) in &result.transitions {
        let (from, to) = transition.split_once(" -> ").unwrap_or((transition, ""));
        let shown = if from == last { "" } else { from };
        last = from;
        let note = match count {
            0 => Cell::inked(Ink::Caution, "never happened"),
            _ => Cell::new(""),
        };
        grid.row([
            Cell::inked(Ink::Role, shown),
            Cell::new(to),
            Cell::new(grouped(*count)),
            note,
        ]);
    }
    grid.render(paint, &mut out);
    out.push('\n');
    out
}

fn render_failures(failures: &[Failure], paint: Paint, out: &mut String) {
    if failures.is_empty() {
        return;
    }
    paragraph(0, heading("Failures"), paint, out);
    for failure in failures {
        let mut grid = Grid::new(2, [Column::Left, Column::Left]);
        grid.row([
            Cell::inked(verdict_ink(failure.verdict), failure.verdict.as_str()),
            Cell::new(&failure.signature),
        ]);
        grid.render(paint, out);
        let shortest = format!(
            "{}; shortest: {}, seed {}, {}",
            counted(failure.runs, "run"),
            failure.scenario,
            failure.seed,
            counted(failure.events, "event")
        );
        paragraph(4, Cell::inked(Ink::Faint, shortest), paint, out);
        if let Some(repro) = &failure.repro {
            paragraph(
                4,
                Cell::inked(Ink::Faint, format!("faults in {repro}")),
                paint,
                out,
            );
        }
        for line in command_lines(4, &failure.command) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out.push('\n');
}

fn result_line(result: &SweepResult) -> String {
    let mut line = format!(
        "{}: {} passed, {} failed",
        counted(result.runs, "run"),
        grouped(result.passed),
        grouped(result.failed)
    );
    if result.unrecoverable > 0 {
        line += &format!(
            ", {} unrecoverable by design",
            grouped(result.unrecoverable)
        );
    }
    line + &format!("; {} acknowledged", counted(result.acknowledged, "command"))
}

fn result_ink(result: &SweepResult) -> Ink {
    match (result.failed, result.runs) {
        (0, 0) => Ink::Caution,
        (0, _) => Ink::Good,
        _ => Ink::Bad,
    }
}

fn timing_line(timing: &SweepTiming) -> String {
    format!(
        "{} with {}, {:.1} seeds/s",
        seconds(timing.elapsed),
        counted(u64::from(timing.jobs), "job"),
        timing.seeds_per_second.to_f64()
    )
}

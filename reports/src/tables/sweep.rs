//! A sweep as text. What a reader looks for, the failures and the one-line
//! sum, comes last, where a terminal's eye rests.

use std::collections::BTreeMap;

use super::heading;
use crate::grid::{Cell, Column, Grid, paragraph};
use crate::paint::{Ink, Paint};
use crate::record::{Failure, ProbeTally, SweepRecord, SweepResult, SweepTiming};
use crate::shell::command_lines;
use crate::timeline::verdict_ink;
use crate::words::{counted, grouped, seconds};

/// The probes, faults, failures and sum of a sweep: `sweep`.
pub fn sweep(record: &SweepRecord, paint: Paint) -> String {
    let mut out = String::new();
    render_probes(&record.result.probes, paint, &mut out);
    render_faults(&record.result.faults, paint, &mut out);
    render_failures(&record.result.failures, paint, &mut out);
    let result = Cell::inked(result_ink(&record.result), result_line(&record.result));
    paragraph(0, result, paint, &mut out);
    let timing = Cell::inked(Ink::Faint, timing_line(&record.timing));
    paragraph(0, timing, paint, &mut out);
    out
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

fn render_faults(faults: &BTreeMap<String, u64>, paint: Paint, out: &mut String) {
    if faults.is_empty() {
        return;
    }
    let mut grid = Grid::new(0, [Column::Left, Column::Right, Column::Left]);
    grid.row(["Faults", "count", ""].map(heading));
    for (kind, count) in faults {
        let note = match count {
            0 => Cell::inked(Ink::Caution, "enabled but never happened"),
            _ => Cell::new(""),
        };
        grid.row([
            Cell::new(format!("  {kind}")),
            Cell::new(grouped(*count)),
            note,
        ]);
    }
    grid.render(paint, out);
    out.push('\n');
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

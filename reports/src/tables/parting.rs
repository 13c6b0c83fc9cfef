//! Where two runs part, as text: `diff` and `fork`.

use std::time::Duration;

use super::heading;
use crate::grid::{Cell, Column, Grid, paragraph};
use crate::paint::{Ink, Paint};
use crate::record::{
    DiffRecord, DifferingField, ForkRecord, FutureRecord, PartingRecord, TrailLine,
};
use crate::words::grouped;

/// Where two sides part: `diff`.
pub fn diff(diff: &DiffRecord, paint: Paint) -> String {
    let mut out = String::new();
    let (sentence, ink) = match diff.equal {
        true => (
            format!("Equal: {} and {}", diff.left, diff.right),
            Ink::Good,
        ),
        false => (
            format!("{} (left) and {} (right) differ", diff.left, diff.right),
            Ink::Bad,
        ),
    };
    paragraph(0, Cell::inked(ink, sentence), paint, &mut out);
    parting(&diff.parting, paint, &mut out);
    out
}

/// Two futures and where they part: `fork`.
pub fn fork(fork: &ForkRecord, paint: Paint) -> String {
    let mut out = String::new();
    let sentence = format!(
        "{}, seed {}, forked at {} after event {}",
        fork.scenario,
        fork.seed,
        instant(fork.at),
        grouped(fork.event)
    );
    paragraph(0, Cell::new(sentence), paint, &mut out);
    let mut grid = Grid::new(2, [Column::Left; 4]);
    for (name, future) in [("Left", &fork.left), ("Right", &fork.right)] {
        grid.row([
            heading(name),
            Cell::new(future.change.as_deref().unwrap_or("as it goes on")),
            verdict(future),
            Cell::inked(Ink::Faint, format!("trace {}", future.trace_hash)),
        ]);
    }
    grid.render(paint, &mut out);
    for (name, future) in [("left", &fork.left), ("right", &fork.right)] {
        for finding in &future.findings {
            let text = format!("{} on the {name}: {}", finding.oracle, finding.says);
            paragraph(2, Cell::inked(Ink::Bad, text), paint, &mut out);
        }
    }
    if fork.parting.first_difference.is_none() {
        let text = "The two futures are equal: the change changes nothing.";
        paragraph(0, Cell::new(text), paint, &mut out);
    }
    parting(&fork.parting, paint, &mut out);
    out
}

fn verdict(future: &FutureRecord) -> Cell {
    let ink = match future.verdict.exit_code() {
        0 => Ink::Good,
        _ => Ink::Bad,
    };
    Cell::inked(ink, future.verdict.as_str())
}

fn parting(parting: &PartingRecord, paint: Paint, out: &mut String) {
    if let Some(first) = &parting.first_difference {
        let mut grid = Grid::new(2, [Column::Left, Column::Left]);
        let mut row = |label, text: &str| grid.row([heading(label), Cell::new(text)]);
        let event = format!("{} at {}", grouped(first.event), instant(first.at));
        row("First at event", &event);
        row("Component", &first.component);
        row("Field", &first.field);
        row("Left", &first.left);
        row("Right", &first.right);
        grid.render(paint, out);
    }
    let lines = [&parting.left_event, &parting.right_event];
    for (name, line) in ["On the left", "On the right"].into_iter().zip(lines) {
        if let Some(line) = line {
            paragraph(
                2,
                Cell::new(format!("{name}: {}", happened(line))),
                paint,
                out,
            );
        }
    }
    for note in &parting.notes {
        paragraph(2, Cell::inked(Ink::Faint, note), paint, out);
    }
    let others = parting.fields.get(1..).unwrap_or_default();
    fields("Also different from then on", others, paint, out);
    fields(
        "Different before, without effect",
        &parting.before,
        paint,
        out,
    );
}

fn happened(line: &TrailLine) -> String {
    let mut text = format!("{}, {}: {}", instant(line.at), line.component, line.what);
    for fault in &line.faults {
        text += &format!("; fault: {fault}");
    }
    text
}

fn fields(title: &str, fields: &[DifferingField], paint: Paint, out: &mut String) {
    if fields.is_empty() {
        return;
    }
    paragraph(2, Cell::inked(Ink::Heading, title), paint, out);
    for field in fields {
        let DifferingField {
            component,
            field,
            left,
            right,
        } = field;
        let text = format!("{component} {field}: {left} → {right}");
        paragraph(4, Cell::new(text), paint, out);
    }
}

/// To the microsecond: events stand close together.
fn instant(at: Duration) -> String {
    let micros = at.as_micros();
    format!("{}.{:06} s", micros / 1_000_000, micros % 1_000_000)
}

//! How long it takes for a set to change hands, as text: `takeover`.

use super::heading;
use crate::grid::{Cell, Column, Grid, paragraph};
use crate::paint::{Ink, Paint};
use crate::record::{Decimal, PolicyTimes, TakeoverRecord};

/// A study: the whole by policy, where the time goes, and policies side by side.
pub fn takeover(record: &TakeoverRecord, paint: Paint) -> String {
    let mut out = String::new();
    wholes(record, paint, &mut out);
    out.push('\n');
    phases(record, paint, &mut out);
    out.push('\n');
    paired(record, paint, &mut out);
    out
}

fn ms(value: Decimal) -> String {
    format!("{:.3}", value.to_f64())
}

fn wholes(record: &TakeoverRecord, paint: Paint, out: &mut String) {
    let what = match record.subject.as_str() {
        "boot" => "From power-on to the first write that the mirror acknowledged, ms",
        _ => "From the failure's detection to the first write accepted, ms",
    };
    paragraph(0, heading(what), paint, out);
    let mut grid = Grid::new(
        2,
        [
            Column::Left,
            Column::Right,
            Column::Right,
            Column::Left,
            Column::Right,
            Column::Right,
            Column::Right,
        ],
    );
    grid.row(["Policy", "n", "median", "95 %", "p90", "p99", "longest"].map(heading));
    for policy in &record.policies {
        let [low, high] = policy.ci;
        let quantiles = &policy.quantiles;
        grid.row([
            Cell::inked(Ink::Role, &policy.name),
            Cell::new(policy.n.to_string()),
            Cell::new(ms(quantiles.p50)),
            Cell::inked(Ink::Faint, format!("{} to {}", ms(low), ms(high))),
            Cell::new(ms(quantiles.p90)),
            Cell::new(ms(quantiles.p99)),
            Cell::new(ms(quantiles.max)),
        ]);
    }
    grid.render(paint, out);
}

/// The medians of the phases, a column for each of three policies at most.
fn phases(record: &TakeoverRecord, paint: Paint, out: &mut String) {
    paragraph(0, heading("Medians of the phases, ms"), paint, out);
    let columns = [Column::Left, Column::Right, Column::Right, Column::Right];
    let mut grid = Grid::new(2, columns);
    let policy = |place: usize| record.policies.get(place);
    let name = |place| policy(place).map_or("", |it: &PolicyTimes| it.name.as_str());
    grid.row(["Phase", name(0), name(1), name(2)].map(heading));
    let of_first = policy(0).map_or(&[][..], |it| it.phases.as_slice());
    for (row, phase) in of_first.iter().enumerate() {
        let cell = |place: usize| {
            let times = policy(place).and_then(|it| it.phases.get(row));
            Cell::new(times.map_or(String::new(), |it| ms(it.p50)))
        };
        let label = match phase.is_part {
            true => Cell::new(&phase.name),
            false => Cell::inked(Ink::Faint, format!("{} (beside)", phase.name)),
        };
        grid.row([label, cell(0), cell(1), cell(2)]);
    }
    grid.render(paint, out);
}

fn paired(record: &TakeoverRecord, paint: Paint, out: &mut String) {
    for pair in &record.paired {
        let [low, high] = pair.ci;
        let (a, b) = (&pair.a, &pair.b);
        let text = format!(
            "{a} takes {:.3} times as long as {b} (median over the seeds; 95 %: {:.3} to {:.3})",
            pair.median_ratio.to_f64(),
            low.to_f64(),
            high.to_f64()
        );
        paragraph(0, Cell::new(text), paint, out);
    }
    let text = format!(
        "Addresses that a search may test: {}. Times are simulated, under the service times of \
         docs/timing.md.",
        record.peer_addresses
    );
    paragraph(0, Cell::inked(Ink::Faint, text), paint, out);
}

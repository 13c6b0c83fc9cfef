//! What a resync costs, as text: `resync`.

use super::heading;
use crate::grid::{Cell, Column, Grid, paragraph};
use crate::paint::{Ink, Paint};
use crate::record::{Decimal, LogCost, ResyncPoint, ResyncRecord};
use crate::words::counted;

/// A study: a grid of costs, and what the log costs a write.
pub fn resync(record: &ResyncRecord, paint: Paint) -> String {
    let mut out = String::new();
    let what = format!(
        "From the mirror's answer until the copies are in sync, medians of {}",
        counted(record.in_sync.n, "seed")
    );
    paragraph(0, heading(&what), paint, &mut out);
    let mut grid = Grid::new(
        2,
        [
            Column::Right,
            Column::Right,
            Column::Right,
            Column::Left,
            Column::Right,
            Column::Right,
            Column::Left,
            Column::Right,
            Column::Right,
        ],
    );
    let names = [
        "Dirty", "Region", "Writes/s", "Policy", "MiB", "ms", "95 %", "Writes", "p99, ms",
    ];
    grid.row(names.map(heading));
    for point in &record.points {
        rows(point, &mut grid);
    }
    grid.render(paint, &mut out);
    out.push('\n');
    log(record, paint, &mut out);
    let text = format!(
        "Volume: {} blocks of 4 KiB; regions in blocks. Dirty: blocks written while the mirror \
         was away, anywhere. Writes: what clients began meanwhile, of all seeds. A policy with a \
         star was not run but computed: the blocks that changed and the mirror's header pages, at \
         the medians of docs/timing.md, with no client, CPU or pause in the way. Times are \
         simulated.",
        record.volume_blocks
    );
    paragraph(0, Cell::inked(Ink::Faint, text), paint, &mut out);
    out
}

fn ms(value: Decimal) -> String {
    format!("{:.3}", value.to_f64())
}

fn rows(point: &ResyncPoint, grid: &mut Grid<9>) {
    for cost in &point.policies {
        let name = match cost.is_computed {
            true => Cell::inked(Ink::Faint, format!("{} *", cost.name)),
            false => Cell::inked(Ink::Role, &cost.name),
        };
        let mebibytes = cost.bytes.median.to_f64() / f64::from(1 << 20);
        let [low, high] = cost.ms.ci.map(|it| it.to_f64());
        grid.row([
            Cell::new(format!("{} %", point.dirty_percent)),
            Cell::new(point.region_blocks.to_string()),
            Cell::new(point.writes_per_second.to_string()),
            name,
            Cell::new(format!("{mebibytes:.2}")),
            Cell::new(format!("{:.1}", cost.ms.median.to_f64())),
            Cell::inked(Ink::Faint, format!("{low:.1} to {high:.1}")),
            Cell::new(cost.writes.to_string()),
            Cell::new(cost.write_p99_ms.map_or("–".to_owned(), ms)),
        ]);
    }
}

fn log(record: &ResyncRecord, paint: Paint, out: &mut String) {
    let of = |cost: &LogCost| {
        format!(
            "{:.2} pages of the owner's journal and {} ms, of these {} ms until its mark is \
             durable (p99 {} ms, {} writes)",
            cost.journal_pages.median.to_f64(),
            ms(cost.write_ms.median),
            ms(cost.marking_ms.median),
            ms(cost.write_p99_ms),
            cost.writes,
        )
    };
    let text = format!(
        "In sync, a write of one block takes {}; alone, {}. One page is its data. There is no \
         engine without the log to compare with: the other pages and the time of the mark are \
         its price.",
        of(&record.in_sync),
        of(&record.alone)
    );
    paragraph(0, Cell::new(text), paint, out);
}

//! The catalogue, the features, a sweep and a verification as text.

use crate::grid::{Cell, Column, Grid, paragraph};
use crate::paint::{Ink, Paint};
use crate::record::{FeatureRecord, FeatureStatus, ListRecord, VerifyRecord};
use crate::words::{counted, seconds};

mod parting;
mod resync;
mod sweep;
mod takeover;

pub use parting::{diff, fork};
pub use resync::resync;
pub use sweep::{sweep, transitions};
pub use takeover::takeover;

/// The scenarios that there are: `list`.
pub fn list(scenarios: &[ListRecord], paint: Paint) -> String {
    let mut out = String::new();
    let mut grid = Grid::new(0, [Column::Left; 4]);
    grid.row(["Scenario", "Shows", "Covers", "Suites"].map(heading));
    for scenario in scenarios {
        grid.row([
            Cell::inked(Ink::Role, &scenario.name),
            Cell::new(&scenario.title),
            Cell::new(scenario.covers.join(" ")),
            Cell::inked(Ink::Faint, scenario.suites.join(" ")),
        ]);
    }
    grid.render(paint, &mut out);
    out.push('\n');
    let count = counted(scenarios.len() as u64, "scenario");
    paragraph(0, Cell::new(count), paint, &mut out);
    out
}

/// The features and what shows each: `features`.
pub fn features(features: &[FeatureRecord], paint: Paint) -> String {
    let mut out = String::new();
    let mut grid = Grid::new(0, [Column::Left; 5]);
    grid.row(["Id", "Status", "Guarded", "Feature", "Shown by"].map(heading));
    for feature in features {
        let ink = match feature.status {
            FeatureStatus::Shown => Ink::Good,
            FeatureStatus::Failing => Ink::Bad,
            FeatureStatus::Missing => Ink::Caution,
        };
        let guarded = match (feature.guarded, &feature.mutant) {
            (true, _) => Cell::inked(Ink::Good, "yes"),
            (false, Some(_)) => Cell::inked(Ink::Bad, "no"),
            (false, None) => Cell::inked(Ink::Faint, "no mutant"),
        };
        grid.row([
            Cell::new(&feature.id),
            Cell::inked(ink, feature.status.as_str()),
            guarded,
            Cell::new(&feature.title),
            Cell::inked(Ink::Faint, evidence(feature)),
        ]);
    }
    grid.render(paint, &mut out);
    out.push('\n');
    paragraph(0, Cell::new(feature_totals(features)), paint, &mut out);
    out
}

fn evidence(feature: &FeatureRecord) -> String {
    let mut parts = feature.scenarios.clone();
    parts.extend(feature.probe.iter().map(|probe| format!("probe: {probe}")));
    parts.extend(feature.mutant.iter().map(|name| format!("mutant: {name}")));
    parts.join(", ")
}

fn feature_totals(features: &[FeatureRecord]) -> String {
    let with = |status| features.iter().filter(|f| f.status == status).count();
    let guarded = features.iter().filter(|feature| feature.guarded).count();
    format!(
        "{}: {} shown, {} failing, {} missing; {guarded} guarded by a mutant",
        counted(features.len() as u64, "feature"),
        with(FeatureStatus::Shown),
        with(FeatureStatus::Failing),
        with(FeatureStatus::Missing)
    )
}

/// Whether a run is deterministic, and where not, where it parts: `verify`.
pub fn verify(verify: &VerifyRecord, paint: Paint) -> String {
    let mut out = String::new();
    let runs = counted(verify.runs, "run");
    let (sentence, ink) = if verify.deterministic {
        let sentence = format!("Deterministic: {runs}, trace hash {}", verify.trace_hash);
        (sentence, Ink::Good)
    } else {
        let sentence = format!(
            "NOT deterministic: {runs}, not all with trace hash {}",
            verify.trace_hash
        );
        (sentence, Ink::Bad)
    };
    paragraph(0, Cell::inked(ink, sentence), paint, &mut out);
    if let Some(difference) = &verify.first_difference {
        let mut grid = Grid::new(2, [Column::Left, Column::Left]);
        let mut row = |label, text: &str| grid.row([heading(label), Cell::new(text)]);
        let event = format!("{} at {}", difference.event, seconds(difference.at));
        row("First at event", &event);
        row("Component", &difference.component);
        row("Field", &difference.field);
        row("Left", &difference.left);
        row("Right", &difference.right);
        grid.render(paint, &mut out);
    } else if !verify.deterministic {
        let text = "Where they part is not known.";
        paragraph(2, Cell::inked(Ink::Faint, text), paint, &mut out);
    }
    out
}

fn heading(text: &str) -> Cell {
    Cell::inked(Ink::Heading, text)
}

#[cfg(test)]
mod tests;

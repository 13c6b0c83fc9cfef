//! A parting in words: event, component and field, and what happened on either side.

use std::collections::BTreeSet;
use std::time::Duration;

use stormglass_reports::record::{Difference, DifferingField, PartingRecord, TrailLine};
use stormglass_sim::walk::LeafDifference;

use super::pair::{End, Pair, Run, Stepped};
use super::search::Parting;
use crate::experiment::Next;
use crate::run;
use crate::trail::Recorder;

/// Differences that are looked at.
const LOOKED_AT: usize = 256;
/// Differences that are told.
const TOLD: usize = 12;

/// What a reader is told of a parting.
pub(crate) fn describe(parting: &Parting) -> PartingRecord {
    let Some(before) = &parting.before else {
        let fields = fields(&parting.after, LOOKED_AT);
        let first = first(&parting.after, &fields, &[]);
        return told(
            &parting.after,
            first,
            fields,
            Vec::new(),
            [None, None],
            Vec::new(),
        );
    };
    let (after, moved) = sharpened(before, &parting.after);
    let standing = fields(before, LOOKED_AT);
    let known: BTreeSet<(&str, &str)> = standing.iter().map(place).collect();
    let mut new = fields(&after, LOOKED_AT);
    new.retain(|field| !known.contains(&place(field)));
    let sides = [(&before.left, moved[0]), (&before.right, moved[1])];
    let lines = sides.map(|(run, moved)| if moved { next_line(run) } else { None });
    let notes = notes(before, &after, moved);
    // A run that is over takes no part in what happens next.
    let [left_is_over, right_is_over] = [(&after.left, moved[0]), (&after.right, moved[1])]
        .map(|(run, has_moved)| run.end.is_some() && !has_moved);
    let first = match left_is_over == right_is_over {
        true => first(&after, &new, &standing),
        false => ends(&after),
    };
    told(&after, first, new, standing, lines, notes)
}

fn place(field: &DifferingField) -> (&str, &str) {
    (&field.component, &field.field)
}

/// The pair after that turn of the side whose turn comes first, and which sides have
/// taken it: what happens on one side only is not to be mixed with what happens next on
/// the other.
fn sharpened(before: &Pair, after: &Pair) -> (Pair, [bool; 2]) {
    let step = |old: &Run, new: &Run| -> Option<Stepped> {
        let is_over = old.end.is_some() || old.last == new.last && new.end.is_some();
        if is_over { None } else { new.last }
    };
    let (left, right) = (
        step(&before.left, &after.left),
        step(&before.right, &after.right),
    );
    match (left, right) {
        (Some(own), Some(other)) if own < other => {
            let right = before.right.clone();
            (
                Pair {
                    right,
                    ..after.clone()
                },
                [true, false],
            )
        }
        (Some(own), Some(other)) if own > other => {
            let left = before.left.clone();
            (
                Pair {
                    left,
                    ..after.clone()
                },
                [false, true],
            )
        }
        (own, other) => (after.clone(), [own.is_some(), other.is_some()]),
    }
}

/// What the next turn of a run is.
fn next_line(run: &Run) -> Option<TrailLine> {
    let mut experiment = run.experiment.clone();
    Recorder::new(&experiment).next_line(&mut experiment)
}

fn notes(before: &Pair, after: &Pair, moved: [bool; 2]) -> Vec<String> {
    let mut notes = Vec::new();
    let worlds = [&before.left, &before.right].map(|run| run.experiment.world());
    let next = [&before.left, &before.right].map(|run| run.experiment.next());
    // Is what comes next on the one side to come on the other as well, only later?
    for (own, other, is_moved) in [(0, 1, moved[0]), (1, 0, moved[1])] {
        let Some(Next::Event(event)) = &next[own] else {
            continue;
        };
        let due = worlds[other].due_at(event);
        if let Some(due) = due.filter(|due| is_moved && *due != event.at) {
            let side = ["left", "right"];
            let at = |at: stormglass_sim::time::WorldTime| {
                at.since(before.left.experiment.start()).to_string()
            };
            notes.push(format!(
                "the same event at another time: {} on the {}, {} on the {}",
                at(event.at),
                side[own],
                at(due),
                side[other]
            ));
            break;
        }
    }
    for (side, run) in [("left", &after.left), ("right", &after.right)] {
        if let Some(end) = &run.end {
            notes.push(format!("the run on the {side} ends: {}", end_text(end)));
        }
    }
    notes
}

fn end_text(end: &End) -> String {
    match end {
        End::Rest => "nothing is left to happen".to_owned(),
        End::Run(run::End::Finding) => "an oracle has found something".to_owned(),
        End::Run(run::End::Limit(which)) => format!("{which} reached"),
        End::Panic(Some(says)) => format!("the engine panics: {says}"),
        End::Panic(None) => "the engine panics".to_owned(),
    }
}

fn told(
    after: &Pair,
    first: DifferingField,
    mut new: Vec<DifferingField>,
    mut standing: Vec<DifferingField>,
    [left_event, right_event]: [Option<TrailLine>; 2],
    mut notes: Vec<String>,
) -> PartingRecord {
    // The one that is told first stands first.
    if let Some(place) = new.iter().position(|field| *field == first) {
        new[..=place].rotate_right(1);
    }
    for (fields, what) in [(&mut new, "differ"), (&mut standing, "differed before")] {
        if fields.len() > TOLD {
            let more = fields.len() - TOLD;
            let at_least = if fields.len() < LOOKED_AT {
                ""
            } else {
                "at least "
            };
            notes.push(format!("{at_least}{more} more fields {what}"));
            fields.truncate(TOLD);
        }
    }
    let moment = |line: &TrailLine| (line.event, line.at);
    let world = |run: &Run| {
        let at = Duration::from_nanos(run.experiment.elapsed().as_nanos());
        (run.experiment.world().totals().events, at)
    };
    let (event, at) = left_event
        .as_ref()
        .or(right_event.as_ref())
        .map_or_else(
            || [&after.left, &after.right].map(world).into_iter().max(),
            |line| Some(moment(line)),
        )
        .expect("two worlds stand somewhere");
    let DifferingField {
        component,
        field,
        left,
        right,
    } = first;
    PartingRecord {
        first_difference: Some(Difference {
            event,
            at,
            component,
            field,
            left,
            right,
        }),
        fields: new,
        before: standing,
        left_event,
        right_event,
        notes,
    }
}

/// The field to tell first: one of a component to which something else has happened, if
/// one of those differs.
fn first(after: &Pair, new: &[DifferingField], standing: &[DifferingField]) -> DifferingField {
    let world = after.left.experiment.world();
    let parted: Vec<_> = after.parted_components().collect();
    let names: BTreeSet<String> = parted.iter().map(|it| world.component_name(*it)).collect();
    let mut of_parted = new.iter().filter(|field| names.contains(&field.component));
    if let Some(field) = of_parted.next() {
        return field.clone();
    }
    if let Some(component) = parted.first() {
        let worlds = [&after.left, &after.right].map(|run| run.experiment.world());
        let [left, right] = worlds.map(|it| format!("{:016x}", it.component_hash(*component)));
        return DifferingField {
            component: world.component_name(*component),
            field: "trace hash".to_owned(),
            left,
            right,
        };
    }
    if let Some(field) = new.first() {
        return field.clone();
    }
    let ends = ends(after);
    match standing.first() {
        Some(field) if ends.left == ends.right => field.clone(),
        _ => ends,
    }
}

/// How either run ends.
fn ends(pair: &Pair) -> DifferingField {
    let end = |run: &Run| {
        let end = run.end.as_ref();
        end.map_or_else(|| "goes on".to_owned(), end_text)
    };
    DifferingField {
        component: "run".to_owned(),
        field: "end".to_owned(),
        left: end(&pair.left),
        right: end(&pair.right),
    }
}

/// The fields in which a pair differs: of its worlds, then of what is around them.
fn fields(pair: &Pair, most: usize) -> Vec<DifferingField> {
    let [left, right] = [&pair.left, &pair.right].map(|run| &run.experiment);
    let world = left.world();
    let mut found: Vec<DifferingField> = world
        .differences(right.world(), most)
        .into_iter()
        .map(|found| named(world.place_name(found.place), found.field))
        .collect();
    let around = left.surrounding_differences(right, most.saturating_sub(found.len()));
    found.extend(
        around
            .into_iter()
            .map(|field| match field.path.split_once(['.', '[']) {
                Some((part, _)) => {
                    let part = part.to_owned();
                    let path = field.path[part.len()..].trim_start_matches('.').to_owned();
                    named(part, LeafDifference { path, ..field })
                }
                None => named("experiment".to_owned(), field),
            }),
    );
    found
}

fn named(component: String, field: LeafDifference) -> DifferingField {
    DifferingField {
        component,
        field: field.path,
        left: field.left,
        right: field.right,
    }
}

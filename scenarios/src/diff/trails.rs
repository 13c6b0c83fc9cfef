//! Where two trails part.

use stormglass_reports::record::{Difference, DifferingField, PartingRecord, TrailLine};

use super::GivenError;
use crate::experiment::Experiment;

/// Lines in which an event is looked for at another time.
const LOOKED_AHEAD: usize = 1_000;

type Lines<'a> = &'a mut dyn Iterator<Item = Result<TrailLine, GivenError>>;

/// The lines of a trail from where an experiment stands.
pub(super) fn behind<I>(lines: I, experiment: &Experiment) -> impl Iterator<Item = I::Item>
where
    I: Iterator<Item = Result<TrailLine, GivenError>>,
{
    let world = experiment.world();
    let hash = format!("{:016x}", world.trace_hash());
    let event = world.totals().events;
    let mut has_passed = event == 0 && experiment.elapsed().as_nanos() == 0;
    lines.skip_while(move |line| match line {
        // A trail that never has this hash parts right here, at the next event.
        Ok(line) if !has_passed && line.event <= event => {
            has_passed = line.hash == hash;
            true
        }
        Ok(_) | Err(_) => false,
    })
}

/// Reads two trails until they part.
pub(super) fn compare(
    mut left: impl Iterator<Item = Result<TrailLine, GivenError>>,
    mut right: impl Iterator<Item = Result<TrailLine, GivenError>>,
) -> Result<PartingRecord, GivenError> {
    let (left, right): (Lines, Lines) = (&mut left, &mut right);
    loop {
        let pair = (left.next().transpose()?, right.next().transpose()?);
        match pair {
            (None, None) => return Ok(PartingRecord::default()),
            (Some(own), Some(other)) if own.is_same(&other) => {}
            (own, other) => {
                let notes = notes(own.as_ref(), other.as_ref(), left, right)?;
                return Ok(told(own, other, notes));
            }
        }
    }
}

fn told(left: Option<TrailLine>, right: Option<TrailLine>, notes: Vec<String>) -> PartingRecord {
    let first = first(left.as_ref(), right.as_ref());
    let earlier = [&left, &right].into_iter().flatten();
    let line = earlier.min_by_key(|line| line.at);
    let line = line.expect("two trails that are over are equal");
    let DifferingField {
        component,
        field,
        left: own,
        right: other,
    } = first.clone();
    PartingRecord {
        first_difference: Some(Difference {
            event: line.event,
            at: line.at,
            component,
            field,
            left: own,
            right: other,
        }),
        fields: vec![first],
        before: Vec::new(),
        left_event: left,
        right_event: right,
        notes,
    }
}

/// What differs first in two lines: the event, the faults that happened at it, a hash.
fn first(left: Option<&TrailLine>, right: Option<&TrailLine>) -> DifferingField {
    let (Some(own), Some(other)) = (left, right) else {
        let goes_on = |line: Option<&TrailLine>| match line {
            Some(line) => format!("{}: {}", line.component, line.what),
            None => "the run is over".to_owned(),
        };
        return field("run", "end", [goes_on(left), goes_on(right)]);
    };
    let event = |line: &TrailLine| format!("{} at {:?}", line.what, line.at);
    if (own.at, &own.component, &own.what) != (other.at, &other.component, &other.what) {
        let earlier = if own.at <= other.at { own } else { other };
        return field(&earlier.component, "event", [event(own), event(other)]);
    }
    if own.faults != other.faults {
        let faults = [own, other].map(|line| match line.faults.is_empty() {
            true => "none".to_owned(),
            false => line.faults.join(", "),
        });
        return field(&own.component, "faults", faults);
    }
    let all = own.changed.keys().chain(other.changed.keys());
    let mut parted = all.filter(|name| own.changed.get(*name) != other.changed.get(*name));
    let hash = |line: &TrailLine, name: &str| {
        let hash = line.changed.get(name);
        hash.map_or_else(|| "unchanged".to_owned(), String::clone)
    };
    match parted.next() {
        Some(name) => field(name, "trace hash", [hash(own, name), hash(other, name)]),
        None => field("run", "trace hash", [own.hash.clone(), other.hash.clone()]),
    }
}

fn field(component: &str, field: &str, [left, right]: [String; 2]) -> DifferingField {
    DifferingField {
        component: component.to_owned(),
        field: field.to_owned(),
        left,
        right,
    }
}

/// Whether the event of one side comes on the other at another time.
fn notes(
    own: Option<&TrailLine>,
    other: Option<&TrailLine>,
    left: Lines,
    right: Lines,
) -> Result<Vec<String>, GivenError> {
    let (Some(own), Some(other)) = (own, other) else {
        return Ok(Vec::new());
    };
    let is_same_event =
        |one: &TrailLine, two: &TrailLine| one.component == two.component && one.what == two.what;
    if is_same_event(own, other) {
        let is_at_once = own.at == other.at;
        return Ok(if is_at_once {
            Vec::new()
        } else {
            vec![other_time(own, other)]
        });
    }
    for line in right.take(LOOKED_AHEAD) {
        let line = line?;
        if is_same_event(own, &line) {
            return Ok(vec![other_time(own, &line)]);
        }
    }
    for line in left.take(LOOKED_AHEAD) {
        let line = line?;
        if is_same_event(&line, other) {
            return Ok(vec![other_time(&line, other)]);
        }
    }
    Ok(Vec::new())
}

fn other_time(left: &TrailLine, right: &TrailLine) -> String {
    format!(
        "{}, {}: the same event at another time: {:?} on the left, {:?} on the right",
        left.component, left.what, left.at, right.at
    )
}

//! Where two runs of one experiment part.
//!
//! Two are stepped side by side and their components' hashes compared after each
//! event. Where that shows nothing, as when only processes differ, the events are
//! bisected: at an event the two worlds are equal or not, and once they are not
//! they stay so.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use stormglass_reports::record::Difference;
use stormglass_sim::walk::{self, LeafDifference};
use stormglass_sim::world::Place;

use super::{Processes, Subject, VerifyError};
use crate::experiment::{Bench, Experiment};
use crate::moment::Moment;
use crate::{panics, run};

/// Pairs that are stepped before it is believed that none parts here: what
/// differs only now and then may be alike once.
const PAIRS: u32 = 3;

/// Two experiments that ought to be equal.
struct Pair {
    left: Experiment,
    right: Experiment,
}

/// The first difference between two runs of a subject of so many events.
pub(super) fn find(
    subject: &Subject,
    processes: Option<&Processes>,
    events: u64,
) -> Result<Option<Difference>, VerifyError> {
    for _ in 0..PAIRS {
        if let Some(found) = step_side_by_side(subject) {
            return Ok(Some(found));
        }
    }
    let here = |event| {
        let left = run_to(subject, event);
        Ok(left.zip(run_to(subject, event)))
    };
    if let Some(found) = bisect(events, here)? {
        return Ok(Some(found));
    }
    let Some(processes) = processes else {
        return Ok(None);
    };
    bisect(events, |event| {
        let (left, right) = processes.pair_at(event)?;
        Ok(Some((left.experiment, right.experiment)))
    })
}

fn run_to(subject: &Subject, event: u64) -> Option<Experiment> {
    let pulse = std::sync::atomic::AtomicU64::new(0);
    let experiment = (subject.begin)();
    run::run_to(&subject.scenario, experiment, Moment::Event(event), &pulse)
}

/// Steps two experiments until a component's hash differs.
fn step_side_by_side(subject: &Subject) -> Option<Difference> {
    let mut pair = Pair {
        left: (subject.begin)(),
        right: (subject.begin)(),
    };
    let mut bench = Bench::default();
    let limits = &subject.scenario.limits;
    loop {
        let left = step(&mut pair.left, &mut bench);
        let right = step(&mut pair.right, &mut bench);
        if let Some(found) = pair.by_hash() {
            return Some(found);
        }
        if left != right {
            let (left, right) = (format!("{left:?}"), format!("{right:?}"));
            return Some(pair.difference("engine", leaf("step", &left, &right)));
        }
        let is_past = pair.left.world().totals().events > limits.events
            || pair.left.elapsed() > limits.sim_time;
        if left != Step::Taken || is_past {
            return None;
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Taken,
    Quiet,
    Panicked(Option<String>),
}

fn step(experiment: &mut Experiment, bench: &mut Bench) -> Step {
    let stepped = panics::quietly(|| catch_unwind(AssertUnwindSafe(|| experiment.step(bench))));
    match stepped {
        Ok(true) => Step::Taken,
        Ok(false) => Step::Quiet,
        Err(_) => Step::Panicked(panics::last()),
    }
}

/// The first event after which the pair is unequal, and how. `pair_at` makes the
/// pair after an event; none where a run ends before it.
fn bisect(
    events: u64,
    pair_at: impl Fn(u64) -> Result<Option<(Experiment, Experiment)>, VerifyError>,
) -> Result<Option<Difference>, VerifyError> {
    let unequal_at = |event| -> Result<Option<Difference>, VerifyError> {
        let pair = pair_at(event)?.map(|(left, right)| Pair { left, right });
        Ok(pair.and_then(|pair| pair.by_hash().or_else(|| pair.by_state())))
    };
    // A run that ends in a failure cannot be stopped after its last event.
    let mut unequal = events;
    let mut last = unequal_at(unequal)?;
    if last.is_none() {
        unequal = events.saturating_sub(1);
        last = unequal_at(unequal)?;
    }
    let Some(mut found) = last else {
        return Ok(None);
    };
    if let Some(found) = unequal_at(0)? {
        return Ok(Some(found));
    }
    let mut equal = 0;
    while unequal - equal > 1 {
        let middle = equal + (unequal - equal) / 2;
        match unequal_at(middle)? {
            Some(earlier) => (unequal, found) = (middle, earlier),
            None => equal = middle,
        }
    }
    Ok(Some(found))
}

impl Pair {
    fn difference(&self, component: &str, field: LeafDifference) -> Difference {
        let world = self.left.world();
        Difference {
            event: world.totals().events,
            at: Duration::from_nanos(world.now().as_nanos()),
            component: component.to_owned(),
            field: field.path,
            left: field.left,
            right: field.right,
        }
    }

    /// The first component to which something else happened: the field that this
    /// changed in it, or else the hash of all that happened to it.
    fn by_hash(&self) -> Option<Difference> {
        let (left, right) = (self.left.world(), self.right.world());
        let mut components = left.components();
        let differing =
            components.find(|one| left.component_hash(*one) != right.component_hash(*one));
        let hashes = |left: u64, right: u64| {
            leaf(
                "trace hash",
                &format!("{left:016x}"),
                &format!("{right:016x}"),
            )
        };
        let Some(component) = differing else {
            let (left, right) = (left.trace_hash(), right.trace_hash());
            return (left != right).then(|| self.difference("run", hashes(left, right)));
        };
        let field = match left.first_difference(right) {
            Some(found) if found.place == Place::Component(component) => found.field,
            _ => hashes(
                left.component_hash(component),
                right.component_hash(component),
            ),
        };
        Some(self.difference(&left.component_name(component), field))
    }

    /// The first part of the experiments whose state differs.
    fn by_state(&self) -> Option<Difference> {
        if self.left == self.right {
            return None;
        }
        let (left, right) = (self.left.world(), self.right.world());
        if let Some(found) = left.first_difference(right) {
            return Some(self.difference(&left.place_name(found.place), found.field));
        }
        let field = walk::difference(&self.left, &self.right);
        let field = field.unwrap_or_else(|| leaf("state", "", ""));
        let (part, path) = match field.path.split_once('.') {
            Some((part, path)) => (part.to_owned(), path.to_owned()),
            None => ("experiment".to_owned(), field.path.clone()),
        };
        Some(self.difference(&part, LeafDifference { path, ..field }))
    }
}

fn leaf(path: &str, left: &str, right: &str) -> LeafDifference {
    LeafDifference {
        path: path.to_owned(),
        left: left.to_owned(),
        right: right.to_owned(),
    }
}

//! Where two runs of one experiment part.
//!
//! Two are stepped side by side and their components' hashes compared after each
//! event. Where that shows nothing, as when only processes differ, the events are
//! bisected: at an event the two worlds are equal or not, and once they are not
//! they stay so.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use stormglass_reports::record::Difference;
use stormglass_sim::world::Component;

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
            return Some(pair.difference("engine", "outcome", &left, &right));
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
    fn difference(
        &self,
        component: &str,
        field: &str,
        left: &impl Debug,
        right: &impl Debug,
    ) -> Difference {
        let world = self.left.world();
        Difference {
            event: world.totals().events,
            at: Duration::from_nanos(world.now().as_nanos()),
            component: component.to_owned(),
            field: field.to_owned(),
            left: format!("{left:?}"),
            right: format!("{right:?}"),
        }
    }

    /// The first component whose hash differs.
    fn by_hash(&self) -> Option<Difference> {
        let (left, right) = (self.left.world(), self.right.world());
        let hash = |world: &stormglass_sim::world::World<_>, component| {
            format!("{:016x}", world.component_hash(component))
        };
        let differing = left
            .components()
            .find(|component| left.component_hash(*component) != right.component_hash(*component));
        match differing {
            Some(component) => {
                let name = left.component_name(component);
                let hashes = (hash(left, component), hash(right, component));
                let mut found = self.difference(&name, "trace hash", &"", &"");
                (found.left, found.right) = hashes;
                Some(found)
            }
            None if left.trace_hash() != right.trace_hash() => {
                let (left, right) = (left.trace_hash(), right.trace_hash());
                Some(self.difference("run", "trace hash", &left, &right))
            }
            None => None,
        }
    }

    /// The first part of the experiments whose state differs, though all that
    /// happened so far was alike.
    fn by_state(&self) -> Option<Difference> {
        if self.left == self.right {
            return None;
        }
        let (left, right) = (self.left.world(), self.right.world());
        for component in left.components() {
            let name = left.component_name(component);
            let found = match component {
                Component::Process(id) => {
                    self.first_line(&name, left.process(id), right.process(id))
                }
                Component::Device(id) => self.first_line(&name, left.drive(id), right.drive(id)),
                Component::Network(_) => None,
            };
            if found.is_some() {
                return found;
            }
        }
        let (left, right) = (&self.left, &self.right);
        self.first_line("networks", left.world().network(), right.world().network())
            .or_else(|| self.first_line("oracles", left.oracles(), right.oracles()))
            .or_else(|| self.first_line("measures", left.measures(), right.measures()))
            .or_else(|| self.first_line("counts", left.tally(), right.tally()))
            .or_else(|| self.first_line("findings", left.findings(), right.findings()))
            .or_else(|| self.first_line("weather", left.weather(), right.weather()))
            .or_else(|| self.first_line("experiment", left, right))
    }

    /// The first line in which two values differ when printed, as a field.
    fn first_line<T: Debug + PartialEq + ?Sized>(
        &self,
        component: &str,
        left: &T,
        right: &T,
    ) -> Option<Difference> {
        if left == right {
            return None;
        }
        let (left, right) = (format!("{left:#?}"), format!("{right:#?}"));
        let (mut lefts, mut rights) = (left.lines(), right.lines());
        let mut before: Vec<&str> = Vec::new();
        loop {
            let (one, other) = (lefts.next(), rights.next());
            if one.is_none() && other.is_none() {
                // What differs is not printed.
                return Some(self.difference(component, "state", &"", &""));
            }
            if one != other {
                let mut found =
                    self.difference(component, &field(&before, one.or(other)), &"", &"");
                found.left = one.unwrap_or("").trim().to_owned();
                found.right = other.unwrap_or("").trim().to_owned();
                return Some(found);
            }
            before.extend(one);
        }
    }
}

/// The path to a line of a printed value: the names on the lines around it.
fn field(before: &[&str], line: Option<&str>) -> String {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let name = |line: &str| {
        let (name, _) = line.trim().split_once(": ")?;
        Some(name.to_owned())
    };
    let Some(line) = line else {
        return "state".to_owned();
    };
    let mut path: Vec<String> = name(line).into_iter().collect();
    let mut within = depth(line);
    for line in before.iter().rev().filter(|line| !line.trim().is_empty()) {
        if depth(line) < within {
            within = depth(line);
            path.extend(name(line));
        }
    }
    path.reverse();
    if path.is_empty() {
        return "state".to_owned();
    }
    path.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_the_path_of_names_around_a_line() {
        #[derive(Debug)]
        struct Inner {
            epoch: u32,
        }
        #[derive(Debug)]
        struct Outer {
            name: &'static str,
            inner: Vec<Inner>,
        }
        let value = Outer {
            name: "east",
            inner: vec![Inner { epoch: 6 }, Inner { epoch: 7 }],
        };
        let (_, last) = (value.name, value.inner[1].epoch);
        let text = format!("{value:#?}");
        let lines: Vec<&str> = text.lines().collect();
        let at = lines
            .iter()
            .position(|l| l.contains(&last.to_string()))
            .unwrap();
        assert_eq!(field(&lines[..at], Some(lines[at])), "inner.epoch");
        assert_eq!(field(&[], None), "state");
    }
}

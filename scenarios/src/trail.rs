//! Trails: what a run does, a line for each event, with the rolling hashes that it leaves
//! behind. Two versions of the program cannot be stepped side by side; their trails can
//! be compared.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stormglass_reports::record::{SchemaVersion, TrailHead, TrailLine, to_json};
use stormglass_sim::occurrence::Occurrence;
use stormglass_sim::world::Component;

use crate::actor::Report;
use crate::experiment::{Bench, Experiment, Next};
use crate::fault_key;
use crate::file::Scenario;
use crate::{panics, run};

/// What is done from outside happens to it, if it changes no component.
const HARDWARE: &str = "hardware";

/// Makes lines of a run's steps.
pub(crate) struct Recorder {
    names: Vec<(Component, String)>,
    hashes: Vec<u64>,
    bench: Bench,
}

impl Recorder {
    pub(crate) fn new(experiment: &Experiment) -> Self {
        let world = experiment.world();
        let components: Vec<_> = world.components().collect();
        let hashes = components.iter().map(|it| world.component_hash(*it));
        Recorder {
            hashes: hashes.collect(),
            names: components
                .into_iter()
                .map(|it| (it, world.component_name(it)))
                .collect(),
            bench: Bench::default(),
        }
    }

    /// The line of the next step that changes the run's hash; none if none comes.
    pub(crate) fn next_line(&mut self, experiment: &mut Experiment) -> Option<TrailLine> {
        let stepped = panics::quietly(|| {
            catch_unwind(AssertUnwindSafe(|| {
                loop {
                    match self.step(experiment) {
                        (true, None) => {}
                        (_, line) => return line,
                    }
                }
            }))
        });
        stepped.ok().flatten()
    }

    /// Takes a step: whether there was one, and its line if it changed the run's hash.
    fn step(&mut self, experiment: &mut Experiment) -> (bool, Option<TrailLine>) {
        let next = experiment.next();
        let hash = experiment.world().trace_hash();
        if !experiment.step(&mut self.bench) {
            return (false, None);
        }
        let world = experiment.world();
        if world.trace_hash() == hash {
            return (true, None);
        }
        let mut changed = BTreeMap::new();
        let mut first = None;
        for ((component, name), old) in self.names.iter().zip(&mut self.hashes) {
            let new = world.component_hash(*component);
            if new != *old {
                *old = new;
                first.get_or_insert(name);
                changed.insert(name.clone(), format!("{new:016x}"));
            }
        }
        let (component, what) = match next {
            Some(Next::Event(event)) => (world.component_name(event.component), event.what),
            Some(Next::Fault(_)) | None => {
                let component = first.map_or(HARDWARE, String::as_str);
                (component.to_owned(), self.done_from_outside(experiment))
            }
        };
        let line = TrailLine {
            event: world.totals().events,
            at: Duration::from_nanos(experiment.elapsed().as_nanos()),
            component,
            what,
            faults: self.faults(experiment),
            changed,
            hash: format!("{:016x}", world.trace_hash()),
        };
        (true, Some(line))
    }

    fn faults(&self, experiment: &Experiment) -> Vec<String> {
        let faults = self.bench.log.iter().filter_map(|it| match it {
            Occurrence::Fault(happened) => Some(fault_key::key(happened, experiment.world())),
            _ => None,
        });
        faults.collect()
    }

    fn done_from_outside(&self, experiment: &Experiment) -> String {
        let named = |process| {
            let world = experiment.world();
            world.component_name(Component::Process(process))
        };
        let mut done = self
            .bench
            .log
            .iter()
            .filter_map(|it: &Occurrence<Report>| match it {
                Occurrence::Booted { process } => Some(format!("boot of {}", named(*process))),
                Occurrence::Stopped { process } => Some(format!("end of {}", named(*process))),
                Occurrence::Fault(happened) => Some(fault_key::key(happened, experiment.world())),
                _ => None,
            });
        done.next()
            .unwrap_or_else(|| "something is done to the hardware".to_owned())
    }
}

/// The lines of an experiment that runs on to its end.
pub struct Played<'a> {
    recorder: Recorder,
    experiment: Experiment,
    scenario: &'a Scenario,
    is_over: bool,
    /// Rises with every step.
    progress: &'a AtomicU64,
}

impl<'a> Played<'a> {
    /// An experiment, wherever it stands.
    pub fn new(scenario: &'a Scenario, experiment: Experiment, progress: &'a AtomicU64) -> Self {
        Played {
            recorder: Recorder::new(&experiment),
            experiment,
            scenario,
            is_over: false,
            progress,
        }
    }

    /// Its trail, with the head that says of what run it is.
    pub fn write(self, seed: u64, out: &mut dyn Write) -> io::Result<()> {
        let head = TrailHead {
            schema_version: SchemaVersion,
            format: TrailHead::FORMAT.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: self.scenario.name.clone(),
            seed,
        };
        writeln!(out, "{}", to_json(&head))?;
        for line in self {
            writeln!(out, "{}", to_json(&line))?;
        }
        Ok(())
    }
}

impl Iterator for Played<'_> {
    type Item = TrailLine;

    fn next(&mut self) -> Option<TrailLine> {
        while !self.is_over {
            let stepped = panics::quietly(|| {
                let step = || self.recorder.step(&mut self.experiment);
                catch_unwind(AssertUnwindSafe(step))
            });
            self.progress.fetch_add(1, Ordering::Relaxed);
            // A panic is the end of a trail, as it is of the run.
            let (is_taken, line) = stepped.unwrap_or((false, None));
            self.is_over = !is_taken || run::end(&self.experiment, self.scenario).is_some();
            if line.is_some() {
                return line;
            }
        }
        None
    }
}

/// Why a trail cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// The file cannot be read.
    #[error("the trail cannot be read")]
    Unreadable(#[source] io::Error),
    /// A line of it is none.
    #[error("line {line} of the trail makes no sense")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// Why.
        #[source]
        reason: serde_json::Error,
    },
}

/// A trail that is read line by line.
pub struct Trail<R> {
    /// Of what run it is.
    pub head: TrailHead,
    lines: io::Lines<R>,
    number: u64,
}

impl<R: BufRead> Trail<R> {
    /// Reads the head; none if this is no trail.
    pub fn open(from: R) -> Result<Option<Self>, TrailError> {
        let mut lines = from.lines();
        let Some(first) = lines.next().transpose().map_err(TrailError::Unreadable)? else {
            return Ok(None);
        };
        let head: Result<TrailHead, _> = serde_json::from_str(&first);
        match head {
            Ok(head) if head.format == TrailHead::FORMAT => Ok(Some(Trail {
                head,
                lines,
                number: 1,
            })),
            Ok(_) => Ok(None),
            Err(reason) if first.contains(TrailHead::FORMAT) => {
                Err(TrailError::Line { line: 1, reason })
            }
            Err(_) => Ok(None),
        }
    }
}

impl<R: BufRead> Iterator for Trail<R> {
    type Item = Result<TrailLine, TrailError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next()?;
        self.number += 1;
        let line = line.map_err(TrailError::Unreadable);
        Some(line.and_then(|line| {
            serde_json::from_str(&line).map_err(|reason| TrailError::Line {
                line: self.number,
                reason,
            })
        }))
    }
}

#[cfg(test)]
mod tests;

//! Records what a page of a run shows. Only whoever asks for a page pays for it, and
//! the run stays the same, for a recorder only looks on.

mod flight;
mod lanes;
mod states;
mod tail;
#[cfg(test)]
mod tests;
mod work;

use stormglass_reports::record::{
    Cited, MARKS_MAX, Mark, RunRecord, SchemaVersion, StoryRecord, TimelineKind,
};
use stormglass_sim::choose::{Departure, PacketFate};
use stormglass_sim::fault::Fault;
use stormglass_sim::network::Network;
use stormglass_sim::occurrence::{Happened, Occurrence};
use stormglass_sim::world::World;

use crate::actor::{Actor, Report};
use crate::experiment::{Bench, Experiment};
use crate::fault_key;
use crate::timeline;
use crate::witness::{How, Witness};

use flight::Flight;
use lanes::Lanes;
use states::States;
use tail::Tail;
use work::{Attempts, DeviceCommands};

/// Looks on while an experiment runs.
#[derive(Debug)]
pub struct Recorder {
    begin: u64,
    lanes: Lanes,
    states: States,
    flight: Flight,
    attempts: Attempts,
    device_commands: DeviceCommands,
    marks: Tail<Mark>,
    /// When each event happened, from the first one on.
    instants: Vec<u64>,
    first_event: u64,
    seen: Seen,
    /// The networks before the step under way, where leaving is no matter of course.
    before: Option<Network>,
}

/// What a witness saw in one step.
#[derive(Debug, Default)]
struct Seen {
    departures: Vec<(Departure, PacketFate)>,
    fault: Option<Fault>,
}

impl Witness for Seen {
    fn packet(&mut self, departure: &Departure, fate: &PacketFate) {
        self.departures.push((*departure, *fate));
    }
    fn fault(&mut self, fault: &Fault, _: &World<Actor>, _: How) {
        self.fault = Some(fault.clone());
    }
}

impl Recorder {
    /// A recorder of what an experiment does from now on.
    pub fn new(experiment: &Experiment) -> Self {
        let world = experiment.world();
        let mut lanes = Lanes::new(world, experiment.map());
        let mut states = States::new(world);
        let mut flight = Flight::new(world);
        states.look(world, &mut lanes);
        flight.look(world);
        Recorder {
            begin: world.now().as_nanos(),
            lanes,
            states,
            flight,
            attempts: Attempts::new(),
            device_commands: DeviceCommands::new(),
            marks: Tail::new(MARKS_MAX),
            instants: Vec::new(),
            first_event: world.totals().events,
            seen: Seen::default(),
            before: None,
        }
    }

    /// Lets the experiment take a step and records it.
    pub fn step(&mut self, experiment: &mut Experiment, bench: &mut Bench) -> bool {
        self.seen.departures.clear();
        self.seen.fault = None;
        let network = experiment.world().network();
        self.before = network.holds_up().then(|| network.clone());
        let goes_on = experiment.step_before(bench, &mut self.seen);
        if goes_on {
            self.record(experiment.world(), bench);
        }
        goes_on
    }

    fn record(&mut self, world: &World<Actor>, bench: &Bench) {
        let now = world.now();
        let event = world.totals().events;
        if event > self.first_event + self.instants.len() as u64 {
            self.instants.push(now.as_nanos());
        }
        self.flight.arrive_before(now);
        self.record_departures(world);
        let is_boot = |it: &Occurrence<Report>| {
            matches!(
                it,
                Occurrence::Booted { .. } | Occurrence::Stopped { .. } | Occurrence::Fault(_)
            )
        };
        if let Some(fault) = &self.seen.fault {
            self.states.fault(fault);
        }
        for occurrence in &bench.log {
            self.observe(occurrence, world);
        }
        if self.seen.fault.is_some() || bench.log.iter().any(is_boot) {
            self.states.look(world, &mut self.lanes);
            self.flight.look(world);
        }
    }

    fn record_departures(&mut self, world: &World<Actor>) {
        let mut now = None;
        let network = match &mut self.before {
            Some(before) => before,
            // Nothing waits anywhere, so asking changes nothing.
            None if self.seen.departures.is_empty() => return,
            None => now.insert(world.network().clone()),
        };
        if let Some(Fault::Release(path)) = &self.seen.fault {
            self.flight.release(path, world.now(), network, world);
        }
        for departure in &self.seen.departures {
            self.flight
                .depart(departure, network, (world, &mut self.lanes));
        }
    }

    fn observe(&mut self, occurrence: &Occurrence<Report>, world: &World<Actor>) {
        let at = world.now().as_nanos();
        match occurrence {
            Occurrence::Event {
                process,
                event: Report::Node(event),
            } => self.states.observe(*process, event, (world, &self.lanes)),
            Occurrence::Event {
                process,
                event: Report::Client(event),
            } => {
                let lane = Lanes::process(*process, world);
                self.attempts.observe(lane, at, event);
            }
            Occurrence::Submitted { device, number } => self
                .device_commands
                .submitted((*device, *number), (world, &self.lanes)),
            Occurrence::Executed {
                device,
                number,
                succeeded,
                ..
            } => {
                let command = (*device, *number);
                self.device_commands.executed(command, *succeeded, world);
            }
            Occurrence::Settled { device } => self.device_commands.settled(*device, world),
            Occurrence::Stopped { process } => self.states.stopped(*process, world),
            Occurrence::Fault(Happened::Partitioned(name)) => {
                self.flight.cut_off(name, world.now());
            }
            Occurrence::Fault(_) | Occurrence::Probe { .. } | Occurrence::Booted { .. } => {}
        }
        self.mark(occurrence, world);
    }

    fn mark(&mut self, occurrence: &Occurrence<Report>, world: &World<Actor>) {
        let (lane, kind, text) = match occurrence {
            Occurrence::Probe { process, name } => {
                let lane = Lanes::process(*process, world);
                (Some(lane), TimelineKind::Probe, (*name).to_owned())
            }
            _ => match timeline::entry(occurrence, world) {
                // Their attempts say it.
                Some(entry) if entry.kind == TimelineKind::Client => return,
                Some(entry) => (self.lanes.find(&entry.lane), entry.kind, entry.text),
                None => return,
            },
        };
        let key = match occurrence {
            Occurrence::Fault(happened) => fault_key::key(happened, world),
            _ => String::new(),
        };
        let mark = Mark {
            at: world.now().as_nanos(),
            event: world.totals().events,
            lane: lane.or_else(|| self.lane_of_fault(world)),
            kind,
            text,
            key,
        };
        self.marks.push(mark, |it| it.at);
    }

    /// The link that the fault of this step is about.
    fn lane_of_fault(&mut self, world: &World<Actor>) -> Option<u32> {
        match &self.seen.fault {
            Some(Fault::Cut(path) | Fault::CutKind(path, _)) => {
                Some(self.lanes.path(path, world).0)
            }
            _ => None,
        }
    }

    /// The story, of a run that came to this.
    pub fn finish(self, experiment: &Experiment, run: RunRecord) -> StoryRecord {
        let now = experiment.world().now();
        let end = now.as_nanos();
        let cited = cited(&run, self.first_event, &self.instants);
        let (messages, message_kinds) = self.flight.finish(now);
        let (mut messages, fewer_messages) = messages.finish("messages");
        let (mut spans, fewer_spans) = self.states.finish(end).finish("states");
        let (mut marks, fewer_marks) = self.marks.finish("marks");
        let (attempts, fewer_attempts) = self.attempts.finish().finish("client commands");
        let (device_commands, fewer_commands) =
            self.device_commands.finish().finish("device commands");
        let (lanes, places) = self.lanes.finish();
        let place = |lane: u32| places[lane as usize];
        for message in &mut messages {
            message.link = place(message.link);
        }
        for span in &mut spans {
            span.lane = place(span.lane);
        }
        for mark in &mut marks {
            mark.lane = mark.lane.map(place);
        }
        let left_out = [
            fewer_messages,
            fewer_spans,
            fewer_marks,
            fewer_attempts,
            fewer_commands,
        ];
        StoryRecord {
            schema_version: SchemaVersion,
            run,
            begin: self.begin,
            end,
            lanes,
            spans,
            marks,
            messages,
            message_kinds,
            attempts,
            device_commands,
            cited,
            left_out: left_out.into_iter().flatten().collect(),
        }
    }
}

/// When the events happened that a run's findings cite. The event before the first
/// recorded one, and any after the last, have no instant.
fn cited(run: &RunRecord, first_event: u64, instants: &[u64]) -> Vec<Cited> {
    let mut events: Vec<u64> = run
        .findings
        .iter()
        .flat_map(|it| it.events.clone())
        .collect();
    events.sort_unstable();
    events.dedup();
    let instant = |event: u64| {
        let place = event.checked_sub(first_event + 1)?;
        let at = *instants.get(usize::try_from(place).ok()?)?;
        Some(Cited { event, at })
    };
    events.into_iter().filter_map(instant).collect()
}

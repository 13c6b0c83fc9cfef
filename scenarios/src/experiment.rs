//! The experiment: a world with everything that watches it and everything that is
//! still to befall it. The unit that is forked, checkpointed and compared.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::collections::Table;
use stormglass_engine::event::{Event, IgnoreReason};
use stormglass_engine::time::Duration;
use stormglass_sim::fault::Fault;
use stormglass_sim::occurrence::Occurrence;
use stormglass_sim::random::Seed;
use stormglass_sim::time::WorldTime;
use stormglass_sim::walk::{self, LeafDifference};
use stormglass_sim::world::{Upcoming, Workbench, World};

use crate::actor::{Actor, Report};
use crate::cluster::{self, Map};
use crate::fate::Fate;
use crate::fault_kinds;
use crate::file::{Action, NodeName, PairIndex, ReturnKind, Scenario};
use crate::measure::Measures;
use crate::oracle::images::When;
use crate::oracle::o16_liveness::Bounds;
use crate::oracle::{Consulted, Finding, Oracles, moment};
use crate::repro::tape::Tape;
use crate::repro::{self, Cue, Repro, Script};
use crate::schedule::Schedule;
use crate::transitions::Transitions;
use crate::weather::Weather;
use crate::witness::{How, Nobody, Witness, Witnessed};
use crate::workload::{ClientEvent, StatusSummary};

/// How clients' commands ended so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commands {
    /// Ids given out.
    pub issued: u64,
    /// Succeeded.
    pub success: u64,
    /// Compares that failed.
    pub mismatch: u64,
    /// Definite failures.
    pub refused: u64,
    /// Attempts without a verdict.
    pub unknown: u64,
    /// Cancelled.
    pub cancelled: u64,
}

/// What happened so far, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Faults by kind.
    pub faults: Table<Arc<str>, u64>,
    /// Probes by name.
    pub probes: Table<Arc<str>, u64>,
    /// Commands by outcome.
    pub commands: Commands,
}

/// A world, its watchers and its fate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experiment {
    world: World<Actor>,
    map: Arc<Map>,
    fate: Fate,
    schedule: Schedule,
    oracles: Oracles,
    measures: Measures,
    transitions: Transitions,
    tally: Tally,
    findings: Vec<Finding>,
    start: WorldTime,
    /// When something other than a heartbeat happened to each volume last.
    news_at: Vec<WorldTime>,
    /// For how long nothing else may happen to one before the experiment counts as over.
    rest: Duration,
}

/// An experiment without its world.
#[derive(Serialize)]
struct Surroundings<'a> {
    weather: Option<&'a Weather>,
    script: Option<&'a Script>,
    schedule: &'a Schedule,
    oracles: &'a Oracles,
    measures: &'a Measures,
    transitions: &'a Transitions,
    tally: &'a Tally,
    findings: &'a [Finding],
    start: WorldTime,
    news_at: &'a [WorldTime],
    rest: Duration,
}

/// What an experiment does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Something is done to the hardware.
    Fault(WorldTime),
    /// An event of the world.
    Event(Upcoming),
}

/// Buffers that steps reuse.
pub type Bench = Workbench<Actor>;

impl Experiment {
    /// The experiment of a scenario and a seed, before anything has booted.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        Experiment::starting_at(scenario, seed, WorldTime::ZERO)
    }

    /// The same at another beginning of time; nothing but instants differs.
    pub fn starting_at(scenario: &Scenario, seed: u64, start: WorldTime) -> Self {
        let weather = Weather::new(scenario, Seed(seed), start);
        let loses = loses_content(scenario);
        Experiment::with_fate(scenario, seed, start, (Fate::Weather(weather), loses, &[]))
    }

    /// The experiment of a repro.
    pub fn of_repro(repro: &Repro, cue: Cue) -> Self {
        let start = WorldTime::ZERO;
        let script = Fate::Script(repro.script(cue, start));
        let loses = repro.loses_content();
        let more = (script, loses, &repro.absent[..]);
        Experiment::with_fate(&repro.scenario, repro.seed, start, more)
    }

    /// An experiment with a fate, whether that may take content from a device, and nodes
    /// that never boot.
    fn with_fate(
        scenario: &Scenario,
        seed: u64,
        start: WorldTime,
        (fate, loses, absent): (Fate, bool, &[NodeName]),
    ) -> Self {
        let (world, map) = cluster::build(scenario, Seed(seed), start);
        let bounds = Bounds::of(scenario);
        let until = fate.until();
        let volumes = map.pairs().count();
        let owed = (bounds, |volume| fate.sync(volume, &map));
        Experiment {
            oracles: Oracles::new(&world, &map, owed, loses),
            fate,
            schedule: Schedule::new(scenario, (&world, &map), start, absent),
            measures: Measures::new(until, volumes),
            transitions: Transitions::default(),
            tally: Tally::default(),
            findings: Vec::new(),
            world,
            map: Arc::new(map),
            start,
            news_at: vec![start; volumes],
            rest: rest(scenario),
        }
    }

    /// The world.
    pub fn world(&self) -> &World<Actor> {
        &self.world
    }
    /// Who is where.
    pub fn map(&self) -> &Map {
        &self.map
    }
    /// What happened so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
    /// What the oracles found.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
    /// The oracles.
    pub fn oracles(&self) -> &Oracles {
        &self.oracles
    }
    /// The measures so far.
    pub fn measures(&self) -> &Measures {
        &self.measures
    }
    /// Which states the D-modules went through.
    pub fn transitions(&self) -> &Transitions {
        &self.transitions
    }
    /// The weather of this seed; a repro has none.
    pub fn weather(&self) -> Option<&Weather> {
        self.fate.weather()
    }
    /// Who decides what befalls it.
    pub fn fate(&self) -> &Fate {
        &self.fate
    }
    /// The script, if a repro decides.
    pub fn script_mut(&mut self) -> Option<&mut Script> {
        self.fate.script_mut()
    }
    /// A tape for this experiment, which has not begun.
    pub fn tape(&self) -> Tape {
        Tape::new(&self.world, self.schedule.boots())
    }
    /// Scheduled faults whose event has not come.
    pub fn untriggered(&self) -> usize {
        self.schedule.untriggered()
    }
    /// World time at the beginning.
    pub fn start(&self) -> WorldTime {
        self.start
    }
    /// Simulated time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.world.now().since(self.start)
    }
    /// When the next thing happens.
    pub fn next_at(&self) -> Option<WorldTime> {
        let fault = self.next_fault().map(|(at, _)| at);
        fault.into_iter().chain(self.world.next_event()).min()
    }

    /// When the next fault is due, and how many events of that instant come before.
    fn next_fault(&self) -> Option<(WorldTime, u64)> {
        let scheduled = self.schedule.next_at().map(|at| (at, 0));
        [scheduled, self.fate.next_at()].into_iter().flatten().min()
    }

    /// True if a fault comes before the world's next event.
    fn comes_first(&self, (at, late): (WorldTime, u64)) -> bool {
        let happened = match at == self.world.now() {
            true => self.world.events_at_this_instant(),
            false => 0,
        };
        let event = self.world.next_event();
        event.is_none_or(|event| at < event || (at == event && late <= happened))
    }

    /// What happens next: a fault before an event of its instant. An experiment at rest
    /// may have something left that does not count.
    pub fn next(&self) -> Option<Next> {
        match self.next_fault() {
            Some(fault) if self.comes_first(fault) => Some(Next::Fault(fault.0)),
            Some(_) | None => self.world.upcoming().map(Next::Event),
        }
    }

    /// Fields in which what is around the world differs, `most` at most.
    pub fn surrounding_differences(&self, other: &Experiment, most: usize) -> Vec<LeafDifference> {
        walk::differences(&self.surroundings(), &other.surroundings(), most)
    }

    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            weather: self.fate.weather(),
            script: self.fate.script(),
            schedule: &self.schedule,
            oracles: &self.oracles,
            measures: &self.measures,
            transitions: &self.transitions,
            tally: &self.tally,
            findings: &self.findings,
            start: self.start,
            news_at: &self.news_at,
            rest: self.rest,
        }
    }

    /// Makes the oracles reckon with the loss of content: what takes it may be added later.
    /// They have to from the beginning; false if that has passed.
    pub fn expect_loss(&mut self) -> bool {
        if self.world.totals().events == 0 {
            self.oracles.expect_loss();
        }
        self.oracles.is_charting()
    }

    /// Adds a fault to those that are to come. Its instant counts from the beginning.
    pub fn add_fault(&mut self, fault: &crate::file::Fault) {
        let (world, map) = (&self.world, &self.map);
        self.schedule.add(fault, world, map, self.start);
    }

    /// Goes on under the weather of another scenario, as far as that differs from the
    /// weather of the scenario that it has had. What a script does not list meets it too.
    pub fn change_weather(&mut self, from: &Scenario, to: &Scenario, seed: u64) {
        let (seed, start) = (Seed(seed), self.start);
        match &mut self.fate {
            Fate::Weather(weather) => weather.change((&from.weather, &to.weather), seed, start),
            Fate::Script(script) => script.change_weather((from, to), seed),
        }
        self.measures.set_calm(self.fate.until());
    }

    /// A hash of what the experiment will do: equal for two that behave alike from
    /// now on, whatever came before. Instants count from now.
    pub fn behavioural_hash(&self) -> u128 {
        let mut digest = walk::Digest::default();
        self.world.add_behaviour(&mut digest);
        let base = self.world.base();
        digest.add(&self.fate, base);
        digest.add(&self.schedule, base);
        digest.add(&self.oracles, base);
        digest.finish()
    }

    /// True once every client has got every command to an end.
    pub fn clients_are_done(&self) -> bool {
        self.map.clients.iter().all(|id| {
            let client = self
                .world
                .process(*id)
                .module
                .as_ref()
                .and_then(Actor::as_client);
            client.is_some_and(crate::workload::Client::is_done)
        })
    }

    /// Takes the next event or scheduled fault; false if nothing but heartbeats is
    /// left. What happened stands in the workbench's log.
    pub fn step(&mut self, bench: &mut Bench) -> bool {
        self.step_before(bench, &mut Nobody)
    }

    /// The same before a witness.
    pub fn step_before(&mut self, bench: &mut Bench, witness: &mut impl Witness) -> bool {
        if self.is_at_rest() {
            bench.log.clear();
            return false;
        }
        match self.next_fault() {
            Some(fault) if self.comes_first(fault) => {
                self.world.advance(fault.0);
                self.apply_due(fault.0, bench, witness);
            }
            None if self.world.next_event().is_none() => return false,
            Some(_) | None => {
                let fate = &mut self.fate;
                self.world.step(&mut Witnessed { fate, witness }, bench);
            }
        }
        if !self.oracles.is_calm() && self.is_calm() {
            let at = self.world.now();
            self.oracles.begin_calm(at, &self.world, &self.map);
        }
        let log = std::mem::take(&mut bench.log);
        for (place, occurrence) in log.iter().enumerate() {
            self.observe(place, occurrence);
        }
        witness.occurrences(&log, &self.world);
        bench.log = log;
        true
    }

    /// Does what schedule or weather have for this instant; the schedule comes first.
    fn apply_due(&mut self, at: WorldTime, bench: &mut Bench, witness: &mut impl Witness) {
        bench.log.clear();
        let of_schedule = self.schedule.next_at() == Some(at);
        let is_mending = !of_schedule && self.fate.is_mending();
        let is_scheduled = of_schedule || self.fate.next_is_scheduled();
        let due = match of_schedule {
            true => self.schedule.take(&self.world),
            false => self.fate.take(&self.world, &self.map),
        };
        let Some(fault) = due else { return };
        if matches!(fault, Fault::Crash(_) | Fault::DevicePowerLoss(_)) {
            self.fate.begin_power_loss();
        }
        // What calm mends it reads off the world, in every run anew.
        let how = How {
            is_scheduled,
            is_mending,
            loss: self.fate.power().loss(),
        };
        witness.fault(&fault, &self.world, how);
        let fate = &mut self.fate;
        self.world
            .apply(&fault, &mut Witnessed { fate, witness }, bench);
    }

    /// Ends of hindrances that are still to come, with their instants and whether the
    /// scenario asked for them.
    pub(crate) fn ends_to_come(&self) -> Vec<(WorldTime, Fault, bool)> {
        let planned = |is_scheduled| {
            move |(at, fault): (WorldTime, &Fault)| (at, fault.clone(), is_scheduled)
        };
        let scheduled = self.schedule.agenda().iter().map(planned(true));
        let mut ends: Vec<_> = scheduled.collect();
        match &self.fate {
            Fate::Weather(weather) => ends.extend(weather.agenda().iter().map(planned(false))),
            Fate::Script(script) => {
                let own = script.ends_to_come();
                ends.extend(own.map(|(at, it)| (at, it.fault.clone(), it.is_scheduled)));
            }
        }
        ends.retain(|(_, fault, _)| repro::ends(fault));
        ends.sort_by_key(|(at, ..)| *at);
        ends
    }

    /// Judges what can only be judged at rest.
    pub fn finish(&mut self) -> Consulted {
        let at = self.world.now();
        let event = moment(self.world.totals().events + 1, 0);
        let when = When { at, event };
        self.oracles
            .finish(when, &self.world, &self.map, &mut self.findings)
    }

    /// True once no fault is left to happen but those of messages that are on their way.
    fn is_calm(&self) -> bool {
        self.fate.is_calm(self.world.now()) && self.schedule.is_over()
    }

    /// True if every client is done, no fault is left to happen, and for long no module
    /// has reported anything: heartbeats go on for ever. An owner without a mirror that
    /// could come back looks for it for ever: its volume is at rest once all that calm owes
    /// is due.
    fn is_at_rest(&self) -> bool {
        let now = self.world.now();
        let is_over = |(volume, news_at): (PairIndex, &WorldTime)| {
            now.since(*news_at) > self.rest || self.oracles.is_past_calm(volume, now)
        };
        self.map.pairs().zip(&self.news_at).all(is_over)
            && self.next_fault().is_none()
            && self.clients_are_done()
    }

    /// Something other than a heartbeat happened, to one volume or to whatever it may be.
    /// A path's questions are heartbeats too.
    fn note_news(&mut self, occurrence: &Occurrence<Report>, at: WorldTime) {
        match occurrence {
            Occurrence::Event {
                event: Report::Node(Event::Ignored(IgnoreReason::NoPath)),
                ..
            } => {}
            Occurrence::Event { process, .. } | Occurrence::Probe { process, .. } => {
                self.news_at[self.map.volume_of(*process).place()] = at;
            }
            Occurrence::Fault(_) => self.news_at.fill(at),
            Occurrence::Submitted { .. }
            | Occurrence::Executed { .. }
            | Occurrence::Settled { .. }
            | Occurrence::Booted { .. }
            | Occurrence::Stopped { .. } => {}
        }
    }

    fn observe(&mut self, place: usize, occurrence: &Occurrence<Report>) {
        let at = self.world.now();
        let event = moment(self.world.totals().events, place);
        self.note_news(occurrence, at);
        self.schedule.observe(occurrence, &self.world);
        match occurrence {
            Occurrence::Event {
                process,
                event: Report::Node(event),
            } => {
                let volume = self.map.volume_of(*process);
                self.measures.observe_node(at, (volume, *process), event);
                self.transitions.observe(*process, event);
                if let Event::HeldBack(_, shortage) = event {
                    count(&mut self.tally.faults, fault_kinds::shortage(*shortage));
                }
            }
            Occurrence::Event {
                process,
                event: Report::Client(event),
            } => {
                let volume = self.map.volume_of(*process);
                self.measures.observe_client(at, volume, event);
                self.tally.commands.observe(event);
            }
            Occurrence::Probe { name, .. } => count(&mut self.tally.probes, name),
            Occurrence::Fault(happened) => count(&mut self.tally.faults, happened.kind()),
            Occurrence::Submitted { .. }
            | Occurrence::Executed { .. }
            | Occurrence::Settled { .. }
            | Occurrence::Booted { .. } => {}
            Occurrence::Stopped { .. } => self.measures.observe_stop(at),
        }
        let seen = (&self.world, &*self.map);
        self.oracles
            .observe(When { at, event }, occurrence, seen, &mut self.findings);
    }
}

impl Commands {
    fn observe(&mut self, event: &ClientEvent) {
        match event {
            ClientEvent::Invoked { .. } => self.issued += 1,
            ClientEvent::AttemptEnded { status, .. } => match status {
                StatusSummary::Success => self.success += 1,
                StatusSummary::Mismatch => self.mismatch += 1,
                StatusSummary::Refused(_) => self.refused += 1,
                StatusSummary::Cancelled => self.cancelled += 1,
                StatusSummary::Unknown(_) => self.unknown += 1,
            },
            ClientEvent::Retried { .. }
            | ClientEvent::ReadReturned { .. }
            | ClientEvent::AnsweredAgain { .. }
            | ClientEvent::Ignored(_) => {}
        }
    }
}

fn count(counts: &mut Table<Arc<str>, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => {
            counts.insert(name.into(), 1);
        }
    }
}

/// Whether anything may take content from a device.
pub fn loses_content(scenario: &Scenario) -> bool {
    let damages = |action: &Action| {
        let returns = match action {
            Action::Damage { .. }
            | Action::DamageRecord { .. }
            | Action::StalePages { .. }
            | Action::Swap { .. } => return true,
            Action::DeviceGone { returns, .. } => *returns,
            _ => return false,
        };
        returns != ReturnKind::Intact
    };
    scenario.weather.damages() || scenario.faults.iter().any(|fault| damages(&fault.action))
}

/// How long nothing but heartbeats may happen before an experiment counts as over: longer
/// than everything that the engine waits for in silence. That a path is lost later than
/// that leads to nothing.
fn rest(scenario: &Scenario) -> Duration {
    let timers = &scenario.settings.timers;
    let asked = match scenario.topology.interconnect {
        true => timers.ask_limit,
        false => Duration::ZERO,
    };
    let waits = [
        timers.takeover_after.plus(asked).plus(timers.ha_lease),
        timers.path_timeout.plus(timers.loss_after),
        timers.resync_pause,
        timers.idle_destage,
        timers.lease,
        timers.drain_limit.plus(timers.takeover_after),
        timers
            .giveback_after
            .unwrap_or_default()
            .plus(timers.takeover_after),
    ];
    let longest = waits.into_iter().max().unwrap_or_default();
    longest.plus(Duration::from_secs(1))
}

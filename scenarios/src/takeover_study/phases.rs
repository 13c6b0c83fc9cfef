//! The phases of a takeover or a boot, cut out of what a D-module reports.
//!
//! Each phase ends with a report. What is not on the way of a run takes no time, and what
//! ends while something before it goes on takes none either: spans add up to the whole.

use stormglass_engine::event::{Event, Phase};
use stormglass_engine::time::Duration;
use stormglass_reports::record::PhaseSpan;
use stormglass_sim::occurrence::Occurrence;
use stormglass_sim::world::ProcessId;

use super::Subject;
use crate::actor::Report;
use crate::cluster;
use crate::experiment::Experiment;
use crate::file::{Cluster, ModuleName, NodeName};

/// Names of the phases, in their order.
const TAKEOVER: [&str; 7] = [
    "fence",
    "replay",
    "session",
    "search",
    "contact",
    "lease",
    "first write",
];
const BOOT: [&str; 8] = [
    "metadata",
    "fence",
    "replay",
    "session",
    "search",
    "contact",
    "serving",
    "first write",
];
/// Not a part of the whole: how long a failure stays unseen.
const DETECTION: &str = "detection";

/// Looks on at a run.
pub(super) struct Watch {
    subject: Subject,
    /// The D-module that takes the set.
    heir: ProcessId,
    /// The one that had it.
    former: ProcessId,
    failed_at: Option<Duration>,
    begun_at: Option<Duration>,
    /// When each phase ended.
    ends: Vec<Option<Duration>>,
}

impl Watch {
    pub(super) fn new(subject: Subject, experiment: &Experiment) -> Self {
        let d_module = |number| {
            let cluster = Cluster::East;
            let machine = experiment.map().node(NodeName { cluster, number });
            let slot = cluster::slot(ModuleName::D);
            let processes = &experiment.world().machine(machine).processes;
            processes[usize::from(slot.0)]
        };
        let (heir, phases) = match subject {
            Subject::Takeover => (d_module(2), TAKEOVER.len()),
            Subject::Boot => (d_module(1), BOOT.len()),
        };
        Watch {
            subject,
            heir,
            former: d_module(1),
            failed_at: None,
            begun_at: None,
            ends: vec![None; phases],
        }
    }

    pub(super) fn observe(&mut self, at: Duration, occurrence: &Occurrence<Report>) {
        match occurrence {
            Occurrence::Stopped { process } if *process == self.former => {
                self.failed_at.get_or_insert(at);
            }
            Occurrence::Booted { process }
                if self.subject == Subject::Boot
                    && *process == self.heir
                    && self.failed_at.is_some() =>
            {
                self.begun_at.get_or_insert(at);
            }
            Occurrence::Event {
                process,
                event: Report::Node(event),
            } if *process == self.heir && self.failed_at.is_some() => self.hear(at, event),
            _ => {}
        }
    }

    fn hear(&mut self, at: Duration, event: &Event) {
        if self.subject == Subject::Takeover && matches!(event, Event::PartnerSilent(_)) {
            self.begun_at.get_or_insert(at);
        }
        if self.begun_at.is_none() {
            return;
        }
        let phase = match event {
            Event::Phase(Phase::Standby) => "metadata",
            Event::Fenced(_) => "fence",
            Event::Recovered { .. } => "replay",
            Event::SessionOpened(_) => "session",
            Event::PeerFound { .. } if self.end_of("contact").is_none() => {
                // The last one before a peer answers.
                if let Some(place) = self.place("search") {
                    self.ends[place] = Some(at);
                }
                return;
            }
            Event::SessionConfirmed(_) => "contact",
            Event::LeaseWaitedOut => "lease",
            Event::Phase(Phase::Serving) => "serving",
            Event::Accepted { .. } if self.subject == Subject::Takeover => "first write",
            Event::ReplicaAcked(_) if self.subject == Subject::Boot => "first write",
            _ => return,
        };
        if let Some(place) = self.place(phase) {
            self.ends[place].get_or_insert(at);
        }
    }

    fn names(&self) -> &'static [&'static str] {
        match self.subject {
            Subject::Takeover => &TAKEOVER,
            Subject::Boot => &BOOT,
        }
    }

    fn place(&self, phase: &str) -> Option<usize> {
        self.names().iter().position(|name| *name == phase)
    }

    fn end_of(&self, phase: &str) -> Option<Duration> {
        self.ends[self.place(phase)?]
    }

    /// The first thing that is still to come.
    pub(super) fn awaited(&self) -> &'static str {
        if self.begun_at.is_none() {
            return "the beginning";
        }
        let open = self.ends.iter().rposition(Option::is_some);
        self.names()[open.map_or(0, |last| last + 1).min(self.names().len() - 1)]
    }

    /// The spans, once the last phase has ended.
    pub(super) fn spans(&self) -> Option<Vec<PhaseSpan>> {
        let (failed_at, begun_at) = (self.failed_at?, self.begun_at?);
        self.ends.last().copied().flatten()?;
        let span = |name: &str, from: Duration, to: Duration| PhaseSpan {
            name: name.to_owned(),
            nanos: to.as_nanos() - from.as_nanos(),
            is_part: name != DETECTION,
        };
        let mut spans = vec![span(DETECTION, failed_at, begun_at)];
        let mut before = begun_at;
        for (name, end) in self.names().iter().zip(&self.ends) {
            let end = end.unwrap_or(before).max(before);
            spans.push(span(name, before, end));
            before = end;
        }
        Some(spans)
    }
}

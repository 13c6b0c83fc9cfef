//! Looks on at a run, for the phases of its one takeover or boot.

use stormglass_engine::event::Event;
use stormglass_engine::time::Duration;
use stormglass_reports::record::PhaseSpan;
use stormglass_sim::occurrence::Occurrence;
use stormglass_sim::world::ProcessId;

use crate::actor::Report;
use crate::cluster;
use crate::experiment::Experiment;
use crate::file::{Cluster, ModuleName, NodeName};
use crate::phases::{Phases, Subject};

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
    phases: Option<Phases>,
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
        let heir = match subject {
            Subject::Takeover => d_module(2),
            Subject::Boot => d_module(1),
        };
        Watch {
            subject,
            heir,
            former: d_module(1),
            failed_at: None,
            phases: None,
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
                self.begin(at);
            }
            Occurrence::Event {
                process,
                event: Report::Node(event),
            } if *process == self.heir && self.failed_at.is_some() => {
                if self.subject == Subject::Takeover && matches!(event, Event::PartnerSilent(_)) {
                    self.begin(at);
                }
                if let Some(phases) = &mut self.phases {
                    phases.hear(at, event);
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, at: Duration) {
        self.phases
            .get_or_insert_with(|| Phases::begin(self.subject, at));
    }

    /// The first thing that is still to come.
    pub(super) fn awaited(&self) -> &'static str {
        self.phases
            .as_ref()
            .map_or("the beginning", Phases::awaited)
    }

    /// The spans, once the last phase has ended.
    pub(super) fn spans(&self) -> Option<Vec<PhaseSpan>> {
        let phases = self.phases.as_ref().filter(|phases| phases.is_over())?;
        let failed_at = self.failed_at?;
        let span = |name: &str, span: Duration| PhaseSpan {
            name: name.to_owned(),
            nanos: span.as_nanos(),
            is_part: name != DETECTION,
        };
        let unseen = phases.begun_at().as_nanos() - failed_at.as_nanos();
        let detection = span(DETECTION, Duration::from_nanos(unseen));
        let parts = phases.spans().map(|(name, of)| span(name, of));
        Some([detection].into_iter().chain(parts).collect())
    }
}

//! The phases of a run's first takeover that was carried through.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::event::Event;
use stormglass_engine::time::Duration;
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::ProcessId;

use crate::phases::{Phases, Subject};

/// What a takeover comes to: the whole from detection on, how long the failure went unseen,
/// and each phase.
pub(super) const NAMES: [&str; 9] = [
    "takeover_ms",
    "takeover_detection_ms",
    "takeover_fence_ms",
    "takeover_replay_ms",
    "takeover_session_ms",
    "takeover_search_ms",
    "takeover_contact_ms",
    "takeover_lease_ms",
    "takeover_first_write_ms",
];

/// Takeovers so far. A run without any keeps two words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Takeovers {
    /// When a module was last stopped: what a takeover is likely to answer.
    stopped_at: Option<WorldTime>,
    /// The first that was carried through, or else the latest that was begun.
    first: Option<Arc<Takeover>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Takeover {
    heir: ProcessId,
    unseen: Option<Duration>,
    phases: Phases,
}

fn elapsed(at: WorldTime) -> Duration {
    at.since(WorldTime::from_nanos(0))
}

impl Takeovers {
    /// A module has stopped.
    pub(super) fn stopped(&mut self, at: WorldTime) {
        self.stopped_at = Some(at);
    }

    /// A node's report.
    pub(super) fn observe(&mut self, at: WorldTime, process: ProcessId, event: &Event) {
        let is_over = |it: &Arc<Takeover>| it.phases.is_over();
        if self.first.as_ref().is_some_and(is_over) {
            return;
        }
        if matches!(event, Event::PartnerSilent(_)) {
            self.first = Some(Arc::new(Takeover {
                heir: process,
                unseen: self.stopped_at.map(|stopped| at.since(stopped)),
                phases: Phases::begin(Subject::Takeover, elapsed(at)),
            }));
        }
        if let Some(takeover) = self.first.as_mut().filter(|it| it.heir == process) {
            Arc::make_mut(takeover).phases.hear(elapsed(at), event);
        }
    }

    /// Names and figures, if a takeover was carried through.
    pub(super) fn figures(&self) -> Vec<(String, Duration)> {
        let takeover = self.first.as_ref().filter(|it| it.phases.is_over());
        let Some(takeover) = takeover else {
            return Vec::new();
        };
        let nanos = takeover.phases.spans().map(|(_, span)| span.as_nanos());
        let whole = Duration::from_nanos(nanos.sum());
        let own = |name: &str| format!("takeover_{}_ms", name.replace(' ', "_"));
        let unseen = takeover.unseen.map(|unseen| (own("detection"), unseen));
        let phases = takeover
            .phases
            .spans()
            .map(|(name, span)| (own(name), span));
        let whole = [("takeover_ms".to_owned(), whole)];
        whole.into_iter().chain(unseen).chain(phases).collect()
    }
}

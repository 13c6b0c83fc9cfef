//! The phases of a takeover or a boot, cut out of what a D-module reports.
//!
//! Each phase ends with a report. What is not on the way of a run takes no time, and what
//! ends while something before it goes on takes none either: spans add up to the whole.
//! Refuses to know whose reports they are.

use serde::{Deserialize, Serialize};
use stormglass_engine::event::{Event, Phase};
use stormglass_engine::time::Duration;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// The partner takes over a dead owner: from the detection to the first write that it
    /// accepts.
    Takeover,
    /// The owner's node boots again: from power-on to the first write that the mirror has
    /// acknowledged.
    Boot,
}

impl Subject {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Takeover => "takeover",
            Subject::Boot => "boot",
        }
    }

    /// Names of its phases, in their order.
    pub const fn phases(self) -> &'static [&'static str] {
        match self {
            Subject::Takeover => &TAKEOVER,
            Subject::Boot => &BOOT,
        }
    }
}

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

/// When each phase of one takeover or boot ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    subject: Subject,
    begun_at: Duration,
    ends: Vec<Option<Duration>>,
}

impl Phases {
    /// Begins.
    pub fn begin(subject: Subject, at: Duration) -> Self {
        Phases {
            subject,
            begun_at: at,
            ends: vec![None; subject.phases().len()],
        }
    }

    /// When it began.
    pub fn begun_at(&self) -> Duration {
        self.begun_at
    }

    /// Takes a report of who takes over, or boots.
    pub fn hear(&mut self, at: Duration, event: &Event) {
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

    fn place(&self, phase: &str) -> Option<usize> {
        let phases = self.subject.phases();
        phases.iter().position(|name| *name == phase)
    }

    fn end_of(&self, phase: &str) -> Option<Duration> {
        self.ends[self.place(phase)?]
    }

    /// True once the last phase has ended.
    pub fn is_over(&self) -> bool {
        self.ends.last().copied().flatten().is_some()
    }

    /// The first phase that is still to end.
    pub fn awaited(&self) -> &'static str {
        let names = self.subject.phases();
        let open = self.ends.iter().rposition(Option::is_some);
        names[open.map_or(0, |last| last + 1).min(names.len() - 1)]
    }

    /// How long each phase took. One that was never seen to end took no time.
    pub fn spans(&self) -> impl Iterator<Item = (&'static str, Duration)> + '_ {
        let mut before = self.begun_at;
        let phases = self.subject.phases().iter().zip(&self.ends);
        phases.map(move |(name, end)| {
            let end = end.unwrap_or(before).max(before);
            let span = Duration::from_nanos(end.as_nanos() - before.as_nanos());
            before = end;
            (*name, span)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stormglass_engine::contract::ReservationKey;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn spans_add_up_and_what_was_never_seen_takes_no_time() {
        let mut phases = Phases::begin(Subject::Takeover, MS(100));
        assert_eq!(phases.awaited(), "fence");
        phases.hear(
            MS(103),
            &Event::Fenced(ReservationKey { epoch: 2, node: 2 }),
        );
        // Ends before the phase before it does: it was not on the way.
        phases.hear(MS(110), &Event::LeaseWaitedOut);
        assert_eq!(phases.awaited(), "first write");
        assert!(!phases.is_over());
        // Only the first end counts.
        phases.hear(MS(120), &Event::LeaseWaitedOut);
        let spans: Vec<_> = phases.spans().filter(|(_, span)| *span > MS(0)).collect();
        assert_eq!(spans, [("fence", MS(3)), ("lease", MS(7))]);
    }
}

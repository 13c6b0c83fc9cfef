//! Measures: what a run's writes cost, from the owner's own reports.
//!
//! Of each write that had no fault in its way: how long its mark took, its local
//! record and its replica from there, and how long its client waited. The ideal
//! is marking plus the slower of the two halves. `takeover` has the phases of a takeover.

mod apart;
mod takeover;

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use stormglass_engine::collections::Layered;
use stormglass_engine::event::Event;
use stormglass_engine::time::Duration;
use stormglass_engine::vocabulary::{CommandId, RefusedReason, UnknownReason};
use stormglass_reports::record::Decimal;
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::ProcessId;

use self::apart::Apart;
use self::takeover::Takeovers;
use crate::file::PairIndex;
use crate::workload::{ClientEvent, CommandKind, StatusSummary};

/// What is known of a write that is not acknowledged yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Times {
    invoked: WorldTime,
    accepted: Option<WorldTime>,
    marked: Option<WorldTime>,
    local: Option<WorldTime>,
    replica: Option<WorldTime>,
}

/// Spans in nanoseconds, in buckets of a 64th of a power of two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Histogram {
    buckets: OrdMap<u16, u64>,
}

/// Every figure that a run with so many volumes may come to. Where there are several, each
/// has some of its own: `volume_2_unknown`.
pub fn names(volumes: u32) -> Vec<String> {
    let own = PairIndex::first(volumes).flat_map(|volume| {
        let name = move |what: &&str| of_volume(volume, what);
        OF_A_VOLUME.iter().map(name)
    });
    let all = NAMES.iter().map(|name| (*name).to_owned());
    let all = all.chain(takeover::NAMES.iter().map(|name| (*name).to_owned()));
    match volumes {
        1 => all.collect(),
        _ => all.chain(own).collect(),
    }
}

fn of_volume(volume: PairIndex, what: &str) -> String {
    format!("volume_{}_{what}", volume.number())
}

/// What every run comes to.
const NAMES: [&str; 16] = [
    "acknowledged",
    "acknowledged_before_calm",
    "client_errors",
    "latency_over_ideal",
    "longest_pause_ms",
    "out_of_sync_ms",
    "regions_copied",
    "searches",
    "write_latency_p50_ms",
    "write_latency_p99_ms",
    "write_local_p50_ms",
    "write_local_p99_ms",
    "write_marking_p50_ms",
    "write_marking_p99_ms",
    "write_remote_p50_ms",
    "write_remote_p99_ms",
];

/// What each of several volumes comes to: commands performed, attempts without a verdict,
/// and how long its clients waited for a write that was acknowledged at once.
const OF_A_VOLUME: [&str; 5] = [
    "acknowledged",
    "unknown",
    "write_latency_max_ms",
    "write_latency_p50_ms",
    "write_latency_p99_ms",
];

/// Writes that wait to be counted.
const LATEST: usize = 32;
/// Buckets in each doubling.
const PER_OCTAVE: u64 = 64;

impl Histogram {
    fn add(&mut self, bucket: u16) {
        *self.buckets.entry(bucket).or_insert(0) += 1;
    }

    /// The span below which `percent` per cent of all lie; right to 1.6 %.
    fn percentile(&self, percent: u64) -> Option<u64> {
        let all: u64 = self.buckets.values().sum();
        let wanted = (all * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in &self.buckets {
            seen += count;
            if seen >= wanted {
                return Some(middle(*bucket));
            }
        }
        None
    }
}

fn bucket(nanos: u64) -> u16 {
    let nanos = nanos.max(PER_OCTAVE);
    let octave = nanos.ilog2() - PER_OCTAVE.ilog2();
    let within = (nanos >> octave) - PER_OCTAVE;
    let bucket = u64::from(octave) * PER_OCTAVE + within;
    u16::try_from(bucket).expect("64 octaves of 64 buckets")
}

fn middle(bucket: u16) -> u64 {
    let (octave, within) = (bucket / 64, u64::from(bucket % 64));
    ((PER_OCTAVE + within) << octave) + ((1 << octave) >> 1)
}

/// A run's measures so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measures {
    open: Layered<CommandId, Times>,
    counted: Arc<Histograms>,
    /// Of the latest writes, not counted in `counted` yet: a fork copies these few
    /// numbers and not the paths to them.
    latest: Vec<Buckets>,
    /// Commands of any kind that were performed.
    acknowledged: u64,
    /// Of them, those before it became calm: what a storm lets through.
    before_calm: u64,
    /// How often a region was copied to the mirror.
    regions_copied: u64,
    /// How often peers' addresses were tested.
    searches: u64,
    calm_at: WorldTime,
    /// Attempts that ended otherwise, but for those of which it is certain that nothing was
    /// performed, and which the library makes again at once: the application sees a pause.
    errors: u64,
    /// The longest time between two performed commands, and when the last one was.
    pause: Duration,
    last_at: Option<WorldTime>,
    takeovers: Takeovers,
    apart: Apart,
    /// What each volume comes to; none if there is but one.
    volumes: Vec<Own>,
}

/// What one of several volumes comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Own {
    acknowledged: u64,
    unknown: u64,
    latency: Histogram,
    latency_max: u64,
}

/// The buckets of one write's spans: latency, marking, local, remote.
type Buckets = [u16; 4];

/// Spans of writes that have been counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Histograms {
    latency: Histogram,
    marking: Histogram,
    local: Histogram,
    remote: Histogram,
}

impl Histograms {
    fn add(&mut self, [latency, marking, local, remote]: Buckets) {
        self.latency.add(latency);
        self.marking.add(marking);
        self.local.add(local);
        self.remote.add(remote);
    }
}

impl Measures {
    /// Nothing has happened to so many volumes; it is calm from `calm_at` on.
    pub fn new(calm_at: WorldTime, volumes: usize) -> Self {
        let several = if volumes > 1 { volumes } else { 0 };
        Measures {
            calm_at,
            volumes: vec![Own::default(); several],
            ..Measures::default()
        }
    }

    /// It is calm from then on, not from when it would have been.
    pub fn set_calm(&mut self, calm_at: WorldTime) {
        self.calm_at = calm_at;
    }

    /// Takes the report of a volume's client.
    pub fn observe_client(&mut self, at: WorldTime, volume: PairIndex, event: &ClientEvent) {
        self.observe_volume(at, volume, event);
        if let ClientEvent::AttemptEnded {
            status: StatusSummary::Success | StatusSummary::Mismatch,
            ..
        } = event
        {
            self.acknowledged += 1;
            self.before_calm += u64::from(at < self.calm_at);
            let pause = self.last_at.map(|last| at.since(last));
            self.pause = self.pause.max(pause.unwrap_or_default());
            self.last_at = Some(at);
        }
        if let ClientEvent::AttemptEnded { status, .. } = event {
            let is_error = match status {
                StatusSummary::Success
                | StatusSummary::Mismatch
                | StatusSummary::Refused(RefusedReason::Moved | RefusedReason::NotPerformed)
                | StatusSummary::Unknown(UnknownReason::StaleTicket) => false,
                StatusSummary::Refused(_)
                | StatusSummary::Cancelled
                | StatusSummary::Unknown(_) => true,
            };
            self.errors += u64::from(is_error);
        }
        match event {
            ClientEvent::Invoked {
                id,
                kind: CommandKind::Write,
                ..
            } => {
                self.open.insert(
                    *id,
                    Times {
                        invoked: at,
                        ..Times::default()
                    },
                );
            }
            ClientEvent::AttemptEnded { id, status, .. } => {
                let times = self.open.remove(id).map(|times| *times);
                if let (Some(times), StatusSummary::Success) = (times, status) {
                    self.close(at, times);
                }
            }
            ClientEvent::Invoked { .. }
            | ClientEvent::Retried { .. }
            | ClientEvent::ReadReturned { .. }
            | ClientEvent::AnsweredAgain { .. }
            | ClientEvent::Ignored(_) => {}
        }
    }

    /// Enters into a volume's own figures how an attempt ended.
    fn observe_volume(&mut self, at: WorldTime, volume: PairIndex, event: &ClientEvent) {
        let ClientEvent::AttemptEnded { id, status, .. } = event else {
            return;
        };
        let Some(own) = self.volumes.get_mut(volume.place()) else {
            return;
        };
        match status {
            StatusSummary::Success | StatusSummary::Mismatch => own.acknowledged += 1,
            StatusSummary::Unknown(_) => own.unknown += 1,
            StatusSummary::Refused(_) | StatusSummary::Cancelled => {}
        }
        if let (StatusSummary::Success, Some(times)) = (status, self.open.get(id)) {
            let latency = at.since(times.invoked).as_nanos();
            own.latency.add(bucket(latency));
            own.latency_max = own.latency_max.max(latency);
        }
    }

    /// A module has stopped.
    pub fn observe_stop(&mut self, at: WorldTime) {
        self.takeovers.stopped(at);
    }

    /// Takes a report of a node of a volume's pairs.
    pub fn observe_node(
        &mut self,
        at: WorldTime,
        (volume, process): (PairIndex, ProcessId),
        event: &Event,
    ) {
        self.takeovers.observe(at, process, event);
        self.apart.observe(at, volume, event);
        self.searches += u64::from(matches!(event, Event::PeersSought));
        self.regions_copied += u64::from(matches!(event, Event::RegionCopied(_)));
        let (command, field): (_, fn(&mut Times) -> &mut Option<WorldTime>) = match event {
            Event::Accepted { command, .. } => (command, |times| &mut times.accepted),
            Event::Marked(command) => (command, |times| &mut times.marked),
            Event::LocalDurable(command) => (command, |times| &mut times.local),
            Event::ReplicaAcked(command) => (command, |times| &mut times.replica),
            _ => return,
        };
        if let Some(times) = self.open.get_mut(command) {
            *field(times) = Some(at);
        }
    }

    fn close(&mut self, at: WorldTime, times: Times) {
        let (Some(accepted), Some(marked)) = (times.accepted, times.marked) else {
            return;
        };
        let (Some(local), Some(replica)) = (times.local, times.replica) else {
            return;
        };
        let span = |from: WorldTime, to: WorldTime| to.since(from).as_nanos();
        let latency = span(times.invoked, at);
        let marking = span(accepted, marked);
        let (local, remote) = (span(marked, local), span(marked, replica));
        if self.latest.len() == LATEST {
            let counted = Arc::make_mut(&mut self.counted);
            self.latest.drain(..).for_each(|write| counted.add(write));
        }
        if self.latest.len() == self.latest.capacity() {
            self.latest.reserve_exact(LATEST / 4);
        }
        self.latest
            .push([latency, marking, local, remote].map(bucket));
    }

    /// The figures. `latency_over_ideal` is the median client latency over the
    /// sum of the median marking and the greater of the medians of the two halves
    /// as they would be side by side.
    pub fn figures(&self, chained: bool) -> BTreeMap<String, Decimal> {
        let mut histograms = Histograms::clone(&self.counted);
        self.latest.iter().for_each(|write| histograms.add(*write));
        let mut figures = BTreeMap::new();
        for (name, count) in [
            ("acknowledged", self.acknowledged),
            ("acknowledged_before_calm", self.before_calm),
            ("regions_copied", self.regions_copied),
            ("searches", self.searches),
            ("client_errors", self.errors),
        ] {
            figures.insert(name.to_owned(), Decimal::ratio(count, 1));
        }
        let millis = |nanos: u64| Decimal::milliseconds(std::time::Duration::from_nanos(nanos));
        for (name, span) in [
            ("longest_pause_ms", self.pause),
            ("out_of_sync_ms", self.apart.longest()),
        ] {
            figures.insert(name.to_owned(), millis(span.as_nanos()));
        }
        for (name, span) in self.takeovers.figures() {
            figures.insert(name, millis(span.as_nanos()));
        }
        for (name, histogram) in [
            ("write_latency", &histograms.latency),
            ("write_marking", &histograms.marking),
            ("write_local", &histograms.local),
            ("write_remote", &histograms.remote),
        ] {
            for percent in [50, 99] {
                if let Some(nanos) = histogram.percentile(percent) {
                    figures.insert(format!("{name}_p{percent}_ms"), millis(nanos));
                }
            }
        }
        for (volume, own) in (0..).map_while(PairIndex::new).zip(&self.volumes) {
            let name = |what: &str| of_volume(volume, what);
            figures.insert(name("acknowledged"), Decimal::whole(own.acknowledged));
            figures.insert(name("unknown"), Decimal::whole(own.unknown));
            let Some(median) = own.latency.percentile(50) else {
                continue;
            };
            let last = own.latency.percentile(99).unwrap_or(median);
            figures.insert(name("write_latency_p50_ms"), millis(median));
            figures.insert(name("write_latency_p99_ms"), millis(last));
            figures.insert(name("write_latency_max_ms"), millis(own.latency_max));
        }
        let median = |histogram: &Histogram| histogram.percentile(50);
        let parts = (
            median(&histograms.marking),
            median(&histograms.local),
            median(&histograms.remote),
        );
        if let (Some(marking), Some(local), Some(remote)) = parts {
            // Chained, the replica's time counts from the mark and so includes the
            // local one; the ideal takes the two apart.
            let remote = if chained {
                remote.saturating_sub(local)
            } else {
                remote
            };
            let ideal = marking + local.max(remote);
            if let Some(latency) = median(&histograms.latency) {
                figures.insert("latency_over_ideal".into(), Decimal::ratio(latency, ideal));
            }
        }
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{self, Keep};
    use crate::source::Source;

    #[test]
    fn every_figure_has_its_name() {
        let source = Source::load("parallel-latency", &[]).expect("the catalogue is valid");
        let measures = run::run(&source.scenario, 0, Keep::Counts).measures;
        for name in NAMES {
            assert!(measures.contains_key(name), "{name}");
        }
        // Besides what the second opinion counts.
        assert_eq!(measures.len(), NAMES.len() + 2, "{measures:?}");
    }

    #[test]
    fn several_volumes_have_figures_of_their_own() {
        let source = Source::load("three-pairs", &[]).expect("the catalogue is valid");
        let measures = run::run(&source.scenario, 0, Keep::Counts).measures;
        // One of its pairs is taken over.
        for name in names(3) {
            assert!(measures.contains_key(&name), "{name}");
        }
        assert_eq!(measures.len(), names(3).len() + 2, "{measures:?}");
        let of_all = NAMES.len() + takeover::NAMES.len();
        assert_eq!(names(1).len(), of_all);
        assert_eq!(names(3).len(), of_all + 3 * OF_A_VOLUME.len());
    }

    #[test]
    fn a_takeover_is_the_sum_of_its_phases() {
        let source = Source::load("owner-dies", &[]).expect("the catalogue is valid");
        let measures = run::run(&source.scenario, 0, Keep::Counts).measures;
        for name in takeover::NAMES {
            assert!(measures.contains_key(name), "{name}: {measures:?}");
        }
        let nanos = |name: &str| {
            let text = measures[name].to_string();
            let (millis, rest) = text.split_once('.').unwrap_or((&text, ""));
            let digits = format!("{millis}{rest:0<6}");
            digits.parse::<u64>().expect("milliseconds of six decimals")
        };
        let [whole, detection, phases @ ..] = takeover::NAMES;
        let sum: u64 = phases.into_iter().map(nanos).sum();
        assert_eq!(nanos(whole), sum);
        // A second of silence, and a tick at most on either side.
        assert!((900_000_000..1_300_000_000).contains(&nanos(detection)));
        // The former owner's lease.
        assert!(sum > 500_000_000, "{sum}");
    }
}

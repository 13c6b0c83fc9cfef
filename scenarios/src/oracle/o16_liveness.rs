//! O16: once it is calm, everything ends: each command of a client within a stated time,
//! and where the mirror's cluster is part of the calm, the copies are in sync again.
//!
//! It is calm when weather has mended its core and no scheduled fault is left; before,
//! nothing is owed. The bounds are sums of the engine's own timers, see [`Bounds`]: a
//! cluster that needs longer waits for something that does not come. What that is, the
//! finding says.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use stormglass_engine::event::{Event, Phase};
use stormglass_engine::storage_set::record::Mode;
use stormglass_engine::time::Duration;
use stormglass_engine::vocabulary::{ClientId, CommandId};
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::ProcessId;

use super::{Finding, OracleId};
use crate::file::Scenario;
use crate::workload::{ClientEvent, ClientTimers, CommandKind};

/// How long things may take once it is calm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// From calm, or from its beginning if that is later, to a command's end.
    pub command: Duration,
    /// From calm to copies that are in sync.
    pub in_sync: Duration,
    /// From calm, or from its beginning if that is later, to a hand-over's end.
    pub drain: Duration,
}

/// What a boot, a claim or a recovery takes beside its timers: reads of some hundred
/// pages, and a few tries.
const WORK: Duration = Duration::from_secs(1);
/// One region of a resync: read, sent, written, its bit cleared.
const REGION: Duration = Duration::from_millis(100);

impl Bounds {
    /// The bounds of a scenario.
    ///
    /// A takeover waits for the partner's heartbeat and its HA lease, and for an answer where
    /// it can be asked. A lost mirror is
    /// noticed when the path is silent, its Hello unanswered, and the mediator has said
    /// so. A session that one side alone knows of is noticed after as long again. A
    /// command may be in an attempt that nobody answers, and then in one that is. A set that
    /// is handed over may be drained in vain, and claimed back.
    pub fn of(scenario: &Scenario) -> Self {
        let timers = &scenario.settings.timers;
        let client = ClientTimers {
            status_limit: timers.status_limit,
            ..ClientTimers::default()
        };
        let asked = match scenario.topology.interconnect {
            true => timers.ask_limit,
            false => Duration::ZERO,
        };
        let takeover = sum(&[
            timers.takeover_after,
            asked,
            timers.heartbeat.times(2),
            timers.ha_lease,
            timers.lease_margin,
            WORK,
        ]);
        let drain = sum(&[timers.drain_limit, timers.heartbeat.times(2), WORK]);
        let moved = sum(&[drain, timers.takeover_after]);
        let path = sum(&[
            timers.path_timeout,
            timers.loss_after,
            timers.retransmit_max.times(2),
        ]);
        let mediator = sum(&[timers.mediator_retry.times(4), timers.lease]);
        let attempt = client.status_limit.plus(client.resend_max);
        let serves = sum(&[takeover, moved, path.times(2), mediator]);
        let regions = scenario.topology.geometry().region_count();
        Bounds {
            command: sum(&[serves, attempt.times(2)]),
            in_sync: sum(&[serves, path, REGION.times(regions), attempt]),
            drain,
        }
    }
}

fn sum(parts: &[Duration]) -> Duration {
    parts
        .iter()
        .fold(Duration::ZERO, |sum, part| sum.plus(*part))
}

/// What calm owes of the copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sync {
    /// They have to be in sync in the end.
    Owed,
    /// Nothing: the mirror's cluster stays as it is, and the owner looks for it for ever.
    Impossible,
    /// Nothing: the schedule may have broken what nobody mends.
    Unknown,
}

/// A command without an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    /// By when it owes one.
    due: WorldTime,
    /// Whether it keeps its id until it has one.
    keeps_id: bool,
}

/// Judges what is owed in calm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Liveness {
    checks: u64,
    bounds: Bounds,
    /// What is owed of the copies.
    sync: Sync,
    /// Since when it is calm.
    calm: Option<WorldTime>,
    /// Commands without an end, in calm only.
    open: OrdMap<CommandId, Open>,
    /// No open command owes its end before.
    earliest: WorldTime,
    /// Reads that ended without a verdict: what their clients ask next inherits by when
    /// there must be one.
    inherited: OrdMap<ClientId, Vec<WorldTime>>,
    /// What an owner said last of how its copy stands, and since when it says so.
    mode: Option<(Mode, WorldTime)>,
    /// Who hands its set over, and since when.
    draining: OrdMap<ProcessId, WorldTime>,
    has_spoken: bool,
}

impl Liveness {
    /// Nothing is owed yet.
    pub fn new(bounds: Bounds, sync: Sync) -> Self {
        Liveness {
            checks: 0,
            bounds,
            sync,
            calm: None,
            open: OrdMap::new(),
            earliest: WorldTime::ZERO,
            inherited: OrdMap::new(),
            mode: None,
            draining: OrdMap::new(),
            has_spoken: false,
        }
    }

    /// Obligations that were met or not.
    pub fn checks(&self) -> u64 {
        self.checks
    }
    /// True from calm on.
    pub fn is_calm(&self) -> bool {
        self.calm.is_some()
    }

    /// True once all is due that was owed when it became calm. Nothing is asked of the
    /// copies' equality where the mirror's cluster is no part of the calm.
    pub fn is_past(&self, now: WorldTime) -> bool {
        let longest = self.bounds.command.max(self.bounds.in_sync);
        self.sync == Sync::Impossible && self.calm.is_some_and(|calm| now > calm.after(longest))
    }

    /// It is calm from now on; these commands have begun and not ended, and keep their
    /// ids or not.
    pub fn begin_calm(
        &mut self,
        at: WorldTime,
        open: impl Iterator<Item = (CommandId, CommandKind)>,
    ) {
        self.calm = Some(at);
        let due = at.after(self.bounds.command);
        self.earliest = due;
        let begun = |(id, kind): (CommandId, CommandKind)| {
            let keeps_id = kind.is_mutation();
            (id, Open { due, keeps_id })
        };
        self.open = open.map(begun).collect();
    }

    /// A client's report.
    pub fn observe_client(&mut self, at: WorldTime, report: &ClientEvent) {
        if self.calm.is_none() {
            return;
        }
        match report {
            ClientEvent::Invoked { id, kind, .. } => {
                let inherited = self.inherited.get_mut(&id.client).and_then(Vec::pop);
                let due = inherited.unwrap_or_else(|| at.after(self.bounds.command));
                let keeps_id = kind.is_mutation();
                self.open.insert(*id, Open { due, keeps_id });
                self.earliest = self.earliest.min(due);
            }
            ClientEvent::AttemptEnded { id, status, .. } if status.is_definite() => {
                self.checks += u64::from(self.open.remove(id).is_some());
            }
            ClientEvent::AttemptEnded { id, .. } => {
                if let Some(read) = self.open.get(id).filter(|it| !it.keeps_id) {
                    let due = read.due;
                    self.open.remove(id);
                    self.inherited.entry(id.client).or_default().push(due);
                }
            }
            ClientEvent::Retried { .. }
            | ClientEvent::ReadReturned { .. }
            | ClientEvent::AnsweredAgain { .. }
            | ClientEvent::Ignored(_) => {}
        }
    }

    /// A node's report.
    pub fn observe_node(&mut self, at: WorldTime, process: ProcessId, report: &Event) {
        if let Event::Phase(phase) = report {
            match phase {
                Phase::Draining => drop(self.draining.insert(process, at)),
                _ => self.reborn(process),
            }
        }
        if let Event::Mode(mode, _) = report
            && self.mode.is_none_or(|(before, _)| before != *mode)
        {
            self.mode = Some((*mode, at));
        }
    }

    /// A process began or ended a life.
    pub fn reborn(&mut self, process: ProcessId) {
        if !self.draining.is_empty() {
            self.draining.remove(&process);
        }
    }

    /// How long a set has been drained, if that is too long.
    fn overdue_drain(&self, at: WorldTime, calm: WorldTime) -> Option<Duration> {
        if self.draining.is_empty() {
            return None;
        }
        let since = self.draining.values().min()?;
        let span = at.since(calm.max(*since));
        (span > self.bounds.drain).then_some(span)
    }

    /// What is overdue; `waits` tells who waits for what.
    pub fn check(
        &mut self,
        at: WorldTime,
        event: u64,
        waits: impl FnOnce() -> String,
        findings: &mut Vec<Finding>,
    ) {
        let Some(calm) = self.calm else { return };
        if self.has_spoken {
            return;
        }
        let says = match self.overdue(at) {
            Some((command, due)) => format!(
                "{command} has not ended {} after it could; {}",
                shown(at.since(due).plus(self.bounds.command)),
                waits()
            ),
            None if let Some(span) = self.overdue_drain(at, calm) => {
                format!("a set is being drained for {}; {}", shown(span), waits())
            }
            None if self.sync == Sync::Owed
                && at > calm.after(self.bounds.in_sync)
                && !self.is_in_sync() =>
            {
                format!(
                    "the copies are {} {} after calm; {}",
                    self.mode_words(),
                    shown(at.since(calm)),
                    waits()
                )
            }
            None => return,
        };
        self.speak(at, event, says, findings);
    }

    /// A command that owes its end by now.
    fn overdue(&mut self, at: WorldTime) -> Option<(CommandId, WorldTime)> {
        if at <= self.earliest {
            return None;
        }
        let open = self.open.iter().map(|(id, open)| (*id, open.due));
        let oldest = open.min_by_key(|(_, due)| *due);
        let Some((command, due)) = oldest else {
            self.earliest = at.after(self.bounds.command);
            return None;
        };
        self.earliest = due;
        (at > due).then_some((command, due))
    }

    /// Nothing is left to happen.
    pub fn finish(
        &mut self,
        at: WorldTime,
        event: u64,
        waits: impl FnOnce() -> String,
        findings: &mut Vec<Finding>,
    ) {
        if self.has_spoken || self.calm.is_none() || self.sync != Sync::Owed {
            return;
        }
        self.checks += 1;
        if !self.is_in_sync() {
            let says = format!("the copies come to rest {}; {}", self.mode_words(), waits());
            self.speak(at, event, says, findings);
        }
    }

    fn speak(&mut self, at: WorldTime, event: u64, says: String, findings: &mut Vec<Finding>) {
        self.has_spoken = true;
        let finding = Finding::new(OracleId::O16, at, says, vec![event]);
        findings.push(finding);
    }

    fn is_in_sync(&self) -> bool {
        matches!(self.mode, Some((Mode::InSync, _)))
    }

    fn mode_words(&self) -> &'static str {
        match self.mode {
            None => "without an owner",
            Some((Mode::InSync, _)) => "in sync",
            Some((Mode::OosPending, _)) => "on the way out of sync",
            Some((Mode::OutOfSync, _)) => "out of sync",
            Some((Mode::Resync, _)) => "being made equal",
        }
    }
}

fn shown(duration: Duration) -> String {
    let span = std::time::Duration::from_nanos(duration.as_nanos());
    format!("{:.1} s", span.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use stormglass_engine::vocabulary::{Session, SessionIncarnation, SiteEpoch, UnknownReason};

    use super::*;
    use crate::workload::StatusSummary;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> WorldTime {
        WorldTime::ZERO.after(SECOND.times(seconds))
    }

    fn id(counter: u64) -> CommandId {
        CommandId {
            client: ClientId::new(1),
            counter,
        }
    }

    /// Ten seconds for a command, twenty for the copies; calm from the hundredth on.
    fn calm(sync: Sync, open: &[(CommandId, CommandKind)]) -> Liveness {
        let bounds = Bounds {
            command: SECOND.times(10),
            in_sync: SECOND.times(20),
            drain: SECOND.times(5),
        };
        let mut liveness = Liveness::new(bounds, sync);
        liveness.begin_calm(at(100), open.iter().copied());
        liveness
    }

    fn invoked(counter: u64, kind: CommandKind) -> ClientEvent {
        ClientEvent::Invoked {
            id: id(counter),
            kind,
            range: None,
            expected: Vec::new(),
        }
    }

    fn ended(counter: u64, status: StatusSummary) -> ClientEvent {
        ClientEvent::AttemptEnded {
            id: id(counter),
            attempt: 0,
            status,
        }
    }

    fn mode(mode: Mode) -> Event {
        let session = Session {
            site_epoch: SiteEpoch::new(1),
            incarnation: SessionIncarnation::new(1),
        };
        Event::Mode(mode, session)
    }

    /// What it says at an instant.
    fn says(liveness: &mut Liveness, seconds: u64) -> Vec<String> {
        let mut findings = Vec::new();
        liveness.check(at(seconds), 7, || "who".to_owned(), &mut findings);
        findings.into_iter().map(|finding| finding.says).collect()
    }

    const LOST: StatusSummary = StatusSummary::Unknown(UnknownReason::TimedOut);

    #[test]
    fn a_command_that_does_not_end_is_overdue_after_its_bound() {
        let mut liveness = calm(Sync::Unknown, &[(id(1), CommandKind::Write)]);
        assert!(says(&mut liveness, 110).is_empty());
        assert_eq!(
            says(&mut liveness, 111),
            ["c1:1 has not ended 11.0 s after it could; who"]
        );
        // Once is enough.
        assert!(says(&mut liveness, 130).is_empty());
    }

    #[test]
    fn one_that_begins_in_calm_counts_from_its_beginning() {
        let mut liveness = calm(Sync::Unknown, &[]);
        liveness.observe_client(at(150), &invoked(5, CommandKind::Write));
        assert!(says(&mut liveness, 160).is_empty());
        assert_eq!(says(&mut liveness, 161).len(), 1);
    }

    #[test]
    fn one_that_ends_owes_nothing_and_an_unknown_write_does_not_end() {
        let mut liveness = calm(
            Sync::Unknown,
            &[(id(1), CommandKind::Write), (id(2), CommandKind::Write)],
        );
        liveness.observe_client(at(101), &ended(1, StatusSummary::Success));
        liveness.observe_client(at(102), &ended(2, LOST));
        let overdue = says(&mut liveness, 111);
        assert!(overdue[0].starts_with("c1:2 "), "{overdue:?}");
        assert_eq!(liveness.checks(), 1);
    }

    #[test]
    fn a_read_that_is_asked_again_under_another_id_gains_no_time() {
        let mut liveness = calm(Sync::Unknown, &[(id(1), CommandKind::Read)]);
        liveness.observe_client(at(109), &ended(1, LOST));
        liveness.observe_client(at(109), &invoked(2, CommandKind::Read));
        let overdue = says(&mut liveness, 111);
        assert!(overdue[0].starts_with("c1:2 "), "{overdue:?}");
    }

    #[test]
    fn copies_that_do_not_come_back_in_sync_are_overdue() {
        let mut liveness = calm(Sync::Owed, &[]);
        liveness.observe_node(at(90), ProcessId(1), &mode(Mode::InSync));
        liveness.observe_node(at(105), ProcessId(1), &mode(Mode::Resync));
        assert!(says(&mut liveness, 120).is_empty());
        assert_eq!(
            says(&mut liveness, 121),
            ["the copies are being made equal 21.0 s after calm; who"]
        );
    }

    #[test]
    fn copies_at_rest_out_of_sync_are_a_stall_only_where_they_owe_more() {
        for (sync, last, expected) in [
            (Sync::Owed, Mode::OutOfSync, 1),
            (Sync::Owed, Mode::InSync, 0),
            (Sync::Impossible, Mode::OutOfSync, 0),
            (Sync::Unknown, Mode::OutOfSync, 0),
        ] {
            let mut liveness = calm(sync, &[]);
            liveness.observe_node(at(105), ProcessId(1), &mode(last));
            let mut findings = Vec::new();
            liveness.finish(at(110), 7, || "who".to_owned(), &mut findings);
            assert_eq!(findings.len(), expected, "{sync:?} {last:?}");
        }
    }

    #[test]
    fn a_hand_over_that_does_not_end_is_overdue() {
        let mut liveness = calm(Sync::Unknown, &[]);
        let draining = Event::Phase(Phase::Draining);
        liveness.observe_node(at(90), ProcessId(1), &draining);
        assert!(
            says(&mut liveness, 105).is_empty(),
            "it counts from calm on"
        );
        assert_eq!(
            says(&mut liveness, 106),
            ["a set is being drained for 6.0 s; who"]
        );
        for end in [Phase::Standby, Phase::Serving] {
            let mut liveness = calm(Sync::Unknown, &[]);
            liveness.observe_node(at(102), ProcessId(1), &draining);
            liveness.observe_node(at(103), ProcessId(1), &Event::Phase(end));
            assert!(says(&mut liveness, 200).is_empty());
        }
        let mut liveness = calm(Sync::Unknown, &[]);
        liveness.observe_node(at(102), ProcessId(1), &draining);
        liveness.reborn(ProcessId(1));
        assert!(says(&mut liveness, 200).is_empty());
    }

    #[test]
    fn nothing_is_owed_before_calm() {
        let bounds = calm(Sync::Owed, &[]).bounds;
        let mut liveness = Liveness::new(bounds, Sync::Owed);
        liveness.observe_client(at(1), &invoked(1, CommandKind::Write));
        assert!(says(&mut liveness, 1_000).is_empty());
    }
}

//! O10, of paths: who speaks with whom, as the D-modules report it.
//!
//! * A D-module has one active path at most, and none once it has let go of its set.
//! * A session is active at one D-module of the owner's pair only, and not before a mirror
//!   has accepted it.
//! * A path never leads to a life of its end again that it has left behind: an answer of an
//!   earlier life would have been believed.
//!
//! Of a mirror's pair two D-modules may both be active in one session for a while: one of
//! them stands still, and does not know yet that its partner has taken the set over. What
//! it answers then is O4's.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use stormglass_engine::event::{Event, Phase};
use stormglass_engine::vocabulary::{NodeId, Session};
use stormglass_sim::world::ProcessId;

use super::images::When;
use super::{Finding, OracleId, event_of};

/// A path over which a session goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Active {
    peer: NodeId,
    event: u64,
}

/// Who made a session active on the owner's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Carrier {
    session: Session,
    /// 0 is the first owner's.
    site: usize,
    process: ProcessId,
    event: u64,
}

/// Watches paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paths {
    checks: u64,
    /// Every life that has begun to keep paths, in their order.
    lives: OrdMap<(NodeId, u64), u32>,
    /// The last life that a path of each process has led to.
    ends: OrdMap<(ProcessId, NodeId), (u32, u64)>,
    active: OrdMap<ProcessId, Active>,
    /// In which event those of them that have let go of their set have done so.
    left: OrdMap<ProcessId, u64>,
    carrier: Option<Carrier>,
    /// The highest session that a mirror has accepted.
    accepted: Option<Session>,
    /// The highest that an owner has opened.
    opened: Option<Session>,
    /// A mirror may have accepted sessions up to here and died, or lost its set, before it
    /// could say so: the set knows them.
    unheard: Option<Session>,
}

impl Paths {
    /// Paths looked at.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    /// A D-module reports something. `owner` is the site whose set it last tried to take, if
    /// that is the present owner's.
    pub fn observe(
        &mut self,
        process: ProcessId,
        owner: Option<usize>,
        report: &Event,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        match report {
            Event::PathsBegun(node, incarnation) => {
                let next = u32::try_from(self.lives.len()).unwrap_or(u32::MAX);
                self.lives.insert((*node, *incarnation), next);
            }
            Event::PathReady {
                peer, incarnation, ..
            } => self.ready(process, (*peer, *incarnation), when, findings),
            Event::PathActive(peer, session) => {
                self.activated((process, owner), *peer, *session, when, findings);
            }
            Event::PathInactive(peer) | Event::PathLost(peer) => {
                let is_it = |active: &Active| active.peer == *peer;
                if self.active.get(&process).is_some_and(is_it) {
                    self.end(process);
                }
            }
            Event::SessionOpened(session) => {
                self.opened = self.opened.max(Some(*session));
            }
            Event::SessionAccepted(session) => {
                self.accepted = self.accepted.max(Some(*session));
            }
            // Whoever held the set before may stand still, and has not said it yet.
            Event::Halted(_) | Event::Fenced(_) => self.unheard = self.opened,
            // The path follows in the same step.
            Event::Phase(Phase::Standby | Phase::Halted) if self.active.contains_key(&process) => {
                self.left.insert(process, when.event);
            }
            _ => {}
        }
        if !self.left.is_empty() {
            self.check_left(when, findings);
        }
    }

    /// A process has no active path any more.
    fn end(&mut self, process: ProcessId) {
        self.active.remove(&process);
        self.left.remove(&process);
    }

    /// A process began or ended a life.
    pub fn reborn(&mut self, process: ProcessId) {
        self.unheard = self.opened;
        self.end(process);
        let own = self.ends.keys().filter(|(of, _)| *of == process);
        for end in own.copied().collect::<Vec<_>>() {
            self.ends.remove(&end);
        }
    }

    /// Judges what can only be judged at rest.
    pub fn finish(&mut self, when: When, findings: &mut Vec<Finding>) {
        self.check_left(when, findings);
    }

    fn ready(
        &mut self,
        process: ProcessId,
        end: (NodeId, u64),
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        self.checks += 1;
        let (peer, number) = (end.0, end.0.value());
        let Some(life) = self.lives.get(&end).copied() else {
            let says = format!("a path leads to a life of node {number} that has not begun");
            return finding(says, vec![], when, findings);
        };
        let known = self.ends.insert((process, peer), (life, when.event));
        if let Some((_, event)) = known.filter(|(known, _)| *known > life) {
            let says = format!("a path leads to a life of node {number} that it had left behind");
            finding(says, vec![event], when, findings);
        }
    }

    fn activated(
        &mut self,
        (process, owner): (ProcessId, Option<usize>),
        peer: NodeId,
        session: Session,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        self.checks += 1;
        let active = Active {
            peer,
            event: when.event,
        };
        self.left.remove(&process);
        if let Some(other) = self.active.insert(process, active) {
            let says = format!(
                "a D-module has active paths to nodes {} and {} at once",
                other.peer.value(),
                peer.value()
            );
            finding(says, vec![other.event], when, findings);
        }
        if Some(session) > self.accepted.max(self.unheard) {
            let says = format!("a path is active in session {session} that no mirror has accepted");
            finding(says, vec![], when, findings);
        }
        let Some(site) = owner else {
            return;
        };
        if let Some(carrier) = self.carrier.filter(|it| it.session >= session) {
            // While a reign begins, a path of the former one may still come up at its mirror's.
            let is_other = carrier.site == site && carrier.process != process;
            if carrier.session == session && is_other {
                let says = format!(
                    "session {session} is active at two D-modules of the pair that owns the volume"
                );
                finding(says, vec![carrier.event], when, findings);
            }
            return;
        }
        self.carrier = Some(Carrier {
            session,
            site,
            process,
            event: when.event,
        });
    }

    /// Finds who has let go of its set in an earlier step and has an active path.
    fn check_left(&mut self, when: When, findings: &mut Vec<Finding>) {
        let now = event_of(when.event);
        let mut left = self.left.iter();
        let found = left.find(|(_, left)| event_of(**left) < now);
        let Some((process, left)) = found.map(|(process, left)| (*process, *left)) else {
            return;
        };
        let active = self.active[&process];
        self.end(process);
        let says = format!(
            "a D-module that holds no set has an active path to node {}",
            active.peer.value()
        );
        finding(says, vec![left, active.event], when, findings);
    }
}

fn finding(says: String, events: Vec<u64>, when: When, findings: &mut Vec<Finding>) {
    let events = events.into_iter().chain([when.event]).collect();
    findings.push(Finding::new(OracleId::O10, when.at, says, events));
}

#[cfg(test)]
mod tests;

//! Which states the D-modules of a run went through: role, link and sync state, and
//! how often each changed into which.
//!
//! Read from the engine's own reports, so a state is the last one that is durable: a
//! link counts as closed from the report of what closed it. A crash is no transition;
//! who boots begins anew. What can follow what stands below, after the diagrams of the
//! engine's `d_module`, `replication` and `owner::mode`; a sweep shows what of it never
//! happened.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use stormglass_engine::collections::Table;
use stormglass_engine::event::{Event, Phase};
use stormglass_engine::storage_set::record::Mode;
use stormglass_sim::world::ProcessId;

/// What a D-module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Role {
    Configuring,
    Standby,
    Claiming,
    Recovering,
    Announcing,
    Serving,
    Following,
    /// An owner that hands its set over.
    Draining,
    /// A mirror that does.
    DrainingMirror,
    HandingOff,
    Halted,
}

/// Its path to the other copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Link {
    Closed,
    /// A Hello is out.
    Announced,
    Open,
}

/// How its copy stands to the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Copies {
    /// Nobody has said yet.
    Unknown,
    InSync,
    Pending,
    OutOfSync,
    Resync,
}

/// The state of a D-module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct State {
    role: Role,
    link: Link,
    sync: Copies,
}

/// A D-module and what its last reports said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Module {
    state: State,
    /// A session became durable, and its mode is still to be told.
    opens: bool,
}

/// The transitions of a run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transitions {
    modules: Table<ProcessId, Module>,
    counts: Table<(State, State), u64>,
}

impl Transitions {
    /// Takes a module's report.
    pub fn observe(&mut self, process: ProcessId, event: &Event) {
        if *event == Event::Phase(Phase::Configuring) {
            let module = Module {
                state: State::of_role(Role::Configuring),
                opens: false,
            };
            self.modules.insert(process, module);
            return;
        }
        let is_of_interest = matches!(
            event,
            Event::Phase(_)
                | Event::SessionOpened(_)
                | Event::Mode(..)
                | Event::SessionConfirmed(_)
                | Event::SessionAccepted(_)
                | Event::Copied { .. }
                | Event::Finished(_)
        );
        if !is_of_interest {
            return;
        }
        let Some(module) = self.modules.get_mut(&process) else {
            return;
        };
        let before = module.state;
        module.take(event);
        let change = (before, module.state);
        if before == module.state {
            return;
        }
        match self.counts.get_mut(&change) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(change, 1);
            }
        }
    }

    /// Each transition that happened, as `from -> to`, with how often.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let counts = self.counts.iter();
        counts
            .map(|(change, count)| (name(*change), *count))
            .collect()
    }
}

impl Module {
    fn take(&mut self, event: &Event) {
        let state = &mut self.state;
        match event {
            Event::Phase(phase) => {
                let role = match (state.role, phase) {
                    (Role::Following, Phase::Draining) => Role::DrainingMirror,
                    _ => Role::of(*phase),
                };
                *state = match keeps(state.role, role) {
                    true => State { role, ..*state },
                    false => State::of_role(role),
                };
            }
            Event::SessionOpened(_) => self.opens = true,
            Event::Mode(mode, _) => {
                state.sync = match mode {
                    Mode::InSync => Copies::InSync,
                    Mode::OosPending => Copies::Pending,
                    Mode::OutOfSync => Copies::OutOfSync,
                    Mode::Resync => Copies::Resync,
                };
                let says_hello = matches!(mode, Mode::InSync | Mode::Resync);
                state.link = match (std::mem::take(&mut self.opens), says_hello) {
                    (true, true) => Link::Announced,
                    (true, false) => Link::Closed,
                    (false, _) => state.link,
                };
            }
            Event::SessionConfirmed(_) | Event::SessionAccepted(_) => state.link = Link::Open,
            // A mirror that boots knows its session: what comes in it shows that it is open.
            Event::Copied { .. } => {
                (state.link, state.sync) = (Link::Open, Copies::Resync);
            }
            Event::Finished(_) => {
                (state.link, state.sync) = (Link::Open, Copies::InSync);
            }
            _ => {}
        }
    }
}

impl State {
    fn of_role(role: Role) -> State {
        State {
            role,
            link: Link::Closed,
            sync: Copies::Unknown,
        }
    }

    /// The same role with another link and sync state.
    fn with(self, (link, sync): (Link, Copies)) -> State {
        State { link, sync, ..self }
    }
}

/// An owner that begins to serve keeps what it has, and so does who drains, and goes on.
fn keeps(from: Role, to: Role) -> bool {
    matches!(
        (from, to),
        (Role::Announcing | Role::Draining, Role::Serving)
            | (Role::Serving, Role::Draining)
            | (Role::Following, Role::DrainingMirror)
            | (Role::DrainingMirror, Role::Following)
    )
}

impl Role {
    fn of(phase: Phase) -> Role {
        match phase {
            Phase::Configuring => Role::Configuring,
            Phase::Standby => Role::Standby,
            Phase::Claiming => Role::Claiming,
            Phase::Recovering => Role::Recovering,
            Phase::Announcing => Role::Announcing,
            Phase::Serving => Role::Serving,
            Phase::Following => Role::Following,
            Phase::Draining => Role::Draining,
            Phase::HandingOff => Role::HandingOff,
            Phase::Halted => Role::Halted,
        }
    }

    fn next(self) -> &'static [Role] {
        match self {
            Role::Configuring => &[Role::Standby],
            Role::Serving => &[Role::Standby, Role::Draining, Role::Following],
            Role::Following => &[Role::Standby, Role::DrainingMirror, Role::Announcing],
            Role::Draining => &[
                Role::Standby,
                Role::Serving,
                Role::HandingOff,
                Role::Following,
            ],
            Role::HandingOff => &[Role::Standby, Role::Announcing, Role::Following],
            Role::DrainingMirror => &[Role::Standby, Role::Following],
            Role::Standby => &[Role::Claiming],
            Role::Claiming => &[Role::Standby, Role::Recovering],
            Role::Recovering => &[
                Role::Standby,
                Role::Announcing,
                Role::Following,
                Role::HandingOff,
                Role::Halted,
            ],
            Role::Announcing => &[Role::Standby, Role::Serving, Role::Following],
            Role::Halted => &[Role::Standby],
        }
    }
}

/// What an owner's link and sync state can become.
fn next_of_owner(state: State) -> &'static [(Link, Copies)] {
    use Copies::{InSync, OutOfSync, Pending, Resync, Unknown};
    use Link::{Announced, Closed, Open};
    match (state.link, state.sync) {
        (Closed, Unknown) => &[(Announced, InSync), (Closed, Pending), (Closed, OutOfSync)],
        (Announced, InSync) => &[(Open, InSync), (Closed, Pending), (Closed, OutOfSync)],
        (Open, InSync) => &[(Announced, InSync), (Closed, Pending), (Closed, OutOfSync)],
        (Closed, Pending) => &[(Closed, OutOfSync)],
        (Closed, OutOfSync) => &[(Announced, Resync)],
        (Announced, Resync) => &[(Open, Resync), (Closed, OutOfSync)],
        (Open, Resync) => &[(Open, InSync), (Closed, OutOfSync)],
        _ => &[],
    }
}

/// What a mirror's can.
fn next_of_mirror(state: State) -> &'static [(Link, Copies)] {
    use Copies::{InSync, Resync, Unknown};
    use Link::{Closed, Open};
    match (state.link, state.sync) {
        (Closed, Unknown) => &[(Open, Unknown), (Open, Resync), (Open, InSync)],
        (Open, Unknown) => &[(Open, Resync), (Open, InSync)],
        (Open, Resync) => &[(Open, InSync)],
        (Open, InSync) => &[(Open, Resync)],
        _ => &[],
    }
}

fn next(state: State) -> Vec<State> {
    let links = match state.role {
        Role::Announcing | Role::Serving | Role::Draining => next_of_owner(state),
        Role::Following | Role::DrainingMirror => next_of_mirror(state),
        _ => &[],
    };
    let roles = state
        .role
        .next()
        .iter()
        .map(|role| match keeps(state.role, *role) {
            true => State {
                role: *role,
                ..state
            },
            false => State::of_role(*role),
        });
    links
        .iter()
        .map(|change| state.with(*change))
        .chain(roles)
        .collect()
}

/// Every transition that can happen, as `from -> to`.
pub fn possible() -> &'static [String] {
    static POSSIBLE: LazyLock<Vec<String>> = LazyLock::new(|| {
        let mut states = vec![State::of_role(Role::Configuring)];
        let mut names = Vec::new();
        let mut at = 0;
        while at < states.len() {
            let from = states[at];
            for to in next(from) {
                names.push(name((from, to)));
                if !states.contains(&to) {
                    states.push(to);
                }
            }
            at += 1;
        }
        names.sort();
        names
    });
    &POSSIBLE
}

fn name((from, to): (State, State)) -> String {
    format!("{from} -> {to}")
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::Configuring => "configuring",
            Role::Standby => "standby",
            Role::Claiming => "claiming",
            Role::Recovering => "recovering",
            Role::Announcing => "announcing",
            Role::Serving => "serving",
            Role::Following => "following",
            Role::Draining => "draining",
            Role::HandingOff => "handing off",
            Role::DrainingMirror => "draining mirror",
            Role::Halted => "halted",
        };
        f.write_str(role)?;
        if matches!(
            self.role,
            Role::Announcing
                | Role::Serving
                | Role::Following
                | Role::Draining
                | Role::DrainingMirror
        ) {
            f.write_str(match self.link {
                Link::Closed => ", closed",
                Link::Announced => ", announced",
                Link::Open => ", open",
            })?;
            f.write_str(match self.sync {
                Copies::Unknown => "",
                Copies::InSync => ", in sync",
                Copies::Pending => ", pending",
                Copies::OutOfSync => ", out of sync",
                Copies::Resync => ", resync",
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

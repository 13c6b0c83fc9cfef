//! A script: the faults of a repro as the fate of a run, in place of the weather.
//!
//! What befalls messages and device commands is looked up by name when they leave. What
//! is done to the hardware waits for what left before it and comes as long after; if that
//! never leaves, the fault never comes, and its key is stale. Chance is left in one
//! place: what a loss of power leaves is drawn by name, and by the number that the loss
//! had when it was recorded, so that leaving another one out re-rolls nothing.
//!
//! Calm is no fault of the list: as in a storm, it is read off the world.

mod meet;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::time::Duration;
use stormglass_sim::fault::Fault;
use stormglass_sim::occurrence::{IoName, PacketName};
use stormglass_sim::random::Seed;
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::World;

use self::meet::Likeness;
use super::entry::{Act, Departed, Entry, Hardware, ends};
use crate::actor::Actor;
use crate::agenda;
use crate::cluster::Map;
use crate::file::{PairIndex, Scenario};
use crate::oracle::o16_liveness::Sync;
use crate::weather::{Core, Power, Weather};

/// When something is what a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cue {
    /// It has the name and the content, and faults of the hardware come after what left
    /// before them. Nothing else is what was recorded.
    Exact,
    /// The name is enough: for a run of which something is left out.
    Names,
    /// Names do not count, for the numbers in them are others where commands are left out:
    /// a key means the first of its kind, between the same two, from its instant on.
    /// Faults of the hardware come at their instants.
    Instants,
}

/// A place in the list of faults.
type Place = u32;

/// The fate of a run that a list decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    plan: Arc<Plan>,
    power: Power,
    /// Shared by all forks of an instant.
    state: Arc<State>,
    /// What befalls, beside the list, what a fork wants to fare otherwise.
    beside: Option<Arc<Weather>>,
}

/// What never changes, with the ways to find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Plan {
    entries: Vec<Entry>,
    messages: BTreeMap<PacketName, Vec<Place>>,
    commands: BTreeMap<IoName, Vec<Place>>,
    waiting: BTreeMap<Departed, Vec<Place>>,
    /// Filled where names do not count.
    alike: BTreeMap<Likeness, Vec<Place>>,
    start: WorldTime,
    /// From then on it is calm.
    until: WorldTime,
    /// Whom calm mends, if anybody.
    core: Option<Core>,
    /// The highest number of a loss of power in the list.
    loss_max: u64,
    cue: Cue,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// What has its instant: by that, by how many events of it come before, and in the
    /// order of the list.
    due: BTreeSet<(WorldTime, u64, Place)>,
    /// What waits for something to leave.
    waiting: BTreeSet<Place>,
    /// What has happened.
    met: BTreeSet<Place>,
    /// Under whose name something came with another content, and the first such.
    changed: BTreeMap<Place, u64>,
    /// What was left out.
    dropped: BTreeSet<Place>,
    /// How often a message of the list has been sent with one content.
    sent: BTreeMap<(PacketName, u64), u32>,
    course: Course,
}

/// How far calm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Course {
    Stormy,
    Clearing,
    Calm,
}

/// Where and when a script plays.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The run's seed.
    pub seed: Seed,
    /// The run's beginning.
    pub start: WorldTime,
    /// When calm sets in, from there.
    pub until: Duration,
    /// Whom calm mends, if anybody.
    pub core: Option<Core>,
}

impl Script {
    /// The script of a list.
    pub fn new(entries: Vec<Entry>, cue: Cue, stage: Stage) -> Self {
        let (start, until) = (stage.start, stage.start.after(stage.until));
        let mut plan = Plan {
            messages: BTreeMap::new(),
            commands: BTreeMap::new(),
            waiting: BTreeMap::new(),
            alike: BTreeMap::new(),
            start,
            until,
            core: stage.core,
            loss_max: 0,
            cue,
            entries,
        };
        let mut state = State {
            due: BTreeSet::new(),
            waiting: BTreeSet::new(),
            met: BTreeSet::new(),
            changed: BTreeMap::new(),
            dropped: BTreeSet::new(),
            sent: BTreeMap::new(),
            course: match plan.core {
                Some(_) => Course::Stormy,
                None => Course::Calm,
            },
        };
        for (place, entry) in (0..).zip(&plan.entries) {
            match &entry.act {
                Act::Message { name, .. } if cue == Cue::Instants => {
                    let alike = plan.alike.entry(Likeness::of_message(name));
                    alike.or_default().push(place);
                }
                Act::Command { name, .. } if cue == Cue::Instants => {
                    let alike = plan.alike.entry(Likeness::of_command(name));
                    alike.or_default().push(place);
                }
                Act::Message { name, .. } => {
                    plan.messages.entry(*name).or_default().push(place);
                }
                Act::Command { name, .. } => {
                    plan.commands.entry(*name).or_default().push(place);
                }
                Act::Hardware(hardware) => {
                    plan.loss_max = plan.loss_max.max(hardware.draw);
                    match (hardware.after, cue) {
                        (Some(after), Cue::Exact | Cue::Names) => {
                            let waiting = plan.waiting.entry(after.departed);
                            waiting.or_default().push(place);
                            state.waiting.insert(place);
                        }
                        _ => {
                            state
                                .due
                                .insert((start.after(entry.at), hardware.late, place));
                        }
                    }
                }
                Act::Unknown(_) => {}
            }
        }
        Script {
            plan: Arc::new(plan),
            power: Power::new(stage.seed),
            state: Arc::new(state),
            beside: None,
        }
    }

    /// From now on what the list does not name meets the weather of another scenario, as
    /// far as that differs from the one it has had; and calm comes when that says.
    pub fn change_weather(&mut self, (from, to): (&Scenario, &Scenario), seed: Seed) {
        let start = self.plan.start;
        let beside = self
            .beside
            .get_or_insert_with(|| Arc::new(Weather::new(from, seed, start)));
        Arc::make_mut(beside).change((&from.weather, &to.weather), seed, start);
        if from.weather.until != to.weather.until {
            Arc::make_mut(&mut self.plan).until = beside.until();
        }
    }

    /// The list.
    pub fn entries(&self) -> &[Entry] {
        &self.plan.entries
    }

    /// How many of the list have happened.
    pub fn met(&self) -> usize {
        self.state.met.len()
    }

    /// True if the one at a place has happened.
    pub fn has_met(&self, place: usize) -> bool {
        Place::try_from(place).is_ok_and(|place| self.state.met.contains(&place))
    }

    /// Leaves some out from now on; none of them may have happened.
    pub fn leave_out(&mut self, places: impl IntoIterator<Item = usize>) {
        let state = Arc::make_mut(&mut self.state);
        for place in places {
            let place = Place::try_from(place).expect("lists are short");
            assert!(!state.met.contains(&place), "what happened stands");
            state.waiting.remove(&place);
            state.due.retain(|(.., other)| *other != place);
            state.dropped.insert(place);
        }
    }

    /// What did not happen, or not to what it had happened to, by place; ends apart, which
    /// may lie behind a failure.
    pub fn stale(&self) -> Vec<(usize, Staleness)> {
        let mut stale = Vec::new();
        for (place, entry) in (0..).zip(&self.plan.entries) {
            let at = place as usize;
            let is_met = self.state.met.contains(&place);
            if is_met || self.state.dropped.contains(&place) {
                continue;
            }
            if matches!(entry.act, Act::Unknown(_)) {
                stale.push((at, Staleness::Unknown));
            } else if let Some(content) = self.state.changed.get(&place) {
                stale.push((at, Staleness::Changed { content: *content }));
            } else if !entry.is_end() {
                stale.push((at, Staleness::Absent));
            }
        }
        stale
    }

    /// Ends that are still to come, and when.
    pub fn ends_to_come(&self) -> impl Iterator<Item = (WorldTime, &Hardware)> {
        let due = self.state.due.iter().map(|(at, _, place)| (*at, *place));
        let waiting = self.state.waiting.iter().map(|place| {
            let entry = &self.plan.entries[*place as usize];
            (self.plan.start.after(entry.at), *place)
        });
        let both = due.chain(waiting);
        both.filter_map(|(at, place)| {
            let hardware = self.plan.entries[place as usize].hardware()?;
            ends(&hardware.fault).then_some((at, hardware))
        })
    }

    /// What losses of power leave.
    pub fn power(&self) -> &Power {
        &self.power
    }
    /// True if what it does next is read off the world.
    pub fn is_mending(&self) -> bool {
        let calm = (self.plan.until, 0);
        let is_next = self.next_of_list().is_none_or(|next| next > calm);
        self.state.course == Course::Clearing && is_next
    }
    /// True if what comes next is what the scenario had asked for.
    pub fn next_is_scheduled(&self) -> bool {
        let first = self.state.due.first();
        let hardware = first.and_then(|(.., place)| self.plan.entries[*place as usize].hardware());
        hardware.is_some_and(|it| it.is_scheduled)
    }
    /// When calm sets in.
    pub fn until(&self) -> WorldTime {
        self.plan.until
    }
    /// Whom calm mends, if anybody.
    pub fn core(&self) -> Option<&Core> {
        self.plan.core.as_ref()
    }
    /// True if nothing befalls anybody any more.
    pub fn is_calm(&self, now: WorldTime) -> bool {
        let is_over = self.state.due.is_empty() && self.state.waiting.is_empty();
        is_over && self.state.course == Course::Calm && now >= self.plan.until
    }
    /// What calm owes of a volume's copies.
    pub fn sync(&self, volume: PairIndex, map: &Map) -> Sync {
        match &self.plan.core {
            None => Sync::Unknown,
            Some(core) if core.has_mirror(volume, map) => Sync::Owed,
            Some(_) => Sync::Impossible,
        }
    }

    fn next_of_list(&self) -> Option<(WorldTime, u64)> {
        let first = self.state.due.first();
        first.map(|(at, late, _)| (*at, *late))
    }

    /// When it does something next, and how many events of that instant come before.
    pub fn next_at(&self) -> Option<(WorldTime, u64)> {
        let calm = match self.state.course {
            Course::Stormy | Course::Clearing => Some((self.plan.until, 0)),
            Course::Calm => None,
        };
        self.next_of_list().into_iter().chain(calm).min()
    }

    /// What it does then; nothing where calm begins or has come.
    pub fn take(&mut self, world: &World<Actor>, map: &Map) -> Option<Fault> {
        let next = self.next_at()?;
        if self.next_of_list() == Some(next) {
            let state = Arc::make_mut(&mut self.state);
            let (.., place) = state.due.pop_first()?;
            state.met.insert(place);
            let hardware = self.plan.entries[place as usize].hardware()?;
            if loses_power(&hardware.fault) {
                self.power.begin(hardware.draw);
            }
            return Some(hardware.fault.clone());
        }
        if self.state.course == Course::Stormy {
            self.end_weather();
            return None;
        }
        let step = self.plan.core.as_ref()?.mend(world, map);
        match &step {
            None => Arc::make_mut(&mut self.state).course = Course::Calm,
            Some(fault) if loses_power(fault) => {
                let last = self.power.loss().max(self.plan.loss_max);
                self.power.begin(last + 1);
            }
            Some(_) => {}
        }
        step
    }

    /// Calm sets in: what the weather would still begin never comes, what would end a
    /// hindrance ends it now.
    fn end_weather(&mut self) {
        let plan = Arc::clone(&self.plan);
        let state = Arc::make_mut(&mut self.state);
        state.course = Course::Clearing;
        let of_weather = |place: &Place| {
            let hardware = plan.entries[*place as usize].hardware();
            hardware.filter(|it| !it.is_scheduled)
        };
        let due = state.due.iter().map(|(.., place)| *place);
        let left: Vec<Place> = due.chain(state.waiting.iter().copied()).collect();
        for place in left {
            let Some(hardware) = of_weather(&place) else {
                continue;
            };
            state.waiting.remove(&place);
            state.due.retain(|(.., other)| *other != place);
            if agenda::is_end(&hardware.fault) {
                state.due.insert((plan.until, 0, place));
            }
        }
    }
}

/// Why a key is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staleness {
    /// Nothing of this name came.
    Absent,
    /// Something of this name came, and it was another.
    Changed {
        /// What the first one had in it, as a fingerprint.
        content: u64,
    },
    /// This cluster has nothing of this name.
    Unknown,
}

impl fmt::Display for Staleness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Staleness::Absent => f.write_str("nothing of this name came"),
            Staleness::Changed { content } => write!(
                f,
                "what came under this name is another, with content {content:016x}"
            ),
            Staleness::Unknown => f.write_str("this cluster has nothing of this name"),
        }
    }
}

fn loses_power(fault: &Fault) -> bool {
    matches!(fault, Fault::Crash(_) | Fault::DevicePowerLoss(_))
}

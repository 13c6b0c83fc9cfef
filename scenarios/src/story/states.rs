//! States that last: who is up, in which role, and what is wrong with what.
//!
//! Hardware is looked at after whatever may have changed it; roles and modes are what
//! D-modules report of themselves.

use std::collections::{BTreeMap, BTreeSet};

use stormglass_engine::configuration::D_SLOT;
use stormglass_engine::event::{Event, Phase};
use stormglass_engine::wire::mediator::MediatorRecord;
use stormglass_reports::record::{SPANS_MAX, Span, Track};
use stormglass_sim::fault::Fault;
use stormglass_sim::network::Cut;
use stormglass_sim::service_time::Pace;
use stormglass_sim::world::{DeviceIndex, MachineId, ProcessId, World};

use super::lanes::Lanes;
use super::tail::Tail;
use crate::actor::Actor;
use crate::file::PairIndex;
use crate::timeline::{mode_name, phase_name};

/// A state that goes on.
#[derive(Debug)]
struct Open {
    from: u64,
    state: String,
    detail: String,
}

/// States that go on, and those that ended.
#[derive(Debug)]
pub(super) struct States {
    open: BTreeMap<(u32, Track), Open>,
    ended: Tail<Span>,
    /// Devices without space: nothing else shows it.
    full: BTreeSet<DeviceIndex>,
    /// Each machine's drift at the beginning.
    drifts: Vec<i32>,
    /// What was heard last of each volume's record at the mediator.
    records: BTreeMap<Option<PairIndex>, MediatorRecord>,
}

impl States {
    pub(super) fn new(world: &World<Actor>) -> Self {
        let drift = |(_, machine): (_, &stormglass_sim::world::Machine)| machine.clock.drift_ppb;
        let mut states = States {
            open: BTreeMap::new(),
            ended: Tail::new(SPANS_MAX),
            full: BTreeSet::new(),
            drifts: world.machines().map(drift).collect(),
            records: BTreeMap::new(),
        };
        // Who looks on from the middle has not heard who became what.
        for (id, process) in world.processes() {
            if let Some(module) = process.module.as_ref().and_then(Actor::as_d_module) {
                let role = (Lanes::process(id, world), Track::Role);
                let at = world.now().as_nanos();
                states.enter(role, at, phase_name(module.phase()), "");
            }
        }
        states
    }

    /// From now on a lane is in this state; in none if it is empty.
    fn enter(&mut self, (lane, track): (u32, Track), at: u64, state: &str, detail: &str) {
        let key = (lane, track);
        if let Some(open) = self.open.get(&key) {
            if open.state == state && open.detail == detail {
                return;
            }
            self.leave(key, at);
        }
        if !state.is_empty() {
            let (state, detail) = (state.to_owned(), detail.to_owned());
            let from = at;
            self.open.insert(
                key,
                Open {
                    from,
                    state,
                    detail,
                },
            );
        }
    }

    fn leave(&mut self, key: (u32, Track), at: u64) {
        let Some(Open {
            from,
            state,
            detail,
        }) = self.open.remove(&key)
        else {
            return;
        };
        let (lane, track) = key;
        let span = Span {
            lane,
            track,
            from,
            to: at,
            state,
            detail,
        };
        // What lasted no time was never seen by anybody.
        if span.to > span.from {
            self.ended.push(span, |span| span.from);
        }
    }

    /// Takes a module's report.
    pub(super) fn observe(
        &mut self,
        process: ProcessId,
        event: &Event,
        (world, lanes): (&World<Actor>, &Lanes),
    ) {
        let at = world.now().as_nanos();
        let lane = Lanes::process(process, world);
        let (role, epoch, sync) = (
            (lane, Track::Role),
            (lane, Track::Epoch),
            (lane, Track::Sync),
        );
        match event {
            Event::Phase(phase) => {
                self.enter(role, at, phase_name(*phase), "");
                match phase {
                    // An owner that begins to serve keeps what it has.
                    Phase::Serving | Phase::Draining => {}
                    Phase::Configuring | Phase::Standby | Phase::Claiming | Phase::Halted => {
                        self.leave(epoch, at);
                        self.leave(sync, at);
                    }
                    Phase::Recovering
                    | Phase::Announcing
                    | Phase::Following
                    | Phase::HandingOff => {
                        self.leave(sync, at);
                    }
                }
            }
            Event::Fenced(key) => self.enter(epoch, at, &format!("epoch {}", key.epoch), ""),
            Event::Mode(mode, session) => {
                self.enter(sync, at, mode_name(*mode), &format!("session {session}"));
            }
            Event::SessionAccepted(session) => {
                self.enter(sync, at, "session open", &format!("session {session}"));
            }
            // A mirror that boots knows its session; what comes in it shows that it is open.
            Event::Copied { session, .. } | Event::ReplicaPerformed { session, .. }
                if !self.open.contains_key(&sync) =>
            {
                self.enter(sync, at, "session open", &format!("session {session}"));
            }
            Event::Finished(session) => {
                self.enter(sync, at, "in sync", &format!("session {session}"));
            }
            Event::MediatorSet(record) | Event::MediatorSays(record) => {
                if let Some(lane) = lanes.mediator {
                    self.records.insert(lanes.volume(process), *record);
                    self.enter_records(lane, at);
                }
            }
            _ => {}
        }
    }

    /// What the mediator holds, of each volume.
    fn enter_records(&mut self, lane: u32, at: u64) {
        let of_volume = |volume: Option<PairIndex>| {
            volume.map_or(String::new(), |volume| {
                format!("volume {}: ", volume.number())
            })
        };
        let records = || {
            self.records
                .iter()
                .map(|(it, record)| (of_volume(*it), record))
        };
        let owners = records().map(|(volume, record)| {
            let owner = record.owner.value();
            format!("{volume}site {owner} owns")
        });
        let details = records().map(|(volume, record)| {
            let word = match record.in_sync {
                true => "in sync",
                false => "out of sync",
            };
            format!("{volume}version {}, {word}", record.version.value())
        });
        let owners = owners.collect::<Vec<_>>().join("; ");
        let details = details.collect::<Vec<_>>().join("; ");
        self.enter((lane, Track::Role), at, &owners, &details);
    }

    /// A module is gone, and its role with it.
    pub(super) fn stopped(&mut self, process: ProcessId, world: &World<Actor>) {
        if world.process(process).slot != D_SLOT {
            return;
        }
        let lane = Lanes::process(process, world);
        let at = world.now().as_nanos();
        for track in [Track::Role, Track::Epoch, Track::Sync] {
            self.leave((lane, track), at);
        }
    }

    /// Takes note of what no look at the world shows.
    pub(super) fn fault(&mut self, fault: &Fault) {
        match fault {
            Fault::DeviceFull(device, _) => {
                self.full.insert(*device);
            }
            Fault::DeviceHasRoom(device) => {
                self.full.remove(device);
            }
            _ => {}
        }
    }

    /// Looks at all hardware.
    pub(super) fn look(&mut self, world: &World<Actor>, lanes: &mut Lanes) {
        let at = world.now().as_nanos();
        for (id, _) in world.machines() {
            let lane = Lanes::machine(id);
            let (state, detail) = power(world, id);
            self.enter((lane, Track::Power), at, state, &detail);
            let trouble = self.machine_trouble(world, id);
            self.enter((lane, Track::Trouble), at, &trouble, "");
        }
        for (id, drive) in world.drives() {
            let words = [
                (drive.device.is_gone(), "gone"),
                (drive.device.is_stalled(), "stalled"),
                (drive.pace.get() != Pace::USUAL, "slow"),
                (self.full.contains(&id), "full"),
            ];
            self.enter((lanes.device(id), Track::Trouble), at, &joined(&words), "");
        }
        self.look_at_links(world, lanes);
    }

    fn look_at_links(&mut self, world: &World<Actor>, lanes: &mut Lanes) {
        let at = world.now().as_nanos();
        let network = world.network();
        let mut found: BTreeMap<Cut, Vec<String>> = BTreeMap::new();
        let mut note = |path: Cut, word: String| found.entry(path).or_default().push(word);
        for cut in network.cuts() {
            note(*cut, "cut".to_owned());
        }
        for (cut, kind) in network.cut_kinds() {
            let name = <Actor as stormglass_engine::contract::Module>::kind_name(kind);
            note(cut, format!("cut for {name}"));
        }
        for path in network.clogs() {
            note(path, "clogged".to_owned());
        }
        for path in network.limits() {
            note(path, "narrow".to_owned());
        }
        let mut wrong = BTreeSet::new();
        for (path, words) in &found {
            let key = lanes.path(path, world);
            wrong.insert(key);
            self.enter(key, at, &words.join(", "), "");
        }
        let is_path = |track| matches!(track, Track::There | Track::Back);
        let right: Vec<_> = self.open.keys().copied().collect();
        for key in right {
            if is_path(key.1) && !wrong.contains(&key) {
                self.leave(key, at);
            }
        }
    }

    fn machine_trouble(&self, world: &World<Actor>, id: MachineId) -> String {
        let machine = world.machine(id);
        let mut processes = machine.processes.iter();
        let is_slow = processes.any(|it| world.process(*it).pace.get() != Pace::USUAL);
        let drifted = self.drifts.get(id.0 as usize) != Some(&machine.clock.drift_ppb);
        joined(&[(is_slow, "slow CPU"), (drifted, "clock at another rate")])
    }

    /// All spans by their ends, those that go on until the end.
    pub(super) fn finish(mut self, at: u64) -> Tail<Span> {
        let open: Vec<_> = self.open.keys().copied().collect();
        for key in open {
            self.leave(key, at);
        }
        self.ended
    }
}

fn power(world: &World<Actor>, id: MachineId) -> (&'static str, String) {
    let processes = world.machine(id).processes.iter();
    let modules = processes.map(|it| world.process(*it));
    let (up, down): (Vec<_>, Vec<_>) = modules.partition(|it| it.module.is_some());
    if up.is_empty() {
        return ("down", String::new());
    }
    if up.iter().any(|it| it.is_paused) {
        return ("paused", String::new());
    }
    if down.is_empty() {
        return ("up", String::new());
    }
    let names: Vec<&str> = down.iter().map(|it| &*it.name).collect();
    ("partly up", format!("{} is down", names.join(", ")))
}

fn joined(words: &[(bool, &str)]) -> String {
    let said = words.iter().filter(|(is_so, _)| *is_so);
    let said: Vec<&str> = said.map(|(_, word)| *word).collect();
    said.join(", ")
}

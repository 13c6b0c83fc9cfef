//! What leaves, and the keys that mean it: by its name, or, where names do not count, by
//! what it is like.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{IoRequest, LabelKind, NetworkId};
use stormglass_engine::time::Duration;
use stormglass_sim::choose::{Departure, IoDeparture, IoFate, PacketFate};
use stormglass_sim::device::IoEffect;
use stormglass_sim::occurrence::{IoName, PacketName};
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::{DeviceIndex, ProcessId};

use super::{Cue, Place, Script};
use crate::repro::entry::{Act, After, Aspect, Departed, Trouble};
use crate::repro::fingerprint;

/// How long after its instant something still comes in place of what a key meant.
const NEAR: Duration = Duration::from_millis(500);

/// What is of one kind, where names do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Likeness {
    /// Messages of one kind between the same two.
    Message(NetworkId, ProcessId, ProcessId, LabelKind),
    /// Commands of one submitter to one device.
    Command(DeviceIndex, ProcessId),
}

impl Likeness {
    /// What a message is like.
    pub(super) fn of_message(name: &PacketName) -> Self {
        Likeness::Message(name.network, name.from, name.to, name.label.kind)
    }

    /// What a command is like.
    pub(super) fn of_command(name: &IoName) -> Self {
        Likeness::Command(name.device, name.process)
    }
}

impl Script {
    /// What befalls a packet: what the list says, or else what is asked for beside it.
    pub fn packet(&mut self, departure: &Departure) -> PacketFate {
        let fate = self.listed_packet(departure);
        match &self.beside {
            Some(beside) if fate == PacketFate::default() => beside.packet(departure),
            Some(_) | None => fate,
        }
    }

    /// What befalls a device command, likewise.
    pub fn io(&mut self, departure: &IoDeparture) -> IoFate {
        let fate = self.listed_io(departure);
        match &self.beside {
            Some(beside) if fate == IoFate::default() => beside.io(departure),
            Some(_) | None => fate,
        }
    }

    fn listed_packet(&mut self, departure: &Departure) -> PacketFate {
        let name = fingerprint::packet_name(departure);
        if !self.state.waiting.is_empty() {
            self.depart(&Departed::Message(name), departure.at);
        }
        let mut fate = PacketFate::default();
        let plan = Arc::clone(&self.plan);
        // It is calm then, also for what leaves once more as it did before.
        let is_stormy = departure.at < plan.until;
        let met = match plan.messages.get(&name) {
            Some(keys) if is_stormy => {
                let state = Arc::make_mut(&mut self.state);
                let times = state.sent.entry((name, departure.head)).or_default();
                *times += 1;
                let time = *times;
                self.meet(keys, departure.head, time)
            }
            None if is_stormy && plan.cue == Cue::Instants => {
                let likeness = Likeness::of_message(&name);
                self.meet_alike(likeness, departure.at, |_| true)
            }
            Some(_) | None => return fate,
        };
        for place in met {
            let Act::Message { aspect, .. } = &plan.entries[place as usize].act else {
                continue;
            };
            match *aspect {
                Aspect::Lost => fate.is_lost = true,
                Aspect::Doubled { later, .. } => {
                    fate.duplicate = Some(later);
                    fate.copies = aspect.copies();
                }
                Aspect::Delayed(by) => fate.delay = by,
                Aspect::Corrupted(bit) => fate.flipped_bit = Some(bit),
            }
        }
        fate
    }

    fn listed_io(&mut self, departure: &IoDeparture) -> IoFate {
        if !self.state.waiting.is_empty() {
            self.depart(&Departed::Command(departure.name), departure.at);
        }
        let mut fate = IoFate::default();
        let plan = Arc::clone(&self.plan);
        let is_stormy = departure.at < plan.until;
        let met = match plan.commands.get(&departure.name) {
            Some(keys) if is_stormy => {
                self.meet(keys, fingerprint::submission(departure.submission), 1)
            }
            None if is_stormy && plan.cue == Cue::Instants => {
                let likeness = Likeness::of_command(&departure.name);
                let request = &departure.submission.request;
                self.meet_alike(likeness, departure.at, |act| suits(act, request))
            }
            Some(_) | None => return fate,
        };
        for place in met {
            let Act::Command { trouble, .. } = &plan.entries[place as usize].act else {
                continue;
            };
            match *trouble {
                Trouble::Slow(by) => fate.slow = by,
                Trouble::Wrong { effect, draw } => {
                    fate.effect = effect;
                    if effect == IoEffect::FlushFails {
                        self.power.begin(draw);
                    }
                }
            }
        }
        fate
    }

    /// Something leaves: what waits for it has its instant now.
    fn depart(&mut self, departed: &Departed, at: WorldTime) {
        let Some(places) = self.plan.waiting.get(departed) else {
            return;
        };
        let state = Arc::make_mut(&mut self.state);
        for place in places {
            let Some(hardware) = self.plan.entries[*place as usize].hardware() else {
                continue;
            };
            let Some(After { span, .. }) = hardware.after else {
                continue;
            };
            // The first of the name counts; later ones are echoes.
            if state.waiting.remove(place) {
                state.due.insert((at.after(span), hardware.late, *place));
            }
        }
    }

    /// The keys that mean the first of a kind from their instants on, of which this is one.
    fn meet_alike(
        &mut self,
        likeness: Likeness,
        at: WorldTime,
        fits: impl Fn(&Act) -> bool,
    ) -> Vec<Place> {
        let plan = Arc::clone(&self.plan);
        let Some(keys) = plan.alike.get(&likeness) else {
            return Vec::new();
        };
        let due = |place: &Place| plan.start.after(plan.entries[*place as usize].at);
        let open = keys.iter().copied().filter(|place| {
            let is_over = self.state.met.contains(place) || self.state.dropped.contains(place);
            let is_near = due(place) <= at && at <= due(place).after(NEAR);
            !is_over && is_near && fits(&plan.entries[*place as usize].act)
        });
        // What befell one thing has one instant; the next is for the next.
        let open: Vec<Place> = open.collect();
        let first = open.first().map(due);
        let found: Vec<Place> = open
            .into_iter()
            .filter(|place| Some(due(place)) == first)
            .collect();
        if !found.is_empty() {
            Arc::make_mut(&mut self.state).met.extend(&found);
        }
        found
    }

    /// Which of the keys of a name mean something that has this content, and meets them.
    /// One that is sent again as it was is another `time`.
    fn meet(&mut self, keys: &[Place], content: u64, time: u32) -> Vec<Place> {
        let plan = Arc::clone(&self.plan);
        let recorded = |place: &Place| match &plan.entries[*place as usize].act {
            Act::Message { fingerprint, .. } | Act::Command { fingerprint, .. } => *fingerprint,
            Act::Hardware(_) | Act::Unknown(_) => 0,
        };
        let state = Arc::make_mut(&mut self.state);
        let keys: Vec<Place> = keys
            .iter()
            .filter(|place| !state.dropped.contains(place))
            .copied()
            .collect();
        let with = |content: u64| keys.iter().filter(move |place| recorded(place) == content);
        let mut found: Vec<Place> = with(content).copied().collect();
        if found.is_empty() {
            let open = keys.iter().find(|place| !state.met.contains(place));
            match (open, plan.cue) {
                (Some(first), Cue::Names) => {
                    found = with(recorded(first)).copied().collect();
                }
                (Some(_), Cue::Exact) => {
                    for place in &keys {
                        state.changed.entry(*place).or_insert(content);
                    }
                }
                (None, _) | (Some(_), Cue::Instants) => {}
            }
        }
        found.retain(|place| match &plan.entries[*place as usize].act {
            Act::Message { times, .. } => times.is_empty() || times.contains(&time),
            Act::Command { .. } | Act::Hardware(_) | Act::Unknown(_) => true,
        });
        state.met.extend(&found);
        found
    }
}

/// True if that may befall a command that asks for this.
fn suits(act: &Act, request: &IoRequest) -> bool {
    let Act::Command { trouble, .. } = act else {
        return false;
    };
    let effect = match trouble {
        Trouble::Slow(_) => return true,
        Trouble::Wrong { effect, .. } => effect,
    };
    match effect {
        IoEffect::Lost | IoEffect::Misdirected(_) | IoEffect::Full => {
            matches!(request, IoRequest::Write { .. })
        }
        IoEffect::FlushLies | IoEffect::FlushFails => matches!(request, IoRequest::Flush),
        IoEffect::Error | IoEffect::Sound => true,
    }
}

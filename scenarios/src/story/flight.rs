//! Messages, from when they leave until something becomes of them.
//!
//! No occurrence tells of a message that nothing befalls, so arrivals are computed as
//! the world computes them: the latency is drawn from the message's own identity, and
//! what a limited path adds follows from asking a copy of the network, taken before
//! the step, the same questions in the same order.

use std::collections::BTreeMap;

use stormglass_engine::contract::{LabelKind, Module};
use stormglass_engine::time::Duration;
use stormglass_reports::record::{Befell, MESSAGES_MAX, Message, MessageEnd};
use stormglass_sim::choose::{Departure, PacketFate};
use stormglass_sim::network::{Cut, Entry, Network};
use stormglass_sim::occurrence::PacketName;
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::World;

use super::lanes::Lanes;
use super::tail::Tail;
use crate::actor::Actor;

/// A message whose end is open.
#[derive(Debug)]
struct Pending {
    name: PacketName,
    /// How long it travels once it leaves.
    span: Duration,
    length: usize,
    /// Its number among the messages.
    number: usize,
}

/// All messages so far.
#[derive(Debug)]
pub(super) struct Flight {
    messages: Tail<Message>,
    kinds: Vec<LabelKind>,
    /// On their way, by when they arrive.
    travelling: BTreeMap<(WorldTime, usize), Pending>,
    /// At a clog, in the order in which they came.
    held: Vec<Pending>,
    /// Processes that are up, by number, as of the last step.
    up: Vec<bool>,
}

impl Flight {
    pub(super) fn new(world: &World<Actor>) -> Self {
        Flight {
            messages: Tail::new(MESSAGES_MAX),
            kinds: Vec::new(),
            travelling: BTreeMap::new(),
            held: Vec::new(),
            up: vec![false; world.processes().count()],
        }
    }

    /// Judges what has arrived before this instant. Who was up then is known from the
    /// last look, for whoever changes that moves time on first.
    pub(super) fn arrive_before(&mut self, now: WorldTime) {
        while let Some(first) = self.travelling.first_entry() {
            if first.key().0 >= now {
                return;
            }
            let pending = first.remove();
            let is_up = self.up.get(pending.name.to.0 as usize) == Some(&true);
            let end = match is_up {
                true => MessageEnd::Arrived,
                false => MessageEnd::Nobody,
            };
            self.end(pending.number, end);
        }
    }

    /// A message met a cut as it arrived now.
    pub(super) fn cut_off(&mut self, name: &PacketName, now: WorldTime) {
        let mut here = self.travelling.range((now, 0)..=(now, usize::MAX));
        let found = here.find(|(_, pending)| pending.name == *name);
        if let Some((key, pending)) = found.map(|(key, pending)| (*key, pending.number)) {
            self.travelling.remove(&key);
            self.end(pending, MessageEnd::CutOff);
        }
    }

    /// Looks who is up.
    pub(super) fn look(&mut self, world: &World<Actor>) {
        let up = world.processes().map(|(_, it)| it.module.is_some());
        self.up = up.collect();
    }

    /// A message leaves, and perhaps copies of it. `network` is as it was before.
    pub(super) fn depart(
        &mut self,
        (departure, fate): &(Departure, PacketFate),
        network: &mut Network,
        (world, lanes): (&World<Actor>, &mut Lanes),
    ) {
        let Departure {
            at,
            network: over,
            from,
            to,
            label,
            length,
            head: _,
        } = *departure;
        let name = PacketName {
            network: over,
            from,
            to,
            label,
        };
        let path = path_of(&name, world);
        let latency = network.latency(over, from, to, &label, length);
        let kind = self.kind(label.kind);
        let (link, _) = lanes.path(&path, world);
        let message = |befell: Vec<Befell>| Message {
            sent: at.as_nanos(),
            arrives: at.after(latency).as_nanos(),
            link,
            from: Lanes::machine(path.from),
            to: Lanes::machine(path.to),
            kind,
            label: format!("{} part {} attempt {}", label.id, label.part, label.attempt),
            bytes: length as u64,
            end: MessageEnd::Lost,
            befell,
        };
        if fate.is_lost {
            self.messages.push(message(Vec::new()), |it| it.sent);
            return;
        }
        let copies = fate.copies;
        let more = (1..=u64::from(copies.count)).map(|number| copies.apart.times(number));
        let mut departing: Vec<(Vec<Befell>, Duration)> = Vec::new();
        for later in fate.duplicate.into_iter().chain(more) {
            departing.push((vec![Befell::Copy], latency.plus(later)));
        }
        let mut befell = Vec::new();
        if fate.delay > Duration::ZERO {
            befell.push(Befell::Delayed);
        }
        if fate.flipped_bit.is_some() {
            befell.push(Befell::Corrupt);
        }
        departing.push((befell, latency.plus(fate.delay)));
        for (befell, span) in departing {
            let number = self.messages.push(message(befell), |it| it.sent);
            let pending = Pending {
                name,
                span,
                length,
                number,
            };
            self.leave(pending, at, &path, network);
        }
    }

    /// What waits on a path leaves, in the order in which it came.
    pub(super) fn release(
        &mut self,
        path: &Cut,
        at: WorldTime,
        network: &mut Network,
        world: &World<Actor>,
    ) {
        if !network.release(*path) {
            return;
        }
        for pending in std::mem::take(&mut self.held) {
            match path_of(&pending.name, world) == *path {
                true => self.leave(pending, at, path, network),
                false => self.held.push(pending),
            }
        }
    }

    fn leave(&mut self, pending: Pending, at: WorldTime, path: &Cut, network: &mut Network) {
        if network.is_clogged(path) {
            self.befall(pending.number, Befell::Clogged);
            self.held.push(pending);
            return;
        }
        let wait = match network.enter(path, at, pending.length as u64) {
            Entry::Sent(wait) => wait,
            Entry::Queued(wait) => {
                self.befall(pending.number, Befell::Queued);
                wait
            }
            Entry::Overflow => return self.end(pending.number, MessageEnd::NoRoom),
            Entry::TooLarge => return self.end(pending.number, MessageEnd::TooLarge),
        };
        let arrives = at.after(wait).after(pending.span);
        if let Some(message) = self.messages.get_mut(pending.number) {
            message.arrives = arrives.as_nanos();
            message.end = MessageEnd::UnderWay;
        }
        self.travelling.insert((arrives, pending.number), pending);
    }

    fn befall(&mut self, number: usize, what: Befell) {
        if let Some(message) = self.messages.get_mut(number) {
            message.befell.push(what);
        }
    }

    fn end(&mut self, number: usize, end: MessageEnd) {
        if let Some(message) = self.messages.get_mut(number) {
            message.end = end;
        }
    }

    fn kind(&mut self, kind: LabelKind) -> u32 {
        let found = self.kinds.iter().position(|known| *known == kind);
        let place = found.unwrap_or_else(|| {
            self.kinds.push(kind);
            self.kinds.len() - 1
        });
        u32::try_from(place).expect("kinds are few")
    }

    /// All messages, and the names of their kinds.
    pub(super) fn finish(mut self, now: WorldTime) -> (Tail<Message>, Vec<String>) {
        for pending in std::mem::take(&mut self.held) {
            self.end(pending.number, MessageEnd::Held);
        }
        // Those of the last instant have arrived too.
        self.arrive_before(now.after(Duration::from_nanos(1)));
        let kinds = self.kinds.iter();
        let kinds = kinds.map(|kind| Actor::kind_name(*kind).to_owned());
        (self.messages, kinds.collect())
    }
}

fn path_of(name: &PacketName, world: &World<Actor>) -> Cut {
    Cut {
        network: name.network,
        from: world.process(name.from).machine,
        to: world.process(name.to).machine,
    }
}

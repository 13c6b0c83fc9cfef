//! Weather: faults that each seed draws.
//!
//! A seed draws once which kinds are on and how strong each is (swarm); then each
//! message draws its fate from its own identity, so that leaving one message out
//! re-rolls no other. Faults of nodes, links and devices come by a clock of their own
//! (`recurring`), thicker in `bursts`, until `calm` sets in.

mod bursts;
mod calm;
mod defects;
mod draw;
mod power;
mod recurring;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::time::Duration;
use stormglass_sim::choose::{Copies, Departure, IoDeparture, IoFate, PacketFate};
use stormglass_sim::fault::Fault;
use stormglass_sim::network::identity;
use stormglass_sim::random::{Draw, Ratio, Sample, Seed};
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::World;

use self::bursts::Bursts;
pub use self::calm::{Core, Rest};
use self::defects::Defects;
pub use self::defects::IoStrength;
pub use self::power::Power;
use self::recurring::Storm;
use crate::actor::Actor;
use crate::agenda::Agenda;
use crate::cluster::Map;
use crate::file::{self, PairIndex, Rate, RecurringKind, Scenario};
use crate::oracle::o16_liveness::Sync;
use crate::schedule;

/// The strength of each kind of message fault, as this seed drew it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strength {
    /// Messages lost.
    pub loss: Ratio,
    /// Messages doubled.
    pub duplicate: Ratio,
    /// Messages delayed.
    pub delay: Ratio,
    /// Longest such delay.
    pub delay_max: Duration,
    /// Messages corrupted.
    pub corrupt: Ratio,
    /// Device commands.
    pub io: IoStrength,
}

/// A run's weather.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weather {
    strength: Strength,
    /// Inside a burst.
    thick: Strength,
    /// From then on it is calm.
    until: WorldTime,
    packets: Draw,
    defects: Defects,
    power: Power,
    /// Shared by all forks of an instant.
    hard: Arc<Hard>,
}

/// What befalls nodes, links and devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Hard {
    bursts: Bursts,
    storm: Storm,
    /// What has been drawn and is to be done yet, the ends of what lasts among it.
    agenda: Agenda,
    core: Core,
    course: Course,
}

/// How far a storm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Course {
    /// Faults come.
    Stormy,
    /// They stop: what they broke in the core is mended, step by step.
    Clearing,
    /// Nothing is left to be done.
    Calm,
}

/// Longest time by which the second copy of a message follows, so that copies
/// arrive after later messages and after retries.
const DUPLICATE_LATE_MAX: Duration = Duration::from_millis(400);

/// Longest time between further copies.
const COPIES_APART_MAX: Duration = Duration::from_millis(1_500);

impl Weather {
    /// Draws a seed's weather.
    pub fn new(scenario: &Scenario, seed: Seed, start: WorldTime) -> Self {
        let asked = &scenario.weather;
        let strength = Strength::drawn(asked, asked.swarm, seed);
        let until = start.after(asked.until);
        let bursts = Bursts::new(asked.burst, seed.draw(0, "bursts"), start, until);
        let storm = Storm::new(scenario, seed, start, &bursts);
        // Weather of messages alone leaves nothing to mend.
        let course = match asked.recurring.is_empty() && asked.calm == file::Calm::All {
            true => Course::Calm,
            false => Course::Stormy,
        };
        Weather {
            strength,
            thick: strength.hastened(bursts.factor()),
            until,
            packets: seed.draw(0, "message faults"),
            defects: Defects::new(scenario, seed, start),
            power: Power::new(seed),
            hard: Arc::new(Hard {
                bursts,
                storm,
                agenda: Agenda::default(),
                core: Core::new(scenario, seed),
                course,
            }),
        }
    }

    /// From now on messages and commands meet what another weather asks for, where that
    /// differs from the one that it has had; bursts come as they were drawn. What was
    /// changed is on, whatever the seed's swarm drew. `start` is the run's beginning.
    pub fn change(
        &mut self,
        (from, to): (&file::Weather, &file::Weather),
        seed: Seed,
        start: WorldTime,
    ) {
        if from.until != to.until {
            self.until = start.after(to.until);
        }
        let drawn = Strength::drawn(to, Ratio::ALWAYS, seed);
        self.strength.take_over(drawn, from, to);
        self.thick = self.strength.hastened(self.hard.bursts.factor());
    }

    /// A power loss is about to happen.
    pub fn begin_power_loss(&mut self) {
        self.power.begin(self.power.loss() + 1);
    }

    /// What losses of power leave.
    pub fn power(&self) -> &Power {
        &self.power
    }
    /// True if what it does next is read off the world, so that it need not be told.
    pub fn is_mending(&self) -> bool {
        self.hard.course == Course::Clearing && self.hard.agenda.next_at().is_none()
    }
    /// What has been drawn and is to be done yet.
    pub fn agenda(&self) -> &Agenda {
        &self.hard.agenda
    }
    /// True if something is mended when calm sets in.
    pub fn mends(&self) -> bool {
        self.hard.course != Course::Calm
    }
    /// What this seed drew.
    pub fn strength(&self) -> Strength {
        self.strength
    }
    /// The recurring faults that this seed turned on.
    pub fn recurring(&self) -> impl Iterator<Item = RecurringKind> {
        self.hard.storm.kinds()
    }
    /// When calm sets in.
    pub fn until(&self) -> WorldTime {
        self.until
    }
    /// True if nothing befalls anybody any more.
    pub fn is_calm(&self, now: WorldTime) -> bool {
        self.hard.course == Course::Calm && now >= self.until
    }
    /// What calm owes of a volume's copies. Weather of messages alone mends nothing that the
    /// schedule broke.
    pub fn sync(&self, volume: PairIndex, map: &Map) -> Sync {
        match (self.hard.course, self.hard.core.has_mirror(volume, map)) {
            (Course::Calm, _) => Sync::Unknown,
            (Course::Stormy | Course::Clearing, true) => Sync::Owed,
            (Course::Stormy | Course::Clearing, false) => Sync::Impossible,
        }
    }
    /// For whom the faults stop then.
    pub fn core(&self) -> &Core {
        &self.hard.core
    }

    /// When it does something of its own next.
    pub fn next_at(&self) -> Option<WorldTime> {
        match self.hard.course {
            Course::Stormy => {
                let own = [self.hard.storm.next_at(), self.hard.agenda.next_at()];
                own.into_iter()
                    .flatten()
                    .chain(std::iter::once(self.until))
                    .min()
            }
            Course::Clearing => Some(self.until),
            Course::Calm => None,
        }
    }

    /// What it does at that instant; nothing where a storm only begins something later,
    /// or has come to its end.
    pub fn take(&mut self, world: &World<Actor>, map: &Map) -> Option<Fault> {
        let at = self.next_at()?;
        let hard = Arc::make_mut(&mut self.hard);
        if hard.course == Course::Stormy && at >= self.until {
            hard.agenda.retain_ends();
            hard.course = Course::Clearing;
        }
        if hard.course == Course::Clearing {
            if let Some(end) = hard.agenda.take() {
                return Some(end);
            }
            let step = hard.core.mend(world, map);
            if step.is_none() {
                hard.course = Course::Calm;
            }
            return step;
        }
        if hard.storm.next_at() == Some(at)
            && let Some(action) = hard.storm.take(&hard.bursts)
        {
            let steps = schedule::steps(&action, world, map);
            hard.agenda.add_all(at, &steps);
        }
        match hard.agenda.next_at() == Some(at) {
            true => hard.agenda.take(),
            false => None,
        }
    }
}

/// Now and then a message that arrives twice arrives more often, and very late: its sender
/// may be another incarnation by then.
fn copies(is_doubled: bool, sample: Sample) -> Copies {
    if !is_doubled || sample.below(4) > 0 {
        return Copies::default();
    }
    let apart = sample.further(1).below(COPIES_APART_MAX.as_nanos()) + 1;
    Copies {
        count: 1 + u16::try_from(sample.further(2).below(3)).expect("a few"),
        apart: Duration::from_nanos(apart),
    }
}

impl Strength {
    /// What a seed draws; each kind is on with the chance `swarm`.
    fn drawn(asked: &file::Weather, swarm: Ratio, seed: Seed) -> Self {
        let draw = seed.draw(0, "weather strength");
        let drawn = |kind: u64, rate: Rate| {
            let sample = draw.at(&[kind, 0, 0, 0]);
            match sample.further(1).chance(swarm) {
                true => draw::rate(rate, sample),
                false => Ratio::NEVER,
            }
        };
        Strength {
            loss: drawn(1, asked.loss),
            duplicate: drawn(2, asked.duplicate),
            delay: drawn(3, asked.delay.ratio),
            delay_max: asked.delay.max,
            corrupt: drawn(4, asked.corrupt),
            io: IoStrength {
                slow: drawn(5, asked.io.slow.ratio),
                slow_max: asked.io.slow.max,
                error: drawn(6, asked.io.error),
                failed_flush: drawn(7, asked.io.failed_flush),
                lost_write: drawn(8, asked.io.lost_write),
                misdirected_write: drawn(9, asked.io.misdirected_write),
                lying_flush: drawn(10, asked.io.lying_flush),
            },
        }
    }

    /// Takes over from another strength the kinds that are asked for otherwise.
    fn take_over(&mut self, other: Strength, from: &file::Weather, to: &file::Weather) {
        fn set<A: PartialEq, T>(place: &mut T, value: T, (from, to): (A, A)) {
            if from != to {
                *place = value;
            }
        }
        set(&mut self.loss, other.loss, (from.loss, to.loss));
        set(
            &mut self.duplicate,
            other.duplicate,
            (from.duplicate, to.duplicate),
        );
        set(
            &mut self.delay,
            other.delay,
            (from.delay.ratio, to.delay.ratio),
        );
        set(
            &mut self.delay_max,
            other.delay_max,
            (from.delay.max, to.delay.max),
        );
        set(&mut self.corrupt, other.corrupt, (from.corrupt, to.corrupt));
        let (own, other, from, to) = (&mut self.io, other.io, &from.io, &to.io);
        set(&mut own.slow, other.slow, (from.slow.ratio, to.slow.ratio));
        set(
            &mut own.slow_max,
            other.slow_max,
            (from.slow.max, to.slow.max),
        );
        set(&mut own.error, other.error, (from.error, to.error));
        let flush = (from.failed_flush, to.failed_flush);
        set(&mut own.failed_flush, other.failed_flush, flush);
        set(
            &mut own.lost_write,
            other.lost_write,
            (from.lost_write, to.lost_write),
        );
        set(
            &mut own.lying_flush,
            other.lying_flush,
            (from.lying_flush, to.lying_flush),
        );
        let astray = (from.misdirected_write, to.misdirected_write);
        set(&mut own.misdirected_write, other.misdirected_write, astray);
    }

    /// The same, thicker.
    fn hastened(self, factor: u32) -> Self {
        Strength {
            loss: draw::hastened(self.loss, factor),
            duplicate: draw::hastened(self.duplicate, factor),
            delay: draw::hastened(self.delay, factor),
            delay_max: self.delay_max,
            corrupt: draw::hastened(self.corrupt, factor),
            io: self.io.hastened(factor),
        }
    }
}

impl Weather {
    /// How strong it is at an instant; none of it once it is calm.
    fn strength_at(&self, at: WorldTime) -> Option<Strength> {
        if at >= self.until {
            return None;
        }
        Some(match self.hard.bursts.is_on(at) {
            true => self.thick,
            false => self.strength,
        })
    }
}

impl Weather {
    /// What befalls a device command.
    #[inline]
    pub fn io(&self, command: &IoDeparture) -> IoFate {
        if self.strength.io.is_never() && !self.defects.silences() {
            return IoFate::default();
        }
        match self.strength_at(command.at) {
            Some(strength) => self.defects.fate(command, &strength.io),
            None => IoFate::default(),
        }
    }

    /// What befalls a packet.
    pub fn packet(&self, departure: &Departure) -> PacketFate {
        let Some(strength) = self.strength_at(departure.at) else {
            return PacketFate::default();
        };
        let sample = self
            .packets
            .at(&identity(departure.from, departure.to, &departure.label));
        let span = |index: u64, longest: Duration| {
            Duration::from_nanos(sample.further(index).below(longest.as_nanos().max(1)) + 1)
        };
        PacketFate {
            is_lost: sample.further(1).chance(strength.loss),
            duplicate: sample
                .further(2)
                .chance(strength.duplicate)
                .then(|| span(3, DUPLICATE_LATE_MAX)),
            delay: if sample.further(4).chance(strength.delay) {
                span(5, strength.delay_max)
            } else {
                Duration::ZERO
            },
            flipped_bit: sample
                .further(6)
                .chance(strength.corrupt)
                .then(|| sample.further(7).bits()),
            copies: copies(
                sample.further(2).chance(strength.duplicate),
                sample.further(8),
            ),
        }
    }
}

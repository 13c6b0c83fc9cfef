//! What else of a repro can be made smaller: commands, clients, blocks, time,
//! jitter. Each candidate runs from its beginning, for it differs there.

use stormglass_engine::time::Duration;

use super::{Work, search};
use crate::file::{LinkTimes, NetworkName, Planned};
use crate::repro::{Act, Aspect, Repro, Trouble};

/// How often a span is halved.
const HALVINGS_MAX: usize = 12;

impl Work<'_> {
    pub(super) fn drop_commands(&mut self) -> (u64, u64) {
        let before = self.best.commands();
        let all = self.best.scenario.workload.listed.clone();
        let base = self.best.clone();
        let work = std::cell::RefCell::new(&mut *self);
        search::least(
            all.len(),
            |kept| {
                // Without a single one listed, all would be drawn.
                if kept.is_empty() {
                    return false;
                }
                let commands: Vec<Planned> = kept.iter().map(|it| all[*it].clone()).collect();
                let mut work = work.borrow_mut();
                // Faults as they were first, for those of commands that are gone come back
                // with others; then those that are left.
                let candidate = base.with_commands(commands.clone());
                if work.attempt(&candidate) {
                    return true;
                }
                let candidate = work.best.with_commands(commands);
                work.best.entries != base.entries && work.attempt(&candidate)
            },
            || work.borrow().watcher.is_stopped(),
        );
        (before, self.best.commands())
    }

    /// Clients behind the last that is needed.
    pub(super) fn drop_clients(&mut self) -> (u64, u64) {
        let before = u64::from(self.best.scenario.workload.clients);
        let mut candidate = self.best.clone();
        let workload = &mut candidate.scenario.workload;
        let needed = workload.listed.iter().map(|it| it.client).max();
        if let Some(needed) = needed.filter(|needed| *needed < workload.clients) {
            workload.clients = needed;
            self.attempt(&candidate);
        }
        (before, u64::from(self.best.scenario.workload.clients))
    }

    /// Commands of one block.
    pub(super) fn drop_blocks(&mut self) -> (u64, u64) {
        let blocks = |repro: &Repro| {
            let listed = repro.scenario.workload.listed.iter();
            listed.map(|it| u64::from(it.blocks)).sum()
        };
        let before = blocks(&self.best);
        let mut candidate = self.best.clone();
        for command in &mut candidate.scenario.workload.listed {
            command.blocks = 1;
        }
        if before > blocks(&candidate) && !self.attempt(&candidate) {
            for place in 0..self.best.scenario.workload.listed.len() {
                let mut candidate = self.best.clone();
                let listed = &mut candidate.scenario.workload.listed;
                match listed.get_mut(place) {
                    Some(command) if command.blocks > 1 => command.blocks = 1,
                    _ => continue,
                }
                if self.watcher.is_stopped() {
                    break;
                }
                self.attempt(&candidate);
            }
        }
        (before, blocks(&self.best))
    }

    /// An earlier calm, an earlier beginning, shorter delays; in milliseconds.
    pub(super) fn shorten(&mut self) -> (u64, u64) {
        let length = |repro: &Repro| {
            let entries = repro.entries.iter().map(|entry| entry.at);
            let commands = repro.scenario.workload.listed.iter().map(|it| it.at);
            entries.chain(commands).max().unwrap_or_default()
        };
        let millis = |span: Duration| span.as_nanos() / 1_000_000;
        let before = length(&self.best);
        let latest = before.plus(Duration::from_secs(1));
        if self.best.scenario.weather.until > latest {
            let mut candidate = self.best.clone();
            candidate.scenario.weather.until = latest;
            self.attempt(&candidate);
        }
        for _ in 0..HALVINGS_MAX {
            let mut candidate = self.best.clone();
            let gap = candidate
                .scenario
                .workload
                .listed
                .iter()
                .map(|it| it.at)
                .min();
            let Some(gap) = gap.filter(|gap| millis(*gap) > 10) else {
                break;
            };
            shift(&mut candidate, gap.divided_by(2));
            if self.watcher.is_stopped() || !self.attempt(&candidate) {
                break;
            }
        }
        for _ in 0..HALVINGS_MAX {
            let mut candidate = self.best.clone();
            let has_halved = halve_delays(&mut candidate);
            if !has_halved || self.watcher.is_stopped() || !self.attempt(&candidate) {
                break;
            }
        }
        (millis(before), millis(length(&self.best)))
    }

    /// Networks on which every message takes as long as every other.
    pub(super) fn calm_links(&mut self) -> (u64, u64) {
        let with_jitter = |repro: &Repro| {
            let calm = repro.scenario.links.values();
            let calm = calm.filter(|link| link.jitter == Some(Duration::ZERO));
            let joined = usize::from(repro.scenario.topology.interconnect);
            (NetworkName::ALL.len() - 1 + joined) as u64 - calm.count() as u64
        };
        let before = with_jitter(&self.best);
        if before > 0 {
            let mut candidate = self.best.clone();
            for network in NetworkName::ALL {
                let topology = &candidate.scenario.topology;
                let is_there = match network {
                    NetworkName::Client | NetworkName::InterCluster => true,
                    NetworkName::Mediator => topology.mediator,
                    NetworkName::Interconnect => topology.interconnect,
                };
                if !is_there {
                    continue;
                }
                let links = &mut candidate.scenario.links;
                let link: &mut LinkTimes = links.entry(network).or_default();
                link.jitter = Some(Duration::ZERO);
            }
            if candidate != self.best {
                self.attempt(&candidate);
            }
        }
        (before, with_jitter(&self.best))
    }
}

/// Everything so much sooner; what would come before the beginning comes then.
fn shift(repro: &mut Repro, by: Duration) {
    let sooner = |at: Duration| Duration::from_nanos(at.as_nanos().saturating_sub(by.as_nanos()));
    for command in &mut repro.scenario.workload.listed {
        command.at = sooner(command.at);
    }
    for entry in &mut repro.entries {
        entry.at = sooner(entry.at);
    }
}

/// Halves what delays and slows down; false if there is nothing to halve.
fn halve_delays(repro: &mut Repro) -> bool {
    let mut has_halved = false;
    let mut halve = |span: &mut Duration| {
        if span.as_nanos() > 1_000_000 {
            *span = span.divided_by(2);
            has_halved = true;
        }
    };
    for entry in &mut repro.entries {
        match &mut entry.act {
            Act::Message {
                aspect: Aspect::Delayed(by),
                ..
            }
            | Act::Command {
                trouble: Trouble::Slow(by),
                ..
            } => halve(by),
            _ => {}
        }
    }
    has_halved
}

//! What is asked for: attempts of client commands, and device commands.

use std::collections::BTreeMap;

use stormglass_engine::contract::{IoRequest, Persistence};
use stormglass_engine::vocabulary::CommandId;
use stormglass_reports::record::{
    ATTEMPTS_MAX, Attempt, DEVICE_COMMANDS_MAX, DeviceCommand, DeviceCommandEnd, DeviceCommandKind,
};
use stormglass_sim::device::CommandNumber;
use stormglass_sim::world::{DeviceIndex, ProcessId, World};

use super::lanes::Lanes;
use super::tail::Tail;
use crate::actor::Actor;
use crate::workload::{ClientEvent, CommandKind, StatusSummary};

/// A client command whose outcome is open.
#[derive(Debug)]
struct Asked {
    kind: CommandKind,
    range: String,
    /// The attempt's number among all.
    number: usize,
}

/// Attempts of client commands.
#[derive(Debug)]
pub(super) struct Attempts {
    attempts: Tail<Attempt>,
    asked: BTreeMap<CommandId, Asked>,
}

impl Attempts {
    pub(super) fn new() -> Self {
        Attempts {
            attempts: Tail::new(ATTEMPTS_MAX),
            asked: BTreeMap::new(),
        }
    }

    /// Takes what a client says of itself.
    pub(super) fn observe(&mut self, lane: u32, at: u64, event: &ClientEvent) {
        match event {
            ClientEvent::Invoked {
                id, kind, range, ..
            } => {
                let range = range.map_or_else(String::new, |range| range.to_string());
                let kind = *kind;
                let number = self.begin((lane, at), (*id, 0), kind, &range);
                let asked = Asked {
                    kind,
                    range,
                    number,
                };
                self.asked.insert(*id, asked);
            }
            ClientEvent::Retried { id, attempt } => {
                let Some(asked) = self.asked.remove(id) else {
                    return;
                };
                let number = self.begin((lane, at), (*id, *attempt), asked.kind, &asked.range);
                self.asked.insert(*id, Asked { number, ..asked });
            }
            ClientEvent::AttemptEnded { id, status, .. } => {
                let Some(asked) = self.asked.get(id) else {
                    return;
                };
                if let Some(attempt) = self.attempts.get_mut(asked.number) {
                    attempt.end = Some(at);
                    attempt.outcome = outcome(*status);
                }
                if status.is_definite() {
                    self.asked.remove(id);
                }
            }
            ClientEvent::ReadReturned { .. }
            | ClientEvent::AnsweredAgain { .. }
            | ClientEvent::Ignored(_) => {}
        }
    }

    fn begin(
        &mut self,
        (lane, begin): (u32, u64),
        (id, attempt): (CommandId, u32),
        kind: CommandKind,
        range: &str,
    ) -> usize {
        let kind = match kind {
            CommandKind::Read => "read",
            CommandKind::Write => "write",
            CommandKind::WriteZeroes => "write zeroes",
            CommandKind::CompareAndWrite => "compare and write",
            CommandKind::Flush => "flush",
        };
        let attempt = Attempt {
            lane,
            id: id.to_string(),
            attempt,
            kind: kind.to_owned(),
            range: range.to_owned(),
            begin,
            end: None,
            outcome: String::new(),
        };
        self.attempts.push(attempt, |it| it.begin)
    }

    pub(super) fn finish(self) -> Tail<Attempt> {
        self.attempts
    }
}

fn outcome(status: StatusSummary) -> String {
    match status {
        StatusSummary::Success => "success".to_owned(),
        StatusSummary::Mismatch => "mismatch".to_owned(),
        StatusSummary::Cancelled => "cancelled".to_owned(),
        StatusSummary::Refused(reason) => format!("refused: {reason:?}"),
        StatusSummary::Unknown(reason) => format!("unknown: {reason:?}"),
    }
}

/// Device commands.
#[derive(Debug)]
pub(super) struct DeviceCommands {
    commands: Tail<DeviceCommand>,
    queued: BTreeMap<(DeviceIndex, CommandNumber), usize>,
}

impl DeviceCommands {
    pub(super) fn new() -> Self {
        DeviceCommands {
            commands: Tail::new(DEVICE_COMMANDS_MAX),
            queued: BTreeMap::new(),
        }
    }

    /// A command entered a device's queue.
    pub(super) fn submitted(
        &mut self,
        (device, number): (DeviceIndex, CommandNumber),
        (world, lanes): (&World<Actor>, &Lanes),
    ) {
        let queue = &world.drive(device).device;
        let found = queue.queued().find(|(own, _)| *own == number);
        let (Some((_, submission)), Some(submitter)) = (found, queue.submitter_of(number)) else {
            return;
        };
        let (kind, start, count) = parts(&submission.request);
        let command = DeviceCommand {
            device: lanes.device(device),
            by: Lanes::process(ProcessId(submitter.process), world),
            kind,
            start,
            count,
            submitted: world.now().as_nanos(),
            executed: None,
            end: DeviceCommandEnd::Queued,
        };
        let place = self.commands.push(command, |it| it.submitted);
        self.queued.insert((device, number), place);
    }

    /// A command left a device's queue, with its effect or without.
    pub(super) fn executed(
        &mut self,
        (device, number): (DeviceIndex, CommandNumber),
        succeeded: bool,
        world: &World<Actor>,
    ) {
        let end = match succeeded {
            true => DeviceCommandEnd::Done,
            false => DeviceCommandEnd::Failed,
        };
        let Some(place) = self.queued.remove(&(device, number)) else {
            return;
        };
        self.end(place, end, world);
        let is_preempt = |it: &mut DeviceCommand| it.kind == DeviceCommandKind::Preempt;
        if self.commands.get_mut(place).is_some_and(is_preempt) {
            self.settled(device, world);
        }
    }

    /// Commands may have left a device's queue without being executed.
    pub(super) fn settled(&mut self, device: DeviceIndex, world: &World<Actor>) {
        let all = (device, CommandNumber(0))..=(device, CommandNumber(u64::MAX));
        let queue = &world.drive(device).device;
        let own: Vec<_> = self
            .queued
            .range(all)
            .map(|(key, it)| (*key, *it))
            .collect();
        for (key, place) in own {
            if queue.submitter_of(key.1).is_none() {
                self.queued.remove(&key);
                self.end(place, DeviceCommandEnd::Dropped, world);
            }
        }
    }

    fn end(&mut self, place: usize, end: DeviceCommandEnd, world: &World<Actor>) {
        if let Some(command) = self.commands.get_mut(place) {
            command.executed = Some(world.now().as_nanos());
            command.end = end;
        }
    }

    pub(super) fn finish(self) -> Tail<DeviceCommand> {
        self.commands
    }
}

/// What a request asks for, from which page, of how many.
fn parts(request: &IoRequest) -> (DeviceCommandKind, u64, u64) {
    use DeviceCommandKind as Kind;
    match request {
        IoRequest::Read { start, count } => (Kind::Read, start.0, u64::from(*count)),
        IoRequest::Write {
            start,
            pages,
            persistence,
        } => {
            let kind = match persistence {
                Persistence::Cached => Kind::Write,
                Persistence::ForceUnitAccess => Kind::ForcedWrite,
            };
            (kind, start.0, pages.len() as u64)
        }
        IoRequest::Flush => (Kind::Flush, 0, 0),
        IoRequest::ReadReservation => (Kind::ReadReservation, 0, 0),
        IoRequest::Preempt { .. } => (Kind::Preempt, 0, 0),
    }
}

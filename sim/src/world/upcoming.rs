//! The event that comes next, in words: what a trace calls it, and what tells one event
//! at another time from another event.

use stormglass_engine::contract::{Input, IoRequest, Module, Packet};

use super::pending::{Due, Origin};
use super::{Component, DeviceIndex, ProcessId, World};
use crate::device::CommandNumber;
use crate::time::WorldTime;

/// A pending event. Equal texts mean the same thing in two worlds of one origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upcoming {
    /// When it is due.
    pub at: WorldTime,
    /// To which component it happens.
    pub component: Component,
    /// What it is.
    pub what: String,
}

impl<M: Module> World<M> {
    /// What comes next; nothing if nothing is pending.
    pub fn upcoming(&self) -> Option<Upcoming> {
        let pending = self.queue.iter();
        let next = pending.min_by_key(|(at, sequence, _)| (*at, *sequence));
        next.map(|(at, _, due)| self.in_words(at, *due))
    }

    /// When the same as another world's event is due here.
    pub fn due_at(&self, event: &Upcoming) -> Option<WorldTime> {
        let pending = self.queue.sorted().into_iter();
        let mut same = pending.filter(|(at, _, due)| {
            let own = self.in_words(*at, *due);
            own.component == event.component && own.what == event.what
        });
        same.next().map(|(at, _, _)| at)
    }

    fn in_words(&self, at: WorldTime, due: Due) -> Upcoming {
        let (component, what) = match due {
            Due::Arrive(key) => match self.flight.get(key) {
                Some(parcel) => {
                    let what = self.input_in_words(&parcel.input, parcel.to, parcel.origin);
                    (Component::Process(parcel.to), what)
                }
                None => unreachable!("an arrival has its parcel"),
            },
            Due::Execute(device, number) => {
                let what = self.command_in_words(device, CommandNumber(u64::from(number)));
                (Component::Device(device), what)
            }
            Due::Serve(process) => {
                let first = self.process(process).inbox.front();
                let what = match first {
                    Some((Input::Packet(packet), _)) => {
                        format!("CPU is through with {}", Self::label_text(packet))
                    }
                    Some((Input::Completion(completion), _)) => {
                        format!("CPU is through with completion {}", completion.io.0)
                    }
                    Some((Input::Deadline, _)) => "CPU is through with a deadline".to_owned(),
                    Some((Input::Local(_), _)) => "CPU is through with a message".to_owned(),
                    None => "CPU is through".to_owned(),
                };
                (Component::Process(process), what)
            }
            Due::Wake(process) => (Component::Process(process), "wake-up".to_owned()),
        };
        Upcoming {
            at,
            component,
            what,
        }
    }

    fn input_in_words(&self, input: &Input<M::Local>, to: ProcessId, origin: Origin) -> String {
        match (input, origin) {
            (Input::Packet(packet), Origin::Network { from, .. }) => {
                format!("arrival of {}", self.packet_text(packet, from, to))
            }
            (Input::Packet(packet), Origin::Machine { .. }) => {
                format!("arrival of {}", Self::label_text(packet))
            }
            (Input::Completion(completion), _) => format!("completion {}", completion.io.0),
            (Input::Deadline, _) => "deadline".to_owned(),
            (Input::Local(_), _) => "message from the same machine".to_owned(),
        }
    }

    fn command_in_words(&self, device: DeviceIndex, number: CommandNumber) -> String {
        let drive = &self.drive(device).device;
        let mut queued = drive.queued();
        let Some((_, submission)) = queued.find(|(queued, _)| *queued == number) else {
            return "command that has ended".to_owned();
        };
        let request = match &submission.request {
            IoRequest::Read { start, count } => format!("read of {count} from page {}", start.0),
            IoRequest::Write { start, pages, .. } => {
                format!("write of {} from page {}", pages.len(), start.0)
            }
            IoRequest::Flush => "flush".to_owned(),
            IoRequest::ReadReservation => "read of the reservation".to_owned(),
            IoRequest::Preempt { .. } => "preempt".to_owned(),
        };
        match drive.submitter_of(number) {
            Some(submitter) => {
                let process = Component::Process(ProcessId(submitter.process));
                let (name, io) = (self.component_name(process), submission.io.0);
                format!("{request} by {name} as {io}")
            }
            None => request,
        }
    }

    /// `SET 7 part 0 attempt 1`.
    fn label_text(packet: &Packet) -> String {
        let label = packet.label;
        let kind = M::kind_name(label.kind);
        let (id, part, attempt) = (label.id, label.part, label.attempt);
        format!("{kind} {id} part {part} attempt {attempt}")
    }

    /// `SET 7 part 0 attempt 1 from east-1.D to west-1.D`.
    pub(super) fn packet_text(&self, packet: &Packet, from: ProcessId, to: ProcessId) -> String {
        let [from, to] = [from, to].map(|id| self.component_name(Component::Process(id)));
        format!("{} from {from} to {to}", Self::label_text(packet))
    }
}

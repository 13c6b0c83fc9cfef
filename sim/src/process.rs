//! A module's place in the world: what the driver keeps for it.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{Input, Module, Outbox, Slot};
use stormglass_engine::time::{Duration, Instant};

use crate::clock::Clock;
use crate::ids::MachineId;
use crate::service_time::{CpuCost, RarePace};
use crate::time::WorldTime;

/// A module slot of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Process<M: Module> {
    /// The machine it runs on.
    pub machine: MachineId,
    /// Its slot there.
    pub slot: Slot,
    /// What it is called there; nothing if it is the machine's only one.
    pub name: Arc<str>,
    /// Given to it at each boot; survives crashes.
    pub identity: M::Identity,
    /// What each input costs it.
    pub cpu: CpuCost,
    /// How much slower than usual its machine's CPU is.
    pub pace: RarePace,
    /// Its state; nothing while it is down.
    pub module: Option<M>,
    /// Which of its lives this is; rises when one ends.
    pub incarnation: u64,
    /// True while its machine stands still.
    pub is_paused: bool,
    /// It was told to boot while its machine stood still.
    pub(crate) boot_waits: bool,
    /// Inputs that wait for the CPU, the first of them being served; each with
    /// the hash of its frame's head, if it is a packet.
    pub(crate) inbox: Inbox<(Input<M::Local>, u64)>,
    /// How far the CPU is with the first of them.
    pub(crate) service: Cpu,
    /// True while a deadline stands in the inbox.
    pub(crate) deadline_waits: bool,
    /// When the earliest wake-up event stands in the queue.
    pub(crate) armed: Option<WorldTime>,
}

/// A queue whose first element needs no memory of its own: an inbox rarely holds
/// two, and every process that a fork touches has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inbox<T> {
    first: Option<T>,
    /// Empty if there is no first.
    others: VecDeque<T>,
}

impl<T> Inbox<T> {
    pub(crate) fn new() -> Self {
        Inbox {
            first: None,
            others: VecDeque::new(),
        }
    }

    pub(crate) fn push_back(&mut self, element: T) {
        if self.first.is_none() {
            self.first = Some(element);
        } else {
            self.others.push_back(element);
        }
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let first = self.first.take();
        self.first = self.others.pop_front();
        first
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.first.as_ref()
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn clear(&mut self) {
        self.first = None;
        self.others.clear();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.others)
    }
}

/// How far a process's CPU is with the first input of its inbox.
///
/// ```text
/// Idle ──input──► Serving ──done──► Idle, or Serving the next
///                  │    ▲
///               pause  resume
///                  ▼    │
///                 Halted ◄──input during a pause── Idle
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cpu {
    /// The inbox is empty.
    Idle,
    /// Through with it at that instant.
    Serving(WorldTime),
    /// The machine stands still; this much is left to do.
    Halted(Duration),
}

impl<M: Module> Process<M> {
    /// How long an input takes.
    #[inline]
    pub(crate) fn cost(&self, input: &Input<M::Local>) -> Duration {
        self.pace.get().of(self.cpu.of(input))
    }

    /// Inputs that wait for the CPU.
    pub fn backlog(&self) -> usize {
        self.inbox.len()
    }

    /// True if an input that costs nothing can be handled at once.
    #[inline]
    pub(crate) fn is_free(&self) -> bool {
        self.inbox.is_empty() && !self.is_paused
    }

    /// Whether the module's deadline has come.
    pub(crate) fn is_due(&self, local: Instant) -> bool {
        let module = self.module.as_ref();
        module
            .and_then(Module::next_deadline)
            .is_some_and(|deadline| deadline <= local)
    }

    /// The instant for which a wake-up must be queued now, if one must: earlier
    /// than the one that stands in the queue. A later wish leaves that one be; it
    /// re-arms when it comes.
    #[inline]
    pub(crate) fn wish(&self, clock: Clock, now: WorldTime) -> Option<WorldTime> {
        let deadline = self.module.as_ref()?.next_deadline()?;
        // Nearly always one stands there that does, which is told with less arithmetic than
        // when the deadline comes.
        let is_early = |armed| armed <= now || !clock.reaches_before(deadline, armed);
        let is_armed = self.armed.is_some_and(is_early);
        let is_wanted = !is_armed && !self.is_paused && !self.deadline_waits;
        is_wanted.then(|| clock.reaches(deadline).max(now))
    }

    /// Runs the module's handler to completion.
    #[inline(always)]
    pub(crate) fn handle(
        &mut self,
        local: Instant,
        input: Input<M::Local>,
        out: &mut Outbox<M::Local, M::Event>,
    ) {
        let module = self.module.as_mut();
        let module = module.expect("only a running module handles");
        module.handle(local, input, out);
        module.check_invariants();
    }

    /// Ends the module's life; what waits for it is gone.
    pub(crate) fn stop(&mut self) {
        self.module = None;
        self.incarnation += 1;
        self.inbox.clear();
        self.service = Cpu::Idle;
        self.deadline_waits = false;
        self.armed = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_inbox_is_a_queue(steps in prop::collection::vec(any::<Option<u8>>(), 0..40)) {
            let (mut inbox, mut model) = (Inbox::new(), VecDeque::new());
            for step in steps {
                match step {
                    Some(element) => {
                        inbox.push_back(element);
                        model.push_back(element);
                    }
                    None => prop_assert_eq!(inbox.pop_front(), model.pop_front()),
                }
                prop_assert_eq!(inbox.front(), model.front());
                prop_assert_eq!(inbox.len(), model.len());
                prop_assert_eq!(inbox.is_empty(), model.is_empty());
                prop_assert!(inbox.iter().eq(&model));
            }
            inbox.clear();
            prop_assert!(inbox.is_empty() && inbox.front().is_none());
        }
    }
}

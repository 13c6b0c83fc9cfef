//! Takes the exclusive reservation of a set's devices under a new key.
//!
//! ```text
//! ask both holders -> preempt journal -> preempt data -> won
//! ```
//!
//! A conflict ends the claim, and so does a set that has changed hands since it was
//! decided on: what was decided, that nobody else may answer from memory above all,
//! holds no more.
//!
//! The key's epoch is higher than any that either device has seen, so no boot
//! reuses one, and commands that an older incarnation left in a queue are aborted
//! by the preempt or refused when they execute.

use serde::{Deserialize, Serialize};

use crate::contract::{DeviceId, IoError, IoId, IoOutput, IoRequest, ReservationKey, Submission};
use crate::storage_set::destage::Devices;
use crate::storage_set::{IoIds, IoOwner};
use crate::vocabulary::NodeId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Step {
    AskingJournal,
    AskingData,
    PreemptingJournal,
    PreemptingData,
}

/// A claim in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    step: Step,
    devices: Devices,
    node: NodeId,
    waiting: IoId,
    journal_holder: Option<ReservationKey>,
    data_holder: Option<ReservationKey>,
    /// Who held the journal when it was decided to claim the set.
    expected: Option<ReservationKey>,
}

/// What a completion led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// One more command to submit.
    Submit(Submission),
    /// Both devices are held under this key.
    Won(ReservationKey),
    /// A device failed.
    Failed(IoError),
}

impl Claim {
    /// Starts by asking who holds the journal device.
    pub fn start(
        devices: Devices,
        node: NodeId,
        expected: Option<ReservationKey>,
        ids: &mut IoIds,
    ) -> (Self, Submission) {
        let mut claim = Claim {
            step: Step::AskingJournal,
            devices,
            node,
            waiting: IoId(0),
            journal_holder: None,
            data_holder: None,
            expected,
        };
        let ask = claim.submit(devices.journal, IoRequest::ReadReservation, ids);
        (claim, ask)
    }

    /// Goes on; `None` for a completion it does not wait for.
    pub fn handle_completion(
        &mut self,
        io: IoId,
        result: Result<IoOutput, IoError>,
        ids: &mut IoIds,
    ) -> Option<Progress> {
        if io != self.waiting {
            return None;
        }
        let output = match result {
            Ok(output) => output,
            Err(error) => return Some(Progress::Failed(error)),
        };
        let holder = match output {
            IoOutput::Reservation(holder) => holder,
            IoOutput::Pages(_) | IoOutput::Done => None,
        };
        let Devices { journal, data, .. } = self.devices;
        let submission = match self.step {
            Step::AskingJournal => {
                if holder != self.expected {
                    return Some(Progress::Failed(IoError::ReservationConflict));
                }
                self.journal_holder = holder;
                self.step = Step::AskingData;
                self.submit(data, IoRequest::ReadReservation, ids)
            }
            Step::AskingData => {
                self.data_holder = holder;
                self.step = Step::PreemptingJournal;
                self.submit(
                    journal,
                    IoRequest::Preempt {
                        observed: self.journal_holder,
                    },
                    ids,
                )
            }
            Step::PreemptingJournal => {
                self.step = Step::PreemptingData;
                self.submit(
                    data,
                    IoRequest::Preempt {
                        observed: self.data_holder,
                    },
                    ids,
                )
            }
            Step::PreemptingData => return Some(Progress::Won(self.key())),
        };
        Some(Progress::Submit(submission))
    }

    fn key(&self) -> ReservationKey {
        let highest = self
            .journal_holder
            .max(self.data_holder)
            .map_or(0, |holder| holder.epoch);
        ReservationKey {
            epoch: highest + 1,
            node: self.node.value(),
        }
    }

    fn submit(&mut self, device: DeviceId, request: IoRequest, ids: &mut IoIds) -> Submission {
        let io = ids.next(IoOwner::Claim);
        self.waiting = io;
        Submission {
            device,
            io,
            key: self.key(),
            request,
        }
    }
}

#[cfg(test)]
mod tests;

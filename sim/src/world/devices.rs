//! Devices in the world: execution, and whom it is told to.

use std::sync::Arc;

use stormglass_engine::contract::{Completion, DeviceId, Input, Module};

use super::pending::{Origin, Parcel};
use super::{DeviceIndex, ProcessId, Workbench, World};
use crate::choose::{AtDevice, Choose};
use crate::device::{CommandNumber, Defect, Ended, IoEffect};
use crate::occurrence::{Happened, Occurrence};

impl<M: Module> World<M> {
    /// A command's time has come: it executes and completes, in one instant.
    pub(super) fn execute(
        &mut self,
        device: DeviceIndex,
        number: u32,
        choose: &mut impl Choose,
        bench: &mut Workbench<M>,
    ) {
        if self.drive(device).device.is_stalled() {
            return Arc::make_mut(&mut self.devices[device.index()])
                .waiting
                .push(number);
        }
        let number = CommandNumber(u64::from(number));
        let Some(submitter) = self.drive(device).device.submitter_of(number) else {
            return;
        };
        let drive = Arc::make_mut(&mut self.devices[device.index()]);
        let is_awaited = drive.device.awaited_by(number).is_some();
        let hash = &mut self.hashes.devices[device.index()];
        let mut choice = AtDevice {
            device,
            choose,
            hash,
        };
        let execution = drive.device.carry_out(number, &mut choice);
        let (mut ended, succeeded) = (execution.endings, execution.succeeded);
        // The last one ended is the command itself, if anyone is to be told.
        let own = if is_awaited { ended.next_back() } else { None };
        if let Some(defect) = execution.defect {
            // First, so that whoever misses the effect knows why.
            let happened = Happened::defect(device, defect);
            bench.log.push(Occurrence::Fault(happened));
        }
        let hash = self.hashes.device(device);
        hash.fold_pair(self.now.as_nanos(), number.0 << 1 | u64::from(succeeded));
        let hash = hash.value();
        self.hashes.run.fold(hash);
        bench.log.push(Occurrence::Executed {
            device,
            number,
            process: ProcessId(submitter.process),
            succeeded,
        });
        if execution.defect.is_some_and(unsettles) {
            bench.log.push(Occurrence::Settled { device });
        }
        self.tell_aborted(device, ended);
        if let Some(own) = own {
            let to = ProcessId(own.submitter.process);
            assert_eq!(
                self.process(to).incarnation,
                own.submitter.incarnation,
                "only the living await commands"
            );
            let input = Input::Completion(completion(device, own));
            self.deliver(to, input, choose, bench);
        }
    }

    /// Tells submitters of commands that another one ended, each by an event of
    /// this instant.
    pub(super) fn tell_aborted(
        &mut self,
        device: DeviceIndex,
        ended: impl IntoIterator<Item = Ended>,
    ) {
        for other in ended {
            let parcel = Parcel {
                to: ProcessId(other.submitter.process),
                origin: Origin::Machine {
                    incarnation: other.submitter.incarnation,
                },
                input: Input::Completion(completion(device, other)),
            };
            self.dispatch(self.now, parcel);
        }
    }
}

/// True if a command that went wrong changed more than what it names.
fn unsettles(defect: Defect) -> bool {
    match defect.effect {
        IoEffect::Misdirected(_) | IoEffect::FlushFails => true,
        IoEffect::Sound
        | IoEffect::Lost
        | IoEffect::Error
        | IoEffect::Full
        | IoEffect::FlushLies => false,
    }
}

fn completion(device: DeviceIndex, ended: Ended) -> Completion {
    Completion {
        device: DeviceId::new(device.0),
        io: ended.io,
        result: ended.result,
    }
}

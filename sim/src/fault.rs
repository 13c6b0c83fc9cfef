//! What can be done to a world: application, not choice. When, and to whom, is
//! decided elsewhere.

use serde::{Deserialize, Serialize};

use crate::ids::{DeviceIndex, MachineId, ProcessId};
use crate::network::Cut;

/// Something that is done to the hardware.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fault {
    /// A machine loses power: its modules are gone; each command that it had
    /// queued at a device executes or not.
    Crash(MachineId),
    /// One module is gone; commands that it had queued still execute.
    Kill(ProcessId),
    /// A device loses power: queue and cache are settled.
    DevicePowerLoss(DeviceIndex),
    /// A module starts, if it is not up.
    Boot(ProcessId),
    /// A machine stands still; what arrives waits.
    Pause(MachineId),
    /// It goes on.
    Resume(MachineId),
    /// A machine's packets do not reach another.
    Cut(Cut),
    /// They do again.
    Heal(Cut),
}

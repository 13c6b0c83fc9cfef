//! What can be done to a world: application, not choice. When, and to whom, is
//! decided elsewhere.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::PageIndex;

use crate::device::{Damage, Return};
use crate::ids::{DeviceIndex, MachineId, ProcessId};
use crate::network::Cut;

/// Something that is done to the hardware. A run's hash knows each by its place here:
/// new ones come last.
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
    /// A device does not answer any more.
    DeviceGone(DeviceIndex),
    /// It does again, itself or another one in its place.
    DeviceReturns(DeviceIndex, Return),
    /// A page of a device goes bad.
    Damage {
        /// The device.
        device: DeviceIndex,
        /// The page.
        page: PageIndex,
        /// How.
        damage: Damage,
    },
}

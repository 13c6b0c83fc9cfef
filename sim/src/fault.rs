//! What can be done to a world: application, not choice. When, and to whom, is
//! decided elsewhere.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{Address, LabelKind, NetworkId, OrderKind, PageIndex};

use crate::clock::ClockRate;
use crate::device::{Damage, PageRange, Return};
use crate::ids::{DeviceIndex, MachineId, ProcessId};
use crate::network::{Cut, PathLimit};
use crate::service_time::Pace;

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
    /// A device takes another time for what is submitted from now on.
    DevicePace(DeviceIndex, Pace),
    /// A device executes nothing; commands wait.
    DeviceStalls(DeviceIndex),
    /// It goes on, with all that has waited at once.
    DeviceGoesOn(DeviceIndex),
    /// A device has no space for pages of this range that hold nothing yet.
    DeviceFull(DeviceIndex, PageRange),
    /// It has again.
    DeviceHasRoom(DeviceIndex),
    /// A device's content is remembered.
    Remember(DeviceIndex),
    /// Pages of a device go back to what was remembered.
    Restore(DeviceIndex, PageRange),
    /// Two devices stand in each other's place.
    Swap([DeviceIndex; 2]),
    /// Messages of one kind do not reach another machine.
    CutKind(Cut, LabelKind),
    /// They do again.
    HealKind(Cut, LabelKind),
    /// Packets to another machine wait where they would leave.
    Clog(Cut),
    /// They leave now, and travel as long as they would have.
    Release(Cut),
    /// A path to another machine carries no more than this.
    Limit(Cut, PathLimit),
    /// It carries everything again.
    Unlimit(Cut),
    /// A module is reached under another address from now on.
    Readdress {
        /// The module.
        process: ProcessId,
        /// On which network.
        network: NetworkId,
        /// Where nobody else is.
        address: Address,
    },
    /// A machine's CPU takes another time for what it begins from now on.
    CpuPace(MachineId, Pace),
    /// A machine's clock goes on from what it shows, at another rate.
    ClockRate(MachineId, ClockRate),
    /// The administrator orders something of a module, if it is up.
    Order(ProcessId, OrderKind),
}

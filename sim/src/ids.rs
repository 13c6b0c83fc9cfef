//! Numbers of what a world holds.

use serde::{Deserialize, Serialize};

/// A machine of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MachineId(pub u32);
/// A process of the world: one module slot of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessId(pub u32);
/// A device of the world; modules call it by the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceIndex(pub u16);

impl ProcessId {
    /// Position in the world's list of processes.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl DeviceIndex {
    /// Position in the world's list of devices.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

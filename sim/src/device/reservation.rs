//! The exclusive reservation of a device. It outlives power.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{IoError, ReservationKey};

/// Who may use the reserved pages of a device.
///
/// Nobody at first, and then only the holder: while there is none, every command
/// that checks the key is refused. A device that let anyone write until somebody
/// reserves it would let a deposed owner write to a copy that is being set up,
/// and would hide an engine that forgets to reserve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reservation {
    holder: Option<ReservationKey>,
}

impl Reservation {
    pub(super) fn holder(self) -> Option<ReservationKey> {
        self.holder
    }

    /// True if a command under `key` may touch reserved pages.
    pub(super) fn admits(self, key: ReservationKey) -> bool {
        self.holder == Some(key)
    }

    /// Gives the reservation to `key`, if its holder is the observed one and the
    /// key's epoch is higher.
    pub(super) fn preempt(
        &mut self,
        observed: Option<ReservationKey>,
        key: ReservationKey,
    ) -> Result<(), IoError> {
        let is_higher = self.holder.is_none_or(|holder| key.epoch > holder.epoch);
        if self.holder != observed || !is_higher {
            return Err(IoError::ReservationConflict);
        }
        self.holder = Some(key);
        Ok(())
    }
}

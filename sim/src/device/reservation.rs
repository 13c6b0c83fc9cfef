//! The exclusive reservation of a device. It outlives power.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::ReservationKey;

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

    /// The reservation once `key` has preempted it; none if its holder is not the
    /// observed one or the key's epoch is not higher.
    #[must_use]
    pub(super) fn after(
        self,
        observed: Option<ReservationKey>,
        key: ReservationKey,
    ) -> Option<Self> {
        let is_higher = self.holder.is_none_or(|holder| key.epoch > holder.epoch);
        let succeeds = self.holder == observed && is_higher;
        succeeds.then_some(Reservation { holder: Some(key) })
    }
}

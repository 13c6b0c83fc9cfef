//! What tells two things of one name apart: hashes of their content.

use stormglass_engine::contract::{IoRequest, PAGE_BYTES, Persistence, Submission};
use stormglass_sim::choose::Departure;
use stormglass_sim::occurrence::PacketName;
use xxhash_rust::xxh3::Xxh3;

/// The name under which a packet is found again.
pub(super) fn packet_name(departure: &Departure) -> PacketName {
    PacketName {
        network: departure.network,
        from: departure.from,
        to: departure.to,
        label: departure.label,
    }
}

/// A hash of what a device command asks for; not of its key, which only says whose it is.
pub(super) fn submission(submission: &Submission) -> u64 {
    let mut hash = Xxh3::new();
    let mut word = |value: u64| hash.update(&value.to_le_bytes());
    match &submission.request {
        IoRequest::Read { start, count } => {
            word(0);
            word(start.0);
            word(u64::from(*count));
        }
        IoRequest::Write {
            start,
            pages,
            persistence,
        } => {
            word(match persistence {
                Persistence::Cached => 1,
                Persistence::ForceUnitAccess => 2,
            });
            word(start.0);
            for page in pages {
                hash.update(&page.filled_up(PAGE_BYTES));
            }
        }
        IoRequest::Flush => word(3),
        IoRequest::ReadReservation => word(4),
        IoRequest::Preempt { .. } => word(5),
    }
    hash.digest()
}

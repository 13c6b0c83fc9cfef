//! Bytes of stored metadata: a page, twice, each by itself.

use std::sync::Arc;

use super::Metadata;
use crate::codec::envelope::{Format, seal};
use crate::codec::{Coded, coded_enum, coded_struct, finish};
use crate::configuration::{
    Candidates, Configuration, Duty, Interconnect, Limits, Mediator, Policy, Replication, Seats,
    SetConfiguration, Timers,
};
use crate::contract::{Address, DeviceId, NetworkId, PAGE_BYTES};
use crate::payload::Payload;
use crate::time::Duration;
use crate::wire::DecodeError;

const FORMAT: Format = Format {
    magic: *b"SGMT",
    // 2: the timers of a hand-over. 3: the timer of paths, the interconnect, and how long a
    // partner is asked. 4: the service address. 5: the other site, when it is given up, and the
    // pause of a resync. 6: the volume's first size.
    version: 6,
};

/// Encodes metadata into one page.
pub fn encode_metadata(metadata: &Metadata) -> Payload {
    let mut head = FORMAT.begin_with_room(0, PAGE_BYTES);
    metadata.put(&mut head);
    seal(&mut head, &[]);
    assert!(head.len() <= PAGE_BYTES, "metadata fits its page");
    head.resize(PAGE_BYTES, 0);
    head.into()
}

/// Decodes metadata. What is torn, rotten, foreign or could not work is refused.
pub fn decode_metadata(page: &[u8]) -> Result<Metadata, DecodeError> {
    if page.len() != PAGE_BYTES {
        return Err(DecodeError::Field("page length"));
    }
    let envelope = FORMAT.peek(page)?;
    let (head, padding) = page
        .split_at_checked(envelope.head_bytes as usize)
        .ok_or(DecodeError::Truncated)?;
    let mut input = FORMAT.open_only(head)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(DecodeError::Field("padding"));
    }
    let metadata = Metadata::get(&mut input)?;
    finish(input)?;
    match metadata.configuration.check() {
        Ok(()) => Ok(metadata),
        Err(_) => Err(DecodeError::Field("configuration")),
    }
}

coded_struct!(Metadata {
    configuration,
    generation,
    found
});
coded_struct!(Configuration {
    version,
    node,
    partner,
    site,
    peer_site,
    set,
    duty,
    volume,
    client_network,
    service,
    peer_network,
    peer_nodes,
    peers,
    candidates,
    mediator,
    interconnect,
    policy,
    founding,
    replication,
    timers,
    limits
});
coded_struct!(SetConfiguration {
    id,
    format,
    journal,
    data,
    geometry,
    volume_blocks
});
coded_struct!(Candidates { first, count });
coded_struct!(Mediator { network, address });
coded_struct!(Interconnect {
    network,
    own,
    partner,
    hardware_notice
});
coded_struct!(Seats { n, d });
coded_enum!(Duty, "duty" { Primary = 1, Standby = 2 });
coded_enum!(Policy, "policy" { Strict = 1, Sync = 2 });
coded_enum!(Replication, "replication" { Parallel = 1, Chained = 2 });
coded_struct!(Timers {
    status_limit,
    ticket_margin,
    answer_limit,
    retransmit_min,
    retransmit_max,
    path_timeout,
    path_refresh,
    idle_clear,
    idle_destage,
    heartbeat,
    takeover_after,
    ask_limit,
    ha_lease,
    drain_limit,
    giveback_after,
    lease,
    switchover_after,
    lease_margin,
    loss_after,
    resync_pause,
    mediator_retry,
    contact_timeout,
    discover_again,
    probe_timeout
});
coded_struct!(Limits {
    command_blocks,
    commands_in_flight,
    commands_waiting,
    window,
    clients,
    portion_bytes,
    reassemblies,
    clears_per_record,
    journal_reserve,
    probes
});

impl Coded for Duration {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_nanos().put(out);
    }
    fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
        Ok(Duration::from_nanos(Coded::get(input)?))
    }
}

impl Coded for Address {
    fn put(&self, out: &mut Vec<u8>) {
        self.value().put(out);
    }
    fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
        Ok(Address::new(Coded::get(input)?))
    }
}

/// A place in a list of the topology.
macro_rules! coded_place {
    ($($name:ident),+) => {$(
        impl Coded for $name {
            fn put(&self, out: &mut Vec<u8>) {
                let place = u16::try_from(self.index()).expect("it was made of sixteen bits");
                place.put(out);
            }
            fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
                Ok($name::new(Coded::get(input)?))
            }
        }
    )+};
}

coded_place!(NetworkId, DeviceId);

impl<T: Coded> Coded for Arc<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }
    fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
        Ok(Arc::new(Coded::get(input)?))
    }
}

/// A pair's two of something.
impl<T: Coded> Coded for [T; 2] {
    fn put(&self, out: &mut Vec<u8>) {
        for one in self {
            one.put(out);
        }
    }
    fn get(input: &mut &[u8]) -> Result<Self, DecodeError> {
        Ok([Coded::get(input)?, Coded::get(input)?])
    }
}

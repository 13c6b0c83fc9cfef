//! Where a packet may wait before it leaves: at a clog, or for a path with little room.

use stormglass_engine::contract::{Input, Module, NetworkId};
use stormglass_engine::time::Duration;

use super::effects::Log;
use super::pending::{Held, Parcel};
use super::{ProcessId, Workbench, World};
use crate::network::{Cut, Entry};
use crate::occurrence::{Happened, Occurrence, PacketName};

impl<M: Module> World<M> {
    /// The path that packets of one process take to another.
    pub(super) fn path(&self, network: NetworkId, from: ProcessId, to: ProcessId) -> Cut {
        Cut {
            network,
            from: self.process(from).machine,
            to: self.process(to).machine,
        }
    }

    /// Lets a packet leave that travels for `span`, if its path does.
    #[cold]
    pub(super) fn depart(
        &mut self,
        name: PacketName,
        parcel: Parcel<M>,
        span: Duration,
        log: &mut Log<M>,
    ) {
        let path = self.path(name.network, name.from, name.to);
        if self.network.is_clogged(&path) {
            log.push(Occurrence::Fault(Happened::Clogged(name)));
            self.held.push(Held { name, span, parcel });
            return;
        }
        let Input::Packet(packet) = &parcel.input else {
            unreachable!("only packets depart");
        };
        let length = packet.frame.len() as u64;
        let now = self.now;
        let wait = match self.network_mut().enter(&path, now, length) {
            Entry::Sent(wait) => wait,
            Entry::Queued(wait) => {
                log.push(Occurrence::Fault(Happened::Queued(name)));
                wait
            }
            Entry::Overflow => {
                return log.push(Occurrence::Fault(Happened::Overflow(name)));
            }
            Entry::TooLarge => {
                return log.push(Occurrence::Fault(Happened::TooLarge(name)));
            }
        };
        if wait > Duration::ZERO {
            let hash = &mut self.hashes.networks[name.network.index()];
            hash.fold_pair(now.as_nanos(), wait.as_nanos());
        }
        self.dispatch(now.after(wait).after(span), parcel);
    }

    /// What waits at a clog leaves, in the order in which it came; each packet travels
    /// as long as it would have, so they arrive in another.
    pub(super) fn release(&mut self, path: Cut, bench: &mut Workbench<M>) {
        if !self.network_mut().release(path) {
            return;
        }
        let held = std::mem::take(&mut self.held);
        for held in held {
            let own = self.path(held.name.network, held.name.from, held.name.to);
            if own == path {
                self.depart(held.name, held.parcel, held.span, &mut bench.log);
            } else {
                self.held.push(held);
            }
        }
    }
}

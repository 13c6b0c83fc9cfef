//! A client that is not deterministic, for tests of what has to notice.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{Entropy, Input, Module, Outbox};
use stormglass_engine::local::Local;
use stormglass_engine::time::Instant;
use stormglass_engine::vocabulary::ClientId;

use super::{Actor, Identity, Report};
use crate::workload::ClientIdentity;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Plant {
    /// A number that is counted on from run to run, kept at one input and shown at a
    /// later one.
    Counter,
    /// Things that are told in the order of their addresses.
    Addresses,
}

/// The input at which it goes wrong.
pub(crate) const WRONG_AT: u64 = 40;
/// The input at which a counter shows in what it does.
const SHOWN_AT: u64 = 60;

/// The client, and what must not be in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planted {
    pub(super) inner: Box<Actor>,
    plant: Plant,
    handled: u64,
    kept: Vec<u64>,
}

thread_local! {
    static PLANT: Cell<Option<Plant>> = const { Cell::new(None) };
}

/// From now on, first clients that boot on this thread are planted ones.
pub(crate) fn sow(plant: Plant) {
    PLANT.set(Some(plant));
}

/// Whether a client is to be a planted one: one of each run is enough.
pub(super) fn is_meant(identity: &ClientIdentity) -> bool {
    PLANT.get().is_some() && identity.client == ClientId::new(1)
}

pub(super) fn boot(
    identity: &Identity,
    entropy: Entropy,
    now: Instant,
    out: &mut Outbox<Local, Report>,
) -> Actor {
    let plant = PLANT.take().expect("it is on");
    let inner = Box::new(Actor::boot(identity, entropy, now, out));
    sow(plant);
    Actor::Planted(Box::new(Planted {
        inner,
        plant,
        handled: 0,
        kept: Vec::new(),
    }))
}

impl Planted {
    pub(super) fn handle(
        &mut self,
        now: Instant,
        input: Input<Local>,
        out: &mut Outbox<Local, Report>,
    ) {
        self.inner.handle(now, input, out);
        self.handled += 1;
        match self.plant {
            Plant::Counter if self.handled == WRONG_AT => {
                static COUNTER: AtomicU64 = AtomicU64::new(0);
                self.kept.push(COUNTER.fetch_add(1, Ordering::Relaxed));
            }
            Plant::Counter if self.handled == SHOWN_AT => {
                out.probe(["even", "odd"][usize::from(self.kept[0] % 2 == 1)]);
            }
            Plant::Addresses if self.handled == WRONG_AT => {
                self.kept = in_order_of_addresses();
                for item in &self.kept {
                    out.probe(["first", "second"][usize::from(*item == 1)]);
                }
            }
            Plant::Counter | Plant::Addresses => {}
        }
    }

    pub(crate) fn handled(&self) -> u64 {
        self.handled
    }
}

/// Two items, in the order of the places that an arena gives out in turn.
fn in_order_of_addresses() -> Vec<u64> {
    static ARENA: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    let items = [0, 1].map(|item| {
        let place = &ARENA[(turn + item) % 2];
        (std::ptr::from_ref(place).addr(), item as u64)
    });
    BTreeMap::from(items).into_values().collect()
}

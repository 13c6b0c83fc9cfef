//! Growth: the volume takes all the room that its storage set has.
//!
//! ```text
//! in sync   order -> session with the new size -> HelloAck -> Grow durable -> clients may use it
//! alone     order --------------------------------------> Grow durable, the tail dirty -> same
//! ```
//!
//! In sync the mirror has the size first, durably, with the fence of a session that is opened
//! for it: whoever may be the owner next without the administrator's word serves what a client
//! has seen once. A mirror that has a size which the owner never wrote down gets the owner's
//! with the next session: nobody was told of the other. Alone, the record that raises the size
//! makes the regions of the tail dirty, and a session that speaks of the former size ends.
//!
//! No command of a client touches the tail before the record is durable, so a growth needs no
//! mark and no place in the order of commands. Refuses to know what a region is copied by.

use serde::{Deserialize, Serialize};

use super::Owner;
use crate::d_module::Context;
use crate::event::{Event, OrderRefusal};
use crate::local::Order;
use crate::storage_set::StorageSet;
use crate::storage_set::record::{Entry, Mode};

/// A growth that is ordered. A crash forgets it, and the administrator orders it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Growth {
    /// Blocks of the volume to be.
    blocks: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// The copies are neither in sync nor durably apart, or nothing may be answered alone.
    Wanted,
    /// The session's Hello speaks of it.
    Offered,
    /// The record is on its way to the journal.
    Writing,
}

impl Owner {
    /// The administrator's order.
    pub fn grow(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) -> Result<(), OrderRefusal> {
        let room = cx.configuration.set.geometry.blocks;
        if set.tables().blocks >= room {
            return Err(OrderRefusal::NoRoom);
        }
        if self.growth.is_some() {
            return Err(OrderRefusal::UnderWay);
        }
        self.growth = Some(Box::new(Growth {
            blocks: room,
            stage: Stage::Wanted,
        }));
        self.go_on_growing(set, cx);
        Ok(())
    }

    /// Nothing new begins; what is on its way to the journal ends.
    pub(super) fn give_up_growth(&mut self, cx: &mut Context<'_>) {
        if self
            .growth
            .take_if(|it| it.stage != Stage::Writing)
            .is_some()
        {
            cx.out
                .trace(Event::OrderRefused(Order::Grow, OrderRefusal::UnderWay));
        }
    }

    /// True while one is ordered and not done.
    pub fn is_growing(&self) -> bool {
        self.growth.is_some()
    }

    /// The size that a session speaks of which is announced in this mode.
    pub(super) fn size_to_tell(&mut self, mode: Mode, set: &StorageSet) -> u64 {
        let blocks = set.tables().blocks;
        match self.growth.as_deref_mut() {
            Some(growth) if mode == Mode::InSync && growth.stage != Stage::Writing => {
                growth.stage = Stage::Offered;
                growth.blocks
            }
            Some(_) | None => blocks,
        }
    }

    /// The mode is durable, or authority is there.
    pub(super) fn go_on_growing(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let stage = self.growth.as_ref().map(|it| it.stage);
        if self.turning > 0 || matches!(stage, None | Some(Stage::Writing)) {
            return;
        }
        match self.mode {
            Mode::InSync if stage == Some(Stage::Wanted) => {
                self.open_session(Mode::InSync, set, cx);
            }
            Mode::InSync => {}
            Mode::OutOfSync | Mode::Resync if self.may_acknowledge_alone(set, cx) => {
                self.write_growth(set, cx);
                if self.mode == Mode::Resync {
                    // The mirror hears of it, and the scan begins above all that was there.
                    cx.out.probe("resync begins anew for a volume that grows");
                    self.open_session(Mode::OutOfSync, set, cx);
                }
            }
            // What was offered in sync counts no more.
            Mode::OosPending | Mode::OutOfSync | Mode::Resync => self.want_growth(),
        }
    }

    /// The mirror has accepted a session in sync; if that spoke of a new size, it has it.
    pub(super) fn handle_size_told(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        if self
            .growth
            .as_ref()
            .is_some_and(|it| it.stage == Stage::Offered)
        {
            self.write_growth(set, cx);
        }
    }

    fn want_growth(&mut self) {
        if let Some(growth) = self.growth.as_deref_mut() {
            growth.stage = Stage::Wanted;
        }
    }

    fn write_growth(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let Some(growth) = self.growth.as_deref_mut() else {
            return;
        };
        growth.stage = Stage::Writing;
        let blocks = growth.blocks;
        self.write(Entry::Grow { blocks }, set, cx);
    }

    /// The record is durable: clients may use what is new.
    pub(super) fn handle_grown(&mut self, blocks: u64, set: &StorageSet, cx: &mut Context<'_>) {
        cx.out.probe(match set.tables().mode {
            Mode::InSync | Mode::OosPending => "volume grown in sync",
            Mode::OutOfSync | Mode::Resync => "volume grown alone",
        });
        self.growth = None;
        cx.out.trace(Event::Grown(blocks));
    }
}

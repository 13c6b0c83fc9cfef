//! The two copies side by side: what each of them owes at this instant.
//!
//! The mirror's copy owes whatever a promotion would have to give. It owes nothing
//! for a block that the owner may acknowledge alone: the owner's mode is out of
//! sync or resync in every image, no durable record of a mediator says in sync,
//! and the block's region is dirty in every image. Nor does a copy that says in
//! every image that it is inconsistent, where its own bits say so too, nor a set
//! that was replaced and is not formatted yet.

use std::sync::Arc;

use stormglass_engine::storage_set::layout::Geometry;
use stormglass_engine::storage_set::tables::{Consistency, Mode};
use stormglass_engine::vocabulary::{BlockIndex, SequenceId};

use super::images::{Bytes64, Candidates, SetImages, Value};

/// What is known of a copy beside its images.
pub(super) trait Exempt {
    /// True if damage was injected into the block's pages and not undone.
    fn is_damaged(&self, copy: usize, block: BlockIndex) -> bool;
}

/// Both copies.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) sets: &'a [Arc<SetImages>; 2],
    /// Replaced, and not formatted yet.
    pub(super) absent: [bool; 2],
    /// The mediator's durable record says in sync; none without a mediator.
    pub(super) in_sync: Option<bool>,
    pub(super) damage: &'a dyn Exempt,
    pub(super) geometry: &'a Geometry,
}

impl Pair<'_> {
    /// Adds every value that a copy's block may have; what injected damage makes of
    /// it is none.
    pub(super) fn add_values(&self, copy: usize, block: BlockIndex, values: &mut Candidates) {
        if self.absent[copy] {
            return;
        }
        if !self.damage.is_damaged(copy, block) {
            return self.sets[copy].add_values(block, values);
        }
        let mut all = Candidates::default();
        self.sets[copy].add_values(block, &mut all);
        let proven = all.values().iter().filter(|it| **it != Value::Damaged);
        for value in proven {
            values.add(*value);
        }
    }

    /// A copy's values.
    pub(super) fn values(&self, copy: usize, block: BlockIndex) -> Candidates {
        let mut values = Candidates::default();
        self.add_values(copy, block, &mut values);
        values
    }

    /// True if the owner may acknowledge on its own copy alone.
    pub(super) fn may_stand_alone(&self) -> bool {
        let is_out = |mode| matches!(mode, Mode::OutOfSync | Mode::Resync);
        self.in_sync != Some(true) && self.sets[0].always(|it| is_out(it.mode))
    }

    /// True if every image of the mirror's set says that it is inconsistent.
    pub(super) fn is_inconsistent(&self) -> bool {
        self.sets[1].always(|it| it.consistency == Consistency::Inconsistent)
    }

    /// True if the copy owes nothing for the block.
    pub(super) fn owes_nothing(&self, copy: usize, block: BlockIndex) -> bool {
        if self.absent[copy] {
            return true;
        }
        let is_dirty = |copy: usize| !self.absent[copy] && self.sets[copy].is_dirty(block);
        copy == 1
            && ((is_dirty(1) && self.is_inconsistent())
                || ((is_dirty(0) || is_dirty(1)) && self.may_stand_alone()))
    }

    /// True if every image of a copy that owes it holds this version of the block,
    /// with these bytes, or a newer one.
    pub(super) fn holds(
        &self,
        copy: usize,
        block: BlockIndex,
        (version, bytes): (SequenceId, Bytes64),
    ) -> bool {
        let values = self.values(copy, block);
        let is_enough = |value: &Value| match value {
            Value::Proven {
                version: held,
                bytes: found,
            } => *held > version || (*held == version && *found == bytes),
            Value::Damaged => false,
        };
        values.values().iter().all(is_enough) || self.owes_nothing(copy, block)
    }
}

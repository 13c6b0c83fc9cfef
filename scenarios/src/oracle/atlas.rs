//! The fault atlas: whether a good copy of every block is left. A run in which the last
//! one was destroyed on purpose is *unrecoverable by design*: nobody can bring it back, so
//! the engine is not blamed for it; and it is not excused for anything else.
//!
//! Fed by injected damage and by acknowledgements: a mirror's copy is good where the owner
//! has it acknowledged, and behind from the acknowledgement of a command that the owner
//! performed alone until that of a copy of its region. Nothing is read off what the engine
//! left on its devices: a resync in the wrong direction would excuse itself.

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use stormglass_engine::event::Event;
use stormglass_engine::storage_set::layout::Geometry;
use stormglass_engine::storage_set::record::Mode;
use stormglass_engine::vocabulary::{BlockIndex, CommandId, Range};

/// Where the last good copy of a block went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destroyed {
    /// The block.
    pub block: BlockIndex,
    /// The fault that took its last good copy, by its event.
    pub event: u64,
}

/// Which copies are good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Atlas {
    geometry: Geometry,
    /// Regions of which the mirror has not acknowledged all.
    behind: OrdSet<u64>,
    /// Commands accepted and not resolved.
    open: OrdMap<CommandId, Range>,
    is_in_sync: bool,
    destroyed: Option<Destroyed>,
}

impl Atlas {
    /// A new volume: both copies are good.
    pub fn new(geometry: Geometry) -> Self {
        Atlas {
            geometry,
            behind: OrdSet::new(),
            open: OrdMap::new(),
            is_in_sync: true,
            destroyed: None,
        }
    }

    /// The first block of which no good copy was left, if there was one.
    pub fn destroyed(&self) -> Option<Destroyed> {
        self.destroyed
    }

    /// An acknowledgement, or what makes them matter.
    pub fn observe_node(&mut self, report: &Event) {
        match report {
            Event::Accepted { command, range, .. } => {
                self.open.insert(*command, *range);
            }
            Event::Resolved(command) => {
                self.open.remove(command);
            }
            Event::ResolvedAlone(command) => {
                if let Some(range) = self.open.remove(command) {
                    self.fall_behind(range);
                }
            }
            Event::OrphanResolved(command, _) => {
                if let Some(range) = self.open.remove(command)
                    && !self.is_in_sync
                {
                    self.fall_behind(range);
                }
            }
            Event::Mode(Mode::InSync, _) => {
                self.is_in_sync = true;
                self.behind = OrdSet::new();
            }
            Event::Mode(Mode::OosPending | Mode::OutOfSync | Mode::Resync, _) => {
                self.is_in_sync = false;
                for range in self.open.values().copied().collect::<Vec<_>>() {
                    self.fall_behind(range);
                }
            }
            Event::RegionCopied(range) => {
                for region in self.geometry.regions(*range) {
                    self.behind.remove(&region);
                }
            }
            _ => {}
        }
    }

    fn fall_behind(&mut self, range: Range) {
        for region in self.geometry.regions(range) {
            self.behind.insert(region);
        }
    }

    /// The mirror's content is gone as a whole.
    pub fn mirror_lost(&mut self) {
        let all = Range::new(
            BlockIndex::new(0),
            u32::try_from(self.geometry.blocks).unwrap_or(u32::MAX),
        );
        if let Some(all) = all {
            self.fall_behind(all);
        }
    }

    /// A block of a copy (0 is the owner's) went bad; the other copy's own damage is
    /// `is_other_bad`.
    pub fn damaged(&mut self, copy: usize, block: BlockIndex, is_other_bad: bool, event: u64) {
        let region = Range::new(block, 1).and_then(|one| self.geometry.regions(one).next());
        let is_behind = region.is_some_and(|region| self.behind.contains(&region));
        let is_last = is_other_bad || (copy == 0 && is_behind);
        if is_last && self.destroyed.is_none() {
            self.destroyed = Some(Destroyed { block, event });
        }
    }
}

#[cfg(test)]
mod tests {
    use stormglass_engine::vocabulary::{
        ClientId, SequenceId, Session, SessionIncarnation, SiteEpoch,
    };

    use super::*;

    fn atlas() -> Atlas {
        Atlas::new(Geometry {
            blocks: 64,
            ring_pages: 512,
            checkpoint_pages: 48,
            region_blocks: 8,
        })
    }

    fn id() -> CommandId {
        CommandId {
            client: ClientId::new(1),
            counter: 1,
        }
    }

    fn accepted(start: u64) -> Event {
        Event::Accepted {
            command: id(),
            sequence: SequenceId::new(1),
            range: Range::new(BlockIndex::new(start), 1).unwrap(),
        }
    }

    fn mode(mode: Mode) -> Event {
        let session = Session {
            site_epoch: SiteEpoch::new(1),
            incarnation: SessionIncarnation::new(1),
        };
        Event::Mode(mode, session)
    }

    /// Whether damage to the owner's block 9 is the end of it after these reports.
    fn is_last(reports: &[Event]) -> bool {
        let mut atlas = atlas();
        for report in reports {
            atlas.observe_node(report);
        }
        atlas.damaged(0, BlockIndex::new(9), false, 77);
        atlas.destroyed().is_some()
    }

    #[test]
    fn the_mirrors_copy_is_good_until_the_owner_goes_on_alone() {
        let alone = [accepted(10), Event::ResolvedAlone(id())];
        let copied = Event::RegionCopied(Range::new(BlockIndex::new(8), 8).unwrap());
        let out = mode(Mode::OutOfSync);
        assert!(!is_last(&[]));
        assert!(!is_last(&[accepted(10), Event::Resolved(id())]));
        assert!(is_last(&alone), "the same region");
        assert!(!is_last(&[accepted(20), Event::ResolvedAlone(id())]));
        assert!(is_last(&[accepted(9), out.clone()]), "in flight");
        assert!(!is_last(&[out, accepted(9), Event::Resolved(id())]));
        let then = |last: Event| [alone.as_slice(), &[last]].concat();
        assert!(!is_last(&then(copied)));
        assert!(!is_last(&then(mode(Mode::InSync))));
    }

    #[test]
    fn damage_to_both_copies_is_the_end_whichever_comes_last() {
        for copy in [0, 1] {
            let mut atlas = atlas();
            atlas.damaged(copy, BlockIndex::new(3), false, 1);
            assert_eq!(atlas.destroyed(), None);
            atlas.damaged(1 - copy, BlockIndex::new(3), true, 2);
            let (block, event) = (BlockIndex::new(3), 2);
            assert_eq!(atlas.destroyed(), Some(Destroyed { block, event }));
        }
    }

    #[test]
    fn a_mirror_without_content_leaves_the_owners_copy_the_only_one() {
        let mut atlas = atlas();
        atlas.mirror_lost();
        atlas.damaged(1, BlockIndex::new(3), false, 1);
        assert_eq!(atlas.destroyed(), None);
        atlas.damaged(0, BlockIndex::new(3), false, 2);
        assert!(atlas.destroyed().is_some());
    }
}

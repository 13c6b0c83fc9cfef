//! The fault atlas: whether a good copy of every block is left. A run in which the last
//! one was destroyed on purpose is *unrecoverable by design*: nobody can bring it back, so
//! the engine is not blamed for it; and it is not excused for anything else.
//!
//! Fed by injected damage and by acknowledgements: a mirror's copy is good where the owner
//! has it acknowledged, and behind from the acknowledgement of a command that the owner
//! performed alone until that of a copy of its region. Nothing is read off what the engine
//! left on its devices: a resync in the wrong direction would excuse itself.
//!
//! An *unreadable* block of the owner is lost if the mirror has not the same: the owner
//! still knows which version it was. One that *reads as something else* is lost wherever
//! the owner cannot know that the mirror has the same, which is in every region that may
//! be dirty: those of commands performed alone, and those in which marks stood when the
//! mirror was given up. Marks end a little after their commands: see [`MARK_STANDS`].

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use stormglass_engine::event::Event;
use stormglass_engine::storage_set::layout::Geometry;
use stormglass_engine::storage_set::record::Mode;
use stormglass_engine::time::Duration;
use stormglass_engine::vocabulary::{BlockIndex, CommandId, Range};
use stormglass_sim::time::WorldTime;

/// For how long after its command's resolution a mark may stand: its end takes the next
/// record, or the idle limit and a record.
const MARK_STANDS: Duration = Duration::from_secs(1);

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
    /// Whether any damage is to come; without, nothing is charted.
    is_charting: bool,
    /// Blocks that the mirror has not acknowledged.
    behind: OrdSet<BlockIndex>,
    /// Regions that the owner may hold for dirty.
    dirty: OrdSet<u64>,
    /// Commands accepted and not resolved.
    open: OrdMap<CommandId, Range>,
    /// Commands resolved on both copies a little while ago.
    resolved: Vec<(WorldTime, Range)>,
    destroyed: Option<Destroyed>,
}

impl Atlas {
    /// A new volume: both copies are good.
    pub fn new(geometry: Geometry, is_charting: bool) -> Self {
        Atlas {
            geometry,
            is_charting,
            behind: OrdSet::new(),
            dirty: OrdSet::new(),
            open: OrdMap::new(),
            resolved: Vec::new(),
            destroyed: None,
        }
    }

    /// The first block of which no good copy was left, if there was one.
    pub fn destroyed(&self) -> Option<Destroyed> {
        self.destroyed
    }

    /// An acknowledgement, or what makes them matter.
    pub fn observe_node(&mut self, at: WorldTime, report: &Event) {
        if !self.is_charting {
            return;
        }
        match report {
            Event::Accepted { command, range, .. } => {
                self.open.insert(*command, *range);
            }
            Event::Resolved(command) => {
                if let Some(range) = self.open.remove(command) {
                    self.resolved
                        .retain(|(when, _)| at.since(*when) <= MARK_STANDS);
                    self.resolved.push((at, range));
                }
            }
            Event::ResolvedAlone(command) => {
                if let Some(range) = self.open.remove(command) {
                    self.fall_behind(range);
                }
            }
            Event::OrphanResolved(command, _) => {
                self.open.remove(command);
            }
            Event::Mode(Mode::InSync, _) => {
                (self.behind, self.dirty) = (OrdSet::new(), OrdSet::new());
            }
            // What was in flight goes on here alone, and what had just been resolved may
            // still have a mark.
            Event::Mode(Mode::OosPending | Mode::OutOfSync | Mode::Resync, _) => {
                for range in self.open.values().copied().collect::<Vec<_>>() {
                    self.fall_behind(range);
                }
                for (when, range) in std::mem::take(&mut self.resolved) {
                    if at.since(when) <= MARK_STANDS {
                        self.dirty.extend(self.geometry.regions(range));
                    }
                }
            }
            Event::RegionCopied(range) => {
                for block in range.blocks() {
                    self.behind.remove(&block);
                }
                for region in self.geometry.regions(*range) {
                    self.dirty.remove(&region);
                }
            }
            _ => {}
        }
    }

    fn fall_behind(&mut self, range: Range) {
        self.behind.extend(range.blocks());
        self.dirty.extend(self.geometry.regions(range));
    }

    /// The mirror's content is gone as a whole.
    pub fn mirror_lost(&mut self) {
        self.behind
            .extend((0..self.geometry.blocks).map(BlockIndex::new));
        self.dirty.extend(0..self.geometry.region_count());
    }

    /// A block of a copy (0 is the owner's) went bad; the other copy's own damage is
    /// `is_other_bad`.
    pub fn damaged(&mut self, copy: usize, bad: Bad, is_other_bad: bool, event: u64) {
        let Bad { block, is_readable } = bad;
        let is_dirty = Range::new(block, 1)
            .and_then(|one| self.geometry.regions(one).next())
            .is_some_and(|region| self.dirty.contains(&region));
        let is_behind = self.behind.contains(&block) || (is_readable && is_dirty);
        let is_last = is_other_bad || (copy == 0 && is_behind);
        if is_last && self.destroyed.is_none() {
            self.destroyed = Some(Destroyed { block, event });
        }
    }
}

/// A block that went bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bad {
    /// The block.
    pub block: BlockIndex,
    /// It reads as something else; or it, or its header, cannot be read.
    pub is_readable: bool,
}

#[cfg(test)]
mod tests {
    use stormglass_engine::vocabulary::{
        ClientId, SequenceId, Session, SessionIncarnation, SiteEpoch,
    };

    use super::*;

    fn atlas() -> Atlas {
        let geometry = Geometry {
            blocks: 64,
            ring_pages: 512,
            checkpoint_pages: 48,
            region_blocks: 8,
        };
        Atlas::new(geometry, true)
    }

    fn at(milliseconds: u64) -> WorldTime {
        WorldTime::ZERO.after(Duration::from_millis(milliseconds))
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

    fn bad(block: u64, is_readable: bool) -> Bad {
        let block = BlockIndex::new(block);
        Bad { block, is_readable }
    }

    /// Whether the owner's block 9 is lost after these reports, if it cannot be read and
    /// if it reads as something else.
    fn is_last(reports: &[Event]) -> [bool; 2] {
        [false, true].map(|is_readable| {
            let mut atlas = atlas();
            for (report, time) in reports.iter().zip(0..) {
                atlas.observe_node(at(time), report);
            }
            atlas.damaged(0, bad(9, is_readable), false, 77);
            atlas.destroyed().is_some()
        })
    }

    const NO: [bool; 2] = [false, false];
    const YES: [bool; 2] = [true, true];
    /// Nobody knows that the mirror has it, and it has.
    const UNKNOWN: [bool; 2] = [false, true];

    #[test]
    fn the_mirrors_copy_is_good_until_the_owner_goes_on_alone() {
        let resolved = [accepted(9), Event::Resolved(id())];
        let alone = |block| [accepted(block), Event::ResolvedAlone(id())];
        let copied = Event::RegionCopied(Range::new(BlockIndex::new(8), 8).unwrap());
        let out = mode(Mode::OutOfSync);
        let then = |reports: &[Event], last: &Event| [reports, &[last.clone()]].concat();
        assert_eq!(is_last(&[]), NO);
        assert_eq!(is_last(&resolved), NO);
        assert_eq!(is_last(&alone(9)), YES);
        assert_eq!(is_last(&alone(10)), UNKNOWN, "the same region");
        assert_eq!(is_last(&alone(20)), NO);
        assert_eq!(is_last(&[accepted(9), out.clone()]), YES, "in flight");
        assert_eq!(is_last(&then(&resolved, &out)), UNKNOWN, "its mark");
        assert_eq!(is_last(&then(&[out], &accepted(9))), NO);
        assert_eq!(is_last(&then(&alone(9), &copied)), NO);
        assert_eq!(is_last(&then(&alone(9), &mode(Mode::InSync))), NO);
    }

    #[test]
    fn a_mark_of_long_ago_has_ended() {
        let mut atlas = atlas();
        atlas.observe_node(at(0), &accepted(9));
        atlas.observe_node(at(1), &Event::Resolved(id()));
        atlas.observe_node(at(1_002), &mode(Mode::OutOfSync));
        atlas.damaged(0, bad(9, true), false, 77);
        assert_eq!(atlas.destroyed(), None);
    }

    #[test]
    fn damage_to_both_copies_is_the_end_whichever_comes_last() {
        for copy in [0, 1] {
            let mut atlas = atlas();
            atlas.damaged(copy, bad(3, true), false, 1);
            assert_eq!(atlas.destroyed(), None);
            atlas.damaged(1 - copy, bad(3, true), true, 2);
            let (block, event) = (BlockIndex::new(3), 2);
            assert_eq!(atlas.destroyed(), Some(Destroyed { block, event }));
        }
    }

    #[test]
    fn a_mirror_without_content_leaves_the_owners_copy_the_only_one() {
        let mut atlas = atlas();
        atlas.mirror_lost();
        atlas.damaged(1, bad(3, true), false, 1);
        assert_eq!(atlas.destroyed(), None);
        atlas.damaged(0, bad(3, false), false, 2);
        assert!(atlas.destroyed().is_some());
    }
}

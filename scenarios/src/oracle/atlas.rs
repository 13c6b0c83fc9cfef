//! The fault atlas: whether a good copy of every block is left. A run at whose end the last
//! one is destroyed on purpose is *unrecoverable by design*: nobody can bring it back, so
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
//! mirror was given up. What a lying flush has left in a cache is good until power takes it,
//! and reads as something else from then on. Marks end a little after their commands (see
//! `MARK_STANDS`), but those that an owner leaves behind as it dies are its heir's orphans,
//! and stand until the mirror has said what became of them.

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use stormglass_engine::event::{Event, Phase};
use stormglass_engine::storage_set::layout::Geometry;
use stormglass_engine::storage_set::record::Mode;
use stormglass_engine::time::Duration;
use stormglass_engine::vocabulary::{BlockIndex, CommandId, Range};
use stormglass_sim::time::WorldTime;

/// For how long after its command's resolution a mark may stand while its owner goes on:
/// its end takes the next record, or the idle limit and a record.
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
    resolved: Vec<(WorldTime, CommandId, Range)>,
    /// Those whose owner has died since.
    orphans: OrdMap<CommandId, Range>,
    /// Blocks that went bad on each copy and were not written since.
    bad: [OrdMap<BlockIndex, Bad>; 2],
    /// How the owner said last that the copies stand.
    mode: Option<Mode>,
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
            orphans: OrdMap::new(),
            bad: <[OrdMap<BlockIndex, Bad>; 2]>::default(),
            mode: None,
        }
    }

    /// True if damage is reckoned with.
    pub fn is_charting(&self) -> bool {
        self.is_charting
    }

    /// Reckons with damage; to be told before anything has happened.
    pub fn chart(&mut self) {
        self.is_charting = true;
    }

    /// The first block of which no good copy is left, if there is one. Of what went bad on
    /// the mirror alone, the owner has a good one.
    pub fn destroyed(&self) -> Option<Destroyed> {
        let lost = |(block, bad): (&BlockIndex, &Bad)| {
            let region = Range::new(*block, 1)
                .and_then(|one| self.geometry.regions(one).next())
                .is_some_and(|region| self.dirty.contains(&region));
            let is_lost = self.bad[1].contains_key(block)
                || self.behind.contains(block)
                || (bad.is_readable && region);
            is_lost.then_some(Destroyed {
                block: *block,
                event: bad.event,
            })
        };
        self.bad[0].iter().find_map(lost)
    }

    /// An acknowledgement, or what makes them matter.
    pub fn observe_node(&mut self, at: WorldTime, report: &Event) {
        if !self.is_charting {
            return;
        }
        let before = self.mode;
        if let Event::Mode(mode, _) = report {
            self.mode = Some(*mode);
        }
        match report {
            Event::Accepted { command, range, .. } => {
                self.open.insert(*command, *range);
            }
            Event::Resolved(command) => {
                if let Some(range) = self.open.remove(command) {
                    self.resolve(at, *command, range);
                }
            }
            Event::Phase(Phase::Announcing) => {
                for (command, range) in self.take_marked(at) {
                    self.orphans.insert(command, range);
                }
            }
            Event::ResolvedAlone(command) => {
                if let Some(range) = self.open.remove(command) {
                    self.fall_behind(range);
                }
            }
            Event::LocalDurable(command) => {
                if let Some(range) = self.open.get(command).copied() {
                    self.written(0, range);
                }
            }
            Event::ReplicaPerformed { command, .. } => {
                if let Some(range) = self.open.get(command).copied() {
                    self.written(1, range);
                }
            }
            Event::Copied { range, .. } => self.written(1, *range),
            Event::Repaired(range) | Event::RegionRebuilt(range) => self.written(0, *range),
            Event::OrphanResolved(command, _) => {
                let range = self.open.remove(command);
                if let Some(range) = self.orphans.remove(command).or(range) {
                    self.resolve(at, *command, range);
                }
            }
            // An owner that boots in sync says so too, and has copied nothing.
            Event::Mode(Mode::InSync, _) if before == Some(Mode::Resync) => {
                (self.behind, self.dirty) = (OrdSet::new(), OrdSet::new());
            }
            // What was in flight goes on here alone, and what had just been resolved may
            // still have a mark.
            Event::Mode(Mode::OosPending | Mode::OutOfSync | Mode::Resync, _) => {
                for range in self.open.values().copied().collect::<Vec<_>>() {
                    self.fall_behind(range);
                }
                let orphans: Vec<_> = self.orphans.values().copied().collect();
                let marked = self.take_marked(at).into_iter().map(|(_, range)| range);
                for range in marked.chain(orphans) {
                    self.dirty.extend(self.geometry.regions(range));
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

    fn resolve(&mut self, at: WorldTime, command: CommandId, range: Range) {
        self.resolved
            .retain(|(when, ..)| at.since(*when) <= MARK_STANDS);
        self.resolved.push((at, command, range));
    }

    /// Resolved commands whose marks may stand. An owner that stood still or died since
    /// left them as they were.
    fn take_marked(&mut self, at: WorldTime) -> Vec<(CommandId, Range)> {
        let resolved = std::mem::take(&mut self.resolved);
        let last = resolved.last().map_or(at, |(when, ..)| *when);
        let marked = resolved
            .into_iter()
            .filter(|(when, ..)| last.since(*when) <= MARK_STANDS);
        marked.map(|(_, command, range)| (command, range)).collect()
    }

    /// A copy's blocks are good again.
    fn written(&mut self, copy: usize, range: Range) {
        if self.bad[copy].is_empty() {
            return;
        }
        for block in range.blocks() {
            self.bad[copy].remove(&block);
        }
    }

    fn fall_behind(&mut self, range: Range) {
        self.behind.extend(range.blocks());
        self.dirty.extend(self.geometry.regions(range));
    }

    /// The other site is the owner from now on; `is_in_sync` if the copies are equal.
    pub fn switch(&mut self, is_in_sync: bool) {
        self.bad.swap(0, 1);
        if !is_in_sync {
            self.mirror_lost();
        }
    }

    /// The mirror's content is gone as a whole.
    pub fn mirror_lost(&mut self) {
        self.behind
            .extend((0..self.geometry.blocks).map(BlockIndex::new));
        self.dirty.extend(0..self.geometry.region_count());
    }

    /// A block of a copy (0 is the owner's) went bad.
    pub fn damaged(&mut self, copy: usize, block: BlockIndex, bad: Bad) {
        self.bad[copy].insert(block, bad);
    }
}

/// How a block went bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bad {
    /// It reads as something else; or it, or its header, cannot be read.
    pub is_readable: bool,
    /// The fault, by its event.
    pub event: u64,
}

#[cfg(test)]
mod tests {
    use stormglass_engine::vocabulary::{
        ClientId, Outcome, SequenceId, Session, SessionIncarnation, SiteEpoch,
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

    fn damage(atlas: &mut Atlas, copy: usize, block: u64, is_readable: bool) {
        let bad = Bad {
            is_readable,
            event: 77,
        };
        atlas.damaged(copy, BlockIndex::new(block), bad);
    }

    /// Whether the owner's block 9 is lost after these reports, if it cannot be read and
    /// if it reads as something else.
    fn is_last(reports: &[Event]) -> [bool; 2] {
        [false, true].map(|is_readable| {
            let mut atlas = atlas();
            for (report, time) in reports.iter().zip(0..) {
                atlas.observe_node(at(time), report);
            }
            damage(&mut atlas, 0, 9, is_readable);
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
        let then = |reports: &[Event], last: &Event| [reports, std::slice::from_ref(last)].concat();
        assert_eq!(is_last(&[]), NO);
        assert_eq!(is_last(&resolved), NO);
        assert_eq!(is_last(&alone(9)), YES);
        assert_eq!(is_last(&alone(10)), UNKNOWN, "the same region");
        assert_eq!(is_last(&alone(20)), NO);
        assert_eq!(is_last(&[accepted(9), out.clone()]), YES, "in flight");
        assert_eq!(is_last(&then(&resolved, &out)), UNKNOWN, "its mark");
        assert_eq!(is_last(&then(&[out], &accepted(9))), NO);
        assert_eq!(is_last(&then(&alone(9), &copied)), NO);
        let resynced = then(&alone(9), &mode(Mode::Resync));
        assert_eq!(is_last(&then(&resynced, &mode(Mode::InSync))), NO);
        assert_eq!(
            is_last(&then(&alone(9), &mode(Mode::InSync))),
            YES,
            "a boot"
        );
    }

    #[test]
    fn a_mark_of_long_ago_has_ended() {
        let mut atlas = atlas();
        atlas.observe_node(at(0), &accepted(9));
        atlas.observe_node(at(1), &Event::Resolved(id()));
        atlas.observe_node(at(1_000), &accepted(30));
        atlas.observe_node(at(1_002), &Event::Resolved(id()));
        atlas.observe_node(at(9_000), &mode(Mode::OutOfSync));
        damage(&mut atlas, 0, 9, true);
        assert_eq!(atlas.destroyed(), None);
    }

    #[test]
    fn a_mark_of_an_owner_that_stood_still_stands() {
        let mut atlas = atlas();
        atlas.observe_node(at(0), &accepted(9));
        atlas.observe_node(at(1), &Event::Resolved(id()));
        atlas.observe_node(at(9_000), &mode(Mode::OutOfSync));
        damage(&mut atlas, 0, 9, true);
        assert!(atlas.destroyed().is_some());
    }

    #[test]
    fn marks_that_a_dead_owner_left_stand_until_the_mirror_was_asked() {
        let told = |is_resolved: bool| {
            let mut atlas = atlas();
            atlas.observe_node(at(0), &accepted(9));
            atlas.observe_node(at(1), &Event::Resolved(id()));
            atlas.observe_node(at(1_500), &Event::Phase(Phase::Announcing));
            if is_resolved {
                let resolved = Event::OrphanResolved(id(), Outcome::Performed);
                atlas.observe_node(at(1_600), &resolved);
            }
            let other = CommandId { counter: 2, ..id() };
            let range = Range::new(BlockIndex::new(30), 1).unwrap();
            let accepted = Event::Accepted {
                command: other,
                sequence: SequenceId::new(2),
                range,
            };
            atlas.observe_node(at(4_000), &accepted);
            atlas.observe_node(at(4_001), &Event::Resolved(other));
            atlas.observe_node(at(9_000), &mode(Mode::OutOfSync));
            damage(&mut atlas, 0, 9, true);
            atlas.destroyed().is_some()
        };
        assert_eq!([told(false), told(true)], [true, false]);
    }

    #[test]
    fn damage_to_both_copies_is_the_end_whichever_comes_last() {
        for copy in [0, 1] {
            let mut atlas = atlas();
            damage(&mut atlas, copy, 3, true);
            assert_eq!(atlas.destroyed(), None);
            damage(&mut atlas, 1 - copy, 3, true);
            let (block, event) = (BlockIndex::new(3), 77);
            assert_eq!(atlas.destroyed(), Some(Destroyed { block, event }));
        }
    }

    #[test]
    fn what_is_written_anew_is_good_again() {
        let nine = Range::new(BlockIndex::new(8), 8).unwrap();
        let mut atlas = atlas();
        atlas.mirror_lost();
        damage(&mut atlas, 0, 9, false);
        assert!(atlas.destroyed().is_some());
        atlas.observe_node(at(0), &accepted(9));
        assert!(atlas.destroyed().is_some());
        atlas.observe_node(at(1), &Event::LocalDurable(id()));
        assert_eq!(atlas.destroyed(), None);
        // What goes bad after that is not good again by its acknowledgement.
        damage(&mut atlas, 0, 9, false);
        atlas.observe_node(at(2), &Event::ResolvedAlone(id()));
        assert!(atlas.destroyed().is_some());
        atlas.observe_node(at(2), &Event::Repaired(nine));
        assert_eq!(atlas.destroyed(), None);
    }

    #[test]
    fn a_region_that_becomes_dirty_makes_old_damage_in_it_final() {
        let mut atlas = atlas();
        damage(&mut atlas, 0, 9, true);
        assert_eq!(atlas.destroyed(), None);
        atlas.observe_node(at(0), &accepted(10));
        atlas.observe_node(at(1), &mode(Mode::OutOfSync));
        assert!(atlas.destroyed().is_some());
    }

    #[test]
    fn a_mirror_without_content_leaves_the_owners_copy_the_only_one() {
        let mut atlas = atlas();
        atlas.mirror_lost();
        damage(&mut atlas, 1, 3, true);
        assert_eq!(atlas.destroyed(), None);
        damage(&mut atlas, 0, 3, false);
        assert!(atlas.destroyed().is_some());
    }

    #[test]
    fn a_mirror_without_content_is_whole_again_after_a_resync_and_not_after_a_boot() {
        let mut atlas = atlas();
        atlas.mirror_lost();
        damage(&mut atlas, 0, 3, false);
        // An owner that boots says in sync, and has copied nothing.
        atlas.observe_node(at(0), &mode(Mode::InSync));
        assert!(atlas.destroyed().is_some());
        atlas.observe_node(at(1), &mode(Mode::Resync));
        atlas.observe_node(at(2), &mode(Mode::InSync));
        assert_eq!(atlas.destroyed(), None);
    }
}

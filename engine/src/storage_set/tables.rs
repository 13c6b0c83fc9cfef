//! The state of one volume copy: role, session, marks, results, watermarks,
//! dirty regions. Changes only by [`Tables::apply`], in journal order, live and in
//! recovery alike, so the live state *is* the durable state.
//!
//! Persistent maps: a checkpoint in progress keeps the state of its record for
//! the price of a pointer, and so does a forked world.

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

use super::layout::Geometry;
pub use super::record::Mode;
use super::record::{CommandResult, Entry, Mark, Route};
use crate::collections::Table;
use crate::vocabulary::{
    BlockIndex, ClientId, CommandId, CopyNumber, Outcome, Range, SequenceId, Session,
    SessionIncarnation, SiteEpoch, Watermark,
};

/// A copy's place in the mirror relationship.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Serves clients.
    Owner,
    /// Follows the owner.
    Mirror,
    /// Has given its reign away, and may take it back if nobody has it.
    HandOff,
}

/// A mirror's fitness for promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Consistency {
    /// A legal state of the volume.
    Consistent,
    /// Legal, but of a past reign.
    Outdated,
    /// Half overwritten.
    Inconsistent,
    /// Of a set without history: nothing is accepted, of any session, before a resync.
    Unpaired,
    /// Legal, and the administrator has called for it: it follows no new session, for it is
    /// to be the owner's.
    Called,
}

/// A row of the result table without its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StoredResult {
    /// What became of the command.
    pub outcome: Outcome,
    /// Its range, where one is known.
    pub range: Option<Range>,
}

/// Durable state of a volume copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tables {
    /// Owner or mirror.
    pub role: Role,
    /// Meaningful for an owner.
    pub mode: Mode,
    /// Meaningful for a mirror.
    pub consistency: Consistency,
    /// The owner's session; a mirror keeps the site epoch of its fence here.
    pub session: Session,
    /// The highest session accepted from the peer.
    pub fence: Session,
    /// The last copy accepted in the fence's session.
    pub last_copy: CopyNumber,
    /// The highest sequence id ever marked or performed.
    pub sequence_high: SequenceId,
    /// Commands in flight.
    pub marks: OrdMap<CommandId, Mark>,
    /// What became of commands at or above their client's watermark.
    pub results: OrdMap<CommandId, StoredResult>,
    /// Lowest counter each client may still ask about; an entry for every client
    /// that has left a record. A list: clients are few, and every command raises one.
    pub watermarks: Table<ClientId, u64>,
    /// Regions changed on this copy alone.
    pub dirty: OrdSet<u64>,
    /// Regions whose content was on a data device that is lost: what the journal does
    /// not hold of them, only the mirror has.
    pub missing: OrdSet<u64>,
    /// Where this copy has left its own last reign: the version at which it was given away,
    /// or else the reign's site epoch; 0 if it has left none.
    pub left_at: SiteEpoch,
    /// Regions in which the mirror had something else from a reign of its own, as far as
    /// this copy knows; kept on both for as long as the present reign lasts.
    pub rolled_back: OrdSet<u64>,
    /// Blocks of the volume: of all that the set has room for, what clients may use.
    pub blocks: u64,
}

impl Tables {
    /// The state of a freshly formatted copy of a volume of so many blocks.
    pub fn formatted(role: Role, session: Session, blocks: u64) -> Self {
        Tables {
            role,
            mode: Mode::InSync,
            consistency: Consistency::Consistent,
            session,
            fence: session,
            last_copy: CopyNumber::new(0),
            sequence_high: SequenceId::new(0),
            marks: OrdMap::new(),
            results: OrdMap::new(),
            watermarks: Table::new(),
            dirty: OrdSet::new(),
            missing: OrdSet::new(),
            left_at: SiteEpoch::new(0),
            rolled_back: OrdSet::new(),
            blocks,
        }
    }

    /// The state of a set without history: a mirror's, and nothing in it is known
    /// to be equal to the owner's, whose word for the size comes with the first session.
    pub fn blank(session: Session, geometry: &Geometry) -> Self {
        Tables {
            consistency: Consistency::Unpaired,
            dirty: (0..geometry.region_count()).collect(),
            ..Tables::formatted(Role::Mirror, session, 0)
        }
    }

    /// Every client's watermark, as a Hello carries them.
    pub fn all_watermarks(&self) -> Vec<Watermark> {
        let watermark = |(client, counter): (&ClientId, &u64)| Watermark {
            client: *client,
            counter: *counter,
        };
        self.watermarks.iter().map(watermark).collect()
    }

    /// The client's watermark.
    pub fn watermark(&self, client: ClientId) -> u64 {
        self.watermarks.get(&client).copied().unwrap_or(1)
    }

    /// Results of commands that touch the range, in command order.
    pub fn results_touching(&self, range: Range) -> Vec<CommandResult> {
        let touching = self
            .results
            .iter()
            .filter(|(_, r)| r.range.is_some_and(|r| r.overlaps(range)));
        touching
            .map(|(command, r)| CommandResult {
                command: *command,
                outcome: r.outcome,
                range: r.range,
            })
            .collect()
    }

    /// Applies one durable record's entry.
    pub fn apply(&mut self, entry: &Entry, geometry: &Geometry) {
        match entry {
            Entry::Mark {
                mark,
                watermark,
                clears,
                route,
            } => {
                self.raise(*watermark);
                self.clear(clears);
                self.sequence_high = self.sequence_high.max(mark.sequence);
                self.marks.insert(mark.command, *mark);
                if *route == Route::LocalOnly {
                    self.dirty.extend(geometry.regions(mark.range));
                }
            }
            Entry::Perform(perform) => {
                self.raise(perform.watermark);
                self.sequence_high = self.sequence_high.max(perform.sequence);
                self.decide(perform.command, perform.outcome, Some(perform.range));
            }
            Entry::Fail {
                command,
                range,
                watermark,
            } => {
                self.raise(*watermark);
                self.decide(*command, Outcome::Failed, *range);
            }
            Entry::Clear { clears } => self.clear(clears),
            Entry::Session { session, mode } => {
                assert!(*session >= self.session, "a session only rises");
                assert!(
                    self.missing.is_empty() || *mode == Mode::InSync,
                    "a mirror that alone has everything is not given up"
                );
                self.session = *session;
                self.mode = *mode;
                match mode {
                    Mode::InSync => {
                        assert!(self.dirty.is_empty(), "in sync, nothing is dirty");
                    }
                    Mode::OosPending | Mode::OutOfSync | Mode::Resync => {
                        self.dirty_marks(geometry);
                    }
                }
            }
            Entry::Activate { .. }
            | Entry::HandOff { .. }
            | Entry::StandDown { .. }
            | Entry::Fence { .. } => self.apply_reign(entry, geometry),
            Entry::Copy {
                copy,
                range,
                versions,
                results,
                differed,
                ..
            } => {
                assert!(*copy > self.last_copy, "a copy number only rises");
                self.last_copy = *copy;
                if let Some(highest) = versions.iter().max() {
                    self.sequence_high = self.sequence_high.max(*highest);
                }
                for result in results {
                    self.decide(result.command, result.outcome, result.range);
                }
                // Own marks of an earlier reign: what they cover is known by bits
                // from now on, and the copied region's bit ends.
                if !self.marks.is_empty() {
                    self.dirty_marks(geometry);
                    self.marks = OrdMap::new();
                }
                self.clean(*range, geometry);
                if *differed {
                    self.rolled_back.extend(geometry.regions(*range));
                }
            }
            Entry::Dirty {
                set,
                clear,
                rolled_back,
            } => {
                for range in rolled_back {
                    self.rolled_back.extend(geometry.regions(*range));
                }
                for range in set {
                    self.dirty.extend(geometry.regions(*range));
                }
                for range in clear {
                    self.clean(*range, geometry);
                }
            }
            Entry::Finish => {
                self.consistency = Consistency::Consistent;
                self.marks = OrdMap::new();
                self.dirty = OrdSet::new();
            }
            Entry::Repair { range, verdict, .. } => self.repair(*range, *verdict, geometry),
            Entry::Lost => self.lose(geometry),
            Entry::Grow { blocks } => self.grow(*blocks, geometry),
        }
    }

    /// Applies a record by which a reign begins or ends, here or at the other site.
    fn apply_reign(&mut self, entry: &Entry, geometry: &Geometry) {
        match entry {
            Entry::Activate { session, mode, .. } => self.activate(*session, *mode, geometry),
            Entry::HandOff { version } => {
                assert!(
                    self.marks.is_empty() && self.dirty.is_empty() && self.mode == Mode::InSync,
                    "what is given away is whole, and the other site has it"
                );
                self.role = Role::HandOff;
                self.left_at = *version;
            }
            Entry::StandDown { consistency } => {
                if self.role == Role::Owner {
                    self.left_at = self.session.site_epoch;
                }
                self.role = Role::Mirror;
                self.consistency = *consistency;
                self.rolled_back = OrdSet::new();
            }
            Entry::Fence {
                session,
                watermarks,
                resync,
                blocks,
            } => {
                assert!(*session > self.fence, "a fence only rises");
                self.role = Role::Mirror;
                for watermark in watermarks {
                    self.raise(*watermark);
                }
                self.fence = *session;
                self.session.site_epoch = self.session.site_epoch.max(session.site_epoch);
                self.last_copy = CopyNumber::new(0);
                self.blocks = *blocks;
                if *resync {
                    self.consistency = Consistency::Inconsistent;
                }
            }
            Entry::Mark { .. }
            | Entry::Perform(_)
            | Entry::Fail { .. }
            | Entry::Clear { .. }
            | Entry::Session { .. }
            | Entry::Copy { .. }
            | Entry::Dirty { .. }
            | Entry::Finish
            | Entry::Repair { .. }
            | Entry::Lost
            | Entry::Grow { .. } => unreachable!("not of a reign"),
        }
    }

    /// A reign begins: its versions are above all of earlier reigns, so that no two
    /// contents of a block share one.
    fn activate(&mut self, session: Session, mode: Mode, geometry: &Geometry) {
        let Session { site_epoch, .. } = session;
        assert!(
            session > self.fence && session > self.session,
            "a reign is later than all that came before"
        );
        assert!(self.is_promotable(), "a half overwritten copy is nobody's");
        self.role = Role::Owner;
        self.mode = mode;
        self.consistency = Consistency::Consistent;
        self.session = session;
        self.fence = Session {
            site_epoch,
            incarnation: SessionIncarnation::new(u64::MAX),
        };
        self.sequence_high = self.sequence_high.max(first_of(site_epoch));
        self.left_at = SiteEpoch::new(0);
        self.rolled_back = OrdSet::new();
        if mode != Mode::InSync {
            self.dirty_marks(geometry);
        }
    }

    fn grow(&mut self, blocks: u64, geometry: &Geometry) {
        assert!(
            self.blocks < blocks && blocks <= geometry.blocks,
            "a volume grows, and has room in its set"
        );
        if self.mode != Mode::InSync {
            self.dirty.extend(geometry.tail(self.blocks, blocks));
        }
        self.blocks = blocks;
    }

    fn repair(&mut self, range: Range, verdict: Option<CommandResult>, geometry: &Geometry) {
        if let Some(verdict) = verdict {
            self.decide(verdict.command, verdict.outcome, verdict.range);
        }
        end_whole(&mut self.missing, range, geometry);
    }

    fn lose(&mut self, geometry: &Geometry) {
        assert!(self.mode == Mode::InSync, "the mirror has what is lost");
        self.missing = (0..geometry.region_count()).collect();
    }

    fn dirty_marks(&mut self, geometry: &Geometry) {
        for mark in self.marks.values() {
            self.dirty.extend(geometry.regions(mark.range));
        }
    }

    /// Ends the bits of regions that lie in the range as a whole.
    fn clean(&mut self, range: Range, geometry: &Geometry) {
        end_whole(&mut self.dirty, range, geometry);
    }

    /// True if the copy is a legal state of the volume, be it of the past.
    pub fn is_promotable(&self) -> bool {
        match self.consistency {
            Consistency::Consistent | Consistency::Outdated | Consistency::Called => true,
            Consistency::Inconsistent | Consistency::Unpaired => false,
        }
    }

    /// True if every region is missing.
    pub fn is_all_missing(&self, geometry: &Geometry) -> bool {
        self.missing.len() as u64 == geometry.region_count()
    }

    /// True if the block lies in a missing region.
    pub fn is_missing(&self, block: BlockIndex, geometry: &Geometry) -> bool {
        !self.missing.is_empty() && self.missing.contains(&geometry.region_of(block))
    }

    /// What may differ as far as this copy knows, as runs of blocks, lowest first: its
    /// dirty regions, and those of marks that an earlier reign of its own has left.
    pub fn dirty_runs(&self, geometry: &Geometry) -> Vec<Range> {
        let marks = self.marks.values().map(|mark| mark.range);
        let mut regions = self.dirty.clone();
        regions.extend(marks.flat_map(|range| geometry.regions(range)));
        runs(&regions, geometry)
    }

    /// The regions that were rolled back, as runs of blocks, lowest first.
    pub fn rolled_back_runs(&self, geometry: &Geometry) -> Vec<Range> {
        runs(&self.rolled_back, geometry)
    }

    /// True if a block of the range lies in a dirty region.
    pub fn is_dirty(&self, range: Range, geometry: &Geometry) -> bool {
        !self.dirty.is_empty()
            && geometry
                .regions(range)
                .any(|region| self.dirty.contains(&region))
    }

    /// Raises a client's watermark, never lowers it, and forgets what lies below.
    /// Notes every client, also one that has promised nothing.
    pub fn raise(&mut self, watermark: Watermark) {
        let Watermark { client, counter } = watermark;
        let known = self.watermarks.get(&client);
        if known.is_some_and(|known| counter <= *known) {
            return;
        }
        self.watermarks.insert(client, counter.max(1));
        let floor = CommandId { client, counter: 0 };
        while let Some((command, _)) = self.results.get_next(&floor) {
            let command = *command;
            if command.client != client || command.counter >= counter {
                break;
            }
            self.results.remove(&command);
        }
    }

    fn decide(&mut self, command: CommandId, outcome: Outcome, range: Option<Range>) {
        if command.counter >= self.watermark(command.client) {
            self.results
                .insert(command, StoredResult { outcome, range });
        }
    }

    fn clear(&mut self, commands: &[CommandId]) {
        for command in commands {
            self.marks.remove(command);
        }
    }
}

/// Regions as runs of blocks, lowest first.
fn runs(regions: &OrdSet<u64>, geometry: &Geometry) -> Vec<Range> {
    let mut runs: Vec<Range> = Vec::new();
    for region in regions {
        let next = geometry.region_range(*region);
        let joined = runs
            .last()
            .filter(|last| last.end() == next.start())
            .and_then(|last| Range::new(last.start(), last.count().checked_add(next.count())?));
        match joined {
            Some(joined) => {
                runs.pop();
                runs.push(joined);
            }
            None => runs.push(next),
        }
    }
    runs
}

/// Where a reign's versions begin.
const fn first_of(reign: SiteEpoch) -> SequenceId {
    SequenceId::new(reign.value() << REIGN_SHIFT)
}

/// A version's place in its reign takes so many bits: a thousand million million commands.
const REIGN_SHIFT: u32 = 40;

/// Takes regions that lie in the range as a whole out of a set.
fn end_whole(set: &mut OrdSet<u64>, range: Range, geometry: &Geometry) {
    if set.is_empty() {
        return;
    }
    for region in geometry.regions(range) {
        let whole = geometry.region_range(region);
        if range.start() <= whole.start() && whole.end() <= range.end() {
            set.remove(&region);
        }
    }
}

#[cfg(test)]
mod tests;

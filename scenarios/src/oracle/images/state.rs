//! A copy's state as its records say, replayed here and not by the engine.

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use stormglass_engine::collections::{Layered, Table, push_one};
use stormglass_engine::storage_set::layout::Geometry;
use stormglass_engine::storage_set::record::{Entry, Mark, Route};
use stormglass_engine::storage_set::tables::{Consistency, Mode, Role, StoredResult, Tables};
use stormglass_engine::vocabulary::{
    ClientId, CommandId, CopyNumber, Lsn, Outcome, Range, SequenceId, Session, SessionIncarnation,
    SiteEpoch, Watermark,
};

/// What became of a command, and since which record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What became of it.
    pub outcome: Outcome,
    /// Its range, where one is known.
    pub range: Option<Range>,
    /// The first record that says so.
    pub since: Lsn,
}

/// How a copy stands, as of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Says something of an owner.
    pub mode: Mode,
    /// Says something of a mirror.
    pub consistency: Consistency,
    /// No region is dirty.
    pub is_clean: bool,
    /// Blocks of the volume.
    pub blocks: u64,
}

/// What a record does to marks and bits that stand before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    /// Marks that end.
    pub(super) closed: Vec<(CommandId, Range)>,
    /// Regions whose bits are set or cleared, in order.
    pub(super) bits: Vec<(u64, bool)>,
}

/// A copy's state as of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    role: Role,
    mode: Mode,
    consistency: Consistency,
    session: Session,
    fence: Session,
    last_copy: CopyNumber,
    sequence_high: SequenceId,
    marks: OrdMap<CommandId, Mark>,
    results: Layered<CommandId, Decision>,
    watermarks: Table<ClientId, u64>,
    dirty: OrdSet<u64>,
    missing: OrdSet<u64>,
    left_at: SiteEpoch,
    rolled_back: OrdSet<u64>,
    blocks: u64,
}

impl State {
    /// The state that a checkpoint holds.
    pub fn of(tables: &Tables, since: Lsn) -> Self {
        let decision = |(command, result): (&CommandId, &StoredResult)| {
            let decision = Decision {
                outcome: result.outcome,
                range: result.range,
                since,
            };
            (*command, decision)
        };
        State {
            role: tables.role,
            mode: tables.mode,
            consistency: tables.consistency,
            session: tables.session,
            fence: tables.fence,
            last_copy: tables.last_copy,
            sequence_high: tables.sequence_high,
            marks: tables.marks.clone(),
            results: tables.results.iter().map(decision).collect(),
            watermarks: tables.watermarks.clone(),
            dirty: tables.dirty.clone(),
            missing: tables.missing.clone(),
            left_at: tables.left_at,
            rolled_back: tables.rolled_back.clone(),
            blocks: tables.blocks,
        }
    }

    /// Marks that stand.
    pub fn marks(&self) -> &OrdMap<CommandId, Mark> {
        &self.marks
    }
    /// What became of a command.
    pub fn decision(&self, command: CommandId) -> Option<&Decision> {
        self.results.get(&command)
    }
    /// What became of commands.
    pub fn decisions(&self) -> impl Iterator<Item = (CommandId, &Decision)> {
        self.results.iter()
    }
    /// Lowest counter a client may still ask about.
    pub fn watermark(&self, client: ClientId) -> u64 {
        self.watermarks.get(&client).copied().unwrap_or(1)
    }
    /// Clients with the lowest counter that each may still ask about.
    pub fn watermarks(&self) -> impl Iterator<Item = (ClientId, u64)> {
        self.watermarks
            .iter()
            .map(|(client, counter)| (*client, *counter))
    }
    /// Regions changed on this copy alone.
    pub fn dirty(&self) -> &OrdSet<u64> {
        &self.dirty
    }
    /// Regions that went with a data device and have not come back.
    pub fn missing(&self) -> &OrdSet<u64> {
        &self.missing
    }
    /// True if this copy serves clients.
    pub fn is_owner(&self) -> bool {
        self.role == Role::Owner
    }
    /// True if it has had a reign of its own, and its bits are of that.
    pub fn has_left_a_reign(&self) -> bool {
        self.role == Role::Mirror && self.left_at != SiteEpoch::new(0)
    }
    /// The owner's session.
    pub fn session(&self) -> Session {
        self.session
    }
    /// The highest session that the mirror has accepted.
    pub fn fence(&self) -> Session {
        self.fence
    }
    /// How the copy stands.
    pub fn standing(&self) -> Standing {
        Standing {
            mode: self.mode,
            consistency: self.consistency,
            is_clean: self.dirty.is_empty(),
            blocks: self.blocks,
        }
    }
    /// True if the copy counts as one half of a pair in sync.
    pub fn is_in_sync(&self) -> bool {
        match self.role {
            Role::Owner | Role::HandOff => self.mode == Mode::InSync,
            Role::Mirror => self.consistency == Consistency::Consistent,
        }
    }

    /// Takes over a record, and tells what becomes of marks and bits.
    pub(super) fn apply(
        &mut self,
        lsn: Lsn,
        entry: &Entry,
        geometry: &Geometry,
        changes: &mut Changes,
    ) {
        match entry {
            Entry::Mark {
                mark,
                watermark,
                clears,
                route,
            } => {
                self.forget_below(*watermark);
                self.end_marks(clears, changes);
                self.end_marks(&[mark.command], changes);
                self.marks.insert(mark.command, *mark);
                self.sequence_high = self.sequence_high.max(mark.sequence);
                match route {
                    Route::LocalOnly => self.soil(mark.range, geometry, changes),
                    Route::Replicated => {}
                }
            }
            Entry::Perform(perform) => {
                self.forget_below(perform.watermark);
                self.sequence_high = self.sequence_high.max(perform.sequence);
                self.decide(lsn, perform.command, perform.outcome, Some(perform.range));
            }
            Entry::Fail {
                command,
                range,
                watermark,
            } => {
                self.forget_below(*watermark);
                self.decide(lsn, *command, Outcome::Failed, *range);
            }
            Entry::Clear { clears } => self.end_marks(clears, changes),
            Entry::Session { session, mode } => {
                (self.session, self.mode) = (*session, *mode);
                if *mode != Mode::InSync {
                    self.soil_marks(geometry, changes);
                }
            }
            Entry::Activate { .. }
            | Entry::HandOff { .. }
            | Entry::StandDown { .. }
            | Entry::Fence { .. } => self.apply_reign(entry, geometry, changes),
            Entry::Copy {
                copy,
                range,
                versions,
                results,
                differed,
                ..
            } => {
                self.last_copy = *copy;
                for version in versions {
                    self.sequence_high = self.sequence_high.max(*version);
                }
                for result in results {
                    self.decide(lsn, result.command, result.outcome, result.range);
                }
                // Marks of a copy that follows say no more than bits do.
                self.soil_marks(geometry, changes);
                self.end_all_marks(changes);
                self.wash(*range, geometry, changes);
                if *differed {
                    self.note_rolled_back(*range, geometry);
                }
            }
            Entry::Dirty {
                set,
                clear,
                rolled_back,
            } => {
                for range in rolled_back {
                    self.note_rolled_back(*range, geometry);
                }
                for range in set {
                    self.soil(*range, geometry, changes);
                }
                for range in clear {
                    self.wash(*range, geometry, changes);
                }
            }
            Entry::Finish => {
                self.consistency = Consistency::Consistent;
                self.end_all_marks(changes);
                let dirty = std::mem::take(&mut self.dirty);
                changes.bits.extend(dirty.iter().map(|bit| (*bit, false)));
            }
            Entry::Repair { range, verdict, .. } => {
                if let Some(it) = verdict {
                    self.decide(lsn, it.command, it.outcome, it.range);
                }
                for region in covered(*range, geometry) {
                    self.missing.remove(&region);
                }
            }
            Entry::Lost => self.missing = (0..geometry.region_count()).collect(),
            Entry::Grow { blocks } => self.grow(*blocks, geometry, changes),
        }
    }

    /// Takes over a record by which a reign begins or ends, here or at the other site.
    fn apply_reign(&mut self, entry: &Entry, geometry: &Geometry, changes: &mut Changes) {
        match entry {
            Entry::Activate { session, mode, .. } => {
                self.begin_reign(*session, *mode, geometry, changes)
            }
            Entry::HandOff { version } => {
                (self.role, self.left_at) = (Role::HandOff, *version);
            }
            Entry::StandDown { consistency } => {
                if self.role == Role::Owner {
                    self.left_at = self.session.site_epoch;
                }
                (self.role, self.consistency) = (Role::Mirror, *consistency);
                self.rolled_back = OrdSet::new();
            }
            Entry::Fence {
                session,
                watermarks,
                resync,
                blocks,
            } => {
                self.blocks = *blocks;
                self.role = Role::Mirror;
                for watermark in watermarks {
                    self.forget_below(*watermark);
                }
                self.fence = *session;
                self.session.site_epoch = self.session.site_epoch.max(session.site_epoch);
                self.last_copy = CopyNumber::new(0);
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
            | Entry::Grow { .. } => {}
        }
    }

    fn begin_reign(
        &mut self,
        session: Session,
        mode: Mode,
        geometry: &Geometry,
        changes: &mut Changes,
    ) {
        (self.role, self.mode) = (Role::Owner, mode);
        (self.consistency, self.session) = (Consistency::Consistent, session);
        self.fence = Session {
            incarnation: SessionIncarnation::new(u64::MAX),
            ..session
        };
        let first = SequenceId::new(session.site_epoch.value() << 40);
        self.sequence_high = self.sequence_high.max(first);
        (self.left_at, self.rolled_back) = (SiteEpoch::new(0), OrdSet::new());
        if mode != Mode::InSync {
            self.soil_marks(geometry, changes);
        }
    }

    fn grow(&mut self, blocks: u64, geometry: &Geometry, changes: &mut Changes) {
        if self.mode != Mode::InSync {
            let size = geometry.region_blocks;
            for region in self.blocks / size..blocks.div_ceil(size) {
                self.set_bit(region, changes);
            }
        }
        self.blocks = blocks;
    }

    fn note_rolled_back(&mut self, range: Range, geometry: &Geometry) {
        let size = geometry.region_blocks;
        let behind = range.end().value().div_ceil(size);
        self.rolled_back
            .extend(range.start().value() / size..behind);
    }

    fn end_marks(&mut self, commands: &[CommandId], changes: &mut Changes) {
        for command in commands {
            if let Some(mark) = self.marks.remove(command) {
                push_one(&mut changes.closed, (*command, mark.range));
            }
        }
    }

    fn end_all_marks(&mut self, changes: &mut Changes) {
        let marks = std::mem::take(&mut self.marks);
        let ended = marks.values().map(|mark| (mark.command, mark.range));
        changes.closed.extend(ended);
    }

    /// Sets the bits of every region that the range touches.
    fn soil(&mut self, range: Range, geometry: &Geometry, changes: &mut Changes) {
        let size = geometry.region_blocks;
        let (first, end) = (range.start().value() / size, range.end().value());
        let behind = end.div_ceil(size).min(geometry.region_count());
        for region in first..behind {
            self.set_bit(region, changes);
        }
    }

    fn set_bit(&mut self, region: u64, changes: &mut Changes) {
        if self.dirty.insert(region).is_none() {
            changes.bits.push((region, true));
        }
    }

    fn soil_marks(&mut self, geometry: &Geometry, changes: &mut Changes) {
        let ranges: Vec<_> = self.marks.values().map(|mark| mark.range).collect();
        for range in ranges {
            self.soil(range, geometry, changes);
        }
    }

    /// Clears the bits of regions that the range covers.
    fn wash(&mut self, range: Range, geometry: &Geometry, changes: &mut Changes) {
        for region in covered(range, geometry) {
            if self.dirty.remove(&region).is_some() {
                changes.bits.push((region, false));
            }
        }
    }

    fn decide(&mut self, lsn: Lsn, command: CommandId, outcome: Outcome, range: Option<Range>) {
        if command.counter < self.watermark(command.client) {
            return;
        }
        let since = self.results.get(&command).map_or(lsn, |it| it.since);
        let decision = Decision {
            outcome,
            range,
            since,
        };
        self.results.insert(command, decision);
    }

    fn forget_below(&mut self, watermark: Watermark) {
        let Watermark { client, counter } = watermark;
        let known = self.watermarks.get(&client);
        if known.is_some_and(|known| counter <= *known) {
            return;
        }
        self.watermarks.insert(client, counter.max(1));
        let floor = CommandId { client, counter: 0 };
        while let Some((command, _)) = self.results.next(&floor) {
            if command.client != client || command.counter >= counter {
                break;
            }
            self.results.remove(&command);
        }
    }

    /// The first thing in which a checkpoint's tables are not this state.
    pub fn difference(&self, tables: &Tables) -> Option<&'static str> {
        let results = || {
            let same = |(mine, theirs): ((CommandId, &Decision), (&CommandId, &StoredResult))| {
                let (mine, decision) = mine;
                mine == *theirs.0
                    && decision.outcome == theirs.1.outcome
                    && decision.range == theirs.1.range
            };
            self.results.len() == tables.results.len()
                && self.results.iter().zip(&tables.results).all(same)
        };
        let fields: [(&'static str, bool); 15] = [
            ("role", self.role == tables.role),
            ("mode", self.mode == tables.mode),
            ("consistency", self.consistency == tables.consistency),
            ("session", self.session == tables.session),
            ("fence", self.fence == tables.fence),
            ("last copy", self.last_copy == tables.last_copy),
            (
                "highest sequence",
                self.sequence_high == tables.sequence_high,
            ),
            ("marks", self.marks == tables.marks),
            ("results", results()),
            ("watermarks", self.watermarks == tables.watermarks),
            ("dirty regions", self.dirty == tables.dirty),
            ("missing regions", self.missing == tables.missing),
            ("end of its reign", self.left_at == tables.left_at),
            (
                "rolled back regions",
                self.rolled_back == tables.rolled_back,
            ),
            ("size", self.blocks == tables.blocks),
        ];
        fields
            .into_iter()
            .find_map(|(field, is_same)| (!is_same).then_some(field))
    }
}

/// Regions that the range covers; the last one of a volume ends with it.
fn covered(range: Range, geometry: &Geometry) -> std::ops::Range<u64> {
    let size = geometry.region_blocks;
    let behind = if range.end().value() >= geometry.blocks {
        geometry.region_count()
    } else {
        range.end().value() / size
    };
    range.start().value().div_ceil(size)..behind
}

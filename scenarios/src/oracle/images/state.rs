//! A copy's state as its records say, replayed here and not by the engine.

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use stormglass_engine::collections::Layered;
use stormglass_engine::storage_set::record::{Entry, Mark};
use stormglass_engine::storage_set::tables::{Consistency, Mode, Role, StoredResult, Tables};
use stormglass_engine::vocabulary::{
    ClientId, CommandId, CopyNumber, Lsn, Outcome, Range, SequenceId, Session, Watermark,
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
    watermarks: OrdMap<ClientId, u64>,
    dirty: OrdSet<u64>,
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
    /// True if the copy counts as one half of a pair in sync.
    pub fn is_in_sync(&self) -> bool {
        match self.role {
            Role::Owner => self.mode == Mode::InSync,
            Role::Mirror => self.consistency == Consistency::Consistent,
        }
    }

    /// Takes over a record.
    pub fn apply(&mut self, lsn: Lsn, entry: &Entry) {
        match entry {
            Entry::Mark {
                mark,
                watermark,
                clears,
            } => {
                self.forget_below(*watermark);
                for command in clears {
                    self.marks.remove(command);
                }
                self.marks.insert(mark.command, *mark);
                self.sequence_high = self.sequence_high.max(mark.sequence);
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
            Entry::Clear { clears } => {
                for command in clears {
                    self.marks.remove(command);
                }
            }
            Entry::Session { session } => self.session = *session,
            Entry::Fence {
                session,
                watermarks,
            } => {
                for watermark in watermarks {
                    self.forget_below(*watermark);
                }
                self.fence = *session;
                self.session.site_epoch = self.session.site_epoch.max(session.site_epoch);
                self.last_copy = CopyNumber::new(0);
            }
            Entry::Copy {
                copy,
                versions,
                results,
                ..
            } => {
                self.last_copy = *copy;
                for version in versions {
                    self.sequence_high = self.sequence_high.max(*version);
                }
                for result in results {
                    self.decide(lsn, result.command, result.outcome, result.range);
                }
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
        if self.watermarks.contains_key(&client) && counter <= self.watermark(client) {
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
        let fields: [(&'static str, bool); 11] = [
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
        ];
        fields
            .into_iter()
            .find_map(|(field, is_same)| (!is_same).then_some(field))
    }
}

//! Orphans: marks that an earlier incarnation left unresolved.
//!
//! The owner's local copy is the judge. One orphan at a time: its failure is made
//! durable if it was not performed, its whole range goes to the mirror with the
//! results that touch it, and only when the mirror has both is the mark cleared
//! and the range opened.
//!
//! ```text
//! Failing -> Reading -> Copying -> Clearing -> next orphan
//!   (performed ones start at Reading; a new session starts again at Reading)
//!
//! Asking -> Installing -> Reading
//!   (of a range that went with the data device, the mirror's copy is the judge)
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contract::{IoError, IoId, IoOutput};
use crate::storage_set::read::RangeRead;
use crate::storage_set::record::Mark;
use crate::vocabulary::{CommandId, Range};

/// Steps of one orphan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Its failure is on its way to the journal.
    Failing,
    /// The mirror is asked for its range and what became of it.
    Asking,
    /// What the mirror has said is on its way to the journal.
    Installing,
    /// Its range is being read.
    Reading,
    /// The mirror is being given the range and its results.
    Copying,
    /// The end of its mark is on its way to the journal.
    Clearing,
}

/// The orphan that is being resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// Its command.
    pub command: CommandId,
    /// Its blocks.
    pub range: Range,
    /// How far it is.
    pub step: Step,
    /// The read of step `Reading`.
    pub read: Option<RangeRead>,
}

/// Unresolved marks of earlier incarnations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orphans {
    open: BTreeMap<CommandId, Range>,
    current: Option<Current>,
}

impl Orphans {
    /// Every mark that recovery found.
    pub fn new<'a>(marks: impl Iterator<Item = &'a Mark>) -> Self {
        Orphans {
            open: marks.map(|mark| (mark.command, mark.range)).collect(),
            current: None,
        }
    }

    /// True if the command is one of them.
    pub fn contains(&self, command: CommandId) -> bool {
        self.open.contains_key(&command)
    }
    /// How many are left.
    pub fn count(&self) -> usize {
        self.open.len()
    }
    /// Their ranges.
    pub fn iter(&self) -> impl Iterator<Item = (CommandId, Range)> {
        self.open.iter().map(|(command, range)| (*command, *range))
    }
    /// The one being resolved.
    pub fn current(&self) -> Option<&Current> {
        self.current.as_ref()
    }

    /// Starts the next one, if none is being resolved.
    pub fn start_next(&mut self) -> Option<(CommandId, Range)> {
        if self.current.is_some() {
            return None;
        }
        let (command, range) = self.open.first_key_value().map(|(c, r)| (*c, *r))?;
        self.current = Some(Current {
            command,
            range,
            step: Step::Failing,
            read: None,
        });
        Some((command, range))
    }

    /// Goes on to a step of the current one.
    pub fn enter(&mut self, next: Step) {
        let current = self.current.as_mut().expect("an orphan is being resolved");
        let possible = matches!(
            (current.step, next),
            (Step::Failing | Step::Reading | Step::Copying, Step::Reading)
                | (Step::Reading, Step::Copying)
                | (Step::Copying, Step::Clearing)
                | (Step::Failing | Step::Reading, Step::Asking)
                | (Step::Asking, Step::Installing)
                | (Step::Installing, Step::Reading)
                // Out of sync nothing is asked or copied: the regions are dirty.
                | (Step::Asking, Step::Failing)
                | (Step::Failing | Step::Reading | Step::Installing, Step::Clearing)
        );
        assert!(possible, "an orphan goes {:?} -> {next:?}", current.step);
        current.step = next;
        // A read that is still under way when the mirror is lost leads nowhere.
        current.read = None;
    }

    /// Keeps the read of the current one's range.
    pub fn set_read(&mut self, read: RangeRead) {
        self.current
            .as_mut()
            .expect("an orphan is being resolved")
            .read = Some(read);
    }

    /// Takes note of a read completion; the read once it is complete.
    pub fn handle_read(
        &mut self,
        io: IoId,
        result: Result<IoOutput, IoError>,
    ) -> Option<RangeRead> {
        let current = self.current.as_mut()?;
        let read = current.read.as_mut()?;
        if !read.handle_completion(io, result) || !read.is_complete() {
            return None;
        }
        current.read.take()
    }

    /// The current one is resolved.
    pub fn finish(&mut self) -> (CommandId, Range) {
        let current = self.current.take().expect("an orphan is being resolved");
        self.open.remove(&current.command);
        (current.command, current.range)
    }
}

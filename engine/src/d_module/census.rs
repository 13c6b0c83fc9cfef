//! The census: what a module still holds.
//!
//! Owns what counts as left over; at rest all of it is zero. Refuses to know why
//! something is held.

use super::DModule;

/// What a module still holds; all zero when nothing is left to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Ranges held by commands or orphans.
    pub held_ranges: usize,
    /// Commands that wait.
    pub waiting_commands: usize,
    /// Commands accepted and not resolved, or resolved with a mark left.
    pub in_flight: usize,
    /// Attempts without a final status.
    pub open_attempts: usize,
    /// Transfers that the mirror has not acknowledged.
    pub unacknowledged_transfers: usize,
    /// Reads in progress.
    pub reads: usize,
    /// Orphans.
    pub orphans: usize,
    /// Transfers in pieces.
    pub reassemblies: usize,
    /// Executions pending at the mirror.
    pub pending_executions: usize,
    /// Durable in-flight marks.
    pub marks: usize,
    /// Journal records that are not durable.
    pub outstanding_records: usize,
    /// Blocks that stand only in the journal.
    pub undestaged_blocks: usize,
    /// Journal pages promised and not used.
    pub promised_pages: u64,
    /// Regions that only the mirror has.
    pub missing_regions: usize,
}

impl Census {
    /// Every count with its name.
    pub fn counts(&self) -> [(&'static str, u64); 14] {
        let Census {
            held_ranges,
            waiting_commands,
            in_flight,
            open_attempts,
            unacknowledged_transfers,
            reads,
            orphans,
            reassemblies,
            pending_executions,
            marks,
            outstanding_records,
            undestaged_blocks,
            promised_pages,
            missing_regions,
        } = *self;
        let few = |count: usize| u64::try_from(count).expect("a count fits");
        [
            ("ranges held", few(held_ranges)),
            ("commands waiting", few(waiting_commands)),
            ("commands in flight", few(in_flight)),
            ("attempts without a status", few(open_attempts)),
            ("transfers unacknowledged", few(unacknowledged_transfers)),
            ("reads in progress", few(reads)),
            ("orphans", few(orphans)),
            ("transfers in pieces", few(reassemblies)),
            ("executions pending", few(pending_executions)),
            ("marks standing", few(marks)),
            ("records not durable", few(outstanding_records)),
            ("blocks not destaged", few(undestaged_blocks)),
            ("journal pages promised", promised_pages),
            ("missing regions", few(missing_regions)),
        ]
    }
}

impl DModule {
    /// What is left to do.
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        if let Some(owner) = &self.owner {
            owner.census(&mut census);
        }
        if let Some(mirror) = &self.mirror {
            (census.reassemblies, census.pending_executions) = mirror.census();
        }
        if let Some(set) = &self.set {
            census.marks = set.tables().marks.len();
            census.missing_regions = set.tables().missing.len();
            census.outstanding_records = set.journal().outstanding();
            census.undestaged_blocks = set.blocks().len();
            census.promised_pages = set.promised();
        }
        census
    }
}

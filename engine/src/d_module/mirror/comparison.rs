//! What a copy replaces of a reign of this copy's own.
//!
//! Where an earlier reign of this site has left marks or dirty regions, the content that a
//! copy replaces may be what clients had been told is theirs. It is read first, and the
//! copy's record says whether it differed, so that the owner can say what was lost. Elsewhere
//! nothing is read. Refuses to know what was acknowledged.

use serde::{Deserialize, Serialize};

use super::{Asker, Mirror};
use crate::contract::{IoError, IoId, IoOutput};
use crate::d_module::Context;
use crate::payload::Payload;
use crate::storage_set::StorageSet;
use crate::storage_set::read::{self, RangeRead};
use crate::vocabulary::{Content, Range, Session, SiteEpoch};
use crate::wire::CopyTransfer;

/// A copy that waits for what it replaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Comparison {
    session: Session,
    copy: CopyTransfer,
    asker: Asker,
    read: RangeRead,
}

impl Mirror {
    /// True if a reign of this site has left something in the range.
    pub(super) fn is_of_own_reign(&self, range: Range, set: &StorageSet, cx: &Context<'_>) -> bool {
        let geometry = &cx.configuration.set.geometry;
        let tables = set.tables();
        let mut marks = tables.marks.values();
        // The bits of a set that was made anew say nothing of what clients were told.
        tables.left_at != SiteEpoch::new(0)
            && (tables.is_dirty(range, geometry) || marks.any(|it| it.range.overlaps(range)))
    }

    /// Reads what the copy replaces.
    pub(super) fn compare(
        &mut self,
        (session, copy, asker): (Session, CopyTransfer, Asker),
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let (read, ios) = set.read(copy.range, cx.ids);
        cx.submit_all(ios);
        self.comparison = Some(Box::new(Comparison {
            session,
            copy,
            asker,
            read,
        }));
        self.end_comparison(set, cx);
    }

    /// A read completion.
    pub(super) fn handle_compared(
        &mut self,
        io: IoId,
        result: &Result<IoOutput, IoError>,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        if let Some(comparison) = self.comparison.as_deref_mut()
            && comparison.read.handle_completion(io, result.clone())
        {
            self.end_comparison(set, cx);
        }
    }

    fn end_comparison(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        let Some(comparison) = self.comparison.take_if(|it| it.read.is_complete()) else {
            return;
        };
        let Comparison {
            session,
            copy,
            asker,
            read,
        } = *comparison;
        if session != set.tables().fence || self.accepting.is_some() {
            return;
        }
        // What cannot be read may have been anything.
        let differed = match read.finish() {
            Ok(blocks) => !is_same(&copy.content, &read::concatenate(&blocks)),
            Err(_) => true,
        };
        if differed {
            cx.out.probe("copy replaces what an own reign has left");
        }
        self.write_copy((session, copy, asker), differed, set, cx);
    }
}

fn is_same(content: &Content, held: &Payload) -> bool {
    match content {
        Content::Data(data) => data == held,
        Content::Zeroes => held.iter().all(|byte| *byte == 0),
        Content::Nothing => true,
    }
}

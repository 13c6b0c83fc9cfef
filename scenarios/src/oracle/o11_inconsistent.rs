//! O11: a copy that is half overwritten says so, from before its first overwritten
//! block until it is whole.
//!
//! When the mirror submits a copy, one of two things holds. Either every image of
//! its set says that it is inconsistent; or the owner may differ there in every
//! image (an orphan's whole range, under its mark) and the copy does not belong to
//! a resync: the session that the mirror follows is not the owner's present one,
//! or the owner's mode in it is not resync.
//!
//! When the mirror submits the end of a resync in the owner's present session, the
//! owner's log of dirty regions is empty in every image. (An end that was sent in
//! a session since given up may come late: nothing is promoted by it, for the
//! owner has taken back the mediator's word before it acknowledges alone.)
//!
//! When a reign of the mirror's site begins, no image of its set says that it is
//! inconsistent, nor that it is of a past reign, unless the administrator has called for it.
//!
//! When the mediator's record comes to say in sync, durably, no image of the mirror's
//! set says that it is inconsistent, and every image of the owner's says that it is in
//! sync or has just given the mirror up: the word follows the copies, never they it.

use serde::{Deserialize, Serialize};
use stormglass_engine::storage_set::record::Entry;
use stormglass_engine::storage_set::tables::{Consistency, Mode};
use stormglass_engine::vocabulary::Range;

use super::images::{Link, Pair, When};
use super::{Finding, OracleId};

/// Watches what the mirror says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inconsistent {
    checks: u64,
}

impl Inconsistent {
    /// Copies and ends looked at.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    /// The mediator's record says in sync from now on.
    pub(super) fn told(&mut self, pair: &Pair, when: When, findings: &mut Vec<Finding>) {
        if pair.is_absent(0) || pair.is_absent(1) {
            return;
        }
        self.checks += 1;
        let is_told = |mode| matches!(mode, Mode::InSync | Mode::OosPending);
        let owner = pair.set(0).always(|it| is_told(it.mode));
        let mirror = |it| it != Consistency::Inconsistent;
        let mirror = pair.set(1).always(|it| mirror(it.consistency));
        let says = match (owner, mirror) {
            (true, true) => return,
            (false, _) => "the mediator says in sync, and the owner's set may not",
            (true, false) => "the mediator says in sync, and the mirror's set may be inconsistent",
        };
        let events = vec![when.event];
        findings.push(Finding::new(OracleId::O11, when.at, says.into(), events));
    }

    /// A record entered a journal.
    pub(super) fn note(
        &mut self,
        copy: usize,
        link: &Link,
        pair: &Pair,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        if let Entry::Activate { forced, .. } = &link.entry {
            self.checks += 1;
            let half = |it| matches!(it, Consistency::Inconsistent | Consistency::Unpaired);
            let is_whole = |it: Consistency| !half(it) && (*forced || it != Consistency::Outdated);
            // The owner that takes its own reign back is no mirror.
            if copy == 1 && !pair.set(1).always(|it| is_whole(it.consistency)) {
                let says = "it is to be the owner's, and may be inconsistent or outdated";
                let says = format!("the mirror's set: {says}");
                let events = vec![link.event, when.event];
                findings.push(Finding::new(OracleId::O11, when.at, says, events));
            }
            return;
        }
        if copy == 0 || pair.is_absent(0) {
            return;
        }
        let says = match &link.entry {
            Entry::Copy { range, .. } => {
                self.checks += 1;
                wrong_copy(*range, pair)
            }
            Entry::Finish => {
                self.checks += 1;
                let is_clean = pair.set(0).always(|it| it.is_clean);
                let is_wrong = is_present(pair) && !is_clean;
                is_wrong.then(|| "it is finished, and the owner may have dirty regions".into())
            }
            _ => None,
        };
        if let Some(says) = says {
            let says = format!("the mirror's set: {says}");
            let events = vec![link.event, when.event];
            findings.push(Finding::new(OracleId::O11, when.at, says, events));
        }
    }
}

/// True if the mirror follows the owner's present session.
fn is_present(pair: &Pair) -> bool {
    pair.set(0).state().session() == pair.set(1).state().fence()
}

fn wrong_copy(range: Range, pair: &Pair) -> Option<String> {
    if pair.is_inconsistent() {
        return None;
    }
    let mode = pair.set(0).state().standing().mode;
    if is_present(pair) && mode == Mode::Resync {
        return Some(format!(
            "{range} is overwritten by a resync, and it may count as consistent"
        ));
    }
    let mut blocks = range.blocks();
    let bare = blocks.find(|block| !pair.set(0).may_differ(*block))?;
    Some(format!(
        "{range} is overwritten, it may count as consistent, and the owner has no mark on block {}",
        bare.value()
    ))
}

//! O1 and O8, of growth: what a volume has grown to it never loses, and a client is told
//! the truth about its end.
//!
//! A growth is announced when its owner reports it durable. From then on every image of the
//! owner's set has the size, and of the mirror's too, if the owner says in every image that
//! it is in sync; so it is with every session that the mirror confirms, whenever the owner comes
//! to say that they are in sync, and with every reign that begins without the administrator's
//! word (O1). A forced one may give the growth up.
//!
//! A command that was issued for blocks that the volume had is not refused for its range, and
//! none succeeds behind the end of the volume, as announced or as some image of the owner's set
//! has it (O8). A growth whose owner died before it could announce it is announced by the first
//! success behind the former end.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use stormglass_engine::storage_set::tables::{Consistency, Mode};
use stormglass_engine::vocabulary::{CommandId, RefusedReason, Session};

use super::images::{Images, When};
use super::{Finding, OracleId};
use crate::workload::{ClientEvent, StatusSummary};

/// The oracle. Boxed, and only where there is room to grow: a fork copies it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Growth(Option<Box<Size>>);

/// What clients may know of the volume's size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Size {
    /// As it was founded.
    first: u64,
    /// As it was announced last, and not given up.
    announced: u64,
    /// The largest that was ever announced.
    largest: u64,
    /// The highest session that was confirmed, or said to be in sync: a node that stood still
    /// may speak of an earlier one.
    session: Option<Session>,
    /// Commands that end behind the first size: where, and what was announced when they were
    /// issued.
    beyond: OrdMap<CommandId, (u64, u64)>,
    durable: u64,
    outcomes: u64,
}

impl Growth {
    /// A volume of so many blocks, on sets that have room for so many.
    pub(super) fn new(blocks: u64, room: u64) -> Self {
        let size = || Size {
            first: blocks,
            announced: blocks,
            largest: blocks,
            session: None,
            beyond: OrdMap::new(),
            durable: 0,
            outcomes: 0,
        };
        Growth((blocks < room).then(|| Box::new(size())))
    }

    /// How often O1 has looked.
    pub(super) fn durable_checks(&self) -> u64 {
        self.0.as_deref().map_or(0, |size| size.durable)
    }
    /// How often O8 has looked.
    pub(super) fn outcome_checks(&self) -> u64 {
        self.0.as_deref().map_or(0, |size| size.outcomes)
    }

    /// The present owner reports a growth.
    pub(super) fn grown(
        &mut self,
        blocks: u64,
        images: &Images,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let Some(size) = self.0.as_deref_mut() else {
            return;
        };
        size.announced = blocks;
        size.largest = size.largest.max(blocks);
        size.check(0, "grew", images, when, findings);
        if images.set(0).always(|it| it.mode == Mode::InSync) {
            size.check(1, "grew in sync", images, when, findings);
        }
    }

    /// The owner says durably that the copies are in sync.
    pub(super) fn in_sync(
        &mut self,
        session: Session,
        images: &Images,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let whole = Consistency::Consistent;
        // One that has lost its content since says so.
        if let Some(size) = self.0.as_deref_mut()
            && size.is_latest(session)
            && images.set(1).always(|it| it.consistency == whole)
        {
            size.check(1, "is in sync", images, when, findings);
        }
    }

    /// The mirror has accepted a session of the present owner.
    pub(super) fn session_confirmed(
        &mut self,
        session: Session,
        images: &Images,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let has_content = |it: Consistency| it != Consistency::Unpaired;
        if let Some(size) = self.0.as_deref_mut()
            && size.is_latest(session)
            && images.set(1).always(|it| has_content(it.consistency))
        {
            size.check(1, "has a new session", images, when, findings);
        }
    }

    /// A reign begins at the other site: of the copy that is the owner's from now on.
    pub(super) fn reign_begins(
        &mut self,
        is_forced: bool,
        images: &Images,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let Some(size) = self.0.as_deref_mut() else {
            return;
        };
        if is_forced {
            let is_lost = |blocks| !images.set(0).always(|it| it.blocks >= blocks);
            if is_lost(size.announced) {
                size.announced = size.first;
                let first = size.first;
                let beyond = std::mem::take(&mut size.beyond).into_iter();
                size.beyond = beyond.map(|(id, (end, _))| (id, (end, first))).collect();
            }
            return;
        }
        size.check(0, "has a new owner", images, when, findings);
    }

    /// A client's report.
    pub(super) fn observe_client(
        &mut self,
        report: &ClientEvent,
        images: &Images,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let Some(size) = self.0.as_deref_mut() else {
            return;
        };
        match report {
            ClientEvent::Invoked {
                id,
                range: Some(range),
                ..
            } if range.end().value() > size.first => {
                let asked = (range.end().value(), size.announced);
                size.beyond.insert(*id, asked);
            }
            ClientEvent::AttemptEnded { id, status, .. } => {
                if let Some(says) = size.judge(*id, *status, images) {
                    let events = vec![when.event];
                    findings.push(Finding::new(OracleId::O8, when.at, says, events));
                }
            }
            _ => {}
        }
    }
}

impl Size {
    /// True of a session that no earlier report was later than.
    fn is_latest(&mut self, session: Session) -> bool {
        self.session = self.session.max(Some(session));
        self.session == Some(session)
    }

    fn check(
        &mut self,
        copy: usize,
        what: &str,
        images: &Images,
        when: When,
        findings: &mut Vec<Finding>,
    ) {
        let announced = self.announced;
        self.durable += 1;
        if images.is_absent(copy) || images.set(copy).always(|it| it.blocks >= announced) {
            return;
        }
        let whose = ["owner", "mirror"][copy];
        let says = format!(
            "the volume {what}, and the {whose}'s set may not have the {announced} blocks that were announced"
        );
        findings.push(Finding::new(OracleId::O1, when.at, says, vec![when.event]));
    }

    fn judge(
        &mut self,
        command: CommandId,
        status: StatusSummary,
        images: &Images,
    ) -> Option<String> {
        let (end, announced) = self.beyond.get(&command).copied().unwrap_or((0, 0));
        self.outcomes += 1;
        match status {
            StatusSummary::Refused(RefusedReason::OutOfRange)
                if end <= announced.min(self.announced) =>
            {
                Some(format!(
                    "{command} is refused for its range, and the volume has {} blocks",
                    self.announced
                ))
            }
            StatusSummary::Success if end > self.announced => {
                let owner = images.set(0);
                if owner.always(|it| it.blocks >= end) {
                    self.announced = end;
                    self.largest = self.largest.max(end);
                }
                let is_beyond = end > self.largest && owner.always(|it| it.blocks < end);
                is_beyond.then(|| {
                    format!(
                        "{command} succeeds up to block {end}, and the volume never had more than {}",
                        self.largest
                    )
                })
            }
            _ => None,
        }
    }
}

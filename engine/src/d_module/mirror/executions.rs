//! What a mirror performs: replicas and copies, each as one journal record.
//!
//! Owns that a command is performed at most once on this set, and that nothing that overlaps
//! is under way together. Refuses to know whether a session may speak.

use super::{Asker, Mirror, PendingCommand, PendingCopy, PendingSet, is_on_volume};
use crate::d_module::Context;
use crate::d_module::communications::acknowledge;
use crate::event::{Event, IgnoreReason};
use crate::storage_set::StorageSet;
use crate::storage_set::record::{Entry, Perform};
use crate::vocabulary::{CommandId, Content, Outcome, Range, Session, SetId, Watermark};
use crate::wire::{CopyTransfer, Member, TransferId};

impl Mirror {
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one portion and the two rooms it meets"
    )]
    pub(super) fn perform_set(
        &mut self,
        session: Session,
        number: SetId,
        members: &[Member],
        watermark: Option<Watermark>,
        asker: Asker,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let mut open = Vec::with_capacity(members.len());
        let mut pages = 0;
        for member in members {
            let command = member.command;
            if !is_on_volume(member.range, cx) {
                return cx.out.trace(Event::Ignored(IgnoreReason::Misrouted));
            }
            if command.counter < set.tables().watermark(command.client) {
                return cx.out.trace(Event::Ignored(IgnoreReason::BelowWatermark));
            }
            if self.commands.contains_key(&command) {
                cx.out.probe("replica of a pending execution dropped");
                return cx.out.trace(Event::Ignored(IgnoreReason::Pending));
            }
            match set
                .tables()
                .results
                .get(&command)
                .map(|result| result.outcome)
            {
                Some(Outcome::Failed) => {
                    return cx.out.trace(Event::Ignored(IgnoreReason::Tombstoned));
                }
                Some(Outcome::Performed | Outcome::Mismatch) => {
                    cx.out.probe("performed replica not performed again");
                }
                None => {
                    pages += 1 + payload_pages(&member.content, member.range);
                    open.push(member);
                }
            }
        }
        if pages > set.room() {
            return cx.out.trace(Event::Ignored(IgnoreReason::NoRoom));
        }
        if open.is_empty() {
            self.reassembly.note_performed(number);
            return acknowledge(
                asker.address,
                session,
                TransferId::Set(number),
                asker.attempt,
                cx,
            );
        }
        // A node that stood still while its partner took the set over, performed what is
        // pending here and went on: the lease says that it may be so, and its devices
        // will refuse it.
        if !cx.is_fresh && open.iter().any(|member| self.overlaps(member.range)) {
            cx.out
                .probe("replica that overlaps, at a mirror that may be deposed");
            return cx.out.trace(Event::Ignored(IgnoreReason::Pending));
        }
        let count = u32::try_from(open.len()).expect("a set is bounded");
        self.sets.insert(
            (session, number),
            PendingSet {
                members: count,
                asker,
            },
        );
        for member in open {
            self.check_disjoint(member.range);
            let pending = PendingCommand {
                session,
                set: number,
                range: member.range,
            };
            self.commands.insert(member.command, pending);
            let own = Watermark {
                client: member.command.client,
                counter: 0,
            };
            let watermark = watermark
                .filter(|mark| mark.client == own.client)
                .unwrap_or(own);
            let outcome = match member.content {
                Content::Data(_) | Content::Zeroes => Outcome::Performed,
                Content::Nothing => Outcome::Mismatch,
            };
            cx.append(
                set,
                Entry::Perform(Perform {
                    command: member.command,
                    sequence: member.sequence,
                    range: member.range,
                    content: member.content.clone(),
                    outcome,
                    session,
                    watermark,
                }),
            );
        }
    }

    pub(super) fn perform_copy(
        &mut self,
        session: Session,
        copy: CopyTransfer,
        asker: Asker,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let overlaps = self
            .commands
            .values()
            .any(|pending| pending.range.overlaps(copy.range));
        if overlaps || !self.copies.is_empty() || self.comparison.is_some() {
            cx.out.probe("copy waits for a pending execution");
            return cx.out.trace(Event::Ignored(IgnoreReason::Pending));
        }
        let limits = &cx.configuration.limits;
        if !is_on_volume(copy.range, cx) || copy.results.len() as u64 > limits.results() {
            return cx.out.trace(Event::Ignored(IgnoreReason::Misrouted));
        }
        if self.is_of_own_reign(copy.range, set, cx) {
            return self.compare((session, copy, asker), set, cx);
        }
        self.write_copy((session, copy, asker), false, set, cx);
    }

    /// Journals a copy.
    pub(super) fn write_copy(
        &mut self,
        (session, copy, asker): (Session, CopyTransfer, Asker),
        differed: bool,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let CopyTransfer {
            copy,
            range,
            content,
            versions,
            results,
        } = copy;
        let entry = Entry::Copy {
            copy,
            range,
            content,
            versions,
            results,
            differed,
        };
        if set.pages(&entry) > set.room() {
            return cx.out.trace(Event::Ignored(IgnoreReason::NoRoom));
        }
        self.copies.push(PendingCopy {
            copy,
            session,
            range,
            asker,
        });
        cx.append(set, entry);
    }

    /// The owner never has overlapping commands in flight, nor copies what one
    /// touches.
    fn check_disjoint(&self, range: Range) {
        assert!(
            !self.overlaps(range),
            "overlapping commands are never in flight together"
        );
    }

    /// True if a pending execution touches the range.
    pub(super) fn overlaps(&self, range: Range) -> bool {
        let commands = self.commands.values().map(|pending| pending.range);
        let copies = self.copies.iter().map(|pending| pending.range);
        commands.chain(copies).any(|other| other.overlaps(range))
    }

    pub(super) fn handle_performed(
        &mut self,
        command: CommandId,
        fence: Session,
        cx: &mut Context<'_>,
    ) {
        let Some(pending) = self.commands.remove(&command) else {
            return;
        };
        let PendingCommand {
            session,
            set: number,
            ..
        } = pending;
        cx.out.trace(Event::ReplicaPerformed {
            session,
            set: number,
            command,
        });
        let Some(set) = self.sets.get_mut(&(session, number)) else {
            return;
        };
        set.members -= 1;
        if set.members == 0 {
            let asker = set.asker;
            self.sets.remove(&(session, number));
            if session == fence {
                self.reassembly.note_performed(number);
            }
            acknowledge(
                asker.address,
                session,
                TransferId::Set(number),
                asker.attempt,
                cx,
            );
        }
    }
}

fn payload_pages(content: &Content, range: Range) -> u64 {
    match content {
        Content::Data(_) => u64::from(range.count()),
        Content::Zeroes | Content::Nothing => 0,
    }
}

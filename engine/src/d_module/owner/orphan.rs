//! One orphan after another, from its mark to the end of it: judged by the local
//! copy, made equal at the mirror, cleared.
//!
//! Owns what each step of an orphan does; `orphans` owns which one and which step.
//! Refuses to know of any command of this boot.

use super::{Owner, status_of};
use crate::d_module::Context;
use crate::d_module::orphans::Step;
use crate::d_module::replication::Link;
use crate::event::Event;
use crate::storage_set::StorageSet;
use crate::storage_set::blocks::BlockContent;
use crate::storage_set::read::{self, Unproven};
use crate::storage_set::record::{CommandResult, Entry, Mode};
use crate::vocabulary::{CommandId, Content, CopyNumber, Outcome, Range, Watermark};
use crate::wire::CopyTransfer;

impl Owner {
    /// In sync once the mirror has answered, or out of sync: until one of the two, it
    /// is not known what the orphan's verdict is for the mirror.
    pub(super) fn start_orphan(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        if set.tables().mode == Mode::OosPending {
            return;
        }
        let Some((command, range)) = self.orphans.start_next() else {
            return;
        };
        let mut regions = cx.configuration.set.geometry.regions(range);
        if regions.nth(1).is_some() {
            cx.out.probe("orphan over several regions");
        }
        if self.is_orphan_lost(set) {
            return self.ask_for_orphan(cx);
        }
        self.judge_orphan((command, range), set, cx);
    }

    /// This copy is the judge: its result is the verdict, or that it has none.
    fn judge_orphan(
        &mut self,
        (command, range): (CommandId, Range),
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let outcome = set
            .tables()
            .results
            .get(&command)
            .map(|result| result.outcome);
        match outcome {
            Some(Outcome::Performed | Outcome::Mismatch | Outcome::Failed) => {
                cx.out.probe("orphan found performed");
                self.settle_or_copy_orphan(set, cx);
            }
            None => {
                cx.out.probe("orphan found not performed");
                let client = command.client;
                let watermark = Watermark {
                    client,
                    counter: set.tables().watermark(client),
                };
                let entry = Entry::Fail {
                    command,
                    range: Some(range),
                    watermark,
                };
                self.write(entry, set, cx);
            }
        }
    }

    /// Its verdict is durable. In sync the mirror gets it with the range; out of sync
    /// the region is durably dirty and gets there by resync.
    pub(super) fn settle_or_copy_orphan(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        match set.tables().mode {
            Mode::InSync => self.read_orphan(set, cx),
            Mode::OosPending => {}
            Mode::OutOfSync | Mode::Resync => {
                cx.out.probe("orphan settled out of sync");
                self.clear_orphan(set, cx);
            }
        }
    }

    /// The mirror is lost while orphans were being resolved, or before: they end by
    /// this copy's verdict.
    pub(super) fn settle_orphan(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        match self.orphans.current().map(|current| current.step) {
            Some(Step::Copying | Step::Reading) => self.settle_or_copy_orphan(set, cx),
            Some(Step::Failing | Step::Installing) if self.has_verdict(set) => {
                self.settle_or_copy_orphan(set, cx);
            }
            Some(Step::Asking) => self.judge_unasked(set, cx),
            Some(Step::Failing | Step::Installing | Step::Clearing) => {}
            None => self.start_orphan(set, cx),
        }
    }

    /// The mirror was lost before it said what became of the orphan. What comes back may
    /// be another one that knows nothing of it, so it is not asked any more.
    fn judge_unasked(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        cx.out.probe("orphan judged here, for the mirror is lost");
        self.judging = None;
        self.orphans.enter(Step::Failing);
        let current = self.orphans.current().expect("one is being resolved");
        self.judge_orphan((current.command, current.range), set, cx);
    }

    /// True if the current orphan's outcome is durable.
    fn has_verdict(&self, set: &StorageSet) -> bool {
        let current = self.orphans.current();
        current.is_some_and(|it| set.tables().results.contains_key(&it.command))
    }

    pub(super) fn read_orphan(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.orphans.enter(Step::Reading);
        let range = self.orphans.current().expect("one is being resolved").range;
        let (read, ios) = set.read(range, cx.ids);
        cx.submit_all(ios);
        if read.is_complete() {
            return self.copy_orphan(read.finish(), set, cx);
        }
        self.orphans.set_read(read);
    }

    /// The mirror gets the whole range and the results that touch it in one
    /// record: copied piece by piece, a crash between would tear the command.
    pub(super) fn copy_orphan(
        &mut self,
        found: Result<Vec<BlockContent>, Unproven>,
        set: &StorageSet,
        cx: &mut Context<'_>,
    ) {
        let Ok(blocks) = found else {
            // What cannot be read is as good as lost, and judged like it.
            if !self.is_orphan_lost(set) {
                cx.out.probe("orphan cannot be read");
            }
            return self.ask_for_orphan(cx);
        };
        if self.replication.link() != Link::Open {
            return;
        }
        self.orphans.enter(Step::Copying);
        let range = self.orphans.current().expect("one is being resolved").range;
        let content = Content::Data(read::concatenate(&blocks));
        let versions = blocks.iter().map(|block| block.version).collect();
        let results = set.tables().results_touching(range);
        let build = |copy: CopyNumber| CopyTransfer {
            copy,
            range,
            content,
            versions,
            results,
        };
        self.replication.copy(build, cx);
    }

    pub(super) fn clear_orphan(&mut self, set: &mut StorageSet, cx: &mut Context<'_>) {
        self.orphans.enter(Step::Clearing);
        let command = self
            .orphans
            .current()
            .expect("one is being resolved")
            .command;
        let clears = vec![command];
        self.write(Entry::Clear { clears }, set, cx);
    }

    /// Marks have ended durably; if the orphan's is among them, it is resolved.
    pub(super) fn handle_cleared(
        &mut self,
        clears: &[CommandId],
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let cleared = self
            .orphans
            .current()
            .filter(|current| current.step == Step::Clearing && clears.contains(&current.command));
        let Some(command) = cleared.map(|current| current.command) else {
            return;
        };
        self.orphans.finish();
        self.ordering.release(command);
        let result = set.tables().results.get(&command);
        let outcome = result.map_or(Outcome::Failed, |result| result.outcome);
        cx.out.trace(Event::OrphanResolved(command, outcome));
        self.attempts.answer(command, status_of(outcome), cx);
        self.start_orphan(set, cx);
        self.admit(set, cx);
    }

    /// True if only the mirror has some of the current orphan's range.
    fn is_orphan_lost(&self, set: &StorageSet) -> bool {
        let current = self.orphans.current();
        current.is_some_and(|it| set.first_missing(it.range).is_some())
    }

    /// The range, or a block of it, went with the data device or cannot be read: what
    /// this copy held is not known, and its result says nothing of it. Nobody has heard an outcome but one that both copies
    /// have, for the mark stands: so the mirror, which refuses the orphan's session by
    /// now, has what is to be, and no record of it means that it never was.
    fn ask_for_orphan(&mut self, cx: &mut Context<'_>) {
        cx.out.probe("orphan judged by the mirror");
        self.orphans.enter(Step::Asking);
        let current = self.orphans.current().expect("one is being resolved");
        let (command, range) = (current.command, current.range);
        let fetch = self.ask_mirror(range, Some(command), cx);
        self.judging = Some(Box::new(fetch));
    }

    /// The orphan's verdict, if this is the mirror's answer about it.
    pub(super) fn take_judgement(
        &mut self,
        (nonce, range): (u64, Range),
        outcome: Option<Outcome>,
    ) -> Option<CommandResult> {
        self.judging.take_if(|it| it.is_answered_by(nonce, range))?;
        self.orphans.enter(Step::Installing);
        let command = self.orphans.current()?.command;
        Some(CommandResult {
            command,
            outcome: outcome.unwrap_or(Outcome::Failed),
            range: Some(range),
        })
    }

    /// The mirror's word is durable here: on as with any other orphan, by the mode of now,
    /// for the mirror may have been given up since it was asked.
    pub(super) fn handle_judged(
        &mut self,
        command: CommandId,
        set: &mut StorageSet,
        cx: &mut Context<'_>,
    ) {
        let current = self.orphans.current();
        if current.is_some_and(|it| it.command == command && it.step == Step::Installing) {
            self.settle_or_copy_orphan(set, cx);
        }
    }

    /// The mirror has not answered: it is asked again, for nobody else knows.
    pub(super) fn handle_judging_deadline(&mut self, cx: &mut Context<'_>) {
        if let Some(mut fetch) = self.judging.take_if(|it| it.is_due(cx)) {
            self.ask_mirror_again(&mut fetch, cx);
            self.judging = Some(fetch);
        }
    }

    /// The mirror can be asked again: what was asked in the last session is repeated.
    pub(super) fn hurry_questions(&mut self, cx: &Context<'_>) {
        if let Some(fetch) = &mut self.judging {
            fetch.hurry(cx);
        }
        self.rebuild.hurry(cx);
        self.fetches.hurry(cx);
    }
}

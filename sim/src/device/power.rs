//! What a power loss leaves of a device, and what a machine's leaves of the
//! commands that it had queued at one.

use bytes::BytesMut;
use stormglass_engine::contract::{
    IoRequest, PAGE_BYTES, PageIndex, Persistence, SECTOR_BYTES, Submission,
};
use stormglass_engine::payload::Payload;

use super::cache::Cache;
use super::{CommandNumber, Defect, Device, Ended, Queued, Submitter};

/// Sectors of a page.
const SECTORS: usize = PAGE_BYTES / SECTOR_BYTES;

/// What becomes of a queued command when its device loses power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommandFate {
    /// It never executes.
    Absent,
    /// A write was under way: each of its pages arrived or not or in part, which
    /// [`PowerLoss::page`] tells. A preempt cannot tear: it is carried out.
    Torn,
    /// It executes just before the loss. A cached write is then as torn as the
    /// cache itself; a forced one is stable.
    Whole,
}

/// What becomes of an unflushed page when its device loses power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageFate {
    /// It holds this version: 0 is the stable one, the others follow in the
    /// order of execution, the versions of torn commands last.
    Version(usize),
    /// Each sector holds one of the versions: see [`PowerLoss::sector`].
    Torn,
}

/// Answers what a power loss does. Each question names what it is about, so that
/// answers can be drawn by identity, looked up or enumerated; no question is
/// asked twice in one power loss.
pub trait PowerLoss {
    /// The device lost power: what becomes of a queued write or preempt? Other
    /// commands leave nothing behind and are not asked about, nor those that the
    /// reservation refuses.
    fn command(
        &mut self,
        number: CommandNumber,
        submitter: Submitter,
        submission: &Submission,
    ) -> CommandFate;

    /// The device lost power: what becomes of a page that has `versions` of
    /// possible contents, not all equal?
    fn page(&mut self, page: PageIndex, versions: usize) -> PageFate;

    /// Which of the `versions` of a torn page stands in `sector`, 0 to 7?
    fn sector(&mut self, page: PageIndex, sector: usize, versions: usize) -> usize;

    /// A submitter's machine lost power, the device did not: does its queued
    /// command execute?
    fn executes(
        &mut self,
        number: CommandNumber,
        submitter: Submitter,
        submission: &Submission,
    ) -> bool;
}

/// Nothing is asked for; what is stable stays.
pub(super) struct StableStays;

impl PowerLoss for StableStays {
    fn command(&mut self, _: CommandNumber, _: Submitter, _: &Submission) -> CommandFate {
        CommandFate::Absent
    }
    fn page(&mut self, _: PageIndex, _: usize) -> PageFate {
        PageFate::Version(0)
    }
    fn sector(&mut self, _: PageIndex, _: usize, _: usize) -> usize {
        0
    }
    fn executes(&mut self, _: CommandNumber, _: Submitter, _: &Submission) -> bool {
        false
    }
}

/// What a submitter's loss of power made of its commands.
#[must_use = "the submitters wait for it"]
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unplugged {
    /// Commands of others that a preempt aborted.
    pub ended: Vec<Ended>,
    /// What went wrong with those that executed.
    pub defects: Vec<Defect>,
}

impl Device {
    /// Power goes and comes: queue and cache are empty afterwards, and nobody is
    /// told. Any of the queued commands may have been under way, but for those
    /// that the reservation refuses whatever goes before.
    pub fn lose_power(&mut self, choice: &mut impl PowerLoss) {
        let queue = std::mem::take(&mut self.queue);
        // Of a device that is gone nothing could be under way.
        if !self.is_gone {
            self.judge_queue(queue, choice);
        }
        self.settle(choice);
        if !self.trouble.phantoms.is_empty() {
            self.trouble.phantoms.clear();
        }
    }

    /// Does with each queued command what its fate is.
    fn judge_queue(&mut self, mut queue: Vec<Queued>, choice: &mut impl PowerLoss) {
        // Writes of the present holder could execute before a queued preempt,
        // those of the next one only after it.
        self.judge_writes(&mut queue, choice);
        for queued in queue.clone() {
            let IoRequest::Preempt { observed } = queued.submission.request else {
                continue;
            };
            if let Some(next) = self.reservation.after(observed, queued.submission.key)
                && queued.fate(choice) != CommandFate::Absent
            {
                self.reservation = next;
                self.judge_writes(&mut queue, choice);
            }
        }
    }

    /// A submitter's machine lost power: each command that it has queued
    /// executes now, in the order of their numbers, or never; it hears of none. At a
    /// device that stalls, those that execute stay queued.
    pub fn submitter_lost_power(
        &mut self,
        submitter: Submitter,
        choice: &mut impl PowerLoss,
    ) -> Unplugged {
        self.drop_submitter(submitter);
        let own: Vec<_> = self
            .queue
            .iter()
            .filter(|queued| queued.submitter == submitter)
            .cloned()
            .collect();
        let mut unplugged = Unplugged::default();
        for queued in own {
            let executes = choice.executes(queued.number, submitter, &queued.submission);
            if executes && self.is_stalled {
                // It does so when the device goes on.
                continue;
            }
            if executes {
                let execution = self.carry_out(queued.number, choice);
                unplugged.ended.extend(execution.endings);
                unplugged.defects.extend(execution.defect);
            } else {
                self.queue.retain(|other| other.number != queued.number);
            }
        }
        unplugged
    }

    /// Takes the writes out that may execute now, and does with each what its
    /// fate is. Destages nothing: what is left of each page is not settled yet.
    fn judge_writes(&mut self, queue: &mut Vec<Queued>, choice: &mut impl PowerLoss) {
        let admitted = queue.extract_if(.., |queued| {
            let request = &queued.submission.request;
            matches!(request, IoRequest::Write { .. }) && self.check(&queued.submission).is_ok()
        });
        for queued in admitted.collect::<Vec<_>>() {
            let IoRequest::Write {
                start,
                pages,
                persistence,
            } = &queued.submission.request
            else {
                continue;
            };
            match (queued.fate(choice), persistence) {
                (CommandFate::Absent, _) => {}
                (CommandFate::Whole, Persistence::ForceUnitAccess) => {
                    self.store(*start, pages, Persistence::ForceUnitAccess);
                }
                (CommandFate::Whole, Persistence::Cached) | (CommandFate::Torn, _) => {
                    self.store(*start, pages, Persistence::Cached);
                }
            }
        }
    }

    /// Decides for each unflushed page, in their order, and empties the cache.
    pub(super) fn settle(&mut self, choice: &mut impl PowerLoss) {
        for page in self.cache.pages() {
            let stable = self.stable.read(page);
            let mut versions = vec![stable];
            versions.extend(self.cache.versions_of(page).cloned());
            let is_settled = versions.iter().all(|version| *version == versions[0]);
            if is_settled && !self.trouble.unreadable.contains(&page) {
                continue;
            }
            match choice.page(page, versions.len()) {
                PageFate::Version(0) => {}
                PageFate::Version(index) => self.settle_page(page, &versions[index]),
                // A part of a page does not mend it.
                PageFate::Torn => {
                    let content = torn(page, &versions, choice);
                    self.stable.write(page, &content);
                }
            }
        }
        self.cache = Cache::new();
    }
}

impl Queued {
    fn fate(&self, choice: &mut impl PowerLoss) -> CommandFate {
        choice.command(self.number, self.submitter, &self.submission)
    }
}

fn torn(page: PageIndex, versions: &[Payload], choice: &mut impl PowerLoss) -> Payload {
    let mut content = BytesMut::with_capacity(PAGE_BYTES);
    for sector in 0..SECTORS {
        let version = &versions[choice.sector(page, sector, versions.len())];
        let start = sector * SECTOR_BYTES;
        content.extend_from_slice(&version[start..start + SECTOR_BYTES]);
    }
    content.freeze().into()
}

//! What a power loss leaves of a device, and what a machine's leaves of the
//! commands that it had queued at one.

use bytes::{Bytes, BytesMut};
use stormglass_engine::contract::{
    IoRequest, PAGE_BYTES, PageIndex, Persistence, SECTOR_BYTES, Submission,
};

use super::cache::{Version, WriteOrder};
use super::pages::same_content;
use super::{CommandNumber, Device, Ended, Submitter};

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
    /// commands leave nothing behind and are not asked about.
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

impl Device {
    /// Power goes and comes: queue and cache are empty afterwards, and nobody is
    /// told. Commands are judged in the order of their numbers: one that a
    /// reservation refuses at its turn leaves nothing.
    pub fn lose_power(&mut self, choice: &mut impl PowerLoss) {
        for queued in std::mem::take(&mut self.queue) {
            let submission = &*queued.submission;
            if self.check(submission).is_err() {
                continue;
            }
            match &submission.request {
                IoRequest::Read { .. } | IoRequest::Flush | IoRequest::ReadReservation => {}
                IoRequest::Write {
                    start,
                    pages,
                    persistence,
                } => {
                    match (
                        choice.command(queued.number, queued.submitter, submission),
                        persistence,
                    ) {
                        (CommandFate::Absent, _) => {}
                        (CommandFate::Whole, Persistence::ForceUnitAccess) => {
                            self.write(*start, pages, Persistence::ForceUnitAccess);
                        }
                        (CommandFate::Whole, Persistence::Cached) | (CommandFate::Torn, _) => {
                            self.write_past_limit(*start, pages);
                        }
                    }
                }
                IoRequest::Preempt { observed } => {
                    match choice.command(queued.number, queued.submitter, submission) {
                        CommandFate::Absent => {}
                        // Refused, it leaves nothing; and there is nobody to tell.
                        CommandFate::Torn | CommandFate::Whole => {
                            let _ = self.reservation.preempt(*observed, submission.key);
                        }
                    }
                }
            }
        }
        self.settle(choice);
    }

    /// A submitter's machine lost power: each command that it has queued
    /// executes now, in the order of their numbers, or never; it hears of none.
    /// Returns the commands of others that a preempt aborted.
    #[must_use = "the submitters wait for it"]
    pub fn submitter_lost_power(
        &mut self,
        submitter: Submitter,
        choice: &mut impl PowerLoss,
    ) -> Vec<Ended> {
        self.drop_submitter(submitter);
        let own: Vec<_> = self
            .queue
            .iter()
            .filter(|queued| queued.submitter == submitter)
            .cloned()
            .collect();
        let mut ended = Vec::new();
        for queued in own {
            if choice.executes(queued.number, submitter, &queued.submission) {
                ended.extend(self.execute(queued.number));
            } else {
                self.queue.retain(|other| other.number != queued.number);
            }
        }
        ended
    }

    /// Puts pages into the cache without destaging others for them: what the
    /// loss leaves of each page is not settled yet.
    fn write_past_limit(&mut self, start: PageIndex, pages: &[Bytes]) {
        self.last_write = WriteOrder(self.last_write.0 + 1);
        for (content, index) in pages.iter().zip(0..) {
            let (page, content) = (start.plus(index), content.clone());
            self.cache.push(Version {
                order: self.last_write,
                page,
                content,
            });
        }
    }

    /// Decides for each unflushed page, in their order, and empties the cache.
    fn settle(&mut self, choice: &mut impl PowerLoss) {
        let mut pages: Vec<_> = self.cache.iter().map(|version| version.page).collect();
        pages.sort_unstable();
        pages.dedup();
        for page in pages {
            let stable = self.stable.read(page).clone();
            let mut versions = vec![stable];
            versions.extend(self.cache.versions_of(page).cloned());
            if versions
                .iter()
                .all(|version| same_content(version, &versions[0]))
            {
                continue;
            }
            let content = match choice.page(page, versions.len()) {
                PageFate::Version(index) => versions[index].clone(),
                PageFate::Torn => torn(page, &versions, choice),
            };
            self.stable.write(page, content);
        }
        self.cache = super::Cache::new();
    }
}

fn torn(page: PageIndex, versions: &[Bytes], choice: &mut impl PowerLoss) -> Bytes {
    let mut content = BytesMut::with_capacity(PAGE_BYTES);
    for sector in 0..SECTORS {
        let version = &versions[choice.sector(page, sector, versions.len())];
        let start = sector * SECTOR_BYTES;
        content.extend_from_slice(&version[start..start + SECTOR_BYTES]);
    }
    content.freeze()
}

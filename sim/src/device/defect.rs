//! What goes wrong with a single command.
//!
//! It takes hold when the command executes, once it is sure that the device is there
//! and the reservation admits it. A command that a loss of power finds in the queue
//! never got so far: it is absent, torn or whole as any other.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{IoError, IoId, IoOutput, IoRequest, PageIndex};

use super::cache::Cache;
use super::{Device, PageRange, PowerLoss, Queued, Submitter, touched};

/// What goes wrong with a command. An effect that does not fit the command is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IoEffect {
    /// Nothing.
    #[default]
    Sound,
    /// A write is acknowledged and never stored, neither in the cache nor below.
    Lost,
    /// A write is acknowledged, and its pages go to the medium from this page on, below
    /// whatever is cached there; the pages that it names stay as they are. It fits if
    /// the device has the pages and none of them is named.
    Misdirected(PageIndex),
    /// The command fails once and does nothing. The contract has no error for that: a
    /// flush says [`IoError::FlushFailed`], all others [`IoError::Gone`].
    Error,
    /// A write is refused for want of space.
    Full,
    /// A flush is acknowledged and makes nothing stable; a later one still can.
    FlushLies,
    /// A flush fails. What the medium holds of each unflushed page is unknown, as after
    /// a loss of power, see [`PowerLoss::page`]; but reads go on to return its newest
    /// version until power goes or the page is written anew, and a later flush
    /// succeeds and does nothing about it.
    ///
    /// That is what file systems do: A. Rebello et al., "Can Applications Recover from
    /// fsync Failures?", USENIX ATC 2020.
    FlushFails,
}

/// Something that went wrong with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defect {
    /// Who submitted the command.
    pub submitter: Submitter,
    /// The submitter's name for it.
    pub io: IoId,
    /// What it was; never [`IoEffect::Sound`].
    pub effect: IoEffect,
    /// The pages that the command names, if it names any.
    pub pages: Option<PageRange>,
}

impl Device {
    /// Does what goes wrong with an admitted command, and tells what its submitter
    /// hears; nothing if nothing goes wrong.
    #[inline]
    pub(super) fn go_wrong(
        &mut self,
        queued: &Queued,
        choice: &mut impl PowerLoss,
    ) -> Option<Result<IoOutput, IoError>> {
        if queued.effect() == IoEffect::Sound {
            return None;
        }
        self.spoil(queued.effect(), &queued.submission.request, choice)
    }

    #[cold]
    fn spoil(
        &mut self,
        effect: IoEffect,
        request: &IoRequest,
        choice: &mut impl PowerLoss,
    ) -> Option<Result<IoOutput, IoError>> {
        match (effect, request) {
            (IoEffect::Lost, IoRequest::Write { .. }) | (IoEffect::FlushLies, IoRequest::Flush) => {
                Some(Ok(IoOutput::Done))
            }
            (IoEffect::Misdirected(to), IoRequest::Write { pages, .. }) => {
                let named = touched(request)?;
                let landing = PageRange { start: to, ..named };
                if !self.whole().contains(landing) || landing.meets(named) {
                    return None;
                }
                for (content, index) in pages.iter().zip(0..) {
                    self.settle_page(to.plus(index), content);
                }
                Some(Ok(IoOutput::Done))
            }
            (IoEffect::Full, IoRequest::Write { .. }) => Some(Err(IoError::Full)),
            (IoEffect::Error, IoRequest::Flush) => Some(Err(IoError::FlushFailed)),
            (IoEffect::Error, _) => Some(Err(IoError::Gone)),
            (IoEffect::FlushFails, IoRequest::Flush) => {
                self.fail_flush(choice);
                Some(Err(IoError::FlushFailed))
            }
            _ => None,
        }
    }

    /// Settles every unflushed page as a loss of power would, and goes on to show its
    /// newest version.
    fn fail_flush(&mut self, choice: &mut impl PowerLoss) {
        let pages = self.cache.pages().into_iter();
        let newest = pages.filter_map(|page| Some((page, self.cache.newest(page)?.clone())));
        let newest: Vec<_> = newest.collect();
        self.settle(choice);
        self.trouble.phantoms.extend(newest);
    }
}

/// An effect as a queue keeps it.
pub(super) fn rare(effect: IoEffect) -> Option<Box<IoEffect>> {
    (effect != IoEffect::Sound).then(|| Box::new(effect))
}

impl Queued {
    /// What goes wrong with it.
    pub(super) fn effect(&self) -> IoEffect {
        self.effect.as_deref().copied().unwrap_or_default()
    }

    /// That this went wrong with it.
    pub(super) fn defect(&self, effect: IoEffect) -> Defect {
        Defect {
            submitter: self.submitter,
            io: self.submission.io,
            effect,
            pages: touched(&self.submission.request),
        }
    }
}

impl Cache {
    /// Its pages, in order.
    pub(super) fn pages(&self) -> Vec<PageIndex> {
        let mut pages: Vec<_> = self.iter().map(|version| version.page).collect();
        pages.sort_unstable();
        pages.dedup();
        pages
    }
}

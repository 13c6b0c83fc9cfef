//! A device's volatile cache: versions of pages that a power loss may take.

use std::collections::VecDeque;
use std::fmt;
use stormglass_engine::contract::PageIndex;
use stormglass_engine::payload::Payload;

/// The place of a write in the order of execution on its device, from 1.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
pub(super) struct WriteOrder(pub(super) u64);

/// What one write made of one page.
#[derive(Clone)]
pub(super) struct Version {
    pub(super) order: WriteOrder,
    pub(super) page: PageIndex,
    pub(super) content: Payload,
}

/// Unflushed versions, in order of execution. A page may have several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cache {
    versions: VecDeque<Version>,
}

impl Cache {
    /// Nothing is unflushed.
    pub(super) fn new() -> Self {
        Cache {
            versions: VecDeque::new(),
        }
    }

    /// Adds the latest version.
    pub(super) fn push(&mut self, version: Version) {
        let ordered = self
            .versions
            .back()
            .is_none_or(|last| last.order <= version.order);
        assert!(ordered, "a version older than the cache's last");
        self.versions.push_back(version);
    }

    /// Takes the oldest version out, if there are more than `limit`.
    pub(super) fn pop_beyond(&mut self, limit: usize) -> Option<Version> {
        if self.versions.len() > limit {
            self.versions.pop_front()
        } else {
            None
        }
    }

    /// Takes the oldest version out, if it is one of the writes up to `last`.
    pub(super) fn pop_covered(&mut self, last: WriteOrder) -> Option<Version> {
        let is_covered = self
            .versions
            .front()
            .is_some_and(|version| version.order <= last);
        if is_covered {
            self.versions.pop_front()
        } else {
            None
        }
    }

    /// Drops all versions of a page: something newer is stable.
    pub(super) fn forget(&mut self, page: PageIndex) {
        self.versions.retain(|version| version.page != page);
    }

    /// The latest version of a page.
    pub(super) fn newest(&self, page: PageIndex) -> Option<&Payload> {
        let found = self.versions.iter().rfind(|version| version.page == page)?;
        Some(&found.content)
    }

    /// All versions of a page, the oldest first.
    pub(super) fn versions_of(&self, page: PageIndex) -> impl Iterator<Item = &Payload> {
        let found = self
            .versions
            .iter()
            .filter(move |version| version.page == page);
        found.map(|version| &version.content)
    }

    /// All versions, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Version> {
        self.versions.iter()
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order && self.page == other.page && self.content == other.content
    }
}

impl Eq for Version {}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {} by write {}", self.page.0, self.order.0)
    }
}

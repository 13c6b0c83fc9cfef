//! What is wrong with a device beside that it is gone or stalls: hardly ever anything,
//! so it stands apart, and a fork copies a pointer.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

use stormglass_engine::contract::PageIndex;
use stormglass_engine::payload::Payload;

use super::PageRange;
use super::pages::Pages;

/// What is wrong with a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trouble {
    /// Where it has no more space.
    pub(super) full: Option<PageRange>,
    /// Pages whose stable content cannot be read until it is replaced.
    pub(super) unreadable: BTreeSet<PageIndex>,
    /// What reads return of pages whose flush failed, though it is not stable.
    pub(super) phantoms: BTreeMap<PageIndex, Payload>,
    /// A former stable content.
    pub(super) remembered: Option<Pages>,
}

static NONE: Trouble = Trouble {
    full: None,
    unreadable: BTreeSet::new(),
    phantoms: BTreeMap::new(),
    remembered: None,
};

/// Trouble, or none. It is there from the first access that may change it.
#[derive(Clone, Debug, Default)]
pub(super) struct Rare(Option<Box<Trouble>>);

impl From<Trouble> for Rare {
    fn from(trouble: Trouble) -> Self {
        Rare((trouble != NONE).then(|| Box::new(trouble)))
    }
}

impl Deref for Rare {
    type Target = Trouble;
    #[inline]
    fn deref(&self) -> &Trouble {
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl DerefMut for Rare {
    fn deref_mut(&mut self) -> &mut Trouble {
        self.0.get_or_insert_with(Box::default)
    }
}

impl PartialEq for Rare {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Rare {}

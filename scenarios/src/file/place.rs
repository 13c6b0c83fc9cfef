//! Finds the text that a scenario's value was read from.

use std::ops::Range;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Path, Step};

/// Where the value at `path` stands; where it was left out, the innermost table
/// around it that was not.
pub(super) fn find(document: &Spanned<DeTable<'_>>, path: &Path) -> Range<usize> {
    let mut span = 0..0;
    let mut table = Some(document.get_ref());
    let mut value: Option<&DeValue<'_>> = None;
    for step in path.steps() {
        let next = match step {
            Step::Key(key) => table.and_then(|table| table.get(key.as_str())),
            Step::Index(index) => value.and_then(|value| value.get(*index)),
        };
        let Some(next) = next else { break };
        span = next.span();
        value = Some(next.get_ref());
        table = next.get_ref().as_table();
    }
    span
}

//! Finds the text that a scenario's value was read from.

use std::ops::Range;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Path, Span, Step};

/// Gives a diagnostic its places in the text.
pub(super) fn locate(
    mut found: Diagnostic,
    document: &Spanned<DeTable<'_>>,
    text: &str,
) -> Diagnostic {
    let span = |bytes| Span::new(text, bytes);
    let mut context = found
        .beside
        .iter()
        .filter_map(|path| find(document, path).ok())
        .map(span);
    // A value that was left out collides with one that was not: point at that.
    found.span = match find(document, &found.path) {
        Ok(bytes) => Some(span(bytes)),
        Err(around) => Some(context.next().unwrap_or_else(|| span(around))),
    };
    found.context = context.collect();
    found
}

/// Where the value at `path` stands; where it was left out, the innermost table
/// around it that was not.
fn find(document: &Spanned<DeTable<'_>>, path: &Path) -> Result<Range<usize>, Range<usize>> {
    let mut span = 0..0;
    let mut table = Some(document.get_ref());
    let mut value: Option<&DeValue<'_>> = None;
    for step in path.steps() {
        let next = match step {
            Step::Key(key) => table.and_then(|table| table.get(key.as_str())),
            Step::Index(index) => value.and_then(|value| value.get(*index)),
        };
        let Some(next) = next else { return Err(span) };
        span = next.span();
        value = Some(next.get_ref());
        table = next.get_ref().as_table();
    }
    Ok(span)
}

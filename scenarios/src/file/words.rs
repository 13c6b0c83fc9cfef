//! Help for a word that is not among the known ones.

/// The known words, and which of them `given` is probably meant to be.
pub(super) fn choice(what: &str, given: &str, known: &[&str]) -> String {
    let list = format!("the {what} are {}", known.join(", "));
    match closest(given, known.iter().copied()) {
        Some(close) => format!("did you mean `{close}`? {list}"),
        None => list,
    }
}

/// The known word that `given` is probably meant to be: the same but for case
/// and punctuation, or one wrong letter in three.
pub(super) fn closest<'k>(
    given: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    const LONGEST: usize = 64;
    if given.len() > LONGEST {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let given = plain(given);
    let distance = |word: &str| strsim::damerau_levenshtein(&given, &plain(word));
    let nearest = known.into_iter().map(|word| (distance(word), word)).min()?;
    (nearest.0 * 3 <= given.chars().count()).then_some(nearest.1)
}

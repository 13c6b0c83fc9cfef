//! The search for the least that is enough: delta debugging (A. Zeller and
//! R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 2002),
//! without its tests of subsets: whatever makes a failure here stands in many places, and
//! they hardly ever pay.

/// Which of `count` things are needed: `is_enough` is asked with places in rising order,
/// and is known to hold of all. What comes out is enough, and no single one of it can go,
/// unless it was stopped. Late things are tried first: what is left of a run before them
/// is the same.
pub(super) fn least(
    count: usize,
    mut is_enough: impl FnMut(&[usize]) -> bool,
    mut is_stopped: impl FnMut() -> bool,
) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..count).collect();
    let mut size = count;
    while size > 0 {
        let mut has_shrunk = false;
        let mut end = kept.len();
        while end > 0 {
            if is_stopped() {
                return kept;
            }
            let start = end.saturating_sub(size);
            let mut fewer = kept.clone();
            fewer.drain(start..end);
            if is_enough(&fewer) {
                kept = fewer;
                has_shrunk = true;
            }
            end = start;
        }
        size = match (size, has_shrunk) {
            // One that went may have been all that another was there for.
            (1, true) => 1,
            (1, false) => 0,
            (size, _) => size.min(kept.len().max(1)).div_ceil(2),
        };
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(count: usize, is_enough: impl Fn(&[usize]) -> bool) -> (Vec<usize>, usize) {
        let mut asked = 0;
        let found = least(
            count,
            |kept| {
                asked += 1;
                is_enough(kept)
            },
            || false,
        );
        (found, asked)
    }

    #[test]
    fn what_is_needed_is_left_and_nothing_else() {
        let has = |wanted: &'static [usize]| {
            move |kept: &[usize]| wanted.iter().all(|it| kept.contains(it))
        };
        assert!(needed(0, |_| true).0.is_empty());
        assert_eq!(needed(1, |_| true), (vec![], 1));
        assert_eq!(needed(100, has(&[])), (vec![], 1));
        let (found, asked) = needed(1_000, has(&[3, 500, 501, 999]));
        assert_eq!(found, [3, 500, 501, 999]);
        assert!(asked < 200, "{asked}");
        // All of few are needed.
        assert_eq!(needed(3, has(&[0, 1, 2])).0, [0, 1, 2]);
    }

    #[test]
    fn one_that_was_there_for_another_goes_after_it() {
        // 7 is needed as long as 8 is there.
        let is_enough =
            |kept: &[usize]| kept.contains(&2) && (kept.contains(&7) || !kept.contains(&8));
        assert_eq!(needed(10, is_enough).0, [2]);
        // And the other way round: it goes in a later round.
        let is_enough =
            |kept: &[usize]| kept.contains(&2) && (kept.contains(&8) || !kept.contains(&7));
        assert_eq!(needed(10, is_enough).0, [2]);
    }

    #[test]
    fn whoever_is_stopped_has_what_was_enough_last() {
        let mut left = 3;
        let found = least(
            8,
            |kept| kept.contains(&0),
            || {
                left -= 1;
                left < 0
            },
        );
        assert!(found.contains(&0));
    }
}

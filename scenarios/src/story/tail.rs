//! The last of many.

use std::collections::VecDeque;

use stormglass_reports::record::LeftOut;

/// A list that keeps its last entries, up to a limit. An entry's number stays the
/// same while those before it go.
#[derive(Debug)]
pub(super) struct Tail<T> {
    entries: VecDeque<T>,
    limit: usize,
    /// How many are gone.
    gone: usize,
    /// When the last of those began.
    gone_until: u64,
}

impl<T> Tail<T> {
    /// An empty list that keeps `limit`, at least 1.
    pub(super) fn new(limit: usize) -> Self {
        Tail {
            entries: VecDeque::new(),
            limit,
            gone: 0,
            gone_until: 0,
        }
    }

    /// Takes an entry in; returns its number. `began` says of one that goes since when
    /// it was there.
    pub(super) fn push(&mut self, entry: T, began: impl Fn(&T) -> u64) -> usize {
        if self.entries.len() == self.limit {
            if let Some(first) = self.entries.pop_front() {
                self.gone_until = self.gone_until.max(began(&first));
            }
            self.gone += 1;
        }
        self.entries.push_back(entry);
        self.gone + self.entries.len() - 1
    }

    /// An entry by its number, unless it is gone.
    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        self.entries.get_mut(number.checked_sub(self.gone)?)
    }

    /// What is kept, and what is left out under the name `what`.
    pub(super) fn finish(self, what: &str) -> (Vec<T>, Option<LeftOut>) {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let left_out = (self.gone > 0).then(|| LeftOut {
            what: what.to_owned(),
            count: count(self.gone),
            limit: count(self.limit),
            until: self.gone_until,
        });
        (self.entries.into(), left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stay_under_their_numbers_and_the_first_are_counted() {
        let mut tail = Tail::new(2);
        let numbers = [10, 11, 12].map(|entry| tail.push(entry, |it| *it));
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(tail.get_mut(0), None);
        assert_eq!(tail.get_mut(2), Some(&mut 12));
        let (kept, left_out) = tail.finish("numbers");
        assert_eq!(kept, [11, 12]);
        let left_out = left_out.expect("one is left out");
        assert_eq!((left_out.count, left_out.limit, left_out.until), (1, 2, 10));
    }
}

//! The search for the turn at which two runs part.

use std::sync::atomic::AtomicU64;

use super::Differ;
use super::pair::Pair;

/// Forks that are kept of a run, evenly spread over it; then every second is dropped.
const FORKS_MAX: usize = 64;

/// Two runs right after they have parted, and right before.
#[derive(Clone, Debug)]
pub(crate) struct Parting {
    /// None if they were never equal.
    pub(crate) before: Option<Pair>,
    pub(crate) after: Pair,
}

/// Takes turns until the pair differs; none if it is equal to its end.
pub(crate) fn search(
    mut pair: Pair,
    differ: Differ,
    stride: u64,
    progress: &AtomicU64,
) -> Option<Parting> {
    let has_parted = match differ {
        Differ::Events => !pair.has_equal_hashes(),
        Differ::State => !pair.has_equal_hashes() || !pair.has_equal_states(),
    };
    if has_parted {
        let before = None;
        return Some(Parting {
            before,
            after: pair,
        });
    }
    let mut forks = Forks::default();
    let mut low = pair.clone();
    while !pair.is_over() {
        forks.offer(&low);
        pair.advance(stride, progress);
        if !pair.has_equal_hashes() {
            let found = narrow(low, pair, progress);
            return Some(match (&found.before, differ) {
                (Some(before), Differ::State) if !before.has_equal_states() => {
                    hidden(&forks.up_to(before.turn), before.clone(), progress)
                }
                _ => found,
            });
        }
        low = pair.clone();
    }
    (!pair.has_equal_states()).then(|| hidden(&forks.kept, pair, progress))
}

/// Halves what lies between a pair that is equal and one that is not.
fn narrow(mut low: Pair, mut high: Pair, progress: &AtomicU64) -> Parting {
    while high.turn - low.turn > 1 {
        let mut middle = low.clone();
        middle.advance((high.turn - low.turn) / 2, progress);
        match middle.has_equal_hashes() {
            true => low = middle,
            false => high = middle,
        }
    }
    let before = Some(low);
    Parting {
        before,
        after: high,
    }
}

/// Finds where states part though the same happens: `high` is unequal, the first of the
/// forks perhaps.
fn hidden(forks: &[Pair], high: Pair, progress: &AtomicU64) -> Parting {
    let equal = forks.partition_point(Pair::has_equal_states);
    let high = forks.get(equal).cloned().unwrap_or(high);
    let Some(low) = equal.checked_sub(1).map(|last| &forks[last]) else {
        let before = None;
        return Parting {
            before,
            after: high,
        };
    };
    // Both from one fork: what they share is not compared.
    let mut before = low.clone();
    before.right.experiment = before.left.experiment.clone();
    while before.turn < high.turn {
        let mut after = before.clone();
        after.advance(1, progress);
        if !after.has_equal_states() {
            let before = Some(before);
            return Parting { before, after };
        }
        before = after;
    }
    // It came out otherwise this time: between the two forks is all that is known.
    Parting {
        before: Some(low.clone()),
        after: high,
    }
}

/// Forks of a pair on its way.
struct Forks {
    kept: Vec<Pair>,
    apart: u64,
    next: u64,
}

impl Default for Forks {
    fn default() -> Self {
        Forks {
            kept: Vec::new(),
            apart: 1,
            next: 0,
        }
    }
}

impl Forks {
    /// Keeps the pair if it is far enough from the one before.
    fn offer(&mut self, pair: &Pair) {
        if pair.turn < self.next {
            return;
        }
        self.kept.push(pair.clone());
        if self.kept.len() > FORKS_MAX {
            let kept = std::mem::take(&mut self.kept);
            self.kept = kept.into_iter().step_by(2).collect();
            self.apart *= 2;
        }
        self.next = pair.turn + self.apart;
    }

    /// Those of no later turn.
    fn up_to(mut self, turn: u64) -> Vec<Pair> {
        self.kept.retain(|pair| pair.turn <= turn);
        self.kept
    }
}

//! Whether some order of operations on one block explains what they saw.
//!
//! After Wing and Gong ("Testing and Verifying Concurrent Objects", J. Parallel and
//! Distributed Computing 17, 1993), with Lowe's two improvements ("Testing for
//! Linearizability", Concurrency and Computation 29(4), 2017): what has been reached,
//! a set of operations done and the value that they left, is never explored twice,
//! and an operation is done only when one has to be. The sweep goes along the events,
//! so it remembers only which of the *open* operations are done: its cost rises with
//! concurrency, not with length.
//!
//! An operation that only looks is done as soon as it can be: that takes no order
//! away from any other.

use std::collections::BTreeSet;

use crate::workload::BlockValue;

/// Operations on a block beyond which it is not judged.
pub(super) const OPERATIONS_MAX: usize = 400;
/// Open operations at a time beyond which it is not judged: the bits of a set.
const OPEN_MAX: usize = 64;
/// States reached beyond which a search is given up.
const STATES_MAX: usize = 20_000;

/// An operation on one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    /// The event before which it cannot have its effect.
    pub(super) invoked: u64,
    /// The event after which it cannot; `u64::MAX` for never.
    pub(super) limit: u64,
    /// It may have had no effect at all.
    pub(super) is_optional: bool,
    pub(super) step: Step,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Finds this value.
    Find(BlockValue),
    /// Finds another value than this.
    Miss(BlockValue),
    /// Leaves this value.
    Put(BlockValue),
    /// Finds the one and leaves the other.
    Replace {
        expected: BlockValue,
        by: BlockValue,
    },
}

impl Step {
    /// The value after it; none if it cannot happen now.
    fn apply(self, value: BlockValue) -> Option<BlockValue> {
        match self {
            Step::Find(found) => (found == value).then_some(value),
            Step::Miss(other) => (other != value).then_some(value),
            Step::Put(new) => Some(new),
            Step::Replace { expected, by } => (expected == value).then_some(by),
        }
    }

    fn only_looks(self) -> bool {
        match self {
            Step::Find(_) | Step::Miss(_) => true,
            Step::Put(_) | Step::Replace { .. } => false,
        }
    }

    /// The value that it needs.
    pub(super) fn needs(self) -> Option<BlockValue> {
        match self {
            Step::Find(value)
            | Step::Replace {
                expected: value, ..
            } => Some(value),
            Step::Miss(_) | Step::Put(_) => None,
        }
    }

    /// The value that it leaves.
    pub(super) fn leaves(self) -> Option<BlockValue> {
        match self {
            Step::Put(value) | Step::Replace { by: value, .. } => Some(value),
            Step::Find(_) | Step::Miss(_) => None,
        }
    }
}

/// What a search comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opinion {
    /// An order explains everything.
    Legal,
    /// None does.
    Illegal,
    /// Nobody knows: it would take too long to find out.
    TooLarge,
}

/// What is reached: which open operations are done, a bit for each place, and the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    done: u64,
    value: BlockValue,
}

struct Search<'a> {
    operations: &'a [Operation],
    /// Open operations, each at its place.
    open: [Option<usize>; OPEN_MAX],
    states: BTreeSet<State>,
    reached: usize,
}

/// A beginning or an end; at one event, beginnings come first: those two overlap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Begins,
    Ends,
}

/// Judges the operations on a block that holds zeroes first.
pub(super) fn judge(operations: &[Operation]) -> Opinion {
    if operations.len() > OPERATIONS_MAX {
        return Opinion::TooLarge;
    }
    let mut turns: Vec<(u64, Turn, usize)> = Vec::with_capacity(2 * operations.len());
    for (number, operation) in operations.iter().enumerate() {
        turns.push((operation.invoked, Turn::Begins, number));
        if operation.limit != u64::MAX {
            turns.push((operation.limit, Turn::Ends, number));
        } else if !operation.is_optional {
            unreachable!("what must have happened has an end");
        }
    }
    turns.sort_unstable();
    let mut search = Search {
        operations,
        open: [None; OPEN_MAX],
        states: BTreeSet::from([State {
            done: 0,
            value: BlockValue::Zero,
        }]),
        reached: 0,
    };
    for (_, turn, number) in turns {
        let opinion = match turn {
            Turn::Begins => search.begin(number),
            Turn::Ends => search.end(number),
        };
        if let Err(opinion) = opinion {
            return opinion;
        }
    }
    Opinion::Legal
}

impl Search<'_> {
    fn begin(&mut self, number: usize) -> Result<(), Opinion> {
        let place = self.open.iter().position(Option::is_none);
        self.open[place.ok_or(Opinion::TooLarge)?] = Some(number);
        let states = std::mem::take(&mut self.states);
        self.states = states.into_iter().map(|state| self.look(state)).collect();
        Ok(())
    }

    /// The operation cannot have its effect after this.
    fn end(&mut self, number: usize) -> Result<(), Opinion> {
        let place = self.open.iter().position(|open| *open == Some(number));
        let place = place.expect("what ends has begun");
        let bit = 1 << place;
        let mut after = BTreeSet::new();
        let mut pending = Vec::new();
        for state in &self.states {
            let is_done = state.done & bit != 0;
            if is_done || self.operations[number].is_optional {
                after.insert(*state);
            }
            if !is_done {
                pending.push(*state);
            }
        }
        let mut seen: BTreeSet<State> = pending.iter().copied().collect();
        while let Some(state) = pending.pop() {
            for next in self.successors(state) {
                if !seen.insert(next) {
                    continue;
                }
                self.reached += 1;
                if self.reached > STATES_MAX {
                    return Err(Opinion::TooLarge);
                }
                if next.done & bit == 0 {
                    pending.push(next);
                } else {
                    after.insert(next);
                }
            }
        }
        self.open[place] = None;
        let without = |state: State| State {
            done: state.done & !bit,
            ..state
        };
        self.states = after.into_iter().map(without).collect();
        match self.states.is_empty() {
            true => Err(Opinion::Illegal),
            false => Ok(()),
        }
    }

    /// What one more mutation leads to.
    fn successors(&self, state: State) -> Vec<State> {
        let steps = self
            .open_steps(state)
            .filter(|(_, step)| !step.only_looks());
        steps
            .filter_map(|(bit, step)| {
                let value = step.apply(state.value)?;
                let done = state.done | bit;
                Some(self.look(State { done, value }))
            })
            .collect()
    }

    /// Does what only looks and can be done.
    fn look(&self, state: State) -> State {
        let looking = self.open_steps(state).filter(|(_, step)| step.only_looks());
        let seen = looking.filter(|(_, step)| step.apply(state.value).is_some());
        State {
            done: seen.fold(state.done, |done, (bit, _)| done | bit),
            ..state
        }
    }

    /// Open operations that are not done, with their bits.
    fn open_steps(&self, state: State) -> impl Iterator<Item = (u64, Step)> {
        let open = self.open.iter().enumerate();
        open.filter_map(move |(place, number)| {
            let bit = 1 << place;
            let number = (*number).filter(|_| state.done & bit == 0)?;
            Some((bit, self.operations[number].step))
        })
    }
}

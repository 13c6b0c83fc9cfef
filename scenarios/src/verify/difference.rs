//! Where two runs of one experiment part.
//!
//! Two are stepped side by side, for what is not deterministic need not part again where
//! it did: each turn is compared as it is taken. Where that shows nothing, as when only
//! processes differ, the events are bisected by checkpoints: at an event the two worlds
//! are equal or not, and once they are not they stay so.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use stormglass_reports::record::Difference;

use super::{Processes, Subject, VerifyError};
use crate::diff::{self, Differ, Pair, Parting, Side};
use crate::experiment::Experiment;
use crate::watchdog;

/// Pairs that are stepped before it is believed that none parts here: what
/// differs only now and then may be alike once.
const PAIRS: u32 = 3;

/// The first difference between two runs of a subject of so many events.
pub(super) fn find(
    subject: &Subject,
    processes: Option<&Processes>,
    events: u64,
) -> Result<Option<Difference>, VerifyError> {
    for _ in 0..PAIRS {
        let own = subject.clone();
        let parting = watchdog::watched(subject.watchdog, move |pulse: &AtomicU64| {
            let [left, right] = [(own.begin)(), (own.begin)()].map(|begun| side(&own, begun));
            diff::part(left, right, Differ::State, pulse)
        })?;
        if parting.first_difference.is_some() {
            return Ok(parting.first_difference);
        }
    }
    match processes {
        Some(processes) => bisect(subject, processes, events),
        None => Ok(None),
    }
}

fn side(subject: &Subject, experiment: Experiment) -> Side {
    Side {
        scenario: Arc::clone(&subject.scenario),
        seed: subject.seed,
        experiment,
    }
}

/// The first event after which two processes are unequal, and how.
fn bisect(
    subject: &Subject,
    processes: &Processes,
    events: u64,
) -> Result<Option<Difference>, VerifyError> {
    let pair_at = |event| -> Result<Pair, VerifyError> {
        let (left, right) = processes.pair_at(event)?;
        let [left, right] = [left, right].map(|it| side(subject, it.experiment));
        Ok(Pair::new(left, right))
    };
    let is_equal = |pair: &Pair| pair.has_equal_hashes() && pair.has_equal_states();
    // A run that ends in a failure cannot be stopped after its last event.
    let mut unequal = events;
    let mut high = match pair_at(events) {
        Ok(pair) if !is_equal(&pair) => pair,
        Ok(_) | Err(_) => {
            unequal = events.saturating_sub(1);
            pair_at(unequal)?
        }
    };
    if is_equal(&high) {
        return Ok(None);
    }
    let mut low = pair_at(0)?;
    if !is_equal(&low) {
        return Ok(first(None, low));
    }
    let mut equal = 0;
    while unequal - equal > 1 {
        let middle = equal + (unequal - equal) / 2;
        let pair = pair_at(middle)?;
        match is_equal(&pair) {
            true => (equal, low) = (middle, pair),
            false => (unequal, high) = (middle, pair),
        }
    }
    Ok(first(Some(low), high))
}

fn first(before: Option<Pair>, after: Pair) -> Option<Difference> {
    diff::describe(&Parting { before, after }).first_difference
}

//! The corpus: repros of failures that were found once, compiled in. None of them may fail
//! again, and every sweep of a suite replays them first.
//!
//! Each is a file of `scenarios/corpus` whose `about` says what it was. A key may be stale
//! by now: what a broken engine sent, a whole one need not send. `stale` counts those that
//! are known to be, so that a change of the code that empties an entry shows.

use std::sync::atomic::AtomicU64;

use stormglass_reports::record::{CorpusTally, Exit, Replayed};

use crate::repro::{Cue, Repro};
use crate::run::Keep;

/// An entry: its name, how many of its keys are stale, its text.
type Entry = (&'static str, usize, &'static str);

/// Embeds files of the corpus under their names.
macro_rules! embed {
    ($($name:literal stale $stale:literal;)*) => {
        &[$((
            $name,
            $stale,
            include_str!(concat!("../corpus/", $name, ".toml")),
        ),)*]
    };
}

const FILES: &[Entry] = embed! {
    "answer-before-durable" stale 0;
    "answer-of-another-session" stale 0;
    "mark-of-one-block" stale 0;
    "region-not-closed" stale 0;
    "served-before-replay" stale 0;
    "stale-session" stale 0;
};

/// Name and repro of every entry.
pub fn all() -> impl Iterator<Item = (&'static str, Repro)> {
    FILES.iter().map(|(name, _, text)| {
        let repro = Repro::parse(text);
        (*name, repro.expect("a test reads every entry"))
    })
}

/// Replays all of it. `progress` rises with every event.
pub fn replay(progress: &AtomicU64) -> (CorpusTally, Exit) {
    let mut tally = CorpusTally::default();
    let mut exits = Vec::new();
    for (name, repro) in all() {
        let replayed = repro.play(Cue::Exact, Keep::Counts, progress);
        tally.runs += 1;
        if replayed.outcome != Replayed::Passed {
            tally.failed.push(name.to_owned());
            exits.push(replayed.run.verdict.exit());
        }
    }
    (tally, Exit::worst(exits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_of_the_past_is_gone_and_its_entry_still_tests_something() {
        for (name, stale, text) in FILES {
            let repro = Repro::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!repro.about.is_empty(), "{name} does not say what it was");
            let replayed = repro.play(Cue::Exact, Keep::Counts, &AtomicU64::new(0));
            let found = &replayed.run.findings;
            assert_eq!(replayed.outcome, Replayed::Passed, "{name}: {found:?}");
            let keys = &replayed.stale_keys;
            assert_eq!(keys.len(), *stale, "{name}: {keys:?}");
            assert!(keys.len() < repro.faults().max(1), "{name} tests nothing");
        }
    }

    #[test]
    fn the_corpus_is_counted() {
        let (tally, exit) = replay(&AtomicU64::new(0));
        assert_eq!(tally.runs as usize, FILES.len());
        assert_eq!((tally.failed.len(), exit), (0, Exit::Pass));
    }
}

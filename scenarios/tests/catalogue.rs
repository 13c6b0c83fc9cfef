//! The catalogue's runs as a reviewer reads them: a few lines each, and all trace
//! hashes in one file.
//!
//! Bless a wanted change with `INSTA_UPDATE=always cargo test -p
//! stormglass-scenarios --test catalogue`.

use std::fmt::Write;

use stormglass_reports::record::Verdict;
use stormglass_reports::semantic;
use stormglass_scenarios::catalogue;
use stormglass_scenarios::file::{Scenario, parse};
use stormglass_scenarios::run::{Keep, run};

fn scenarios() -> impl Iterator<Item = Scenario> {
    catalogue::all()
        .iter()
        .map(|(name, source)| parse(name, source).expect("the catalogue is valid"))
}

/// Seeds that once showed a bug, with the bug.
const MENDED: [(&str, u64, &str); 1] = [(
    "slow-mirror",
    1678,
    "a late copy of an old portion stayed in pieces for ever after the mirror's reboot",
)];

#[test]
fn each_scenario_tells_its_story() {
    for scenario in scenarios() {
        let record = run(&scenario, 7, Keep::Timeline);
        insta::assert_snapshot!(scenario.name.clone(), semantic::snapshot(&record));
    }
}

#[test]
fn trace_hashes_are_the_ones_on_file() {
    let mut hashes = String::new();
    for scenario in scenarios() {
        for seed in 0..3 {
            let record = run(&scenario, seed, Keep::Counts);
            // A storm may destroy the last good copy of a block.
            let is_storm = scenario.suites.iter().any(|suite| suite == "storm");
            let is_right = match record.verdict {
                Verdict::Pass => true,
                Verdict::Unrecoverable => is_storm,
                _ => false,
            };
            assert!(
                is_right,
                "{} seed {seed}: {:?}",
                scenario.name, record.verdict
            );
            writeln!(hashes, "{} {seed} {}", scenario.name, record.trace_hash).expect("a string");
        }
    }
    insta::assert_snapshot!("trace-hashes", hashes);
}

#[test]
fn a_timeline_changes_nothing() {
    for scenario in scenarios() {
        let (bare, told) = (
            run(&scenario, 5, Keep::Counts),
            run(&scenario, 5, Keep::Timeline),
        );
        assert_eq!(bare.trace_hash, told.trace_hash, "{}", scenario.name);
        assert_eq!(bare.events, told.events, "{}", scenario.name);
    }
}

#[test]
fn what_is_mended_stays_mended() {
    for (name, seed, bug) in MENDED {
        let scenario = scenarios().find(|one| one.name == name).expect("its name");
        let record = run(&scenario, seed, Keep::Counts);
        assert_eq!(record.verdict, Verdict::Pass, "{name} seed {seed}: {bug}");
    }
}

use proptest::prelude::*;
use stormglass_engine::time::Duration;

use super::*;
use crate::run::Keep;
use crate::source::Source;

fn checkpoint() -> &'static Checkpoint {
    static CHECKPOINT: LazyLock<Checkpoint> = LazyLock::new(|| {
        let scenario = Source::load("owner-crash", &[]).unwrap().scenario;
        Checkpoint::at(&scenario, 7, Moment::Event(6_000), &AtomicU64::new(0))
            .expect("the run is longer")
    });
    &CHECKPOINT
}

fn encoded() -> &'static [u8] {
    static ENCODED: LazyLock<Vec<u8>> = LazyLock::new(|| checkpoint().encode());
    &ENCODED
}

#[test]
fn a_checkpoint_reads_back_equal_and_runs_on_to_the_same_end() {
    let whole = run::run(&checkpoint().scenario, 7, Keep::Counts);
    let read = Checkpoint::decode(encoded()).unwrap();
    assert!(read == *checkpoint());
    assert_eq!(read.experiment.world().totals().events, 6_000);
    let end = run::run_on(
        &read.scenario,
        read.seed,
        read.experiment,
        Keep::Counts,
        &AtomicU64::new(0),
    );
    assert_eq!(end, whole);
}

#[test]
fn every_scenario_of_the_catalogue_survives_its_header() {
    for source in Source::catalogue(&[]).unwrap() {
        let scenario = source.scenario;
        assert_eq!(file::parse("", &scenario.to_toml()), Ok(scenario));
    }
}

#[test]
fn a_moment_is_after_all_that_happens_up_to_it() {
    let scenario = &checkpoint().scenario;
    let at = |millis| {
        let moment = Moment::At(Duration::from_millis(millis));
        Checkpoint::at(scenario, 7, moment, &AtomicU64::new(0)).map(|found| found.experiment)
    };
    let found = at(500).unwrap();
    assert!(found.elapsed() <= Duration::from_millis(500));
    assert_eq!(found.tally().faults.get("crash"), Some(&1));
    assert!(at(60_000).is_none());
    assert!(Checkpoint::at(scenario, 7, Moment::Event(u64::MAX), &AtomicU64::new(0)).is_none());
}

#[test]
fn other_files_are_refused_by_name() {
    let refused = |bytes: &[u8]| Checkpoint::decode(bytes).unwrap_err();
    assert!(matches!(refused(b""), CheckpointError::NoCheckpoint));
    assert!(matches!(
        refused(b"[workload]"),
        CheckpointError::NoCheckpoint
    ));
    let mut other = encoded().to_vec();
    other[8] = 9;
    assert!(matches!(
        refused(&other),
        CheckpointError::Format { found: 9 }
    ));
    let missing = Checkpoint::load(Path::new("no/such.ckpt")).unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("cannot read no/such.ckpt: ")
    );
}

#[test]
fn the_checkpoint_of_another_build_is_refused() {
    let header = Header {
        version: "0.0.1".to_owned(),
        likeness: *LIKENESS,
        scenario: String::new(),
        seed: 0,
    };
    let rest = to_bytes(&header);
    let mut bytes = MAGIC.to_vec();
    bytes.extend(FORMAT.to_le_bytes());
    bytes.extend(xxh3_64(&rest).to_le_bytes());
    bytes.extend(rest);
    let error = Checkpoint::decode(&bytes).unwrap_err();
    assert!(matches!(&error, CheckpointError::OtherBuild { version } if version == "0.0.1"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_changed_byte_is_an_error(at in any::<prop::sample::Index>(), flip in 1..=u8::MAX) {
        let mut bytes = encoded().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(Checkpoint::decode(&bytes).is_err());
    }

    #[test]
    fn a_checkpoint_that_is_cut_short_is_an_error(at in any::<prop::sample::Index>()) {
        let bytes = encoded();
        prop_assert!(Checkpoint::decode(&bytes[..at.index(bytes.len())]).is_err());
    }
}

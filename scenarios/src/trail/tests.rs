use super::*;
use crate::diff::{self, Given};
use crate::source::Source;

fn written(name: &str, seed: u64, settings: &[&str]) -> String {
    let settings: Vec<_> = settings.iter().map(|text| text.parse().unwrap()).collect();
    let scenario = Source::load(name, &settings).unwrap().scenario;
    let progress = AtomicU64::new(0);
    let played = Played::new(&scenario, Experiment::new(&scenario, seed), &progress);
    let mut out = Vec::new();
    played.write(seed, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// A side as it is read from a file.
fn given(text: &str) -> Given {
    let path = std::env::temp_dir().join(format!(
        "stormglass-trail-{}-{:016x}",
        std::process::id(),
        xxhash_rust::xxh3::xxh3_64(text.as_bytes())
    ));
    std::fs::write(&path, text).unwrap();
    let given = Given::read(path.to_str().unwrap(), &[]);
    std::fs::remove_file(&path).unwrap();
    given.unwrap()
}

#[test]
fn the_last_line_has_the_hash_of_the_run() {
    let trail = written("replicated-write", 3, &[]);
    let scenario = Source::load("replicated-write", &[]).unwrap().scenario;
    let record = run::run(&scenario, 3, run::Keep::Counts);
    let last: TrailLine = serde_json::from_str(trail.lines().last().unwrap()).unwrap();
    assert_eq!(last.hash, record.trace_hash);
    assert!(trail.lines().count() > 1_000);
}

#[test]
fn a_trail_is_held_against_a_trail_and_a_run() {
    let progress = AtomicU64::new(0);
    let own = written("owner-crash", 7, &[]);
    let run = || Given::read("owner-crash@7", &[]).unwrap();
    for other in [run(), given(&own)] {
        let found = diff::compare(given(&own), other, &progress).unwrap();
        assert_eq!(found.first_difference, None);
    }
    // As if another version lost one more message.
    let lossy = written("owner-crash", 7, &["weather.loss=1/20"]);
    let found = diff::compare(run(), given(&lossy), &progress).unwrap();
    let first = found.first_difference.unwrap();
    assert_eq!(first.field, "faults");
    assert!(first.right.starts_with("lose "), "{first:?}");
    let event = found.left_event.unwrap();
    assert_eq!(
        (event.event, &event.component),
        (first.event, &first.component)
    );
    // Cut short.
    let count = own.lines().count();
    let short: String = own
        .lines()
        .take(count - 5)
        .map(|line| format!("{line}\n"))
        .collect();
    let found = diff::compare(given(&short), run(), &progress).unwrap();
    let first = found.first_difference.unwrap();
    assert_eq!(
        (first.component.as_str(), first.field.as_str()),
        ("run", "end")
    );
    assert_eq!(first.left, "the run is over");
}

#[test]
fn an_event_at_another_time_is_called_so() {
    let slow = written("owner-crash", 7, &["devices.\"east.journal\".write=5ms"]);
    let usual = written("owner-crash", 7, &[]);
    let found = diff::compare(given(&usual), given(&slow), &AtomicU64::new(0)).unwrap();
    assert!(
        found.notes[0].contains("the same event at another time"),
        "{found:?}"
    );
}

#[test]
fn what_is_no_trail_is_refused_with_its_line() {
    assert!(matches!(Trail::open(&b"[workload]\n"[..]), Ok(None)));
    assert!(matches!(Trail::open(&b""[..]), Ok(None)));
    let other = br#"{"schema_version":99,"format":"stormglass trail"}"#;
    assert!(matches!(
        Trail::open(&other[..]),
        Err(TrailError::Line { line: 1, .. })
    ));
    let trail = written("replicated-write", 3, &[]);
    let mut lines: Vec<&str> = trail.lines().take(4).collect();
    lines[2] = "{}";
    let damaged = lines.join("\n");
    let trail = Trail::open(damaged.as_bytes()).unwrap().unwrap();
    let errors: Vec<_> = trail.filter_map(Result::err).collect();
    assert!(matches!(errors[..], [TrailError::Line { line: 3, .. }]));
}

use super::*;

fn study(subject: Subject, seeds: Range<u64>) -> Study {
    Study {
        subject,
        policies: Policy::ALL.to_vec(),
        seeds,
        peer_addresses: 32,
        jobs: 2,
    }
}

fn span(spans: &[PhaseSpan], name: &str) -> u64 {
    let found = spans.iter().find(|span| span.name == name);
    found.expect("it is a phase").nanos
}

#[test]
fn nothing_is_looked_for_where_a_stored_copy_is_right() {
    for subject in [Subject::Takeover, Subject::Boot] {
        let study = study(subject, 0..1);
        let of = |policy| time(&study, policy, 3).expect("it is seen to its end");
        assert_eq!(span(&of(Policy::Stored), "search"), 0);
        assert!(span(&of(Policy::None), "search") > 0);
        let moved = of(Policy::Moved);
        let timeout = 300_000_000;
        assert!(
            span(&moved, "search") > timeout,
            "a failed contact comes first"
        );
    }
}

#[test]
fn detection_is_no_part_of_the_whole_and_the_phases_are_all_of_it() {
    let study = study(Subject::Takeover, 0..1);
    let spans = time(&study, Policy::Stored, 5).expect("it is seen to its end");
    let parts: Vec<_> = spans.iter().filter(|span| !span.is_part).collect();
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].name, "detection");
    let detection = span(&spans, "detection");
    assert!(
        (900_000_000..1_300_000_000).contains(&detection),
        "{detection}"
    );
    // The former owner's lease is waited out, from the fence on.
    let waited = ["replay", "session", "search", "contact", "lease"];
    let waited: u64 = waited.iter().map(|name| span(&spans, name)).sum();
    assert!((500_000_000..520_000_000).contains(&waited), "{waited}");
}

#[test]
fn a_study_is_the_same_whoever_runs_it() {
    let quiet = |_| {};
    let go_on = AtomicBool::new(false);
    let with = |jobs| {
        let study = Study {
            jobs,
            ..study(Subject::Boot, 0..6)
        };
        run(&study, &go_on, &quiet).expect("every run is seen to its end")
    };
    let record = with(1);
    assert_eq!(record, with(3));
    assert_eq!(record.policies.len(), 3);
    assert_eq!(record.paired.len(), 3);
    assert!(record.policies.iter().all(|policy| policy.n == 6));
    let lines = record.to_csv().lines().count();
    assert_eq!(lines, 1 + 3 * 6 * record.policies[0].phases.len());
}

#[test]
fn a_study_that_is_stopped_says_what_it_has() {
    let stop = AtomicBool::new(false);
    let study = study(Subject::Boot, 0..1_000_000);
    let record = run(&study, &stop, &|done| {
        if done == 2 {
            stop.store(true, Ordering::Relaxed);
        }
    });
    let record = record.expect("some are done");
    assert!((2..6).contains(&record.policies[0].n));
    stop.store(true, Ordering::Relaxed);
    let none = run(&study, &stop, &|_| {});
    assert_eq!(none, Err(StudyError::Stopped));
}

#[test]
fn addresses_that_are_too_few_are_refused() {
    let mut few = study(Subject::Boot, 0..1);
    for (addresses, is_refused) in [(2, true), (7, true), (8, false)] {
        few.peer_addresses = addresses;
        let scenario = scenario(&few, Policy::Moved, 0);
        assert_eq!(matches!(scenario, Err(StudyError::Scenario(_))), is_refused);
        assert_eq!(scenario.is_err(), is_refused);
    }
}

#[test]
fn places_are_everywhere_and_nobody_moves_to_where_he_is() {
    let mut hit = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let [there, then] = places(12, seed).expect("they are enough");
        assert_ne!(there, then);
        hit.insert((there, then));
    }
    let of = |place: u32| FIRST_PEER_ADDRESS + 4 + 2 * place;
    let all = (0..4).flat_map(|one| (0..4).map(move |other| (of(one), of(other))));
    assert_eq!(hit, all.filter(|(one, other)| one != other).collect());
}

use super::*;

const BLOCK: u64 = 4_096;

fn point(dirty_permille: u32, region_blocks: u64, writes_per_second: u32) -> Point {
    Point {
        dirty_permille,
        region_blocks,
        writes_per_second,
    }
}

fn study(points: &[Point], seeds: Range<u64>) -> Study {
    Study {
        points: points.to_vec(),
        policies: Policy::ALL.to_vec(),
        seeds,
        volume_blocks: 1_024,
        jobs: 2,
    }
}

fn run_quietly(study: &Study) -> Result<ResyncRecord, StudyError> {
    run(study, &AtomicBool::new(false), &|_| {})
}

#[test]
fn few_dirty_blocks_cost_their_regions_and_no_more() {
    let point = point(10, 8, 0);
    let study = study(&[point], 0..1);
    let measured = measure(&study, point, 3).expect("it is seen to its end");
    let [regions, full, snapshot] = &measured.runs[..] else {
        panic!("there are three policies")
    };
    assert_eq!(regions.dirty_blocks, 10);
    assert!(regions.bytes <= 10 * 8 * BLOCK, "{}", regions.bytes);
    assert!(regions.bytes >= 10 * BLOCK, "{}", regions.bytes);
    assert_eq!(full.bytes, 1_024 * BLOCK);
    // The blocks, and the mirror's eight pages of headers.
    assert_eq!(snapshot.bytes, (10 + 8) * BLOCK);
    assert!(regions.nanos * 4 < full.nanos, "{regions:?} {full:?}");
    assert!(regions.write_nanos.is_empty());
}

#[test]
fn a_load_pauses_the_resync_and_makes_more_dirty() {
    let of = |writes_per_second| {
        let point = point(100, 8, writes_per_second);
        let study = study(&[point], 0..1);
        run_one(&study, point, Policy::Regions, 1).expect("it is seen to its end")
    };
    let (idle, loaded) = (of(0), of(2_000));
    assert_eq!(idle.dirty_blocks, 102);
    assert!(loaded.dirty_blocks >= 102);
    assert!(loaded.took > idle.took, "{:?}", (loaded.took, idle.took));
    assert!(!loaded.writes.is_empty());
}

#[test]
fn the_log_costs_more_than_the_data_alone() {
    let point = point(10, 8, 0);
    let study = study(&[point], 0..1);
    let measured = measure(&study, point, 0).expect("it is seen to its end");
    for (log, writes) in measured.logs.iter().zip([200, 10]) {
        assert_eq!(log.write_nanos.len(), writes);
        assert_eq!(log.marking_nanos.len(), writes);
        // Data, the head of its record and a mark; and the end of the last marks.
        let (pages, least) = (log.journal_pages, 3 * writes as u64);
        assert!((least..least + 10).contains(&pages), "{pages}");
    }
}

#[test]
fn a_study_is_the_same_whoever_runs_it() {
    let points = [point(10, 8, 500), point(200, 64, 0)];
    let with = |jobs| {
        let study = Study {
            jobs,
            ..study(&points, 0..3)
        };
        run_quietly(&study).expect("every run is seen to its end")
    };
    let record = with(1);
    assert_eq!(record, with(3));
    assert_eq!(record.points.len(), 2);
    let costs = record.points.iter().flat_map(|point| &point.policies);
    assert!(costs.clone().all(|cost| cost.n == 3));
    assert_eq!(costs.filter(|cost| cost.is_computed).count(), 2);
    assert_eq!(record.to_csv().lines().count(), 1 + 2 * 3 * 3);
}

#[test]
fn a_study_that_is_stopped_says_what_it_has() {
    let stop = AtomicBool::new(false);
    let endless = study(&[point(10, 8, 0), point(20, 8, 0)], 0..1_000_000);
    let record = run(&endless, &stop, &|done| {
        if done == 3 {
            stop.store(true, Ordering::Relaxed);
        }
    });
    let record = record.expect("some are done");
    let n = record.points[0].policies[0].n;
    assert!((1..4).contains(&n), "{n}");
    assert_eq!(record.points[1].policies[0].n, n);
    let none = run(&endless, &stop, &|_| {});
    assert_eq!(none, Err(StudyError::Stopped));
}

#[test]
fn regions_that_do_not_fit_are_refused() {
    let unfit = study(&[point(10, 1_000, 0)], 0..1);
    let says = run_quietly(&unfit);
    assert!(matches!(says, Err(StudyError::Scenario(_))), "{says:?}");
}

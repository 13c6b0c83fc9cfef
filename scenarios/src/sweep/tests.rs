use super::*;

fn plan(jobs: u32, seeds: Range<u64>) -> Plan {
    Plan {
        sources: Source::suite("spine", &[]).unwrap(),
        seeds,
        jobs,
        budget: None,
        watchdog: Duration::from_secs(30),
    }
}

#[test]
fn any_number_of_jobs_gives_the_same_result() {
    let mut heard = 0;
    let one = sweep(plan(1, 3..15), |result| heard = result.runs).unwrap();
    let two = sweep(plan(2, 3..15), |_| ()).unwrap();
    assert_eq!(one.record.result, two.record.result);
    assert_eq!((one.ended, one.seeds, heard), (Ended::Complete, 3..15, 12));
}

#[test]
fn failures_are_grouped_and_show_their_shortest_run() {
    let setting = "settings.replication=chained".parse().unwrap();
    let source = Source::load("parallel-latency", &[setting]).unwrap();
    let sources = vec![source];
    let swept = sweep(
        Plan {
            sources,
            ..plan(2, 0..4)
        },
        |_| (),
    )
    .unwrap();
    let result = swept.record.result;
    assert_eq!((result.runs, result.failed), (4, 4));
    let [failure] = result.failures.as_slice() else {
        panic!("one group: {:?}", result.failures)
    };
    assert_eq!(failure.runs, 4);
    assert_eq!(
        failure.command,
        format!(
            "stormglass run parallel-latency --seed {} --set settings.replication=chained",
            failure.seed
        )
    );
}

#[test]
fn a_budget_stops_a_sweep_after_a_range_of_seeds() {
    let budget = Some(Duration::from_millis(200));
    let swept = sweep(
        Plan {
            budget,
            ..plan(2, 0..1_000_000)
        },
        |_| (),
    )
    .unwrap();
    assert_eq!(swept.ended, Ended::Budget);
    assert_eq!(swept.seeds, 0..swept.record.result.runs);
}

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

/// Sweeps four seeds of which one does as `odd` does.
fn sweep_with_one_odd(odd: worker::RunSeed, watchdog: Duration) -> Result<Swept, SweepError> {
    let sources = vec![Source::load("parallel-latency", &[]).unwrap()];
    let plan = Plan {
        sources,
        watchdog,
        ..plan(2, 0..4)
    };
    sweep_with(plan, odd, |_| ())
}

/// What a handler that never returns does.
fn hang_for_ever() -> ! {
    loop {
        std::thread::park();
    }
}

#[test]
fn a_handler_that_does_not_return_is_a_failure_and_not_the_end() {
    let hang: worker::RunSeed = |plan, seed, pulse| {
        if seed == 1 {
            pulse.store(77, std::sync::atomic::Ordering::Relaxed);
            hang_for_ever();
        }
        worker::run_seed(plan, seed, pulse)
    };
    let swept = sweep_with_one_odd(hang, Duration::from_secs(2)).unwrap();
    let result = swept.record.result;
    assert_eq!((result.runs, result.passed, result.failed), (4, 3, 1));
    let failure = &result.failures[0];
    assert_eq!((failure.seed, failure.events), (1, 77));
    assert_eq!(failure.verdict.exit_code(), 3);
    assert_eq!(failure.command, "stormglass run parallel-latency --seed 1");
    assert_eq!(swept.ended, Ended::Complete);
}

#[test]
fn a_sweep_in_which_every_job_hangs_ends() {
    let hang: worker::RunSeed = |_, _, _| hang_for_ever();
    let swept = sweep_with_one_odd(hang, Duration::from_millis(100)).unwrap();
    assert_eq!(swept.ended, Ended::Stuck);
    assert_eq!(swept.seeds, 0..2);
    assert_eq!(swept.record.result.failures[0].runs, 2);
}

#[test]
fn a_failure_of_the_testbed_is_an_error_with_its_command() {
    let broken: worker::RunSeed = |plan, seed, pulse| {
        assert!(seed != 2, "the testbed is broken on purpose");
        worker::run_seed(plan, seed, pulse)
    };
    let error = sweep_with_one_odd(broken, Duration::from_secs(30)).unwrap_err();
    assert!(matches!(error, SweepError::Internal { command }
        if command == "stormglass run parallel-latency --seed 2"));
}

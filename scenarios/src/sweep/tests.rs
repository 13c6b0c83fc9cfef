use super::*;

fn spine(jobs: u32, seeds: Range<u64>) -> Plan {
    plan(Source::suite("spine", &[]).unwrap(), jobs, seeds)
}

fn plan(sources: Vec<Source>, jobs: u32, seeds: Range<u64>) -> Plan {
    Plan {
        ledger: ledger(&sources, None, seeds, None),
        sources,
        jobs,
        budget: None,
        watchdog: Duration::from_secs(30),
        tells_runs: true,
    }
}

/// One range of seeds and no other.
fn only(seeds: Range<u64>) -> Vec<Range<u64>> {
    vec![seeds]
}

fn quick() -> Vec<Source> {
    vec![Source::load("parallel-latency", &[]).unwrap()]
}

/// What is said in a sweep: runs, lines and chunks.
#[derive(Default)]
struct Said {
    runs: u64,
    lines: Vec<String>,
    chunks: u64,
}

impl Said {
    fn hear(&mut self, heard: Heard<'_>) {
        match heard {
            Heard::Ran(progress) => self.runs = progress.runs(),
            Heard::Line(line) => self.lines.push(line.to_owned()),
            Heard::Chunk(_) => self.chunks += 1,
        }
    }
}

#[test]
fn any_number_of_jobs_gives_the_same_result() {
    let [mut one, mut two] = [Said::default(), Said::default()];
    let first = sweep(spine(1, 3..15), |heard| one.hear(heard)).unwrap();
    let second = sweep(spine(2, 3..15), |heard| two.hear(heard)).unwrap();
    assert_eq!(first.record.result, second.record.result);
    assert_eq!(first.ended, Ended::Complete);
    assert_eq!(first.ledger.missing(), [0..0; 0]);
    assert_eq!((one.runs, one.chunks, one.lines.len()), (12, 12, 12));
    assert_eq!(one.lines, two.lines, "in the order of the seeds");
    let transitions = &first.record.result.transitions;
    assert!(transitions.values().any(|count| *count > 0));
    assert!(!first.record.result.transitions_missing().is_empty());
}

#[test]
fn shards_and_a_sweep_that_goes_on_come_to_the_same_as_one_sweep() {
    let whole = sweep(plan(quick(), 2, 0..10), |_| ()).unwrap();
    let shard = |number| {
        let sources = quick();
        let ledger = ledger(&sources, None, 0..10, Shard::new(number, 3));
        let swept = sweep(
            Plan {
                ledger,
                ..plan(sources, 1, 0..1)
            },
            |_| (),
        )
        .unwrap();
        swept.ledger
    };
    let some = shard(3).join(shard(1)).unwrap();
    assert_eq!(some.missing(), only(3..6));
    let mut said = Said::default();
    let rest = Plan {
        ledger: some,
        ..plan(quick(), 2, 0..1)
    };
    let rest = sweep(rest, |heard| said.hear(heard)).unwrap();
    assert_eq!(said.runs, 3, "only what is missing runs");
    assert_eq!(rest.record.result, whole.record.result);
    assert_eq!(rest.ledger.missing(), [0..0; 0]);
    // A complete one runs nothing.
    let again = Plan {
        ledger: rest.ledger.clone(),
        ..plan(quick(), 2, 0..1)
    };
    let again = sweep(again, |_| panic!("nothing is left to run")).unwrap();
    assert_eq!(again.ledger, rest.ledger);
}

#[test]
fn plans_differ_with_all_that_runs_depend_on() {
    let id = |name: &str, settings: &[&str], seeds| {
        let settings: Vec<_> = settings.iter().map(|one| one.parse().unwrap()).collect();
        let sources = [Source::load(name, &settings).unwrap()];
        ledger(&sources, None, seeds, None).plan.id
    };
    let plain = id("owner-crash", &[], 0..9);
    assert_eq!(plain, id("owner-crash", &[], 0..9));
    assert_ne!(plain, id("owner-crash", &[], 0..8));
    assert_ne!(plain, id("mirror-crash", &[], 0..9));
    assert_ne!(plain, id("owner-crash", &["workload.clients=2"], 0..9));
}

#[test]
fn failures_are_grouped_and_show_their_shortest_run() {
    let setting = "settings.replication=chained".parse().unwrap();
    let source = Source::load("parallel-latency", &[setting]).unwrap();
    let swept = sweep(plan(vec![source], 2, 0..4), |_| ()).unwrap();
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
            ..spine(2, 0..1_000_000)
        },
        |_| (),
    )
    .unwrap();
    assert_eq!(swept.ended, Ended::Budget);
    let end = swept.record.result.runs;
    assert_eq!(swept.ledger.missing(), only(end..1_000_000));
}

/// Sweeps four seeds of which one does as `odd` does.
fn sweep_with_one_odd(odd: worker::RunSeed, watchdog: Duration) -> Result<Swept, SweepError> {
    let plan = Plan {
        watchdog,
        ..plan(quick(), 2, 0..4)
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
    assert_eq!(swept.ledger.missing(), only(2..4));
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

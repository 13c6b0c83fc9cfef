//! What a fork of a whole experiment costs, oracles on, and how many acknowledged
//! writes a CPU second gives. The bytes of a fork are in the test `fork_memory`.
//!
//! `cargo bench -p stormglass-benches --bench experiment`

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use mimalloc::MiMalloc;
use stormglass_benches::one_write::{finish_write, scenario, with_one_write_outstanding};
use stormglass_scenarios::experiment::{Bench, Experiment};

/// That of the `stormglass` command.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn forks(criterion: &mut Criterion) {
    let origin = with_one_write_outstanding();
    let mut bench = Bench::default();
    let mut group = criterion.benchmark_group("experiment");
    group.bench_function("idle fork and drop", |b| {
        b.iter(|| black_box(origin.clone()))
    });
    group.bench_function("fork, finish a write, drop", |b| {
        b.iter(|| finish_write(&mut origin.clone(), &mut bench));
    });
    group.finish();
}

fn writes(criterion: &mut Criterion) {
    let scenario = scenario(100, 32);
    let mut group = criterion.benchmark_group("whole engine");
    group.sample_size(10);
    let acknowledged = {
        let mut experiment = Experiment::new(&scenario, 1);
        let mut bench = Bench::default();
        while experiment.step(&mut bench) {}
        experiment.tally().commands.success
    };
    group.throughput(Throughput::Elements(acknowledged));
    group.bench_function("acknowledged 4 KiB replicated writes", |b| {
        b.iter(|| {
            let mut experiment = Experiment::new(&scenario, 1);
            let mut bench = Bench::default();
            while experiment.step(&mut bench) {}
            black_box(experiment.world().trace_hash())
        });
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    forks(&mut criterion);
    writes(&mut criterion);
    criterion.final_summary();
}

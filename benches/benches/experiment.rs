//! What a fork of a whole experiment costs, oracles on, and how many acknowledged
//! writes a CPU second gives.
//!
//! `cargo bench -p stormglass-benches --bench experiment` prints the bytes that a
//! fork allocates before criterion's timings. The world is four nodes and six
//! clients with volumes of 64 MiB.

use std::alloc::System;
use std::hint::black_box;

use criterion::{Criterion, Throughput};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use stormglass_engine::time::Duration;
use stormglass_scenarios::actor::Report;
use stormglass_scenarios::experiment::{Bench, Experiment};
use stormglass_scenarios::file::{Mix, Scenario};
use stormglass_scenarios::workload::{ClientEvent, CommandKind};
use stormglass_sim::occurrence::Occurrence;
use stormglass_sim::world::DeviceIndex;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// 64 MiB in blocks.
const VOLUME_BLOCKS: u64 = 16_384;
/// Four nodes and these are ten machines.
const CLIENTS: u32 = 6;

fn scenario(commands: u32, outstanding: u32) -> Scenario {
    let mix = Mix {
        write: 1,
        ..Mix::NONE
    };
    let mut scenario = Scenario::builder("bench")
        .build()
        .expect("the defaults are valid");
    scenario.topology.volume_blocks = VOLUME_BLOCKS;
    scenario.workload.clients = CLIENTS;
    scenario.workload.commands = commands;
    scenario.workload.outstanding = outstanding;
    scenario.workload.command_blocks = [1, 1];
    scenario.workload.mix = mix;
    scenario.workload.think = Duration::from_millis(100);
    scenario.check().expect("the bench's scenario is valid");
    scenario
}

/// An experiment well into its work, at an instant at which a write has just been
/// issued, none other is outstanding, and none other is issued before it ends.
fn with_one_write_outstanding() -> Experiment {
    let mut experiment = Experiment::new(&scenario(400, 1), 1);
    let mut bench = Bench::default();
    let mut outstanding: i64 = 0;
    loop {
        assert!(experiment.step(&mut bench), "the workload is long enough");
        let mut invoked = false;
        for occurrence in &bench.log {
            if let Occurrence::Event {
                event: Report::Client(event),
                ..
            } = occurrence
            {
                match event {
                    ClientEvent::Invoked {
                        kind: CommandKind::Write,
                        ..
                    } => {
                        outstanding += 1;
                        invoked = true;
                    }
                    ClientEvent::AttemptEnded { .. } => outstanding -= 1,
                    _ => {}
                }
            }
        }
        if invoked && outstanding == 1 && experiment.tally().commands.success > 1_000 {
            let mut fork = experiment.clone();
            finish_write(&mut fork, &mut Bench::default());
            if fork.tally().commands.issued == experiment.tally().commands.issued {
                return experiment;
            }
        }
    }
}

/// Runs until the outstanding write has its status; the number of events.
fn finish_write(experiment: &mut Experiment, bench: &mut Bench) -> u64 {
    let mut events = 0;
    loop {
        assert!(experiment.step(bench), "the write ends");
        events += 1;
        let has_ended = bench.log.iter().any(|occurrence| {
            matches!(
                occurrence,
                Occurrence::Event {
                    event: Report::Client(ClientEvent::AttemptEnded { .. }),
                    ..
                }
            )
        });
        if has_ended {
            return events;
        }
    }
}

fn print_bytes(what: &str, act: impl FnOnce() -> u64) {
    let region = Region::new(ALLOCATOR);
    let events = act();
    let change = region.change();
    let kept = change.bytes_allocated;
    println!(
        "{what}: {kept} bytes in {} allocations, {events} events",
        change.allocations
    );
}

/// What a first touch of each component copies.
fn print_parts(origin: &Experiment) {
    for (id, process) in origin.world().processes() {
        let name = &origin.world().machine(process.machine).name;
        print_bytes(&format!("{name} slot {} ({id:?})", process.slot.0), || {
            black_box(process.clone());
            0
        });
    }
    for index in 0..4 {
        let drive = origin.world().drive(DeviceIndex(index));
        print_bytes(&drive.name, || {
            black_box(drive.clone());
            0
        });
    }
    print_bytes("oracles", || {
        black_box(origin.oracles().clone());
        0
    });
    print_bytes("measures", || {
        black_box(origin.measures().clone());
        0
    });
    print_bytes("tally", || {
        black_box(origin.tally().clone());
        0
    });
    print_bytes("world", || {
        black_box(origin.world().clone());
        0
    });
}

fn forks(criterion: &mut Criterion) {
    let origin = with_one_write_outstanding();
    let mut bench = Bench::default();
    drop(origin.clone());
    finish_write(&mut origin.clone(), &mut bench);
    print_bytes("idle fork", || {
        black_box(origin.clone());
        0
    });
    if std::env::var("STORMGLASS_PARTS").is_ok() {
        print_parts(&origin);
    }
    print_bytes("fork and finish a write", || {
        finish_write(&mut origin.clone(), &mut bench)
    });
    let mut fork = origin.clone();
    let region = Region::new(ALLOCATOR);
    finish_write(&mut fork, &mut bench);
    let change = region.change();
    let retained = change.bytes_allocated as i64 - change.bytes_deallocated as i64;
    println!("retained by the fork after it: {retained} bytes");
    drop(fork);

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

//! What a fork allocates, counted: it does not depend on the machine.

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

use stormglass_benches::cluster::cluster;
use stormglass_benches::one_write::{finish_write, with_one_write_outstanding};
use stormglass_scenarios::experiment::Bench;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One test, since the count is of the whole process.
#[test]
fn forks_allocate_little() {
    forks_of_the_kernel();
    forks_of_an_experiment();
}

fn forks_of_the_kernel() {
    let mut game = cluster();
    // The first clone of a buffer makes it countable; later ones only count.
    drop(game.fork());

    let region = Region::new(ALLOCATOR);
    let fork = game.fork();
    let idle = region.change();
    drop(fork);
    println!(
        "idle fork: {} bytes in {} allocations",
        idle.bytes_allocated, idle.allocations
    );
    assert!(idle.bytes_allocated <= 10_000, "{idle:?}");

    let region = Region::new(ALLOCATOR);
    let origin = game.fork();
    let executed = |game: &stormglass_benches::ping_pong::Game| -> u64 {
        let drives = game.world.drives();
        drives
            .map(|(_, drive)| drive.device.counters().writes)
            .sum()
    };
    let before = executed(&game);
    while executed(&game) == before {
        game.step();
    }
    let write = region.change();
    drop(origin);
    println!(
        "fork and a write: {} bytes in {} allocations",
        write.bytes_allocated, write.allocations
    );
    assert!(write.bytes_allocated <= 20_000, "{write:?}");
}

/// Ten machines with disks of 64 MiB, oracles on.
fn forks_of_an_experiment() {
    let origin = with_one_write_outstanding();
    let mut bench = Bench::default();
    drop(origin.clone());
    finish_write(&mut origin.clone(), &mut bench);

    let region = Region::new(ALLOCATOR);
    let mut fork = origin.clone();
    let idle = region.change();
    println!("idle fork of an experiment: {} bytes", idle.bytes_allocated);
    assert!(idle.bytes_allocated <= 10_000, "{idle:?}");

    finish_write(&mut fork, &mut bench);
    let change = region.change();
    let retained = change.bytes_allocated - change.bytes_deallocated;
    println!(
        "fork after a write: {retained} bytes; {} allocations since",
        change.allocations
    );
    // The goal: the payload of one block, and 20 KB.
    assert!(retained <= 24_096, "{change:?}");
}

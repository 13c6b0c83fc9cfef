//! What a fork allocates, counted: it does not depend on the machine.

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

use stormglass_benches::cluster::cluster;
use stormglass_benches::one_write::{finish_write, go_to_next_write, with_one_write_outstanding};
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

/// The most that one write may cost a fork.
const MOST: usize = 36_000;

/// Writes that are measured, one after the other.
const WRITES: usize = 300;

/// Ten machines with disks of 64 MiB, oracles on. Not one write but some hundred:
/// what a write costs depends on how full the nodes, lists and tables are that it
/// touches, and now and then one of them is split or emptied.
fn forks_of_an_experiment() {
    let mut origin = with_one_write_outstanding();
    let mut bench = Bench::default();
    let (mut retained, mut allocations, mut idle_max) = (Vec::new(), 0, 0);
    while retained.len() < WRITES {
        drop(origin.clone());
        finish_write(&mut origin.clone(), &mut bench);

        let region = Region::new(ALLOCATOR);
        let mut fork = origin.clone();
        idle_max = idle_max.max(region.change().bytes_allocated);
        finish_write(&mut fork, &mut bench);
        let change = region.change();
        retained.push(change.bytes_allocated - change.bytes_deallocated);
        allocations += change.allocations;
        drop(fork);
        go_to_next_write(&mut origin, &mut bench);
    }
    retained.sort_unstable();
    let mean = retained.iter().sum::<usize>() / WRITES;
    let [least, median, tenth, most] =
        [0, WRITES / 2, WRITES * 9 / 10, WRITES - 1].map(|place| retained[place]);
    println!("idle fork of an experiment: at most {idle_max} bytes");
    println!(
        "fork after a write: {mean} bytes on average ({least} to {most}, median {median}, 90 % \
         up to {tenth}); {} allocations",
        allocations / WRITES
    );
    assert!(idle_max <= 10_000, "{idle_max}");
    // The goal: the payload of one block, and 20 KB.
    assert!(mean <= 24_096, "{mean}");
    assert!(most <= MOST, "{most}");
}

//! Forks that finish one write, for a profiler:
//!
//! `valgrind --tool=callgrind --toggle-collect='*one_fork*' target/release/examples/one_write 100`
//!
//! counts the instructions of a hundred forks and nothing else. Without a profiler
//! it prints the shortest mean of a hundred forks among as many rounds.

use std::hint::black_box;
use std::time::Instant;

use mimalloc::MiMalloc;
use stormglass_benches::one_write::{finish_write, with_one_write_outstanding};
use stormglass_scenarios::experiment::{Bench, Experiment};

/// That of the `stormglass` command.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Forks of one round, so that reading the clock does not count.
const FORKS: u32 = 100;

/// A function of its own, so that a profiler can be told of it.
#[inline(never)]
fn one_fork(origin: &Experiment, bench: &mut Bench) {
    black_box(finish_write(&mut origin.clone(), bench));
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(Ok(1), |text| text.parse());
    let Ok(rounds) = rounds else {
        eprintln!("how many rounds of {FORKS} forks?");
        std::process::exit(2);
    };
    let origin = with_one_write_outstanding();
    let mut bench = Bench::default();
    let times = (0..rounds).map(|_: u32| {
        let start = Instant::now();
        for _ in 0..FORKS {
            one_fork(&origin, &mut bench);
        }
        start.elapsed() / FORKS
    });
    println!("{:?}", times.min().unwrap_or_default());
}

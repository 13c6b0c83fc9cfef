//! The cost of forks: ten nodes with full disks of 64 MiB.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;

use stormglass_benches::cluster::cluster;

fn forks(criterion: &mut Criterion) {
    let mut game = cluster();
    criterion.bench_function("fork and drop", |bencher| {
        bencher.iter(|| black_box(game.fork()));
    });
    criterion.bench_function("fork, one event, drop", |bencher| {
        bencher.iter(|| {
            let origin = game.fork();
            game.step();
            game.world = black_box(origin);
        });
    });
    criterion.bench_function("fork, one write, drop", |bencher| {
        bencher.iter(|| {
            let origin = game.fork();
            let executed = executed(&game);
            while executed == self::executed(&game) {
                game.step();
            }
            game.world = black_box(origin);
        });
    });
}

fn executed(game: &stormglass_benches::ping_pong::Game) -> u64 {
    let drives = game.world.drives();
    drives
        .map(|(_, drive)| drive.device.counters().writes)
        .sum()
}

fn quick() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = fork;
    config = quick();
    targets = forks
}
criterion_main!(fork);

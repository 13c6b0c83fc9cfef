//! Events a second, set-up, and what a run can be asked.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;

use stormglass_benches::compare::{IN_FLIGHT, PAIRS};
use stormglass_benches::ping_pong::Game;
use stormglass_benches::workload::{Extra, Workload};

const EXTRAS: [(&str, Extra); 3] = [
    ("delivery", Extra::Nothing),
    ("cpu", Extra::CpuTime),
    ("device", Extra::Device),
];

/// One message, in games of all sizes under way.
fn ping_pong(criterion: &mut Criterion) {
    for (name, extra) in EXTRAS {
        let mut group = criterion.benchmark_group(format!("ping-pong/{name}"));
        group.throughput(Throughput::Elements(1_000));
        for pairs in PAIRS {
            for in_flight in IN_FLIGHT {
                let mut game = Game::new(Workload {
                    pairs,
                    in_flight,
                    extra,
                });
                game.run(10_000);
                let id = BenchmarkId::new(format!("pairs={pairs}"), in_flight);
                group.bench_function(id, |bencher| bencher.iter(|| game.run(1_000)));
            }
        }
        group.finish();
    }
}

/// A small world built, run for 30 messages and dropped.
fn small_world(criterion: &mut Criterion) {
    let workload = Workload {
        pairs: 1,
        in_flight: 1,
        extra: Extra::Nothing,
    };
    criterion.bench_function("small world", |bencher| {
        bencher.iter(|| {
            let mut game = Game::new(workload);
            game.run(30);
            black_box(game.world.trace_hash())
        });
    });
}

/// Hashes and comparisons of a world of ten pairs.
fn questions(criterion: &mut Criterion) {
    let mut game = Game::new(Workload {
        pairs: 10,
        in_flight: 4,
        extra: Extra::Device,
    });
    game.run(10_000);
    let twin = game.fork();
    criterion.bench_function("behavioural hash", |bencher| {
        bencher.iter(|| game.world.behavioural_hash());
    });
    criterion.bench_function("equality of forks", |bencher| {
        bencher.iter(|| game.world == twin);
    });
}

fn quick() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = kernel;
    config = quick();
    targets = ping_pong, small_world, questions
}
criterion_main!(kernel);

//! Kernel and bare loop in turns, by CPU time, as ratios.

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::bare_loop::BareLoop;
use crate::ping_pong::Game;
use crate::workload::{Extra, Workload};

/// Pairs of nodes that are measured.
pub const PAIRS: [u32; 3] = [1, 10, 100];
/// Messages in flight of each pair that are measured.
pub const IN_FLIGHT: [u16; 2] = [1, 32];

/// One size of the game, measured.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What is done for each message: `delivery`, `cpu` or `device`.
    pub extra: &'static str,
    /// Pairs of nodes.
    pub pairs: u32,
    /// Messages in flight of each pair.
    pub in_flight: u16,
    /// CPU time of a message in the kernel, in nanoseconds, median of rounds.
    pub kernel_ns: f64,
    /// The same in the bare loop.
    pub bare_ns: f64,
    /// The same in the bare loop that draws fates and hashes as the kernel does.
    pub checked_ns: f64,
    /// Median over the rounds of kernel by bare loop.
    pub ratio: f64,
    /// Median over the rounds of kernel by the bare loop that does the same.
    pub checked_ratio: f64,
}

/// Measures every size, `rounds` times `messages` messages each.
pub fn compare(rounds: usize, messages: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    for extra in [Extra::Nothing, Extra::CpuTime, Extra::Device] {
        for pairs in PAIRS {
            for in_flight in IN_FLIGHT {
                let workload = Workload {
                    pairs,
                    in_flight,
                    extra,
                };
                rows.push(row(workload, rounds, messages));
            }
        }
    }
    rows
}

fn row(workload: Workload, rounds: usize, messages: u64) -> Row {
    let Workload {
        pairs, in_flight, ..
    } = workload;
    let (extra, samples) = match workload.extra {
        Extra::Nothing => (
            "delivery",
            measure::<false, false>(workload, rounds, messages),
        ),
        Extra::CpuTime => ("cpu", measure::<true, false>(workload, rounds, messages)),
        Extra::Device => ("device", measure::<false, true>(workload, rounds, messages)),
    };
    let column = |index: usize| median(samples.iter().map(|sample| sample[index]).collect());
    let ratio = |index: usize| {
        let ratios = samples.iter().map(|sample| sample[0] / sample[index]);
        median(ratios.collect())
    };
    Row {
        extra,
        pairs,
        in_flight,
        kernel_ns: column(0),
        bare_ns: column(1),
        checked_ns: column(2),
        ratio: ratio(1),
        checked_ratio: ratio(2),
    }
}

/// Nanoseconds a message of kernel, bare loop and checked bare loop, in turns.
fn measure<const CPU: bool, const DEVICE: bool>(
    workload: Workload,
    rounds: usize,
    messages: u64,
) -> Vec<[f64; 3]> {
    let mut kernel = Game::new(workload);
    let mut bare = BareLoop::<false, CPU, DEVICE>::new(workload);
    let mut checked = BareLoop::<true, CPU, DEVICE>::new(workload);
    // The first round warms up.
    let mut samples = Vec::new();
    for _ in 0..=rounds {
        samples.push([
            per_item(messages, || kernel.run(messages)),
            per_item(messages, || bare.run(messages)),
            per_item(messages, || checked.run(messages)),
        ]);
    }
    let hashes = [bare.trace_hash(), checked.trace_hash()];
    assert!(hashes.iter().all(|hash| *hash != kernel.world.trace_hash()));
    samples.split_off(1)
}

fn per_item(items: u64, work: impl FnOnce()) -> f64 {
    let before = cpu_nanos();
    work();
    (cpu_nanos() - before) / items as f64
}

/// CPU time of this process so far, in nanoseconds.
pub fn cpu_nanos() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 * 1e9 + spent.tv_nsec as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

/// The rows for people.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "ping-pong, ns of CPU time a message\n\
         per message   N  flight   kernel    bare  checked  kernel/bare  kernel/checked\n",
    );
    for row in rows {
        text += &format!(
            "{:<11} {:>3} {:>7} {:>8.1} {:>7.1} {:>8.1} {:>12.2} {:>15.2}\n",
            row.extra,
            row.pairs,
            row.in_flight,
            row.kernel_ns,
            row.bare_ns,
            row.checked_ns,
            row.ratio,
            row.checked_ratio
        );
    }
    text
}

//! The workers of a sweep and the loop that listens to them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use stormglass_reports::record::{ProbeTally, RunRecord, SweepResult};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::{Ended, Plan, SweepError};
use crate::experiment::Experiment;
use crate::run::{self, Keep};
use crate::watchdog::{Pulse, Watchdog};

/// Beyond this a budget is none: thirty years.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);

/// What a worker says.
enum Word {
    /// A run began.
    Begun { worker: u32, run: Arc<Run> },
    /// It ended.
    Done {
        worker: u32,
        result: Box<SweepResult>,
    },
    /// The testbed failed.
    Failed { seed: u64 },
    /// No seed is left for this worker.
    Finished { worker: u32 },
}

/// A run that a worker is in.
struct Run {
    seed: u64,
    pulse: Pulse,
    /// Set by whoever is first to say what came of it: the worker, or the
    /// listener that gives it up. The other one then keeps silent.
    is_judged: AtomicBool,
}

impl Run {
    fn judge(&self) -> bool {
        !self.is_judged.swap(true, Ordering::Relaxed)
    }
}

/// What all workers share.
struct Shared {
    plan: Plan,
    next: Mutex<u64>,
    is_stopped: AtomicBool,
}

impl Shared {
    fn take_seed(&self) -> Option<u64> {
        let mut next = self.next.lock().expect("no worker panics here");
        if self.is_stopped.load(Ordering::Relaxed) || *next >= self.plan.seeds.end {
            return None;
        }
        *next += 1;
        Some(*next - 1)
    }

    fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}

/// A worker as the listener sees it.
struct Worker {
    number: u32,
    run: Option<(Arc<Run>, Watchdog)>,
}

struct Listener<F> {
    shared: Arc<Shared>,
    words: UnboundedReceiver<Word>,
    /// Passed to new workers.
    mouth: UnboundedSender<Word>,
    workers: Vec<Worker>,
    /// Workers ever started.
    started: u32,
    /// Workers whose handler does not return.
    lost: u32,
    result: SweepResult,
    observe: F,
}

/// Runs every seed of the plan, or as many as come before its end.
pub(super) async fn all(
    plan: Plan,
    observe: impl FnMut(&SweepResult),
) -> Result<(SweepResult, Ended), SweepError> {
    let (mouth, words) = unbounded_channel();
    let (jobs, budget, limit) = (plan.jobs, plan.budget, plan.watchdog);
    let next = Mutex::new(plan.seeds.start);
    let mut listener = Listener {
        shared: Arc::new(Shared {
            plan,
            next,
            is_stopped: AtomicBool::new(false),
        }),
        words,
        mouth,
        workers: Vec::new(),
        started: 0,
        lost: 0,
        result: SweepResult::default(),
        observe,
    };
    for _ in 0..jobs {
        listener.start_worker();
    }
    let deadline = Instant::now() + budget.unwrap_or(FOREVER).min(FOREVER);
    let mut look = interval(Watchdog::interval(limit));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ended = Ended::Complete;
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    while !listener.workers.is_empty() {
        tokio::select! {
            Some(word) = listener.words.recv() => listener.hear(word)?,
            _ = look.tick() => {
                listener.look();
                if listener.lost >= jobs {
                    ended = Ended::Stuck;
                    break;
                }
            }
            () = sleep_until(deadline), if ended == Ended::Complete => {
                listener.shared.stop();
                ended = Ended::Budget;
            }
            _ = &mut interrupt => {
                // The runs that have begun are finished, unless asked again.
                if ended == Ended::Interrupted {
                    return Err(SweepError::Interrupted);
                }
                listener.shared.stop();
                ended = Ended::Interrupted;
                interrupt.set(tokio::signal::ctrl_c());
            }
        }
    }
    Ok((listener.result, ended))
}

impl<F: FnMut(&SweepResult)> Listener<F> {
    fn start_worker(&mut self) {
        let number = self.started;
        self.started += 1;
        self.workers.push(Worker { number, run: None });
        let (shared, mouth) = (Arc::clone(&self.shared), self.mouth.clone());
        tokio::task::spawn_blocking(move || work(number, &shared, &mouth));
    }

    fn worker(&mut self, number: u32) -> &mut Worker {
        let mut workers = self.workers.iter_mut();
        workers
            .find(|one| one.number == number)
            .expect("one that was given up says nothing")
    }

    fn hear(&mut self, word: Word) -> Result<(), SweepError> {
        match word {
            Word::Begun { worker, run } => {
                let pulse = Arc::clone(&run.pulse);
                let watchdog = Watchdog::new(self.shared.plan.watchdog, pulse);
                self.worker(worker).run = Some((run, watchdog));
            }
            Word::Done { worker, result } => {
                self.worker(worker).run = None;
                self.add(*result);
            }
            Word::Failed { seed } => {
                let command = self.shared.plan.source(seed).run_command(seed);
                return Err(SweepError::Internal { command });
            }
            Word::Finished { worker } => self.workers.retain(|one| one.number != worker),
        }
        Ok(())
    }

    fn add(&mut self, result: SweepResult) {
        self.result = std::mem::take(&mut self.result).merge(result);
        (self.observe)(&self.result);
    }

    /// Looks at every worker; one that is stuck is given up and replaced.
    fn look(&mut self) {
        let mut stuck = Vec::new();
        self.workers.retain_mut(|worker| {
            let Some((run, watchdog)) = &mut worker.run else {
                return true;
            };
            match watchdog.look() {
                Err(found) if run.judge() => {
                    stuck.push((run.seed, found));
                    false
                }
                Ok(()) | Err(_) => true,
            }
        });
        for (seed, found) in stuck {
            let source = self.shared.plan.source(seed);
            let command = source.run_command(seed);
            let record = found.to_record(&source.scenario.name, seed, command);
            let result = to_result(&self.shared.plan, &record);
            self.add(result);
            self.lost += 1;
            if self.lost < self.shared.plan.jobs {
                self.start_worker();
            }
        }
    }
}

/// A worker: one seed after the other.
fn work(worker: u32, shared: &Shared, mouth: &UnboundedSender<Word>) {
    // Whoever listens may have given up; then there is nobody to tell.
    let say = |word| mouth.send(word).is_ok();
    while let Some(seed) = shared.take_seed() {
        let run = Arc::new(Run {
            seed,
            pulse: Pulse::default(),
            is_judged: AtomicBool::new(false),
        });
        say(Word::Begun {
            worker,
            run: Arc::clone(&run),
        });
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            run_seed(&shared.plan, seed, &run.pulse)
        }));
        if !run.judge() {
            return;
        }
        let word = match outcome {
            Ok(result) => Word::Done {
                worker,
                result: Box::new(result),
            },
            Err(_) => Word::Failed { seed },
        };
        if !say(word) {
            return;
        }
    }
    say(Word::Finished { worker });
}

fn run_seed(plan: &Plan, seed: u64, pulse: &AtomicU64) -> SweepResult {
    let source = plan.source(seed);
    let scenario = &source.scenario;
    let experiment = Experiment::new(scenario, seed);
    let mut record = run::run_on(scenario, seed, experiment, Keep::Counts, pulse);
    record.command = source.run_command(seed);
    to_result(plan, &record)
}

fn to_result(plan: &Plan, record: &RunRecord) -> SweepResult {
    let listed = plan.source(record.seed).scenario.probes.iter();
    let probes = listed
        .map(|probe| (probe.clone(), ProbeTally::REQUIRED))
        .collect();
    SweepResult::of_run(record, &probes, &run::signature(record))
}

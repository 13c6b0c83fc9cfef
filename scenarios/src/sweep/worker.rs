//! The workers of a sweep and the loop that listens to them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stormglass_reports::record::{Detail, Ledger, Listed, RunRecord, SweepResult};
use stormglass_sim::random::Seed;
use stormglass_sim::time::WorldTime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::{Ended, Heard, Plan, Progress, SweepError};
use crate::experiment::Experiment;
use crate::repro::Repro;
use crate::run::{self, Keep};
use crate::watchdog::{Pulse, Watchdog};
use crate::weather::Weather;
use crate::{fault_kinds, interrupt, probes, watchdog};

/// Beyond this a budget is none: thirty years.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);

/// What a worker says.
enum Word {
    /// A run began.
    Begun { worker: u32, run: Arc<Run> },
    /// It ended.
    Done {
        worker: u32,
        seed: u64,
        ran: Box<Ran>,
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

/// What a run came to.
struct Ran {
    result: SweepResult,
    /// The run as JSON, if that was asked for.
    line: Option<String>,
}

impl Ran {
    fn new(plan: &Plan, record: &RunRecord) -> Ran {
        Ran {
            result: to_result(plan, record),
            line: plan.tells_runs.then(|| record.to_json(Detail::Summary)),
        }
    }
}

/// Runs a seed of a plan; its pulse rises with every event.
pub(super) type RunSeed = fn(&Plan, u64, &Pulse) -> RunRecord;

/// What all workers share.
struct Shared {
    plan: Plan,
    run: RunSeed,
    /// Seeds that nobody has taken.
    left: Mutex<VecDeque<Range<u64>>>,
    is_stopped: AtomicBool,
}

impl Shared {
    fn take_seed(&self) -> Option<u64> {
        let mut left = self.left.lock().expect("no worker panics here");
        if self.is_stopped.load(Ordering::Relaxed) {
            return None;
        }
        next_of(&mut left)
    }

    fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}

/// Takes the first seed of those that are left.
fn next_of(left: &mut VecDeque<Range<u64>>) -> Option<u64> {
    while let Some(range) = left.front_mut() {
        match range.next() {
            Some(seed) => return Some(seed),
            None => left.pop_front(),
        };
    }
    None
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
    progress: Progress,
    ledger: Ledger,
    /// Seeds that are to be added, in order.
    due: VecDeque<Range<u64>>,
    next: Option<u64>,
    /// What ended before its turn.
    early: BTreeMap<u64, Box<Ran>>,
    observe: F,
}

/// Runs the missing seeds of the plan, or as many as come before its end.
pub(super) async fn all(
    mut plan: Plan,
    missing: &[Range<u64>],
    run: RunSeed,
    observe: impl FnMut(Heard<'_>),
) -> Result<(Ledger, Ended), SweepError> {
    let (mouth, words) = unbounded_channel();
    let (jobs, budget, limit) = (plan.jobs, plan.budget, plan.watchdog);
    let empty = Ledger::new(plan.ledger.plan.clone(), None);
    let ledger = std::mem::replace(&mut plan.ledger, empty);
    let mut due: VecDeque<Range<u64>> = missing.iter().cloned().collect();
    let left = Mutex::new(due.clone());
    let next = next_of(&mut due);
    let mut listener = Listener {
        shared: Arc::new(Shared {
            plan,
            run,
            left,
            is_stopped: AtomicBool::new(false),
        }),
        words,
        mouth,
        workers: Vec::new(),
        started: 0,
        lost: 0,
        progress: Progress::default(),
        ledger,
        due,
        next,
        early: BTreeMap::new(),
        observe,
    };
    for _ in 0..jobs {
        listener.start_worker();
    }
    let deadline = Instant::now() + budget.unwrap_or(FOREVER).min(FOREVER);
    let mut look = interval(Watchdog::interval(limit));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ended = Ended::Complete;
    let mut interrupts = interrupt::Interrupts::new()?;
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
            _ = interrupts.next() => {
                // The runs that have begun are finished, unless asked again.
                if ended == Ended::Interrupted {
                    return Err(SweepError::Interrupted);
                }
                listener.shared.stop();
                ended = Ended::Interrupted;
            }
        }
    }
    assert!(
        listener.early.is_empty(),
        "every seed that was taken has its turn"
    );
    Ok((listener.ledger, ended))
}

impl<F: FnMut(Heard<'_>)> Listener<F> {
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
            Word::Done { worker, seed, ran } => {
                self.worker(worker).run = None;
                self.add(seed, ran);
            }
            Word::Failed { seed } => {
                let command = self.shared.plan.source(seed).run_command(seed);
                return Err(SweepError::Internal { command });
            }
            Word::Finished { worker } => self.workers.retain(|one| one.number != worker),
        }
        Ok(())
    }

    /// Adds what came of a seed as soon as all before it are in.
    fn add(&mut self, seed: u64, ran: Box<Ran>) {
        self.progress.add(&ran.result);
        (self.observe)(Heard::Ran(&self.progress));
        self.early.insert(seed, ran);
        while let Some(seed) = self.next
            && let Some(ran) = self.early.remove(&seed)
        {
            let Ran { result, line } = *ran;
            if let Some(line) = line {
                (self.observe)(Heard::Line(&line));
            }
            self.ledger.add(seed, result);
            if self.ledger.plan.chunk_of(seed).end == seed + 1 {
                (self.observe)(Heard::Chunk(&self.ledger));
            }
            self.next = next_of(&mut self.due);
        }
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
            let ran = Ran::new(&self.shared.plan, &record);
            self.add(seed, Box::new(ran));
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
            let record = (shared.run)(&shared.plan, seed, &run.pulse);
            Ran::new(&shared.plan, &record)
        }));
        if !run.judge() {
            return;
        }
        let word = match outcome {
            Ok(ran) => Word::Done {
                worker,
                seed,
                ran: Box::new(ran),
            },
            Err(_) => Word::Failed { seed },
        };
        if !say(word) {
            return;
        }
    }
    say(Word::Finished { worker });
}

/// Runs a seed and keeps what a sweep needs.
pub(super) fn run_seed(plan: &Plan, seed: u64, pulse: &Pulse) -> RunRecord {
    let source = plan.source(seed);
    let scenario = &source.scenario;
    let experiment = Experiment::new(scenario, seed);
    let record = run::run_on(scenario, seed, experiment, Keep::Counts, pulse);
    let command = source.run_command(seed);
    RunRecord { command, ..record }
}

/// Runs a seed for a reader, with a timeline and a tape; a handler that does not return
/// leaves no repro.
pub(super) fn run_again(plan: &Plan, seed: u64) -> (RunRecord, Option<Repro>) {
    let source = plan.source(seed);
    let (scenario, command) = (source.scenario.clone(), source.run_command(seed));
    let name = scenario.name.clone();
    let ran = watchdog::watched(plan.watchdog, move |pulse| {
        Repro::record(&scenario, seed, Keep::Timeline, pulse)
    });
    match ran {
        Ok((repro, record)) => (RunRecord { command, ..record }, Some(repro)),
        Err(stuck) => (stuck.to_record(&name, seed, command), None),
    }
}

fn to_result(plan: &Plan, record: &RunRecord) -> SweepResult {
    let scenario = &plan.source(record.seed).scenario;
    let named = |probe: &String| (probe.clone(), probes::required(probe));
    // The seed draws which faults there are; the run's record does not tell them from
    // those that came of others.
    let weather = Weather::new(scenario, Seed(record.seed), WorldTime::ZERO);
    let enabled = fault_kinds::enabled(scenario, Some(&weather));
    let listed = Listed {
        probes: scenario.probes.iter().map(named).collect(),
        faults: enabled.map(str::to_owned).collect(),
    };
    SweepResult::of_run(record, &listed, &run::signature(record))
}

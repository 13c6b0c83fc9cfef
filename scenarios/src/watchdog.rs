//! The outer watchdog: notices a handler that does not return.
//!
//! Everything else that can go wrong in a run is a verdict from inside; a loop
//! within one handler never comes back to say so. A run publishes how many events
//! it has begun, and whoever waits for it looks at that number now and then. A
//! handler cannot be stopped: whoever hears of one leaves its thread behind and
//! ends the process soon.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use stormglass_reports::record::{Finding, RunRecord, SchemaVersion, Verdict};

/// Stack of a thread that runs experiments, as large as a main thread's.
pub const STACK_BYTES: usize = 8 << 20;
/// How often a limit looks at the number, unless the limit is short.
const LOOKS_PER_LIMIT: u32 = 20;

/// Events that a run has begun; published by the run, read from outside.
pub type Pulse = Arc<AtomicU64>;

/// A handler has not returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a handler has not returned for {limit:?} after event {events}")]
pub struct Stuck {
    /// Events that were finished before.
    pub events: u64,
    /// How long was waited.
    pub limit: Duration,
}

/// Watches one pulse.
#[derive(Clone, Debug)]
pub struct Watchdog {
    limit: Duration,
    pulse: Pulse,
    seen: u64,
    silent: Duration,
}

impl Watchdog {
    /// Watches `pulse` from now on.
    pub fn new(limit: Duration, pulse: Pulse) -> Self {
        let seen = pulse.load(Ordering::Relaxed);
        Watchdog {
            limit,
            pulse,
            seen,
            silent: Duration::ZERO,
        }
    }

    /// How often to look.
    pub fn interval(limit: Duration) -> Duration {
        (limit / LOOKS_PER_LIMIT).clamp(Duration::from_millis(1), Duration::from_secs(1))
    }

    /// Looks, one interval after the last look. Counts intervals and not the
    /// clock, so that a process that stood still itself accuses nobody.
    pub fn look(&mut self) -> Result<(), Stuck> {
        let events = self.pulse.load(Ordering::Relaxed);
        if events != self.seen {
            self.seen = events;
            self.silent = Duration::ZERO;
            return Ok(());
        }
        self.silent += Watchdog::interval(self.limit);
        if self.silent < self.limit {
            return Ok(());
        }
        let limit = self.limit;
        Err(Stuck { events, limit })
    }
}

/// Runs `work` on a thread of its own and watches the pulse that it was given.
/// A panic of `work` goes on in the caller.
pub fn watched<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce(&AtomicU64) -> T + Send + 'static,
) -> Result<T, Stuck> {
    let pulse = Pulse::default();
    let mut watchdog = Watchdog::new(limit, Arc::clone(&pulse));
    let (done, result) = mpsc::sync_channel(1);
    let worker = thread::Builder::new()
        .name("run".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            // Nobody listens any more once the watchdog has spoken.
            let _ = done.send(work(&pulse));
        })
        .expect("a thread can be started");
    loop {
        match result.recv_timeout(Watchdog::interval(limit)) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => watchdog.look()?,
            Err(RecvTimeoutError::Disconnected) => match worker.join() {
                Ok(()) => unreachable!("the worker sends before it ends"),
                Err(panic) => std::panic::resume_unwind(panic),
            },
        }
    }
}

impl Stuck {
    /// What is known of a run whose handler does not return.
    pub fn to_record(self, scenario: &str, seed: u64, command: String) -> RunRecord {
        RunRecord {
            schema_version: SchemaVersion,
            scenario: scenario.to_owned(),
            seed,
            verdict: Verdict::Liveness,
            trace_hash: String::new(),
            events: self.events,
            messages: 0,
            simulated: Duration::ZERO,
            commands: stormglass_reports::record::CommandCounts::default(),
            faults: [].into(),
            probes: [].into(),
            measures: [].into(),
            findings: vec![Finding {
                oracle: "watchdog".to_owned(),
                at: Duration::ZERO,
                says: self.to_string(),
                events: vec![self.events],
            }],
            oracles: Vec::new(),
            transitions: [].into(),
            command,
            timeline: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(60);
    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn a_worker_that_hangs_is_reported_with_what_it_had_done() {
        let (keep, never) = mpsc::channel::<()>();
        let stuck = watched(SHORT, move |pulse| {
            pulse.store(41, Ordering::Relaxed);
            let _ = never.recv();
        })
        .unwrap_err();
        assert_eq!(stuck.events, 41);
        let record = stuck.to_record("owner-crash", 3, "stormglass run".to_owned());
        assert_eq!(record.verdict.exit_code(), 3);
        assert!(record.findings[0].says.contains("has not returned"));
        drop(keep);
    }

    #[test]
    fn a_slow_worker_that_makes_progress_is_left_alone() {
        let pulse = Pulse::default();
        let mut watchdog = Watchdog::new(LIMIT, Arc::clone(&pulse));
        for _ in 0..3 {
            for _ in 1..LOOKS_PER_LIMIT {
                assert_eq!(watchdog.look(), Ok(()));
            }
            pulse.fetch_add(1, Ordering::Relaxed);
            assert_eq!(watchdog.look(), Ok(()));
        }
        for _ in 1..LOOKS_PER_LIMIT {
            assert_eq!(watchdog.look(), Ok(()));
        }
        let stuck = watchdog.look().unwrap_err();
        assert_eq!((stuck.events, stuck.limit), (3, LIMIT));
    }

    #[test]
    fn a_worker_that_ends_gives_its_result() {
        assert_eq!(watched(LIMIT, |_| "done"), Ok("done"));
    }

    #[test]
    #[should_panic(expected = "in the worker")]
    fn a_panic_goes_on_in_the_caller() {
        let _ = watched(LIMIT, |_| panic!("in the worker"));
    }
}

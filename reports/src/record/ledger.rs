//! A sweep's ledger: what came of which seeds, so that an interrupted sweep can go on
//! and shards can be joined.
//!
//! Seeds are kept in chunks, whose bounds depend on the plan alone. A chunk is known
//! from its first seed up to some seed, and what is known of it is a function of that
//! range; so of two parts of one chunk the longer holds the shorter, and
//! [`join`](Ledger::join) is associative, commutative and idempotent: a shard that is
//! joined twice, or was run twice, changes nothing.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::quantity::seconds;
use super::{SchemaVersion, SweepRecord, SweepResult, SweepTiming};

/// Chunks of a plan, about: few enough to be read at a glance, enough for many shards.
const CHUNKS: u64 = 128;

/// What is to be swept: the same for all shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepPlan {
    /// Differs between plans whose runs may differ: of scenarios, settings, seeds and build.
    pub id: String,
    /// The suite, if one was named.
    pub suite: Option<String>,
    /// The scenarios, by name or file.
    pub scenarios: Vec<String>,
    /// What was changed in each, as `key=value`.
    pub settings: Vec<String>,
    /// The seeds; the last one is left out.
    pub seeds: Range<u64>,
}

impl SweepPlan {
    /// Seeds in a chunk.
    pub fn chunk(&self) -> u64 {
        let seeds = self.seeds.end.saturating_sub(self.seeds.start);
        seeds.div_ceil(CHUNKS).max(1).next_power_of_two()
    }

    /// The chunk that a seed is in.
    pub fn chunk_of(&self, seed: u64) -> Range<u64> {
        let chunk = self.chunk();
        let start = seed / chunk * chunk;
        let end = start.saturating_add(chunk);
        start.max(self.seeds.start)..end.min(self.seeds.end)
    }

    /// Every chunk, in order.
    pub fn chunks(&self) -> impl Iterator<Item = Range<u64>> {
        let mut at = self.seeds.start;
        std::iter::from_fn(move || {
            let chunk = (at < self.seeds.end).then(|| self.chunk_of(at))?;
            at = chunk.end;
            Some(chunk)
        })
    }

    /// The seeds of a shard: whole chunks, one after the other. Empty if there are
    /// more shards than chunks.
    pub fn shard(&self, shard: Shard) -> Range<u64> {
        let chunks: Vec<Range<u64>> = self.chunks().collect();
        let bound = |number: u32| {
            let place = chunks.len() as u64 * u64::from(number) / u64::from(shard.of);
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            chunks
                .get(place)
                .map_or(self.seeds.end, |chunk| chunk.start)
        };
        bound(shard.number - 1)..bound(shard.number)
    }
}

/// One of several shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which, from 1.
    number: u32,
    /// Of how many.
    of: u32,
}

impl Shard {
    /// Shard `number`, from 1, of `of`; nothing where there is no such shard.
    pub fn new(number: u32, of: u32) -> Option<Shard> {
        (1..=of).contains(&number).then_some(Shard { number, of })
    }
}

/// What came of a plan's seeds so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The version of this record.
    pub schema_version: SchemaVersion,
    /// What is to be swept.
    pub plan: SweepPlan,
    /// Which part of it this was to be; none for all, or for several.
    pub shard: Option<Shard>,
    /// By its first seed, what is known of a chunk.
    parts: BTreeMap<u64, Part>,
    /// By the first seed that it ran, how long each session took.
    sessions: BTreeMap<u64, Session>,
}

/// What is known of a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    /// The first seed that is not known.
    end: u64,
    result: SweepResult,
}

/// One time that a sweep ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Session {
    runs: u64,
    #[serde(rename = "seconds", with = "seconds")]
    elapsed: Duration,
    jobs: u32,
}

/// Why two ledgers cannot be joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinError {
    /// They are of different sweeps.
    OtherPlan,
    /// They say different things of the same seeds.
    Contradiction(Range<u64>),
}

impl Ledger {
    /// Nothing is known yet.
    pub fn new(plan: SweepPlan, shard: Option<Shard>) -> Ledger {
        Ledger {
            schema_version: SchemaVersion,
            plan,
            shard,
            parts: BTreeMap::new(),
            sessions: BTreeMap::new(),
        }
    }

    /// The seeds that this was to be.
    pub fn seeds(&self) -> Range<u64> {
        match self.shard {
            Some(shard) => self.plan.shard(shard),
            None => self.plan.seeds.clone(),
        }
    }

    /// Adds the result of a seed: the first of its chunk that was not known.
    pub fn add(&mut self, seed: u64, result: SweepResult) {
        let start = self.plan.chunk_of(seed).start;
        let part = self.parts.entry(start).or_insert_with(|| Part {
            end: start,
            result: SweepResult::default(),
        });
        assert!(part.end == seed, "a chunk's seeds are added in order");
        part.end += 1;
        part.result = std::mem::take(&mut part.result).merge(result);
    }

    /// Notes how long it took to run seeds from `first` on.
    pub fn add_session(&mut self, first: u64, runs: u64, elapsed: Duration, jobs: u32) {
        let session = Session {
            runs,
            elapsed,
            jobs,
        };
        let known = self.sessions.entry(first).or_insert(session);
        *known = session.max(*known);
    }

    /// Seeds among those of this shard that are not known, in order.
    pub fn missing(&self) -> Vec<Range<u64>> {
        let seeds = self.seeds();
        let mut missing: Vec<Range<u64>> = Vec::new();
        for chunk in self.plan.chunks() {
            let known = self.parts.get(&chunk.start);
            let start = known.map_or(chunk.start, |part| part.end);
            let (start, end) = (start.max(seeds.start), chunk.end.min(seeds.end));
            if start >= end {
                continue;
            }
            match missing.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => missing.push(start..end),
            }
        }
        missing
    }

    /// What both know.
    pub fn join(mut self, other: Ledger) -> Result<Ledger, JoinError> {
        if self.plan != other.plan {
            return Err(JoinError::OtherPlan);
        }
        if self.shard != other.shard {
            self.shard = None;
        }
        for (start, part) in other.parts {
            match self.parts.get(&start) {
                Some(known) if known.end == part.end && *known != part => {
                    return Err(JoinError::Contradiction(start..part.end));
                }
                Some(known) if known.end >= part.end => {}
                Some(_) | None => {
                    self.parts.insert(start, part);
                }
            }
        }
        for (first, session) in other.sessions {
            self.add_session(first, session.runs, session.elapsed, session.jobs);
        }
        Ok(self)
    }

    /// All of it as one sweep, timed as if the sessions came one after the other.
    pub fn to_record(&self) -> SweepRecord {
        let results = self.parts.values().map(|part| part.result.clone());
        let result = results.fold(SweepResult::default(), SweepResult::merge);
        let sessions = self.sessions.values();
        let elapsed = sessions.clone().map(|session| session.elapsed).sum();
        let jobs = sessions.map(|session| session.jobs).max().unwrap_or(1);
        SweepRecord {
            corpus: None,
            schema_version: SchemaVersion,
            timing: SweepTiming::new(result.runs, elapsed, jobs),
            result,
        }
    }

    /// Checks what was read from a file: parts lie where chunks do.
    pub fn is_consistent(&self) -> bool {
        let is_shard = self
            .shard
            .is_none_or(|shard| Shard::new(shard.number, shard.of).is_some());
        let seeds = &self.plan.seeds;
        let fits = |(start, part): (&u64, &Part)| {
            let chunk = seeds.contains(start).then(|| self.plan.chunk_of(*start));
            chunk.is_some_and(|chunk| {
                chunk.start == *start
                    && (*start..=chunk.end).contains(&part.end)
                    && part.result.runs == part.end - start
            })
        };
        is_shard && seeds.start < seeds.end && self.parts.iter().all(fits)
    }
}

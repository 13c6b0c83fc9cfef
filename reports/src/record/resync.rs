//! What a resync costs: by how much is dirty, how large regions are and how much is
//! written meanwhile.

use serde::{Deserialize, Serialize};

use super::{Decimal, SchemaVersion};
use crate::statistics::{median, median_interval, quantile};

/// What `resync --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResyncRecord {
    /// The version of this record.
    pub schema_version: SchemaVersion,
    /// Blocks of the volume, 4 KiB each.
    pub volume_blocks: u64,
    /// Each point of the grid.
    pub points: Vec<ResyncPoint>,
    /// What a write costs in sync, under a light load.
    pub in_sync: LogCost,
    /// What one costs while the mirror is away: the writes that make blocks dirty.
    pub alone: LogCost,
}

/// A point of the grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResyncPoint {
    /// Of a hundred blocks, how many were written while the mirror was away.
    pub dirty_percent: Decimal,
    /// Blocks of a region.
    pub region_blocks: u64,
    /// Writes that clients began in a second from the mirror's return on.
    pub writes_per_second: u32,
    /// Each policy's costs.
    pub policies: Vec<ResyncCost>,
}

/// Costs under one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResyncCost {
    /// The policy.
    pub name: String,
    /// Computed from another policy's runs, not run.
    pub is_computed: bool,
    /// How many runs.
    pub n: u64,
    /// Different blocks that were written before the mirror answered.
    pub dirty_blocks: Middle,
    /// Bytes copied.
    pub bytes: Middle,
    /// Milliseconds from the mirror's answer until the copies were in sync.
    pub ms: Middle,
    /// Writes of all runs that clients began meanwhile.
    pub writes: u64,
    /// Below which 99 in 100 of those lie, in milliseconds; none if there was none.
    pub write_p99_ms: Option<Decimal>,
    /// The runs by themselves, for tables; not in the JSON.
    #[serde(skip)]
    pub runs: Vec<ResyncRun>,
}

/// The middle of several runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Middle {
    /// The median.
    pub median: Decimal,
    /// In which it lies, with 95 % confidence.
    pub ci: [Decimal; 2],
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResyncRun {
    /// Its seed.
    pub seed: u64,
    /// Different blocks that were written before the mirror answered.
    pub dirty_blocks: u64,
    /// Bytes copied.
    pub bytes: u64,
    /// Nanoseconds until the copies were in sync.
    pub nanos: u64,
    /// Nanoseconds that each write took which was begun meanwhile.
    pub write_nanos: Vec<u64>,
}

/// What a write costs the journal, and how long it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogCost {
    /// How many runs.
    pub n: u64,
    /// Their writes, of one block each.
    pub writes: u64,
    /// Pages written to the owner's journal for a write, of which one is its data.
    pub journal_pages: Middle,
    /// Milliseconds of a write, over the medians of the runs.
    pub write_ms: Middle,
    /// Of them, until its in-flight mark is durable.
    pub marking_ms: Middle,
    /// Below which 99 in 100 of all writes lie, in milliseconds.
    pub write_p99_ms: Decimal,
}

/// The writes of one run that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogRun {
    /// Pages written to the owner's journal.
    pub journal_pages: u64,
    /// Nanoseconds that each write took.
    pub write_nanos: Vec<u64>,
    /// Nanoseconds that each mark took.
    pub marking_nanos: Vec<u64>,
}

impl Middle {
    fn new(mut values: Vec<u64>, number: impl Fn(u64) -> Decimal) -> Self {
        values.sort_unstable();
        Middle {
            median: number(median(&values)),
            ci: median_interval(&values).map(number),
        }
    }
}

impl ResyncRecord {
    /// A study's result.
    pub fn new(
        volume_blocks: u64,
        points: Vec<ResyncPoint>,
        [in_sync, alone]: [LogCost; 2],
    ) -> Self {
        ResyncRecord {
            schema_version: SchemaVersion,
            volume_blocks,
            points,
            in_sync,
            alone,
        }
    }

    /// A line for each run.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from(
            "dirty_percent,region_blocks,writes_per_second,policy,is_computed,seed,dirty_blocks,\
             bytes,nanoseconds,writes,write_p99_nanoseconds\n",
        );
        for point in &self.points {
            for cost in &point.policies {
                for run in &cost.runs {
                    let p99 = percentile_99(run.write_nanos.clone());
                    csv.push_str(&format!(
                        "{},{},{},{},{},{},{},{},{},{},{}\n",
                        point.dirty_percent,
                        point.region_blocks,
                        point.writes_per_second,
                        cost.name,
                        cost.is_computed,
                        run.seed,
                        run.dirty_blocks,
                        run.bytes,
                        run.nanos,
                        run.write_nanos.len(),
                        p99.map_or(String::new(), |nanos| nanos.to_string()),
                    ));
                }
            }
        }
        csv
    }
}

impl ResyncCost {
    /// Of a policy's runs.
    pub fn new(name: &str, is_computed: bool, runs: Vec<ResyncRun>) -> Self {
        let each = |of: fn(&ResyncRun) -> u64| runs.iter().map(of).collect();
        let all = runs.iter().flat_map(|run| run.write_nanos.iter().copied());
        let all: Vec<u64> = all.collect();
        ResyncCost {
            name: name.to_owned(),
            is_computed,
            n: runs.len() as u64,
            dirty_blocks: Middle::new(each(|run| run.dirty_blocks), Decimal::whole),
            bytes: Middle::new(each(|run| run.bytes), Decimal::whole),
            ms: Middle::new(each(|run| run.nanos), millis),
            writes: all.len() as u64,
            write_p99_ms: percentile_99(all).map(millis),
            runs,
        }
    }
}

impl LogCost {
    /// Of the writes of several runs.
    pub fn new(runs: Vec<LogRun>) -> Self {
        // In thousandths of a page.
        let pages = runs.iter().map(|run| {
            let writes = run.write_nanos.len() as u64;
            run.journal_pages * 1_000 / writes.max(1)
        });
        let medians = |of: fn(&LogRun) -> &Vec<u64>| {
            let medians = runs.iter().map(|run| {
                let mut values = of(run).clone();
                values.sort_unstable();
                median(&values)
            });
            Middle::new(medians.collect(), millis)
        };
        let all = runs.iter().flat_map(|run| run.write_nanos.iter().copied());
        let all: Vec<u64> = all.collect();
        LogCost {
            n: runs.len() as u64,
            writes: all.len() as u64,
            journal_pages: Middle::new(pages.collect(), |pages| Decimal::ratio(pages, 1_000)),
            write_ms: medians(|run| &run.write_nanos),
            marking_ms: medians(|run| &run.marking_nanos),
            write_p99_ms: percentile_99(all).map(millis).unwrap_or_default(),
        }
    }
}

fn millis(nanos: u64) -> Decimal {
    Decimal::milliseconds(std::time::Duration::from_nanos(nanos))
}

fn percentile_99(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    (!values.is_empty()).then(|| quantile(&values, 99))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, nanos: u64, write_nanos: &[u64]) -> ResyncRun {
        ResyncRun {
            seed,
            nanos,
            write_nanos: write_nanos.to_vec(),
            ..ResyncRun::default()
        }
    }

    #[test]
    fn writes_of_all_runs_are_one_sample_and_none_have_no_quantile() {
        let runs = vec![run(0, 3_000_000, &[7]), run(1, 1_000_000, &[9, 8])];
        let cost = ResyncCost::new("regions", false, runs);
        assert_eq!((cost.n, cost.writes), (2, 3));
        assert_eq!(cost.ms.median, Decimal::whole(1));
        assert_eq!(cost.write_p99_ms, Some(millis(9)));
        let idle = ResyncCost::new("full", false, vec![run(0, 5, &[])]);
        assert_eq!(idle.write_p99_ms, None);
    }

    #[test]
    fn a_record_reads_back_without_its_runs() {
        let log = LogCost::new(vec![LogRun {
            journal_pages: 7,
            write_nanos: vec![4, 2],
            marking_nanos: vec![1, 1],
        }]);
        assert_eq!(log.journal_pages.median, Decimal::ratio(7, 2));
        let mut record = ResyncRecord::new(
            64,
            vec![ResyncPoint {
                dirty_percent: Decimal::ratio(1, 10),
                region_blocks: 8,
                writes_per_second: 0,
                policies: vec![ResyncCost::new("full", false, vec![run(4, 5, &[])])],
            }],
            [log.clone(), log],
        );
        let csv = record.to_csv();
        assert!(csv.ends_with("\n0.1,8,0,full,false,4,0,0,5,0,\n"), "{csv}");
        let json = crate::record::to_json(&record);
        record.points[0].policies[0].runs.clear();
        assert_eq!(
            serde_json::from_str::<ResyncRecord>(&json).ok(),
            Some(record)
        );
    }
}

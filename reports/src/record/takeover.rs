//! How long it takes for a set to change hands, by phase and policy.

use serde::{Deserialize, Serialize};

use super::{Decimal, SchemaVersion};
use crate::statistics::{median, median_interval, quantile};

/// A span of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseSpan {
    /// The phase.
    pub name: String,
    /// Nanoseconds.
    pub nanos: u64,
    /// Whether it is a part of the whole; detection is reported beside it.
    pub is_part: bool,
}

/// What `takeover --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeoverRecord {
    /// The version of this record.
    pub schema_version: SchemaVersion,
    /// What was timed.
    pub subject: String,
    /// Addresses that a search tests at most.
    pub peer_addresses: u32,
    /// Each policy's times.
    pub policies: Vec<PolicyTimes>,
    /// Policies side by side, seed by seed.
    pub paired: Vec<Paired>,
}

/// Times under one policy, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyTimes {
    /// The policy.
    pub name: String,
    /// How many runs.
    pub n: u64,
    /// Of the whole.
    pub quantiles: Quantiles,
    /// Where the time goes.
    pub phases: Vec<PhaseTimes>,
    /// In which the median lies, with 95 % confidence.
    pub ci: [Decimal; 2],
    /// The runs by themselves, for tables; not in the JSON.
    #[serde(skip)]
    pub runs: Vec<(u64, Vec<PhaseSpan>)>,
}

/// Quantiles of the whole, in milliseconds: the smallest value that is not below so many
/// of a hundred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Half of all.
    pub p50: Decimal,
    /// Nine in ten.
    pub p90: Decimal,
    /// All but one in a hundred.
    pub p99: Decimal,
    /// The longest.
    pub max: Decimal,
}

/// A phase under one policy, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTimes {
    /// The phase.
    pub name: String,
    /// Whether it is a part of the whole.
    pub is_part: bool,
    /// Its median.
    pub p50: Decimal,
    /// Nine in ten.
    pub p90: Decimal,
}

/// Two policies with the same seeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paired {
    /// One.
    pub a: String,
    /// The other.
    pub b: String,
    /// The median, over the seeds, of the time of `a` over that of `b`.
    pub median_ratio: Decimal,
    /// In which it lies, with 95 % confidence.
    pub ci: [Decimal; 2],
}

impl TakeoverRecord {
    /// A study's result.
    pub fn new(
        subject: &str,
        peer_addresses: u32,
        policies: Vec<PolicyTimes>,
        paired: Vec<Paired>,
    ) -> Self {
        TakeoverRecord {
            schema_version: SchemaVersion,
            subject: subject.to_owned(),
            peer_addresses,
            policies,
            paired,
        }
    }

    /// A line for each run and phase: policy, seed, phase, nanoseconds.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from("subject,policy,seed,phase,is_part,nanoseconds\n");
        for policy in &self.policies {
            for (seed, spans) in &policy.runs {
                for span in spans {
                    csv.push_str(&format!(
                        "{},{},{seed},{},{},{}\n",
                        self.subject, policy.name, span.name, span.is_part, span.nanos
                    ));
                }
            }
        }
        csv
    }
}

fn millis(nanos: u64) -> Decimal {
    Decimal::milliseconds(std::time::Duration::from_nanos(nanos))
}

/// The whole of a run.
fn whole(spans: &[PhaseSpan]) -> u64 {
    let parts = spans.iter().filter(|span| span.is_part);
    parts.map(|span| span.nanos).sum()
}

impl PolicyTimes {
    /// Of runs, by seed; each with the same phases.
    pub fn new<'a>(name: &str, runs: impl Iterator<Item = (u64, &'a Vec<PhaseSpan>)>) -> Self {
        let runs: Vec<(u64, Vec<PhaseSpan>)> =
            runs.map(|(seed, spans)| (seed, spans.clone())).collect();
        let sorted = |of: &dyn Fn(&[PhaseSpan]) -> u64| {
            let mut values: Vec<u64> = runs.iter().map(|(_, spans)| of(spans)).collect();
            values.sort_unstable();
            values
        };
        let wholes = sorted(&whole);
        let at = |percent| millis(quantile(&wholes, percent));
        let phases = runs.first().map_or(&[][..], |(_, spans)| spans.as_slice());
        let phases = phases.iter().enumerate().map(|(place, phase)| {
            let values = sorted(&|spans| spans[place].nanos);
            PhaseTimes {
                name: phase.name.clone(),
                is_part: phase.is_part,
                p50: millis(quantile(&values, 50)),
                p90: millis(quantile(&values, 90)),
            }
        });
        PolicyTimes {
            name: name.to_owned(),
            n: runs.len() as u64,
            quantiles: Quantiles {
                p50: at(50),
                p90: at(90),
                p99: at(99),
                max: at(100),
            },
            phases: phases.collect(),
            ci: median_interval(&wholes).map(millis),
            runs,
        }
    }
}

impl Paired {
    /// Of two policies with the same seeds.
    pub fn new(a: &PolicyTimes, b: &PolicyTimes) -> Self {
        let pairs = a.runs.iter().zip(&b.runs);
        let ratios = pairs.map(|((_, a), (_, b))| {
            let ratio = u128::from(whole(a)) * 1_000_000 / u128::from(whole(b).max(1));
            u64::try_from(ratio).unwrap_or(u64::MAX)
        });
        let mut ratios: Vec<u64> = ratios.collect();
        ratios.sort_unstable();
        let ratio = |millionths: u64| Decimal::ratio(millionths, 1_000_000);
        Paired {
            a: a.name.clone(),
            b: b.name.clone(),
            median_ratio: ratio(median(&ratios)),
            ci: median_interval(&ratios).map(ratio),
        }
    }
}

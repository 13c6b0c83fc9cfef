//! What a run *means*, in few lines, for snapshots that people review.
//!
//! Left out is everything that changes while the meaning stays: hashes, event
//! and message counts, measures, probes, client lines, and faults that come in
//! numbers. Instants are rounded to the millisecond, and nothing is aligned, so
//! that one changed name changes one line.

use std::fmt::Write as _;

use crate::escape;
use crate::record::{RunRecord, TimelineEntry, TimelineKind};
use crate::words::{counts, milliseconds, outcomes};

/// The semantic snapshot of a run: who was what, what was in-sync, which faults
/// struck, how the clients fared, what the oracles found and the verdict.
pub fn snapshot(run: &RunRecord) -> String {
    let mut out = String::new();
    push_line(
        &mut out,
        format_args!("{}, seed {}", run.scenario, run.seed),
    );
    let mut timeline: Vec<&TimelineEntry> = run.timeline.iter().collect();
    timeline.sort_by_key(|entry| entry.at);
    for entry in timeline {
        let word = match entry.kind {
            TimelineKind::Role => "role",
            TimelineKind::Sync => "sync",
            // The many drops and delays of bad weather are in the totals.
            TimelineKind::Fault if entry.alike.is_none() => "fault",
            // Findings follow below, from the record's own list.
            TimelineKind::Fault
            | TimelineKind::Client
            | TimelineKind::Finding
            | TimelineKind::Note
            | TimelineKind::Probe => continue,
        };
        let at = milliseconds(entry.at);
        let (lane, text) = (&entry.lane, &entry.text);
        push_line(&mut out, format_args!("{at} ms {lane} {word}: {text}"));
    }
    push_line(
        &mut out,
        format_args!("clients: {}", outcomes(&run.commands)),
    );
    let faults = counts(&run.faults, "never happened");
    push_line(&mut out, format_args!("faults: {faults}"));
    for finding in &run.findings {
        let at = milliseconds(finding.at);
        let (oracle, says) = (&finding.oracle, &finding.says);
        push_line(&mut out, format_args!("{at} ms {oracle} finding: {says}"));
    }
    push_line(&mut out, format_args!("verdict: {}", run.verdict));
    out
}

fn push_line(out: &mut String, line: std::fmt::Arguments<'_>) {
    let line = line.to_string();
    let _ = writeln!(out, "{}", escape(&line));
}

#[cfg(test)]
mod tests;
